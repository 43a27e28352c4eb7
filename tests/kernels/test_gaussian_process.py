"""Our kernels in scikit-learn's Gaussian processes."""

import tracemalloc

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.gaussian_process import (
    GaussianProcessClassifier,
    GaussianProcessRegressor,
)
from sklearn.gaussian_process import kernels as gp

from skkernels.kernels import (
    RBF,
    Cauchy,
    Centered,
    Constant,
    Exponential,
    ExponentialPower,
    Exponentiation,
    ExpSineSquared,
    GeneralizedCauchy,
    InverseMultiquadric,
    Laplacian,
    Linear,
    Matern,
    Normalized,
    Polynomial,
    RationalQuadratic,
    Scaled,
    Wendland,
    WhiteNoise,
    make_kernel,
)
from tests.kernels.reference import kernel_id


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.uniform(-2, 2, size=(40, 2))
    y = np.sin(2 * X[:, 0]) + 0.3 * X[:, 1] + 0.1 * rng.normal(size=40)
    return X, y


TWINS = [
    (RBF(), gp.RBF()),
    (Matern(nu=1.5), gp.Matern(nu=1.5)),
    (RationalQuadratic(), gp.RationalQuadratic()),
    (2.0 * RBF([1.0, 1.0]), 2.0 * gp.RBF([1.0, 1.0])),
    (
        1.0 * Matern([1.0, 2.0], nu=2.5) + WhiteNoise(0.1),
        1.0 * gp.Matern([1.0, 2.0], nu=2.5) + gp.WhiteKernel(0.1),
    ),
    (
        RBF() * (Linear() + Constant(1.0, value_bounds="fixed")) + WhiteNoise(0.1),
        gp.RBF() * gp.DotProduct(1.0, "fixed") + gp.WhiteKernel(0.1),
    ),
    (
        RBF(0.5, length_scale_bounds="fixed") * RationalQuadratic(alpha=0.5),
        gp.RBF(0.5, length_scale_bounds="fixed") * gp.RationalQuadratic(alpha=0.5),
    ),
]


@pytest.mark.parametrize("ours, theirs", TWINS, ids=lambda k: str(k)[:30])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_fitted_likelihood_is_scikit_learns(ours, theirs, data):
    X, y = data
    first = GaussianProcessRegressor(ours, alpha=1e-4).fit(X, y)
    second = GaussianProcessRegressor(theirs, alpha=1e-4).fit(X, y)
    assert first.log_marginal_likelihood_value_ == pytest.approx(
        second.log_marginal_likelihood_value_, abs=1e-6
    )
    np.testing.assert_allclose(first.predict(X), second.predict(X), atol=1e-3)
    _, deviation = first.predict(X[:3] + 0.1, return_std=True)
    assert np.all(deviation > 0)
    assert first.kernel_ != ours  # fit has moved it, and left ours alone


DIFFERENTIABLE = [
    RBF(0.8),
    RBF([0.8, 1.7]),
    Exponential(0.8),
    Exponential([0.8, 1.7]),
    Matern(0.8, nu=0.7),
    Matern([0.8, 1.7], nu=1.9),
    Matern(0.8, nu=np.inf),
    ExponentialPower(0.8, power=1.3),
    RationalQuadratic(0.8, alpha=0.6),
    RationalQuadratic([0.8, 1.7], alpha=2.0),
    Cauchy(0.8),
    InverseMultiquadric([0.8, 1.7], beta=0.7, c=0.5),
    GeneralizedCauchy(0.8, power=0.7),
    Wendland(2.5, k=1),
    ExpSineSquared(0.8, periodicity=1.7),
    Laplacian(0.6),
    Laplacian([0.6, 1.2]),
    Laplacian(),
    Constant(2.0),
    WhiteNoise(0.4),
    Linear(),
    Polynomial(2),
    Scaled(RBF(0.8), 2.0),
    Scaled(RBF(0.8), 2.0, factor_bounds="fixed"),
    RBF(0.8, length_scale_bounds="fixed") + RationalQuadratic(1.2),
    (RBF(0.8) + WhiteNoise(0.3)) * (2.0 * Linear() + Constant(0.5)),
    (RBF(0.8) + Constant(0.3)) ** 3,
    Exponentiation(RBF(0.8), 0.5),
    Normalized(RBF(0.8) + 2.0 * Linear()),
]


