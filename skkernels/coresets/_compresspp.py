"""Compress++: compress to a few times the size of the coreset, then thin."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state

from skkernels.coresets._compress import halve_in_buckets
from skkernels.coresets._halving import step_log_factor
from skkernels.coresets._kt_split import kt_split
from skkernels.coresets._kt_swap import swap_candidates
from skkernels.coresets._kt_thin import ORDERS
from skkernels.coresets._mean import check_sample_weight
from skkernels.coresets._mmd import kernel_mean
from skkernels.coresets._sequence import (
    halving_plan,
    resolve_size,
    stratified_sequence,
)
from skkernels.coresets._split_kernel import split_kernel as make_split_kernel
from skkernels.utils._array import get_namespace, to_numpy

SWAP_TARGETS = ("compressed", "input")
# "auto" is this, or more while the last splits have at most so many rows.
_AUTO_G, _DIRECT = 2, 2048
# Streams keep a buffer of that size for each level, and halve all of them.
STREAM_DIRECT = 256


def compresspp(
    kernel,
    X,
    n_coreset,
    *,
    sample_weight=None,
    g="auto",
    split_kernel="target",
    power=0.5,
    replace=True,
    n_swap_passes=1,
    threshold="paper",
    delta=0.5,
    swap_target="compressed",
    order="input",
    random_state=None,
):
    """Choose few rows whose kernel mean is close to that of all, in near-linear time.

    The list of rows is halved in small buckets until ``2^(g + 1)`` times as many are
    left as are wanted (:func:`compress`). These are split into ``2^(g + 1)`` coresets
    (:func:`kt_split`), of which the best one is improved by swaps (:func:`kt_swap`).

    Parameters
    ----------
    kernel : Kernel or "precomputed"
        Resolved kernel; white noise in it does not count.

    X : {array, CSR matrix} of shape (n, n_features), or (n, n) if precomputed
        Rows, float32 or float64.

    n_coreset : int, float or "sqrt"
        How many rows to keep, or what share of them in (0, 1], or their square root. If
        that is all of them, they are returned as they are.

    sample_weight : ndarray of shape (n,), default=None
        Weights of the rows, not negative. Rows of weight zero are left out.

    g : int or "auto", default="auto"
        Oversampling. Each more of it costs up to four times as much, and lowers the
        error, by less every time. "auto" is 2, or more for a coreset of s rows as long
        as ``2^(g + 1) s`` is at most 2048: there, all is fast.

    split_kernel : {"target", "root", "power", "plus"} or Kernel, default="target"
        Kernel of the last splits, see :func:`split_kernel`. The buckets are halved in
        the kernel itself. "precomputed" kernels have "target" only.

    power : float, default=0.5
        In [0.5, 1), for the split kernels "power" and "plus".

    replace : bool, default=True
        Whether a row may be in the coreset more than once.

    n_swap_passes : int, default=1
        How often each row is tried for a swap, in buckets and in the end.

    threshold : {"paper", "goodpoints", "constant", "greedy", "anytime"}, \
            default="paper"
        See :func:`compress` and :func:`kt_split`. Matters little after swaps.

    delta : float, default=0.5
        Failure probability of all halvings together, in (0, 1).

    swap_target : {"compressed", "input"}, default="compressed"
        Whether the last swaps aim at the kernel mean of the compressed rows or at that
        of all rows. "input" is the more accurate: it makes up for what compression has
        lost.

    order : {"input", "random"}, default="input"
        Order in which the rows are halved. Neighbours are paired: take "random" where
        the order means nothing but is not random, as in data sorted by class.

    random_state : int, RandomState instance or None, default=None
        Source of the draws.

    Returns
    -------
    indices : ndarray of int of shape (size,)
        Rows of X.

    Raises
    ------
    ValueError
        If a parameter is out of its range, or the kernel takes values that are not
        finite.

    Notes
    -----
    The list that is halved has ``N = 2^m s`` rows for a coreset of s rows from n, with
    n <= N < 2 n: some rows are in it twice, spread evenly. Each round of halving forms
    ``4^(g + 1) s^2`` kernel values, or 128 for each row that is left where that is more
    (512 for some kernels and storages, see :func:`compress`). There are ``m - g - 1``
    such rounds. What follows takes about two times
    ``4^(g + 1) s^2``, and ``2^(g + 1) s n`` more for ``swap_target="input"``. With
    ``s = sqrt(n)`` this is ``4^(g + 1) n log2(n)`` at most, where [1]_ has the same.

    Where k(x, x) is not constant, swaps prefer rows for which it is small, but only as
    far as that lowers the maximum mean discrepancy: no other objective is behind them.

    The coreset is not an unbiased sample, because it is the best of several.

    References
    ----------
    .. [1] A. Shetty, R. Dwivedi and L. Mackey, "Distribution compression in near-linear
       time", ICLR 2022. arXiv:2111.07941

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.coresets import compresspp, mmd
    >>> from skkernels.kernels import RBF
    >>> X = np.random.RandomState(0).normal(size=(10000, 2))
    >>> indices = compresspp(RBF(length_scale=2.0), X, "sqrt", random_state=0)
    >>> indices.size
    100
    >>> mmd(RBF(length_scale=2.0), X, X[indices]) < 0.005
    True
    """
    check_parameters(g, n_swap_passes, threshold, delta, power)
    if swap_target not in SWAP_TARGETS:
        raise ValueError(
            f"swap_target must be one of {SWAP_TARGETS}, got {swap_target!r} instead."
        )
    rough = make_split_kernel(kernel, split_kernel, X.shape[1], power)
    rng = check_random_state(random_state)
    size, sequence, weights = _start(X, n_coreset, sample_weight, order, rng)
    g = resolve_oversampling(g, size)
    n_rounds = (sequence.size // size).bit_length() - 1
    if n_rounds == 0:
        return sequence
    last = min(g + 1, n_rounds)
    # The share of the failure probability for the last splits.
    share = last / (last + (n_rounds - last) * 2**last)
    sequence = halve_in_buckets(
        kernel,
        X,
        sequence,
        n_rounds - last,
        (size << (g + 1)) ** 2,
        n_swap_passes=n_swap_passes,
        threshold=threshold,
        delta=delta * (1.0 - share) if last < n_rounds else delta,
        rng=rng,
    )
    candidates = kt_split(
        rough,
        X,
        last,
        sequence,
        threshold=threshold,
        delta=delta * share,
        random_state=rng,
    )
    pool, counts = np.unique(sequence, return_counts=True)
    mean = None
    if not replace and pool.size < size:  # weights have repeated few rows
        others = np.setdiff1d(np.flatnonzero(weights), pool)
        pool = np.sort(np.concatenate([pool, others[: size - pool.size]]))
        swap_target = "input"
    if swap_target == "input":
        mean, counts = _mean_at(kernel, X, weights, pool), None
    step = 1 << last
    found = swap_candidates(
        kernel,
        X[pool][:, pool] if isinstance(kernel, str) else X[pool],
        np.searchsorted(pool, candidates),
        sample_weight=counts,
        kernel_mean=mean,
        replace=replace,
        n_swap_passes=n_swap_passes,
        baseline=np.searchsorted(pool, sequence[step - 1 :: step]),
    )
    return pool[found.indices]


def resolve_oversampling(g, size, direct=_DIRECT):
    """How many rounds halve the whole list before the last one.

    ``direct`` is how many rows the last splits may have if g is "auto".
    """
    if isinstance(g, str):
        return max((direct // size).bit_length() - 2, _AUTO_G)
    return int(g)


def check_parameters(g, n_swap_passes, threshold, delta, power):
    """Refuse what is out of its range before anything is done."""
    if not (isinstance(g, str) and g == "auto" or isinstance(g, Integral) and g >= 0):
        raise ValueError(f"g must be an integer >= 0 or 'auto', got {g!r} instead.")
    if not isinstance(n_swap_passes, Integral) or n_swap_passes < 0:
        raise ValueError(
            f"n_swap_passes must be an integer >= 0, got {n_swap_passes!r} instead."
        )
    step_log_factor(threshold, delta, 2)
    if not isinstance(power, Real) or not 0.5 <= power < 1:
        raise ValueError(f"power must be in [0.5, 1), got {power!r} instead.")


def _start(X, n_coreset, sample_weight, order, rng):
    """Size of the coreset, list of rows to be halved, and weights."""
    if order not in ORDERS:
        raise ValueError(f"order must be one of {ORDERS}, got {order!r} instead.")
    weights, positive = check_sample_weight(sample_weight, X.shape[0])
    rows = np.flatnonzero(positive)
    size = resolve_size(n_coreset, rows.size)
    if size < rows.size:
        _, length = halving_plan(rows.size, size)
        rows = stratified_sequence(weights, X.shape[0], length, rng)
        if order == "random":
            rows = rng.permutation(rows)
    return size, rows, weights


def _mean_at(kernel, X, weights, rows):
    """Mean of the kernel functions of weighted rows, at some of them."""
    if not isinstance(kernel, str):
        return kernel_mean(kernel, X, weights, X[rows])
    weights = np.ones(X.shape[0]) if weights is None else weights
    values = X[rows].astype(np.float64) @ get_namespace(X).asarray(weights)
    return to_numpy(values) / weights.sum()
