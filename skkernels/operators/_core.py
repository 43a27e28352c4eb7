"""Compiled bodies of the products with one vector: profile and dot in one pass.

The sum over a panel of columns is formed in the computing precision, in any order that
vectorises; sums over panels are accumulated in float64.
"""

import functools

from numba.extending import intrinsic, overload

from ..kernels._pairwise_core import METRICS, product
from ..kernels._profiles import key_name, profile_function
from ..utils._jit import njit, specialise


@intrinsic
def _reassociable_add(typing_context, a, b):
    """Floating-point addition that LLVM may reorder; no other operation may be.

    The flag is on this one instruction because reordering would destroy the rounding
    tricks inside the profiles.
    """

    def generate(context, builder, signature, args):
        return builder.fadd(*args, flags=("reassoc", "contract", "nsz"))

    return a(a, a), generate


def add_in_any_order(a, b):
    """``a + b`` as part of a sum whose order does not matter."""
    return a + b


@overload(add_in_any_order, inline="always")
def _add_in_any_order_overload(a, b):
    return lambda a, b: _reassociable_add(a, b)


# Names that `specialise` binds in the templates below.
metric = product
profile = None
LAST = 1  # features in the last, fused pass: 1 to 4


def _profile_dot(tile, v, out, params, table):
    """out[i] += sum over j of profile(tile[i, j]) v[j]."""
    zero = tile.dtype.type(0)
    for i in range(tile.shape[0]):
        total = zero
        for j in range(tile.shape[1]):
            value = profile(tile[i, j], params, table)
            total = add_in_any_order(total, value * v[j])
        out[i] += total


def _profile_dot_both(tile, v, u, out, out_columns, params, table):
    """One tile of a symmetric matrix serves its rows and its columns.

    out[i] += sum over j of profile(tile[i, j]) v[j], and
    out_columns[j] += sum over i of profile(tile[i, j]) u[i].
    """
    zero = tile.dtype.type(0)
    for i in range(tile.shape[0]):
        total = zero
        ui = u[i]
        for j in range(tile.shape[1]):
            value = profile(tile[i, j], params, table)
            total = add_in_any_order(total, value * v[j])
            out_columns[j] += value * ui
        out[i] += total


def _reduce_profile_dot(X, columns, V, out, params, table, sums):
    """out[i] += sum over panels and columns of profile(reduction of the pair) v.

    All features but the last ``LAST`` (1 to 4) go through passes of four into the row
    ``sums``; the last pass feeds the profile and the dot product directly.
    """
    n_panels = columns.shape[0]
    n_features = columns.shape[1]
    width = columns.shape[2]
    last = n_features - LAST
    zero = X.dtype.type(0)
    for c in range(n_panels):
        for i in range(X.shape[0]):
            for k in range(0, last, 4):
                x0 = X[i, k]
                x1 = X[i, k + 1]
                x2 = X[i, k + 2]
                x3 = X[i, k + 3]
                if k == 0:
                    for j in range(width):
                        t = metric(zero, x0, columns[c, k, j])
                        t = metric(t, x1, columns[c, k + 1, j])
                        t = metric(t, x2, columns[c, k + 2, j])
                        sums[j] = metric(t, x3, columns[c, k + 3, j])
                else:
                    for j in range(width):
                        t = metric(sums[j], x0, columns[c, k, j])
                        t = metric(t, x1, columns[c, k + 1, j])
                        t = metric(t, x2, columns[c, k + 2, j])
                        sums[j] = metric(t, x3, columns[c, k + 3, j])
            total = zero
            x0 = X[i, last]
            x1 = X[i, last + 1] if LAST > 1 else zero
            x2 = X[i, last + 2] if LAST > 2 else zero
            x3 = X[i, last + 3] if LAST > 3 else zero
            if last == 0:
                for j in range(width):
                    t = metric(zero, x0, columns[c, last, j])
                    if LAST > 1:
                        t = metric(t, x1, columns[c, last + 1, j])
                    if LAST > 2:
                        t = metric(t, x2, columns[c, last + 2, j])
                    if LAST > 3:
                        t = metric(t, x3, columns[c, last + 3, j])
                    value = profile(t, params, table)
                    total = add_in_any_order(total, value * V[c, j])
            else:
                for j in range(width):
                    t = metric(sums[j], x0, columns[c, last, j])
                    if LAST > 1:
                        t = metric(t, x1, columns[c, last + 1, j])
                    if LAST > 2:
                        t = metric(t, x2, columns[c, last + 2, j])
                    if LAST > 3:
                        t = metric(t, x3, columns[c, last + 3, j])
                    value = profile(t, params, table)
                    total = add_in_any_order(total, value * V[c, j])
            out[i] += total


@functools.cache
def profile_dot(key):
    """The jitted product of a tile's profile values with a vector."""
    return njit(specialise(_profile_dot, key_name(key), profile=profile_function(key)))


@functools.cache
def profile_dot_both(key):
    """The jitted product of a tile and of its transpose with two vectors."""
    return njit(
        specialise(_profile_dot_both, key_name(key), profile=profile_function(key))
    )


@functools.cache
def reduce_profile_dot(geometry, key, n_features):
    """The jitted product that forms the distances itself, for few features."""
    last = (n_features - 1) % 4 + 1
    return _reduce_profile_dot_compiled(geometry, key, last)


@functools.cache
def _reduce_profile_dot_compiled(geometry, key, last):
    return njit(
        specialise(
            _reduce_profile_dot,
            f"{geometry}_{key_name(key)}_{last}",
            metric=METRICS[geometry],
            profile=profile_function(key),
            LAST=last,
        )
    )
