"""Rounds of halving a list of rows in buckets."""

from math import isqrt

import numpy as np

from skkernels.coresets._bucket_core import halve_buckets
from skkernels.coresets._halving import check_kernel_values
from skkernels.operators import memory_budget
from skkernels.utils._parallel import map_blocks

# Entries of the kernel matrices that are formed together: they stay in a second-level
# cache.
_GROUP_ENTRIES = 2**16
_MAX_TASKS = 64
# Operations for each kernel value, roughly.
_WORK = 20.0


def bucket_edges(length, size, itemsize):
    """Where the buckets of a list begin and end, at even positions.

    Parameters
    ----------
    length : int
        Length of the list. If it is odd, its last row is in no bucket.

    size : int
        How many rows a bucket should have at most. Fewer, if a kernel matrix of that
        size would take more than a quarter of the memory budget.

    itemsize : int
        Bytes of a kernel value.

    Returns
    -------
    edges : ndarray of int of shape (n_buckets + 1,)
        Sizes differ by 2 at most, larger ones first.
    """
    size = min(size, length, isqrt(memory_budget() // (4 * itemsize)))
    n_pairs = length // 2
    n_buckets = -(-n_pairs // max(size // 2, 1))
    fewest, larger = divmod(n_pairs, n_buckets)
    sizes = np.full(n_buckets, 2 * fewest)
    sizes[:larger] += 2
    return np.concatenate([[0], np.cumsum(sizes)])


def halve_list(values, sequence, edges, draws, log_factors, n_swap_passes):
    """Halve each bucket of a list, and put what stays of them in a row.

    Parameters
    ----------
    values : BucketValues
        The kernel.

    sequence : ndarray of int of shape (length,)
        Rows.

    edges : ndarray of int of shape (n_buckets + 1,)
        Where buckets begin and end, at even positions, from 0.

    draws : (ndarray of shape (n_pairs,), ndarray of shape (n_buckets,))
        Uniform numbers for the pairs, and for the coins that decide which half stays.

    log_factors : ndarray of shape (n_buckets,)
        Twice the logarithm of 2 over the failure probability of a step.

    n_swap_passes : int
        Passes of swaps.

    Returns
    -------
    kept : ndarray of int of shape (n_pairs,)
        Rows.
    """
    uniforms, coins = draws
    kept = np.empty(edges[-1] // 2, dtype=sequence.dtype)
    sizes = np.diff(edges)

    def halve(group):
        size = sizes[group.start]
        n_buckets = group.stop - group.start
        rows = sequence[edges[group.start] : edges[group.stop]]
        rows = rows.reshape(n_buckets, size)
        pairs = slice(edges[group.start] // 2, edges[group.stop] // 2)
        half = np.empty((n_buckets, size // 2), dtype=np.int64)
        check = halve_buckets(
            values(rows),
            uniforms[pairs].reshape(half.shape),
            coins[group],
            log_factors[group],
            n_swap_passes,
            half,
        )
        check_kernel_values(check)
        kept[pairs] = np.take_along_axis(rows, half, axis=1).ravel()

    groups = _equal_groups(sizes)
    # As many tasks as their kernel matrices fit half of the budget.
    entries = max(int(sizes[0]) ** 2, _GROUP_ENTRIES)
    n_tasks = min(memory_budget() // (16 * entries), len(groups), _MAX_TASKS)
    n_tasks = max(n_tasks, 1) if values.on_host else 1
    tasks = [groups[task::n_tasks] for task in range(n_tasks)]

    def run(task):
        for group in task:
            halve(group)

    map_blocks(run, tasks, work=_WORK * float(np.square(sizes, dtype=float).sum()))
    return kept


def _equal_groups(sizes):
    """Slices of buckets of equal size, few enough to be halved together."""
    borders = np.flatnonzero(np.diff(sizes)) + 1
    groups = []
    for start, stop in zip([0, *borders], [*borders, len(sizes)]):
        step = max(_GROUP_ENTRIES // int(sizes[start]) ** 2, 1)
        groups += [slice(i, min(i + step, stop)) for i in range(start, stop, step)]
    return groups


def depth_first_draws(ready, sizes, rng):
    """Draws for buckets of several rounds, in the order in which their rows are ready.

    A bucket takes its numbers, one for each pair and one for the coin, as soon as all
    rows that lead to it have come: those of the recursive algorithm, and the same
    whether the rows come at once or in parts. Four rows take the coin only.

    Parameters
    ----------
    ready : list of ndarray of int
        For each round, how many rows have come when each of its buckets is full.

    sizes : list of ndarray of int
        For each round the sizes of its buckets.

    rng : RandomState
        Source of the draws.

    Returns
    -------
    draws : list of pairs of ndarray
        For each round its uniform numbers and coins.

    ranks : list of ndarray of int
        For each round the positions of its buckets in the order.
    """
    borders = np.cumsum([s.size for s in sizes])[:-1]
    number = np.repeat(np.arange(len(sizes)), [s.size for s in sizes])
    pairs = np.concatenate(sizes) // 2
    counts = np.where(pairs == 2, 0, pairs)
    order = np.lexsort((number, np.concatenate(ready)))
    ranks = np.empty_like(order)
    ranks[order] = np.arange(order.size)
    stops = np.cumsum(counts[order] + 1)
    coins = stops[ranks] - 1
    uniforms = rng.uniform(size=int(counts.sum()) + counts.size)
    draws = []
    for coin, count, pair in zip(
        *(np.split(a, borders) for a in (coins, counts, pairs))
    ):
        begins = np.cumsum(pair) - pair
        position = np.repeat(coin - count - begins, pair)
        position += np.arange(position.size)
        np.minimum(position, uniforms.size - 1, out=position)  # four rows: not used
        draws.append((uniforms[position], uniforms[coin]))
    return draws, np.split(ranks, borders)
