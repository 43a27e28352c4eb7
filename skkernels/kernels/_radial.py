"""What the kernels of a scaled Euclidean distance share."""

import numpy as np
from scipy.spatial.distance import cdist

from ._bandwidth import bandwidth, describe_rules, parse_rule
from ._base import Kernel
from ._parameters import check_positive, per_feature
from ._reduction import Reduction


class RadialKernel(Kernel):
    """Base of kernels ``kappa(u)`` with ``u = sum_j (x_j - z_j)^2 / length_scale_j^2``.

    A subclass defines :meth:`_plan` by way of :meth:`_radial_plan`, and
    :meth:`_unit_derivatives`.
    """

    _stationary = True
    _variable = "squared distance"
    _constant_diagonal = 1.0
    _tunable = ("length_scale",)
    _rule_parameter = "length_scale"

    def _check_params(self):
        if isinstance(self.length_scale, str):
            parse_rule(self.length_scale)
        else:
            check_positive(
                self,
                "length_scale",
                self.length_scale,
                allowed=f", or a rule: {describe_rules()}",
            )

    def _length(self, d=None):
        return per_feature(self, "length_scale", self.length_scale, d)

    def _radial_plan(self, d, profile, params=(), factor=1.0, **details):
        """Reduction to the squared distance of rows times ``factor / length_scale``."""
        return Reduction(
            "sqeuclidean",
            profile,
            params,
            scale=factor / self._length(d),
            **details,
        )

    @property
    def _gamma_value(self):
        if isinstance(self.length_scale, str) or np.size(self.length_scale) > 1:
            return None
        return 0.5 / self._length() ** 2

    def _resolved_params(self, X, weights, random_state):
        if not isinstance(self.length_scale, str):
            return {}
        length_scale = bandwidth(
            X,
            self.length_scale,
            metric=self._rule_metric,
            sample_weight=weights,
            random_state=random_state,
        )
        return {"length_scale": length_scale}

    # -- derivatives --------------------------------------------------------------

    def _unit_derivatives(self, u):
        """kappa, kappa', kappa'' at the scaled squared distance u, in float64."""
        raise NotImplementedError

    def _derivatives(self, t):
        length = self._length()
        if np.ndim(length):
            raise TypeError(
                f"With one length_scale per feature, {type(self).__name__} is not a "
                "function of the squared distance; divide the features by "
                "length_scale and use length_scale=1."
            )
        inverse = 1.0 / length**2
        with np.errstate(divide="ignore", invalid="ignore"):
            value, first, second = self._unit_derivatives(t * inverse)
        return value, first * inverse, second * inverse**2

    def _gradient_x(self, X, Y):
        length = self._length(X.shape[1])
        difference = (X[:, None, :] - Y[None, :, :]) / length
        u = np.einsum("ijk,ijk->ij", difference, difference)
        with np.errstate(divide="ignore", invalid="ignore"):
            first = self._unit_derivatives(u)[1]
            difference *= 2.0 * first[:, :, None]
        return difference / length

    def _gradients(self, X, K):
        gradients = []
        shares = None
        length = self._length(X.shape[1])
        if np.ndim(length) == 0:
            u = cdist(X, X, "sqeuclidean")
            u /= length  # twice, because the square may overflow
            u /= length
        else:
            shares = scaled_differences(X, 1.0 / length)
            shares *= shares
            u = shares.sum(axis=0)
        for parameter in self.hyperparameters:
            if parameter.fixed:
                continue
            if parameter.name != "length_scale":
                gradients.append(self._log_gradient(parameter.name, u))
                continue
            with np.errstate(divide="ignore", invalid="ignore"):
                first = self._unit_derivatives(u)[1]
            # Where the derivative is infinite the distance is zero: no change there.
            first = np.where(u > 0, first, 0.0)
            first *= -2.0
            if shares is None:
                first *= u
                gradients.append(first)
            else:
                shares *= first
                gradients.append(np.moveaxis(shares, 0, 2))
        return gradients

    def _log_gradient(self, name, u):
        """Derivative of kappa(u) with respect to the logarithm of a parameter."""
        raise NotImplementedError


def scaled_differences(X, factors):
    """``(x_ij - x_kj) factors_j`` at position ``[j, i, k]``, in float64.

    One matrix per feature, so that whole features are contiguous.
    """
    columns = np.ascontiguousarray(X.T, dtype=np.float64)
    out = np.empty((X.shape[1], X.shape[0], X.shape[0]))
    for column, factor, difference in zip(columns, factors, out):
        np.subtract(column[:, None], column[None, :], out=difference)
        difference *= factor
    return out
