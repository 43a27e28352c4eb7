"""The constant kernel."""

import numpy as np

from ._base import Kernel
from ._parameters import check_number
from ._reduction import Reduction


class Constant(Kernel):
    r"""Constant kernel; what the number in ``k + 1.0`` becomes.

    .. math:: k(x, z) = c

    Parameters
    ----------
    value : float, default=1.0
        The constant :math:`c`.

    value_bounds : pair of floats or "fixed", default=(1e-5, 1e5)
        Where a Gaussian process may search for ``value``.

    See Also
    --------
    Scaled : A constant that multiplies a kernel.

    Notes
    -----
    Positive semi-definite, of rank one, for ``value >= 0``. In a sum with a kernel of
    one distance or inner product it costs nothing.

    Examples
    --------
    >>> from skkernels.kernels import Constant
    >>> Constant(2.0)([[0.0], [1.0]])
    array([[2., 2.],
           [2., 2.]])
    """

    _stationary = True
    _variable = "anything"
    _tunable = ("value",)

    def __init__(self, value=1.0, *, value_bounds=(1e-5, 1e5)):
        self.value = value
        self.value_bounds = value_bounds

    def _check_params(self):
        check_number(self, "value", self.value)

    @property
    def _psd(self):
        return self.value >= 0

    @property
    def _constant_diagonal(self):
        return float(self.value)

    @property
    def _upper_bound(self):
        return float(self.value)

    def _smoothness(self, d):
        return np.inf

    def _plan(self, d):
        return Reduction("dot", "constant", (float(self.value),), scale=0.0)

    def _derivatives(self, t):
        return np.full_like(t, self.value), np.zeros_like(t), np.zeros_like(t)

    def _gradient_x(self, X, Y):
        return np.zeros((X.shape[0], Y.shape[0], X.shape[1]))

    def _gradients(self, X, K):
        return [K] if self.n_dims else []
