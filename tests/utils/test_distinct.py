"""The search for distinct rows."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal

from skkernels.utils._distinct import distinct_rows


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
def test_distinct_rows(dtype, container):
    rng = np.random.RandomState(0)
    X = rng.randint(0, 3, size=(200, 4)).astype(dtype)
    first, inverse = distinct_rows(container(X))
    assert first.size == len(np.unique(X, axis=0))
    assert_array_equal(X[first][inverse], X)
    for i in first:
        assert i == np.flatnonzero((X == X[i]).all(axis=1))[0]


def test_distinct_rows_ignores_order_and_storage():
    rng = np.random.RandomState(0)
    X = rng.randint(-2, 2, size=(100, 5)) * 0.5
    shuffled = X[rng.permutation(100)]
    rows = X[distinct_rows(X)[0]]
    assert_array_equal(shuffled[distinct_rows(shuffled)[0]], rows)
    assert_array_equal(X[distinct_rows(sp.csr_array(X))[0]], rows)


def test_distinct_rows_of_zeros_of_both_signs():
    first, _ = distinct_rows(np.array([[0.0, 1.0], [-0.0, 1.0], [0.0, -1.0]]))
    assert sorted(first) == [0, 2]


def test_equal_hashes_are_told_apart(monkeypatch):
    monkeypatch.setattr(
        "skkernels.utils._distinct._hash_dense", lambda X: np.zeros(len(X), int)
    )
    X = np.random.RandomState(0).randn(60, 3)
    X = np.r_[X, X[:10]]
    first, inverse = distinct_rows(X)
    assert first.size == 60
    assert_array_equal(X[first][inverse], X)


def test_hash_has_no_easy_collisions():
    # Few mantissa bits and permuted entries, as in images and counts.
    grid = np.stack(np.meshgrid(*[np.arange(17.0)] * 4), axis=-1).reshape(-1, 4)
    assert distinct_rows(grid)[0].size == 17**4
    first, _ = distinct_rows(grid / 16)
    assert first.size == 17**4
