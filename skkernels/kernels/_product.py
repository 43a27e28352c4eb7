"""Products of kernels."""

from ._composite import CompositeKernel, gradient_stack
from ._dense import dense_block
from ._fusion import multiply_reductions, plain_reduction


class Product(CompositeKernel):
    r"""Product of two kernels; what ``k1 * k2`` makes.

    .. math:: k(x, z) = k_1(x, z)\, k_2(x, z)

    Parameters
    ----------
    k1 : Kernel
        First factor.

    k2 : Kernel
        Second factor.

    See Also
    --------
    Sum : The sum of two kernels.
    Exponentiation : A power of a kernel.

    Notes
    -----
    Positive semi-definite if both factors are. Kernels of the same distance (or both
    of the inner product) whose length scales are proportional are evaluated as one
    profile with one distance per pair; others block by block. Nested parameters are
    called ``k1__length_scale`` and so on.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.kernels import RBF, Linear
    >>> (RBF() * Linear())(np.array([[1.0], [2.0]])).round(4)
    array([[1.    , 1.2131],
           [1.2131, 4.    ]])
    """

    _parts = ("k1", "k2")

    def __init__(self, k1, k2):
        self.k1 = k1
        self.k2 = k2

    @property
    def _psd(self):
        return True if self.k1._psd and self.k2._psd else None

    @property
    def _constant_diagonal(self):
        a, b = self.k1._constant_diagonal, self.k2._constant_diagonal
        return None if a is None or b is None else a * b

    def _plan(self, d):
        a, b = plain_reduction(self.k1, d), plain_reduction(self.k2, d)
        return None if a is None or b is None else multiply_reductions(a, b)

    def _block(self, X, Z):
        return dense_block(self.k1, X, Z) * dense_block(self.k2, X, Z)

    def _gram(self, X):
        return dense_block(self.k1, X) * dense_block(self.k2, X)

    def _diagonal(self, X):
        return self.k1.diag(X) * self.k2.diag(X)

    def _derivatives(self, t):
        a0, a1, a2 = self.k1._derivatives(t)
        b0, b1, b2 = self.k2._derivatives(t)
        return a0 * b0, a1 * b0 + a0 * b1, a2 * b0 + 2.0 * a1 * b1 + a0 * b2

    def _gradient_x(self, X, Y):
        a = dense_block(self.k1, X, Y)[:, :, None]
        b = dense_block(self.k2, X, Y)[:, :, None]
        return a * self.k2._gradient_x(X, Y) + b * self.k1._gradient_x(X, Y)

    def _gradients(self, X, K):
        a, b = self.k1(X), self.k2(X)
        return [
            gradient_stack(self.k1, X, a) * b[:, :, None],
            gradient_stack(self.k2, X, b) * a[:, :, None],
        ]
