"""Modified Bessel functions of the second kind, K_nu, and the Matern function.

Compiled scalar code for tables and derivatives: accurate to a few units in the last
place for every real order and argument, without overflow or underflow on the way. The
methods are N. M. Temme's series for small arguments, the continued fraction of Thompson
and Barnett (in Steed's form) for larger ones, and the uniform expansion of Debye's type
for large orders.
"""

import functools
import math
from fractions import Fraction

import numpy as np

from ..utils._jit import njit

# From this order on the uniform expansion is accurate to the last digit.
LARGE_ORDER = 25.0
# Up to here the series; beyond, its terms cancel, and the fraction converges fast.
SPLIT = 1.2
_N_UNIFORM = 14
# Below, three terms of the series at zero are exact; beyond, orders under 25 underflow.
_NEARLY_ZERO = 1e-6
_ZERO_BEYOND = 1200.0
_EPS = 2.0**-53

# 1 / Gamma(1 + t) = even(t^2) - t odd(t^2) for |t| <= 1/2.
_ODD = np.array(
    [
        -0.5772156649015329,
        0.04200263503409524,
        0.04219773455554433,
        -0.0072189432466631,
        0.00021524167411495098,
        2.013485478078824e-05,
        -1.133027231981696e-06,
        -6.116095104481416e-09,
        1.18127457048702e-09,
        -7.782263439905071e-12,
        -5.100370287454476e-13,
        5.348122539423018e-15,
        1.1812593016974588e-16,
    ]
)
_EVEN = np.array(
    [
        1.0,
        -0.6558780715202539,
        0.16653861138229148,
        -0.009621971527876973,
        -0.0011651675918590652,
        0.0001280502823881162,
        -1.2504934821426706e-06,
        -2.056338416977607e-07,
        5.002007644469223e-09,
        1.0434267116911005e-10,
        -3.696805618642206e-12,
        -2.0583260535665066e-14,
        1.2267786282382608e-15,
    ]
)


@functools.cache
def _uniform_coefficients():
    """Row k: the coefficients of U_k(p) / p^k in powers of p^2, in float64.

    U_0 = 1 and U_{k+1} = p^2 (1 - p^2) U_k' / 2 + int_0^p (1 - 5 t^2) U_k(t) dt / 8.
    """
    table = np.zeros((_N_UNIFORM, _N_UNIFORM))
    row = [Fraction(1)]  # of p^k, p^(k+2), ...
    for k in range(_N_UNIFORM):
        table[k, : k + 1] = [float(c) for c in row]
        new = [Fraction(0)] * (k + 2)
        for j, c in enumerate(row):
            n = k + 2 * j
            new[j] += c * Fraction(n, 2) + c / (8 * (n + 1))
            new[j + 1] -= c * Fraction(n, 2) + 5 * c / (8 * (n + 3))
        row = new
    return table


@njit
def _uniform_log_sum(nu, p, coefficients):
    """log of sum over k of (-1)^k U_k(p) / nu^k."""
    q = p * p
    total = 0.0
    factor = 1.0
    for k in range(1, coefficients.shape[0]):
        factor *= -p / nu
        value = 0.0
        for j in range(k, -1, -1):
            value = value * q + coefficients[k, j]
        total += factor * value
        if abs(factor * value) < 0.1 * _EPS:
            break
    return math.log1p(total)


@njit
def _pair_small(mu, x):
    """K_mu(x) and x K_{mu+1}(x) for |mu| <= 1/2 and 0 < x <= 1.2: Temme's series."""
    odd = 0.0
    even = 0.0
    for j in range(_ODD.size - 1, -1, -1):
        odd = odd * mu * mu + _ODD[j]
        even = even * mu * mu + _EVEN[j]
    log_ratio = math.log(2.0 / x)
    sigma = mu * log_ratio
    sine = math.pi * mu
    factor = sine / math.sin(sine) if mu != 0.0 else 1.0
    sinhc = math.sinh(sigma) / sigma if sigma != 0.0 else 1.0
    f = factor * (odd * math.cosh(sigma) + even * sinhc * log_ratio)
    growth = math.exp(sigma)
    p = 0.5 * growth / (even - mu * odd)
    q = 0.5 / (growth * (even + mu * odd))
    c = 1.0
    quarter = 0.25 * x * x
    total = f
    total_next = p
    for k in range(1, 40):
        f = (k * f + p + q) / (k * k - mu * mu)
        c *= quarter / k
        p /= k - mu
        q /= k + mu
        total += c * f
        total_next += c * (p - k * f)
        if abs(c * f) < 0.1 * _EPS * abs(total):
            break
    return total, 2.0 * total_next


@njit
def _pair_large(mu, x):
    """e^x K_mu(x) and x e^x K_{mu+1}(x), |mu| <= 1/2, x > 1.2: continued fraction."""
    a_first = 0.25 - mu * mu
    b = 2.0 * (1.0 + x)
    d = 1.0 / b
    step = d
    h = d
    q_before = 0.0
    q_last = 1.0
    c = a_first
    q = a_first
    a = -a_first
    total = 1.0 + q * step
    for i in range(2, 500):
        a -= 2.0 * (i - 1)
        c = -a * c / i
        q_new = (q_before - b * q_last) / a
        q_before = q_last
        q_last = q_new
        q += c * q_new
        b += 2.0
        d = 1.0 / (b + a * d)
        step = (b * d - 1.0) * step
        h += step
        change = q * step
        total += change
        if abs(change) < 0.1 * _EPS * abs(total):
            break
    first = math.sqrt(math.pi / (2.0 * x)) / total
    return first, first * (mu + x + 0.5 - a_first * h)


