"""The Stein kernel of a sample with scores, and the discrepancy that it measures."""

from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import solve_triangular
from scipy.spatial.distance import pdist, squareform
from sklearn.utils import check_array

from skkernels.coresets._mmd import kernel_mean
from skkernels.kernels import Kernel, make_kernel
from skkernels.kernels._dense import dense_block
from skkernels.kernels._stein import SteinKernel
from skkernels.linalg import safe_cholesky

PRECONDITIONERS = ("identity", "cov", "score_cov")

# Rows that the median distance is taken over.
_MEDIAN_ROWS = 1000
# What is added to the diagonal of an estimated covariance, relative to it: features may
# depend on each other.
_RIDGE = 1e-6


class SteinRows(NamedTuple):
    """A Stein kernel, rows for it, and how they came from data and scores."""

    kernel: SteinKernel
    #: Positions and scores side by side, in the preconditioner's coordinates.
    rows: Any
    #: Mean of the data, which is taken out of the positions.
    center: np.ndarray
    #: Lower Cholesky factor of the preconditioner, None for the identity.
    factor: Any

    def transform(self, X, scores):
        """Rows of other data."""
        return _rows(X, scores, self.center, self.factor)


def stein_kernel(
    X,
    scores,
    Y=None,
    Y_scores=None,
    *,
    base_kernel="imq",
    length_scale="median",
    preconditioner=None,
):
    r"""Matrix of the Stein kernel between samples of which the scores are known.

    .. math::

        k_P(x, y) = \phi\, s_x' M s_y - 2 \phi' (s_x - s_y)'(x - y) - 2 d \phi'
        - 4 r^2 \phi''

    with the scores :math:`s_x = \nabla \log p(x)`, the squared distance
    :math:`r^2 = (x - y)' M^{-1} (x - y)`, and the base kernel :math:`\phi(r^2)` and its
    derivatives in :math:`r^2`. Its mean under the distribution P with density p is
    zero, so that ``w' K w`` measures how far weighted rows are from P without a sample
    of P, and without the constant that makes p a density.

    Parameters
    ----------
    X : array-like of shape (n, n_features)
        Rows.

    scores : array-like of shape (n, n_features)
        Gradients of the log density of P at the rows.

    Y : array-like of shape (m, n_features), default=None
        Columns; None means X, and a symmetric result.

    Y_scores : array-like of shape (m, n_features), default=None
        Gradients of the log density of P at the columns.

    base_kernel : str or Kernel, default="imq"
        Name or object of a radial kernel that is differentiable at equal rows, such as
        "imq", ``(1 + r^2 / length_scale^2)^(-1/2)``, or "rbf". A discrepancy with "imq"
        notices mass that escapes to infinity; with kernels that fall faster it may not
        [1]_. An object keeps its own length scale.

    length_scale : float or "median", default="median"
        Length scale of a base kernel given by name. "median" is the root of the median
        of the squared distances between up to 1000 evenly spaced rows of X, those of
        rows and themselves included. If most are zero it is that of the others.

    preconditioner : {"identity", "cov", "score_cov"} or array-like, default=None
        The matrix M of shape (n_features, n_features), symmetric and positive definite.
        None and "identity" are the identity. "cov" is the covariance of the rows of X
        within the median distance of the mode, which is the row with the smallest
        score, and "score_cov" the inverse of the covariance of the scores there.

    Returns
    -------
    K : ndarray of shape (n, n) or (n, m)
        In float32 if X is, else in float64.

    Raises
    ------
    ValueError
        If shapes do not match, there are values that are not finite, or a parameter is
        out of its range.

    Notes
    -----
    Time: O(n m n_features). Memory: the result. "imq" and "rbf" are compiled; others
    take several times as long. Values are computed in float64.

    References
    ----------
    .. [1] J. Gorham and L. Mackey, "Measuring sample quality with kernels", ICML 2017.
       arXiv:1703.01717

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.coresets import stein_kernel
    >>> X = np.random.RandomState(0).normal(size=(2000, 1))
    >>> inside = stein_kernel(X, -X).mean()  # -x is the score of N(0, 1)
    >>> outside = stein_kernel(X + 1.0, -(X + 1.0)).mean()
    >>> bool(inside < 0.01 < outside)
    True
    """
    X = check_rows(X, "X")
    scores = check_scores(scores, X, "scores")
    stein = make_stein(X, scores, base_kernel, length_scale, preconditioner)
    if Y is None:
        if Y_scores is not None:
            raise ValueError("Y_scores was given without Y.")
        return dense_block(stein.kernel, stein.rows)
    Y = check_rows(Y, "Y")
    if Y.shape[1] != X.shape[1]:
        raise ValueError(f"X has {X.shape[1]} features, but Y has {Y.shape[1]}.")
    if Y_scores is None:
        raise ValueError("Y needs its scores: Y_scores is None.")
    columns = stein.transform(Y, check_scores(Y_scores, Y, "Y_scores"))
    return dense_block(stein.kernel, stein.rows, columns)


def check_rows(X, name):
    """Dense rows in float32 or float64, finite."""
    return check_array(X, dtype=[np.float64, np.float32], order="C", input_name=name)


def check_scores(scores, X, name):
    """Scores in the precision of X, finite, one row for each of X."""
    scores = check_array(
        scores, dtype=X.dtype, ensure_2d=False, input_name=name, ensure_min_samples=0
    )
    if scores.shape != X.shape:
        raise ValueError(
            f"{name} must have a row for each sample and a column for each feature, "
            f"shape {X.shape}, got shape {scores.shape}."
        )
    return scores


