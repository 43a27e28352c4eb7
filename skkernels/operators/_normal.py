"""Products with K and with its transpose in one pass over the rows."""

import numpy as np

from ..kernels._pairwise import PANEL, tile_rows
from ..utils._parallel import map_blocks, row_blocks
from ._budget import memory_budget
from ._parts import ReducedPart, fill_block

# Bytes of the rows of K that one thread keeps: both threads' stay in the outer cache.
_KEPT_BYTES = 2**22


def residual_pass(op, V, targets, weights, dtype=None):
    """``K V - targets`` in float64, and ``K' (w * (K V - targets))``.

    Parameters
    ----------
    op : KernelOperator of shape (n, m)
        The matrix K.

    V : ndarray of shape (m,) or (m, c)
        Coefficients.

    targets : ndarray of shape (n,) or (n, c), or None
        None is zero; the residual is not kept then, and the second result is in the
        precision of the products.

    weights : ndarray of shape (n,) or None
        Weights of the rows.

    dtype : dtype or None, default=None
        Precision of the products; None is the operator's.
    """
    dtype = op.dtype if dtype is None else np.dtype(dtype)
    n, m = op.shape
    V = op._check_right(V, m)
    shape = V.shape
    c = V.shape[1] if V.ndim == 2 else 1
    Y = None
    if targets is not None:
        Y = np.asarray(targets, np.float64).reshape(n, c)
    if c == 0:
        return np.zeros((n, 0)), np.zeros(shape)
    V = np.ascontiguousarray(V.reshape(m, c), dtype)
    explicit = dtype == op.dtype and all(_is_explicit(part) for part in op._parts)
    if c == 1 and explicit:
        # With few features, forming the values twice is cheaper than keeping them.
        residual = op.matmat(V)
        if Y is not None:
            residual = residual - Y
        weighted = residual if weights is None else residual * weights[:, None]
        moment = op.T.matmat(weighted)
    else:
        residual, moment = _in_blocks(op, V, Y, weights)
    if Y is None:
        return None, moment.astype(dtype, copy=False).reshape(shape)
    return residual.reshape(targets.shape), moment.astype(np.float64).reshape(shape)


def _is_explicit(part):
    return isinstance(part, ReducedPart) and part.engine.explicit


def _in_blocks(op, V, Y, weights):
    """Residual and moment, a block of rows of K at a time."""
    n, m = op.shape
    c = V.shape[1]
    residual = None if Y is None else np.empty((n, c))
    size = int(np.clip(_KEPT_BYTES // (V.dtype.itemsize * m), 8, tile_rows(n)))
    if any(isinstance(p, ReducedPart) and p.n_ranges > 1 for p in op._parts):
        # Every block prepares all columns anew: larger blocks do that less often.
        share = memory_budget() // (32 * V.dtype.itemsize * m)
        size = int(np.clip(share, size, 512))
    blocks = row_blocks(n, size)
    # One float64 sum per group of blocks, groups a function of the shape only.
    n_groups = int(np.clip(memory_budget() // (32 * m * c), 1, min(16, len(blocks))))
    groups = [blocks[g::n_groups] for g in range(n_groups)]
    n_panels = -(-m // PANEL)
    padded = np.zeros((n_panels * PANEL, c), V.dtype)
    for part in op._parts:
        part.prepare()

    def inner(rows, values):
        if Y is not None:
            values = values - Y[rows]
            residual[rows] = values
        return values if weights is None else values * weights[rows, None]

    part = op._parts[0] if len(op._parts) == 1 else None
    if isinstance(part, ReducedPart) and len(part.column_ranges()) == 1:
        factors = part.panels(0, m).factors
        factors = None if factors is None else factors[:, None]
        padded[:m] = V if factors is None else V * factors
        tiles = padded.reshape(n_panels, PANEL, c)

        def add_group(group):
            total = np.zeros((n_panels, PANEL, c))
            buffer = part.normal_buffer(size, V.dtype)
            for rows in group:
                part.add_normal(rows, tiles, inner, total, buffer)
            total = total.reshape(-1, c)[:m]
            return total if factors is None else total * factors

    else:

        def add_group(group):
            total = np.zeros((m, c))
            buffer = np.empty((size, m), op.dtype)
            for rows in group:
                K = buffer[: rows.stop - rows.start]
                fill_block(op._parts, rows, slice(0, m), K)
                K = K.astype(V.dtype, copy=False)
                values = inner(rows, (K @ V).astype(np.float64))
                total += K.T @ values.astype(V.dtype)
            return total

    work = 2.0 * n * m * (op.X.shape[1] + 10 + 2 * c)
    totals = map_blocks(add_group, groups, work=work)
    moment = totals[0]
    for total in totals[1:]:
        moment += total
    return residual, moment
