"""Compiled body of the greedy searches: update the objective and find its minimum."""

import numpy as np

from skkernels.utils._jit import njit
from skkernels.utils._parallel import map_blocks, row_blocks

# Rows whose objectives differ by less than this share of the larger one of their scales
# are equally good: which of them is taken must not depend on rounding.
TIE = 1e-12
_ROWS = 2**17


@njit
def update_and_choose(
    objective, gained, lost, step, row, shift, allowed, start, offset, scale, tie
):
    """Update the objective of a range of rows, and find where it is smallest.

    Parameters
    ----------
    objective : ndarray of shape (m,)
        Receives ``step * (gained - lost)``.

    gained, lost : ndarray of shape (m,)
        Kernel values.

    step : float
        Factor of the update.

    row : ndarray of shape (m,)
        The smallest entry of ``objective - shift * row`` is looked for.

    shift : float
        Factor of the row.

    allowed : ndarray of bool of shape (m,)
        Where to look.

    start : int
        Is preferred to what is not clearly better, allowed or not; -1 if there is no
        such row. Counted from ``offset``, as the result is.

    offset : int
        Position of the range within all rows.

    scale : ndarray of shape (m,)
        Size of the numbers that an objective is made of.

    tie : float
        Differences that do not count, as a share of the larger scale of two rows.

    Returns
    -------
    best : int
        The first row that no later one is clearly better than; -1 if none is allowed.

    value : float
        Its value.
    """
    for j in range(objective.size):
        objective[j] += step * (gained[j] - lost[j])
    best = -1
    value = np.inf
    i = start - offset
    if 0 <= i < objective.size:
        best = i
        value = objective[i] - shift * row[i]
    size = scale[best] if best >= 0 else 0.0
    for j in range(objective.size):
        candidate = objective[j] - shift * row[j]
        if (
            candidate < value
            and allowed[j]
            and candidate < value - tie * max(size, scale[j])
        ):
            best = j
            value = candidate
            size = scale[j]
    return (best + offset if best >= 0 else -1), value


def choose(objective, gained, lost, step, row, shift, allowed, start, scale, tie):
    """:func:`update_and_choose` over all rows, in the pool where there are many."""
    blocks = row_blocks(objective.size, _ROWS)

    def search(rows):
        return update_and_choose(
            objective[rows],
            gained[rows],
            lost[rows],
            step,
            row[rows],
            shift,
            allowed[rows],
            start,
            rows.start,
            scale[rows],
            tie,
        )

    if len(blocks) == 1:
        return search(blocks[0])[0]
    results = map_blocks(search, blocks)
    first = max(start, 0) // _ROWS  # the block of the start has it in its result
    best, value = results[first]
    for index, candidate in results[:first] + results[first + 1 :]:
        if candidate < value - tie * max(scale[best], scale[index]):
            best, value = index, candidate
    return best
