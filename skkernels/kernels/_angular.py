"""What the kernels of an angle share."""

import numpy as np

from ..utils._array import get_namespace
from ._base import Kernel
from ._rows import squared_norms


class AngularKernel(Kernel):
    """Base of kernels ``(|x| |z|)^n J(c)``, c the cosine of the angle.

    A subclass defines :meth:`_plan` and :meth:`_angular`.
    """

    _degree = 0
    _order = None

    def _angular(self, c):
        """J and its derivative at the cosine c, in float64."""
        raise NotImplementedError

    def _diagonal(self, X):
        squares = squared_norms(X)
        xp = get_namespace(squares)
        # a row of zeros has a right angle to every row, itself included
        cosines = xp.where(squares > 0, 1.0, 0.0)
        values = self._array_profile(cosines, xp)
        return values * squares**self._degree if self._degree else values

    def _gradient_x(self, X, Y):
        n = self._degree
        x_norm = np.sqrt(squared_norms(X))[:, None]
        y_norm = np.sqrt(squared_norms(Y))[None, :]
        with np.errstate(divide="ignore", invalid="ignore"):
            cosine = np.clip(X @ Y.T / (x_norm * y_norm), -1.0, 1.0)
            value, slope = self._angular(cosine)
            # along x: the norm grows, the cosine shrinks; along y: the cosine grows
            along_x = (n * value - cosine * slope) * x_norm ** (n - 2) * y_norm**n
            along_y = slope * x_norm ** (n - 1) * y_norm ** (n - 1)
        gradient = along_x[:, :, None] * X[:, None, :]
        gradient += along_y[:, :, None] * Y[None, :, :]
        return gradient
