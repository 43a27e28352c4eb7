"""Compiled bodies of Stein kernels: blocks between rows and prepared columns.

A row is a position and a score, side by side; columns are the same, transposed, so that
the innermost loops run over pairs. Few features: differences are explicit. Many: what a
pair needs comes from three matrix products.
"""

import functools

import numpy as np

from ..utils._jit import inline_njit, njit, specialise
from ..utils._vecmath import exp2

# Columns whose three numbers per pair stay in the fastest cache.
PANEL = 256
# Squared distances below this share of the squared norms they are the difference of are
# computed from differences of features: so their relative error, and that of the
# products with differences of scores, is at most some 1e-9.
_TOLERANCE = 1e-6


@inline_njit
def imq(inner, cross, squared, d, inverse):
    """Base kernel ``(1 + t)^(-1/2)``, t the squared distance times ``inverse``."""
    root = 1.0 / np.sqrt(1.0 + inverse * squared)
    share = inverse * root * root
    return root * (inner + share * (cross + d - 3.0 * share * squared))


@inline_njit
def rbf(inner, cross, squared, d, inverse):
    """Base kernel ``exp(-t / 2)``, t the squared distance times ``inverse``."""
    value = exp2(-0.7213475204444817 * inverse * squared)
    return value * (inner + inverse * (cross + d - inverse * squared))


_COMBINE = {"imq": imq, "rbf": rbf}
combine = imq


@inline_njit
def pair_numbers(row, panel, inner, cross, squared):
    """What a Stein kernel needs to know about a row and each column of a panel.

    The product of the scores, the product of the differences of scores and positions,
    and the squared distance. Two features are taken at a time.
    """
    d = row.size // 2
    inner[:] = 0.0
    cross[:] = 0.0
    squared[:] = 0.0
    for f in range(0, d - 1, 2):
        x, x_next = row[f], row[f + 1]
        s, s_next = row[d + f], row[d + f + 1]
        position, position_next = panel[f], panel[f + 1]
        score, score_next = panel[d + f], panel[d + f + 1]
        for j in range(inner.size):
            step = x - position[j]
            step_next = x_next - position_next[j]
            inner[j] += s * score[j] + s_next * score_next[j]
            change = (s - score[j]) * step
            cross[j] += change + (s_next - score_next[j]) * step_next
            squared[j] += step * step + step_next * step_next
    if d % 2:
        x, s = row[d - 1], row[2 * d - 1]
        position, score = panel[d - 1], panel[2 * d - 1]
        for j in range(inner.size):
            step = x - position[j]
            inner[j] += s * score[j]
            cross[j] += (s - score[j]) * step
            squared[j] += step * step


def _fill_block(rows, columns, out, offset, inverse):
    """out[:, offset:] = kernel values, as many columns as there are."""
    d = float(rows.shape[1] // 2)
    numbers = np.empty((3, PANEL))
    m = columns.shape[1]
    for start in range(0, m, PANEL):
        width = min(PANEL, m - start)
        inner = numbers[0, :width]
        cross = numbers[1, :width]
        squared = numbers[2, :width]
        panel = columns[:, start : start + width]
        for i in range(rows.shape[0]):
            pair_numbers(rows[i], panel, inner, cross, squared)
            values = out[i, offset + start : offset + start + width]
            for j in range(width):
                values[j] = combine(inner[j], cross[j], squared[j], d, inverse)


def _combine_products(
    rows, columns, inner, mixed, product, left, right, inverse, out, offset
):
    """out[:, offset:] = kernel values from matrix products.

    ``inner``, ``mixed`` and ``product`` hold scores times scores, scores times
    positions both ways, and positions times positions; ``left`` and ``right`` the
    product of score and position and the squared norm of the position of each row and
    column. Pairs for which these cancel are done again from ``rows`` and ``columns``.
    """
    half = rows.shape[1] // 2
    d = float(half)
    for i in range(inner.shape[0]):
        cross, square = left[0, i], left[1, i]
        a, b, c = inner[i], mixed[i], product[i]
        values = out[i, offset : offset + inner.shape[1]]
        n_close = 0
        for j in range(inner.shape[1]):
            squared = max(square + right[1, j] - 2.0 * c[j], 0.0)
            n_close += squared <= _TOLERANCE * (square + right[1, j])
            values[j] = combine(a[j], cross + right[0, j] - b[j], squared, d, inverse)
        if n_close == 0:
            continue
        for j in range(inner.shape[1]):
            norms = square + right[1, j]
            if norms - 2.0 * c[j] <= _TOLERANCE * norms:
                change = 0.0
                squared = 0.0
                for f in range(half):
                    step = rows[i, f] - columns[f, j]
                    change += (rows[i, half + f] - columns[half + f, j]) * step
                    squared += step * step
                values[j] = combine(a[j], change, squared, d, inverse)


@functools.cache
def fill_block(name):
    """The jitted block of the base kernel "imq" or "rbf"."""
    return njit(specialise(_fill_block, name, combine=_COMBINE[name]))


@functools.cache
def combine_products(name):
    """The same from matrix products."""
    return njit(specialise(_combine_products, name, combine=_COMBINE[name]))


@njit
def all_pair_numbers(rows, columns, inner, cross, squared):
    """:func:`pair_numbers` of each row, for base kernels without a compiled profile."""
    for i in range(rows.shape[0]):
        pair_numbers(rows[i], columns, inner[i], cross[i], squared[i])
