"""Streams: levels of buffers, in any parts, merged."""

import tracemalloc

import numba
import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal

from skkernels.coresets import compresspp
from skkernels.coresets._mmd import mmd
from skkernels.coresets._stream import append, finish, merge, settle, start_stream
from skkernels.kernels import RBF

KERNEL = RBF(length_scale=2.0)


def data(n, d=2, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


def stream_of(
    X, parts, *, size="sqrt", g=1, seed=0, weights=None, threshold="paper", swaps=1
):
    rng = np.random.RandomState(seed)
    stream = start_stream(X, size, g, swaps, threshold, 0.5, rng)
    for rows in np.split(np.arange(X.shape[0]), parts):
        part = None if weights is None else weights[rows]
        stream = settle(append(stream, X[rows], part), KERNEL, np.random.RandomState(9))
    return stream


def coreset(stream):
    return finish(stream, KERNEL, np.random.RandomState(1))[:2]


def assert_equal_streams(first, second):
    assert len(first.rows) == len(second.rows)
    for name in ("rows", "numbers"):
        for a, b in zip(getattr(first, name), getattr(second, name)):
            assert_array_equal(a, b)
    assert first.n_rows == second.n_rows and first.n_halvings == second.n_halvings
    assert_array_equal(first.state[1], second.state[1])
    for a, b in zip(coreset(first), coreset(second)):
        assert_array_equal(a, b)


@pytest.mark.parametrize("size, g", [("sqrt", 0), ("sqrt", 3), (9, 2), (70, 1)])
@pytest.mark.parametrize("threshold", ["paper", "greedy"])
def test_parts_do_not_matter(size, g, threshold):
    X = data(6000)
    options = {"size": size, "g": g, "threshold": threshold}
    whole = stream_of(X, [], **options)
    rng = np.random.RandomState(0)
    for n_parts in (3, 40):
        parts = np.sort(rng.randint(6000, size=n_parts))
        assert_equal_streams(whole, stream_of(X, parts, **options))
    assert_equal_streams(
        stream_of(X[:300], [], **options),
        stream_of(X[:300], np.arange(1, 300), **options),
    )


def test_weights_are_repetitions():
    X = data(1500)
    rng = np.random.RandomState(0)
    repeats = rng.randint(0, 4, size=1500)
    weighted = stream_of(X, [400, 401], weights=repeats.astype(float))
    rows = np.repeat(np.arange(1500), repeats)
    repeated = stream_of(X[rows], [])
    for a, b in zip(weighted.rows, repeated.rows):
        assert_array_equal(a, b)
    assert_array_equal(coreset(weighted)[1], rows[coreset(repeated)[1]])


def test_fractions_of_weights_are_carried_over():
    X = data(2000)
    weights = np.random.RandomState(0).exponential(size=2000)
    for seed in range(5):
        stream = stream_of(X, [7, 900], weights=weights, seed=seed)
        assert abs(stream.total - weights.sum()) <= 1
        assert_equal_streams(stream, stream_of(X, [], weights=weights, seed=seed))
        rows, _ = coreset(stream)
        assert mmd(KERNEL, X, rows, weights) < 0.5 * mmd(KERNEL, X, X[:44], weights)
    # Before anything is halved: each row as often as its weight says, on average.
    counts = []
    for seed in range(400):
        numbers = stream_of(X[:50], [], weights=weights[:50], seed=seed).numbers[0]
        counts.append(np.bincount(numbers, minlength=50))
    assert np.all(abs(np.array(counts) - weights[:50]) < 1)
    error = np.std(counts, axis=0) / np.sqrt(400) + 1e-9
    assert np.all(abs(np.mean(counts, axis=0) - weights[:50]) < 4.5 * error)


@pytest.mark.parametrize("size, g", [("sqrt", 1), (20, 2)])
def test_what_is_held(size, g):
    n = 40000
    X = data(n)
    stream = stream_of(X, np.arange(0, n, 1999), size=size, g=g)
    assert stream.total == n
    levels = len(stream.rows)
    for level in range(levels):
        assert stream.numbers[level].size < stream.capacity(level)
        assert_array_equal(X[stream.numbers[level]], stream.rows[level])
        assert np.unique(stream.numbers[level]).size == stream.numbers[level].size
    held = sum(numbers.size for numbers in stream.numbers)
    wanted = int(np.sqrt(n)) if size == "sqrt" else size
    assert held >= 2 ** (g + 1) * wanted
    rows, numbers = coreset(stream)
    assert_array_equal(X[numbers], rows)
    assert rows.shape == (wanted, 2) and np.all(np.diff(numbers) >= 0)


@pytest.mark.parametrize(
    "size, g", [("sqrt", 0), ("sqrt", 1), ("sqrt", 2), (5, 4), (20, 2), (3, 0)]
)
def test_bound_of_what_is_held(size, g):
    X = data(500)
    stream = start_stream(X, size, g, 0, "greedy", 0.5, np.random.RandomState(0))
    for _ in range(40):
        for part in np.split(X, [3, 131]):
            stream = settle(append(stream, part), KERNEL, np.random.RandomState())
            held, n = sum(n.size for n in stream.numbers), stream.total
            if size == "sqrt":
                assert held <= max(2 ** (g + 3), 20) * np.sqrt(n)
            else:
                b = max(2 ** (g + 2) * size, 128)
                assert held <= b * np.log2(1 + n / b)


@pytest.mark.parametrize("weight, total", [(0.3, 12), (0.7, 28), (0.04, 1)])
@pytest.mark.parametrize("seed", [0, 3, 5])
def test_merge_carries_fractions_over(weight, total, seed):
    # Equal draws: all streams of one row, or none of them, have one.
    X = data(40)
    streams = [
        stream_of(X[i : i + 1], [], weights=np.array([weight]), seed=seed)
        for i in range(40)
    ]
    tree = list(streams)
    while len(tree) > 1:
        tree = [merge(*tree[i : i + 2]) for i in range(0, len(tree) - 1, 2)] + (
            tree[-1:] if len(tree) % 2 else []
        )
    chain = streams[0]
    for stream in streams[1:]:
        chain = merge(chain, stream)
    for merged in (tree[0], chain):
        assert abs(merged.total - 40 * weight) <= 1 and merged.n_rows == 40
        assert_array_equal(X[merged.numbers[0]], merged.rows[0])
        if merged.total:
            assert coreset(merged)[0].shape[1] == 2
        more = append(merged, data(50, seed=1), np.full(50, 0.5))
        assert abs(more.total - 40 * weight - 25) <= 1
    assert abs(chain.total - total) <= 1
    assert np.ptp(np.diff(chain.numbers[0])) <= 1 if chain.total > 2 else True


def test_excess_of_merged_streams():
    # No row to take away: the next one is not counted.
    def seed_with(low, high):
        return next(
            s for s in range(99) if low < np.random.RandomState(s).uniform() < high
        )

    X = data(128)
    weights = np.ones(128)
    weights[-1] = 0.5
    first = stream_of(X, [], weights=weights, g=0, seed=seed_with(0.5, 0.7))
    assert first.total == 128 and first.numbers[0].size == 0
    second = stream_of(X, [], weights=weights, g=0, seed=seed_with(0.7, 0.9))
    both = merge(merge(first, second), second)
    assert both.total == 3 * 128 and both.copies == 3 * 127.5
    after = append(both, X[:2])
    assert after.total == int(np.floor(after.copies + after.shift)) == 385


@pytest.mark.parametrize("n", [1, 2, 3, 100, 129, 511, 512, 513])
def test_few_rows(n):
    X = data(n)
    for size in ("sqrt", 1, 5, 1000):
        rows, _ = coreset(stream_of(X, [n // 2], size=size))
        wanted = int(np.sqrt(n)) if size == "sqrt" else min(size, n)
        assert rows.shape == (wanted, 2)


@pytest.mark.parametrize("d, size", [(2, "sqrt"), (10, "sqrt"), (2, 50)])
def test_as_good_as_from_all_rows(d, size):
    kernel = RBF(length_scale=np.sqrt(2 * d))
    n = 9000
    errors = np.empty((5, 2))
    for seed in range(5):
        X = data(n, d, seed)
        stream = start_stream(X, size, 1, 1, "paper", 0.5, np.random.RandomState(seed))
        stream = settle(append(stream, X), kernel, np.random.RandomState())
        rows, _, _ = finish(stream, kernel, np.random.RandomState())
        chosen = compresspp(kernel, X, size, g=1, random_state=seed)
        errors[seed] = mmd(kernel, X, rows), mmd(kernel, X, X[chosen])
    assert np.divide(*errors.mean(axis=0)) < 1.3


def test_unbiased_buffers():
    X = data(700, 1)
    values = np.column_stack([X[:, 0], X[:, 0] > 1, np.arange(700) > 600])
    sums = []
    for seed in range(600):
        stream = stream_of(X, [], g=0, seed=seed)
        assert len(stream.rows) == 3
        sums.append(
            sum(values[n].sum(axis=0) * 2.0**r for r, n in enumerate(stream.numbers))
        )
    error = np.std(sums, axis=0) / np.sqrt(600)
    assert np.all(error[:2] > 0)
    difference = abs(np.mean(sums, axis=0) - values.sum(axis=0))
    assert np.all(difference <= 4 * error + 1e-9)


def test_merge():
    X = data(30000)
    streams = [
        stream_of(part, [], seed=seed) for seed, part in enumerate(np.split(X, [11000]))
    ]
    both = settle(merge(*streams), KERNEL, np.random.RandomState())
    assert both.total == both.n_rows == 30000
    for level in range(len(both.rows)):
        assert both.numbers[level].size < both.capacity(level)
        assert_array_equal(X[both.numbers[level]], both.rows[level])
    # As good as one stream, on average.
    X = X[:10000]
    errors = np.empty((4, 2))
    for seed in range(4):
        parts = [
            stream_of(part, [], seed=10 * seed + i)
            for i, part in enumerate(np.split(X, [2000, 6000]))
        ]
        tree = merge(merge(parts[0], parts[1]), parts[2])
        tree = settle(tree, KERNEL, np.random.RandomState())
        errors[seed, 0] = mmd(KERNEL, X, coreset(tree)[0])
        errors[seed, 1] = mmd(KERNEL, X, coreset(stream_of(X, [], seed=seed))[0])
    assert np.divide(*errors.mean(axis=0)) < 1.5
    # More rows after that, in any parts.
    more = data(5000, seed=1)
    rng = np.random.RandomState()
    whole = settle(append(both, more), KERNEL, rng)
    parts = both
    for part in np.split(more, [1, 1700]):
        parts = settle(append(parts, part), KERNEL, rng)
    assert_equal_streams(whole, parts)


@pytest.mark.parametrize("size, g", [("sqrt", 0), ("sqrt", 2), (3, 0), (40, 1)])
def test_levels_are_brought_down_to_one(size, g):
    # What finish relies on: no level stands for more rows than it needs to.
    X = data(2500)
    stream = start_stream(X, size, g, 0, "greedy", 0.5, np.random.RandomState(0))
    for start in range(0, 2500, 50):
        stream = append(stream, X[start : start + 50])
        stream = settle(stream, KERNEL, np.random.RandomState())
        wanted = int(np.sqrt(stream.total)) if size == "sqrt" else size
        top = max(r for r, n in enumerate(stream.numbers) if n.size)
        assert top == 0 or 2**top * 2 ** (g + 1) * wanted <= stream.total


def test_nothing_is_changed_in_place():
    X = data(3000)
    stream = stream_of(X, [])
    before = [rows.copy() for rows in stream.rows]
    settle(append(stream, X), KERNEL, np.random.RandomState())
    settle(merge(stream, stream), KERNEL, np.random.RandomState())
    first = coreset(stream)
    for a, b in zip(before, stream.rows):
        assert_array_equal(a, b)
    assert_array_equal(first[1], coreset(stream)[1])


def test_storage():
    X = data(3000)
    X[abs(X) < 0.3] = 0.0
    expected = coreset(stream_of(X, []))[0]
    rows, _ = coreset(stream_of(sp.csr_array(X), [1000]))
    assert sp.issparse(rows) and rows.shape == expected.shape
    assert mmd(KERNEL, X, rows.toarray()) < 1.5 * mmd(KERNEL, X, expected)
    rows, _ = coreset(stream_of(X.astype(np.float32), [1000]))
    assert rows.dtype == np.float32
    assert mmd(KERNEL, X, rows.astype(float)) < 1.5 * mmd(KERNEL, X, expected)


def test_any_number_of_threads():
    X = data(20000, 5)
    n_threads = numba.get_num_threads()
    found = []
    try:
        for threads in (1, min(2, n_threads)):
            numba.set_num_threads(threads)
            found.append(stream_of(X, [1000], g=2))
    finally:
        numba.set_num_threads(n_threads)
    assert_equal_streams(*found)


def test_memory():
    stream = stream_of(data(1000), [], g=0)
    tracemalloc.start()
    for seed in range(20):
        part = data(5000, seed=seed)
        stream = settle(append(stream, part), KERNEL, np.random.RandomState())
    del part
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert stream.n_rows == 101000
    # All buffers together hold at most so many rows of 24 bytes, of the 2.4 MB that
    # have come.
    assert held < 24 * 2 * np.sqrt(stream.capacity(0) * stream.n_rows) + 2e4


def test_too_little_weight():
    stream = stream_of(data(5), [], weights=np.full(5, 1e-9))
    with pytest.raises(ValueError, match="sum to 5e-09 so far: too little for one row"):
        coreset(stream)
