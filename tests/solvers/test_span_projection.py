"""Projection of functions onto the span of kernel functions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn import config_context

from skkernels.kernels import RBF, Exponential
from skkernels.solvers._span_projection import SpanProjection


@pytest.fixture(scope="module")
def centers():
    return np.random.RandomState(0).randn(400, 4)


def test_cholesky_route(centers):
    kernel = Exponential(2.0)
    K = kernel(centers)
    values = np.random.RandomState(1).randn(400, 3)
    expected = np.linalg.solve(K, values)
    assert_allclose(SpanProjection(kernel, centers)(values), expected, rtol=1e-8)


@pytest.mark.parametrize(
    "kernel, tol",
    # The second system is not solved to 1e-3 in the 20 steps there are.
    [(Exponential(2.0), 1e-3), (RBF(1.0), 1e-2)],
    ids=str,
)
def test_conjugate_gradient_route(centers, kernel, tol):
    # Values of a function in the space, as they are in EigenPro: of pending steps.
    rng = np.random.RandomState(1)
    values = kernel(centers, rng.randn(100, 4)) @ rng.randn(100, 2)
    with config_context(working_memory=1):
        projection = SpanProjection(kernel, centers)
    assert projection._factor is None
    residual = kernel(centers) @ projection(values) - values
    norms = np.linalg.norm(residual, axis=0) / np.linalg.norm(values, axis=0)
    assert (norms <= 1.01 * tol).all()
    assert_allclose(projection(np.zeros((400, 2))), 0.0)


def test_a_member_of_the_span_is_its_own_projection(centers):
    kernel = Exponential(2.0)
    coef = np.random.RandomState(1).randn(400, 1)
    projection = SpanProjection(kernel, centers)
    assert_allclose(projection(kernel(centers) @ coef), coef, atol=1e-9)


@pytest.mark.parametrize("memory", [1, 100])
def test_duplicated_centers(centers, memory):
    # Their coefficients are not unique, the projected function is.
    kernel = Exponential(2.0)
    doubled = np.r_[centers, centers]
    values = np.random.RandomState(1).randn(400, 1)
    with config_context(working_memory=memory):
        coef = SpanProjection(kernel, doubled)(np.r_[values, values])
    assert np.abs(coef).max() < 1e3
    assert_allclose(
        kernel(centers, doubled) @ coef, values, atol=1e-6 if memory == 100 else 0.1
    )


def test_single_precision(centers):
    kernel = Exponential(2.0)
    values = np.random.RandomState(1).randn(400, 1)
    expected = np.linalg.solve(kernel(centers), values)
    coef = SpanProjection(kernel, centers.astype(np.float32))(values)
    assert coef.dtype == np.float64
    assert_allclose(coef, expected, atol=1e-2 * np.abs(expected).max())
