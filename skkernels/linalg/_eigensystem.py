"""The largest eigenvalues of a symmetric matrix."""

import numpy as np
import scipy.linalg

from skkernels.utils._array import get_namespace
from skkernels.utils._parallel import single_threaded_blas

# Up to this order a second thread gains nothing (measured), and on a busy machine
# threads that wait for each other lose a great deal.
_SERIAL = 2500


def top_eigensystem(A, k):
    """Largest eigenvalues of a symmetric matrix and their eigenvectors.

    Parameters
    ----------
    A : array of shape (n, n) in float64
        Symmetric matrix; its memory is overwritten.

    k : int
        How many are wanted, at most n.

    Returns
    -------
    eigenvalues : array of shape (k,)
        In descending order.

    vectors : array of shape (n, k)
        Orthonormal eigenvectors.

    Notes
    -----
    Time: about 4 n^3 / 3 + 4 k n^2 operations with NumPy arrays, all eigenpairs
    elsewhere. Memory: the eigenvectors, beside A.
    """
    if get_namespace(A) is not np:
        eigenvalues, vectors = get_namespace(A).linalg.eigh(A)
        return eigenvalues[::-1][:k].copy(), vectors[:, ::-1][:, :k].copy()
    n = A.shape[0]

    def solve():
        return scipy.linalg.eigh(
            A.T if A.flags.c_contiguous else A,
            subset_by_index=[n - k, n - 1],
            overwrite_a=True,
            check_finite=False,
        )

    if n > _SERIAL:
        eigenvalues, vectors = solve()
    else:
        with single_threaded_blas():
            eigenvalues, vectors = solve()
    return eigenvalues[::-1].copy(), np.ascontiguousarray(vectors[:, ::-1])
