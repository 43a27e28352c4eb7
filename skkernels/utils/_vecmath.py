"""Elementary functions that LLVM can vectorise inside jitted loops.

The wheels of Numba carry no vector mathematics library: ``math.exp`` in a loop is a
call per element. The functions here are straight-line arithmetic (range reduction,
polynomial, exponent set by integer arithmetic), so that a loop over them becomes SIMD
code. Each is accurate to 2 units in the last place in float32 and float64 over the
stated domain and returns NaN for NaN. Subnormal results are flushed to zero or to the
smallest normal number.

Every body is compiled with its own floating point rules and then inlined. A caller
that allows sums to be reordered therefore does not reorder the sums in here, whose
rounding is what makes them accurate.

In plain Python (also with ``NUMBA_DISABLE_JIT=1``) they are NumPy's functions.
"""

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic, overload

_OPTIONS = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract", "nsz"},
    "forceinline": True,
}
_INF_32 = np.float32(np.inf)
_INF_64 = np.float64(np.inf)
_NAN_32 = np.float32(np.nan)
_NAN_64 = np.float64(np.nan)
_ZERO_32 = np.float32(0.0)
_HALF_32 = np.float32(0.5)
_ONE_32 = np.float32(1.0)
_TWO_32 = np.float32(2.0)

# x + (1.5 * 2**(mantissa bits) + bias) holds round(x) + bias in its lowest bits, which
# shifted up become the exponent of 2**round(x). The factor is multiplied, not added to
# the exponent bits, so that every NaN survives whatever its payload.
_ROUND_32 = np.float32(1.5 * 2**23 + 127)
_ROUND_64 = np.float64(1.5 * 2**52 + 1023)
_SHIFT_32 = np.int32(23)
_SHIFT_64 = np.int64(52)
_LOG2E_32 = np.float32(1.4426950408889634)
_LOG2E_64 = np.float64(1.4426950408889634)
# ln 2 in two parts; the first has trailing zeros, so that n * hi is exact.
_LN2_HI_32 = np.float32(0.693359375)
_LN2_LO_32 = np.float32(-2.12194440e-4)
_LN2_HI_64 = np.float64(6.93147180369123816490e-01)
_LN2_LO_64 = np.float64(1.90821492927058770002e-10)
_MIN_EXP2_32 = np.float32(-126.0)
_MIN_EXP2_64 = np.float64(-1022.0)
_MIN_EXP_32 = np.float32(-87.33654)
_MIN_EXP_64 = np.float64(-708.396418532264)
# Where expm1 is -1 to the last digit, and where its result overflows.
_MIN_EXPM1_32 = np.float32(-18.0)
_MIN_EXPM1_64 = np.float64(-38.0)
_MAX_EXPM1_32 = np.float32(88.0)
_MAX_EXPM1_64 = np.float64(709.0)
_MAX_TANH_32 = np.float32(10.0)
_MAX_TANH_64 = np.float64(20.0)
_TANH_SWITCH_32 = np.float32(0.55)
_TANH_SWITCH_64 = np.float64(0.55)
_MAX_EXP2_32 = np.float32(127.5)
_MAX_EXP2_64 = np.float64(1023.5)

