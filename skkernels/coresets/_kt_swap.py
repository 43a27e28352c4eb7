"""KT-SWAP: choose the best of several coresets and exchange its rows."""

from numbers import Integral
from typing import NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from skkernels.coresets._halving import check_kernel_values
from skkernels.coresets._herd import herd_rows
from skkernels.coresets._kernel_rows import KernelRows, check_kernel
from skkernels.coresets._mean import (
    check_sample_weight,
    resolve_kernel_mean,
    take_rows,
)
from skkernels.coresets._mmd import coreset_mmd
from skkernels.coresets._mmd import kernel_mean as mean_of_rows
from skkernels.coresets._swap_core import TIE, choose
from skkernels.operators import memory_budget
from skkernels.utils._array import is_cupy
from skkernels.utils._parallel import map_blocks, row_blocks

SWAP_ORDERS = ("sequential", "random")


class SwapResult(NamedTuple):
    """What KT-SWAP found, and how good it is."""

    indices: np.ndarray
    #: Maximum mean discrepancy of the coreset; None for a given kernel mean.
    mmd: float | None
    #: That of standard thinning; None where there was no such baseline.
    mmd_baseline: float | None
    n_swaps: int
    #: Kernel mean of the data at the rows, those of weight zero left out; 0 for a
    #: kernel of mean zero.
    kernel_mean: np.ndarray


def kt_swap(
    kernel,
    X,
    candidates,
    *,
    sample_weight=None,
    kernel_mean=None,
    mean_zero=False,
    replace=True,
    n_swap_passes=1,
    swap_order="sequential",
    baseline=True,
    refine_baseline=False,
    random_state=None,
):
    """Choose the best of several coresets, and exchange its rows for better ones.

    The coreset with the smallest maximum mean discrepancy to the data is chosen among
    the candidates and a baseline. Then each of its rows in turn is replaced by the row
    of X that makes the discrepancy smallest. This is the second half of kernel thinning
    [1]_; the result is never worse than the baseline.

    Parameters
    ----------
    kernel : Kernel or "precomputed"
        Resolved kernel; white noise in it does not count.

    X : {array, CSR matrix} of shape (n, n_features), or (n, n) if precomputed
        Rows, float32 or float64.

    candidates : ndarray of int of shape (n_candidates, size)
        Coresets, as row numbers.

    sample_weight : ndarray of shape (n,), default=None
        Weights of the rows. Rows of weight zero are never swapped in, and looked at
        only if they are in a candidate or the baseline.

    kernel_mean : ndarray of shape (n,) or callable, default=None
        Mean of the kernel functions at the rows, or a function that returns it for
        rows: in place of the mean over the data, that under a distribution which is
        known in closed form. None computes it from the data.

    mean_zero : bool, default=False
        Whether the kernel has mean zero under the distribution to represent, as a Stein
        kernel has. ``kernel_mean`` must be None then.

    replace : bool, default=True
        Whether a row may be in the coreset more than once.

    n_swap_passes : int, default=1
        How often each row is tried. A pass that changes nothing is the last one.

    swap_order : {"sequential", "random"}, default="sequential"
        In which order the rows of the coreset are tried.

    baseline : bool or ndarray of int of shape (size,), default=True
        A coreset to compare with. True takes the last row of each of ``size`` parts of
        X of equal weight (standard thinning), or, if ``mean_zero`` is true, what
        :func:`herd` finds.

    refine_baseline : bool, default=False
        Whether to refine the baseline, too, and to return the better one in the end.

    random_state : int, RandomState instance or None, default=None
        Source of the random orders, one permutation for each pass.

    Returns
    -------
    indices : ndarray of int of shape (size,)
        Rows of X in the order of the coreset that was refined.

    Raises
    ------
    ValueError
        If a parameter is out of its range, there are not enough rows for a coreset
        without repeats, or the kernel takes values that are not finite.

    Notes
    -----
    For n rows and coresets of s rows: ``n^2`` kernel values for the mean, ``s^2`` for
    each candidate, ``n s`` before the first pass and up to ``2 n s`` for each pass.
    They are formed in float64.
    Memory: O(n), and blocks of rows of the kernel of half the memory budget at most.

    A row is kept unless another one is better by more than 1e-12 of the larger
    ``|k(x, x)|`` plus kernel mean of the two, and coresets are compared likewise; of
    equally good rows the first one is taken. If ``replace`` is false, rows
    that a candidate has twice are replaced before the comparison with the baseline.

    Two candidates that share out all rows evenly have the same discrepancy, so that
    only the first of them is looked at.

    References
    ----------
    .. [1] R. Dwivedi and L. Mackey, "Kernel thinning", Journal of Machine Learning
       Research 25, 2024. arXiv:2105.05842

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.coresets import kt_swap
    >>> from skkernels.kernels import RBF
    >>> X = np.linspace(0.0, 1.0, 9)[:, np.newaxis]
    >>> X[kt_swap(RBF(length_scale=0.3), X, np.array([[0, 1]]))].ravel()
    array([0.375, 0.875])
    """
    return swap_candidates(
        kernel,
        X,
        candidates,
        sample_weight=sample_weight,
        kernel_mean=kernel_mean,
        mean_zero=mean_zero,
        replace=replace,
        n_swap_passes=n_swap_passes,
        swap_order=swap_order,
        baseline=baseline,
        refine_baseline=refine_baseline,
        random_state=random_state,
    ).indices


