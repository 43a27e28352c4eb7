"""The normal equations of a model with centers, and preconditioners for them."""

import numpy as np
from scipy.linalg import blas, lapack

from skkernels.linalg import Whitening, mirror_upper, safe_cholesky, triangular_solve
from skkernels.utils._array import get_namespace
from skkernels.utils._parallel import row_blocks, single_threaded_blas

_EPS = float(np.finfo(np.float64).eps)
_BLOCK = 1024


class NystroemSystem:
    """``(K_nm' W K_nm + alpha_j K_mm) a_j = b_j`` in coordinates of functions.

    With T such that ``T' K_mm T = I`` and ``a = T c``, the system is ``(T' K_nm' W K_nm
    T + alpha_j I) c_j = T' b_j``: the Euclidean norm of c is the norm of the function,
    and alpha_j a shift.

    Parameters
    ----------
    op : operator of shape (n, m)
        K_nm.

    K_mm : array of shape (m, m) in float64
        Kernel matrix of the centers; its memory is overwritten.

    weights : array of shape (n,) or None
        Weights of the rows.

    Notes
    -----
    Directions in which K_mm is below what the blocks of ``op`` resolve are left out: in
    float64 ``m eps`` times its largest diagonal entry; in float32 ``eps`` times it.
    """

    def __init__(self, op, K_mm, weights):
        self.op, self.weights = op, weights
        m = K_mm.shape[0]
        eps = m * _EPS if op.dtype == np.float64 else np.finfo(np.float32).eps
        tol = float(eps * K_mm.diagonal().max())
        self.whitening = Whitening(K_mm, tol, keep_dropped=True)
        self.rank = self.whitening.rank

    def apply(self, C):
        """Coefficients ``T C``."""
        with single_threaded_blas():
            return self.whitening.apply(C)

    def adjoint(self, B):
        """``T' B``."""
        with single_threaded_blas():
            return self.whitening.adjoint(B)

    def coordinates(self, A):
        """The C whose function is nearest to that of the coefficients A."""
        with single_threaded_blas():
            return self.whitening.coordinates(A.astype(np.float64, copy=False))

    def matmat(self, C):
        """``T' K_nm' W K_nm T C``."""
        product = self.op.normal_matmat(self.apply(C), self.weights, dtype=np.float64)
        return self.adjoint(product)

    def right_hand_sides(self, Y):
        """``T' K_nm' W Y``."""
        # Minus the moment of the residual of the zero function.
        xp = get_namespace(Y)
        zero = xp.zeros((self.op.shape[1], Y.shape[1]))
        _, moment = self.op.residual_matmat(zero, Y, self.weights, dtype=np.float64)
        return self.adjoint(-moment)

    def precondition_by_centers(self, alpha, center_weights):
        """FALKON's preconditioner: the centers, weighted, stand for all rows."""
        whitening = self.whitening
        if whitening.rows is None:
            values = whitening.eigenvalues * whitening.factor
            root = get_namespace(values).sqrt(center_weights)[:, None]
            return _DensePreconditioner(root * values, alpha)
        root = np.sqrt(center_weights)
        rest = whitening.dropped * root[whitening.dropped_rows, None]

        def fill(F):
            # (D L)' (D L) with D = diag(root), of all rows of the factor L.
            mirror_upper(F.T)
            _scale_upper_columns(F, root[whitening.rows])
            lapack.dlauum(F, lower=0, overwrite_c=1)
            if rest.size:
                blas.dsyrk(1.0, rest.T, beta=1.0, c=F, overwrite_c=1)

        return _PackedPreconditioner(whitening.factor, fill, alpha)

    def precondition_by_sketch(self, alpha, S):
        """KRILL's preconditioner: a sketch of the rows of K_nm, to be overwritten."""
        whitening = self.whitening
        if whitening.rows is None:
            return _DensePreconditioner(S @ whitening.factor, alpha)
        features = self._whiten_rows(S)

        def fill(F):
            blas.dsyrk(1.0, features, c=F, overwrite_c=1)

        return _PackedPreconditioner(whitening.factor, fill, alpha)

    def _whiten_rows(self, S):
        """``T' S'`` in the memory of S."""
        rows, n_rows, size = self.whitening.rows, len(S), self.rank
        flat = S.reshape(-1)
        for i in range(n_rows):
            flat[i * size : (i + 1) * size] = S[i][rows]
        features = flat[: n_rows * size].reshape(n_rows, size).T
        return lapack.dtrtrs(self.whitening.factor, features, lower=1, overwrite_b=1)[0]


class _PackedPreconditioner:
    """Inverse of ``G + alpha I``, with its Cholesky factor in half of an array.

    Parameters
    ----------
    F : Fortran-contiguous array of shape (rank, rank)
        Its lower triangle with the diagonal belongs to somebody else. The factor goes
        into the strict upper triangle, and its diagonal is kept apart.

    fill : callable
        ``fill(F)`` writes G into the upper triangle and the diagonal.

    alpha : float
        The shift. Values below the rounding error of G are raised to it.
    """

    def __init__(self, F, fill, alpha):
        self._F = F
        theirs = F.diagonal().copy()
        fill(F)
        shift = max(alpha, len(F) * _EPS * float(F.diagonal().max()))
        while not self._factor(shift):
            np.fill_diagonal(F, theirs)
            fill(F)
            shift *= 10.0
        self._diagonal = F.diagonal().copy()
        np.fill_diagonal(F, theirs)

    def _factor(self, shift):
        np.fill_diagonal(self._F, self._F.diagonal() + shift)
        return lapack.dpotrf(self._F, lower=0, clean=0, overwrite_a=1)[1] == 0

    def __call__(self, residuals, columns):
        theirs = self._F.diagonal().copy()
        np.fill_diagonal(self._F, self._diagonal)
        try:
            with single_threaded_blas():
                out = lapack.dtrtrs(self._F, residuals, lower=0, trans=1)[0]
                return lapack.dtrtrs(self._F, out, lower=0, overwrite_b=1)[0]
        finally:
            np.fill_diagonal(self._F, theirs)


class _DensePreconditioner:
    """Inverse of ``features' features + alpha I`` for arrays of any module."""

    def __init__(self, features, alpha):
        xp = get_namespace(features)
        G = features.T @ features
        index = xp.arange(len(G))
        G[index, index] += alpha
        self._L, _ = safe_cholesky(G, overwrite=True)

    def __call__(self, residuals, columns):
        return triangular_solve(
            self._L, triangular_solve(self._L, residuals), trans=True
        )


def _scale_upper_columns(F, scale):
    """Multiply the columns of the upper triangle, with the diagonal."""
    for block in row_blocks(len(F), _BLOCK):
        F[: block.start, block] *= scale[block]
        corner = F[block, block]
        rows, columns = np.triu_indices(len(corner))
        corner[rows, columns] *= scale[block][columns]
