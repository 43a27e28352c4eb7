"""Kernels from names, callables and scikit-learn's objects."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.gaussian_process import kernels as gp
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import GridSearchCV

from skkernels.kernels import (
    RBF,
    CallableKernel,
    Cauchy,
    Chi2,
    Constant,
    Exponential,
    InverseMultiquadric,
    Kernel,
    Laplacian,
    Linear,
    Matern,
    Polynomial,
    Scaled,
    Sigmoid,
    Sum,
    WhiteNoise,
    kernel_names,
    make_kernel,
)


@pytest.fixture(scope="module")
def X():
    return np.random.default_rng(0).uniform(0.1, 1.0, size=(12, 3))


@pytest.mark.parametrize("name", kernel_names())
def test_every_name_makes_a_kernel_that_works(name, X):
    kernel = make_kernel(name)
    assert isinstance(kernel, Kernel)
    resolved = kernel.resolve(X)
    K = resolved(X)
    assert K.shape == (12, 12) and np.all(np.isfinite(K))
    np.testing.assert_allclose(resolved.diag(X), K.diagonal(), rtol=1e-10, atol=1e-10)
    assert make_kernel(name, gamma=0.3).resolve(X) is not None


@pytest.mark.parametrize(
    "name, cls",
    [
        ("rbf", RBF),
        ("gaussian", RBF),
        ("exponential", Exponential),
        ("laplacian_l2", Exponential),
        ("matern", Matern),
        ("cauchy", Cauchy),
        ("imq", InverseMultiquadric),
    ],
)
def test_gamma_of_kernels_of_the_euclidean_distance(name, cls, X):
    kernel = make_kernel(name, gamma=0.4)
    assert type(kernel) is cls
    assert kernel.length_scale == pytest.approx(1 / np.sqrt(0.8))
    assert kernel.gamma_value == pytest.approx(0.4)
    assert make_kernel(name).resolve(X).gamma_value == pytest.approx(1 / 3)
    scale = make_kernel(name, gamma="scale").resolve(X).gamma_value
    assert scale == pytest.approx(1 / (3 * X.var()))
    median = make_kernel(name, gamma="median").resolve(X)
    assert median.gamma_value == pytest.approx(1 / (2 * median.length_scale**2))
    assert make_kernel(name, gamma=0).length_scale == np.inf


def test_gamma_of_other_kernels(X):
    assert make_kernel("laplacian", gamma=0.4) == Laplacian(0.4)
    assert make_kernel("laplacian", gamma=0.4).gamma_value == 0.4
    assert make_kernel("laplacian").resolve(X).gamma_value == pytest.approx(1 / 3)
    kernel = make_kernel("poly", gamma=0.4, degree=2, coef0=3)
    assert kernel == Polynomial(2, 0.4, 3) and kernel.gamma_value == 0.4
    assert make_kernel("sigmoid", gamma=0.4, coef0=3) == Sigmoid(0.4, 3)
    scale = make_kernel("poly", gamma="scale").resolve(X)
    assert scale.gamma_value == pytest.approx(1 / (3 * X.var()))
    for default in (None, "scale"):
        assert make_kernel("chi2", gamma=default) == Chi2(1.0)
    for ignored in (0.3, "scale", None):
        assert make_kernel("linear", gamma=ignored) == Linear()
        assert Linear().gamma_value is None


@pytest.mark.parametrize(
    "name", ["rbf", "matern", "exponential", "cauchy", "laplacian"]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gamma_at_its_bounds_gives_finite_kernels(name, dtype):
    X = np.random.default_rng(0).normal(size=(30, 20)).astype(dtype)
    sharp = make_kernel(name, gamma=1e30)(X)
    np.testing.assert_allclose(sharp, np.eye(30), atol=1e-20)
    flat = make_kernel(name, gamma=1e-30)(X)
    np.testing.assert_allclose(flat, np.ones((30, 30)), atol=1e-6)
    for gamma in (1e31, 1e308, 1e-31, 5e-324):
        with pytest.raises(ValueError) as caught:
            make_kernel(name, gamma=gamma)
        assert f"gamma of the kernel {name!r}" in str(caught.value)
        assert f"0 or a number in [1e-30, 1e+30], got {gamma!r}" in str(caught.value)


def test_kernel_params(X):
    assert make_kernel("matern", kernel_params={"nu": 0.7}).nu == 0.7
    kernel = make_kernel("rbf", gamma=3.0, kernel_params={"length_scale": 2.0})
    assert kernel == RBF(2.0)
    function = make_kernel(lambda X, Z, c: c + X @ Z.T, kernel_params={"c": 2.0})
    assert isinstance(function, CallableKernel)
    np.testing.assert_allclose(function(X), 2.0 + X @ X.T)
    np.testing.assert_allclose(make_kernel(rbf_kernel)(X), rbf_kernel(X), rtol=1e-12)


def test_objects_are_passed_through(X):
    kernel = RBF("median")
    assert make_kernel(kernel, gamma="scale") is kernel


def test_sums_of_scikit_learn_are_converted():
    kernel = make_kernel(2.0 * gp.RBF(3.0) + gp.WhiteKernel(0.1))
    assert kernel == Sum(
        Scaled(RBF(3.0), 2.0, factor_bounds=(1e-5, 1e5)), WhiteNoise(0.1)
    )
    dot = make_kernel(gp.DotProduct(3.0, sigma_0_bounds=(0.1, 10.0)))
    assert dot.k2 == Constant(9.0, value_bounds=(0.1**2, 10.0**2))
    assert make_kernel(gp.DotProduct(3.0, "fixed")).k2.value_bounds == "fixed"


def test_kernels_of_unknown_classes_are_called(X):
    class Odd(gp.RBF):
        def __call__(self, X, Y=None, eval_gradient=False):
            return 2.0 * super().__call__(X, Y, eval_gradient)

        def diag(self, X):
            return 2.0 * super().diag(X)

    kernel = make_kernel(Odd(0.5) + gp.RBF())
    assert isinstance(kernel.k1, CallableKernel)
    np.testing.assert_allclose(kernel(X), 2 * gp.RBF(0.5)(X) + gp.RBF()(X), rtol=1e-12)
    np.testing.assert_allclose(kernel.diag(X), 3.0)
    assert kernel == make_kernel(Odd(0.5) + gp.RBF()) and hash(kernel)
    assert kernel.stationary


@pytest.mark.parametrize(
    "call, error, message",
    [
        (
            lambda: make_kernel("rfb"),
            ValueError,
            "Unknown kernel 'rfb'.*laplacian.*rbf",
        ),
        (lambda: make_kernel("precomputed"), ValueError, "no function of rows"),
        (lambda: make_kernel(3), TypeError, "kernel must be a name.* got 3"),
        (lambda: make_kernel(RBF), TypeError, "kernel must be a name"),
        (lambda: make_kernel("rbf", gamma=-1), ValueError, r"gamma .* got -1"),
        (lambda: make_kernel("rbf", gamma="large"), ValueError, "'scale' or 'median'"),
        (lambda: make_kernel("rbf", gamma=np.nan), ValueError, "gamma .* got nan"),
        (lambda: make_kernel("laplacian", gamma=-1), ValueError, "gamma of Laplacian"),
        (lambda: make_kernel("poly", gamma=-1), ValueError, "gamma of Polynomial"),
        (lambda: make_kernel("poly", gamma="median"), ValueError, "'poly' has none"),
        (lambda: make_kernel("sigmoid", gamma="median"), ValueError, "has none"),
        (lambda: make_kernel("chi2", gamma="median"), ValueError, "'chi2' has none"),
        (
            lambda: make_kernel("matern", kernel_params={"mu": 1}),
            ValueError,
            "has 'mu', but the kernel 'matern' takes length_scale, .*nu",
        ),
        (
            lambda: make_kernel("matern", kernel_params={"nu": -1}),
            ValueError,
            "nu of Matern",
        ),
        (
            lambda: make_kernel(RBF(), kernel_params={"length_scale": 1.0}),
            ValueError,
            "no effect on a kernel object",
        ),
        (
            lambda: make_kernel(gp.CompoundKernel([gp.RBF()])),
            ValueError,
            "several kernel matrices",
        ),
    ],
)
def test_errors_say_what_is_allowed(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("gamma", [None, 3.0, "scale", "median"])
def test_gamma_of_a_kernel_without_one_is_ignored(gamma):
    assert make_kernel("linear", gamma=gamma) == make_kernel("linear")
    assert make_kernel("cosine", gamma=gamma) == make_kernel("cosine")


class _Smoother(RegressorMixin, BaseEstimator):
    """Kernel ridge regression in six lines."""

    def __init__(self, kernel="rbf"):
        self.kernel = kernel

    def fit(self, X, y):
        self.kernel_ = make_kernel(self.kernel).resolve(X)
        self.X_ = X
        K = self.kernel_(X) + 1e-3 * np.eye(len(X))
        self.coef_ = np.linalg.solve(K, y)
        return self

    def predict(self, X):
        return self.kernel_(X, self.X_) @ self.coef_


def test_grid_search_over_nested_parameters():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(60, 1))
    y = np.sin(12 * X[:, 0])
    kernel = Matern(nu=2.5) + Constant(1.0)
    grid = {
        "kernel__k1__length_scale": [0.01, 0.3, "median"],
        "kernel__k1__nu": [0.7, 2.5],
    }
    search = GridSearchCV(_Smoother(kernel), grid, cv=3).fit(X, y)
    assert search.best_params_["kernel__k1__length_scale"] == 0.3
    assert search.best_score_ > 0.9
    assert kernel.k1.length_scale == 1.0
    choice = GridSearchCV(_Smoother(), {"kernel": [Linear(), RBF(0.3), "cauchy"]}, cv=3)
    assert choice.fit(X, y).best_params_["kernel"] == RBF(0.3)
