"""Kernel thinning from end to end."""

import numba
import numpy as np
import pytest
from numpy.random import PCG64, RandomState
from numpy.testing import assert_array_equal
from scipy.spatial.distance import pdist

from skkernels.coresets import kernel_mean
from skkernels.coresets._kt_thin import kt_thin, thin
from skkernels.coresets._mmd import coreset_mmd
from skkernels.kernels import RBF, Matern, Scaled, WhiteNoise

from ._reference import log_factor, mmd, split
from .test_kt_swap import slow_swap


def data(n, d=2, seed=0):
    return RandomState(seed).randn(n, d)


def generator(seed):
    """The stream that NumPy's default generator has with this seed."""
    return RandomState(PCG64(seed))


def slow_thin(K_split, K, m, seed, *, threshold="paper", replace=True, n_passes=1):
    """The whole algorithm with full matrices, for n = size * 2**m."""
    n = len(K)
    uniforms = RandomState(seed).uniform(size=(m, n // 2))
    candidates = split(K_split, uniforms, log_factor(threshold, 0.5, n, m))
    size = candidates.shape[1]
    return slow_swap(
        K,
        np.full(n, 1.0 / n),
        candidates[:1] if m == 1 else candidates,
        np.arange(n - 1, -1, -(n // size))[::-1],
        [range(size)] * n_passes,
        replace=replace,
    )


@pytest.mark.parametrize("replace", [True, False])
@pytest.mark.parametrize("m, size, n_passes", [(1, 11, 1), (2, 5, 2), (4, 4, 1)])
def test_plain(m, size, n_passes, replace):
    for seed in range(4):
        X = data(size << m, seed=seed)
        K = RBF()(X)
        for kind, threshold in (("target", "paper"), ("root", "greedy")):
            found = kt_thin(
                RBF(),
                X,
                size,
                split_kernel=kind,
                threshold=threshold,
                replace=replace,
                n_swap_passes=n_passes,
                random_state=seed,
            )
            expected = slow_thin(
                K if kind == "target" else K**2,
                K,
                m,
                seed,
                threshold=threshold,
                replace=replace,
                n_passes=n_passes,
            )
            assert_array_equal(found, expected)


@pytest.mark.parametrize("n, d, seeds", [(1024, 2, 3), (1024, 10, 2), (4096, 5, 1)])
@pytest.mark.parametrize(
    "kind, unique",
    [("target", False), ("target", True), ("root", False), ("plus", False)],
)
def test_the_package_goodpoints_finds_the_same(n, d, seeds, kind, unique):
    kt = pytest.importorskip("goodpoints.kt")
    m = int(np.log2(n)) // 2
    same = total = 0
    for seed in range(seeds):
        X = np.random.default_rng(seed).standard_normal((n, d))
        kernel = RBF(np.median(pdist(X[:1000])))
        K = kernel(X)
        K_split = {"target": K, "root": K**2, "plus": K + K**2}[kind]
        expected = kt.thin_K(K_split, K, m, delta=0.5, seed=seed, unique=unique)
        found = kt_thin(
            kernel,
            X,
            n >> m,
            split_kernel=kind,
            threshold="goodpoints",
            replace=not unique,
            random_state=generator(seed),
        )
        assert found.size == expected.size
        same += len(np.intersect1d(found, expected))
        total += len(np.unique(expected))
        assert mmd(K, found) == pytest.approx(mmd(K, expected), rel=0.05)
    # All of them, but for a rare tie that rounding breaks.
    assert same >= 0.95 * total


@pytest.mark.parametrize(
    "n, size",
    [(2, 1), (3, 1), (3, 2), (7, 3), (100, 7), (129, 64), (130, 65), (50, 49)],
)
@pytest.mark.parametrize("remainder", ["inflate", "standard"])
def test_any_size(n, size, remainder):
    X = data(n)
    for replace in (True, False):
        result, n_rounds = thin(
            RBF(), X, size, remainder=remainder, replace=replace, random_state=0
        )
        assert result.indices.shape == (size,)
        assert result.indices.min() >= 0 and result.indices.max() < n
        assert result.mmd <= result.mmd_baseline
        assert result.mmd == pytest.approx(mmd(RBF()(X), result.indices), abs=1e-9)
        length = size << n_rounds
        if remainder == "inflate":
            assert n <= length < 2 * n
        else:
            assert n / 2 < length <= n
        if not replace:
            assert len(np.unique(result.indices)) == size


def test_all_rows():
    X = data(9)
    assert_array_equal(kt_thin(RBF(), X, 9), np.arange(9))
    assert_array_equal(kt_thin(RBF(), X, 20), np.arange(9))
    assert_array_equal(kt_thin(RBF(), X[:1], "sqrt"), [0])
    weights = np.array([0, 1, 2, 0, 1, 1, 1, 1, 0.5])
    assert_array_equal(
        kt_thin(RBF(), X, 7, sample_weight=weights), np.flatnonzero(weights)
    )
    result, n_rounds = thin(RBF(), X, 1.0)
    assert n_rounds == 0 and result.mmd == 0.0
    assert kt_thin(RBF(), data(100), 0.25).size == 25
    assert kt_thin(RBF(), data(101), "sqrt").size == 10


def test_weights():
    # Two clusters; the weights turn their shares around. On the scale of the kernel
    # there is nothing else to get right.
    X = np.vstack([data(300), data(100, seed=1) + 30])
    weights = np.where(X[:, 0] < 15, 1.0, 9.0)
    weights[::7] = 0.0
    kernel = RBF(6.0)
    result, _ = thin(kernel, X, 20, sample_weight=weights, random_state=0)
    assert weights[result.indices].min() > 0
    share = weights[X[:, 0] > 15].sum() / weights.sum()
    assert np.sum(X[result.indices, 0] > 15) == round(20 * share)
    expected = mmd(kernel(X), result.indices, weights)
    assert result.mmd == pytest.approx(expected, abs=1e-9)
    # Weights that are all equal are as good as none.
    options = {"random_state": 3, "order": "random"}
    assert_array_equal(
        kt_thin(RBF(), X, 20, sample_weight=np.full(400, 2.5), **options),
        kt_thin(RBF(), X, 20, **options),
    )


def test_standard_remainder_is_evenly_spaced():
    n, size = 100, 6  # 4 rounds, so that 96 rows are used
    X = data(n)
    used = np.linspace(n - 1, 0, 96).astype(int)[::-1]
    options = {"random_state": 1, "n_swap_passes": 0}
    found = kt_thin(RBF(), X, size, remainder="standard", **options)
    result, _ = thin(
        RBF(), X[used], size, kernel_mean=kernel_mean(RBF(), X)[used], **options
    )
    assert_array_equal(found, used[result.indices])


def test_order():
    # Sorted data: pairs of neighbours are good ones, pairs at random are not.
    X = np.sort(data(512, 1), axis=0)
    options = {"n_swap_passes": 0, "threshold": "greedy"}
    error = {
        order: np.mean(
            [
                thin(RBF(), X, 16, order=order, random_state=s, **options)[0].mmd
                for s in range(5)
            ]
        )
        for order in ("input", "random")
    }
    assert error["input"] < 0.5 * error["random"]


def test_seeds_and_threads():
    X = data(1000, 3)
    a, b, c = (kt_thin(RBF(), X, 30, random_state=s) for s in (0, 0, 1))
    assert_array_equal(a, b)
    assert not np.array_equal(a, c)
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        assert_array_equal(kt_thin(RBF(), X, 30, random_state=0), a)
    finally:
        numba.set_num_threads(before)


def test_what_changes_nothing():
    X = data(200, 3)
    expected = kt_thin(RBF(2.0), X, 14, random_state=0)
    Q, _ = np.linalg.qr(data(3, 3, seed=5))
    for kernel, rows in (
        (Scaled(RBF(2.0), 1e-6), X),
        (Scaled(RBF(2.0), 1e6), X),
        (RBF(2.0) + 3.0, X),
        (RBF(2.0) + WhiteNoise(1.0), X),
        (RBF(20.0), 10.0 * X),
        (RBF(2.0), X + 3.0),
        (RBF(2.0), X @ Q),
        (RBF(2.0), np.ascontiguousarray(X[:, ::-1])),
        ("precomputed", RBF(2.0)(X)),
    ):
        found = kt_thin(kernel, rows, 14, random_state=0)
        # Rounding may decide a coin or an exchange now and then.
        assert len(np.intersect1d(found, expected)) >= 13


def test_duplicated_data():
    X = data(300)
    twice = np.vstack([X, X])
    found = kt_thin(RBF(), twice, 20, random_state=0)
    error = coreset_mmd(RBF(), twice, found, None, None, kernel_mean(RBF(), twice))
    single, _ = thin(RBF(), X, 20, random_state=0)
    assert error < 2.0 * single.mmd
    constant, _ = thin(RBF(), np.ones((50, 2)), 7, random_state=0)
    assert constant.mmd == pytest.approx(0.0, abs=1e-7)


def test_mean_zero_is_the_centred_kernel():
    X = data(256)
    H = np.eye(256) - 1 / 256
    K = RBF()(X)
    centred = H @ K @ H
    options = {"random_state": 2, "order": "random"}
    zero, _ = thin("precomputed", centred, 16, mean_zero=True, **options)
    assert zero.mmd == pytest.approx(mmd(K, zero.indices), abs=1e-10)
    assert zero.mmd <= zero.mmd_baseline
    herded, _ = thin("precomputed", centred, 16, mean_zero=True, n_swap_passes=0)
    assert herded.mmd <= herded.mmd_baseline


def test_rough_kernels_need_a_large_power():
    X = data(200)
    with pytest.raises(ValueError, match=r"alpha must exceed 0\.66"):
        kt_thin(Matern(nu=0.5), X, 10, split_kernel="root")
    # After the swaps, it matters little by which kernel the rows were split.
    target, _ = thin(Matern(nu=0.5), X, 10, random_state=0)
    for kind in ("power", "plus"):
        result, _ = thin(
            Matern(nu=0.5), X, 10, split_kernel=kind, power=0.8, random_state=0
        )
        assert result.mmd < min(1.1 * target.mmd, result.mmd_baseline)


@pytest.mark.parametrize(
    "options, match",
    [
        ({"order": "sorted"}, "order must be one of"),
        ({"remainder": "drop"}, "remainder must be one of"),
        ({"split_kernel": "half"}, "split_kernel must be one of"),
        ({"threshold": "none"}, "threshold must be one of"),
        ({"halving": "none"}, "halving must be one of"),
        ({"delta": 0.0}, "delta must be between 0 and 1"),
    ],
)
def test_refusals(options, match):
    with pytest.raises(ValueError, match=match):
        kt_thin(RBF(), data(10), 2, **options)


# -- what it promises ------------------------------------------------------------------


@pytest.mark.parametrize(
    "n, d, bound",
    [
        (1024, 2, 0.30),
        (1024, 10, 0.45),
        (1024, 100, 0.72),
        (4096, 2, 0.20),
        (4096, 10, 0.38),
        (4096, 100, 0.65),
    ],
)
def test_much_closer_than_the_first_rows(n, d, bound):
    size = 2 ** (int(np.log2(n)) // 2)
    for seed in range(2 if n > 1024 else 5):
        X = np.random.default_rng(seed).standard_normal((n, d))
        kernel = RBF(np.median(pdist(X[:1000])))
        mean = kernel_mean(kernel, X)
        result, _ = thin(kernel, X, size, kernel_mean=mean, random_state=seed)
        thinned, first = (
            coreset_mmd(kernel, X, indices, None, None, mean)
            for indices in (result.indices, np.arange(size))
        )
        assert thinned < bound * first


def test_rate_in_two_dimensions():
    # Distance to the distribution itself, in closed form: N(0, I) and an RBF of length
    # 2, for sqrt(n) of n rows. It falls as n^-1/2 after thinning, as n^-1/4 by chance.
    kernel = RBF(2.0)

    def error(rows):
        mean = 0.8 * np.exp(-(rows**2).sum(axis=1) / 10)
        return np.sqrt(kernel(rows).mean() - 2 * mean.mean() + 2 / 3)

    sizes = 4.0 ** np.arange(3, 7)
    thinned, by_chance = np.zeros((2, sizes.size))
    for i, n in enumerate(sizes.astype(int)):
        s = int(np.sqrt(n))
        n_repeats = 20 if n < 4096 else 10
        for seed in range(n_repeats):
            X = np.random.default_rng(seed).standard_normal((n, 2))
            indices = kt_thin(kernel, X, s, random_state=seed)
            thinned[i] += error(X[indices]) / n_repeats
            by_chance[i] += error(X[:s]) / n_repeats
    slopes = [np.polyfit(np.log(sizes), np.log(e), 1)[0] for e in (thinned, by_chance)]
    assert slopes[0] < -0.45
    assert slopes[1] > -0.35


@pytest.mark.parametrize(
    "options, match",
    [
        ({"threshold": "none"}, "threshold must be one of"),
        ({"halving": "none"}, "halving must be one of"),
        ({"delta": -1.0}, "delta must be between 0 and 1"),
        ({"n_swap_passes": -1}, "n_swap_passes must be an integer"),
        ({"swap_order": "best"}, "swap_order must be one of"),
        ({"split_kernel": "half"}, "split_kernel must be one of"),
    ],
)
def test_refusals_if_all_rows_are_kept(options, match):
    with pytest.raises(ValueError, match=match):
        kt_thin(RBF(), data(10), 10, **options)


def test_kernels_that_are_none():
    for kernel in ("rbf", None, RBF):
        with pytest.raises(ValueError, match="kernel must be a kernel object"):
            kt_thin(kernel, data(10, 10), 3)
    with pytest.raises(ValueError, match="square kernel matrix"):
        kt_thin("precomputed", data(10), 3)
    with pytest.raises(ValueError, match="split_kernel=.* needs the features"):
        kt_thin("precomputed", RBF()(data(10)), 3, split_kernel=RBF())


def test_rows_of_no_weight_may_hold_anything():
    X = data(90)
    weights = np.arange(90) % 3.0
    options = {"sample_weight": weights, "random_state": 0}
    expected, _ = thin(RBF(), X, 9, **options)
    K = RBF()(X)
    for value in (1e8, np.nan):
        X[::3] = value
        K[::3], K[:, ::3] = value, value
        for kernel, rows in ((RBF(), X), ("precomputed", K)):
            found, _ = thin(kernel, rows, 9, **options)
            assert_array_equal(found.indices, expected.indices)
            assert found.mmd == pytest.approx(expected.mmd, rel=1e-9)


def test_the_unit_of_weights():
    X = data(60)
    weights = 1.0 + np.arange(60) % 3
    found = [
        kt_thin(RBF(), X, 7, sample_weight=weights * unit, random_state=0)
        for unit in (1.0, 2.0**1020, 2.0**-1020)
    ]
    assert_array_equal(found[1], found[0])
    assert_array_equal(found[2], found[0])
