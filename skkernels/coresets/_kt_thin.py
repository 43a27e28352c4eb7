"""Kernel thinning: split rows into small coresets, and improve the best of them."""

import numpy as np
from sklearn.utils import check_random_state

from skkernels.coresets._halving import check_halving, log_factors
from skkernels.coresets._kernel_rows import check_kernel
from skkernels.coresets._kt_split import kt_split
from skkernels.coresets._kt_swap import SwapResult, check_swaps, swap_candidates
from skkernels.coresets._mean import check_sample_weight, take_rows
from skkernels.coresets._sequence import (
    halving_plan,
    resolve_size,
    stratified_sequence,
)
from skkernels.coresets._split_kernel import split_kernel as make_split_kernel

ORDERS = ("input", "random")
REMAINDERS = ("inflate", "standard")


def kt_thin(
    kernel,
    X,
    n_coreset,
    *,
    sample_weight=None,
    kernel_mean=None,
    mean_zero=False,
    split_kernel="target",
    power=0.5,
    halving="adaptive",
    threshold="paper",
    delta=0.5,
    replace=True,
    n_swap_passes=1,
    swap_order="sequential",
    refine_baseline=False,
    order="input",
    remainder="inflate",
    random_state=None,
):
    """Thin rows to few whose kernel mean is close to that of all.

    Kernel thinning [1]_, [2]_: rounds of halving split the rows into small coresets
    (:func:`kt_split`); the best of them is chosen, and its rows are exchanged for
    better ones (:func:`kt_swap`).

    Parameters
    ----------
    kernel : Kernel or "precomputed"
        Resolved kernel; white noise in it does not count.

    X : {array, CSR matrix} of shape (n, n_features), or (n, n) if precomputed
        Rows, float32 or float64.

    n_coreset : int, float or "sqrt"
        How many rows to keep, or what share of them, or their square root.

    sample_weight : ndarray of shape (n,), default=None
        Weights of the rows. Rows of weight zero are left out, whatever they hold.

    kernel_mean : ndarray of shape (n,) or callable, default=None
        See :func:`kt_swap`.

    mean_zero : bool, default=False
        Whether the kernel has mean zero under the distribution to represent, as a Stein
        kernel has. The baseline is then what :func:`herd` finds.

    split_kernel : {"target", "root", "power", "plus"} or Kernel, default="target"
        Kernel for the halvings, see :func:`split_kernel`.

    power : float, default=0.5
        For the split kernels "power" and "plus".

    halving : {"adaptive", "lowrank"}, default="adaptive"
        See :func:`kernel_halve`.

    threshold : {"paper", "goodpoints", "constant", "greedy", "anytime"}, \
            default="paper"
        See :func:`kt_split`.

    delta : float, default=0.5
        Failure probability of the halvings, in (0, 1).

    replace : bool, default=True
        Whether a row may be in the coreset more than once.

    n_swap_passes : int, default=1
        How often each row is tried for a swap.

    swap_order : {"sequential", "random"}, default="sequential"
        In which order.

    refine_baseline : bool, default=False
        Whether to refine the baseline as well, and to return what is better.

    order : {"input", "random"}, default="input"
        Order in which the halvings see the rows. Pairs are neighbours in it, which
        should be alike: keep the order of a Markov chain.

    remainder : {"inflate", "standard"}, default="inflate"
        Halvings need a number of rows that is the size times a power of 2. "inflate"
        repeats some rows, "standard" leaves some out, evenly spaced.

    random_state : int, RandomState instance or None, default=None
        Source of the draws: the rows that are repeated, the random order, the uniform
        numbers of :func:`kt_split`, the random orders of :func:`kt_swap`; each only
        where it is needed.

    Returns
    -------
    indices : ndarray of int of shape (size,)
        Rows of X in the order of the algorithm. All rows of positive weight if there
        are no more than wanted; they then stand for the data with their weights.

    Raises
    ------
    ValueError
        If a parameter is out of its range, there is no such split kernel, or the kernel
        takes values that are not finite.

    Notes
    -----
    For n rows and s of them in the coreset about ``4 n^2 / 7`` kernel values for the
    halvings, ``n^2`` for the mean of the data, ``n s`` to compare the candidates,
    ``n s`` before the first pass of swaps and up to ``2 n s`` for each. Memory:
    O(n log(n)), and blocks of at most half of the memory budget. Results are equal to
    the last bit for any number of threads.

    References
    ----------
    .. [1] R. Dwivedi and L. Mackey, "Kernel thinning", Journal of Machine Learning
       Research 25, 2024. arXiv:2105.05842
    .. [2] R. Dwivedi and L. Mackey, "Generalized kernel thinning", ICLR 2022.
       arXiv:2110.01593

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.coresets import kt_thin
    >>> from skkernels.kernels import RBF
    >>> X = np.random.RandomState(0).uniform(size=(1000, 1))
    >>> indices = kt_thin(RBF(length_scale=0.2), X, 30, random_state=0)
    >>> indices.size, bool(abs(X[indices].mean() - X.mean()) < 0.001)
    (30, True)
    """
    result, _ = thin(
        kernel,
        X,
        n_coreset,
        sample_weight=sample_weight,
        kernel_mean=kernel_mean,
        mean_zero=mean_zero,
        split_kernel=split_kernel,
        power=power,
        halving=halving,
        threshold=threshold,
        delta=delta,
        replace=replace,
        n_swap_passes=n_swap_passes,
        swap_order=swap_order,
        refine_baseline=refine_baseline,
        order=order,
        remainder=remainder,
        random_state=random_state,
    )
    return result.indices


