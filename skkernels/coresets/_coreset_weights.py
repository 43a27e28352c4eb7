"""Weights that make the most of a coreset."""

import numpy as np
from scipy.optimize import nnls

from skkernels.coresets._halving import check_sequence
from skkernels.coresets._kernel_rows import check_kernel
from skkernels.coresets._mean import check_sample_weight, resolve_kernel_mean
from skkernels.kernels._dense import dense_block
from skkernels.linalg import safe_cholesky, triangular_solve
from skkernels.utils._array import to_numpy

WEIGHTS = ("equal", "optimal", "simplex", "constant")

# Multiple of the identity, relative to the mean of the diagonal, that keeps weights
# small where rows of the coreset are nearly alike.
_RIDGE = 1e-10
# Smallest eigenvalue, relative to the largest, of a matrix that is not positive
# definite in spite of it.
_CLIP = 1e-6


def coreset_weights(
    kernel,
    X,
    indices,
    kind="simplex",
    *,
    sample_weight=None,
    kernel_mean=None,
    mean_zero=False,
):
    """Find the weights of a coreset that minimise its discrepancy to the data.

    Parameters
    ----------
    kernel : Kernel or "precomputed"
        Resolved kernel; white noise in it does not count.

    X : {array, CSR matrix} of shape (n, n_features), or (n, n) if precomputed
        Rows, float32 or float64.

    indices : ndarray of int of shape (size,)
        Rows in the coreset; rows may be repeated.

    kind : {"equal", "optimal", "simplex", "constant"}, default="simplex"
        "equal" is 1 / size for each. "optimal" minimises the maximum mean discrepancy
        over all weights, "constant" over weights of sum 1, which may be negative, and
        "simplex" over weights of sum 1 that are not negative; some of them may be 0.

    sample_weight : ndarray of shape (n,), default=None
        Weights of the rows.

    kernel_mean : ndarray of shape (n,) or callable, default=None
        Mean of the kernel functions at the rows, or a function that returns it for
        rows. None computes it from the data.

    mean_zero : bool, default=False
        Whether the kernel has mean zero under the distribution to represent, as a Stein
        kernel has. "optimal" is not possible then: all weights would be zero.

    Returns
    -------
    weights : ndarray of shape (size,)
        In float64. Repeats of a row have equal shares of its weight.

    Raises
    ------
    ValueError
        If a parameter is out of its range, or the kernel takes values that are not
        finite.

    Notes
    -----
    O(size^3) operations and some ``32 size^2`` bytes, after the kernel mean. What is
    minimised is the squared discrepancy plus 1e-10 times the mean of ``k(x, x)`` times
    the sum of squared weights, so that rows that are nearly alike have nearly the same
    weights. Negative eigenvalues of an indefinite kernel count as nearly zero.

    "simplex" is a problem of non-negative least squares: the point of the convex hull
    of the rows' kernel functions that is closest to the kernel mean.

    References
    ----------
    .. [1] L. Li, R. Dwivedi and L. Mackey, "Debiased distribution compression", ICML
       2024. arXiv:2404.12290
    .. [2] P. Wolfe, "Finding the nearest point in a polytope", Mathematical Programming
       11, 1976.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.coresets import coreset_weights
    >>> from skkernels.kernels import RBF
    >>> X = np.array([[0.0], [0.0], [0.0], [1.0]])
    >>> coreset_weights(RBF(), X, np.array([0, 3])).round(4)
    array([0.75, 0.25])
    """
    if kind not in WEIGHTS:
        raise ValueError(f"weights must be one of {WEIGHTS}, got {kind!r} instead.")
    check_kernel(kernel, X)
    indices = check_sequence(np.asarray(indices), X, "indices")
    if kind == "equal":
        return np.full(indices.size, 1.0 / indices.size)
    if kind == "optimal" and mean_zero:
        raise ValueError(
            "weights='optimal' are all zero where mean_zero is true: use 'simplex' or "
            "'constant'."
        )
    weights, _ = check_sample_weight(sample_weight, X.shape[0])
    mean = resolve_kernel_mean(kernel, X, weights, kernel_mean, mean_zero)
    support, inverse, counts = np.unique(
        indices, return_inverse=True, return_counts=True
    )
    values = _solve(_gram(kernel, X, support), mean[support], kind)
    return (values / counts)[inverse]


def _gram(kernel, X, support):
    """Kernel matrix of the distinct rows, in float64."""
    chosen = X[support]
    if isinstance(kernel, str):
        K = chosen[:, support]
    else:
        K = dense_block(kernel._without_noise(), chosen.astype(np.float64, copy=False))
    return to_numpy(K).astype(np.float64)


def _solve(K, mean, kind):
    """Minimise ``w' K w - 2 mean' w``, under the constraints that ``kind`` means."""
    size = mean.size
    scale = float(np.diagonal(K).mean())
    if scale == 0.0:  # the kernel is zero, so that any weights will do
        return np.full(size, 1.0 / size)
    K[np.diag_indices(size)] += _RIDGE * scale
    try:
        L, _ = safe_cholesky(K)
    except np.linalg.LinAlgError:  # rounded values, or a kernel that is indefinite
        values, vectors = np.linalg.eigh(K)
        values = np.maximum(values, _CLIP * np.abs(values).max())
        L, _ = safe_cholesky((vectors * values) @ vectors.T, overwrite=True)
    target = triangular_solve(L, mean)
    if kind == "simplex":
        return _closest_in_hull((L.T - target[:, np.newaxis]) / np.sqrt(scale))
    ones = triangular_solve(L, np.ones(size))
    if kind == "constant":
        target = target + ones * ((1.0 - ones @ target) / (ones @ ones))
    return triangular_solve(L, target, trans=True)


def _closest_in_hull(points):
    """Weights, of sum 1 and not negative, of the point next to 0 in a convex hull.

    Minimises ``|points u|^2 + (sum(u) - 1)^2`` over ``u >= 0``: for every direction the
    best length is that at which the two parts balance, so that the direction of the
    solution is the one wanted.
    """
    size = points.shape[1]
    A = np.vstack([points, np.ones(size)])
    b = np.zeros(A.shape[0])
    b[-1] = 1.0
    u, _ = nnls(A, b, maxiter=30 * size)
    return u / u.sum()
