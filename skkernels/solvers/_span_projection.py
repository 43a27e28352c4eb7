"""Projection of functions onto the span of kernel functions."""

import numpy as np

from skkernels.linalg import rpcholesky, safe_cholesky, triangular_solve
from skkernels.operators import KernelOperator, memory_budget
from skkernels.operators._center_matrix import center_matrix
from skkernels.solvers._cg import block_cg
from skkernels.solvers._preconditioner import LowRankPreconditioner

_MAX_RANK = 500
_MAX_ITERATIONS = 20
_TOL = 1e-3
# Against a singular matrix where the kernel is zero on the centers.
_TINY = 1e-150


class SpanProjection:
    """Coefficients, on given centers, of the projection of a function onto their span.

    The projection in the norm of the RKHS of a function with values h at the centers
    has the coefficients ``K(Z, Z)^{-1} h``. The diagonal of the matrix is raised by the
    rounding error of values in the centers' precision.

    Parameters
    ----------
    kernel : Kernel
        Resolved, without white noise.

    centers : array or CSR matrix of shape (p, d)
        Centers Z.

    Notes
    -----
    Where a p x p matrix in float64 fits the memory budget it is factorised once, in
    p^3 / 3 operations, and a projection takes 2 p^2 per target. Elsewhere a projection
    takes at most 20 steps of preconditioned conjugate gradients, to a relative residual
    of 1e-3.
    """

    def __init__(self, kernel, centers):
        p = centers.shape[0]
        operator = KernelOperator(kernel, centers)
        jitter = p * np.finfo(operator.dtype).eps * float(operator.diag().mean())
        jitter = max(jitter, _TINY)
        self._factor = None
        if 8 * p * p <= memory_budget():
            K = center_matrix(kernel, centers)
            K[range(p), range(p)] += jitter
            factor, _ = safe_cholesky(K, overwrite=True)
            # Projections read it and do little else. Conditioned as it is by the
            # jitter, it needs no more digits than the values have.
            self._factor = factor.astype(operator.dtype, copy=False)
            return
        self._operator, self._jitter = operator, jitter
        rank = max(1, min(_MAX_RANK, memory_budget() // (32 * p)))
        result = rpcholesky(operator, rank, random_state=0)
        left = max(float(result.residual_traces[-1]) / p, jitter)
        self._precondition = LowRankPreconditioner(result.factor, np.array([left]))

    def __call__(self, values):
        """Coefficients of shape (p, c) from values at the centers."""
        if self._factor is not None:
            values = values.astype(self._factor.dtype, copy=False)
            half = triangular_solve(self._factor, values)
            solution = triangular_solve(self._factor, half, trans=True)
            return solution.astype(np.float64, copy=False)
        return block_cg(
            lambda V: self._operator.matmat(V).astype(np.float64),
            values,
            shift=self._jitter,
            max_iter=_MAX_ITERATIONS,
            tol=_TOL,
            precond=lambda R, columns: self._precondition(
                R, np.zeros(len(columns), dtype=int)
            ),
        ).x
