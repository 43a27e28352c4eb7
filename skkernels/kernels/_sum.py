"""Sums of kernels."""

from ._composite import CompositeKernel, gradient_stack
from ._fusion import add_reductions, plain_reduction


class Sum(CompositeKernel):
    r"""Sum of two kernels; what ``k1 + k2`` makes.

    .. math:: k(x, z) = k_1(x, z) + k_2(x, z)

    Parameters
    ----------
    k1 : Kernel
        First term.

    k2 : Kernel
        Second term.

    See Also
    --------
    Product : The product of two kernels.
    Scaled : A multiple of a kernel.

    Notes
    -----
    Kernels of the same distance (or both of the inner product) whose length scales
    are proportional are evaluated as one profile with one distance per pair; others
    are added up term by term. Nested parameters are called ``k1__length_scale`` and so
    on.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.kernels import RBF, Linear
    >>> (RBF() + Linear())(np.array([[0.0], [1.0]])).round(4)
    array([[1.    , 0.6065],
           [0.6065, 2.    ]])
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
        values = [self.k1._constant_diagonal, self.k2._constant_diagonal]
        return None if None in values else sum(values)

    @property
    def _upper_bound(self):
        return self.k1._upper_bound + self.k2._upper_bound

    def _plan(self, d):
        a, b = plain_reduction(self.k1, d), plain_reduction(self.k2, d)
        return None if a is None or b is None else add_reductions(a, b)

    def _terms(self):
        if self._reduction(None) is not None:
            return [(1.0, self)]
        terms = []
        for weight, kernel in [*self.k1._terms(), *self.k2._terms()]:
            _add_term(terms, weight, kernel)
        return terms

    def _diagonal(self, X):
        return self.k1.diag(X) + self.k2.diag(X)

    def _derivatives(self, t):
        return tuple(
            a + b for a, b in zip(self.k1._derivatives(t), self.k2._derivatives(t))
        )

    def _gradient_x(self, X, Y):
        return self.k1._gradient_x(X, Y) + self.k2._gradient_x(X, Y)

    def _gradients(self, X, K):
        return [gradient_stack(kernel, X, kernel(X)) for kernel in (self.k1, self.k2)]


def _add_term(terms, weight, kernel):
    """Append a weighted kernel to a list, or merge it with one that it fuses with."""
    from ._scaled import Scaled

    for i, (other_weight, other) in enumerate(terms):
        if other._diagonal_only or kernel._diagonal_only:
            continue
        fused = Sum(Scaled(other, other_weight), Scaled(kernel, weight))
        if plain_reduction(fused, None) is not None:
            terms[i] = (1.0, fused)
            return
    terms.append((weight, kernel))
