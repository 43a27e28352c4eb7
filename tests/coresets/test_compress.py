"""Compress, against a plain version and against what it promises."""

import numba
import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal
from scipy.spatial.distance import pdist
from sklearn import config_context

from skkernels.coresets import _buckets, _compress, compress
from skkernels.kernels import RBF, Chi2, WhiteNoise, make_kernel

from ._reference import halve, imbalance, mmd, swap


def data(n, d=2, seed=0):
    return np.random.RandomState(seed).randn(n, d)


def best_of_four(K, coin):
    """The half with the mean closest to that of all four rows, by trying them all."""
    pairs, rests = [[0, 1], [0, 2], [0, 3]], [[2, 3], [1, 3], [1, 2]]
    best = int(np.argmin([imbalance(K, a, b) for a, b in zip(pairs, rests)]))
    return pairs[best] if coin < 0.5 else rests[best]


def plain_compress(K, size, g, n_swap_passes, min_bucket, seed):
    """The same draws, one bucket after the other, by the textbook formulas."""
    rng = np.random.RandomState(seed)
    sequence = np.arange(len(K))
    n_rounds = int(np.log2(len(K) / size))
    for _ in range(n_rounds):
        length = len(sequence)
        bucket = min(max((2 ** (g + 1) * size) ** 2 // length, min_bucket), length)
        n_buckets = int(np.ceil((length // 2) / (bucket // 2)))
        pairs = [len(p) for p in np.array_split(np.arange(length // 2), n_buckets)]
        edges = 2 * np.cumsum([0, *pairs])
        uniforms = rng.uniform(size=length // 2)
        coins = rng.uniform(size=n_buckets)
        parts = []
        for b in range(n_buckets):
            rows = sequence[edges[b] : edges[b + 1]]
            Kb = K[np.ix_(rows, rows)]
            if len(rows) == 4:
                parts.append(rows[best_of_four(Kb, coins[b])])
                continue
            u = uniforms[edges[b] // 2 : edges[b + 1] // 2]
            halves = halve(Kb, u, 2 * np.log(2 * n_rounds * length / 0.5))
            if n_swap_passes:
                every = np.arange(len(rows))
                better = imbalance(Kb, *halves) * (1 + 1e-9)
                if imbalance(Kb, every[1::2], every[::2]) <= better:
                    halves = every[1::2], every[::2]
            for _ in range(n_swap_passes):
                halves = swap(Kb, *halves)
            parts.append(rows[halves[int(coins[b] > 0.5)]])
        sequence = np.concatenate(parts)
    return sequence


@pytest.mark.parametrize(
    "n, size, g, n_swap_passes",
    [
        (64, 4, 0, 1),
        (128, 8, 0, 2),
        (128, 8, 1, 0),
        (96, 6, 1, 1),
        (80, 5, 0, 1),
        (12, 3, 2, 1),
        (64, 1, 0, 1),
    ],
)
def test_plain(n, size, g, n_swap_passes, monkeypatch):
    monkeypatch.setattr(_compress, "_MIN_BUCKET", 6)
    X = data(n)
    for seed in range(2):
        found = compress(
            RBF(), X, size, g=g, n_swap_passes=n_swap_passes, random_state=seed
        )
        expected = plain_compress(RBF()(X), size, g, n_swap_passes, 6, seed)
        assert_array_equal(found, expected)


@pytest.mark.parametrize("d", [2, 10])
@pytest.mark.parametrize("g, n_bins", [(0, 1), (0, 4), (1, 1), (1, 4), (2, 1), (2, 4)])
def test_the_package_goodpoints(d, g, n_bins):
    peer = pytest.importorskip("goodpoints.compress").compress_kt
    kernel = RBF(length_scale=np.sqrt(d))
    for n in (256, 1024, 4096):
        for seed in range(2):
            X = np.random.default_rng(seed).standard_normal((n, d))
            for n_swap_passes in (0, 1):
                # Without oversampling its swaps start from a choice between equals,
                # which rounding decides.
                if g == 0 and n_swap_passes == 1:
                    continue
                expected = peer(
                    X,
                    b"gaussian",
                    k_params=np.array([2.0 * d]),
                    g=g,
                    num_bins=n_bins,
                    skip_swap=n_swap_passes == 0,
                    seed=seed,
                )
                size = expected.size
                assert size == min(2**g * np.sqrt(n * n_bins), n)
                found = _compress.halve_in_buckets(
                    kernel,
                    X,
                    np.arange(n),
                    int(np.log2(n / size)),
                    4 * size**2 // n_bins,
                    n_swap_passes=n_swap_passes,
                    threshold="goodpoints",
                    delta=0.5,
                    rng=np.random.RandomState(np.random.PCG64(seed)),
                )
                assert_array_equal(np.sort(found), np.sort(expected))
                if n_bins == 1:
                    public = compress(
                        kernel,
                        X,
                        size,
                        g=0,
                        n_swap_passes=n_swap_passes,
                        threshold="goodpoints",
                        random_state=np.random.RandomState(np.random.PCG64(seed)),
                    )
                    assert_array_equal(public, found)


def test_every_row_at_most_once():
    indices = compress(RBF(), data(3000 * 2), 375, random_state=0)
    assert len(np.unique(indices)) == 375


def test_nothing_to_do():
    sequence = np.array([4, 4, 1])
    assert_array_equal(compress(RBF(), data(5), 3, sequence), sequence)
    assert_array_equal(compress(RBF(), data(1), 1), [0])


def test_seed_decides():
    X = data(512)
    a, b, c = (compress(RBF(), X, 32, random_state=s) for s in (0, 0, 1))
    assert_array_equal(a, b)
    assert not np.array_equal(a, c)


@pytest.mark.parametrize("d, bound", [(2, 0.23), (10, 0.43), (100, 0.70)])
def test_much_closer_than_a_uniform_sample(d, bound):
    # The bounds are what Compress++ of the package goodpoints reaches with g = 0.
    X = np.random.default_rng(0).standard_normal((4096, d))
    kernel = RBF(length_scale=np.median(pdist(X[:1000])))
    K = kernel(X)
    rng = np.random.RandomState(0)
    uniform = [mmd(K, rng.choice(4096, 64, replace=False)) for _ in range(20)]
    thinned = [mmd(K, compress(kernel, X, 64, random_state=s)) for s in range(6)]
    ratio = np.mean(thinned) / np.mean(uniform)
    error = np.hypot(
        np.std(thinned) / np.mean(thinned) / np.sqrt(6),
        np.std(uniform) / np.mean(uniform) / np.sqrt(20),
    )
    assert ratio * (1 + 3 * error) < bound


def test_larger_buckets_are_better(monkeypatch):
    monkeypatch.setattr(_compress, "_MIN_BUCKET", 4)
    X = data(2048)
    kernel = RBF(length_scale=1.5)
    K = kernel(X)
    errors = np.array(
        [
            [mmd(K, compress(kernel, X, 16, g=g, random_state=s)) for s in range(12)]
            for g in (0, 2)
        ]
    )
    gain = errors[0].mean() - errors[1].mean()
    assert gain > 4 * np.hypot(*errors.std(axis=1)) / np.sqrt(12)


def test_error_falls_faster_than_that_of_a_uniform_sample():
    # A uniform sample's falls with the power -1/2 of its size.
    X = data(4096)
    kernel = RBF(length_scale=2.0)
    K = kernel(X)
    sizes = [8, 16, 32, 64, 128]
    errors = [
        np.mean([mmd(K, compress(kernel, X, m, random_state=s)) for s in range(4)])
        for m in sizes
    ]
    slope = np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert slope < -0.8


def test_unbiased():
    X = data(256)
    values = np.column_stack([X[:, 0] ** 2, np.sin(3 * X[:, 1]), X[:, 0] > 1])
    rng = np.random.RandomState(0)
    means = np.array(
        [
            values[compress(RBF(), X, 16, random_state=rng)].mean(axis=0)
            for _ in range(1500)
        ]
    )
    error = means.std(axis=0) / np.sqrt(1500)
    assert np.all(abs(means.mean(axis=0) - values.mean(axis=0)) < 4 * error)
    # Otherwise the test would be blind: a uniform sample varies much more.
    assert np.all(error < 0.7 * values.std(axis=0) / np.sqrt(16 * 1500))


def test_any_number_of_threads():
    X = data(8192, 5)
    n_threads = numba.get_num_threads()
    found = []
    try:
        for threads in (1, min(2, n_threads)):
            numba.set_num_threads(threads)
            found.append(compress(RBF(), X, 128, random_state=0))
    finally:
        numba.set_num_threads(n_threads)
    assert_array_equal(*found)


def test_float32():
    X = data(2048)
    K = RBF()(X)
    double = compress(RBF(), X, 64, random_state=0)
    single = compress(RBF(), X.astype(np.float32), 64, random_state=0)
    assert mmd(K, single) < 1.5 * mmd(K, double)
    exact = compress(RBF(), data(32), 8, random_state=0)
    assert_array_equal(
        exact, compress(RBF(), data(32).astype(np.float32), 8, random_state=0)
    )


def test_any_kernel_and_storage(monkeypatch):
    X = abs(data(512, 5))
    X[X < 0.3] = 0.0
    expected = compress(RBF(), X, 32, random_state=0)
    kernel = RBF() + WhiteNoise()
    assert_array_equal(expected, compress(kernel, X, 32, random_state=0))
    # Buckets of one size, so that the same numbers are drawn.
    monkeypatch.setattr(_compress, "_MIN_BUCKET_ALONE", _compress._MIN_BUCKET)
    for kernel, rows in [(RBF(), sp.csr_array(X)), ("precomputed", RBF()(X))]:
        assert_array_equal(expected, compress(kernel, rows, 32, random_state=0))
    K = Chi2(gamma=0.5)(X)
    found = compress(Chi2(gamma=0.5), X, 32, random_state=0)
    assert mmd(K, found) < 0.5 * mmd(K, np.arange(32))


def test_invariances():
    X = data(512, 3).round(3)
    kernel = RBF(length_scale=2.0)
    expected = compress(kernel, X, 32, random_state=0)
    for same, rows in [
        (RBF(length_scale=64.0), 32.0 * X),
        (kernel, X + np.array([5.0, -3.0, 9.0])),
        (kernel, X[:, [2, 0, 1]]),
        (kernel * 3.0, X),
    ]:
        assert_array_equal(compress(same, rows, 32, random_state=0), expected)
    other = compress(kernel, 2 * X, 32, random_state=0)
    assert not np.array_equal(other, expected)


def test_equal_rows_are_spread_evenly():
    found = compress(RBF(), np.ones((2048, 1)), 16, g=0, random_state=0)
    assert_array_equal(found // 128, np.arange(16))


def test_number_of_kernel_values():
    # What the notes say of kernels that are evaluated bucket by bucket.
    n_values = []

    def counted(X, Z):
        n_values.append(X.shape[0] * Z.shape[0])
        return RBF()(X, Z)

    for n, size, g in [(8192, 8, 0), (4096, 64, 1)]:
        n_values.clear()
        compress(make_kernel(counted), data(n), size, g=g, random_state=0)
        lists = [n >> r for r in range(int(np.log2(n // size)))]
        bound = sum(max(4 ** (g + 1) * size**2, 512 * length) for length in lists)
        assert bound / 4 < sum(n_values) <= bound


def test_sequence():
    X = data(400)
    sequence = np.random.RandomState(0).randint(400, size=512)
    found = compress(RBF(), X, 64, sequence, random_state=0)
    rows = compress(RBF(), X[sequence], 64, random_state=0)
    assert_array_equal(found, sequence[rows])
    counts = np.bincount(sequence, minlength=400)
    assert np.all(np.bincount(found, minlength=400) <= counts)
    assert mmd(RBF()(X), found, counts) < 0.5 * mmd(RBF()(X), sequence[:64], counts)


def test_within_the_memory_budget():
    X = data(8192)
    with config_context(working_memory=1):
        edges = _buckets.bucket_edges(4096, 2**40, 8)
        found = compress(RBF(), X, 512, random_state=0)
    assert 4 * 8 * np.diff(edges).max() ** 2 <= 2**20
    assert len(np.unique(found)) == 512
    K = RBF()(X)
    assert mmd(K, found) < 0.3 * mmd(K, np.arange(512))


@pytest.mark.parametrize(
    "size, params, message",
    [
        (3, {}, "n_coreset=3 rows times a power of 2, got 16 rows"),
        (32, {}, "n_coreset=32 rows times a power of 2, got 16 rows"),
        (0, {}, "n_coreset must be a positive integer, got 0"),
        (4.0, {}, "n_coreset must be a positive integer, got 4.0"),
        (4, {"g": -1}, "g must be an integer >= 0, got -1"),
        (4, {"n_swap_passes": 0.5}, "n_swap_passes must be an integer >= 0, got 0.5"),
        (4, {"threshold": "none"}, "threshold must be one of"),
        (4, {"delta": 2}, "delta must be between 0 and 1"),
    ],
)
def test_bad_arguments(size, params, message):
    with pytest.raises(ValueError, match=message):
        compress(RBF(), data(16), size, **params)


@pytest.mark.parametrize("n_swap_passes", [0, 1])
def test_values_that_are_not_finite(n_swap_passes):
    K = RBF()(data(32))
    K[5, 20] = K[20, 5] = np.nan
    with pytest.raises(ValueError, match="kernel takes values that are not finite"):
        compress("precomputed", K, 4, n_swap_passes=n_swap_passes)
