"""Rows of a kernel matrix in float64, formed when they are asked for."""

import numpy as np

from skkernels.kernels import Kernel
from skkernels.operators import make_operator
from skkernels.utils._array import to_numpy


def check_kernel(kernel, X):
    """Refuse what is neither a kernel nor "precomputed" with a square matrix."""
    if isinstance(kernel, str) and kernel == "precomputed":
        if X.shape[0] != X.shape[1]:
            raise ValueError(
                "X must be a square kernel matrix for kernel='precomputed', got shape "
                f"{X.shape}."
            )
    elif not isinstance(kernel, Kernel):
        raise ValueError(
            "kernel must be a kernel object of skkernels.kernels or 'precomputed', got "
            f"{kernel!r} instead. make_kernel makes one from a name or a function."
        )


class KernelRows:
    """Kernel values between some rows and all, in float64 whatever the data are.

    Parameters
    ----------
    kernel : Kernel or "precomputed"
        Resolved kernel; white noise in it does not count.

    X : {array, CSR matrix} of shape (n, n_features), or (n, n) if precomputed
        Rows.
    """

    def __init__(self, kernel, X):
        if not isinstance(kernel, str):
            kernel, X = kernel._without_noise(), X.astype(np.float64, copy=False)
        self.operator = make_operator(kernel, X)
        diagonal = to_numpy(self.operator.diag())
        self.diagonal = diagonal.astype(np.float64, copy=False)
        self.n = self.diagonal.size
        self.scale = float(np.abs(self.diagonal).max())

    def scales(self, mean):
        """For each row the size of the numbers that objectives are made of, given the
        kernel mean: what differences are compared with."""
        return np.abs(self.diagonal) + np.abs(mean)

    def __call__(self, indices):
        """The rows of the matrix, C-contiguous, of shape (n_indices, n)."""
        block = to_numpy(self.operator.block(np.asarray(indices)))
        return np.ascontiguousarray(block, dtype=np.float64)
