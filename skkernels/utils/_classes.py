"""Class labels as regression targets."""

from types import SimpleNamespace

import numpy as np
from scipy.linalg import helmert
from sklearn.utils.class_weight import compute_class_weight

from skkernels.utils._array import get_namespace, to_numpy
from skkernels.utils._sklearn import _check_partial_fit_first_call
from skkernels.utils._validation import positive_rows


def weigh_classes(class_weight, classes, codes, weights):
    """Multiply the sample weights by the weights of the classes.

    "balanced" makes the total weights of the classes equal; the sample weights count
    in that, so that a weight has the effect of repeating the sample.

    Parameters
    ----------
    class_weight : dict, "balanced" or None
        As in the constructors.

    classes : ndarray of shape (n_classes,)
        Labels.

    codes : ndarray of shape (n_samples,)
        Position of each sample's label in ``classes``.

    weights : ndarray of shape (n_samples,) or None
        Sample weights.

    Returns
    -------
    weights : ndarray of shape (n_samples,) or None
        None if nothing is weighted.
    """
    if class_weight is None:
        return weights
    factors = compute_class_weight(
        class_weight, classes=classes, y=classes[codes], sample_weight=weights
    )
    if (factors < 0).any() or not np.isfinite(factors).all():
        raise ValueError(
            f"class_weight must be non-negative and finite, got {class_weight!r}."
        )
    combined = factors[codes] if weights is None else factors[codes] * weights
    if not combined.any():
        raise ValueError(
            "All weights are zero: no class that occurs in y has a class_weight above "
            f"zero, got class_weight={class_weight!r}."
        )
    return combined


def encode_labels(y, weights, class_weight, name):
    """Find the classes among the samples that count, and code all samples.

    Parameters
    ----------
    y : array of shape (n_samples,)
        Labels.

    weights : array of shape (n_samples,) or None
        Checked sample weights.

    class_weight : dict, "balanced" or None
        As in the constructors.

    name : str
        Name of the estimator, for the error message.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
        Sorted labels of the samples of positive weight.

    codes : ndarray of shape (n_samples,)
        Position of each label in ``classes``; 0 for samples of weight 0.

    weights : ndarray of shape (n_samples,) or None
        Weights of samples and classes together.
    """
    y = to_numpy(y)
    weights = None if weights is None else to_numpy(weights)
    rows = positive_rows(weights)
    rows = slice(None) if rows is None else rows
    classes, row_codes = np.unique(y[rows], return_inverse=True)
    if classes.size < 2:
        raise ValueError(
            f"{name} needs samples of at least 2 classes with a positive weight, but "
            f"got only one class: {classes.tolist()[0]!r}."
        )
    codes = np.zeros(y.size, dtype=np.intp)
    codes[rows] = row_codes
    row_weights = None if weights is None else weights[rows]
    row_weights = weigh_classes(class_weight, classes, row_codes, row_weights)
    if row_weights is not None:
        weights = np.zeros(y.size)
        weights[rows] = row_weights
    return classes, codes, weights


def declared_classes(classes, known, name):
    """Labels that may occur in ``partial_fit``.

    Parameters
    ----------
    classes : array-like of shape (n_classes,) or None
        What was passed.

    known : ndarray of shape (n_classes,) or None
        The labels of earlier calls; None in the first call.

    name : str
        Name of the estimator, for the error message.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
        Sorted labels.
    """
    # On a stand-in, so that a call that fails later leaves the estimator as it was.
    holder = SimpleNamespace(classes_=known)
    _check_partial_fit_first_call(holder, classes)
    if len(holder.classes_) < 2:
        raise ValueError(
            f"{name} needs at least 2 classes, but got only one in classes: "
            f"{holder.classes_.tolist()[0]!r}."
        )
    return holder.classes_


def code_declared_labels(y, classes, known, name):
    """Code the labels of a call to ``partial_fit``.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Labels.

    classes, known, name
        As in :func:`declared_classes`.

    Returns
    -------
    codes : ndarray of shape (n_samples,)
        Position of each label in the classes.

    classes : ndarray of shape (n_classes,)
        Sorted labels.
    """
    classes = declared_classes(classes, known, name)
    unknown = np.setdiff1d(y, classes)
    if unknown.size:
        raise ValueError(
            "y contains labels that are not among the classes given in the first call "
            f"to partial_fit: {unknown[:5]}."
        )
    return np.searchsorted(classes, y), classes


def code_targets(codes, n_classes):
    """Regression targets of class codes.

    Returns
    -------
    Y : ndarray of shape (n_samples, n_classes), or (n_samples, 1) for two classes
        Indicators 0 and 1 of the classes; for two classes -1 and 1, the difference of
        their indicators.
    """
    if n_classes == 2:
        return np.where(codes == 1, 1.0, -1.0)[:, np.newaxis]
    return (codes[:, np.newaxis] == np.arange(n_classes)).astype(np.float64)


def simplex_codes(n_classes):
    """Vectors of equal length and equal angles, one for each class.

    Parameters
    ----------
    n_classes : int
        Number of classes.

    Returns
    -------
    codes : ndarray of shape (n_classes, n_classes - 1)
        Unit vectors with inner products ``-1 / (n_classes - 1)``, which sum to zero;
        -1 and 1 for two classes.

    Notes
    -----
    Targets in this code are a linear map of the indicators, so least squares gives the
    same map of its solution for the indicators. With values p that sum to one there,
    the inner products with the vectors here are
    ``(n_classes * p - 1) / (n_classes - 1)``.
    """
    return -np.sqrt(n_classes / (n_classes - 1)) * helmert(n_classes).T


def labels_from_scores(classes, scores):
    """The label with the largest score, or by the sign of a single score."""
    codes = scores.argmax(axis=1) if scores.ndim == 2 else (scores > 0).astype(np.intp)
    return get_namespace(scores).asarray(classes)[codes]
