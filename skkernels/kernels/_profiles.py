"""Profiles: what a kernel does to the one number that a pair of rows is reduced to.

A profile is a scalar function ``profile(t, p, table)``. ``t`` is the reduced number in
the computing precision: the squared Euclidean distance, the l1 distance or the inner
product of *scaled* rows (:class:`~skkernels.kernels._reduction.Reduction` holds the
scale). ``p`` is a tuple of scalars of the same precision and ``table`` a 2-d array of
coefficients, one by one where a profile needs none.

Constants belong into the scale wherever that saves arithmetic: the squared exponential
is ``exp2(-t)`` with rows scaled by ``sqrt(log2(e) / 2) / length_scale``.

Profiles must be branch-free arithmetic on the functions of
:mod:`skkernels.utils._vecmath`, or the loops over pairs no longer vectorise; constants
are written ``like(t, 0.5)``, or float32 would be promoted. Written so, the plain Python
function works on whole arrays, too: :func:`array_profile` hands it out, for NumPy and
for arrays on other devices.

A profile has a *key*. The key of a simple one is its name in :data:`PROFILES`; tuples
describe profiles that are composed on demand, see :func:`profile_function`.
"""

import functools
import hashlib

import numpy as np
from numba import types
from numba.extending import overload

from ..utils._jit import inline_njit, specialise
from ..utils._vecmath import exp2, log1p, pow, tanh
from ._matern_table import evaluate_table

LOG2E = 1.4426950408889634
LN2 = 0.6931471805599453


def like(t, constant):
    """The constant in the precision of ``t``."""
    return constant


@overload(like, inline="always")
def _like_overload(t, constant):
    if t == types.float32:
        return lambda t, constant: np.float32(constant)
    return lambda t, constant: np.float64(constant)


def one_if_close(t):
    """t, or 1 where rounding could have made t of 1."""
    return np.where(t > 1.0 - 8.0 * np.finfo(t.dtype).eps, t.dtype.type(1.0), t)


@overload(one_if_close, jit_options={"forceinline": True})
def _one_if_close_overload(t):
    kind = np.float32 if t == types.float32 else np.float64
    one, bound = kind(1.0), kind(1.0 - 8.0 * np.finfo(kind).eps)
    return lambda t: one if t > bound else t


# -- squared distances and l1 distances -----------------------------------------------


@inline_njit
def rbf(t, p, table):
    """exp(-r^2 / 2): rows scaled by sqrt(log2(e) / 2) / length_scale."""
    return exp2(-t)


@inline_njit
def exponential(t, p, table):
    """exp(-r): rows scaled by log2(e) / length_scale."""
    return exp2(-np.sqrt(t))


@inline_njit
def laplacian(t, p, table):
    """exp(-r_1), r_1 the l1 distance: rows scaled by gamma log2(e)."""
    return exp2(-t)


# In the Matern profiles z = sqrt(2 nu) r / length_scale, and rows are scaled by
# log2(e) sqrt(2 nu) / length_scale, so that the square root of t is log2(e) z.


@inline_njit
def matern_3_2(t, p, table):
    """(1 + z) exp(-z)."""
    w = np.sqrt(t)
    z = w * like(t, LN2)
    return (like(t, 1.0) + z) * exp2(-w)


@inline_njit
def matern_5_2(t, p, table):
    """(1 + z + z^2 / 3) exp(-z)."""
    w = np.sqrt(t)
    z = w * like(t, LN2)
    return (like(t, 1.0) + z * (like(t, 1.0) + z * like(t, 1 / 3))) * exp2(-w)


@inline_njit
def matern_7_2(t, p, table):
    """(1 + z + 2 z^2 / 5 + z^3 / 15) exp(-z)."""
    w = np.sqrt(t)
    z = w * like(t, LN2)
    q = like(t, 0.4) + z * like(t, 1 / 15)
    return (like(t, 1.0) + z * (like(t, 1.0) + z * q)) * exp2(-w)