def thin(
    kernel,
    X,
    n_coreset,
    *,
    sample_weight=None,
    kernel_mean=None,
    mean_zero=False,
    split_kernel="target",
    power=0.5,
    halving="adaptive",
    threshold="paper",
    delta=0.5,
    replace=True,
    n_swap_passes=1,
    swap_order="sequential",
    refine_baseline=False,
    order="input",
    remainder="inflate",
    random_state=None,
):
    """:func:`kt_thin` with what else it found: a :class:`SwapResult`, and the number
    of rounds of halving."""
    for name, value, allowed in (
        ("order", order, ORDERS),
        ("remainder", remainder, REMAINDERS),
    ):
        if value not in allowed:
            raise ValueError(f"{name} must be one of {allowed}, got {value!r} instead.")
    check_kernel(kernel, X)
    check_halving(halving)
    log_factors(threshold, delta, 1, 1)
    check_swaps(swap_order, n_swap_passes)
    split = make_split_kernel(kernel, split_kernel, X.shape[1], power)
    weights, positive = check_sample_weight(sample_weight, X.shape[0])
    rows = np.flatnonzero(positive)
    size = resolve_size(n_coreset, rows.size)
    if size == rows.size:
        return SwapResult(rows, 0.0, 0.0, 0, None), 0
    if rows.size < positive.size:
        X, kernel_mean = take_rows(kernel, X, rows, kernel_mean)
        weights = weights[rows]
    rng = check_random_state(random_state)
    n_rounds, length = halving_plan(rows.size, size)
    if remainder == "standard" and length > rows.size:
        n_rounds -= 1
        length = size << n_rounds
    if remainder == "standard" and weights is None:
        # The last row, and as many before it as there have to be, evenly spaced.
        sequence = np.linspace(rows.size - 1, 0, length).astype(np.intp)[::-1]
    else:
        sequence = stratified_sequence(weights, X.shape[0], length, rng)
    if order == "random":
        sequence = rng.permutation(sequence)
    candidates = kt_split(
        split,
        X,
        n_rounds,
        sequence,
        halving=halving,
        threshold=threshold,
        delta=delta,
        random_state=rng,
    )
    step = 1 << n_rounds
    result = swap_candidates(
        kernel,
        X,
        candidates,
        sample_weight=weights,
        kernel_mean=kernel_mean,
        mean_zero=mean_zero,
        replace=replace,
        n_swap_passes=n_swap_passes,
        swap_order=swap_order,
        baseline=True if mean_zero else sequence[step - 1 :: step],
        refine_baseline=refine_baseline,
        random_state=rng,
    )
    return result._replace(indices=rows[result.indices]), n_rounds
