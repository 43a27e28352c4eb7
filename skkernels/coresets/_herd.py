"""Kernel herding: add the row that helps the most, again and again."""

from numbers import Integral

import numpy as np

from skkernels.coresets._halving import check_kernel_values
from skkernels.coresets._kernel_rows import KernelRows, check_kernel
from skkernels.coresets._mean import (
    check_sample_weight,
    resolve_kernel_mean,
    take_rows,
)
from skkernels.coresets._swap_core import TIE, choose


def herd(kernel, X, n_coreset, *, sample_weight=None, kernel_mean=None, replace=True):
    """Choose rows greedily so that their kernel mean approaches that of the data.

    Each step adds the row that makes the maximum mean discrepancy of the rows chosen so
    far, equally weighted, the smallest. Where all rows have the same norm ``k(x, x)``,
    this is the kernel herding of [1]_; for a kernel of mean zero
    (``kernel_mean=np.zeros(n)``) it is the Stein thinning of [2]_.

    Parameters
    ----------
    kernel : Kernel or "precomputed"
        Resolved kernel; white noise in it does not count.

    X : {array, CSR matrix} of shape (n, n_features), or (n, n) if precomputed
        Rows, float32 or float64.

    n_coreset : int
        How many rows to choose; more than n only if ``replace`` is true.

    sample_weight : ndarray of shape (n,), default=None
        Weights of the rows. Rows of weight zero are not chosen, nor looked at.

    kernel_mean : ndarray of shape (n,) or callable, default=None
        Mean of the kernel functions at the rows, or a function that returns it for
        rows. None computes it from the data.

    replace : bool, default=True
        Whether a row may be chosen more than once.

    Returns
    -------
    indices : ndarray of int of shape (n_coreset,)
        Rows of X in the order of their choice: every beginning of it is a coreset.

    Raises
    ------
    ValueError
        If a parameter is out of its range, there are not enough rows for a coreset
        without repeats, or the kernel takes values that are not finite.

    Notes
    -----
    ``n^2`` kernel values for the mean and ``n`` for each row that is chosen, in
    float64. Memory: O(n).

    Of rows that are equally good, up to 1e-12 of the larger ``|k(x, x)|`` plus kernel
    mean of two rows, the first one is taken. Nothing is random.

    References
    ----------
    .. [1] Y. Chen, M. Welling and A. Smola, "Super-samples from kernel herding", UAI
       2010. arXiv:1203.3472
    .. [2] M. Riabiz et al., "Optimal thinning of MCMC output", Journal of the Royal
       Statistical Society B 84, 2022. arXiv:2005.03952

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.coresets import herd
    >>> from skkernels.kernels import RBF
    >>> X = np.linspace(0.0, 1.0, 9)[:, np.newaxis]
    >>> X[herd(RBF(length_scale=0.3), X, 3)].ravel()
    array([0.5  , 0.   , 0.875])
    """
    check_kernel(kernel, X)
    weights, allowed = check_sample_weight(sample_weight, X.shape[0])
    positive = np.flatnonzero(allowed)
    if not isinstance(n_coreset, Integral) or n_coreset < 1:
        raise ValueError(
            f"n_coreset must be at least 1 and an integer, got {n_coreset!r} instead."
        )
    if not replace and n_coreset > positive.size:
        raise ValueError(
            "n_coreset must be at least 1 and, without repeats, at most the number of "
            f"rows of positive weight, {positive.size}; got {n_coreset!r}."
        )
    if positive.size < allowed.size:
        X, kernel_mean = take_rows(kernel, X, positive, kernel_mean)
        weights = weights[positive]
    mean = resolve_kernel_mean(kernel, X, weights, kernel_mean)
    rows = KernelRows(kernel, X)
    return positive[herd_rows(rows, n_coreset, mean, allowed[positive], replace)]


def herd_rows(rows, size, mean, allowed, replace):
    """:func:`herd` for checked arguments and a :class:`KernelRows`."""
    indices = np.empty(size, dtype=np.intp)
    available = allowed.copy()
    # Squared distance of t + 1 rows, times (t + 1)^2, up to what all have in common.
    objective = rows.diagonal.copy()
    gained = nothing = np.zeros(rows.n)
    scales = rows.scales(mean)
    for t in range(size):
        y = choose(
            objective,
            gained,
            nothing,
            2.0,
            mean,
            2.0 * (t + 1),
            available,
            -1,
            scales,
            TIE * (t + 1),
        )
        indices[t] = y
        if not replace:
            available[y] = False
        if t + 1 < size:
            gained = rows([y])[0]
    check_kernel_values(objective)
    return indices
