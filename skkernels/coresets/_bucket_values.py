"""Kernel matrices of many small buckets of rows, without a call for each of them."""

import functools

import numpy as np

from skkernels.coresets._halving import kernel_values
from skkernels.kernels._pairwise import PairwiseEngine, computing_dtype
from skkernels.kernels._pairwise_core import PANEL, apply_profile, reduce_tile
from skkernels.utils._array import is_cupy
from skkernels.utils._jit import njit, specialise

# From this size on, a bucket's matrix is formed on its own.
_LARGE = 2 * PANEL

# Bound by `specialise`.
reduce_pairs = None


class BucketValues:
    """Kernel matrices of buckets of rows of X.

    Parameters
    ----------
    kernel : Kernel or "precomputed"
        Resolved kernel; white noise in it does not count.

    X : {array, CSR matrix} of shape (n, n_features), or (n, n) if precomputed
        Rows, float32 or float64.

    center : ndarray of shape (n_features,), default=None
        Where distances are measured from, which only matters for rounding. None is the
        mean of the rows.

    Attributes
    ----------
    fast : bool
        Whether a small bucket costs no more for each of its kernel values than a large
        one: for dense rows on the host and kernels of one number per pair of rows.
    """

    def __init__(self, kernel, X, center=None):
        self.kernel = kernel
        self.X = X
        self.on_host = not is_cupy(X)
        self.itemsize = 4 if X.dtype == np.float32 else 8
        self.fast = isinstance(X, np.ndarray) and not isinstance(kernel, str)
        if not self.fast:
            return
        if center is None:
            center = X.mean(axis=0, dtype=np.float64).astype(X.dtype)
        self.engines = []
        for weight, term in kernel._without_noise()._terms():
            plan = None
            if not (term._diagonal_only or term._has_row_terms):
                plan = term._reduction(X.shape[1])
            if plan is None:
                self.fast = False
                return
            engine = PairwiseEngine(plan, X[:1], computing_dtype(X, X))
            if engine.center is not None:
                engine.center = center
            self.engines.append((weight, engine))

    def __call__(self, rows):
        """Kernel matrices of buckets.

        Parameters
        ----------
        rows : ndarray of int of shape (n_buckets, m)
            Rows of X.

        Returns
        -------
        K : ndarray of shape (n_buckets, m, m)
            Symmetric up to rounding.
        """
        if not self.fast or rows.shape[1] >= _LARGE:
            # Symmetry halves the work, and the pool helps with a bucket that is alone.
            return np.stack([kernel_values(self.kernel, self.X, r) for r in rows])
        X = self.X[rows.ravel()]
        out = None
        for weight, engine in self.engines:
            values = _engine_values(engine, X, *rows.shape)
            if weight != 1:
                values *= engine.dtype.type(weight)
            out = values if out is None else out + values
        return out


def _engine_values(engine, X, n_buckets, size):
    prepared, factors = engine.prepare(X)
    rows = prepared.reshape(n_buckets, size, -1)
    out = np.empty((n_buckets, size, size), engine.dtype)
    columns = np.ascontiguousarray(rows.transpose(0, 2, 1))
    if engine.explicit:
        _reduce_buckets(engine.reduction.geometry)(rows, columns, out)
    else:
        _multiply(engine, prepared, rows, columns, out)
    apply_profile(engine.reduction.profile)(
        out.reshape(-1, size), engine.params, engine.table
    )
    if factors is not None:
        factors = factors.reshape(n_buckets, size)
        out *= factors[:, :, None] * factors[:, None, :]
    return out


def _multiply(engine, prepared, rows, columns, out):
    """Distances or inner products by matrix products, as the engine forms them."""
    if not engine.is_distance:
        np.matmul(rows, columns, out=out)
        return
    n_buckets, size, n_features = rows.shape
    left, norms = engine.extend_rows(prepared)
    norms = norms.reshape(n_buckets, size)
    right = np.ones((n_buckets, n_features + 2, size), engine.dtype)
    right[:, :n_features] = columns
    right[:, n_features + 1] = norms
    np.matmul(left.reshape(n_buckets, size, -1), right, out=out)
    diagonals = out.reshape(n_buckets, -1)[:, :: size + 1]
    diagonals[...] = np.finfo(engine.dtype).max  # no need of repair
    for b in range(n_buckets):
        engine._repair(out[b], rows[b], columns[b], norms[b], norms[b])
    diagonals[...] = 0.0


def _reduce_each(rows, columns, out):
    for b in range(rows.shape[0]):
        reduce_pairs(rows[b], columns[b], out[b])


@functools.cache
def _reduce_buckets(geometry):
    """The jitted explicit reduction of many buckets."""
    return njit(specialise(_reduce_each, geometry, reduce_pairs=reduce_tile(geometry)))
