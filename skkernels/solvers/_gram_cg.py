"""Conjugate gradients in the inner product of a kernel matrix."""

import numpy as np

from skkernels.solvers._result import SolverResult
from skkernels.utils._array import get_namespace, to_numpy

# A verified residual that has not fallen by this factor is at the limit of rounding.
_PROGRESS = 0.5
_EPS = float(np.finfo(np.float64).eps)


def gram_cg(
    matmat,
    B,
    labeled,
    *,
    alpha,
    eta,
    margin,
    weights=None,
    max_iter=1000,
    tol=1e-6,
    on_iteration=None,
):
    """Solve ``(alpha_j (I - eta G) + C G) x_j = b_j`` for all columns j.

    C is diagonal, with the weights of the labelled rows there and zeros elsewhere. The
    matrix is not symmetric, but it is self-adjoint and positive definite in the inner
    product ``<u, v> = u' G v``. The columns share the products with G, one in each
    iteration.

    Columns stop by a bound of their error: with ``r' G r`` of the residual r, the error
    e has ``e' G (alpha (I - eta G) + C G) e <= r' G r / (alpha margin)``. The left side
    is the squared error of the values on the labelled rows, weighted, plus alpha times
    that of the function in the norm that the ridge penalty has.

    Parameters
    ----------
    matmat : callable
        ``matmat(V)`` returns ``G @ V`` for V of shape (N, k) in float64, with G
        symmetric positive semi-definite.

    B : array of shape (N, n_columns)
        Right-hand sides.

    labeled : array of int of shape (n,)
        Positions of the labelled rows.

    alpha : array of shape (n_columns,)
        Positive ridge strengths.

    eta : float
        Not negative; ``eta`` times the largest eigenvalue of G is below 1.

    margin : float
        By how much it is below 1.

    weights : array of shape (n, 1) or None, default=None
        Positive entries of C; None is 1.

    max_iter : int, default=1000
        Largest number of iterations.

    tol : float, default=1e-6
        A column has converged when the root of that bound is at most ``tol`` times the
        norm of its right-hand side, and ``r' G r`` has fallen by the square of ``tol``
        as well, which is the harder part for large alpha.

    on_iteration : callable or None, default=None
        As for :func:`block_cg`.

    Returns
    -------
    result : SolverResult
        Its residual norms are what is compared with ``tol``.

    products : array of shape (N, n_columns)
        ``G x``.

    Notes
    -----
    Where G is singular, ``x`` is determined up to its null space only, and ``G x`` is
    determined. At the end the residual is recomputed, which takes two products, and
    columns that have not converged by that start anew from where they are. Memory: some
    nine arrays of the shape of B.
    """
    state = _State(matmat, B, labeled, alpha, eta, margin, weights, tol)
    stopped, iteration = False, 0
    while state.active.size and iteration < max_iter and not stopped:
        iteration += 1
        state.advance()
        if not state.active.size or iteration == max_iter:
            state.verify()
        state.history.append(state.relative.copy())
        if on_iteration is not None:
            done = iteration == max_iter or not state.active.size
            residual = float(state.relative.max())
            stopped = bool(on_iteration(iteration, state.x, residual, done))
    if stopped and state.active.size:
        state.verify()
        state.history[-1] = state.relative.copy()
    history = np.asarray(state.history)
    result = SolverResult(state.x, iteration, history, state.reason(stopped))
    return result, state.Gx


class _State:
    """The recurrences: R, Z = G R, P, H = G P and rho hold the active columns only."""

    def __init__(self, matmat, B, labeled, alpha, eta, margin, weights, tol):
        xp = self.xp = get_namespace(B)
        self.matmat, self.labeled, self.eta = matmat, labeled, eta
        self.weights = 1.0 if weights is None else weights
        self.B, self.tol = B, tol
        n_columns = B.shape[1]
        self.alpha = xp.broadcast_to(xp.asarray(alpha, np.float64), (n_columns,))
        self.x, self.Gx = xp.zeros_like(B), xp.zeros_like(B)
        self.indefinite = np.zeros(n_columns, dtype=bool)
        self.last = np.full(n_columns, np.inf)  # relative residuals when verified
        self.active = np.arange(n_columns)
        self.R, self.Z = B.copy(), matmat(B)
        self.rho = (self.R * self.Z).sum(axis=0)
        norms = (B * B).sum(axis=0)
        scale = self.alpha * margin * xp.where(norms > 0, norms, 1.0)
        start = xp.where(self.rho > 0, self.rho, scale)
        self.scale = to_numpy(xp.minimum(scale, start))
        self.relative = np.zeros(n_columns)
        self._measure()
        self.P, self.H = self.R.copy(), self.Z.copy()
        self._keep(to_numpy(self.rho) > 0)
        self.history = [self.relative.copy()]

    def _measure(self):
        """Relative residuals of the active columns; notes those below zero."""
        rho = to_numpy(self.rho)
        scale = self.scale[self.active]
        size = self.xp.linalg.norm(self.R, axis=0) * self.xp.linalg.norm(self.Z, axis=0)
        noise = 100 * _EPS * to_numpy(size)
        self.indefinite[self.active[rho < -noise - self.tol**2 * scale]] = True
        self.relative[self.active] = np.sqrt(np.maximum(rho, 0.0) / scale)

    def _keep(self, mask):
        """Restrict the recurrences to the active columns selected by a mask."""
        if mask.all():
            return
        self.active = self.active[mask]
        self.R, self.Z, self.rho = self.R[:, mask], self.Z[:, mask], self.rho[mask]
        self.P, self.H = self.P[:, mask], self.H[:, mask]

    def _times(self, V, GV, columns):
        """The matrix of the system times V."""
        product = self.alpha[columns] * (V - self.eta * GV)
        product[self.labeled] += self.weights * GV[self.labeled]
        return product

    def advance(self):
        """One iteration of every active column."""
        xp = self.xp
        MP = self._times(self.P, self.H, self.active)
        curvature = (self.H * MP).sum(axis=0)
        positive = curvature > 0
        step = xp.where(positive, self.rho / xp.where(positive, curvature, 1.0), 0.0)
        self.x[:, self.active] += step * self.P
        self.Gx[:, self.active] += step * self.H
        self.R -= step * MP
        self.Z = self.matmat(self.R)
        rho = (self.R * self.Z).sum(axis=0)
        factor = rho / self.rho
        self.rho = rho
        self._measure()
        self.indefinite[self.active[~to_numpy(positive)]] = True
        self.P *= factor
        self.P += self.R
        self.H *= factor
        self.H += self.Z
        relative = self.relative[self.active]
        self._keep((relative > self.tol) & ~self.indefinite[self.active])

    def verify(self):
        """Recompute all residuals from the solution; go on where one is too large."""
        self.Gx = self.matmat(self.x)
        self.active = np.arange(self.B.shape[1])
        self.R = self.B - self._times(self.x, self.Gx, self.active)
        self.Z = self.matmat(self.R)
        self.rho = (self.R * self.Z).sum(axis=0)
        self._measure()
        self.P, self.H = self.R.copy(), self.Z.copy()
        again = (self.relative > self.tol) & ~self.indefinite
        again &= self.relative <= _PROGRESS * self.last
        self.last = self.relative.copy()
        self._keep(again)

    def reason(self, stopped):
        """Why the solver ended."""
        if self.indefinite.any():
            return "indefinite"
        if (self.relative <= self.tol).all():
            return "converged"
        if stopped:
            return "stopped"
        return "max_iter" if self.active.size else "stalled"
