"""The exponential kernel of the Euclidean distance."""

import numpy as np

from ._profiles import LOG2E
from ._radial import RadialKernel
from ._roots import matern_power, matern_root


class Exponential(RadialKernel):
    r"""Exponential kernel of the Euclidean distance.

    .. math:: k(x, z) = \exp(-|x - z|_2 / \ell)

    Known as the Laplacian kernel in the papers on EigenPro and on neural tangent
    kernels; not to be confused with scikit-learn's ``laplacian_kernel``, which has the
    l1 distance and is :class:`Laplacian` here.

    Parameters
    ----------
    length_scale : float, array-like of shape (n_features,) or str, default=1.0
        Scale :math:`\ell` of distances, one for all features or one per feature; or a
        rule that chooses it from data, see :func:`bandwidth`.

    length_scale_bounds : pair of floats or "fixed", default=(1e-5, 1e5)
        Where a Gaussian process may search for ``length_scale``.

    See Also
    --------
    Laplacian : The same function of the l1 distance.
    Matern : Smoother kernels; this is the one with ``nu=0.5``.

    Notes
    -----
    Positive definite in every dimension; its space is the Sobolev space of order
    ``(d + 1) / 2``. A kernel matrix costs O(n m d) time and O(n m) memory.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.kernels import Exponential
    >>> Exponential()(np.array([[0.0, 0.0], [3.0, 4.0]])).round(5)
    array([[1.     , 0.00674],
           [0.00674, 1.     ]])
    """

    _order = 0

    def __init__(self, length_scale=1.0, *, length_scale_bounds=(1e-5, 1e5)):
        self.length_scale = length_scale
        self.length_scale_bounds = length_scale_bounds

    def _plan(self, d):
        return self._radial_plan(d, "exponential", factor=LOG2E)

    def _unit_derivatives(self, u):
        r = np.sqrt(u)
        value = np.exp(-r)
        return value, -0.5 * value / r, 0.25 * value * (1.0 + r) / r**3

    def _smoothness(self, d):
        return 0.5 * (d + 1)

    def _sqrt_kernel(self, d):
        return matern_root(self, 0.5, d)

    def _power_kernel(self, alpha, d):
        return matern_power(self, 0.5, alpha, d)
