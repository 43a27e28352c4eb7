"""Kernels with the mean of a sample taken out."""

import numpy as np

from ..utils._array import get_namespace, to_numpy
from ..utils._parallel import row_blocks
from ._composite import CompositeKernel
from ._dense import dense_block
from ._fusion import plain_reduction
from ._normalized import refuse_noise

_BLOCK_ENTRIES = 2**20


class Centered(CompositeKernel):
    r"""Kernel of features whose mean over a sample is zero.

    .. math::

        k(x, z) = \langle \phi(x) - \mu, \phi(z) - \mu \rangle
        = k_1(x, z) - m(x) - m(z) + \bar m

    where :math:`m(x)` is the mean of :math:`k_1(x, x_i)` over the sample and
    :math:`\bar m` the mean of :math:`m`.

    Parameters
    ----------
    kernel : Kernel
        The kernel that is centred. It must have no white noise in it.

    reference : array-like of shape (n_reference, n_features) or None, default=None
        The sample. None means the data that :meth:`resolve` gets.

    reference_weight : array-like of shape (n_reference,) or None, default=None
        Weights of the sample; None means equal weights.

    grand_mean : float or None, default=None
        The mean over all pairs of the sample. Computed where it is None.

    See Also
    --------
    Normalized : Kernels scaled to one at equal rows.
    sklearn.preprocessing.KernelCenterer : The same for a given matrix.

    Notes
    -----
    Rows cost one product with the kernel matrix of the sample: O(n n_reference d) time
    beside the kernel. Gaussian processes keep its parameters fixed.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.kernels import Centered, Linear
    >>> X = np.array([[1.0], [3.0]])
    >>> Centered(Linear()).resolve(X)(X)
    array([[ 1., -1.],
           [-1.,  1.]])
    """

    _has_row_terms = True
    _variable = None
    _order = None

    def __init__(self, kernel, reference=None, reference_weight=None, grand_mean=None):
        self.kernel = kernel
        self.reference = reference
        self.reference_weight = reference_weight
        self.grand_mean = grand_mean

    def _check_params(self):
        super()._check_params()
        refuse_noise(self)

    def _check_resolved(self):
        super()._check_resolved()
        if self.reference is None:
            raise ValueError(
                "Centered has no sample to take the mean of: call kernel.resolve(X) "
                "first, or set reference. Estimators do so in fit."
            )

    @property
    def _psd(self):
        return self.kernel._psd

    @property
    def _stationary(self):
        return False

    def _resolve(self, X, weights, random_state):
        resolved = super()._resolve(X, weights, random_state)
        if self.reference is None:
            resolved = resolved._replace(reference=X, reference_weight=weights)
        mean = resolved._average(resolved._means(resolved.reference))
        return resolved._replace(grand_mean=float(mean))

    def _average(self, values):
        weights = self.reference_weight
        if weights is not None:
            weights = to_numpy(weights)
        return np.average(to_numpy(values), weights=weights)

    def _means(self, X):
        """m(x) for rows, in float64."""
        xp = get_namespace(X)
        n_reference = self.reference.shape[0]
        weights = xp.ones(n_reference)
        if self.reference_weight is not None:
            weights = xp.asarray(self.reference_weight, dtype=np.float64)
        weights = weights / weights.sum()
        size = max(1, _BLOCK_ENTRIES // n_reference)
        return xp.concatenate(
            [
                dense_block(self.kernel, X[rows], self.reference).astype(np.float64)
                @ weights
                for rows in row_blocks(X.shape[0], size)
            ]
        )

    def _row_terms(self, X):
        mean = self.grand_mean
        if mean is None:
            mean = self._average(self._means(self.reference))
        return 0.5 * mean - self._means(X)

    def _plan(self, d):
        return plain_reduction(self.kernel, d)

    def _block(self, X, Z):
        return dense_block(self.kernel, X, Z)

    def _gram(self, X):
        return dense_block(self.kernel, X)

    def _diagonal(self, X):
        return self.kernel.diag(X) + 2.0 * self._row_terms(X)

    def _gradient_x(self, X, Y):
        weights = self.reference_weight
        own = np.average(
            self.kernel._gradient_x(X, self.reference), axis=1, weights=weights
        )
        return self.kernel._gradient_x(X, Y) - own[:, None, :]

    @property
    def hyperparameters(self):
        """Parameters that a Gaussian process may optimise: none."""
        return []
