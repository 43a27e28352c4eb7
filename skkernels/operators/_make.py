"""Which operator to build, and whether to store the kernel matrix."""

import scipy.sparse as sp

from ._budget import fits_budget
from ._operator import KernelOperator
from ._precomputed import PrecomputedOperator
from ._sparse import SparseOperator

# Up to about this many features a product is formed anew as fast as a stored matrix is
# read from memory (measured: benchmarks/bench_kernel_products.py, "symmetric").
_CHEAP_FEATURES = {"symmetric": 12, "rectangular": 6}


def make_operator(kernel, X, Z=None, *, n_products=1):
    """Make the operator for a kernel and rows, stored where that pays.

    Parameters
    ----------
    kernel : Kernel or "precomputed"
        A resolved kernel, or the word if ``X`` is the kernel matrix itself.

    X : {ndarray, CSR matrix} of shape (n, d), or (n, m) if precomputed
        Rows.

    Z : {ndarray, CSR matrix} of shape (m, d) or None, default=None
        Columns; None means X. Ignored if precomputed.

    n_products : int, default=1
        How many products are expected. A matrix that fits the memory budget is formed
        once and stored if it will be used repeatedly and its entries are expensive:
        with few features they are recomputed as fast as memory delivers them.

    Returns
    -------
    operator : KernelOperator, PrecomputedOperator or SparseOperator
        All have the same methods; the last where X is sparse and precomputed.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.kernels import Linear
    >>> from skkernels.operators import make_operator
    >>> make_operator(Linear(), np.eye(3)) @ np.array([1.0, 2.0, 3.0])
    array([1., 2., 3.])
    """
    if isinstance(kernel, str):
        if kernel != "precomputed":
            raise ValueError(
                f"kernel={kernel!r} is not resolved: pass a Kernel or 'precomputed'."
            )
        return SparseOperator(X) if sp.issparse(X) else PrecomputedOperator(X)
    operator = KernelOperator(kernel, X, Z)
    n, m = operator.shape
    cheap = _CHEAP_FEATURES["symmetric" if Z is None else "rectangular"]
    if n_products > 2 and X.shape[1] > cheap:
        if fits_budget(n * m * operator.dtype.itemsize):
            return PrecomputedOperator(operator.block())
    return operator
