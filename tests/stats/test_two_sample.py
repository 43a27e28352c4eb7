"""Two-sample tests: exact p-values, level, power, and the statistics themselves."""

import pickle
from itertools import combinations, product
from math import sqrt

import numba
import numpy as np
import pytest
import scipy.sparse as sp
from scipy.stats import kstest
from sklearn import config_context

from skkernels.kernels import RBF, Laplacian, Linear, WhiteNoise
from skkernels.stats import (
    AggregatedTwoSampleTestResult,
    TwoSampleTestResult,
    aggregated_compress_then_test,
    cheap_permutation_mmd_test,
    compress_then_test,
)
from skkernels.stats._samples import cut_bins, resolve_kernels, shrink_bins
from skkernels.stats._splits import decide, draw_splits

KERNEL = RBF(length_scale=0.8)


def samples(n_x=40, n_y=40, d=2, shift=0.0, seed=0):
    rng = np.random.RandomState(seed)
    X, Y = rng.normal(size=(n_x, d)), rng.normal(size=(n_y, d))
    Y[:, 0] += shift
    return X, Y


def dense_mmd2(kernel, X, Y, unbiased=False):
    """The squared MMD from dense kernel matrices."""
    Kx, Ky, Kxy = kernel(X), kernel(Y), kernel(X, Y)
    n, m = Kxy.shape
    if unbiased:
        within = (Kx.sum() - Kx.trace()) / (n * (n - 1))
        within += (Ky.sum() - Ky.trace()) / (m * (m - 1))
        return within - 2 * Kxy.mean()
    return Kx.mean() + Ky.mean() - 2 * Kxy.mean()


def brute_force(kernel, X, Y, bins, size, unbiased, paired=False):
    """Statistics of all splits of the bins, the given one first."""
    rows = np.concatenate([X[: bins[0] * size], Y[: bins[1] * size]])
    cut = rows.reshape(sum(bins), size, -1)
    if paired:
        choices = [
            [i if keep else bins[0] + i for i, keep in enumerate(signs)]
            for signs in product([True, False], repeat=bins[0])
        ]
    else:
        choices = list(combinations(range(sum(bins)), bins[0]))
    values = []
    for chosen in choices:
        others = [i for i in range(sum(bins)) if i not in chosen]
        first, second = np.concatenate(cut[list(chosen)]), np.concatenate(cut[others])
        values.append(dense_mmd2(kernel, first, second, unbiased))
    return np.array(values)


# -- exactness ------------------------------------------------------------------------


@pytest.mark.parametrize("unbiased", [True, False])
@pytest.mark.parametrize(
    "n_x, n_y, method, bins, size",
    [
        (12, 13, "permutation", (4, 4), 3),
        (11, 6, "permutation", (5, 3), 2),
        (12, 12, "wild", (6, 6), 2),
    ],
)
def test_all_splits_equal_brute_force(n_x, n_y, method, bins, size, unbiased):
    X, Y = samples(n_x, n_y, shift=1.0)
    result = cheap_permutation_mmd_test(
        X,
        Y,
        kernel=KERNEL,
        method=method,
        unbiased=unbiased,
        n_bins=sum(bins),
        random_state=0,
    )
    assert result.n_bins == bins
    expected = brute_force(KERNEL, X, Y, bins, size, unbiased, method == "wild")
    np.testing.assert_allclose(result.statistic, expected[0], rtol=0, atol=1e-13)
    np.testing.assert_allclose(
        np.sort(result.null_distribution), np.sort(expected[1:]), rtol=0, atol=1e-13
    )
    assert result.pvalue == np.mean(expected >= expected[0] - 1e-12)


