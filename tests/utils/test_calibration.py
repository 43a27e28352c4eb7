"""Probabilities from scores, and codes of classes."""

from itertools import combinations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from scipy.special import expit, softmax
from sklearn.calibration import _SigmoidCalibration, _TemperatureScaling
from sklearn.metrics import log_loss

from skkernels.utils._calibration import (
    clip_scores,
    fit_sigmoids,
    fit_temperature,
    project_to_simplex,
    sigmoid_probabilities,
    softmax_probabilities,
)
from skkernels.utils._classes import simplex_codes


def nearest_by_enumeration(v):
    """The nearest probability vector among the projections onto all faces."""
    best, smallest = None, np.inf
    for size in range(1, len(v) + 1):
        for face in map(list, combinations(range(len(v)), size)):
            p = np.zeros(len(v))
            p[face] = v[face] + (1 - v[face].sum()) / size
            if (p >= 0).all() and ((p - v) ** 2).sum() < smallest:
                best, smallest = p, ((p - v) ** 2).sum()
    return best


def noisy_scores(n_classes, n=400, seed=0, noise=0.7):
    """Scores on the scale of class indicators and the classes, some of them wrong."""
    rng = np.random.RandomState(seed)
    codes = rng.randint(n_classes, size=n)
    scores = np.eye(n_classes)[codes] + noise * rng.randn(n, n_classes)
    if n_classes == 2:
        scores = scores[:, 1] - scores[:, 0]
    return scores, codes


class TestProjection:
    @pytest.mark.parametrize("n_classes", [2, 3, 6])
    def test_against_all_faces(self, n_classes):
        rng = np.random.RandomState(n_classes)
        V = rng.randn(50, n_classes) * rng.choice([0.1, 1, 10], size=(50, 1))
        expected = [nearest_by_enumeration(v) for v in V]
        assert_allclose(project_to_simplex(V), expected, atol=1e-12)

    def test_optimality(self):
        # p is nearest to v if and only if <v - p, q - p> <= 0 for all vertices q.
        V = 3 * np.random.RandomState(0).randn(200, 10)
        P = project_to_simplex(V)
        assert (P >= 0).all()
        assert_allclose(P.sum(axis=1), 1, rtol=1e-13)
        products = (V - P) - ((V - P) * P).sum(axis=1, keepdims=True)
        assert products.max() < 1e-12

    def test_fixed_points(self):
        P = np.random.RandomState(0).dirichlet(np.full(4, 0.5), size=30)
        assert_allclose(project_to_simplex(P), P, atol=1e-15)
        assert_allclose(project_to_simplex(P - 7), P, atol=1e-14)
        assert_array_equal(project_to_simplex(np.full((1, 4), 9.0)), 0.25)
        assert_array_equal(project_to_simplex(np.array([[1e20, 0.0]])), [[1, 0]])

    def test_order_is_kept(self):
        V = np.random.RandomState(0).randn(300, 5)
        P = project_to_simplex(V)
        assert_array_equal(P.argmax(axis=1), V.argmax(axis=1))
        columns = np.argsort(V, axis=1)
        assert (np.diff(np.take_along_axis(P, columns, axis=1)) >= 0).all()

    def test_single_precision(self):
        V = np.random.RandomState(0).randn(30, 5).astype(np.float32)
        P = project_to_simplex(V)
        assert P.dtype == np.float32
        assert_allclose(P, project_to_simplex(V.astype(np.float64)), atol=1e-6)

    def test_two_classes_agree_with_two_columns(self):
        f = np.linspace(-2, 2, 41)
        columns = np.stack([(1 - f) / 2, (1 + f) / 2], axis=1)
        assert_allclose(clip_scores(f), clip_scores(columns), atol=1e-15)
        assert_array_equal(clip_scores(np.array([-3.0, 3.0])), [[1, 0], [0, 1]])

    def test_closer_to_every_outcome(self):
        V = np.random.RandomState(0).randn(100, 4)
        P = clip_scores(V)
        for vertex in np.eye(4):
            before, after = ((A - vertex) ** 2 for A in (V, P))
            assert (after.sum(axis=1) <= before.sum(axis=1) + 1e-12).all()