@inline_njit
def matern_general(t, p, table):
    """Any order, from its table: rows scaled by matern_scale(nu) / length_scale."""
    return evaluate_table(t, table)


# Powers of r: exponent / 2 in p[0] where it is not in the name.


@inline_njit
def power_exponential(t, p, table):
    """exp(-r^g), p = (g / 2,): rows scaled by log2(e)^(1/g) / length_scale."""
    return exp2(-pow(t, p[0]))


@inline_njit
def power_exponential_1_2(t, p, table):
    """exp(-r^(1/2)): rows scaled by log2(e)^2 / length_scale."""
    return exp2(-np.sqrt(np.sqrt(t)))


@inline_njit
def power_exponential_3_2(t, p, table):
    """exp(-r^(3/2)): rows scaled by log2(e)^(2/3) / length_scale."""
    r = np.sqrt(t)
    return exp2(-r * np.sqrt(r))


@inline_njit
def rational(t, p, table):
    """(1 + t)^-a, p = (a log2(e),)."""
    return exp2(-p[0] * log1p(t))


@inline_njit
def rational_root(t, p, table):
    """(1 + r)^-a, p = (a log2(e),)."""
    return exp2(-p[0] * log1p(np.sqrt(t)))


@inline_njit
def rational_power(t, p, table):
    """(1 + r^g)^-a, p = (a log2(e), g / 2)."""
    return exp2(-p[0] * log1p(pow(t, p[1])))


@inline_njit
def inverse(t, p, table):
    """1 / (c^2 + r^2), p = (c^2,)."""
    return like(t, 1.0) / (p[0] + t)


@inline_njit
def inverse_sqrt(t, p, table):
    """1 / sqrt(c^2 + r^2), p = (c^2,)."""
    return like(t, 1.0) / np.sqrt(p[0] + t)


@inline_njit
def inverse_power(t, p, table):
    """(c^2 + r^2)^-b, p = (c^2, -b)."""
    return pow(p[0] + t, p[1])


@inline_njit
def negative_sqrt(t, p, table):
    """-r."""
    return -np.sqrt(t)


@inline_njit
def negative(t, p, table):
    """-r^2."""
    return -t


@inline_njit
def negative_power(t, p, table):
    """-r^g, p = (g / 2,)."""
    return -pow(t, p[0])


@inline_njit
def periodic(t, p, table):
    """exp(-c sin(r)^2), p = (c log2(e),)."""
    sine = np.sin(np.sqrt(t))
    return exp2(-p[0] * (sine * sine))


# Wendland's functions: r < 1 by scaling, u = 1 - r cut at zero, e the exponent; the
# numbers that depend on e come in p. `power` is bound to u -> u^e.

power = None


def _wendland_0(t, p, table):
    return power(np.maximum(like(t, 1.0) - np.sqrt(t), like(t, 0.0)))


def _wendland_1(t, p, table):
    r = np.sqrt(t)
    u = np.maximum(like(t, 1.0) - r, like(t, 0.0))
    return power(u) * (like(t, 1.0) + r * p[0])


def _wendland_2(t, p, table):
    r = np.sqrt(t)
    u = np.maximum(like(t, 1.0) - r, like(t, 0.0))
    return power(u) * (like(t, 1.0) + r * (p[0] + r * p[1]))


def _wendland_3(t, p, table):
    r = np.sqrt(t)
    u = np.maximum(like(t, 1.0) - r, like(t, 0.0))
    return power(u) * (like(t, 1.0) + r * (p[0] + r * (p[1] + r * p[2])))


_WENDLAND = (_wendland_0, _wendland_1, _wendland_2, _wendland_3)

# -- inner products -------------------------------------------------------------------


@inline_njit
def identity(t, p, table):
    return t


@inline_njit
def constant(t, p, table):
    """p[0], whatever the pair; NaN in t is kept."""
    return p[0] + like(t, 0.0) * t


