"""Matern functions of any order at the price of a few multiplications.

Between consecutive powers of two the squared argument ``t`` is cut into 64 segments;
on each the function is a polynomial of degree 5 in a variable that runs over
[-1, 1]. The bits of a floating-point number hold both the number of its segment (the
exponent and the leading bits of the mantissa) and the variable (the rest), so that a
value costs six loads from one row of the table and five multiplications: no square
root, no exponential, no branch.
"""

import functools
import math

import numpy as np
from numba import types
from numba.extending import overload
from numpy.polynomial.chebyshev import cheb2poly, chebpts1, chebvander

from ._bessel import matern_phi

# Segments per power of two, as a power of two; the profile reads these bits.
_SEGMENT_BITS = 6
_SEGMENTS = 2**_SEGMENT_BITS
_DEGREE = 5
# float32 needs the leading coefficients only.
_DEGREE_32 = 3
# The table ends at t = 2**_TOP; there the scaled function is zero.
_TOP = 20

_SEGMENT_BITS_32 = np.int32(_SEGMENT_BITS)
_SHIFT_32 = np.int32(23 - _SEGMENT_BITS)
_SHIFT_64 = 52 - _SEGMENT_BITS
_TOP_ROW_32 = np.int32((_TOP + 127) * _SEGMENTS)
_TOP_ROW_64 = (_TOP + 1023) * _SEGMENTS
_FRACTION_32 = np.int32((1 << (23 - _SEGMENT_BITS)) - 1)
_FRACTION_64 = (1 << (52 - _SEGMENT_BITS)) - 1
_ONE_BITS_32 = np.int32(127 << 23)
_ONE_BITS_64 = 1023 << 52
_TWO_32 = np.float32(2.0)
_THREE_32 = np.float32(3.0)
# Smaller numbers count as zero: the segments of small orders reach below float32's.
_TINY_32 = np.float32(2.0**-126)


