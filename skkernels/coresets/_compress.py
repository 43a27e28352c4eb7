"""Compress: thin many rows in near-linear time by halving small buckets."""

from math import isqrt
from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state

from skkernels.coresets._halving import (
    check_kernel_values,
    check_sequence,
    kernel_values,
    step_log_factor,
)
from skkernels.coresets._halving_core import halve_bucket
from skkernels.kernels._pairwise_core import PANEL
from skkernels.operators import memory_budget
from skkernels.utils._array import is_cupy
from skkernels.utils._parallel import map_blocks

# Kernel values come in tiles that are so wide: smaller buckets would save nothing.
_MIN_BUCKET = PANEL
_MAX_GROUPS = 64


def compress(
    kernel,
    X,
    n_coreset,
    sequence=None,
    *,
    g=2,
    n_swap_passes=1,
    threshold="paper",
    delta=0.5,
    random_state=None,
):
    """Thin rows to few whose kernel mean is close to that of all.

    The list of rows is halved again and again until ``n_coreset`` are left. A round
    halves it in buckets of consecutive rows. Their size doubles from round to round
    while the list shrinks, so that all rounds cost the same, until the last ``g + 1``
    rounds halve the whole list. Each bucket is split by kernel halving
    (:func:`kernel_halve`) or by taking every second row, whichever is better; then
    rows are swapped between the halves where that brings them closer; and a fair coin
    decides which half stays. The coin makes the coreset unbiased: the expected mean of
    any function over it is the mean over the sequence.

    Parameters
    ----------
    kernel : Kernel or "precomputed"
        Resolved kernel; white noise in it does not count.

    X : {array, CSR matrix} of shape (n, n_features), or (n, n) if precomputed
        Rows, float32 or float64.

    n_coreset : int
        How many rows to keep.

    sequence : ndarray of int, default=None
        Which rows, in which order; rows may be repeated. None means all, as they come.
        Its length must be ``n_coreset`` times a power of 2. The order should be random
        unless neighbours are alike.

    g : int, default=2
        Oversampling: rounds that halve the whole list before the last one. Each more of
        them costs four times as much, and lowers the error, by less every time.

    n_swap_passes : int, default=1
        How often to try each row of a half for a swap. 0 is kernel halving alone, whose
        errors are two to four times as large.

    threshold : {"paper", "constant", "greedy"}, default="paper"
        See :func:`kernel_halve`. Hardly matters with swaps.

    delta : float, default=0.5
        Failure probability of all halvings together, in (0, 1).

    random_state : int, RandomState instance or None, default=None
        Source of the draws.

    Returns
    -------
    indices : ndarray of int of shape (n_coreset,)
        Rows of X in the order of the algorithm; repeated at most as often as in the
        sequence.

    Raises
    ------
    ValueError
        If the length of the sequence does not fit ``n_coreset``, a parameter is out of
        its range, or the kernel takes values that are not finite.

    Notes
    -----
    With s = ``n_coreset`` and a sequence of N rows, each of the ``log2(N / s)`` rounds
    forms ``4^(g + 1) s^2`` kernel values, or 512 for each row of its list where that is
    more. Kernel matrices of buckets take up to half of the memory budget; where one of
    them alone would need more than a quarter of it, buckets are smaller, and the error
    larger.

    For ``s = sqrt(N)`` this is Compress++ of [1]_ with the same ``g``, without the
    final choice among several coresets, which would bias the result.

    Results are equal to the last bit for any number of threads.

    References
    ----------
    .. [1] A. Shetty, R. Dwivedi and L. Mackey, "Distribution compression in near-linear
       time", ICLR 2022. arXiv:2111.07941
    .. [2] R. Dwivedi and L. Mackey, "Generalized kernel thinning", ICLR 2022.
       arXiv:2110.01593

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.coresets import compress
    >>> from skkernels.kernels import RBF
    >>> X = np.random.RandomState(0).uniform(size=(1024, 1))
    >>> indices = compress(RBF(length_scale=0.2), X, 32, random_state=0)
    >>> bool(abs(X[indices].mean() - X.mean()) < 0.01)
    True
    """
    sequence = check_sequence(sequence, X)
    n_rounds = _count_rounds(sequence.size, n_coreset)
    for name, value in (("g", g), ("n_swap_passes", n_swap_passes)):
        if not isinstance(value, Integral) or value < 0:
            raise ValueError(f"{name} must be an integer >= 0, got {value!r} instead.")
    rng = check_random_state(random_state)
    # Python's integers do not overflow.
    area = (int(n_coreset) << (int(g) + 1)) ** 2
    for _ in range(n_rounds):
        length = sequence.size
        log_factor = step_log_factor(threshold, delta, length, n_rounds)
        edges = _bucket_edges(length, area, 4 if X.dtype == np.float32 else 8)
        sequence = _halve_buckets(
            kernel,
            X,
            sequence,
            edges,
            rng.uniform(size=length // 2),
            rng.uniform(size=edges.size - 1) <= 0.5,
            log_factor,
            n_swap_passes,
        )
    return sequence


def _count_rounds(length, n_coreset):
    """How many halvings lead from the length to the size of the coreset."""
    if not isinstance(n_coreset, Integral) or n_coreset < 1:
        raise ValueError(
            f"n_coreset must be a positive integer, got {n_coreset!r} instead."
        )
    n_rounds = int(max(length // n_coreset, 1)).bit_length() - 1
    if n_coreset << n_rounds != length:
        raise ValueError(
            f"The sequence must hold n_coreset={n_coreset} rows times a power of 2, "
            f"got {length} rows."
        )
    return n_rounds


def _bucket_edges(length, area, itemsize):
    """Where the buckets of a list begin and end, at even positions.

    Length times bucket size is constant, ``area``: the squared error that a round adds
    goes with its inverse.
    """
    size = min(max(area // length, _MIN_BUCKET), length)
    size = max(min(size, isqrt(memory_budget() // (4 * itemsize))), 2)
    n_buckets = -(-length // size)
    return np.arange(n_buckets + 1) * (length // 2) // n_buckets * 2


def _halve_buckets(
    kernel, X, sequence, edges, uniforms, coins, log_factor, n_swap_passes
):
    """One round: halve each bucket, and put what stays of them in a row."""
    out = np.empty(sequence.size // 2, dtype=sequence.dtype)
    on_device = is_cupy(X)

    def halve(bucket):
        start, stop = edges[bucket], edges[bucket + 1]
        rows = sequence[start:stop]
        half, rest, check = halve_bucket(
            kernel_values(kernel, X, rows),
            uniforms[start // 2 : stop // 2],
            log_factor,
            n_swap_passes,
        )
        check_kernel_values(check)
        out[start // 2 : stop // 2] = rows[rest if coins[bucket] else half]

    def halve_group(group):
        for bucket in group:
            halve(bucket)

    # As many groups as their kernel matrices fit half of the budget.
    n_buckets = edges.size - 1
    entries = int(np.diff(edges).max()) ** 2
    n_groups = 1
    if not on_device:
        n_groups = memory_budget() // (16 * entries)
        n_groups = int(np.clip(n_groups, 1, min(n_buckets, _MAX_GROUPS)))
    groups = [range(group, n_buckets, n_groups) for group in range(n_groups)]
    map_blocks(halve_group, groups, work=20.0 * n_buckets * entries)
    return out
