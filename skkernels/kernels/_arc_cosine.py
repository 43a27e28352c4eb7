"""The arc-cosine kernels."""

import numpy as np

from ._angular import AngularKernel
from ._parameters import check_number
from ._profiles import array_profile
from ._reduction import Reduction


class ArcCosine(AngularKernel):
    r"""Arc-cosine kernel of Cho and Saul: a layer of infinitely many units.

    .. math:: k(x, z) = \frac{1}{\pi} |x|^n |z|^n J_n(\theta)
        = 2 E\left[ (w^T x)_+^n (w^T z)_+^n \right]

    with the angle :math:`\theta` between the rows and normal :math:`w`. Order 0 belongs
    to step units, :math:`J_0 = \pi - \theta`, order 1 to rectified linear units,
    :math:`J_1 = \sin \theta + (\pi - \theta) \cos \theta`.

    Parameters
    ----------
    order : int, default=1
        Order :math:`n`, 0 to 3.

    See Also
    --------
    Cosine : The cosine of the angle itself.

    Notes
    -----
    Positive semi-definite. Smoothness and eigenvalues are stated for rows on a sphere.
    A row of zeros has a right angle to every row. Near parallel rows order 0 has a
    cusp, where rounding of the cosine costs half of the digits. A kernel matrix costs
    O(n m d) time and O(n m) memory.

    References
    ----------
    .. [1] Y. Cho and L. K. Saul, "Kernel methods for deep learning", NeurIPS 2009.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.kernels import ArcCosine
    >>> ArcCosine(order=1)(np.array([[1.0, 0.0], [0.0, 2.0]])).round(4)
    array([[1.    , 0.6366],
           [0.6366, 4.    ]])
    """

    def __init__(self, order=1):
        self.order = order

    def _check_params(self):
        check_number(self, "order", self.order, 0, 3, closed="both", integer=True)

    @property
    def _degree(self):
        return int(self.order)

    @property
    def _upper_bound(self):
        return 1.0 if self.order == 0 else np.inf

    def _plan(self, d):
        return Reduction(
            "dot",
            f"arc_cosine_{self._degree}",
            unit_rows=True,
            row_power=self._degree,
        )

    def _angular(self, c):
        n = self._degree
        value = array_profile(f"arc_cosine_{n}")(c, (), None)
        if n == 0:
            return value, 1.0 / (np.pi * np.sqrt((1.0 - c) * (1.0 + c)))
        # J_n' = n^2 J_(n-1) as functions of the cosine
        return value, n**2 * array_profile(f"arc_cosine_{n - 1}")(c, (), None)

    def _smoothness(self, d):
        return 0.5 * d + self._degree

    def _eig_decay(self, d):
        return (d + 2.0 * self._degree) / (d - 1.0) if d > 1 else np.inf
