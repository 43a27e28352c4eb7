"""Bandwidth rules: a length scale from data."""

import numpy as np
import scipy.sparse as sp
from sklearn.metrics.pairwise import euclidean_distances, manhattan_distances
from sklearn.utils import check_random_state

from ..utils._array import get_namespace, to_numpy
from ..utils._distinct import distinct_rows
from ..utils._validation import check_weights
from ._rows import as_rows

_BLOCK_ENTRIES = 2**20
_DISTANCES = {"euclidean": euclidean_distances, "cityblock": manhattan_distances}

#: Rules without an argument, in the order in which errors list them.
SIMPLE_RULES = ("median", "median/sqrt2", "mean", "silverman", "scale", "auto")
#: Rules with an argument after a colon: its type, smallest and largest value.
RULES_WITH_ARGUMENT = {
    "percentile": (float, 0.0, 100.0),
    "n_neighbors": (int, 1, np.inf),
}


def describe_rules():
    """All rules, for error messages."""
    return (
        ", ".join(repr(rule) for rule in SIMPLE_RULES)
        + ", 'percentile:q' with 0 <= q <= 100 or 'n_neighbors:k' with k >= 1"
    )


def parse_rule(rule):
    """Split a rule into its name and its argument.

    Returns
    -------
    name : str
    argument : int, float or None

    Raises
    ------
    ValueError
        If it is no rule.
    """
    name, colon, text = rule.partition(":")
    if not colon and name in SIMPLE_RULES:
        return name, None
    if colon and name in RULES_WITH_ARGUMENT:
        kind, low, high = RULES_WITH_ARGUMENT[name]
        try:
            argument = kind(text)
        except ValueError:
            argument = np.nan
        if low <= argument <= high:
            return name, argument
    raise ValueError(f"Unknown bandwidth rule {rule!r}, use {describe_rules()}.")


def bandwidth(
    X,
    rule="median",
    *,
    metric="euclidean",
    sample_weight=None,
    max_samples=2000,
    random_state=None,
):
    """Length scale that a rule gives for data.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Data.

    rule : str, default="median"
        One of

        - ``"median"``, ``"mean"``, ``"percentile:q"``: of the distances between rows,
          those that are zero left out;
        - ``"median/sqrt2"``: the median over the square root of two, which makes the
          RBF kernel ``exp(-r**2 / median**2)``;
        - ``"n_neighbors:k"``: the median distance to the k-th neighbour;
        - ``"silverman"``: one length per feature, ``(4 / (d + 2))**(1 / (d + 4)) *
          n**(-1 / (d + 4))`` times its standard deviation;
        - ``"scale"``: what ``gamma="scale"`` of :class:`sklearn.svm.SVC` means,
          ``gamma = 1 / (d Var X)``;
        - ``"auto"``: ``gamma = 1 / d``.

    metric : {"euclidean", "cityblock"}, default="euclidean"
        The distance of the kernel. A length stands for ``gamma = 1 / (2 length**2)``
        with the Euclidean distance and for ``gamma = 1 / length`` with the l1 distance.

    sample_weight : array-like of shape (n_samples,) or None, default=None
        A weight counts as that many repetitions of the row.

    max_samples : int, default=2000
        Rules that look at distances between rows take them between at most this many
        distinct rows.

    random_state : int, RandomState instance or None, default=None
        Chooses these rows. None always takes the same ones, whatever their order.

    Returns
    -------
    length : float or ndarray of shape (n_features,)
        1 where all rows are equal; an array for ``"silverman"``.

    See Also
    --------
    median_distance : The most common rule.

    Notes
    -----
    Rules on distances cost O(n_samples n_features + max_samples^2 n_features) time and
    O(max_samples^2) memory, the others one pass over the data.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.kernels import bandwidth
    >>> X = np.array([[0.0], [1.0], [3.0]])
    >>> bandwidth(X, "mean")
    2.0
    >>> round(bandwidth(X, "scale"), 4)  # the root of X.var() / 2
    0.8819
    """
    X = as_rows(X, "X")
    weights = check_weights(sample_weight, X)
    if metric not in _DISTANCES:
        raise ValueError(f"metric must be one of {sorted(_DISTANCES)}, got {metric!r}.")
    if weights is not None:
        keep = np.flatnonzero(to_numpy(weights))
        if keep.size < X.shape[0]:
            X, weights = X[keep], weights[keep]
    name, argument = parse_rule(rule)
    d = X.shape[1]
    if name == "auto":
        return _length_from_gamma(1.0 / d, metric)
    if name == "scale":
        variance = _total_variance(X, weights)
        return _length_from_gamma(1.0 / (d * variance) if variance > 0 else 1.0, metric)
    if name == "silverman":
        return _silverman(X, weights)

    rows, weights = _sample_distinct(X, weights, max_samples, random_state)
    distances = _DISTANCES[metric](rows)
    if name == "n_neighbors":
        return _neighbor_distance(distances, weights, argument)
    i, j = np.triu_indices(len(weights), 1)
    values, pair_weights = distances[i, j], weights[i] * weights[j]
    keep = values > 0
    values, pair_weights = values[keep], pair_weights[keep]
    if values.size == 0:
        return 1.0
    if name == "mean":
        return float(np.average(values, weights=pair_weights))
    level = argument / 100 if name == "percentile" else 0.5
    length = _weighted_quantile(values, pair_weights, level)
    return length / np.sqrt(2.0) if name == "median/sqrt2" else length


