"""Kernel halving: split rows into two halves whose kernel means nearly agree."""

from math import isqrt, log, pi

import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_random_state

from skkernels.coresets._halving_core import halve_rounds
from skkernels.coresets._kernel_rows import check_kernel
from skkernels.kernels._dense import dense_block
from skkernels.kernels._pairwise_core import PANEL
from skkernels.operators import KernelOperator, memory_budget
from skkernels.utils._array import get_namespace, is_cupy, to_numpy
from skkernels.utils._parallel import (
    effective_n_threads,
    map_blocks,
    row_blocks,
    single_threaded_blas,
)

HALVINGS = ("adaptive", "lowrank")
THRESHOLDS = ("paper", "goodpoints", "constant", "greedy", "anytime")

# Rows of a list whose signs are decided from a stored block, before their share in the
# sums at all later rows is added: the width of a tile of the kernel's products. A list
# with no more rows is halved as often as it takes from its stored block.
_BLOCK = PANEL
# Rounds that share the kernel values of a longer list. With three of them a matrix
# product of 7 columns takes 1.3 times as long as one of a single column (10 features),
# while three rounds apart evaluate the kernel 1.75 times as often.
_SHARED_ROUNDS = 3
# A list of so few blocks is halved so often at once, if that is all: many lists that
# are shorter than a block would follow, each with tiles that are mostly empty.
_FEW_BLOCKS = 4
_LAST_ROUNDS = 5
_MAX_GROUPS = 64


