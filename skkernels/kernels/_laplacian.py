"""The exponential kernel of the l1 distance."""

import numpy as np
from scipy.spatial.distance import cdist

from ._bandwidth import bandwidth, describe_rules, parse_rule
from ._base import Kernel
from ._parameters import check_positive, per_feature
from ._profiles import LOG2E
from ._radial import scaled_differences
from ._reduction import Reduction


class Laplacian(Kernel):
    r"""Exponential kernel of the l1 distance, as in scikit-learn.

    .. math:: k(x, z) = \exp(-\gamma \sum_j |x_j - z_j|)

    Parameters
    ----------
    gamma : float, array-like of shape (n_features,), str or None, default=None
        Inverse scale, one for all features or one per feature. None means
        ``1 / n_features``. A rule (see :func:`bandwidth`) means one over the l1 length
        that it gives; ``"scale"`` is ``1 / (n_features Var X)``.

    gamma_bounds : pair of floats or "fixed", default=(1e-5, 1e5)
        Where a Gaussian process may search for ``gamma``, if it is a number.

    See Also
    --------
    Exponential : The same function of the Euclidean distance.

    Notes
    -----
    A product of kernels of one feature each, positive definite. Its eigenvalues decay
    as ``j**-2`` up to logarithms, in every dimension. A kernel matrix costs O(n m d)
    time and O(n m) memory.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.kernels import Laplacian
    >>> Laplacian(gamma=1.0)(np.array([[0.0, 0.0], [1.0, 2.0]])).round(4)
    array([[1.    , 0.0498],
           [0.0498, 1.    ]])
    """

    _stationary = True
    _constant_diagonal = 1.0
    _order = None
    _tunable = ("gamma",)
    _rule_parameter = "gamma"
    _rule_metric = "cityblock"

    def __init__(self, gamma=None, *, gamma_bounds=(1e-5, 1e5)):
        self.gamma = gamma
        self.gamma_bounds = gamma_bounds

    def _check_params(self):
        if isinstance(self.gamma, str):
            parse_rule(self.gamma)
        elif self.gamma is not None and not _is_zero(self.gamma):
            check_positive(
                self,
                "gamma",
                self.gamma,
                allowed=f", None, or a rule: {describe_rules()}",
            )

    def _for_features(self, d):
        return self._replace(gamma=1.0 / d) if self.gamma is None else self

    def _rates(self, d):
        """gamma as a number or one number per feature."""
        return per_feature(self, "gamma", self.gamma, d)

    @property
    def _gamma_value(self):
        if self.gamma is None or isinstance(self.gamma, str) or np.size(self.gamma) > 1:
            return None
        return self._rates(None)

    def _resolved_params(self, X, weights, random_state):
        if self.gamma is None:
            return {"gamma": 1.0 / X.shape[1]}
        if not isinstance(self.gamma, str):
            return {}
        length = bandwidth(
            X,
            self.gamma,
            metric=self._rule_metric,
            sample_weight=weights,
            random_state=random_state,
        )
        return {"gamma": 1.0 / length}

    def _plan(self, d):
        scale = LOG2E * self._for_features(d)._rates(d)
        # Not differentiable, but the l1 distance is always summed explicitly.
        return Reduction("cityblock", "laplacian", scale=scale)

    def _smoothness(self, d):
        return 1.0 if d == 1 else None

    def _eig_decay(self, d):
        return 2.0

    def _gradient_x(self, X, Y):
        rates = self._rates(X.shape[1])
        difference = X[:, None, :] - Y[None, :, :]
        value = np.exp(-np.abs(difference * rates).sum(axis=2))
        return -rates * np.sign(difference) * value[:, :, None]

    def _gradients(self, X, K):
        if self.n_dims == 0:
            return []
        rates = self._rates(X.shape[1])
        if np.ndim(rates) == 0:
            gradient = cdist(X, X, "cityblock")
            gradient *= -rates
        else:
            gradient = scaled_differences(X, rates)
            np.abs(gradient, out=gradient)
            np.negative(gradient, out=gradient)
        gradient *= K
        return [gradient if gradient.ndim == 2 else np.moveaxis(gradient, 0, 2)]


def _is_zero(value):
    return np.isscalar(value) and value == 0
