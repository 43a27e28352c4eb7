"""A stored kernel matrix behind the interface of the operators."""

import numpy as np
from scipy.sparse.linalg import aslinearoperator

from ..utils._array import get_namespace
from ..utils._parallel import map_blocks, row_blocks
from ._base import BaseOperator

_ROWS = 512


class PrecomputedOperator(BaseOperator):
    """A kernel matrix that is stored, with the methods of :class:`KernelOperator`.

    Parameters
    ----------
    K : ndarray of shape (n, m)
        The kernel matrix. float32 and float64 may be a memory map and are not copied,
        other types become float64.

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

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.operators import PrecomputedOperator
    >>> PrecomputedOperator(np.array([[2.0, 1.0], [1.0, 3.0]])) @ np.ones(2)
    array([3., 4.])
    """

    def __init__(self, K):
        if K.ndim != 2:
            raise ValueError(f"A kernel matrix must have 2 dimensions, got {K.ndim}.")
        if K.dtype not in (np.float32, np.float64):
            K = K.astype(np.float64)
        self.K = K
        self.xp = get_namespace(K)
        self.shape = K.shape
        self.dtype = K.dtype

    @property
    def T(self):
        """The transposed operator."""
        return PrecomputedOperator(self.K.T)

    def matmat(self, V):
        """Multiply with the matrix: K @ V.

        Parameters
        ----------
        V : ndarray of shape (m,) or (m, c)
            Cast to the operator's precision.

        Returns
        -------
        product : ndarray of shape (n,) or (n, c)
            In the matrix's precision.
        """
        return self._product(V, self.dtype)

    def _product(self, V, dtype):
        V = self._check_right(V, self.shape[1]).astype(dtype, copy=False)
        if self.xp is not np:  # the device has threads of its own
            return self.K.astype(dtype, copy=False) @ V
        out = np.empty((self.shape[0], *V.shape[1:]), dtype)

        def fill(rows):
            out[rows] = self.K[rows] @ V

        work = 2.0 * self.K.size * (V.shape[1] if V.ndim == 2 else 1)
        map_blocks(fill, row_blocks(self.shape[0], _ROWS), work=work)
        return out

    def rmatmat(self, U):
        """Multiply with the transposed matrix: K.T @ U.

        Parameters
        ----------
        U : ndarray of shape (n,) or (n, c)
            Cast to the operator's precision.

        Returns
        -------
        product : ndarray of shape (m,) or (m, c)
            In the operator's precision.
        """
        return self.T.matmat(U)

    def block(self, rows=None, columns=None):
        """Form a dense part of the kernel matrix.

        Parameters
        ----------
        rows, columns : slice, ndarray of int or None, default=None
            Which rows and columns; None means all.

        Returns
        -------
        values : ndarray of shape (n_rows, n_columns)
            Symmetric to the last bit if it is the whole of a symmetric operator.
        """
        rows = slice(None) if rows is None else rows
        columns = slice(None) if columns is None else columns
        if isinstance(rows, slice) or isinstance(columns, slice):
            return self.xp.array(self.K[rows, columns])
        return self.K[self.xp.ix_(rows, columns)]

    def diag(self):
        """Evaluate k(x_i, x_i).

        Returns
        -------
        values : ndarray of shape (n,)
            One number per row of X.
        """
        return self.xp.array(self.K.diagonal())

    def normal_matmat(self, V, weights=None, *, dtype=None):
        """Form K.T @ (w * (K @ V)).

        Parameters
        ----------
        V : ndarray of shape (m,) or (m, c)
            Cast to the precision of the products.

        weights : ndarray of shape (n,) or None, default=None
            Weights w of the rows.

        dtype : dtype or None, default=None
            Precision of the products; None is the operator's.

        Returns
        -------
        product : ndarray of shape (m,) or (m, c)
            In the precision of the products.
        """
        dtype = self.dtype if dtype is None else np.dtype(dtype)
        inner = self._product(V, dtype)
        if weights is not None:
            inner = (inner.T * self.xp.asarray(weights, dtype)).T
        return self.T._product(inner, dtype)

    def residual_matmat(self, V, targets, weights=None, *, dtype=None):
        """Form R = K @ V - Y and K.T @ (w * R).

        Parameters
        ----------
        V : ndarray of shape (m,) or (m, c)
            Cast to the precision of the products.

        targets : ndarray of shape (n,) or (n, c)
            The targets Y.

        weights : ndarray of shape (n,) or None, default=None
            Weights w of the rows.

        dtype : dtype or None, default=None
            Precision of the products; None is the operator's.

        Returns
        -------
        residual : ndarray of the shape of targets
            In float64.

        moment : ndarray of the shape of V
            In float64.
        """
        dtype = self.dtype if dtype is None else np.dtype(dtype)
        residual = self._product(V, dtype).astype(np.float64) - targets
        inner = residual
        if weights is not None:
            inner = (inner.T * self.xp.asarray(weights, np.float64)).T
        return residual, self.T._product(inner, dtype).astype(np.float64)

    def take_rows(self, index):
        """Take some rows of the matrix.

        Parameters
        ----------
        index : slice or ndarray of int
            Which rows.

        Returns
        -------
        operator : PrecomputedOperator of shape (n_taken, m)
            Of a copy of the rows, unless the index is a slice.
        """
        return PrecomputedOperator(self.K[index])

    def normal_matrix(self, weights=None, targets=None):
        """Form the normal equations K.T diag(w) K and K.T diag(w) Y in float64.

        Parameters
        ----------
        weights : ndarray of shape (n,) or None, default=None
            Weights w of the rows, not negative.

        targets : ndarray of shape (n, c) or None, default=None
            The right factor Y.

        Returns
        -------
        gram : ndarray of shape (m, m)
            In float64.

        moment : ndarray of shape (m, c) or None
            In float64; None if ``targets`` is.
        """
        xp, m = self.xp, self.shape[1]
        gram = xp.zeros((m, m))
        moment = None if targets is None else xp.zeros((m, targets.shape[1]))
        for rows in row_blocks(self.shape[0], 8 * _ROWS):
            K = xp.asarray(self.K[rows], np.float64)
            weighted = K
            if weights is not None:
                weighted = K * xp.asarray(weights[rows], np.float64)[:, None]
            gram += weighted.T @ K
            if targets is not None:
                moment += weighted.T @ xp.asarray(targets[rows], np.float64)
        return gram, moment

    def as_linear_operator(self):
        """Wrap the operator for SciPy's iterative solvers.

        Returns
        -------
        operator : scipy.sparse.linalg.LinearOperator
            Shares this operator's data.
        """
        return aslinearoperator(self.K)
