"""Choice of centers."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context

from skkernels.coresets import CENTER_SELECTIONS, select_centers
from skkernels.kernels import RBF

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


def test_unknown_method(X):
    with pytest.raises(ValueError, match="uniform.*kmeans.*'best'"):
        select_centers(RBF(), X, 5, "best")