@njit
def _log_kve(nu, x, coefficients):
    """log(e^x K_nu(x)) for nu >= 0."""
    if x != x or nu != nu:
        return np.nan
    if x < 0.0:
        return np.nan
    if x == 0.0:
        return np.inf
    if x == np.inf:
        return -np.inf
    if nu >= LARGE_ORDER:
        w = math.hypot(nu, x)
        # nu^2 / (w + x) = w - x, without cancellation where x is larger than nu
        gap = nu * (nu / (w + x))
        value = 0.5 * math.log(math.pi / (2.0 * w)) - gap
        value += nu * math.log1p((nu + gap) / x)
        return value + _uniform_log_sum(nu, nu / w, coefficients)
    n = int(nu + 0.5)
    mu = nu - n
    product = 1.0
    if x <= SPLIT:
        first, following = _pair_small(mu, x)
        ratio = following / first
        for j in range(1, n + 1):
            product *= ratio
            ratio = x * x / ratio + 2.0 * (mu + j)
        return x + math.log(first) + math.log(product) - n * math.log(x)
    first, following = _pair_large(mu, x)
    ratio = following / (first * x)
    for j in range(1, n + 1):
        product *= ratio
        ratio = 1.0 / ratio + 2.0 * (mu + j) / x
    return math.log(first) + math.log(product)


@njit
def _matern(nu, z, coefficients):
    """2^(1 - nu) / Gamma(nu) z^nu K_nu(z) for nu > 0 and z >= 0."""
    if z != z:
        return np.nan
    if z == 0.0:
        return 1.0
    if nu >= LARGE_ORDER:
        w = math.hypot(nu, z)
        gap = z * (z / (w + nu))
        q = 1.0 / (nu * nu)
        stirling = 1 / 1680 - q * (1 / 1188 - q * 691 / 360360)
        stirling = 1 / 12 - q * (1 / 360 - q * (1 / 1260 - q * stirling))
        value = nu * math.log1p(0.5 * gap / nu) - gap - 0.5 * math.log1p(gap / nu)
        value += _uniform_log_sum(nu, nu / w, coefficients) - stirling / nu
        return math.exp(value)
    if z > _ZERO_BEYOND:
        return 0.0
    quarter = 0.25 * z * z
    if z < _NEARLY_ZERO:
        if nu >= 2.0:
            return 1.0 - quarter / (nu - 1.0)
        if abs(nu - 1.0) > 1e-9:
            singular = math.gamma(1.0 - nu) / math.gamma(1.0 + nu) * quarter**nu
            return 1.0 + quarter / (1.0 - nu) - singular * (1.0 + quarter / (1.0 + nu))
    n = int(math.floor(nu + 0.5))
    mu = nu - n
    if z <= SPLIT:
        first, following = _pair_small(mu, z)
        decay = 1.0
    else:
        first, following = _pair_large(mu, z)
        decay = math.exp(-z)
    # phi_mu where mu > 0, and phi_{mu+1}; then upwards in the order by
    # phi_{v+1} = phi_v + z^2 / (4 v (v - 1)) phi_{v-1}, whose terms are positive.
    power = (0.5 * z) ** mu
    if n == 0:
        return decay * 2.0 * power / math.gamma(mu) * first
    upper = power / math.gamma(mu + 1.0) * following
    if n == 1:
        return decay * upper
    # z^2 phi_mu / (4 mu (mu + 1)), written so that it holds for mu <= 0 as well
    lower = upper
    upper += 2.0 * quarter * power / math.gamma(mu + 2.0) * first
    for j in range(2, n):
        v = mu + j
        lower, upper = upper, upper + quarter / (v * (v - 1.0)) * lower
    return decay * upper


@njit
def _log_kve_many(nu, x, coefficients, out):
    for i in range(out.size):
        out[i] = _log_kve(nu[i], x[i], coefficients)


@njit
def _matern_many(nu, z, coefficients, out):
    for i in range(out.size):
        out[i] = _matern(nu, z[i], coefficients)


def log_kve(nu, x):
    """Logarithm of the scaled Bessel function, ``log(exp(x) K_nu(x))``.

    Parameters
    ----------
    nu : array-like
        Orders, any real numbers (K is even in the order).

    x : array-like
        Arguments, at least zero; broadcast against the orders.

    Returns
    -------
    value : ndarray or float
        In float64: inf at 0, NaN for negative arguments. ``log K_nu(x)`` is this
        less ``x``.
    """
    nu, x = np.broadcast_arrays(np.abs(np.asarray(nu, float)), np.asarray(x, float))
    out = np.empty(nu.size)
    _log_kve_many(
        np.ascontiguousarray(nu).ravel(),
        np.ascontiguousarray(x).ravel(),
        _uniform_coefficients(),
        out,
    )
    return out.reshape(nu.shape)[()]


def matern_phi(nu, z):
    """The Matern function ``2^(1 - nu) / Gamma(nu) z^nu K_nu(z)``, 1 at zero.

    The Matern kernel is ``matern_phi(nu, z)`` at ``z = sqrt(2 nu) r / length_scale``.
    Its derivatives are the same function of lower order at the same ``z``, since
    ``d phi_nu / dz = -z phi_{nu-1} / (2 (nu - 1))`` for ``nu > 1``.

    Parameters
    ----------
    nu : float
        Order, positive and finite.

    z : array-like
        Arguments, at least zero.

    Returns
    -------
    phi : ndarray or float
        In float64, with an absolute error of about 2e-15.
    """
    z = np.asarray(z, dtype=np.float64)
    out = np.empty(z.size)
    flat = np.ascontiguousarray(z).ravel()
    _matern_many(float(nu), flat, _uniform_coefficients(), out)
    return out.reshape(z.shape)[()]
