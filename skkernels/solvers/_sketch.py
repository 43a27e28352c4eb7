"""Random sketches of the rows of a kernel matrix."""

from importlib import import_module

import numpy as np
from sklearn.utils import check_random_state

from skkernels.operators import check_memory, memory_budget
from skkernels.utils._array import get_namespace
from skkernels.utils._jit import njit
from skkernels.utils._parallel import map_blocks, row_blocks

N_SIGNS = 8
_PANEL = 128


def sketch_rows(op, n_rows, *, weights=None, random_state=None):
    """``Phi W^{1/2} K`` with a sparse random matrix of signs Phi, streamed.

    Each row of K is added to eight of the rows of the sketch, with random signs: one
    in each of eight groups. ``(Phi K)' (Phi K)`` is then an unbiased estimate of ``K'
    K``, and within a constant factor of it once the sketch has some more rows than K
    has columns.

    Parameters
    ----------
    op : operator of shape (n, m)
        K.

    n_rows : int
        Rows of the sketch, rounded up to a multiple of eight. If K has no more, the
        sketch is K itself.

    weights : array of shape (n,), default=None
        W.

    random_state : int, RandomState instance or None, default=None
        Source of the signs.

    Returns
    -------
    S : array of shape (n_rows, m) in float64
        The sketch, C-contiguous.

    Notes
    -----
    Time: one evaluation of K and 8 n m additions. Memory: the sketch, ``8 n_rows m``
    bytes, refused if over the budget, and blocks of rows of K. The result does not
    depend on the number of threads.

    References
    ----------
    .. [1] M. Diaz, E. N. Epperly, Z. Frangella, J. A. Tropp and R. J. Webber, "Robust,
       randomized preconditioning for kernel ridge regression", 2023. arXiv:2304.12465
    """
    n, m = op.shape
    group = -(-n_rows // N_SIGNS)
    exact = n <= group * N_SIGNS
    n_rows = n if exact else group * N_SIGNS
    check_memory(
        8 * n_rows * m,
        what=f"the {n_rows} x {m} sketch of the kernel matrix",
        remedy="use fewer centers (n_centers) or solver='falkon'",
    )
    rng = check_random_state(random_state)
    xp = get_namespace(op.block(slice(0, 1), None))
    S = xp.zeros((n_rows, m))
    add = _add_compiled if xp is np else _add_sparse
    size = int(np.clip(memory_budget() // (64 * m), 64, 8192))
    for rows in row_blocks(n, size):
        K = op.block(rows, None)
        if weights is not None:
            K = K * xp.sqrt(weights[rows])[:, None]
        if exact:
            S[rows] = K
            continue
        shape = (K.shape[0], N_SIGNS)
        targets = rng.randint(group, size=shape) + group * np.arange(N_SIGNS)
        signs = rng.randint(2, size=shape) * 2.0 - 1.0
        add(S, K, targets, signs / np.sqrt(N_SIGNS))
    return S


def _add_compiled(S, K, targets, signs):
    """S[targets[i, k]] += signs[i, k] K[i], each thread its own columns."""
    n, m = K.shape

    def add(columns):
        _scatter_rows(S[:, columns], K[:, columns], targets, signs)

    map_blocks(add, row_blocks(m, _PANEL), work=2.0 * N_SIGNS * n * m)


@njit
def _scatter_rows(S, K, targets, signs):
    for i in range(K.shape[0]):
        for k in range(targets.shape[1]):
            row = targets[i, k]
            sign = signs[i, k]
            for j in range(K.shape[1]):
                S[row, j] += sign * K[i, j]


def _add_sparse(S, K, targets, signs):
    xp = get_namespace(K)
    sparse = import_module(f"{xp.__name__}x.scipy.sparse")
    rows, columns = xp.asarray(targets.ravel()), xp.arange(K.shape[0])
    columns = xp.repeat(columns, N_SIGNS)
    values = xp.asarray(signs.ravel(), dtype=K.dtype)
    shape = (S.shape[0], K.shape[0])
    S += sparse.csr_matrix((values, (rows, columns)), shape=shape) @ K
