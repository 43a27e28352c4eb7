"""The exact solution, from where the epochs ended."""

import numpy as np

from skkernels.operators import KernelOperator, memory_budget
from skkernels.solvers import (
    DualProblem,
    FullEigenPro,
    falkon,
    warn_unless_converged,
)

_MAX_ITERATIONS = 500
_TOL = {np.dtype(np.float32): 1e-4, np.dtype(np.float64): 1e-9}


def polish(iteration, Y, name):
    """Coefficients that minimise the objective of an iteration.

    Parameters
    ----------
    iteration : FullEigenPro or CenteredEigenPro
        Where to start.

    Y : array of shape (n, n_targets) in float64
        Targets of the rows of ``iteration.X``.

    name : str
        Name of the estimator, for warnings.

    Returns
    -------
    coef : array of shape (p, n_targets) in float64
        With alpha = 0 a least-squares solution: the interpolant if all rows are
        centers.
    """
    kernel, alpha, centers = iteration.kernel, iteration.alpha, iteration.centers
    alphas = np.full(Y.shape[1], alpha)
    options = {"max_iter": _MAX_ITERATIONS, "random_state": iteration.seed}
    tol = _TOL[iteration.operator.dtype]
    in_double = centers.astype(np.float64, copy=False)
    if isinstance(iteration, FullEigenPro):
        operator = KernelOperator(kernel, in_double)
        problem = DualProblem(operator, Y, alphas, iteration.weights)
        result = problem.solve_pcg(
            x0=iteration.coef, tol=tol, on_iteration=None, **options
        )
        coef = problem.scale(result.x)
    else:
        operator, weights = iteration.operator, iteration.weights
        if iteration.rows is not None:
            rows = iteration.xp.asarray(iteration.rows)
            operator, Y = operator.take_rows(rows), Y[rows]
            weights = None if weights is None else weights[rows]
        p = centers.shape[0]
        # The factors and the sketch of the preconditioner that is good for any alpha.
        robust = 26 * p * p <= memory_budget()
        result = falkon(
            operator,
            KernelOperator(kernel, in_double).block(),
            Y,
            alphas,
            weights=weights,
            x0=iteration.coef,
            tol=tol,
            precond="krill" if robust else "falkon",
            overwrite=True,
            **options,
        )
        coef = result.x
    warn_unless_converged(result, tol, f"{name}(polish=True)")
    if not (result.residual_norms[-1] <= result.residual_norms[0]).all():
        # A singular system, such as of equal rows with different targets and alpha = 0,
        # may have no solution to go to.
        return iteration.coef
    return coef
