"""Preconditioned conjugate gradients for models with centers."""

from dataclasses import replace

import numpy as np

from skkernels.operators import check_memory
from skkernels.solvers._cg import block_cg
from skkernels.solvers._nystroem_system import NystroemSystem
from skkernels.solvers._result import SolverResult
from skkernels.solvers._sketch import sketch_rows
from skkernels.utils._array import get_namespace

PRECONDITIONERS = ("falkon", "krill")


def falkon(
    op,
    K_mm,
    Y,
    alpha,
    *,
    weights=None,
    center_weights=None,
    x0=None,
    max_iter=100,
    tol=1e-7,
    precond="falkon",
    random_state=None,
    on_iteration=None,
    overwrite=False,
):
    """Solve ``(K_nm' W K_nm + alpha_j K_mm) a_j = K_nm' W y_j`` for all columns j.

    The system is solved by conjugate gradients in the coordinates in which K_mm is the
    identity, those of its Cholesky factor with complete pivoting. Each iteration is one
    pass over K_nm for all columns that have not converged.

    Parameters
    ----------
    op : operator of shape (n, m)
        The kernel K_nm between rows and centers. Its precision is that of the kernel
        values; everything else is in float64.

    K_mm : array of shape (m, m) in float64
        Kernel matrix of the centers.

    Y : array of shape (n, n_targets)
        Targets.

    alpha : float or array of shape (n_targets,)
        Ridge strengths.

    weights : array of shape (n,), default=None
        Weights W of the rows; None is 1 for all.

    center_weights : array of shape (m,), default=None
        How many rows each center stands for, in the preconditioner "falkon". None
        shares the total weight equally, which is right for centers drawn from the rows
        in proportion to their weights. They do not affect the solution.

    x0 : array of shape (m, n_targets), default=None
        Coefficients to start from; None is zero.

    max_iter : int, default=100
        Largest number of iterations.

    tol : float, default=1e-7
        A column has converged when its residual is at most ``tol`` times its right-hand
        side, both measured as functions: in the norm of the inverse of K_mm.

    precond : {"falkon", "krill"}, default="falkon"
        "falkon" takes the centers for a sample of the rows: ``K_nm' W K_nm`` is
        replaced by ``K_mm D K_mm`` with D of the center weights. It needs more centers
        than the effective dimension of the problem. "krill" replaces it by ``S' S``
        with a random sketch S of ``W^{1/2} K_nm`` of 2 m rows, which costs a pass
        over K_nm and more memory, and is good for any alpha.

    random_state : int, RandomState instance or None, default=None
        Source of the sketch.

    on_iteration : callable, default=None
        ``on_iteration(iteration, x, residual, done)``, with the current coefficients,
        see :func:`block_cg`.

    overwrite : bool, default=False
        Use the memory of K_mm.

    Returns
    -------
    result : SolverResult
        The coefficients, of shape (m, n_targets), and the history. Centers whose kernel
        functions the others explain, up to the precision of ``op``, have the
        coefficient 0.

    Raises
    ------
    ValueError
        If the matrices exceed the memory budget.

    Notes
    -----
    All targets share one preconditioner. Where their alphas differ it is made for the
    geometric mean of them, and takes more iterations the more they do.

    With c targets and d features, time is m^3 operations at the start, ``n m (2 d +
    4 c)`` and O(m^2 c) in each iteration; "krill" adds the kernel values of one pass,
    8 n m additions and 4 m^3 operations. Memory: both triangular factors share one
    array, ``8 m^2`` bytes, and up to a quarter of that where the kernel matrix of the
    centers is singular; "krill" adds its sketch, ``16 m^2`` bytes.

    With a float32 operator the kernel values are in float32, and all that is done with
    them is in float64, so that the residual can fall as far as otherwise. Functions
    whose norm is below ``eps`` of that precision are left out, because the rounding
    errors of kernel values would pass for them: with ``alpha / n`` of 1e-3 that changes
    the values of a smooth model by less than 1e-3, with 1e-5 by up to 1e-2.

    References
    ----------
    .. [1] A. Rudi, L. Carratino and L. Rosasco, "FALKON: an optimal large scale kernel
       method", NIPS 2017. arXiv:1705.10958
    .. [2] M. Diaz, E. N. Epperly, Z. Frangella, J. A. Tropp and R. J. Webber, "Robust,
       randomized preconditioning for kernel ridge regression", 2023. arXiv:2304.12465
    """
    if precond not in PRECONDITIONERS:
        raise ValueError(f"precond must be one of {PRECONDITIONERS}, got {precond!r}.")
    n, m = op.shape
    check_falkon_memory(n, m, precond)
    xp = get_namespace(K_mm)
    alpha = xp.broadcast_to(xp.asarray(alpha, dtype=np.float64), (Y.shape[1],))
    if center_weights is None:
        total = n if weights is None else float(weights.sum())
        center_weights = xp.full(m, total / m)
    # The factor takes the place of the matrix.
    system = NystroemSystem(op, K_mm if overwrite else K_mm.copy(), weights)
    if system.rank == 0:
        zero = np.zeros((1, Y.shape[1]))
        return SolverResult(xp.zeros((m, Y.shape[1])), 0, zero, "converged")
    start = None if x0 is None else system.coordinates(x0)
    shift = _typical(xp, alpha)
    if precond == "krill":
        S = sketch_rows(op, 2 * m, weights=weights, random_state=random_state)
        preconditioner = system.precondition_by_sketch(shift, S)
        del S
    else:
        preconditioner = system.precondition_by_centers(shift, center_weights)

    def report(iteration, c, residual, done):
        return on_iteration(iteration, system.apply(c), residual, done)

    result = block_cg(
        system.matmat,
        system.right_hand_sides(Y),
        shift=alpha,
        x0=start,
        max_iter=max_iter,
        tol=tol,
        precond=preconditioner,
        on_iteration=None if on_iteration is None else report,
    )
    return replace(result, x=system.apply(result.x))


def falkon_bytes(n, m, precond):
    """Bytes that :func:`falkon` takes with n rows and m centers."""
    n_bytes = 10 * m * m
    if precond == "krill":
        n_bytes += 8 * m * min(n, 2 * m)
    return n_bytes


def check_falkon_memory(n, m, precond):
    """Refuse more centers than fit the memory budget."""
    check_memory(
        falkon_bytes(n, m, precond),
        what=f"The kernel matrix of {m} centers, with its factors,",
        remedy="use fewer centers (n_centers)",
    )


def _typical(xp, alpha):
    """Geometric mean of the positive values; 0 if there are none."""
    positive = alpha[alpha > 0]
    return float(xp.exp(xp.log(positive).mean())) if positive.size else 0.0
