"""Coresets of bins, and tables of the kernel's sums over pairs of bins."""

import numpy as np

from skkernels.coresets import compress
from skkernels.kernels._pairwise_core import PANEL
from skkernels.operators import KernelOperator, memory_budget
from skkernels.utils._parallel import map_blocks

_SEED_BOUND = 2**31 - 1
# Of the thinning of bins: with one more it takes three times as long and finds no more.
_OVERSAMPLING = 1
# Rows that are halved together are no fewer, where there are as many.
_MIN_BUCKET = 64
# Arithmetic operations for each row of a bin and each round, roughly.
_COMPRESS_WORK = 10_000.0


def compress_bins(kernel, rows, n_bins, n_coreset, rng):
    """Thin each of several bins of equal size to a coreset of its own.

    Each bin is treated alike, with draws of its own.

    Parameters
    ----------
    kernel : Kernel
        Resolved.

    rows : array or CSR matrix of shape (n_bins * size, n_features)
        The bins, one below the other.

    n_bins : int
        Number of bins.

    n_coreset : int
        Rows of each coreset; ``size`` is this times a power of 2.

    rng : RandomState
        Draws a seed for each bin.

    Returns
    -------
    coresets : ndarray of int of shape (n_bins, n_coreset)
        Positions in ``rows``.
    """
    size = rows.shape[0] // n_bins
    coresets = np.arange(n_bins * n_coreset).reshape(n_bins, n_coreset)
    seeds = rng.randint(_SEED_BOUND, size=n_bins)
    if size == n_coreset:
        return coresets

    def shrink(bin_number):
        sequence = np.arange(bin_number * size, (bin_number + 1) * size)
        coresets[bin_number] = compress(
            kernel,
            rows,
            n_coreset,
            sequence,
            g=_OVERSAMPLING,
            random_state=seeds[bin_number],
        )

    if 128 * max(n_coreset, _MIN_BUCKET) ** 2 > memory_budget() // 64:
        # Kernel matrices of 4 n_coreset rows in many threads could exceed the budget,
        # which the pool does not know: one bin after the other, each in the pool.
        for bin_number in range(n_bins):
            shrink(bin_number)
    else:
        map_blocks(shrink, range(n_bins), work=_COMPRESS_WORK * rows.shape[0])
    return coresets


def kernel_table(kernel, rows, n_bins):
    """Sums of the kernel over all pairs of rows of two bins, for all pairs of bins.

    Parameters
    ----------
    kernel : Kernel
        Resolved.

    rows : array or CSR matrix of shape (n_bins * size, n_features)
        The bins, one below the other.

    n_bins : int
        Number of bins.

    Returns
    -------
    table : ndarray of shape (n_bins, n_bins)
        In float64, symmetric.

    Notes
    -----
    Rows in float32 are converted: the rounding errors of kernel values in float32 would
    order statistics that are equal.
    """
    rows = rows.astype(np.float64, copy=False)
    size = rows.shape[0] // n_bins
    table = np.empty((n_bins, n_bins))
    # Products take columns by the panel: as many bins at a time as fill one.
    group = max(PANEL // size, 1)
    for first in range(0, n_bins, group):
        last = min(first + group, n_bins)
        columns = rows[first * size : last * size]
        # Only the lower half, bins from the first one on.
        operator = KernelOperator(kernel, rows[first * size :], columns)
        sums = operator.matmat(np.repeat(np.eye(last - first), size, axis=0))
        sums = sums.reshape(n_bins - first, size, -1).sum(axis=1, dtype=np.float64)
        table[first:, first:last] = sums
        table[first:last, first:] = sums.T
    # The blocks on the diagonal are symmetric up to rounding.
    table = 0.5 * (table + table.T)
    if not np.isfinite(table).all():
        raise ValueError("The kernel takes values that are not finite on these rows.")
    return table


def feature_table(kernel, rows, n_bins, frequencies):
    """As :func:`kernel_table`, with random Fourier features in place of the kernel.

    Parameters
    ----------
    kernel : Kernel
        Stationary.

    rows : array or CSR matrix of shape (n_bins * size, n_features)
        The bins, one below the other.

    n_bins : int
        Number of bins.

    frequencies : ndarray of shape (n_frequencies, n_features)
        Each gives a cosine and a sine.

    Returns
    -------
    table : ndarray of shape (n_bins, n_bins)
        In float64, symmetric.
    """
    size = rows.shape[0] // n_bins
    m = frequencies.shape[0]
    features = np.empty((n_bins, 2 * m))
    # Inner products of features do not change with the origin, rounding errors do.
    offset = np.asarray(rows.mean(axis=0, dtype=np.float64)) @ frequencies.T

    def fill(bin_number):
        block = rows[bin_number * size : (bin_number + 1) * size].astype(np.float64)
        phases = block @ frequencies.T - offset
        np.cos(phases).sum(axis=0, out=features[bin_number, :m])
        np.sin(phases).sum(axis=0, out=features[bin_number, m:])

    work = rows.shape[0] * m * (2.0 * rows.shape[1] + 40.0)
    map_blocks(fill, range(n_bins), work=work)
    return features @ features.T * (kernel.diag_value / m)
