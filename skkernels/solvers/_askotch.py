"""Accelerated sketch-and-project for kernel systems."""

import numpy as np
from sklearn.utils import check_random_state

from skkernels.operators import (
    KernelOperator,
    PrecomputedOperator,
    memory_budget,
)
from skkernels.solvers._result import SolverResult
from skkernels.utils._array import get_namespace, to_numpy
from skkernels.utils._parallel import single_threaded_blas

_RANK = 100
_MIN_BLOCK = 200
_POWER_ITERATIONS = 10
# Power iterations come up to the largest eigenvalue from below.
_SAFETY = 1.1
# The least strong convexity that the momentum counts on.
_MIN_CONVEXITY = 1e-8
# The residual of an accelerated method is not monotone; this is more than it does.
_DIVERGED = 10.0
# Each return to the best state halves the steps. Steps 32 times too long are not what
# power iterations give: a matrix that still diverges is not positive definite.
_MAX_RETURNS = 5


def askotch(
    op,
    B,
    *,
    shift,
    root=None,
    block_size=None,
    rank=_RANK,
    max_iter=1000,
    tol=1e-6,
    random_state=None,
    on_iteration=None,
):
    """Solve ``(S K S + shift_j I) x_j = b_j`` by accelerated sketch-and-project.

    Each step takes a random block of rows and moves the solution in these coordinates
    only, along the residual there preconditioned by a randomised Nystroem
    approximation of the block of K; a momentum is added. An iteration is one pass over
    the rows in random order: n^2 kernel entries, as many as one product with K.

    Parameters
    ----------
    op : KernelOperator or PrecomputedOperator of shape (n, n)
        The positive semi-definite matrix K. Kernel values are in its precision.

    B : array of shape (n, n_columns) in float64
        Right-hand sides.

    shift : array of shape (n_columns,)
        Multiple of the identity for each column. Columns with equal shifts share the
        step sizes.

    root : array of shape (n, 1) or None, default=None
        Diagonal of S; None is the identity.

    block_size : int, default=None
        Rows of a block. None is n / 100, but at least 200 and at most what keeps the
        matrices of a block within a quarter of the memory budget.

    rank : int, default=100
        Rank of the approximation of a block.

    max_iter : int, default=1000
        Largest number of passes.

    tol : float, default=1e-6
        A column has converged when the norm of its residual is at most ``tol`` times
        the norm of its right-hand side.

    random_state : int, RandomState instance or None, default=None
        Source of the blocks and of the sketches.

    on_iteration : callable, default=None
        As for :func:`block_cg`.

    Returns
    -------
    result : SolverResult
        Solution and history. The residuals in the history are gathered block by block
        in the course of a pass, for the momentum's sequence, and so are somewhat above
        those of the solution at its end; the last row is recomputed from the solution.

    Notes
    -----
    A pass takes O(n^2 (d + n_columns)) operations for kernel products and O(n b rank)
    for the blocks of b rows; at the end comes one product with K. Memory: five arrays
    of the shape of B and O(b^2), nothing of size n beyond that, where conjugate
    gradients need a preconditioner of n times its rank.

    If the residual grows tenfold, the solver returns to the best state it had and
    halves its steps.

    References
    ----------
    .. [1] P. Rathore, Z. Frangella, J. Yang, M. Derezinski and M. Udell, "Have ASkotch:
       a neat solution for large-scale kernel ridge regression", 2024.
       arXiv:2407.10070
    """
    n = op.shape[0]
    if block_size is None:
        largest = int((memory_budget() / (4 * 24)) ** 0.5)
        block_size = min(max(n // 100, _MIN_BLOCK), max(largest, 1))
    state = _State(op, B, shift, root, min(block_size, n), rank, random_state)
    return state.run(max_iter, tol, on_iteration)


class _State:
    """The sequences x (the solution), v and y (its momentum), and the best x so far."""

    def __init__(self, op, B, shift, root, block_size, rank, random_state):
        xp = self.xp = get_namespace(B)
        self.op, self.B, self.root = op, B, root
        self.rng = check_random_state(random_state)
        self.n_blocks = -(-len(B) // block_size)
        self.rank = rank
        shift = np.broadcast_to(to_numpy(shift), (B.shape[1],)).astype(np.float64)
        self.shift = xp.asarray(shift)
        values, self.group = np.unique(shift, return_inverse=True)
        self.values = xp.asarray(values)
        self.noise = _diagonal_terms(op)
        diagonal = xp.asarray(op.diag(), dtype=np.float64)
        if root is not None:
            diagonal = diagonal * root[:, 0] ** 2
        self._set_momentum(float(diagonal.mean()), shift)
        norms = to_numpy(xp.linalg.norm(B, axis=0))
        self.norms = np.where(norms > 0, norms, 1.0)
        self.relative = (norms > 0).astype(np.float64)
        self.damping = 1.0
        self.n_returns = 0
        self.best, self.best_x = self.relative.max(), xp.zeros_like(B)
        self._start()

    def _set_momentum(self, mean_diagonal, shift):
        """Coefficients of the momentum, for a kernel scaled to a unit diagonal."""
        nu = float(self.n_blocks)
        mu = shift / (mean_diagonal if mean_diagonal > 0 else 1.0)
        mu = np.clip(mu, _MIN_CONVEXITY, 1.0 / nu)
        gamma = 1.0 / np.sqrt(mu * nu)
        self.decay = self.xp.asarray(1.0 - np.sqrt(mu / nu))
        self.gain = self.xp.asarray(gamma)
        self.mixing = self.xp.asarray(1.0 / (1.0 + gamma * nu))

    def _start(self):
        """Begin at the best state, without momentum."""
        self.x = self.best_x.copy()
        self.v = self.x.copy()
        self.y = self.x.copy()

    def run(self, max_iter, tol, on_iteration):
        """Passes until all columns have converged."""
        history = [self.relative.copy()]
        reason = None if (self.relative > tol).any() else "converged"
        n_iter = 0
        while reason is None:
            n_iter += 1
            reason = self._advance(tol)
            if reason is None and n_iter == max_iter:
                reason = "max_iter"
                self._settle()
            history.append(self.relative.copy())
            if on_iteration is not None:
                residual = float(self.relative.max())
                stop = on_iteration(n_iter, self.x, residual, reason is not None)
                if stop and reason is None:
                    reason = "stopped"
                    self._settle()
                    history[-1] = self.relative.copy()
        return SolverResult(self.x, n_iter, np.array(history), reason)

    def _advance(self, tol):
        """One pass; the reason why it is the last one, if it is."""
        with np.errstate(over="ignore", invalid="ignore"):
            self.relative = self._sweep()
        worst = self.relative.max()
        if not worst <= _DIVERGED * self.best:
            self.n_returns += 1
            self.damping *= 2.0
            self._start()
            if self.n_returns > _MAX_RETURNS:
                self._settle()
                # It was chosen by residuals met on the way: the start may be better.
                start = (to_numpy(abs(self.B).max(axis=0)) > 0).astype(np.float64)
                if not self.relative.max() <= start.max():
                    self.x, self.relative = self.xp.zeros_like(self.B), start
                return "indefinite"
        elif worst <= self.best:
            self.best, self.best_x = worst, self.x.copy()
        if worst <= tol:
            self.relative = self._true_residual()
            if self.relative.max() <= tol:
                return "converged"
        return None

    def _settle(self):
        """Take the best solution and recompute its residual."""
        self.x = self.best_x
        self.relative = self._true_residual()

    def _sweep(self):
        """Steps on all blocks in random order; the residuals met on the way."""
        xp = self.xp
        squares = xp.zeros(self.B.shape[1])
        order = self.rng.permutation(len(self.B))
        for rows in np.array_split(order, self.n_blocks):
            rows = xp.asarray(np.sort(rows))
            residual = self._residual(rows)
            squares += (residual**2).sum(axis=0)
            with single_threaded_blas():
                step = self._step(rows, residual)
            self.x = self.y.copy()
            self.x[rows] -= step
            self.v *= self.decay
            self.v += (1.0 - self.decay) * self.y
            self.v[rows] -= self.gain * step
            self.y = self.mixing * self.v + (1.0 - self.mixing) * self.x
        return to_numpy(xp.sqrt(squares)) / self.norms

    def _residual(self, rows):
        """Rows of ``(S K S + shift) y - b``."""
        y = self.y if self.root is None else self.root * self.y
        if isinstance(self.op, PrecomputedOperator):
            product = self.op.take_rows(rows).matmat(y)
        else:
            op = KernelOperator(self.op.kernel, self.op.X[rows], self.op.X)
            product = op.matmat(y)
        product = self.xp.asarray(product, dtype=np.float64)
        if self.noise is not None:
            product += self.noise[rows, None] * y[rows]
        if self.root is not None:
            product *= self.root[rows]
        return product + self.shift * self.y[rows] - self.B[rows]

    def _step(self, rows, residual):
        """The preconditioned residual, as long as the block's curvature allows."""
        xp = self.xp
        A = xp.asarray(self.op.block(rows, rows), dtype=np.float64)
        if self.root is not None:
            A *= self.root[rows]
            A *= self.root[rows].T
        F, eigenvalues, rest = self._nystroem(A)
        rho = self.values + rest
        rho = xp.maximum(rho, np.finfo(np.float64).eps * float(xp.trace(A)))
        rho = xp.where(rho > 0, rho, 1.0)
        inner = 1.0 / (eigenvalues[:, None] + rho)

        def solve(V, group):
            return (V - F @ (inner[:, group] * (F.T @ V))) / rho[group]

        every = slice(None)
        V = xp.asarray(self.rng.standard_normal((len(rows), len(self.values))))
        for _ in range(_POWER_ITERATIONS):
            V /= xp.linalg.norm(V, axis=0)
            V = solve(A @ V + self.values * V, every)
        top = self.damping * _SAFETY * xp.linalg.norm(V, axis=0)
        top = xp.where(top > 0, top, 1.0)
        return solve(residual, self.group) / top[self.group]

    def _nystroem(self, A):
        """Low-rank approximation ``F F'`` of A.

        Returns F with orthogonal columns, the diagonal of ``F' F``, and about how large
        the eigenvalues of the difference are.
        """
        xp = self.xp
        b = len(A)
        Q = self.rng.standard_normal((b, min(self.rank, b)))
        Q = xp.linalg.qr(xp.asarray(Q))[0]
        Y = A @ Q
        core, basis = xp.linalg.eigh(Q.T @ Y)
        # What rounding left of directions that A does not have would do harm.
        kept = core > b * np.finfo(self.op.dtype).eps * core[-1]
        if not bool(kept.any()):
            return xp.zeros((b, 1)), xp.zeros(1), 0.0
        F = (Y @ basis[:, kept]) / xp.sqrt(core[kept])
        eigenvalues, rotation = xp.linalg.eigh(F.T @ F)
        # What is left out is as large as what came in last, where there is a rest.
        rest = eigenvalues[0] if bool(kept.all()) else 0.0
        return F @ rotation, eigenvalues, rest

    def _true_residual(self):
        x = self.x if self.root is None else self.root * self.x
        product = self.op.matmat(x)
        if self.root is not None:
            product = self.root * product
        R = self.B - product - self.shift * self.x
        return to_numpy(self.xp.linalg.norm(R, axis=0)) / self.norms


def _diagonal_terms(op):
    """What the kernel adds on the diagonal only, where a row meets itself, or None."""
    if isinstance(op, PrecomputedOperator):
        return None
    terms = [(w, term) for w, term in op.kernel._terms() if term._diagonal_only]
    return sum(w * term.diag(op.X) for w, term in terms) if terms else None
