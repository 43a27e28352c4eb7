"""LabeledKFold: unlabelled rows are always in training, never in a test set."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import DataConversionWarning
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from skkernels.model_selection import LabeledKFold
from skkernels.semi_supervised import STKRClassifier, STKRRegressor


def rows_of(y):
    return np.zeros((len(y), 1))


TARGETS = {
    "minus one": (np.array([0, 1, -1, 1, -1, 0, 1, 0, -1, 1]), [2, 4, 8]),
    "nan": (np.array([0.5, np.nan, -1.0, 2.0, np.nan, 3.0, 4.0]), [1, 4]),
    "none": (np.array(["a", None, "b", "a", "b", None, "a"], object), [1, 5]),
    "object nan": (np.array([1, np.nan, 0, 1, 0, 1], object), [1]),
    "columns": (np.array([[1, 2], [np.nan] * 2, [3, np.nan], [0, 1], [5, 6.0]]), [1]),
}


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("shuffle", [False, True])
def test_test_sets_are_a_partition_of_the_labelled_rows(name, shuffle):
    y, unlabeled = TARGETS[name]
    cv = LabeledKFold(2, shuffle=shuffle, random_state=0 if shuffle else None)
    splits = list(cv.split(rows_of(y), y))
    assert len(splits) == cv.get_n_splits() == 2
    tests = np.concatenate([test for _, test in splits])
    assert_array_equal(np.sort(tests), np.setdiff1d(np.arange(len(y)), unlabeled))
    for train, test in splits:
        assert_array_equal(train, np.setdiff1d(np.arange(len(y)), test))
        assert set(unlabeled) <= set(train)


@pytest.mark.parametrize("stratify", [False, True])
def test_it_is_the_folds_of_the_labelled_rows(stratify):
    rng = np.random.RandomState(0)
    y = rng.randint(-1, 3, size=60)
    labeled = np.flatnonzero(y != -1)
    peer = (StratifiedKFold if stratify else KFold)(4, shuffle=True, random_state=3)
    cv = LabeledKFold(4, shuffle=True, random_state=3, stratify=stratify)
    expected = [labeled[test] for _, test in peer.split(labeled, y[labeled])]
    for (_, test), fold in zip(cv.split(rows_of(y), y), expected, strict=True):
        assert_array_equal(test, fold)


def test_without_unlabelled_rows_it_is_kfold():
    y = np.arange(11.0)
    for ours, theirs in zip(
        LabeledKFold(3).split(rows_of(y), y), KFold(3).split(y), strict=True
    ):
        assert_array_equal(ours[0], theirs[0])
        assert_array_equal(ours[1], theirs[1])


@pytest.mark.parametrize(
    "y, unlabeled_label, n_labeled",
    [
        ([-1, 1, 1, -1], "auto", 4),  # two classes, as scikit-learn's own data sets
        ([-1, 1, 0, -1], "auto", 2),
        ([-1, 1, 0, -1], None, 4),
        ([-1, 1, 0, 9], 9, 3),
        ([-1.0, 1.0, 0.5, -1.0], "auto", 4),  # targets of a regression
        ([-1.0, 1.0, 1.0, -1.0], "auto", 4),
        ([-1.0, 1.0, 0.0, -1.0], None, 4),
        (np.array([-1, 1, 0.5, -1, None], object), "auto", 4),
        (np.array([-1, 1, 0, 1, None], object), "auto", 3),
        (np.array([[-1], [1], [0], [1]]), "auto", 3),
        (np.array([[-1.5], [1], [0], [np.nan]]), "auto", 3),
        (["a", np.nan, "b", "a"], "auto", 3),
        (["a", None, "b", "a"], "auto", 3),
        ([-1.0, 1.0, 0.0, -1.0], -1, 2),
        (["a", "b", "?", "a"], "?", 3),
        (["a", "b", "-1", "a"], "auto", 4),
    ],
)
def test_what_marks_unlabelled_rows(y, unlabeled_label, n_labeled):
    cv = LabeledKFold(2, unlabeled_label=unlabeled_label)
    tests = [test for _, test in cv.split(rows_of(y), y)]
    assert sum(map(len, tests)) == n_labeled


@pytest.mark.parametrize(
    "y",
    [
        [-1.0, 1.0, 0.0, np.nan],
        np.array([[-1.0], [1.0], [0.0]]),
        np.array([-1.0, 1.0, 0.0, None], object),
    ],
)
def test_integers_among_floats_are_refused(y):
    # A mark for classifiers, a target for regressors.
    with pytest.raises(ValueError, match="unlabeled_label=None .* unlabeled_label=-1"):
        next(LabeledKFold(2).split(rows_of(y), y))


def test_the_estimators_read_the_same():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(60, 2))
    codes = np.where(rng.uniform(size=60) < 0.5, X[:, 0] > 0, -1).astype(int)
    codes[(codes == 1) & (X[:, 1] > 0)] = 2
    names = [["a", "b", "c", np.nan][i] for i in codes]
    for y in (codes, codes[:, None], names, np.array(names, object)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataConversionWarning)
            labeled = STKRClassifier().fit(X, y).labeled_mask_
        tests = [test for _, test in LabeledKFold(2).split(X, y)]
        assert_array_equal(np.sort(np.concatenate(tests)), np.flatnonzero(labeled))
    column = np.where(codes == -1, np.nan, X[:, 0])[:, None]
    labeled = STKRRegressor().fit(X, column).labeled_mask_
    tests = [test for _, test in LabeledKFold(2).split(X, column)]
    assert_array_equal(np.sort(np.concatenate(tests)), np.flatnonzero(labeled))


def test_scorers_never_meet_an_unlabelled_row():
    rng = np.random.RandomState(1)
    X = rng.normal(size=(80, 2))
    y = (X[:, 0] > 0).astype(int)
    y[rng.permutation(80)[:50]] = -1

    seen = []

    def score(model, X, y):
        seen.append(y)
        return model.score(X, y)

    cross_val_score(
        KNeighborsClassifier(1), X, y, cv=LabeledKFold(stratify=True), scoring=score
    )
    assert sum(map(len, seen)) == 30
    assert all((part != -1).all() for part in seen)


@pytest.mark.parametrize(
    "options, match",
    [
        ({"n_splits": 1}, "n_splits"),
        ({"n_splits": 2.5}, "n_splits"),
        ({"random_state": 0}, "random_state"),
    ],
)
def test_bad_parameters(options, match):
    with pytest.raises(ValueError, match=match):
        LabeledKFold(**options)


def test_bad_data():
    with pytest.raises(ValueError, match="needs y"):
        next(LabeledKFold().split(np.zeros((3, 1)), None))
    with pytest.raises(ValueError, match="n_splits=5 folds with 2 labelled"):
        next(LabeledKFold().split(np.zeros((4, 1)), [0, 1, -1, -1]))
    with pytest.raises(ValueError, match="inconsistent"):
        next(LabeledKFold().split(np.zeros((4, 1)), [0, 1]))


def test_repr_names_the_parameters():
    assert "stratify=True" in repr(LabeledKFold(3, stratify=True))
