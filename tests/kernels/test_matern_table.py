"""The table of Matern functions of any order, and the profile that reads it."""

import functools
import json
import time
from pathlib import Path

import numba
import numpy as np
import pytest

from skkernels.kernels import Matern
from skkernels.kernels._bessel import matern_phi
from skkernels.kernels._matern_table import evaluate_table, matern_scale, matern_table
from skkernels.kernels._profiles import profile_function
from skkernels.utils._jit import njit

DATA = Path(__file__).parents[1] / "data" / "golden.json"
ORDERS = [0.05, 0.3, 0.5, 0.9, 1.0, 1.1, 1.5, 2.0, 2.5, 3.7, 7.25, 24.0, 30.0, 1e3, 1e5]
TOLERANCE = {np.float32: 3e-7, np.float64: 5e-15}


@functools.cache
def compiled():
    profile = profile_function("matern_general")

    def loop(t, table, out):
        for i in range(t.size):
            out[i] = profile(t[i], (), table)

    return numba.njit(loop) if not numba.config.DISABLE_JIT else loop


def evaluate(nu, t):
    out = np.empty_like(t)
    compiled()(t, matern_table(nu).astype(t.dtype), out)
    return out


def arguments(nu, dtype, n=3000):
    """Scaled squared distances and the arguments z that they stand for, exactly."""
    rng = np.random.default_rng(0)
    factor = matern_scale(nu) / np.sqrt(2 * nu)
    z = np.concatenate([np.exp(rng.uniform(-60, 7, n)), rng.uniform(0, 12, n)])
    z = np.concatenate([z, 2.0 ** np.arange(-20, 10), [0.0]])
    t = ((z * factor) ** 2).astype(dtype)
    return t, np.sqrt(t.astype(np.float64)) / factor


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("nu", ORDERS)
def test_profile_accuracy(nu, dtype):
    t, z = arguments(nu, dtype)
    errors = np.abs(evaluate(nu, t) - matern_phi(nu, z))
    # below the smallest normal number float32 counts as zero
    represented = t >= np.finfo(dtype).tiny
    assert errors[represented].max() <= TOLERANCE[dtype]
    assert evaluate(nu, np.zeros(1, dtype))[0] == 1


def test_profile_golden():
    golden = json.loads(DATA.read_text())["matern"]
    for nu, values in zip(golden["nu"], golden["value"]):
        t = (matern_scale(nu) * np.array(golden["r"])) ** 2
        assert np.abs(evaluate(nu, t) - values).max() <= 5e-15, nu
        t = t.astype(np.float32)
        if nu >= 0.5:  # rounding of t alone costs more for rougher functions
            assert np.abs(evaluate(nu, t) - values).max() <= 3e-7, nu


@pytest.mark.parametrize("nu", [0.3, 1.2, 7.25, 300.0])
def test_relative_accuracy_in_the_tail(nu):
    t, z = arguments(nu, np.float64)
    phi = matern_phi(nu, z)
    relative = np.abs(evaluate(nu, t) / np.where(phi > 0, phi, 1) - 1)
    assert relative[phi > 1e-3].max() < 2e-12
    assert relative[phi > 1e-30].max() < 2e-7


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("nu", [0.05, 0.3, 1.2, 30.0])
def test_array_twin(nu, dtype):
    t, _ = arguments(nu, dtype, 500)
    t = np.concatenate([t, [np.inf, np.nan, 1e30, 1e-45]]).astype(dtype)
    twin = evaluate_table(t, matern_table(nu).astype(dtype))
    assert twin.dtype == dtype
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(twin, evaluate(nu, t), rtol=0, atol=2 * eps)
    square = t[:1034].reshape(2, -1)[:, ::2]  # not contiguous
    np.testing.assert_array_equal(
        evaluate_table(square, matern_table(nu).astype(dtype)),
        twin[:1034].reshape(2, -1)[:, ::2],
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_edges(dtype):
    t = np.array([0, np.inf, np.finfo(dtype).max, np.nan], dtype=dtype)
    for nu in (0.05, 0.3, 1.2, 1e4):
        np.testing.assert_array_equal(evaluate(nu, t), [1, 0, 0, np.nan])


@pytest.mark.parametrize("nu", [0.3, 1.2, 30.0, 1e4])
def test_values_decrease_across_segments(nu):
    t = np.geomspace(1e-6, 600, 20_000) * (matern_scale(nu) ** 2 / (2 * nu))
    assert np.diff(evaluate(nu, t)).max() <= 2 * TOLERANCE[np.float64]


def test_table_is_shared_read_only_and_built_fast():
    table = matern_table(1.37)
    assert matern_table(1.37) is table
    assert not table.flags.writeable
    start = time.perf_counter()
    matern_table.__wrapped__(1.373)
    if not numba.config.DISABLE_JIT:
        assert time.perf_counter() - start < 0.5  # about 0.004 s


@pytest.mark.parametrize("nu", [0.8, 1.2, 6.5, 2000.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_kernel_of_any_order(nu, dtype):
    X = np.random.default_rng(1).standard_normal((40, 3)).astype(dtype)
    K = Matern(length_scale=1.3, nu=nu)(X)
    difference = X[:, None, :].astype(np.float64) - X[None, :, :]
    r = np.sqrt((difference**2).sum(axis=2))
    expected = matern_phi(nu, np.sqrt(2 * nu) * r / 1.3)
    assert K.dtype == dtype
    np.testing.assert_allclose(K, expected, atol=5e-15 if dtype == np.float64 else 1e-6)
    assert np.all(np.diag(K) == 1)


def test_no_intermediate_precision_is_lost_under_reordered_sums():
    @njit(reassoc=True)
    def loop(t, table, out):
        for i in range(t.size):
            out[i] = evaluate_table(t[i], table)

    t = np.geomspace(1e-3, 100, 1000)
    out = np.empty_like(t)
    loop(t, matern_table(1.2), out)
    np.testing.assert_array_equal(out, evaluate(1.2, t))