@pytest.mark.parametrize("kernel", DIFFERENTIABLE, ids=lambda k: kernel_id(k)[:40])
def test_gradients_are_finite_differences(kernel, data):
    X = data[0][:9]
    X[8] = X[0]  # equal rows
    K, gradient = kernel(X, eval_gradient=True)
    np.testing.assert_array_equal(K, kernel(X))
    assert gradient.shape == (9, 9, kernel.n_dims)
    assert kernel.bounds.shape == ((kernel.n_dims, 2) if kernel.n_dims else (0,))
    h = 1e-5
    for j in range(kernel.n_dims):
        step = h * np.eye(kernel.n_dims)[j]
        above = kernel.clone_with_theta(kernel.theta + step)(X)
        below = kernel.clone_with_theta(kernel.theta - step)(X)
        expected = (above - below) / (2 * h)
        np.testing.assert_allclose(gradient[:, :, j], expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    "theirs",
    [
        gp.RationalQuadratic(0.7, alpha=0.3),
        gp.ExpSineSquared(0.7, periodicity=2.0),
        3.0 * gp.RBF([0.5, 2.0], [(1e-3, 10), (1e-2, 20)])
        + gp.WhiteKernel(0.3, "fixed"),
    ],
    ids=str,
)
def test_theta_and_bounds_survive_conversion(theirs):
    ours = make_kernel(theirs)
    order = np.argsort(theirs.theta)
    np.testing.assert_allclose(np.sort(ours.theta), theirs.theta[order])
    ours_order = np.argsort(ours.theta)
    np.testing.assert_allclose(ours.bounds[ours_order], theirs.bounds[order])


def test_theta_is_set_in_the_order_of_hyperparameters():
    kernel = 2.0 * RationalQuadratic(0.5, alpha=3.0) + WhiteNoise(0.1)
    names = [parameter.name for parameter in kernel.hyperparameters]
    assert names == [
        "k1__kernel__alpha",
        "k1__kernel__length_scale",
        "k1__factor",
        "k2__noise_level",
    ]
    np.testing.assert_allclose(np.exp(kernel.theta), [3.0, 0.5, 2.0, 0.1])
    moved = kernel.clone_with_theta(np.log([1.0, 2.0, 3.0, 4.0]))
    np.testing.assert_allclose(np.exp(moved.theta), [1.0, 2.0, 3.0, 4.0])
    assert moved.k1.factor == pytest.approx(3.0)
    assert kernel.k1.factor == 2.0
    with pytest.raises(ValueError, match="correct number of entries"):
        kernel.theta = np.zeros(5)


def test_gradient_with_two_sets_of_rows_is_refused(data):
    X, _ = data
    with pytest.raises(ValueError, match="only where Y is None"):
        RBF()(X, X, eval_gradient=True)


def test_any_order_of_matern_can_be_optimised(data):
    X, y = data
    model = GaussianProcessRegressor(
        1.0 * Matern([0.2, 0.2], nu=1.2) + WhiteNoise(0.1), random_state=0
    ).fit(X, y)
    assert model.kernel_.k1.kernel.nu == 1.2
    before = model.log_marginal_likelihood(model.kernel.theta)
    assert model.log_marginal_likelihood_value_ > before + 1
    _, gradient = model.log_marginal_likelihood(model.kernel_.theta, eval_gradient=True)
    bounds = model.kernel_.bounds
    inside = np.all(np.abs(model.kernel_.theta[:, None] - bounds) > 1e-3, axis=1)
    assert np.all(np.abs(gradient[inside]) < 0.05)


def test_classification_and_fixed_kernels(data):
    X, y = data
    model = GaussianProcessClassifier(clone(RBF())).fit(X, y > 0)
    assert model.score(X, y > 0) > 0.9
    fixed = GaussianProcessRegressor(
        Centered(RBF(), X) + WhiteNoise(0.1, noise_level_bounds="fixed")
    ).fit(X, y)
    assert fixed.kernel_.n_dims == 0


def test_mixed_sums_work_either_way(data):
    X, y = data
    K = gp.RBF()(X) + Matern()(X)
    np.testing.assert_allclose((gp.RBF() + Matern())(X), K, rtol=1e-12)
    np.testing.assert_allclose((Matern() + gp.RBF())(X), K, rtol=1e-12)
    model = GaussianProcessRegressor(gp.RBF() + Matern(), alpha=0.01).fit(X, y)
    assert np.isfinite(model.log_marginal_likelihood_value_)


@pytest.mark.parametrize(
    "kernel",
    [
        RBF(9.0),
        Matern(9.0, nu=2.5),
        RationalQuadratic(9.0, length_scale_bounds="fixed"),
        Laplacian(0.01),
        ExpSineSquared(3.0, periodicity=40.0, periodicity_bounds="fixed"),
    ],
    ids=kernel_id,
)
def test_one_length_scale_needs_no_array_of_all_differences(kernel):
    n = 300
    X = np.random.default_rng(0).normal(size=(n, 100))
    kernel(X[:2], eval_gradient=True)  # compiles
    tracemalloc.start()
    kernel(X, eval_gradient=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # All differences would be 100 such matrices; the Bessel functions need some.
    assert peak < 12 * 8 * n * n


def test_gradients_do_not_depend_on_how_the_length_scale_is_written():
    X = np.random.default_rng(1).normal(size=(50, 7)) + 100.0
    for one, several in (
        (RBF(2.0), RBF([2.0] * 7)),
        (Matern(2.0, nu=0.7), Matern([2.0] * 7, nu=0.7)),
        (Laplacian(0.2), Laplacian([0.2] * 7)),
    ):
        _, total = one(X, eval_gradient=True)
        _, parts = several(X, eval_gradient=True)
        np.testing.assert_allclose(parts.sum(axis=2), total[:, :, 0], rtol=1e-12)
