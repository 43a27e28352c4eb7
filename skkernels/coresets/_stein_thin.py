"""Thinning of rows that do not come from the distribution they are to represent."""

import numpy as np
from sklearn.utils import check_random_state

from skkernels.coresets._compress import compress
from skkernels.coresets._debias import low_rank_debias
from skkernels.coresets._herd import herd_rows
from skkernels.coresets._kernel_rows import KernelRows
from skkernels.coresets._kt_split import kt_split
from skkernels.coresets._kt_swap import kt_swap
from skkernels.coresets._sequence import halving_plan, stratified_sequence
from skkernels.kernels._stein import SteinKernel
from skkernels.utils._parallel import map_blocks, single_threaded_blas


class _SteinRows(KernelRows):
    """Rows of a Stein kernel against columns that are prepared once."""

    def __init__(self, kernel, X):
        super().__init__(kernel, X)
        self.kernel = kernel
        self.X = np.ascontiguousarray(X, dtype=np.float64)
        self.columns = kernel._columns(self.X)

    def __call__(self, indices):
        rows = self.X[np.asarray(indices)]
        out = np.empty((rows.shape[0], self.n))

        def fill(part):
            columns, values = part
            self.kernel._fill(rows, values, out, columns.start)

        map_blocks(fill, self.columns, work=10.0 * rows.size * self.n)
        return out


def make_rows(kernel, X):
    """Rows of the kernel matrix, formed as fast as the kernel allows."""
    if isinstance(kernel, SteinKernel):
        return _SteinRows(kernel, X)
    return KernelRows(kernel, X)


def stein_thin(kernel, X, n_coreset):
    """Choose rows greedily so that they represent a distribution they need not be from.

    Each step adds the row that makes ``sum_ij k(x_i, x_j)`` over the rows chosen so far
    the smallest. The kernel has mean zero under the distribution, so that this is the
    squared discrepancy from it times the squared number of rows [1]_.

    Parameters
    ----------
    kernel : Kernel or "precomputed"
        Kernel of mean zero, such as a Stein kernel.

    X : ndarray of shape (n, n_columns), or (n, n) if precomputed
        Rows, float32 or float64.

    n_coreset : int
        How many rows to choose. They may be repeated, so that there may be more than n:
        with n or more, the numbers of times that rows are chosen are weights that
        debias the sample.

    Returns
    -------
    indices : ndarray of int of shape (n_coreset,)
        Rows of X in the order of their choice: every beginning of it is a coreset. Of
        rows that are equally good the first one is taken.

    Raises
    ------
    ValueError
        If the kernel takes values that are not finite.

    Notes
    -----
    ``n n_coreset`` kernel values, each read once. Memory: O(n).

    References
    ----------
    .. [1] M. Riabiz et al., "Optimal thinning of MCMC output", Journal of the Royal
       Statistical Society B 84, 2022. arXiv:2005.03952
    """
    return _greedy(make_rows(kernel, X), n_coreset)


def _greedy(rows, size):
    everywhere = np.ones(rows.n, dtype=bool)
    with single_threaded_blas():
        return herd_rows(rows, size, np.zeros(rows.n), everywhere, True)


def greedy_weights(kernel, X):
    """Weights that debias all rows: how often :func:`stein_thin` chooses each of them.

    Parameters
    ----------
    kernel, X
        As for :func:`stein_thin`.

    Returns
    -------
    weights : ndarray of shape (n,)
        Multiples of 1 / n, of sum 1.
    """
    n = X.shape[0]
    return np.bincount(stein_thin(kernel, X, n), minlength=n) / n


