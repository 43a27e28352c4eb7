"""SmoothnessEstimator: known exponents, brute force, invariances, edge cases."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import approx_fprime
from sklearn import config_context
from sklearn.base import clone

from skkernels.kernels import Exponential, Matern
from skkernels.spectral._power_law import (
    _Likelihood,
    fit_plain,
    fit_with_noise,
    log_slope,
)
from skkernels.spectral._risk import kernel_risk_curve
from skkernels.spectral._smoothness_estimator import SmoothnessEstimator

ATTRIBUTES = (
    "smoothness_",
    "smoothness_interval_",
    "eigenvalue_decay_",
    "coefficient_decay_",
    "eigenvalues_",
    "coefficients_",
    "noise_variance_",
    "n_signal_modes_",
    "suggested_alpha_",
    "suggested_time_",
    "expected_rate_",
)


def make_data(n=120, seed=0, n_targets=None):
    rng = np.random.RandomState(seed)
    X = rng.uniform(size=(n, 2))
    y = np.sign(X[:, 0] - 0.4) + X[:, 1] + 0.1 * rng.normal(size=n)
    if n_targets:
        y = y[:, None] + rng.normal(size=(n, n_targets)) * X[:, :1]
    return X, y


def assert_same(first, second, rtol=1e-5, names=ATTRIBUTES):
    for name in names:
        assert_allclose(
            getattr(first, name), getattr(second, name), rtol, 1e-20, err_msg=name
        )


def mercer(n, b, g, noise, seed):
    """A kernel matrix with eigenvalues j ** -b, values of a function j ** -g."""
    rng = np.random.RandomState(seed)
    j = np.arange(1.0, 801)
    x = rng.uniform(size=(n, 1))
    basis = np.sqrt(2.0) * np.cos(np.pi * j * x)
    values = basis @ (rng.choice([-1.0, 1.0], j.size) * j**-g)
    values /= np.sqrt((j ** (-2.0 * g)).sum())
    return (basis * j**-b) @ basis.T, values + noise * rng.normal(size=n)


class TestPowerLaw:
    def power(self, c, g, noise, n, n_modes):
        """Mean power of the model as shares, all modes adding up to one."""
        mean = (c * np.arange(1.0, n + 1) ** (-2 * g) + noise) / n
        return (mean / mean.sum())[:n_modes], mean.sum()

    @pytest.mark.parametrize("g", [0.6, 1.0, 2.5])
    def test_the_model_itself_is_found(self, g):
        power, total = self.power(300.0, g, 0.2, 2000, 150)
        law = fit_with_noise(power, 2000.0)
        # The sum over the rest is an integral, by the midpoint rule.
        assert_allclose(law.slope, 2 * g, rtol=1e-4)
        assert_allclose(law.noise * total, 0.2, rtol=1e-4)
        assert_allclose(law.dof, law.weights.sum() - 2)
        assert_allclose(
            law.weights,
            (1 - 0.2 / 2000 / total / power) ** 2,
            rtol=1e-3,
            atol=1e-6,
        )

    def test_gradient(self):
        rng = np.random.RandomState(0)
        likelihood = _Likelihood(rng.chisquare(1, 60) / 80, 80.0)
        for _ in range(5):
            theta = rng.uniform([-2, 0.1, -4], [3, 4, 0])
            numeric = approx_fprime(theta, lambda t: likelihood(t)[0], 1e-7)
            assert_allclose(likelihood(theta)[1], numeric, rtol=1e-5, atol=1e-5)

    def test_estimates_are_unbiased_and_know_their_error(self):
        rng = np.random.RandomState(0)
        mean, _ = self.power(300.0, 1.0, 0.3, 1000, 1000)
        slopes, errors, covered = [], [], []
        for _ in range(150):
            power = mean * rng.chisquare(1, mean.size)
            law = fit_with_noise(power[:125] / power.sum(), 1000.0)
            low, high = law.interval()
            slopes.append(law.slope)
            errors.append(law.error)
            covered.append(low < 2.0 < high)
        spread = np.std(slopes)
        # The bias of order 1 / n_signal_modes is below the standard error of one fit.
        assert abs(np.mean(slopes) - 2.0) < 4 * spread / np.sqrt(150) + 0.05 * spread
        assert 0.8 < np.median(errors) / spread < 1.25
        # Standard error of the share: sqrt(.95 * .05 / 150) = .018.
        assert np.mean(covered) > 0.95 - 3 * 0.018

    def test_plain_fit_is_least_squares(self):
        rng = np.random.RandomState(0)
        power = np.arange(1, 31.0) ** -1.7 * rng.uniform(0.5, 2, 30)
        x = np.log(np.arange(1, 31))
        (slope, _), covariance = np.polyfit(x, np.log(power), 1, cov="unscaled")
        residual = np.log(power) - np.polyval(np.polyfit(x, np.log(power), 1), x)
        law = fit_plain(power / power.sum(), 500.0)
        assert_allclose(law.slope, -slope)
        assert_allclose(law.error, np.sqrt(covariance[0, 0] * (residual**2).sum() / 28))
        assert_allclose(law.noise, 0.0, atol=1e-12)

    def test_weighted_slope(self):
        rng = np.random.RandomState(1)
        values, weights = rng.uniform(1, 2, 20), rng.uniform(0, 1, 20)
        expected = np.polyfit(np.log(np.arange(1, 21)), np.log(values), 1, w=weights)[0]
        assert_allclose(log_slope(values, weights**2)[0], expected)

    def test_no_noise_and_no_signal(self):
        j = np.arange(1.0, 41.0)
        law = fit_with_noise(j**-3 / (j**-3).sum(), 40.0)
        assert_allclose(law.slope, 3.0, rtol=1e-4)
        assert law.noise < 1e-6
        flat = fit_with_noise(np.full(40, 1 / 400.0), 400.0)
        assert flat.weights.sum() < 1e-2 or flat.slope < 1e-2


class TestKnownExponents:
    @pytest.mark.parametrize("b, g, noise", [(2, 1, 0.1), (2, 0.8, 0.5), (1.5, 1, 0.1)])
    def test_mercer_kernel(self, b, g, noise):
        fits = [
            SmoothnessEstimator(kernel="precomputed").fit(*mercer(400, b, g, noise, s))
            for s in range(16)
        ]
        s = np.array([fit.smoothness_ for fit in fits])
        truth = (2 * g - 1) / b
        assert abs(s.mean() - truth) < 3 * s.std(ddof=1) / 4
        inside = [f.smoothness_interval_ for f in fits]
        assert sum(low < truth < high for low, high in inside) >= 13
        assert_allclose(np.mean([f.eigenvalue_decay_ for f in fits]), b, rtol=0.05)
        estimated = [f.noise_variance_ for f in fits]
        assert abs(np.mean(estimated) - noise**2) < max(0.1 * noise**2, 4e-3)

    def minimum_kernel(self, n, seed, noise):
        rng = np.random.RandomState(seed)
        x = rng.uniform(size=n)
        values = np.cos(2 * np.pi * x)
        K = np.minimum.outer(x, x)
        if noise is None:  # labels
            return K, np.where(rng.uniform(size=n) < (1 + values) / 2, 1.0, -1.0)
        return K, values + noise * rng.normal(size=n)

    def population(self, n, n_modes, noise):
        """The estimate from the exact spectrum of min(x, z) and cos(2 pi x)."""
        a = (np.arange(1, n + 1) - 0.5) * np.pi
        power = 2 * a**2 / (a**2 - 4 * np.pi**2) ** 2
        energy = power.sum() + noise
        law = fit_with_noise((power[:n_modes] + noise / n) / energy, float(n))
        b = -log_slope(a[:n_modes] ** -2, law.weights)[0]
        return (law.slope - 1) / b

    def test_minimum_kernel_in_the_population(self):
        # b = 2 and g = 1, but the leading coefficients of the cosine are larger than
        # the power law says. The more modes are seen, the less they matter.
        errors = [
            self.population(n, n_modes, 0.01) - 0.5
            for n, n_modes in ((800, 100), (8_000, 1_000), (800_000, 10_000))
        ]
        assert errors[0] < 0.12
        assert errors[0] > 1.5 * errors[1] > 2.25 * errors[2] > 0
        assert errors[2] < 0.02

    def test_minimum_kernel_in_samples(self):
        n = 800
        fits = [
            SmoothnessEstimator(kernel="precomputed", fit_intercept=False).fit(
                *self.minimum_kernel(n, seed, 0.1)
            )
            for seed in range(12)
        ]
        s = np.array([fit.smoothness_ for fit in fits])
        expected = self.population(n, 100, 0.01)
        assert abs(s.mean() - expected) < 3 * s.std(ddof=1) / np.sqrt(12)
        assert abs(s.mean() - 0.5) < 0.2

    def test_labels_are_noisy_and_truncation_sees_the_noise(self):
        corrected, truncated = [], []
        for seed in range(8):
            K, y = self.minimum_kernel(600, seed, None)
            options = {"kernel": "precomputed", "target_type": "classification"}
            fit = SmoothnessEstimator(**options).fit(K, y)
            corrected.append(fit.smoothness_)
            # The mean of 1 - cos^2.
            assert abs(fit.noise_variance_ - 0.5) < 0.12
            fit = SmoothnessEstimator("truncation", n_modes=100, **options).fit(K, y)
            truncated.append(fit.smoothness_)
        assert abs(np.mean(corrected) - 0.5) < abs(np.mean(truncated) - 0.5)
        assert np.mean(truncated) < 0.25


class TestBruteForce:
    @pytest.mark.parametrize("method", ["truncation", "envelope"])
    def test_methods_without_noise(self, method):
        X, y = make_data()
        kernel = Exponential(length_scale=0.5)
        fit = SmoothnessEstimator(
            method, kernel=kernel, n_modes=20, fit_intercept=False
        ).fit(X, y)
        values, vectors = np.linalg.eigh(kernel(X) / 120)
        lam, p = values[::-1][:20], ((vectors.T @ y) ** 2 / 120)[::-1][:20]
        assert_allclose(fit.eigenvalues_, lam)
        assert_allclose(fit.coefficients_, p)
        if method == "envelope":
            p = np.array([p[j:].max() for j in range(20)])
        x = np.log(np.arange(1, 21))
        b, g = -np.polyfit(x, np.log(lam), 1)[0], -np.polyfit(x, np.log(p), 1)[0] / 2
        assert_allclose(fit.eigenvalue_decay_, b)
        assert_allclose(fit.coefficient_decay_, g)
        assert_allclose(fit.smoothness_, (2 * g - 1) / b)

    def test_suggestions(self):
        X, y = make_data()
        fit = SmoothnessEstimator().fit(X, y)
        s, b = np.clip(fit.smoothness_, 0.05, 2), fit.eigenvalue_decay_
        largest = np.linalg.eigvalsh(fit.kernel_(X))[-1]
        ratio = fit.noise_variance_ / (y.var() - fit.noise_variance_) / 120
        assert_allclose(fit.suggested_alpha_, largest * ratio ** (b / (s * b + 1)))
        assert_allclose(fit.suggested_time_, 120 / fit.suggested_alpha_)
        assert_allclose(fit.expected_rate_, s * b / (s * b + 1))
        labels = SmoothnessEstimator().fit(X, y > 0)
        s, b = np.clip(labels.smoothness_, 0.05, 2), labels.eigenvalue_decay_
        assert_allclose(labels.expected_rate_, 0.5 * s * b / (s * b + 1))

    @pytest.mark.parametrize("b, g, noise", [(2, 1, 0.1), (2, 0.8, 1), (1.5, 1.5, 0.7)])
    def test_suggestion_is_nearly_optimal(self, b, g, noise):
        n = 400
        K, y = mercer(n, b, g, noise, 0)
        fit = SmoothnessEstimator(kernel="precomputed").fit(K, y)
        j = np.arange(1.0, 801)
        lam, power = j**-b, j ** (-2 * g)
        alphas = np.append(fit.suggested_alpha_, np.geomspace(1e-6, 1e3, 100))
        risk = kernel_risk_curve(
            lam, power / power.sum(), n, alphas, noise_variance=noise**2
        )
        excess = risk.test_mse - noise**2
        assert excess[0] < 1.25 * excess.min()

    def test_power_adds_up(self):
        X, y = make_data(40)
        fit = SmoothnessEstimator(n_modes=40).fit(X, y)
        assert fit.n_modes_ == 40
        assert_allclose(fit.coefficients_.sum(), y.var())


class TestInvariance:
    @pytest.mark.parametrize("method", ["corrected", "truncation", "envelope"])
    @pytest.mark.parametrize("precomputed", [False, True])
    def test_weights_are_repetitions(self, method, precomputed):
        X, y = make_data(90)
        weights = np.random.RandomState(1).randint(0, 4, 90)
        rows = np.repeat(np.arange(90), weights)
        estimator = SmoothnessEstimator(method)
        if precomputed:
            estimator.set_params(kernel="precomputed")
            X = Exponential()(X)
            repeated = X[np.ix_(rows, rows)]
        else:
            repeated = X[rows]
        weighted = clone(estimator).fit(X, y, sample_weight=weights)
        assert_same(weighted, estimator.fit(repeated, y[rows]))

    def test_order_of_rows(self):
        X, y = make_data()
        order = np.random.RandomState(1).permutation(120)
        assert_same(
            SmoothnessEstimator().fit(X, y),
            SmoothnessEstimator().fit(X[order], y[order]),
        )

    @pytest.mark.parametrize("n_modes", [10, 11, 12])
    def test_order_of_rows_with_multiple_eigenvalues(self, n_modes):
        # On a circle of equidistant points, eigenvalues come in pairs.
        angle = 2 * np.pi * np.arange(64) / 64
        X = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        y = np.sign(np.sin(angle + 0.1)) + 0.1 * np.random.RandomState(0).normal(
            size=64
        )
        order = np.random.RandomState(1).permutation(64)
        estimator = SmoothnessEstimator(n_modes=n_modes, kernel="matern")
        fit = clone(estimator).fit(X, y)
        assert fit.n_modes_ == (11 if n_modes > 10 else 9)
        assert_same(fit, estimator.fit(X[order], y[order]))

    def test_scale_and_mean_of_y_scale_of_the_kernel(self):
        X, y = make_data()
        kernel = Matern(nu=1.2)
        fit = SmoothnessEstimator(kernel=kernel).fit(X, y)
        other = SmoothnessEstimator(kernel=5.0 * kernel).fit(X, 7.0 * y + 1000.0)
        same = ("smoothness_", "smoothness_interval_", "expected_rate_")
        assert_same(fit, other, names=same)
        assert_allclose(other.coefficients_, 49 * fit.coefficients_, rtol=1e-6)
        assert_allclose(other.noise_variance_, 49 * fit.noise_variance_, rtol=1e-4)
        assert_allclose(other.suggested_alpha_, 5 * fit.suggested_alpha_, rtol=1e-5)

    def test_targets_are_fitted_one_by_one(self):
        X, Y = make_data(n_targets=3)
        together = SmoothnessEstimator().fit(X, Y)
        assert together.smoothness_.shape == (3,)
        assert together.smoothness_interval_.shape == (3, 2)
        for j in range(3):
            alone = SmoothnessEstimator().fit(X, Y[:, j])
            assert_allclose(together.smoothness_[j], alone.smoothness_, rtol=1e-5)
            assert_allclose(together.coefficients_[:, j], alone.coefficients_)

    def test_labels_are_columns(self):
        X, y = make_data()
        codes = np.digitize(y, np.quantile(y, [0.3, 0.7]))
        names = np.array(["a", "b", "c"])
        fit = SmoothnessEstimator().fit(X, names[codes])
        assert_array_equal(fit.classes_, names)
        columns = np.where(codes[:, None] == np.arange(3), 1.0, -1.0)
        expected = SmoothnessEstimator().fit(X, columns)
        assert expected.classes_ is None
        assert_same(fit, expected, names=ATTRIBUTES[:-1])
        two = SmoothnessEstimator().fit(X, names[np.minimum(codes, 1)])
        signs = np.where(codes > 0, 1.0, -1.0)
        assert isinstance(two.smoothness_, float)
        assert_same(two, SmoothnessEstimator().fit(X, signs), names=ATTRIBUTES[:-1])

    def test_target_type(self):
        X, y = make_data()
        whole = np.round(3 * y).astype(int)
        as_values = SmoothnessEstimator(target_type="regression").fit(X, whole)
        assert as_values.classes_ is None
        assert_same(as_values, SmoothnessEstimator().fit(X, whole.astype(float)))
        as_labels = SmoothnessEstimator(target_type="classification")
        assert as_labels.fit(X, whole.astype(float)).classes_.size > 3
        with pytest.raises(ValueError, match="one dimension"):
            as_labels.fit(X, np.stack([whole, whole], axis=1))


class TestSolvers:
    def test_lanczos(self):
        X, y = make_data(300)
        weights = np.random.RandomState(0).uniform(0.5, 2, 300)
        options = {"n_modes": 25, "random_state": 0}
        direct = SmoothnessEstimator(solver="eigh", **options).fit(X, y, weights)
        lanczos = SmoothnessEstimator(solver="lanczos", **options).fit(X, y, weights)
        assert (direct.solver_, lanczos.solver_) == ("eigh", "lanczos")
        # Errors of eigenvectors are the tolerance over the relative gaps.
        assert_same(direct, lanczos, rtol=1e-3)
        assert_allclose(direct.eigenvalues_, lanczos.eigenvalues_, rtol=1e-6)

    def test_memory(self):
        X, y = make_data(500)
        with config_context(working_memory=1):
            fit = SmoothnessEstimator(n_modes=10, random_state=0).fit(X, y)
            assert fit.solver_ == "lanczos"
            with pytest.raises(ValueError, match="500 x 500.*solver='lanczos'"):
                SmoothnessEstimator(solver="eigh").fit(X, y)

    def test_storage_and_precision(self):
        X, y = make_data()
        X[X < 0.3] = 0
        dense = SmoothnessEstimator().fit(X, y)
        assert_same(dense, SmoothnessEstimator().fit(sp.csr_array(X), y))
        single = SmoothnessEstimator().fit(X.astype(np.float32), y.astype(np.float32))
        assert_same(dense, single, rtol=1e-3)


class TestEdges:
    def test_constant_target(self):
        X, y = make_data(n_targets=2)
        y[:, 1] = 3.0
        with pytest.warns(UserWarning, match="1 of 2 targets"):
            fit = SmoothnessEstimator().fit(X, y)
        assert np.isfinite(fit.smoothness_[0]) and np.isnan(fit.smoothness_[1])
        assert np.isfinite(fit.suggested_alpha_)

    def test_pure_noise(self):
        X = make_data()[0]
        with pytest.warns(UserWarning, match="says little"):
            SmoothnessEstimator().fit(X, np.random.RandomState(7).normal(size=120))

    def test_few_positive_eigenvalues(self):
        X, y = make_data()
        with pytest.warns(UserWarning, match="says little"):
            fit = SmoothnessEstimator(kernel="linear").fit(X, y)
        assert fit.n_modes_ == 2 and np.isnan(fit.smoothness_)
        assert np.isnan(fit.suggested_alpha_)

    @pytest.mark.parametrize(
        "params, match",
        [
            ({"method": "best"}, "method"),
            ({"n_modes": 2}, "n_modes"),
            ({"solver": "svd"}, "solver"),
            ({"target_type": "labels"}, "target_type"),
        ],
    )
    def test_parameters(self, params, match):
        with pytest.raises(ValueError, match=f"'{match}' parameter"):
            SmoothnessEstimator(**params).fit(*make_data())

    def test_refused_input(self):
        X, y = make_data()
        with pytest.raises(ValueError, match="one class"):
            SmoothnessEstimator().fit(X, np.ones(120, dtype=int))
        with pytest.raises(TypeError, match="dense"):
            SmoothnessEstimator().fit(X, sp.csr_array(y[:, None]))
        with pytest.raises(ValueError, match="square"):
            SmoothnessEstimator(kernel="precomputed").fit(X, y)

    def test_failed_fit_changes_nothing(self):
        X, y = make_data()
        fit = SmoothnessEstimator().fit(X, y)
        before = dict(fit.__dict__)
        with pytest.raises(ValueError):
            fit.fit(X[:, :1], np.ones(120, dtype=int))
        assert fit.__dict__ == before
