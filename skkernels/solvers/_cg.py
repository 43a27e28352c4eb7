"""Conjugate gradients for many right-hand sides at once."""

import numpy as np

from skkernels.solvers._result import SolverResult
from skkernels.utils._array import get_namespace, to_numpy


def block_cg(
    matmat,
    B,
    *,
    shift=0.0,
    x0=None,
    max_iter=1000,
    tol=1e-6,
    precond=None,
    on_iteration=None,
):
    """Solve ``(A + shift_j I) x_j = b_j`` for all columns j by conjugate gradients.

    The columns are independent recurrences that share the products with A, which
    is where the time goes. A column that has converged takes no further part in the
    products. Convergence is decided by the true residual, recomputed from the
    solution: the recurrence's own residual drifts away from it through rounding.

    Parameters
    ----------
    matmat : callable
        ``matmat(V)`` returns ``A @ V`` for V of shape (n, k) in float64, with A
        symmetric positive semi-definite.

    B : array of shape (n, n_columns)
        Right-hand sides.

    shift : float or array of shape (n_columns,), default=0.0
        Multiple of the identity added to A for each column.

    x0 : array of shape (n, n_columns), default=None
        Where to start; None is zero.

    max_iter : int, default=1000
        Largest number of iterations.

    tol : float, default=1e-6
        A column has converged when the norm of its residual is at most ``tol`` times
        the norm of its right-hand side.

    precond : callable, default=None
        ``precond(R, columns)`` applies a positive definite approximation of the
        inverse to the residuals R of shape (n, k) of the given columns.

    on_iteration : callable, default=None
        ``on_iteration(iteration, x, residual, done)`` is called after each iteration
        with its number, the current solution (not to be changed), the largest
        relative residual, and whether this is the last iteration. A true return
        value stops the solver.

    Returns
    -------
    result : SolverResult
        Solution and history.

    Notes
    -----
    An iteration costs one product of A with the columns still active and O(n k)
    besides. Memory: about five arrays of the shape of B.

    References
    ----------
    .. [1] M. R. Hestenes and E. Stiefel, "Methods of conjugate gradients for solving
       linear systems", J. Res. Nat. Bur. Standards 49, 1952.
    """
    state = _State(matmat, B, shift, x0, tol, precond)
    stopped = False
    iteration = 0
    while state.active.size and iteration < max_iter and not stopped:
        iteration += 1
        state.advance()
        if iteration == max_iter:
            state.settle_all()
        state.history.append(state.relative.copy())
        if on_iteration is not None:
            done = iteration == max_iter or not state.active.size
            stopped = bool(
                on_iteration(iteration, state.x, float(state.relative.max()), done)
            )
    if stopped and state.active.size:
        state.settle_all()
        state.history[-1] = state.relative.copy()
    return SolverResult(
        x=state.x,
        n_iter=iteration,
        residual_norms=np.asarray(state.history),
        reason=state.reason(stopped),
    )


class _State:
    """The recurrences: arrays R, P and rz hold the active columns only."""

    def __init__(self, matmat, B, shift, x0, tol, precond):
        xp = self.xp = get_namespace(B)
        self.matmat, self.precond, self.tol = matmat, precond, tol
        self.B = xp.asarray(B, dtype=np.float64)
        n_columns = self.B.shape[1]
        self.shift = xp.broadcast_to(xp.asarray(shift, dtype=np.float64), (n_columns,))
        norms = to_numpy(xp.linalg.norm(self.B, axis=0))
        self.norms = np.where(norms > 0, norms, 1.0)
        self.relative = np.zeros(n_columns)
        self.indefinite = np.zeros(n_columns, dtype=bool)
        self.last_miss = np.full(n_columns, np.inf)
        self.active = np.arange(n_columns)
        if x0 is None:
            self.x = xp.zeros_like(self.B)
            self.R = self.B.copy()
        else:
            self.x = xp.array(x0, dtype=np.float64, copy=True)
            self.R = self._true_residual(self.active)
        self.relative = self._relative(self.R, self.active)
        self.P = self.rz = None
        self._keep(self.relative > tol)
        self.history = [self.relative.copy()]

    def _apply(self, V, columns):
        return self.matmat(V) + V * self.shift[columns]

    def _true_residual(self, columns):
        x = self.xp.ascontiguousarray(self.x[:, columns])
        return self.B[:, columns] - self._apply(x, columns)

    def _relative(self, R, columns):
        return to_numpy(self.xp.linalg.norm(R, axis=0)) / self.norms[columns]

    def _keep(self, mask):
        """Restrict the recurrences to the active columns selected by a mask."""
        if mask.all():
            return
        self.active = self.active[mask]
        self.R = self.R[:, mask]
        if self.P is not None:
            self.P, self.rz = self.P[:, mask], self.rz[mask]

    def advance(self):
        """One iteration of every active column."""
        xp = self.xp
        Z = self.R if self.precond is None else self.precond(self.R, self.active)
        rz = (self.R * Z).sum(axis=0)
        if self.P is None:
            self.P = Z.copy()
        else:
            # A column restarted from its true residual has an infinite old rz.
            self.P *= rz / self.rz
            self.P += Z
        self.rz = rz
        AP = self._apply(xp.ascontiguousarray(self.P), self.active)
        curvature = (self.P * AP).sum(axis=0)
        positive = curvature > 0
        step = xp.where(positive, rz / xp.where(positive, curvature, 1.0), 0.0)
        self.x[:, self.active] += step * self.P
        self.R -= step * AP
        self.relative[self.active] = self._relative(self.R, self.active)
        failed = ~to_numpy(positive)
        if failed.any():
            self.indefinite[self.active[failed]] = True
            self._keep(~failed)
        self._settle(self.relative[self.active] <= self.tol)

    def _settle(self, claimed):
        """Retire columns that claim convergence, if their true residual agrees."""
        if not claimed.any():
            return
        columns = self.active[claimed]
        R = self._true_residual(columns)
        self.relative[columns] = self._relative(R, columns)
        missed = self.relative[columns] > self.tol
        # A second miss that is no better than the first is the limit of rounding.
        retry = missed & (self.relative[columns] < 0.5 * self.last_miss[columns])
        self.last_miss[columns[missed]] = self.relative[columns[missed]]
        position = np.flatnonzero(claimed)[retry]
        self.R[:, position] = R[:, retry]
        self.rz[position] = np.inf
        keep = ~claimed
        keep[position] = True
        self._keep(keep)

    def settle_all(self):
        """Recompute the residuals of all active columns from the solution."""
        if self.active.size:
            R = self._true_residual(self.active)
            self.relative[self.active] = self._relative(R, self.active)
            self._keep(self.relative[self.active] > self.tol)

    def reason(self, stopped):
        """Why the solver ended."""
        if self.indefinite.any():
            return "indefinite"
        if (self.relative <= self.tol).all():
            return "converged"
        if stopped:
            return "stopped"
        return "max_iter" if self.active.size else "stalled"
