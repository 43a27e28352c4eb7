"""Kernel means and the distance between them, against dense formulas."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose

from skkernels.coresets import kernel_mean, mmd
from skkernels.coresets._mmd import coreset_mmd
from skkernels.kernels import RBF, EnergyDistance, Linear, Polynomial, WhiteNoise

KERNELS = [RBF(length_scale=1.3), Linear(), Polynomial(degree=2), 2.0 * RBF() + 1.0]


def data(n=40, m=25, d=3, seed=0):
    rng = np.random.RandomState(seed)
    X, Y = rng.randn(n, d), rng.randn(m, d) + 0.3
    return X, Y, rng.uniform(0.1, 2, n), rng.uniform(0.1, 2, m)


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
@pytest.mark.parametrize("weighted", [False, True])
def test_dense_formula(kernel, weighted):
    X, Y, v, w = data()
    if not weighted:
        v, w = np.ones(len(X)), np.ones(len(Y))
    signs = np.concatenate([v / v.sum(), -w / w.sum()])
    expected = signs @ kernel(np.vstack([X, Y])) @ signs
    weights = (v, w) if weighted else ()
    assert_allclose(mmd(kernel, X, Y, *weights, squared=True), expected, rtol=1e-11)
    assert_allclose(mmd(kernel, X, Y, *weights) ** 2, expected, rtol=1e-11)


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_unbiased_formula(kernel):
    X, Y, _, _ = data()
    K, L, M = kernel(X), kernel(Y), kernel(X, Y)
    n, m = M.shape
    expected = (K.sum() - np.trace(K)) / (n * (n - 1)) - 2 * M.mean()
    expected += (L.sum() - np.trace(L)) / (m * (m - 1))
    assert_allclose(mmd(kernel, X, Y, squared=True, unbiased=True), expected)


def test_linear_kernel_gives_the_distance_of_means():
    X, Y, _, _ = data()
    expected = np.linalg.norm(X.mean(axis=0) - Y.mean(axis=0))
    assert_allclose(mmd(Linear(), X, Y), expected, rtol=1e-10)


def test_energy_distance():
    X, Y, _, _ = data()

    def mean_distance(A, B):
        return np.linalg.norm(A[:, None] - B[None], axis=2).mean()

    expected = 2 * mean_distance(X, Y) - mean_distance(X, X) - mean_distance(Y, Y)
    got = mmd(EnergyDistance(), X, Y, squared=True)
    assert_allclose(got, expected, rtol=1e-10)


def test_weights_are_repetitions():
    X, Y, _, _ = data()
    counts = np.random.RandomState(0).randint(0, 4, len(X))
    repeated = np.repeat(X, counts, axis=0)
    assert_allclose(mmd(RBF(), X, Y, counts), mmd(RBF(), repeated, Y), rtol=1e-10)
    mean = kernel_mean(RBF(), X, counts)
    assert_allclose(mean, kernel_mean(RBF(), repeated, points=X), rtol=1e-13)


def test_storage_and_precision():
    X, Y, v, w = data()
    X[X < 0] = 0
    expected = mmd(RBF(), X, Y, v, w)
    got = mmd(RBF(), sp.csr_array(X), sp.csr_array(Y), v, w)
    assert_allclose(got, expected, rtol=1e-9)
    single = mmd(RBF(), X.astype(np.float32), Y.astype(np.float32), v, w)
    assert_allclose(single, expected, rtol=1e-6)
    assert kernel_mean(RBF(), X.astype(np.float32)).dtype == np.float64


def test_float32_rows_do_not_cost_digits():
    # The distance is far below the rounding of float32 means.
    X = np.random.RandomState(0).randn(500, 2).astype(np.float32)
    Y = np.concatenate([X[:-1], X[:1]])
    signs = np.zeros(500)
    signs[0], signs[-1] = 1 / 500, -1 / 500
    expected = np.sqrt(signs @ RBF()(X.astype(np.float64)) @ signs)
    assert_allclose(mmd(RBF(), X, Y), expected, rtol=1e-6)


def test_white_noise_does_not_count():
    X, Y, _, _ = data()
    assert mmd(RBF() + WhiteNoise(), X, Y) == mmd(RBF(), X, Y)
    assert_allclose(kernel_mean(RBF() + WhiteNoise(), X), kernel_mean(RBF(), X))


@pytest.mark.parametrize("weighted", [False, True])
def test_coreset(weighted):
    X, _, v, _ = data()
    K = RBF()(X)
    indices = np.array([3, 7, 7, 20])
    w = np.array([0.1, 0.2, 0.3, 0.4]) if weighted else None
    signs = v / v.sum()
    np.add.at(signs, indices, -0.25 if w is None else -w)
    expected = np.sqrt(signs @ K @ signs)
    for kernel, rows in ((RBF(), X), ("precomputed", K)):
        mean = kernel_mean(kernel, rows, v)
        assert_allclose(mean, K @ v / v.sum(), rtol=1e-12)
        got = coreset_mmd(kernel, rows, indices, w, v, mean)
        assert_allclose(got, expected, rtol=1e-10)


def test_errors():
    X, Y, v, _ = data()
    with pytest.raises(ValueError, match="unbiased=True needs squared=True"):
        mmd(RBF(), X, Y, unbiased=True)
    with pytest.raises(ValueError, match="two rows in either sample, got 1 and 25"):
        mmd(RBF(), X[:1], Y, squared=True, unbiased=True)
    with pytest.raises(ValueError, match="x_weights must be 40 finite numbers"):
        mmd(RBF(), X, Y, v[:-1])
    with pytest.raises(ValueError, match="not finite"):
        mmd(Polynomial(degree=3), X * 1e200, Y)


def test_stored_float32_matrix_is_summed_in_float64():
    X, _, v, _ = data(n=300)
    K = RBF()(X).astype(np.float32)
    expected = K.astype(np.float64) @ v / v.sum()
    assert_allclose(kernel_mean("precomputed", K, v), expected, rtol=1e-13)


def test_weights_that_are_none():
    X = np.arange(6.0).reshape(3, 2)
    for bad in (np.zeros(3), np.ones(2), [1.0, np.nan, 1.0]):
        with pytest.raises(ValueError, match="weights must be 3 finite numbers"):
            kernel_mean(RBF(), X, bad)
    large = kernel_mean(RBF(), X, np.full(3, 1e308))
    assert_allclose(large, kernel_mean(RBF(), X), rtol=1e-14)
