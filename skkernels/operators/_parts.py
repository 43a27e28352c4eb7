"""Additive parts of a kernel operator.

A kernel is a weighted sum of terms (:meth:`Kernel._terms`); each is evaluated in the
fastest way it allows: fused (it has a reduction), by dense blocks (it has none), or on
the diagonal only. Every part adds its share to arrays that it is given.
"""

import copy

import numpy as np
import scipy.sparse as sp

from ..kernels._pairwise import PANEL, PairwiseEngine, tile_rows
from ..utils._parallel import map_blocks, row_blocks
from ._budget import memory_budget
from ._core import profile_dot, profile_dot_both, reduce_profile_dot

# Dense blocks of kernels without a reduction, in bytes: a few per thread.
_BLOCK_BYTES = 2**23
# A symmetric product forms each tile once and uses it twice. With fewer features than
# this the full product is as fast, because it need not keep the tile (measured:
# benchmarks/bench_kernel_products.py, "symmetric").
_MIN_SYMMETRIC_FEATURES = {"one column": 4, "several columns": 12}


def make_parts(kernel, X, Z, dtype):
    """The parts of a resolved kernel; ``Z`` is None for a symmetric operator."""
    parts = []
    for weight, term in kernel._terms():
        symmetric = Z is None
        columns = X if symmetric else Z
        if term._diagonal_only:
            if symmetric:
                diagonal = sp.diags_array(weight * term.diag(X), dtype=np.float64)
                parts.append(DiagonalPart(diagonal.tocsr()))
            continue
        if term._has_row_terms:
            parts.append(RowTermsPart(weight, term, X, columns))
        reduction = term._reduction(columns.shape[1])
        if reduction is None:
            parts.append(BlockPart(weight, term, X, columns, dtype))
        else:
            parts.append(ReducedPart(weight, reduction, X, columns, dtype, symmetric))
    return parts


