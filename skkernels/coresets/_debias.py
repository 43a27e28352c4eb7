"""Low-rank debiasing: weights that make a sample represent another distribution."""

from math import ceil
from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state

from skkernels.coresets._halving import check_kernel_values
from skkernels.coresets._sequence import stratified_sequence
from skkernels.linalg import rpcholesky, safe_cholesky, triangular_solve
from skkernels.operators import make_operator, memory_budget
from skkernels.utils._parallel import map_blocks, row_blocks, single_threaded_blas

# The iterations end where the duality gap is this share of the objective. Weights that
# are closer to optimal for the low-rank matrix sit on few rows, and are worse for the
# kernel matrix itself.
_GAP = 0.3
_MAX_ITER = 50
_ROWS = 4096


def low_rank_debias(kernel, X, rank=None, *, n_rounds=3, random_state=None):
    """Weights on the simplex with a small discrepancy, below quadratic time.

    Minimises ``w' A w`` over weights ``w >= 0`` of sum 1, where ``A = F F' + D`` stands
    for the kernel matrix: F comes from randomly pivoted Cholesky and D is the diagonal
    that F leaves unexplained. The first round has equal weights to begin with; each
    further one draws rows in proportion to the weights, and pivots among them [1]_.

    Parameters
    ----------
    kernel : Kernel or "precomputed"
        Kernel of mean zero under the distribution to represent.

    X : ndarray of shape (n, n_columns), or (n, n) if precomputed
        Rows, float32 or float64.

    rank : int, default=None
        Columns of F. None is ``2 n^0.45``, as far as F fits half of the memory budget.

    n_rounds : int, default=3
        How many rounds.

    random_state : int, RandomState instance or None, default=None
        Source of the draws.

    Returns
    -------
    weights : ndarray of shape (n,)
        Not negative, of sum 1.

    Raises
    ------
    ValueError
        If a parameter is out of its range, F does not fit the memory budget, or the
        kernel takes values that are not finite.

    Notes
    -----
    ``n rank`` kernel values and about ``10 n rank^2`` operations in each round. Memory:
    ``8 n rank`` bytes, twice.

    The weights are those of an interior-point method, which takes about ten iterations
    whatever n is, where [1]_ has mirror descent with a number of iterations that grows
    with ``sqrt(n)``. Both end early, so that the weights stay spread out.

    References
    ----------
    .. [1] L. Li, R. Dwivedi and L. Mackey, "Debiased distribution compression", ICML
       2024. arXiv:2404.12290
    """
    n = X.shape[0]
    if rank is None:
        rank = min(ceil(2 * n**0.45), max(memory_budget() // (32 * n), 1))
    elif not isinstance(rank, Integral) or rank < 1:
        raise ValueError(f"rank must be an integer >= 1 or None, got {rank!r} instead.")
    rng = check_random_state(random_state)
    weights = np.full(n, 1.0 / n)
    for round_ in range(n_rounds):
        if round_:
            rows = stratified_sequence(weights, n, n, rng)
            weights = np.bincount(rows, minlength=n) / n
        support = np.flatnonzero(weights)
        w = weights[support]
        chosen = X[support]
        if isinstance(kernel, str):
            chosen = chosen[:, support]
        operator = make_operator(kernel, chosen)
        diagonal = np.asarray(operator.diag(), dtype=np.float64)
        check_kernel_values(diagonal)
        F = rpcholesky(operator, int(rank), weights=w, random_state=rng).factor
        F = np.ascontiguousarray(F)
        rest = np.maximum(diagonal - np.einsum("ij,ij->i", F, F), 0.0)
        with single_threaded_blas():
            better = simplex_weights(F, rest)
            if _objective(F, rest, better) < _objective(F, rest, w):
                w = better
        weights[support] = w
    return weights


def _objective(F, rest, w):
    g = F.T @ w
    return float(g @ g + rest @ (w * w))


def simplex_weights(F, rest, gap=_GAP):
    """Minimise ``|F' w|^2 + sum_i rest_i w_i^2`` over the simplex, up to a gap.

    A primal-dual interior-point method with Mehrotra's predictor and corrector. A step
    solves with a diagonal matrix plus ``F F'``.

    Parameters
    ----------
    F : ndarray of shape (n, rank)
        Factor.

    rest : ndarray of shape (n,)
        Diagonal, not negative.

    gap : float, default=0.3
        Duality gap to end at, relative to the objective.

    Returns
    -------
    w : ndarray of shape (n,)
        Positive, of sum 1.
    """
    n = rest.size
    scale = float(rest.mean() + np.einsum("ij,ij->", F, F) / n)
    w = np.full(n, 1.0 / n)
    if scale == 0.0:
        return w
    q = _gradient(F, rest, w) / scale
    y = q.min() - np.abs(q).mean()
    z = q - y
    for _ in range(_MAX_ITER):
        excess = float(w @ z)
        if excess <= gap * float(w @ q):
            break
        solve = _woodbury(F, scale, rest / scale + z / w)
        # Newton's steps to w z = product: at first to 0, then to what this shows to be
        # in reach.
        point = w, y, z, q
        dw, _, dz = _direction(solve, point, np.zeros(n))
        length = min(_step(w, dw), _step(z, dz))
        ahead = float((w + length * dw) @ (z + length * dz))
        product = (ahead / excess) ** 3 * excess / n - dw * dz
        dw, dy, dz = _direction(solve, point, product)
        length = min(1.0, 0.99 * min(_step(w, dw), _step(z, dz)))
        w, y, z = w + length * dw, y + length * dy, z + length * dz
        q = _gradient(F, rest, w) / scale
    return w / w.sum()


def _direction(solve, point, product):
    """Newton's step to ``w z = product`` and the sum 1."""
    w, y, z, q = point
    x = solve(y + z - q + (product - w * z) / w)
    ones = solve(np.ones(w.size))
    dy = (1.0 - w.sum() - x.sum()) / ones.sum()
    dw = x + dy * ones
    return dw, dy, (product - w * z - z * dw) / w


def _gradient(F, rest, w):
    """``(F F' + diag(rest)) w``."""
    blocks = row_blocks(w.size, _ROWS)
    work = 4.0 * F.size
    g = sum(map_blocks(lambda rows: F[rows].T @ w[rows], blocks, work=work))
    values = map_blocks(lambda rows: F[rows] @ g, blocks, work=work)
    return np.concatenate(values) + rest * w


def _woodbury(F, scale, diagonal):
    """A function that solves with the diagonal matrix plus ``F F' / scale``."""
    blocks = row_blocks(diagonal.size, _ROWS)

    def gram(rows):
        return F[rows].T @ (F[rows] / (scale * diagonal[rows, np.newaxis]))

    parts = map_blocks(gram, blocks, work=2.0 * F.size * F.shape[1])
    L, _ = safe_cholesky(np.eye(F.shape[1]) + sum(parts))

    def solve(b):
        x = b / diagonal
        work = 4.0 * F.size
        g = sum(map_blocks(lambda rows: F[rows].T @ x[rows], blocks, work=work))
        g = triangular_solve(L, triangular_solve(L, g / scale), trans=True)
        values = map_blocks(lambda rows: F[rows] @ g, blocks, work=work)
        return x - np.concatenate(values) / diagonal

    return solve


def _step(values, change):
    """How far the values can go before one of them is zero; at most 1."""
    falling = change < 0
    return min(1.0, float((-values[falling] / change[falling]).min(initial=np.inf)))
