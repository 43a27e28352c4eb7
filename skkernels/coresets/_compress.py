"""Compress: thin many rows in near-linear time by halving small buckets."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state

from skkernels.coresets._bucket_values import BucketValues
from skkernels.coresets._buckets import bucket_edges, depth_first_draws, halve_list
from skkernels.coresets._halving import check_sequence, step_log_factor
from skkernels.kernels._pairwise_core import PANEL

# Smaller buckets would save little. Where their kernel matrices come one by one, in
# tiles of this width, they would save nothing below that.
_MIN_BUCKET = 128
_MIN_BUCKET_ALONE = PANEL


def compress(
    kernel,
    X,
    n_coreset,
    sequence=None,
    *,
    g=2,
    n_swap_passes=1,
    threshold="paper",
    delta=0.5,
    random_state=None,
):
    """Thin rows to few whose kernel mean is close to that of all.

    The list of rows is halved again and again until ``n_coreset`` are left. A round
    halves it in buckets of consecutive rows. Their size doubles from round to round
    while the list shrinks, so that all rounds cost the same, until the last ``g + 1``
    rounds halve the whole list. Each bucket is split by kernel halving
    (:func:`kernel_halve`) or by taking every second row, whichever is better; then
    rows are swapped between the halves where that brings them closer; and a fair coin
    decides which half stays. Four rows are split in the best of all ways. The coin
    makes the coreset unbiased: the expected mean of any function over it is the mean
    over the sequence.

    Parameters
    ----------
    kernel : Kernel or "precomputed"
        Resolved kernel; white noise in it does not count.

    X : {array, CSR matrix} of shape (n, n_features), or (n, n) if precomputed
        Rows, float32 or float64.

    n_coreset : int
        How many rows to keep.

    sequence : ndarray of int, default=None
        Which rows, in which order; rows may be repeated. None means all, as they come.
        Its length must be ``n_coreset`` times a power of 2. The order should be random
        unless neighbours are alike.

    g : int, default=2
        Oversampling: rounds that halve the whole list before the last one. Each more of
        them costs four times as much, and lowers the error, by less every time.

    n_swap_passes : int, default=1
        How often to try each row of a half for a swap. 0 is kernel halving alone, whose
        errors are two to four times as large.

    threshold : {"paper", "goodpoints", "constant", "greedy", "anytime"}, \
            default="paper"
        See :func:`kernel_halve`. Hardly matters with swaps. "goodpoints" does what the
        package of this name does for ``n_coreset = 2^h sqrt(N)`` rows from N and
        ``g = 0``, where its own ``g`` is h: no buckets but the smallest, failure
        probabilities that go with the square of their size, and draws in the order of
        the recursive algorithm.

    delta : float, default=0.5
        Failure probability of all halvings together, in (0, 1).

    random_state : int, RandomState instance or None, default=None
        Source of the draws: in each round a number for each pair of rows, then one for
        each bucket. For "goodpoints" a bucket's numbers are drawn together, one for
        each pair and then one for the bucket, as soon as all that leads to it is done.

    Returns
    -------
    indices : ndarray of int of shape (n_coreset,)
        Rows of X in the order of the algorithm; repeated at most as often as in the
        sequence.

    Raises
    ------
    ValueError
        If the length of the sequence does not fit ``n_coreset``, a parameter is out of
        its range, or the kernel takes values that are not finite.

    Notes
    -----
    With s = ``n_coreset`` and a sequence of N rows, each of the ``log2(N / s)`` rounds
    forms ``4^(g + 1) s^2`` kernel values, or 128 for each row of its list where that is
    more; 512 where kernel values cannot be formed for many buckets at a time: sparse
    rows, precomputed matrices, and kernels that do not depend on one number for each
    pair of rows. Kernel matrices of buckets take up to half of the memory budget; where
    one of them alone would need more than a quarter of it, buckets are smaller, and the
    error larger.

    With ``g = 0`` this is Compress of [1]_, and for ``s = sqrt(N)`` it is Compress++
    with the same ``g``, without the final choice among several coresets, which would
    bias the result: see :func:`compresspp`.

    Results are equal to the last bit for any number of threads.

    References
    ----------
    .. [1] A. Shetty, R. Dwivedi and L. Mackey, "Distribution compression in near-linear
       time", ICLR 2022. arXiv:2111.07941
    .. [2] R. Dwivedi and L. Mackey, "Generalized kernel thinning", ICLR 2022.
       arXiv:2110.01593

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.coresets import compress
    >>> from skkernels.kernels import RBF
    >>> X = np.random.RandomState(0).uniform(size=(1024, 1))
    >>> indices = compress(RBF(length_scale=0.2), X, 32, random_state=0)
    >>> bool(abs(X[indices].mean() - X.mean()) < 0.01)
    True
    """
    sequence = check_sequence(sequence, X)
    n_rounds = _count_rounds(sequence.size, n_coreset)
    for name, value in (("g", g), ("n_swap_passes", n_swap_passes)):
        if not isinstance(value, Integral) or value < 0:
            raise ValueError(f"{name} must be an integer >= 0, got {value!r} instead.")
    # Python's integers do not overflow.
    area = (int(n_coreset) << (int(g) + 1)) ** 2
    return halve_in_buckets(
        kernel,
        X,
        sequence,
        n_rounds,
        area,
        n_swap_passes=n_swap_passes,
        threshold=threshold,
        delta=delta,
        rng=check_random_state(random_state),
    )


def _count_rounds(length, n_coreset):
    """How many halvings lead from the length to the size of the coreset."""
    if not isinstance(n_coreset, Integral) or n_coreset < 1:
        raise ValueError(
            f"n_coreset must be a positive integer, got {n_coreset!r} instead."
        )
    n_rounds = int(max(length // n_coreset, 1)).bit_length() - 1
    if n_coreset << n_rounds != length:
        raise ValueError(
            f"The sequence must hold n_coreset={n_coreset} rows times a power of 2, "
            f"got {length} rows."
        )
    return n_rounds


def halve_in_buckets(
    kernel, X, sequence, n_rounds, area, *, n_swap_passes, threshold, delta, rng
):
    """Halve a list of rows several times, in buckets that grow from round to round.

    Parameters
    ----------
    kernel, X, n_swap_passes, threshold, delta
        See :func:`compress`.

    sequence : ndarray of int
        Rows; their number is a multiple of ``2**n_rounds``.

    n_rounds : int
        How often the list is halved.

    area : int
        Length of a list times the size of its buckets. The square of the error that a
        round adds goes with the inverse. Buckets are larger where smaller ones would
        not save much, except for ``threshold="goodpoints"``.

    rng : RandomState
        Source of the draws.

    Returns
    -------
    indices : ndarray of int of shape (len(sequence) / 2**n_rounds,)
        Rows.
    """
    step_log_factor(threshold, delta, 2)  # refuses what is out of range
    if n_rounds == 0:
        return sequence
    values = BucketValues(kernel, X)
    smallest = _MIN_BUCKET if values.fast else _MIN_BUCKET_ALONE
    if threshold == "goodpoints":
        smallest = 2
    lengths = [sequence.size >> r for r in range(n_rounds)]
    edges = [
        bucket_edges(length, max(area // length, smallest), values.itemsize)
        for length in lengths
    ]
    if threshold == "goodpoints":
        # A row of round r stands for 2**r rows of the sequence.
        ready = [e[1:] << r for r, e in enumerate(edges)]
        draws, _ = depth_first_draws(ready, [np.diff(e) for e in edges], rng)
        # The failure probability of a bucket goes with the square of its size.
        steps = 2.0 * sequence.size * n_rounds * edges[0][1] / delta
        factors = [2.0 * np.log(steps / np.diff(e)) for e in edges]
    else:
        draws = (
            (rng.uniform(size=length // 2), rng.uniform(size=e.size - 1))
            for length, e in zip(lengths, edges)
        )
        factors = [
            np.full(e.size - 1, step_log_factor(threshold, delta, length, n_rounds))
            for length, e in zip(lengths, edges)
        ]
    for e, drawn, factor in zip(edges, draws, factors):
        sequence = halve_list(values, sequence, e, drawn, factor, n_swap_passes)
    return sequence