class ReducedPart:
    """A kernel that is a profile of one number per pair of rows."""

    def __init__(self, weight, reduction, X, Z, dtype, symmetric):
        self.weight = weight
        self.symmetric = symmetric
        self.reduction = reduction
        self.X = X
        self.Z = Z
        self.engine = PairwiseEngine(reduction, Z, dtype)
        self._panels = None

    def with_dtype(self, dtype):
        return ReducedPart(
            self.weight, self.reduction, self.X, self.Z, dtype, self.symmetric
        )

    def column_ranges(self):
        """Ranges of columns whose prepared copies take a share of the budget."""
        m, d = self.Z.shape
        share = memory_budget() // 8
        width = max(1, share // (self.engine.dtype.itemsize * (d + 2) * PANEL)) * PANEL
        return [(start, min(start + width, m)) for start in range(0, m, width)]

    @property
    def n_ranges(self):
        """Into how many ranges the columns are cut."""
        return len(self.column_ranges())

    def prepare(self):
        """Prepare all columns before tasks of the pool ask for them, each its own."""
        ranges = self.column_ranges()
        if len(ranges) == 1:
            self.panels(*ranges[0])

    def panels(self, start, stop):
        """Prepared columns, kept from call to call if they are all the columns."""
        if stop - start < self.Z.shape[0]:
            return self.engine.panels(start, stop)
        if self._panels is None:
            self._panels = self.engine.panels(start, stop)
        return self._panels

    def add_matmat(self, V, out):
        """out += weight K V, with V in the computing precision and out in float64."""
        n, c = self.X.shape[0], V.shape[1]
        engine = self.engine
        if self._symmetric_pays(c):
            self._add_symmetric(V, out)
            return
        for start, stop in self.column_ranges():
            panels = self.panels(start, stop)
            padded = np.zeros((panels.n_panels, PANEL, c), engine.dtype)
            share = V[start:stop]
            if panels.factors is not None:
                share = share * panels.factors[:, None]
            padded.reshape(-1, c)[: stop - start] = share

            def add(rows, panels=panels, padded=padded):
                out[rows] += self.weight * self._rows_matmat(rows, panels, padded)

            work = 2.0 * n * (stop - start) * (self.X.shape[1] + 10 + c)
            map_blocks(add, row_blocks(n, tile_rows(n)), work=work)

    def _symmetric_pays(self, c):
        n, d = self.X.shape
        columns = "one column" if c == 1 else "several columns"
        return (
            self.symmetric
            and not self.engine.sparse
            and d >= _MIN_SYMMETRIC_FEATURES[columns]
            and n >= 4 * PANEL
            and len(self.column_ranges()) == 1
            and 64 * n * c <= memory_budget()
        )

    def _add_symmetric(self, V, out):
        """out += weight K V from the tiles on and above the diagonal."""
        n, d = self.X.shape
        c = V.shape[1]
        engine = self.engine
        panels = self.panels(0, n)
        if panels.factors is not None:
            V = V * panels.factors[:, None]
        padded = np.zeros((panels.n_panels, PANEL, c), engine.dtype)
        padded.reshape(-1, c)[:n] = V
        # A fixed number of sums, each over a fixed set of tile rows, long and short
        # ones mixed: neither memory nor rounding depends on the number of threads.
        n_groups = min(8, panels.n_panels)
        groups = [range(g, panels.n_panels, n_groups) for g in range(n_groups)]

        def add_group(group):
            total = np.zeros((panels.n_panels, PANEL, c))
            for index in group:
                self._add_tile_row(index, panels, padded, total)
            return total

        totals = map_blocks(add_group, groups, work=1.0 * n * n * (d + 10 + c))
        total = totals[0]
        for other in totals[1:]:
            total += other
        total = total.reshape(-1, c)[:n]
        if panels.factors is not None:
            total *= panels.factors[:, None]
        total *= self.weight
        out += total

    def _add_tile_row(self, index, panels, V, total):
        engine = self.engine
        rows = slice(index * PANEL, index * PANEL + panels.width(index))
        prepared, _ = engine.prepare(self.X[rows])
        left, norms = engine.extend_rows(prepared)
        n, c = prepared.shape[0], V.shape[2]
        tile = engine.new_tile(n)
        dot = profile_dot(self.reduction.profile)
        dot_both = profile_dot_both(self.reduction.profile)
        arguments = (engine.params, engine.table)
        for column in range(index, panels.n_panels):
            if c > 1:
                engine.evaluate(left, prepared, norms, panels, column, tile)
                total[index, :n] += tile @ V[column]
                if column != index:
                    total[column] += tile.T @ V[index, :n]
                continue
            engine.reduce(left, prepared, norms, panels, column, tile)
            v = V[column, :, 0]
            if column == index:
                dot(tile, v, total[index, :n, 0], *arguments)
            else:
                sums = np.zeros(PANEL, engine.dtype)
                u = V[index, :n, 0]
                dot_both(tile, v, u, total[index, :n, 0], sums, *arguments)
                total[column, :, 0] += sums

    def _rows_matmat(self, rows, panels, V):
        engine = self.engine
        c = V.shape[2]
        prepared, factors = engine.prepare(self.X[rows])
        left, norms = engine.extend_rows(prepared)
        n = prepared.shape[0]
        total = np.zeros((n, c))
        if c == 1 and engine.explicit:
            product = reduce_profile_dot(
                self.reduction.geometry, self.reduction.profile, engine.n_features
            )
            sums = np.empty(PANEL, engine.dtype)
            product(
                left,
                panels.columns,
                V[:, :, 0],
                total[:, 0],
                engine.params,
                engine.table,
                sums,
            )
        else:
            tile = engine.new_tile(n)
            if engine.sparse:
                tile.fill(0)
            dot = profile_dot(self.reduction.profile)
            for index in range(panels.n_panels):
                if c == 1:
                    engine.reduce(left, prepared, norms, panels, index, tile)
                    column = V[index, :, 0]
                    dot(tile, column, total[:, 0], engine.params, engine.table)
                else:
                    engine.evaluate(left, prepared, norms, panels, index, tile)
                    total += tile @ V[index]
        if factors is not None:
            total *= factors[:, None]
        return total

    def add_block(self, rows, columns, out, *, fresh=False):
        """out += weight K[rows, columns], serially; slices or index arrays.

        With ``fresh`` the values in ``out`` are overwritten instead.
        """
        values = out
        if not fresh or out.dtype != self.engine.dtype:
            values = np.empty(out.shape, self.engine.dtype)
        everything = isinstance(columns, slice) and columns == slice(0, self.Z.shape[0])
        if everything and len(self.column_ranges()) == 1:
            panels = self.panels(0, self.Z.shape[0])
            self.engine.block(self.X[rows], panels, values)
        else:
            engine = PairwiseEngine(self.reduction, self.Z[columns], self.engine.dtype)
            engine.center = self.engine.center
            engine.block(self.X[rows], engine.panels(0, out.shape[1]), values)
        if self.weight != 1.0:
            values *= self.engine.dtype.type(self.weight)
        if values is not out:
            _put(values, out, fresh)

    def take_rows(self, index, rows):
        """The same columns, prepared once for all, beside ``rows = X[index]``."""
        part = copy.copy(self)
        part.X = rows
        part.symmetric = False
        return part

    def normal_buffer(self, n_rows, dtype):
        """Memory for :meth:`add_normal`, in the precision of the products."""
        n_panels = -(-self.Z.shape[0] // PANEL)
        shape = (n_panels, n_rows, PANEL)
        return (np.zeros if self.engine.sparse else np.empty)(shape, dtype)

    def add_normal(self, rows, V, inner, total, buffer):
        """total += K[rows]' inner(K[rows] V), the tiles kept in between.

        Parameters
        ----------
        rows : slice
            As many rows as the buffer has, or fewer.
        V, total : ndarray of shape (n_panels, PANEL, c)
            V in the precision of the products with zeros as padding, total in float64.
        inner : callable
            Maps ``rows`` and ``K[rows] V`` in float64 to an array of that shape.
        buffer : ndarray
            From :meth:`normal_buffer`.
        """
        engine = self.engine
        panels = self.panels(0, self.Z.shape[0])
        prepared, factors = engine.prepare(self.X[rows])
        left, norms = engine.extend_rows(prepared)
        n, c = prepared.shape[0], V.shape[2]
        values = np.zeros((n, c))
        narrow = None if V.dtype == engine.dtype else engine.new_tile(n)
        if narrow is not None and engine.sparse:
            narrow.fill(0)
        for index in range(panels.n_panels):
            kept = buffer[index, :n]
            tile = kept if narrow is None else narrow
            engine.evaluate(left, prepared, norms, panels, index, tile)
            if narrow is not None:
                kept[...] = narrow
            values += kept @ V[index]
        scale = self.weight if factors is None else self.weight * factors[:, None]
        values = inner(rows, values * scale) * scale
        values = values.astype(V.dtype, copy=False)
        for index in range(panels.n_panels):
            total[index] += buffer[index, :n].T @ values


class BlockPart:
    """A kernel that can only be evaluated block by block."""

    def __init__(self, weight, kernel, X, Z, dtype):
        self.weight = weight
        self.kernel = kernel
        self.X = X
        self.Z = Z
        self.dtype = np.dtype(dtype)

    def with_dtype(self, dtype):
        return BlockPart(self.weight, self.kernel, self.X, self.Z, dtype)

    def prepare(self):
        pass

    def take_rows(self, index, rows):
        part = copy.copy(self)
        part.X = rows
        return part

    def _block(self, rows, columns):
        X = self.X[rows].astype(self.dtype, copy=False)
        Z = self.Z[columns].astype(self.dtype, copy=False)
        return self.kernel._block(X, Z)

    def add_matmat(self, V, out):
        n, m = self.X.shape[0], self.Z.shape[0]
        size = int(np.clip(_BLOCK_BYTES // (8 * m), 1, tile_rows(n)))

        def add(rows):
            out[rows] += self.weight * (self._block(rows, slice(None)) @ V)

        map_blocks(add, row_blocks(n, size), work=20.0 * n * m)

    def add_block(self, rows, columns, out, *, fresh=False):
        _put(self.weight * self._block(rows, columns), out, fresh)


class DiagonalPart:
    """A kernel that is zero between different rows, such as white noise.

    ``matrix`` is sparse: the diagonal, or rows taken from it.
    """

    def __init__(self, matrix):
        self.matrix = matrix

    def prepare(self):
        pass

    def with_dtype(self, dtype):
        return self

    def take_rows(self, index, rows):
        return DiagonalPart(self.matrix[index])

    def transposed(self):
        return DiagonalPart(self.matrix.T.tocsr())

    def add_matmat(self, V, out):
        out += self.matrix @ V

    def add_block(self, rows, columns, out, *, fresh=False):
        _put(self.matrix[rows][:, columns].toarray(), out, fresh)


class RowTermsPart:
    """The terms h(x) + h(z) of a kernel such as the energy distance."""

    def __init__(self, weight, kernel, X, Z):
        self.row_terms = weight * kernel._row_terms(X)
        self.column_terms = weight * kernel._row_terms(Z)

    def prepare(self):
        pass

    def with_dtype(self, dtype):
        return self

    def add_matmat(self, V, out):
        out += self.row_terms[:, None] * V.sum(axis=0, dtype=np.float64)
        out += self.column_terms @ V

    def take_rows(self, index, rows):
        part = copy.copy(self)
        part.row_terms = self.row_terms[index]
        return part

    def add_block(self, rows, columns, out, *, fresh=False):
        values = self.row_terms[rows][:, None] + self.column_terms[columns][None, :]
        _put(values, out, fresh)


def _put(values, out, fresh):
    """out = values if ``fresh``, else out += values."""
    if fresh:
        out[...] = values
    else:
        out += values


def fill_block(parts, rows, columns, out):
    """out = K[rows, columns] for the sum of the parts; zero if there are none."""
    if not parts:
        out[...] = 0
    for position, part in enumerate(parts):
        part.add_block(rows, columns, out, fresh=position == 0)