def _polynomial(t, p, table):
    """(gamma t + c)^n, p = (gamma, c)."""
    return power(p[0] * t + p[1])


@inline_njit
def polynomial_real(t, p, table):
    """(gamma t + c)^n for a real n >= 0, p = (gamma, c, n); NaN for negative bases."""
    return pow(p[0] * t + p[1], p[2])


@inline_njit
def sigmoid(t, p, table):
    """tanh(gamma t + c), p = (gamma, c)."""
    return tanh(p[0] * t + p[1])


@inline_njit
def exp_dot(t, p, table):
    """exp(gamma t), p = (gamma log2(e),); inf where it overflows."""
    return pow(like(t, 2.0), p[0] * t)


@inline_njit
def arc_cosine_0(t, p, table):
    """(pi - theta) / pi, t = cos(theta); rows parallel to rounding count as such."""
    c = np.maximum(one_if_close(t), like(t, -1.0))
    return like(t, 1.0) - np.arccos(c) * like(t, 1 / np.pi)


@inline_njit
def arc_cosine_1(t, p, table):
    """(sin theta + (pi - theta) cos theta) / pi."""
    c = np.minimum(np.maximum(t, like(t, -1.0)), like(t, 1.0))
    s = np.sqrt((like(t, 1.0) - c) * (like(t, 1.0) + c))
    rest = like(t, np.pi) - np.arccos(c)
    return (s + rest * c) * like(t, 1 / np.pi)


@inline_njit
def arc_cosine_2(t, p, table):
    """(3 sin theta cos theta + (pi - theta) (1 + 2 cos^2 theta)) / pi."""
    c = np.minimum(np.maximum(t, like(t, -1.0)), like(t, 1.0))
    s = np.sqrt((like(t, 1.0) - c) * (like(t, 1.0) + c))
    rest = like(t, np.pi) - np.arccos(c)
    even = like(t, 1.0) + like(t, 2.0) * c * c
    return (like(t, 3.0) * s * c + rest * even) * like(t, 1 / np.pi)


@inline_njit
def arc_cosine_3(t, p, table):
    """(sin theta (4 + 11 cos^2 theta) + (pi - theta) (9 cos + 6 cos^3 theta)) / pi."""
    c = np.minimum(np.maximum(t, like(t, -1.0)), like(t, 1.0))
    s = np.sqrt((like(t, 1.0) - c) * (like(t, 1.0) + c))
    rest = like(t, np.pi) - np.arccos(c)
    even = like(t, 4.0) + like(t, 11.0) * c * c
    odd = c * (like(t, 9.0) + like(t, 6.0) * c * c)
    return (s * even + rest * odd) * like(t, 1 / np.pi)


PROFILES = {
    profile.__name__: profile
    for profile in (
        rbf,
        exponential,
        laplacian,
        matern_3_2,
        matern_5_2,
        matern_7_2,
        matern_general,
        power_exponential,
        power_exponential_1_2,
        power_exponential_3_2,
        rational,
        rational_root,
        rational_power,
        inverse,
        inverse_sqrt,
        inverse_power,
        negative_sqrt,
        negative,
        negative_power,
        periodic,
        identity,
        constant,
        polynomial_real,
        sigmoid,
        exp_dot,
        arc_cosine_0,
        arc_cosine_1,
        arc_cosine_2,
        arc_cosine_3,
    )
}

# -- composition ----------------------------------------------------------------------

# Names that `specialise` binds in the templates below.
first = second = half = None
STOP_1 = START_2 = STOP_2 = 0


def _sum(t, p, table):
    """p = (weight, ratio, parameters of the first; the same of the second)."""
    a = first(p[1] * t, p[2:STOP_1], table)
    b = second(p[START_2 - 1] * t, p[START_2:STOP_2], table)
    return p[0] * a + p[STOP_1] * b


