"""Sums, products, multiples and powers of kernels."""

import numpy as np
import pytest
from sklearn.gaussian_process import kernels as gp

from skkernels.kernels import (
    RBF,
    ArcCosine,
    Cauchy,
    Centered,
    Chi2,
    Constant,
    Cosine,
    EnergyDistance,
    Exponential,
    Exponentiation,
    Laplacian,
    Linear,
    Matern,
    Normalized,
    Polynomial,
    Product,
    Scaled,
    Sum,
    Wendland,
    WhiteNoise,
)
from tests.kernels.reference import kernel_id


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(1)
    return rng.uniform(size=(21, 3)), rng.uniform(size=(14, 3))


# Pairs that become one profile, and pairs that cannot.
FUSED = [
    (RBF(0.5), Matern(2.0)),
    (RBF(0.5), Constant(2.0)),
    (Constant(0.5), Polynomial(2)),
    (Matern(0.7, nu=1.2), Cauchy(0.3)),
    (RBF([0.5, 1.0, 2.0]), Exponential([1.0, 2.0, 4.0])),
    (Linear(), Polynomial(3, gamma=0.5)),
    (Laplacian(0.5), Laplacian(1.5)),
    (Cosine(), ArcCosine(0)),
    (Wendland(0.9), RBF()),
    (RBF() + Linear() ** 0, Cauchy()),
]
SEPARATE = [
    (RBF(), Linear()),
    (RBF(), Laplacian(0.5)),
    (RBF([0.5, 1.0, 2.0]), RBF()),
    (Cosine(), Linear()),
    (Chi2(), RBF()),
    (EnergyDistance(), RBF()),
    (EnergyDistance(), EnergyDistance(1.5)),
    (Matern(nu=1.2), Matern(nu=0.8)),
    (RBF() + Linear(), Cauchy()),
    (Exponentiation(RBF(), 0.5), RBF()),
]


@pytest.mark.parametrize("a, b", FUSED + SEPARATE, ids=lambda k: kernel_id(k)[:30])
def test_algebra_is_that_of_matrices(a, b, data):
    check_algebra(a, b, *data, tolerance=1e-13)


@pytest.mark.parametrize("a, b", FUSED[:2] + SEPARATE[:2])
def test_algebra_in_single_precision(a, b, data):
    check_algebra(a, b, *(part.astype(np.float32) for part in data), tolerance=3e-6)


def check_algebra(a, b, X, Z, tolerance):
    dtype = X.dtype
    for rows, columns in ((X, Z), (X, None)):
        K, L = a(rows, columns), b(rows, columns)
        for kernel, expected in (
            (a + b, K + L),
            (a * b, K * L),
            ((2.0 * a * b + 1.0) ** 3 + a, (2.0 * K * L + 1) ** 3 + K),
        ):
            values = kernel(rows, columns)
            assert values.dtype == dtype
            scale = max(1.0, np.abs(expected).max())
            np.testing.assert_allclose(values, expected, atol=tolerance * scale)
            if columns is None:
                np.testing.assert_array_equal(values, values.T)
                np.testing.assert_allclose(
                    kernel.diag(X), values.diagonal(), atol=tolerance * scale
                )


@pytest.mark.parametrize("a, b", FUSED[:-1], ids=lambda k: kernel_id(k)[:30])
def test_what_fuses_has_one_reduction(a, b):
    for kernel in (a + b, a * b, (2.0 * a + b) ** 2, (a + 1.0) * b * 2.0 + 3.0):
        kernel = kernel._for_features(3)
        assert kernel._reduction(3) is not None
        assert kernel._terms() == [(1.0, kernel)]


@pytest.mark.parametrize("a, b", SEPARATE, ids=lambda k: kernel_id(k)[:30])
def test_what_does_not_fuse_has_none(a, b):
    assert (a + b)._reduction(3) is None
    assert (a * b)._reduction(3) is None
    assert len((a + b)._terms()) == 2


def test_terms_that_fuse_find_each_other():
    kernel = (
        RBF() + Linear() + 2.0 * Cauchy(3.0) + Polynomial(2, gamma=1.0) + Laplacian(1.0)
    )
    terms = kernel._terms()
    assert len(terms) == 3
    assert {term._reduction(2).geometry for _, term in terms} == {
        "sqeuclidean",
        "dot",
        "cityblock",
    }


