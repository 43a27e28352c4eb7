"""The matrix of the Stein kernel: preconditioners, length scales, bad input."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skkernels.coresets._stein_kernel import (
    make_stein,
    stein_discrepancy,
    stein_kernel,
)
from skkernels.kernels import RBF, InverseMultiquadric

rng = np.random.RandomState(0)
X = rng.randn(60, 3) * [1.0, 2.0, 0.5]
S = -X + 0.3 * np.sin(X[:, ::-1])
Y = rng.randn(40, 3)
T = -Y


def dense(X, S, Y, T, M, length):
    """The formula, with the inverse multiquadric of the given length."""
    d = X.shape[1]
    difference = X[:, None] - Y[None]
    t = np.einsum("ijk,kl,ijl->ij", difference, np.linalg.inv(M), difference)
    base = 1.0 + t / length**2
    value = base**-0.5
    first = -0.5 / length**2 * base**-1.5
    second = 0.75 / length**4 * base**-2.5
    cross = ((S[:, None] - T[None]) * difference).sum(axis=2)
    values = value * (S @ M @ T.T) - 2 * first * cross - 2 * d * first
    return values - 4 * t * second


def median_length(X, M):
    difference = X[:, None] - X[None]
    t = np.einsum("ijk,kl,ijl->ij", difference, np.linalg.inv(M), difference)
    return np.sqrt(np.median(t))


def near_the_mode(X, S):
    mode = np.argmin((S**2).sum(axis=1))
    distances = np.linalg.norm(X - X[mode], axis=1)
    return distances <= np.median(distances)


B = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.2], [0.0, 0.2, 0.7]])


@pytest.mark.parametrize("preconditioner", [None, "identity", "cov", "score_cov", B])
def test_formula(preconditioner):
    M = preconditioner
    if isinstance(M, str) or M is None:
        near = near_the_mode(X, S)
        M = {
            "cov": np.cov(X[near].T, bias=True),
            "score_cov": np.cov(S[near].T, bias=True),
        }.get(preconditioner, np.eye(3))
        if preconditioner in ("cov", "score_cov"):
            M = M + 1e-6 * np.diag(np.diag(M))
        if preconditioner == "score_cov":
            M = np.linalg.inv(M)
    length = median_length(X, M)
    K = stein_kernel(X, S, preconditioner=preconditioner)
    assert_allclose(K, dense(X, S, X, S, M, length), atol=1e-10)
    assert_array_equal(K, K.T)
    K = stein_kernel(X, S, Y, T, preconditioner=preconditioner)
    assert_allclose(K, dense(X, S, Y, T, M, length), atol=1e-10)


def test_length_scale():
    K = stein_kernel(X, S, length_scale=0.7)
    assert_allclose(K, dense(X, S, X, S, np.eye(3), 0.7), atol=1e-10)
    base = InverseMultiquadric(length_scale=0.7)
    assert_allclose(stein_kernel(X, S, base_kernel=base), K, atol=1e-12)
    by_name = stein_kernel(X, S, base_kernel="rbf", length_scale=2.0)
    assert_allclose(stein_kernel(X, S, base_kernel=RBF(2.0)), by_name, atol=1e-12)
    # The median is over evenly spaced rows only.
    many = np.random.RandomState(0).randn(1700, 1)
    many[::2] *= 100.0
    chosen = many[np.linspace(0, 1699, 1000).astype(int)]
    K = stein_kernel(many, -many)
    length = median_length(chosen, np.eye(1))
    assert_allclose(K[:5], dense(many[:5], -many[:5], many, -many, np.eye(1), length))


def test_invariance_to_linear_maps():
    """With the map's own preconditioner: scores change by the inverse transpose."""
    L = np.linalg.cholesky(B)
    moved = X @ L.T + 5.0
    K = stein_kernel(moved, np.linalg.solve(L.T, S.T).T, preconditioner=B)
    assert_allclose(K, stein_kernel(X, S), rtol=1e-9, atol=1e-9)


def test_features_of_very_different_scales():
    """The discrepancy from a wrong mean is seen in each of them."""
    Z = np.random.RandomState(0).randn(500, 3)
    scales = np.array([1e-3, 1.0, 1e3])
    for kind in ("cov", "score_cov"):
        right = stein_kernel(Z * scales, -Z / scales, preconditioner=kind).mean()
        for j in range(3):
            moved = (Z + 2.0 * np.eye(3)[j]) * scales
            wrong = stein_kernel(moved, -moved / scales**2, preconditioner=kind)
            assert wrong.mean() > 10 * right


