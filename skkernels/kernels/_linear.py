"""The linear kernel."""

import numpy as np

from ._dot import DotKernel
from ._reduction import Reduction


class Linear(DotKernel):
    r"""Linear kernel, the inner product.

    .. math:: k(x, z) = \langle x, z \rangle

    See Also
    --------
    Polynomial : Powers of it.

    Notes
    -----
    Positive semi-definite, of rank at most ``n_features``. A kernel matrix costs
    O(n m d) time and O(n m) memory.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.kernels import Linear
    >>> Linear()(np.array([[1.0, 2.0], [0.0, 3.0]]))
    array([[5., 6.],
           [6., 9.]])
    """

    def _plan(self, d):
        return Reduction("dot", "identity")

    def _derivatives(self, t):
        return t.copy(), np.ones_like(t), np.zeros_like(t)

    def _eig_decay(self, d):
        return np.inf
