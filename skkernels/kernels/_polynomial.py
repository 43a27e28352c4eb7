"""The polynomial kernel."""

from numbers import Integral

import numpy as np

from ._dot import GammaDotKernel
from ._parameters import check_number
from ._reduction import Reduction


class Polynomial(GammaDotKernel):
    r"""Polynomial kernel.

    .. math:: k(x, z) = (\gamma \langle x, z \rangle + c_0)^p

    Parameters
    ----------
    degree : float, default=3
        Degree :math:`p`, not negative. With a degree that is no integer the kernel is
        not positive semi-definite, and NaN where the base is negative.

    gamma : float, "scale" or None, default=None
        Coefficient :math:`\gamma`, not negative. None means ``1 / n_features``,
        ``"scale"`` means ``1 / (n_features Var X)``.

    coef0 : float, default=1.0
        Constant :math:`c_0`. Negative values make the kernel indefinite.

    See Also
    --------
    Linear : The inner product itself.

    Notes
    -----
    The same as :func:`sklearn.metrics.pairwise.polynomial_kernel`. Positive
    semi-definite for integer degrees and ``coef0 >= 0``, of finite rank. A kernel
    matrix costs O(n m d) time and O(n m) memory.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.kernels import Polynomial
    >>> Polynomial(degree=2, gamma=1.0)(np.array([[1.0], [2.0]]))
    array([[ 4.,  9.],
           [ 9., 25.]])
    """

    def __init__(self, degree=3, gamma=None, coef0=1.0):
        self.degree = degree
        self.gamma = gamma
        self.coef0 = coef0

    def _check_params(self):
        super()._check_params()
        check_number(self, "degree", self.degree, 0, closed="left")
        check_number(self, "coef0", self.coef0)

    @property
    def _psd(self):
        return self._integer_degree() is not None and self.coef0 >= 0

    def _integer_degree(self):
        if isinstance(self.degree, Integral) or float(self.degree).is_integer():
            return int(self.degree)
        return None

    def _plan(self, d):
        params = (self._coefficient(d), float(self.coef0))
        degree = self._integer_degree()
        if degree is None:
            return Reduction("dot", "polynomial_real", (*params, float(self.degree)))
        return Reduction("dot", ("polynomial", degree), params)

    def _derivatives(self, t):
        gamma, p = self._coefficient(), self.degree
        base = gamma * t + self.coef0
        first = gamma * p * base ** (p - 1) if p else np.zeros_like(t)
        second = (
            gamma**2 * p * (p - 1) * base ** (p - 2)
            if p not in (0, 1)
            else np.zeros_like(t)
        )
        return base**p, first, second

    def _eig_decay(self, d):
        return np.inf if self._integer_degree() is not None else None
