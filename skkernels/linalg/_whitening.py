"""A basis in which a positive semi-definite matrix is the identity."""

import numpy as np
from scipy.linalg import blas, lapack

from skkernels.linalg._cholesky import mirror_upper
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
        Symmetric positive semi-definite matrix; its memory is overwritten, and with
        NumPy it is where the factor stays.

    tol : float
        Absolute threshold.

    keep_dropped : bool, default=False
        Keep the part of the factor that :meth:`coordinates` needs for the rows that
        were dropped.

    Attributes
    ----------
    rank : int
        Number of columns of T.

    norm : float
        Estimate of the norm of T, one over the square root of the smallest eigenvalue
        of what is kept of K; 0 if T has no columns.

    factor : array of shape (rank, rank) or (m, rank)
        With NumPy a Fortran-contiguous array whose lower triangle is the Cholesky
        factor L of the rows kept, in the order of ``rows``; what is above its diagonal
        has no meaning and may be used for something else. Elsewhere T itself.

    rows : ndarray of shape (rank,) or None
        The rows kept; None where T is made of eigenvectors.

    dropped : array of shape (m - rank, rank) or None
        Further rows of the factor, those of the rows that were dropped, if asked for.

    Notes
    -----
    Time: m^3 / 3 operations with NumPy, some 10 m^3 elsewhere. Memory beyond K: with
    NumPy at most m^2 / 4 numbers for what is copied where rows are dropped, 2 m^2
    numbers elsewhere.
    """

    def __init__(self, K, tol, *, keep_dropped=False):
        self._m = K.shape[0]
        self.dropped = None
        if get_namespace(K) is np:
            self._pivot(K, tol, keep_dropped)
        else:
            self._eigen(get_namespace(K), K, tol)

    def _pivot(self, K, tol, keep_dropped):
        F = K if K.flags.f_contiguous else K.T
        c, order, rank, _ = lapack.dpstrf(F, tol=tol, lower=1, overwrite_a=1)
        self.rank = int(rank)
        self.rows = order[: self.rank] - 1
        self.dropped_rows = None
        if keep_dropped:
            self.dropped_rows = order[self.rank :] - 1
            self.dropped = np.array(c[self.rank :, : self.rank], order="F")
        self.factor = _leading_block(c, self.rank)
        self.norm = self._norm_of_inverse() if self.rank else 0.0

    def _norm_of_inverse(self):
        """Norm of the inverse of the factor, by power iterations."""
        v = np.cos(np.arange(self.rank))[:, None]
        for _ in range(_POWER_ITERATIONS):
            v /= np.linalg.norm(v)
            v = self._solve(self._solve(v), trans=1)
        return float(np.sqrt(np.linalg.norm(v)))

    def _eigen(self, xp, K, tol):
        eigenvalues, vectors = xp.linalg.eigh(K)
        kept = eigenvalues > tol
        self.rank = int(kept.sum())
        self.rows = self.dropped_rows = None
        self.eigenvalues = eigenvalues[kept]
        self.factor = vectors[:, kept] / xp.sqrt(self.eigenvalues)
        self.norm = float(self.eigenvalues[0]) ** -0.5 if self.rank else 0.0

    def congruence(self, H):
        """``T' H T`` for a symmetric H of shape (m, m), with both triangles filled.

        Memory: the result and nothing else, with NumPy.
        """
        if self.rows is None:
            return self.factor.T @ H @ self.factor
        # Transposed, for the order of LAPACK.
        H = H[np.ix_(self.rows, self.rows)].T
        if self.rank:
            H, _ = lapack.dsygst(H, self.factor, lower=1, overwrite_a=1)
            mirror_upper(H.T)
        return H

    def adjoint(self, B):
        """``T' B`` for B of shape (m, k)."""
        if self.rows is None:
            return self.factor.T @ B
        return self._solve(np.take(B.T, self.rows, axis=1).T, overwrite=True)

    def apply(self, C):
        """``T C`` for C of shape (rank, k)."""
        if self.rows is None:
            return self.factor @ C
        out = np.zeros((self._m, C.shape[1]))
        out[self.rows] = self._solve(C, trans=1)
        return out

    def coordinates(self, A):
        """C such that ``T C`` is nearest to A in the norm of K, for A of (m, k).

        Needs ``keep_dropped``, and ``dropped`` still to be there.
        """
        if self.rows is None:
            return self.eigenvalues[:, None] * (self.factor.T @ A)
        C = _lower_product(self.factor, A[self.rows])
        if self.dropped_rows.size:
            C += self.dropped.T @ A[self.dropped_rows]
        return C

    def _solve(self, B, *, trans=0, overwrite=False):
        if not B.size:
            return np.zeros(B.shape)
        return lapack.dtrtrs(
            self.factor, B, lower=1, trans=trans, overwrite_b=overwrite
        )[0]


def _lower_product(L, A):
    """``L' A`` where L is the lower triangle of a square array."""
    if not A.size:
        return np.zeros(A.shape)
    return blas.dtrmm(1.0, L, A, lower=1, trans_a=1)


def _leading_block(A, size):
    """``A[:size, :size]`` as a contiguous array, in the memory of A if it is large."""
    n = len(A)
    if size == n:
        return A
    if 4 * size**2 <= n**2:
        return np.array(A[:size, :size], order="F")
    flat = A.reshape(-1, order="F")
    for j in range(1, size):
        flat[j * size : (j + 1) * size] = flat[j * n : j * n + size]
    return flat[: size * size].reshape((size, size), order="F")
