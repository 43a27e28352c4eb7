"""Rows with and without a target, however the user hands them over."""

import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from skkernels.utils._array import get_namespace, is_cupy, to_numpy
from skkernels.utils._unlabeled import as_labels, labeled_rows, missing_targets
from skkernels.utils._validation import check_weights, match_storage, validate


def read_rows(estimator, X, X_unlabeled, sample_weight, sample_weight_unlabeled):
    """Validate the rows and the weights, and put those without a target last.

    Parameters
    ----------
    estimator : estimator instance
        Receives ``n_features_in_`` and ``feature_names_in_``.

    X, X_unlabeled, sample_weight, sample_weight_unlabeled
        As in ``fit``.

    Returns
    -------
    X : {array, CSR matrix} of shape (N, n_features)
        The rows of X, then those of X_unlabeled.

    weights : array of shape (N,) or None
        Their weights; None if none were given.

    n_samples : int
        Number of rows of X alone.
    """
    X = validate(estimator, X, reset=True)
    n_samples = X.shape[0]
    weights = check_weights(sample_weight, X)
    if X_unlabeled is None:
        if sample_weight_unlabeled is not None:
            raise ValueError("sample_weight_unlabeled was given without X_unlabeled.")
        return X, weights, n_samples
    if estimator._is_precomputed():
        raise ValueError(
            "X_unlabeled cannot be used with kernel='precomputed', which needs the "
            "kernel between all rows. Pass the kernel matrix of the labelled and the "
            "unlabelled rows together as X, and mark the unlabelled rows in y."
        )
    try:
        U = match_storage(validate(estimator, X_unlabeled, reset=False), X)
        extra = check_weights(sample_weight_unlabeled, U, allow_all_zero=True)
    except (TypeError, ValueError) as error:
        raise type(error)(f"Bad X_unlabeled: {error}") from error
    xp = get_namespace(X, U)
    U = U.astype(X.dtype, copy=False)
    X = sp.vstack([X, U], format="csr") if sp.issparse(X) else xp.vstack([X, U])
    if weights is not None or extra is not None:
        weights = xp.ones(n_samples) if weights is None else weights
        extra = xp.ones(U.shape[0]) if extra is None else extra
        weights = xp.concatenate([weights, extra])
    return X, weights, n_samples


def read_targets(estimator, y, n_samples, n_rows, weights):
    """Validate targets of regression and find the labelled rows.

    Parameters
    ----------
    estimator : estimator instance
        Named in error messages.

    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Targets; NaN or None where there is none.

    n_samples : int
        Number of rows that y is for.

    n_rows : int
        Number of all rows N; those of y come first.

    weights : array of shape (N,) or None
        Weights of all rows.

    Returns
    -------
    targets : ndarray of shape (n_labeled,) or (n_labeled, n_targets) in float64
        Those of the labelled rows.

    labeled : ndarray of bool of shape (N,)
        Rows with a target and a positive weight.
    """
    _require(estimator, y)
    y = check_array(
        _with_nan(to_numpy(y) if is_cupy(y) else y),
        dtype=np.float64,
        ensure_2d=False,
        ensure_all_finite="allow-nan",
        input_name="y",
        estimator=estimator,
    )
    _check_length(y, n_samples)
    missing = missing_targets(y)
    if y.ndim == 2:
        partly = missing.any(axis=1) & ~missing.all(axis=1)
        if partly.any():
            raise ValueError(
                "A row of y must have all targets, or NaN for all of them where it is "
                f"unlabelled; row {int(partly.argmax())} has some."
            )
        missing = missing.all(axis=1)
    labeled = _counted(~missing, weights, n_rows)
    return y[labeled[:n_samples]], labeled


def read_labels(estimator, y, n_samples, n_rows, weights, unlabeled_label):
    """Validate class labels and find the labelled rows.

    Parameters
    ----------
    estimator, y, n_samples, n_rows, weights
        As in :func:`read_targets`, y with one column.

    unlabeled_label : "auto", None or a label
        As in :func:`labeled_rows`; rows of weight 0 do not count.

    Returns
    -------
    labels : ndarray of shape (n_labeled,)
        Those of the labelled rows.

    labeled : ndarray of bool of shape (N,)
        Rows with a label and a positive weight.
    """
    _require(estimator, y)
    y = column_or_1d(as_labels(y), warn=True)
    if y.dtype.kind == "c":
        raise ValueError(f"Complex data not supported\n{y}\n")
    _check_length(y, n_samples)
    known = ~missing_targets(y)
    labeled = _counted(known, weights, n_rows)
    # Whether -1 is a label is decided by the rows that count.
    labels = y[labeled[:n_samples]]
    marked = labeled_rows(labels, unlabeled_label)
    if not marked.any():
        raise ValueError(
            f"There is no labelled sample: unlabeled_label={unlabeled_label!r} marks "
            "all rows as unlabelled."
        )
    labeled[labeled] = marked
    labels = _uniform(labels[marked])
    for values in (y, labels):
        if values.dtype.kind == "f" and np.isinf(values).any():
            raise ValueError("Input y contains infinity.")
    check_classification_targets(labels)
    return labels, labeled


def _require(estimator, y):
    if y is None:
        raise ValueError(
            f"This {type(estimator).__name__} estimator requires y to be passed, but "
            "the target y is None. Unlabelled rows are marked one by one in y."
        )


def _check_length(y, n_samples):
    check_consistent_length(np.empty(n_samples), y)


def _counted(known, weights, n_rows):
    """Which of all rows have a target and count; refuse if there is none."""
    if not known.any():
        raise ValueError(
            "There is no labelled sample: all targets in y are missing (NaN or None)."
        )
    labeled = np.zeros(n_rows, dtype=bool)
    labeled[: len(known)] = known
    if weights is not None:
        labeled &= to_numpy(weights) > 0
        if not labeled.any():
            raise ValueError(
                "There is no labelled sample of positive weight: all rows with a "
                "target in y have a sample_weight of 0."
            )
    return labeled


def _with_nan(y):
    """NaN for all that is missing among objects, of which pandas has one of its own."""
    try:
        values = np.asarray(y)
    except ValueError:  # rows of different lengths
        return y
    if values.dtype.kind != "O" or values.ndim == 0:
        return y
    return np.where(missing_targets(values), np.nan, values)


def _uniform(labels):
    """Labels from an array of objects in the type that they have."""
    if labels.dtype.kind != "O":
        return labels
    strings = [isinstance(label, str) for label in labels]
    if all(strings):
        return labels
    if any(strings):
        raise ValueError("The labels in y must be all strings or all numbers.")
    return np.asarray(labels.tolist())
