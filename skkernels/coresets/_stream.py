"""Thinning of rows that come in parts, in bounded memory."""

from dataclasses import dataclass, replace
from math import isqrt, pi
from typing import Any

import numpy as np
import scipy.sparse as sp

from skkernels.coresets._bucket_values import BucketValues
from skkernels.coresets._buckets import bucket_edges, depth_first_draws, halve_list
from skkernels.coresets._halving import step_log_factor
from skkernels.coresets._kt_thin import kt_thin
from skkernels.operators import check_memory
from skkernels.utils._array import get_namespace
from skkernels.utils._validation import match_storage

# No buffer holds less, and rows of the first one are halved in buckets of so many.
# What is repeated more often need not go through the first one.
_MIN_CAPACITY = 128
_MIN_BUCKET = 256


@dataclass(frozen=True, eq=False)
class Stream:
    """Rows that stand for all that have come.

    Level r has a buffer of rows each of which stands for ``2**r`` rows that have come.
    When it is full its rows are halved, with a fair coin for the half that stays, and
    what stays moves to level r + 1. Nothing here is changed in place.

    Attributes
    ----------
    size : int or "sqrt"
        Size of the coreset that is wanted in the end.

    g : int
        Oversampling: for a coreset of s rows, ``2^(g + 1) s`` rows at least are held.

    n_swap_passes, threshold, delta
        See :func:`skkernels.coresets.compress`. ``threshold="paper"`` gives halving
        number i = 1, 2, ... the failure probability ``6 delta / (pi i)^2``.

    center : ndarray of shape (n_features,) or None
        Where distances are measured from: the first row.

    rows : tuple of arrays or CSR matrices
        The buffers of the levels.

    numbers : tuple of ndarray of int
        How many rows had come before each of their rows.

    n_rows : int
        How many rows have come.

    copies : float
        Their total weight.

    shift : float
        By how much the total weight is shifted before it is rounded down.

    last : (array or CSR matrix of shape (1, n_features), int) or None
        The last row of positive weight, and how many rows had come before it.

    n_halvings : int
        How many buffers have been halved.

    state : tuple
        State of the source of draws.
    """

    size: Any
    g: int
    n_swap_passes: int
    threshold: str
    delta: float
    center: Any
    rows: tuple
    numbers: tuple
    n_rows: int
    copies: float
    shift: float
    last: Any
    n_halvings: int
    state: tuple

    @property
    def total(self):
        """How many rows have come, counted with their rounded weights."""
        return sum(n.size << level for level, n in enumerate(self.numbers))

    def capacity(self, level):
        """How many rows a buffer holds."""
        if self.size == "sqrt":
            return max(4 ** (self.g + 2), _MIN_CAPACITY) << level
        return max(self.size << (self.g + 2), _MIN_CAPACITY)

    def bucket(self, level):
        """How many rows of a buffer are halved together."""
        return min(max(4 ** (self.g + 1), _MIN_BUCKET) << level, self.capacity(level))

    def wanted(self, total):
        """Size of the coreset of so many rows."""
        return isqrt(total) if self.size == "sqrt" else min(self.size, total)

    def lowest(self, total):
        """The level whose rows, were they all, would be enough to choose from."""
        times = total // (self.wanted(total) << (self.g + 1))
        return max(times.bit_length() - 1, 0)


def start_stream(X, size, g, n_swap_passes, threshold, delta, rng):
    """A stream of rows like those of X before the first one has come.

    ``rng`` gives the shift, and then the draws of the halvings: a number for each pair
    of rows and one for the coin, halving after halving.
    """
    step_log_factor(threshold, delta, 2)  # refuses what is out of range
    return Stream(
        size=size,
        g=g,
        n_swap_passes=n_swap_passes,
        threshold=threshold,
        delta=delta,
        center=X[0].copy() if isinstance(X, np.ndarray) else None,
        rows=(X[:0],),
        numbers=(np.empty(0, dtype=np.int64),),
        n_rows=0,
        copies=0.0,
        shift=rng.uniform(),
        last=None,
        n_halvings=0,
        state=rng.get_state(),
    )


def like(X, held):
    """Rows dense or sparse, and of the dtype, as those that are held."""
    return match_storage(X, held).astype(held.dtype, copy=False)


