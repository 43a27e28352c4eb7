"""Fits of spectral filters by products with the kernel matrix."""

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from skkernels.operators import make_operator
from skkernels.solvers import (
    ITERATIONS,
    check_step,
    iterate,
    iterate_ridge,
    krylov_filter,
    top_eigenvalue,
    warn_unless_converged,
)
from skkernels.utils._array import get_namespace, to_numpy
from skkernels.utils._callbacks import FitTask
from skkernels.utils._distinct import distinct_rows
from skkernels.utils._warnings import warn_user


def fit_iteratively(model, data, X, y, weights, main, values, measure):
    """Set what the iterative solver finds; returns the fitted values.

    The arguments are those of :meth:`BaseSpectralFilter._fit_filter`; ``data`` are the
    rows of positive weight, and ``main`` and ``values`` the main parameter of the
    filter with its value, None with early stopping.
    """
    iterates = isinstance(model.filter, str) and model.filter in ITERATIONS
    rounds = _rounds(model)
    n_iter = model.max_iter * (rounds.get("order", 1) + len(rounds.get("mixing", ())))
    if iterates and values is not None:
        n_iter = int(values[0])
    # solver="iterative" is the promise of no n x n matrix, even where one would fit.
    op = make_operator(
        model.kernel_, data.X, n_products=n_iter if model.solver == "auto" else 1
    )
    with FitTask(
        model,
        X,
        y,
        sample_weight=weights,
        max_iter=n_iter,
        state=lambda coef: {"dual_coef_": model._expand(coef, data.rows, y)},
    ) as task:
        if iterates:
            outcome = _iterate(model, op, data, main, n_iter, measure, task)
        else:
            outcome = _solve(model, op, data, main, values[0], rounds, task)
        coef, fitted = outcome
        model.dual_coef_ = model._expand(coef, data.rows, y)
    return fitted


def _rounds(model):
    """How often ridge regression is repeated, and how."""
    if model.filter == "iterated_tikhonov":
        return {"order": model.order}
    return {"mixing": model._mixing()} if model.filter == "self_distillation" else {}


def _solve(model, op, data, main, value, rounds, task):
    """Filters that are limits of iterations."""
    options = {"max_iter": model.max_iter, "tol": model.tol}
    arguments = (op, data.Y, data.weights)
    if main == "alpha":
        outcome = iterate_ridge(
            *arguments,
            value,
            random_state=model.random_state,
            on_iteration=task.on_iteration,
            **rounds,
            **options,
        )
        wording = {"other": "use solver='nystroem'"}
        if outcome.result.reason == "indefinite":
            wording["advice"] = (
                "Use another kernel, or solver='eigh', which leaves out the "
                "eigenvectors of negative eigenvalues"
            )
    else:
        filter = model._filter_of(value, op.shape[0], 1.0)
        outcome = krylov_filter(
            *arguments, filter, on_iteration=task.on_iteration, **options
        )
        wording = {
            "method": "Lanczos' method",
            "advice": "Increase max_iter or tol, or use solver='nystroem'",
        }
    warn_unless_converged(outcome.result, model.tol, type(model).__name__, **wording)
    model.n_iter_ = max(outcome.n_iter, 1)
    model._describe(main, value, 1.0)
    model.residual_norms_ = outcome.result.residual_norms.max(axis=1)
    model.converged_ = outcome.result.converged
    return outcome.coef, outcome.fitted


def _iterate(model, op, data, main, n_iter, measure, task):
    """Filters that are so many steps, maybe as many as a validation set likes."""
    weights, monitor = data.weights, None
    if model.early_stopping:
        held_out, weights = _split(model, data)
        monitor = _Monitor(model, data, held_out, measure)
    top = top_eigenvalue(op, weights)
    check_step(model.filter, model.step, top, model.momentum)
    model._describe(main, n_iter, top)
    outcome = iterate(
        op,
        data.Y,
        weights,
        model.filter,
        step=model.step_,
        second=model.momentum if model.filter == "heavy_ball" else model.nu,
        n_iter=n_iter,
        monitor=monitor,
        on_iteration=task.on_iteration,
    )
    name, result = type(model).__name__, outcome.result
    if result.reason == "indefinite":
        warn_user(
            f"{name}: the residuals grew in iteration {outcome.n_iter}, so that the "
            "coefficients with the smallest ones are kept. The kernel matrix may not "
            "be positive semi-definite.",
            ConvergenceWarning,
        )
    model.residual_norms_ = result.residual_norms.max(axis=1)
    if monitor is None:
        model.n_iter_, model.converged_ = outcome.n_iter, result.converged
        if result.reason == "indefinite":
            model.n_iter_ = max(int(model.residual_norms_.argmin()), 1)
        return outcome.coef, outcome.fitted
    model.validation_scores_ = np.array(monitor.scores)
    model.n_iter_ = int(model.validation_scores_.argmax()) + 1
    model.converged_ = monitor.settled
    if result.converged:
        warn_user(
            f"{name}: early stopping did not stop within {n_iter} iterations; the "
            f"best score is that of iteration {model.n_iter_}. Increase max_iter or "
            "n_iter, or tol.",
            ConvergenceWarning,
        )
    return monitor.best


def _split(model, data):
    """Rows to validate on, and weights that are zero there.

    Equal rows stay together, and the draw is one of distinct rows, so that a weight
    has the effect of repeating the row.
    """
    xp = get_namespace(data.Y)
    first, inverse = distinct_rows(data.X)
    if len(first) < 2:
        raise ValueError(
            "early_stopping=True needs at least 2 distinct samples, got n_samples = "
            f"{data.X.shape[0]} with {len(first)} of them."
        )
    weights = xp.ones(len(inverse)) if data.weights is None else data.weights
    mass = np.bincount(inverse, to_numpy(weights))
    order = check_random_state(model.random_state).permutation(len(first))
    reached = np.cumsum(mass[order]) / mass.sum()
    size = int(np.searchsorted(reached, model.validation_fraction * (1 - 1e-12))) + 1
    chosen = np.zeros(len(first), dtype=bool)
    chosen[order[: min(size, len(first) - 1)]] = True
    held_out = xp.asarray(chosen[inverse])
    return xp.flatnonzero(held_out), xp.where(held_out, 0.0, weights)


class _Monitor:
    """Scores on the rows held out, and the best state."""

    def __init__(self, estimator, data, rows, measure):
        self.patience, self.tol = estimator.n_iter_no_change, estimator.tol
        self.rows, self.measure = rows, measure
        self.Y = data.Y[rows]
        self.weights = None if data.weights is None else data.weights[rows]
        self.scores, self.best, self.settled = [], None, False

    def __call__(self, coef, values):
        """Whether the best of the last scores is not above the best before."""
        score = self.measure(self.Y, values[self.rows], self.weights)
        if self.best is None or score > max(self.scores):
            self.best = coef, values
        self.scores.append(score)
        if len(self.scores) <= self.patience:
            return False
        before = max(self.scores[: -self.patience])
        lately = max(self.scores[-self.patience :])
        margin = self.tol * abs(before) if np.isfinite(before) else 0.0
        self.settled = not lately > before + margin
        return self.settled
