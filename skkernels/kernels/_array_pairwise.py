"""The pairwise engine as whole-array operations: CuPy's route, and NumPy's twin of it.

Same reduction and preparation as :mod:`skkernels.kernels._pairwise`, with the profile
from :meth:`Kernel._array_profile`.
"""

import numpy as np

from ._pairwise import _TOLERANCE, MAX_EXPLICIT_FEATURES

# Pairs recomputed at a time where cancellation has spoiled squared distances.
_REPAIR_CHUNK = 2**16


def array_block(kernel, X, Z, xp, *, center=None):
    """Kernel values of two sets of rows by array operations.

    Parameters
    ----------
    kernel : Kernel
        Resolved.

    X, Z : array of shape (n, d) and (m, d)
        Arrays of the module ``xp``, of one floating dtype.

    xp : module
        ``numpy`` or ``cupy``.

    center : array of shape (d,) or None, default=None
        Subtracted from both before distances are formed.

    Returns
    -------
    values : array of shape (n, m)
    """
    reduction = kernel._reduction(X.shape[1])
    if reduction is None:
        return xp.asarray(kernel._block(X, Z), dtype=X.dtype)
    left, left_factors = _prepare(reduction, X, xp, center)
    right, right_factors = _prepare(reduction, Z, xp, center)
    values = kernel._array_profile(_reduce(reduction, left, right, xp), xp)
    if left_factors is not None:
        values = values * left_factors[:, None] * right_factors[None, :]
    return values


def array_center(kernel, Z, xp):
    """The centre that distances of a kernel are formed around, or None."""
    reduction = kernel._reduction(Z.shape[1])
    if reduction is None or reduction.geometry == "dot" or reduction.unit_rows:
        return None
    return Z.mean(axis=0, dtype=np.float64).astype(Z.dtype)


def _prepare(reduction, X, xp, center):
    factors = None
    if reduction.unit_rows or reduction.row_power:
        norms = xp.sqrt((X.astype(np.float64) ** 2).sum(axis=1))
    if reduction.unit_rows:
        X = X / xp.where(norms > 0, norms, 1.0)[:, None].astype(X.dtype)
    elif center is not None:
        X = X - center
    X = X * xp.asarray(reduction.scale, dtype=X.dtype)
    if reduction.row_power:
        factors = (norms**reduction.row_power).astype(X.dtype)
    return X, factors


def _reduce(reduction, X, Z, xp):
    if reduction.geometry == "dot":
        return X @ Z.T
    if reduction.geometry == "cityblock" or X.shape[1] <= MAX_EXPLICIT_FEATURES:
        total = xp.zeros((X.shape[0], Z.shape[0]), dtype=X.dtype)
        for k in range(X.shape[1]):
            difference = X[:, k, None] - Z[None, :, k]
            if reduction.geometry == "cityblock":
                total += xp.abs(difference)
            else:
                total += difference * difference
        return total
    x_sq = (X.astype(np.float64) ** 2).sum(axis=1).astype(X.dtype)
    z_sq = (Z.astype(np.float64) ** 2).sum(axis=1).astype(X.dtype)
    sums = x_sq[:, None] + z_sq[None, :]
    values = sums - 2 * (X @ Z.T)
    tolerance = X.dtype.type(_TOLERANCE[np.dtype(X.dtype)])
    i, j = xp.nonzero(values <= tolerance * sums)
    for start in range(0, len(i), _REPAIR_CHUNK):
        part = slice(start, start + _REPAIR_CHUNK)
        difference = X[i[part]] - Z[j[part]]
        values[i[part], j[part]] = (difference * difference).sum(axis=1)
    return values
