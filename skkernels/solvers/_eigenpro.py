"""EigenPro: preconditioned stochastic gradient descent for kernel models."""

import numpy as np
import scipy.sparse as sp

from skkernels.operators import KernelOperator, check_memory, memory_budget
from skkernels.solvers._eigenpro_preconditioner import (
    EigenProPreconditioner,
    critical_batch_size,
    step_size,
    subsample_rows,
)
from skkernels.solvers._span_projection import SpanProjection
from skkernels.utils._array import get_namespace
from skkernels.utils._parallel import row_blocks, single_threaded_blas

# Rows on which the spectrum of the preconditioned kernel is measured, at most.
_MAX_PROBE = 4000
_MAX_BATCH = 2048
_MAX_COMPONENTS = 500
# The subsample's size is that power of the number of rows which makes its eigensystem
# cost about as much as an epoch, between these bounds: on 30 000 rows, 2000 in place of
# 1000 lowered the error of an epoch by some hundredths and took four times the set-up.
_SUBSAMPLE_POWER = 2 / 3
_MIN_SUBSAMPLE, _MAX_SUBSAMPLE = 1000, 4000
# Bytes of a memory map whose rows may be read in any order.
_SMALL_FILE = 2**26
# A batch whose squared residuals exceed those of all rows by this has diverged.
_EXPLOSION = 100.0
# Against division by zero where the kernel is zero on the data.
_TINY = 1e-150


