"""Multiples of kernels."""

import numpy as np

from ._composite import CompositeKernel, gradient_stack
from ._fusion import plain_reduction, scale_reduction
from ._parameters import check_number


class Scaled(CompositeKernel):
    r"""Multiple of a kernel; what ``2.0 * k`` makes.

    .. math:: k(x, z) = c\, k_1(x, z)

    Parameters
    ----------
    kernel : Kernel
        The kernel that is multiplied.

    factor : float, default=1.0
        Factor :math:`c`, the variance of a Gaussian process.

    factor_bounds : pair of floats or "fixed", default=(1e-5, 1e5)
        Where a Gaussian process may search for ``factor``.

    See Also
    --------
    Constant : The constant as a kernel of its own.

    Notes
    -----
    Costs nothing beside the kernel. Positive semi-definite for ``factor >= 0``.

    Examples
    --------
    >>> from skkernels.kernels import RBF
    >>> 2.0 * RBF()
    Scaled(factor=2.0, kernel=RBF())
    >>> (2.0 * RBF())([[0.0]])
    array([[2.]])
    """

    _tunable = ("factor",)

    def __init__(self, kernel, factor=1.0, *, factor_bounds=(1e-5, 1e5)):
        self.kernel = kernel
        self.factor = factor
        self.factor_bounds = factor_bounds

    def _check_params(self):
        super()._check_params()
        check_number(self, "factor", self.factor)

    @property
    def _psd(self):
        if self.factor == 0:
            return True
        return self.kernel._psd if self.factor > 0 else None

    @property
    def _constant_diagonal(self):
        value = self.kernel._constant_diagonal
        return None if value is None else self.factor * value

    @property
    def _upper_bound(self):
        if self.factor < 0:
            return np.inf
        return self.factor * self.kernel._upper_bound if self.factor else 0.0

    def _plan(self, d):
        reduction = plain_reduction(self.kernel, d)
        return None if reduction is None else scale_reduction(reduction, self.factor)

    def _terms(self):
        if self._reduction(None) is not None:
            return [(1.0, self)]
        terms = self.kernel._terms()
        return [(self.factor * weight, kernel) for weight, kernel in terms]

    def _diagonal(self, X):
        return self.factor * self.kernel.diag(X)

    def _derivatives(self, t):
        return tuple(self.factor * part for part in self.kernel._derivatives(t))

    def _gradient_x(self, X, Y):
        return self.factor * self.kernel._gradient_x(X, Y)

    def _gradients(self, X, K):
        inner = K / self.factor if self.factor else self.kernel(X)
        gradients = [self.factor * gradient_stack(self.kernel, X, inner)]
        if not self.hyperparameters[-1].fixed:
            gradients.append(K)
        return gradients
