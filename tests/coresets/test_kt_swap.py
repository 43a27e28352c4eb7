"""KT-SWAP against a version that tries everything in full."""

import numba
import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal
from sklearn import config_context

from skkernels.coresets import _kt_swap, _mean, _swap_core
from skkernels.coresets._kt_swap import kt_swap, swap_candidates
from skkernels.kernels import RBF, CallableKernel, Linear, WhiteNoise

from ._reference import mmd


def data(n, d=2, seed=0):
    return np.random.RandomState(seed).randn(n, d)


def candidates(n, size, count, seed=0):
    rng = np.random.RandomState(seed)
    return np.array([rng.permutation(n)[:size] for _ in range(count)])


def square(K, w, coreset):
    """Squared discrepancy to the rows with the weights w of any sum."""
    v = w - np.bincount(coreset, minlength=len(K)) / len(coreset)
    return v @ K @ v


def slow_swap(K, w, starts, baseline, orders, *, replace=True, allowed=None):
    """Every coreset that a step could lead to is compared in full."""
    n = len(K)
    allowed = np.ones(n, dtype=bool) if allowed is None else allowed
    best, value = baseline, square(K, w, baseline)
    for coreset in starts:
        if square(K, w, coreset) < value * (1 - 1e-12):
            best, value = coreset, square(K, w, coreset)
    best = best.copy()
    for order in orders:
        for r in order:
            x = best[r]
            values = np.full(n, np.inf)
            for y in np.flatnonzero(allowed):
                if replace or y not in best:
                    tried = best.copy()
                    tried[r] = y
                    values[y] = square(K, w, tried)
            values[x] = square(K, w, best)
            if values.min() < values[x] * (1 - 1e-11):
                best[r] = values.argmin()
    return best


