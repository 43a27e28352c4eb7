"""A stored kernel matrix behind the interface of the operators."""

import numpy as np
from scipy.sparse.linalg import aslinearoperator

from ..utils._parallel import map_blocks, row_blocks
from ._base import BaseOperator

_ROWS = 512


class PrecomputedOperator(BaseOperator):
    """A kernel matrix that is stored, with the methods of :class:`KernelOperator`.

    Parameters
    ----------
    K : ndarray of shape (n, m)
        The kernel matrix, float32 or float64; may be a memory map. Not copied.

    Attributes
    ----------
    shape : tuple
        (n, m).

    dtype : dtype
        The matrix's.

    Notes
    -----
    A product reads the matrix once: n m numbers from memory, in blocks of rows whose
    boundaries depend on the shape only.
    """

    def __init__(self, K):
        if K.ndim != 2:
            raise ValueError(f"A kernel matrix must have 2 dimensions, got {K.ndim}.")
        self.K = K
        self.shape = K.shape
        self.dtype = K.dtype

    @property
    def T(self):
        """The transposed operator."""
        return PrecomputedOperator(self.K.T)

    def matmat(self, V):
        """K @ V, see :meth:`KernelOperator.matmat`."""
        V = self._check_right(V, self.shape[1]).astype(self.dtype, copy=False)
        out = np.empty((self.shape[0], *V.shape[1:]), self.dtype)

        def fill(rows):
            out[rows] = self.K[rows] @ V

        work = 2.0 * self.K.size * (V.shape[1] if V.ndim == 2 else 1)
        map_blocks(fill, row_blocks(self.shape[0], _ROWS), work=work)
        return out

    def rmatmat(self, U):
        """K.T @ U, see :meth:`KernelOperator.rmatmat`."""
        return self.T.matmat(U)

    def block(self, rows=None, columns=None):
        """Dense part of the matrix, see :meth:`KernelOperator.block`."""
        rows = slice(None) if rows is None else rows
        columns = slice(None) if columns is None else columns
        if isinstance(rows, slice) or isinstance(columns, slice):
            return np.array(self.K[rows, columns])
        return self.K[np.ix_(rows, columns)]

    def diag(self):
        """The diagonal, shape (n,)."""
        return np.array(self.K.diagonal())

    def normal_matmat(self, V, weights=None):
        """K.T @ (w * (K @ V)), see :meth:`KernelOperator.normal_matmat`."""
        inner = self.matmat(V)
        if weights is not None:
            inner = (inner.T * np.asarray(weights, self.dtype)).T
        return self.rmatmat(inner)

    def normal_matrix(self, weights=None, targets=None):
        """K.T @ diag(w) @ K and K.T @ diag(w) @ Y in float64.

        See :meth:`KernelOperator.normal_matrix`.
        """
        m = self.shape[1]
        gram = np.zeros((m, m))
        moment = None if targets is None else np.zeros((m, targets.shape[1]))
        for rows in row_blocks(self.shape[0], 8 * _ROWS):
            K = np.asarray(self.K[rows], np.float64)
            weighted = K
            if weights is not None:
                weighted = K * np.asarray(weights[rows], np.float64)[:, None]
            gram += weighted.T @ K
            if targets is not None:
                moment += weighted.T @ np.asarray(targets[rows], np.float64)
        return gram, moment

    def as_linear_operator(self):
        """The matrix for SciPy's iterative solvers."""
        return aslinearoperator(self.K)
