"""The largest eigenvalues of a matrix whose products cost little."""

from inspect import signature

import numpy as np
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

from skkernels.solvers._block_lanczos import solve_densely, top_eigenpairs
from skkernels.solvers._result import SolverResult
from skkernels.utils._parallel import single_threaded_blas

# Vectors of the Krylov space, and pairs that are looked for once there are enough.
_SPACE = 60
_MORE = 6
# Eigenvalues that differ by less, relative to the largest, are equal.
_EQUAL = 1e-8
# What starts anew from random numbers when a Krylov space is exhausted. Versions of
# SciPy that do not take them have a generator of their own.
_SEED = {"rng": 0} if "rng" in signature(eigsh).parameters else {}


def deflated_eigenpairs(
    matmat, n, rank, *, tol=1e-10, max_iter=1000, on_iteration=None
):
    """Largest eigenvalues of a symmetric matrix by the restarted Lanczos method.

    A Krylov space of a single vector has one eigenvector of each eigenvalue. So the
    method runs again, in the orthogonal complement of what was found, until the largest
    eigenvalue there is no larger than the last of those found. From SciPy 1.17 on,
    equal calls have equal results; before that, eigenvectors of equal eigenvalues may
    differ.

    Parameters
    ----------
    matmat : callable
        ``matmat(V)`` returns ``A @ V`` for V of shape (n, k) in float64.

    n : int
        Order of the matrix.

    rank : int
        How many eigenvalues are wanted, at most n.

    tol : float, default=1e-10
        A pair has converged when the norm of its residual ``A v - lam v`` is at most
        ``tol`` times ``|lam|``, or at the level of rounding.

    max_iter : int, default=1000
        Largest number of restarts of a run.

    on_iteration : callable or None, default=None
        ``on_iteration(iteration, pairs, residual, done)`` is called after each run;
        ``pairs()`` returns the current ``(eigenvalues, vectors)``. A true return value
        stops the solver.

    Returns
    -------
    result : SolverResult
        Its ``x`` is the pair of ``eigenvalues``, of shape (rank,) in descending order,
        and ``vectors``, of shape (n, rank), orthonormal. The iterations are the runs.
        Where the first run fails, it is the result of :func:`top_eigenpairs`.

    Notes
    -----
    Besides the products, a vector of the space takes some 500 n operations. Memory:
    about 70 + 4 rank vectors. There are at most n runs.

    References
    ----------
    .. [1] R. B. Lehoucq, D. C. Sorensen and C. Yang, "ARPACK Users' Guide", SIAM, 1998.
    """
    if n <= 6 * (rank + 5):
        return solve_densely(matmat, n, rank, np)
    settings = {"tol": tol / 2, "maxiter": max_iter, **_SEED}
    random = np.random.RandomState(0)
    values, vectors = np.empty(0), np.empty((n, 0))
    rounding = 10 * np.sqrt(n) * float(np.finfo(np.float64).eps)
    history, reason, wanted = [1.0], None, rank
    # A bound of the norm from below, where all eigenvalues that are wanted are tiny.
    probe = random.standard_normal((n, 1))
    norm = float(np.linalg.norm(matmat(probe)) / np.linalg.norm(probe))
    while reason is None:
        start = random.standard_normal(n)
        found, V, complete = _run(matmat, values, vectors, wanted, start, settings)
        if not (complete or len(values)):
            return top_eigenpairs(
                matmat, n, rank, tol=tol, max_iter=max_iter, on_iteration=on_iteration
            )
        if not len(values) or (_exceeds(found, values, norm) and len(history) <= n):
            values, vectors, residuals = _best(matmat, vectors, V, rank)
            floor = rounding / tol * max(norm, float(abs(values).max()))
            scale = np.maximum(abs(values), floor)
            relative = float((residuals / np.where(scale > 0, scale, 1.0)).max())
            if rank == 1:
                reason = "converged"
        else:
            reason = "converged" if complete else "max_iter"
        history.append(relative)
        wanted = min(rank, _MORE)
        if on_iteration is not None:
            pairs = values, vectors
            done = reason is not None
            stop = on_iteration(len(history) - 1, lambda p=pairs: p, relative, done)
            reason = "stopped" if stop and not done else reason
    history = np.array(history)[:, None]
    return SolverResult((values, vectors), len(history) - 1, history, reason)


def _run(matmat, values, vectors, wanted, start, settings):
    """The largest eigenvalues in the complement of the vectors, their eigenvectors, and
    whether the run ended well."""
    # What was found is moved to where it is not looked for.
    low = 0.0 if not len(values) or values[-1] > 0 else values[-1] - abs(values).max()

    def product(v):
        v = v.ravel()
        out = matmat(v[:, None])[:, 0]
        return out - vectors @ ((values - low) * (vectors.T @ v))

    n = len(start)
    operator = LinearOperator((n, n), matvec=product, dtype=np.float64)
    size = min(n, max(_SPACE, 2 * wanted + 20))
    with single_threaded_blas():
        try:
            pairs = eigsh(operator, wanted, which="LA", v0=start, ncv=size, **settings)
        except ArpackError as error:
            # Those that have converged, if too many restarts are the error.
            found = getattr(error, "eigenvalues", np.empty(0))
            return found, getattr(error, "eigenvectors", np.empty((n, 0))), False
    return *pairs, True


def _exceeds(found, values, norm):
    limit = values[-1] + _EQUAL * max(norm, abs(values).max())
    return len(found) > 0 and found.max() > limit


def _best(matmat, vectors, V, rank):
    """The best approximations from both, with the norms of their residuals."""
    with single_threaded_blas():
        V = V - vectors @ (vectors.T @ V)
        basis = np.linalg.qr(np.hstack([vectors, V]))[0]
        images = matmat(basis)
        H = basis.T @ images
        values, Y = np.linalg.eigh(0.5 * (H + H.T))
        values, Y = values[::-1][:rank], Y[:, ::-1][:, :rank]
        vectors = basis @ Y
        residuals = np.linalg.norm(images @ Y - vectors * values, axis=0)
    return values.copy(), vectors, residuals