# Splitting x = 2**k m with m in [sqrt(1/2), sqrt(2)): adding _OFFSET to the bits of x
# moves sqrt(1/2) to a power of two, after which the exponent field counts k + bias.
_SQRTHALF_32 = np.uint32(0x3F3504F3)
_SQRTHALF_64 = np.uint64(0x3FE6A09E667F3BCD)
_OFFSET_32 = np.uint32(0x3F800000 - 0x3F3504F3)
_OFFSET_64 = np.uint64(0x3FF0000000000000 - 0x3FE6A09E667F3BCD)
_MANTISSA_32 = np.uint32(0x007FFFFF)
_MANTISSA_64 = np.uint64(0x000FFFFFFFFFFFFF)
_EXPONENT_32 = np.uint32(0x7F800000)
_EXPONENT_64 = np.uint64(0x7FF0000000000000)
_USHIFT_32 = np.uint32(23)
_USHIFT_64 = np.uint64(52)
# The bits of 2**23 (2**52): an integer or-ed into them becomes that float plus itself.
_MAGIC_32 = np.uint32(0x4B000000)
_MAGIC_64 = np.uint64(0x4330000000000000)
_MAGIC_BIAS_32 = np.float32(2**23 + 127)
_MAGIC_BIAS_64 = np.float64(2**52 + 1023)
# Less the exponent bits of u, these are the bits of 2 / (the power of two of u).
_RECIPROCAL_32 = np.uint32(255 << 23)
_RECIPROCAL_64 = np.uint64(2047 << 52)
_TINY_32 = np.float32(2.0**-126)
_TINY_64 = np.float64(2.0**-1022)
_SCALE_32 = np.float32(2.0**24)
_SCALE_64 = np.float64(2.0**54)
_SCALE_LOG2_32 = np.float32(24.0)
_SCALE_LOG2_64 = np.float64(54.0)
# 2 / ln 2 in two parts, and 1 / ln 2.
_TWO_LOG2E_HI_32 = np.float32(2.8853900817779268)
_TWO_LOG2E_LO_32 = np.float32(3.851926e-08)
_TWO_LOG2E_HI_64 = np.float64(2.8853900817779268)
_TWO_LOG2E_LO_64 = np.float64(4.0710547481862066e-17)


def _implement(function, body_32, body_64):
    """Make jitted callers of a function use the body for their precision."""

    @overload(function, jit_options=_OPTIONS)
    def choose(x):
        if x == types.float32:
            return body_32
        if x == types.float64:
            return body_64
        return None


_helper = numba.njit(**_OPTIONS)


@intrinsic
def _fma(typingctx, a, b, c):
    """a * b + c with one rounding: the error of a product is fma(a, b, -(a * b))."""

    def codegen(context, builder, signature, args):
        return builder.fma(*args)

    return a(a, a, a), codegen


def exp2(x):
    """2**x for x < 1024 (float32: 128); below -1022 (-126) the value at that bound."""
    return np.exp2(x)


def _exp2_32(x):
    if x < _MIN_EXP2_32:
        x = _MIN_EXP2_32
    shifted = np.float32(x + _ROUND_32)
    r = np.float32(x - (shifted - _ROUND_32))
    scale = np.int32(shifted.view(np.int32) << _SHIFT_32).view(np.float32)
    return np.float32(_exp2_reduced_32(r) * scale)


@_helper
def _exp2_reduced_32(r):
    """2**r for |r| <= 1/2."""
    p = np.float32(1.54614446986e-4)
    p = p * r + np.float32(1.34004281776e-3)
    p = p * r + np.float32(9.61805667852e-3)
    p = p * r + np.float32(5.55032722667e-2)
    p = p * r + np.float32(2.40226509223e-1)
    p = p * r + np.float32(6.93147206703e-1)
    return p * r + _ONE_32


def _exp2_64(x):
    if x < _MIN_EXP2_64:
        x = _MIN_EXP2_64
    shifted = np.float64(x + _ROUND_64)
    r = x - (shifted - _ROUND_64)
    scale = np.int64(shifted.view(np.int64) << _SHIFT_64).view(np.float64)
    return _exp2_reduced_64(r) * scale


@_helper
def _exp2_reduced_64(r):
    """2**r for |r| <= 1/2."""
    p = 4.4558179083360645e-10
    p = p * r + 7.074194297288521e-09
    p = p * r + 1.0178057087733941e-07
    p = p * r + 1.3215432535912375e-06
    p = p * r + 1.5252733841556773e-05
    p = p * r + 0.00015403530463724353
    p = p * r + 0.001333355814640647
    p = p * r + 0.009618129107587256
    p = p * r + 0.055504108664821625
    p = p * r + 0.24022650695910158
    p = p * r + 0.6931471805599453
    return p * r + 1.0


def exp(x):
    """e**x for x < 709 (float32: 88); below -708.4 (-87.3) the value at that bound."""
    return np.exp(x)


