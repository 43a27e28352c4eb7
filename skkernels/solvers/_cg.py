"""Conjugate gradients for many right-hand sides at once."""

import numpy as np

from skkernels.solvers._result import SolverResult
from skkernels.utils._array import get_namespace, to_numpy

# Recurrences on inexact products continue from the true residual each time their own
# has fallen by this factor (measured: 1e-3 lets ill-conditioned systems go astray).
_FALL = 1e-2
# They are given up unless the true residual falls within so many iterations.
_PATIENCE = 50
# A true residual that has not fallen by this factor is at the limit of rounding.
_PROGRESS = 0.5


def block_cg(
    matmat,
    B,
    *,
    shift=0.0,
    x0=None,
    max_iter=1000,
    tol=1e-6,
    precond=None,
    exact_matmat=None,
    on_iteration=None,
):
    """Solve ``(A + shift_j I) x_j = b_j`` for all columns j by conjugate gradients.

    The columns are independent recurrences that share the products with A, which
    is where the time goes. A column that claims convergence takes no further part in
    the products. When all do, the claims are verified by the true residuals,
    recomputed from the solution: the recurrence's own residual drifts away from them
    through rounding. Columns that fail start anew from where they are.

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

    exact_matmat : callable, default=None
        The same product as ``matmat``, where that is a cheap approximation, for example
        in float32. True residuals are computed with it; the recurrences use ``matmat``
        and go on from the true residual each time theirs has fallen by a factor of 100.
        Where the true residual does not fall, or where ``matmat`` overflows or is not
        positive definite, the remaining iterations use ``exact_matmat`` throughout. So
        the result meets ``tol`` as if all products had been exact.

    on_iteration : callable, default=None
        ``on_iteration(iteration, x, residual, done)`` is called after each iteration
        with its number, the current solution (not to be changed), the largest
        relative residual (the recurrences' own before the last iteration), and whether
        this is the last iteration. A true return value stops the solver.

    Returns
    -------
    result : SolverResult
        Solution and history.

    Notes
    -----
    An iteration costs one product of A with the columns still active and O(n k)
    besides; at the end there is one more product. Memory: about five arrays of the
    shape of B.

    References
    ----------
    .. [1] M. R. Hestenes and E. Stiefel, "Methods of conjugate gradients for solving
       linear systems", J. Res. Nat. Bur. Standards 49, 1952.
    .. [2] H. A. van der Vorst and Q. Ye, "Residual replacement strategies for Krylov
       subspace iterative methods for the convergence of true residuals", SIAM J. Sci.
       Comput. 22, 2000.
    """
    state = _State(matmat, B, shift, x0, tol, precond, exact_matmat)
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

    def __init__(self, matmat, B, shift, x0, tol, precond, exact_matmat):
        xp = self.xp = get_namespace(B)
        self.matmat, self.precond, self.tol = matmat, precond, tol
        self.exact_matmat = matmat if exact_matmat is None else exact_matmat
        self.B = xp.asarray(B, dtype=np.float64)
        n_columns = self.B.shape[1]
        self.shift = xp.broadcast_to(xp.asarray(shift, dtype=np.float64), (n_columns,))
        norms = to_numpy(xp.linalg.norm(self.B, axis=0))
        self.norms = np.where(norms > 0, norms, 1.0)
        self.relative = np.zeros(n_columns)
        self.indefinite = np.zeros(n_columns, dtype=bool)
        self.pending = np.zeros(n_columns, dtype=bool)
        self.active = np.arange(n_columns)
        if x0 is None:
            self.x = xp.zeros_like(self.B)
            self.R = self.B.copy()
        else:
            self.x = xp.array(x0, dtype=np.float64, copy=True)
            self.R = self._true_residual(self.active)
        self.relative = self._relative(self.R, self.active)
        # The true residual when it was last computed, and when a claim last failed.
        self.last_true = self.relative.copy()
        self.last_miss = np.full(n_columns, np.inf)
        self.since = 0
        self.P = self.rz = None
        self._keep(self.relative > tol)
        self.history = [self.relative.copy()]

    @property
    def mixed(self):
        """Whether the recurrences use products that are not exact."""
        return self.matmat is not self.exact_matmat

    def _true_residual(self, columns):
        x = self.xp.ascontiguousarray(self.x[:, columns])
        shifted = x * self.shift[columns]
        return self.B[:, columns] - self.exact_matmat(x) - shifted

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
            self.P *= rz / self.rz
            self.P += Z
        self.rz = rz
        AP, curvature = self._curvature()
        if self.mixed and not bool((curvature > 0).all()):
            self.matmat = self.exact_matmat
            AP, curvature = self._curvature()
        positive = curvature > 0
        step = xp.where(positive, rz / xp.where(positive, curvature, 1.0), 0.0)
        self.x[:, self.active] += step * self.P
        self.R -= step * AP
        self.relative[self.active] = self._relative(self.R, self.active)
        failed = ~to_numpy(positive)
        if failed.any():
            self.indefinite[self.active[failed]] = True
            self._keep(~failed)
        claimed = self.relative[self.active] <= self.tol
        self.pending[self.active[claimed]] = True
        self._keep(~claimed)
        if not self.active.size:
            self._verify()
        elif self.mixed:
            self.since += 1
            fallen = self.relative[self.active] <= _FALL * self.last_true[self.active]
            if self.since == _PATIENCE:
                fallen[:] = True
            if fallen.any():
                self._replace(fallen)

    def _curvature(self):
        """Products with the directions, and what they are along them.

        A product that has overflown has no positive curvature.
        """
        P = self.xp.ascontiguousarray(self.P)
        with np.errstate(over="ignore", invalid="ignore"):
            AP = self.matmat(P) + P * self.shift[self.active]
            curvature = (P * AP).sum(axis=0)
        finite = self.xp.isfinite(AP).all(axis=0)
        return AP, self.xp.where(finite, curvature, -1.0)

    def _replace(self, expected):
        """Put the true residuals in the place of the recurrences' own.

        If those that are expected to have fallen have not, exact products take over.
        """
        self.since = 0
        self.R = self._true_residual(self.active)
        self.relative[self.active] = self._relative(self.R, self.active)
        bound = _PROGRESS * self.last_true[self.active]
        if (self.relative[self.active] > bound)[expected].any():
            self.matmat = self.exact_matmat
            self.P = None
        self.last_true[self.active] = self.relative[self.active]
        self._keep(self.relative[self.active] > self.tol)

    def _verify(self):
        """Let columns that claim convergence start anew if they do not have it."""
        columns = np.flatnonzero(self.pending)
        self.pending[:] = False
        if not columns.size:
            return
        R = self._true_residual(columns)
        relative = self.relative[columns] = self._relative(R, columns)
        missed = relative > self.tol
        # A second miss that is no better than the first is the limit of rounding.
        retry = missed & (relative < _PROGRESS * self.last_miss[columns])
        self.last_miss[columns] = relative
        if self.mixed:
            retry &= relative < _PROGRESS * self.last_true[columns]
            if (missed & ~retry).any():
                self.matmat = self.exact_matmat
                self.last_miss[columns] = np.inf
                retry = missed
        self.last_true[columns] = relative
        self.active, self.R, self.P = columns[retry], R[:, retry], None

    def settle_all(self):
        """Recompute the residuals of all unfinished columns from the solution."""
        columns = np.union1d(self.active, np.flatnonzero(self.pending))
        if columns.size:
            R = self._true_residual(columns)
            self.relative[columns] = self._relative(R, columns)
            self.active = columns[self.relative[columns] > self.tol]

    def reason(self, stopped):
        """Why the solver ended."""
        if self.indefinite.any():
            return "indefinite"
        if (self.relative <= self.tol).all():
            return "converged"
        if stopped:
            return "stopped"
        return "max_iter" if self.active.size else "stalled"
