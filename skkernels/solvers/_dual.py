"""The dual problem of kernel ridge regression."""

import numpy as np

from skkernels.linalg import rpcholesky, solve_psd
from skkernels.operators import KernelOperator, PrecomputedOperator, memory_budget
from skkernels.solvers._askotch import askotch
from skkernels.solvers._cg import block_cg
from skkernels.solvers._preconditioner import LowRankPreconditioner
from skkernels.utils._array import get_namespace

_MIN_PRECONDITIONED = 1_000
_MAX_RANK = 1_000
_RANK_TOL = 1e-13
# From this many rows on a product takes long enough for precision to matter.
_MIN_MIXED = 2_000


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

    def solve_pcg(
        self, *, x0=None, max_iter, tol, random_state=None, on_iteration=None
    ):
        """Preconditioned conjugate gradients for ``z``.

        Parameters
        ----------
        x0 : array of shape (n, n_targets) or None, default=None
            Coefficients of the kernel functions to start from; None is zero.

        max_iter : int
            Largest number of iterations.

        tol : float
            A target has converged when the norm of its residual is at most ``tol``
            times the norm of ``S y_j``.

        random_state : int, RandomState instance or None, default=None
            Source of the preconditioner's pivots.

        on_iteration : callable or None, default=None
            As for :func:`skkernels.solvers.block_cg`; it is given ``z``.

        Returns
        -------
        result : SolverResult
            Its ``x`` is ``z``; :meth:`scale` makes coefficients of it.
        """
        if x0 is not None and self.root is not None:
            x0 = x0 / self.root
        exact, single = self._product(self.op), None
        op = _in_single_precision(self.op)
        if op is not None:
            single = self._product(op)
        return block_cg(
            exact if single is None else single,
            self.targets,
            shift=self.alpha,
            x0=x0,
            max_iter=max_iter,
            tol=tol,
            precond=self._preconditioner(random_state),
            exact_matmat=exact,
            on_iteration=on_iteration,
        )

    def solve_askotch(self, *, max_iter, tol, random_state=None, on_iteration=None):
        """Accelerated sketch-and-project for ``z``, see :func:`askotch`.

        Parameters
        ----------
        max_iter : int
            Largest number of passes over the rows.

        tol, random_state, on_iteration
            As for :meth:`solve_pcg`.

        Returns
        -------
        result : SolverResult
            Its ``x`` is ``z``; :meth:`scale` makes coefficients of it.
        """
        return askotch(
            self.op,
            self.targets,
            shift=self.alpha,
            root=self.root,
            max_iter=max_iter,
            tol=tol,
            random_state=random_state,
            on_iteration=on_iteration,
        )

    def _product(self, op):
        """Function ``V -> S K S V`` in float64, with K as the operator gives it."""

        def matmat(V):
            with np.errstate(over="ignore"):  # of a cast to float32, noticed later
                product = op.matmat(self.scale(V))
            return self.scale(product.astype(np.float64, copy=False))

        return matmat

    def _preconditioner(self, random_state):
        """Preconditioner from a low-rank factor within a quarter of the budget."""
        n = self.op.shape[0]
        rank = min(n // 10, _MAX_RANK, memory_budget() // (4 * 8 * n))
        if n < _MIN_PRECONDITIONED or rank == 0:
            return None
        xp = get_namespace(self.targets)
        diagonal = xp.asarray(self.op.diag(), dtype=np.float64)
        weights = 1.0 if self.weights is None else self.weights
        trace = float((weights * diagonal).sum())
        smallest = float(xp.min(xp.asarray(self.alpha)))
        # A rest whose trace is below alpha leaves a condition number of at most 2.
        factor = rpcholesky(
            self.op,
            rank,
            weights=self.weights,
            tol=max(_RANK_TOL, smallest / trace) if trace > 0 else _RANK_TOL,
            random_state=random_state,
        ).factor
        if factor.shape[1] == 0:  # the kernel matrix is zero
            return None
        return LowRankPreconditioner(self.scale(factor), self.alpha)


def _in_single_precision(op):
    """The operator of the same kernel matrix in float32; None where it does not pay."""
    if isinstance(op, PrecomputedOperator) or op.dtype == np.float32:
        return None
    n, d = op.shape[0], op.X.shape[1]
    fused = all(
        term._diagonal_only or term._reduction(d) is not None
        for _, term in op.kernel._terms()
    )
    if n < _MIN_MIXED or not fused:
        return None
    with np.errstate(over="ignore"):
        X = op.X.astype(np.float32)
    values = X.data if hasattr(X, "tocsr") else X
    if not bool(get_namespace(values).isfinite(values).all()):
        return None
    return KernelOperator(op.kernel, X)