def _exp_32(x):
    if x < _MIN_EXP_32:
        x = _MIN_EXP_32
    shifted = np.float32(x * _LOG2E_32 + _ROUND_32)
    n = np.float32(shifted - _ROUND_32)
    r = np.float32(x - n * _LN2_HI_32 - n * _LN2_LO_32)
    p = np.float32(1.3941108434e-3)
    p = p * r + np.float32(8.37512639815e-3)
    p = p * r + np.float32(4.16663528968e-2)
    p = p * r + np.float32(1.66664155147e-1)
    p = p * r + np.float32(5.00000004712e-1)
    p = p * r + np.float32(1.00000003772)
    p = p * r + _ONE_32
    scale = np.int32(shifted.view(np.int32) << _SHIFT_32).view(np.float32)
    return np.float32(p * scale)


def _exp_64(x):
    if x < _MIN_EXP_64:
        x = _MIN_EXP_64
    shifted = np.float64(x * _LOG2E_64 + _ROUND_64)
    n = shifted - _ROUND_64
    r = x - n * _LN2_HI_64 - n * _LN2_LO_64
    p = 2.5110037605963777e-08
    p = p * r + 2.763263963904103e-07
    p = p * r + 2.755724091857897e-06
    p = p * r + 2.4801485482328494e-05
    p = p * r + 0.00019841269890047113
    p = p * r + 0.0013888888952314775
    p = p * r + 0.008333333333319601
    p = p * r + 0.0416666666664881
    p = p * r + 0.1666666666666668
    p = p * r + 0.5000000000000019
    p = p * r + 1.0
    p = p * r + 1.0
    scale = np.int64(shifted.view(np.int64) << _SHIFT_64).view(np.float64)
    return p * scale


def expm1(x):
    """e**x - 1 for all x; inf where x > 709 (float32: 88)."""
    return np.expm1(x)


# With x = n ln 2 + r: e**x - 1 = (2**n - 1 + 2**n r) + 2**n (e**r - 1 - r). The sum in
# the first bracket is exact where it cancels, and the last term is small.


@_helper
def _exp_parts_32(x):
    """2**n, r and e**r - 1 - r, with x = n ln 2 + r."""
    shifted = np.float32(x * _LOG2E_32 + _ROUND_32)
    n = np.float32(shifted - _ROUND_32)
    r = np.float32(x - n * _LN2_HI_32 - n * _LN2_LO_32)
    q = np.float32(0.00019890991)
    q = q * r + np.float32(0.001393365)
    q = q * r + np.float32(0.0083333105)
    q = q * r + np.float32(0.041666467)
    q = q * r + np.float32(0.16666667)
    q = q * r + _HALF_32
    scale = np.int32(shifted.view(np.int32) << _SHIFT_32).view(np.float32)
    return scale, r, np.float32(q * r * r)


def _expm1_32(x):
    y = x
    if y < _MIN_EXPM1_32:
        y = _MIN_EXPM1_32
    if y > _MAX_EXPM1_32:
        y = _MAX_EXPM1_32
    scale, r, rest = _exp_parts_32(y)
    result = np.float32(_fma(scale, r, scale - _ONE_32) + scale * rest)
    return _INF_32 if x > _MAX_EXPM1_32 else result


@_helper
def _exp_parts_64(x):
    """2**n, r and e**r - 1 - r, with x = n ln 2 + r."""
    shifted = np.float64(x * _LOG2E_64 + _ROUND_64)
    n = shifted - _ROUND_64
    r = x - n * _LN2_HI_64 - n * _LN2_LO_64
    q = 2.0914686968086876e-09
    q = q * r + 2.5105217004720745e-08
    q = q * r + 2.75572736431103e-07
    q = q * r + 2.7557255400207422e-06
    q = q * r + 2.4801587325547743e-05
    q = q * r + 0.00019841269874820627
    q = q * r + 0.0013888888888883748
    q = q * r + 0.008333333333326136
    q = q * r + 0.04166666666666667
    q = q * r + 0.1666666666666667
    q = q * r + 0.5
    scale = np.int64(shifted.view(np.int64) << _SHIFT_64).view(np.float64)
    return scale, r, q * r * r


def _expm1_64(x):
    y = x
    if y < _MIN_EXPM1_64:
        y = _MIN_EXPM1_64
    if y > _MAX_EXPM1_64:
        y = _MAX_EXPM1_64
    scale, r, rest = _exp_parts_64(y)
    result = _fma(scale, r, scale - 1.0) + scale * rest
    return _INF_64 if x > _MAX_EXPM1_64 else result


# log((1 + s) / (1 - s)) = 2 s + s**3 tail(s**2) for |s| <= 3 - sqrt(8).


