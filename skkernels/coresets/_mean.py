"""The kernel mean that a coreset is to approximate, and the weights behind it."""

import numpy as np

from skkernels.coresets._mmd import kernel_mean as mean_of_rows
from skkernels.coresets._sequence import scaled_weights
from skkernels.utils._array import to_numpy


def resolve_kernel_mean(kernel, X, weights, kernel_mean=None, mean_zero=False):
    """The kernel mean at the rows: computed, given, or zero."""
    n = X.shape[0]
    if mean_zero:
        if kernel_mean is not None:
            raise ValueError("kernel_mean must be None where mean_zero is true.")
        return np.zeros(n)
    if kernel_mean is None:
        return mean_of_rows(kernel, X, weights)
    values = kernel_mean(X) if callable(kernel_mean) else kernel_mean
    return _checked(values, n)


def _checked(values, n, rows=slice(None)):
    """A given kernel mean in float64, at some of n rows."""
    values = to_numpy(values).astype(np.float64)
    if values.shape != (n,) or not np.isfinite(values[rows]).all():
        raise ValueError(
            f"kernel_mean must give {n} finite numbers, one for each row, got an array "
            f"of shape {values.shape}."
        )
    return values[rows]


def check_sample_weight(sample_weight, n):
    """Weights up to a factor or None, and which rows have a positive one."""
    if sample_weight is None:
        return None, np.ones(n, dtype=bool)
    weights = to_numpy(sample_weight).astype(np.float64)
    if (
        weights.shape != (n,)
        or not np.isfinite(weights).all()
        or (weights < 0).any()
        or not (weights > 0).any()
    ):
        raise ValueError(
            f"sample_weight must hold {n} finite numbers >= 0, not all of them zero, "
            f"got an array of shape {weights.shape}."
        )
    return scaled_weights(weights), weights > 0


def take_rows(kernel, X, rows, kernel_mean=None):
    """Some rows of the data, and the kernel mean at them.

    Parameters
    ----------
    kernel : Kernel or "precomputed"
        Kernel.

    X : {array, CSR matrix} of shape (n, n_features), or (n, n) if precomputed
        Rows.

    rows : ndarray of int of shape (m,)
        Which.

    kernel_mean : ndarray of shape (n,), callable or None, default=None
        As for :func:`resolve_kernel_mean`.

    Returns
    -------
    X : {array, CSR matrix} of shape (m, n_features), or (m, m) if precomputed
    kernel_mean : ndarray of shape (m,), callable or None
    """
    if kernel_mean is not None and not callable(kernel_mean):
        kernel_mean = _checked(kernel_mean, X.shape[0], rows)
    X = X[rows]
    return (X[:, rows] if isinstance(kernel, str) else X), kernel_mean