class TestSigmoids:
    def test_two_classes_against_scikit_learn(self):
        scores, codes = noisy_scores(2)
        weights = np.random.RandomState(1).uniform(0.2, 3, size=400)
        for w in (None, weights):
            (slope,), (intercept,) = fit_sigmoids(scores, codes, w)
            peer = _SigmoidCalibration().fit(scores, codes.astype(float), w)
            # Its L-BFGS stops at a gradient of 1e-6.
            assert_allclose([slope, intercept], [-peer.a_, -peer.b_], rtol=1e-5)

    def test_several_classes_against_scikit_learn(self):
        scores, codes = noisy_scores(3)
        slopes, intercepts = fit_sigmoids(scores, codes, None)
        curves = []
        for c in range(3):
            peer = _SigmoidCalibration().fit(scores[:, c], (codes == c).astype(float))
            curves.append(peer.predict(scores[:, c]))
        curves = np.transpose(curves)
        assert_allclose(
            sigmoid_probabilities(slopes * scores + intercepts),
            curves / curves.sum(axis=1, keepdims=True),
            atol=1e-6,
        )

    def test_scores_that_separate_the_classes(self):
        # Platt's targets are met: one curve through two points.
        scores, codes = np.repeat([-1.0, 1.0], [10, 30]), np.repeat([0, 1], [10, 30])
        slopes, intercepts = fit_sigmoids(scores, codes, None)
        P = sigmoid_probabilities(slopes * scores + intercepts)
        assert_allclose(P[0, 1], 1 / 12, rtol=1e-8)
        assert_allclose(P[-1, 1], 31 / 32, rtol=1e-8)

    def test_misleading_scores_count_for_nothing(self):
        scores, codes = noisy_scores(2, n=101)
        slopes, intercepts = fit_sigmoids(-scores, codes, None)
        assert slopes[0] == 0
        p, q = (codes == 1).sum(), (codes == 0).sum()
        mean = (p * (p + 1) / (p + 2) + q / (q + 2)) / (p + q)
        assert_allclose(expit(intercepts[0]), mean, rtol=1e-12)

    @pytest.mark.filterwarnings("error")
    def test_scores_of_any_scale(self):
        scores, codes = noisy_scores(2)
        (slope,), (intercept,) = fit_sigmoids(scores, codes, None)
        for scale, shift in ((1e-8, 0), (1e8, 0), (1, 1e4)):
            found = fit_sigmoids(scale * scores + shift, codes, None)
            expected = slope / scale, intercept - slope * shift / scale
            assert_allclose(np.ravel(found), expected, rtol=1e-7)

    @pytest.mark.filterwarnings("error")
    def test_equal_scores(self):
        codes = np.repeat([0, 1], [20, 40])
        for scores in (np.zeros(60), 0.3 + 1e-16 * np.arange(60)):
            slopes, intercepts = fit_sigmoids(scores, codes, None)
            assert slopes[0] == 0
            mean = (40 * 41 / 42 + 20 / 22) / 60
            assert_allclose(expit(intercepts[0]), mean, rtol=1e-12)

    @pytest.mark.parametrize("n_classes", [2, 4])
    def test_weights_are_repetitions(self, n_classes):
        scores, codes = noisy_scores(n_classes, n=60)
        weights = np.random.RandomState(1).randint(1, 4, size=60)
        rows = np.random.RandomState(2).permutation(np.repeat(np.arange(60), weights))
        weighted = fit_sigmoids(scores, codes, weights.astype(float))
        repeated = fit_sigmoids(scores[rows], codes[rows], None)
        assert_allclose(weighted, repeated, rtol=1e-10)

    def test_extreme_log_odds(self):
        extreme = np.array([-1e4, -800.0, 0.0, 800.0])
        assert_allclose(sigmoid_probabilities(extreme)[:, 1], [0, 0, 0.5, 1])
        # The sigmoids of this row are all zero in floating point.
        P = sigmoid_probabilities(np.array([[-1000.0, -1001.0, -5000.0]]))
        assert_allclose(P, [[expit(1.0), expit(-1.0), 0]], atol=1e-15)


