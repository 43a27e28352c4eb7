"""The periodic kernel."""

import numpy as np
from scipy.spatial.distance import cdist

from ._base import Kernel
from ._parameters import check_number
from ._profiles import LOG2E
from ._reduction import Reduction


class ExpSineSquared(Kernel):
    r"""Periodic kernel of one feature.

    .. math:: k(x, z) = \exp\left(-\frac{2 \sin^2(\pi |x - z| / p)}{\ell^2}\right)

    Parameters
    ----------
    length_scale : float, default=1.0
        Scale :math:`\ell` of the function within a period.

    periodicity : float, default=1.0
        Period :math:`p`.

    length_scale_bounds : pair of floats or "fixed", default=(1e-5, 1e5)
        Where a Gaussian process may search for ``length_scale``.

    periodicity_bounds : pair of floats or "fixed", default=(1e-5, 1e5)
        Where a Gaussian process may search for ``periodicity``.

    See Also
    --------
    sklearn.gaussian_process.kernels.ExpSineSquared : The same.

    Notes
    -----
    Positive definite for one feature. With more it is a function of the Euclidean
    distance as in scikit-learn, which need not be positive semi-definite: multiply
    kernels of one feature each instead. A kernel matrix costs O(n m d) time and O(n m)
    memory.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.kernels import ExpSineSquared
    >>> ExpSineSquared(periodicity=2.0)(np.array([[0.0], [1.0], [2.0]])).round(4)
    array([[1.    , 0.1353, 1.    ],
           [0.1353, 1.    , 0.1353],
           [1.    , 0.1353, 1.    ]])
    """

    _stationary = True
    _variable = "squared distance"
    _psd = None
    _constant_diagonal = 1.0
    _tunable = ("length_scale", "periodicity")

    def __init__(
        self,
        length_scale=1.0,
        periodicity=1.0,
        *,
        length_scale_bounds=(1e-5, 1e5),
        periodicity_bounds=(1e-5, 1e5),
    ):
        self.length_scale = length_scale
        self.periodicity = periodicity
        self.length_scale_bounds = length_scale_bounds
        self.periodicity_bounds = periodicity_bounds

    def _check_params(self):
        check_number(self, "length_scale", self.length_scale, 0)
        check_number(self, "periodicity", self.periodicity, 0)

    @property
    def _upper_bound(self):
        return 1.0

    def _smoothness(self, d):
        return np.inf

    def _plan(self, d):
        strength = 2.0 * LOG2E / self.length_scale**2
        return Reduction(
            "sqeuclidean", "periodic", (strength,), scale=np.pi / self.periodicity
        )

    def _derivatives(self, t):
        rate = np.pi / self.periodicity
        strength = 2.0 * (rate / self.length_scale) ** 2
        r = np.sqrt(t)
        value = np.exp(-2.0 * (np.sin(rate * r) / self.length_scale) ** 2)
        # sin(2 rate r) / (2 rate r), and its derivative with respect to r^2
        ratio = np.sinc(2.0 * r / self.periodicity)
        safe = np.where(t > 0, t, 1.0)
        change = 0.5 * (np.cos(2.0 * rate * r) - ratio) / safe
        series = -(4.0 * rate**2 / 6.0) * (1.0 - 0.4 * rate**2 * t)
        change = np.where(rate * r < 1e-3, series, change)
        first = -strength * value * ratio
        return value, first, -strength * (first * ratio + value * change)

    def _gradient_x(self, X, Y):
        difference = X[:, None, :] - Y[None, :, :]
        s = np.einsum("ijk,ijk->ij", difference, difference)
        return 2.0 * self._derivatives(s)[1][:, :, None] * difference

    def _gradients(self, X, K):
        angle = cdist(X, X)
        angle *= np.pi / self.periodicity
        sine, cosine = np.sin(angle), np.cos(angle)
        scale = 4.0 / self.length_scale**2
        gradients = {
            "length_scale": scale * sine**2 * K,
            "periodicity": scale * angle * sine * cosine * K,
        }
        return [gradients[p.name] for p in self.hyperparameters if not p.fixed]