def cut(stream, X, weights=None):
    """Cut rows into parts for :func:`append`, each to be settled before the next.

    A row that comes very often is alone. Other parts, with their repetitions, take
    about as much memory as X or a buffer.

    Yields
    ------
    part : slice
    """
    n = X.shape[0]
    if weights is None:
        yield slice(0, n)
        return
    copies, _ = _count_copies(stream, weights)
    often = copies > _MIN_CAPACITY
    filled = np.cumsum(np.where(often, 0, copies))
    block = np.maximum(filled - 1, 0) // max(n, stream.capacity(0))
    borders = often[1:] | often[:-1] | (np.diff(block) > 0)
    edges = [0, *(np.flatnonzero(borders) + 1), n]
    yield from map(slice, edges[:-1], edges[1:])


def append(stream, X, weights=None):
    """Rows put into the first buffer, in the order in which they come.

    A row of weight w comes w times. What w is more than an integer is carried over: so
    many copies have come as is the total weight plus a shift, rounded down.

    Halvings of equal rows are left out: of a single row that comes very often, copies
    are put into higher buffers, each for as many as it stands for there.
    """
    n = X.shape[0]
    weights = np.ones(n) if weights is None else weights
    copies, total = _count_copies(stream, weights)
    positive = np.flatnonzero(weights)
    last = stream.last
    if positive.size:
        last = X[positive[-1:]].copy(), stream.n_rows + int(positive[-1])
    if n == 1 and copies[0] > _MIN_CAPACITY:
        counts = _spread(stream, int(copies[0]), X)
        parts = [
            (X[np.zeros(m, dtype=np.intp)], np.full(m, stream.n_rows)) for m in counts
        ]
    else:
        chosen = np.repeat(np.arange(n), copies)
        parts = [(X[chosen], stream.n_rows + chosen)]
    rows, numbers = _add(stream, parts)
    return replace(
        stream,
        rows=rows,
        numbers=numbers,
        n_rows=stream.n_rows + n,
        copies=total,
        last=last,
    )


def _count_copies(stream, weights):
    """How often each row comes, and the total weight with them."""
    # Added one by one, so that the rounding does not depend on the parts.
    totals = np.cumsum(np.concatenate([[stream.copies], weights]))
    if totals[-1] > 2.0**53:
        raise ValueError(
            f"sample_weight brings the total weight to {totals[-1]:g}, more than 2^53, "
            "beyond which repetitions cannot be counted. A weight counts as that many "
            "rows here; divide the weights by a constant."
        )
    due = np.floor(totals + stream.shift).astype(np.int64)
    # Where streams were merged, a row more may have come than is due.
    return np.diff(np.maximum(due, stream.total)), float(totals[-1])


def _spread(stream, copies, X):
    """How many copies of one row go to each level: no more than its buffer holds."""
    top = stream.lowest(stream.total + copies)
    counts = [copies >> level & 1 for level in range(top)] + [copies >> top]
    check_memory(
        sum(counts) * (X.shape[1] * X.dtype.itemsize + 8),
        what=f"a sample_weight that counts as {copies} rows",
        remedy="divide the weights by a constant, give n_coreset as an integer",
    )
    return counts


def _add(stream, parts):
    """Buffers with more rows, (rows, numbers) for each level."""
    levels = list(zip(stream.rows, stream.numbers))
    levels += [(levels[0][0][:0], levels[0][1][:0])] * (len(parts) - len(levels))
    for level, part in enumerate(parts):
        levels[level] = _stack_both(levels[level], part)
    rows, numbers = zip(*levels)
    return tuple(rows), tuple(numbers)


def merge(stream, other):
    """Two streams as one: rows of the second one count as if they had come later.

    Fractions of weight are added up as well. Where that makes a row more than both
    have, it is the last one that has come; where it makes one less, the last one of the
    first buffer goes, or if there is none, the next one that comes.
    """
    held = stream.rows[0]
    parts = [
        (like(r, held), n + stream.n_rows) for r, n in zip(other.rows, other.numbers)
    ]
    copies = stream.copies + other.copies
    last = stream.last
    if other.last is not None:
        row = like(other.last[0], held)
        last = row, other.last[1] + stream.n_rows
    missing = int(np.floor(copies + stream.shift)) - stream.total - other.total
    if missing > 0:
        row, number = last
        again = np.zeros(missing, dtype=np.intp)
        parts[0] = _stack_both(parts[0], (row[again], number + again))
    rows, numbers = _add(stream, parts)
    if missing < 0:
        kept = slice(max(numbers[0].size + missing, 0))
        rows = (rows[0][kept], *rows[1:])
        numbers = (numbers[0][kept], *numbers[1:])
    return replace(
        stream,
        rows=rows,
        numbers=numbers,
        n_rows=stream.n_rows + other.n_rows,
        copies=copies,
        last=last,
        n_halvings=stream.n_halvings + other.n_halvings,
    )


