"""Ridge leverage scores of the rows among which centers are chosen."""

import numpy as np

from skkernels.linalg import match_effective_dimension, ridge_leverage_scores
from skkernels.operators import make_operator
from skkernels.utils._array import get_namespace, to_numpy

_MIN_PILOT, _MAX_PILOT = 1_000, 2_000


def leverage_rows(kernel, X, first, inverse, weights, n_centers, draw):
    """Draw rows with probabilities proportional to weights times leverage scores.

    Parameters
    ----------
    kernel : Kernel
        Resolved kernel without white noise.

    X : array or CSR matrix of shape (n, n_features)
        Data.

    first, inverse : ndarray of int
        The distinct rows of X, see :func:`distinct_rows`.

    weights : ndarray of shape (n_distinct,)
        Total weights of the distinct rows.

    n_centers : int
        How many to draw, fewer than there are.

    draw : callable
        ``draw(weights, size)`` draws positions without replacement.

    Returns
    -------
    chosen : ndarray of int of shape (n_centers,)
        Positions in ``first``.
    """
    n_distinct = first.size
    size = min(n_distinct, max(2 * n_centers, _MIN_PILOT), _MAX_PILOT)
    if size < n_distinct:
        pilot = np.sort(draw(weights, size))
        stands_for = np.full(size, weights.sum() / size)
    else:
        pilot, stands_for = np.arange(size), weights
    # All rows of X, equal ones too, so that they stay where they are: in a memory map.
    xp = get_namespace(X)
    rows = first[pilot]
    op = make_operator(kernel, X, X[rows].astype(np.float64))
    alpha = match_effective_dimension(
        op.block(rows, None), stands_for, min(n_centers / 2, size / 4)
    )
    scores = ridge_leverage_scores(
        op,
        xp.asarray(kernel.diag(X), dtype=np.float64),
        rows,
        alpha,
        weights=xp.asarray(weights[inverse]),
        pilot_weights=xp.asarray(stands_for),
    )
    scores = to_numpy(scores)[first]
    largest = scores.max()
    if largest == 0.0:  # the kernel is zero, so that any row will do
        return draw(weights, n_centers)
    # Rows without a function may have to fill up the number.
    scores = np.maximum(scores, np.finfo(np.float64).eps * largest)
    return draw(weights * scores, n_centers)
