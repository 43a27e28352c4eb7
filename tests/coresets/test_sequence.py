"""Sizes of coresets and lists of rows in proportion to weights."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skkernels.coresets._sequence import (
    halving_plan,
    resolve_size,
    stratified_sequence,
)


@pytest.mark.parametrize(
    "n_coreset, n, size",
    [
        ("sqrt", 1024, 32),
        ("sqrt", 1, 1),
        ("sqrt", 99, 9),
        (5, 100, 5),
        (500, 100, 100),
        (0.25, 100, 25),
        (1.0, 7, 7),
        (1, 7, 1),
        (1e-9, 7, 1),
        (np.int64(3), 7, 3),
    ],
)
def test_size(n_coreset, n, size):
    assert resolve_size(n_coreset, n) == size


@pytest.mark.parametrize("n_coreset", [0, -1, 0.0, 1.5, "half", None, np.nan])
def test_wrong_size(n_coreset):
    with pytest.raises(ValueError, match="n_coreset must be .* got"):
        resolve_size(n_coreset, 10)


@pytest.mark.parametrize("n", range(1, 40))
def test_plan_leaves_no_row_out(n):
    for size in range(1, n + 1):
        n_rounds, length = halving_plan(n, size)
        assert (n_rounds, length) == halving_plan(np.int64(n), np.int64(size))
        assert length == size * 2**n_rounds
        assert n <= length < 2 * n or length == n


def test_equal_weights_repeat_each_row_once_or_twice():
    rng = np.random.RandomState(0)
    sequence = stratified_sequence(None, 100, 160, rng)
    counts = np.bincount(sequence, minlength=100)
    assert sequence.size == 160 and set(counts) == {1, 2}
    assert_array_equal(sequence, np.sort(sequence))
    assert_array_equal(stratified_sequence(None, 7, 7, rng), np.arange(7))
    assert_array_equal(
        stratified_sequence(None, 7, 21, rng), np.repeat(np.arange(7), 3)
    )


def test_counts_are_the_expected_ones_rounded():
    rng = np.random.RandomState(1)
    weights = rng.exponential(size=30)
    weights[[3, 29]] = 0.0
    expected = weights / weights.sum() * 64
    for _ in range(20):
        counts = np.bincount(stratified_sequence(weights, 30, 64, rng), minlength=30)
        assert counts.sum() == 64
        assert (np.abs(counts - expected) < 1).all()
        assert counts[3] == counts[29] == 0


def test_integer_weights_that_fit_need_no_draw():
    # 0.1 + 0.2 is not 0.3: the counts must be exact for all that.
    weights = np.array([0.1, 0.2, 0.3, 0.4]) * 0.7
    rng = np.random.RandomState(0)
    for _ in range(5):
        sequence = stratified_sequence(weights, 4, 1000, rng)
        assert_array_equal(np.bincount(sequence), [100, 200, 300, 400])


def test_expected_counts():
    rng = np.random.RandomState(2)
    weights = rng.exponential(size=12)
    expected = weights / weights.sum() * 17
    n_draws = 4000
    total = np.zeros(12)
    for _ in range(n_draws):
        total += np.bincount(stratified_sequence(weights, 12, 17, rng), minlength=12)
    share = expected % 1
    error = np.sqrt(share * (1 - share) / n_draws)
    assert (np.abs(total / n_draws - expected) <= 4 * error).all()


def test_weights_whose_sum_overflows():
    for unit in (1.0, 1e308, 1e-308):
        weights = unit * np.array([1.0, 0.5, 0.0, 1.0, 1.5])
        sequence = stratified_sequence(weights, 5, 8, np.random.RandomState(0))
        assert_array_equal(np.bincount(sequence), [2, 1, 0, 2, 3])
