"""The cosine similarity."""

import numpy as np

from ._angular import AngularKernel
from ._reduction import Reduction


class Cosine(AngularKernel):
    r"""Cosine of the angle between rows.

    .. math:: k(x, z) = \frac{\langle x, z \rangle}{|x| |z|}

    See Also
    --------
    Linear : Without the division by the norms.

    Notes
    -----
    The same as :func:`sklearn.metrics.pairwise.cosine_similarity`: zero for rows of
    zeros. Positive semi-definite, of rank at most ``n_features``. A kernel matrix
    costs O(n m d) time and O(n m) memory.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.kernels import Cosine
    >>> Cosine()(np.array([[1.0, 0.0], [1.0, 1.0]])).round(4)
    array([[1.    , 0.7071],
           [0.7071, 1.    ]])
    """

    @property
    def _upper_bound(self):
        return 1.0

    def _plan(self, d):
        return Reduction("dot", "identity", unit_rows=True)

    def _angular(self, c):
        return c, np.ones_like(c)

    def _eig_decay(self, d):
        return np.inf
