"""Kernel halving, against textbook formulas."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context

from skkernels.coresets import _halving, compress, kernel_halve
from skkernels.coresets._halving import (
    HALVINGS,
    THRESHOLDS,
    log_factors,
    step_log_factor,
)
from skkernels.kernels import (
    RBF,
    CallableKernel,
    Chi2,
    EnergyDistance,
    Scaled,
    Sigmoid,
    WhiteNoise,
)

from ._reference import halve, log_factor, mmd


def data(n, d=3, seed=0):
    return np.random.RandomState(seed).randn(n, d)


@pytest.mark.parametrize("threshold", THRESHOLDS)
@pytest.mark.parametrize("halving", HALVINGS)
@pytest.mark.parametrize("n", [1, 2, 3, 16, 61, 200])
def test_textbook(halving, threshold, n, monkeypatch):
    monkeypatch.setattr(_halving, "_BLOCK", 14)  # several blocks, the last one shorter
    X = data(n)
    K = RBF()(X)
    for seed in range(4):
        uniforms = np.random.RandomState(seed).uniform(size=n // 2)
        factor = log_factor(threshold, 0.5, n, 1)
        expected = halve(K, uniforms, lambda k, f=factor: f(0, k), halving)
        found = kernel_halve(
            RBF(), X, halving=halving, threshold=threshold, random_state=seed
        )
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
    sizes = []
    values = _halving.kernel_values

    def watched(kernel, X, rows, columns):
        sizes.append(rows.size * columns.size * 8)
        return values(kernel, X, rows, columns)

    monkeypatch.setattr(_halving, "kernel_values", watched)
    with config_context(working_memory=1):
        assert_array_equal(kernel_halve(RBF(), X, random_state=0), whole)
        first, _ = kernel_halve("precomputed", RBF()(X[:1000]), random_state=0)
    assert max(sizes) <= 2**17
    assert_array_equal(first, kernel_halve(RBF(), X[:1000], random_state=0)[0])


def test_step_log_factor():
    # A round of several shares the probability with the others.
    for n in (2, 100, 101):
        for threshold in ("paper", "goodpoints"):
            factor = step_log_factor(threshold, 0.25, n, 3)
            assert_allclose(factor, 2 * np.log(2 * n * 3 / 0.25))
        last = log_factor("anytime", 0.25, n, 3)(0, n // 2 - 1)
        assert_allclose(step_log_factor("anytime", 0.25, n, 3), last)
        assert_allclose(step_log_factor("constant", 0.25, n, 3), 2 * np.log(8))
        assert step_log_factor("greedy", 0.25, n, 3) == 0.0


@pytest.mark.parametrize(
    "params, message",
    [
        ({"threshold": "best"}, "threshold must be one of .*paper.*'best'"),
        ({"halving": "best"}, "halving must be one of .*adaptive.*'best'"),
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


@pytest.mark.parametrize("seed", [1, 2, 3, 5, 7])
def test_indefinite_kernels(seed):
    # The sigmoid kernel has negative squared distances; one bucket of compress is the
    # same halving, and units of the kernel matter in neither.
    kernel, X = Sigmoid(gamma=1.0, coef0=-1.0), 2.0 * data(24, seed=seed)
    K = kernel(X)
    squares = np.diag(K)[::2] + np.diag(K)[1::2] - 2 * np.diag(K, 1)[::2]
    assert squares.min() < -0.01
    uniforms = np.random.RandomState(seed).uniform(size=13)
    factor = log_factors("paper", 0.5, 24, 1)[0][0]
    expected = halve(K, uniforms[:12], factor)
    for scale in (1.0, 1e-6, 1e6):
        scaled = Scaled(kernel, scale)
        for k, rows in ((scaled, X), ("precomputed", scale * K)):
            halves = kernel_halve(k, rows, random_state=seed)
            assert_array_equal(halves, expected)
            kept = compress(k, rows, 12, n_swap_passes=0, random_state=seed)
            assert_array_equal(kept, expected[int(uniforms[12] > 0.5)])


def test_names_are_no_kernels():
    with pytest.raises(ValueError, match="kernel must be a kernel object .* got 'rbf'"):
        kernel_halve("rbf", data(8, 8))
    with pytest.raises(ValueError, match="square kernel matrix"):
        kernel_halve("precomputed", data(8, 3))
