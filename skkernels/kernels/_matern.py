"""The Matern family."""

import numpy as np
from scipy.special import gammaln

from ._bessel import log_kve, matern_phi
from ._matern_table import matern_scale, matern_table
from ._parameters import check_number
from ._profiles import LOG2E
from ._radial import RadialKernel
from ._roots import matern_power, matern_root, rbf_power, rbf_root

_CLOSED_FORMS = {
    0.5: "exponential",
    1.5: "matern_3_2",
    2.5: "matern_5_2",
    3.5: "matern_7_2",
}


class Matern(RadialKernel):
    r"""Matern kernel of any order.

    .. math::

        k(x, z) = \frac{2^{1-\nu}}{\Gamma(\nu)} t^\nu K_\nu(t),
        \quad t = \sqrt{2\nu}\, |x - z| / \ell

    with the modified Bessel function :math:`K_\nu`.

    Parameters
    ----------
    length_scale : float, array-like of shape (n_features,) or str, default=1.0
        Scale :math:`\ell` of distances, one for all features or one per feature; or a
        rule that chooses it from data, see :func:`bandwidth`.

    nu : float, default=1.5
        Order, positive: the functions are ``ceil(nu) - 1`` times differentiable. 0.5
        is the exponential kernel, inf the Gaussian one.

    length_scale_bounds : pair of floats or "fixed", default=(1e-5, 1e5)
        Where a Gaussian process may search for ``length_scale``.

    See Also
    --------
    Exponential : The case ``nu=0.5``.
    RBF : The limit for large ``nu``.

    Notes
    -----
    Positive definite in every dimension; its space is the Sobolev space of order
    ``nu + d / 2``. A kernel matrix costs O(n m d) time and O(n m) memory. The orders
    0.5, 1.5, 2.5 and 3.5 are closed forms; others are read from a table of
    polynomials, built once per order in milliseconds, at about the same speed.

    References
    ----------
    .. [1] C. E. Rasmussen and C. K. I. Williams, Gaussian Processes for Machine
       Learning, MIT Press, 2006, section 4.2.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.kernels import Matern
    >>> Matern(length_scale=2.0, nu=0.8)(np.array([[0.0], [1.0]])).round(4)
    array([[1.    , 0.6958],
           [0.6958, 1.    ]])
    """

    def __init__(self, length_scale=1.0, nu=1.5, *, length_scale_bounds=(1e-5, 1e5)):
        self.length_scale = length_scale
        self.nu = nu
        self.length_scale_bounds = length_scale_bounds

    def _check_params(self):
        super()._check_params()
        check_number(self, "nu", self.nu, 0, np.inf, closed="right")

    @property
    def _order(self):
        return np.inf if np.isinf(self.nu) else int(np.ceil(self.nu)) - 1

    def _plan(self, d):
        if np.isinf(self.nu):
            return self._radial_plan(d, "rbf", factor=np.sqrt(0.5 * LOG2E))
        if self.nu in _CLOSED_FORMS:
            factor = LOG2E * np.sqrt(2.0 * self.nu)
            return self._radial_plan(d, _CLOSED_FORMS[self.nu], factor=factor)
        return self._radial_plan(
            d,
            "matern_general",
            factor=matern_scale(self.nu),
            table=matern_table(float(self.nu)),
        )

    def _unit_derivatives(self, u):
        nu = float(self.nu)
        if np.isinf(nu):
            value = np.exp(-0.5 * u)
            return value, -0.5 * value, 0.25 * value
        z = np.sqrt(2.0 * nu * u)
        # K' of z^a K_a is -z^a K_(a-1), and dz/du = nu / z
        return (
            matern_phi(nu, z),
            -nu * _scaled_bessel(nu, nu - 1.0, z),
            nu**2 * _scaled_bessel(nu, nu - 2.0, z),
        )

    def _smoothness(self, d):
        return self.nu + 0.5 * d

    def _sqrt_kernel(self, d):
        if np.isinf(self.nu):
            return rbf_root(self, d)
        return matern_root(self, self.nu, d)

    def _power_kernel(self, alpha, d):
        if np.isinf(self.nu):
            return rbf_power(self, alpha)
        return matern_power(self, self.nu, alpha, d)


def _scaled_bessel(nu, a, z):
    """2^(1 - nu) / Gamma(nu) z^a K_a(z), also at zero."""
    log_constant = (1.0 - nu) * np.log(2.0) - gammaln(nu)
    positive = np.where(z > 0, z, 1.0)
    log_value = a * np.log(positive) + log_kve(abs(a), positive) - positive
    at_zero = np.inf
    if a > 0:
        at_zero = np.exp(log_constant + (a - 1.0) * np.log(2.0) + gammaln(a))
    return np.where(z > 0, np.exp(log_constant + log_value), at_zero)
