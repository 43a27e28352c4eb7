"""The hyperbolic tangent kernel."""

import numpy as np

from ._dot import GammaDotKernel
from ._parameters import check_number
from ._reduction import Reduction


class Sigmoid(GammaDotKernel):
    r"""Hyperbolic tangent kernel, which is not positive semi-definite.

    .. math:: k(x, z) = \tanh(\gamma \langle x, z \rangle + c_0)

    Parameters
    ----------
    gamma : float, "scale" or None, default=None
        Coefficient :math:`\gamma`. None means ``1 / n_features``, ``"scale"`` means
        ``1 / (n_features Var X)``.

    coef0 : float, default=1.0
        Constant :math:`c_0`.

    See Also
    --------
    ArcCosine : Positive semi-definite kernels of neural networks.

    Notes
    -----
    The same as :func:`sklearn.metrics.pairwise.sigmoid_kernel`. Methods that need a
    positive semi-definite kernel warn. A kernel matrix costs O(n m d) time and O(n m)
    memory.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.kernels import Sigmoid
    >>> Sigmoid(gamma=1.0, coef0=0.0)(np.array([[1.0], [2.0]])).round(4)
    array([[0.7616, 0.964 ],
           [0.964 , 0.9993]])
    """

    _psd = False
    _lowest_gamma = -np.inf

    def __init__(self, gamma=None, coef0=1.0):
        self.gamma = gamma
        self.coef0 = coef0

    def _check_params(self):
        super()._check_params()
        check_number(self, "coef0", self.coef0)

    @property
    def _upper_bound(self):
        return 1.0

    def _plan(self, d):
        params = (self._coefficient(d), float(self.coef0))
        return Reduction("dot", "sigmoid", params)

    def _derivatives(self, t):
        gamma = self._coefficient()
        value = np.tanh(gamma * t + self.coef0)
        slope = 1.0 - value**2
        return value, gamma * slope, -2.0 * gamma**2 * value * slope
