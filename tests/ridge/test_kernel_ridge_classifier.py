"""KernelRidgeClassifier."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.callback import ScoringMonitor
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skkernels import KernelRidge, KernelRidgeClassifier


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return X, np.array(["a", "b", "c"])[y]


@pytest.mark.parametrize("solver", ["cholesky", "pcg", "askotch"])
def test_scores_are_regressions_on_indicators(iris, solver):
    X, y = iris
    model = KernelRidgeClassifier(solver=solver, tol=1e-12).fit(X, y)
    Y = (y[:, None] == ["a", "b", "c"]).astype(float)
    regression = KernelRidge(alpha=0.1, kernel="rbf", gamma="scale")
    expected = regression.fit(X, Y - Y.mean(axis=0)).predict(X) + Y.mean(axis=0)
    assert_allclose(model.decision_function(X), expected, rtol=1e-8, atol=1e-9)
    assert_array_equal(model.predict(X), model.classes_[expected.argmax(axis=1)])
    assert model.dual_coef_.shape == (150, 3)
    # The indicators add up to one, and so do their regressions.
    assert_allclose(model.decision_function(X).sum(axis=1), 1.0, atol=1e-8)


def test_binary_is_the_difference_of_two_indicators(iris):
    X, y = iris
    X, y = X[:140][y[:140] != "a"], y[:140][y[:140] != "a"]
    model = KernelRidgeClassifier().fit(X, y)
    Y = (y[:, None] == ["b", "c"]).astype(float)
    regression = KernelRidge(alpha=0.1, kernel="rbf", gamma="scale")
    both = regression.fit(X, Y - Y.mean(axis=0)).predict(X) + Y.mean(axis=0)
    assert_allclose(model.decision_function(X), both[:, 1] - both[:, 0], atol=1e-10)
    assert model.dual_coef_.shape == (90,)
    assert isinstance(model.intercept_, float)
    assert_array_equal(model.predict(X) == "c", model.decision_function(X) > 0)


def test_far_away_the_most_frequent_class_wins(iris):
    X, y = iris
    weights = np.where(y == "b", 3.0, 1.0)
    model = KernelRidgeClassifier(gamma=1.0).fit(X, y, sample_weight=weights)
    assert model.predict(X[:1] + 1e3) == ["b"]
    assert_allclose(model.decision_function(X[:1] + 1e3), [[0.2, 0.6, 0.2]])


@pytest.mark.parametrize("class_weight", [None, "balanced", {"a": 2.0, "c": 0.5}])
def test_weights_are_repetitions(iris, class_weight):
    X, y = iris
    weights = np.random.RandomState(0).randint(0, 3, size=150)
    model = KernelRidgeClassifier(class_weight=class_weight)
    weighted = clone(model).fit(X, y, sample_weight=weights)
    repeated = clone(model).fit(np.repeat(X, weights, 0), np.repeat(y, weights))
    assert_allclose(
        weighted.decision_function(X), repeated.decision_function(X), rtol=1e-8
    )


def test_class_weight_is_sample_weight(iris):
    X, y = iris
    by_class = KernelRidgeClassifier(class_weight={"a": 5.0, "b": 1.0, "c": 0.2})
    by_class.fit(X, y)
    weights = np.select([y == "a", y == "b"], [5.0, 1.0], 0.2)
    by_sample = KernelRidgeClassifier().fit(X, y, sample_weight=weights)
    assert_allclose(by_class.decision_function(X), by_sample.decision_function(X))
    balanced = KernelRidgeClassifier(class_weight="balanced").fit(X[:120], y[:120])
    assert_allclose(balanced.intercept_, 1 / 3)
    for bad in ({"a": -1.0}, {"a": 0.0, "b": 0.0, "c": 0.0}):
        with pytest.raises(ValueError, match="class_weight"):
            KernelRidgeClassifier(class_weight=bad).fit(X, y)


def test_a_class_without_weight_is_no_class(iris):
    X, y = iris
    model = KernelRidgeClassifier().fit(X, y, sample_weight=(y != "b").astype(float))
    assert_array_equal(model.classes_, ["a", "c"])
    assert set(model.predict(X)) == {"a", "c"}
    with pytest.raises(ValueError, match="only one class"):
        KernelRidgeClassifier().fit(X, y, sample_weight=(y == "b").astype(float))


def test_no_probabilities(iris):
    assert not hasattr(KernelRidgeClassifier(), "predict_proba")


def test_scoring_monitor(iris):
    pytest.importorskip("pandas")
    X, y = iris
    monitor = ScoringMonitor(scoring="accuracy")
    model = KernelRidgeClassifier(solver="pcg").set_callbacks(monitor).fit(X, y)
    log = monitor.get_logs().data_as_pandas
    scores = log.loc[log.task_name == "iteration", "accuracy"]
    assert len(scores) == model.n_iter_
    assert scores.iloc[-1] == pytest.approx(model.score(X, y))


@pytest.mark.parametrize(
    "load, least", [(load_digits, 0.93), (load_breast_cancer, 0.95), (load_wine, 0.95)]
)
def test_defaults_make_a_good_model(load, least):
    X, y = load(return_X_y=True)
    X, y = X[:900], y[:900]
    ours = cross_val_score(
        make_pipeline(StandardScaler(), KernelRidgeClassifier()), X, y, cv=3
    )
    svc = cross_val_score(make_pipeline(StandardScaler(), SVC()), X, y, cv=3)
    assert ours.mean() > svc.mean() - 0.015
    assert ours.mean() > least
