"""KT-SWAP for weighted coresets: exchange rows and find the best weight for each."""

import numpy as np

from skkernels.coresets._halving import check_kernel_values
from skkernels.coresets._swap_core import TIE
from skkernels.operators import memory_budget
from skkernels.utils._parallel import row_blocks, single_threaded_blas


def swap_weights(rows, weights, *, simplex=True, n_passes=1):
    """Exchange rows of a weighted coreset, each with an exact line search.

    Each row in turn is removed, the weights of the others scaled up to the sum 1, and
    the row added that makes ``w' K w`` smallest, with the weight ``eta`` that does.
    With ``A = w' K w`` of the others and ``B = (K w)_y`` it is
    ``eta = (A - B) / (A - 2 B + K_yy)``.

    Parameters
    ----------
    rows : KernelRows
        Kernel of mean zero under the distribution to represent.

    weights : ndarray of shape (n,)
        Weights of sum 1, few of them not zero.

    simplex : bool, default=True
        Whether ``eta`` is kept between 0 and 1, so that weights that are not negative
        stay so.

    n_passes : int, default=1
        How often each row is tried. A pass that exchanges nothing is the last one.

    Returns
    -------
    weights : ndarray of shape (n,)
        Of sum 1, with at most as many that are not zero, and not a larger discrepancy.

    Notes
    -----
    Up to ``2 n s`` kernel values for each pass over s rows. Memory: O(n), and blocks of
    half of the memory budget.
    """
    w = weights.copy()
    floor = TIE * rows.scale
    with single_threaded_blas():
        product = _product(rows, w)
        for _ in range(n_passes):
            n_swaps = 0
            for x in np.flatnonzero(w):
                support = np.flatnonzero(w)
                if support.size == 1:
                    return _single(rows, x)
                rest = 1.0 - w[x]
                if abs(rest) < 1e-9:  # the others cannot be scaled up
                    continue
                square = float(w[support] @ product[support])
                own = w[x] * (2.0 * product[x] - w[x] * rows.diagonal[x])
                square = (square - own) / rest**2
                others = (product - w[x] * rows([x])[0]) / rest
                distance = np.maximum(square - 2.0 * others + rows.diagonal, floor)
                eta = (square - others) / distance
                if simplex:
                    np.clip(eta, 0.0, 1.0, out=eta)
                value = (1.0 - eta) ** 2 * square + eta**2 * rows.diagonal
                value += 2.0 * (1.0 - eta) * eta * others
                check_kernel_values(value[x])
                stay = value[x]
                value[support] = np.inf
                y = int(np.argmin(value))
                y = y if value[y] < stay - floor else x
                n_swaps += y != x
                w[x] = 0.0
                w *= (1.0 - eta[y]) / rest
                w[y] = eta[y]
                product = (1.0 - eta[y]) * others
                if eta[y] != 0.0:
                    product += eta[y] * rows([y])[0]
            if n_swaps == 0:
                break
    return w


def _product(rows, w):
    """Kernel matrix times weights, few of which are not zero."""
    support = np.flatnonzero(w)
    size = max(memory_budget() // (16 * rows.n), 1)
    product = np.zeros(rows.n)
    for block in row_blocks(support.size, size):
        product += w[support[block]] @ rows(support[block])
    return product


def _single(rows, x):
    """All weight on the best row, x unless there is a better one."""
    y = int(np.argmin(rows.diagonal))
    better = rows.diagonal[y] < rows.diagonal[x] - TIE * rows.scale
    w = np.zeros(rows.n)
    w[y if better else x] = 1.0
    return w