def first_rows(stream, size):
    """The first rows that have come, repetitions included, before any were halved."""
    numbers = np.concatenate(stream.numbers)
    times = [
        np.full(n.size, min(1 << level, size), dtype=np.intp)
        for level, n in enumerate(stream.numbers)
    ]
    order = np.argsort(numbers, kind="stable")[:size]  # each counts once at least
    order = np.repeat(order, np.concatenate(times)[order])[:size]
    rows = stream.rows[0]
    for part in stream.rows[1:]:
        rows = _stack(rows, part)
    return rows[order]


def settle(stream, kernel, rng):
    """Halve all buffers that are full, and push up what stays.

    Parameters
    ----------
    stream : Stream
        Buffers may hold more than their capacities.

    kernel : Kernel
        Resolved kernel.

    rng : RandomState
        Any; it is set to the state of the stream.

    Returns
    -------
    stream : Stream
        The same, however many rows come at a time.
    """
    ready = _full_buffers(stream)
    if not ready:
        return stream
    rng.set_state(stream.state)
    plans = []
    for level, times in enumerate(ready):
        capacity = stream.capacity(level)
        itemsize = 4 if stream.rows[0].dtype == np.float32 else 8
        edges = bucket_edges(capacity, stream.bucket(level), itemsize)
        sizes = np.tile(np.diff(edges), times.size)
        plans.append((np.repeat(times, edges.size - 1), sizes))
    draws, ranks = depth_first_draws(*zip(*plans), rng)
    rows, numbers = list(stream.rows), list(stream.numbers)
    rows += [rows[0][:0]] * (len(ready) + 1 - len(rows))
    numbers += [numbers[0][:0]] * (len(ready) + 1 - len(numbers))
    for level, (_, sizes) in enumerate(plans):
        if sizes.size == 0:
            continue
        edges = np.concatenate([[0], np.cumsum(sizes)])
        full = edges[-1]
        kept = halve_list(
            BucketValues(kernel, rows[level], stream.center),
            np.arange(full),
            edges,
            draws[level],
            _log_factors(stream, sizes, ranks[level]),
            stream.n_swap_passes,
        )
        rows[level + 1] = _stack(rows[level + 1], rows[level][kept])
        numbers[level + 1] = np.concatenate([numbers[level + 1], numbers[level][kept]])
        rows[level] = rows[level][full:].copy()
        numbers[level] = numbers[level][full:].copy()
    return replace(
        stream,
        rows=tuple(rows),
        numbers=tuple(numbers),
        n_halvings=stream.n_halvings + sum(r.size for r in ranks),
        state=rng.get_state(),
    )


