"""Rows of data as kernels take them."""

import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_array

from ..utils._array import get_namespace, is_cupy


def as_rows(X, name):
    """Rows as a float32 or float64 array in C order, or a CSR matrix.

    CuPy arrays stay where they are.
    """
    if is_cupy(X):
        xp = get_namespace(X)
        return xp.ascontiguousarray(X) if X.dtype.kind == "f" else X.astype(float)
    return check_array(
        X,
        accept_sparse="csr",
        dtype=[np.float64, np.float32],
        order="C",
        input_name=name,
    )


def squared_norms(X):
    """Squared Euclidean norms of rows, in float64."""
    if sp.issparse(X):
        return np.asarray(X.astype(np.float64).power(2).sum(axis=1)).ravel()
    return get_namespace(X).einsum("ij,ij->i", X, X, dtype=np.float64)