def _product(t, p, table):
    """p = (ratio, parameters of the first; the same of the second)."""
    a = first(p[0] * t, p[1:STOP_1], table)
    return a * second(p[STOP_1] * t, p[START_2:STOP_2], table)


def _scaled(t, p, table):
    """p = (weight, parameters)."""
    return p[0] * first(t, p[1:STOP_1], table)


def _power(t, p, table):
    return power(first(t, p, table))


def _one(x):
    return x * like(x, 0.0) + like(x, 1.0)


def _same(x):
    return x


def _square(x):
    y = half(x)
    return y * y


def _times(x):
    return x * half(x)


class _Composer:
    """Builds profiles from their keys, compiled or for whole arrays."""

    def __init__(self, compiled):
        self.compiled = compiled
        self.function = functools.cache(self._function)
        self.integer_power = functools.cache(self._integer_power)

    def _make(self, template, name, **bindings):
        function = specialise(template, name, **bindings)
        return inline_njit(function) if self.compiled else function

    def _function(self, key):
        if isinstance(key, str):
            return self._simple(key)
        kind, *rest = key
        name = key_name(key)
        if kind == "sum":
            a, n_a, b, n_b = rest
            return self._make(
                _sum,
                name,
                first=self.function(a),
                second=self.function(b),
                STOP_1=2 + n_a,
                START_2=4 + n_a,
                STOP_2=4 + n_a + n_b,
            )
        if kind == "product":
            a, n_a, b, n_b = rest
            return self._make(
                _product,
                name,
                first=self.function(a),
                second=self.function(b),
                STOP_1=1 + n_a,
                START_2=2 + n_a,
                STOP_2=2 + n_a + n_b,
            )
        if kind == "scaled":
            a, n_a = rest
            return self._make(_scaled, name, first=self.function(a), STOP_1=1 + n_a)
        if kind == "power":
            a, n = rest
            return self._make(
                _power, name, first=self.function(a), power=self.integer_power(n)
            )
        if kind == "polynomial":
            (n,) = rest
            return self._make(_polynomial, name, power=self.integer_power(n))
        if kind == "wendland":
            k, exponent = rest
            return self._make(_WENDLAND[k], name, power=self.integer_power(exponent))
        raise ValueError(f"Unknown profile {key!r}.")

    def _simple(self, name):
        profile = PROFILES[name]
        # With NUMBA_DISABLE_JIT=1 profiles are plain functions already.
        return profile if self.compiled else getattr(profile, "py_func", profile)

    def _integer_power(self, n):
        """x -> x**n by squaring."""
        if n == 0:
            return self._make(_one, "0")
        if n == 1:
            return self._make(_same, "1")
        if n % 2:
            return self._make(_times, str(n), half=self.integer_power(n - 1))
        return self._make(_square, str(n), half=self.integer_power(n // 2))


_compiled = _Composer(compiled=True)
_array = _Composer(compiled=False)


def profile_function(key):
    """The jitted scalar function of a profile key.

    Parameters
    ----------
    key : str or tuple
        A name in :data:`PROFILES`; or, with ``a`` and ``b`` keys that have ``n_a`` and
        ``n_b`` parameters, ``("sum", a, n_a, b, n_b)``, ``("product", a, n_a, b,
        n_b)``, ``("scaled", a, n_a)``, ``("power", a, n)``; or ``("polynomial", n)``,
        ``("wendland", k, exponent)``.

    Returns
    -------
    profile : numba dispatcher
        One per key and process: equal keys give the same object.
    """
    return _compiled.function(key)


def array_profile(key):
    """The function of a profile key as NumPy code, for scalars and whole arrays."""
    return _array.function(key)


def key_name(key):
    """A profile key as an identifier, short enough for a file name."""
    if not isinstance(key, tuple):
        return str(key)
    name = "_".join(key_name(part) for part in key)
    if len(name) > 80:
        name = f"{name[:60]}_{hashlib.sha256(name.encode()).hexdigest()[:16]}"
    return name