def standard(n, size):
    return np.arange(n - 1, -1, -(n // size))[:size][::-1]


@pytest.mark.parametrize("replace", [True, False])
@pytest.mark.parametrize("n, size, count, n_passes", [(40, 5, 8, 1), (33, 4, 3, 3)])
def test_plain(n, size, count, n_passes, replace):
    for seed in range(5):
        X = data(n, seed=seed)
        K, w = RBF()(X), np.full(n, 1.0 / n)
        starts = candidates(n, size, count, seed)
        found = kt_swap(RBF(), X, starts, replace=replace, n_swap_passes=n_passes)
        expected = slow_swap(
            K,
            w,
            starts,
            standard(n, size),
            [range(size)] * n_passes,
            replace=replace,
        )
        assert_array_equal(found, expected)


def test_random_order():
    X = data(30)
    starts = candidates(30, 6, 2)
    rng = np.random.RandomState(5)
    orders = [rng.permutation(6) for _ in range(2)]
    expected = slow_swap(RBF()(X), np.full(30, 1 / 30), starts, standard(30, 6), orders)
    found = kt_swap(
        RBF(), X, starts, n_swap_passes=2, swap_order="random", random_state=5
    )
    assert_array_equal(found, expected)


def test_weights():
    X = data(40)
    w = np.random.RandomState(1).randint(0, 4, size=40).astype(float)
    starts = candidates(40, 6, 3)
    found = swap_candidates(
        RBF(), X, starts, sample_weight=w, baseline=starts[0], n_swap_passes=2
    )
    K = RBF()(X)
    expected = slow_swap(
        K, w / w.sum(), starts[1:], starts[0], [range(6)] * 2, allowed=w > 0
    )
    assert_array_equal(found.indices, expected)
    assert found.mmd == pytest.approx(mmd(K, found.indices, w), abs=1e-10)
    assert found.mmd_baseline == pytest.approx(mmd(K, starts[0], w), abs=1e-10)


def test_repeated_rows_and_weights_agree():
    X = data(30)
    counts = np.random.RandomState(2).randint(1, 4, size=30)
    rows = np.repeat(np.arange(30), counts)
    starts = candidates(30, 5, 4)
    weighted = swap_candidates(RBF(), X, starts, sample_weight=counts, baseline=False)
    first = np.searchsorted(rows, starts)
    repeated = swap_candidates(RBF(), X[rows], first, baseline=False)
    assert_array_equal(weighted.indices, rows[repeated.indices])
    assert weighted.mmd == pytest.approx(repeated.mmd, rel=1e-10)
    # standard thinning by weight is standard thinning of the repeated rows
    counts = np.resize([1, 2, 3], 30)  # 60 rows, in parts of 10
    rows = np.repeat(np.arange(30), counts)
    options = {"n_swap_passes": 0}
    starts = np.zeros((1, 6), dtype=int)
    weighted = kt_swap(RBF(), X, starts, sample_weight=counts, **options)
    assert_array_equal(weighted, rows[kt_swap(RBF(), X[rows], starts, **options)])


def test_every_pass_helps_and_none_hurts(monkeypatch):
    X = data(200, 3)
    starts = candidates(200, 20, 5)
    for replace in (True, False):
        results = [
            swap_candidates(RBF(), X, starts, n_swap_passes=p, replace=replace)
            for p in range(6)
        ]
        values = [result.mmd for result in results]
        assert values[0] < results[0].mmd_baseline
        assert np.all(np.diff(values) <= 0) and values[1] < 0.5 * values[0]
    # A pass that changes nothing is the last.
    calls = []
    choose = _kt_swap.choose
    monkeypatch.setattr(
        _kt_swap, "choose", lambda *args: calls.append(0) or choose(*args)
    )
    kt_swap(RBF(), X, starts, n_swap_passes=1000)
    assert len(calls) < 20 * 50


def test_a_bad_candidate_leaves_the_baseline():
    X = data(64)
    bad = np.zeros((3, 8), dtype=int)
    result = swap_candidates(RBF(), X, bad, n_swap_passes=0)
    assert_array_equal(result.indices, standard(64, 8))
    assert result.mmd == result.mmd_baseline
    # An equally good candidate does not replace it.
    same = standard(64, 8)[::-1][np.newaxis]
    assert_array_equal(kt_swap(RBF(), X, same, n_swap_passes=0), standard(64, 8))
    chosen = kt_swap(RBF(), X, bad, n_swap_passes=0, baseline=False)
    assert_array_equal(chosen, bad[0])


def test_refined_baseline():
    X = data(120, 2, seed=3)
    for seed in range(6):
        starts = candidates(120, 10, 1, seed)
        both = swap_candidates(RBF(), X, starts, refine_baseline=True)
        alone = [
            swap_candidates(RBF(), X, start[np.newaxis], baseline=False)
            for start in (standard(120, 10), starts[0])
        ]
        assert both.mmd == min(result.mmd for result in alone)
        assert both.n_swaps == sum(result.n_swaps for result in alone)


def test_two_halves_are_equally_far(monkeypatch):
    X = data(32)
    halves = np.random.RandomState(0).permutation(32).reshape(2, 16)
    K = RBF()(X)
    assert mmd(K, halves[0]) == pytest.approx(mmd(K, halves[1]), rel=1e-12)
    # Rounding does not decide between them: the first one is taken.
    for order in (halves, halves[::-1]):
        found = kt_swap(RBF(), X, order, baseline=False, n_swap_passes=0)
        assert_array_equal(found, order[0])


def test_no_repeats_also_from_repeats():
    X = data(50)
    starts = np.array([[3, 3, 3, 7, 7, 9], [1, 1, 1, 1, 1, 1]])
    for passes in (0, 1):
        found = kt_swap(RBF(), X, starts, replace=False, n_swap_passes=passes)
        assert len(np.unique(found)) == 6
    # One row is so heavy that it would be taken again and again.
    weights = np.where(np.arange(50) == 4, 500.0, 1.0)
    options = {"sample_weight": weights, "n_swap_passes": 2}
    found = kt_swap(RBF(), X, starts, replace=False, **options)
    assert len(np.unique(found)) == 6
    assert np.sum(kt_swap(RBF(), X, starts, **options) == 4) > 1
    exact = kt_swap(RBF(), X[:6], starts % 6, replace=False)
    assert_array_equal(np.sort(exact), np.arange(6))


def test_mean_zero_is_the_centred_kernel():
    # Of the kernel centred at the data, the mean over the data is zero.
    X = data(60)
    n = len(X)
    H = np.eye(n) - 1.0 / n
    K = RBF()(X)
    centred = H @ K @ H
    starts = candidates(n, 6, 4)
    options = {"baseline": starts[0], "n_swap_passes": 2}
    plain = swap_candidates("precomputed", K, starts, **options)
    zero = swap_candidates("precomputed", centred, starts, mean_zero=True, **options)
    assert_array_equal(plain.indices, zero.indices)
    assert plain.mmd == pytest.approx(zero.mmd, abs=1e-10)
    # The baseline of its own is a greedy choice.
    zero = swap_candidates("precomputed", centred, starts, mean_zero=True)
    first = np.argmin(np.diag(centred))
    second = np.argmin(np.diag(centred) + 2 * centred[first])
    baseline = kt_swap(
        "precomputed", centred, [[0, 0]], mean_zero=True, n_swap_passes=0
    )
    assert_array_equal(baseline, [first, second])
    assert zero.mmd <= zero.mmd_baseline


def test_a_known_mean():
    # Of an RBF under the standard normal distribution, in closed form.
    X = data(80)

    def mean(rows):
        return 0.5 * np.exp(-0.25 * (rows**2).sum(axis=1))

    starts = candidates(80, 20, 3)
    options = {"n_swap_passes": 5}
    result = swap_candidates(RBF(), X, starts, kernel_mean=mean, **options)
    assert result.mmd is None and result.mmd_baseline is None
    as_array = kt_swap(RBF(), X, starts, kernel_mean=mean(X), **options)
    assert_array_equal(result.indices, as_array)
    K = RBF()(X)

    def error(coreset):
        return K[np.ix_(coreset, coreset)].mean() - 2 * mean(X)[coreset].mean() + 1 / 3

    # Closer to the distribution than the rows themselves are.
    assert error(result.indices) < 0.5 * error(np.arange(80))
    towards_rows = kt_swap(RBF(), X, starts, **options)
    assert error(result.indices) < 0.5 * error(towards_rows)


def test_the_same_from_every_kind_of_input():
    X = data(70, 3)
    starts = candidates(70, 7, 3)
    expected = kt_swap(RBF(), X, starts)
    K = RBF()(X)
    for kernel, rows in (
        ("precomputed", K),
        (RBF() + WhiteNoise(3.0), X),
        (CallableKernel(lambda X, Z: RBF()(X, Z)), X),
        (RBF(), sp.csr_array(X)),
        (RBF(), np.asfortranarray(X)),
    ):
        assert_array_equal(kt_swap(kernel, rows, starts), expected)


def test_single_precision_counts_in_double():
    X = data(70, 3).astype(np.float32)
    starts = candidates(70, 7, 3)
    single = swap_candidates(RBF(), X, starts)
    double = swap_candidates(RBF(), X.astype(np.float64), starts)
    assert_array_equal(single.indices, double.indices)
    assert single.mmd == pytest.approx(double.mmd, rel=1e-12)


def test_blocks_and_threads(monkeypatch):
    X = data(300, 3)
    starts = candidates(300, 30, 4)
    expected = kt_swap(RBF(), X, starts, n_swap_passes=3)
    ordered = kt_swap(
        RBF(), X, starts, n_swap_passes=2, swap_order="random", random_state=0
    )
    with config_context(working_memory=0.02):  # four rows of the kernel at a time
        found = kt_swap(RBF(), X, starts, n_swap_passes=3)
        assert_array_equal(found, expected)
        found = kt_swap(
            RBF(), X, starts, n_swap_passes=2, swap_order="random", random_state=0
        )
        assert_array_equal(found, ordered)
    monkeypatch.setattr(_swap_core, "_ROWS", 64)
    before = numba.get_num_threads()
    try:
        for n_threads in (1, 2):
            numba.set_num_threads(n_threads)
            assert_array_equal(kt_swap(RBF(), X, starts, n_swap_passes=3), expected)
            unique = kt_swap(RBF(), X, starts, replace=False)
            assert len(np.unique(unique)) == 30
    finally:
        numba.set_num_threads(before)


def test_ties_are_not_broken_by_rounding():
    # Each row three times: a copy is as good as the row itself, and is left alone.
    X = np.tile(data(20), (3, 1))
    starts = candidates(60, 6, 1)
    refined = kt_swap(RBF(), X, starts, baseline=False, n_swap_passes=9)
    again = swap_candidates(
        RBF(), X, refined[np.newaxis], baseline=False, n_swap_passes=1
    )
    assert again.n_swaps == 0
    # Neither does it matter that rounding makes one of the copies the best.
    noise = np.random.RandomState(0).uniform(-1e-14, 1e-14, size=(60, 60))
    K = RBF()(X) * (1.0 + noise + noise.T)
    copies = [(refined + shift) % 60 for shift in (0, 20, 40)]
    for coreset in copies:
        again = swap_candidates("precomputed", K, [coreset], baseline=False)
        assert again.n_swaps == 0
    best = kt_swap("precomputed", K, copies[1:], baseline=copies[0], n_swap_passes=0)
    assert_array_equal(best, copies[0])
    # All rows equal: nothing to do.
    result = swap_candidates(RBF(), np.ones((30, 2)), candidates(30, 4, 2))
    assert result.n_swaps == 0 and result.mmd == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize(
    "options, match",
    [
        ({"n_swap_passes": -1}, "n_swap_passes must be an integer >= 0"),
        ({"swap_order": "best"}, "swap_order must be one of"),
        ({"baseline": [1, 2]}, "baseline must have 3 rows"),
        ({"baseline": [1, 2, 50]}, "baseline must hold rows between 0 and 9"),
        ({"kernel_mean": np.ones(3)}, "kernel_mean must give 10 finite numbers"),
        ({"kernel_mean": np.ones(10), "mean_zero": True}, "kernel_mean must be None"),
        ({"sample_weight": -np.ones(10)}, "sample_weight must hold 10 finite"),
        ({"sample_weight": np.ones(9)}, "sample_weight must hold 10 finite"),
        (
            {"sample_weight": np.eye(10)[0], "replace": False},
            "needs as many rows of positive weight, got 1",
        ),
    ],
)
def test_refusals(options, match):
    with pytest.raises(ValueError, match=match):
        kt_swap(RBF(), data(10), candidates(10, 3, 2), **options)


@pytest.mark.parametrize("bad", [[0, 1], [[0.5]], [[0, 10]], np.empty((2, 0), int)])
def test_bad_candidates(bad):
    with pytest.raises(ValueError, match="candidates must"):
        kt_swap(RBF(), data(10), bad)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite(value):

    X = data(12)
    K = RBF()(X)
    K[3, 5] = K[5, 3] = value
    with pytest.raises(ValueError, match="not finite"):
        kt_swap("precomputed", K, candidates(12, 3, 2))
    with pytest.raises(ValueError, match="not finite"):
        kt_swap("precomputed", K, [[3, 5]], kernel_mean=np.ones(12))


def test_rows_of_no_weight():
    X = data(60)
    weights = np.arange(60) % 3.0
    starts = candidates(60, 6, 3)
    options = {"sample_weight": weights, "n_swap_passes": 2}
    expected = swap_candidates(RBF(), X, starts, **options)
    # Far away or not a number, if they are in no candidate.
    absent = np.setdiff1d(np.arange(0, 60, 3), starts)
    assert absent.size > 3
    for value in (1e8, np.nan):
        X[absent] = value
        found = swap_candidates(RBF(), X, starts, **options)
        assert_array_equal(found.indices, expected.indices)
        assert found.mmd == pytest.approx(expected.mmd, rel=1e-12)
        assert found.mmd_baseline == pytest.approx(expected.mmd_baseline, rel=1e-12)


def test_a_far_row_does_not_hide_differences():
    # As if it were not there, although its norm is 1e16 times that of others.
    X = data(101)
    X[100] = 1e8
    kernel = Linear() + RBF()
    starts = candidates(100, 8, 4)
    options = {"baseline": starts[0], "n_swap_passes": 2}
    expected = kt_swap(kernel, X[:100], starts, **options)
    mean = np.append(_mean.mean_of_rows(kernel, X[:100]), 0.0)
    found = kt_swap(kernel, X, starts, kernel_mean=mean, **options)
    assert_array_equal(found, expected)
    assert not np.array_equal(np.sort(found), np.sort(starts[0]))


def test_flags_of_numpy():
    X = data(30)
    starts = candidates(30, 4, 2)
    for flag in (True, False):
        found = kt_swap(RBF(), X, starts, baseline=np.bool_(flag))
        assert_array_equal(found, kt_swap(RBF(), X, starts, baseline=flag))
