"""Draws of several Markov chains in one array."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skkernels.thinning._chains import combine_chains
from skkernels.thinning._kernel_thinning import KernelThinning


def chains(lengths, d=2):
    rng = np.random.RandomState(0)
    return [rng.randn(length, d) for length in lengths]


@pytest.mark.parametrize("order", ["interleave", "concatenate"])
@pytest.mark.parametrize("warmup", [0, 3])
def test_every_draw_is_there_once(order, warmup):
    given = chains([10, 4, 25])
    X, chain_ids, draw_ids = combine_chains(given, order=order, warmup=warmup)
    assert X.shape == (39 - 3 * warmup, 2)
    for row, i, j in zip(X, chain_ids, draw_ids):
        assert_array_equal(row, given[i][j])
    assert len(set(zip(chain_ids, draw_ids))) == len(X)
    assert draw_ids.min() == warmup
    for i in range(3):  # time goes forward in each chain
        assert np.all(np.diff(draw_ids[chain_ids == i]) == 1)


def test_equal_chains_take_turns():
    array = np.arange(24.0).reshape(3, 4, 2)
    X, chain_ids, draw_ids = combine_chains(array, order="interleave")
    assert_array_equal(X, array.transpose(1, 0, 2).reshape(12, 2))
    assert_array_equal(chain_ids, np.tile(np.arange(3), 4))
    assert_array_equal(draw_ids, np.repeat(np.arange(4), 3))
    X, chain_ids, draw_ids = combine_chains(array)
    assert_array_equal(X, array.reshape(12, 2))
    assert_array_equal(chain_ids, np.repeat(np.arange(3), 4))


def test_chains_of_any_length_go_at_the_same_pace():
    lengths = [7, 31, 100]
    _, chain_ids, _ = combine_chains(chains(lengths), order="interleave")
    for i, length in enumerate(lengths):
        done = np.cumsum(chain_ids == i) / length
        assert np.abs(done - np.arange(1, 139) / 138).max() < 1 / length


def test_precision_and_shapes():
    single = [chain.astype(np.float32) for chain in chains([3, 4])]
    assert combine_chains(single)[0].dtype == np.float32
    assert combine_chains([single[0], chains([5])[0]])[0].dtype == np.float64
    assert combine_chains([[1, 2], [3]])[0].shape == (3, 1)


def test_chains_of_equal_weight():
    # Two modes, one chain in each: the short one counts as much as the long one.
    given = chains([900, 100])
    given[1] += 10.0
    X, chain_ids, _ = combine_chains(given)
    weights = 1.0 / np.bincount(chain_ids)[chain_ids]
    thinning = KernelThinning(20, random_state=0).fit(X, sample_weight=weights)
    assert np.sum(chain_ids[thinning.sample_indices_] == 1) == 10
    plain = KernelThinning(20, random_state=0).fit(X)
    assert np.sum(chain_ids[plain.sample_indices_] == 1) == 2


@pytest.mark.parametrize(
    "given, options, match",
    [
        (np.ones((3, 4)), {}, r"got shape \(3, 4\).*chains\[np.newaxis\]"),
        ([np.ones((3, 2)), np.ones((3, 1))], {}, "same features"),
        ([], {}, "at least one chain"),
        ([np.ones((3, 2)), np.ones((2, 2))], {"warmup": 2}, "Chain 1 has 2 draws"),
        ([np.ones((3, 2))], {"warmup": -1}, "warmup must be an integer"),
        ([np.ones((3, 2))], {"order": "random"}, "order must be one of"),
        ([np.ones((3, 2, 2))], {}, r"Chain 0 must have shape \(n_draws"),
    ],
)
def test_refusals(given, options, match):
    with pytest.raises(ValueError, match=match):
        combine_chains(given, **options)
