"""Spectral filters without the kernel matrix, by products with it.

The notation is that of :mod:`skkernels.solvers._filters`: with S = diag(sqrt(w)) and W
= sum(w), the coefficients are ``S phi(S K S / W) S Y / W``.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg

from skkernels.operators import check_memory
from skkernels.solvers._dual import DualProblem
from skkernels.solvers._filters import step_coefficients
from skkernels.solvers._result import SolverResult
from skkernels.utils._array import get_namespace, to_numpy

_EPS = float(np.finfo(np.float64).eps)
# The top eigenvalue is off by less than the square of this, relative to the gap.
_RITZ_TOL = 1e-8
_MAX_RITZ = 300
# Krylov iterations between tests of convergence, which take an eigendecomposition.
_TEST_EVERY = 5
# A residual of so many times the norm of the targets is taken for divergence; with a
# momentum m, that of an iteration that converges can reach (1 + m) / (1 - m).
_GROWTH = 10.0


@dataclass(frozen=True)
class FilterResult:
    """Outcome of a spectral filter by iterations.

    Attributes
    ----------
    coef : array of shape (n, n_targets)
        Coefficients of the kernel functions.

    fitted : array of shape (n, n_targets)
        Values of the functions on the samples.

    result : SolverResult
        History and reason of the end, those of the last system where there are several.

    n_iter : int
        All iterations.
    """

    coef: Any
    fitted: Any
    result: SolverResult
    n_iter: int


def top_eigenvalue(op, weights=None):
    """Largest eigenvalue of ``S K S / W``.

    Parameters
    ----------
    op : operator of shape (n, n) in float64
        The kernel matrix K.

    weights : array of shape (n,) or None, default=None
        Sample weights.

    Returns
    -------
    eigenvalue : float
        Not below zero; exact to some 1e-10 unless the spectrum is nearly flat.

    Notes
    -----
    Time: a product with one column for each Lanczos step, of which there are some tens.
    """
    n = op.shape[0]
    xp = get_namespace(op.diag())
    start = xp.cos(xp.arange(n, dtype=np.float64))[:, None]
    krylov = _Krylov(op, start, weights)
    while krylov.size < min(n, _MAX_RITZ) and krylov.advance():
        values, vectors = krylov.ritz(0)
        if krylov.last[0] * abs(vectors[-1, -1]) <= _RITZ_TOL * values[-1]:
            break
    return max(float(krylov.ritz(0)[0][-1]), 0.0)


def iterate(
    op, Y, weights, name, *, step, second, n_iter, monitor=None, on_iteration=None
):
    """So many steps of Landweber's iteration, the heavy ball or the nu-method.

    Parameters
    ----------
    op : operator of shape (n, n) in float64
        The kernel matrix K.

    Y : array of shape (n, n_targets) in float64
        Targets.

    weights : array of shape (n,) or None
        Sample weights; rows of weight zero are not fitted, but their values are.

    name : {"landweber", "heavy_ball", "nu_method"}
        Which iteration.

    step : float
        On the eigenvalues of ``S K S / W``; for "nu_method" one over the largest.

    second : float
        ``momentum`` or ``nu``.

    n_iter : int
        Number of steps.

    monitor : callable or None, default=None
        ``monitor(coef, values)`` is called after each step with the coefficients and
        the values of the functions on the rows; a true return value ends the iteration.

    on_iteration : callable or None, default=None
        As for :func:`skkernels.solvers.block_cg`.

    Returns
    -------
    result : FilterResult
        Its ``result.reason`` is "converged" after n_iter steps, "stopped", or
        "indefinite" where the residual grew; the coefficients are then those of the
        smallest residual.

    Notes
    -----
    A step costs one product. Memory: some eight arrays of the shape of Y.
    """
    xp = get_namespace(Y)
    share = xp.full((len(Y), 1), 1.0 / len(Y))
    if weights is not None:
        share = (weights / weights.sum())[:, None]
    norms = xp.sqrt((share * Y**2).sum(axis=0))
    norms = xp.where(norms > 0, norms, 1.0)
    coef, change, values = xp.zeros_like(Y), xp.zeros_like(Y), xp.zeros_like(Y)
    residual, history, reason = Y, [np.ones(Y.shape[1])], "converged"
    best = (1.0, coef, values)
    steps = step_coefficients(name, step, second)
    bound = _GROWTH
    if name == "heavy_ball":
        bound *= (1.0 + second) / (1.0 - second)
    for k in range(1, n_iter + 1):
        momentum, size = next(steps)
        change = momentum * change + size * (share * residual)
        coef = coef + change
        values = op.matmat(coef)
        residual = Y - values
        relative = to_numpy(xp.sqrt((share * residual**2).sum(axis=0)) / norms)
        history.append(relative)
        worst = float(relative.max())
        stop = monitor is not None and monitor(coef, values)
        if not worst <= bound:
            _, coef, values = best
            reason = "indefinite"
            break
        if worst < best[0]:
            best = (worst, coef, values)
        if on_iteration is not None:
            stop = on_iteration(k, coef, worst, k == n_iter or stop) or stop
        if stop:
            reason = "stopped"
            break
    result = SolverResult(coef, k, np.asarray(history), reason)
    return FilterResult(coef, values, result, k)


def iterate_ridge(
    op, Y, weights, alpha, *, order=1, mixing=(), on_iteration=None, **options
):
    """Iterated ridge regression and self-distillation by conjugate gradients.

    Parameters
    ----------
    op : operator of shape (n, n) in float64
        The kernel matrix K.

    Y : array of shape (n, n_targets) in float64
        Targets.

    weights : array of shape (n,) or None
        Positive sample weights.

    alpha : float
        Ridge strength, not divided by W.

    order : int, default=1
        Number of rounds, each of which fits what the ones before have left.

    mixing : sequence of float, default=()
        Share of the targets in those of further rounds; the rest of these are the
        fitted values of the round before. Not together with ``order > 1``.

    on_iteration : callable or None, default=None
        As for :func:`skkernels.solvers.block_cg`; it is given coefficients, and numbers
        that go on from round to round.

    **options
        ``max_iter``, ``tol`` and ``random_state`` of each round, as for
        :meth:`DualProblem.solve_pcg`.

    Returns
    -------
    result : FilterResult
        The ``reason`` is that of the first round that has not converged.

    Notes
    -----
    Fitted values follow from the systems themselves: ``K c = Y - alpha c / w``.
    """
    xp = get_namespace(Y)
    inverse = 1.0 if weights is None else 1.0 / weights[:, None]
    shift = np.full(Y.shape[1], float(alpha))
    rounds = order + len(mixing)
    targets, coef, n_iter, outcome = Y, xp.zeros_like(Y), 0, None
    for number in range(rounds):
        if 0 < number < order:
            targets = Y + alpha * inverse * coef
        elif number:
            share = mixing[number - order]
            targets = share * Y + (1.0 - share) * (targets - alpha * inverse * coef)
        problem = DualProblem(op, targets, shift, weights)
        hook = _later(on_iteration, n_iter, number == rounds - 1, problem)
        result = problem.solve_pcg(on_iteration=hook, **options)
        coef, n_iter = problem.scale(result.x), n_iter + result.n_iter
        if outcome is None or outcome.converged:
            outcome = result
        if result.reason == "stopped":
            break
    return FilterResult(coef, targets - alpha * inverse * coef, outcome, n_iter)


def _later(on_iteration, before, last, problem):
    """The hook of one of several rounds."""
    if on_iteration is None:
        return None

    def hook(iteration, z, residual, done):
        return on_iteration(
            before + iteration, problem.scale(z), residual, done and last
        )

    return hook


def krylov_filter(op, Y, weights, filter, *, max_iter, tol, on_iteration=None):
    """Any filter by Lanczos' method.

    The filter is applied to the projection of ``S K S / W`` onto the Krylov space of
    each target, whose basis is kept orthonormal to working precision.

    Parameters
    ----------
    op : operator of shape (n, n) in float64
        The kernel matrix K.

    Y : array of shape (n, n_targets) in float64
        Targets.

    weights : array of shape (n,) or None
        Sample weights.

    filter : SpectralFilter
        With one value.

    max_iter : int
        Largest dimension of the Krylov spaces.

    tol : float
        The dimension suffices for a target when both the change of the fitted values
        and the residual are at most ``tol`` times the norm of the target in each of the
        last two tests, one every five dimensions. The residual is what a further
        dimension would add to ``S K S c / W``, as for linear systems and differential
        equations [1]_.

    on_iteration : callable or None, default=None
        As for :func:`skkernels.solvers.block_cg`; the residual is the larger of the two
        numbers that are compared with ``tol``.

    Returns
    -------
    result : FilterResult
        The outcome.

    Notes
    -----
    Time: one product for each dimension k, and O(n k n_targets) for its
    orthogonality. Memory: the basis, ``8 n k n_targets`` bytes and half of that again
    while it grows; a ValueError if that exceeds the memory budget.

    References
    ----------
    .. [1] Y. Saad, "Analysis of some Krylov subspace approximations to the matrix
       exponential operator", SIAM Journal on Numerical Analysis 29, 1992.
    """
    krylov = _Krylov(op, Y, weights)
    n_targets = Y.shape[1]
    before = [np.zeros(0)] * n_targets
    history, calm = [np.ones(n_targets)], 0
    whole = not krylov.alive.any()  # the Krylov spaces cannot grow any more
    done = whole
    stopped = False
    while not done and not stopped:
        whole = not krylov.advance() or krylov.size == op.shape[0]
        exhausted = whole or krylov.size == max_iter
        change = history[-1]
        if exhausted or krylov.size % _TEST_EVERY == 0:
            small = [krylov.small(filter, j) for j in range(n_targets)]
            now = [fitted for _, fitted in small]
            change = [_distance(a, b) for a, b in zip(before, now)]
            left = [
                krylov.outside(multiplier, j) for j, (multiplier, _) in enumerate(small)
            ]
            change, before = np.maximum(change, left), now
            calm = calm + 1 if change.max() <= tol else 0
        history.append(change)
        done = calm >= 2 or exhausted
        if on_iteration is not None:
            coef = krylov.coefficients(filter)
            stopped = on_iteration(krylov.size, coef, float(change.max()), done)
    reason = "converged" if calm >= 2 or whole else "max_iter"
    coef = krylov.coefficients(filter)
    result = SolverResult(
        coef, krylov.size, np.asarray(history), "stopped" if stopped else reason
    )
    return FilterResult(coef, op.matmat(coef), result, krylov.size)


def _distance(shorter, longer):
    difference = longer.copy()
    difference[: len(shorter)] -= shorter
    return float(np.linalg.norm(difference))


class _Krylov:
    """Orthonormal bases of the Krylov spaces of ``S K S / W``, one for each column.

    Attributes
    ----------
    size : int
        Dimension, of the columns whose spaces still grow.

    alive : ndarray of bool
        Which these are.

    last : ndarray of shape (n_columns,)
        Norms of what the last product had outside of the space.
    """

    def __init__(self, op, start, weights):
        xp = self.xp = get_namespace(start)
        n, columns = start.shape
        self.op = op
        self.root, self.total = None, float(n)
        if weights is not None:
            self.root, self.total = xp.sqrt(weights)[:, None], float(weights.sum())
            start = self.root * start
        self.norms = to_numpy(xp.linalg.norm(start, axis=0))
        self.alive = self.norms > 0
        self.size = 0
        self.basis = xp.empty((columns, 0, n))
        self.diagonal, self.off = [], []
        self.sizes = np.zeros(columns, dtype=int)
        self.last = self.norms
        self._next = self._normalised(start, self.norms)

    def _normalised(self, vectors, norms):
        scale = np.where(self.alive, 1.0 / np.where(norms > 0, norms, 1.0), 0.0)
        return vectors * self.xp.asarray(scale)

    def _store(self, vectors):
        """Append a vector to each basis."""
        columns, capacity, n = self.basis.shape
        if self.size == capacity:
            grown = max(16, capacity + capacity // 2)
            check_memory(
                8 * columns * (capacity + grown) * n,
                what=f"the Krylov basis of {grown} vectors for {columns} target(s)",
                remedy="use solver='nystroem' or a stronger regularisation",
            )
            basis = self.xp.empty((columns, grown, n))
            basis[:, :capacity] = self.basis
            self.basis = basis
        self.basis[:, self.size] = vectors.T
        self.size += 1
        self.sizes[self.alive] = self.size

    def advance(self):
        """One product; returns whether any space can grow further."""
        xp = self.xp
        self._store(self._next)
        v = self._next if self.root is None else self.root * self._next
        w = self.op.matmat(v)
        w = (w if self.root is None else self.root * w) / self.total
        scale = to_numpy(xp.linalg.norm(w, axis=0))
        self.diagonal.append(to_numpy((self._next * w).sum(axis=0)))
        basis = self.basis[:, : self.size]
        w = w.T[:, :, None]
        for _ in range(2):
            w = w - xp.matmul(basis.transpose(0, 2, 1), xp.matmul(basis, w))
        w = w[:, :, 0].T
        self.last = to_numpy(xp.linalg.norm(w, axis=0))
        # Less is rounding: the space is invariant.
        self.alive &= self.last > 10 * np.sqrt(len(w)) * _EPS * scale
        self.off.append(self.last)
        self._next = self._normalised(w, self.last)
        return bool(self.alive.any())

    def ritz(self, j):
        """Eigenvalues, ascending, and eigenvectors of the projection of column j."""
        size = self.sizes[j]
        diagonal = np.array([d[j] for d in self.diagonal[:size]])
        off = np.array([o[j] for o in self.off[: size - 1]])
        return scipy.linalg.eigh_tridiagonal(diagonal, off)

    def outside(self, multiplier, j):
        """Norm of what a multiplied by ``S K S / W`` has outside of the space."""
        return float(self.last[j] * abs(multiplier[-1])) if self.alive[j] else 0.0

    def small(self, filter, j):
        """Multiplier and share of column j of unit norm, in its basis."""
        if self.sizes[j] == 0:
            return np.zeros(0), np.zeros(0)
        values, vectors = self.ritz(j)
        t = np.maximum(values, 0.0)
        multiplier, _ = filter.evaluate(t)
        multiplier = multiplier[:, 0]
        # Beyond, the eigenvalue is rounding. Those of negative ones are left out, too.
        floor = len(self._next) * _EPS * t.max()
        kept = (np.abs(multiplier) * floor < 1.0) & (values >= -floor)
        multiplier = np.where(kept, multiplier, 0.0)
        first = vectors[0]
        return vectors @ (multiplier * first), vectors @ (t * multiplier * first)

    def coefficients(self, filter):
        """Coefficients of the kernel functions."""
        xp = self.xp
        z = []
        for j, norm in enumerate(self.norms):
            small = xp.asarray(norm / self.total * self.small(filter, j)[0])
            z.append(small @ self.basis[j, : len(small)])
        z = xp.stack(z, axis=1)
        return z if self.root is None else self.root * z
