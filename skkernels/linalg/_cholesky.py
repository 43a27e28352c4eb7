"""Cholesky factorisation in float64 and what to do where it fails."""

from importlib import import_module

import numpy as np
import scipy.linalg
from scipy.linalg import LinAlgWarning, lapack

from skkernels.operators import memory_budget
from skkernels.utils._array import get_namespace
from skkernels.utils._parallel import map_blocks, row_blocks
from skkernels.utils._warnings import warn_user

_EPS = float(np.finfo(np.float64).eps)
_MIRROR_BLOCK = 1024
# Few right-hand sides of a large matrix: the time is that of reading it.
_MIN_POOLED, _MAX_COLUMNS, _DIAGONAL_BLOCK = 2048, 64, 512


def triangular_solve(L, B, *, trans=False):
    """Solve ``L X = B``, or ``L' X = B``, with a lower triangular L.

    Parameters
    ----------
    L : array of shape (n, n)
        Lower triangular; what is above the diagonal is not looked at.

    B : array of shape (n,) or (n, k)
        Right-hand sides.

    trans : bool, default=False
        Solve with the transpose of L.

    Returns
    -------
    X : array of the shape of B
        The solution.
    """
    xp = get_namespace(L)
    linalg = scipy.linalg
    if xp is np and L.shape[0] >= _MIN_POOLED and B.size <= _MAX_COLUMNS * L.shape[0]:
        return _pooled_triangular_solve(L, B, trans)
    if xp is not np:
        linalg = import_module(f"{xp.__name__}x.scipy.linalg")
    return linalg.solve_triangular(
        L, B, lower=True, trans=1 if trans else 0, check_finite=False
    )


def _pooled_triangular_solve(L, B, trans):
    """A triangular solve that reads L once, its parts in the threads of the pool.

    BLAS would do it in one thread where it is pinned, and elsewhere leave threads of
    its own behind that wait in a loop and slow down what comes next.
    """
    n = L.shape[0]
    X = np.array(B.reshape(n, -1), dtype=L.dtype)
    for rows in row_blocks(n, _DIAGONAL_BLOCK)[:: -1 if trans else 1]:
        X[rows] = scipy.linalg.solve_triangular(
            L[rows, rows], X[rows], lower=True, trans=int(trans), check_finite=False
        )
        known = X[rows]

        def update(part, rows=rows, known=known):
            left = L[rows, part].T if trans else L[part, rows]
            X[part] -= left @ known

        start, stop = (0, rows.start) if trans else (rows.stop, n)
        parts = [slice(start + p.start, start + p.stop) for p in _parts(stop - start)]
        work = 2.0 * (stop - start) * known.size
        map_blocks(update, parts, work=work)
    return X.reshape(B.shape)


