"""The histogram intersection kernel."""

import numpy as np
import scipy.sparse as sp

from ._feature_sum import FeatureSumKernel, intersections


class Intersection(FeatureSumKernel):
    r"""Intersection of histograms.

    .. math:: k(x, z) = \sum_j \min(x_j, z_j)

    See Also
    --------
    Chi2 : Another kernel for histograms.

    Notes
    -----
    Positive semi-definite for non-negative rows. A kernel matrix costs O(n m d) time
    and O(n m) memory.

    References
    ----------
    .. [1] M. J. Swain and D. H. Ballard, "Color indexing", International Journal of
       Computer Vision 7, 1991.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.kernels import Intersection
    >>> Intersection()(np.array([[1.0, 0.0], [0.5, 0.5]]))
    array([[1. , 0.5],
           [0.5, 1. ]])
    """

    _sums = staticmethod(intersections)

    @staticmethod
    def _feature(x, z, xp):
        return xp.minimum(x, z)

    def _diagonal(self, X):
        if sp.issparse(X):
            return np.asarray(X.sum(axis=1)).ravel()
        return X.sum(axis=1)
