"""The exponential chi-squared kernel."""

import numpy as np

from ._feature_sum import FeatureSumKernel, chi2_distances, chi2_feature
from ._parameters import check_number


class Chi2(FeatureSumKernel):
    r"""Exponential chi-squared kernel for histograms.

    .. math::

        k(x, z) = \exp\left(-\gamma \sum_j \frac{(x_j - z_j)^2}{x_j + z_j}\right)

    Parameters
    ----------
    gamma : float, default=1.0
        Inverse scale :math:`\gamma`, not negative.

    See Also
    --------
    AdditiveChi2 : The exponent.
    Intersection : Another kernel for histograms.

    Notes
    -----
    The same as :func:`sklearn.metrics.pairwise.chi2_kernel`. Positive definite for
    non-negative rows. A kernel matrix costs O(n m d) time and O(n m) memory.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.kernels import Chi2
    >>> Chi2()(np.array([[1.0, 0.0], [0.5, 0.5]])).round(4)
    array([[1.    , 0.5134],
           [0.5134, 1.    ]])
    """

    _constant_diagonal = 1.0
    _sums = staticmethod(chi2_distances)
    _feature = staticmethod(chi2_feature)

    def __init__(self, gamma=1.0):
        self.gamma = gamma

    def _check_params(self):
        check_number(self, "gamma", self.gamma, 0, closed="left")

    @property
    def _gamma_value(self):
        return float(self.gamma)

    def _finish(self, sums):
        return np.exp(-self.gamma * sums)