@_helper
def _log_tail_32(z):
    p = np.float32(0.23330468)
    p = p * z + np.float32(0.28550822)
    p = p * z + np.float32(0.40000123)
    return p * z + np.float32(0.6666667)


@_helper
def _log_tail_64(z):
    p = 0.13086626147840102
    p = p * z + 0.13268773138656886
    p = p * z + 0.15386239702814658
    p = p * z + 0.18181795640132906
    p = p * z + 0.22222222391713917
    p = p * z + 0.28571428570803614
    p = p * z + 0.4000000000000088
    return p * z + 0.6666666666666666


@_helper
def _split_32(x):
    """k and m with x = 2**k m, m in [sqrt(1/2), sqrt(2)), for positive finite x."""
    subnormal = x < _TINY_32
    y = np.float32(x * (_SCALE_32 if subnormal else _ONE_32))
    bits = np.uint32(y.view(np.uint32) + _OFFSET_32)
    k = np.uint32(np.uint32(bits >> _USHIFT_32) | _MAGIC_32).view(np.float32)
    k = np.float32(k - _MAGIC_BIAS_32)
    k = np.float32(k - (_SCALE_LOG2_32 if subnormal else _ZERO_32))
    m = np.uint32(np.uint32(bits & _MANTISSA_32) + _SQRTHALF_32).view(np.float32)
    return k, m


@_helper
def _split_64(x):
    """k and m with x = 2**k m, m in [sqrt(1/2), sqrt(2)), for positive finite x."""
    subnormal = x < _TINY_64
    y = np.float64(x * (_SCALE_64 if subnormal else 1.0))
    bits = np.uint64(y.view(np.uint64) + _OFFSET_64)
    k = np.uint64((bits >> _USHIFT_64) | _MAGIC_64).view(np.float64) - _MAGIC_BIAS_64
    k = k - (_SCALE_LOG2_64 if subnormal else 0.0)
    m = np.uint64((bits & _MANTISSA_64) + _SQRTHALF_64).view(np.float64)
    return k, m


@_helper
def _log_combine_32(k, f):
    """k ln 2 + log(1 + f)."""
    s = np.float32(f / (_TWO_32 + f))
    z = np.float32(s * s)
    h = np.float32(_HALF_32 * f * f)
    low = np.float32(s * (h + z * _log_tail_32(z)) + k * _LN2_LO_32)
    return np.float32(k * _LN2_HI_32 - ((h - low) - f))


@_helper
def _log_combine_64(k, f):
    """k ln 2 + log(1 + f)."""
    s = f / (2.0 + f)
    z = s * s
    h = 0.5 * f * f
    low = s * (h + z * _log_tail_64(z)) + k * _LN2_LO_64
    return k * _LN2_HI_64 - ((h - low) - f)


def log(x):
    """Natural logarithm: -inf at 0, inf at inf, NaN for x < 0."""
    return np.log(x)


def _log_32(x):
    k, m = _split_32(x)
    result = _log_combine_32(k, np.float32(m - _ONE_32))
    result = result if x < _INF_32 else x
    result = _NAN_32 if x < _ZERO_32 else result
    return -_INF_32 if x == _ZERO_32 else result


def _log_64(x):
    k, m = _split_64(x)
    result = _log_combine_64(k, m - 1.0)
    result = result if x < _INF_64 else x
    result = _NAN_64 if x < 0.0 else result
    return -_INF_64 if x == 0.0 else result


def log1p(x):
    """log(1 + x): -inf at -1, inf at inf, NaN for x < -1."""
    return np.log1p(x)


# u = 1 + x is rounded; what it lost, divided by the power of two of u, is added to the
# reduced argument. For k = 0 that restores x itself.


def _log1p_32(x):
    u = np.float32(_ONE_32 + x)
    lost = _ONE_32 - (u - x) if x > _ONE_32 else x - (u - _ONE_32)
    bits = np.uint32(u.view(np.uint32) + _OFFSET_32)
    k = np.uint32(np.uint32(bits >> _USHIFT_32) | _MAGIC_32).view(np.float32)
    k = np.float32(k - _MAGIC_BIAS_32)
    m = np.uint32(np.uint32(bits & _MANTISSA_32) + _SQRTHALF_32).view(np.float32)
    shrink = np.uint32(_RECIPROCAL_32 - np.uint32(bits & _EXPONENT_32)).view(np.float32)
    f = np.float32((m - _ONE_32) + (_HALF_32 * lost) * shrink)
    result = _log_combine_32(k, f)
    result = result if x < _INF_32 else x
    result = _NAN_32 if x < -_ONE_32 else result
    return -_INF_32 if x == -_ONE_32 else result