def kernel_halve(
    kernel,
    X,
    sequence=None,
    *,
    halving="adaptive",
    threshold="paper",
    delta=0.5,
    random_state=None,
):
    """Split rows into two halves whose kernel means are close to each other.

    The rows are taken in consecutive pairs. One of each pair joins the first half and
    the other the second: mostly so that the difference between the kernel sums of the
    halves shrinks, by a coin that is the less fair the larger the difference is. Both
    halves represent all the rows with an error that falls as the inverse of their size
    up to logarithms, against the inverse of its square root for a random half.

    Parameters
    ----------
    kernel : Kernel or "precomputed"
        Resolved kernel; white noise in it does not count.

    X : {array, CSR matrix} of shape (n, n_features), or (n, n) if precomputed
        Rows, float32 or float64.

    sequence : ndarray of int of shape (length,), default=None
        Which rows, in which order; rows may be repeated. None means all, as they come.
        If the length is odd, the last one is left out.

    halving : {"adaptive", "lowrank"}, default="adaptive"
        How large a difference must be to leave nothing to chance. "adaptive": at least
        ``b^2`` and ``b s sqrt(L)``, where ``b`` is the distance between the rows of the
        pair in the kernel's space, ``s`` the sub-Gaussian constant of the sum so far
        and ``L = 2 log(2 / p)`` for a failure probability ``p`` of the step [1]_.
        "lowrank": at least ``b^2`` and ``b max(b) (1 + L) / 2``, where ``max(b)`` is
        the largest distance so far; the first pair is not left to chance [3]_.

    threshold : {"paper", "goodpoints", "constant", "greedy", "anytime"}, \
            default="paper"
        The failure probability of a step: ``delta / length`` for "paper" and
        "goodpoints", which differ in :func:`kt_split` only, ``delta`` for "constant",
        ``6 delta / (pi i)^2`` at step i = 1, 2, ... for "anytime", which needs no
        length. "greedy" sets L to 0. Sums over the steps of at most ``delta``, of
        "paper", "goodpoints" and "anytime", carry the guarantee; the smaller
        thresholds of "constant" and "greedy" give closer halves in practice.

    delta : float, default=0.5
        Failure probability, in (0, 1).

    random_state : int, RandomState instance or None, default=None
        Source of the draws: one uniform number for each pair.

    Returns
    -------
    first, second : ndarray of int of shape (length // 2,)
        Rows of X, in the order of the pairs.

    Raises
    ------
    ValueError
        If a parameter is out of its range, or the kernel takes values that are not
        finite.

    Notes
    -----
    ``length^2 / 2`` kernel values are formed, in blocks of rows whose signs are decided
    one after the other, and of all later rows, whose sums are updated in parallel.
    Memory: O(length), and blocks of at most an eighth of the memory budget. Results are
    equal to the last bit for any number of threads.

    "adaptive" halves have the same law, because the first pair is decided by a fair
    coin and all that follows by differences: either row of a pair is in the first half
    with probability 1/2, so that a half is an unbiased sample.

    Multiplying the kernel by a positive number changes nothing, nor does adding a
    constant to it. Where an indefinite kernel has ``b^2 < 0``, nothing is left to
    chance.

    References
    ----------
    .. [1] R. Dwivedi and L. Mackey, "Kernel thinning", Journal of Machine Learning
       Research 25, 2024. arXiv:2105.05842
    .. [2] R. Dwivedi and L. Mackey, "Generalized kernel thinning", ICLR 2022.
       arXiv:2110.01593
    .. [3] A. M. Carrell, A. Gong, A. Shetty, R. Dwivedi and L. Mackey, "Low-rank
       thinning", ICML 2025. arXiv:2502.12063

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.coresets import kernel_halve
    >>> from skkernels.kernels import RBF
    >>> X = np.array([[0.0], [3.0], [0.1], [3.1]])
    >>> first, second = kernel_halve(RBF(), X, threshold="greedy", random_state=0)
    >>> sorted(X[first].ravel().round().tolist())
    [0.0, 3.0]
    """
    check_kernel(kernel, X)
    sequence = check_sequence(sequence, X)
    factors = log_factors(threshold, delta, sequence.size, 1)
    check_halving(halving)
    uniforms = check_random_state(random_state).uniform(size=(1, sequence.size // 2))
    first, second = halve_lists(kernel, X, sequence, uniforms, *factors, halving)
    return first, second


def halve_lists(kernel, X, sequence, uniforms, factors, growth, halving):
    """Halve rows, their halves, and so on.

    Parameters
    ----------
    kernel, X, halving
        See :func:`kernel_halve`.

    sequence : ndarray of int of shape (length,)
        Rows of X. The last ``length % 2^n_rounds`` are left out.

    uniforms : ndarray of shape (n_rounds, length // 2)
        Draws of each round, one list after the other.

    factors, growth : ndarray of shape (n_rounds,) and float
        From :func:`log_factors`.

    Returns
    -------
    lists : ndarray of int of shape (2^n_rounds, length // 2^n_rounds)
        Lists ``2 i`` and ``2 i + 1`` of a round are the halves of list ``i`` of the
        round before.
    """
    n_rounds = len(uniforms)
    lists = sequence[None, : sequence.size >> n_rounds << n_rounds]
    if lists.size == 0:
        return np.empty((2**n_rounds, 0), lists.dtype)
    # An eighth of the budget for a block and copies of parts of it.
    itemsize = 4 if X.dtype == np.float32 else 8
    largest = min(isqrt(memory_budget() // (16 * itemsize)), _BLOCK)
    done = 0
    while done < n_rounds:
        size = length = lists.shape[1]
        shared = n_rounds - done
        if length > largest:
            if length > _FEW_BLOCKS * largest or shared > _LAST_ROUNDS:
                shared = min(shared, _SHARED_ROUNDS)
            size = max(largest >> shared, 1) << shared
        rounds = slice(done, done + shared)
        walk = uniforms[rounds], factors[rounds], growth, halving == "lowrank"
        lists = _halve_each(kernel, X, lists, size, walk)
        done += shared
    return lists


def _halve_each(kernel, X, lists, size, walk):
    """Some rounds of halving of each list, in blocks of ``size`` rows."""
    n_lists, length = lists.shape
    n_rounds = len(walk[0])
    out = np.empty((n_lists, 2**n_rounds, length >> n_rounds), lists.dtype)

    def halve_group(group):
        for i in group:
            _halve_list(kernel, X, lists[i], size, i, walk, out[i])

    n_groups = 1
    if n_lists > 1 and not is_cupy(X):
        # Few long lists: the threads share each of them.
        if size == length or n_lists >= effective_n_threads():
            # Each has a block, sums, and prepared rows.
            entries = size**2 + length + _BLOCK * min(_row_bytes(X), 8 * X.shape[1])
            n_groups = memory_budget() // (32 * entries)
            n_groups = int(np.clip(n_groups, 1, min(n_lists, _MAX_GROUPS)))
    groups = [range(group, n_lists, n_groups) for group in range(n_groups)]
    with single_threaded_blas():
        map_blocks(halve_group, groups, work=20.0 * n_lists * length**2)
    return out.reshape(-1, length >> n_rounds)


def _halve_list(kernel, X, rows, size, number, walk, out):
    """Some rounds of halving of one list, written to the rows of ``out``."""
    uniforms, factors, growth, is_lowrank = walk
    n_lists = len(out) - 1
    length = rows.size
    states = np.zeros(n_lists)
    empty = np.zeros((0, 0))
    witness = empty if size == length else np.zeros((length, n_lists))
    for start in range(0, length, size):
        stop = min(start + size, length)
        block = rows[start:stop]
        signs = empty if stop == length else np.zeros((block.size, n_lists))
        order, check = halve_rounds(
            # As a block of rows and columns it is formed in parallel.
            kernel_values(kernel, X, block, block),
            witness[start:stop],
            uniforms,
            number,
            length,
            start,
            factors,
            growth,
            is_lowrank,
            states,
            signs,
        )
        check_kernel_values(check)
        part = slice(start // len(out), stop // len(out))
        out[:, part] = block[order].reshape(len(out), -1)
        if stop < length:
            _add_products(kernel, X, rows[stop:], block, signs, witness[stop:])


def _add_products(kernel, X, rows, columns, signs, out):
    """``out += K[rows, columns] @ signs``, sums in float64."""
    if isinstance(kernel, str):
        size = int(np.clip(memory_budget() // (128 * columns.size), 1, 256))

        def add(part):
            with np.errstate(invalid="ignore"):  # infinite values: an error later
                out[part] += kernel_values(kernel, X, rows[part], columns) @ signs

        work = 20.0 * rows.size * columns.size
        map_blocks(add, row_blocks(rows.size, size), work=work)
        return
    signs = get_namespace(X).asarray(signs)
    # White noise has no part in a rectangular operator.
    op = KernelOperator(kernel, X, X[columns])
    # As many rows at a time as their copies take a share of the budget.
    size = max(memory_budget() // 32 // _row_bytes(X), 256)
    for part in row_blocks(rows.size, size):
        products = op.take_rows(_as_slice(rows[part])).matmat(signs)
        out[part] += to_numpy(products)


def _row_bytes(X):
    """Size of a row of X, on average if it is sparse."""
    if sp.issparse(X):
        return 12 * X.nnz // X.shape[0] + 8
    return X.shape[1] * X.dtype.itemsize


def _as_slice(rows):
    """Consecutive rows as a slice, which copies nothing."""
    if rows[-1] - rows[0] == rows.size - 1 and np.all(np.diff(rows) == 1):
        return slice(rows[0], rows[-1] + 1)
    return rows


def check_sequence(sequence, X, name="sequence"):
    """The sequence of rows as a new array of positions in X, not empty."""
    n = X.shape[0]
    if sequence is None:
        sequence = np.arange(n)
    sequence = np.asarray(sequence)
    if sequence.ndim != 1 or sequence.dtype.kind not in "iu" or sequence.size == 0:
        raise ValueError(
            f"{name} must be a vector of at least one integer, got an array of shape "
            f"{sequence.shape} and type {sequence.dtype}."
        )
    if sequence.min() < 0 or sequence.max() >= n:
        raise ValueError(
            f"{name} must hold rows between 0 and {n - 1}, got numbers between "
            f"{sequence.min()} and {sequence.max()}."
        )
    return sequence.astype(np.intp)


def check_halving(halving):
    """Refuse unknown ways of halving."""
    if halving not in HALVINGS:
        raise ValueError(f"halving must be one of {HALVINGS}, got {halving!r} instead.")


def step_log_factor(threshold, delta, length, n_rounds=1):
    """Twice the logarithm of 2 over the failure probability of one step.

    "paper" spreads ``delta`` evenly over the rounds and over the ``length`` rows of the
    list that a round halves, whole or in parts; "goodpoints" is the same here.
    "anytime" gives the probability of the last step, the smallest.
    """
    if threshold == "goodpoints":
        threshold = "paper"
    factors, growth = log_factors(threshold, delta, length, n_rounds)
    return factors[0] + growth * log(max(length // 2, 1))


def log_factors(threshold, delta, length, n_rounds):
    """Twice the logarithm of 2 over the failure probability of a step.

    Parameters
    ----------
    threshold, delta
        See :func:`kernel_halve`.

    length : int
        How many rows there are.

    n_rounds : int
        How often they are halved.

    Returns
    -------
    factors : ndarray of shape (n_rounds,)
        For the first step of each round.

    growth : float
        How many times the logarithm of the number of the step is added to that.
    """
    if threshold not in THRESHOLDS:
        raise ValueError(
            f"threshold must be one of {THRESHOLDS}, got {threshold!r} instead."
        )
    if not 0 < delta < 1:
        raise ValueError(f"delta must be between 0 and 1, got {delta!r} instead.")
    rounds = np.arange(n_rounds)
    if threshold == "greedy":
        return np.zeros(n_rounds), 0.0
    if threshold == "constant":
        return np.full(n_rounds, 2.0 * log(2.0 / delta)), 0.0
    if threshold == "anytime":
        return np.full(n_rounds, 2.0 * log(n_rounds * pi**2 / (3.0 * delta))), 4.0
    if threshold == "goodpoints" and n_rounds > 1:
        # Counts the rows of the list in place of all rows, and no rows left over.
        length = (length >> n_rounds << n_rounds) / 2.0**rounds
    factors = 2.0 * np.log(2.0 * n_rounds * length / (delta * 2.0**rounds))
    return np.maximum(factors, 0.0), 0.0


def kernel_values(kernel, X, rows, columns=None):
    """Kernel values between rows of X, as a contiguous array in main memory.

    ``columns=None`` are the rows again, and a symmetric result. White noise does not
    count.
    """
    if isinstance(kernel, str):
        xp = get_namespace(X)
        columns = rows if columns is None else columns
        block = X[xp.asarray(rows)[:, None], xp.asarray(columns)]
    else:
        Z = None if columns is None else X[columns]
        block = dense_block(kernel._without_noise(), X[rows], Z)
    return np.ascontiguousarray(to_numpy(block))


def check_kernel_values(check):
    """Refuse kernel values that are not finite."""
    if not np.isfinite(check).all():
        raise ValueError("The kernel takes values that are not finite on these rows.")
