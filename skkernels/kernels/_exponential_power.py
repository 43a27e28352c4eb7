"""The generalised Gaussian kernel."""

import numpy as np

from ._parameters import check_number
from ._profiles import LOG2E
from ._radial import RadialKernel

_CLOSED_FORMS = {
    0.5: "power_exponential_1_2",
    1.0: "exponential",
    1.5: "power_exponential_3_2",
    2.0: "rbf",
}


class ExponentialPower(RadialKernel):
    r"""Exponential of a power of the distance, also called generalised Gaussian.

    .. math:: k(x, z) = \exp\left(-(|x - z| / \ell)^g\right)

    Parameters
    ----------
    length_scale : float, array-like of shape (n_features,) or str, default=1.0
        Scale :math:`\ell` of distances, one for all features or one per feature; or a
        rule that chooses it from data, see :func:`bandwidth`.

    power : float, default=1.0
        Exponent :math:`g` in (0, 2]. Larger ones give no kernel in any dimension.

    length_scale_bounds : pair of floats or "fixed", default=(1e-5, 1e5)
        Where a Gaussian process may search for ``length_scale``.

    See Also
    --------
    Exponential : The case ``power=1``.
    RBF : The case ``power=2``, with ``length_scale`` divided by the square root of 2.

    Notes
    -----
    Positive definite in every dimension; its space is the Sobolev space of order
    ``(d + power) / 2`` for ``power < 2``. A kernel matrix costs O(n m d) time and
    O(n m) memory; powers that are multiples of 1/2 are the fastest.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.kernels import ExponentialPower
    >>> ExponentialPower(power=0.5)(np.array([[0.0], [4.0]])).round(4)
    array([[1.    , 0.1353],
           [0.1353, 1.    ]])
    """

    def __init__(self, length_scale=1.0, power=1.0, *, length_scale_bounds=(1e-5, 1e5)):
        self.length_scale = length_scale
        self.power = power
        self.length_scale_bounds = length_scale_bounds

    def _check_params(self):
        super()._check_params()
        check_number(self, "power", self.power, 0, 2, closed="right")

    @property
    def _order(self):
        return np.inf if self.power == 2 else 0

    def _plan(self, d):
        factor = LOG2E ** (1.0 / self.power)
        if self.power in _CLOSED_FORMS:
            return self._radial_plan(d, _CLOSED_FORMS[self.power], factor=factor)
        return self._radial_plan(
            d, "power_exponential", (0.5 * self.power,), factor=factor
        )

    def _unit_derivatives(self, u):
        a = 0.5 * self.power
        power = u**a
        value = np.exp(-power)
        if a == 1:
            return value, -value, value
        first = -a * power / u * value
        second = a * power / u**2 * (a * power - a + 1.0) * value
        at_zero = u == 0
        return (
            value,
            np.where(at_zero, -np.inf, first),
            np.where(at_zero, np.inf, second),
        )

    def _smoothness(self, d):
        return np.inf if self.power == 2 else 0.5 * (d + self.power)
