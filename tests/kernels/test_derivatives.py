"""Derivatives of profiles and gradients with respect to rows."""

import mpmath
import numpy as np
import pytest

from skkernels.kernels import (
    RBF,
    AdditiveChi2,
    ArcCosine,
    Cauchy,
    Centered,
    Constant,
    Cosine,
    EnergyDistance,
    ExpDot,
    Exponential,
    ExpSineSquared,
    Laplacian,
    Linear,
    Matern,
    Normalized,
    Polynomial,
    Sigmoid,
    Wendland,
    WhiteNoise,
)
from tests.kernels.reference import RADIAL, kernel_id

PROFILED = [
    *(kernel._replace(length_scale=0.7) for kernel, _ in RADIAL),
    ExpSineSquared(0.8, periodicity=1.7),
    Linear(),
    Polynomial(1, gamma=0.3),
    Polynomial(4, gamma=0.3),
    Sigmoid(gamma=0.3),
    ExpDot(gamma=0.4),
    Constant(2.0),
    RBF() + 2.0 * Cauchy(0.5),
    RBF() * Matern(2.0, nu=3.3) + 1.0,
    (Linear() + 1.0) ** 3,
    (RBF() + 0.5) ** 2.5,
    Normalized(3.0 * RBF() + Cauchy()),
]


@pytest.mark.parametrize("kernel", PROFILED, ids=lambda k: kernel_id(k)[:40])
def test_profile_derivatives_are_finite_differences(kernel):
    t = np.array([0.02, 0.1, 0.23, 0.3, 0.41])
    h = 1e-4 * t
    value, first, second = kernel.profile_derivatives(t)
    np.testing.assert_allclose(kernel.profile(t), value)
    # five points: the error is of the order of h^4
    v = [kernel.profile(t + j * h) for j in (-2, -1, 0, 1, 2)]
    slope = (v[0] - 8 * v[1] + 8 * v[3] - v[4]) / (12 * h)
    scale = np.abs(first) + np.abs(value)
    np.testing.assert_allclose(first / scale, slope / scale, atol=2e-9 / t.min())
    w = [kernel.profile_derivatives(t + j * h)[1] for j in (-2, -1, 0, 1, 2)]
    bend = (w[0] - 8 * w[1] + 8 * w[3] - w[4]) / (12 * h)
    scale = np.abs(second) + np.abs(first) + np.abs(value)
    np.testing.assert_allclose(second / scale, bend / scale, atol=2e-9 / t.min())


@pytest.mark.parametrize("kernel", PROFILED, ids=lambda k: kernel_id(k)[:40])
def test_profile_is_the_kernel(kernel):
    x = np.linspace(0.1, 0.6, 7)[:, None]
    if kernel.stationary:
        values = kernel(np.zeros((1, 1)), x)[0]
        np.testing.assert_allclose(kernel.profile(x[:, 0] ** 2), values, atol=1e-13)
    else:
        values = kernel(np.ones((1, 1)), x)[0]
        np.testing.assert_allclose(kernel.profile(x[:, 0]), values, atol=1e-13)


@pytest.mark.parametrize("kernel", PROFILED, ids=lambda k: kernel_id(k)[:40])
def test_order_says_which_derivatives_are_finite_at_zero(kernel):
    at_zero = np.array(kernel.profile_derivatives(0.0))
    order = kernel.differentiable_order
    np.testing.assert_array_equal(
        np.isfinite(at_zero), [True, order >= 1, order >= 2], err_msg=str(at_zero)
    )
    near = np.array(kernel.profile_derivatives(1e-22))
    if order >= 1:
        assert near[1] == pytest.approx(at_zero[1], rel=1e-3)
    if order >= 3:
        assert near[2] == pytest.approx(at_zero[2], rel=1e-3)


