"""Buckets: their sizes, kernel matrices, halving and draws, against plain versions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context

from skkernels.coresets import _bucket_core as core
from skkernels.coresets._bucket_values import BucketValues
from skkernels.coresets._buckets import bucket_edges, depth_first_draws, halve_list
from skkernels.kernels import RBF, Chi2, Laplacian, Linear, Polynomial, WhiteNoise

from ._reference import halve, imbalance, swap


def data(n, d=2, seed=0):
    return np.random.RandomState(seed).randn(n, d)


def test_edges():
    sizes = np.diff(bucket_edges(2 * 7919, 512, 8))
    assert sizes.sum() == 2 * 7919
    assert np.all(sizes % 2 == 0) and np.all(np.diff(sizes) <= 0)
    assert sizes.max() <= 512 and np.ptp(sizes) == 2
    assert_array_equal(bucket_edges(64, 16, 8), np.arange(0, 65, 16))
    assert_array_equal(bucket_edges(9, 100, 8), [0, 8])
    assert_array_equal(bucket_edges(4, 1, 8), [0, 2, 4])
    with config_context(working_memory=1):
        sizes = np.diff(bucket_edges(4096, 4096, 8))
    assert 4 * 8 * sizes.max() ** 2 <= 2**20 < 4 * 8 * (sizes.max() + 40) ** 2


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("d", [3, 40])
@pytest.mark.parametrize(
    "kernel",
    [
        RBF(length_scale=2.0),
        Laplacian(gamma=0.3),
        Polynomial(degree=2),
        RBF() * 2.0 + Linear() + WhiteNoise(),
        Chi2(gamma=0.1),
    ],
    ids=lambda kernel: type(kernel).__name__,
)
def test_kernel_matrices(kernel, d, dtype):
    X = abs(data(300, d)).astype(dtype) + 3
    X[7] = X[11]  # equal rows in one bucket
    values = BucketValues(kernel, X)
    assert values.fast == (not isinstance(kernel, Chi2))
    rows = np.arange(288).reshape(9, 32)[::-1]
    found = values(rows)
    assert found.dtype == dtype and found.flags.c_contiguous
    eps = np.finfo(dtype).eps
    for K, bucket in zip(found, rows):
        expected = kernel._without_noise()(X[bucket].astype(np.float64))
        assert_allclose(K, expected, rtol=100 * eps, atol=20 * eps * expected.max())


@pytest.mark.parametrize("m", [2, 6, 16, 40, 70])
@pytest.mark.parametrize("n_swap_passes", [0, 1, 3])
def test_halve_bucket(m, n_swap_passes):
    for seed in range(3):
        rng = np.random.RandomState(seed)
        K = RBF()(rng.randn(m, 3))
        uniforms = rng.uniform(size=m // 2)
        halves = halve(K, uniforms, 20.0)
        every = np.arange(m)
        if n_swap_passes and imbalance(K, every[1::2], every[::2]) <= imbalance(
            K, *halves
        ) * (1 + 1e-9):
            halves = every[1::2], every[::2]
        for _ in range(n_swap_passes):
            halves = swap(K, *halves)
        for coin in (0.2, 0.8):
            kept = np.empty(m // 2, dtype=np.int64)
            check = core.halve_bucket(K, uniforms, coin, 20.0, n_swap_passes, kept)
            assert_array_equal(kept, halves[int(coin > 0.5)])
            assert np.isfinite(check)


def test_halve_four():
    partners = set()
    for seed in range(50):
        K = RBF()(data(4, seed=seed))
        squares = {
            p: imbalance(K, [0, p], [q for q in (1, 2, 3) if q != p]) for p in (1, 2, 3)
        }
        best = min(squares, key=squares.get)
        partners.add(best)
        first, second = core.halve_four(K, 0.4), core.halve_four(K, 0.6)
        assert first == (0, best)
        assert sorted(first + second) == [0, 1, 2, 3]
    assert partners == {1, 2, 3}
    # Ties, up to rounding: the third way, and the second one against the first.
    noise = 1e-14 * np.array([[0, 1, 0, 0], [1, 0, 0, 1], [0, 0, 0, 0], [0, 1, 0, 0]])
    for K in (np.ones((4, 4)), np.ones((4, 4)) - noise, np.ones((4, 4)) + noise):
        assert core.halve_four(K, 0.4) == (0, 2)
    K = np.ones((4, 4))
    K[0, 2] = K[2, 0] = 2.0
    for change in (-1e-14, 0.0, 1e-14):
        K[0, 3] = K[3, 0] = 1.0 + change
        assert core.halve_four(K, 0.4) == (0, 1)


def test_equal_rows():
    kept = np.empty(3, dtype=np.int64)
    core.halve_bucket(np.ones((6, 6)), np.full(3, 0.3), 0.2, 20.0, 2, kept)
    assert_array_equal(kept, [1, 3, 5])


@pytest.mark.parametrize("m", [4, 32])
def test_values_that_are_not_finite(m):
    for i, j in ((0, 1), (1, m - 1), (m - 1, m - 1)):
        K = RBF()(data(m))
        K[i, j] = K[j, i] = np.nan
        kept = np.empty(m // 2, dtype=np.int64)
        for n_swap_passes in (0, 1):
            check = core.halve_bucket(
                K, np.full(m // 2, 0.4), 0.3, 9.0, n_swap_passes, kept
            )
            assert not np.isfinite(check)


def test_list_of_unequal_buckets():
    # Buckets halved together give what each gives alone.
    X = data(1000, 5)
    edges = bucket_edges(1000, 34, 8)
    rng = np.random.RandomState(1)
    sequence = rng.permutation(1000)
    draws = rng.uniform(size=500), rng.uniform(size=edges.size - 1)
    factors = rng.uniform(5, 20, size=edges.size - 1)
    values = BucketValues(RBF(), X)
    found = halve_list(values, sequence, edges, draws, factors, 1)
    for b, (start, stop) in enumerate(zip(edges, edges[1:])):
        pairs = slice(start // 2, stop // 2)
        alone = halve_list(
            values,
            sequence[start:stop],
            np.array([0, stop - start]),
            (draws[0][pairs], draws[1][b : b + 1]),
            factors[b : b + 1],
            1,
        )
        assert_array_equal(found[pairs], alone)


def test_draws_in_the_order_of_recursion():
    drawn = np.random.RandomState(0).uniform(size=1000)
    position = 0
    expected = {}

    def descend(level, index):
        nonlocal position
        if level:
            for child in range(4):
                descend(level - 1, 4 * index + child)
        n_pairs = 2 << level
        if n_pairs > 2:
            expected[level, index] = drawn[position : position + n_pairs]
            position += n_pairs
        expected[level, index, "coin"] = drawn[position]
        position += 1

    descend(2, 0)
    sizes = [np.full(4 ** (2 - level), 4 << level) for level in range(3)]
    ready = [np.cumsum(s) << level for level, s in enumerate(sizes)]
    draws, ranks = depth_first_draws(ready, sizes, np.random.RandomState(0))
    for level, (uniforms, coins) in enumerate(draws):
        for index, coin in enumerate(coins):
            assert coin == expected[level, index, "coin"]
            if level:
                n_pairs = 2 << level
                part = uniforms[index * n_pairs : (index + 1) * n_pairs]
                assert_array_equal(part, expected[level, index])
    assert_array_equal(ranks[2], [20])
    assert_array_equal(ranks[1], [4, 9, 14, 19])
