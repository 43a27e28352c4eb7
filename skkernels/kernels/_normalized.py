"""Kernels divided by their values at equal rows."""

import numpy as np

from ..utils._array import get_namespace
from ._composite import CompositeKernel, gradient_stack
from ._dense import dense_block
from ._fusion import plain_reduction, scale_reduction


class Normalized(CompositeKernel):
    r"""Kernel scaled to one at equal rows.

    .. math:: k(x, z) = \frac{k_1(x, z)}{\sqrt{k_1(x, x)\, k_1(z, z)}}

    Parameters
    ----------
    kernel : Kernel
        The kernel that is scaled. It must have no white noise in it.

    See Also
    --------
    Cosine : The linear kernel normalised.
    Centered : Kernels with the mean taken out.

    Notes
    -----
    Zero where ``k1(x, x)`` is zero. Costs two diagonals beside the kernel.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.kernels import Normalized, Polynomial
    >>> Normalized(Polynomial(degree=2, gamma=1.0))(np.array([[1.0], [2.0]])).round(4)
    array([[1. , 0.9],
           [0.9, 1. ]])
    """

    def __init__(self, kernel):
        self.kernel = kernel

    def _check_params(self):
        super()._check_params()
        refuse_noise(self)

    @property
    def _psd(self):
        return self.kernel._psd

    @property
    def _constant_diagonal(self):
        # others may have rows where it is zero
        return 1.0 if self.kernel._constant_diagonal else None

    @property
    def _upper_bound(self):
        return 1.0 if self._psd else np.inf

    @property
    def _variable(self):
        return self.kernel._variable if self.kernel._constant_diagonal else None

    def _plan(self, d):
        value = self.kernel._constant_diagonal
        reduction = plain_reduction(self.kernel, d) if value else None
        return None if reduction is None else scale_reduction(reduction, 1.0 / value)

    def _factors(self, X):
        xp = get_namespace(X)
        diagonal = self.kernel.diag(X)
        positive = diagonal > 0
        return xp.where(positive, 1.0 / xp.sqrt(xp.where(positive, diagonal, 1.0)), 0.0)

    def _block(self, X, Z):
        K = dense_block(self.kernel, X, Z)
        return K * self._factors(X)[:, None] * self._factors(Z)[None, :]

    def _gram(self, X):
        factors = self._factors(X)
        return dense_block(self.kernel, X) * (factors[:, None] * factors[None, :])

    def _diagonal(self, X):
        return (self._factors(X) > 0).astype(X.dtype)

    def _derivatives(self, t):
        value = self.kernel._constant_diagonal
        return tuple(part / value for part in self.kernel._derivatives(t))

    def _gradient_x(self, X, Y):
        value = self.kernel._constant_diagonal
        if not value:
            return super()._gradient_x(X, Y)
        return self.kernel._gradient_x(X, Y) / value

    def _gradients(self, X, K):
        inner = self.kernel(X)
        gradients = gradient_stack(self.kernel, X, inner)
        factors = self._factors(X)
        # relative change of k(x, x), half of it for each of the two rows
        own = np.einsum("iip->ip", gradients) * factors[:, None] ** 2
        share = 0.5 * (own[:, None, :] + own[None, :, :])
        scale = (factors[:, None] * factors[None, :])[:, :, None]
        return [gradients * scale - share * K[:, :, None]]


def refuse_noise(kernel):
    """Raise where white noise is inside of a kernel that has no use for it."""
    if kernel._has_noise:
        raise ValueError(
            f"WhiteNoise inside of {type(kernel).__name__} has no meaning: add it to "
            "the result instead."
        )
