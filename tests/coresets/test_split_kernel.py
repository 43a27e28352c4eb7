"""Split kernels of kernel thinning."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skkernels.coresets._split_kernel import split_kernel
from skkernels.kernels import (
    RBF,
    CallableKernel,
    Constant,
    Exponential,
    InverseMultiquadric,
    Laplacian,
    Linear,
    Matern,
    Product,
    WhiteNoise,
)

X = np.random.RandomState(0).randn(7, 2)


def unit(kernel):
    return kernel(X) / kernel(X[:1])


def test_target_is_the_kernel():
    for kernel in (RBF(), Linear(), CallableKernel(np.dot), 2.0 * Laplacian() + 1.0):
        assert split_kernel(kernel, "target", 2) == kernel
    assert split_kernel("precomputed", "target", 2) == "precomputed"


def test_noise_is_left_out():
    noisy = RBF() + WhiteNoise(0.5)
    assert_allclose(split_kernel(noisy, "target", 2)(X), RBF()(X))
    assert_allclose(split_kernel(RBF(), noisy, 2)(X), RBF()(X))
    assert_allclose(split_kernel(noisy, "root", 2)(X), RBF()(X) ** 2)


def test_the_root_of_a_gaussian_is_its_square():
    for kernel in (
        RBF([0.7, 1.3]),
        3.0 * RBF([0.7, 1.3]),
        Matern([0.7, 1.3], nu=np.inf),
    ):
        root = split_kernel(kernel, "root", 2)
        assert_allclose(unit(root), unit(kernel) ** 2, rtol=1e-12)
        power = split_kernel(kernel, "power", 2, 0.8)
        assert_allclose(unit(power), unit(kernel) ** 1.25, rtol=1e-12)


@pytest.mark.parametrize("nu, d, alpha", [(2.5, 2, 0.5), (1.5, 1, 0.5), (0.5, 2, 0.9)])
def test_matern(nu, d, alpha):
    kernel = Matern(1.7, nu=nu) if nu != 0.5 else Exponential(1.7)
    kind = "root" if alpha == 0.5 else "power"
    rough = split_kernel(kernel, kind, d, alpha)
    # alpha times the order nu + d / 2 of the spectral density, at the same rate
    assert rough.nu + d / 2 == pytest.approx(alpha * (nu + d / 2))
    assert np.sqrt(rough.nu) / rough.length_scale == pytest.approx(np.sqrt(nu) / 1.7)


def test_a_sum_is_taken_apart():
    found = split_kernel(2.0 * RBF(0.5) + RBF(2.0) + Constant(7.0), "root", 2)
    assert_allclose(found(X), 2 * RBF(0.5)(X) ** 2 + RBF(2.0)(X) ** 2, rtol=1e-12)
    found = split_kernel(1.0 + RBF(), "root", 2)
    assert_allclose(found(X), RBF()(X) ** 2, rtol=1e-12)


def test_a_product_of_gaussians_is_a_gaussian():
    kernel = Product(RBF([0.5, 1.0]), RBF(2.0))
    for scaled in (kernel, 3.0 * kernel):
        assert_allclose(split_kernel(scaled, "root", 2)(X), kernel(X) ** 2, rtol=1e-12)


def test_plus_adds_both_at_the_same_scale():
    kernel = 5.0 * Matern(0.8, nu=2.5)
    found = split_kernel(kernel, "plus", 2, 0.6)
    power = Matern(0.8, nu=2.5).power_kernel(0.6, 2)
    assert_allclose(found(X), Matern(0.8, nu=2.5)(X) + power(X), rtol=1e-12)


@pytest.mark.parametrize(
    "kernel, kind, power, match",
    [
        (Exponential(), "root", 0.5, r"alpha must exceed 0\.666667.*\'target\'"),
        (Matern(nu=0.7), "plus", 0.5, r"alpha must exceed 0\.5882"),
        (InverseMultiquadric(), "root", 0.5, "no power kernel.*'target'"),
        (Laplacian(), "power", 0.9, "no power kernel.*'target'"),
        (Product(RBF(), Linear()), "root", 0.5, "no power kernel.*'target'"),
        ("precomputed", "root", 0.5, "needs a formula.*'target'"),
        (RBF(), "half", 0.5, "split_kernel must be one of"),
        (RBF(), "power", 1.0, r"power must be in \[0\.5, 1\)"),
        (RBF(), "power", 0.4, r"power must be in \[0\.5, 1\)"),
    ],
)
def test_refusals(kernel, kind, power, match):
    with pytest.raises(ValueError, match=match):
        split_kernel(kernel, kind, 2, power)
