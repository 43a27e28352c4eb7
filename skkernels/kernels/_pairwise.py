"""The pairwise engine: dense blocks of a kernel, tile by tile.

A kernel with a :class:`~skkernels.kernels._reduction.Reduction` is evaluated in three
steps: rows are prepared once (centred, scaled), a tile of the numbers that pairs reduce
to is formed, and the profile is applied to the tile in place while it is in cache. A
tile of distances comes either from explicit differences (few features, and every l1
distance), or from one matrix product over rows extended by their norms::

    [-2 x, |x|^2, 1] . [z, 1, |z|^2]  =  |x|^2 + |z|^2 - 2 <x, z>

after which entries small enough to have suffered from cancellation are recomputed.
"""

import numpy as np
import scipy.sparse as sp
from sklearn.metrics.pairwise import manhattan_distances
from sklearn.utils.extmath import row_norms, safe_sparse_dot

from ..utils._parallel import map_blocks, row_blocks
from ._pairwise_core import (
    PANEL,
    apply_profile,
    empty_table,
    mirror_upper,
    reduce_tile,
    repair_small_distances,
)

# Up to this many features a tile is formed by explicit differences; beyond, the matrix
# product wins (measured: benchmarks/bench_kernel_products.py, "routes").
MAX_EXPLICIT_FEATURES = 16
ROWS_PER_TILE = 256
# Squared distances s below these multiples of |x|^2 + |z|^2 are recomputed. Those above
# carry a relative error of at most 4 eps / tolerance, and a profile k an error of that
# times s |k'(s)|, below one half for all that fall from 1 to 0, whatever the scale:
# 1e-5 in float32 and 5e-10 in float64 at the worst, rounding error for most data.
_TOLERANCE = {np.dtype(np.float32): 1e-2, np.dtype(np.float64): 1e-6}
# Recomputing an entry costs as much as some hundred entries of a matrix product. Where
# more of a float32 tile than this needs it, the tile is formed in float64 instead.
_MAX_REPAIRED = 1 / 128
# Pairs of sparse rows subtracted at a time.
_SPARSE_REPAIRS = 2**14


