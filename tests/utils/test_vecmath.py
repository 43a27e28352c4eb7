"""Accuracy, edges and vectorisation of the elementary functions."""

import functools
import math
import os
import platform
import re

import mpmath
import numba
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skkernels.utils import _vecmath
from skkernels.utils._jit import FASTMATH, FASTMATH_SUM

pytestmark = pytest.mark.skipif(
    numba.config.DISABLE_JIT, reason="in plain Python these are NumPy's functions"
)

X86 = pytest.mark.skipif(
    platform.machine().lower() not in {"x86_64", "amd64"}
    or "NUMBA_CPU_NAME" in os.environ,
    reason="reads x86 assembly",
)

UNARY = ["exp2", "exp", "expm1", "log", "log1p", "tanh"]
DTYPES = [np.float32, np.float64]
MAX_ULP = 2.0
# Where the result is a normal number: arguments for float32 and float64.
EXP_DOMAIN = {
    "exp2": [(-126, 127.4), (-1022, 1023.4)],
    "exp": [(-87.3, 88), (-708.3, 709)],
    "expm1": [(-90, 88), (-750, 709)],
    "tanh": [(-30, 30), (-60, 60)],
}
EXPONENTS = [0.25, 0.5, 0.73, 1.0, 1.9, 3.0, 17.3, 32.0, -0.5, -2.5, -31.0]


@functools.cache
def compiled(name, reassoc):
    function = getattr(_vecmath, name)
    if name == "pow":

        def loop(x, exponent, out):
            for i in range(x.size):
                out[i] = function(x[i], exponent)
    else:

        def loop(x, out):
            for i in range(x.size):
                out[i] = function(x[i])

    flags = set(FASTMATH_SUM if reassoc else FASTMATH)
    return numba.njit(error_model="numpy", fastmath=flags)(loop)


def evaluate(name, x, *args, reassoc=False):
    out = np.empty_like(x)
    compiled(name, reassoc)(x, *args, out)
    return out


def arguments(name, dtype, n):
    """Random points over all scales of the domain, dense near what is delicate."""
    rng = np.random.default_rng(0)
    info = np.finfo(dtype)
    log_tiny, log_max = float(np.log(info.tiny)), float(np.log(info.max))
    small = np.exp(rng.uniform(log_tiny, 0.0, n))
    if name in EXP_DOMAIN:
        low, high = EXP_DOMAIN[name][dtype is np.float64]
        parts = [rng.uniform(low, high, n), rng.uniform(-1.5, 1.5, n), small, -small]
        parts.append(np.linspace(low, high, n))
    elif name == "log":
        parts = [np.exp(rng.uniform(log_tiny, log_max, n)), rng.uniform(0.5, 2, n)]
        near_one = np.exp(rng.uniform(np.log(info.eps), -1, n))
        parts += [1 + near_one, 1 - near_one / 2, np.linspace(0.7, 1.42, n)]
    else:
        parts = [np.exp(rng.uniform(0.0, log_max, n)), small, -small * 0.999]
        parts += [rng.uniform(-0.99, 3.0, n), np.linspace(-0.3, 0.42, n)]
    return np.concatenate(parts).astype(dtype)


def exact(name, x, exponent=None):
    if name == "exp2":
        function = functools.partial(mpmath.power, 2)
    elif name == "pow":
        function = functools.partial(_power, exponent=mpmath.mpf(float(exponent)))
    else:
        function = getattr(mpmath, name)
    with mpmath.workdps(30):
        return [function(mpmath.mpf(float(value))) for value in x]


def _power(x, exponent):
    return x**exponent


def errors_in_ulp(result, reference):
    """Errors where the reference is a normal number, in spacings of the result."""
    info = np.finfo(result.dtype)
    errors = np.zeros(result.size)
    with mpmath.workdps(30):
        for i, (value, true) in enumerate(zip(result, reference)):
            if info.tiny <= abs(true) <= float(info.max) / 2:
                spacing = float(np.spacing(result.dtype.type(abs(float(true)))))
                errors[i] = abs(mpmath.mpf(float(value)) - true) / spacing
    return errors


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNARY)
def test_unary_accuracy_against_mpmath(name, dtype):
    x = arguments(name, dtype, 400)
    errors = errors_in_ulp(evaluate(name, x), exact(name, x))
    assert errors.max() <= MAX_ULP, x[errors.argmax()]
    assert errors.max() > 0.4  # the error is being measured


@pytest.mark.parametrize("name", UNARY)
def test_float32_accuracy_dense(name):
    x = arguments(name, np.float32, 200_000)
    true = getattr(np, name)(x.astype(np.float64))
    normal = np.abs(true) >= np.finfo(np.float32).tiny
    spacing = np.spacing(np.abs(true).astype(np.float32)).astype(np.float64)
    errors = np.abs(evaluate(name, x) - true)[normal] / spacing[normal]
    assert errors.max() <= MAX_ULP


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("exponent", EXPONENTS)
def test_pow_accuracy_against_mpmath(exponent, dtype):
    rng = np.random.default_rng(1)
    exponent = dtype(exponent)
    info = np.finfo(dtype)
    limit = min((info.maxexp - 1) / abs(exponent), info.maxexp - 1)
    x = np.exp2(rng.uniform(-limit, limit, 300))
    x = np.concatenate([x, rng.uniform(0.6, 1.6, 300), np.linspace(0.7, 1.42, 200)])
    x = x.astype(dtype)
    errors = errors_in_ulp(evaluate("pow", x, exponent), exact("pow", x, exponent))
    assert errors.max() <= MAX_ULP, x[errors.argmax()]


