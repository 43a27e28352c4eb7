"""The generalised Cauchy kernel."""

import numpy as np

from ._parameters import check_number
from ._profiles import LOG2E
from ._radial import RadialKernel


class GeneralizedCauchy(RadialKernel):
    r"""Generalised Cauchy kernel.

    .. math:: k(x, z) = \left(1 + (|x - z| / \ell)^g\right)^{-\beta}

    Parameters
    ----------
    length_scale : float, array-like of shape (n_features,) or str, default=1.0
        Scale :math:`\ell` of distances, one for all features or one per feature; or a
        rule that chooses it from data, see :func:`bandwidth`.

    power : float, default=1.0
        Exponent :math:`g` of the distance, in (0, 2].

    beta : float, default=1.0
        Exponent :math:`\beta` of the whole, positive.

    length_scale_bounds : pair of floats or "fixed", default=(1e-5, 1e5)
        Where a Gaussian process may search for ``length_scale``.

    See Also
    --------
    Cauchy : The case ``power=2, beta=1``.

    Notes
    -----
    Positive definite in every dimension; its space has the smoothness of the Sobolev
    space of order ``(d + power) / 2`` for ``power < 2``. Smoothness near and decay far
    are chosen apart. A kernel matrix costs O(n m d) time and O(n m) memory.

    References
    ----------
    .. [1] T. Gneiting and M. Schlather, "Stochastic models that separate fractal
       dimension and the Hurst effect", SIAM Review 46, 2004.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.kernels import GeneralizedCauchy
    >>> GeneralizedCauchy()(np.array([[0.0], [1.0]]))
    array([[1. , 0.5],
           [0.5, 1. ]])
    """

    def __init__(
        self,
        length_scale=1.0,
        power=1.0,
        beta=1.0,
        *,
        length_scale_bounds=(1e-5, 1e5),
    ):
        self.length_scale = length_scale
        self.power = power
        self.beta = beta
        self.length_scale_bounds = length_scale_bounds

    def _check_params(self):
        super()._check_params()
        check_number(self, "power", self.power, 0, 2, closed="right")
        check_number(self, "beta", self.beta, 0)

    @property
    def _order(self):
        return np.inf if self.power == 2 else 0

    def _plan(self, d):
        exponent = self.beta * LOG2E
        if self.power == 2:
            return self._radial_plan(d, "rational", (exponent,))
        if self.power == 1:
            return self._radial_plan(d, "rational_root", (exponent,))
        return self._radial_plan(d, "rational_power", (exponent, 0.5 * self.power))

    def _unit_derivatives(self, u):
        a, b = 0.5 * self.power, self.beta
        power = u**a
        base = 1.0 + power
        value = np.exp(-b * np.log1p(power))
        if a == 1:
            return value, -b * value / base, b * (b + 1.0) * value / base**2
        first = -a * b * power / u * value / base
        inner = (1.0 - a) * base + a * (b + 1.0) * power
        second = a * b * power / u**2 * value / base**2 * inner
        at_zero = u == 0
        return (
            value,
            np.where(at_zero, -np.inf, first),
            np.where(at_zero, np.inf, second),
        )

    def _smoothness(self, d):
        return np.inf if self.power == 2 else 0.5 * (d + self.power)
