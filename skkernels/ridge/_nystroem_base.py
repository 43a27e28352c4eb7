"""What Nystroem kernel ridge regression and classification have in common."""

from numbers import Integral, Real

import numpy as np

from skkernels.base import KERNEL_CONSTRAINTS, KernelEstimatorMixin
from skkernels.coresets import CENTER_SELECTIONS, select_centers
from skkernels.operators import check_memory, make_operator
from skkernels.ridge._normal_equations import NormalEquations
from skkernels.utils._array import get_namespace
from skkernels.utils._sklearn import Interval, StrOptions, check_is_fitted
from skkernels.utils._validation import (
    check_alpha,
    check_same_device,
    drop_zero_weights,
    match_storage,
    validate,
    validate_rows,
)

_MATRICES = 5  # of shape n_centers x n_centers, at the peak of the solver


class BaseNystroemKernelRidge(KernelEstimatorMixin):
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
        "random_state": ["random_state"],
    }

    def _fit_rows(self, X, Y, weights, *, fit_intercept, partial):
        """Fit targets Y of shape (n, n_targets) to these rows.

        If ``partial`` is true, to the rows of earlier calls as well.
        """
        alpha = check_alpha(self.alpha, Y.shape[1])
        X, Y, weights, rows = drop_zero_weights(X, Y, weights)
        Y = Y.astype(np.float64, copy=False)
        equations = getattr(self, "_equations", None) if partial else None
        if equations is not None and Y.shape[1] != equations.offset.size:
            raise ValueError(
                f"y has {Y.shape[1]} target(s), but {equations.offset.size} in "
                "earlier calls."
            )
        if equations is None:
            chosen = self._choose_centers(X, weights, rows)
        else:
            chosen = self.kernel_, self.centers_, self.center_indices_
        # White noise is on the diagonal of K_mm, but not in K_nm.
        kernel = chosen[0]._without_noise()
        centers = chosen[1].astype(np.float64, copy=False)
        if equations is None:
            equations = NormalEquations(
                kernel,
                centers,
                Y,
                weights,
                alpha=alpha,
                fit_intercept=fit_intercept,
                more=partial,
            )
        X = match_storage(X, centers)
        equations = equations.plus(kernel, X, centers, Y, weights)
        coef, intercept = equations.solve(alpha)
        # Not before: an error above leaves the estimator as it was.
        self.kernel_, self.centers_, self.center_indices_ = chosen
        self.gamma_ = self.kernel_.gamma_value
        self.n_centers_ = self.centers_.shape[0]
        self._equations = equations
        return coef.astype(self.centers_.dtype), intercept

    def _forget(self):
        """Forget the rows of earlier calls."""
        self.__dict__.pop("_equations", None)

    def _choose_centers(self, X, weights, rows):
        """Kernel, centers and their positions, from the first rows."""
        if self._is_precomputed():
            raise ValueError(
                f"{type(self).__name__} evaluates the kernel between rows and centers, "
                "so kernel='precomputed' is not possible. Use KernelRidge or "
                "KernelRidgeClassifier with it, or pass the kernel as an object or a "
                "callable."
            )
        given = not isinstance(self.center_selection, str)
        if given:
            centers = validate_rows(self.center_selection, X, "center_selection")
            bound = centers.shape[0]
        else:
            bound = min(self.n_centers, X.shape[0])
        check_memory(
            _MATRICES * 8 * bound * bound,
            what=f"The system of equations of {bound} centers",
            remedy="use fewer centers (n_centers)",
        )
        kernel = self._resolved_kernel(X, weights)
        if given:
            return kernel, centers, None
        indices = select_centers(
            kernel,
            X,
            self.n_centers,
            self.center_selection,
            sample_weight=weights,
            random_state=self.random_state,
        )
        return kernel, X[indices], indices if rows is None else rows[indices]

    def _evaluate(self, X):
        """Values of f on new data."""
        check_is_fitted(self)
        X = validate(self, X, reset=False)
        check_same_device(self, X, self.coef_)
        dtype = np.result_type(X.dtype, self.centers_.dtype)
        centers = self.centers_.astype(dtype, copy=False)
        X = match_storage(X, centers).astype(dtype, copy=False)
        values = make_operator(self.kernel_, X, centers).matmat(
            self.coef_.astype(dtype, copy=False)
        )
        values += get_namespace(values).asarray(self.intercept_, dtype=dtype)
        return values
