"""Compiled bodies of the pairwise engine that do not depend on the profile's product.

Columns (the rows of ``Z``) come in panels of ``PANEL`` columns, feature by feature, so
that the innermost loops run over contiguous columns and vectorise. All functions write
into arrays they are given.
"""

import functools

import numpy as np

from ..utils._jit import inline_njit, njit, specialise
from ._profiles import key_name, profile_function

# Columns per panel: with float32 and 16 features a panel is 32 KiB, which stays in a
# first-level cache; as the tile of a matrix product, 256 x 512 fits a second-level one.
PANEL = 512


@inline_njit
def squared_difference(total, x, z):
    difference = x - z
    return total + difference * difference


@inline_njit
def absolute_difference(total, x, z):
    return total + abs(x - z)


@inline_njit
def product(total, x, z):
    return total + x * z


METRICS = {
    "sqeuclidean": squared_difference,
    "cityblock": absolute_difference,
    "dot": product,
}


# Names that `specialise` binds in the templates below.
metric = squared_difference
profile = None


def _reduce_tile(X, panel, out):
    """out[i, j] = sum over features of metric(X[i, k], panel[k, j]), explicitly.

    Four features per pass over the columns: each pass loads and stores the row of
    sums once.
    """
    n_features = panel.shape[0]
    width = panel.shape[1]
    remainder = n_features % 4
    zero = X.dtype.type(0)
    for i in range(X.shape[0]):
        x0 = X[i, 0] if remainder > 0 else zero
        x1 = X[i, 1] if remainder > 1 else zero
        x2 = X[i, 2] if remainder > 2 else zero
        if remainder == 0:
            for j in range(width):
                out[i, j] = zero
        elif remainder == 1:
            for j in range(width):
                out[i, j] = metric(zero, x0, panel[0, j])
        elif remainder == 2:
            for j in range(width):
                total = metric(zero, x0, panel[0, j])
                out[i, j] = metric(total, x1, panel[1, j])
        else:
            for j in range(width):
                total = metric(zero, x0, panel[0, j])
                total = metric(total, x1, panel[1, j])
                out[i, j] = metric(total, x2, panel[2, j])
        for k in range(remainder, n_features, 4):
            x0 = X[i, k]
            x1 = X[i, k + 1]
            x2 = X[i, k + 2]
            x3 = X[i, k + 3]
            for j in range(width):
                total = metric(out[i, j], x0, panel[k, j])
                total = metric(total, x1, panel[k + 1, j])
                total = metric(total, x2, panel[k + 2, j])
                out[i, j] = metric(total, x3, panel[k + 3, j])


def _apply_profile(tile, params, table):
    """Profile of every entry, in place."""
    for i in range(tile.shape[0]):
        for j in range(tile.shape[1]):
            tile[i, j] = profile(tile[i, j], params, table)


@njit(reassoc=True)
def repair_small_distances(
    tile, rows, panel, row_norms, column_norms, tolerance, limit
):
    """Recompute squared distances that cancellation has spoiled.

    The tile holds ``|x|^2 + |z|^2 - 2 <x, z>`` from a matrix product, wrong by a few
    units in the last place of ``|x|^2 + |z|^2``. Where the result is below
    ``tolerance`` times that sum (negative ones included), it is replaced by the sum of
    squared differences, which is exact to rounding, and zero for equal rows.

    Returns whether that is done: with more than ``limit`` such entries it gives up,
    and the tile is to be formed in higher precision.
    """
    largest = column_norms.max()
    one = tile.dtype.type(1)
    zero = tile.dtype.type(0)
    repaired = 0
    for i in range(tile.shape[0]):
        bound = tolerance * (row_norms[i] + largest)
        suspects = zero
        for j in range(tile.shape[1]):
            suspects += one if tile[i, j] <= bound else zero
        if suspects == zero:
            continue
        for j in range(tile.shape[1]):
            if tile[i, j] <= tolerance * (row_norms[i] + column_norms[j]):
                if repaired == limit:
                    return False
                repaired += 1
                total = zero
                for k in range(rows.shape[1]):
                    difference = rows[i, k] - panel[k, j]
                    total += difference * difference
                tile[i, j] = total
    return True


@njit
def mirror_upper(tile):
    """Copy what is above the diagonal to below it."""
    for i in range(tile.shape[0]):
        for j in range(i):
            tile[i, j] = tile[j, i]


@functools.cache
def reduce_tile(geometry):
    """The jitted explicit reduction for a geometry."""
    return njit(specialise(_reduce_tile, geometry, metric=METRICS[geometry]))


@functools.cache
def apply_profile(key):
    """The jitted in-place profile for a profile key."""
    return njit(
        specialise(_apply_profile, key_name(key), profile=profile_function(key))
    )


def empty_table(dtype):
    """The table of profiles that have none."""
    return np.zeros((1, 1), dtype)
