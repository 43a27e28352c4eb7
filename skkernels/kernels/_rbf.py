"""The Gaussian kernel."""

import numpy as np

from ._profiles import LOG2E
from ._radial import RadialKernel
from ._roots import rbf_power, rbf_root


class RBF(RadialKernel):
    r"""Gaussian kernel, also called squared exponential or radial basis function.

    .. math:: k(x, z) = \exp\left(-\frac{|x - z|^2}{2 \ell^2}\right)

    scikit-learn's ``rbf_kernel`` with ``gamma = 1 / (2 length_scale**2)``.

    Parameters
    ----------
    length_scale : float, array-like of shape (n_features,) or str, default=1.0
        Scale :math:`\ell` of distances, one for all features or one per feature; or a
        rule that chooses it from data, see :func:`bandwidth`.

    length_scale_bounds : pair of floats or "fixed", default=(1e-5, 1e5)
        Where a Gaussian process may search for ``length_scale``.

    See Also
    --------
    Matern : Kernels of any smoothness, of which this is the limit.

    Notes
    -----
    Positive definite in every dimension; its functions are analytic. A kernel matrix
    costs O(n m d) time and O(n m) memory.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.kernels import RBF
    >>> RBF(length_scale=0.5)(np.array([[0.0], [1.0]])).round(4)
    array([[1.    , 0.1353],
           [0.1353, 1.    ]])
    """

    def __init__(self, length_scale=1.0, *, length_scale_bounds=(1e-5, 1e5)):
        self.length_scale = length_scale
        self.length_scale_bounds = length_scale_bounds

    def _plan(self, d):
        return self._radial_plan(d, "rbf", factor=np.sqrt(0.5 * LOG2E))

    def _unit_derivatives(self, u):
        value = np.exp(-0.5 * u)
        return value, -0.5 * value, 0.25 * value

    def _smoothness(self, d):
        return np.inf

    def _sqrt_kernel(self, d):
        return rbf_root(self, d)

    def _power_kernel(self, alpha, d):
        return rbf_power(self, alpha)
