"""The preconditioner of EigenPro and the steps it allows, against dense matrices."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skkernels.kernels import RBF, Exponential, Linear, Matern
from skkernels.solvers._eigenpro_preconditioner import (
    EigenProPreconditioner,
    critical_batch_size,
    step_size,
    subsample_rows,
)

KERNELS = [Exponential(5.0), RBF(1.5), Matern(2.0, nu=1.5)]
EXPONENTS = pytest.mark.parametrize("exponent", [0.95, 1.0])


def make_rows(n=400, d=5):
    return np.random.RandomState(0).randn(n, d)


def flattened(kernel, X, S, q, exponent):
    """k_P on X, from the definition."""
    s = len(S)
    values, vectors = np.linalg.eigh(kernel(S))
    values, vectors = values[::-1] / s, vectors[:, ::-1]
    shapes = kernel(X, S) @ vectors[:, :q]
    factors = (1 - (values[q] / values[:q]) ** exponent) / (s * values[:q])
    return kernel(X) - (shapes * factors) @ shapes.T


def calibrated(kernel, S, U, q, exponent, *, diagonal="kernel", goal=1, weights=None):
    most = len(S) // 4 if q == "auto" else q
    P = EigenProPreconditioner(kernel(S), most, exponent)
    P.calibrate(kernel(S, U), kernel(U), weights, q, diagonal, goal)
    return P


@EXPONENTS
@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_preconditioned_kernel(kernel, exponent):
    X = make_rows(150)
    S = X[::3]
    P = EigenProPreconditioner(kernel(S), 12, exponent)
    expected = flattened(kernel, X, S, 12, exponent)
    K_SX = kernel(S, X)
    assert_allclose(kernel(X) - K_SX.T @ P.apply(K_SX), expected, atol=1e-12)
    assert_allclose(
        P.diagonal(kernel.diag(X), K_SX.T @ P.vectors), np.diag(expected), atol=1e-12
    )


@EXPONENTS
def test_spectrum_on_the_subsample(exponent):
    kernel, S = Exponential(3.0), make_rows(80)
    P = EigenProPreconditioner(kernel(S), 10, exponent)
    before = np.linalg.eigvalsh(kernel(S))[::-1] / 80
    assert_allclose(P.eigenvalues, before[:10])
    K = kernel(S)
    after = np.linalg.eigvalsh(K - K @ P.apply(K)) / 80
    head = before[:10] * (before[10] / before[:10]) ** exponent
    assert_allclose(np.sort(after), np.sort(np.r_[head, before[10:]]), atol=1e-13)
    if exponent == 1.0:
        assert_allclose(head, before[10])
    assert_allclose(P.top_eigenvalue, head[0])


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
@pytest.mark.parametrize("s, q, exponent", [(20, 3, 0.95), (100, 30, 1.0)])
def test_top_eigenvalue_bounds_the_true_one(kernel, s, q, exponent):
    X = make_rows()
    rng = np.random.RandomState(1)
    order = rng.permutation(400)
    S, U = X[order[:s]], X[order[s : 3 * s]]
    P = calibrated(kernel, S, U, q, exponent)
    true = np.linalg.eigvalsh(flattened(kernel, X, S, q, exponent))[-1] / 400
    assert true <= P.top_eigenvalue <= 2 * true
    # The subsample alone would promise more than there is.
    alone = EigenProPreconditioner(kernel(S), q, exponent).top_eigenvalue
    assert alone < true


def test_top_eigenvalue_on_the_rows_themselves():
    # Nothing but the power method's error and the margin is left.
    kernel, X = Exponential(3.0), make_rows(200)
    weights = np.random.RandomState(1).uniform(0, 2, 200)
    root = np.sqrt(weights)
    K = flattened(kernel, X, X[:50], 8, 1.0)
    for w, matrix in ((None, K), (weights, root[:, None] * K * root)):
        P = calibrated(kernel, X[:50], X, 8, 1.0, weights=w)
        true = np.linalg.eigvalsh(matrix)[-1] / 200
        assert 1.0 <= P.top_eigenvalue / true <= 1.1 + 1e-12


@pytest.mark.parametrize("diagonal", ["kernel", "preconditioned"])
@pytest.mark.parametrize("goal", [25, 40])
def test_automatic_components(diagonal, goal):
    kernel, X = Exponential(5.0), make_rows(400)
    S, U = X[:200], X[200:]

    def critical_batch(q):
        P = calibrated(kernel, S, U, q, 0.95)
        values = np.diag(kernel(U))
        if diagonal == "preconditioned":
            values = np.diag(flattened(kernel, U, S, q, 0.95))
        return values.max() / P.top_eigenvalue

    P = calibrated(kernel, S, U, "auto", 0.95, diagonal=diagonal, goal=goal)
    assert 5 < P.n_components < 50
    assert critical_batch(P.n_components) >= goal > critical_batch(P.n_components - 1)
    assert P.vectors.shape == (200, P.n_components)
    assert P.eigenvalues.shape == (P.n_components,)


def test_automatic_components_at_both_ends():
    kernel, X = Exponential(5.0), make_rows(400)
    for goal, expected in ((1, 5), (10**6, 50)):
        P = calibrated(kernel, X[:200], X[200:], "auto", 1.0, goal=goal)
        assert P.n_components == expected


class TestDegenerate:
    """Subsamples that have few eigenvalues, or none."""

    @pytest.mark.parametrize("q", [8, 20, 39, 1000])
    def test_duplicated_rows(self, q):
        X = make_rows(10)
        S = np.repeat(X, 4, axis=0)
        P = calibrated(RBF(1.0), S, make_rows(50), q, 1.0)
        assert P.n_components == min(q, 9)
        moment = P.apply(np.ones((40, 1)))
        assert np.isfinite(moment).all() and np.abs(moment).max() < 1e3

    def test_rank_of_a_linear_kernel(self):
        X = make_rows(60, d=3)
        P = calibrated(Linear(), X[:30], X, 29, 1.0)
        assert P.n_components == 2
        assert np.isfinite(P.top_eigenvalue) and P.top_eigenvalue > 0

    def test_no_components(self):
        kernel, X = RBF(1.0), make_rows(60)
        P = calibrated(kernel, X[:30], X, 0, 1.0)
        assert P.n_components == 0 and P.eigenvalues.shape == (0,)
        assert_allclose(P.apply(np.ones((30, 2))), 0.0)
        assert_allclose(P.diagonal(np.ones(60), np.ones((60, 0))), 1.0)
        true = np.linalg.eigvalsh(kernel(X))[-1] / 60
        assert true <= P.top_eigenvalue <= 1.5 * true

    @pytest.mark.parametrize("q", [0, 1, 5, "auto"])
    def test_single_row(self, q):
        kernel, X = RBF(1.0), make_rows(20)
        P = calibrated(kernel, X[:1], X, q, 1.0)
        assert P.n_components == 0
        assert P.top_eigenvalue >= 1.0  # the eigenvalue of the row alone

    @pytest.mark.parametrize("q", [0, 5, "auto"])
    def test_zero_kernel(self, q):
        P = calibrated(Linear(), np.zeros((10, 2)), np.zeros((20, 2)), q, 1.0)
        assert P.n_components == 0 and P.top_eigenvalue == 0.0
        assert_allclose(P.apply(np.ones((10, 1))), 0.0)


def test_step_sizes():
    diagonal, top = 1.0, 0.02
    assert critical_batch_size(diagonal, top) == 51
    for m in (1, 10, 50):
        assert step_size(diagonal, top, m, 1000) == 1.0
    for m in (51, 100, 999):
        expected = 0.99 * 2 / (1 + (m - 1) * 0.02)
        assert_allclose(step_size(diagonal, top, m, 1000), expected)
    # All rows at once: gradient descent with a matrix of top eigenvalue 1000 top.
    for m in (1000, 2000):
        assert_allclose(step_size(diagonal, top, m, 1000), 1.9 / (1000 * top))
    assert critical_batch_size(1.0, 1e-150) < 2**32


def test_subsample_rows():
    rng = np.random.default_rng(0)
    rows = subsample_rows(50, 20, rng)
    assert len(set(rows.tolist())) == 20 and (np.diff(rows) > 0).all()
    for size in (50, 80):
        assert subsample_rows(50, size, rng).tolist() == list(range(50))
    counts = np.zeros(8)
    for _ in range(2000):
        counts[subsample_rows(8, 3, rng)] += 1
    # Each row has probability 3/8; five standard deviations of the count.
    assert (np.abs(counts - 750) < 5 * np.sqrt(2000 * 15 / 64)).all()