def _log1p_64(x):
    u = np.float64(1.0 + x)
    lost = 1.0 - (u - x) if x > 1.0 else x - (u - 1.0)
    bits = np.uint64(u.view(np.uint64) + _OFFSET_64)
    k = np.uint64((bits >> _USHIFT_64) | _MAGIC_64).view(np.float64) - _MAGIC_BIAS_64
    m = np.uint64((bits & _MANTISSA_64) + _SQRTHALF_64).view(np.float64)
    shrink = np.uint64(_RECIPROCAL_64 - (bits & _EXPONENT_64)).view(np.float64)
    f = (m - 1.0) + (0.5 * lost) * shrink
    result = _log_combine_64(k, f)
    result = result if x < _INF_64 else x
    result = _NAN_64 if x < -1.0 else result
    return -_INF_64 if x == -1.0 else result


def tanh(x):
    """Hyperbolic tangent for all x."""
    return np.tanh(x)


# With t = e**(-2 |x|) - 1: -t / (2 + t) for small |x|, else 1 - 2 (1 + t) / (2 + t);
# t, 2 + t and the quotient are corrected for their rounding.


def _tanh_32(x):
    a = abs(x)
    if a > _MAX_TANH_32:
        a = _MAX_TANH_32
    scale, r, rest = _exp_parts_32(np.float32(-_TWO_32 * a))
    head = _fma(scale, r, scale - _ONE_32)
    tail = np.float32(_fma(scale, r, (scale - _ONE_32) - head) + scale * rest)
    t = np.float32(head + tail)
    t_low = np.float32((head - t) + tail)
    large = a > _TANH_SWITCH_32
    top = np.float32(_TWO_32 * (scale + scale * (r + rest))) if large else -t
    top_low = _ZERO_32 if large else -t_low
    bottom = np.float32(_TWO_32 + t)
    bottom_low = np.float32(((_TWO_32 - bottom) + t) + t_low)
    inverse = np.float32(_ONE_32 / bottom)
    quotient = np.float32(top * inverse)
    rest = np.float32(_fma(-quotient, bottom, top) + (top_low - quotient * bottom_low))
    quotient = np.float32(quotient + rest * inverse)
    result = np.float32(_ONE_32 - quotient) if large else quotient
    return -result if x < _ZERO_32 else result


def _tanh_64(x):
    a = abs(x)
    if a > _MAX_TANH_64:
        a = _MAX_TANH_64
    scale, r, rest = _exp_parts_64(-2.0 * a)
    head = _fma(scale, r, scale - 1.0)
    tail = _fma(scale, r, (scale - 1.0) - head) + scale * rest
    t = head + tail
    t_low = (head - t) + tail
    large = a > _TANH_SWITCH_64
    top = 2.0 * (scale + scale * (r + rest)) if large else -t
    top_low = 0.0 if large else -t_low
    bottom = 2.0 + t
    bottom_low = ((2.0 - bottom) + t) + t_low
    inverse = 1.0 / bottom
    quotient = top * inverse
    rest = _fma(-quotient, bottom, top) + (top_low - quotient * bottom_low)
    quotient = quotient + rest * inverse
    result = 1.0 - quotient if large else quotient
    return -result if x < 0.0 else result


def pow(x, exponent):
    """x**exponent for x >= 0; NaN for x < 0 and for NaN in either argument.

    Accurate to 2 units in the last place in float32, and in float64 where
    ``|exponent| <= 32``; beyond, the relative error grows as
    ``|exponent log2(x)| 2**-58``. Results below 2**-1022 (float32: 2**-126) are 0,
    results above 2**1023.5 (2**127.5) are inf.
    """
    return np.power(x, exponent)


# log2(x) = k + log2(m) in two parts, with s = (m - 1) / (m + 1) in two parts; the
# product with the exponent in two parts as well; then 2**n 2**r.


