"""The exact solution, from where the epochs ended."""

import numpy as np

from skkernels.operators import KernelOperator, memory_budget
from skkernels.operators._center_matrix import center_matrix
from skkernels.solvers import (
    DualProblem,
    FullEigenPro,
    falkon,
    falkon_bytes,
    warn_unless_converged,
)

_MAX_ITERATIONS = 500
_TOL = {np.dtype(np.float32): 1e-4, np.dtype(np.float64): 1e-9}


def polish(iteration, Y, name):
    """Coefficients that minimise the objective of an iteration.

    Parameters
    ----------
    iteration : FullEigenPro or CenteredEigenPro
        Where to start. It cannot go on afterwards: its factors are dropped to make
        room.

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
    alphas = np.full(Y.shape[1], iteration.alpha)
    tol = _TOL[iteration.operator.dtype]
    options = {"tol": tol, "max_iter": _MAX_ITERATIONS, "random_state": iteration.seed}
    if isinstance(iteration, FullEigenPro):
        centers = iteration.centers.astype(np.float64, copy=False)
        operator = KernelOperator(iteration.kernel, centers)
        problem = DualProblem(operator, Y, alphas, iteration.weights)
        result = problem.solve_pcg(x0=iteration.coef, on_iteration=None, **options)
        coef = problem.scale(result.x)
    else:
        result = _with_centers(iteration, Y, alphas, options)
        coef = result.x
    warn_unless_converged(
        result,
        tol,
        f"{name}(polish=True)",
        advice="A positive or larger alpha makes the system easier to solve",
    )
    # A singular system, such as of equal rows with different targets and alpha = 0,
    # may have no solution to go to.
    better = result.residual_norms[-1] <= result.residual_norms[0]
    return iteration.xp.where(iteration.xp.asarray(better), coef, iteration.coef)


def _with_centers(iteration, Y, alphas, options):
    operator, weights = iteration.operator, iteration.weights
    if iteration.rows is not None:
        rows = iteration.xp.asarray(iteration.rows)
        operator, Y = operator.take_rows(rows), Y[rows]
        weights = None if weights is None else weights[rows]
    iteration.drop_projection()
    n, p = operator.shape
    # The preconditioner that is good for any alpha takes more memory.
    robust = falkon_bytes(n, p, "krill") <= memory_budget()
    return falkon(
        operator,
        center_matrix(iteration.kernel, iteration.centers),
        Y,
        alphas,
        weights=weights,
        x0=iteration.coef,
        precond="krill" if robust else "falkon",
        overwrite=True,
        **options,
    )
