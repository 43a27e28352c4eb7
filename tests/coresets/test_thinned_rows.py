"""How weights become a list of rows to thin, and repeated rows distinct ones."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.optimize import brentq
from sklearn import config_context

from skkernels.coresets._thinned_rows import (
    _heavy_rows,
    _substitutes,
    thinned_rows,
)
from skkernels.kernels import RBF, Linear


@pytest.mark.parametrize("size", [1, 7, 50, 99])
@pytest.mark.parametrize("tail", [0.5, 1.0, 4.0])
def test_heavy_rows_are_those_of_probability_one(size, tail):
    # Probabilities min(1, c w) of being chosen, with c such that they sum to the size.
    weights = np.random.RandomState(0).pareto(tail, size=100) + 0.01
    log_c = brentq(
        lambda x: np.minimum(1.0, np.exp(x) * weights).sum() - size, -50.0, 50.0
    )
    assert_array_equal(_heavy_rows(weights, size), np.exp(log_c) * weights >= 1.0)


def test_equal_weights_have_no_heavy_rows():
    assert not _heavy_rows(np.full(10, 0.1), 9).any()


def test_substitutes_are_near_and_distinct():
    X = np.array([[0.0], [0.1], [0.3], [0.6], [10.0], [0.0], [10.0], [0.0], [0.0]])
    for kernel in (RBF(), Linear()):
        found = _substitutes(kernel, X, np.array([5, 6, 7, 8]), np.arange(5))
        assert_array_equal(found, [0, 4, 1, 2])
    with config_context(working_memory=1e-4):  # one row at a time
        found = _substitutes(RBF(), X, np.array([5, 6, 7, 8]), np.arange(5))
    assert_array_equal(found, [0, 4, 1, 2])


@pytest.mark.parametrize("size", [1, 10, 130, 199])
def test_always_as_many_as_wanted(size):
    rng = np.random.RandomState(0)
    X = rng.randn(300, 2)
    rows = rng.permutation(300)[:200]
    for weights in (np.ones(200), rng.exponential(size=200), rng.pareto(0.5, 200)):
        chosen = thinned_rows(RBF(), X, rows, weights + 1e-9, size, rng)
        assert chosen.size == size
        assert np.unique(chosen).size == size
        assert chosen.min() >= 0 and chosen.max() < 200
