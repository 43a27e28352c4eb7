"""Ridge leverage scores: how much each row counts in a ridge regression."""

import numpy as np
import scipy.linalg

from skkernels.linalg._cholesky import safe_cholesky, triangular_solve
from skkernels.utils._array import get_namespace, to_numpy
from skkernels.utils._parallel import map_blocks, row_blocks

_ROWS = 512
_EPS = float(np.finfo(np.float64).eps)


def ridge_leverage_scores(
    op, diagonal, pilot, alpha, *, weights=None, pilot_weights=None
):
    """Ridge leverage scores of the rows of a kernel matrix, from some of its columns.

    The score of row i among n rows is ``l_i = [K (K + alpha I)^{-1}]_ii``, between 0
    and 1; their sum is the effective dimension. With ``e_i`` what the kernel function
    of row i has left in the norm of the RKHS, squared, once a ridge regression on all
    other rows has taken its share, ``l_i = e_i / (e_i + alpha)``. Here the *pilot* rows
    stand for all others.

    Parameters
    ----------
    op : operator of shape (n, s) in float64
        The kernel between all rows and the pilot rows.

    diagonal : array of shape (n,)
        ``k(x_i, x_i)``.

    pilot : ndarray of int of shape (s,)
        Which rows are the pilot rows. If these are all rows, the scores are exact;
        otherwise they should be drawn in proportion to the weights.

    alpha : float
        Ridge strength, positive.

    weights : array of shape (n,), default=None
        Weights of the rows; row i then stands for that many equal rows, each with the
        score returned.

    pilot_weights : array of shape (s,), default=None
        How many rows each pilot row stands for. None is an equal share of the total
        weight.

    Returns
    -------
    scores : array of shape (n,)
        The scores.

    Notes
    -----
    Time: n s kernel values and n s^2 operations. Memory: O(s^2) and blocks of rows.

    References
    ----------
    .. [1] A. El Alaoui and M. W. Mahoney, "Fast randomized kernel ridge regression with
       statistical guarantees", NIPS 2015. arXiv:1411.0306
    .. [2] C. Musco and C. Musco, "Recursive sampling for the Nystroem method", NIPS
       2017. arXiv:1605.07583
    .. [3] A. Rudi, D. Calandriello, L. Carratino and L. Rosasco, "On fast leverage
       score sampling and optimal learning", NeurIPS 2018. arXiv:1810.13258
    """
    K = op.block(pilot, None)
    xp = get_namespace(K)
    n, s = op.shape
    weights = xp.ones(n) if weights is None else weights
    if pilot_weights is None:
        pilot_weights = xp.full(s, float(weights.sum()) / s)
    noise = alpha / pilot_weights
    index = xp.arange(s)
    K[index, index] += noise
    L, _ = safe_cholesky(K, overwrite=True)
    left = xp.empty(n)

    def fill(rows):
        half = triangular_solve(L, op.block(rows, None).T)
        left[rows] = diagonal[rows] - (half**2).sum(axis=0)

    blocks = row_blocks(n, _ROWS)
    if xp is np:
        map_blocks(fill, blocks, work=1.0 * n * s**2)
    else:
        for rows in blocks:
            fill(rows)
    left = xp.clip(left, 0.0, None)
    # A pilot row must not explain itself: undo its own share.
    own = xp.minimum(left[pilot], (1.0 - _EPS) * noise)
    left[pilot] = own * noise / (noise - own)
    return left / (weights * left + alpha)


def match_effective_dimension(K, weights, dimension):
    """The alpha at which the effective dimension has a given value.

    Parameters
    ----------
    K : array of shape (s, s)
        Kernel matrix of some rows.

    weights : array of shape (s,)
        How many rows each stands for.

    dimension : float
        Wanted value of ``sum_i w_i l_i``, less than s.

    Returns
    -------
    alpha : float
        No less than the rounding errors of K; 1.0 if K is zero.
    """
    root = np.sqrt(to_numpy(weights))
    matrix = to_numpy(K) * root[:, None] * root
    values = np.clip(scipy.linalg.eigvalsh(matrix, check_finite=False), 0.0, None)
    if values[-1] == 0.0:
        return 1.0
    low = np.log(len(values) * _EPS * values[-1])
    high = np.log(len(values) * values[-1] / dimension)
    for _ in range(60):
        middle = 0.5 * (low + high)
        if (values / (values + np.exp(middle))).sum() > dimension:
            low = middle
        else:
            high = middle
    return float(np.exp(high))
