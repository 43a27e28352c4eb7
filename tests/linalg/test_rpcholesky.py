"""Randomly pivoted Cholesky."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import chisquare
from sklearn import config_context

from skkernels.linalg import rpcholesky
from skkernels.operators import PrecomputedOperator


def rbf(X, gamma=1.0):
    return np.exp(-gamma * ((X[:, None] - X[None]) ** 2).sum(axis=2))


def law_of_pivots(K, rank, weights):
    """Probability of every sequence of pivots, from the definition."""
    law = {}
    for sequence in itertools.permutations(range(len(K)), rank):
        R, probability = K.copy(), 1.0
        for j in sequence:
            mass = weights * np.clip(np.diag(R), 0, None)
            probability *= mass[j] / mass.sum()
            R = R - np.outer(R[:, j], R[j]) / R[j, j]
        law[sequence] = probability
    return law


@pytest.mark.parametrize("weights", [None, np.array([1.0, 3.0, 0.5, 1.0, 2.0, 0.7])])
def test_pivots_follow_the_law_of_drawing_one_at_a_time(weights):
    X = np.array([[0.0], [0.2], [1.0], [1.3], [3.0], [3.2]])
    K = rbf(X) * np.outer([1, 2, 1, 1, 0.7, 1.5], [1, 2, 1, 1, 0.7, 1.5])
    law = law_of_pivots(K, 3, np.ones(6) if weights is None else weights)
    assert sum(law.values()) == pytest.approx(1.0)
    op, n_runs = PrecomputedOperator(K), 6000
    counts = dict.fromkeys(law, 0)
    rng = np.random.RandomState(0)
    for _ in range(n_runs):
        pivots = rpcholesky(op, 3, weights=weights, random_state=rng).pivots
        counts[tuple(pivots.tolist())] += 1
    expected = np.array([law[s] * n_runs for s in law])
    observed = np.array([counts[s] for s in law])
    often = expected >= 5
    expected = np.r_[expected[often], expected[~often].sum()]
    observed = np.r_[observed[often], observed[~often].sum()]
    assert chisquare(observed, expected * observed.sum() / expected.sum()).pvalue > 1e-3


def test_full_rank_reproduces_the_matrix():
    X = np.random.RandomState(0).randn(80, 3)
    K = rbf(X)
    result = rpcholesky(PrecomputedOperator(K), 80, random_state=0)
    assert_allclose(result.factor @ result.factor.T, K, atol=1e-8)
    assert len(set(result.pivots.tolist())) == result.pivots.size


def test_exact_in_the_pivots_and_traces_decrease():
    X = np.random.RandomState(0).randn(300, 2)
    K = rbf(X)
    result = rpcholesky(PrecomputedOperator(K), 40, random_state=1)
    approx = result.factor @ result.factor.T
    assert result.factor.shape == (300, 40)
    assert_allclose(approx[result.pivots], K[result.pivots], atol=1e-10)
    assert (np.diff(result.residual_traces) < 0).all()
    assert result.residual_traces[0] == pytest.approx(300.0)
    assert result.residual_traces[-1] == pytest.approx(np.trace(K - approx), rel=1e-6)
    # The residual of a Nystroem approximation is positive semi-definite.
    assert np.linalg.eigvalsh(K - approx).min() > -1e-10


def test_close_to_the_best_low_rank_approximation():
    X = np.random.RandomState(0).randn(400, 2)
    K = rbf(X)
    best = np.sort(np.linalg.eigvalsh(K))[:-50].sum()
    traces = [
        rpcholesky(PrecomputedOperator(K), 50, random_state=s).residual_traces[-1]
        for s in range(5)
    ]
    uniform = []
    for s in range(5):
        rows = np.random.RandomState(s).choice(400, 50, replace=False)
        uniform.append(
            np.trace(K - K[:, rows] @ np.linalg.pinv(K[np.ix_(rows, rows)]) @ K[rows])
        )
    assert np.mean(traces) < 5 * best
    assert np.mean(traces) < 0.5 * np.mean(uniform)


def test_stops_at_the_rank_of_the_matrix():
    B = np.random.RandomState(0).randn(60, 7)
    result = rpcholesky(PrecomputedOperator(B @ B.T), 30, random_state=0)
    assert result.pivots.size == 7
    assert_allclose(result.factor @ result.factor.T, B @ B.T, atol=1e-10)


def test_duplicates_are_chosen_once():
    X = np.repeat(np.random.RandomState(0).randn(10, 2), 5, axis=0)
    result = rpcholesky(PrecomputedOperator(rbf(X)), 30, random_state=0)
    assert result.pivots.size == 10
    assert np.unique(result.pivots // 5).size == 10


def test_zero_weight_is_never_chosen():
    K = rbf(np.random.RandomState(0).randn(20, 2))
    weights = np.r_[np.zeros(10), np.ones(10)]
    result = rpcholesky(PrecomputedOperator(K), 20, weights=weights, random_state=0)
    assert result.pivots.min() >= 10


def test_seed_decides():
    op = PrecomputedOperator(rbf(np.random.RandomState(0).randn(100, 2)))
    first = rpcholesky(op, 20, random_state=3)
    again = rpcholesky(op, 20, random_state=3)
    other = rpcholesky(op, 20, random_state=4)
    assert_array_equal(first.pivots, again.pivots)
    assert_array_equal(first.factor, again.factor)
    assert not np.array_equal(first.pivots, other.pivots)


def test_memory_is_refused_beforehand():
    op = PrecomputedOperator(np.eye(500))
    with config_context(working_memory=1):
        with pytest.raises(ValueError, match=r"500 x 400 factor.*smaller rank"):
            rpcholesky(op, 400)
