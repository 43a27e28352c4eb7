"""Low-rank debiasing and its interior-point method."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import nnls

from skkernels.coresets._debias import low_rank_debias, simplex_weights
from skkernels.coresets._stein_kernel import stein_discrepancy
from skkernels.coresets._stein_thin import greedy_weights
from tests.coresets.test_stein_thin import biased_sample, matrix


def optimal_square(A):
    """Smallest w' A w on the simplex, as the point of a hull next to the origin."""
    n = len(A)
    L = np.linalg.cholesky(A + 1e-12 * np.trace(A) / n * np.eye(n))
    u, _ = nnls(np.vstack([L.T, np.ones(n)]), np.append(np.zeros(n), 1.0))
    w = u / u.sum()
    return w @ A @ w


@pytest.mark.parametrize("n, rank", [(1, 1), (5, 2), (60, 10), (200, 30)])
def test_quadratic_program(n, rank):
    rng = np.random.RandomState(n)
    F = rng.randn(n, rank) + 0.5
    rest = rng.uniform(0, 2, size=n) * (rng.uniform(size=n) < 0.8)
    A = F @ F.T + np.diag(rest)
    best = optimal_square(A)
    for gap in (0.3, 1e-3, 1e-8):
        w = simplex_weights(F, rest, gap)
        assert (w >= 0).all()
        assert_allclose(w.sum(), 1.0, atol=1e-12)
        # The gap bounds w' A w - best, which has twice the objective's gradient.
        assert best * (1 - 1e-9) <= w @ A @ w <= best * (1 + 2 * gap) + 1e-12


def test_quadratic_program_is_scale_free():
    rng = np.random.RandomState(0)
    F, rest = rng.randn(50, 5), rng.uniform(size=50)
    w = simplex_weights(F, rest)
    for factor in (1e-8, 1e8):
        scaled = simplex_weights(np.sqrt(factor) * F, factor * rest)
        assert_allclose(scaled, w, rtol=1e-6)
    assert_array_equal(simplex_weights(0 * F, 0 * rest), np.full(50, 0.02))


@pytest.mark.parametrize("d", [1, 2, 5, 20])
def test_debiasing(d):
    """Better than equal weights, and close to the best there are for a high rank."""
    for seed in range(3):
        stein = biased_sample(300, d, seed)
        args = stein.kernel, stein.rows
        start = stein_discrepancy(*args)
        w = low_rank_debias(*args, random_state=seed)
        assert (w >= 0).all()
        assert_allclose(w.sum(), 1.0, atol=1e-12)
        assert stein_discrepancy(*args, w) < 0.5 * start
        w = low_rank_debias(*args, 300, random_state=seed)
        best = np.sqrt(optimal_square(matrix(stein)))
        greedy = stein_discrepancy(*args, greedy_weights(*args))
        assert best * 0.999 < stein_discrepancy(*args, w) < max(1.2 * best, greedy)


def test_never_worse_than_the_start():
    """On rows that are debiased already there is little to gain, and none to lose."""
    for seed in range(5):
        rng = np.random.RandomState(seed)
        K = rng.randn(80, 80)
        K = K @ K.T
        start = np.sqrt(K.mean())
        w = low_rank_debias("precomputed", K, 80, random_state=seed)
        assert np.sqrt(w @ K @ w) <= start
        # A kernel that the low-rank part does not explain at all.
        w = low_rank_debias("precomputed", np.eye(80), 1, random_state=seed)
        assert w @ w < 1.2 / 80


def test_edges():
    assert_array_equal(low_rank_debias("precomputed", np.ones((1, 1))), [1.0])
    w = low_rank_debias("precomputed", np.zeros((5, 5)))
    assert_array_equal(w, np.full(5, 0.2))
    with pytest.raises(ValueError, match="rank must be"):
        low_rank_debias("precomputed", np.eye(3), 0)
    with pytest.raises(ValueError, match="not finite"):
        low_rank_debias("precomputed", np.full((3, 3), np.inf))