def test_supports_of_fused_kernels(data):
    X, Z = data
    narrow, wide = Wendland(0.3), Wendland(0.6)
    for kernel in (narrow + wide, wide + narrow):
        reduction = kernel._reduction(3)
        radius = np.sqrt(reduction.support) / np.min(reduction.scale)
        assert radius == pytest.approx(0.6)
    for kernel in (narrow * wide, wide * narrow, narrow * RBF(), RBF() * narrow):
        reduction = kernel._reduction(3)
        radius = np.sqrt(reduction.support) / np.min(reduction.scale)
        assert radius == pytest.approx(0.3)
    assert (narrow + RBF())._reduction(3).support == np.inf
    assert (narrow**0)._reduction(3).support == np.inf
    np.testing.assert_array_equal((narrow**0)(X, Z), 1.0)


def test_numbers_become_constants_and_factors():
    assert RBF() + 1.0 == Sum(RBF(), Constant(1.0))
    assert 1.0 + RBF() == Sum(Constant(1.0), RBF())
    assert RBF() * 3 == Scaled(RBF(), 3) == 3 * RBF()
    assert np.float64(3.0) * RBF() == Scaled(RBF(), 3.0)
    assert np.float32(2.0) + RBF() == Sum(Constant(2.0), RBF())
    assert sum([RBF(), Linear()]) == Sum(RBF(), Linear())
    assert RBF() ** 2 == Exponentiation(RBF(), 2)
    assert RBF() + gp.RBF(2.0) == Sum(RBF(), RBF(2.0))
    assert RBF() * gp.ConstantKernel(2.0) == Product(RBF(), Constant(2.0))
    for operation in (
        lambda: RBF() + "rbf",
        lambda: "rbf" * RBF(),
        lambda: RBF() + None,
    ):
        with pytest.raises(TypeError, match="unsupported operand|can't multiply"):
            operation()


def test_noise_inside_of_products_and_powers(data):
    X, Z = data
    noisy = RBF(0.5) + WhiteNoise(0.3)
    K, noise = RBF(0.5)(X), 0.3 * np.eye(len(X))
    L = Linear()(X)
    for kernel, expected, cross in (
        (noisy * Linear(), (K + noise) * L, RBF(0.5)(X, Z) * Linear()(X, Z)),
        (noisy**2, (K + noise) ** 2, RBF(0.5)(X, Z) ** 2),
        (2.0 * (noisy * noisy), 2.0 * (K + noise) ** 2, 2.0 * RBF(0.5)(X, Z) ** 2),
        (noisy * WhiteNoise(2.0), 2.0 * (K + noise) * np.eye(len(X)), 0.0 * X @ Z.T),
        (
            noisy + noisy * Linear(),
            K + noise + (K + noise) * L,
            RBF(0.5)(X, Z) * (1.0 + Linear()(X, Z)),
        ),
    ):
        np.testing.assert_allclose(kernel(X), expected, atol=1e-13)
        np.testing.assert_allclose(kernel.diag(X), expected.diagonal(), atol=1e-13)
        np.testing.assert_allclose(kernel(X, Z), cross, atol=1e-13)


def test_composites_of_composites(data):
    X, Z = data
    inner = Centered(RBF(0.5) + Linear()).resolve(X)
    K, D = inner(X, Z), inner.diag
    expected = 2.0 * K**2 / np.outer(D(X), D(Z)) + 1.0
    kernel = 2.0 * Normalized(inner) ** 2 + 1.0
    np.testing.assert_allclose(kernel(X, Z), expected, rtol=1e-10)


def test_rules_inside_are_resolved(data):
    X, _ = data
    weights = np.arange(len(X)) % 3
    kernel = 2.0 * RBF("median") * Laplacian() + Polynomial(gamma="scale")
    resolved = kernel.resolve(X, sample_weight=weights)
    repeated = kernel.resolve(np.repeat(X, weights, axis=0))
    assert resolved.k1.k1.kernel.length_scale == pytest.approx(
        RBF("median").resolve(X, weights).length_scale
    )
    assert resolved.k1.k2.gamma == pytest.approx(1 / 3)
    np.testing.assert_allclose(resolved(X), repeated(X), rtol=1e-12)
    assert kernel.k1.k1.kernel.length_scale == "median"
