"""The kernel mean that a coreset is to approximate, and the weights behind it."""

import numpy as np

from skkernels.coresets._mmd import kernel_mean as mean_of_rows
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
    values = to_numpy(values).astype(np.float64)
    if values.shape != (n,) or not np.isfinite(values).all():
        raise ValueError(
            f"kernel_mean must give {n} finite numbers, one for each row, got an array "
            f"of shape {values.shape}."
        )
    return values


def check_sample_weight(sample_weight, n):
    """Weights in float64 or None, and which rows have a positive one."""
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
    return weights, weights > 0