def test_length_scale_of_a_chain_that_stayed():
    """Most pairs are equal: the length is the median distance of the others."""
    chain = 1000.0 * np.random.RandomState(0).randn(100, 2)
    chain[20:] = chain[20]
    base = make_stein(chain, -chain, "imq", "median", None).kernel.base_kernel
    difference = chain[:, None] - chain[None]
    distances = np.sqrt((difference**2).sum(axis=2))
    assert np.median(distances) == 0.0
    assert_allclose(base.length_scale, np.median(distances[distances > 0]), rtol=1e-3)


def test_one_row_and_equal_rows():
    for kind in ("identity", "cov", "score_cov"):
        one = stein_kernel(X[:1], S[:1], preconditioner=kind)
        assert_allclose(one, [[S[0] @ S[0] + 3.0]])
        equal = stein_kernel(X[[0] * 5], S[[0] * 5], preconditioner=kind)
        assert_allclose(equal, np.full((5, 5), S[0] @ S[0] + 3.0))


def test_features_that_do_not_vary():
    fixed = X.copy()
    fixed[:, 1] = 7.0
    fixed[:, 2] = 3.0 * fixed[:, 0]
    for kind in ("cov", "score_cov"):
        K = stein_kernel(fixed, -fixed, preconditioner=kind)
        assert np.linalg.eigvalsh(K)[0] > -1e-9 * np.abs(K).max()


def test_far_from_the_origin():
    """Positions are centered before matrix products are formed."""
    Z = np.random.RandomState(0).randn(50, 6)
    expected = stein_kernel(Z, -Z)
    # The sum with 1e6 is rounded to 1e-10.
    assert_allclose(stein_kernel(Z + 1e6, -Z), expected, rtol=0, atol=1e-7)


def test_float32():
    X32 = (X + 1000.0).astype(np.float32)
    K = stein_kernel(X32, S.astype(np.float32))
    assert K.dtype == np.float32
    expected = stein_kernel(X32.astype(float), S)
    assert_allclose(K, expected, rtol=0, atol=2e-6 * np.abs(expected).max())


def test_discrepancy():
    K = stein_kernel(X, S)
    w = rng.uniform(-0.5, 1.0, size=60)
    w /= w.sum()
    indices = np.array([3, 3, 7, 20])
    chosen = K[np.ix_(indices, indices)]
    v = np.array([0.4, -0.2, 0.3, 0.5])
    stein = make_stein(X, S, "imq", "median", None)
    for kernel, rows in (("precomputed", K), (stein.kernel, stein.rows)):
        assert_allclose(stein_discrepancy(kernel, rows), np.sqrt(K.mean()))
        assert_allclose(stein_discrepancy(kernel, rows, w), np.sqrt(w @ K @ w))
        got = stein_discrepancy(kernel, rows, None, indices)
        assert_allclose(got, np.sqrt(chosen.mean()))
        got = stein_discrepancy(kernel, rows, v, indices)
        assert_allclose(got, np.sqrt(v @ chosen @ v))


@pytest.mark.parametrize(
    "arguments, options, message",
    [
        ((X, S[:5]), {}, r"scores must have .*shape \(60, 3\), got shape \(5, 3\)"),
        ((X, S[:, :2]), {}, "scores must have"),
        ((X, np.full_like(S, np.nan)), {}, "scores contains NaN"),
        ((X, S, Y), {}, "Y_scores is None"),
        ((X, S, None, T), {}, "without Y"),
        ((X, S, Y[:, :2], T[:, :2]), {}, "X has 3 features, but Y has 2"),
        ((X, S, Y, T[:3]), {}, "Y_scores must have"),
        ((X, S), {"base_kernel": "linear"}, "squared Euclidean distance"),
        ((X, S), {"base_kernel": "exponential"}, "no derivative at equal rows"),
        ((X, S), {"length_scale": 0.0}, "length_scale must be"),
        ((X, S), {"length_scale": "mean"}, "length_scale must be"),
        ((X, S), {"preconditioner": "hessian"}, "preconditioner must be"),
        ((X, S), {"preconditioner": np.eye(2)}, "symmetric matrix of shape"),
        ((X, S), {"preconditioner": np.triu(B)}, "symmetric matrix"),
        ((X, S), {"preconditioner": -np.eye(3)}, "positive definite"),
        ((X, 1e200 * S), {}, "too large"),
    ],
)
def test_bad_input(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        stein_kernel(*arguments, **options)


def test_base_kernels_that_will_not_do():
    with pytest.raises(TypeError, match="base_kernel must be"):
        stein_kernel(X, S, base_kernel=3)
    with pytest.raises(TypeError, match="one length_scale per feature"):
        stein_kernel(X, S, base_kernel=RBF(length_scale=[1.0, 2.0, 3.0]))
