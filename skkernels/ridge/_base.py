"""What kernel ridge regression and classification have in common."""

from numbers import Integral, Real

import numpy as np

from skkernels.base import KERNEL_CONSTRAINTS, KernelEstimatorMixin
from skkernels.operators import check_memory, make_operator, memory_budget
from skkernels.solvers import DualProblem, warn_unless_converged
from skkernels.utils._array import get_namespace
from skkernels.utils._callbacks import CallbackSupportMixin, FitTask
from skkernels.utils._sklearn import Interval, StrOptions, check_is_fitted
from skkernels.utils._validation import (
    check_alpha,
    check_same_device,
    match_storage,
    positive_rows,
    validate,
)

# From here on conjugate gradients took less time (measured with 10 and 50 features,
# rbf and exponential kernels, alpha from 0.001 to 1).
_MAX_DIRECT = 4_000
_ASKOTCH_WORDING = {
    "method": "sketch-and-project",
    "iterations": "passes",
    "other": "use solver='pcg'",
}


class BaseKernelRidge(CallbackSupportMixin, KernelEstimatorMixin):
    """Fit and evaluate ``f(x) = sum_i k(x, x_i) dual_coef_i``."""

    _parameter_constraints: dict = {
        **KERNEL_CONSTRAINTS,
        "alpha": [Interval(Real, 0, None, closed="left")],
        "solver": [StrOptions({"auto", "cholesky", "pcg", "askotch"})],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def _fit_dual(self, X, y, Y, weights):
        """Fit targets Y of shape (n, n_targets); y is what callbacks get to see."""
        n_samples = X.shape[0]
        if self._is_precomputed() and n_samples != X.shape[1]:
            raise ValueError(
                "A precomputed kernel matrix must be square in fit, got shape "
                f"{X.shape}."
            )
        alpha = check_alpha(self.alpha, Y.shape[1])
        rows = positive_rows(weights)
        X_rows, Y_rows, user_weights = X, Y, weights
        if rows is not None:
            X_rows, Y_rows, weights = X[rows], Y[rows], weights[rows]
            if self._is_precomputed():
                X_rows = X_rows[:, rows]
        self._resolve_kernel(X_rows, weights)
        self.solver_ = choose_solver(self.solver, X_rows.shape[0])
        self.X_fit_ = X
        iterative = self.solver_ != "cholesky"
        # solver="pcg" is the promise of no n x n matrix, even where one would fit.
        may_store = self.solver_ == "pcg" and self.solver == "auto"
        op = make_operator(
            self.kernel_,
            X_rows.astype(np.float64, copy=False),
            n_products=self.max_iter if may_store else 1,
        )
        problem = DualProblem(op, Y_rows.astype(np.float64), alpha, weights)

        def as_attributes(dual_coef):
            return {"dual_coef_": self._expand(dual_coef, rows, n_samples, y)}

        with FitTask(
            self,
            X,
            y,
            sample_weight=user_weights,
            max_iter=self.max_iter if iterative else 0,
            state=lambda z: as_attributes(problem.scale(z)),
        ) as task:
            if iterative:
                pcg = self.solver_ == "pcg"
                solve = problem.solve_pcg if pcg else problem.solve_askotch
                result = solve(
                    max_iter=self.max_iter,
                    tol=self.tol,
                    random_state=self.random_state,
                    on_iteration=task.on_iteration,
                )
                wording = {} if pcg else _ASKOTCH_WORDING
                warn_unless_converged(result, self.tol, type(self).__name__, **wording)
                dual_coef = problem.scale(result.x)
                self.n_iter_ = max(result.n_iter, 1)
                self.converged_ = result.converged
                self.residual_norms_ = result.residual_norms.max(axis=1)
            else:
                dual_coef = problem.solve_cholesky()
                self.n_iter_, self.converged_, self.residual_norms_ = 1, True, None
            for name, value in as_attributes(dual_coef).items():
                setattr(self, name, value)
        return self

    def _expand(self, dual_coef, rows, n_samples, y):
        """Coefficients of all training rows, in the shape of y and dtype of X."""
        if rows is not None:
            xp = get_namespace(dual_coef)
            full = xp.zeros((n_samples, dual_coef.shape[1]))
            full[rows] = dual_coef
            dual_coef = full
        if dual_coef.shape[1] == 1 and y.ndim == 1:
            dual_coef = dual_coef[:, 0]
        return dual_coef.astype(self.X_fit_.dtype)

    def _evaluate(self, X):
        """Values of f on new data."""
        check_is_fitted(self)
        X = validate(self, X, reset=False, accept_sparse=not self._is_precomputed())
        check_same_device(self, X, self.dual_coef_)
        dtype = np.result_type(X.dtype, self.X_fit_.dtype)
        X = match_storage(X, self.X_fit_).astype(dtype, copy=False)
        fitted = None
        if not self._is_precomputed():
            fitted = self.X_fit_.astype(dtype, copy=False)
        op = make_operator(self.kernel_, X, fitted)
        return op.matmat(self.dual_coef_.astype(dtype, copy=False))


def choose_solver(solver, n):
    """Resolve ``solver="auto"`` and refuse a kernel matrix that does not fit.

    The direct solver needs the n x n matrix in float64 once.
    """
    n_bytes = 8 * n * n
    if solver == "auto":
        fits = n <= _MAX_DIRECT and n_bytes <= memory_budget()
        return "cholesky" if fits else "pcg"
    if solver == "cholesky":
        check_memory(
            n_bytes,
            what=f"the {n} x {n} kernel matrix",
            remedy="use solver='pcg', or NystroemKernelRidge with n_centers=...",
        )
    return solver
