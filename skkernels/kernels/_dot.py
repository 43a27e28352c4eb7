"""What the kernels of an inner product share."""

from numbers import Real

from ..utils._array import get_namespace
from ._bandwidth import bandwidth
from ._base import Kernel
from ._parameters import check_number
from ._rows import squared_norms


class DotKernel(Kernel):
    """Base of kernels ``kappa(t)`` with ``t = <x, z>``.

    A subclass defines :meth:`_plan` and :meth:`_derivatives`.
    """

    _variable = "inner product"

    def _diagonal(self, X):
        return self._array_profile(squared_norms(X), get_namespace(X))

    def _gradient_x(self, X, Y):
        first = self._derivatives(X @ Y.T)[1]
        return first[:, :, None] * Y[None, :, :]


class GammaDotKernel(DotKernel):
    """Base of kernels of ``gamma <x, z>``; gamma is a number, None or "scale"."""

    _rule_parameter = "gamma"
    _lowest_gamma = 0.0

    def _check_params(self):
        if self.gamma is None or isinstance(self.gamma, str) and self.gamma == "scale":
            return
        if not isinstance(self.gamma, Real):
            raise ValueError(
                f"gamma of {type(self).__name__} must be a number, None "
                f"(1 / n_features) or 'scale' (1 / (n_features Var X)), got "
                f"{self.gamma!r}. It multiplies inner products, so that a rule on "
                "distances has no meaning for it."
            )
        check_number(self, "gamma", self.gamma, self._lowest_gamma, closed="left")

    def _coefficient(self, d=None):
        """gamma as a number."""
        if self.gamma is not None:
            return float(self.gamma)
        if d is None:
            raise ValueError(
                f"gamma=None of {type(self).__name__} means 1 / n_features: call "
                "kernel.resolve(X) first."
            )
        return 1.0 / d

    def _for_features(self, d):
        return self._replace(gamma=self._coefficient(d))

    @property
    def _gamma_value(self):
        return float(self.gamma) if isinstance(self.gamma, Real) else None

    def _resolved_params(self, X, weights, random_state):
        if isinstance(self.gamma, str):
            length = bandwidth(X, "scale", metric="cityblock", sample_weight=weights)
            return {"gamma": 1.0 / length}
        return {"gamma": self._coefficient(X.shape[1])}
