"""The kernel of the energy distance."""

import numpy as np

from ._base import Kernel
from ._parameters import check_number
from ._reduction import Reduction
from ._rows import squared_norms

_CLOSED_FORMS = {1.0: "negative_sqrt", 2.0: "negative"}


class EnergyDistance(Kernel):
    r"""Kernel of the energy distance between samples, also called distance kernel.

    .. math:: k(x, z) = |x|^g + |z|^g - |x - z|^g

    Parameters
    ----------
    power : float, default=1.0
        Exponent :math:`g` in (0, 2].

    See Also
    --------
    ExponentialPower : A stationary kernel of the same power of the distance.

    Notes
    -----
    Positive semi-definite; the covariance of fractional Brownian motion, times two.
    Maximum mean discrepancies with it are energy distances: for them only ``-|x -
    z|**g`` counts. It has no scale to choose. A kernel matrix costs O(n m d) time and
    O(n m) memory.

    References
    ----------
    .. [1] D. Sejdinovic, B. Sriperumbudur, A. Gretton and K. Fukumizu, "Equivalence of
       distance-based and RKHS-based statistics in hypothesis testing", Annals of
       Statistics 41, 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.kernels import EnergyDistance
    >>> EnergyDistance()(np.array([[1.0], [3.0]]))
    array([[2., 2.],
           [2., 6.]])
    """

    _has_row_terms = True
    _order = None

    def __init__(self, power=1.0):
        self.power = power

    def _check_params(self):
        check_number(self, "power", self.power, 0, 2, closed="right")

    def _eig_decay(self, d):
        return np.inf if self.power == 2 else (d + self.power) / d

    def _plan(self, d):
        if self.power in _CLOSED_FORMS:
            return Reduction("sqeuclidean", _CLOSED_FORMS[self.power])
        params = (0.5 * self.power,)
        return Reduction("sqeuclidean", "negative_power", params)

    def _row_terms(self, X):
        return squared_norms(X) ** (0.5 * self.power)

    def _diagonal(self, X):
        return 2.0 * self._row_terms(X)

    def _gradient_x(self, X, Y):
        g = self.power
        difference = X[:, None, :] - Y[None, :, :]
        s = np.einsum("ijk,ijk->ij", difference, difference)[:, :, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            own = g * (X * squared_norms(X)[:, None] ** (0.5 * g - 1.0))
            return own[:, None, :] - g * difference * s ** (0.5 * g - 1.0)
