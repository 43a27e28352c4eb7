"""Kernel herding."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.spatial.distance import pdist

from skkernels.coresets import kernel_mean
from skkernels.coresets._herd import herd
from skkernels.kernels import RBF, Linear, WhiteNoise

from ._reference import mmd


def data(n, d=2, seed=0):
    return np.random.RandomState(seed).randn(n, d)


def slow_herd(K, size, weights, replace):
    chosen = []
    for _ in range(size):
        values = [
            mmd(K, np.array([*chosen, y]), weights)
            if weights[y] > 0 and (replace or y not in chosen)
            else np.inf
            for y in range(len(K))
        ]
        chosen.append(int(np.argmin(values)))
    return chosen


@pytest.mark.parametrize("replace", [True, False])
@pytest.mark.parametrize("kernel", [RBF(), Linear() + RBF()])
def test_plain(kernel, replace):
    # The second kernel has rows of different norms.
    for seed in range(3):
        X = data(30, seed=seed)
        weights = np.random.RandomState(seed).randint(0, 3, size=30).astype(float)
        for w in (np.ones(30), weights):
            found = herd(kernel, X, 9, sample_weight=w, replace=replace)
            assert_array_equal(found, slow_herd(kernel(X), 9, w, replace))


@pytest.mark.parametrize("unique", [False, True])
@pytest.mark.parametrize("n, d", [(256, 2), (1024, 5)])
def test_the_package_goodpoints_finds_the_same(n, d, unique):
    herding = pytest.importorskip("goodpoints.herding")
    m = int(np.log2(n)) // 2
    for seed in range(2):
        X = np.random.default_rng(seed).standard_normal((n, d))
        s2 = np.median(pdist(X)) ** 2

        def kernel(y, X, s2=s2):
            return np.exp(-((y - X) ** 2).sum(axis=1) / (2 * s2))

        expected = herding.herding(X, m, kernel, unique=unique)
        found = herd(RBF(np.sqrt(s2)), X, n >> m, replace=not unique)
        assert_array_equal(found, expected)


def test_every_beginning_is_a_coreset():
    X = data(100)
    long = herd(RBF(), X, 20)
    assert_array_equal(herd(RBF(), X, 7), long[:7])
    assert_array_equal(herd(RBF() + WhiteNoise(), X, 20), long)
    assert_array_equal(herd("precomputed", RBF()(X), 20), long)


def test_a_kernel_of_mean_zero():
    X = data(80)
    K = RBF()(X)
    H = np.eye(80) - 1 / 80
    centred = H @ K @ H
    found = herd("precomputed", centred, 12, kernel_mean=np.zeros(80))
    assert_array_equal(found, herd(RBF(), X, 12))
    assert_array_equal(found, herd(RBF(), X, 12, kernel_mean=kernel_mean(RBF(), X)))


def test_all_rows_without_repeats():
    X = data(15)
    assert_array_equal(np.sort(herd(RBF(), X, 15, replace=False)), np.arange(15))
    assert herd(RBF(), X, 40).size == 40
    # Equal rows are taken in turns, from the first one.
    found = herd(RBF(), np.ones((6, 1)), 4, replace=False)
    assert_array_equal(found, [0, 1, 2, 3])


def test_refusals():
    X = data(10)
    for size in (0, 11):
        with pytest.raises(ValueError, match="n_coreset must be at least 1"):
            herd(RBF(), X, size, replace=False)
    K = RBF()(X)
    K[2, 3] = K[3, 2] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        herd("precomputed", K, 3)
    K = RBF()(X)
    K[2, :] = K[:, 2] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        herd("precomputed", K, 3, kernel_mean=np.zeros(10))


@pytest.mark.parametrize("weight", [0.0, 1e-12])
def test_a_row_far_away_of_no_weight_has_no_influence(weight):
    X = data(300)
    X[17] = 1e8
    weights = np.ones(300)
    weights[17] = weight
    others = np.flatnonzero(np.arange(300) != 17)
    kernel = Linear() + RBF()
    expected = others[herd(kernel, X[others], 10)]
    assert len(set(expected)) > 5
    if weight == 0.0:
        assert_array_equal(herd(kernel, X, 10, sample_weight=weights), expected)
    # The mean of so few rows is known: that of the others.
    mean = np.zeros(300)
    mean[others] = kernel_mean(kernel, X[others])
    options = {"sample_weight": weights, "kernel_mean": mean}
    assert_array_equal(herd(kernel, X, 10, **options), expected)


def test_ties_of_a_kernel_with_zero_diagonal():
    # Minus the distances: rows 0 and 1 are equally good but for rounding.
    X = np.array([-1.0, 1.0, -5.0, 5.0, -4.0, 4.0])
    for noise in (0.0, 1e-15, -1e-15):
        K = -abs(X[:, None] - X)
        mean = K.mean(axis=1)
        mean[1] += noise
        assert herd("precomputed", K, 1, kernel_mean=mean)[0] == 0


def test_rows_of_no_weight_may_hold_anything():
    X = data(40)
    weights = np.arange(40) % 4.0
    expected = herd(RBF(), X, 8, sample_weight=weights)
    K = RBF()(X)
    X[::4], K[::4], K[:, ::4] = np.nan, np.nan, np.nan
    for kernel, rows in ((RBF(), X), ("precomputed", K)):
        assert_array_equal(herd(kernel, rows, 8, sample_weight=weights), expected)
    mean = np.full(40, np.nan)
    mean[weights > 0] = kernel_mean(RBF(), X[weights > 0], weights[weights > 0])
    options = {"sample_weight": weights, "kernel_mean": mean}
    assert_array_equal(herd(RBF(), X, 8, **options), expected)


@pytest.mark.parametrize("size", ["sqrt", 2.5])
def test_the_size_is_an_integer(size):
    with pytest.raises(ValueError, match="n_coreset must be .* an integer, got"):
        herd(RBF(), data(10), size)
