"""The split of kernel thinning: halves of halves, many coresets in the end."""

from numbers import Integral

from sklearn.utils import check_random_state

from skkernels.coresets._halving import (
    check_halving,
    check_sequence,
    halve_lists,
    log_factors,
)
from skkernels.coresets._kernel_rows import check_kernel


def kt_split(
    kernel,
    X,
    n_rounds,
    sequence=None,
    *,
    halving="adaptive",
    threshold="paper",
    delta=0.5,
    random_state=None,
):
    """Split rows into ``2^n_rounds`` parts that each represent all of them.

    The rows are halved by :func:`kernel_halve`, the halves are halved, and so on. Each
    part is a coreset whose kernel mean is close to that of all rows: with m rows of n,
    the distance falls nearly as 1 / m, against 1 / sqrt(m) for m random rows.

    Parameters
    ----------
    kernel : Kernel or "precomputed"
        Resolved kernel; white noise in it does not count.

    X : {array, CSR matrix} of shape (n, n_features), or (n, n) if precomputed
        Rows, float32 or float64.

    n_rounds : int
        How many rounds, from 0 to ``log2(length)``.

    sequence : ndarray of int of shape (length,), default=None
        Which rows, in which order; rows may be repeated. None means all, as they come.
        The last ``length % 2^n_rounds`` are left out.

    halving : {"adaptive", "lowrank"}, default="adaptive"
        See :func:`kernel_halve`.

    threshold : {"paper", "goodpoints", "constant", "greedy", "anytime"}, \
            default="paper"
        The failure probability of a step, which with ``halving`` decides how large a
        difference must be to leave nothing to chance. In round j = 0, 1, ... of
        m = ``n_rounds``: ``delta 2^j / (m length)`` for "paper" [1]_,
        ``delta 2^j / (m length_j)`` with the length of the list that is halved for
        "goodpoints", after the package of this name, ``delta`` for "constant",
        ``6 delta / (m (pi i)^2)`` at step i = 1, 2, ... of each list for "anytime".
        "greedy" takes the smallest difference there is.

    delta : float, default=0.5
        Failure probability for one coreset, in (0, 1): the probabilities of the steps
        of the m lists that lead to it sum to at most ``delta / 2`` for "paper" and
        ``delta`` for "anytime".

    random_state : int, RandomState instance or None, default=None
        Source of the draws: ``n_rounds`` times ``length // 2`` uniform numbers, drawn
        at once. Pair i of list l in round j, whose lists have h pairs, uses number
        ``l h + i`` of row j.

    Returns
    -------
    candidates : ndarray of int of shape (2^n_rounds, length // 2^n_rounds)
        Rows of X: the coresets, in the order of the algorithm. Together they hold all
        rows of the sequence but the last ``length % 2^n_rounds``.

    Raises
    ------
    ValueError
        If a parameter is out of its range, or the kernel takes values that are not
        finite.

    Notes
    -----
    The matrix of all rows is never formed. Three rounds share the kernel values of a
    list, ``length^2 / 2`` of them, so that all rounds together take
    ``4 length^2 / 7`` at most, in place of up to ``length^2`` for one round after the
    other. Memory: O(length n_rounds), and blocks of at most an eighth of the memory
    budget for each of a number of lists that fits it. Results are equal to the last
    bit for any number of threads.

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
    >>> from skkernels.coresets import kt_split
    >>> from skkernels.kernels import RBF
    >>> X = np.repeat([[0.0], [3.0], [6.0], [9.0]], 4, axis=0)
    >>> X = np.random.RandomState(0).permutation(X)
    >>> candidates = kt_split(RBF(), X, 2, threshold="greedy", random_state=0)
    >>> candidates.shape
    (4, 4)
    """
    check_kernel(kernel, X)
    sequence = check_sequence(sequence, X)
    largest = sequence.size.bit_length() - 1
    if not isinstance(n_rounds, Integral) or not 0 <= n_rounds <= largest:
        raise ValueError(
            f"n_rounds must be an integer between 0 and {largest} for a sequence of "
            f"{sequence.size} rows, got {n_rounds!r} instead."
        )
    check_halving(halving)
    factors = log_factors(threshold, delta, sequence.size, max(int(n_rounds), 1))
    rng = check_random_state(random_state)
    uniforms = rng.uniform(size=(n_rounds, sequence.size // 2))
    return halve_lists(kernel, X, sequence, uniforms, *factors, halving)