class TestTemperature:
    @pytest.mark.parametrize("n_classes", [2, 3])
    def test_large_samples_against_scikit_learn(self, n_classes):
        # Targets are not smoothed there, and two scores are -f and f.
        scores, codes = noisy_scores(n_classes)
        temperature = fit_temperature(scores, codes, np.full(400, 1e6))
        peer = _TemperatureScaling().fit(scores, codes.astype(float))
        inverse = 2 * peer.beta_ if n_classes == 2 else peer.beta_
        assert_allclose(1 / temperature, inverse, rtol=1e-6)

    @pytest.mark.parametrize("n_classes", [2, 3])
    def test_minimum_of_the_smoothed_log_loss(self, n_classes):
        scores, codes = noisy_scores(n_classes, n=50)
        weights = np.random.RandomState(1).uniform(0.2, 3, size=50)
        total = weights.sum()
        targets = (total * np.eye(n_classes)[codes] + 1 / n_classes) / (total + 1)
        temperature = fit_temperature(scores, codes, weights)

        def loss(inverse):
            P = softmax_probabilities(scores, 1 / inverse.item())
            return -weights @ (targets * np.log(P)).sum(axis=1)

        found = minimize(loss, [1.0], method="Nelder-Mead", options={"xatol": 1e-6})
        assert_allclose(1 / temperature, found.x[0], rtol=1e-4)

    def test_scores_that_separate_the_classes(self):
        codes = np.repeat([0, 1, 2], 7)
        temperature = fit_temperature(np.eye(3)[codes], codes, None)
        P = softmax_probabilities(np.eye(3), temperature)
        assert_allclose(np.diag(P), (21 + 1 / 3) / 22, rtol=1e-10)

    def test_misleading_scores_give_nearly_equal_probabilities(self):
        scores, codes = noisy_scores(3)
        temperature = fit_temperature(-scores, codes, None)
        P = softmax_probabilities(-scores, temperature)
        assert_allclose(P, 1 / 3, atol=1e-3)
        assert_array_equal(P.argmax(axis=1), (-scores).argmax(axis=1))

    def test_two_classes_agree_with_two_columns(self):
        scores, codes = noisy_scores(2)
        columns = np.stack([1 - scores, 1 + scores], axis=1) / 2
        temperature = fit_temperature(columns, codes, None)
        assert_allclose(temperature, fit_temperature(scores, codes, None), rtol=1e-12)
        P = softmax_probabilities(scores, temperature)
        assert_allclose(P[:, 1], expit(scores / temperature), rtol=1e-12)
        assert_allclose(P, softmax(columns / temperature, axis=1), rtol=1e-12)

    @pytest.mark.parametrize("n_classes", [2, 4])
    def test_weights_are_repetitions(self, n_classes):
        scores, codes = noisy_scores(n_classes, n=60)
        weights = np.random.RandomState(1).randint(1, 4, size=60)
        rows = np.random.RandomState(2).permutation(np.repeat(np.arange(60), weights))
        weighted = fit_temperature(scores, codes, weights.astype(float))
        repeated = fit_temperature(scores[rows], codes[rows], None)
        assert_allclose(weighted, repeated, rtol=1e-12)


@pytest.mark.parametrize("method", ["sigmoid", "temperature"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_calibration_on_fresh_scores(method, n_classes):
    # On 20000 fresh scores the curve fitted to 400 has a smaller log-loss than clipped
    # scores, and one within four standard errors of that fitted to the fresh ones: with
    # k parameters its excess is about k / 800, and so is the excess' deviation.
    scores, codes = noisy_scores(n_classes)
    fresh, fresh_codes = noisy_scores(n_classes, n=20_000, seed=1)

    def fitted_to(scores, codes):
        if method == "temperature":
            return softmax_probabilities(fresh, fit_temperature(scores, codes, None))
        slopes, intercepts = fit_sigmoids(scores, codes, None)
        return sigmoid_probabilities(slopes * fresh + intercepts)

    loss = log_loss(fresh_codes, fitted_to(scores, codes))
    best = log_loss(fresh_codes, fitted_to(fresh, fresh_codes))
    n_parameters = 1 if method == "temperature" else 2 * (n_classes - (n_classes == 2))
    assert loss < best + 5 * n_parameters / 800
    assert loss < 0.8 * log_loss(fresh_codes, clip_scores(fresh))


@pytest.mark.parametrize("n_classes", [2, 3, 7])
def test_simplex_codes(n_classes):
    V = simplex_codes(n_classes)
    expected = np.full((n_classes, n_classes), -1 / (n_classes - 1))
    np.fill_diagonal(expected, 1)
    assert_allclose(V @ V.T, expected, atol=1e-14)
    assert_allclose(V.sum(axis=0), 0, atol=1e-14)
    if n_classes == 2:
        assert_allclose(V[:, 0], [-1, 1])
