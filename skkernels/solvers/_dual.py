"""The dual problem of kernel ridge regression."""

from skkernels.linalg import rpcholesky, solve_psd
from skkernels.operators import memory_budget
from skkernels.solvers._cg import block_cg
from skkernels.solvers._preconditioner import LowRankPreconditioner
from skkernels.utils._array import get_namespace

_MIN_PRECONDITIONED = 1_000
_MAX_RANK = 1_000


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
