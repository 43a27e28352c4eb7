"""What the estimators of all families share."""

import warnings
from numbers import Real

from sklearn.base import BaseEstimator

from skkernels._version import __version__
from skkernels.kernels import make_kernel
from skkernels.operators import make_operator
from skkernels.utils._array import get_namespace
from skkernels.utils._sklearn import Interval, StrOptions, check_is_fitted
from skkernels.utils._validation import check_same_device, match_storage, validate
from skkernels.utils._warnings import warn_user

#: Parameter constraints of the kernel parameters, for ``_parameter_constraints``.
KERNEL_CONSTRAINTS = {
    "kernel": [str, callable],
    "gamma": [
        Interval(Real, 0, None, closed="left"),
        StrOptions({"scale", "median"}),
        None,
    ],
    "degree": [Interval(Real, 0, None, closed="left")],
    "coef0": [Interval(Real, None, None, closed="neither")],
    "kernel_params": [dict, None],
}


class VersionedEstimator(BaseEstimator):
    """Base of all estimators: pickles note the version of skkernels."""

    def __getstate__(self):
        return {**super().__getstate__(), "_skkernels_version": __version__}

    def __setstate__(self, state):
        state = dict(state)
        version = state.pop("_skkernels_version", "unknown")
        if version != __version__:
            warnings.warn(
                f"This {type(self).__name__} was pickled by skkernels {version} and is "
                f"loaded by {__version__}. Its results may differ or be wrong; fit it "
                "again to be safe.",
                UserWarning,
                stacklevel=2,
            )
        super().__setstate__(state)


class KernelEstimatorMixin(VersionedEstimator):
    """Base of the estimators with ``kernel, gamma, degree, coef0, kernel_params``.

    They have a parameter ``random_state``, too.

    It turns these parameters into a kernel with concrete numbers, and declares what
    input the kernel takes.
    """

    def _resolve_kernel(self, X, sample_weight=None):
        """Set ``kernel_`` and ``gamma_`` from the parameters and the data."""
        if self._is_precomputed():
            self.kernel_, self.gamma_ = "precomputed", None
        else:
            self.kernel_ = self._resolved_kernel(X, sample_weight)
            self.gamma_ = self.kernel_.gamma_value
        return self.kernel_

    def _resolved_kernel(self, X, sample_weight=None):
        """The kernel of the parameters with its rules replaced by numbers."""
        kernel = make_kernel(
            self.kernel,
            gamma=self.gamma,
            degree=self.degree,
            coef0=self.coef0,
            kernel_params=self.kernel_params,
        )
        resolved = kernel.resolve(
            X, sample_weight=sample_weight, random_state=self.random_state
        )
        if resolved.is_psd is False:
            warn_user(
                f"The kernel {resolved!r} is not positive semi-definite: "
                f"{type(self).__name__} may have no unique or no stable solution."
            )
        return resolved

    def _is_precomputed(self):
        return isinstance(self.kernel, str) and self.kernel == "precomputed"

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = not self._is_precomputed()
        tags.input_tags.pairwise = self._is_precomputed()
        return tags


class CenterModelMixin:
    """What models ``f(x) = sum_j k(x, z_j) coef_j + intercept`` have in common."""

    def _refuse_precomputed(self):
        if self._is_precomputed():
            raise ValueError(
                f"{type(self).__name__} evaluates the kernel between rows and centers, "
                "so kernel='precomputed' is not possible. Use KernelRidge or "
                "KernelRidgeClassifier with it, or pass the kernel as an object or a "
                "callable."
            )

    def _evaluate(self, X):
        """Values of f on new data."""
        check_is_fitted(self, "coef_")
        X = validate(self, X, reset=False)
        check_same_device(self, X, self.coef_)
        # Not converted as a whole: X may be a memory map.
        operator = make_operator(
            self.kernel_, match_storage(X, self.centers_), self.centers_
        )
        values = operator.matmat(self.coef_)
        values += get_namespace(values).asarray(self.intercept_, dtype=values.dtype)
        return values
