"""Coresets with weights: recombination, Cholesky, swaps with a line search."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize_scalar

from skkernels.coresets._kernel_rows import KernelRows
from skkernels.coresets._recombination import (
    cholesky_thin,
    recombination_thin,
    recombine,
)
from skkernels.coresets._stein_kernel import stein_discrepancy
from skkernels.coresets._stein_thin import greedy_weights
from skkernels.coresets._weighted_swap import swap_weights
from tests.coresets.test_stein_thin import biased_sample


@pytest.mark.parametrize("n, r", [(1, 1), (3, 5), (50, 1), (200, 7), (1000, 30)])
def test_recombination(n, r):
    rng = np.random.RandomState(n)
    F = rng.randn(n, r) * np.logspace(0, -5, r)
    w = rng.uniform(size=n) ** 4
    w /= w.sum()
    cost = rng.uniform(size=n)
    for c in (None, cost):
        new = recombine(F, w, c)
        assert np.count_nonzero(new) <= r + 1
        assert (new >= 0).all()
        assert_allclose(new.sum(), 1.0, atol=1e-12)
        moments = np.abs(F).mean(axis=0)
        assert_allclose(F.T @ new / moments, F.T @ w / moments, atol=1e-10)
    assert cost @ new <= cost @ w + 1e-12


def test_recombination_of_degenerate_features():
    """Equal rows, features that depend on each other, a feature that is zero."""
    rng = np.random.RandomState(0)
    F = np.repeat(rng.randn(40, 3), 5, axis=0)
    F = np.hstack([F, F @ rng.randn(3, 2), np.zeros((200, 1))])
    w = rng.uniform(size=200)
    w[::3] = 0.0
    new = recombine(F, w)
    assert np.count_nonzero(new) <= 7
    assert (new >= 0).all() and not new[::3].any()
    assert_allclose(F.T @ new, F.T @ w, atol=1e-10)
    assert_allclose(new.sum(), w.sum())


def plain_swap(K, w, simplex):
    """One pass; the weight of each row tried comes from a numerical line search."""
    w = w.copy()
    for x in np.flatnonzero(w):
        before = w @ K @ w
        others = w.copy()
        others[x] = 0.0
        others /= 1.0 - w[x]
        best = np.inf, None
        for y in np.setdiff1d(np.arange(len(K)), np.flatnonzero(others)):

            def square(eta, y=y, others=others):
                v = (1.0 - eta) * others
                v[y] += eta
                return v @ K @ v

            bounds = (0.0, 1.0) if simplex else (-50.0, 50.0)
            found = minimize_scalar(
                square, bounds=bounds, method="bounded", options={"xatol": 1e-12}
            )
            candidates = [(found.fun, found.x)]
            candidates += [(square(eta), eta) for eta in bounds]
            value, eta = min(candidates)
            if value < best[0] * (1 - 1e-9):
                best = value, (y, eta)
        y, eta = best[1]
        w = (1.0 - eta) * others
        w[y] += eta
        assert w @ K @ w <= before * (1 + 1e-9)
    return w


@pytest.mark.parametrize("simplex", [True, False])
def test_swaps_with_a_line_search(simplex):
    rng = np.random.RandomState(0)
    B = rng.randn(25, 8) + 0.7
    K = B @ B.T + 0.1 * np.eye(25)
    w = np.zeros(25)
    start = [0.3, 0.1, 0.25, 0.15, 0.2] if simplex else [0.6, -0.3, 0.5, 0.4, -0.2]
    w[[2, 5, 11, 17, 20]] = start
    got = swap_weights(KernelRows("precomputed", K), w, simplex=simplex)
    assert_allclose(got, plain_swap(K, w, simplex), atol=1e-5)


@pytest.mark.parametrize("simplex", [True, False])
def test_swaps_are_monotone(simplex):
    stein = biased_sample(150, 3, seed=0)
    rows = KernelRows(stein.kernel, stein.rows)
    rng = np.random.RandomState(0)
    w = np.zeros(150)
    w[rng.permutation(150)[:12]] = rng.uniform(size=12) / 6 - 0.02 * (not simplex)
    w /= w.sum()
    last = stein_discrepancy(stein.kernel, stein.rows, w)
    for n_passes in (1, 2, 3, 10):
        new = swap_weights(rows, w, simplex=simplex, n_passes=n_passes)
        value = stein_discrepancy(stein.kernel, stein.rows, new)
        assert value <= last * (1 + 1e-9)
        assert_allclose(new.sum(), 1.0, atol=1e-12)
        assert np.count_nonzero(new) <= 12
        assert (new >= 0).all() or not simplex
        last = value
    assert_array_equal(swap_weights(rows, w, n_passes=0), w)


@pytest.mark.parametrize("d", [1, 2, 5])
@pytest.mark.parametrize("size", [1, 2, 16, 60])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_coresets_with_weights(d, size, dtype):
    stein = biased_sample(200, d, 0, dtype)
    args = stein.kernel, stein.rows
    weights = greedy_weights(*args)
    single = np.sqrt(KernelRows(*args).diagonal.min())
    for thin in (recombination_thin, cholesky_thin):
        indices, w = thin(*args, weights, size, random_state=0)
        assert 1 <= indices.size == w.size <= size
        assert np.unique(indices).size == indices.size
        assert_allclose(w.sum(), 1.0, atol=1e-10)
        assert stein_discrepancy(*args, w, indices) <= single * (1 + 1e-6)
        if thin is recombination_thin:
            assert (w > 0).all()


def test_published_cholesky():
    """Within a third of one random run of the authors' code, or better."""
    for d, published in ((2, 0.0247), (5, 0.1264)):
        stein = biased_sample(256, d, seed=7)
        args = stein.kernel, stein.rows
        found = []
        for seed in range(5):
            weights = greedy_weights(*args)
            indices, w = cholesky_thin(*args, weights, 16, random_state=seed)
            found.append(stein_discrepancy(*args, w, indices))
        assert np.mean(found) < 4 / 3 * published


def test_edges():
    for thin in (recombination_thin, cholesky_thin):
        indices, w = thin("precomputed", np.ones((1, 1)), np.ones(1), 1)
        assert_array_equal(indices, [0])
        assert_array_equal(w, [1.0])
        # Equal rows: whatever is chosen has the same discrepancy.
        indices, w = thin("precomputed", np.ones((6, 6)), np.full(6, 1 / 6), 3)
        assert_allclose(w.sum(), 1.0)
        indices, w = thin("precomputed", np.zeros((6, 6)), np.full(6, 1 / 6), 3)
        assert_allclose(w.sum(), 1.0)