@pytest.mark.parametrize("unbiased", [True, False])
@pytest.mark.parametrize("method", ["permutation", "wild"])
def test_statistic_of_the_exact_test_is_the_mmd(unbiased, method):
    X, Y = samples(96, 96, shift=0.2)
    result = cheap_permutation_mmd_test(X, Y, unbiased=unbiased, method=method)
    kernel = resolve_kernels([RBF(length_scale="median")], X, Y)[0]
    expected = dense_mmd2(kernel, X, Y, unbiased)
    np.testing.assert_allclose(result.statistic, expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("n_x, n_y", [(300, 300), (700, 260)])
@pytest.mark.parametrize("g", [0, 1])
@pytest.mark.parametrize("sparse", [False, True])
def test_statistic_is_the_mmd_of_the_coresets(n_x, n_y, g, sparse):
    X, Y = samples(n_x, n_y)
    convert = sp.csr_array if sparse else np.asarray
    result = compress_then_test(
        convert(X), convert(Y), kernel=KERNEL, g=g, n_bins=16, random_state=0
    )
    rows_x, rows_y = result.coreset_indices_x, result.coreset_indices_y
    assert np.unique(rows_x).size == rows_x.size < n_x / 2
    assert rows_x.max() < n_x
    assert rows_y.max() < n_y
    expected = dense_mmd2(KERNEL, X[rows_x], Y[rows_y])
    np.testing.assert_allclose(result.statistic, expected, rtol=0, atol=1e-12)
    # Each bin has a coreset of the same size, of its own rows.
    size = min((n_x + n_y) // 16, n_x, n_y)
    size, n_coreset = shrink_bins(size, g)
    bins = rows_x.reshape(result.n_bins[0], n_coreset) // size
    assert (bins == np.arange(result.n_bins[0])[:, None]).all()


def test_bins_are_thinned_independently_by_the_same_rule():
    # The same rows in every bin, but draws of their own: each row of the bin survives
    # about equally often in the bins of X and in those of Y.
    X = np.tile(samples(32, 1)[0], (40, 1))
    counts = np.zeros((2, 32))
    for seed in range(20):
        result = compress_then_test(X, X, g=0, n_bins=80, random_state=seed)
        rows = (result.coreset_indices_x % 32, result.coreset_indices_y % 32)
        distinct = np.unique(rows[0].reshape(40, -1), axis=0)
        assert len(distinct) > 10
        counts += [np.bincount(part, minlength=32) for part in rows]
    n_bins, kept = 40 * 20, counts.sum() / (2 * 40 * 20 * 32)
    error = sqrt(2 * kept * (1 - kept) / n_bins)
    assert np.abs(counts[0] - counts[1]).max() / n_bins < 4 * error


def test_bins_of_few_rows_are_kept_whole():
    X, Y = samples(64, 64)
    result = compress_then_test(X, Y, kernel=KERNEL, n_bins=8)
    assert result.coreset_indices_x.size == 64
    other = cheap_permutation_mmd_test(X, Y, kernel=KERNEL, unbiased=False, n_bins=8)
    assert result.statistic == other.statistic


def test_default_size_of_coresets():
    for n, kept in [(2048, 2048), (2080, 16 * 32)]:
        result = compress_then_test(*samples(n, n), n_permutations=19)
        assert result.coreset_indices_x.size == kept


@pytest.mark.parametrize("alpha", [0.1, 0.25, 0.4])
def test_the_level_of_a_decision_is_exact(alpha):
    # Whichever of exchangeable values is the given one: the chances to reject, exact in
    # the draw that decides about equality, add up to alpha.
    values = np.random.RandomState(0).randint(6, size=17).astype(float)
    grid = (np.arange(1000) + 0.5) / 1000
    chance = 0.0
    for i in range(values.size):
        rotated = np.roll(values, -i) + 1e-15 * i
        chance += np.mean([decide(rotated, alpha, u, 1e-12)["reject"] for u in grid])
    assert chance / values.size == pytest.approx(alpha, abs=1e-3)


def test_rejects_if_and_only_if_the_pvalue_is_small():
    values = np.random.RandomState(0).uniform(size=100)
    for i in range(100):
        decision = decide(np.roll(values, i), 0.05, 0.0, 1e-12)
        assert decision["reject"] == (decision["pvalue"] <= 0.05)
        assert decision["reject"] == (decision["statistic"] > decision["threshold"])


def test_a_level_between_two_ranks():
    # 0.05 of 30 is 1.5: the largest rejects, the second largest half of the time.
    values = np.random.RandomState(0).uniform(size=30)
    grid = (np.arange(100) + 0.5) / 100
    chances = np.zeros(30)
    for i in range(30):
        decisions = [decide(np.roll(values, -i), 0.05, u, 1e-12) for u in grid]
        rank = round(30 * decisions[0]["pvalue"])
        chances[rank - 1] = np.mean([d["reject"] for d in decisions])
        for d in decisions:
            if d["reject"] != (d["pvalue"] <= 0.05):
                assert d["statistic"] == d["threshold"]
    assert chances == pytest.approx([1.0, 0.5] + 28 * [0.0])
    # The same of a whole test, where the draw falls for a rejection.
    X, Y = samples(30, 40, shift=0.8)
    results = [
        cheap_permutation_mmd_test(X, Y, n_permutations=29, random_state=seed)
        for seed in range(40)
    ]
    draws = [r for r in results if r.statistic == r.threshold]
    assert {r.pvalue for r in draws} == {2 / 30}
    assert {r.reject for r in draws} == {True, False}
    assert all(r.reject == (r.pvalue <= 0.05) for r in results if r not in draws)


@pytest.mark.parametrize("paired", [False, True])
def test_random_splits_are_uniform(paired):
    drawn = draw_splits(4, 4, 60, np.random.RandomState(0), paired=paired)
    assert (drawn[0] == [True] * 4 + [False] * 4).all()
    n = 16 if paired else 61
    assert drawn.shape == (n, 8)
    drawn = draw_splits(6, 6, 800, np.random.RandomState(0), paired=paired)[1:]
    assert (drawn.sum(axis=1) == 6).all()
    if paired:
        assert (drawn[:, :6] != drawn[:, 6:]).all()
        assert len(drawn) == 63
        assert len(np.unique(drawn, axis=0)) == 63
    else:
        # Every bin is in X half of the time, within 4 standard errors.
        assert np.abs(drawn.mean(axis=0) - 0.5).max() < 4 * 0.5 / sqrt(800)


# -- level ----------------------------------------------------------------------------

N_NULL = 400


def drifting_pairs(rng):
    """Pairs that depend on each other, with a distribution that changes."""
    common = rng.normal(size=(40, 1))
    drift = np.linspace(0.0, 3.0, 40)[:, None]
    return common + rng.normal(size=(2, 40, 1)) * (0.2 + drift) + drift


def normal_rows(n_x, n_y):
    return lambda rng: (rng.normal(size=(n_x, 1)), rng.normal(size=(n_y, 1)))


def binary_rows(n_x, n_y, levels, dtype):
    """Categories, one-hot encoded: many splits have equal statistics."""

    def draw(rng):
        Z = [np.eye(k)[rng.randint(k, size=n_x + n_y)] for k in levels]
        Z = np.hstack(Z).astype(dtype)
        return Z[:n_x], Z[n_x:]

    return draw


THINNED = {"g": 0, "n_bins": 9}
NULL_CASES = {
    "compress": (compress_then_test, normal_rows(22, 27), THINNED),
    "features": (
        compress_then_test,
        normal_rows(22, 27),
        {**THINNED, "n_random_features": 9, "kernel": "exponential"},
    ),
    "cheap": (cheap_permutation_mmd_test, normal_rows(60, 31), {}),
    "biased": (cheap_permutation_mmd_test, normal_rows(30, 30), {"unbiased": False}),
    "wild": (cheap_permutation_mmd_test, drifting_pairs, {"method": "wild"}),
    "aggregated": (
        aggregated_compress_then_test,
        normal_rows(22, 27),
        {**THINNED, "gammas": [0.1, 2.0]},
    ),
    "ties": (cheap_permutation_mmd_test, binary_rows(9, 7, [2], np.float64), {}),
    "ties, float32": (
        cheap_permutation_mmd_test,
        binary_rows(8, 8, [5, 3], np.float32),
        {"n_bins": 8},
    ),
}


@pytest.mark.parametrize("case", sorted(NULL_CASES))
def test_level_and_pvalues_of_equal_distributions(case):
    test, draw, params = NULL_CASES[case]
    rejections, pvalues = 0, []
    for seed in range(N_NULL):
        rng = np.random.RandomState(seed)
        result = test(*draw(rng), n_permutations=99, random_state=rng, **params)
        rejections += result.reject
        pvalues.append(result.pvalue)
    # About 2.75 standard errors (0.011) to either side of 0.05.
    assert 0.02 <= rejections / N_NULL <= 0.08
    if case in ("aggregated", "ties", "ties, float32"):  # ties make p-values larger
        assert np.mean(np.array(pvalues) <= 0.05) <= 0.08
    else:
        spread = np.array(pvalues) - np.random.RandomState(0).uniform(size=400) / 100
        assert kstest(spread, "uniform").pvalue > 0.001


@pytest.mark.parametrize("unbiased", [True, False])
@pytest.mark.parametrize("levels", [[2], [3, 4], [9, 5]])
def test_ties_do_not_depend_on_the_precision(levels, unbiased):
    # Exact arithmetic: splits are equal if their counts of distances are.
    X, Y = binary_rows(5, 6, levels, np.float64)(np.random.RandomState(0))
    kernel = RBF(length_scale=1.7)
    results = [
        cheap_permutation_mmd_test(
            X.astype(dtype), Y.astype(dtype), kernel=kernel, unbiased=unbiased,
            n_permutations=10_000, random_state=0,
        )
        for dtype in (np.float32, np.float64)
    ]  # fmt: skip
    exact = brute_force(kernel, X, Y, (5, 6), 1, unbiased)
    distinct = np.unique(exact.round(10)).size
    assert distinct < exact.size / 3
    for result in results:
        found = np.append(result.null_distribution, result.statistic)
        steps = np.diff(np.sort(found))
        assert (steps > 1e-10).sum() == distinct - 1
        assert steps[steps <= 1e-10].max() < 1e-13
        assert result.pvalue == np.mean(exact > exact[0] - 1e-10)


def test_equal_rows_reject_by_the_draw_alone():
    X = np.ones((16, 2))
    results = [compress_then_test(X, X, random_state=seed) for seed in range(200)]
    assert all(result.pvalue == 1.0 for result in results)
    share = np.mean([result.reject for result in results])
    assert abs(share - 0.05) < 3 * sqrt(0.05 * 0.95 / 200)


def test_bandwidth_does_not_know_the_samples():
    # Bit by bit the same, whichever sample a row is in, and in whatever order.
    rng = np.random.RandomState(0)
    Z = rng.normal(size=(1500, 3)) * [1.0, 1e-3, 1e3]
    Z[700:] = Z[:800]
    kernels = [RBF(length_scale=rule) for rule in ("median", "scale", "mean")]
    kernels.append(Laplacian(gamma="median"))
    expected = resolve_kernels(kernels, Z[:700], Z[700:])
    for _ in range(3):
        Z = Z[rng.permutation(1500)]
        assert resolve_kernels(kernels, Z[:1000], Z[1000:]) == expected


# -- power ----------------------------------------------------------------------------


def rejections(test, n, shift, d=2, n_runs=60, **params):
    return np.array(
        [
            test(
                *samples(n, n, d, shift, seed),
                n_permutations=199,
                random_state=seed,
                **params,
            ).reject
            for seed in range(n_runs)
        ]
    )


def difference_in_errors(more, less):
    """The mean of paired differences in units of its standard error."""
    difference = more.astype(float) - less
    return difference.mean() / (difference.std() / sqrt(difference.size) + 1e-12)


def test_power_grows_with_the_samples_and_with_the_coresets():
    power = {
        (n, g): rejections(compress_then_test, n, 0.2, d=10, g=g, gamma=0.05, n_bins=16)
        for n, g in [(320, 0), (1280, 0), (1280, 2)]
    }
    assert difference_in_errors(power[1280, 0], power[320, 0]) > 2
    assert difference_in_errors(power[1280, 2], power[1280, 0]) > 2
    # The coresets of g = 2 lose next to nothing against all pairs.
    exact = rejections(
        cheap_permutation_mmd_test, 1280, 0.2, d=10, gamma=0.05, n_bins=16
    )
    assert power[1280, 2].mean() > exact.mean() - 0.1


def test_wild_exchanges_find_as_much():
    params = {"n": 200, "shift": 0.3, "gamma": 0.2}
    wild = rejections(cheap_permutation_mmd_test, method="wild", **params)
    other = rejections(cheap_permutation_mmd_test, **params)
    assert other.mean() > 0.4
    assert abs(difference_in_errors(wild, other)) < 3


def test_aggregated_power_is_near_that_of_the_best_kernel():
    def power(test, **params):
        found = []
        for seed in range(50):
            X, Y = np.random.RandomState(seed).uniform(size=(2, 256, 1))
            Y += 0.04 * np.sin(20 * np.pi * Y)
            result = test(
                X, Y, random_state=seed, n_permutations=499, n_bins=16, **params
            )
            found.append(result.reject)
        return np.array(found)

    gammas = [1.0, 1000.0]
    wide, narrow = (power(compress_then_test, gamma=gamma) for gamma in gammas)
    both = power(aggregated_compress_then_test, gammas=gammas)
    assert wide.mean() < 0.3
    assert narrow.mean() > 0.7
    assert difference_in_errors(both, wide) > 4
    # Bonferroni's correction halves the level; the aggregate is no worse than that.
    halved = power(compress_then_test, gamma=gammas[1], alpha=0.025)
    assert both.mean() >= halved.mean() - 0.1


# -- parts ----------------------------------------------------------------------------


def test_aggregated_statistics_and_pvalues():
    X, Y = samples(90, 60, shift=0.5)
    gammas, weights = [0.2, 1.0, 5.0], np.array([2.0, 1.0, 1.0])
    result = aggregated_compress_then_test(
        X, Y, gammas=gammas, weights=weights, n_permutations=399, random_state=3
    )
    assert isinstance(result, AggregatedTwoSampleTestResult)
    assert [kernel.gamma_value for kernel in result.kernels] == pytest.approx(gammas)
    x, y = X[result.coreset_indices_x], Y[result.coreset_indices_y]
    expected = [dense_mmd2(kernel, x, y) for kernel in result.kernels]
    np.testing.assert_allclose(result.kernel_statistics, expected, rtol=0, atol=1e-12)
    assert result.statistic == pytest.approx(max(weights / 4 / result.kernel_pvalues))
    above = result.kernel_statistics > result.kernel_thresholds
    assert above.any() == (result.statistic > result.threshold)
    # One kernel alone is the plain test: the same bins, draws and p-value.
    alone = aggregated_compress_then_test(X, Y, gammas=[1.0], random_state=3)
    plain = compress_then_test(X, Y, gamma=1.0, n_permutations=1999, random_state=3)
    assert alone.pvalue == alone.kernel_pvalues[0] == plain.pvalue
    assert alone.reject == plain.reject
    assert alone.kernel_thresholds[0] == pytest.approx(plain.threshold)


def test_default_scales_follow_the_metric():
    X, Y = samples()
    for name, power in (("rbf", 2.0), ("laplacian", 1.0)):
        kernels = aggregated_compress_then_test(X, Y, kernels=name).kernels
        scales = [kernel.gamma_value for kernel in kernels]
        np.testing.assert_allclose(np.diff(np.log2(scales)), power)
    listed = aggregated_compress_then_test(X, Y, kernels=["rbf", Laplacian(0.1)])
    assert listed.kernels[0].gamma_value == pytest.approx(scales_of_rbf(X, Y))
    assert listed.kernels[1] == Laplacian(0.1)


def scales_of_rbf(X, Y):
    distances = np.linalg.norm(
        np.concatenate([X, Y])[:, None] - np.concatenate([X, Y]), axis=-1
    )
    median = np.median(distances[np.triu_indices(len(X) + len(Y), 1)])
    return 0.5 / median**2


def test_many_random_features_approach_the_kernel():
    X, Y = samples(200, 150, shift=0.4)
    params = {"kernel": 2.0 * KERNEL, "random_state": 0}
    exact = compress_then_test(X, Y, **params)
    errors = []
    for n_features in (100, 10_000):
        result = compress_then_test(X, Y, n_random_features=n_features, **params)
        np.testing.assert_array_equal(result.coreset_indices_x, exact.coreset_indices_x)
        errors.append(abs(result.statistic - exact.statistic))
    # The statistic is a mean over frequencies of numbers about its own size.
    assert errors[1] < 4 * exact.statistic / sqrt(5_000)
    assert errors[1] < errors[0]


def test_features_do_not_depend_on_the_storage_nor_on_the_origin():
    X, Y = samples(60, 60, d=3)
    params = {"kernel": KERNEL, "n_random_features": 50, "random_state": 0}
    dense = compress_then_test(X, Y, **params)
    sparse = compress_then_test(sp.csr_array(X), sp.csr_array(Y), **params)
    moved = compress_then_test(X + 100.0, Y + 100.0, **params)
    for other in (sparse, moved):
        assert other.statistic == pytest.approx(dense.statistic, rel=1e-9)


@pytest.mark.parametrize(
    "test",
    [
        compress_then_test,
        cheap_permutation_mmd_test,
        aggregated_compress_then_test,
    ],
)
def test_forms_of_input(test):
    X, Y = samples(300, 200, d=1, shift=0.3)
    result = test(X, Y, random_state=0)
    for x, y in [
        (X.ravel(), Y.ravel()),
        (sp.csr_array(X), Y),
        (X.tolist(), sp.csr_array(Y)),
    ]:
        other = test(x, y, random_state=0)
        assert other.statistic == pytest.approx(result.statistic, abs=1e-9)
        assert other.pvalue == pytest.approx(result.pvalue, abs=0.01)
    single = test(X.astype(np.float32), Y.astype(np.float32), random_state=0)
    assert single.statistic == pytest.approx(result.statistic, rel=0.2)
    assert isinstance(single.statistic, float)


def test_single_precision_loses_little():
    X, Y = samples(200, 150, d=30)
    x, y = X.astype(np.float32), Y.astype(np.float32)
    result = cheap_permutation_mmd_test(x, y, kernel=RBF(length_scale=5.0))
    x, y = x[result.coreset_indices_x], y[result.coreset_indices_y]
    expected = dense_mmd2(RBF(length_scale=5.0), x.astype(float), y.astype(float), True)
    assert result.statistic == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("working_memory", [0.05, 1024])
@pytest.mark.parametrize(
    "test, params",
    [
        (compress_then_test, {"g": 0}),
        (compress_then_test, {"g": 0, "n_random_features": 64}),
        (cheap_permutation_mmd_test, {}),
        (aggregated_compress_then_test, {"g": 1, "gammas": [0.1, 1.0]}),
    ],
)
def test_threads_change_nothing(test, params, working_memory):
    X, Y = samples(4500, 4200)
    params = {**params, "n_bins": 8, "random_state": 0}
    before, results = numba.get_num_threads(), []
    try:
        for n_threads in (1, numba.config.NUMBA_NUM_THREADS):
            numba.set_num_threads(n_threads)
            with config_context(working_memory=working_memory):
                results.append(test(X, Y, **params))
    finally:
        numba.set_num_threads(before)
    first, second = results
    assert first.statistic == second.statistic
    np.testing.assert_array_equal(first.null_distribution, second.null_distribution)
    np.testing.assert_array_equal(first.coreset_indices_x, second.coreset_indices_x)


def test_white_noise_does_not_count():
    X, Y = samples()
    plain = compress_then_test(X, Y, kernel=KERNEL, random_state=0)
    noisy = compress_then_test(X, Y, kernel=KERNEL + WhiteNoise(0.5), random_state=0)
    assert noisy.statistic == pytest.approx(plain.statistic, abs=1e-14)


def test_shuffling():
    X, Y = samples(64, 64)
    order = np.argsort(X[:, 0])
    results = [
        compress_then_test(X[order], Y, shuffle=shuffle, g=0, n_bins=8, random_state=0)
        for shuffle in (False, True)
    ]
    spread = [
        np.ptp(X[order][r.coreset_indices_x, 0].reshape(4, -1).mean(axis=1))
        for r in results
    ]
    assert spread[1] < 0.5 * spread[0]
    # "wild" keeps row i of X beside row i of Y.
    wild = cheap_permutation_mmd_test(X, Y, method="wild", shuffle=True, random_state=0)
    np.testing.assert_array_equal(wild.coreset_indices_x, wild.coreset_indices_y)
    assert (wild.coreset_indices_x != np.arange(64)).any()


@pytest.mark.parametrize(
    "n_x, n_y, n_bins, bins, size",
    [
        (1024, 1024, "auto", (16, 16), 64),
        (1000, 300, "auto", (27, 8), 37),
        (10_000, 40, "auto", (256, 8), 5),
        (10, 12, "auto", (10, 12), 1),
        (1000, 300, 32, (25, 7), 40),
        (100, 100, 10_000, (100, 100), 1),
    ],
)
def test_bins(n_x, n_y, n_bins, bins, size):
    assert cut_bins(n_x, n_y, n_bins, 0.05) == (bins, size)


def test_sizes_of_coresets():
    for size in range(1, 700):
        for g in range(5):
            used, n_coreset = shrink_bins(size, g)
            n_rounds = (used // n_coreset).bit_length() - 1
            assert n_coreset << n_rounds == used
            assert size - 2**n_rounds < used <= size
            if n_rounds:
                wanted = 2**g * sqrt(size)
                assert wanted / sqrt(2) - 1 < n_coreset <= wanted * sqrt(2)
            else:
                assert used == n_coreset == size


def test_result():
    X, Y = samples(64, 64)
    result = compress_then_test(X, Y, random_state=0)
    assert isinstance(result, TwoSampleTestResult)
    text = repr(result)
    for name in ("statistic=", "pvalue=", "reject=False", "n_bins=(16, 16)"):
        assert name in text
    assert "null_distribution=<999 values>" in text
    with pytest.raises(AttributeError):
        result.pvalue = 0.0
    copy = pickle.loads(pickle.dumps(result))
    assert copy.statistic == result.statistic
    assert repr(copy) == text
    again = compress_then_test(X, Y, random_state=0)
    np.testing.assert_array_equal(again.null_distribution, result.null_distribution)


# -- errors ---------------------------------------------------------------------------

X16, Y16 = samples(16, 16)


@pytest.mark.parametrize(
    "test",
    [
        compress_then_test,
        cheap_permutation_mmd_test,
        aggregated_compress_then_test,
    ],
)
@pytest.mark.parametrize(
    "X, Y, params, message",
    [
        (X16[:3], Y16[:3], {}, "At least 4 rows in each"),
        (X16, Y16, {"n_bins": 4}, "n_bins of at least 8"),
        (X16, Y16, {"n_bins": 1}, "n_bins must be"),
        (X16, Y16[:, :1], {}, "equally many features, got 2 and 1"),
        (X16, np.full((16, 2), np.nan), {}, "Input Y contains NaN"),
        (np.full((16, 2), np.inf), Y16, {}, "Input X contains infinity"),
        (X16, Y16, {"alpha": 1.5}, "alpha must be"),
        (X16, Y16, {"n_permutations": 18}, "n_permutations must be .* at least 19"),
        (X16, Y16, {"n_permutations": 99.0}, "n_permutations must be"),
        (X16, Y16, {"shuffle": "yes"}, "shuffle must be True or False, got 'yes'"),
        (X16, Y16, {"shuffle": 1}, "shuffle must be True or False, got 1"),
    ],
)
def test_errors_of_all(test, X, Y, params, message):
    with pytest.raises(ValueError, match=message):
        test(X, Y, **params)


@pytest.mark.parametrize(
    "test, params, error, message",
    [
        (compress_then_test, {"g": -1}, ValueError, "g must be"),
        (compress_then_test, {"g": "large"}, ValueError, "g must be"),
        (compress_then_test, {"kernel": "precomputed"}, ValueError, "Unknown kernel"),
        (compress_then_test, {"n_random_features": 0}, ValueError, "n_random_features"),
        (
            compress_then_test,
            {"kernel": Linear(), "n_random_features": 8},
            TypeError,
            "no random Fourier features",
        ),
        (cheap_permutation_mmd_test, {"method": "block"}, ValueError, "method must"),
        (cheap_permutation_mmd_test, {"unbiased": None}, ValueError, "unbiased must"),
        (aggregated_compress_then_test, {"gammas": [-1.0]}, ValueError, "gammas must"),
        (aggregated_compress_then_test, {"kernels": []}, ValueError, "kernels must"),
        (
            aggregated_compress_then_test,
            {"kernels": [KERNEL], "gammas": [1.0]},
            ValueError,
            "must be 'auto'",
        ),
        (aggregated_compress_then_test, {"kernels": "linear"}, ValueError, "has none"),
        (
            aggregated_compress_then_test,
            {"weights": [1.0, 0.0, 1.0, 1.0, 1.0]},
            ValueError,
            "weights must be 5",
        ),
    ],
)
def test_errors(test, params, error, message):
    with pytest.raises(error, match=message):
        test(X16, Y16, **params)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_errors_of_sizes():
    with pytest.raises(ValueError, match="equal size, got 16 and 15"):
        cheap_permutation_mmd_test(X16, Y16[:15], method="wild")
    with pytest.raises(ValueError, match="At least|at least"):
        cheap_permutation_mmd_test(samples(99, 1)[0], np.zeros((1, 2)))
    with pytest.raises(ValueError, match="not finite"):
        cheap_permutation_mmd_test(X16 * 1e200, Y16, kernel=Linear())
    # What counts is the number of splits: 2 rows against 40 have enough of them.
    result = cheap_permutation_mmd_test(*samples(2, 40, shift=9.0), random_state=0)
    assert result.pvalue <= 0.05 and result.reject
    assert cheap_permutation_mmd_test(*samples(2, 5)).n_bins == (2, 5)
    for sizes in ((2, 4), (3, 3)):
        with pytest.raises(ValueError, match="so few ways"):
            cheap_permutation_mmd_test(*samples(*sizes))


def test_device_arrays_are_refused(monkeypatch):
    monkeypatch.setattr("skkernels.stats._samples.is_cupy", lambda Z: Z is Y16)
    with pytest.raises(TypeError, match="Y is a CuPy array"):
        compress_then_test(X16, Y16)


def test_indefinite_kernels_warn():
    with pytest.warns(UserWarning, match="not positive semi-definite"):
        compress_then_test(X16, Y16, kernel="sigmoid", gamma=1.0)
