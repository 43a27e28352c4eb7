"""Kernel halving: split rows into two halves whose kernel means nearly agree."""

from math import log

import numpy as np
from sklearn.utils import check_random_state

from skkernels.coresets._halving_core import halve_pairs
from skkernels.kernels._dense import dense_block
from skkernels.operators import memory_budget
from skkernels.utils._array import to_numpy

THRESHOLDS = ("paper", "constant", "greedy")

# Pairs whose kernel values are formed at a time.
_PAIRS = 128


def kernel_halve(
    kernel,
    X,
    sequence=None,
    *,
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

    threshold : {"paper", "constant", "greedy"}, default="paper"
        How large a difference must be to leave nothing to chance: at least ``b^2`` and
        ``b s sqrt(L)``, where ``b`` is the distance between the rows of the pair in the
        kernel's space, ``s`` the sub-Gaussian constant of the sum so far, and ``L`` is
        ``2 log(2 length / delta)`` for "paper", ``2 log(2 / delta)`` for "constant" and
        0 for "greedy". The guarantee of [1]_ is for "paper"; the smaller thresholds
        give closer halves in practice.

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
    ``length^2 / 2`` kernel values are formed in blocks and read once. Memory:
    O(length), and a block of at most an eighth of the memory budget.

    The halves have the same law, because the first pair is decided by a fair coin and
    all that follows by differences: either row of a pair is in the first half with
    probability 1/2, so that a half is an unbiased sample.

    Multiplying the kernel by a positive number changes nothing, nor does adding a
    constant to it.

    References
    ----------
    .. [1] R. Dwivedi and L. Mackey, "Kernel thinning", Journal of Machine Learning
       Research 25, 2024. arXiv:2105.05842
    .. [2] R. Dwivedi and L. Mackey, "Generalized kernel thinning", ICLR 2022.
       arXiv:2110.01593

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
    sequence = check_sequence(sequence, X)
    log_factor = step_log_factor(threshold, delta, sequence.size)
    n_pairs = sequence.size // 2
    sequence = sequence[: 2 * n_pairs]
    rng = check_random_state(random_state)
    uniforms = rng.uniform(size=n_pairs)
    witness = np.zeros(2 * n_pairs)
    signs = np.empty(2 * n_pairs)
    variance = 0.0
    start = 0
    while start < n_pairs:
        # A pair of rows takes up to 16 bytes for each column.
        left = sequence.size - 2 * start
        size = int(np.clip(memory_budget() // (128 * left), 1, _PAIRS))
        stop = min(start + size, n_pairs)
        rows = slice(2 * start, 2 * stop)
        variance, check = halve_pairs(
            kernel_values(kernel, X, sequence[rows], sequence[2 * start :]),
            witness[2 * start :],
            uniforms[start:stop],
            log_factor,
            variance,
            signs[rows],
        )
        check_kernel_values(check)
        start = stop
    pairs = sequence.reshape(n_pairs, 2)
    is_first = signs[::2] > 0
    return (
        np.where(is_first, pairs[:, 0], pairs[:, 1]),
        np.where(is_first, pairs[:, 1], pairs[:, 0]),
    )


def check_sequence(sequence, X):
    """The sequence of rows as a new array of positions in X, not empty."""
    n = X.shape[0]
    if sequence is None:
        sequence = np.arange(n)
    sequence = np.asarray(sequence)
    if sequence.ndim != 1 or sequence.dtype.kind not in "iu" or sequence.size == 0:
        raise ValueError(
            "sequence must be a vector of at least one integer, got an array of shape "
            f"{sequence.shape} and type {sequence.dtype}."
        )
    if sequence.min() < 0 or sequence.max() >= n:
        raise ValueError(
            f"sequence must hold rows between 0 and {n - 1}, got numbers between "
            f"{sequence.min()} and {sequence.max()}."
        )
    return sequence.astype(np.intp)


def step_log_factor(threshold, delta, length, n_rounds=1):
    """Twice the logarithm of 2 over the failure probability of one step.

    "paper" spreads ``delta`` evenly over the rounds and over the ``length`` rows of the
    list that a round halves, whole or in parts.
    """
    if threshold not in THRESHOLDS:
        raise ValueError(
            f"threshold must be one of {THRESHOLDS}, got {threshold!r} instead."
        )
    if not 0 < delta < 1:
        raise ValueError(f"delta must be between 0 and 1, got {delta!r} instead.")
    if threshold == "greedy":
        return 0.0
    if threshold == "constant":
        return 2.0 * log(2.0 / delta)
    return 2.0 * log(2.0 * n_rounds * length / delta)


def kernel_values(kernel, X, rows, columns=None):
    """Kernel values between rows of X, as a contiguous array in main memory.

    ``columns=None`` are the rows again, and a symmetric result. White noise does not
    count.
    """
    if isinstance(kernel, str):
        block = X[rows][:, rows if columns is None else columns]
    else:
        Z = None if columns is None else X[columns]
        block = dense_block(kernel._without_noise(), X[rows], Z)
    return np.ascontiguousarray(to_numpy(block))


def check_kernel_values(check):
    """Refuse kernel values that are not finite."""
    if not np.isfinite(check):
        raise ValueError("The kernel takes values that are not finite on these rows.")
