"""Powers of kernels."""

import numpy as np

from ._composite import CompositeKernel, gradient_stack
from ._dense import dense_block
from ._fusion import plain_reduction, power_reduction
from ._parameters import check_number


class Exponentiation(CompositeKernel):
    r"""Power of a kernel; what ``k ** 2`` makes.

    .. math:: k(x, z) = k_1(x, z)^p

    Parameters
    ----------
    kernel : Kernel
        The base.

    exponent : float
        The exponent :math:`p`, not negative.

    See Also
    --------
    Product : Products of different kernels.
    Polynomial : Powers of inner products.

    Notes
    -----
    Positive semi-definite for integer exponents; others are defined where the base is
    not negative. Integer powers of kernels that are functions of one distance or inner
    product cost nothing beside the kernel.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.kernels import Linear
    >>> (Linear() ** 2)(np.array([[1.0], [3.0]]))
    array([[ 1.,  9.],
           [ 9., 81.]])
    """

    def __init__(self, kernel, exponent):
        self.kernel = kernel
        self.exponent = exponent

    def _check_params(self):
        super()._check_params()
        check_number(self, "exponent", self.exponent, 0, closed="left")

    @property
    def _is_integer(self):
        return float(self.exponent).is_integer()

    @property
    def _psd(self):
        return True if self.kernel._psd and self._is_integer else None

    @property
    def _constant_diagonal(self):
        value = self.kernel._constant_diagonal
        return None if value is None else value**self.exponent

    def _plan(self, d):
        reduction = plain_reduction(self.kernel, d)
        if reduction is None or not self._is_integer:
            return None
        return power_reduction(reduction, int(self.exponent))

    def _block(self, X, Z):
        return dense_block(self.kernel, X, Z) ** self.exponent

    def _gram(self, X):
        return dense_block(self.kernel, X) ** self.exponent

    def _diagonal(self, X):
        return self.kernel.diag(X) ** self.exponent

    def _powers(self, base):
        """p base^(p - 1) and p (p - 1) base^(p - 2)."""
        p = self.exponent
        first = p * base ** (p - 1) if p else np.zeros_like(base)
        second = p * (p - 1) * base ** (p - 2) if p not in (0, 1) else 0.0 * base
        return first, second

    def _derivatives(self, t):
        a0, a1, a2 = self.kernel._derivatives(t)
        first, second = self._powers(a0)
        return a0**self.exponent, first * a1, first * a2 + second * a1**2

    def _gradient_x(self, X, Y):
        first, _ = self._powers(dense_block(self.kernel, X, Y))
        return first[:, :, None] * self.kernel._gradient_x(X, Y)

    def _gradients(self, X, K):
        inner = self.kernel(X)
        first, _ = self._powers(inner)
        return [first[:, :, None] * gradient_stack(self.kernel, X, inner)]
