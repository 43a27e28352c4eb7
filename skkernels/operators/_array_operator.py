"""Products with a kernel matrix by array operations: the route of CuPy arrays."""

import copy

import numpy as np

from ..kernels._array_pairwise import array_block, array_center
from ._base import BaseOperator
from ._budget import memory_budget


class ArrayOperator(BaseOperator):
    """Kernel operator on arrays of a NumPy-like module, in blocks of rows.

    Has the methods of :class:`KernelOperator`; made by it for CuPy arrays, and for any
    array where a backend is given. Sums over blocks are accumulated in float64.

    Parameters
    ----------
    kernel : Kernel
        Resolved.

    X : array of shape (n, d)
        Rows.

    Z : array of shape (m, d) or None, default=None
        Columns; None means X.

    backend : ArrayBackend
        Whose module's arrays X and Z are.
    """

    def __init__(self, kernel, X, Z=None, *, backend):
        self.backend = backend
        self.xp = backend.xp
        self.kernel = kernel
        self.X = X
        self.Z = Z
        columns = X if Z is None else Z
        if X.shape[1] != columns.shape[1]:
            raise ValueError(
                f"X has {X.shape[1]} features, but Z has {columns.shape[1]}."
            )
        self.shape = (X.shape[0], columns.shape[0])
        single = X.dtype == np.float32 and columns.dtype == np.float32
        self.dtype = np.dtype(np.float32 if single else np.float64)
        # Rows and columns of the same position meet in terms of the diagonal only.
        self._row_position = self._column_position = None
        if Z is None:
            self._row_position = self._column_position = self.xp.arange(self.shape[0])
        self._columns = columns.astype(self.dtype, copy=False)
        self._terms = [
            (weight, term, self._center(term)) for weight, term in kernel._terms()
        ]

    def _center(self, term):
        if term._diagonal_only:
            return None
        return array_center(term, self._columns, self.xp)

    @property
    def T(self):
        """The transposed operator, K(Z, X)."""
        if self.Z is None:
            return self
        operator = ArrayOperator(self.kernel, self.Z, self.X, backend=self.backend)
        operator._row_position = self._column_position
        operator._column_position = self._row_position
        return operator

    def _rows_per_block(self):
        """How many rows of the matrix, with temporaries, fit the memory at hand."""
        free = self.backend.free_bytes()
        share = memory_budget() // 4 if free is None else free
        per_row = 6 * self.dtype.itemsize * max(1, self.shape[1])
        size = int(np.clip(share // per_row, 1, max(1, self.shape[0])))
        return size

    def _for_row_blocks(self, func):
        """Call ``func`` on ranges of rows; halve them once where memory runs out."""
        size = self._rows_per_block()
        start = 0
        retried = False
        while start < self.shape[0]:
            rows = slice(start, min(start + size, self.shape[0]))
            try:
                func(rows)
            except self.backend.out_of_memory_error:
                self.backend.release_memory()
                if retried or size == 1:
                    raise
                size, retried = -(-size // 2), True
                continue
            start = rows.stop

    def _rows(self, rows, columns=slice(None), dtype=None):
        xp = self.xp
        dtype = self.dtype if dtype is None else dtype
        X = self.X[rows].astype(dtype, copy=False)
        Z = self._columns[columns].astype(dtype, copy=False)
        out = xp.zeros((X.shape[0], Z.shape[0]), dtype=dtype)
        for weight, term, center in self._terms:
            if term._diagonal_only:
                if self._row_position is not None:
                    position = self._column_position[columns]
                    same = self._row_position[rows][:, None] == position[None, :]
                    diagonal = xp.asarray(term.diag(X), dtype=dtype)
                    out += weight * xp.where(same, diagonal[:, None], 0)
                continue
            if term._has_row_terms:
                out += weight * xp.asarray(term._row_terms(X))[:, None]
                out += weight * xp.asarray(term._row_terms(Z))[None, :]
            if center is not None:
                center = center.astype(dtype)
            out += weight * array_block(term, X, Z, xp, center=center)
        return out

    def matmat(self, V):
        """K(X, Z) @ V, see :meth:`KernelOperator.matmat`."""
        V = self._check_right(V, self.shape[1]).astype(self.dtype, copy=False)
        out = self.xp.empty((self.shape[0], *V.shape[1:]), dtype=self.dtype)

        def fill(rows):
            out[rows] = self._rows(rows) @ V

        self._for_row_blocks(fill)
        return out

    def rmatmat(self, U):
        """K(X, Z).T @ U, see :meth:`KernelOperator.rmatmat`."""
        return self.T.matmat(U)

    def block(self, rows=None, columns=None):
        """Dense part of the kernel matrix, see :meth:`KernelOperator.block`."""
        rows = slice(None) if rows is None else rows
        columns = slice(None) if columns is None else columns
        return self._rows(rows, columns)

    def diag(self):
        """k(x_i, x_i) for the rows of X, shape (n,)."""
        return self.xp.asarray(self.kernel.diag(self.X), dtype=self.dtype)

    def normal_matmat(self, V, weights=None, *, dtype=None):
        """K.T @ (w * (K @ V)), see :meth:`KernelOperator.normal_matmat`."""
        dtype = self.dtype if dtype is None else np.dtype(dtype)
        moment = self._residual_pass(V, None, weights, dtype)[1]
        return moment.astype(dtype, copy=False)

    def residual_matmat(self, V, targets, weights=None, *, dtype=None):
        """K @ V - Y and its moment, see :meth:`KernelOperator.residual_matmat`."""
        dtype = self.dtype if dtype is None else np.dtype(dtype)
        return self._residual_pass(V, targets, weights, dtype)

    def _residual_pass(self, V, targets, weights, dtype):
        V = self._check_right(V, self.shape[1]).astype(dtype, copy=False)
        xp = self.xp
        total = xp.zeros((self.shape[1], *V.shape[1:]), dtype=np.float64)
        residual = None
        if targets is not None:
            residual = xp.empty((self.shape[0], *V.shape[1:]), dtype=np.float64)

        def add(rows):
            K = self._rows(rows).astype(dtype, copy=False)
            inner = (K @ V).astype(np.float64)
            if targets is not None:
                inner = inner - targets[rows]
                residual[rows] = inner
            if weights is not None:
                w = weights[rows].astype(np.float64)
                inner = inner * (w if V.ndim == 1 else w[:, None])
            total[...] += K.T @ inner.astype(dtype)

        self._for_row_blocks(add)
        return residual, total

    def take_rows(self, index):
        """Some rows of the matrix, see :meth:`KernelOperator.take_rows`."""
        operator = copy.copy(self)
        operator.X = self.X[index]
        operator.Z = self._columns
        operator.shape = (operator.X.shape[0], self.shape[1])
        if self._row_position is not None:
            operator._row_position = self._row_position[index]
        return operator

    def normal_matrix(self, weights=None, targets=None):
        """K.T @ diag(w) @ K and K.T @ diag(w) @ Y in float64."""
        xp, m = self.xp, self.shape[1]
        gram = xp.zeros((m, m), dtype=np.float64)
        moment = None
        if targets is not None:
            moment = xp.zeros((m, targets.shape[1]), dtype=np.float64)

        def add(rows):
            K = self._rows(rows, dtype=np.float64)
            weighted = K
            if weights is not None:
                weighted = K * weights[rows].astype(np.float64)[:, None]
            gram[...] += weighted.T @ K
            if targets is not None:
                moment[...] += weighted.T @ targets[rows].astype(np.float64)

        self._for_row_blocks(add)
        return gram, moment