def median_distance(
    X,
    *,
    metric="euclidean",
    sample_weight=None,
    max_samples=2000,
    random_state=None,
):
    """Median of the distances between rows, those that are zero left out.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Data.

    metric : {"euclidean", "cityblock"}, default="euclidean"
        Distance.

    sample_weight : array-like of shape (n_samples,) or None, default=None
        A weight counts as that many repetitions of the row.

    max_samples : int, default=2000
        At most this many distinct rows are looked at.

    random_state : int, RandomState instance or None, default=None
        Chooses these rows. None always takes the same ones, whatever their order.

    Returns
    -------
    median : float
        1 where all rows are equal.

    See Also
    --------
    bandwidth : This and other rules.

    Notes
    -----
    O(n_samples n_features + max_samples^2 n_features) time, O(max_samples^2) memory.

    Examples
    --------
    >>> from skkernels.kernels import median_distance
    >>> median_distance([[0.0], [0.0], [1.0], [3.0]], metric="cityblock")
    2.0
    """
    return bandwidth(
        X,
        "median",
        metric=metric,
        sample_weight=sample_weight,
        max_samples=max_samples,
        random_state=random_state,
    )


def _length_from_gamma(gamma, metric):
    return 1.0 / gamma if metric == "cityblock" else float(np.sqrt(0.5 / gamma))


def _row_blocks(X):
    """Row slices of X as float64, with their positions."""
    size = max(1, _BLOCK_ENTRIES // X.shape[1])
    for start in range(0, X.shape[0], size):
        rows = slice(start, start + size)
        yield rows, X[rows].astype(np.float64)


def _weighted_mean(X, weights, per_column, transform):
    """Mean over rows, and over columns unless per_column, of transform(entries)."""
    xp = get_namespace(X)
    total = 0.0
    for rows, block in _row_blocks(X):
        w = xp.ones(block.shape[0]) if weights is None else xp.asarray(weights[rows])
        total = total + w @ transform(block)
    total = to_numpy(total) / (X.shape[0] if weights is None else weights.sum())
    return total if per_column else float(np.mean(total))


def _column_moments(X, weights):
    """Weighted mean of all columns, and a function giving their mean squares about
    a centre."""
    if sp.issparse(X):
        mean = _weighted_mean(X, weights, True, lambda block: block)

        def mean_square(center):
            # zeros that are not stored contribute center^2 each
            def square(block):
                shifted = block.copy()
                centers = np.broadcast_to(center, (X.shape[1],))[block.indices]
                shifted.data = (block.data - centers) ** 2 - centers**2
                return shifted

            return _weighted_mean(X, weights, True, square) + center**2

    else:
        xp = get_namespace(X)
        mean = _weighted_mean(X, weights, True, lambda block: block)

        def mean_square(center):
            center = xp.asarray(center)
            return _weighted_mean(X, weights, True, lambda b: (b - center) ** 2)

    return mean, mean_square


def _total_variance(X, weights):
    """Variance of all entries of X."""
    mean, mean_square = _column_moments(X, weights)
    return float(np.mean(mean_square(np.mean(mean))))


def _silverman(X, weights):
    mean, mean_square = _column_moments(X, weights)
    deviation = np.sqrt(np.maximum(mean_square(mean), 0.0))
    n = X.shape[0] if weights is None else float(weights.sum())
    d = X.shape[1]
    factor = (4.0 / ((d + 2.0) * n)) ** (1.0 / (d + 4.0))
    return np.where(deviation > 0, factor * deviation, 1.0)


def _sample_distinct(X, weights, max_samples, random_state):
    """At most max_samples distinct rows, with the weights of all rows equal to them.

    Both depend on which rows there are and how often, not on their order nor on
    whether repetitions are spelled out.
    """
    first, inverse = distinct_rows(X)
    totals = np.bincount(
        inverse, None if weights is None else to_numpy(weights), len(first)
    )
    chosen = np.arange(min(len(first), max_samples))  # the order is one of hashes
    if random_state is not None and len(first) > max_samples:
        rng = check_random_state(random_state)
        chosen = rng.choice(len(first), max_samples, replace=False)
    rows = X[first[chosen]]
    if sp.issparse(rows):
        rows = rows.astype(np.float64)
    else:
        rows = to_numpy(rows).astype(np.float64)
        rows -= rows.mean(axis=0)  # less rounding in distances
    return rows, totals[chosen].astype(np.float64)


def _weighted_quantile(values, weights, level):
    """Quantile of repeated values; the mean of two neighbours where it is between."""
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order])
    target = level * cumulative[-1]
    # The sums are exact for whole weights; others get the benefit of rounding.
    slack = 1e-12 * cumulative[-1]
    low = np.searchsorted(cumulative, target - slack, side="left")
    high = np.searchsorted(cumulative, target + slack, side="right")
    last = len(values) - 1
    return float(0.5 * (values[order[min(low, last)]] + values[order[min(high, last)]]))


def _neighbor_distance(distances, weights, k):
    """Median over rows of the distance to the k-th neighbour."""
    np.fill_diagonal(distances, np.inf)
    if len(weights) == 1:
        return 1.0
    order = np.argsort(distances, axis=1)
    sorted_distances = np.take_along_axis(distances, order, axis=1)
    counts = np.cumsum(weights[order], axis=1)
    # the row itself, at infinity, comes last; too few neighbours: the farthest
    position = np.minimum((counts < k * (1 - 1e-12)).sum(axis=1), len(weights) - 2)
    kth = np.take_along_axis(sorted_distances, position[:, None], axis=1)[:, 0]
    return _weighted_quantile(kth, weights, 0.5) or 1.0
