"""STKRClassifier."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import make_moons
from sklearn.exceptions import DataConversionWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import LabelSpreading

from skkernels.model_selection import LabeledKFold
from skkernels.semi_supervised import STKRClassifier, STKRRegressor

N = 60


def problem(n_classes=3):
    """Rows of 3 classes in random order, a third of them with labels 0, 1 ..., else -1.

    The classes are of different sizes.
    """
    rng = np.random.default_rng(0)
    labels = np.minimum(rng.integers(0, 6, N) // (n_classes - 1), n_classes - 1)
    centers = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]])
    X = centers[labels] + 0.7 * rng.normal(size=(N, 2))
    y = np.where(rng.uniform(size=N) < 0.4, labels, -1)
    return X, y, centers[:n_classes] + rng.normal(size=(n_classes, 2))


def pool_kernel(X, gamma, eta):
    """Values on the pool of the transformed kernel with degree normalisation."""
    K = np.exp(-gamma * ((X[:, None] - X[None]) ** 2).sum(axis=2))
    roots = np.sqrt(K.sum(axis=1))
    A = K / np.outer(roots, roots)
    return len(X) * A @ np.linalg.inv(np.eye(len(X)) - eta * A)


class TestScores:
    @pytest.mark.parametrize("fit_intercept", [False, True])
    def test_many_classes(self, fit_intercept):
        X, y, X_new = problem()
        model = STKRClassifier(fit_intercept=fit_intercept).fit(X, y)
        Y = np.where(y[:, None] == [0, 1, 2], 1.0, -0.5)
        Y[y < 0] = np.nan
        regression = STKRRegressor(fit_intercept=fit_intercept).fit(X, Y)
        scores = model.decision_function(X_new)
        assert_allclose(scores, regression.predict(X_new), atol=1e-12)
        assert_array_equal(model.predict(X_new), scores.argmax(axis=1))
        values = regression.transduction_
        assert_array_equal(model.transduction_, values.argmax(axis=1))
        # 1 and -1/2 are 1 and 0 as shares.
        shares = np.maximum((values * 2 + 1) / 3, 0)
        shares /= shares.sum(axis=1, keepdims=True)
        assert_allclose(model.label_distributions_, shares, atol=1e-12)
        assert model.dual_coef_.shape == (N, 3) and model.intercept_.shape == (3,)

    def test_two_classes(self):
        X, y, X_new = problem(n_classes=2)
        names = np.array(["b", "a", None], dtype=object)[y]
        model = STKRClassifier(fit_intercept=True).fit(X, names)
        assert_array_equal(model.classes_, ["a", "b"])
        target = np.select([y == 0, y == 1], [1.0, -1.0], np.nan)
        regression = STKRRegressor(fit_intercept=True).fit(X, target)
        scores = model.decision_function(X_new)
        assert scores.shape == (2,) and model.dual_coef_.shape == (N,)
        assert type(model.intercept_) is float
        centred = STKRClassifier(normalize="center").fit(X, names)
        assert type(centred.offset_) is float and centred.dual_coef_.shape == (N,)
        mass = STKRClassifier(class_mass=True).fit(X, names)
        assert mass.dual_coef_.shape == (N, 2) and mass.intercept_.shape == (2,)
        assert_allclose(scores, regression.predict(X_new), atol=1e-12)
        assert_array_equal(model.predict(X_new) == "b", scores > 0)
        values = regression.transduction_
        assert_array_equal(model.transduction_ == "b", values > 0)
        share = np.clip((values + 1) / 2, 0, 1)
        assert_allclose(model.label_distributions_[:, 1], share, atol=1e-12)
        assert_allclose(model.label_distributions_.sum(axis=1), 1.0)

    @pytest.mark.parametrize("n_classes", [2, 3])
    @pytest.mark.parametrize("class_mass", [False, True])
    def test_pool_and_new_rows_agree(self, n_classes, class_mass):
        X, y, _ = problem(n_classes)
        model = STKRClassifier(class_mass=class_mass, fit_intercept=True).fit(X, y)
        assert_array_equal(model.predict(X), model.transduction_)
        largest = model.label_distributions_.argmax(axis=1)
        assert_array_equal(model.classes_[largest], model.transduction_)
        assert_allclose(model.label_distributions_.sum(axis=1), 1.0)
        assert (model.label_distributions_ >= 0).all()

    def test_moons(self):
        X, y = make_moons(300, noise=0.08, random_state=0)
        few = np.full(300, -1)
        for label in (0, 1):
            few[np.flatnonzero(y == label)[:2]] = label
        model = STKRClassifier(gamma=20.0).fit(X, few)
        plain = STKRClassifier("identity", gamma=20.0).fit(X, few)
        assert (model.transduction_ == y).mean() > 0.97
        assert (plain.transduction_ == y).mean() < 0.9

    @pytest.mark.parametrize("alpha", [0.3, 0.9])
    def test_label_spreading_is_the_limit(self, alpha):
        """Of strong regularisation, on the unlabelled rows."""
        rng = np.random.default_rng(1)
        X = rng.normal(size=(40, 2))
        y = np.full(40, -1)
        y[:9] = np.arange(9) % 3
        W = np.exp(-2.0 * ((X[:, None] - X[None]) ** 2).sum(axis=2))
        np.fill_diagonal(W, 0.0)
        spreading = LabelSpreading(
            kernel=lambda X, Z: W, alpha=alpha, max_iter=10_000, tol=1e-14
        ).fit(X, y)
        # (I - eta (I + S) / 2) is a multiple of I - alpha S.
        options = {
            "kernel": "precomputed",
            "normalize": "lazy",
            "eta": 2 * alpha / (1 + alpha),
            "alpha": 1e6 * 9,
        }
        member = np.where(y[:, None] < 0, np.nan, y[:, None] == [0, 1, 2])
        values = STKRRegressor(**options).fit(W, member).transduction_
        shares = values / values.sum(axis=1, keepdims=True)
        free = y < 0
        expected = spreading.label_distributions_
        assert_allclose(shares[free], expected[free], atol=1e-5)
        model = STKRClassifier(**options).fit(W, y)
        assert_array_equal(model.transduction_[free], spreading.transduction_[free])
        mass = STKRClassifier(class_mass=True, **options).fit(W, y)
        shares = mass.label_distributions_ / mass.class_mass_factors_
        shares /= shares.sum(axis=1, keepdims=True)
        assert_allclose(shares[free], expected[free], atol=1e-5)


class TestClassMass:
    @pytest.mark.parametrize("n_classes", [2, 3])
    @pytest.mark.parametrize("fit_intercept", [False, True])
    @pytest.mark.parametrize("class_weight", [None, {0: 3.0}])
    def test_masses(self, n_classes, fit_intercept, class_weight):
        """Class masses on the pool are the proportions of the labels, with weights."""
        X, y, X_new = problem(n_classes)
        weights = np.random.default_rng(2).integers(0, 4, N) * 1.0
        model = STKRClassifier(
            class_mass=True, fit_intercept=fit_intercept, class_weight=class_weight
        ).fit(X, y, sample_weight=weights)
        loss = weights * np.where((y == 0) & (class_weight is not None), 3.0, 1.0)
        priors = [loss[y == label].sum() for label in range(n_classes)]
        priors /= np.sum(priors)
        regression = STKRRegressor(fit_intercept=fit_intercept)
        if class_weight is None:
            member = np.where(
                y[:, None] < 0, np.nan, y[:, None] == np.arange(n_classes)
            )
            values = regression.fit(X, member, sample_weight=weights).transduction_
            mass = np.average(np.maximum(values, 0), axis=0, weights=weights)
            assert_allclose(model.class_mass_factors_, priors / mass)
            new = regression.predict(X_new) * priors / mass
            assert_array_equal(model.predict(X_new), new.argmax(axis=1))
            if n_classes == 2:
                new = new[:, 1] - new[:, 0]
            assert_allclose(model.decision_function(X_new), new, atol=1e-12)
        scores = model._evaluate(X) + model.intercept_
        scores = np.maximum(scores * model.class_mass_factors_, 0.0)
        assert_allclose(np.average(scores, axis=0, weights=weights), priors)

    def test_it_helps_where_one_class_has_central_labels(self):
        """Strong smoothing gives the pool to the class whose labels are well placed."""
        rng = np.random.default_rng(3)
        X = np.r_[rng.normal(0, 1, (150, 2)), rng.normal(2.5, 1, (150, 2))]
        y = np.repeat([0, 1], 150)
        few = np.full(300, -1)
        # Of the first class the most central rows are known, of the second outer ones.
        few[((X - 0.0) ** 2)[:150].sum(axis=1).argsort()[:5]] = 0
        few[150 + ((X - 2.5) ** 2)[150:].sum(axis=1).argsort()[-30::6]] = 1
        accuracy = {}
        for class_mass in (False, True):
            model = STKRClassifier(alpha=1e4, gamma=1.0, class_mass=class_mass)
            accuracy[class_mass] = (model.fit(X, few).transduction_ == y).mean()
        assert accuracy[True] > accuracy[False] + 0.1


class TestWeights:
    @pytest.mark.parametrize("class_weight", [None, "balanced", {0: 2.0, 2: 0.5}])
    @pytest.mark.parametrize("class_mass", [False, True])
    def test_weights_are_repetitions(self, class_weight, class_mass):
        X, y, X_new = problem()
        weights = np.random.default_rng(4).integers(0, 4, N)
        assert ((weights == 0) & (y >= 0)).any() and ((weights == 0) & (y < 0)).any()
        model = STKRClassifier(
            class_weight=class_weight, class_mass=class_mass, fit_intercept=True
        )
        weighted = clone(model).fit(X, y, sample_weight=weights)
        repeated = clone(model).fit(
            np.repeat(X, weights, axis=0), np.repeat(y, weights)
        )
        assert_allclose(
            weighted.decision_function(X_new),
            repeated.decision_function(X_new),
            atol=1e-9,
        )
        assert_array_equal(
            np.repeat(weighted.transduction_, weights), repeated.transduction_
        )
        assert_allclose(weighted.intercept_, repeated.intercept_, atol=1e-12)

    def test_class_weight_is_in_the_loss_only(self):
        X, y, _ = problem()
        known = y >= 0
        factors = np.array([2.0, 1.0, 0.25])
        options = {"gamma": 1.0, "eta": 0.9, "alpha": 0.5}
        model = STKRClassifier(
            class_weight=dict(enumerate(factors)), fit_intercept=True, **options
        ).fit(X, y)
        kernel = pool_kernel(X, 1.0, 0.9)
        Y = np.where(y[known, None] == [0, 1, 2], 1.0, -0.5)
        mean = np.average(Y, axis=0, weights=factors[y[known]])
        gram = kernel[np.ix_(known, known)]
        # A weight of the loss is a ridge divided by it.
        dual = np.linalg.solve(gram + np.diag(0.5 / factors[y[known]]), Y - mean)
        expected = kernel[:, known] @ dual + mean
        assert_allclose(model.decision_function(X), expected, atol=1e-9)
        other = STKRClassifier(fit_intercept=True, **options).fit(
            X, y, sample_weight=np.where(known, factors[y], 1.0)
        )
        assert np.abs(other.decision_function(X) - expected).max() > 1e-3

    def test_balanced_counts_labelled_rows(self):
        X, y, X_new = problem()
        counts = np.bincount(y[y >= 0])
        balanced = dict(enumerate(counts.sum() / (3 * counts)))
        one = STKRClassifier(class_weight="balanced").fit(X, y)
        two = STKRClassifier(class_weight=balanced).fit(X, y)
        assert_allclose(one.decision_function(X_new), two.decision_function(X_new))

    def test_class_of_weight_zero(self):
        X, y, X_new = problem()
        model = STKRClassifier(class_weight={1: 0.0}).fit(X, y)
        assert_array_equal(model.classes_, [0, 1, 2])
        Y = np.where(y[:, None] == [0, 1, 2], 1.0, -0.5)
        Y[(y < 0) | (y == 1)] = np.nan
        expected = STKRRegressor().fit(X, Y).predict(X_new)
        assert_allclose(model.decision_function(X_new), expected, atol=1e-10)
        with pytest.raises(ValueError, match="class_weight"):
            STKRClassifier(class_weight={0: 0, 1: 0, 2: 0}).fit(X, y)


NAN = float("nan")


class TestUnlabelledRows:
    @pytest.mark.parametrize(
        "y, unlabeled_label, expected",
        [
            ([0, -1, 1, -1], "auto", [0, None, 1, None]),
            ([0.0, -1.0, 1.0, -1.0], "auto", [0, None, 1, None]),
            ([-1, 1, 1, -1], "auto", [-1, 1, 1, -1]),
            ([-1, 1, None, -1], "auto", [-1, 1, None, -1]),
            ([0, -1, 1, -1], None, [0, -1, 1, -1]),
            ([0, -1, 1, -1], 0, [None, -1, 1, -1]),
            ([0, 0, 2, 1], 2, [0, 0, None, 1]),
            ([0, 0, 2, 1], 7, [0, 0, 2, 1]),
            ([0.0, NAN, 1.0, -1.0], "auto", [0, None, 1, None]),
            ([0.0, NAN, 1.0, -1.0], None, [0, None, 1, -1]),
            ([NAN, NAN, 1.0, -1.0], "auto", [None, None, 1, -1]),
            (["a", None, "b", "a"], "auto", ["a", None, "b", "a"]),
            (["a", NAN, "b", "a"], "auto", ["a", None, "b", "a"]),
            (["a", -1, "b", -1], "auto", ["a", None, "b", None]),
            (["a", "?", "b", "a"], "?", ["a", None, "b", "a"]),
            (np.array(["a", "?", "b", "a"]), "?", ["a", None, "b", "a"]),
            (np.array(["a", "-1", "b", "a"]), "auto", ["a", "-1", "b", "a"]),
            ([True, False, True, True], "auto", [True, False, True, True]),
            ([True, None, True, False], "auto", [True, None, True, False]),
            ([True, True, None, False], False, None),
        ],
    )
    def test_marks(self, y, unlabeled_label, expected):
        X = np.arange(4.0)[:, np.newaxis]
        model = STKRClassifier(unlabeled_label=unlabeled_label, alpha=1e-6, gamma=2.0)
        if expected is None:
            with pytest.raises(ValueError, match="only one class: True"):
                model.fit(X, y)
            return
        model.fit(X, y)
        labeled = [label is not None for label in expected]
        assert_array_equal(model.labeled_mask_, labeled)
        given = [label for label in expected if label is not None]
        assert_array_equal(model.classes_, sorted(set(given)))
        assert model.classes_.tolist() == sorted(set(given))
        assert model.transduction_[model.labeled_mask_].tolist() == given

    def test_ways_agree(self):
        X, y, X_new = problem()
        order = np.argsort(y < 0, kind="stable")
        X, y = X[order], y[order]
        known = y >= 0
        weights = np.random.default_rng(5).integers(0, 3, N) * 1.0
        model = STKRClassifier(class_mass=True, class_weight="balanced")
        expected = clone(model).fit(X, y, sample_weight=weights)
        missing = np.where(known, y, np.nan)
        nothing = np.where(known, y, None)
        pd = pytest.importorskip("pandas")
        forms = [
            missing,
            nothing,
            nothing.tolist(),
            np.where(known, y, 9),
            pd.Series(y).where(known).astype("Int64"),
            pd.Series(y.astype(str)).where(known).astype("string"),
            pd.Series(y.astype(str)).where(known).astype("category"),
        ]
        fits = [
            clone(model)
            .set_params(unlabeled_label=9 if j == 3 else None)
            .fit(X, form, sample_weight=weights)
            for j, form in enumerate(forms)
        ]
        fits.append(
            clone(model).fit(
                X[known],
                y[known],
                sample_weight=weights[known],
                X_unlabeled=X[~known],
                sample_weight_unlabeled=weights[~known],
            )
        )
        for fitted in fits:
            assert_array_equal(
                fitted.decision_function(X_new), expected.decision_function(X_new)
            )
            assert_array_equal(
                fitted.transduction_.astype(float), expected.transduction_
            )
            assert_array_equal(fitted.labeled_mask_, expected.labeled_mask_)

    def test_rows_of_weight_zero_do_not_decide(self):
        """Without its last row, y has the classes -1 and 1."""
        X = np.arange(5.0)[:, np.newaxis]
        y = np.array([-1, 1, -1, 1, 2])
        assert STKRClassifier().fit(X, y).classes_.tolist() == [1, 2]
        model = STKRClassifier().fit(X, y, sample_weight=[1, 1, 1, 1, 0])
        expected = STKRClassifier().fit(X[:4], y[:4])
        assert model.classes_.tolist() == expected.classes_.tolist() == [-1, 1]
        assert_array_equal(model.labeled_mask_, [True, True, True, True, False])
        assert_allclose(model.decision_function(X), expected.decision_function(X))

    def test_wrong_labels(self):
        X, y, _ = problem()
        for bad, message in [
            (np.full(N, np.nan), "no labelled sample"),
            (np.full(N, None), "no labelled sample"),
            (np.where(y == 0, np.inf, 1.0), "infinity"),
            (np.full(N, np.inf), "infinity"),
            (np.full(N, 1), "only one class: 1"),
            (np.where(y < 0, np.nan, 1.0), "only one class: 1.0"),
            (np.linspace(0, 1, N), "Unknown label type: continuous"),
            (np.array(["a", 1, None] * 20, dtype=object), "all strings or all numbers"),
            (None, "requires y to be passed, but the target y is None"),
            (y[1:], "inconsistent numbers of samples"),
            (np.zeros((N, 2)), "1d array"),
            (np.full(N, 1j), "Complex data"),
        ]:
            with pytest.raises(ValueError, match=message):
                STKRClassifier().fit(X, bad)
        with pytest.raises(ValueError, match="unlabeled_label=1 marks all rows"):
            STKRClassifier(unlabeled_label=1).fit(X, np.ones(N, dtype=int))
        with pytest.raises(ValueError, match="of positive weight"):
            STKRClassifier(unlabeled_label=None).fit(
                X, np.where(y < 0, np.nan, y), sample_weight=(y < 0) * 1.0
            )

    def test_column_warns(self):
        X, y, _ = problem()
        with pytest.warns(DataConversionWarning, match="column-vector y"):
            model = STKRClassifier().fit(X, y[:, np.newaxis])
        assert model.transduction_.shape == (N,)


class TestModelSelection:
    @pytest.mark.parametrize("mark", [-1, None])
    def test_labeled_folds(self, mark):
        X, y, _ = problem()
        if mark is None:
            y = np.array(["a", "b", "c", None], dtype=object)[y]
        model = make_pipeline(StandardScaler(), STKRClassifier())
        grid = {"stkrclassifier__transformation": ["identity", "inverse_laplacian"]}
        cv = LabeledKFold(3, shuffle=True, random_state=0, stratify=True)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            search = GridSearchCV(model, grid, cv=cv, error_score="raise").fit(X, y)
        assert (search.cv_results_["mean_test_score"] > 0.6).all()
        assert search.best_estimator_[-1].labeled_mask_.sum() == sum(
            label not in (-1, None) for label in y
        )
        assert len(search.classes_) == 3

    def test_routed_rows(self):
        X, y, X_new = problem()
        known = y >= 0
        with config_context(enable_metadata_routing=True):
            model = STKRClassifier().set_fit_request(X_unlabeled=True)
            search = GridSearchCV(model, {"eta": [0.9]}, cv=3, error_score="raise")
            search.fit(X[known], y[known], X_unlabeled=X[~known])
        direct = STKRClassifier(eta=0.9).fit(X, y)
        assert_allclose(
            search.decision_function(X_new),
            direct.decision_function(X_new),
            atol=1e-10,
        )


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_labels_among_objects(value):
    X, y, _ = problem()
    labels = np.array([None if v < 0 else v for v in y], dtype=object)
    labels[np.flatnonzero(y >= 0)[0]] = value
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match="infinity"):
            STKRClassifier().fit(X, labels)
