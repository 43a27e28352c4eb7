"""What thinned kernel ridge regression and classification have in common."""

from numbers import Real

import numpy as np
from sklearn.utils import check_random_state

from skkernels.operators import make_operator, memory_budget
from skkernels.solvers import DualProblem, warn_unless_converged
from skkernels.thinning._thinned_base import BaseThinned
from skkernels.utils._array import get_namespace
from skkernels.utils._sklearn import Interval, check_is_fitted
from skkernels.utils._validation import (
    check_alpha,
    check_same_device,
    match_storage,
    validate,
)

# Larger coresets are solved by conjugate gradients, to a relative residual of _TOL.
_MAX_DIRECT = 4_000
_MAX_ITER, _TOL = 1_000, 1e-8


class BaseThinnedKernelRidge(BaseThinned):
    """Fit and evaluate ``f(x) = sum_j k(x, c_j) dual_coef_j + intercept``."""

    _parameter_constraints: dict = {
        **BaseThinned._parameter_constraints,
        "alpha": [Interval(Real, 0, None, closed="left")],
    }

    def _fit_rows(self, X, Y, codes, weights, rows, *, fit_intercept, flat):
        """Thin rows of positive weight, and fit those that are left.

        ``flat`` says that coefficients and intercept lose the axis of the outputs; for
        the rest see ``_choose_coreset``.
        """
        alpha = check_alpha(self.alpha, Y.shape[1])
        rng = check_random_state(self.random_state)
        xp = get_namespace(X)
        on_device = None if weights is None else xp.asarray(weights)
        self._resolve_kernel(X, on_device)
        distinct = self._distinct_samples(X, Y, codes, weights)
        indices, mass = self._choose_coreset(
            self.kernel_, "ridge", X, Y, codes, rows, distinct, rng
        )
        Y = xp.asarray(Y)
        mean = xp.zeros(Y.shape[1])
        if fit_intercept:
            mean = xp.average(Y, axis=0, weights=on_device)
        op = make_operator(self.kernel_, self.coreset_.astype(np.float64, copy=False))
        problem = DualProblem(op, Y[indices] - mean, alpha, xp.asarray(mass))
        size = op.shape[0]
        if size <= _MAX_DIRECT and 8 * size * size <= memory_budget():
            dual_coef = problem.solve_cholesky()
        else:
            result = problem.solve_pcg(max_iter=_MAX_ITER, tol=_TOL, random_state=rng)
            warn_unless_converged(result, _TOL, type(self).__name__)
            dual_coef = problem.scale(result.x)
        if flat:
            dual_coef, mean = dual_coef[:, 0], float(mean[0])
        self.dual_coef_ = dual_coef.astype(X.dtype)
        if not bool(xp.isfinite(self.dual_coef_).all()):
            raise ValueError(
                "The coefficients are not finite: the kernel takes values that are not "
                "finite on these rows, or so large ones that the solution overflows."
            )
        self.intercept_ = mean
        return self

    def _evaluate(self, X):
        """Values of f on new data."""
        check_is_fitted(self, "dual_coef_")
        X = validate(self, X, reset=False)
        check_same_device(self, X, self.dual_coef_)
        X = match_storage(X, self.coreset_)
        values = make_operator(self.kernel_, X, self.coreset_).matmat(self.dual_coef_)
        values += get_namespace(values).asarray(self.intercept_, dtype=values.dtype)
        return values