def tile_rows(n_rows):
    """Rows per tile: a function of the shape only, so that results never depend on the
    number of threads, small enough that many threads find work, and large enough that
    the matrix product of a tile pays (with 20 features, 64 rows take a fifth less time
    than 32)."""
    fewest = min(64, max(16, -(-n_rows // 4)))
    return int(np.clip(-(-n_rows // 16), fewest, ROWS_PER_TILE))


class PairwiseEngine:
    """Evaluates one reduction in one precision against a fixed set of columns ``Z``.

    Parameters
    ----------
    reduction : Reduction
        How the kernel is evaluated.

    Z : {ndarray, sparse matrix} of shape (m, d)
        The columns' rows. Not copied; a range of them is prepared on demand by
        :meth:`panels`.

    dtype : dtype
        Computing precision, float32 or float64.
    """

    def __init__(self, reduction, Z, dtype):
        self.reduction = reduction
        self.Z = Z
        self.dtype = np.dtype(dtype)
        self.sparse = sp.issparse(Z)
        self.n_features = Z.shape[1]
        self.params = tuple(self.dtype.type(value) for value in reduction.params)
        table = reduction.table
        self.table = (
            empty_table(self.dtype)
            if table is None
            else np.ascontiguousarray(table, self.dtype)
        )
        self.profile = apply_profile(reduction.profile)
        self.is_distance = reduction.geometry == "sqeuclidean"
        self.explicit = not self.sparse and (
            reduction.geometry == "cityblock"
            or self.n_features <= MAX_EXPLICIT_FEATURES
        )
        self.tolerance = self.dtype.type(_TOLERANCE[self.dtype])
        self.center = None
        if not self.sparse and reduction.geometry != "dot" and not reduction.unit_rows:
            # Distances do not change, but their rounding errors shrink from the size
            # of the data to the size of their spread. The mean is rounded to the
            # precision of the data, so that close numbers subtract exactly.
            self.center = np.asarray(Z).mean(axis=0, dtype=np.float64).astype(dtype)

    # -- preparation --------------------------------------------------------------

    def prepare(self, rows):
        """Scaled copy of raw rows and the factors that multiply their values.

        Returns
        -------
        prepared : ndarray or CSR matrix of shape (n, d)
        factors : ndarray of shape (n,) or None
        """
        reduction = self.reduction
        factors = None
        if self.sparse and not sp.issparse(rows):
            rows = sp.csr_array(rows)
        elif sp.issparse(rows) and not self.sparse:
            rows = rows.toarray()
        if self.sparse:
            # Sparse products run in float64: there is no centring against cancellation
            rows = rows.astype(np.float64, copy=True)
            norms = row_norms(rows)
            if reduction.unit_rows:
                inverse = 1.0 / np.where(norms > 0, norms, 1.0)
                rows = sp.diags_array(inverse).tocsr() @ rows
            scale = np.broadcast_to(reduction.scale, (self.n_features,))
            rows = sp.csr_array(rows @ sp.diags_array(scale))
        else:
            rows = np.ascontiguousarray(rows, self.dtype)
            if reduction.unit_rows or reduction.row_power:
                norms = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
            if reduction.unit_rows:
                rows = rows / np.where(norms > 0, norms, 1.0)[:, None].astype(
                    rows.dtype
                )
            scale = np.asarray(reduction.scale, self.dtype)
            if self.center is not None:
                rows = rows - self.center
                rows *= scale
            elif not np.all(scale == 1):
                rows = rows * scale
        if reduction.row_power:
            factors = (norms**reduction.row_power).astype(self.dtype)
        return rows, factors

    def extend_rows(self, prepared):
        """Left factors of the matrix product, and norms, of prepared dense rows."""
        if self.explicit or self.sparse:
            return prepared, None
        if not self.is_distance:
            return prepared, None
        n, d = prepared.shape
        norms = np.einsum("ij,ij->i", prepared, prepared, dtype=np.float64)
        extended = np.empty((n, d + 2), self.dtype)
        np.multiply(prepared, -2, out=extended[:, :d])
        extended[:, d] = norms
        extended[:, d + 1] = 1
        return extended, extended[:, d].copy()

    def panels(self, start, stop):
        """Columns ``start:stop`` as prepared panels.

        ``start`` must be a multiple of the panel width. The last panel is padded with
        zero rows.
        """
        prepared, factors = self.prepare(self.Z[start:stop])
        if self.sparse:
            return SparsePanels(prepared, factors)
        m, d = prepared.shape
        n_panels = -(-m // PANEL)
        extra = 2 if self.is_distance and not self.explicit else 0
        padded = np.zeros((n_panels * PANEL, d + extra), self.dtype)
        padded[:m, :d] = prepared
        norms = None
        if extra:
            norms = np.einsum("ij,ij->i", prepared, prepared, dtype=np.float64)
            padded[:m, d] = 1
            padded[:m, d + 1] = norms
            # A padded column repeats no real one and is never "small".
            padded[m:, d] = 1
            norms = padded[:, d + 1].reshape(n_panels, PANEL).copy()
        columns = padded.reshape(n_panels, PANEL, d + extra).transpose(0, 2, 1)
        return DensePanels(np.ascontiguousarray(columns), norms, factors, m)

    # -- tiles --------------------------------------------------------------------

    def reduce(self, left, prepared, norms, panels, index, tile):
        """Fill a tile with the numbers that pairs reduce to.

        Parameters
        ----------
        left, norms : ndarray
            From :meth:`extend_rows`.
        prepared : ndarray
            From :meth:`prepare`.
        panels : DensePanels or SparsePanels
        index : int
            Which panel.
        tile : ndarray of shape (n, PANEL)
        """
        if self.sparse:
            tile[:, : panels.width(index)] = self._reduce_sparse(
                prepared, panels.rows(index)
            )
        elif self.explicit:
            reduce_tile(self.reduction.geometry)(left, panels.columns[index], tile)
        else:
            panel = panels.columns[index]
            np.matmul(left, panel, out=tile)
            if self.is_distance:
                self._repair(tile, prepared, panel, norms, panels.norms[index])

    def _repair(self, tile, rows, panel, row_norms, column_norms):
        """Undo cancellation in a tile of squared distances."""
        limit = tile.size
        if self.dtype == np.float32:
            limit = int(limit * _MAX_REPAIRED)
        arguments = (tile, rows, panel, row_norms, column_norms)
        if repair_small_distances(*arguments, self.tolerance, limit):
            return
        rows = rows.astype(np.float64)
        panel = panel[: self.n_features].astype(np.float64)
        row_norms = np.einsum("ij,ij->i", rows, rows)
        column_norms = np.einsum("ij,ij->j", panel, panel)
        exact = rows @ panel
        exact *= -2
        exact += row_norms[:, None]
        exact += column_norms
        repair_small_distances(
            exact,
            rows,
            panel,
            row_norms,
            column_norms,
            _TOLERANCE[np.dtype(np.float64)],
            exact.size,
        )
        tile[...] = exact

    def _reduce_sparse(self, rows, columns):
        geometry = self.reduction.geometry
        if geometry == "cityblock":
            return manhattan_distances(
                _with_int_indices(rows), _with_int_indices(columns)
            )
        values = safe_sparse_dot(rows, columns.T, dense_output=True)
        if geometry == "dot":
            return values
        row_sq = row_norms(rows, squared=True)[:, None]
        column_sq = row_norms(columns, squared=True)[None, :]
        values *= -2
        values += row_sq
        values += column_sq
        tolerance = _TOLERANCE[np.dtype(np.float64)]
        i, j = np.nonzero(values <= tolerance * (row_sq + column_sq))
        for part in row_blocks(len(i), _SPARSE_REPAIRS):
            difference = rows[i[part]] - columns[j[part]]
            values[i[part], j[part]] = row_norms(difference, squared=True)
        return values

    def evaluate(self, left, prepared, norms, panels, index, tile):
        """Fill a tile with profile values (without the row and column factors)."""
        self.reduce(left, prepared, norms, panels, index, tile)
        self.profile(tile, self.params, self.table)

    def new_tile(self, n_rows):
        return np.empty((n_rows, PANEL), self.dtype)

    def block(self, rows, panels, out):
        """Kernel values of raw rows against prepared panels, written to ``out``."""
        prepared, row_factors = self.prepare(rows)
        left, norms = self.extend_rows(prepared)
        tile = self.new_tile(prepared.shape[0])
        for index in range(panels.n_panels):
            self.evaluate(left, prepared, norms, panels, index, tile)
            start = index * PANEL
            out[:, start : start + PANEL] = tile[:, : panels.width(index)]
        if row_factors is not None:
            out *= row_factors[:, None]
            out *= panels.factors[None, :]


def _with_int_indices(rows):
    """The CSR matrix with 32-bit indices, which scikit-learn's compiled code needs."""
    if rows.indices.dtype != np.int32 or rows.indptr.dtype != np.int32:
        rows = rows.copy()
        rows.indices = rows.indices.astype(np.int32)
        rows.indptr = rows.indptr.astype(np.int32)
    return rows


class DensePanels:
    """Prepared columns: ``columns[p, k, j]``, feature k of column ``p * PANEL + j``."""

    def __init__(self, columns, norms, factors, n_columns):
        self.columns = columns
        self.norms = norms
        self.factors = factors
        self.n_columns = n_columns
        self.n_panels = len(columns)

    def width(self, index):
        return min(PANEL, self.n_columns - index * PANEL)


class SparsePanels:
    """Prepared columns of a CSR matrix."""

    def __init__(self, matrix, factors):
        self.matrix = matrix
        self.factors = factors
        self.n_columns = matrix.shape[0]
        self.n_panels = -(-self.n_columns // PANEL)

    def width(self, index):
        return min(PANEL, self.n_columns - index * PANEL)

    def rows(self, index):
        return self.matrix[index * PANEL : (index + 1) * PANEL]


def computing_dtype(X, Z):
    """float32 where both arrays are, else float64."""
    single = X.dtype == np.float32 and Z.dtype == np.float32
    return np.dtype(np.float32 if single else np.float64)


def pairwise_block(kernel, X, Z=None):
    """Dense kernel matrix of a resolved kernel with a reduction.

    Parameters
    ----------
    kernel : Kernel
        Resolved, with a reduction.

    X : {ndarray, CSR matrix} of shape (n, d)
        Rows, float32 or float64.

    Z : {ndarray, CSR matrix} of shape (m, d) or None, default=None
        Columns; None means X, and a symmetric result to the last bit.

    Returns
    -------
    K : ndarray of shape (n, m)
        float32 if both inputs are, else float64. Zero distances give the profile's
        value at zero exactly.

    Notes
    -----
    O(n m d) time (half of it where Z is None), and the result as memory.
    """
    symmetric = Z is None
    Z = X if symmetric else Z
    reduction = kernel._reduction(X.shape[1])
    dtype = computing_dtype(X, Z)
    engine = PairwiseEngine(reduction, Z, dtype)
    n, m = X.shape[0], Z.shape[0]
    out = np.empty((n, m), dtype)
    work = 2.0 * n * m * (X.shape[1] + 10)
    panels = engine.panels(0, m)
    if not symmetric:

        def fill(rows):
            engine.block(X[rows], panels, out[rows])

        map_blocks(fill, row_blocks(n, tile_rows(n)), work=work)
        return out

    # The upper triangle by tiles of one panel's width, mirrored as they are made.
    def fill_symmetric(index):
        rows = slice(index * PANEL, min((index + 1) * PANEL, n))
        prepared, factors = engine.prepare(X[rows])
        left, norms = engine.extend_rows(prepared)
        tile = engine.new_tile(prepared.shape[0])
        for column in range(index, panels.n_panels):
            columns = slice(column * PANEL, min((column + 1) * PANEL, n))
            engine.evaluate(left, prepared, norms, panels, column, tile)
            values = tile[:, : panels.width(column)]
            if factors is not None:
                values *= factors[:, None] * panels.factors[None, columns]
            if column == index:
                mirror_upper(tile)
            out[rows, columns] = values
            if column != index:
                out[columns, rows] = values.T

    map_blocks(fill_symmetric, range(panels.n_panels), work=work)
    return out
