"""What cross-validation measures, and on which rows."""

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import get_scorer
from sklearn.model_selection import check_cv

from skkernels.utils._array import to_numpy
from skkernels.utils._distinct import distinct_rows

_N_FOLDS = 5


class ValidationScore:
    """Score of predictions, greater is better.

    Parameters
    ----------
    scoring : str, callable or None
        A scorer or its name; None is the negative mean squared error.

    per_target : bool
        Whether each target has a score of its own.

    one_dimensional : bool
        Whether the scorer gets one-dimensional targets.
    """

    def __init__(self, scoring, *, per_target, one_dimensional):
        self.scorer = get_scorer(scoring) if isinstance(scoring, str) else scoring
        self.per_target = per_target
        self.one_dimensional = one_dimensional

    def __call__(self, Y, predictions, weights):
        """Score of arrays of shape (n, n_targets): a number, or one per target.

        Predictions that are not finite and scores that are undefined give minus
        infinity.
        """
        Y, predictions = to_numpy(Y), to_numpy(predictions)
        weights = None if weights is None else to_numpy(weights)
        if self.per_target:
            columns = zip(Y.T, predictions.T)
            return np.array([self._score(y, p, weights) for y, p in columns])
        if self.one_dimensional:
            Y, predictions = Y[:, 0], predictions[:, 0]
        return self._score(Y, predictions, weights)

    def _score(self, y, predictions, weights):
        if not np.isfinite(predictions).all():
            return -np.inf
        if self.scorer is None:
            squares = (y - predictions) ** 2
            if squares.ndim == 2:
                squares = squares.mean(axis=1)
            return -float(np.average(squares, weights=weights))
        fit_params = {} if weights is None else {"sample_weight": weights}
        value = float(self.scorer(_Given(), predictions, y, **fit_params))
        return value if np.isfinite(value) else -np.inf


class _Given(RegressorMixin, BaseEstimator):
    """A regressor for scorers, whose predictions are what it is given."""

    def __sklearn_is_fitted__(self):
        return True

    def predict(self, X):
        return X


def user_splits(cv, y, rows, *, classifier=False):
    """Train and test indices of a splitter, among the rows that count.

    Parameters
    ----------
    cv : int, splitter or iterable of (train, test)
        As scikit-learn's ``cv``.

    y : array of shape (n_samples,) or (n_samples, n_targets)
        Targets of all rows, those of zero weight included.

    rows : array of int or None
        The rows of positive weight; None if that is all of them.

    classifier : bool, default=False
        Whether y are class labels, by which folds given as a number are stratified.

    Returns
    -------
    splits : list of (train, test)
        Positions in ``rows``. Splits without rows to test on are left out.
    """
    y = to_numpy(y)
    n_samples = y.shape[0]
    splitter = check_cv(cv, y, classifier=classifier)
    position = np.arange(n_samples)
    if rows is not None:
        position = np.full(n_samples, -1)
        position[to_numpy(rows)] = np.arange(len(rows))
    splits = []
    for number, (train, test) in enumerate(splitter.split(np.zeros(n_samples), y)):
        train, test = position[train], position[test]
        train, test = train[train >= 0], test[test >= 0]
        if train.size == 0:
            raise ValueError(
                f"Split {number} of cv={cv!r} has no training rows of positive weight."
            )
        if test.size:
            splits.append((train, test))
    if not splits:
        raise ValueError(f"No split of cv={cv!r} has test rows of positive weight.")
    return splits


def own_splits(X):
    """Five folds that depend on which rows there are, but not on their order.

    Equal rows are in the same fold, as if they were one row of a larger weight.
    """
    n_samples = X.shape[0]
    if n_samples < 2:
        raise ValueError(
            f"Cross-validation needs at least 2 samples, got n_samples = {n_samples}."
        )
    first, inverse = distinct_rows(X)
    if len(first) < _N_FOLDS:
        inverse = np.arange(n_samples)
    fold = inverse % _N_FOLDS
    folds = range(min(_N_FOLDS, n_samples))
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in folds]