class EigenProIteration:
    """What the iterations with and without centers of their own have in common.

    Parameters
    ----------
    kernel : Kernel
        Resolved, without white noise.

    X : array or CSR matrix of shape (n, d)
        Data; only batches of rows are read at a time.

    centers : array or CSR matrix of shape (p, d)
        Rows z_j of the model ``f(x) = sum_j k(x, z_j) coef_j``.

    weights : array of shape (n,) or None
        Weights of the rows of X.

    alpha : float
        Ridge strength: the objective is ``sum_i w_i r_i^2 + alpha |f|^2``.

    subsample_size, n_components, batch_size : int or "auto"
        Size s of the subsample, number q of eigenvalues, rows per step.

    seed : int
        Of the subsample, of the probe and of the order of the rows.

    rows : array of int or None
        Rows of X to use; None means all.

    Attributes
    ----------
    coef : array of shape (p, n_targets) in float64
        The model.

    step : float
        Step per sample of the first epoch.
    """

    def __init__(
        self,
        kernel,
        X,
        centers,
        *,
        weights,
        alpha,
        subsample_size,
        n_components,
        batch_size,
        seed,
        rows=None,
    ):
        self.kernel = kernel
        self.alpha = alpha
        self.seed = seed
        self.centers = centers
        self.attach(X, weights, rows)
        n, p = self.n_samples, centers.shape[0]
        rng = np.random.default_rng([seed, 0])
        if subsample_size == "auto":
            power = int(max(n, p) ** _SUBSAMPLE_POWER)
            room = int((memory_budget() / 32) ** 0.5)
            subsample_size = min(max(power, _MIN_SUBSAMPLE), _MAX_SUBSAMPLE, room)
            subsample_size = max(subsample_size, 1)
        s = min(subsample_size, p)
        check_memory(
            16 * s * s,
            what=f"The eigensystem of a subsample of {s} rows",
            remedy="use a smaller n_subsamples",
        )
        xp = self.xp = get_namespace(centers)
        self.subsample = subsample_rows(p, s, rng)
        self.X_subsample = centers[xp.asarray(self.subsample)]
        self.prepare()
        most = max(1, min(s - 1, max(5, s // 4), _MAX_COMPONENTS))
        wanted = most if n_components == "auto" else n_components
        in_double = self.X_subsample.astype(np.float64)
        K = KernelOperator(kernel, in_double).block()
        self.preconditioner = EigenProPreconditioner(K, wanted, self.exponent)
        probe = self._probe(rng, s, p)
        goal = self._largest_batch(s) if batch_size == "auto" else batch_size
        K_SU = KernelOperator(kernel, self.X_subsample, probe[0]).block()
        K_UU = KernelOperator(kernel, probe[0]).block()
        with single_threaded_blas():  # many small products, memory bound
            self.preconditioner.calibrate(
                K_SU, K_UU, probe[1], n_components, self.diagonal_kind, goal
            )
        del K_SU, K_UU
        top = max(self.preconditioner.top_eigenvalue + self.alpha / n, _TINY)
        self.top_eigenvalue = top
        self.diagonal = max(self._largest_diagonal(), top)
        self.critical_batch_size = critical_batch_size(self.diagonal, top)
        if batch_size == "auto":
            batch_size = min(self.critical_batch_size, goal)
        self.batch_size = min(batch_size, n)
        self.operator = KernelOperator(kernel, X, centers)

    def attach(self, X, weights, rows=None):
        """Read rows of X from now on."""
        self.X, self.weights, self.rows = X, weights, rows
        self.n_samples = X.shape[0] if rows is None else len(rows)
        if hasattr(self, "operator"):
            self.operator = KernelOperator(self.kernel, X, self.centers)
            # The long step of a batch of all rows is good for the rows it was measured
            # on only.
            self.step = self._step(np.inf)

    def _step(self, n_samples):
        """Step per sample where a batch is some of ``n_samples`` rows."""
        return step_size(self.diagonal, self.top_eigenvalue, self.batch_size, n_samples)

    def _largest_batch(self, s):
        """Largest batch to aim at: beyond, products gain nothing any more."""
        share = memory_budget() // (32 * (s + self.centers.shape[1] + 3))
        return max(1, min(s, _MAX_BATCH, share, self.n_samples))

    def _probe(self, rng, s, p):
        """Rows other than the subsample, as far as there are, and their weights."""
        candidates = np.arange(self.n_samples) if self.rows is None else self.rows
        if self.centers is self.X and len(candidates) > 2 * s:
            candidates = np.setdiff1d(candidates, self.subsample, assume_unique=True)
        size = min(len(candidates), 2 * s, _MAX_PROBE)
        chosen = candidates[subsample_rows(len(candidates), size, rng)]
        chosen = self.xp.asarray(chosen)
        weights = None if self.weights is None else self.weights[chosen]
        return self.X[chosen], weights

    def batches(self, epoch):
        """Batches of rows in an order that depends on the seed and the epoch only.

        Rows of a large memory map are read in runs of neighbours that fill some pages.
        """
        rng = np.random.default_rng([self.seed, epoch + 1])
        n, m = self.n_samples, self.batch_size
        run = 1
        if _is_large_memory_map(self.X):
            row_bytes = self.X.shape[1] * self.X.dtype.itemsize
            run = int(np.clip(2**16 // row_bytes, 1, max(1, m // 8)))
        if run == 1:
            order = rng.permutation(n)
        else:
            starts = rng.permutation(-(-n // run)) * run
            order = (starts[:, None] + np.arange(run)).ravel()
            order = order[order < n]
        for block in row_blocks(n, m):
            batch = np.sort(order[block])
            yield self.xp.asarray(batch if self.rows is None else self.rows[batch])

    def epoch(self, Y, number, step, reference):
        """One pass over the data, with the residuals seen on the way.

        Parameters
        ----------
        Y : array of shape (n, n_targets) in float64
            Targets of the rows of X.

        number : int
            Number of the epoch, which fixes the order of the rows.

        step : float
            Step per sample.

        reference : float
            Mean square of the residuals to begin with, at least. A batch whose sum is
            much above that of all rows has exploded.

        Returns
        -------
        loss : float
            Weighted mean of the squared residuals, each from before the step of its
            batch; infinite if the pass was given up because they exploded.
        """
        total = weight = 0.0
        limit = _EXPLOSION * reference * self.total_weight()
        for batch in self.batches(number):
            weights = None if self.weights is None else self.weights[batch]
            residual = self.advance(batch, Y[batch], weights, step)
            squares = (residual**2).sum(axis=1)
            part = float(squares.sum() if weights is None else weights @ squares)
            total += part
            share = len(batch) if weights is None else float(weights.sum())
            weight += share
            if not part <= limit:
                self.abandon()
                return np.inf
        self.finish(step)
        return total / weight if weight else 0.0

    def total_weight(self):
        """Sum of the weights of the rows in use."""
        if self.weights is None:
            return float(self.n_samples)
        rows = slice(None) if self.rows is None else self.rows
        return float(self.weights[rows].sum())

    def mean_square(self, Y):
        """Weighted mean square of what belongs to the rows in use."""
        Y = Y if self.rows is None else Y[self.rows]
        if self.weights is None:
            return float(self.xp.einsum("ij,ij->", Y, Y)) / self.n_samples
        weights = self.weights if self.rows is None else self.weights[self.rows]
        squares = self.xp.einsum("ij,ij->i", Y, Y)
        return float(squares @ weights / weights.sum())

    def sampled_loss(self, Y):
        """Weighted mean of the squared residuals on some thousand rows."""
        rng = np.random.default_rng([self.seed, 0])
        rows = subsample_rows(self.n_samples, _MAX_PROBE, rng)
        rows = self.xp.asarray(rows if self.rows is None else self.rows[rows])
        residual = self.operator.take_rows(rows).matmat(self.coef) - Y[rows]
        squares = (residual.astype(np.float64) ** 2).sum(axis=1)
        if self.weights is None:
            return float(squares.mean())
        return float(squares @ self.weights[rows] / self.weights[rows].sum())

    def prepare(self):
        """Called when centers and subsample are known."""

    def finish(self, step):
        """Called after the last batch of an epoch."""

    def abandon(self):
        """Called where an epoch is given up."""


class FullEigenPro(EigenProIteration):
    """EigenPro 2: all rows are centers, and the limit interpolates.

    With ridge strength alpha the limit solves ``(K + alpha W^{-1}) coef = Y``.

    Notes
    -----
    An epoch takes n (n + s) kernel values and O(n (n + s + q) c) operations.
    """

    exponent = 0.95
    diagonal_kind = "preconditioned"

    def __init__(self, kernel, X, centers, n_targets, **options):
        super().__init__(kernel, X, centers, **options)
        self.step = self._step(self.n_samples)
        self.coef = self.xp.zeros((centers.shape[0], n_targets))

    def prepare(self):
        self._to_subsample = KernelOperator(self.kernel, self.centers, self.X_subsample)

    def _largest_diagonal(self):
        """Largest value of the preconditioned kernel on the diagonal, over all rows."""
        vectors = self.preconditioner.vectors
        largest = 0.0
        for rows in row_blocks(self.centers.shape[0], 8192):
            values = self.kernel.diag(self.centers[rows]).astype(np.float64)
            if vectors.shape[1]:
                products = self._to_subsample.take_rows(rows).matmat(vectors)
                values = self.preconditioner.diagonal(values, products)
            if self.weights is not None:
                values = values * self.weights[rows]
            largest = max(largest, float(values.max()))
        return largest + self.alpha

    def advance(self, batch, Y, weights, step):
        """One step: returns the residuals of the batch before it."""
        residual = self.operator.take_rows(batch).matmat(self.coef) - Y
        gradient = residual if weights is None else weights[:, None] * residual
        if self.alpha:
            gradient = gradient + self.alpha * self.coef[batch]
        moment = self._to_subsample.take_rows(batch).rmatmat(gradient)
        self.coef[batch] -= step * gradient
        self.coef[self.subsample] += step * self.preconditioner.apply(
            moment.astype(np.float64)
        )
        return residual


class CenteredEigenPro(EigenProIteration):
    """EigenPro 3 and 4: the model has its own centers, the data any size.

    Each step moves f along kernel functions of the batch, whose projection onto the
    span of the centers is delayed by a number of steps: 1 is EigenPro 3, more is
    EigenPro 4. The subsample is drawn from the centers. Its correction then needs no
    projection, and the fixed point with delay 1 is the least-squares solution exactly.

    Notes
    -----
    An epoch takes n (p + t / 2) kernel values, where t <= p is the number of rows
    between projections, each used for the residuals and for the moments, and n / t
    solutions with the factor of the centers' kernel matrix.

    References
    ----------
    .. [1] A. Abedsoltan, M. Belkin and P. Pandit, "Toward large kernel models",
       ICML 2023. arXiv:2302.02605
    .. [2] A. Abedsoltan, S. Ma, P. Pandit and M. Belkin, "Fast training of large
       kernel models with delayed projections", 2024. arXiv:2411.16658
    """

    exponent = 1.0
    diagonal_kind = "kernel"

    def __init__(self, kernel, X, centers, n_targets, *, period, **options):
        super().__init__(kernel, X, centers, **options)
        p, n = centers.shape[0], self.n_samples
        if period == "auto":
            period = max(1, round(min(p, n // 4) / self.batch_size))
        self.period = period
        self.step = self._step(n)
        self.coef = self.xp.zeros((p, n_targets))
        self._project = SpanProjection(kernel, centers)
        self._clear()

    def _step(self, n_samples):
        step = super()._step(n_samples)
        # Over the rows of a period the ridge term must not overshoot.
        share = min(self.period * self.batch_size / self.n_samples, 1.0)
        return 1.0 / (1.0 / step + 2.0 * self.alpha * share)

    def _largest_batch(self, s):
        return max(1, min(super()._largest_batch(s), self.n_samples // 4))

    def _largest_diagonal(self):
        largest = 0.0
        for rows in row_blocks(self.n_samples, 65536):
            rows = rows if self.rows is None else self.rows[rows]
            values = self.kernel.diag(self.X[rows])
            if self.weights is not None:
                values = values * self.weights[rows]
            largest = max(largest, float(values.max()))
        return largest

    def _clear(self):
        self._pending = self.xp.zeros_like(self.coef)
        self._temporary = []
        self._n_batches = self._n_rows = 0

    def advance(self, batch, Y, weights, step):
        """One step: returns the residuals of the batch before it."""
        if self.alpha and not self._n_batches:
            self._start = self.coef.copy()
        X_batch = self.X[batch]
        if self._temporary:
            rows, coef = zip(*self._temporary, strict=True)
            temporary = KernelOperator(self.kernel, X_batch, _stack_rows(rows))
            Y = Y - temporary.matmat(_stack_rows(coef))
        residual, moment = self.operator.take_rows(batch).residual_matmat(
            self.coef, Y, weights
        )
        correction = self.preconditioner.apply(moment[self.subsample])
        self.coef[self.subsample] += step * correction
        self._pending -= step * moment
        self._n_batches += 1
        self._n_rows += len(batch)
        if self._n_batches == self.period:
            self.finish(step)
        else:
            gradient = residual if weights is None else weights[:, None] * residual
            self._temporary.append((X_batch, -step * gradient))
        return residual

    def finish(self, step):
        """Project what is pending onto the span of the centers."""
        if not self._n_batches:
            return
        self.coef += self._project(self._pending)
        if self.alpha:
            shrink = self._start
            on_subsample = KernelOperator(self.kernel, self.X_subsample, self.centers)
            values = on_subsample.matmat(shrink).astype(np.float64)
            shrink[self.subsample] -= self.preconditioner.apply(values)
            self.coef -= step * self.alpha * self._n_rows / self.n_samples * shrink
        self._clear()

    def abandon(self):
        self._clear()

    def drop_projection(self):
        """Free the factor of the centers' kernel matrix; no epoch can follow."""
        self._project = None


def _stack_rows(parts):
    """The parts, dense or sparse, one under the other."""
    if sp.issparse(parts[0]):
        return sp.vstack(parts, format="csr")
    return get_namespace(parts[0]).concatenate(parts)


def _is_large_memory_map(X):
    """Whether rows come from a file that may not stay in memory."""
    if getattr(X, "nbytes", 0) <= _SMALL_FILE:
        return False
    while X is not None:
        if isinstance(X, np.memmap):
            return True
        X = getattr(X, "base", None)
    return False
