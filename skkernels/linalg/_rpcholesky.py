"""Randomly pivoted Cholesky factorisation of a kernel matrix."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from skkernels.linalg._cholesky import triangular_solve
from skkernels.operators import check_memory
from skkernels.utils._array import get_namespace, to_numpy
from skkernels.utils._parallel import map_blocks, row_blocks, single_threaded_blas

_COLUMNS = 2048


@dataclass(frozen=True)
class RPCholeskyResult:
    """Outcome of :func:`rpcholesky`.

    Attributes
    ----------
    pivots : ndarray of shape (rank,)
        Rows chosen, in order.

    factor : array of shape (n, rank) in float64
        F with ``K ~ F F'``; exact in the rows and columns of the pivots.

    residual_traces : ndarray
        Trace of ``K - F F'`` at the start and after each block of pivots.
    """

    pivots: Any
    factor: Any
    residual_traces: Any


def rpcholesky(op, rank, *, weights=None, tol=1e-13, random_state=None):
    """Low-rank factor of a kernel matrix by randomly pivoted Cholesky.

    Each pivot is drawn with a probability proportional to the diagonal of the current
    residual ``K - F F'``: rows that the pivots so far explain badly are likely, rows
    that they explain well are not. Pivots are found in blocks: candidates are drawn
    together and then accepted or rejected one by one in such a way that the accepted
    ones follow exactly the law of drawing one at a time.

    Parameters
    ----------
    op : KernelOperator or PrecomputedOperator of shape (n, n)
        The positive semi-definite matrix K; only ``diag`` and ``block`` are used.

    rank : int
        Number of pivots wanted.

    weights : array of shape (n,), default=None
        Weights of the rows, by which the sampling probabilities are multiplied: a row
        of weight 2 is as likely as two equal rows together.

    tol : float, default=1e-13
        Stop early when the trace of the residual falls to this fraction of the trace
        of K (both weighted).

    random_state : int, RandomState instance or None, default=None
        Source of the draws.

    Returns
    -------
    result : RPCholeskyResult
        Pivots and factor. Their number is below ``rank`` if ``tol`` was met.

    Notes
    -----
    Time: about ``n rank`` kernel entries and ``n rank^2`` operations. Memory: the
    factor, ``8 n rank`` bytes, refused if over the budget.

    References
    ----------
    .. [1] Y. Chen, E. N. Epperly, J. A. Tropp and R. J. Webber, "Randomly pivoted
       Cholesky: practical approximation of a kernel matrix with few entry
       evaluations", Comm. Pure Appl. Math., 2025. arXiv:2207.06503
    .. [2] E. N. Epperly, J. A. Tropp and R. J. Webber, "Embrace rejection: kernel
       matrix approximation by accelerated randomly pivoted Cholesky", 2024.
       arXiv:2410.03969

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.linalg import rpcholesky
    >>> from skkernels.operators import PrecomputedOperator
    >>> B = np.random.RandomState(0).randn(50, 3)
    >>> result = rpcholesky(PrecomputedOperator(B @ B.T), 10, random_state=0)
    >>> result.pivots.size
    3
    >>> bool(np.allclose(result.factor @ result.factor.T, B @ B.T))
    True
    """
    n = op.shape[0]
    rank = min(int(rank), n)
    check_memory(
        8 * n * rank,
        what=f"the {n} x {rank} factor of randomly pivoted Cholesky",
        remedy="use a smaller rank or fewer centers",
    )
    rng = check_random_state(random_state)
    diagonal = op.diag()
    xp = get_namespace(diagonal)
    residual = xp.clip(xp.asarray(diagonal, dtype=np.float64), 0.0, None)
    weights = 1.0 if weights is None else xp.asarray(weights, dtype=np.float64)
    F = xp.empty((rank, n))
    floor = n * np.finfo(np.float64).eps * float(residual.max())
    block_size = min(100, max(10, rank // 10))
    traces = [float(residual.sum())]
    stop = tol * float((weights * residual).sum())
    pivots = np.empty(0, dtype=np.intp)
    while pivots.size < rank:
        mass = to_numpy(weights * residual).cumsum()
        if mass[-1] <= stop:
            break
        draws = np.searchsorted(mass, mass[-1] * rng.uniform(size=block_size), "right")
        candidates = np.minimum(draws, n - 1)
        done = pivots.size
        H = np.array(to_numpy(op.block(candidates, candidates)), dtype=np.float64)
        G = to_numpy(F[:done, candidates])
        with single_threaded_blas():
            H -= G.T @ G
        accepted, L = _accept(H, rng.uniform(size=block_size), floor, rank - done)
        # Whatever a rejected candidate has left is rounding error only.
        exhausted = candidates[np.diagonal(H) <= floor]
        new = candidates[accepted]
        if new.size:
            _append(F, done, op.block(new, None), new, xp.asarray(L), residual)
            pivots = np.concatenate([pivots, new])
        residual[pivots] = 0.0
        residual[exhausted] = 0.0
        traces.append(float(residual.sum()))
    return RPCholeskyResult(pivots, F[: pivots.size].T, np.array(traces))


def _append(F, done, rows, new, L, residual):
    """Append the factor's rows for new pivots, and reduce the residual diagonal.

    Columns go through the pool in blocks: BLAS threads of NumPy and of SciPy, used in
    turns, would wait for each other.
    """
    xp = get_namespace(F)
    left = F[:done, new].T
    stop = done + new.size

    def append(columns):
        part = xp.asarray(rows[:, columns], dtype=np.float64)
        part = triangular_solve(L, part - left @ F[:done, columns])
        F[done:stop, columns] = part
        rest = residual[columns] - (part**2).sum(axis=0)
        residual[columns] = xp.clip(rest, 0.0, None)

    n = residual.size
    if xp is np:
        work = 2.0 * n * new.size * stop
        map_blocks(append, row_blocks(n, _COLUMNS), work=work)
    else:
        append(slice(0, n))


def _accept(H, uniforms, floor, limit):
    """Rejection sampling among candidates with residual matrix H, which is not changed.

    A candidate drawn with probability proportional to its diagonal ``u_j`` is kept
    with probability ``h_jj / u_j``, where ``h`` is the residual after the candidates
    kept before it. Returns their positions and the Cholesky factor of their block.
    """
    S = H.copy()
    accepted = []
    columns = []
    for j in range(len(S)):
        h = S[j, j]
        if h <= floor or uniforms[j] * H[j, j] >= h:
            continue
        column = S[:, j] / np.sqrt(h)
        S -= np.outer(column, column)
        accepted.append(j)
        columns.append(column)
        if len(accepted) == limit:
            break
    if not accepted:
        return np.empty(0, dtype=np.intp), np.empty((0, 0))
    return np.array(accepted), np.tril(np.column_stack(columns)[accepted])