def stein_kernel_thin(
    kernel,
    X,
    n_coreset,
    *,
    halving="adaptive",
    threshold="paper",
    delta=0.5,
    n_swap_passes=3,
    random_state=None,
):
    """Stein kernel thinning (SKT): debias by Stein thinning, then thin.

    Stein thinning chooses at least n rows, with repeats: a sample that represents the
    distribution as well as rows of X can. Kernel thinning takes it down to the size
    wanted, starting from Stein thinning at that size if that is better [1]_. The result
    is never worse than Stein thinning.

    Parameters
    ----------
    kernel : Kernel or "precomputed"
        Kernel of mean zero, such as a Stein kernel.

    X : ndarray of shape (n, n_columns), or (n, n) if precomputed
        Rows, float32 or float64.

    n_coreset : int
        How many rows to choose, at most n.

    halving, threshold, delta
        See :func:`kt_split`.

    n_swap_passes : int, default=3
        See :func:`kt_swap`. They cost little beside the rest.

    random_state : int, RandomState instance or None, default=None
        Source of the draws of :func:`kt_split`.

    Returns
    -------
    indices : ndarray of int of shape (n_coreset,)
        Rows of X, repeats possible.

    Notes
    -----
    About ``2.5 n^2`` kernel values. Memory: O(n) beside blocks of the memory budget.

    References
    ----------
    .. [1] L. Li, R. Dwivedi and L. Mackey, "Debiased distribution compression", ICML
       2024. arXiv:2404.12290
    """
    n_rounds, length = halving_plan(X.shape[0], n_coreset)
    chosen = stein_thin(kernel, X, length)
    candidates = kt_split(
        kernel,
        X,
        n_rounds,
        np.sort(chosen),
        halving=halving,
        threshold=threshold,
        delta=delta,
        random_state=random_state,
    )
    return kt_swap(
        kernel,
        X,
        candidates,
        mean_zero=True,
        n_swap_passes=n_swap_passes,
        baseline=chosen[:n_coreset],
        refine_baseline=True,
    )


def low_rank_stein_thin(
    kernel,
    X,
    n_coreset,
    *,
    rank=None,
    g=2,
    halving="adaptive",
    threshold="paper",
    delta=0.5,
    n_swap_passes=3,
    random_state=None,
):
    """Low-rank Stein kernel thinning (LSKT): debias and thin below quadratic time.

    The weights of :func:`low_rank_debias` become a list of at least n rows, with
    repeats; :func:`compress` takes it down to ``2^g n_coreset`` rows, and kernel
    thinning with swaps among all rows to ``n_coreset`` [1]_.

    Parameters
    ----------
    kernel : Kernel or "precomputed"
        Kernel of mean zero, such as a Stein kernel.

    X : ndarray of shape (n, n_columns), or (n, n) if precomputed
        Rows, float32 or float64.

    n_coreset : int
        How many rows to choose, at most n.

    rank : int, default=None
        See :func:`low_rank_debias`.

    g : int, default=2
        Oversampling: rounds of halving that are left to kernel thinning.

    halving, threshold, delta
        See :func:`kt_split`.

    n_swap_passes : int, default=3
        See :func:`kt_swap`. They cost little beside the rest.

    random_state : int, RandomState instance or None, default=None
        Source of the draws.

    Returns
    -------
    indices : ndarray of int of shape (n_coreset,)
        Rows of X, repeats possible.

    Notes
    -----
    With s = ``n_coreset``: the cost of :func:`low_rank_debias`, about
    ``4^(g + 1) s^2 log2(n / s)`` kernel values for thinning and ``3 n s`` for swaps.

    References
    ----------
    .. [1] L. Li, R. Dwivedi and L. Mackey, "Debiased distribution compression", ICML
       2024. arXiv:2404.12290
    """
    rng = check_random_state(random_state)
    n = X.shape[0]
    weights = low_rank_debias(kernel, X, rank, random_state=rng)
    n_rounds, length = halving_plan(n, n_coreset)
    sequence = stratified_sequence(weights, n, length, rng)
    n_rounds = min(n_rounds, int(g))
    options = {"threshold": threshold, "delta": delta, "random_state": rng}
    sequence = compress(kernel, X, int(n_coreset) << n_rounds, sequence, **options)
    candidates = kt_split(kernel, X, n_rounds, sequence, halving=halving, **options)
    return kt_swap(
        kernel,
        X,
        candidates,
        mean_zero=True,
        n_swap_passes=n_swap_passes,
        baseline=True,
        refine_baseline=True,
    )
