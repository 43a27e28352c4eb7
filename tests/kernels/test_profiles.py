"""Profiles: compiled against array code, in both precisions, fused and alone."""

import numba
import numpy as np
import pytest

from skkernels.kernels import (
    RBF,
    ArcCosine,
    Cauchy,
    Cosine,
    EnergyDistance,
    ExpDot,
    Exponential,
    ExpSineSquared,
    Laplacian,
    Linear,
    Matern,
    Polynomial,
    RationalQuadratic,
    Sigmoid,
    Wendland,
)
from skkernels.kernels._pairwise_core import (
    _apply_profile,
    apply_profile,
    empty_table,
)
from skkernels.kernels._profiles import array_profile, key_name, profile_function
from skkernels.utils._jit import specialise
from tests.kernels.reference import RADIAL, kernel_id

KERNELS = [
    *(kernel for kernel, _ in RADIAL),
    Laplacian(1.0),
    EnergyDistance(1.0),
    EnergyDistance(1.5),
    EnergyDistance(2.0),
    ExpSineSquared(),
    Linear(),
    Polynomial(3, gamma=0.5),
    Polynomial(6, gamma=0.5),
    Polynomial(2.5, gamma=0.5),
    Sigmoid(gamma=0.3),
    ExpDot(gamma=0.7),
    Cosine(),
    *(ArcCosine(order) for order in range(4)),
    RBF() + Matern(2.0),
    2.0 * RBF() * Matern(0.5, nu=1.2) + 1.0,
    (RationalQuadratic() + Cauchy(3.0)) ** 3,
    (1.0 + Linear()) ** 2 * Sigmoid(gamma=0.1),
    sum([RBF(l) for l in (0.5, 1.0, 2.0)]) * Wendland(3.0),
]


def _compiled(reduction, t):
    table = reduction.table
    table = empty_table(t.dtype) if table is None else table.astype(t.dtype)
    out = t[None, :].copy()
    params = tuple(t.dtype.type(value) for value in reduction.params)
    apply_profile(reduction.profile)(out, params, table)
    return out[0]


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: kernel_id(k)[:40])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_compiled_profiles_are_the_array_profiles(kernel, dtype):
    reduction = kernel._reduction(3)
    t = np.concatenate([[0.0, 1e-12, 1e-5], np.linspace(0.01, 1.4, 300)]).astype(dtype)
    if reduction.unit_rows:
        t = np.clip(np.concatenate([-t[::7], t]), -1, 1)
    values, arrays = _compiled(reduction, t), kernel._array_profile(t, np)
    assert arrays.dtype == dtype
    exact = kernel._array_profile(t.astype(np.float64), np)
    scale = np.maximum(1.0, np.abs(exact))
    eps = 16 * np.finfo(dtype).eps
    smooth = np.abs(t) < 1 - 1e-5 if reduction.profile == "arc_cosine_0" else t == t
    assert np.max(np.abs(values - arrays) / scale) <= eps
    assert np.max((np.abs(values - exact) / scale)[smooth]) <= 4 * eps


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: kernel_id(k)[:40])
def test_nan_gets_through(kernel):
    t = np.array([0.5, np.nan, 0.25])
    for dtype in (np.float32, np.float64):
        values = _compiled(kernel._reduction(3), t.astype(dtype))
        np.testing.assert_array_equal(np.isnan(values), [False, True, False])


@pytest.mark.parametrize(
    "kernel",
    [RBF(), Matern(), Cauchy(), Polynomial(5, gamma=0.1), RBF() + 2.0 * Exponential()],
    ids=kernel_id,
)
def test_single_precision_is_not_promoted(kernel):
    # A double in the loop would show as a conversion in the compiled code.
    profile = profile_function(kernel._reduction(3).profile)
    loop = numba.njit(specialise(_apply_profile, "probe", profile=profile))
    params = tuple(np.float32(p) for p in kernel._reduction(3).params)
    loop(np.ones((2, 64), np.float32), params, empty_table(np.float32))
    (code,) = loop.inspect_llvm().values()
    assert "float" in code
    assert "fpext float" not in code and "fpext <" not in code


def test_equal_keys_give_one_function_and_unknown_keys_an_error():
    a = (RBF() + Matern(2.0))._reduction(2).profile
    b = (RBF(3.0) + Matern(0.1))._reduction(5).profile
    assert a == b and profile_function(a) is profile_function(b)
    with pytest.raises(ValueError, match="Unknown profile"):
        profile_function(("frobnicate", 1))


def test_names_of_long_keys_are_short_and_differ():
    kernels = [sum([RBF()] * n) for n in (20, 21)]
    names = [key_name(kernel._reduction(2).profile) for kernel in kernels]
    assert names[0] != names[1]
    assert all(len(name) < 100 and name.isidentifier() for name in names)
    t = np.linspace(0, 1, 5)
    np.testing.assert_allclose(
        kernels[0]._array_profile(t, np), 20 * np.exp2(-t), rtol=1e-13
    )


@pytest.mark.parametrize("n", [0, 1, 2, 3, 7, 10])
def test_integer_powers(n):
    t = np.linspace(-2, 2, 9)
    profile = array_profile(("polynomial", n))
    np.testing.assert_allclose(profile(t, (1.0, 0.5), None), (t + 0.5) ** n, rtol=1e-14)
