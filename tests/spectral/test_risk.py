"""Errors predicted from spectra: against simulations, closed forms and brute force."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skkernels.kernels import Exponential
from skkernels.spectral._risk import (
    cost_of_overfitting,
    kernel_risk_curve,
    random_features_risk,
    solve_kappa,
    spectral_filter_risk,
)

CASES = [
    # eigenvalues' and power's exponent, samples, alpha
    (1.3, 1.2, 60, 0.5),
    (1.5, 2.0, 80, 0.05),
    (1.3, 1.4, 50, 0.0),
]


def spectrum(b, g, n_modes=400):
    j = np.arange(1.0, n_modes + 1)
    return j**-b, j**-g


class TestKappa:
    @pytest.mark.parametrize("scale", [1e-200, 1e-12, 1.0, 1e9])
    @pytest.mark.parametrize("n", [1.0, 20, 99.5, 1000])
    @pytest.mark.parametrize("delta", [0.0, 1e-9, 1.0, 1e6])
    def test_equation(self, scale, n, delta):
        rng = np.random.RandomState(0)
        lam = scale * np.append(rng.lognormal(sigma=4, size=150), [0.0, 0.0])
        kappa = solve_kappa(lam, n, scale * delta)
        if delta == 0 and n >= 150:
            assert kappa == 0.0
            return
        value = (lam / (lam + kappa)).sum() + scale * delta / kappa
        assert_allclose(value, n, rtol=1e-11)

    def test_closed_form(self):
        # m equal eigenvalues: a quadratic equation.
        m, n, lam, delta = 50, 20, 0.3, 0.7
        b = n * lam - m * lam - delta
        expected = (-b + np.sqrt(b * b + 4 * n * delta * lam)) / (2 * n)
        assert_allclose(solve_kappa(np.full(m, lam), n, delta), expected)

    def test_no_spectrum(self):
        assert solve_kappa(np.zeros(3), 5, 0.0) == 0.0
        assert_allclose(solve_kappa(np.zeros(3), 5, 2.0), 0.4)


class TestKernelRisk:
    @pytest.mark.parametrize("b, g, n, alpha", CASES)
    def test_simulation(self, b, g, n, alpha):
        lam, power = spectrum(b, g)
        v, noise = np.sqrt(power), 0.05
        rng = np.random.RandomState(0)
        runs = []
        for _ in range(150):
            basis = rng.normal(size=(n, lam.size))
            y = basis @ v + np.sqrt(noise) * rng.normal(size=n)
            K = (basis * lam) @ basis.T
            coef = np.linalg.solve(K + alpha * np.eye(n), y)
            learned = lam * (basis.T @ coef)
            train = ((y - K @ coef) ** 2).mean()
            runs.append([((v - learned) ** 2).sum() + noise, train, learned @ v])
        runs = np.array(runs)
        error = 3 * runs.std(axis=0) / np.sqrt(len(runs)) + 1e-12
        risk = kernel_risk_curve(lam, power, n, alpha, noise_variance=noise)
        predicted = [risk.test_mse, risk.train_mse, risk.learnability * power.sum()]
        assert (np.abs(runs.mean(axis=0) - predicted) < error).all()

    def test_definition(self):
        lam, power = spectrum(1.5, 1.2)
        n, alpha, noise = 40, 0.2, 0.3
        risk = kernel_risk_curve(lam, power, n, alpha, noise_variance=noise)
        L = lam / (lam + risk.kappa)
        E = n / (n - (L**2).sum())
        assert_allclose(risk.overfitting, E)
        assert_allclose(risk.test_mse, E * (((1 - L) ** 2 * power).sum() + noise))
        margin = alpha / (n * risk.kappa)
        assert_allclose(risk.train_mse, margin**2 * risk.test_mse)
        assert_allclose(risk.learnability, (L * power).sum() / power.sum())

    def test_factor_is_a_derivative(self):
        lam, power = spectrum(1.5, 1.2)
        up, down = (solve_kappa(lam, 30, 0.1 * (1 + h)) for h in (1e-5, -1e-5))
        risk = kernel_risk_curve(lam, power, 30, 0.1)
        assert_allclose(risk.overfitting, 30 * (up - down) / (0.2 * 1e-5), rtol=1e-7)

    def test_learned_modes_are_conserved(self):
        lam = spectrum(1.2, 1.0)[0]
        for n in (1, 10, 100):
            for alpha, room in ((0.0, 1e-9), (0.1, n)):
                risk = kernel_risk_curve(lam, lam, n, alpha)
                learned = (lam / (lam + risk.kappa)).sum()
                assert n - room <= learned <= n * (1 + 1e-9)

    def test_fewer_modes_than_samples(self):
        lam = np.array([1.0, 0.5, 0.0])
        risk = kernel_risk_curve(lam, [0.3, 0.2, 0.1], 10, 0.0, noise_variance=0.4)
        assert risk.kappa == 0.0
        assert_allclose(risk.overfitting, 10 / 8)
        assert_allclose(risk.test_mse, 10 / 8 * 0.5)
        assert_allclose(risk.train_mse, 8 / 10 * 0.5)
        assert_allclose(risk.learnability, 0.5 / 0.6)
        small = kernel_risk_curve(lam, [0.3, 0.2, 0.1], 10, 1e-12, noise_variance=0.4)
        assert_allclose(small, risk, atol=1e-11)

    def test_as_many_modes_as_samples(self):
        risk = kernel_risk_curve(np.ones(5), np.ones(5), 5, 0.0, noise_variance=0.1)
        assert risk.test_mse == np.inf and risk.overfitting == np.inf
        clean = kernel_risk_curve(np.ones(5), np.ones(5), 5, 0.0)
        assert clean.test_mse == 0.0

    def test_shapes(self):
        lam, power = spectrum(1.5, 1.2, 30)
        assert np.ndim(kernel_risk_curve(lam, power, 10, 0.1).test_mse) == 0
        n, alpha = [[5], [10], [20]], [0.0, 0.1]
        grid = kernel_risk_curve(lam, power, n, alpha)
        for values in grid:
            assert values.shape == (3, 2)
        one = kernel_risk_curve(lam, power, 20, 0.1)
        assert_allclose([values[2, 1] for values in grid], one)
        two = kernel_risk_curve(
            lam, np.stack([power, lam], axis=1), n, alpha, noise_variance=[0.0, 1.0]
        )
        assert two.test_mse.shape == two.learnability.shape == (3, 2, 2)
        assert two.kappa.shape == (3, 2)
        assert_allclose(two.test_mse[..., 0], grid.test_mse)

    def test_scales(self):
        lam, power = spectrum(1.5, 1.2)
        risk = kernel_risk_curve(lam, power, 30, 0.1, noise_variance=0.2)
        other = kernel_risk_curve(3 * lam, 4 * power, 30, 0.3, noise_variance=0.8)
        assert_allclose(other.test_mse, 4 * risk.test_mse)
        assert_allclose(other.train_mse, 4 * risk.train_mse)
        assert_allclose(other.kappa, 3 * risk.kappa)
        assert_allclose(other[3:], risk[3:])

    def test_no_power(self):
        lam = spectrum(1.5, 1.0)[0]
        risk = kernel_risk_curve(lam, np.zeros_like(lam), 30, 0.1, noise_variance=1)
        assert np.isnan(risk.learnability)
        assert_allclose(risk.test_mse, risk.overfitting)

    @pytest.mark.parametrize(
        "args, match",
        [
            (([-1.0], [1.0], 5, 0.1), "eigenvalues"),
            (([[1.0]], [1.0], 5, 0.1), "eigenvalues"),
            (([1.0], [1.0, 2.0], 5, 0.1), "power"),
            (([1.0], [np.nan], 5, 0.1), "power"),
            (([1.0], [1.0], 0, 0.1), "n_samples"),
            (([1.0], [1.0], 5, -0.1), "alpha"),
        ],
    )
    def test_bad_input(self, args, match):
        with pytest.raises(ValueError, match=match):
            kernel_risk_curve(*args)
        with pytest.raises(ValueError, match="noise_variance"):
            kernel_risk_curve([1.0], [1.0], 5, 0.1, noise_variance=[1.0, 2.0])


class TestRandomFeatures:
    @pytest.mark.parametrize(
        "n, k, alpha", [(100, 70, 0.5), (90, 180, 0.05), (60, 150, 0.0), (150, 60, 0.0)]
    )
    def test_simulation(self, n, k, alpha):
        lam, power = spectrum(1.3, 1.2, 300)
        v, noise = np.sqrt(power), 0.05
        rng = np.random.RandomState(1)
        runs = []
        for _ in range(120):
            basis = rng.normal(size=(n, lam.size))
            features = np.sqrt(lam)[:, None] * rng.normal(size=(lam.size, k))
            Z = basis @ features
            y = basis @ v + np.sqrt(noise) * rng.normal(size=n)
            if alpha:
                gram = Z @ Z.T / k + alpha * np.eye(n)
                coef = Z.T @ np.linalg.solve(gram, y) / k
            else:
                coef = np.linalg.lstsq(Z, y, rcond=None)[0]
            learned = features @ coef
            train = ((y - Z @ coef) ** 2).mean()
            runs.append([((v - learned) ** 2).sum() + noise, train, learned @ v])
        runs = np.array(runs)
        error = 3 * runs.std(axis=0) / np.sqrt(len(runs)) + 1e-12
        risk = random_features_risk(lam, power, n, k, alpha, noise_variance=noise)
        predicted = [risk.test_mse, risk.train_mse, risk.learnability * power.sum()]
        # The theory is that of large n and k: corrections are of the order 1 / |n - k|
        # in the test error without a ridge.
        correction = np.array([0.0 if alpha else 1.0 / abs(n - k), 0.0, 0.0])
        allowed = error + correction * predicted
        assert (np.abs(runs.mean(axis=0) - predicted) < allowed).all()

    @pytest.mark.parametrize("n, k", [(20, 50), (50, 20), (30, 30)])
    @pytest.mark.parametrize("alpha", [1e-8, 1e-2, 10.0])
    def test_equations(self, n, k, alpha):
        lam, power = spectrum(1.3, 1.2, 300)
        risk = random_features_risk(lam, power, n, k, alpha)
        gamma = risk.kappa
        z = (lam / (lam + gamma)).sum()
        kappa = gamma * (k - z) / k
        assert_allclose(z + alpha / kappa, n, rtol=1e-5)

    @pytest.mark.parametrize("alpha", [0.0, 0.1])
    @pytest.mark.parametrize("n_modes", [20, 300])
    def test_many_features(self, alpha, n_modes):
        lam, power = spectrum(1.3, 1.2, n_modes)
        limit = kernel_risk_curve(lam, power, 40, alpha, noise_variance=0.1)
        risk = random_features_risk(
            lam, power, 40, [1e3, 1e5, 1e9], alpha, noise_variance=0.1
        )
        gaps = np.abs(risk.test_mse - limit.test_mse)
        assert gaps[1] <= gaps[0] / 50 + 1e-9
        for value, expected in zip(risk, limit):
            assert_allclose(value[2], expected, rtol=1e-5, atol=1e-12)

    def test_many_samples_and_few_features(self):
        # Least squares on k Gaussian features: n / (n - k) times the best fit's error.
        lam, power = spectrum(1.3, 1.2, 300)
        risk = random_features_risk(lam, power, 1e7, 30, 0.0, noise_variance=0.1)
        near = random_features_risk(lam, power, 60, 30, 0.0, noise_variance=0.1)
        assert_allclose(near.test_mse, 2 * risk.test_mse, rtol=1e-5)

    def test_peak(self):
        lam, power = spectrum(1.3, 1.2, 300)
        at = random_features_risk(lam, power, 40, [39, 40, 41], 0.0)
        assert at.test_mse[1] == np.inf and np.isfinite(at.test_mse[[0, 2]]).all()

    def test_limit_of_a_small_ridge(self):
        lam, power = spectrum(1.3, 1.2, 300)
        k = np.array([10, 30, 80, 500])
        zero = random_features_risk(lam, power, 40, k, 0.0, noise_variance=0.1)
        small = random_features_risk(lam, power, 40, k, 1e-11, noise_variance=0.1)
        for first, second in zip(zero, small):
            assert_allclose(first, second, rtol=1e-6, atol=1e-6)


class TestCostOfOverfitting:
    def random_spectrum(self, rng):
        kind = rng.randint(3)
        j = np.arange(1.0, rng.randint(50, 2000))
        if kind == 0:
            return j ** -rng.uniform(0.1, 3)
        if kind == 1:
            return rng.lognormal(sigma=rng.uniform(0.1, 4), size=j.size)
        spikes = rng.randint(1, 30)
        return np.where(j <= spikes, 10 ** rng.uniform(0, 4), 1.0)

    def test_bound_is_never_violated(self):
        rng = np.random.RandomState(0)
        said_something = 0
        for _ in range(300):
            lam = self.random_spectrum(rng)
            cost, bound = cost_of_overfitting(lam, rng.randint(1, lam.size))
            assert 1 - 1e-12 <= cost <= bound * (1 + 1e-9)
            said_something += np.isfinite(bound)
        assert said_something > 150

    def test_no_target_pays_more(self):
        rng = np.random.RandomState(1)
        for _ in range(30):
            lam = self.random_spectrum(rng)
            power = rng.exponential(size=lam.size) * lam ** rng.uniform(0, 2)
            n = rng.randint(2, lam.size)
            alphas = np.append(0.0, np.logspace(-8, 6, 60) * lam.mean())
            errors = kernel_risk_curve(
                lam, power, n, alphas, noise_variance=rng.exponential()
            ).test_mse
            cost, _ = cost_of_overfitting(lam, n)
            assert errors[0] <= cost * errors.min() * (1 + 1e-9)

    def test_noise_attains_it(self):
        lam = spectrum(1.4, 1.0)[0]
        risk = kernel_risk_curve(lam, 0 * lam, 50, [0.0, 1e9], noise_variance=1.0)
        ratio = risk.test_mse[0] / risk.test_mse[1]
        assert_allclose(ratio, cost_of_overfitting(lam, 50)[0], rtol=1e-6)

    @pytest.mark.parametrize("b", [1.5, 2.0, 3.0])
    def test_power_law_is_tempered(self, b):
        lam = np.arange(1.0, 200_001) ** -b
        cost, _ = cost_of_overfitting(lam, [20, 200])
        assert abs(cost[1] - b) < abs(cost[0] - b)
        assert_allclose(cost[1], b, rtol=0.01 if b > 1.5 else 0.05)

    def test_brute_force_bound_and_order(self):
        lam = spectrum(0.7, 1.0, 300)[0]
        values = [np.inf]
        for k in range(50):
            R = lam[k:].sum() ** 2 / (lam[k:] ** 2).sum()
            if R > 50:
                values.append((1 - k / 50) ** -2 / (1 - 50 / R))
        _, bound = cost_of_overfitting(lam[::-1], 50)
        assert_allclose(bound, min(values))
        assert cost_of_overfitting(np.ones(9), 9)[0] == np.inf


class TestSpectralFilterRisk:
    def setup_method(self):
        rng = np.random.RandomState(0)
        self.X = rng.normal(size=(40, 2))
        self.f = np.stack([np.sin(self.X[:, 0]), self.X[:, 1] ** 2], axis=1)
        self.lam, self.U = np.linalg.eigh(Exponential()(self.X) / 40)
        self.lam = np.maximum(self.lam, 0)
        self.power = (self.U.T @ self.f) ** 2 / 40

    def test_expectation_on_the_training_inputs(self):
        def flow(t):
            return -np.expm1(-20.0 * t)

        noise = np.array([0.3, 0.1])
        risk, _ = spectral_filter_risk(
            self.lam, self.power, flow, 40, noise_variance=noise
        )
        H = (self.U * flow(self.lam)) @ self.U.T
        bias = ((H @ self.f - self.f) ** 2).mean(axis=0)
        assert_allclose(risk, bias + noise * np.trace(H @ H.T) / 40)

    def test_callable_and_values_and_shapes(self):
        def ridge(t):
            return t[:, None] / (t[:, None] + np.array([0.01, 0.1, 1.0]))

        both, oracle = spectral_filter_risk(
            self.lam, self.power, ridge, 40, noise_variance=0.2
        )
        assert both.shape == (3, 2) and oracle.shape == (2,)
        values = ridge(self.lam)
        for j in range(3):
            for q in range(2):
                risk, best = spectral_filter_risk(
                    self.lam, self.power[:, q], values[:, j], 40, noise_variance=0.2
                )
                assert np.ndim(risk) == np.ndim(best) == 0
                assert_allclose([risk, best], [both[j, q], oracle[q]])

    def test_oracle(self):
        power, noise = self.power[:, 0], 0.2
        best = power / (power + noise / 40)
        risk, oracle = spectral_filter_risk(
            self.lam, power, best, 40, noise_variance=noise
        )
        assert_allclose(risk, oracle)
        h = np.random.RandomState(0).uniform(size=(40, 200)) ** 2
        others, _ = spectral_filter_risk(self.lam, power, h, 40, noise_variance=noise)
        assert (others > oracle).all()

    @pytest.mark.parametrize("learning", [np.ones(3), 1.0, lambda t: t[:, None, None]])
    def test_bad_filter(self, learning):
        with pytest.raises(ValueError, match="learning"):
            spectral_filter_risk([1.0, 0.5], [1.0, 1.0], learning, 10)

    def test_bad_numbers(self):
        with pytest.raises(ValueError, match="NaN"):
            spectral_filter_risk([1.0], [1.0], [np.nan], 10)
        with pytest.raises(ValueError, match="n_samples"):
            spectral_filter_risk([1.0], [1.0], [1.0], [10, 20])
