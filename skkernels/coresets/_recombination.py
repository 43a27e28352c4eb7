"""Coresets with weights: Stein recombination and Stein Cholesky."""

import numpy as np
import scipy.linalg
from sklearn.utils import check_random_state

from skkernels.coresets._coreset_weights import coreset_weights
from skkernels.coresets._stein_kernel import stein_discrepancy
from skkernels.coresets._stein_thin import make_rows
from skkernels.coresets._weighted_swap import swap_weights
from skkernels.kernels import Constant
from skkernels.linalg import rpcholesky
from skkernels.operators import make_operator
from skkernels.utils._parallel import single_threaded_blas


def recombination_thin(
    kernel, X, weights, n_coreset, *, n_swap_passes=3, random_state=None
):
    """Few rows with weights on the simplex that do the work of many.

    Randomly pivoted Cholesky of rank ``n_coreset - 1`` gives features that explain most
    of the kernel; :func:`recombine` finds few rows whose weighted means of all of these
    features are those of the weights given; then rows are exchanged
    (:func:`swap_weights`), and at last the weights of the rows that remain are
    optimal [1]_.

    Parameters
    ----------
    kernel : Kernel or "precomputed"
        Kernel of mean zero under the distribution to represent.

    X : ndarray of shape (n, n_columns), or (n, n) if precomputed
        Rows, float32 or float64.

    weights : ndarray of shape (n,)
        Weights that debias the rows, not negative and of sum 1.

    n_coreset : int
        How many rows to choose at most.

    n_swap_passes : int, default=3
        How often each row is tried for an exchange.

    random_state : int, RandomState instance or None, default=None
        Source of the pivots.

    Returns
    -------
    indices : ndarray of int of shape (size,)
        Distinct rows, in ascending order.

    coreset_weights : ndarray of shape (size,)
        Their weights, positive and of sum 1.

    Notes
    -----
    With s = ``n_coreset``: about ``2 n s (n_swap_passes + 1)`` kernel values,
    ``O(n s^2 + s^3 log n)`` operations and ``8 n s`` bytes.

    References
    ----------
    .. [1] L. Li, R. Dwivedi and L. Mackey, "Debiased distribution compression", ICML
       2024. arXiv:2404.12290
    """
    support = np.flatnonzero(weights)
    w = weights[support]
    new = np.zeros(X.shape[0])
    if support.size <= n_coreset:
        new[support] = w
    elif n_coreset == 1:
        new[np.argmin(make_rows(kernel, X).diagonal)] = 1.0
    else:
        chosen = X[support]
        if isinstance(kernel, str):
            chosen = chosen[:, support]
        operator = make_operator(kernel, chosen)
        F = rpcholesky(
            operator, n_coreset - 1, weights=w, random_state=random_state
        ).factor
        rest = np.asarray(operator.diag(), dtype=np.float64)
        rest = np.maximum(rest - np.einsum("ij,ij->i", F, F), 0.0)
        new[support] = recombine(F, w, rest)
    rows = make_rows(kernel, X)
    new = swap_weights(rows, new, simplex=True, n_passes=n_swap_passes)
    return _reweighted(kernel, X, new, "simplex")


def cholesky_thin(kernel, X, weights, n_coreset, *, n_swap_passes=3, random_state=None):
    """Few rows with weights of sum 1, some of them negative, that do the work of many.

    The pivots of randomly pivoted Cholesky for the kernel plus a constant are the rows,
    with the best weights of sum 1; then rows are exchanged (:func:`swap_weights`), and
    the best weights found again [1]_.

    Parameters
    ----------
    kernel : Kernel or "precomputed"
        Kernel of mean zero under the distribution to represent.

    X : ndarray of shape (n, n_columns), or (n, n) if precomputed
        Rows, float32 or float64.

    weights : ndarray of shape (n,)
        Weights that debias the rows, not negative and of sum 1.

    n_coreset : int
        How many rows to choose at most.

    n_swap_passes : int, default=3
        How often each row is tried for an exchange.

    random_state : int, RandomState instance or None, default=None
        Source of the pivots.

    Returns
    -------
    indices : ndarray of int of shape (size,)
        Distinct rows, in ascending order.

    coreset_weights : ndarray of shape (size,)
        Their weights, of sum 1.

    Notes
    -----
    With s = ``n_coreset``: about ``2 n s (n_swap_passes + 1)`` kernel values,
    ``O(n s^2 + s^3)`` operations and ``8 n s`` bytes.

    References
    ----------
    .. [1] L. Li, R. Dwivedi and L. Mackey, "Debiased distribution compression", ICML
       2024. arXiv:2404.12290
    """
    rng = check_random_state(random_state)
    rows = make_rows(kernel, X)
    size = min(int(n_coreset), rows.n)
    constant = float(np.partition(rows.diagonal, rows.n - size)[-size:].mean())
    if isinstance(kernel, str):
        operator = make_operator(kernel, X + constant)
    else:
        operator = make_operator(kernel + Constant(constant), X)
    pivots = rpcholesky(operator, size, weights=weights, random_state=rng).pivots
    if pivots.size == 0:  # the kernel is zero everywhere
        pivots = np.array([np.argmax(weights)])
    new = np.zeros(rows.n)
    new[pivots] = coreset_weights(kernel, X, pivots, "constant", mean_zero=True)
    new = swap_weights(rows, new, simplex=False, n_passes=n_swap_passes)
    return _reweighted(kernel, X, new, "constant")


