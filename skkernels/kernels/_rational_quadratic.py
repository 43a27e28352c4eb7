"""The rational quadratic kernel."""

import numpy as np

from ._parameters import check_number
from ._profiles import LOG2E
from ._radial import RadialKernel


class RationalQuadratic(RadialKernel):
    r"""Rational quadratic kernel, a mixture of Gaussian kernels of many lengths.

    .. math:: k(x, z) = \left(1 + \frac{|x - z|^2}{2 \alpha \ell^2}\right)^{-\alpha}

    Parameters
    ----------
    length_scale : float, array-like of shape (n_features,) or str, default=1.0
        Scale :math:`\ell` of distances, one for all features or one per feature; or a
        rule that chooses it from data, see :func:`bandwidth`.

    alpha : float, default=1.0
        Exponent :math:`\alpha`, positive; how narrow the mixture is.

    length_scale_bounds : pair of floats or "fixed", default=(1e-5, 1e5)
        Where a Gaussian process may search for ``length_scale``.

    alpha_bounds : pair of floats or "fixed", default=(1e-5, 1e5)
        Where a Gaussian process may search for ``alpha``.

    See Also
    --------
    RBF : The limit for large ``alpha``.
    Cauchy : The case ``alpha=1`` with ``length_scale`` divided by the square root of 2.

    Notes
    -----
    Positive definite in every dimension; its functions are analytic. Evaluated by way
    of ``log1p``, so that large ``alpha`` do no harm. A kernel matrix costs O(n m d)
    time and O(n m) memory.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.kernels import RationalQuadratic
    >>> RationalQuadratic(alpha=0.5)(np.array([[0.0], [1.0]])).round(4)
    array([[1.    , 0.7071],
           [0.7071, 1.    ]])
    """

    _tunable = ("alpha", "length_scale")

    def __init__(
        self,
        length_scale=1.0,
        alpha=1.0,
        *,
        length_scale_bounds=(1e-5, 1e5),
        alpha_bounds=(1e-5, 1e5),
    ):
        self.length_scale = length_scale
        self.alpha = alpha
        self.length_scale_bounds = length_scale_bounds
        self.alpha_bounds = alpha_bounds

    def _check_params(self):
        super()._check_params()
        check_number(self, "alpha", self.alpha, 0)

    def _plan(self, d):
        factor = 1.0 / np.sqrt(2.0 * self.alpha)
        return self._radial_plan(d, "rational", (self.alpha * LOG2E,), factor=factor)

    def _unit_derivatives(self, u):
        a = self.alpha
        base = 1.0 + u / (2.0 * a)
        value = np.exp(-a * np.log1p(u / (2.0 * a)))
        return value, -0.5 * value / base, 0.25 * (a + 1.0) / a * value / base**2

    def _log_gradient(self, name, u):
        a = self.alpha
        v = u / (2.0 * a)
        value = np.exp(-a * np.log1p(v))
        return a * value * (v / (1.0 + v) - np.log1p(v))

    def _smoothness(self, d):
        return np.inf