def swap_candidates(
    kernel,
    X,
    candidates,
    *,
    sample_weight=None,
    kernel_mean=None,
    mean_zero=False,
    replace=True,
    n_swap_passes=1,
    swap_order="sequential",
    baseline=True,
    refine_baseline=False,
    random_state=None,
):
    """:func:`kt_swap` with what else it found, as a :class:`SwapResult`."""
    check_kernel(kernel, X)
    n = X.shape[0]
    candidates = _check_candidates(candidates, n)
    size = candidates.shape[1]
    baseline = _check_baseline(baseline, n, size)
    weights, allowed = check_sample_weight(sample_weight, n)
    if not replace and size > np.count_nonzero(allowed):
        raise ValueError(
            f"A coreset of {size} rows without repeats needs as many rows of positive "
            f"weight, got {np.count_nonzero(allowed)}. Use replace=True."
        )
    check_swaps(swap_order, n_swap_passes)
    orders = _swap_orders(swap_order, n_swap_passes, size, random_state)
    used = None
    if not allowed.all():
        used = allowed.copy()
        used[candidates] = True
        if isinstance(baseline, np.ndarray):
            used[baseline] = True
        positions = np.cumsum(used) - 1
        used = np.flatnonzero(used)
        X, kernel_mean = take_rows(kernel, X, used, kernel_mean)
        weights, allowed = weights[used], allowed[used]
        candidates = positions[candidates]
        if isinstance(baseline, np.ndarray):
            baseline = positions[baseline]
    mean = resolve_kernel_mean(kernel, X, weights, kernel_mean, mean_zero)
    rows = KernelRows(kernel, X)
    scales = rows.scales(mean)

    def is_better(first, second):
        tie = TIE * max(scales[coreset].mean() for coreset, _ in (first, second))
        return first[1] < second[1] - tie

    def prepared(coreset):
        if not replace:
            coreset = _without_repeats(rows, coreset, mean, allowed)
        return coreset, _relative_square(kernel, X, coreset, mean)

    def refined(coreset):
        coreset, n_swaps = refine(rows, coreset, mean, allowed, replace, orders)
        return coreset, _relative_square(kernel, X, coreset, mean), n_swaps

    if _shares_out_evenly(candidates, rows.n, weights, kernel_mean, mean_zero):
        candidates = candidates[:1]
    starts = [prepared(_best(kernel, X, candidates, mean, is_better))]
    start = _baseline(baseline, rows, size, mean, weights, allowed, mean_zero, replace)
    if start is not None:
        start = prepared(start)
        starts.insert(0, start)
        if not refine_baseline:
            starts = [starts[1] if is_better(starts[1], start) else start]
    results = [refined(coreset) for coreset, _ in starts]
    best = results[0][:2]
    for other in results[1:]:
        if is_better(other[:2], best):
            best = other[:2]

    def distance(coreset, square):
        if mean_zero:
            return float(np.sqrt(max(square, 0.0)))
        return coreset_mmd(kernel, X, coreset, None, weights, mean)

    known = kernel_mean is None
    return SwapResult(
        best[0] if used is None else used[best[0]],
        distance(*best) if known else None,
        distance(*start) if known and start is not None else None,
        sum(n_swaps for _, _, n_swaps in results),
        mean,
    )


