"""Operators between kernels, and when kernels are equal."""

from numbers import Real

import numpy as np
from sklearn.gaussian_process.kernels import Kernel as GaussianProcessKernel


class Algebra:
    """Part of the base class: ``k1 + k2``, ``k1 * k2``, ``k ** n`` and ``k1 == k2``."""

    __array_ufunc__ = None  # NumPy scalars leave the algebra to the kernel

    def __add__(self, other):
        return _combine("Sum", self, other)

    def __radd__(self, other):
        # sum([k1, k2]) starts from 0
        if isinstance(other, Real) and other == 0:
            return self
        return _combine("Sum", other, self)

    def __mul__(self, other):
        return _combine("Product", self, other)

    def __rmul__(self, other):
        return _combine("Product", self, other)

    def __pow__(self, exponent):
        from ._exponentiation import Exponentiation

        return Exponentiation(self, exponent)

    def __eq__(self, other):
        if type(self) is not type(other):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self):
        return hash((type(self), self._key()))

    def _key(self):
        return tuple(
            (name, _hashable(value))
            for name, value in sorted(self.get_params(deep=False).items())
        )


def _combine(kind, left, right):
    """Sum or product of two operands, one of which may be a number."""
    from ._product import Product
    from ._registry import as_kernel
    from ._scaled import Scaled
    from ._sum import Sum

    if kind == "Product" and isinstance(right, Real):
        return Scaled(left, right)
    left, right = as_kernel(left), as_kernel(right)
    if left is None or right is None:
        return NotImplemented
    return Sum(left, right) if kind == "Sum" else Product(left, right)


def _hashable(value):
    if isinstance(value, np.ndarray):
        return (value.shape, value.dtype.str, value.tobytes())
    if isinstance(value, (list, tuple)):
        return tuple(_hashable(part) for part in value)
    if isinstance(value, dict):
        return tuple(sorted((key, _hashable(part)) for key, part in value.items()))
    if isinstance(value, GaussianProcessKernel) and not isinstance(value, Algebra):
        # scikit-learn's kernels have no hash of their own
        return (type(value), _hashable(value.get_params()))
    return value
