"""The additive chi-squared kernel."""

import numpy as np

from ._feature_sum import FeatureSumKernel, chi2_distances, chi2_feature


class AdditiveChi2(FeatureSumKernel):
    r"""Negative chi-squared distance between histograms, as in scikit-learn.

    .. math:: k(x, z) = -\sum_j \frac{(x_j - z_j)^2}{x_j + z_j}

    See Also
    --------
    Chi2 : Its exponential, which is positive definite.
    Intersection : Another kernel for histograms.

    Notes
    -----
    The same as :func:`sklearn.metrics.pairwise.additive_chi2_kernel`. For non-negative
    rows. Conditionally positive definite only: it needs a method with an intercept. A
    kernel matrix costs O(n m d) time and O(n m) memory.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.kernels import AdditiveChi2
    >>> AdditiveChi2()(np.array([[1.0, 0.0], [0.5, 0.5]])).round(4)
    array([[-0.    , -0.6667],
           [-0.6667, -0.    ]])
    """

    _psd = False
    _constant_diagonal = 0.0
    _sums = staticmethod(chi2_distances)
    _feature = staticmethod(chi2_feature)

    @property
    def _upper_bound(self):
        return 0.0

    def _finish(self, sums):
        return np.negative(sums)
