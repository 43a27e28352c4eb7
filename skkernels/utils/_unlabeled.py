"""Which rows have a target."""

import numpy as np

from skkernels.utils._array import is_cupy, to_numpy


def as_labels(y):
    """Bring labels into a form in which what is missing stays missing.

    Parameters
    ----------
    y : array-like
        Labels.

    Returns
    -------
    y : array-like
        An array of objects instead of a list with strings and other values, among
        which NaN would become a string; an array of the host instead of one of the
        device; else y itself.
    """
    if is_cupy(y):
        return to_numpy(y)
    if isinstance(y, (list, tuple)):
        n_strings = sum(isinstance(label, str) for label in y)
        if 0 < n_strings < len(y):
            return np.array(y, dtype=object)
    return y


def missing_targets(y):
    """Find the rows whose target is missing: NaN, or None in arrays of objects.

    Parameters
    ----------
    y : array of shape (n_samples,) or (n_samples, n_targets)
        Targets or labels.

    Returns
    -------
    missing : ndarray of bool of the shape of y
        False throughout for integers, booleans and strings.
    """
    y = to_numpy(y)
    if y.dtype.kind in "fc":
        return np.isnan(y)
    if y.dtype.kind == "O":
        return np.array([_is_missing(v) for v in y.ravel()], dtype=bool).reshape(
            y.shape
        )
    return np.zeros(y.shape, dtype=bool)


def labeled_rows(y, unlabeled_label="auto"):
    """Find the rows that have a label.

    Parameters
    ----------
    y : array of shape (n_samples,)
        Labels. NaN and None are never labels.

    unlabeled_label : "auto", None or a label, default="auto"
        What else marks a row without a label. "auto" is -1 if at least two other
        labels remain without it; else -1 is a label like others. None is nothing else.

    Returns
    -------
    labeled : ndarray of bool of shape (n_samples,)
        True for rows with a label.
    """
    y = to_numpy(y)
    labeled = ~missing_targets(y)
    if unlabeled_label is None:
        return labeled
    automatic = isinstance(unlabeled_label, str) and unlabeled_label == "auto"
    mark = -1 if automatic else unlabeled_label
    others = labeled.copy()
    others[labeled] = ~_equals(y[labeled], mark)
    if automatic and not _has_two(y[others]):
        return labeled
    return others


def _is_missing(value):
    # NaN is the one value that differs from itself; that of pandas refuses to say.
    return value is None or type(value).__name__ == "NAType" or value != value


def _equals(y, mark):
    if y.dtype.kind == "O":
        return np.array([bool(v == mark) for v in y], dtype=bool)
    if (y.dtype.kind in "US") != isinstance(mark, (str, bytes)):
        return np.zeros(y.shape, dtype=bool)
    return y == mark


def _has_two(labels):
    return labels.size > 1 and bool((labels != labels[0]).any())
