"""Compile ahead of time."""

import numpy as np

from ..kernels import make_kernel
from ._operator import KernelOperator


def warm_jit(kernels=("rbf",), dtypes=("float32", "float64")):
    """Compile what the products with the given kernels need, before it is needed.

    Compiled code is cached on disk, so that one call, for instance when a container
    image is built, serves all later processes of the same machine type. Without it the
    first use of a kernel compiles what it meets, for about a second each.

    Parameters
    ----------
    kernels : sequence of {str, Kernel}, default=("rbf",)
        Kernels by name or as objects.

    dtypes : sequence of {"float32", "float64"}, default=("float32", "float64")
        Precisions of the data.

    Notes
    -----
    About 4 seconds per kernel and precision where nothing is cached yet, a few
    hundredths otherwise.

    Examples
    --------
    >>> import skkernels
    >>> skkernels.warm_jit(kernels=("rbf",), dtypes=("float64",))
    """
    rng = np.random.default_rng(0)
    for name in kernels:
        for dtype in dtypes:
            # The loops differ by the number of features modulo 4, by whether a tile
            # comes from explicit differences or a matrix product, and for one column.
            for n_features in (1, 2, 3, 4, 20):
                X = rng.standard_normal((8, n_features)).astype(dtype)
                kernel = make_kernel(name).resolve(X)
                op = KernelOperator(kernel, X, X[:4])
                op @ X[:4, 0]
                op.block()
            # Enough rows for the symmetric route.
            X = rng.standard_normal((2048, n_features)).astype(dtype)
            KernelOperator(kernel, X) @ X[:, 0]