def _pow_32(x, exponent):
    k, m = _split_32(x)
    f = np.float32(m - _ONE_32)
    u = np.float32(_TWO_32 + f)
    u_low = np.float32(f - (u - _TWO_32))
    inverse = np.float32(_ONE_32 / u)
    s = np.float32(f * inverse)
    s_low = np.float32((_fma(-s, u, f) - s * u_low) * inverse)
    z = np.float32(s * s)
    main = _fma(s, _TWO_LOG2E_HI_32, k)
    low = _fma(s, _TWO_LOG2E_HI_32, k - main)
    low = np.float32(low + (s * _TWO_LOG2E_LO_32 + s_low * _TWO_LOG2E_HI_32))
    low = np.float32(low + s * z * (_log_tail_32(z) * _LOG2E_32))
    high = np.float32(main + low)
    low = np.float32((main - high) + low)
    y = np.float32(exponent * high)
    clipped = y
    if clipped < _MIN_EXP2_32:
        clipped = _MIN_EXP2_32
    if clipped > _MAX_EXP2_32:
        clipped = _MAX_EXP2_32
    shifted = np.float32(clipped + _ROUND_32)
    r = np.float32(_fma(exponent, high, _ROUND_32 - shifted) + exponent * low)
    scale = np.int32(shifted.view(np.int32) << _SHIFT_32).view(np.float32)
    result = np.float32(_exp2_reduced_32(r) * scale)
    result = _ZERO_32 if y < _MIN_EXP2_32 else result
    result = _INF_32 if y > _MAX_EXP2_32 else result
    # log2 is infinite at both ends, where the bits above mean nothing.
    end = _INF_32 if (x == _ZERO_32) == (exponent < _ZERO_32) else _ZERO_32
    result = end if (x == _ZERO_32) | (x == _INF_32) else result
    result = _ONE_32 if exponent == _ZERO_32 else result
    return result if (x >= _ZERO_32) & (exponent == exponent) else _NAN_32


def _pow_64(x, exponent):
    k, m = _split_64(x)
    f = m - 1.0
    u = 2.0 + f
    u_low = f - (u - 2.0)
    inverse = 1.0 / u
    s = f * inverse
    s_low = (_fma(-s, u, f) - s * u_low) * inverse
    z = s * s
    main = _fma(s, _TWO_LOG2E_HI_64, k)
    low = _fma(s, _TWO_LOG2E_HI_64, k - main)
    low = low + (s * _TWO_LOG2E_LO_64 + s_low * _TWO_LOG2E_HI_64)
    low = low + s * z * (_log_tail_64(z) * _LOG2E_64)
    high = main + low
    low = (main - high) + low
    y = exponent * high
    clipped = y
    if clipped < _MIN_EXP2_64:
        clipped = _MIN_EXP2_64
    if clipped > _MAX_EXP2_64:
        clipped = _MAX_EXP2_64
    shifted = np.float64(clipped + _ROUND_64)
    r = _fma(exponent, high, _ROUND_64 - shifted) + exponent * low
    scale = np.int64(shifted.view(np.int64) << _SHIFT_64).view(np.float64)
    result = _exp2_reduced_64(r) * scale
    result = 0.0 if y < _MIN_EXP2_64 else result
    result = _INF_64 if y > _MAX_EXP2_64 else result
    # log2 is infinite at both ends, where the bits above mean nothing.
    end = _INF_64 if (x == 0.0) == (exponent < 0.0) else 0.0
    result = end if (x == 0.0) | (x == _INF_64) else result
    result = 1.0 if exponent == 0.0 else result
    return result if (x >= 0.0) & (exponent == exponent) else _NAN_64


@overload(pow, jit_options=_OPTIONS)
def _choose_pow(x, exponent):
    if x == types.float32 and exponent == types.float32:
        return _pow_32
    if x == types.float64 and exponent == types.float64:
        return _pow_64
    return None


_implement(exp2, _exp2_32, _exp2_64)
_implement(exp, _exp_32, _exp_64)
_implement(expm1, _expm1_32, _expm1_64)
_implement(log, _log_32, _log_64)
_implement(log1p, _log1p_32, _log1p_64)
_implement(tanh, _tanh_32, _tanh_64)
