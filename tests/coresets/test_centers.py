"""Choice of centers."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import chisquare
from sklearn import config_context

from skkernels.coresets import CENTER_SELECTIONS, select_centers
from skkernels.kernels import RBF, Linear, WhiteNoise
from skkernels.linalg import match_effective_dimension, ridge_leverage_scores
from skkernels.operators import PrecomputedOperator, make_operator

from ._reference import mmd

METHODS = pytest.mark.parametrize("method", CENTER_SELECTIONS)


@pytest.fixture
def X():
    return np.random.RandomState(0).randn(60, 3)


@METHODS
def test_all_distinct_rows_if_there_are_no_more(method, X):
    repeated = np.r_[X, X[:30]]
    indices = select_centers(RBF(), repeated, 60, method, random_state=0)
    assert sorted(indices) == list(range(60))


@METHODS
def test_number_and_distinctness(method, X):
    repeated = np.r_[X, X]
    indices = select_centers(RBF(), repeated, 20, method, random_state=0)
    assert indices.size == 20
    assert len(np.unique(repeated[indices], axis=0)) == 20


@METHODS
def test_order_of_rows_does_not_matter(method, X):
    permutation = np.random.RandomState(1).permutation(60)
    first = X[select_centers(RBF(), X, 20, method, random_state=0)]
    other = X[permutation]
    again = other[select_centers(RBF(), other, 20, method, random_state=0)]
    assert_array_equal(first, again)


@METHODS
def test_weights_are_repetitions(method, X):
    weights = np.random.RandomState(0).randint(1, 5, size=60)
    repeated = np.repeat(X, weights, axis=0)
    a = select_centers(RBF(), X, 20, method, sample_weight=weights, random_state=0)
    b = select_centers(RBF(), repeated, 20, method, random_state=0)
    assert_array_equal(X[a], repeated[b])


@METHODS
def test_sparse_is_dense(method, X):
    X[X < 0.3] = 0.0
    dense = select_centers(RBF(), X, 20, method, random_state=0)
    sparse = select_centers(RBF(), sp.csr_array(X), 20, method, random_state=0)
    assert_array_equal(dense, sparse)


@METHODS
def test_seed_decides(method, X):
    chosen = [select_centers(RBF(), X, 20, method, random_state=s) for s in (0, 0, 1)]
    assert_array_equal(chosen[0], chosen[1])
    assert not np.array_equal(chosen[0], chosen[2])


def test_uniform_follows_the_weights():
    X = np.arange(4.0)[:, None]
    weights = np.array([1.0, 2.0, 3.0, 4.0])
    rng = np.random.RandomState(0)
    first = np.zeros(4)
    for _ in range(4000):
        chosen = select_centers(
            RBF(), X, 1, sample_weight=weights, random_state=rng.randint(2**31)
        )
        first[chosen] += 1
    assert_allclose(first / 4000, weights / 10, atol=4 * np.sqrt(0.25 / 4000))


def test_spread_methods_find_the_clusters():
    # 500 rows in one cluster and one row in each of nine others.
    rng = np.random.RandomState(0)
    X = np.r_[rng.randn(500, 2) * 0.01, 10.0 * np.arange(1, 10)[:, None] * [1.0, 0.5]]
    for method in ("kmeans++", "rpcholesky"):
        indices = select_centers(RBF(), X, 12, method, random_state=0)
        assert set(range(500, 509)) <= set(indices.tolist())


def test_rpcholesky_within_the_memory_budget():
    # 1 MiB holds half of the factor of 3276 rows by 20 centers; there are 6000 rows.
    X = np.random.RandomState(0).randn(6000, 3)
    X[::2] *= 1e-3  # the half of the rows that one center explains
    with config_context(working_memory=1):
        indices = select_centers(RBF(), X, 20, "rpcholesky", random_state=0)
    assert len(indices) == 20
    assert (indices % 2 == 0).sum() <= 2


@pytest.mark.parametrize("n_centers", [50, 150, 500])
def test_thinning_represents_the_weighted_rows(n_centers):
    rng = np.random.RandomState(0)
    X = rng.randn(1000, 2)
    kernel = RBF(length_scale=1.5)
    K = kernel(X)
    for weights in (
        None,
        np.where(X[:, 0] > 0, 3.0, 1.0),
        rng.uniform(1, 2, size=1000),
    ):
        errors = {}
        for method in ("uniform", "thinning"):
            errors[method] = [
                mmd(
                    K,
                    select_centers(
                        kernel,
                        X,
                        n_centers,
                        method,
                        sample_weight=weights,
                        random_state=seed,
                    ),
                    weights,
                )
                for seed in range(5)
            ]
        # The fewer rows there are for each center, the less there is to gain.
        bound = {50: 0.3, 150: 0.4, 500: 0.7}[n_centers]
        assert np.mean(errors["thinning"]) < bound * np.mean(errors["uniform"])


def test_thinning_takes_heavy_rows():
    # Each of them has more than a tenth of the weight, the last two once the first one
    # is set aside.
    weights = np.r_[np.ones(100), 1e6, 40.0, 40.0]
    X = np.random.RandomState(0).randn(103, 2)
    for seed in range(5):
        indices = select_centers(
            RBF(), X, 10, "thinning", sample_weight=weights, random_state=seed
        )
        assert indices.size == 10
        assert {100, 101, 102} <= set(indices.tolist())
    indices = select_centers(
        RBF(), X, 3, "thinning", sample_weight=np.r_[np.full(100, 1e-9), 1, 1, 1]
    )
    assert {100, 101, 102} == set(indices.tolist())


def test_thinning_is_for_the_kernel():
    X = np.random.RandomState(0).randn(1000, 2)
    kernels = [RBF(length_scale=[0.3, 1e6]), RBF(length_scale=[1e6, 0.3])]
    chosen = [select_centers(k, X, 30, "thinning", random_state=0) for k in kernels]
    for k, own, other in zip(kernels, chosen, chosen[::-1]):
        K = k(X)
        assert mmd(K, own) < 0.4 * mmd(K, other)
    noisy = kernels[0] + WhiteNoise()
    again = select_centers(noisy, X, 30, "thinning", random_state=0)
    assert_array_equal(chosen[0], again)


def exact_scores(K, alpha, weights):
    """Scores of one of the equal rows that each weighted row stands for."""
    repeated = np.repeat(np.arange(len(K)), weights)
    K = K[np.ix_(repeated, repeated)]
    scores = np.diag(K @ np.linalg.inv(K + alpha * np.eye(len(K))))
    return scores[np.r_[0, np.cumsum(weights)[:-1]]]


@pytest.mark.parametrize("weighted", [False, True])
def test_leverage_scores_from_all_rows_are_exact(X, weighted):
    weights = np.ones(60, dtype=int)
    if weighted:
        weights = np.random.RandomState(0).randint(1, 5, size=60)
    K = RBF()(X)
    for alpha in (1e-6, 1e-2, 10.0):
        scores = ridge_leverage_scores(
            PrecomputedOperator(K),
            np.ones(60),
            np.arange(60),
            alpha,
            weights=weights.astype(float),
            pilot_weights=weights.astype(float),
        )
        assert_allclose(scores, exact_scores(K, alpha, weights), rtol=1e-8)


def test_leverage_scores_from_a_pilot(X):
    rng = np.random.RandomState(0)
    X = rng.randn(2000, 2)
    pilot = rng.choice(2000, 400, replace=False)
    op = make_operator(RBF(), X, X[pilot])
    scores = ridge_leverage_scores(op, np.ones(2000), pilot, 1.0)
    exact = exact_scores(RBF()(X), 1.0, np.ones(2000, dtype=int))
    # Pilot rows are treated as the others are.
    for rows in (pilot, np.delete(np.arange(2000), pilot)):
        ratio = scores[rows] / exact[rows]
        assert 0.9 < np.median(ratio) < 1.2
        # At worst the pilot has none of some five rows that share a function.
        assert 0.5 < ratio.min() and ratio.max() < 5.0
    assert scores.max() <= 1.0


def test_effective_dimension_is_matched(X):
    weights = np.random.RandomState(0).randint(1, 5, size=60)
    K = RBF()(X)
    for dimension in (1.0, 15.0, 40.0):
        alpha = match_effective_dimension(K, weights, dimension)
        total = (weights * exact_scores(K, alpha, weights)).sum()
        assert_allclose(total, dimension, rtol=1e-8)
    # No alpha reaches more than there are functions; the smallest is taken.
    alpha = match_effective_dimension(np.ones((5, 5)), np.ones(5), 2.5)
    assert 0 < alpha < 1e-13
    assert match_effective_dimension(np.zeros((5, 5)), np.ones(5), 2.5) == 1.0


def test_leverage_follows_the_scores():
    rng = np.random.RandomState(0)
    X = np.r_[rng.randn(40, 1) * 0.1, rng.uniform(2, 8, size=(10, 1))]
    weights = rng.randint(1, 4, size=50)
    K = RBF()(X)
    alpha = match_effective_dimension(K, weights, 0.5)
    p = weights * exact_scores(K, alpha, weights)
    p /= p.sum()
    counts = np.zeros(50)
    for seed in range(1500):
        chosen = select_centers(
            RBF(), X, 1, "leverage", sample_weight=weights, random_state=seed
        )
        counts[chosen] += 1
    assert np.abs((counts / 1500 - p) / np.sqrt(p / 1500)).max() < 4.5
    assert chisquare(counts, 1500 * p).pvalue > 1e-3


def test_leverage_finds_rare_rows():
    # 5000 rows in a cluster that a few functions explain, and ten alone.
    rng = np.random.RandomState(0)
    X = np.r_[0.05 * rng.randn(5000, 2), 3.0 * np.arange(1, 11)[:, None] * [1, 1]]
    leverage = select_centers(RBF(), X, 20, "leverage", random_state=0)
    # Their scores are near 1, half of the sum: each is likely, but none is certain.
    assert (leverage >= 5000).sum() >= 6
    uniform = select_centers(RBF(), X, 20, "uniform", random_state=0)
    assert (uniform >= 5000).sum() <= 1


def test_leverage_without_functions(X):
    indices = select_centers(WhiteNoise(), X, 10, "leverage", random_state=0)
    assert len(set(indices.tolist())) == 10
    # Rows without a function come last.
    X[20:] = 0.0
    X[20:, 0] = 1e-200 * np.arange(1, 41)
    indices = select_centers(Linear(), X, 25, "leverage", random_state=0)
    assert len(set(indices.tolist())) == 25


def test_unknown_method(X):
    with pytest.raises(ValueError, match="uniform.*kmeans.*'best'"):
        select_centers(RBF(), X, 5, "best")
