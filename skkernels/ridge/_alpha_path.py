"""Kernel ridge solutions for many ridge strengths at the cost of one."""

import numpy as np

from skkernels.linalg import symmetric_eigensystem
from skkernels.operators import memory_budget
from skkernels.solvers import DualProblem
from skkernels.utils._array import get_namespace
from skkernels.utils._parallel import row_blocks, single_threaded_blas

_EPS = float(np.finfo(np.float64).eps)
_COLUMNS = 512
# Arrays of the shape of the solution that conjugate gradients keep.
_CG_ARRAYS = 6


class EigenPath:
    """The systems ``(S K S + alpha I) z = S Y`` for any alpha, S = diag(sqrt(weights)).

    One eigendecomposition ``S K S = Q diag(l) Q'`` serves them all.

    Parameters
    ----------
    K : array of shape (n, n) in float64
        The kernel matrix. Its memory is overwritten.

    Y : array of shape (n, n_targets) in float64
        Targets.

    weights : array of shape (n,) or None
        Positive sample weights.

    Notes
    -----
    Time: some 6 to 10 n^3 operations, then 2 n^2 n_targets for each alpha. Memory: K
    and Q, ``16 n^2`` bytes.
    """

    def __init__(self, K, Y, weights):
        xp = self.xp = get_namespace(K)
        self.Y, self.weights = Y, weights
        self.root = None
        targets = Y
        if weights is not None:
            self.root = xp.sqrt(weights)[:, None]
            K *= self.root
            K *= self.root.T
            targets = self.root * Y
        self.values, self.vectors = symmetric_eigensystem(K)
        with single_threaded_blas():
            self.coordinates = self.vectors.T @ targets
        self.scale = float(xp.abs(self.values).max())

    def _solve(self, inverse):
        with single_threaded_blas():
            return self.vectors @ (inverse[:, None] * self.coordinates)

    def coefficients(self, alphas):
        """Coefficients of the kernel functions, of minimum norm where singular.

        Parameters
        ----------
        alphas : ndarray of shape (n_alphas,)
            Ridge strengths.

        Returns
        -------
        coefficients : array of shape (n, n_alphas * n_targets)
            ``S z`` for the first alpha, all targets, then for the second.
        """
        xp = self.xp
        blocks = []
        for alpha in alphas:
            shifted = self.values + alpha
            magnitude = xp.abs(shifted)
            kept = magnitude > len(shifted) * _EPS * magnitude.max()
            inverse = xp.where(kept, 1.0 / xp.where(kept, shifted, 1.0), 0.0)
            blocks.append(self._solve(inverse))
        z = xp.hstack(blocks)
        return z if self.root is None else self.root * z

    def leave_one_out(self, alphas):
        """Predict each sample from all the others.

        Parameters
        ----------
        alphas : ndarray of shape (n_alphas,)
            Ridge strengths.

        Yields
        ------
        predictions : array of shape (n, n_targets)
            For one alpha after the other; NaN where the system is singular to working
            precision and the formula says nothing.

        Notes
        -----
        With ``c = S^-1 z`` and d the diagonal of the inverse, the residual of a sample
        left out is ``c_i / d_i``. Of a sample of weight w > 1 one unit is left out. It
        has the share ``1 / w`` in the leverage ``1 - alpha d_i``, hence the residual
        ``alpha c_i / (1 - (1 - alpha d_i) / w)``. A sample of weight below 1 is left
        out as a whole.
        """
        xp = self.xp
        # Computed eigenvalues are off by some eps times the largest.
        floor = np.sqrt(len(self.values)) * _EPS * self.scale
        shifted = self.values[:, None] + xp.asarray(alphas)[None, :]
        singular = xp.abs(shifted).min(axis=0) <= floor
        inverse = 1.0 / xp.where(singular, 1.0, shifted)
        diagonal = self._diagonal(inverse)
        for j, alpha in enumerate(alphas):
            if singular[j]:
                yield xp.full(self.Y.shape, np.nan)
                continue
            denominator = diagonal[:, j : j + 1]
            residuals = self._solve(inverse[:, j])
            if self.root is not None:
                residuals = residuals / self.root
                denominator = self._with_copies(denominator, alpha)
            yield self.Y - residuals / denominator

    def _with_copies(self, diagonal, alpha):
        """Divisor of the residuals where the other units of a sample stay."""
        xp = self.xp
        share = 1.0 / xp.maximum(self.weights, 1.0)[:, None]
        if alpha > 0:
            return (1.0 - share) / alpha + share * diagonal
        return xp.where(share < 1.0, np.inf, diagonal)  # the others interpolate

    def _diagonal(self, inverse):
        """Diagonals of ``Q diag(inverse_j) Q'``, one column for each j."""
        out = self.xp.zeros(inverse.shape)
        for start in range(0, len(inverse), _COLUMNS):
            block = slice(start, start + _COLUMNS)
            with single_threaded_blas():
                out += self.vectors[:, block] ** 2 @ inverse[block]
        return out


def solve_together(op, Y, alphas, weights, *, max_iter, tol, random_state):
    """The same by conjugate gradients: all alphas and targets share the products.

    Parameters
    ----------
    op : KernelOperator or PrecomputedOperator of shape (n, n) in float64
        The kernel matrix.

    Y : array of shape (n, n_targets) in float64
        Targets.

    alphas : ndarray of shape (n_alphas,)
        Ridge strengths.

    weights : array of shape (n,) or None
        Positive sample weights.

    max_iter : int
        Largest number of iterations.

    tol : float
        Relative residual to reach.

    random_state : int, RandomState instance or None
        Source of the preconditioner's pivots.

    Returns
    -------
    coefficients : array of shape (n, n_alphas * n_targets)
        As from :meth:`EigenPath.coefficients`.

    converged : ndarray of shape (n_alphas,)
        For which alphas all targets met ``tol``.

    Notes
    -----
    An iteration costs one product with at most n_alphas * n_targets columns.
    """
    xp = get_namespace(Y)
    n_targets = Y.shape[1]
    shifts = xp.asarray(np.repeat(alphas, n_targets))
    problem = DualProblem(op, xp.tile(Y, (1, len(alphas))), shifts, weights)
    result = problem.solve_pcg(max_iter=max_iter, tol=tol, random_state=random_state)
    met = (result.residual_norms[-1] <= tol).reshape(len(alphas), n_targets)
    return problem.scale(result.x), met.all(axis=1)


def alpha_groups(n_alphas, n, n_targets):
    """Slices of alphas whose solutions fit into half of the memory budget together."""
    together = memory_budget() // (2 * _CG_ARRAYS * 8 * n * n_targets)
    return row_blocks(n_alphas, max(1, together))
