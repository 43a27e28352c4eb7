"""What Nystroem kernel ridge regression and classification have in common."""

from contextlib import nullcontext
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np

from skkernels.base import KERNEL_CONSTRAINTS, CenterModelMixin, KernelEstimatorMixin
from skkernels.coresets import CENTER_SELECTIONS, select_centers
from skkernels.kernels import Kernel
from skkernels.operators import check_memory, make_operator, memory_budget
from skkernels.operators._center_matrix import center_matrix
from skkernels.ridge._normal_equations import NormalEquations
from skkernels.solvers import check_falkon_memory, falkon, warn_unless_converged
from skkernels.utils._array import get_namespace
from skkernels.utils._callbacks import CallbackSupportMixin, FitTask
from skkernels.utils._sklearn import Interval, StrOptions, check_is_fitted
from skkernels.utils._validation import (
    check_alpha,
    drop_zero_weights,
    match_storage,
    validate_rows,
)

_MAX_DIRECT = 5_000
_MATRICES = {"fit": 3, "partial_fit": 4}  # n_centers x n_centers, direct solver
_ADVICE = {
    "falkon": "use solver='krill', whose preconditioner is good for any alpha, or "
    "solver='direct'",
    "krill": "use solver='direct'",
}


class _Problem(NamedTuple):
    """Rows to fit with a kernel and centers that have been chosen."""

    kernel: Kernel
    centers: Any
    X: Any
    Y: Any
    weights: Any
    alpha: Any
    fit_intercept: bool


