"""Distinct rows whose kernel mean is close to that of weighted data."""

import numpy as np

from skkernels.coresets._compress import compress
from skkernels.coresets._halving import kernel_values
from skkernels.coresets._sequence import halving_plan, stratified_sequence
from skkernels.operators import memory_budget
from skkernels.utils._array import to_numpy
from skkernels.utils._parallel import row_blocks


def thinned_rows(kernel, X, rows, weights, size, rng):
    """Choose distinct rows that together represent weighted rows.

    Rows that have at least their share ``1 / size`` of the weight are chosen. The
    others are repeated in proportion to their weights, in random order, until their
    number is that of the rows to choose times a power of 2 and at least that of the
    rows there are, so that no row is dropped unseen; the list is then thinned. A row
    that survives several times counts once, and one close to it takes its place.

    Parameters
    ----------
    kernel : Kernel
        Resolved kernel; white noise in it does not count.

    X : array or CSR matrix of shape (n, n_features)
        Data.

    rows : ndarray of int of shape (n_rows,)
        Rows of X to choose from, no two of them equal.

    weights : ndarray of shape (n_rows,)
        Their positive weights.

    size : int
        How many rows to choose, less than ``n_rows``.

    rng : RandomState
        Source of the draws.

    Returns
    -------
    chosen : ndarray of int of shape (size,)
        Positions in ``rows``, in no particular order.
    """
    certain = _heavy_rows(weights, size)
    chosen = np.flatnonzero(certain)
    n_wanted = int(size) - chosen.size
    if n_wanted == 0:
        return chosen
    others = rng.permutation(np.flatnonzero(~certain))
    _, length = halving_plan(others.size, n_wanted)
    sequence = others[stratified_sequence(weights[others], others.size, length, rng)]
    coreset = compress(kernel, X, n_wanted, rows[sequence], random_state=rng)
    order = np.argsort(rows)
    coreset = order[np.searchsorted(rows, coreset, sorter=order)]
    kept, counts = np.unique(coreset, return_counts=True)
    surplus = np.repeat(kept, counts - 1)
    spare = np.setdiff1d(others, kept)
    found = _substitutes(kernel, X, rows[surplus], rows[spare])
    return np.concatenate([chosen, kept, spare[found]])


def _heavy_rows(weights, size):
    """Which rows have an equal share of the weight or more, once they are set aside."""
    certain = np.zeros(weights.size, dtype=bool)
    while True:
        left = size - np.count_nonzero(certain)
        heavy = left * weights >= weights[~certain].sum()
        heavy &= ~certain
        if left == 0 or not heavy.any():
            return certain
        certain |= heavy


def _substitutes(kernel, X, rows, spare):
    """For each of the rows the position of another one among the spare rows, close to
    it in the kernel's space."""
    found = np.empty_like(rows)
    if rows.size == 0:
        return found
    squares = to_numpy(kernel._without_noise().diag(X[spare])).astype(np.float64)
    size = max(memory_budget() // (32 * spare.size), 1)
    for block in row_blocks(rows.size, size):
        K = kernel_values(kernel, X, rows[block], spare)
        for i, values in zip(range(block.start, block.stop), K):
            found[i] = np.argmin(squares - 2.0 * values)
            squares[found[i]] = np.inf
    return found
