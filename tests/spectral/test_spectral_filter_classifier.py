"""Classification by spectral filters."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits, load_iris, make_moons
from sklearn.metrics import brier_score_loss, log_loss
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import train_test_split

from skkernels import KernelRidgeClassifier
from skkernels.spectral._spectral_filter_classifier import SpectralFilterClassifier
from skkernels.utils._calibration import clip_scores, fit_sigmoids, fit_temperature
from skkernels.utils._classes import code_targets

CALIBRATIONS = ["clip", "sigmoid_loo", "softmax_temperature_loo"]
every_calibration = pytest.mark.parametrize("calibration", CALIBRATIONS)
two_and_more = pytest.mark.parametrize("n_classes", [2, 3])


def make_data(n_classes, n=70, seed=0):
    """Classes that overlap and are not equally frequent."""
    rng = np.random.RandomState(seed)
    X = rng.randn(n, 3)
    noisy = X[:, 0] + 0.5 * X[:, 1] ** 2 + 0.5 * rng.randn(n)
    return X, np.array(["a", "b", "c"])[
        np.digitize(noisy, [0.9, -0.2][: n_classes - 1])
    ]


def left_out_scores(X, y, alpha, gamma, weights=None):
    """Scores of each sample from a ridge fit to all the others, on fixed shares."""
    weights = np.ones(len(X)) if weights is None else weights
    classes, codes = np.unique(y, return_inverse=True)
    Y = code_targets(codes, len(classes))
    mean = np.average(Y, axis=0, weights=weights)
    K = rbf_kernel(X, gamma=gamma)
    out = np.empty(Y.shape)
    for i in range(len(X)):
        rest = np.arange(len(X)) != i
        system = K[np.ix_(rest, rest)] + np.diag(alpha / weights[rest])
        out[i] = K[i, rest] @ np.linalg.solve(system, Y[rest] - mean) + mean
    return out[:, 0] if len(classes) == 2 else out, codes


class TestModel:
    @two_and_more
    @pytest.mark.parametrize("class_weight", [None, "balanced"])
    def test_tikhonov_is_kernel_ridge(self, n_classes, class_weight):
        X, y = make_data(n_classes)
        weights = np.random.RandomState(1).randint(0, 3, size=len(y))
        params = {"alpha": 0.3, "class_weight": class_weight}
        model = SpectralFilterClassifier("tikhonov", **params).fit(X, y, weights)
        ridge = KernelRidgeClassifier(**params).fit(X, y, weights)
        T = np.random.RandomState(2).randn(40, 3)
        expected = ridge.decision_function(T)
        assert_allclose(model.decision_function(T), expected, atol=1e-10)
        assert_allclose(model.intercept_, ridge.intercept_, rtol=1e-14)
        assert_array_equal(model.predict(T), ridge.predict(T))
        assert model.alpha_ == 0.3 and model.cv_scores_ is None

    @two_and_more
    def test_shapes(self, n_classes):
        X, y = make_data(n_classes)
        model = SpectralFilterClassifier(calibration="clip").fit(X, y)
        shape = (70,) if n_classes == 2 else (70, 3)
        assert model.decision_function(X).shape == model.dual_coef_.shape == shape
        assert model.predict_proba(X).shape == (70, n_classes)

    def test_far_from_the_data_the_shares_are_predicted(self):
        X, y = make_data(3)
        model = SpectralFilterClassifier(calibration="clip").fit(X, y)
        shares = np.unique(y, return_counts=True)[1] / len(y)
        assert_allclose(model.predict_proba([[1e6, 0, 0]])[0], shares, rtol=1e-12)

    @pytest.mark.parametrize("scoring", ["brier", "accuracy"])
    @pytest.mark.parametrize("class_weight", [None, {"a": 3.0, "b": 0.5}])
    @two_and_more
    def test_scores_are_those_of_refits(self, n_classes, class_weight, scoring):
        X, y = make_data(n_classes)
        alphas = [0.01, 0.3, 10.0]
        model = SpectralFilterClassifier(alpha=alphas, gamma=0.4, scoring=scoring)
        model.set_params(class_weight=class_weight).fit(X, y)
        weights = np.array([(class_weight or {}).get(label, 1.0) for label in y])
        expected = []
        for alpha in alphas:
            scores, codes = left_out_scores(X, y, alpha, 0.4, weights)
            P = clip_scores(scores)
            if scoring == "accuracy":
                hits = codes == P.argmax(axis=1)
                expected.append(np.average(hits, weights=weights))
                continue
            P = P[:, 1] if n_classes == 2 else P
            expected.append(-brier_score_loss(codes, P, sample_weight=weights))
        assert_allclose(model.cv_scores_, expected, rtol=1e-9)
        assert model.alpha_ == alphas[np.argmax(expected)]

    @pytest.mark.parametrize("kernel", ["rbf", "laplacian", "matern"])
    def test_digits(self, kernel):
        X, y = load_digits(return_X_y=True)
        X, T, y, expected = train_test_split(X, y, stratify=y, random_state=0)
        model = SpectralFilterClassifier("gradient_flow", kernel=kernel).fit(X, y)
        # 450 digits: one standard error is half a percent.
        assert model.score(T, expected) > 0.98

    def test_nystroem_of_all_rows(self):
        X, y = make_data(3)
        params = {"filter": "gradient_flow", "time": 30.0, "calibration": "sigmoid_loo"}
        direct = SpectralFilterClassifier(**params).fit(X, y)
        model = SpectralFilterClassifier(**params, solver="nystroem", random_state=0)
        P = model.fit(X, y).predict_proba(X)
        assert_allclose(P, direct.predict_proba(X), atol=1e-6)

    def test_folds(self):
        X, y = make_data(3)
        Y = (y[:, np.newaxis] == np.unique(y)).astype(float)
        mean, codes, alphas = Y.mean(axis=0), Y.argmax(axis=1), [0.01, 30.0]
        splits = [(np.arange(0, 50), np.arange(50, 70)), (np.arange(60), np.arange(60))]
        model = SpectralFilterClassifier(alpha=alphas, gamma=0.4, cv=splits)
        model.set_params(scoring="accuracy").fit(X, y)
        K = rbf_kernel(X, gamma=0.4)
        expected = np.zeros(2)
        for j, alpha in enumerate(alphas):
            for train, test in splits:
                system = K[np.ix_(train, train)] + alpha * np.eye(len(train))
                coef = np.linalg.solve(system, Y[train] - mean)
                scores = K[np.ix_(test, train)] @ coef + mean
                expected[j] += (scores.argmax(axis=1) == codes[test]).mean() / 2
        assert_allclose(model.cv_scores_, expected, rtol=1e-12)
        assert model.selection_ == "splits"

    @pytest.mark.parametrize("cv", ["loo", "gcv"])
    def test_equal_class_weights_scale_alpha_only(self, cv):
        # They count as no further samples, one of which could be left out.
        X, y = make_data(3)
        alphas = np.array([0.01, 0.1, 1.0, 10.0])
        plain = SpectralFilterClassifier(alpha=alphas, cv=cv).fit(X, y)
        model = SpectralFilterClassifier(alpha=100 * alphas, cv=cv)
        model.set_params(class_weight=dict.fromkeys("abc", 100.0)).fit(X, y)
        assert_allclose(model.cv_scores_, plain.cv_scores_, rtol=1e-9)
        assert_allclose(model.dual_coef_, plain.dual_coef_, rtol=1e-7, atol=1e-9)


class TestCoding:
    @pytest.mark.parametrize("filter", ["tikhonov", "gradient_flow", "cutoff"])
    def test_scores_are_in_proportion(self, filter):
        X, y = make_data(3)
        weights = np.random.RandomState(1).uniform(0.1, 2, size=len(y))
        onehot = SpectralFilterClassifier(filter).fit(X, y, weights)
        simplex = SpectralFilterClassifier(filter, target_coding="simplex")
        simplex.fit(X, y, weights)
        assert simplex.dual_coef_.shape == (70, 2)
        assert_allclose(simplex.cv_scores_, onehot.cv_scores_, rtol=1e-9)
        T = np.random.RandomState(2).randn(40, 3)
        scores = onehot.decision_function(T)
        assert_allclose(scores.sum(axis=1), 1, rtol=1e-10)
        expected = (3 * scores - 1) / 2
        assert_allclose(simplex.decision_function(T), expected, atol=1e-9)
        assert_array_equal(simplex.predict(T), onehot.predict(T))

    @every_calibration
    def test_probabilities_are_the_same(self, calibration):
        X, y = make_data(3)
        P, Q = (
            SpectralFilterClassifier(calibration=calibration, target_coding=coding)
            .fit(X, y)
            .predict_proba(X)
            for coding in ("onehot", "simplex")
        )
        assert_allclose(P, Q, atol=1e-9)

    def test_two_classes_have_one_column(self):
        X, y = make_data(2)
        onehot = SpectralFilterClassifier().fit(X, y)
        simplex = SpectralFilterClassifier(target_coding="simplex").fit(X, y)
        assert_array_equal(onehot.dual_coef_, simplex.dual_coef_)


class TestProbabilities:
    @every_calibration
    @two_and_more
    def test_predictions_have_the_largest_probability(self, calibration, n_classes):
        X, y = make_data(n_classes)
        model = SpectralFilterClassifier(calibration=calibration).fit(X, y)
        T = 2 * np.random.RandomState(2).randn(500, 3)
        P = model.predict_proba(T)
        assert (P >= 0).all()
        assert_allclose(P.sum(axis=1), 1, rtol=1e-12)
        assert_array_equal(model.classes_[P.argmax(axis=1)], model.predict(T))
        scores = model.decision_function(T)
        codes = scores > 0 if n_classes == 2 else scores.argmax(axis=1)
        assert_array_equal(P.argmax(axis=1), codes)

    @two_and_more
    def test_curves_are_fitted_to_refits(self, n_classes):
        X, y = make_data(n_classes)
        params = {"alpha": 0.3, "gamma": 0.4}
        scores, codes = left_out_scores(X, y, 0.3, 0.4)
        model = SpectralFilterClassifier(calibration="sigmoid_loo", **params).fit(X, y)
        curves = fit_sigmoids(scores, codes, None)
        assert_allclose(model.sigmoid_coef_, curves, rtol=1e-7)
        assert model.temperature_ is None
        model.set_params(calibration="softmax_temperature_loo").fit(X, y)
        expected = fit_temperature(scores, codes, None)
        assert_allclose(model.temperature_, expected, rtol=1e-7)
        assert model.sigmoid_coef_ is None

    @pytest.mark.parametrize("fitted", [None, *CALIBRATIONS])
    def test_the_fit_decides(self, fitted):
        X, y = make_data(3)
        model = SpectralFilterClassifier(calibration=fitted, alpha=0.1).fit(X, y)
        assert model.calibration_ == fitted
        expected = None if fitted is None else model.predict_proba(X)
        for later in (None, *CALIBRATIONS):
            model.set_params(calibration=later)
            assert hasattr(model, "predict_proba") == (fitted is not None)
            if fitted is not None:
                assert_array_equal(model.predict_proba(X), expected)
            else:
                with pytest.raises(AttributeError, match="predict_proba"):
                    model.predict_proba(X)

    @pytest.mark.parametrize("calibration", CALIBRATIONS[1:])
    def test_log_loss_on_noisy_moons(self, calibration):
        X, y = make_moons(300, noise=0.35, random_state=0)
        T, truth = make_moons(4000, noise=0.35, random_state=1)

        def losses(P):
            return -np.log(np.maximum(P[np.arange(len(T)), truth], 1e-6))

        model = SpectralFilterClassifier("gradient_flow", calibration=calibration)
        fitted = losses(model.fit(X, y).predict_proba(T))
        model.set_params(calibration="clip")
        clipped = losses(model.fit(X, y).predict_proba(T))
        gain = clipped - fitted
        assert gain.mean() > 4 * gain.std() / np.sqrt(len(T))

    def test_leave_one_out_scores_are_more_honest_than_fitted_ones(self):
        # A short length scale: the fit follows the noise of the labels.
        X, y = make_moons(300, noise=0.35, random_state=0)
        T, truth = make_moons(4000, noise=0.35, random_state=1)
        model = SpectralFilterClassifier(
            alpha=0.1, gamma=20.0, calibration="sigmoid_loo"
        ).fit(X, y)
        P = model.predict_proba(T)
        slopes, intercepts = model.sigmoid_coef_
        f = (model.decision_function(X) - intercepts) / slopes
        model.sigmoid_coef_ = np.stack(fit_sigmoids(f, y, None))
        naive = model.predict_proba(T)
        rows = np.arange(len(T))
        gain = np.log(P[rows, truth]) - np.log(naive[rows, truth])
        assert gain.mean() > 4 * gain.std() / np.sqrt(len(T))

    def test_none_by_default(self):
        X, y = make_data(2)
        model = SpectralFilterClassifier().fit(X, y)
        assert not hasattr(model, "predict_proba")
        with pytest.raises(AttributeError, match="predict_proba"):
            model.predict_proba(X)

    def test_calibrated_classifier_cv(self):
        X, y = load_iris(return_X_y=True)
        for method in ("sigmoid", "temperature"):
            model = CalibratedClassifierCV(
                SpectralFilterClassifier(), method=method, cv=3
            )
            P = model.fit(X, y).predict_proba(X)
            # Three classes of equal share: log(3) is the loss of knowing nothing.
            assert log_loss(y, P) < 0.3 * np.log(3)

    @pytest.mark.parametrize("calibration", CALIBRATIONS[1:])
    @pytest.mark.parametrize("stops", [False, True])
    @pytest.mark.filterwarnings("ignore:.*early stopping did not stop")
    def test_no_leave_one_out(self, calibration, stops):
        X, y = make_data(2)
        model = SpectralFilterClassifier("landweber", n_iter=10, solver="iterative")
        model.set_params(calibration=calibration, early_stopping=stops)
        with pytest.raises(ValueError, match="leave-one-out.*calibration='clip'"):
            model.fit(X, y)
        model.set_params(calibration="clip").fit(X, y)
        assert model.solver_ == "iterative"
        assert model.predict_proba(X).shape == (70, 2)

    def test_interpolation_cannot_be_calibrated(self):
        X, y = make_data(2)
        model = SpectralFilterClassifier("cutoff", n_components=70, kernel="laplacian")
        model.fit(X, y)
        coef = model.dual_coef_
        model.set_params(calibration="sigmoid_loo")
        with pytest.raises(ValueError, match="interpolates"):
            model.fit(X[:, ::-1], y)
        assert model.dual_coef_ is coef  # a failed fit changes nothing


class TestWeights:
    @pytest.mark.parametrize("filter", ["tikhonov", "gradient_flow"])
    @pytest.mark.parametrize("calibration", [None, *CALIBRATIONS])
    @pytest.mark.parametrize("class_weight", [None, "balanced"])
    def test_weights_are_repetitions(self, filter, calibration, class_weight):
        X, y = make_data(3)
        weights = np.random.RandomState(1).randint(0, 4, size=len(y))
        rows = np.random.RandomState(2).permutation(np.repeat(np.arange(70), weights))
        model = SpectralFilterClassifier(
            filter, calibration=calibration, class_weight=class_weight
        )
        weighted = clone(model).fit(X, y, sample_weight=weights)
        repeated = clone(model).fit(X[rows], y[rows])
        T = np.random.RandomState(3).randn(40, 3)
        expected = repeated.decision_function(T)
        assert_allclose(weighted.decision_function(T), expected, rtol=1e-6, atol=1e-8)
        if calibration is not None:
            P = weighted.predict_proba(T)
            assert_allclose(P, repeated.predict_proba(T), rtol=1e-6, atol=1e-8)

    def test_classes_without_weight_are_absent(self):
        X, y = make_data(3)
        model = SpectralFilterClassifier(calibration="sigmoid_loo")
        model.fit(X, y, sample_weight=(y != "c").astype(float))
        reference = SpectralFilterClassifier(calibration="sigmoid_loo")
        reference.fit(X[y != "c"], y[y != "c"])
        assert_array_equal(model.classes_, ["a", "b"])
        assert_allclose(model.predict_proba(X), reference.predict_proba(X), rtol=1e-9)


@every_calibration
@pytest.mark.parametrize("target_coding", ["onehot", "simplex"])
def test_single_precision(calibration, target_coding):
    X, y = make_data(3)
    params = {"calibration": calibration, "target_coding": target_coding, "alpha": 0.1}
    double = SpectralFilterClassifier(**params).fit(X, y)
    single = SpectralFilterClassifier(**params).fit(X.astype(np.float32), y)
    P = single.predict_proba(X.astype(np.float32))
    assert P.dtype == np.float32 == single.dual_coef_.dtype
    assert_allclose(P, double.predict_proba(X), atol=1e-4)