class BaseNystroemKernelRidge(
    CallbackSupportMixin, CenterModelMixin, KernelEstimatorMixin
):
    """Fit and evaluate ``f(x) = sum_j k(x, z_j) coef_j + intercept``."""

    _parameter_constraints: dict = {
        **KERNEL_CONSTRAINTS,
        "n_centers": [Interval(Integral, 1, None, closed="left")],
        "center_selection": [
            StrOptions(set(CENTER_SELECTIONS)),
            "array-like",
            "sparse matrix",
        ],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "solver": [StrOptions({"auto", "direct", "falkon", "krill"})],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def _fit_rows(
        self, X, y, Y, weights, *, fit_intercept, partial, flat, attributes=None
    ):
        """Fit targets Y of shape (n, n_targets) to these rows.

        If ``partial`` is true, to the rows of earlier calls as well. ``y`` is what
        callbacks get to see; ``flat`` says that ``coef_`` is one-dimensional;
        ``attributes`` are set together with those of the model.
        """
        alpha = check_alpha(self.alpha, Y.shape[1])
        arguments = {"X": X, "y": y, "sample_weight": weights}
        X, Y, weights, rows = drop_zero_weights(X, Y, weights)
        Y = Y.astype(np.float64, copy=False)
        equations = getattr(self, "_equations", None) if partial else None
        if equations is None:
            self._check_continues(partial)
            fitted = self._choose_centers(X, weights, rows, partial)
        else:
            equations.check_targets(Y)
            names = ("kernel_", "centers_", "center_indices_", "solver_")
            fitted = {name: getattr(self, name) for name in names}
        kernel, centers = fitted["kernel_"], fitted["centers_"]
        fitted.update(attributes or {})
        fitted.update(gamma_=kernel.gamma_value, n_centers_=centers.shape[0])
        # White noise is on the diagonal of K_mm, but not in K_nm.
        kernel, X = kernel._without_noise(), match_storage(X, centers)
        problem = _Problem(kernel, centers, X, Y, weights, alpha, fit_intercept)

        def model(coef, mean):
            coef = coef.astype(centers.dtype)
            if flat:
                coef, mean = coef[:, 0], float(mean[0])
            return {**fitted, "coef_": coef, "intercept_": mean}

        if fitted["solver_"] == "direct":
            with nullcontext() if partial else FitTask(self, **arguments):
                fitted = _solve_directly(problem, model, equations, partial)
        else:
            fitted = self._solve_iteratively(
                problem, fitted["solver_"], model, arguments
            )
        # Not before: an error above leaves the estimator as it was.
        for name, value in fitted.items():
            setattr(self, name, value)
        return self

    def _solve_iteratively(self, problem, precond, model, arguments):
        """Attributes of the model by conjugate gradients."""
        Y, weights, centers = problem.Y, problem.weights, problem.centers
        xp = get_namespace(Y)
        mean = xp.zeros(Y.shape[1])
        if problem.fit_intercept:
            mean = xp.average(Y, axis=0, weights=weights)
        n, m = Y.shape[0], centers.shape[0]
        fits = 8 * n * m + 10 * m * m <= memory_budget()
        op = make_operator(
            problem.kernel,
            problem.X,
            centers,
            n_products=self.max_iter if fits else 1,
        )
        with FitTask(
            self,
            **arguments,
            max_iter=self.max_iter,
            state=lambda coef: model(coef, mean),
        ) as task:
            result = falkon(
                op,
                center_matrix(problem.kernel, centers),
                Y - mean,
                problem.alpha,
                weights=weights,
                max_iter=self.max_iter,
                tol=self.tol,
                precond=precond,
                random_state=self.random_state,
                on_iteration=task.on_iteration,
                overwrite=True,
            )
            fitted = model(result.x, mean)
        warn_unless_converged(
            result,
            self.tol,
            f"{type(self).__name__}(solver={precond!r})",
            other=_ADVICE[precond],
        )
        fitted.update(
            n_iter_=max(result.n_iter, 1),
            converged_=result.converged,
            residual_norms_=result.residual_norms.max(axis=1),
        )
        return fitted

    def coef_path(self, alphas):
        """Compute the coefficients for many values of alpha at once.

        Parameters
        ----------
        alphas : array-like of shape (n_alphas,)
            Ridge strengths, each for all targets.

        Returns
        -------
        coefs : ndarray of shape (n_alphas, n_centers_) or (n_alphas, n_centers_, \
                n_targets)
            For each alpha what ``coef_`` would be; ``intercept_`` does not depend on
            alpha.

        Raises
        ------
        ValueError
            If the model was not fitted by the direct solver, which keeps what this
            needs, or if some value is so far below the alpha of the fit that the sums
            kept are not exact enough for it.

        Notes
        -----
        Time: one eigendecomposition, some 10 n_centers_^3 operations, and
        O(n_centers_^2 n_targets) for each alpha. Memory: about ``24 n_centers_^2``
        bytes, refused if over the budget.
        """
        check_is_fitted(self)
        if not hasattr(self, "_equations"):
            raise ValueError(
                "coef_path needs the sums over the training data that solver='direct' "
                f"keeps, but the model was fitted with solver={self.solver_!r}."
            )
        alphas = check_alpha(alphas, np.size(alphas))
        m = self.n_centers_
        check_memory(
            24 * m * m,
            what=f"The eigendecomposition for {m} centers",
            remedy="use fewer centers (n_centers)",
        )
        kernel = self.kernel_._without_noise()
        coefs = self._equations.path(kernel, self.centers_, alphas)
        if self.coef_.ndim == 1:
            coefs = coefs[:, :, 0]
        return coefs.astype(self.coef_.dtype)

    def _can_continue(self):
        """Whether the solver keeps what partial_fit needs, for ``available_if``."""
        if self.solver in ("falkon", "krill"):
            raise AttributeError(
                f"partial_fit needs solver='direct' or 'auto', got {self.solver!r}."
            )
        return True

    def _forget(self):
        """Forget the rows of earlier calls."""
        self.__dict__.pop("_equations", None)

    def _check_continues(self, partial):
        """Refuse to add rows to a model whose sums were not kept."""
        if partial and getattr(self, "solver_", "direct") != "direct":
            raise ValueError(
                f"partial_fit cannot continue a model that solver={self.solver_!r} "
                "has fitted, which keeps no sums. Call fit with solver='direct' "
                "before, or partial_fit from the start."
            )

    def _choose_solver(self, n, m, partial):
        """Solver for n rows and m centers; refuse what does not fit in memory."""
        n_bytes = _MATRICES["partial_fit" if partial else "fit"] * 8 * m * m
        if self.solver == "auto" and not partial:
            direct = m <= _MAX_DIRECT and n_bytes <= memory_budget()
            solver = "direct" if direct else "falkon"
        else:
            solver = "direct" if partial else self.solver
        if solver == "direct":
            remedy = "use fewer centers (n_centers)"
            check_memory(
                n_bytes,
                what=f"The system of equations of {m} centers",
                remedy=remedy if partial else f"{remedy} or solver='falkon'",
            )
        else:
            check_falkon_memory(n, m, solver)
        return solver

    def _choose_centers(self, X, weights, rows, partial):
        """Kernel, centers and solver, from the first rows, as fitted attributes."""
        self._refuse_precomputed()
        given = not isinstance(self.center_selection, str)
        if given:
            centers = validate_rows(self.center_selection, X, "center_selection")
            bound = centers.shape[0]
        else:
            bound = min(self.n_centers, X.shape[0])
        fitted = {"solver_": self._choose_solver(X.shape[0], bound, partial)}
        fitted["kernel_"] = kernel = self._resolved_kernel(X, weights)
        if given:
            return {**fitted, "centers_": centers, "center_indices_": None}
        indices = select_centers(
            kernel,
            X,
            self.n_centers,
            self.center_selection,
            sample_weight=weights,
            random_state=self.random_state,
        )
        fitted["centers_"] = X[indices]
        fitted["center_indices_"] = indices if rows is None else rows[indices]
        return fitted


def _solve_directly(problem, model, equations, partial):
    """Attributes of the model by normal equations, with those of earlier rows."""
    kernel, centers = problem.kernel, problem.centers.astype(np.float64, copy=False)
    if equations is None:
        equations = NormalEquations(
            kernel,
            centers,
            problem.Y,
            problem.weights,
            alpha=problem.alpha,
            fit_intercept=problem.fit_intercept,
            more=partial,
        )
    equations = equations.plus(kernel, problem.X, centers, problem.Y, problem.weights)
    fitted = model(*equations.solve(problem.alpha))
    fitted.update(
        n_iter_=1, converged_=True, residual_norms_=None, _equations=equations
    )
    return fitted