@functools.lru_cache(maxsize=256)
def _argument_exponent(nu):
    """Least j >= 0 with phi_nu(2^j 2^(_TOP/2)) negligible; 0 unless nu is large."""
    j = 0
    while matern_phi(nu, 2.0 ** (j + _TOP // 2)) > 1e-200:
        j += 1
    return j


def matern_scale(nu):
    """What coordinates are multiplied by, beside 1 / length_scale, for the profile.

    Parameters
    ----------
    nu : float
        Order, positive and finite.

    Returns
    -------
    scale : float
        ``sqrt(2 nu)``, and for very large orders less by a power of two, so that the
        function has fallen to zero where the table ends.
    """
    return math.sqrt(2.0 * nu) * 2.0 ** -_argument_exponent(nu)


def _monomials(degree):
    """Row k: the coefficients of the Chebyshev polynomial T_k in powers."""
    rows = np.zeros((degree + 1, degree + 1))
    for k in range(degree + 1):
        rows[k, : k + 1] = cheb2poly(np.eye(degree + 1)[k, : k + 1])
    return rows


@functools.lru_cache(maxsize=32)
def matern_table(nu):
    """Coefficients that the profile ``matern_general`` reads.

    Parameters
    ----------
    nu : float
        Order, positive and finite.

    Returns
    -------
    table : ndarray of shape (n_segments + 2, 6)
        One row of coefficients per segment, in float64, read-only; before them the
        row of zero distance (the constant 1), after them the row of all larger ones
        (the constant 0). Memoised.

    Notes
    -----
    Built in some milliseconds. The absolute error of the profile is below 5e-15 in
    float64 and 3e-7 in float32. The relative error grows in the tail: in float64 from
    below 1e-12 where the value is above 1e-3 to about 1e-8 where it is 1e-30.
    """
    factor = 2.0 ** _argument_exponent(nu)
    # 1 - phi is of the order of t^nu for nu < 1, of t otherwise: one to the last digit
    bottom = max(-1022, math.floor(-60 / min(nu, 1.0)))
    exponents = np.repeat(np.arange(bottom, _TOP), _SEGMENTS)
    start = 1.0 + np.tile(np.arange(_SEGMENTS), _TOP - bottom) / _SEGMENTS
    nodes = chebpts1(_DEGREE + 1)
    t = np.ldexp(start[:, None] + (nodes + 1.0) / (2 * _SEGMENTS), exponents[:, None])
    values = matern_phi(nu, factor * np.sqrt(t))
    coefficients = values @ chebvander(nodes, _DEGREE) * (2.0 / len(nodes))
    coefficients[:, 0] *= 0.5
    # Below this they are rounding errors, which the change of basis would magnify.
    coefficients[np.abs(coefficients) < 5e-16 * values.max(axis=1)[:, None]] = 0.0
    table = np.zeros((len(values) + 2, _DEGREE + 1))
    table[0, 0] = 1.0
    table[1:-1] = coefficients @ _monomials(_DEGREE)
    table.flags.writeable = False
    return table


def evaluate_table(t, table):
    """phi at t = z^2, from :func:`matern_table`; NaN propagates.

    Parameters
    ----------
    t : scalar or array of float32 or float64
        Squared scaled distances, at least zero.

    table : ndarray of shape (n_segments + 2, 6)
        In the precision of ``t`` in jitted code, on the device of ``t`` otherwise.

    Returns
    -------
    phi : scalar or array, as t
    """
    if t.dtype == np.float32:
        bits, shift, top = t.view(np.int32), _SHIFT_32, _TOP_ROW_32
        fraction, one, degree, tiny = _FRACTION_32, _ONE_BITS_32, _DEGREE_32, _TINY_32
    else:
        bits, shift, top = t.view(np.int64), _SHIFT_64, _TOP_ROW_64
        fraction, one, degree, tiny = _FRACTION_64, _ONE_BITS_64, _DEGREE, 0.0
    last = table.shape[0] - 1
    row = np.minimum(np.maximum((bits >> shift) + (last - top), 0), last)
    row = np.where(t < tiny, 0, row)
    mantissa = (((bits & fraction) << _SEGMENT_BITS) | one).view(t.dtype)
    u = 2 * mantissa - 3
    table = table.astype(t.dtype, copy=False)
    value = table[row, degree]
    for k in range(degree - 1, -1, -1):
        value = value * u + table[row, k]
    return np.where(t == t, value, t)


@overload(
    evaluate_table,
    jit_options={
        "nogil": True,
        "error_model": "numpy",
        "fastmath": {"contract", "nsz"},
        "forceinline": True,
    },
)
def _evaluate_table_overload(t, table):
    if t == types.float32:
        return _evaluate_32
    if t == types.float64:
        return _evaluate_64
    return None


def _evaluate_32(t, table):
    x = np.float32(t)
    bits = x.view(np.int32)
    last = np.int32(table.shape[0] - 1)
    row = np.int32(np.int32(bits >> _SHIFT_32) + np.int32(last - _TOP_ROW_32))
    row = max(np.int32(0), min(row, last))
    row = np.int32(0) if x < _TINY_32 else row
    fraction = np.int32(np.int32(bits & _FRACTION_32) << _SEGMENT_BITS_32)
    mantissa = np.int32(fraction | _ONE_BITS_32).view(np.float32)
    u = np.float32(_TWO_32 * mantissa - _THREE_32)
    value = np.float32(table[row, 3] * u + table[row, 2])
    value = np.float32(value * u + table[row, 1])
    value = np.float32(value * u + table[row, 0])
    return value if x == x else x


def _evaluate_64(t, table):
    x = np.float64(t)
    bits = x.view(np.int64)
    last = table.shape[0] - 1
    row = min(max((bits >> _SHIFT_64) + (last - _TOP_ROW_64), 0), last)
    fraction = (bits & _FRACTION_64) << _SEGMENT_BITS
    mantissa = np.int64(fraction | _ONE_BITS_64).view(np.float64)
    u = 2.0 * mantissa - 3.0
    value = (table[row, 5] * u + table[row, 4]) * u + table[row, 3]
    value = (value * u + table[row, 2]) * u + table[row, 1]
    value = value * u + table[row, 0]
    return value if x == x else x
