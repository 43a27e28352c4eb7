"""A basis in which a positive semi-definite matrix is the identity."""

import numpy as np
import scipy.linalg
from scipy.linalg import lapack

from skkernels.utils._array import get_namespace

_POWER_ITERATIONS = 10


class Whitening:
    """Matrix T of full column rank with ``T' K T = I``, for a singular or nearly so K.

    What K cannot resolve is left out: with NumPy, K is factored by Cholesky with
    complete pivoting and rows whose remaining diagonal is at most ``tol`` are dropped,
    so that duplicated rows do no harm; on other array modules, which lack that
    factorisation, eigenvectors with eigenvalues at most ``tol`` are.

    Parameters
    ----------
    K : array of shape (m, m) in float64
        Symmetric positive semi-definite matrix; its memory is overwritten.

    tol : float
        Absolute threshold.

    Attributes
    ----------
    rank : int
        Number of columns of T.

    norm : float
        Estimate of the norm of T, one over the square root of the smallest eigenvalue
        of what is kept of K; 0 if T has no columns.

    Notes
    -----
    Time: m^3 / 3 operations with NumPy, some 10 m^3 elsewhere. Memory: nothing beyond
    K with NumPy, 2 m^2 numbers elsewhere.
    """

    def __init__(self, K, tol):
        self._m = K.shape[0]
        if get_namespace(K) is np:
            self._pivot(K, tol)
        else:
            self._eigen(get_namespace(K), K, tol)

    def _pivot(self, K, tol):
        F = K if K.flags.f_contiguous else K.T
        c, order, rank, _ = lapack.dpstrf(F, tol=tol, lower=1, overwrite_a=1)
        self.rank = int(rank)
        self._rows = order[: self.rank] - 1
        self._factor = np.array(c[: self.rank, : self.rank], order="F")
        self.norm = self._norm_of_inverse() if self.rank else 0.0

    def _norm_of_inverse(self):
        """Norm of the inverse of the factor, by power iterations."""
        v = np.cos(np.arange(self.rank))
        for _ in range(_POWER_ITERATIONS):
            v /= np.linalg.norm(v)
            v = self._solve(self._solve(v), trans=1)
        return float(np.sqrt(np.linalg.norm(v)))

    def _eigen(self, xp, K, tol):
        eigenvalues, vectors = xp.linalg.eigh(K)
        kept = eigenvalues > tol
        self.rank = int(kept.sum())
        self._rows = None
        eigenvalues = eigenvalues[kept]
        self._factor = vectors[:, kept] / xp.sqrt(eigenvalues)
        self.norm = float(eigenvalues[0]) ** -0.5 if self.rank else 0.0

    def congruence(self, H):
        """``T' H T`` for a symmetric H of shape (m, m)."""
        if self._rows is None:
            return self._factor.T @ H @ self._factor
        H = H[np.ix_(self._rows, self._rows)]
        H = self._solve(self._solve(H).T)
        return 0.5 * (H + H.T)

    def adjoint(self, B):
        """``T' B`` for B of shape (m, k)."""
        if self._rows is None:
            return self._factor.T @ B
        return self._solve(np.take(B.T, self._rows, axis=1).T, overwrite=True)

    def apply(self, C):
        """``T C`` for C of shape (rank, k)."""
        if self._rows is None:
            return self._factor @ C
        out = np.zeros((self._m, C.shape[1]))
        out[self._rows] = self._solve(C, trans=1)
        return out

    def _solve(self, B, *, trans=0, overwrite=False):
        return scipy.linalg.solve_triangular(
            self._factor,
            B,
            lower=True,
            trans=trans,
            overwrite_b=overwrite,
            check_finite=False,
        )
