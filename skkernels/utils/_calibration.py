"""Probabilities from the scores of least squares.

Scores are arrays of shape (n, n_classes), which estimate the indicators of the classes,
or of shape (n,) for two classes: the difference of the two indicators.
"""

import numpy as np
from scipy.optimize import brentq
from sklearn.linear_model import LogisticRegression

from skkernels.utils._array import get_namespace

# Of the logarithm of the inverse temperature.
_RANGE = (-10.0, 10.0)
# Scores that vary less, relative to their size, are the same up to rounding.
_CONSTANT = 1e-12


def project_to_simplex(scores):
    """Nearest probability vectors in Euclidean distance.

    Parameters
    ----------
    scores : array of shape (n, n_classes)
        One vector per row.

    Returns
    -------
    probabilities : array of shape (n, n_classes)
        ``max(scores - shift, 0)`` with the shift of each row that makes it sum to one.

    Notes
    -----
    With the entries in descending order, the positive ones are the longest run whose
    last entry exceeds the shift that the run asks for. The order of the entries is
    kept. Time is that of sorting the rows.
    """
    xp = get_namespace(scores)
    scores = scores - scores.max(axis=1, keepdims=True)
    ordered = xp.sort(scores, axis=1)[:, ::-1]
    excess = xp.cumsum(ordered, axis=1) - 1.0
    sizes = xp.arange(1, scores.shape[1] + 1, dtype=scores.dtype)
    n_positive = (ordered * sizes > excess).sum(axis=1, keepdims=True)
    shift = xp.take_along_axis(excess, n_positive - 1, axis=1) / n_positive
    return xp.maximum(scores - shift.astype(scores.dtype), 0.0)


def clip_scores(scores):
    """The probabilities nearest to scores that estimate them.

    Parameters
    ----------
    scores : array of shape (n,) or (n, n_classes)
        Scores.

    Returns
    -------
    probabilities : array of shape (n, 2) or (n, n_classes)
        Of the same order within a row as the scores, and no farther than they from the
        indicators of any class.
    """
    if scores.ndim == 2:
        return project_to_simplex(scores)
    return _pair(get_namespace(scores).clip((1.0 + scores) / 2.0, 0.0, 1.0))


def fit_sigmoids(scores, codes, weights):
    """Fit a logistic curve to the scores of each class against the other classes.

    Parameters
    ----------
    scores : ndarray of shape (n,) or (n, n_classes)
        Scores of samples that the model has not been fitted to.

    codes : ndarray of shape (n,)
        Classes of the samples, as positions.

    weights : ndarray of shape (n,) or None
        How many samples each one stands for, not negative; None is 1 for all. With a
        small sum the curve is nearly flat.

    Returns
    -------
    slopes, intercepts : ndarray of shape (1,) or (n_classes,)
        Log-odds are ``slope * score + intercept``. Slopes are not negative: scores that
        speak against their class are worth no more than its share in the sample.

    Notes
    -----
    Platt's method: the targets are ``(p + 1) / (p + 2)`` and ``1 / (q + 2)``, where p
    and q are the weights of the class and of the rest, so that the curve stays finite
    where the scores separate the classes. A target t is a sample of the class of weight
    t and one of the rest of weight 1 - t.
    """
    columns = scores[:, np.newaxis] if scores.ndim == 1 else scores
    weights = np.ones(len(codes)) if weights is None else weights
    positions = (1,) if scores.ndim == 1 else range(columns.shape[1])
    slopes, intercepts = np.zeros(len(positions)), np.zeros(len(positions))
    for j, position in enumerate(positions):
        inside = codes == position
        p, q = weights[inside].sum(), weights[~inside].sum()
        share = np.where(inside, (p + 1.0) / (p + 2.0), 1.0 / (q + 2.0))
        slopes[j], intercepts[j] = _fit_sigmoid(columns[:, j], share, weights)
    return slopes, intercepts


def _fit_sigmoid(scores, share, weights):
    """Slope, not negative, and intercept of the log-odds."""
    center = np.average(scores, weights=weights)
    spread = np.sqrt(np.average((scores - center) ** 2, weights=weights))
    if spread > _CONSTANT * np.abs(scores).max():
        model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10)
        model.fit(
            np.tile((scores - center) / spread, 2)[:, np.newaxis],
            np.repeat([1, 0], len(scores)),
            sample_weight=np.concatenate([weights * share, weights * (1.0 - share)]),
        )
        slope = model.coef_[0, 0] / spread
        if slope > 0:
            return slope, model.intercept_[0] - slope * center
    mean = np.average(share, weights=weights)
    return 0.0, np.log(mean / (1.0 - mean))


def sigmoid_probabilities(log_odds):
    """Turn log-odds of each class against the rest into probabilities.

    Parameters
    ----------
    log_odds : array of shape (n,) or (n, n_classes)
        Log-odds of the second of two classes, or of every class.

    Returns
    -------
    probabilities : array of shape (n, 2) or (n, n_classes)
        Of several classes, the sigmoids divided by their sum.
    """
    xp = get_namespace(log_odds)
    log_sigmoids = -xp.logaddexp(xp.zeros_like(log_odds), -log_odds)
    if log_odds.ndim == 1:
        return _pair(xp.exp(log_sigmoids))
    return _softmax(log_sigmoids)


def fit_temperature(scores, codes, weights):
    """Fit the temperature of a softmax by maximum likelihood.

    Parameters
    ----------
    scores, codes, weights
        As in :func:`fit_sigmoids`.

    Returns
    -------
    temperature : float
        The number by which the scores are to be divided.

    Notes
    -----
    The log-loss is convex in the inverse temperature; its minimum is found as the root
    of the derivative, to full precision. The targets are those of Laplace's rule: one
    more sample, spread evenly over the classes, is shared out to all. So the
    temperature stays above zero where the scores separate the classes.
    """
    logits = _as_pair(np, scores)
    weights = np.ones(len(codes)) if weights is None else weights
    total = weights.sum()
    own = logits[np.arange(len(codes)), codes]
    target = (total * own + logits.mean(axis=1)) / (total + 1.0)

    def derivative(log_inverse):
        p = _softmax(np.exp(log_inverse) * logits)
        return weights @ ((p * logits).sum(axis=1) - target)

    low, high = _RANGE
    if derivative(low) >= 0:
        return float(np.exp(-low))
    if derivative(high) <= 0:
        return float(np.exp(-high))
    return float(np.exp(-brentq(derivative, low, high, xtol=1e-14, rtol=1e-15)))


def softmax_probabilities(scores, temperature):
    """Softmax of scores divided by a temperature.

    Parameters
    ----------
    scores : array of shape (n,) or (n, n_classes)
        Scores.

    temperature : float
        Positive number.

    Returns
    -------
    probabilities : array of shape (n, 2) or (n, n_classes)
        Of the same order within a row as the scores.
    """
    return _softmax(_as_pair(get_namespace(scores), scores) / temperature)


def _softmax(logits):
    xp = get_namespace(logits)
    powers = xp.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _as_pair(xp, scores):
    """Scores of two classes in two columns whose difference they are."""
    return scores if scores.ndim == 2 else xp.stack([-scores, scores], axis=1) / 2.0


def _pair(second):
    """Probabilities of both classes from those of the second."""
    return get_namespace(second).stack([1.0 - second, second], axis=1)
