"""Dense kernel matrices of any kernel, put together from its terms."""

import numpy as np

from ..utils._array import get_namespace
from ..utils._parallel import map_blocks, row_blocks
from ._array_pairwise import array_block, array_center
from ._pairwise import computing_dtype, pairwise_block, tile_rows


def dense_block(kernel, X, Z=None):
    """Kernel matrix of a resolved kernel.

    Parameters
    ----------
    kernel : Kernel
        Resolved.

    X, Z : {ndarray, CSR matrix}
        Rows and columns, float32 or float64. Z may be None: the columns are X, the
        result is symmetric, and white noise counts.

    Returns
    -------
    K : ndarray of shape (n, m)
    """
    xp = get_namespace(X, Z)
    columns = X if Z is None else Z
    dtype = computing_dtype(X, columns)
    out = None
    for weight, term in kernel._terms():
        if term._diagonal_only:
            if Z is not None:
                values = xp.zeros((X.shape[0], Z.shape[0]), dtype=dtype)
            else:
                values = xp.diag(term.diag(X))
        else:
            values = _term_block(term, X, Z, xp)
        if term._has_row_terms:
            left = term._row_terms(X)
            right = left if Z is None else term._row_terms(columns)
            values = values + (left[:, None] + right[None, :])
        values = values.astype(dtype, copy=False)
        if weight != 1:
            values = values * dtype.type(weight)
        out = values if out is None else out + values
    return out


def _term_block(term, X, Z, xp):
    columns = X if Z is None else Z
    if xp is not np:
        return array_block(term, X, columns, xp, center=array_center(term, columns, xp))
    if term._reduction(X.shape[1]) is not None:
        return pairwise_block(term, X, Z)
    return term._gram(X) if Z is None else block_by_rows(term, X, Z)


def block_by_rows(kernel, X, Z):
    """Dense values of a kernel without a reduction, blocks of rows in the pool."""
    n, m = X.shape[0], Z.shape[0]
    blocks = row_blocks(n, tile_rows(n))
    parts = map_blocks(
        lambda rows: kernel._block(X[rows], Z), blocks, work=20.0 * n * m
    )
    return np.concatenate(parts)
