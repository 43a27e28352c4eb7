"""The largest eigenvalues of a matrix that is known by its products."""

import numpy as np

from skkernels.linalg import top_eigensystem
from skkernels.solvers._result import SolverResult
from skkernels.utils._parallel import single_threaded_blas

# The block has so many columns more than are wanted, and the space so many blocks.
_GUARD = 5
_BLOCKS = 6


def top_eigenpairs(
    matmat, n, rank, *, tol=1e-10, max_iter=1000, on_iteration=None, noise=0.0, xp=np
):
    """Largest eigenvalues of a symmetric matrix by the block Lanczos method.

    The Krylov space of a block is kept orthonormal, and cut down to the best
    approximations when it is full. The block has more columns than are wanted, so that
    eigenvalues of that multiplicity are found, which a single starting vector could
    miss. The start is the same in every call and has no symmetry.

    Parameters
    ----------
    matmat : callable
        ``matmat(V)`` returns ``A @ V`` for V of shape (n, k) in float64.

    n : int
        Order of the matrix.

    rank : int
        How many eigenvalues are wanted, at most n.

    tol : float, default=1e-10
        A pair has converged when the norm of its residual ``A v - lam v`` is at most
        ``tol`` times ``|lam|``, or at the level of rounding.

    max_iter : int, default=1000
        Largest number of iterations, of one product with a block each.

    on_iteration : callable or None, default=None
        ``on_iteration(iteration, pairs, residual, done)`` is called after each
        iteration; ``pairs()`` returns the current ``(eigenvalues, vectors)``. A true
        return value stops the solver.

    noise : float, default=0.0
        Residuals of this norm are rounding, too.

    xp : module, default=numpy
        The array module to work with.

    Returns
    -------
    result : SolverResult
        Its ``x`` is the pair of ``eigenvalues``, of shape (rank,) in descending order,
        and ``vectors``, of shape (n, rank), orthonormal.

    Notes
    -----
    Besides the products, an iteration takes about 50 n rank^2 operations. Memory: about
    ten arrays of shape (n, rank + 5).

    References
    ----------
    .. [1] G. H. Golub and R. Underwood, "The block Lanczos method for computing
       eigenvalues", Mathematical Software III, 1977.
    .. [2] K. Wu and H. Simon, "Thick-restart Lanczos method for large symmetric
       eigenvalue problems", SIAM J. Matrix Anal. Appl. 22, 2000.
    """
    block = rank + _GUARD
    if n <= _BLOCKS * block:
        return solve_densely(matmat, n, rank, xp)
    space = _Space(matmat, n, block, xp)
    relative = 10 * np.sqrt(n) * float(np.finfo(np.float64).eps)
    history, reason = [1.0], "max_iter"
    for iteration in range(1, max_iter + 1):
        space.extend()
        values = space.values
        floor = max(relative * float(xp.abs(values).max()), noise) / tol
        scale = xp.maximum(xp.abs(values[:rank]), floor)
        norms = space.residual_norms()[:rank]
        history.append(float((norms / xp.where(scale > 0, scale, 1.0)).max()))
        done = history[-1] <= tol
        if on_iteration is not None:
            last = done or iteration == max_iter
            stop = on_iteration(iteration, lambda: space.pairs(rank), history[-1], last)
            if stop and not last:
                reason = "stopped"
                break
        if done:
            reason = "converged"
            break
    history = np.array(history)[:, None]
    return SolverResult(space.pairs(rank), iteration, history, reason)


def solve_densely(matmat, n, rank, xp):
    """All of it from the matrix itself, as :func:`top_eigenpairs` returns it."""
    A = matmat(xp.eye(n))
    pairs = top_eigensystem(0.5 * (A + A.T), rank)
    return SolverResult(pairs, 0, np.zeros((1, 1)), "converged")


class _Space:
    """An orthonormal basis Q of a Krylov space, and ``T = Q' A Q``.

    The block that comes next, ``following``, is not in Q yet.
    """

    def __init__(self, matmat, n, block, xp):
        self.matmat, self.xp = matmat, xp
        self.Q = xp.empty((n, _BLOCKS * block))
        self.T = xp.zeros((_BLOCKS * block, _BLOCKS * block))
        self.size = 0
        start = np.random.RandomState(0).standard_normal((n, block))
        with single_threaded_blas():
            self.following = xp.linalg.qr(xp.asarray(start))[0]

    def extend(self):
        """Take in the next block, and find the one after it."""
        block, xp = self.following, self.xp
        if self.size + block.shape[1] > self.Q.shape[1]:
            self._restart()
        old, size = self.size, self.size + block.shape[1]
        self.Q[:, old:size] = block
        self.size = size
        product = self.matmat(block)
        Q = self.Q[:, :size]
        with single_threaded_blas():
            H = Q.T @ product
            self.T[:size, old:size] = H
            self.T[old:size, :size] = H.T
            product -= Q @ H
            following, self.coupling = xp.linalg.qr(product)
            following -= Q @ (Q.T @ following)
            self.following = _orthonormal(xp, following)
            T = self.T[:size, :size]
            self.values, self.Y = top_eigensystem(0.5 * (T + T.T), size)

    def residual_norms(self):
        """Norms of the residuals of all approximations."""
        last = self.Y[self.size - self.coupling.shape[1] : self.size]
        return self.xp.linalg.norm(self.coupling @ last, axis=0)

    def pairs(self, k):
        """The best k approximations."""
        with single_threaded_blas():
            return self.values[:k].copy(), self.Q[:, : self.size] @ self.Y[:, :k]

    def _restart(self):
        """Keep half of the space."""
        kept = self.Q.shape[1] // 2
        self.values, self.Q[:, :kept] = self.pairs(kept)
        self.T[...] = 0.0
        diagonal = self.xp.arange(kept)
        self.T[diagonal, diagonal] = self.values
        self.size = kept


def _orthonormal(xp, V):
    """Make columns orthonormal that nearly are, without those that vanish."""
    values, Y = top_eigensystem(V.T @ V, V.shape[1])
    kept = values > 1e-14
    return V @ (Y[:, kept] / xp.sqrt(values[kept]))