def make_stein(X, scores, base_kernel, length_scale, preconditioner):
    """The resolved Stein kernel of checked data, as :class:`SteinRows`."""
    center = X.mean(axis=0, dtype=np.float64)
    factor = _factor(X, scores, preconditioner)
    rows = _rows(X, scores, center, factor)
    d = X.shape[1]
    if isinstance(base_kernel, str):
        base = make_kernel(base_kernel)
        if base._variable != "squared distance":
            raise ValueError(
                "base_kernel must be a function of the squared Euclidean distance, "
                f"such as 'imq' or 'rbf', got {base_kernel!r}."
            )
        base = base._replace(length_scale=_length(rows[:, :d], length_scale))
    elif isinstance(base_kernel, Kernel):
        base = base_kernel.resolve(rows[:, :d])
    else:
        raise TypeError(
            f"base_kernel must be a name or a kernel object, got {base_kernel!r}."
        )
    kernel = SteinKernel(base)
    kernel._check_params()
    base.profile_derivatives(0.0)  # refuses one length scale for each feature
    return SteinRows(kernel, rows, center, factor)


def stein_discrepancy(kernel, X, weights=None, indices=None):
    """Kernel Stein discrepancy of weighted rows: the root of ``w' K w``.

    Parameters
    ----------
    kernel : Kernel or "precomputed"
        Stein kernel, or another one of mean zero.

    X : ndarray of shape (n, 2 n_features), or (n, n) if precomputed
        Rows.

    weights : ndarray of shape (n,) or (size,), default=None
        Weights of sum 1; None is equal weights.

    indices : ndarray of int of shape (size,), default=None
        Which rows; None is all.

    Returns
    -------
    discrepancy : float
        In float64.
    """
    if indices is not None:
        X = X[indices][:, indices] if isinstance(kernel, str) else X[indices]
    if weights is None:
        square = kernel_mean(kernel, X).mean()
    else:
        used = np.flatnonzero(weights)
        X = X[used][:, used] if isinstance(kernel, str) else X[used]
        w = weights[used]
        # Rows may have negative weights, of which kernel_mean takes any with a sum.
        square = w.sum() * (w @ kernel_mean(kernel, X, w))
    return float(np.sqrt(max(square, 0.0)))


def _rows(X, scores, center, factor):
    """Positions and scores side by side, in the coordinates of the preconditioner."""
    positions = X - center
    scores = scores.astype(np.float64, copy=False)
    if factor is not None:
        positions = solve_triangular(factor, positions.T, lower=True).T
        scores = scores @ factor
    rows = np.hstack([positions, scores])
    # Products of scores go up to their squares.
    with np.errstate(over="ignore"):
        total = np.square(rows).sum()
    if not np.isfinite(total):
        raise ValueError("Rows or scores are too large: their squares overflow.")
    return np.ascontiguousarray(rows, dtype=X.dtype)


def _length(positions, length_scale):
    if isinstance(length_scale, str) and length_scale == "median":
        n = positions.shape[0]
        chosen = np.unique(np.linspace(0, n - 1, min(n, _MEDIAN_ROWS)).astype(np.intp))
        squares = pdist(positions[chosen].astype(np.float64), "sqeuclidean")
        median = float(np.median(squareform(squares)))
        positive = squares[squares > 0]
        if median == 0 and positive.size:  # most pairs are repeats of one state
            median = float(np.median(positive))
        return np.sqrt(median) if median > 0 else 1.0
    if not isinstance(length_scale, Real) or not 0 < length_scale < np.inf:
        raise ValueError(
            f"length_scale must be a positive number or 'median', got {length_scale!r}."
        )
    return float(length_scale)


def _factor(X, scores, preconditioner):
    """Lower Cholesky factor of the preconditioner, None for the identity."""
    d = X.shape[1]
    if preconditioner is None:
        return None
    if isinstance(preconditioner, str):
        if preconditioner == "identity":
            return None
        if preconditioner in ("cov", "score_cov"):
            return _estimated_factor(X, scores, preconditioner)
        raise ValueError(
            f"preconditioner must be None, one of {PRECONDITIONERS} or a matrix, got "
            f"{preconditioner!r}."
        )
    M = np.array(check_array(preconditioner, dtype=np.float64))
    if M.shape != (d, d) or not np.allclose(M, M.T, rtol=1e-8):
        raise ValueError(
            f"preconditioner must be a symmetric matrix of shape {(d, d)}, got an "
            f"array of shape {M.shape}."
        )
    try:
        return np.linalg.cholesky(M)
    except np.linalg.LinAlgError as error:
        raise ValueError("preconditioner must be positive definite.") from error


def _estimated_factor(X, scores, kind):
    X, scores = X.astype(np.float64), scores.astype(np.float64)
    mode = np.argmin(np.einsum("ij,ij->i", scores, scores))
    distances = np.linalg.norm(X - X[mode], axis=1)
    near = distances <= np.median(distances)
    values = X[near] if kind == "cov" else scores[near]
    rounding = (1e-12 * np.abs(values).max(axis=0)) ** 2
    values -= values.mean(axis=0)
    M = values.T @ values / len(values)
    variances = np.diagonal(M).copy()
    varies = variances > rounding
    if not varies.any():  # one row only, or equal ones
        return None
    # Features that do not vary get the scale of the others.
    variances[~varies] = variances[varies].mean() / _RIDGE
    M[np.diag_indices(len(M))] += _RIDGE * variances
    if kind == "score_cov":
        M = np.linalg.inv(M)
        M = 0.5 * (M + M.T)
    return safe_cholesky(M)[0]
