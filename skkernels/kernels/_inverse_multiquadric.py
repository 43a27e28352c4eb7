"""The inverse multiquadric kernel."""

import numpy as np

from ._parameters import check_number
from ._radial import RadialKernel


class InverseMultiquadric(RadialKernel):
    r"""Inverse multiquadric kernel.

    .. math:: k(x, z) = \left(c^2 + |x - z|^2 / \ell^2\right)^{-\beta}

    Parameters
    ----------
    length_scale : float, array-like of shape (n_features,) or str, default=1.0
        Scale :math:`\ell` of distances, one for all features or one per feature; or a
        rule that chooses it from data, see :func:`bandwidth`.

    beta : float, default=0.5
        Exponent :math:`\beta`, positive.

    c : float, default=1.0
        Offset :math:`c`, positive. The kernel is ``c**(-2 * beta)`` at equal rows.

    length_scale_bounds : pair of floats or "fixed", default=(1e-5, 1e5)
        Where a Gaussian process may search for ``length_scale``.

    See Also
    --------
    RationalQuadratic : The same family, scaled to tend to the Gaussian.

    Notes
    -----
    Positive definite in every dimension; its functions are analytic and its tails
    heavy, which is why Stein discrepancies use it. A kernel matrix costs O(n m d) time
    and O(n m) memory.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.kernels import InverseMultiquadric
    >>> InverseMultiquadric(c=0.5)(np.array([[0.0], [1.0]])).round(4)
    array([[2.    , 0.8944],
           [0.8944, 2.    ]])
    """

    def __init__(
        self, length_scale=1.0, beta=0.5, c=1.0, *, length_scale_bounds=(1e-5, 1e5)
    ):
        self.length_scale = length_scale
        self.beta = beta
        self.c = c
        self.length_scale_bounds = length_scale_bounds

    def _check_params(self):
        super()._check_params()
        check_number(self, "beta", self.beta, 0)
        check_number(self, "c", self.c, 0)

    @property
    def _constant_diagonal(self):
        return float(self.c) ** (-2.0 * self.beta)

    def _plan(self, d):
        square = float(self.c) ** 2
        if self.beta == 0.5:
            return self._radial_plan(d, "inverse_sqrt", (square,))
        if self.beta == 1:
            return self._radial_plan(d, "inverse", (square,))
        return self._radial_plan(d, "inverse_power", (square, -float(self.beta)))

    def _unit_derivatives(self, u):
        b = self.beta
        base = self.c**2 + u
        value = base**-b
        return value, -b * value / base, b * (b + 1.0) * value / base**2

    def _smoothness(self, d):
        return np.inf
