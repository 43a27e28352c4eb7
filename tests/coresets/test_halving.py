"""Kernel halving and swaps, against textbook formulas."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context

from skkernels.coresets import _halving, kernel_halve
from skkernels.coresets._halving import step_log_factor
from skkernels.coresets._halving_core import better_signs, halve_bucket, swap_pass
from skkernels.kernels import RBF, CallableKernel, Chi2, EnergyDistance, WhiteNoise

from ._reference import halve, imbalance, mmd, swap

LOG_FACTORS = {
    "paper": lambda n: 2 * np.log(2 * n / 0.5),
    "constant": lambda n: 2 * np.log(2 / 0.5),
    "greedy": lambda n: 0.0,
}


def data(n, d=3, seed=0):
    return np.random.RandomState(seed).randn(n, d)


@pytest.mark.parametrize("threshold", LOG_FACTORS)
@pytest.mark.parametrize("n", [1, 2, 3, 16, 61, 200])
def test_textbook(threshold, n, monkeypatch):
    monkeypatch.setattr(_halving, "_PAIRS", 7)  # several blocks, the last one shorter
    X = data(n)
    K = RBF()(X)
    for seed in range(4):
        uniforms = np.random.RandomState(seed).uniform(size=n // 2)
        expected = halve(K, uniforms, LOG_FACTORS[threshold](n))
        found = kernel_halve(RBF(), X, threshold=threshold, random_state=seed)
        assert_array_equal(found, np.array(expected, dtype=int).reshape(2, n // 2))


def test_one_of_each_pair():
    sequence = np.random.RandomState(1).permutation(101)
    first, second = kernel_halve(RBF(), data(101), sequence, random_state=0)
    pairs = np.column_stack([first, second])
    assert_array_equal(np.sort(pairs), np.sort(sequence[:100].reshape(50, 2)))
    assert 0 < (first == sequence[:100:2]).sum() < 50


def test_halves_are_closer_than_random_ones():
    X = data(1000)
    kernel = RBF(length_scale=2.0)
    K = kernel(X)
    for threshold, bound in {"paper": 0.6, "constant": 0.4, "greedy": 0.3}.items():
        errors, random = [], []
        for seed in range(10):
            first, _ = kernel_halve(kernel, X, threshold=threshold, random_state=seed)
            errors.append(mmd(K, first))
            coins = np.random.RandomState(seed).randint(2, size=500)
            random.append(mmd(K, np.arange(500) * 2 + coins))
        assert np.mean(errors) < bound * np.mean(random)


def test_either_row_of_a_pair_is_equally_likely():
    X = data(20)
    rng = np.random.RandomState(0)
    n_draws = 2000
    first = [kernel_halve(RBF(), X, random_state=rng)[0] for _ in range(n_draws)]
    share = np.mean(np.array(first) % 2, axis=0)
    assert_allclose(share, 0.5, atol=4 * np.sqrt(0.25 / n_draws))


def test_multiples_of_the_kernel_change_nothing():
    X = data(300)
    one = kernel_halve(RBF(), X, random_state=0)
    assert_array_equal(one, kernel_halve(4.0 * RBF(), X, random_state=0))
    assert_array_equal(one, kernel_halve(RBF() + 1.0, X, random_state=0))
    assert_array_equal(one, kernel_halve(RBF() + WhiteNoise(), X, random_state=0))


def test_equal_rows_are_parted_by_fair_coins():
    X = np.repeat(data(500), 2, axis=0)
    first, second = kernel_halve(RBF(), X, random_state=0)
    assert_array_equal(X[first], X[second])
    assert abs((first % 2).mean() - 0.5) < 4 * np.sqrt(0.25 / 500)
    # Rows that are parted take no part in the sum.
    X = np.r_[X[:100], data(60, seed=1)]
    uniforms = np.random.RandomState(0).uniform(size=80)
    log_factor = step_log_factor("paper", 0.5, 160)
    alone = halve(RBF()(X[100:]), uniforms[50:], log_factor)
    first, _ = kernel_halve(RBF(), X, random_state=0)
    assert_array_equal(first[50:], 100 + np.array(alone[0]))


def test_any_kernel_and_storage():
    X = abs(data(120))
    X[X < 0.3] = 0.0
    expected = kernel_halve(RBF(), X, random_state=0)
    for kernel, rows in [
        (RBF(), sp.csr_array(X)),
        (CallableKernel(lambda A, B: RBF()(A, B)), X),
        ("precomputed", RBF()(X)),
    ]:
        assert_array_equal(expected, kernel_halve(kernel, rows, random_state=0))
    for kernel in (Chi2(gamma=0.5), EnergyDistance()):
        K = kernel(X)
        uniforms = np.random.RandomState(0).uniform(size=60)
        expected = halve(K, uniforms, step_log_factor("paper", 0.5, 120))
        assert_array_equal(expected, kernel_halve(kernel, X, random_state=0))


def test_float32():
    X = data(400).astype(np.float32)
    single = kernel_halve(RBF(), X, random_state=0)
    double = kernel_halve(RBF(), X.astype(np.float64), random_state=0)
    assert np.mean(single[0] == double[0]) > 0.99


def test_within_the_memory_budget(monkeypatch):
    X = data(6000)
    whole = kernel_halve(RBF(), X, random_state=0)
    widths = []
    values = _halving.kernel_values

    def watched(kernel, X, rows, columns):
        widths.append(rows.size * columns.size * 8)
        return values(kernel, X, rows, columns)

    monkeypatch.setattr(_halving, "kernel_values", watched)
    with config_context(working_memory=1):
        assert_array_equal(kernel_halve(RBF(), X, random_state=0), whole)
    assert max(widths) <= 2**17


def test_better_of_two_halves():
    K = RBF()(data(40))
    alternating = np.tile([-1.0, 1.0], 20)
    for seed in range(6):
        signs = np.repeat(np.random.RandomState(seed).choice([-1.0, 1.0], 20), 2)
        signs[1::2] *= -1
        found, witness = signs.copy(), np.empty(40)
        better_signs(K, found, witness)
        assert_allclose(witness, K @ found, atol=1e-12)
        better = signs @ K @ signs < alternating @ K @ alternating
        assert_array_equal(found, signs if better else alternating)
    # The same halves in exchanged roles are equally good.
    found = -alternating
    better_signs(K, found, witness)
    assert_array_equal(found, alternating)


def test_swaps_are_the_best_ones():
    K = RBF()(data(30))
    half, rest = np.arange(0, 30, 2), np.arange(1, 30, 2)
    witness = K[half].sum(axis=0) - K[rest].sum(axis=0)
    before = imbalance(K, half, rest)
    while True:
        expected = swap(K, half, rest)
        n_swaps = swap_pass(K, half, rest, witness)
        assert_array_equal(half, expected[0])
        assert_array_equal(rest, expected[1])
        assert_allclose(witness, K[half].sum(axis=0) - K[rest].sum(axis=0), atol=1e-12)
        after = imbalance(K, half, rest)
        if n_swaps == 0:
            break
        assert after < before
        before = after
    assert after == before


def test_bucket_is_never_worse_than_every_second_row():
    for seed in range(20):
        K = RBF()(data(32, seed=seed))
        uniforms = np.random.RandomState(seed).uniform(size=16)
        half, rest, check = halve_bucket(K, uniforms, 20.0, 1)
        assert np.isfinite(check)
        assert_array_equal(np.sort(np.r_[half, rest]), np.arange(32))
        bound = imbalance(K, np.arange(1, 32, 2), np.arange(0, 32, 2))
        assert imbalance(K, half, rest) <= bound


@pytest.mark.parametrize("n", [16, 64, 256, 1024])
@pytest.mark.parametrize("d", [2, 10])
def test_agrees_with_goodpoints(n, d):
    kt = pytest.importorskip("goodpoints.kt")
    for seed in range(4):
        X = np.random.default_rng(100 + seed).standard_normal((n, d))
        K = RBF(length_scale=np.sqrt(d))(X)
        uniforms = np.random.default_rng(seed).random(n // 2)
        log_factor = step_log_factor("paper", 0.5, n)
        split = kt.split_K(K, 1, delta=0.5, seed=seed)
        assert_array_equal(halve_bucket(K, uniforms, log_factor, 0)[:2], split)
        thinned = kt.thin_K(K, K, 1, delta=0.5, seed=seed, unique=True)
        assert_array_equal(halve_bucket(K, uniforms, log_factor, 1)[0], thinned)


@pytest.mark.parametrize(
    "params, message",
    [
        ({"threshold": "best"}, "threshold must be one of .*paper.*'best'"),
        ({"delta": 0.0}, "delta must be between 0 and 1, got 0.0"),
        ({"delta": 1}, "delta must be between 0 and 1, got 1"),
        ({"sequence": [0.5, 1.0]}, "sequence must be a vector .* float64"),
        ({"sequence": np.zeros((2, 2), int)}, r"sequence must be a vector .*\(2, 2\)"),
        ({"sequence": []}, r"sequence must be a vector .*\(0,\)"),
        ({"sequence": [0, 10]}, "rows between 0 and 9, got numbers between 0 and 10"),
        ({"sequence": [-1, 3]}, "rows between 0 and 9, got numbers between -1 and 3"),
    ],
)
def test_bad_arguments(params, message):
    with pytest.raises(ValueError, match=message):
        kernel_halve(RBF(), data(10), **params)


@pytest.mark.parametrize("position", [(0, 0), (0, 1), (3, 17), (18, 18)])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite(position, value):
    K = RBF()(data(20))
    K[position] = K[position[::-1]] = value
    with pytest.raises(ValueError, match="kernel takes values that are not finite"):
        kernel_halve("precomputed", K)
