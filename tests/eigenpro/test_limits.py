"""What the EigenPro estimators converge to."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skkernels import (
    EigenProClassifier,
    EigenProRegressor,
    KernelRidge,
    NystroemKernelRidge,
    NystroemKernelRidgeClassifier,
)
from skkernels.kernels import RBF, Exponential, Matern

KERNELS = pytest.mark.parametrize("kernel", [Exponential(5.0), RBF(1.5)], ids=str)


def make_data(n, noise=0.0, seed=0):
    rng = np.random.RandomState(seed)
    X = rng.randn(n, 5)
    y = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + 3.0
    return X, y + noise * rng.randn(n)


def relative_excess(model, X, y):
    """By how much the mean squared residual exceeds that of least squares."""
    K, target = model.kernel_(X, model.centers_), y - model.intercept_
    best = np.linalg.lstsq(K, target, rcond=None)[0]
    smallest = ((K @ best - target) ** 2).mean()
    return ((model.predict(X) - y) ** 2).mean() / smallest - 1


class TestAllRowsAsCenters:
    def test_interpolant(self):
        X, y = make_data(1200)
        X, y, X_test = X[:1000], y[:1000], X[1000:]
        model = EigenProRegressor(
            kernel=Exponential(5.0),
            n_subsamples=500,
            n_components=100,
            max_iter=40,
            random_state=0,
        ).fit(X, y)
        assert np.sqrt(np.mean((model.predict(X) - y) ** 2)) <= 1e-3
        coef = np.linalg.solve(model.kernel_(X), y - y.mean())
        expected = model.kernel_(X_test, X) @ coef + y.mean()
        distance = np.sqrt(np.mean((model.predict(X_test) - expected) ** 2))
        assert distance <= 5e-4
        assert_array_equal(model.center_indices_, np.arange(1000))
        assert model.n_centers_ == 1000

    def test_an_ill_conditioned_kernel(self):
        # The interpolant is out of reach, but the residuals decrease all the same.
        X, y = make_data(600)
        model = EigenProRegressor(kernel=RBF(1.5), random_state=0).fit(X, y)
        assert (np.diff(model.train_loss_) < 0).all()
        assert model.train_loss_[-1] < 0.01 * model.train_loss_[0]

    @pytest.mark.parametrize("kernel", [Exponential(3.0), Matern(2.0)], ids=str)
    def test_ridge(self, kernel):
        X, y = make_data(300, noise=0.5)
        model = EigenProRegressor(
            kernel=kernel, alpha=0.1, max_iter=120, random_state=0
        ).fit(X, y)
        exact = KernelRidge(kernel=kernel, alpha=0.1, solver="cholesky")
        exact.fit(X, y - y.mean())
        assert_allclose(model.coef_, exact.dual_coef_, atol=1e-8)
        assert_allclose(model.intercept_, y.mean())

    @pytest.mark.parametrize("alpha", [0.0, 0.1, 10.0])
    def test_polish(self, alpha):
        X, y = make_data(300, noise=0.5)
        model = EigenProRegressor(
            kernel=Exponential(3.0), alpha=alpha, polish=True, max_iter=1
        ).fit(X, y)
        K = model.kernel_(X)
        coef = np.linalg.solve(K + alpha * np.eye(300), y - y.mean())
        assert_allclose(model.coef_, coef, atol=1e-6)

    def test_classifier_with_ridge(self):
        X, y = load_digits(return_X_y=True)
        X, y = X[:300] / 16, y[:300]
        weights = {d: 1.0 + d % 3 for d in range(10)}
        model = EigenProClassifier(
            kernel=Exponential(2.0),
            alpha=0.1,
            max_iter=100,
            class_weight=weights,
            random_state=0,
        ).fit(X, y)
        # (K + alpha W^{-1}) coef = Y
        row_weights = np.array([weights[d] for d in y])
        Y = (y[:, None] == np.arange(10)) - model.intercept_
        K = model.kernel_(X) + 0.1 * np.diag(1 / row_weights)
        assert_allclose(model.coef_, np.linalg.solve(K, Y), atol=1e-7)
        prior = [row_weights[y == d].sum() / row_weights.sum() for d in range(10)]
        assert_allclose(model.intercept_, prior)


class TestWithCenters:
    @KERNELS
    @pytest.mark.parametrize("alpha", [0.0, 0.1, 10.0])
    def test_full_batches_with_a_projection_each(self, kernel, alpha):
        X, y = make_data(500, noise=0.2)
        model = EigenProRegressor(
            60,
            kernel=kernel,
            alpha=alpha,
            batch_size=500,
            projection_period=1,
            n_components=20,
            max_iter=300,
            random_state=0,
        ).fit(X, y)
        if alpha == 0.0:
            assert relative_excess(model, X, y) <= 1e-6
            return
        exact = NystroemKernelRidge(
            center_selection=model.centers_, kernel=kernel, alpha=alpha
        ).fit(X, y)
        assert_allclose(model.predict(X), exact.predict(X), atol=1e-5)

    @KERNELS
    def test_polish(self, kernel):
        X, y = make_data(600, noise=0.2)
        model = EigenProRegressor(
            75, kernel=kernel, max_iter=2, polish=True, random_state=0
        ).fit(X, y)
        assert relative_excess(model, X, y) <= 1e-8
        model.set_params(alpha=0.1).fit(X, y)
        exact = NystroemKernelRidge(
            center_selection=model.centers_, kernel=kernel, alpha=0.1
        ).fit(X, y)
        assert_allclose(model.predict(X), exact.predict(X), atol=1e-6)

    def test_polish_without_memory_for_the_better_preconditioner(self):
        X, y = make_data(600, noise=0.2)
        model = EigenProRegressor(
            250, kernel=Exponential(5.0), max_iter=2, polish=True, random_state=0
        )
        with config_context(working_memory=1):
            model.fit(X, y)
        assert relative_excess(model, X, y) <= 1e-8

    @KERNELS
    def test_noisy_targets(self, kernel):
        X, y = make_data(2000, noise=0.2)
        model = EigenProRegressor(200, kernel=kernel, max_iter=5, random_state=0)
        model.fit(X, y)
        assert model.batch_size_ < 500
        assert relative_excess(model, X, y) <= 0.15

    def test_decreasing_steps_lower_the_noise_floor(self):
        model = EigenProRegressor(
            50, kernel=Exponential(5.0), max_iter=12, batch_size=10, n_components=8
        )
        floors = {"constant": [], "invscaling": []}
        for seed in range(4):
            X, y = make_data(500, noise=1.0, seed=seed)
            for rate, found in floors.items():
                model.set_params(learning_rate=rate, random_state=seed).fit(X, y)
                found.append(relative_excess(model, X, y))
        assert np.mean(floors["invscaling"]) < 0.5 * np.mean(floors["constant"])

    def test_classifier_with_ridge(self):
        X, y = load_digits(return_X_y=True)
        X, y = X[:500] / 16, y[:500]
        params = {"kernel": Exponential(2.0), "alpha": 0.1, "class_weight": "balanced"}
        model = EigenProClassifier(60, **params, polish=True, random_state=0)
        model.fit(X, y)
        exact = NystroemKernelRidgeClassifier(
            center_selection=model.centers_, **params
        ).fit(X, y)
        assert_allclose(
            model.decision_function(X), exact.decision_function(X), atol=1e-6
        )


class TestInvariances:
    """Of the exact solution, which ``polish`` goes to."""

    def fit(self, X, y, n_centers, kernel, rows=None):
        centers = {} if n_centers is None else {"center_selection": X[:n_centers]}
        order = np.arange(len(X)) if rows is None else rows
        model = EigenProRegressor(
            kernel=kernel,
            alpha=1e-3,
            polish=True,
            max_iter=2,
            random_state=0,
            **centers,
        )
        return model.fit(X[order], y[order])

    @pytest.mark.parametrize("n_centers", [None, 40])
    def test_of_the_data(self, n_centers):
        X, y = make_data(250)
        X, X_test, y = X[:200], X[200:], y[:200]
        kernel = Exponential(3.0)
        expected = self.fit(X, y, n_centers, kernel).predict(X_test)
        rng = np.random.RandomState(1)
        Q = np.linalg.qr(rng.randn(5, 5))[0]
        moves = {
            "rotation": (lambda X: X @ Q, kernel),
            "translation": (lambda X: X + 100.0, kernel),
            "scale": (lambda X: 7 * X, Exponential(21.0)),
        }
        for name, (move, moved_kernel) in moves.items():
            model = self.fit(move(X), y, n_centers, moved_kernel)
            got = model.predict(move(X_test))
            assert_allclose(got, expected, atol=1e-6, err_msg=name)
        order = rng.permutation(200)
        permuted = self.fit(X, y, n_centers, kernel, rows=order)
        assert_allclose(permuted.predict(X_test), expected, atol=1e-6)

    @pytest.mark.parametrize("n_centers", [None, 40])
    def test_of_the_targets(self, n_centers):
        # These hold in each step, so that no polish is needed.
        X, y = make_data(250)
        X, X_test, y = X[:200], X[200:], y[:200]
        model = EigenProRegressor(n_centers, max_iter=3, random_state=0)
        expected = clone(model).fit(X, y).predict(X_test)
        moved = clone(model).fit(X, 10 - 4 * y).predict(X_test)
        assert_allclose(moved, 10 - 4 * expected, rtol=1e-9)
        Y = np.column_stack([X[:, 3] ** 2, y, np.ones(200)])
        several = clone(model).fit(X, Y).predict(X_test)
        assert several.shape == (50, 3)
        assert_allclose(several[:, 1], expected, rtol=1e-7, atol=1e-8)
        assert_allclose(several[:, 2], 1.0)
        column = clone(model).fit(X, y[:, None])
        assert column.coef_.shape == (column.n_centers_, 1)
        assert_allclose(column.predict(X_test)[:, 0], expected, rtol=1e-9)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return train_test_split(X / 16, y, test_size=0.3, random_state=0, stratify=y)


class TestAccuracy:
    """On data that scikit-learn has in its package."""

    @pytest.mark.parametrize("kernel", [Exponential(2.0), Exponential(20.0)], ids=str)
    def test_interpolant(self, digits, kernel):
        X, X_test, y, y_test = digits
        model = EigenProClassifier(kernel=kernel, random_state=0).fit(X, y)
        assert model.score(X, y) == 1.0
        assert model.score(X_test, y_test) >= 0.978

    def test_defaults(self, digits):
        X, X_test, y, y_test = digits
        model = EigenProClassifier(random_state=0).fit(X, y)
        assert model.score(X_test, y_test) >= 0.978

    @pytest.mark.parametrize("polish", [False, True])
    def test_300_centers(self, digits, polish):
        X, X_test, y, y_test = digits
        model = EigenProClassifier(
            300, kernel=Exponential(2.0), polish=polish, random_state=0
        ).fit(X, y)
        assert model.score(X_test, y_test) >= 0.961
