"""Compress++, against kernel thinning and against what it promises."""

import tracemalloc

import numba
import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal
from sklearn import config_context

from skkernels.coresets import _compresspp, compresspp, kt_thin
from skkernels.coresets import split_kernel as make_split_kernel
from skkernels.kernels import RBF, Matern, WhiteNoise

from ._reference import mmd


def data(n, d=2, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


@pytest.mark.parametrize("d, bound", [(2, 1.7), (10, 1.35), (100, 1.35)])
def test_nearly_as_good_as_kernel_thinning(d, bound):
    kernel = RBF(length_scale=np.sqrt(2 * d))
    ratios = []
    for n in (1024, 2500):
        errors = np.empty((5, 2))
        for seed in range(5):
            X = data(n, d, seed)
            K = kernel(X)
            errors[seed] = [
                mmd(K, compresspp(kernel, X, "sqrt", g=2, random_state=seed)),
                mmd(K, kt_thin(kernel, X, "sqrt", random_state=seed)),
            ]
        ratios.append(np.divide(*errors.mean(axis=0)))
    assert np.all(np.array(ratios) < bound)


def test_oversampling_helps():
    X = data(4096)
    kernel = RBF(length_scale=2.0)
    K = kernel(X)
    errors = [
        [
            mmd(K, compresspp(kernel, X, 64, g=g, swap_target=target, random_state=s))
            for s in range(10)
        ]
        for g, target in [(0, "compressed"), (0, "input"), (2, "compressed")]
    ]
    mean = np.mean(errors, axis=1)
    error = np.std(errors, axis=1) / np.sqrt(10)
    assert mean[0] - mean[1] > 3 * np.hypot(error[0], error[1])
    assert mean[0] - mean[2] > 3 * np.hypot(error[0], error[2])


def test_small_problems_are_kernel_thinning():
    # All rounds are those of kernel thinning, with the same draws.
    X = data(512)
    kernel = RBF()
    for seed in range(3):
        found = compresspp(kernel, X, 16, g=4, random_state=seed)
        expected = kt_thin(kernel, X, 16, n_swap_passes=1, random_state=seed)
        assert_array_equal(np.sort(found), np.sort(expected))


def test_auto():
    resolve = _compresspp.resolve_oversampling
    sizes = [1, 31, 32, 64, 65, 128, 129, 10**6]
    assert [resolve("auto", s) for s in sizes] == [10, 5, 5, 4, 3, 3, 2, 2]
    for size in sizes[:-2]:
        assert size * 2 ** (resolve("auto", size) + 1) <= 2048
    assert resolve(7, 10) == 7


@pytest.mark.parametrize("n, size", [(1000, 31), (5000, 100), (3001, 7), (777, 776)])
def test_any_size(n, size):
    X = data(n)
    K = RBF()(X)
    rng = np.random.RandomState(0)
    for replace in (True, False):
        found = compresspp(RBF(), X, size, g=1, replace=replace, random_state=0)
        assert found.shape == (size,)
        if not replace:
            assert np.unique(found).size == size
        uniform = [mmd(K, rng.choice(n, size, replace=False)) for _ in range(10)]
        assert mmd(K, found) < (0.4 if size < n // 2 else 1.0) * np.mean(uniform)


def test_all_rows_are_the_coreset():
    assert_array_equal(compresspp(RBF(), data(5), 9), np.arange(5))
    assert_array_equal(compresspp(RBF(), data(1), "sqrt"), [0])
    weights = np.array([1.0, 0.0, 2.0])
    assert_array_equal(compresspp(RBF(), data(3), 2, sample_weight=weights), [0, 2])


def test_weights():
    X = data(2000)
    kernel = RBF(length_scale=1.5)
    weights = np.where(X[:, 0] > 0, 3.0, 1.0) * np.random.RandomState(0).rand(2000)
    weights[:50] = 0.0
    K = kernel(X)
    for target in ("compressed", "input"):
        found = compresspp(
            kernel, X, 50, sample_weight=weights, swap_target=target, random_state=0
        )
        assert found.min() >= 50
        assert mmd(K, found, weights) < 0.2 * mmd(K, found)
        again = compresspp(
            kernel, X, 50, sample_weight=8 * weights, swap_target=target, random_state=0
        )
        assert_array_equal(found, again)
    # A few rows have nearly all of the weight, so that others have to fill up.
    weights = np.full(2000, 1e-9)
    weights[:5] = 1.0
    found = compresspp(
        kernel, X, 50, sample_weight=weights, replace=False, random_state=0
    )
    assert np.unique(found).size == 50
    assert np.isin(np.arange(5), found).all()


def test_weights_are_repetitions():
    # 256 rows make up the list that is halved: the same list.
    X = data(200)
    repeats = np.ones(200, dtype=int)
    repeats[:168:3] = 2
    rows = np.repeat(np.arange(200), repeats)
    assert rows.size == 256
    for seed in range(3):
        options = {"g": 1, "random_state": seed}
        found = compresspp(RBF(), X, 16, sample_weight=7.0 * repeats, **options)
        repeated = rows[compresspp(RBF(), X[rows], 16, **options)]
        assert_array_equal(np.sort(found), np.sort(repeated))


def test_invariances():
    X = data(1024, 3).round(3)
    kernel = RBF(length_scale=2.0)
    options = {"g": 1, "random_state": 0}
    expected = compresspp(kernel, X, 32, **options)
    for same, rows in [
        (RBF(length_scale=64.0), 32.0 * X),
        (kernel, X + np.array([5.0, -3.0, 9.0])),
        (kernel, X[:, [2, 0, 1]]),
        (kernel * 3.0, X),
        (kernel, X[:, [0, 1, 2, 1]] * [1, 1, 1, 0]),
    ]:
        assert_array_equal(compresspp(same, rows, 32, **options), expected)
    assert not np.array_equal(compresspp(kernel, 2 * X, 32, **options), expected)


def test_power_of_the_split_kernel():
    X = data(512)
    kernel = Matern(nu=2.5)
    rough = make_split_kernel(kernel, "power", 2, 0.75)
    options = {"g": 1, "n_swap_passes": 0, "random_state": 0}
    expected = compresspp(kernel, X, 16, split_kernel=rough, **options)
    options["split_kernel"] = "power"
    assert_array_equal(compresspp(kernel, X, 16, power=0.75, **options), expected)
    assert not np.array_equal(compresspp(kernel, X, 16, **options), expected)


def test_random_order():
    X = np.sort(data(4096, 1), axis=0)
    kernel = RBF(length_scale=0.5)
    for seed in range(3):
        found = compresspp(kernel, X, 64, g=0, order="random", random_state=seed)
        rng = np.random.RandomState(seed)
        rows = rng.permutation(4096)
        expected = rows[compresspp(kernel, X[rows], 64, g=0, random_state=rng)]
        assert_array_equal(np.sort(found), np.sort(expected))


def test_any_kernel_and_storage():
    X = data(1024)
    X[abs(X) < 0.3] = 0.0
    kernel = RBF(length_scale=2.0)
    for target in ("compressed", "input"):
        options = {"g": 1, "swap_target": target, "random_state": 0}
        expected = compresspp(kernel, X, 64, **options)
        assert_array_equal(
            expected, compresspp(kernel + WhiteNoise(), X, 64, **options)
        )
        K = kernel(X)
        uniform = np.mean([mmd(K, np.arange(1024)[i::16]) for i in range(16)])
        assert mmd(K, expected) < 0.2 * uniform
        for k, rows in [
            (kernel, sp.csr_array(X)),
            ("precomputed", K),
            (kernel, X.astype(np.float32)),
        ]:
            assert mmd(K, compresspp(k, rows, 64, **options)) < 0.2 * uniform
    found = compresspp(Matern(nu=2.5), X, 64, split_kernel="plus", random_state=0)
    assert mmd(Matern(nu=2.5)(X), found) < 0.3 * mmd(Matern(nu=2.5)(X), np.arange(64))


def test_constant_and_duplicated_rows():
    for n, g in ((500, "auto"), (4000, 0)):
        # Nothing to choose by: evenly spread, and no row twice.
        found = compresspp(RBF(), np.ones((n, 2)), 10, g=g, replace=False)
        assert_array_equal(np.sort(found) * 10 // n, np.arange(10))
    X = np.repeat(np.array([[0.0], [5.0]]), [3000, 1000], axis=0)
    found = compresspp(RBF(), X, 16, order="random", random_state=0)
    assert np.count_nonzero(X[found] > 1) == 4


def test_any_number_of_threads():
    X = data(20000, 5)
    n_threads = numba.get_num_threads()
    found = []
    try:
        for threads in (1, min(2, n_threads)):
            numba.set_num_threads(threads)
            found.append(compresspp(RBF(length_scale=3.0), X, "sqrt", random_state=0))
    finally:
        numba.set_num_threads(n_threads)
    assert_array_equal(*found)


def test_memory():
    X = data(2**16)
    compresspp(RBF(), X[:4096], 64, random_state=0)
    with config_context(working_memory=16):
        tracemalloc.start()
        compresspp(RBF(), X, "sqrt", random_state=0)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 3 * 2**24


@pytest.mark.parametrize(
    "params, message",
    [
        ({"g": -1}, "g must be an integer >= 0 or 'auto', got -1"),
        ({"g": "many"}, "g must be an integer >= 0 or 'auto', got 'many'"),
        ({"swap_target": "all"}, "swap_target must be one of .*, got 'all'"),
        ({"order": "sorted"}, "order must be one of .*, got 'sorted'"),
        ({"threshold": "none"}, "threshold must be one of"),
        ({"delta": 2}, "delta must be between 0 and 1"),
        ({"n_swap_passes": -1}, "n_swap_passes must be an integer >= 0"),
        ({"sample_weight": np.zeros(300)}, "sample_weight must hold 300"),
        ({"split_kernel": "half"}, "split_kernel must be one of"),
        ({"delta": 1.4}, "delta must be between 0 and 1, got 1.4"),
        ({"power": 0.2}, r"power must be in \[0.5, 1\), got 0.2"),
    ],
)
@pytest.mark.parametrize("size", [4, 300])
def test_bad_arguments(params, message, size):
    with pytest.raises(ValueError, match=message):
        compresspp(RBF(), data(300), size, **params)


def test_precomputed_with_a_kernel_for_the_splits():
    with pytest.raises(ValueError, match="split_kernel=.* needs the features"):
        compresspp("precomputed", RBF()(data(100)), 4, split_kernel=RBF())