def _parts(n):
    return row_blocks(n, max(512, -(-n // 16)))


def safe_cholesky(A, overwrite=False):
    """Cholesky factor of a symmetric matrix that should be positive definite.

    If the factorisation breaks down, a multiple of the identity is added: first
    ``n eps`` times the mean of the diagonal, then ten times more, up to 1e-6 times
    the mean.

    Parameters
    ----------
    A : array of shape (n, n) in float64
        Symmetric matrix; both triangles must be filled.

    overwrite : bool, default=False
        Use the memory of A for the factor. For NumPy arrays this needs no further
        n x n array, jitter or not.

    Returns
    -------
    L : array of shape (n, n)
        Lower triangular factor of ``A + jitter I``, with zeros above the diagonal.

    jitter : float
        What was added to the diagonal; 0.0 if nothing.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the largest jitter is not enough: A is clearly not positive definite.

    Notes
    -----
    Time: n^3 / 3 operations for each step of the ladder.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.linalg import safe_cholesky
    >>> L, jitter = safe_cholesky(np.ones((3, 3)))
    >>> 0 < jitter < 1e-12
    True
    """
    xp = get_namespace(A)
    if not overwrite or not (A.flags.c_contiguous or A.flags.f_contiguous):
        A = A.copy()
    return _cholesky_with_jitter(xp, A, xp.diagonal(A).copy(), clear=True)


def _cholesky_with_jitter(xp, A, diagonal, clear):
    """Climb the ladder of :func:`safe_cholesky` for A with the given diagonal.

    Without ``clear`` the strict upper triangle stays that of A.
    """
    scale = float(xp.abs(diagonal).mean())
    relative = A.shape[0] * _EPS
    jitter = 0.0
    while True:
        L = _try_cholesky(xp, A, diagonal + jitter, clear)
        if L is not None:
            return L, jitter
        if relative > 1e-6 or scale == 0.0 or not np.isfinite(scale):
            raise np.linalg.LinAlgError(
                f"a matrix of order {A.shape[0]} is not positive definite, even with "
                f"{jitter:.1e} added to its diagonal (mean {scale:.1e})"
            )
        jitter = relative * scale
        relative *= 10.0


def _try_cholesky(xp, A, diagonal, clear):
    """Lower factor of A with the given diagonal, or None if it breaks down.

    NumPy: works in place and leaves A symmetric again after a failure.
    """
    if xp is not np:
        matrix = A.copy()
        matrix[xp.arange(len(A)), xp.arange(len(A))] = diagonal
        L = xp.linalg.cholesky(matrix)
        return L if bool(xp.isfinite(L).all()) else None
    F = A if A.flags.f_contiguous else A.T
    np.fill_diagonal(F, diagonal)
    L, info = lapack.dpotrf(F, lower=1, clean=0, overwrite_a=1)
    if info == 0:
        if clear:
            _clear_upper(L)
        return L
    mirror_upper(F)
    return None


def _row_slices(n):
    return [slice(i, min(i + _MIRROR_BLOCK, n)) for i in range(0, n, _MIRROR_BLOCK)]


def _clear_upper(A):
    for rows in _row_slices(len(A)):
        A[rows, rows.stop :] = 0.0
        block = A[rows, rows]
        block[np.triu_indices(len(block), 1)] = 0.0


def mirror_upper(A):
    """Copy the strict upper triangle of A onto the lower one, block by block."""
    for rows in _row_slices(len(A)):
        A[rows.stop :, rows] = A[rows, rows.stop :].T
        block = A[rows, rows]
        lower = np.tril_indices(len(block), -1)
        block[lower] = block.T[lower]


def solve_psd(A, B, *, shift=0.0, overwrite=False):
    """Solve ``(A + shift_j I) x_j = b_j`` directly, for symmetric A.

    Columns that share a shift share a Cholesky factorisation. Where that breaks down
    because the matrix is singular to working precision or indefinite, the
    minimum-norm least-squares solution is computed from the eigendecomposition,
    without the eigenvalues below ``n eps`` times the largest, and a
    ``LinAlgWarning`` is raised.

    Parameters
    ----------
    A : array of shape (n, n) in float64
        Symmetric matrix; both triangles must be filled.

    B : array of shape (n, n_columns) in float64
        Right-hand sides.

    shift : float or array of shape (n_columns,), default=0.0
        Multiple of the identity to add for each column.

    overwrite : bool, default=False
        Use A as working memory, so that no second n x n array is needed.

    Returns
    -------
    X : array of shape (n, n_columns)
        The solutions.

    Notes
    -----
    Time: n^3 / 3 operations for each distinct shift. A singular matrix takes about 10
    n^3 and, for NumPy arrays, a second n x n array for its eigenvectors; where the two
    exceed scikit-learn's ``working_memory``, it is solved with a small multiple of the
    identity added, as in :func:`safe_cholesky`, and the warning says so.
    """
    xp = get_namespace(A)
    if not overwrite or not (A.flags.c_contiguous or A.flags.f_contiguous):
        A = A.copy()
    diagonal = xp.diagonal(A).copy()
    shift = xp.broadcast_to(xp.asarray(shift, dtype=np.float64), (B.shape[1],))
    X = xp.empty((A.shape[0], B.shape[1]))
    if not X.size:
        return X
    values = xp.unique(shift)
    for i, value in enumerate(values):
        if i:
            mirror_upper(A if A.flags.f_contiguous else A.T)
        columns = xp.flatnonzero(shift == value)
        X[:, columns] = _solve_shifted(xp, A, B[:, columns], diagonal + value)
    return X


def _solve_shifted(xp, A, B, diagonal):
    if xp is not np:
        L = _try_cholesky(xp, A, diagonal, clear=False)
        if L is not None:
            return triangular_solve(L, triangular_solve(L, B), trans=True)
    else:
        F = A if A.flags.f_contiguous else A.T
        np.fill_diagonal(F, diagonal)
        norm = lapack.dlange("1", F)
        L, info = lapack.dpotrf(F, lower=1, clean=0, overwrite_a=1)
        if info == 0:
            rcond, _ = lapack.dpocon(L, norm, uplo="L")
            if rcond < _EPS:
                warn_user(
                    f"The kernel system is ill-conditioned (rcond={rcond:.1e}): the "
                    "solution may be inaccurate. Increase alpha.",
                    LinAlgWarning,
                )
            return lapack.dpotrs(L, B, lower=1)[0]
        mirror_upper(F)
    return _solve_singular(xp, A, B, diagonal)


def _solve_singular(xp, A, B, diagonal):
    """Solve without a factor, leaving the strict upper triangle of A as it is."""
    n = len(A)
    # With NumPy the matrix and its eigenvectors; elsewhere workspace twice as large.
    if (2 if xp is np else 4) * A.nbytes > memory_budget():
        L, jitter = _cholesky_with_jitter(xp, A, diagonal, clear=False)
        warn_user(
            f"Singular matrix in solving the kernel system. Added {jitter:.1e} to its "
            "diagonal; increase alpha to avoid this.",
            LinAlgWarning,
        )
        return triangular_solve(L, triangular_solve(L, B), trans=True)
    warn_user(
        "Singular matrix in solving the kernel system. Using the minimum-norm "
        "least-squares solution instead; increase alpha to avoid this.",
        LinAlgWarning,
    )
    eigenvalues, vectors = _eigh(xp, A, diagonal)
    magnitude = xp.abs(eigenvalues)
    kept = magnitude > n * _EPS * magnitude.max()
    inverse = xp.where(kept, 1.0 / xp.where(kept, eigenvalues, 1.0), 0.0)
    return vectors @ (inverse[:, None] * (vectors.T @ B))


def _eigh(xp, A, diagonal):
    """Eigensystem of A with the given diagonal; the lower triangle is overwritten."""
    if xp is not np:
        A[xp.arange(len(A)), xp.arange(len(A))] = diagonal
        return xp.linalg.eigh(A)
    F = A if A.flags.f_contiguous else A.T
    np.fill_diagonal(F, diagonal)
    # "evr" has no workspace of order n^2 beside the eigenvectors.
    return scipy.linalg.eigh(
        F, lower=True, overwrite_a=True, check_finite=False, driver="evr"
    )
