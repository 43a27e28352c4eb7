"""The exponential of the inner product."""

import numpy as np

from ._dot import GammaDotKernel
from ._profiles import LOG2E
from ._reduction import Reduction
from ._rows import squared_norms

_LARGEST_EXPONENT = {np.dtype(np.float32): 85.0, np.dtype(np.float64): 700.0}


class ExpDot(GammaDotKernel):
    r"""Exponential of the inner product.

    .. math:: k(x, z) = \exp(\gamma \langle x, z \rangle)

    Parameters
    ----------
    gamma : float, "scale" or None, default=None
        Coefficient :math:`\gamma`, not negative. None means ``1 / n_features``,
        ``"scale"`` means ``1 / (n_features Var X)``.

    See Also
    --------
    RBF : The same divided by its values at equal rows, up to the name of gamma.
    Normalized : Which makes it bounded.

    Notes
    -----
    Positive definite. It overflows for large rows: :meth:`resolve` refuses data for
    which ``gamma |x|**2`` exceeds 700 in float64 or 85 in float32, and larger values
    met later are inf. A kernel matrix costs O(n m d) time and O(n m) memory.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.kernels import ExpDot
    >>> ExpDot(gamma=1.0)(np.array([[0.0], [1.0]])).round(4)
    array([[1.    , 1.    ],
           [1.    , 2.7183]])
    """

    def __init__(self, gamma=None):
        self.gamma = gamma

    def _resolved_params(self, X, weights, random_state):
        params = super()._resolved_params(X, weights, random_state)
        largest = float(squared_norms(X).max()) * params["gamma"]
        limit = _LARGEST_EXPONENT.get(np.dtype(X.dtype), 700.0)
        if largest > limit:
            raise ValueError(
                f"ExpDot overflows: gamma |x|^2 reaches {largest:.4g}, but at most "
                f"{limit:g} is allowed in {X.dtype}. Use a smaller gamma than "
                f"{params['gamma']:.4g}, or scale the features."
            )
        return params

    def _plan(self, d):
        return Reduction("dot", "exp_dot", (self._coefficient(d) * LOG2E,))

    def _derivatives(self, t):
        gamma = self._coefficient()
        value = np.exp(gamma * t)
        return value, gamma * value, gamma**2 * value

    def _smoothness(self, d):
        return np.inf
