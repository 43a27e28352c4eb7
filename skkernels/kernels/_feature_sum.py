"""What the kernels that sum over the features of non-negative rows share."""

import numpy as np
import scipy.sparse as sp

from ..utils._array import get_namespace
from ..utils._jit import njit
from ._base import Kernel
from ._pairwise import computing_dtype

# Entries of sparse columns that are made dense at a time, in each thread.
_DENSE_ENTRIES = 2**18


class FeatureSumKernel(Kernel):
    """Base of kernels of ``sum_j f(x_j, z_j)`` for histograms.

    A subclass defines ``_sums`` (compiled), ``_feature`` (the same f for arrays) and
    :meth:`_finish`.
    """

    _order = None

    def _block(self, X, Z):
        xp = get_namespace(X, Z)
        dtype = computing_dtype(X, Z)
        X = self._histograms(X)
        if sp.issparse(Z):
            sums = np.empty((X.shape[0], Z.shape[0]))
            size = max(1, _DENSE_ENTRIES // max(1, Z.shape[1]))
            for start in range(0, Z.shape[0], size):
                columns = slice(start, min(start + size, Z.shape[0]))
                part = np.empty((X.shape[0], columns.stop - start))
                self._sums(X, self._histograms(Z[columns]), part)
                sums[:, columns] = part
            return self._finish(sums).astype(dtype, copy=False)
        Z = self._histograms(Z)
        if xp is np:
            sums = np.empty((X.shape[0], Z.shape[0]))
            self._sums(X, Z, sums)
        else:
            sums = xp.zeros((X.shape[0], Z.shape[0]))
            for j in range(X.shape[1]):
                sums += self._feature(X[:, j, None], Z[None, :, j], xp)
        return self._finish(sums).astype(dtype, copy=False)

    def _finish(self, sums):
        return sums

    def _histograms(self, X):
        X = X.toarray() if sp.issparse(X) else X
        if X.size and X.min() < 0:
            raise ValueError(
                f"{type(self).__name__} is for histograms: X contains negative values."
            )
        return get_namespace(X).ascontiguousarray(X, dtype=np.float64)


@njit
def chi2_distances(X, Z, out):
    """out[i, j] = sum over features of (x - z)^2 / (x + z), zero where both are."""
    for i in range(X.shape[0]):
        for j in range(Z.shape[0]):
            total = 0.0
            for k in range(X.shape[1]):
                both = X[i, k] + Z[j, k]
                difference = X[i, k] - Z[j, k]
                share = difference * difference / (both if both > 0 else 1.0)
                total += share
            out[i, j] = total


@njit
def intersections(X, Z, out):
    """out[i, j] = sum over features of min(x, z)."""
    for i in range(X.shape[0]):
        for j in range(Z.shape[0]):
            total = 0.0
            for k in range(X.shape[1]):
                total += min(X[i, k], Z[j, k])
            out[i, j] = total


def chi2_feature(x, z, xp):
    """One feature's share of the chi-squared distance, for arrays."""
    both = x + z
    return (x - z) ** 2 / xp.where(both > 0, both, 1.0)