def finish(stream, kernel, rng, *, replace=True, **options):
    """The coreset of all rows that have come.

    What the lower buffers hold is halved until it stands for as many rows as what is
    above, so that about ``2^(g + 1)`` to ``2^(g + 2)`` times as many rows are left as
    are wanted. These are thinned with swaps.

    Parameters
    ----------
    stream : Stream
        With one row at least.

    kernel : Kernel
        Resolved kernel.

    rng : RandomState
        Any; it is set to the state of the stream, which stays as it is.

    replace : bool, default=True
        Whether a row may be in the coreset more than once. If not, and there are fewer
        distinct rows than are wanted, these are the coreset.

    **options
        Passed to :func:`kt_thin`.

    Returns
    -------
    rows : array or CSR matrix of shape (size, n_features)
        The coreset in the order in which its rows came.

    numbers : ndarray of int of shape (size,)
        How many rows had come before each of them.

    weights : ndarray of shape (size,)
        Of sum 1: equal, unless the coreset is all distinct rows that are left.
    """
    total = stream.total
    if total == 0:
        raise ValueError(
            f"The weights of the rows that have come sum to {stream.copies:g} so far: "
            "too little for one row. A weight counts as that many rows here; multiply "
            "the weights by a constant."
        )
    rng.set_state(stream.state)
    size = stream.wanted(total)
    levels = list(zip(stream.rows, stream.numbers))
    # The last level that has rows is hardly ever above the lowest: its first ones came
    # with 2^(g + 1) times as many rows as are wanted. Where those wanted are a square
    # root, rounded down, it may be.
    highest = max(level for level, n in enumerate(stream.numbers) if n.size)
    lowest = max(stream.lowest(total), highest)
    part = levels[0]
    for level in range(lowest):
        part = _halve_part(stream, kernel, level, part, rng)
        if level + 1 < len(levels):
            part = _stack_both(levels[level + 1], part)
    rows, numbers = part
    order = np.argsort(numbers, kind="stable")
    rows, numbers = rows[order], numbers[order]
    counts = None
    if not replace:
        # Repetitions of a row are one row with a weight.
        numbers, first, counts = np.unique(
            numbers, return_index=True, return_counts=True
        )
        rows, counts = rows[first], counts.astype(np.float64)
    chosen = kt_thin(
        kernel,
        rows,
        min(size, numbers.size),
        sample_weight=None if counts is None or counts.max() == 1.0 else counts,
        replace=replace,
        n_swap_passes=stream.n_swap_passes,
        threshold=stream.threshold,
        delta=stream.delta,
        random_state=rng,
        **options,
    )
    chosen = np.sort(chosen)
    if counts is None or chosen.size < numbers.size:
        counts = np.ones(chosen.size)
    return rows[chosen], numbers[chosen], counts / counts.sum()


def _halve_part(stream, kernel, level, part, rng):
    """Halve what a buffer holds though it is not full."""
    rows, numbers = part
    n_pairs = numbers.size // 2
    coin = rng.uniform()
    # An odd row stays or goes.
    last = np.arange(2 * n_pairs, numbers.size if coin < 0.5 else 2 * n_pairs)
    kept = last
    if n_pairs:
        values = BucketValues(kernel, rows, stream.center)
        edges = bucket_edges(2 * n_pairs, stream.bucket(level), values.itemsize)
        sizes = np.diff(edges)
        draws = rng.uniform(size=n_pairs), rng.uniform(size=sizes.size)
        factors = _log_factors(stream, sizes, np.arange(sizes.size))
        every = np.arange(2 * n_pairs)
        kept = halve_list(values, every, edges, draws, factors, stream.n_swap_passes)
        kept = np.concatenate([kept, last])
    return rows[kept], numbers[kept]


def _stack_both(first, second):
    return _stack(first[0], second[0]), np.concatenate([first[1], second[1]])


def _full_buffers(stream):
    """For each level, when its buffer is full, again and again.

    Times are numbers of rows that have come to level 0, from the first one it holds.
    Levels after the last one that is ever full are left out.
    """
    ready = []
    level = 0
    while level < len(stream.numbers) or (ready and ready[-1].size):
        held = stream.numbers[level].size if level < len(stream.numbers) else 0
        capacity = stream.capacity(level)
        if level == 0:
            times = capacity * np.arange(1, held // capacity + 1)
        else:
            half = stream.capacity(level - 1) // 2
            n_full = (held + half * ready[-1].size) // capacity
            missing = capacity * np.arange(1, n_full + 1) - held
            # Full before that: two streams have been merged.
            number = np.maximum(-(-missing // half), 0)
            times = np.concatenate([[0], ready[-1]])[number]
        ready.append(times)
        level += 1
    while ready and ready[-1].size == 0:
        ready.pop()
    return ready


def _log_factors(stream, sizes, ranks):
    if stream.threshold in ("constant", "greedy"):
        factor = step_log_factor(stream.threshold, stream.delta, 2)
        return np.full(sizes.size, factor)
    number = stream.n_halvings + ranks + 1.0
    probability = 6.0 * stream.delta / (pi * number) ** 2
    return 2.0 * np.log(2.0 * sizes / probability)


def _stack(first, second):
    if first.shape[0] == 0:
        return second
    if second.shape[0] == 0:
        return first
    if sp.issparse(first):
        return sp.csr_array(sp.vstack([first, second]))
    return get_namespace(first).concatenate([first, second])
