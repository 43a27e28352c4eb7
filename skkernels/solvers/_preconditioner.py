"""Preconditioners for kernel systems."""

import numpy as np

from skkernels.utils._array import get_namespace
from skkernels.utils._parallel import map_blocks, row_blocks, single_threaded_blas

_ROWS = 128


class LowRankPreconditioner:
    """Inverse of ``F F' + shift I``, one shift per column.

    Only the factor and the eigensystem of the small matrix ``F' F`` are kept. By the
    Woodbury identity, with ``F' F = V diag(s) V'``, ::

        (F F' + shift I)^{-1} v = (v - F V diag(1 / (s + shift)) V' F' v) / shift

    Parameters
    ----------
    factor : array of shape (n, rank) in float64
        A factor of an approximation to the kernel matrix, for example from
        :func:`skkernels.linalg.rpcholesky`.

    shift : array of shape (n_columns,)
        Ridge strength of each column. Values below the rounding error of ``F F'``
        are raised to it.

    Notes
    -----
    Time: O(n rank^2) once and O(n rank) per column and application. Memory: the
    factor and O(rank^2).
    """

    def __init__(self, factor, shift):
        xp = get_namespace(factor)
        self.factor = factor
        # LAPACK's threads gain nothing at this size and may wait for the pool's.
        with single_threaded_blas():
            eigenvalues, self.rotation = xp.linalg.eigh(_gram(factor))
        eigenvalues = xp.clip(eigenvalues, 0.0, None)
        floor = factor.shape[0] * np.finfo(np.float64).eps * eigenvalues[-1]
        self.shift = xp.maximum(xp.asarray(shift, dtype=np.float64), floor)
        self.weights = 1.0 / (eigenvalues[:, None] + self.shift[None, :])

    def __call__(self, residuals, columns):
        """Apply to residuals of shape (n, k) that belong to the given k columns."""
        coordinates = self.rotation.T @ (self.factor.T @ residuals)
        coordinates *= self.weights[:, columns]
        out = residuals - self.factor @ (self.rotation @ coordinates)
        out /= self.shift[columns]
        return out


def _gram(factor):
    """``F' F``, through the pool."""
    xp = get_namespace(factor)
    if xp is not np:
        return factor.T @ factor
    rank = factor.shape[1]
    out = np.empty((rank, rank))

    def fill(rows):
        out[rows] = factor[:, rows].T @ factor

    work = 2.0 * factor.size * rank
    map_blocks(fill, row_blocks(rank, _ROWS), work=work)
    return out
