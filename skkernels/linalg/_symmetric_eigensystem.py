"""All eigenvalues of a symmetric matrix."""

from contextlib import nullcontext

import numpy as np
import scipy.linalg

from skkernels.linalg._cholesky import mirror_upper
from skkernels.utils._array import get_namespace
from skkernels.utils._parallel import single_threaded_blas

# Below this size an eigendecomposition takes a second at most, and its many short steps
# make threads wait for each other where the machine is busy.
_MIN_THREADED = 2_000


def symmetric_eigensystem(A):
    """Eigenvalues and eigenvectors of a symmetric matrix.

    Parameters
    ----------
    A : array of shape (n, n) in float64
        Symmetric matrix; its memory is overwritten.

    Returns
    -------
    eigenvalues : array of shape (n,)
        In ascending order.

    vectors : array of shape (n, n)
        Orthonormal eigenvectors, one per column.

    Notes
    -----
    Time: some 6 to 10 n^3 operations. Memory: see :func:`eigensystem_bytes`.
    """
    xp = get_namespace(A)
    if xp is not np:
        return xp.linalg.eigh(A)
    F = A if A.flags.f_contiguous else A.T
    diagonal = F.diagonal().copy()
    options = {"lower": True, "overwrite_a": True, "check_finite": False}
    # SciPy's and NumPy's BLAS have threads that would wait for each other actively.
    with single_threaded_blas() if len(A) < _MIN_THREADED else nullcontext():
        # "evr" has no workspace of order n^2 beside the eigenvectors.
        try:
            return scipy.linalg.eigh(F, driver="evr", **options)
        except scipy.linalg.LinAlgError:
            # It gives up on a few matrices, and has spoilt one triangle then. "ev" is
            # slower, never gives up on finite ones, and has no such workspace either.
            mirror_upper(F)
            np.fill_diagonal(F, diagonal)
            return scipy.linalg.eigh(F, driver="ev", **options)


def eigensystem_bytes(n, xp=np):
    """Bytes that :func:`symmetric_eigensystem` takes for order n, A included."""
    return (2 if xp is np else 4) * 8 * n * n
