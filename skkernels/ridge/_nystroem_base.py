"""What Nystroem kernel ridge regression and classification have in common."""

from numbers import Integral, Real

import numpy as np
import scipy.sparse as sp

from skkernels.base import KERNEL_CONSTRAINTS, KernelEstimatorMixin
from skkernels.coresets import CENTER_SELECTIONS, select_centers
from skkernels.operators import check_memory, make_operator
from skkernels.ridge._dual import check_alpha
from skkernels.ridge._normal_equations import NormalEquations
from skkernels.utils._array import get_namespace
from skkernels.utils._sklearn import Interval, StrOptions, check_is_fitted
from skkernels.utils._validation import (
    check_same_device,
    drop_zero_weights,
    match_storage,
    validate,
)

_MATRICES = 5  # of shape n_centers x n_centers, at the peak of the solver


class BaseNystroemKernelRidge(KernelEstimatorMixin):
    """Fit and evaluate ``f(x) = sum_j k(x, z_j) coef_j + intercept``."""

    _parameter_constraints: dict = {
        **KERNEL_CONSTRAINTS,
        "n_centers": [Interval(Integral, 1, None, closed="left")],
        "center_selection": [StrOptions(set(CENTER_SELECTIONS)), "array-like"],
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
            self._set_centers(X, weights, rows)
        centers = self.centers_.astype(np.float64, copy=False)
        if equations is None:
            equations = NormalEquations(
                self.kernel_,
                centers,
                Y,
                weights,
                alpha=alpha,
                fit_intercept=fit_intercept,
                more=partial,
            )
        X = match_storage(X, centers)
        equations.add(self.kernel_, X, centers, Y, weights)
        coef, intercept = equations.solve(alpha)
        self._equations = equations
        return coef.astype(self.centers_.dtype), intercept

    def _set_centers(self, X, weights, rows):
        """Set ``kernel_``, ``centers_`` and ``center_indices_`` from the first rows."""
        if self._is_precomputed():
            raise ValueError(
                f"{type(self).__name__} evaluates the kernel between rows and centers, "
                "so kernel='precomputed' is not possible. Use KernelRidge or "
                "KernelRidgeClassifier with it, or pass the kernel as an object or a "
                "callable."
            )
        given = not isinstance(self.center_selection, str)
        wanted = np.shape(self.center_selection)[0] if given else self.n_centers
        bound = min(wanted, X.shape[0]) if not given else wanted
        check_memory(
            _MATRICES * 8 * bound * bound,
            what=f"The system of equations of {bound} centers",
            remedy="use fewer centers (n_centers)",
        )
        self._resolve_kernel(X, weights)
        if given:
            self.centers_, self.center_indices_ = self._given_centers(X), None
        else:
            indices = select_centers(
                self.kernel_,
                X,
                self.n_centers,
                self.center_selection,
                sample_weight=weights,
                random_state=self.random_state,
            )
            self.centers_ = X[indices]
            self.center_indices_ = indices if rows is None else rows[indices]
        self.n_centers_ = self.centers_.shape[0]

    def _given_centers(self, X):
        xp = get_namespace(X)
        centers = self.center_selection
        if sp.issparse(centers):
            centers = centers.tocsr()
        else:
            centers = xp.array(centers, dtype=X.dtype, order="C", ndmin=2)
            if not bool(xp.isfinite(centers).all()):
                raise ValueError("center_selection contains NaN or infinity.")
        if centers.shape[1] != X.shape[1]:
            raise ValueError(
                f"center_selection has {centers.shape[1]} features, but X has "
                f"{X.shape[1]}."
            )
        return match_storage(centers, X).astype(X.dtype, copy=False)

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
