"""Bessel and Matern functions against values made in 40-digit arithmetic."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import kve

from skkernels.kernels import RationalQuadratic
from skkernels.kernels._bessel import LARGE_ORDER, log_kve, matern_phi

DATA = Path(__file__).parents[1] / "data" / "golden.json"


@pytest.fixture(scope="module")
def golden():
    return json.loads(DATA.read_text())


def test_log_bessel_golden(golden):
    g = golden["log_k"]
    nu, x = np.array(g["nu"])[:, None], np.array(g["x"])[None, :]
    expected = np.array(g["value"])
    assert expected.shape == (16, 13)
    errors = np.abs(log_kve(nu, x) - x - expected) / np.maximum(1, np.abs(expected))
    assert errors.max() <= 2e-15


@pytest.mark.parametrize("nu", [0.0, 0.4, 1.0, 5.5, 24.9, 25.1, 80.0])
def test_log_bessel_against_scipy(nu):
    x = np.geomspace(0.1, 600, 200)
    reference = np.log(kve(nu, x))
    np.testing.assert_allclose(log_kve(nu, x), reference, rtol=1e-12, atol=1e-13)


def test_log_bessel_is_continuous_where_methods_change():
    for nu in (0.3, 7.0):
        below, above = log_kve(nu, [1.2, np.nextafter(1.2, 2)])
        assert abs(below - above) < 3e-15 * max(1, abs(below))
    order = np.nextafter(LARGE_ORDER, 0)
    for x in (0.01, 1.0, 3.0, 100.0):
        below, above = log_kve([order, LARGE_ORDER], x)
        assert abs(below - above) < 1e-14 * max(1, abs(below))


def test_log_bessel_edges_shapes_and_symmetry():
    assert log_kve(1.5, 0.0) == np.inf
    assert log_kve(1.5, np.inf) == -np.inf
    assert np.isnan(log_kve(1.5, -1.0))
    assert np.isnan(log_kve(np.nan, 1.0))
    assert np.isnan(log_kve(1.0, np.nan))
    assert isinstance(log_kve(1, 2), float)
    assert log_kve([[1.0], [2.0]], [1.0, 2.0, 3.0]).shape == (2, 3)
    np.testing.assert_array_equal(log_kve(-2.3, [0.5, 7]), log_kve(2.3, [0.5, 7]))


def test_matern_golden(golden):
    g = golden["matern"]
    for nu, values, complements in zip(g["nu"], g["value"], g["one_minus"]):
        z = np.sqrt(2 * nu) * np.array(g["r"])
        phi = matern_phi(nu, z)
        assert np.abs(phi - values).max() <= 2e-15, nu
        assert np.abs((1 - phi) - complements).max() <= 2e-15, nu
        # the tails as well, as far as the rounding of z allows
        normal = np.array(values) > 1e-290
        relative = np.abs(phi[normal] / np.array(values)[normal] - 1)
        assert np.all(relative <= 3e-15 + 4e-16 * z[normal]), nu


@pytest.mark.parametrize("p", [0, 1, 2, 3])
def test_matern_half_integers(p):
    z = np.concatenate([[0.0], np.geomspace(1e-10, 500, 300)])
    polynomial = [
        lambda z: 1.0 + 0 * z,
        lambda z: 1 + z,
        lambda z: 1 + z + z**2 / 3,
        lambda z: 1 + z + 2 * z**2 / 5 + z**3 / 15,
    ][p]
    expected = polynomial(z) * np.exp(-z)
    np.testing.assert_allclose(matern_phi(p + 0.5, z), expected, rtol=2e-14, atol=0)


@pytest.mark.parametrize("nu", [1.3, 2.0, 4.7, 26.5])
def test_matern_derivative_is_a_matern_function_of_lower_order(nu):
    z = np.linspace(0.2, 8, 40)
    h = 1e-5
    numeric = (matern_phi(nu, z + h) - matern_phi(nu, z - h)) / (2 * h)
    exact = -z * matern_phi(nu - 1, z) / (2 * (nu - 1))
    np.testing.assert_allclose(numeric, exact, atol=1e-9)


def test_matern_edges():
    for nu in (0.2, 1.0, 3.0, 40.0):
        assert matern_phi(nu, 0.0) == 1.0
        assert matern_phi(nu, 1e5) == 0.0
        assert np.isnan(matern_phi(nu, np.nan))
    assert matern_phi(1.2, np.ones((2, 3))).shape == (2, 3)


def test_matern_tends_to_the_gaussian():
    r = np.linspace(0, 4, 50)
    gaussian = np.exp(-(r**2) / 2)
    errors = [
        np.abs(matern_phi(nu, np.sqrt(2 * nu) * r) - gaussian).max()
        for nu in (1e2, 1e4, 1e6)
    ]
    assert errors[0] < 5e-3
    assert errors[1] < 1.1e-2 * errors[0]
    assert errors[2] < 1.1e-2 * errors[1]


def test_rational_quadratic_golden(golden):
    g = golden["rational_quadratic"]
    r = np.array(g["r"])
    for alpha, values in zip(g["alpha"], g["value"]):
        kernel = RationalQuadratic(alpha=alpha)
        np.testing.assert_allclose(kernel.profile(r**2), values, rtol=4e-13, atol=0)
        dense = kernel(np.zeros((1, 1)), r[:, None])[0]
        np.testing.assert_allclose(dense, values, rtol=0, atol=5e-15)