@pytest.mark.parametrize("nu", [1.5, 2.5, 2.2, 7.0])
def test_matern_derivatives_against_forty_digits(nu):
    length = 0.6

    def kappa(s):
        z = mpmath.sqrt(2 * mpmath.mpf(nu) * s) / mpmath.mpf(length)
        return (
            2 ** (1 - mpmath.mpf(nu)) / mpmath.gamma(nu) * z**nu * mpmath.besselk(nu, z)
        )

    s = np.array([1e-3, 0.1, 1.0, 3.0])
    _, first, second = Matern(length, nu=nu).profile_derivatives(s)
    with mpmath.workdps(40):
        expected = [
            [float(mpmath.diff(kappa, mpmath.mpf(x), n)) for x in s] for n in (1, 2)
        ]
    np.testing.assert_allclose(first, expected[0], rtol=1e-12)
    np.testing.assert_allclose(second, expected[1], rtol=1e-12)
    at_zero = Matern(length, nu=nu).profile_derivatives(0.0)
    assert at_zero[1] == pytest.approx(-nu / (2 * (nu - 1) * length**2), rel=1e-12)
    if nu > 2:
        bend = nu**2 / (4 * (nu - 1) * (nu - 2) * length**4)
        assert at_zero[2] == pytest.approx(bend, rel=1e-12)


GRADIENTS = [
    RBF(0.7),
    RBF([0.5, 1.0, 2.0]),
    Exponential(0.6),
    Matern([0.5, 1.0, 2.0], nu=1.3),
    Wendland(2.5, k=2),
    ExpSineSquared(periodicity=2.0),
    Laplacian(),
    Laplacian([0.5, 1.0, 0.2]),
    EnergyDistance(),
    EnergyDistance(1.6),
    Linear(),
    Polynomial(),
    Sigmoid(),
    ExpDot(),
    Cosine(),
    ArcCosine(0),
    ArcCosine(1),
    ArcCosine(2),
    ArcCosine(3),
    Constant(2.0),
    RBF() + Linear(),
    2.0 * RBF() * Polynomial(2),
    (Linear() + 1.0) ** 3,
    Normalized(2.0 * RBF()),
    Centered(RBF(), np.random.default_rng(3).normal(size=(6, 3))),
]


@pytest.mark.parametrize("kernel", GRADIENTS, ids=lambda k: kernel_id(k)[:40])
def test_gradients_are_finite_differences(kernel):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(5, 3)), rng.normal(size=(4, 3))
    gradient = kernel.gradient_x(X, Y)
    assert gradient.shape == (5, 4, 3)
    h = 1e-5
    for j, step in enumerate(h * np.eye(3)):
        # one row at a time, so that nothing else moves with it
        slope = (kernel(X + step, Y) - kernel(X - step, Y)) / (2 * h)
        np.testing.assert_allclose(gradient[:, :, j], slope, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("kernel", [RBF(), Matern(nu=1.5), Wendland(3.0, k=1)])
def test_gradient_at_equal_rows_is_zero(kernel):
    X = np.random.default_rng(0).normal(size=(3, 2))
    gradient = kernel.gradient_x(X, X)
    np.testing.assert_array_equal(gradient[range(3), range(3)], 0.0)
    assert np.all(np.isfinite(gradient))


@pytest.mark.parametrize(
    "kernel", [AdditiveChi2(), WhiteNoise(), RBF() + WhiteNoise(), Normalized(Linear())]
)
def test_what_has_no_gradient_says_so(kernel):
    X = np.ones((2, 2))
    with pytest.raises(TypeError, match="has no gradient"):
        kernel.gradient_x(X, X)


@pytest.mark.parametrize(
    "kernel",
    [
        Laplacian(1.0),
        Cosine(),
        EnergyDistance(),
        RBF() + Linear(),
        RBF() * Laplacian(1.0),
    ],
)
def test_what_is_no_profile_says_so(kernel):
    with pytest.raises(TypeError, match="is not a function of one"):
        kernel.profile_derivatives(1.0)


def test_profiles_of_scaled_features_say_so():
    with pytest.raises(TypeError, match="one length_scale per feature"):
        RBF([1.0, 2.0]).profile(1.0)
    with pytest.raises(ValueError, match="1 / n_features"):
        Polynomial().profile(1.0)