def refine(rows, coreset, mean, allowed, replace, orders):
    """Replace rows of a coreset, one after the other, by the rows that fit best.

    Parameters
    ----------
    rows : KernelRows
        The kernel.

    coreset : ndarray of int of shape (size,)
        Rows; left as it is.

    mean : ndarray of shape (n,)
        Kernel mean to approximate.

    allowed : ndarray of bool of shape (n,)
        Rows that may be swapped in.

    replace : bool
        Whether a row may be in the coreset more than once. If not, positions of rows
        that it has more than once get another one, better or not.

    orders : list of ndarray of int
        Positions of the coreset to try, for each pass.

    Returns
    -------
    coreset : ndarray of int of shape (size,)
        The refined coreset.

    n_swaps : int
        How many rows were replaced.
    """
    coreset = coreset.copy()
    size = coreset.size
    step, scales = 2.0 / size, rows.scales(mean)
    per_block = int(np.clip(memory_budget() // (16 * rows.n), 1, size))
    stored = per_block == size
    # Of each row: the gain in the squared discrepancy, times the size, by adding it.
    K = rows(coreset) if stored else None
    objective = rows.diagonal / size - 2.0 * mean
    for block in row_blocks(size, per_block):
        part = K if stored else rows(coreset[block])
        objective += step * part.sum(axis=0)
    counts = np.bincount(coreset, minlength=rows.n)
    available = allowed if replace else allowed & (counts == 0)
    gained = lost = objective  # no update is due
    n_swaps = 0
    for order in orders:
        before = n_swaps
        for block in row_blocks(order.size, per_block):
            positions = order[block]
            part = K if stored else rows(coreset[positions])
            for i, r in enumerate(positions):
                x = coreset[r]
                row = part[r if stored else i]
                start = -1 if not replace and counts[x] > 1 else x
                y = choose(
                    objective,
                    gained,
                    lost,
                    step,
                    row,
                    step,
                    available,
                    start,
                    scales,
                    TIE,
                )
                gained = lost = objective
                if y == x:
                    continue
                gained, lost = rows([y])[0], row.copy()
                row[:] = gained
                coreset[r] = y
                counts[x] -= 1
                counts[y] += 1
                n_swaps += 1
                if not replace:
                    available[x] = allowed[x] and counts[x] == 0
                    available[y] = False
        if n_swaps == before:
            break
    check_kernel_values(objective)
    return coreset, n_swaps


def _without_repeats(rows, coreset, mean, allowed):
    """The coreset with another row in place of each that came before."""
    _, first = np.unique(coreset, return_index=True)
    surplus = np.setdiff1d(np.arange(coreset.size), first)
    if surplus.size == 0:
        return coreset
    return refine(rows, coreset, mean, allowed, False, [surplus])[0]


def _best(kernel, X, candidates, mean, is_better):
    """The first candidate that no later one is clearly better than."""

    def square(coreset):
        return _relative_square(kernel, X, coreset, mean)

    if len(candidates) == 1:
        return candidates[0]
    # Small ones one for each thread; large ones leave the threads to their products.
    small = candidates.shape[1] <= 1024 and not is_cupy(X)
    squares = map_blocks(square, candidates) if small else map(square, candidates)
    results = zip(candidates, squares)
    best = next(results)
    for other in results:
        if is_better(other, best):
            best = other
    return best[0]


def _relative_square(kernel, X, coreset, mean):
    """Squared discrepancy up to a constant."""
    chosen = X[coreset]
    if isinstance(kernel, str):
        chosen = chosen[:, coreset]
    return float(mean_of_rows(kernel, chosen).mean() - 2.0 * mean[coreset].mean())


def _shares_out_evenly(candidates, n, weights, kernel_mean, mean_zero):
    """Whether there are two candidates, which are at the same distance from the data:
    on opposite sides of their kernel mean."""
    return (
        candidates.shape[0] == 2
        and candidates.size == n
        and weights is None
        and kernel_mean is None
        and not mean_zero
        and bool(np.all(np.bincount(candidates.ravel(), minlength=n) == 1))
    )


def _baseline(given, rows, size, mean, weights, allowed, mean_zero, replace):
    """The coreset to compare with, or None."""
    if given is None or isinstance(given, np.ndarray):
        return given
    if mean_zero:
        return herd_rows(rows, size, mean, allowed, replace)
    if weights is None:
        return rows.n - 1 - (rows.n // size) * np.arange(size)[::-1]
    ends = np.cumsum(weights)
    wanted = (np.arange(size) + 1) / size * ends[-1] * (1.0 - 1e-12)
    return np.searchsorted(ends, wanted)


def _check_baseline(given, n, size):
    """Rows, True for what is to be found, or None."""
    if given is None or isinstance(given, (bool, np.bool_)):
        return True if given else None
    given = _check_candidates(np.asarray(given)[np.newaxis], n, "baseline")[0]
    if given.size != size:
        raise ValueError(
            f"baseline must have {size} rows as the candidates have, got {given.size}."
        )
    return given


def _check_candidates(candidates, n, name="candidates"):
    candidates = np.asarray(candidates)
    if candidates.ndim != 2 or candidates.dtype.kind not in "iu" or not candidates.size:
        raise ValueError(
            f"{name} must be a matrix of integers with one coreset in each row, got an "
            f"array of shape {candidates.shape} and type {candidates.dtype}."
        )
    if candidates.min() < 0 or candidates.max() >= n:
        raise ValueError(
            f"{name} must hold rows between 0 and {n - 1}, got numbers between "
            f"{candidates.min()} and {candidates.max()}."
        )
    return candidates.astype(np.intp, copy=False)


def check_swaps(swap_order, n_swap_passes):
    """Refuse swaps of an unknown kind."""
    if not isinstance(n_swap_passes, Integral) or n_swap_passes < 0:
        raise ValueError(
            f"n_swap_passes must be an integer >= 0, got {n_swap_passes!r} instead."
        )
    if swap_order not in SWAP_ORDERS:
        raise ValueError(
            f"swap_order must be one of {SWAP_ORDERS}, got {swap_order!r} instead."
        )


def _swap_orders(swap_order, n_swap_passes, size, random_state):
    """Order of the positions in each pass."""
    if swap_order == "sequential":
        return [np.arange(size)] * int(n_swap_passes)
    rng = check_random_state(random_state)
    return [rng.permutation(size) for _ in range(n_swap_passes)]
