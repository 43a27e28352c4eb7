"""White noise."""

from ._base import Kernel
from ._constant import Constant
from ._parameters import check_number


class WhiteNoise(Kernel):
    r"""White noise: a multiple of the identity matrix.

    .. math:: k(X) = \sigma^2 I, \quad k(X, Z) = 0

    As in scikit-learn, noise belongs to the samples and not to their positions: it
    counts where the second argument is left out, and two sets of rows share none, even
    where rows are equal.

    Parameters
    ----------
    noise_level : float, default=1.0
        Variance :math:`\sigma^2` of the noise.

    noise_level_bounds : pair of floats or "fixed", default=(1e-5, 1e5)
        Where a Gaussian process may search for ``noise_level``.

    See Also
    --------
    sklearn.gaussian_process.kernels.WhiteKernel : The same.

    Notes
    -----
    In a product with a vector it costs O(n). In a product of kernels only the diagonal
    changes.

    Examples
    --------
    >>> from skkernels.kernels import RBF, WhiteNoise
    >>> (RBF() + WhiteNoise(0.1))([[0.0], [1.0]]).round(4)
    array([[1.1   , 0.6065],
           [0.6065, 1.1   ]])
    """

    _stationary = True
    _diagonal_only = True
    _has_noise = True
    _order = None
    _tunable = ("noise_level",)

    def __init__(self, noise_level=1.0, *, noise_level_bounds=(1e-5, 1e5)):
        self.noise_level = noise_level
        self.noise_level_bounds = noise_level_bounds

    def _check_params(self):
        check_number(self, "noise_level", self.noise_level, 0, closed="left")

    @property
    def _constant_diagonal(self):
        return float(self.noise_level)

    def _without_noise(self):
        return Constant(0.0)

    def _gradients(self, X, K):
        return [K] if self.n_dims else []
