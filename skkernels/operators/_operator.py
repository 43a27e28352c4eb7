"""Products with a kernel matrix that is never stored."""

import numpy as np
import scipy.sparse as sp
from scipy.linalg import blas
from scipy.sparse.linalg import LinearOperator

from ..kernels._dense import dense_block
from ..kernels._pairwise import computing_dtype, tile_rows
from ..utils._array import ArrayBackend, get_namespace
from ..utils._parallel import map_blocks, row_blocks
from ._array_operator import ArrayOperator
from ._base import BaseOperator
from ._budget import memory_budget
from ._normal import residual_pass
from ._parts import DiagonalPart, fill_block, make_parts


class KernelOperator(BaseOperator):
    """The kernel matrix K(X, Z) as something to multiply with, never stored.

    Parameters
    ----------
    kernel : Kernel
        A resolved kernel (its parameters are numbers), see
        :meth:`skkernels.kernels.Kernel.resolve`.

    X : {ndarray, CSR matrix} of shape (n, d)
        Rows; float32 or float64. Read block by block, so that a memory map is never
        loaded whole. A CuPy array selects the device of the computation.

    Z : {ndarray, CSR matrix} of shape (m, d) or None, default=None
        Columns. None means X and a symmetric operator.

    backend : ArrayBackend or None, default=None
        Evaluates with array operations in place of compiled code; None picks by the
        type of X.

    Attributes
    ----------
    shape : tuple
        (n, m).

    dtype : dtype
        float32 if X and Z are, else float64: the precision of the kernel's values and
        of results. Sums over the columns are accumulated in float64.

    Notes
    -----
    One product with c columns costs O(n m (d + c)) operations and O(m d) memory for a
    prepared copy of Z, or an eighth of the working memory where that is less. Rows go
    through the pool in blocks whose boundaries depend on the shape only, so that
    results are equal to the last bit for any number of threads.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.kernels import RBF
    >>> from skkernels.operators import KernelOperator
    >>> X = np.linspace(0, 1, 5)[:, None]
    >>> op = KernelOperator(RBF(length_scale=0.5), X)
    >>> bool(np.allclose(op @ np.ones(5), RBF(length_scale=0.5)(X).sum(axis=1)))
    True
    """

    _taken = False  # whether the rows were taken from another operator

    def __new__(cls, kernel, X, Z=None, *, backend=None):
        if backend is None and get_namespace(X) is not np:
            backend = ArrayBackend(get_namespace(X))
        if backend is not None:
            return ArrayOperator(kernel, X, Z, backend=backend)
        return super().__new__(cls)

    def __init__(self, kernel, X, Z=None, *, backend=None):
        self.kernel = kernel
        self.X = _as_rows(X)
        self.Z = None if Z is None else _as_rows(Z)
        columns = self.X if self.Z is None else self.Z
        if self.X.shape[1] != columns.shape[1]:
            raise ValueError(
                f"X has {self.X.shape[1]} features, but Z has {columns.shape[1]}."
            )
        self.shape = (self.X.shape[0], columns.shape[0])
        self.dtype = computing_dtype(self.X, columns)
        self._parts = make_parts(kernel, self.X, self.Z, self.dtype)

    @property
    def T(self):
        """The transposed operator, K(Z, X)."""
        if self.Z is None:
            return self
        operator = KernelOperator(self.kernel, self.Z, self.X)
        # Rows taken from a symmetric matrix have some of its diagonal.
        diagonal = [part for part in self._parts if isinstance(part, DiagonalPart)]
        operator._parts += [part.transposed() for part in diagonal]
        return operator

    def matmat(self, V):
        """Multiply with the matrix: K(X, Z) @ V.

        Parameters
        ----------
        V : ndarray of shape (m,) or (m, c)
            Cast to the operator's precision.

        Returns
        -------
        product : ndarray of shape (n,) or (n, c)
            In the operator's precision; sums over columns are formed in float64.
        """
        V = self._check_right(V, self.shape[1])
        c = V.shape[1] if V.ndim == 2 else 1
        out = np.zeros((self.shape[0], c))
        columns = np.ascontiguousarray(V.reshape(self.shape[1], c), self.dtype)
        for part in self._parts if c else ():
            part.add_matmat(columns, out)
        return out.astype(self.dtype, copy=False).reshape(self.shape[0], *V.shape[1:])

    def rmatmat(self, U):
        """Multiply with the transposed matrix: K(X, Z).T @ U.

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
        if rows is None and columns is None and not self._taken:
            return dense_block(self.kernel, self.X, self.Z)
        rows = _as_index(rows, self.shape[0])
        columns = _as_index(columns, self.shape[1])
        n_rows = _index_length(rows)
        n_columns = _index_length(columns)
        out = np.empty((n_rows, n_columns), self.dtype)

        for part in self._parts:
            part.prepare()

        def fill(block):
            fill_block(self._parts, _sub_index(rows, block), columns, out[block])

        work = 2.0 * n_rows * n_columns * (self.X.shape[1] + 10)
        map_blocks(fill, row_blocks(n_rows, tile_rows(n_rows)), work=work)
        return out

    def diag(self):
        """Evaluate k(x_i, x_i).

        Returns
        -------
        values : ndarray of shape (n,)
            One number per row of X.
        """
        return self.kernel.diag(self.X).astype(self.dtype, copy=False)

    def normal_matmat(self, V, weights=None, *, dtype=None):
        """Form K.T @ (w * (K @ V)) in one pass over the blocks of K.

        Parameters
        ----------
        V : ndarray of shape (m,) or (m, c)
            Cast to the precision of the products.

        weights : ndarray of shape (n,) or None, default=None
            Weights w of the rows.

        dtype : dtype or None, default=None
            Precision of the products; None is the operator's. The values of the kernel
            are in the operator's precision either way: with float64, a float32 operator
            is one fixed matrix, as a solver needs that iterates to a small residual.

        Returns
        -------
        product : ndarray of shape (m,) or (m, c)
            In the precision of the products.

        Notes
        -----
        O(n m (d + 2 c)) operations; one block of rows of K per thread in memory.
        """
        return residual_pass(self, V, None, weights, dtype)[1]

    def residual_matmat(self, V, targets, weights=None, *, dtype=None):
        """Form R = K @ V - Y and K.T @ (w * R) in one pass over the blocks of K.

        Parameters
        ----------
        V : ndarray of shape (m,) or (m, c)
            Cast to the precision of the products.

        targets : ndarray of shape (n,) or (n, c)
            The targets Y.

        weights : ndarray of shape (n,) or None, default=None
            Weights w of the rows.

        dtype : dtype or None, default=None
            Precision of the products; None is the operator's. The values of the kernel
            are in the operator's precision either way: with float64, a float32 operator
            is one fixed matrix, as a solver needs that iterates to a small residual.

        Returns
        -------
        residual : ndarray of the shape of targets
            In float64.

        moment : ndarray of the shape of V
            In float64: minus half the gradient of the weighted squared error would be
            its negative.

        Notes
        -----
        O(n m (d + 2 c)) operations; one block of rows of K per thread in memory.
        """
        return residual_pass(self, V, targets, weights, dtype)

    def take_rows(self, index):
        """Take some rows of the matrix.

        Parameters
        ----------
        index : slice or ndarray of int
            Which rows.

        Returns
        -------
        operator : KernelOperator of shape (n_taken, m)
            Shares the prepared columns with this operator, so that many small sets of
            rows can be multiplied with the same columns.
        """
        operator = object.__new__(KernelOperator)
        operator.kernel, operator.dtype = self.kernel, self.dtype
        operator._taken = True
        operator.X = self.X[index]
        operator.Z = self.X if self.Z is None else self.Z
        operator.shape = (operator.X.shape[0], self.shape[1])
        for part in self._parts:
            part.prepare()
        operator._parts = [part.take_rows(index, operator.X) for part in self._parts]
        return operator

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
            In float64, Fortran-contiguous.

        moment : ndarray of shape (m, c) or None
            In float64; None if ``targets`` is.

        Notes
        -----
        O(n m (d + m)) operations, kernel values in float64 throughout. The rank-k
        updates use BLAS with its own threads, so the last digits may depend on their
        number. Memory O(m^2) and a block of rows of K of at most an eighth of the
        working memory.
        """
        n, m = self.shape
        parts = [part.with_dtype(np.float64) for part in self._parts]
        for part in parts:
            part.prepare()
        rows_per_block = int(np.clip(memory_budget() // (64 * m), 64, 8192))
        gram = np.zeros((m, m), order="F")
        moment = None if targets is None else np.zeros((m, targets.shape[1]))
        everything = slice(0, m)
        for rows in row_blocks(n, rows_per_block):
            size = rows.stop - rows.start
            K = np.empty((size, m))

            def fill(block, K=K, offset=rows.start):
                shifted = slice(block.start + offset, block.stop + offset)
                fill_block(parts, shifted, everything, K[block])

            map_blocks(fill, row_blocks(size, tile_rows(size)))
            weighted = K
            if weights is not None:
                root = np.sqrt(np.asarray(weights[rows], np.float64))[:, None]
                weighted = K if targets is None else K.copy()
                weighted *= root
            if targets is not None:
                Y = np.asarray(targets[rows], np.float64)
                moment += K.T @ (Y if weights is None else Y * root**2)
            # K is C-contiguous, so K.T is what BLAS wants: gram += K.T K, upper part.
            gram = blas.dsyrk(1.0, weighted.T, beta=1.0, c=gram, overwrite_c=True)
        for j in range(m):
            gram[j + 1 :, j] = gram[j, j + 1 :]
        return gram, moment

    def as_linear_operator(self):
        """Wrap the operator for SciPy's iterative solvers.

        Returns
        -------
        operator : scipy.sparse.linalg.LinearOperator
            Shares this operator's data.
        """
        return LinearOperator(
            self.shape,
            matvec=self.matmat,
            rmatvec=self.rmatmat,
            matmat=self.matmat,
            rmatmat=self.rmatmat,
            dtype=self.dtype,
        )


def _as_rows(X):
    if not sp.issparse(X) and not isinstance(X, np.ndarray):
        X = np.asarray(X)
    if X.ndim != 2 or 0 in X.shape:
        raise ValueError(
            "Rows must be a matrix with at least one row and one feature, got an array "
            f"of shape {X.shape}."
        )
    if X.dtype not in (np.float32, np.float64):
        X = X.astype(np.float64)
    return X.tocsr() if sp.issparse(X) else X


def _as_index(index, n):
    if index is None:
        return slice(0, n)
    if isinstance(index, slice):
        start, stop, step = index.indices(n)
        return slice(start, stop) if step == 1 else np.arange(start, stop, step)
    return np.asarray(index)


def _index_length(index):
    return index.stop - index.start if isinstance(index, slice) else len(index)


def _sub_index(index, block):
    if isinstance(index, slice):
        return slice(index.start + block.start, index.start + block.stop)
    return index[block]
