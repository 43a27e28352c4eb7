"""The Cauchy kernel."""

import numpy as np

from ._radial import RadialKernel


class Cauchy(RadialKernel):
    r"""Cauchy kernel.

    .. math:: k(x, z) = \frac{1}{1 + |x - z|^2 / \ell^2}

    Parameters
    ----------
    length_scale : float, array-like of shape (n_features,) or str, default=1.0
        Scale :math:`\ell` of distances, one for all features or one per feature; or a
        rule that chooses it from data, see :func:`bandwidth`.

    length_scale_bounds : pair of floats or "fixed", default=(1e-5, 1e5)
        Where a Gaussian process may search for ``length_scale``.

    See Also
    --------
    GeneralizedCauchy : Other powers of the distance and of the whole.
    InverseMultiquadric : Other powers of the whole.

    Notes
    -----
    Positive definite in every dimension; its functions are analytic. A kernel matrix
    costs O(n m d) time and O(n m) memory.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.kernels import Cauchy
    >>> Cauchy()(np.array([[0.0], [2.0]]))
    array([[1. , 0.2],
           [0.2, 1. ]])
    """

    def __init__(self, length_scale=1.0, *, length_scale_bounds=(1e-5, 1e5)):
        self.length_scale = length_scale
        self.length_scale_bounds = length_scale_bounds

    def _plan(self, d):
        return self._radial_plan(d, "inverse", (1.0,))

    def _unit_derivatives(self, u):
        value = 1.0 / (1.0 + u)
        return value, -(value**2), 2.0 * value**3

    def _smoothness(self, d):
        return np.inf