def _reweighted(kernel, X, weights, kind):
    """The rows in use, with their best weights."""
    indices = np.flatnonzero(weights)
    weights = weights[indices]
    best = coreset_weights(kernel, X, indices, kind, mean_zero=True)
    old, new = (stein_discrepancy(kernel, X, w, indices) for w in (weights, best))
    if new <= old:
        weights = best
    used = weights != 0.0
    return indices[used], weights[used] / weights.sum()


def recombine(F, weights, cost=None):
    """Few weights that give the same means of all features: Caratheodory's theorem.

    Parameters
    ----------
    F : ndarray of shape (n, n_features)
        Features of the rows.

    weights : ndarray of shape (n,)
        Weights, not negative.

    cost : ndarray of shape (n,), default=None
        Rows of low cost are preferred: the total cost does not grow.

    Returns
    -------
    new : ndarray of shape (n,)
        Weights, not negative, of which at most ``n_features + 1`` are not zero, with
        ``F' new = F' weights`` and the same sum.

    Notes
    -----
    Rows are put into ``2 (n_features + 1)`` groups, half of which can be dropped after
    the others have been reweighted, again and again [1]_: ``O(n p + p^3 log(n / p))``
    operations for ``p = n_features + 1``.

    Weights move along vectors of the null space until one of them is zero. The basis
    of the null space stays orthonormal: a reflection takes the coordinate out of it.

    References
    ----------
    .. [1] M. Tchernychova, "Caratheodory cubature measures", PhD thesis, University of
       Oxford, 2015.
    """
    with single_threaded_blas():
        return _recombine(F, weights, cost)


def _recombine(F, weights, cost):
    scales = np.sqrt(np.square(F).mean(axis=0))
    A = np.hstack([F / np.where(scales > 0, scales, 1.0), np.ones((len(F), 1))])
    cost = np.zeros(len(F)) if cost is None else cost
    p = A.shape[1]
    w = weights.astype(np.float64)
    while np.count_nonzero(w) > p:
        support = np.flatnonzero(w)
        n_groups = min(support.size, 2 * p)
        starts = np.arange(n_groups) * support.size // n_groups
        sums = [
            np.add.reduceat(w[support] * column[support], starts)
            for column in (*A.T, cost)
        ]
        factors = _vertex(np.stack(sums[:-1], axis=1), sums[-1])
        sizes = np.diff(np.append(starts, support.size))
        w[support] *= np.repeat(factors, sizes)
    support = np.flatnonzero(w)
    missing = A.T @ weights - A[support].T @ w[support]
    polished = w[support] + scipy.linalg.lstsq(A[support].T, missing)[0]
    if (polished >= 0).all():
        w[support] = polished
    return w


def _vertex(B, cost):
    """Factors x >= 0 with ``B' x = B' 1``, at most ``B.shape[1]`` of them not zero."""
    n, p = B.shape
    null = scipy.linalg.qr(B)[0][:, p:]
    x = np.ones(n)
    while null.shape[1]:
        v = -null @ (null.T @ cost)
        # Coordinates that are zero already are zero in the basis up to rounding.
        if np.linalg.norm(v) <= 1e-10 * np.linalg.norm(cost) or not (v < 0).any():
            v = null[:, 0] if (null[:, 0] < 0).any() else -null[:, 0]
        falling = np.flatnonzero((v < 0) & (x > 0))
        steps = x[falling] / -v[falling]
        k = int(np.argmin(steps))
        x = np.maximum(x + steps[k] * v, 0.0)
        x[falling[k]] = 0.0
        null = _without_coordinate(null, falling[k])
    return x


def _without_coordinate(null, i):
    """Orthonormal basis of the part of a space in which coordinate i is zero."""
    reflector = null[i].copy()
    reflector[0] += np.copysign(np.linalg.norm(reflector), reflector[0])
    reflector /= np.linalg.norm(reflector)
    null = null[:, 1:] - np.outer(null @ reflector, 2.0 * reflector[1:])
    null[i] = 0.0
    return null
