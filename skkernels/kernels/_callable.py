"""Kernels given by a function."""

import numpy as np
import scipy.sparse as sp
from sklearn.gaussian_process.kernels import Kernel as GaussianProcessKernel

from ._base import Kernel
from ._pairwise import computing_dtype

_ADVICE = (
    "A kernel function gets two matrices of shapes (n, d) and (m, d) and returns the "
    "matrix of shape (n, m). Wrap a function f of two rows as "
    "lambda X, Z: sklearn.metrics.pairwise.pairwise_kernels(X, Z, metric=f)."
)
_DIAGONAL_ROWS = 64


class CallableKernel(Kernel):
    """Kernel given by a function of two sets of rows.

    Parameters
    ----------
    func : callable
        ``func(X, Z, **kernel_params)`` returns the matrix between the rows of X and
        the rows of Z. It is called with blocks of rows, possibly from several threads
        at once. A function of two rows must be wrapped, see the example. A kernel of
        :mod:`sklearn.gaussian_process.kernels` will do as well.

    kernel_params : dict or None, default=None
        Keyword arguments for the function.

    See Also
    --------
    make_kernel : Makes one where it is given a function.

    Notes
    -----
    Whether the kernel is positive semi-definite is not known. Time and memory are the
    function's, beside the O(n m) of the matrix.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.kernels import CallableKernel
    >>> kernel = CallableKernel(lambda X, Z: 1.0 + X @ Z.T)
    >>> kernel(np.array([[1.0], [2.0]]))
    array([[2., 3.],
           [3., 5.]])

    A function of two rows becomes one of two matrices, and a slow one:

    >>> from sklearn.metrics.pairwise import pairwise_kernels
    >>> def of_rows(x, z):
    ...     return 1.0 + min(x[0], z[0])
    >>> kernel = CallableKernel(
    ...     lambda X, Z: pairwise_kernels(X, Z, metric=of_rows)
    ... )
    >>> kernel(np.array([[1.0], [2.0]]))
    array([[2., 2.],
           [2., 3.]])
    """

    _psd = None
    _order = None

    def __init__(self, func, kernel_params=None):
        self.func = func
        self.kernel_params = kernel_params

    def _check_params(self):
        if not callable(self.func):
            raise TypeError(f"func must be callable, got {self.func!r}. {_ADVICE}")

    @property
    def _stationary(self):
        is_stationary = getattr(self.func, "is_stationary", None)
        return bool(is_stationary()) if callable(is_stationary) else False

    def _block(self, X, Z):
        try:
            K = self.func(X, Z, **(self.kernel_params or {}))
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            # What a function of two rows raises when it gets matrices.
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(
                "The kernel function raised "
                f"{type(error).__name__}({str(error)!r}) for matrices of shapes "
                f"{X.shape} and {Z.shape}. {_ADVICE}"
            ) from error
        K = K.toarray() if sp.issparse(K) else K
        K = K if hasattr(K, "shape") else np.asarray(K)
        if np.ndim(K) == 0:
            raise TypeError(f"The kernel function returned a number. {_ADVICE}")
        if K.shape != (X.shape[0], Z.shape[0]):
            raise ValueError(
                f"The kernel function returned an array of shape {K.shape} in place of "
                f"{(X.shape[0], Z.shape[0])}. {_ADVICE}"
            )
        return K.astype(computing_dtype(X, Z), copy=False)

    def _diagonal(self, X):
        if isinstance(self.func, GaussianProcessKernel):
            return self.func.diag(X)
        parts = [
            self._block(X[i : i + _DIAGONAL_ROWS], X[i : i + _DIAGONAL_ROWS]).diagonal()
            for i in range(0, X.shape[0], _DIAGONAL_ROWS)
        ]
        return np.concatenate(parts)
