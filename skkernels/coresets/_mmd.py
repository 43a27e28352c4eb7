"""Kernel means, and distances between them."""

import numpy as np

from skkernels.coresets._halving import check_kernel_values
from skkernels.coresets._sequence import scaled_weights
from skkernels.operators import make_operator
from skkernels.utils._array import get_namespace, to_numpy
from skkernels.utils._parallel import map_blocks, row_blocks


def kernel_mean(kernel, X, weights=None, points=None):
    """Evaluate the mean of the kernel functions of weighted rows.

    Parameters
    ----------
    kernel : Kernel or "precomputed"
        Resolved kernel; white noise in it does not count.

    X : {array, CSR matrix} of shape (n, n_features), or (n, n) if precomputed
        Rows, float32 or float64.

    weights : ndarray of shape (n,), default=None
        Weights; they are divided by their sum. None is equal weights.

    points : array or CSR matrix of shape (m, n_features), default=None
        Where the mean is evaluated; None is at the rows. Not for "precomputed".

    Returns
    -------
    mean : ndarray of shape (n,) or (m,)
        ``sum_j w_j k(x_i, x_j)`` in float64.

    Notes
    -----
    ``n^2`` kernel values (half of them where the products use symmetry), in float64 and
    never stored.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.coresets import kernel_mean
    >>> from skkernels.kernels import Linear
    >>> kernel_mean(Linear(), np.array([[1.0], [2.0]]), weights=[1, 3])
    array([1.75, 3.5 ])
    """
    weights = _normalised(weights, X.shape[0], "weights")
    if points is None:
        mean = _product(kernel, X, None, weights)
    else:
        mean = _product(kernel, points, X, weights)
    check_kernel_values(mean)
    return mean


def mmd(kernel, X, Y, x_weights=None, y_weights=None, *, squared=False, unbiased=False):
    """Maximum mean discrepancy between two samples.

    The distance between their kernel means, ``sum_i v_i k(x_i, .)`` and
    ``sum_j w_j k(y_j, .)``, in the kernel's space: the largest difference between the
    means of any function of norm 1 over the two samples.

    Parameters
    ----------
    kernel : Kernel
        Resolved kernel; white noise in it does not count.

    X : array or CSR matrix of shape (n, n_features)
        The one sample.

    Y : array or CSR matrix of shape (m, n_features)
        The other one.

    x_weights, y_weights : array-like of shape (n,) and (m,), default=None
        Weights, divided by their sums; negative ones are possible. None is equal
        weights.

    squared : bool, default=False
        Return the square.

    unbiased : bool, default=False
        Leave out the pairs of a row and itself, so that the expectation of the square
        is that of the underlying distributions [1]_. It may be negative: only with
        ``squared=True``, without weights, and for two rows at least in either sample.

    Returns
    -------
    distance : float
        Or its square.

    Raises
    ------
    ValueError
        If the options do not go together, or the kernel takes values that are not
        finite.

    Notes
    -----
    ``n^2 + m^2 + n m`` kernel values, in float64 and never stored; memory O(n + m)
    beside copies of float32 rows in float64. A distance much below 1e-8 of the norms of
    the means is lost to rounding.

    References
    ----------
    .. [1] A. Gretton, K. Borgwardt, M. Rasch, B. Schoelkopf and A. Smola, "A kernel
       two-sample test", Journal of Machine Learning Research 13, 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.coresets import mmd
    >>> from skkernels.kernels import RBF
    >>> round(mmd(RBF(), np.array([[0.0]]), np.array([[1.0]]), squared=True), 4)
    0.7869
    """
    if unbiased:
        if x_weights is not None or y_weights is not None or not squared:
            raise ValueError(
                "unbiased=True needs squared=True, because the estimate may be "
                "negative, and no weights."
            )
        if min(X.shape[0], Y.shape[0]) < 2:
            raise ValueError(
                "unbiased=True needs two rows in either sample, got "
                f"{X.shape[0]} and {Y.shape[0]}."
            )
    kernel = kernel._without_noise()
    v = _normalised(x_weights, X.shape[0], "x_weights")
    w = _normalised(y_weights, Y.shape[0], "y_weights")
    if unbiased:
        n, m = v.size, w.size
        square = (_inner(kernel, X, X, v, v) - _trace(kernel, X) / n**2) * n / (n - 1)
        square += (_inner(kernel, Y, Y, w, w) - _trace(kernel, Y) / m**2) * m / (m - 1)
        square -= 2.0 * _inner(kernel, X, Y, v, w)
    else:
        square = max(squared_distance(kernel, X, Y, v, w), 0.0)
    check_kernel_values(square)
    return float(square if squared else np.sqrt(square))


def squared_distance(kernel, X, Y, v, w):
    """Squared distance between the sums ``v_i k(x_i, .)`` and ``w_j k(y_j, .)``."""
    square = _inner(kernel, X, X, v, v) + _inner(kernel, Y, Y, w, w)
    return square - 2.0 * _inner(kernel, X, Y, v, w)


def coreset_mmd(kernel, X, indices, coreset_weights, weights, mean):
    """Distance between the kernel means of weighted rows and of a coreset of them.

    Parameters
    ----------
    kernel : Kernel or "precomputed"
        Resolved kernel.

    X : {array, CSR matrix} of shape (n, n_features), or (n, n) if precomputed
        Rows.

    indices : ndarray of int of shape (size,)
        Rows in the coreset.

    coreset_weights : ndarray of shape (size,) or None
        Their weights, taken as they are; None is equal weights of sum 1.

    weights : ndarray of shape (n,) or None
        Weights of the rows, divided by their sum.

    mean : ndarray of shape (n,)
        Their kernel mean at the rows.

    Returns
    -------
    distance : float
        In float64.
    """
    v = _normalised(weights, mean.size, "weights")
    size = len(indices)
    w = np.full(size, 1.0 / size) if coreset_weights is None else coreset_weights
    if isinstance(kernel, str):
        chosen = X[indices][:, indices]
    else:
        chosen = X[indices]
    # Two small numbers instead of three large ones.
    gap = mean[indices] - _product(kernel, chosen, None, w)
    square = v @ mean - w @ mean[indices] - w @ gap
    return float(np.sqrt(max(square, 0.0)))


def _product(kernel, X, Y, weights):
    """Kernel matrix times weights in float64; Y=None stands for X."""
    weights = get_namespace(X).asarray(weights)
    if isinstance(kernel, str):
        # Few rows at a time, so that a float32 matrix is not copied.
        blocks = row_blocks(X.shape[0], max(2**20 // X.shape[1], 1))
        work = 2.0 * X.shape[0] * X.shape[1]
        parts = map_blocks(lambda rows: X[rows] @ weights, blocks, work=work)
        return np.concatenate([to_numpy(part) for part in parts])
    X = X.astype(np.float64, copy=False)
    Y = None if Y is None else Y.astype(np.float64, copy=False)
    return to_numpy(make_operator(kernel._without_noise(), X, Y).matmat(weights))


def _normalised(weights, n, name):
    if weights is None:
        return np.full(n, 1.0 / n)
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape == (n,) and np.isfinite(weights).all():
        weights = scaled_weights(weights)
        total = weights.sum()
        if total > 0:
            return weights / total
    raise ValueError(
        f"{name} must be {n} finite numbers with a positive sum, got an array of "
        f"shape {weights.shape}."
    )


def _inner(kernel, X, Y, v, w):
    return float(v @ _product(kernel, X, None if X is Y else Y, w))


def _trace(kernel, X):
    return to_numpy(kernel.diag(X)).sum(dtype=np.float64)
