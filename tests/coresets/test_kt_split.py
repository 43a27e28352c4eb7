"""The split of kernel thinning, against textbook formulas and against its peer."""

import tracemalloc

import numba
import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context

from skkernels.coresets import _halving, kernel_halve
from skkernels.coresets._halving import HALVINGS, THRESHOLDS, log_factors
from skkernels.coresets._kt_split import kt_split
from skkernels.kernels import (
    RBF,
    CallableKernel,
    Chi2,
    EnergyDistance,
    Laplacian,
    Matern,
    Polynomial,
    WhiteNoise,
)
from tests.ridge.test_device import cupy  # noqa: F401

from ._reference import log_factor, mmd, split


def data(n, d=3, seed=0):
    return np.random.RandomState(seed).randn(n, d)


def expected_split(K, m, seed, *, halving="adaptive", threshold="paper", delta=0.5):
    uniforms = np.random.RandomState(seed).uniform(size=(m, len(K) // 2))
    return split(K, uniforms, log_factor(threshold, delta, len(K), m or 1), halving)


@pytest.mark.parametrize("threshold", THRESHOLDS)
@pytest.mark.parametrize("halving", HALVINGS)
def test_textbook(halving, threshold, monkeypatch):
    options = {"halving": halving, "threshold": threshold, "delta": 0.3}
    for n in range(1, 41):
        # Blocks of 8 rows, or less in long lists: the last one is shorter.
        monkeypatch.setattr(_halving, "_BLOCK", 8 if n % 2 else 512)
        K = RBF()(data(n, seed=n))
        for m in range(n.bit_length()):
            found = kt_split("precomputed", K, m, random_state=n, **options)
            assert_array_equal(found, expected_split(K, m, n, **options))


@pytest.mark.parametrize("m", [1, 3, 5, 7])
@pytest.mark.parametrize("block", [8, 40, 64, 512])
def test_blocks(block, m, monkeypatch):
    monkeypatch.setattr(_halving, "_BLOCK", block)
    X = data(333)
    found = kt_split(RBF(), X, m, random_state=1)
    assert_array_equal(found, expected_split(RBF()(X), m, 1))


@pytest.mark.parametrize(
    "kernel",
    [
        Laplacian(),
        Matern(nu=1.5, length_scale=2.0),
        Polynomial(degree=2),
        Chi2(gamma=0.5),
        EnergyDistance(),
        CallableKernel(lambda A, B: RBF()(A, B)),
        0.5 * RBF() + Laplacian() + WhiteNoise(),
    ],
    ids=lambda kernel: type(kernel).__name__,
)
def test_any_kernel(kernel, monkeypatch):
    monkeypatch.setattr(_halving, "_BLOCK", 32)
    X = abs(data(120, d=20))
    kernel = kernel.resolve(X)
    found = kt_split(kernel, X, 3, random_state=0)
    K = kernel(X) if isinstance(kernel, CallableKernel) else kernel._without_noise()(X)
    assert_array_equal(found, expected_split(K, 3, 0))


def test_storage_of_rows(monkeypatch):
    monkeypatch.setattr(_halving, "_BLOCK", 32)
    X = data(300)
    X[X < 0.3] = 0.0
    expected = kt_split(RBF(), X, 4, random_state=0)
    for kernel, rows in [
        (RBF(), sp.csr_array(X)),
        (RBF(), np.asfortranarray(X)),
        ("precomputed", RBF()(X)),
        ("precomputed", np.asfortranarray(RBF()(X))),
    ]:
        assert_array_equal(expected, kt_split(kernel, rows, 4, random_state=0))


def test_sequence(monkeypatch):
    monkeypatch.setattr(_halving, "_BLOCK", 32)
    X = data(50)
    K = RBF()(X)
    sequence = np.random.RandomState(1).randint(50, size=331)
    rows = expected_split(K[np.ix_(sequence, sequence)], 5, 0)
    for kernel, values in ((RBF(), X), ("precomputed", K)):
        found = kt_split(kernel, values, 5, sequence, random_state=0)
        assert_array_equal(found, sequence[rows])


def test_sequence_that_looks_consecutive(monkeypatch):
    monkeypatch.setattr(_halving, "_BLOCK", 8)
    sequence = np.arange(64)
    sequence[20:40] = np.random.RandomState(0).permutation(sequence[20:40])
    X = data(64)
    found = kt_split(RBF(), X, 3, sequence, random_state=0)
    assert_array_equal(found, sequence[kt_split(RBF(), X[sequence], 3, random_state=0)])


@pytest.mark.parametrize("n", [1, 2, 37, 64, 1500])
def test_candidates_partition_the_sequence(n):
    X = data(n)
    sequence = np.random.RandomState(0).permutation(n)
    for m in range(n.bit_length()):
        candidates = kt_split(RBF(), X, m, sequence, random_state=m)
        size = n // 2**m
        assert candidates.shape == (2**m, size)
        assert_array_equal(
            np.sort(candidates.ravel()), np.sort(sequence[: size * 2**m])
        )
    # Each step of a candidate stems from the next 2^m rows: the order is kept.
    position = np.empty(n, dtype=int)
    position[sequence] = np.arange(n)
    assert_array_equal(
        position[candidates] >> m,
        np.broadcast_to(np.arange(candidates.shape[1]), candidates.shape),
    )


def test_one_round_is_kernel_halve():
    X = data(700)
    for threshold in THRESHOLDS:
        for halving in HALVINGS:
            options = {"threshold": threshold, "halving": halving, "random_state": 3}
            assert_array_equal(
                kt_split(RBF(), X, 1, **options), kernel_halve(RBF(), X, **options)
            )


@pytest.mark.parametrize("n", [16, 64, 256, 1024, 1003])
@pytest.mark.parametrize("d", [2, 10])
def test_agrees_with_goodpoints(n, d):
    kt = pytest.importorskip("goodpoints.kt")
    kernel = RBF(length_scale=np.sqrt(d))
    for seed in range(4):
        X = np.random.default_rng(100 + seed).standard_normal((n, d))
        K = kernel(X)
        for m in {1, 2, (n.bit_length() - 1) // 2}:
            rng = np.random.RandomState(np.random.PCG64(seed))
            found = kt_split(kernel, X, m, threshold="goodpoints", random_state=rng)
            assert_array_equal(found, kt.split_K(K, m, delta=0.5, seed=seed))


def test_log_factors():
    n, m, delta = 1000, 6, 0.3
    for threshold in THRESHOLDS:
        factors, growth = log_factors(threshold, delta, n, m)
        assert factors.shape == (m,)
        expected = log_factor(threshold, delta, n, m)
        for k in (0, 1, 57):
            found = factors + growth * np.log(k + 1)
            assert_allclose(found, [expected(j, k) for j in range(m)], atol=1e-12)
    # The probabilities of all steps of the lists that lead to one coreset.
    for threshold, total in {"paper": delta / 2, "anytime": delta}.items():
        factors, growth = log_factors(threshold, delta, n << 8, m)
        steps = [np.arange(1, 1 + (n << 8 >> (j + 1))) for j in range(m)]
        sums = [
            (2 * np.exp(-(factors[j] + growth * np.log(k)) / 2)).sum()
            for j, k in enumerate(steps)
        ]
        assert_allclose(sums, total / m, rtol=1e-3)
        assert sum(sums) <= total * (1 + 1e-12)
    # With many rounds "goodpoints" runs out of probability: the threshold is b^2.
    factors, _ = log_factors("goodpoints", 0.5, 2**20, 20)
    assert factors.min() == 0.0
    assert np.all(np.isfinite(factors))


@pytest.mark.parametrize("halving", HALVINGS)
def test_invariance(halving, monkeypatch):
    monkeypatch.setattr(_halving, "_BLOCK", 64)
    X = data(400)
    options = {"halving": halving, "random_state": 0}
    kernel = RBF(length_scale=1.5)
    expected = kt_split(kernel, X, 4, **options)
    rotation, _ = np.linalg.qr(data(3, seed=5))
    for other, rows in [
        (4e6 * kernel, X),
        (1e-9 * kernel, X),
        (kernel + 1.0, X),
        (kernel + WhiteNoise(), X),
        (kernel, X + 7.0),
        (kernel, X @ rotation),
        (kernel, X[:, [2, 0, 1]]),
        (RBF(length_scale=3.0), 2.0 * X),
    ]:
        assert_array_equal(expected, kt_split(other, rows, 4, **options))


@pytest.mark.parametrize("halving", HALVINGS)
def test_equal_rows(halving):
    # All rows alike: every pair is parted by a fair coin, except for the first one.
    found = kt_split(RBF(), np.ones((4096, 2)), 1, halving=halving, random_state=0)
    share = (found[0] % 2).mean()
    assert abs(share - 0.5) < 4 * np.sqrt(0.25 / 2048)
    assert (found[0][0] == 0) or halving == "adaptive"
    for scale in (1e-12, 1.0, 1e12):  # the coin does not depend on the scale
        again = kt_split(
            scale * RBF(), np.ones((4096, 2)), 1, halving=halving, random_state=0
        )
        assert_array_equal(again, found)
    # Nor does it depend on how k(x, x) and k(x, z) are rounded.
    X = np.repeat(data(300), 2, axis=0)
    K = RBF()(X) + 1e-15 * data(600, d=600, seed=1)
    found = kt_split("precomputed", K, 1, halving=halving, random_state=0)
    swapped = np.random.RandomState(0).uniform(size=300) <= 0.5
    swapped[0] &= halving == "adaptive"
    assert_array_equal(found[0] % 2, swapped)
    # Rows that come twice in a row are parted; of four alike there is one in each.
    X = np.repeat(data(100), 4, axis=0)
    candidates = kt_split(RBF(), X, 2, halving=halving, random_state=0)
    assert_array_equal(X[candidates], np.broadcast_to(X[::4], (4, 100, 3)))


def test_single_rows():
    assert_array_equal(kt_split(RBF(), data(1), 0), [[0]])
    candidates = kt_split(RBF(), data(32), 5, random_state=0)
    assert_array_equal(np.sort(candidates.ravel()), np.arange(32))
    first, second = kernel_halve(RBF(), data(1))
    assert first.size == second.size == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_number_of_threads(dtype, monkeypatch):
    monkeypatch.setattr(_halving, "_BLOCK", 64)
    n_threads = numba.get_num_threads()
    results = []
    for d in (3, 30):
        X = data(3000, d).astype(dtype)
        for count in sorted({1, n_threads}):
            numba.set_num_threads(count)
            try:
                results.append(kt_split(RBF(length_scale=d), X, 6, random_state=0))
            finally:
                numba.set_num_threads(n_threads)
            assert_array_equal(results[-1], results[0])
        results.clear()


def test_sums_do_not_depend_on_the_number_of_threads(monkeypatch):
    # Not only the choices: the sums that they are made from.
    n_threads = numba.get_num_threads()
    if n_threads == 1:
        pytest.skip("needs two threads")
    X = data(4000, 30)
    signs = np.sign(data(512, 7))
    columns = np.arange(512)
    sums = []
    for count in (1, n_threads):
        numba.set_num_threads(count)
        try:
            out = np.ones((3488, 7))
            rows = np.arange(512, 4000)
            _halving._add_products(RBF(5.0), X, rows, columns, signs, out)
            sums.append(out)
        finally:
            numba.set_num_threads(n_threads)
    assert_array_equal(*sums)
    K = RBF(5.0)(X[512:], X[:512])
    assert_allclose(sums[0], 1 + K @ signs, rtol=0, atol=1e-12)


def test_float32():
    X = data(2000).astype(np.float32)
    single = kt_split(RBF(), X, 1, random_state=0)
    double = kt_split(RBF(), X.astype(np.float64), 1, random_state=0)
    assert np.mean(single == double) > 0.99
    # The lists of later rounds differ from the first different choice on.
    K = RBF()(X.astype(np.float64))
    errors = [
        np.mean([mmd(K, row) for row in kt_split(RBF(), rows, 5, random_state=0)])
        for rows in (X, X.astype(np.float64))
    ]
    assert_allclose(*errors, rtol=0.1)


@pytest.mark.parametrize("d", [3, 300])
def test_within_the_memory_budget(d):
    n, m = 4000, 6
    X = data(n, d)
    kernel = RBF(length_scale=np.sqrt(d))
    whole = kt_split(kernel, X, m, random_state=0)
    with config_context(working_memory=1):
        kt_split(kernel, X[:1000], m, random_state=0)
        tracemalloc.start()
        try:
            bounded = kt_split(kernel, X, m, random_state=0)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    # Kernel values in blocks of other sizes differ by rounding.
    assert np.mean(bounded == whole) > 0.99
    # Draws and sums for each row, and a tile of 256 x 512 values per thread.
    rows = n * 8 * (m / 2 + 7 + 10)
    assert peak < rows + 2**20 + numba.get_num_threads() * 2 * 2**20
    assert peak < n * n


def test_few_long_lists_are_the_same(monkeypatch):
    # With more threads than lists, the threads share each list.
    monkeypatch.setattr(_halving, "_BLOCK", 32)
    X = data(1000)
    expected = kt_split(RBF(), X, 6, random_state=0)
    monkeypatch.setattr(_halving, "effective_n_threads", lambda: 1000)
    assert_array_equal(expected, kt_split(RBF(), X, 6, random_state=0))


def test_each_candidate_is_unbiased():
    X = data(64)
    rng = np.random.RandomState(0)
    n_draws = 1500
    f = np.c_[X, X**2, X[:, :1] > 1]
    means = []
    for _ in range(n_draws):
        candidates = kt_split(RBF(), X, 3, threshold="greedy", random_state=rng)
        means.append(f[candidates].mean(axis=1))
    means = np.array(means)
    error = means.std(axis=0) / np.sqrt(n_draws)
    assert np.all(abs(means.mean(axis=0) - f.mean(axis=0)) < 4 * error)


def test_sub_gaussian():
    # The signed sum of the kernel functions is sub-Gaussian with the constant that the
    # walk ends with (Theorem 3 of arXiv:2105.05842), so that the expected square of its
    # product with a function is at most that of the constant times the function's norm.
    from skkernels.coresets._halving_core import halve_pairs

    K = RBF()(data(64))
    rng = np.random.RandomState(0)
    squares, constants = [], []
    for _ in range(1000):
        signs = np.empty(64)
        factor = log_factors("paper", 0.5, 64, 1)[0][0]
        state, _ = halve_pairs(
            K, np.zeros(64), rng.uniform(size=32), factor, 0.0, 0, False, 0.0, signs
        )
        squares.append((K[:8] @ signs) ** 2)  # f = k(x, .), whose norm is 1
        constants.append(state)
    excess = np.array(squares) - np.array(constants)[:, None]
    assert np.all(excess.mean(axis=0) < 4 * excess.std(axis=0) / np.sqrt(1000))
    # Random signs would have 32 b^2 with b about 1.
    assert np.mean(squares) < 0.5 * 32


def test_error_falls_faster_than_at_random():
    # sqrt(n) rows of n: by Theorem 1 of arXiv:2105.05842 the error falls as n^(-1/2) up
    # to logarithms, that of random rows, whose expected square is known, as n^(-1/4).
    kernel = RBF(length_scale=2.0)
    shares = []
    for n, m in ((256, 4), (2048, 5)):
        squares, random = [], []
        for seed in range(5):
            X = data(n, 2, seed)
            K = kernel(X)
            candidates = kt_split(kernel, X, m, threshold="greedy", random_state=seed)
            signs = np.full((2**m, n), -1.0 / n)
            np.add.at(signs, (np.arange(2**m)[:, None], candidates), 2**m / n)
            squares.append(((signs @ K) * signs).sum(axis=1).mean())
            random.append((1 - K.mean()) * (2**m - 1) / (n - 1))
        shares.append(np.sqrt(np.mean(squares) / np.mean(random)))
    assert shares[0] < 0.6
    assert shares[1] < 0.75 * shares[0]  # 8^(-1/4) is 0.59


@pytest.mark.parametrize("position", [(0, 0), (0, 1), (3, 117), (118, 118), (5, 40)])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite(position, value, monkeypatch):
    monkeypatch.setattr(_halving, "_BLOCK", 32)
    K = RBF()(data(120))
    K[position] = K[position[::-1]] = value
    with pytest.raises(ValueError, match="kernel takes values that are not finite"):
        kt_split("precomputed", K, 3)
    X = data(120)
    X[position[1], 0] = np.nan
    with pytest.raises(ValueError, match="kernel takes values that are not finite"):
        kt_split(RBF(), X, 3)


@pytest.mark.parametrize(
    "params, message",
    [
        ({"n_rounds": 4}, "n_rounds must be an integer between 0 and 3 .* 10 rows"),
        ({"n_rounds": -1}, "n_rounds must be .*, got -1"),
        ({"n_rounds": 1.0}, "n_rounds must be .*, got 1.0"),
        ({"threshold": "best"}, "threshold must be one of .*paper.*'best'"),
        ({"halving": "best"}, "halving must be one of .*lowrank.*'best'"),
        ({"delta": 1.5}, "delta must be between 0 and 1, got 1.5"),
        ({"sequence": [0, 10]}, "rows between 0 and 9"),
    ],
)
def test_bad_arguments(params, message):
    with pytest.raises(ValueError, match=message):
        kt_split(RBF(), data(10), **{"n_rounds": 1, **params})


def test_device_arrays(cupy):  # noqa: F811
    X = data(1500, d=5)
    expected = kt_split(RBF(), X, 4, random_state=0)
    for kernel, values in ((RBF(), X), ("precomputed", RBF()(X))):
        found = kt_split(kernel, cupy.asarray(values), 4, random_state=0)
        assert type(found) is np.ndarray
        assert_array_equal(found, expected)