def test_pow_error_grows_slowly_for_large_exponents():
    """The relative error is at most 2 ulp + 2**-58 |exponent log2 x|."""
    rng = np.random.default_rng(2)
    exponent = 1000.0
    x = rng.uniform(0.55, 1.9, 1000)
    reference = exact("pow", x, exponent)
    errors = errors_in_ulp(evaluate("pow", x, exponent), reference)
    bound = MAX_ULP + np.abs(exponent * np.log2(x)) * 2.0**-58 / 2.0**-53
    assert np.all(errors <= bound)


def test_log_and_pow_of_subnormal_numbers():
    x = np.array([5e-324, 1e-310, 2.2e-308])
    assert np.abs(evaluate("log", x) / np.log(x) - 1).max() < 4e-16
    assert np.abs(evaluate("pow", x, 0.25) / x**0.25 - 1).max() < 4e-16
    x = np.array([1e-45, 1e-40, 1.1e-38], dtype=np.float32)
    true = np.log(x.astype(np.float64))
    assert np.abs(evaluate("log", x) / true - 1).max() < 2e-7


@pytest.mark.parametrize("dtype", DTYPES)
def test_values_at_the_edges(dtype):
    inf, top = np.inf, float(np.finfo(dtype).max)

    def call(name, values, *args):
        return evaluate(name, np.array(values, dtype=dtype), *map(dtype, args))

    assert_array_equal(call("exp2", [0, 1, -3, 10]), [1, 2, 0.125, 1024])
    assert_array_equal(call("exp", [0]), [1])
    assert call("exp", [-1e4, -inf]) == pytest.approx(
        float(np.finfo(dtype).tiny), rel=1e-4, abs=0
    )
    assert_array_equal(call("exp2", [-1e4, -inf]), np.finfo(dtype).tiny)
    assert_array_equal(call("expm1", [0, -1e4, -inf, 1e4, inf]), [0, -1, -1, inf, inf])
    assert_array_equal(call("log", [0, 1, inf]), [-inf, 0, inf])
    assert np.isnan(
        call("log", [-1, -inf, -1e-300 if dtype is np.float64 else -1e-30])
    ).all()
    assert_array_equal(call("log1p", [-1, 0, inf]), [-inf, 0, inf])
    assert np.isnan(call("log1p", [-1.5, -inf])).all()
    assert call("log1p", [top])[0] == pytest.approx(np.log(top), rel=1e-6)
    assert_array_equal(call("tanh", [0, 100, -100, inf, -inf]), [0, 1, -1, 1, -1])
    assert_array_equal(call("pow", [0, 1, inf, 4], 0.5), [0, 1, inf, 2])
    assert_array_equal(call("pow", [0, 1, inf, 4], -0.5), [inf, 1, 0, 0.5])
    assert_array_equal(call("pow", [0, 1, inf, 4], 0.0), [1, 1, 1, 1])
    assert_array_equal(call("pow", [top, 1e30], 60.0), [inf, inf])
    assert_array_equal(call("pow", [top, 1e30], -60.0), [0, 0])
    assert np.isnan(call("pow", [-1, -inf], 2.0)).all()
    assert np.isnan(call("pow", [0, 1, 2, inf], np.nan)).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [*UNARY, "pow"])
def test_nan_propagates_whatever_its_payload(name, dtype):
    if dtype is np.float32:
        bits = np.array([0x7FC00000, 0xFFC00000, 0x7FC00001, 0x7FFFFFFF, 0xFFFFFFFF])
        x = bits.astype(np.uint32).view(np.float32)
    else:
        words = [0x7FF8, 0xFFF8, 0x7FFF, 0xFFFF]
        x = np.array([(w << 48) | low for w in words for low in (0, 1, 2**47)])
        x = x.astype(np.uint64).view(np.float64)
    assert np.isnan(x).all()
    x = np.tile(x, 16)  # long enough for the vectorised part of the loop
    args = (dtype(0.7),) if name == "pow" else ()
    assert np.isnan(evaluate(name, x, *args)).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNARY)
def test_callers_that_reorder_sums_do_not_lose_accuracy(name, dtype):
    x = arguments(name, dtype, 50)
    assert_array_equal(evaluate(name, x, reassoc=True), evaluate(name, x))


@X86
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [*UNARY, "pow"])
def test_loops_are_vectorised(name, dtype):
    x = np.ones(8, dtype=dtype)
    evaluate(name, x, *((dtype(0.5),) if name == "pow" else ()))
    assert packed_multiplications(compiled(name, False), dtype) >= 5


def packed_multiplications(function, dtype):
    """Number of packed multiplications of a loop that calls no scalar function."""
    signatures = [s for s in function.signatures if str(s[0].dtype) == dtype.__name__]
    assembly = function.inspect_asm(signatures[0])
    if re.search(r"\$(?:exp|log|tanh|pow|fma)\w*\b", assembly):
        return 0
    suffix = "ps" if dtype is np.float32 else "pd"
    return len(re.findall(rf"\bv?(?:mul|fmadd\d*){suffix}\b", assembly))


@X86
def test_the_vectorisation_check_can_fail():
    @numba.njit(error_model="numpy", fastmath=set(FASTMATH))
    def loop(x, out):
        for i in range(x.size):
            out[i] = math.exp(x[i]) * 3.0 * x[i]

    x = np.ones(8)
    loop(x, x)
    assert packed_multiplications(loop, np.float64) == 0


def test_plain_python_calls_are_numpy():
    assert _vecmath.exp(0.5) == np.exp(0.5)
    assert _vecmath.pow(2.0, 0.5) == 2.0**0.5
    for name in UNARY:
        assert getattr(_vecmath, name)(0.25) == getattr(np, name)(0.25)
