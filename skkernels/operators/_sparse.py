"""A sparse kernel matrix, such as that of a graph, behind the operators' interface."""

import numpy as np
import scipy.sparse as sp

from ..utils._parallel import map_blocks, row_blocks
from ._budget import check_memory
from ._precomputed import PrecomputedOperator

_ROWS = 8192


class SparseOperator(PrecomputedOperator):
    """A sparse kernel matrix that is stored.

    The matrix is never made dense as a whole, unless :meth:`block` is asked for that.

    Parameters
    ----------
    K : sparse matrix of shape (n, m)
        The kernel matrix, for example the adjacency matrix of a graph. CSR in float32
        or float64 is not copied; other formats are converted, other types become
        float64.

    Attributes
    ----------
    shape : tuple
        (n, m).

    dtype : dtype
        The matrix's.

    Notes
    -----
    A product with c columns takes 2 c operations for each stored entry, in blocks of
    rows whose boundaries depend on the shape only.

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> from skkernels.operators import SparseOperator
    >>> SparseOperator(sp.csr_array([[0.0, 2.0], [2.0, 1.0]])) @ np.ones(2)
    array([2., 3.])
    """

    def __init__(self, K):
        self.xp = np  # matrices of the device are dense
        if K.dtype not in (np.float32, np.float64):
            K = K.astype(np.float64)
        self.K = K.tocsr()
        self.shape = K.shape
        self.dtype = K.dtype

    @property
    def T(self):
        """The transposed operator."""
        return SparseOperator(self.K.T)

    def _product(self, V, dtype):
        V = self._check_right(V, self.shape[1]).astype(dtype, copy=False)
        out = np.empty((self.shape[0], *V.shape[1:]), dtype)

        def fill(rows):
            out[rows] = self._rows(rows) @ V

        work = 2.0 * self.K.nnz * (V.shape[1] if V.ndim == 2 else 1)
        map_blocks(fill, row_blocks(self.shape[0], _ROWS), work=work)
        return out

    def _rows(self, rows):
        """Consecutive rows, which share the memory of the matrix."""
        pointers = self.K.indptr[rows.start : rows.stop + 1]
        entries = slice(pointers[0], pointers[-1])
        parts = self.K.data[entries], self.K.indices[entries], pointers - pointers[0]
        return sp.csr_array(parts, shape=(len(pointers) - 1, self.shape[1]))

    def block(self, rows=None, columns=None):
        """Form a dense part of the matrix.

        Parameters
        ----------
        rows, columns : slice, ndarray of int or None, default=None
            Which rows and columns; None means all.

        Returns
        -------
        values : ndarray of shape (n_rows, n_columns)
            The entries that are not stored are zeros.

        Raises
        ------
        ValueError
            If the part does not fit scikit-learn's ``working_memory``.
        """
        part = self.K if rows is None else self.K[rows]
        part = part if columns is None else part[:, columns]
        n, m = part.shape
        check_memory(
            n * m * self.dtype.itemsize,
            what=f"the {n} x {m} matrix without its sparsity",
            remedy="use a solver that needs products only",
        )
        return part.toarray()

    def take_rows(self, index):
        """Take some rows of the matrix.

        Parameters
        ----------
        index : slice or ndarray of int
            Which rows.

        Returns
        -------
        operator : SparseOperator of shape (n_taken, m)
            Of a copy of the rows.
        """
        return SparseOperator(self.K[index])

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
        K = self.K.astype(np.float64, copy=False)
        weighted = K if weights is None else sp.diags_array(weights, format="csr") @ K
        gram = (weighted.T @ K).toarray()
        if targets is None:
            return gram, None
        return gram, weighted.T @ np.asarray(targets, np.float64)
