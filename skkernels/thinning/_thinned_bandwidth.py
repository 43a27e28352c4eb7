"""Averages weighted by a kernel, and the width of the kernel for them."""

import numpy as np
import scipy.sparse as sp
from sklearn.neighbors import NearestNeighbors

from skkernels.operators import make_operator
from skkernels.utils._array import get_namespace, to_numpy

# Steps from the median rule, of a factor 2 in length: from twice the median distance
# down to its 256th part. Then steps of half and of a quarter of that.
_COARSE = range(-1, 9)
_FINE = (0.5, 0.25)
_MIN_GAMMA, _MAX_GAMMA = 1e-30, 1e30


def kernel_sums(kernel, X, centers, Y, weights):
    """Sums of weighted targets and, in the last column, of weights at each row.

    What is summed is multiplied with the kernel values; see :func:`kernel_average`.
    """
    xp = get_namespace(centers)
    columns = xp.column_stack([weights[:, None] * Y, weights])
    sums = make_operator(kernel, X, centers).matmat(columns)
    if not bool(xp.isfinite(sums[:, -1]).all()):
        raise ValueError("The kernel takes values that are not finite on these rows.")
    return sums


def kernel_average(kernel, X, centers, Y, weights):
    """Weighted means of targets with the kernel values at each row as weights.

    Parameters
    ----------
    kernel : Kernel
        Resolved, without white noise.

    X : array or CSR matrix of shape (n, n_features)
        Rows at which averages are wanted.

    centers : array or CSR matrix of shape (m, n_features)
        Rows that are averaged over.

    Y : array of shape (m, n_targets)
        Their targets.

    weights : array of shape (m,)
        Their weights; of mean 1, so that underflow is told from small weights.

    Returns
    -------
    means : array of shape (n, n_targets)
        In the precision of the rows; 0 where there is nothing to average.

    empty : array of bool of shape (n,)
        Rows at which the sum of the kernel values is not positive.
    """
    xp = get_namespace(centers)
    sums = kernel_sums(kernel, X, centers, Y, weights)
    # The exponential of the kernels ends at the smallest normal number, not at 0.
    empty = ~(sums[:, -1] > 4.0 * centers.shape[0] * np.finfo(sums.dtype).tiny)
    means = sums[:, :-1] / xp.where(empty, 1.0, sums[:, -1])[:, None].astype(sums.dtype)
    means[empty] = 0.0
    return means, empty


class HeldOut:
    """Mean squared error of kernel averages at other samples.

    Parameters
    ----------
    X : array or CSR matrix of shape (n, n_features)
        Rows to average over, in float64.

    Y : array of shape (n, n_targets)
        Their targets.

    weights : array of shape (n,)
        Their weights.

    judges, targets, judge_weights : array
        Rows, targets and weights of the other samples.
    """

    def __init__(self, X, Y, weights, judges, targets, judge_weights):
        self.model = X, Y, weights
        self.judges, self.targets, self.weights = judges, targets, judge_weights
        self.nearest = None

    def error(self, kernel):
        """The error; where the average is empty, the nearest sample predicts."""
        means, empty = kernel_average(kernel, self.judges, *self.model)
        return self._error(means, empty)

    def _error(self, means, empty):
        xp = get_namespace(means)
        if bool(empty.any()):
            if self.nearest is None:
                self.nearest = self._nearest()
            means = xp.where(empty[:, None], self.nearest, means)
        errors = ((means - self.targets) ** 2).sum(axis=1)
        return float(xp.average(errors, weights=self.weights))

    def _nearest(self):
        X, Y, _ = self.model
        return Y[nearest_rows(self.judges, X)]


def nearest_rows(X, centers, own=None):
    """The row of the centers closest to each row of X, in Euclidean distance.

    ``own`` are rows of the centers that must not be the answer, one for each row of X.
    """
    X, centers = (a if sp.issparse(a) else to_numpy(a) for a in (X, centers))
    finder = NearestNeighbors(n_neighbors=1 if own is None else 2).fit(centers)
    found = finder.kneighbors(X, return_distance=False)
    if own is None:
        return found[:, 0]
    return np.where(found[:, 0] == own, found[:, 1], found[:, 0])


def search_gamma(error, start, factor):
    """Value of gamma with the smallest error among steps from a start.

    Parameters
    ----------
    error : callable
        ``error(gamma)``.

    start : float
        Where the grid begins.

    factor : float
        Effect on gamma of half the length scale.

    Returns
    -------
    gamma : float
        The smallest of equally good ones on the grid.
    """
    errors = {}

    def try_steps(steps):
        for step in steps:
            if step not in errors:
                gamma = min(max(start * factor**step, _MIN_GAMMA), _MAX_GAMMA)
                errors[step] = (error(gamma), step, gamma)
        return min(errors.values())[1:]

    best, gamma = try_steps(_COARSE)
    for size in _FINE:
        best, gamma = try_steps((best - size, best + size))
    return gamma
