"""Weights of a coreset."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize

from skkernels.coresets import kernel_mean
from skkernels.coresets._coreset_weights import WEIGHTS, coreset_weights
from skkernels.coresets._mmd import coreset_mmd
from skkernels.kernels import RBF, Matern, Sigmoid


def data(n, d=2, seed=0):
    return np.random.RandomState(seed).randn(n, d)


def problem(n=200, size=12, seed=0, kernel=None):
    kernel = Matern(nu=1.5) if kernel is None else kernel
    X = data(n, seed=seed)
    indices = np.random.RandomState(seed).permutation(n)[:size]
    return kernel, X, indices, kernel(X[indices]), kernel_mean(kernel, X)


def test_formulas():
    kernel, X, indices, K, mean = problem()
    kappa = mean[indices]
    ones = np.ones(len(K))
    optimal = np.linalg.solve(K, kappa)
    inverse_ones = np.linalg.solve(K, ones)
    constant = optimal + inverse_ones * (1 - optimal.sum()) / inverse_ones.sum()
    for kind, expected in (
        ("equal", ones / len(K)),
        ("optimal", optimal),
        ("constant", constant),
    ):
        assert_allclose(coreset_weights(kernel, X, indices, kind), expected, atol=1e-7)
    zero = coreset_weights(kernel, X, indices, "constant", mean_zero=True)
    assert_allclose(zero, inverse_ones / inverse_ones.sum(), atol=1e-7)


@pytest.mark.parametrize("mean_zero", [False, True])
@pytest.mark.parametrize("size", [1, 2, 15, 60])
@pytest.mark.parametrize("kernel", [Matern(nu=1.5), RBF(3.0)], ids=["rough", "smooth"])
def test_conditions_of_the_simplex(kernel, size, mean_zero):
    # The gradient is smallest, and the same, where weights are positive.
    for seed in range(3):
        kernel, X, indices, K, mean = problem(300, size, seed, kernel)
        w = coreset_weights(kernel, X, indices, "simplex", mean_zero=mean_zero)
        assert w.min() >= 0 and w.sum() == pytest.approx(1.0, abs=1e-12)
        K = K + 1e-10 * np.eye(size)
        gradient = K @ w - (0.0 if mean_zero else mean[indices])
        assert_allclose(gradient[w > 0], gradient @ w, atol=1e-9)
        assert np.all(gradient >= gradient @ w - 1e-9)


def test_the_simplex_by_another_route():
    kernel, X, indices, K, mean = problem(size=8, seed=3)
    kappa = mean[indices]
    other = minimize(
        lambda w: w @ K @ w - 2 * kappa @ w,
        np.full(8, 1 / 8),
        jac=lambda w: 2 * (K @ w - kappa),
        bounds=[(0, 1)] * 8,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        method="SLSQP",
        options={"ftol": 1e-15},
    )
    assert_allclose(coreset_weights(kernel, X, indices), other.x, atol=1e-6)


def test_freedom_helps():
    for seed in range(3):
        kernel, X, indices, _, mean = problem(seed=seed)
        error = {
            kind: coreset_mmd(
                kernel,
                X,
                indices,
                coreset_weights(kernel, X, indices, kind),
                None,
                mean,
            )
            for kind in WEIGHTS
        }
        assert error["optimal"] < error["constant"] < error["simplex"] + 1e-9
        assert error["simplex"] < error["equal"]


def test_repeats_share():
    kernel, X, indices, _, _ = problem()
    repeated = np.concatenate([indices, indices[:3], indices[:1]])
    for kind in ("optimal", "simplex", "constant"):
        once = coreset_weights(kernel, X, indices, kind)
        w = coreset_weights(kernel, X, repeated, kind)
        totals = np.bincount(repeated, w, minlength=200)[indices]
        assert_allclose(totals, once, rtol=1e-10, atol=1e-14)
        assert w[0] == w[12] == w[15] and w[1] == w[13]


def test_equal_rows_under_other_numbers():
    X = np.tile(data(20), (3, 1))
    indices = np.array([1, 21, 41, 5, 9, 13])
    mean = kernel_mean(RBF(), X)
    merged = coreset_weights(RBF(), X, indices[2:], "constant")
    bound = coreset_mmd(RBF(), X, indices[2:], merged, None, mean)
    for kind in ("optimal", "simplex", "constant"):
        w = coreset_weights(RBF(), X, indices, kind)
        assert np.abs(w).max() < 1
        if kind != "simplex":  # whose solution is not unique
            assert_allclose(w[:3], w[0], rtol=1e-4)
        if kind == "constant":
            error = coreset_mmd(RBF(), X, indices, w, None, mean)
            assert error == pytest.approx(bound, rel=1e-6)


def test_weights_and_repeated_rows_agree():
    kernel, X, indices, _, _ = problem()
    counts = np.random.RandomState(1).randint(1, 4, size=200)
    rows = np.repeat(np.arange(200), counts)
    for kind in ("optimal", "simplex", "constant"):
        weighted = coreset_weights(kernel, X, indices, kind, sample_weight=counts)
        repeated = coreset_weights(
            kernel, X[rows], np.searchsorted(rows, indices), kind
        )
        assert_allclose(weighted, repeated, atol=1e-8)


def test_nearly_equal_rows_have_small_weights():
    X = data(500, 1)
    indices = np.arange(400)
    w = coreset_weights(RBF(0.5), X, indices, "optimal")
    assert np.abs(w).max() < 2
    mean = kernel_mean(RBF(0.5), X)
    assert coreset_mmd(RBF(0.5), X, indices, w, None, mean) < 3e-5


def test_kinds_of_input():
    kernel, X, indices, _, mean = problem()
    expected = coreset_weights(kernel, X, indices)
    K = kernel(X)
    assert_allclose(coreset_weights("precomputed", K, indices), expected, atol=1e-9)
    given = coreset_weights(kernel, X, indices, kernel_mean=mean)
    assert_array_equal(given, expected)
    single = coreset_weights(kernel, X.astype(np.float32), indices)
    assert_allclose(single, expected, atol=1e-5)


def test_indefinite_and_zero_kernels():
    X = data(30)
    indices = np.arange(10)
    for kind in ("optimal", "simplex", "constant"):
        kernel = Sigmoid(gamma=1.0, coef0=-1.0)
        assert np.isfinite(coreset_weights(kernel, X, indices, kind)).all()
        w = coreset_weights("precomputed", np.zeros((30, 30)), indices, kind)
        assert_array_equal(w, np.full(10, 0.1))


def test_refusals():
    kernel, X, indices, _, _ = problem()
    with pytest.raises(ValueError, match="weights must be one of"):
        coreset_weights(kernel, X, indices, "best")
    with pytest.raises(ValueError, match="all zero where mean_zero"):
        coreset_weights(kernel, X, indices, "optimal", mean_zero=True)


@pytest.mark.parametrize("kind", WEIGHTS)
def test_bad_indices(kind):
    kernel, X, _, _, _ = problem()
    for bad in ([], np.array([], dtype=int), [0.5], [[1, 2]], None):
        with pytest.raises(ValueError, match="indices must be a vector of at least"):
            coreset_weights(kernel, X, bad, kind)
    for bad in ([0, 200], [-1]):
        with pytest.raises(ValueError, match="indices must hold rows between 0 and"):
            coreset_weights(kernel, X, bad, kind)
