"""Solving the dual problem of kernel ridge regression."""

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skkernels.linalg import rpcholesky, solve_psd
from skkernels.operators import check_memory, memory_budget
from skkernels.solvers import LowRankPreconditioner, block_cg
from skkernels.utils._array import get_namespace
from skkernels.utils._warnings import warn_user

_MAX_DIRECT = 20_000
_MIN_PRECONDITIONED = 1_000
_MAX_RANK = 1_000


def check_alpha(alpha, n_targets):
    """The ridge strength of each target as a float64 array."""
    values = np.atleast_1d(np.asarray(alpha, dtype=np.float64))
    if values.ndim != 1 or values.size not in (1, n_targets):
        raise ValueError(
            f"alpha must be a number or one number per target ({n_targets}), got an "
            f"array of shape {np.shape(alpha)}."
        )
    if not np.isfinite(values).all() or (values < 0).any():
        raise ValueError(f"alpha must be non-negative and finite, got {alpha!r}.")
    return np.broadcast_to(values, (n_targets,))


def choose_solver(solver, n):
    """Resolve ``solver="auto"`` and refuse a kernel matrix that does not fit.

    The direct solver needs the n x n matrix in float64 once.
    """
    n_bytes = 8 * n * n
    if solver == "auto":
        fits = n <= _MAX_DIRECT and n_bytes <= memory_budget()
        return "cholesky" if fits else "cg"
    if solver == "cholesky":
        check_memory(
            n_bytes,
            what=f"the {n} x {n} kernel matrix",
            remedy="use solver='cg', or NystroemKernelRidge with n_centers=...",
        )
    return solver


class DualProblem:
    """The system ``(S K S + alpha_j I) z_j = S y_j``, with S = diag(sqrt(weights)).

    The coefficients of the kernel functions are ``S z_j``. Without weights S = I.

    Parameters
    ----------
    op : KernelOperator or PrecomputedOperator of shape (n, n) in float64
        The kernel matrix K.

    Y : array of shape (n, n_targets) in float64
        Targets.

    alpha : array of shape (n_targets,)
        Ridge strengths.

    weights : array of shape (n,) or None
        Positive sample weights.
    """

    def __init__(self, op, Y, alpha, weights):
        self.op = op
        self.alpha = alpha
        self.weights = weights
        xp = get_namespace(Y)
        self.root = None if weights is None else xp.sqrt(weights)[:, None]
        self.targets = self.scale(Y)

    def scale(self, V):
        """``S V``: multiply the rows by the square roots of the weights."""
        return V if self.root is None else self.root * V

    def solve_cholesky(self):
        """Coefficients by Cholesky factorisation of the dense matrix."""
        K = self.op.block()
        if self.root is not None:
            K *= self.root
            K *= self.root.T
        z = solve_psd(K, self.targets, shift=self.alpha, overwrite=True)
        return self.scale(z)

    def solve_cg(self, *, max_iter, tol, random_state, on_iteration):
        """Solver result of preconditioned conjugate gradients, for ``z``."""
        return block_cg(
            lambda V: self.scale(self.op.matmat(self.scale(V))),
            self.targets,
            shift=self.alpha,
            max_iter=max_iter,
            tol=tol,
            precond=self._preconditioner(random_state),
            on_iteration=on_iteration,
        )

    def _preconditioner(self, random_state):
        """Preconditioner from a low-rank factor within a quarter of the budget."""
        n = self.op.shape[0]
        rank = min(n // 10, _MAX_RANK, memory_budget() // (4 * 8 * n))
        if n < _MIN_PRECONDITIONED or rank == 0:
            return None
        factor = rpcholesky(
            self.op, rank, weights=self.weights, random_state=random_state
        ).factor
        if factor.shape[1] == 0:  # the kernel matrix is zero
            return None
        return LowRankPreconditioner(self.scale(factor), self.alpha)


def warn_unless_converged(result, tol, name):
    """ConvergenceWarning that says what was reached and what to do."""
    if result.reason in ("converged", "stopped"):
        return
    why, advice = {
        "max_iter": ("max_iter was reached", "Increase max_iter, alpha or tol"),
        "stalled": ("rounding errors prevent more", "Increase alpha or tol"),
        "indefinite": (
            "the kernel matrix is not positive semi-definite",
            "Use another kernel or solver='cholesky'",
        ),
    }[result.reason]
    warn_user(
        f"{name}: conjugate gradients ended after {result.n_iter} iterations with a "
        f"relative residual of {result.residual_norms[-1].max():.1e}, above "
        f"tol={tol:.1e}: {why}. {advice}, or use the Nystroem estimator "
        "(NystroemKernelRidge), whose solver is direct.",
        ConvergenceWarning,
    )
