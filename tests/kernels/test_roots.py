"""Square-root and power kernels."""

import numpy as np
import pytest
from scipy.integrate import quad

from skkernels.kernels import (
    RBF,
    Cauchy,
    Exponential,
    InverseMultiquadric,
    Laplacian,
    Linear,
    Matern,
    RationalQuadratic,
    Scaled,
    Wendland,
)
from tests.kernels.reference import kernel_id


@pytest.mark.parametrize(
    "kernel",
    [RBF(0.7), Matern(0.7, nu=1.5), Matern(1.3, nu=2.2), Matern(0.5, nu=np.inf)],
    ids=kernel_id,
)
def test_the_root_convolved_with_itself_is_the_kernel(kernel):
    root = kernel.sqrt_kernel(1)

    def r(x):
        return root.profile(x * x)

    for x in (0.0, 0.3, 1.1):
        value, _ = quad(
            lambda z, x=x: r(z) * r(x - z), -25, 25, points=[0, x], limit=400
        )
        assert value == pytest.approx(float(kernel.profile(x * x)), abs=2e-8)


def test_the_root_in_two_dimensions():
    # with one length per feature; the grid rule is spectrally accurate
    grid = np.arange(-9, 9, 0.12)
    Z = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    X = np.array([[0.0, 0.0], [0.4, -0.3], [1.0, 0.5]])
    for kernel in (RBF([0.7, 1.2]), Matern([0.9, 1.4], nu=6.0)):
        R = kernel.sqrt_kernel(2)(X, Z)
        np.testing.assert_allclose(R @ R.T * 0.12**2, kernel(X), atol=1e-6)


def _fourier(kernel, frequency):
    """Cosine transform of a kernel on the line."""
    x = np.linspace(0, 60, 240_001)
    values = kernel.profile(x * x) * np.cos(frequency * x)
    return np.trapezoid(values, x)


@pytest.mark.parametrize("kernel", [RBF(0.7), Matern(0.7, nu=2.5)], ids=kernel_id)
@pytest.mark.parametrize("alpha", [0.5, 0.7])
def test_power_kernels_have_the_power_of_the_fourier_transform(kernel, alpha):
    power = kernel.power_kernel(alpha, 1)
    ratios = [
        _fourier(power, w) / _fourier(kernel, w) ** alpha for w in (0.0, 1.0, 2.5)
    ]
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-5)


def test_the_power_one_half_is_the_root_up_to_a_constant():
    for kernel, d in ((RBF([0.7, 2.0]), 2), (Matern(0.5, nu=3.5), 3)):
        root = kernel.sqrt_kernel(d)
        assert isinstance(root, Scaled)
        half = kernel.power_kernel(0.5, d)
        np.testing.assert_allclose(
            np.asarray(half.length_scale), np.asarray(root.kernel.length_scale)
        )
        if isinstance(half, Matern):
            assert half.nu == pytest.approx(root.kernel.nu)


def test_roots_of_the_exponential_kernel():
    # nu = 1/2 on the line is just too rough; powers above d / (d + 1) exist
    with pytest.raises(ValueError, match=r"nu > n_features / 2 only, got nu=0\.5"):
        Exponential().sqrt_kernel(1)
    with pytest.raises(ValueError, match=r"alpha must exceed 0\.5"):
        Exponential().power_kernel(0.5, 1)
    power = Exponential(2.0).power_kernel(0.75, 1)
    assert power.nu == pytest.approx(0.25)
    # the same rate of decay
    assert np.sqrt(2 * power.nu) / power.length_scale == pytest.approx(0.5)


@pytest.mark.parametrize(
    "kernel",
    [
        InverseMultiquadric(),
        RationalQuadratic(),
        Cauchy(),
        Wendland(),
        Linear(),
        Laplacian(1.0),
        RBF() + RBF(2.0),
    ],
    ids=kernel_id,
)
def test_others_have_none_and_say_what_to_do(kernel):
    with pytest.raises(ValueError, match="no square-root kernel.*target-kernel"):
        kernel.sqrt_kernel(2)
    with pytest.raises(ValueError, match="no power kernel.*target-kernel"):
        kernel.power_kernel(0.5, 2)


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="n_features of RBF must be an integer"):
        RBF().sqrt_kernel(0)
    with pytest.raises(ValueError, match=r"alpha of RBF must be a number in \(0, 1\]"):
        RBF().power_kernel(1.5, 1)
    with pytest.raises(ValueError, match="resolve"):
        RBF("median").sqrt_kernel(1)
