"""KernelRiskEstimator: brute force, populations, measured errors, invariances."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone

from skkernels.kernels import RBF, Exponential
from skkernels.ridge import KernelRidge
from skkernels.spectral._kernel_risk_estimator import KernelRiskEstimator
from skkernels.spectral._risk import cost_of_overfitting, kernel_risk_curve

CASES = [
    # eigenvalues' and power's exponent, samples, alpha
    (1.3, 1.2, 60, 0.5),
    (1.5, 2.0, 80, 0.05),
    (1.3, 1.4, 50, 0.0),
]


def spectrum(b, g, n_modes=400):
    j = np.arange(1.0, n_modes + 1)
    return j**-b, j**-g


CURVES = (
    "alphas_",
    "loo_curve_",
    "kare_curve_",
    "train_mse_curve_",
    "kappa_curve_",
    "learnability_curve_",
    "overfitting_curve_",
    "noise_variance_",
    "estimated_test_mse_",
    "estimated_optimal_alpha_",
    "kappa_",
    "learnability_",
    "cost_of_overfitting_",
)


def make_data(n=80, seed=0):
    rng = np.random.RandomState(seed)
    X = rng.uniform(-2, 2, size=(n, 3))
    return X, np.sin(2 * X[:, 0]) + X[:, 1] + 0.3 * rng.normal(size=n)


def assert_same(first, second, rtol=1e-6, names=CURVES):
    for name in names:
        assert_allclose(
            getattr(first, name),
            getattr(second, name),
            rtol=rtol,
            atol=1e-12,
            err_msg=name,
        )


class TestKernelRiskEstimator:
    def test_definitions(self):
        X, y = make_data()
        kernel = Exponential()
        alphas = [1e-3, 0.1, 10.0]
        fit = KernelRiskEstimator(alphas, kernel=kernel).fit(X, y)
        K = kernel(X)
        for j, alpha in enumerate(alphas):
            R = np.linalg.inv(K + alpha * np.eye(80))
            trace = np.trace(R)
            kare = (y @ R @ R @ y / 80) / (trace / 80) ** 2
            S = K @ R
            train = ((y - S @ y) ** 2).mean()
            assert_allclose(fit.kare_curve_[j], kare)
            assert_allclose(kare, train / (1 - np.trace(S) / 80) ** 2)
            assert_allclose(fit.train_mse_curve_[j], train)
            assert_allclose(fit.kappa_curve_[j], 1 / trace)
            factor = 80 * np.trace(R @ R) / trace**2
            assert_allclose(fit.overfitting_curve_[j], factor)
            signal = (y @ y / 80) - fit.noise_variance_
            expected = 1 - (y @ R @ y / trace - fit.noise_variance_) / signal
            assert_allclose(fit.learnability_curve_[j], expected)
            left_out = (R @ y) / np.diag(R)
            assert_allclose(fit.loo_curve_[j], (left_out**2).mean())
        best = np.argmin(fit.loo_curve_)
        assert fit.estimated_optimal_alpha_ == alphas[best]
        assert fit.estimated_test_mse_ == fit.loo_curve_[best]
        assert fit.kappa_ == fit.kappa_curve_[best]
        inverse = np.linalg.inv(K)
        assert_allclose(
            fit.cost_of_overfitting_,
            80 * np.trace(inverse @ inverse) / np.trace(inverse) ** 2,
        )

    def test_interpolation_is_the_limit(self):
        X, y = make_data()
        fit = KernelRiskEstimator([0.0, 1e-10], kernel="exponential").fit(X, y)
        for name in ("loo", "kare", "kappa", "learnability", "overfitting"):
            zero, small = getattr(fit, f"{name}_curve_")
            assert_allclose(zero, small, rtol=1e-6)
        assert_allclose(fit.train_mse_curve_, 0.0, atol=1e-15)

    def test_interpolation_with_a_singular_matrix(self):
        X, y = make_data()
        fit = KernelRiskEstimator([0.0, 1e-9], kernel="linear").fit(X, y)
        coef, residual, *_ = np.linalg.lstsq(X, y, rcond=None)
        assert_allclose(fit.train_mse_curve_[0], residual[0] / 80)
        # Generalised cross-validation of least squares.
        assert_allclose(fit.kare_curve_[0], residual[0] / 80 / (1 - 3 / 80) ** 2)
        assert fit.kappa_curve_[0] == 0.0
        assert_allclose(fit.cost_of_overfitting_, 80 / 77)
        assert_allclose(fit.kare_curve_[1], fit.kare_curve_[0], rtol=1e-6)

    @pytest.mark.parametrize("b, g, n, alpha", CASES)
    def test_estimates_what_the_population_says(self, b, g, n, alpha):
        lam, power = spectrum(b, g)
        rng = np.random.RandomState(2)
        n, noise, fits = 2 * n, 0.05, []
        for _ in range(25):
            basis = rng.normal(size=(n, lam.size))
            y = basis @ np.sqrt(power) + np.sqrt(noise) * rng.normal(size=n)
            fit = KernelRiskEstimator(alpha, kernel="precomputed")
            fits.append(fit.fit((basis * lam) @ basis.T, y))
        risk = kernel_risk_curve(lam, power, n, alpha, noise_variance=noise)
        for name, value, bias in (
            ("estimated_test_mse_", risk.test_mse, 0.0),
            ("kappa_", risk.kappa, 0.01),
            ("cost_of_overfitting_", cost_of_overfitting(lam, n)[0], 0.02),
        ):
            values = np.array([getattr(fit, name) for fit in fits])
            # kappa and the cost scatter little: their bias is of the order 1 / n.
            allowed = 3 * values.std(ddof=1) / 5 + bias * value
            assert abs(values.mean() - value) < allowed, name

    def test_prediction_for_smaller_samples(self):
        lam, power = spectrum(1.5, 2.0)
        rng = np.random.RandomState(3)
        sizes, predictions = np.array([20, 40, 80]), []
        for _ in range(8):
            basis = rng.normal(size=(400, lam.size))
            y = basis @ np.sqrt(power) + 0.3 * rng.normal(size=400)
            fit = KernelRiskEstimator(kernel="precomputed")
            fit.fit((basis * lam) @ basis.T, y)
            spectra = fit.eigenvalues_, fit.target_power_
            predictions.append(
                kernel_risk_curve(
                    *spectra, sizes, 0.1, noise_variance=fit.noise_variance_
                ).test_mse
            )
        truth = kernel_risk_curve(lam, power, sizes, 0.1, noise_variance=0.09).test_mse
        assert_allclose(np.mean(predictions, axis=0), truth, rtol=0.1)

    def test_measured_error(self):
        at = np.array([10, 20, 25, 32, 40])
        estimated, kare, measured = [], [], []
        for seed in range(6):
            X, y = make_data(700, seed)
            train, test = slice(0, 200), slice(200, None)
            fit = KernelRiskEstimator().fit(X[train], y[train])
            models = [KernelRidge(a, kernel="rbf", gamma="scale") for a in fit.alphas_]
            errors = [
                models[j].fit(X[train], y[train]).predict(X[test]) - y[test] for j in at
            ]
            measured.append((np.array(errors) ** 2).mean(axis=1))
            estimated.append(fit.loo_curve_[at])
            kare.append(fit.kare_curve_[at])
            assert abs(fit.noise_variance_ - 0.09) < 0.04
            assert 0.9 < fit.learnability_ <= 1.0
        difference = np.log(estimated) - np.log(measured)
        error = difference.std(axis=0, ddof=1) / np.sqrt(6)
        # One sample less: the errors are those of 199.
        assert (np.abs(difference.mean(axis=0)) < 3 * error + 0.02).all()
        # Samples at the faces of the cube have more leverage than others.
        ratio = np.mean(kare, axis=0) / np.mean(measured, axis=0)
        assert ratio[0] < 0.6 and ratio[-1] > 0.9

    def test_leave_one_out_of_weighted_samples(self):
        X, y = make_data(25)
        weights = np.tile([0.3, 1.0, 2.0, 3.0, 1.0], 5)
        fit = KernelRiskEstimator(0.5, kernel="exponential").fit(X, y, weights)
        errors = []
        for i in range(25):
            less = weights.copy()
            less[i] = max(less[i] - 1.0, 0.0)
            model = KernelRidge(0.5, kernel=fit.kernel_).fit(X, y, less)
            errors.append((model.predict(X[i : i + 1])[0] - y[i]) ** 2)
        assert_allclose(fit.loo_curve_[0], np.average(errors, weights=weights))

    @pytest.mark.parametrize("precomputed", [False, True])
    def test_weights_are_repetitions(self, precomputed):
        X, y = make_data(60)
        weights = np.random.RandomState(1).randint(0, 3, 60)
        rows = np.repeat(np.arange(60), weights)
        estimator = KernelRiskEstimator([0.0, 1e-2, 1.0], kernel="exponential")
        if precomputed:
            estimator.set_params(kernel="precomputed")
            X = Exponential()(X)
            repeated = X[np.ix_(rows, rows)]
        else:
            repeated = X[rows]
        weighted = clone(estimator).fit(X, y, sample_weight=weights)
        assert_same(weighted, estimator.fit(repeated, y[rows]))
        kept = weighted.eigenvalues_.size
        assert_allclose(estimator.eigenvalues_[:kept], weighted.eigenvalues_)
        assert_allclose(estimator.eigenvalues_[kept:], 0.0, atol=1e-15)

    def test_no_degrees_of_freedom(self):
        X, y = make_data(30)
        estimator = KernelRiskEstimator([1e-6, 10.0])
        with pytest.warns(UserWarning, match="sample_weight adds up to 15, less than"):
            fit = estimator.fit(X, y, sample_weight=0.5)
        assert_array_equal(np.isnan(fit.kare_curve_), [True, False])
        assert np.isnan(fit.cost_of_overfitting_)

    def test_weights_that_warn(self):
        X, y = make_data(30)
        estimator = KernelRiskEstimator()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for weights in (np.ones(30), np.repeat([0.5, 1.5], 15), np.arange(30) % 2):
                estimator.fit(X, y, sample_weight=weights)
        with pytest.warns(UserWarning, match="adds up to 1, less than the 30 samples"):
            estimator.fit(X, y, sample_weight=np.full(30, 1 / 30))

    def test_indefinite_kernel(self):
        X, y = make_data(30)
        K = np.tanh(X @ X.T + 1.0)
        t, V = np.linalg.eigh(K)
        estimator = KernelRiskEstimator([0.1, 1.0], kernel="precomputed")
        with pytest.warns(UserWarning, match="not positive semi-definite") as record:
            estimator.fit(K, y)
        (warning,) = record
        for value in (t[0] / 30, t[-1] / 30):
            assert f"{value:.3g}" in str(warning.message)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            positive = clone(estimator).fit(V * np.maximum(t, 0) @ V.T, y)
        assert_same(estimator, positive)

    def test_integers_with_many_values(self):
        X, y = make_data(60)
        for values, target_type, warns in [
            (np.arange(60), "auto", True),
            (np.arange(60) % 20, "auto", False),
            (np.arange(60), "classification", False),
            (np.arange(60), "regression", False),
            (np.arange(60).astype(str), "auto", False),
        ]:
            estimator = KernelRiskEstimator(1.0, target_type=target_type)
            with warnings.catch_warnings(record=True) as record:
                warnings.simplefilter("always")
                estimator.fit(X, values)
            messages = [str(w.message) for w in record]
            assert len(messages) == warns
            assert all("target_type='regression'" in m for m in messages)

    def test_leverage_of_one(self):
        K = np.diag([1.0, 2.0, 0.0, 0.0])
        fit = KernelRiskEstimator([0.0, 1.0], kernel="precomputed").fit(K, np.ones(4))
        # The first samples are fitted by themselves, the others not at all.
        assert_array_equal(np.isnan(fit.loo_curve_), [True, False])
        assert_allclose(fit.loo_curve_[1], 1.0)
        assert fit.estimated_optimal_alpha_ == 1.0
        fit = KernelRiskEstimator(0.0, kernel="precomputed").fit(K, np.ones(4))
        assert np.isnan(fit.estimated_optimal_alpha_)
        identity = np.diag([1.0, 2.0, 3.0, 4.0])
        fit.fit(identity, np.ones(4))
        assert_allclose(fit.loo_curve_, 1.0)

    def test_order_of_rows(self):
        X, y = make_data()
        X = np.round(X)  # equal rows and multiple eigenvalues
        order = np.random.RandomState(0).permutation(80)
        first = KernelRiskEstimator([1e-2, 1.0]).fit(X, y)
        second = KernelRiskEstimator([1e-2, 1.0]).fit(X[order], y[order])
        assert_same(first, second)
        assert_allclose(first.target_power_, second.target_power_, atol=1e-9)

    def test_scales(self):
        X, y = make_data()
        kernel = RBF()
        fit = KernelRiskEstimator([0.01, 1.0], kernel=kernel).fit(X, y)
        other = KernelRiskEstimator([0.02, 2.0], kernel=2.0 * kernel).fit(X, 3 * y)
        assert_allclose(other.kare_curve_, 9 * fit.kare_curve_)
        assert_allclose(other.kappa_curve_, 2 * fit.kappa_curve_)
        same = ("learnability_curve_", "overfitting_curve_")
        assert_same(fit, other, names=same)

    def test_targets_and_labels(self):
        X, y = make_data()
        codes = np.digitize(y, [-0.5, 0.5])
        fit = KernelRiskEstimator([0.1, 1.0]).fit(X, codes)
        assert_array_equal(fit.classes_, [0, 1, 2])
        assert fit.kare_curve_.shape == (2, 3)
        for c in range(3):
            alone = KernelRiskEstimator([0.1, 1.0]).fit(
                X, np.where(codes == c, 1.0, -1.0)
            )
            assert alone.classes_ is None
            assert_allclose(fit.kare_curve_[:, c], alone.kare_curve_)
            assert_allclose(fit.target_power_[:, c], alone.target_power_)
        total = fit.loo_curve_.sum(axis=1)
        assert fit.estimated_optimal_alpha_ == fit.alphas_[total.argmin()]
        two = KernelRiskEstimator().fit(X, codes > 0)
        assert isinstance(two.estimated_test_mse_, float)
        assert two.kare_curve_.ndim == 1

    def test_intercept(self):
        X, y = make_data()
        weights = np.random.RandomState(0).uniform(0.5, 2, 80)
        fit = KernelRiskEstimator(fit_intercept=True).fit(X, y + 10, weights)
        centred = y - np.average(y, weights=weights)
        assert_same(fit, KernelRiskEstimator().fit(X, centred, weights))

    def test_storage(self):
        X, y = make_data()
        X[X < 0] = 0
        dense = KernelRiskEstimator().fit(X, y)
        assert_same(dense, KernelRiskEstimator().fit(sp.csr_array(X), y))

    def test_constant_target(self):
        X, _ = make_data()
        fit = KernelRiskEstimator(fit_intercept=True).fit(X, np.ones(80))
        assert_allclose(fit.kare_curve_, 0.0, atol=1e-20)
        assert np.isnan(fit.learnability_)

    def test_memory(self):
        X, y = make_data(500)
        with config_context(working_memory=3):
            with pytest.raises(ValueError, match="500 x 500.*fewer rows"):
                KernelRiskEstimator().fit(X, y)

    @pytest.mark.parametrize("alphas", [-1.0, [-1.0], [np.inf], [[1.0]], []])
    def test_bad_alphas(self, alphas):
        with pytest.raises(ValueError, match="alphas"):
            KernelRiskEstimator(alphas).fit(*make_data())
