"""Two-sample test on coresets of bins with several kernels."""

import numpy as np
from sklearn.utils import check_random_state

from skkernels.kernels import make_kernel
from skkernels.stats._aggregated_result import AggregatedTwoSampleTestResult
from skkernels.stats._compress_then_test import check_g, thin_samples
from skkernels.stats._samples import check_options, check_samples, resolve_kernels
from skkernels.stats._splits import decide, draw_splits, split_statistics
from skkernels.stats._tables import kernel_table

# Multiples of the inverse median distance.
_AUTO_SCALES = (0.5, 1.0, 2.0, 4.0, 8.0)


def aggregated_compress_then_test(
    X,
    Y,
    *,
    kernels="rbf",
    gammas="auto",
    weights=None,
    g="auto",
    n_bins="auto",
    n_permutations=1999,
    alpha=0.05,
    shuffle=False,
    random_state=None,
):
    r"""Test whether two samples have the same distribution, with several kernels.

    A kernel finds differences best at its own scale. This test computes the statistics
    of :func:`compress_then_test` for several kernels, from the same coresets and the
    same exchanges of bins, turns each of them into the p-value it would have alone, and
    compares the smallest p-value with those that the other exchanges give. So it has
    level ``alpha`` exactly, and a power close to that of the best of the kernels, which
    need not be known.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples_X, n_features)
        First sample. A vector is a sample of one feature.

    Y : {array-like, sparse matrix} of shape (n_samples_Y, n_features)
        Second sample. Of either sample, rows that do not fill a bin are not used.

    kernels : str or list of (str, Kernel or callable), default="rbf"
        Kernels. A name stands for the kernels of this name with the ``gammas``. In a
        list, kernels given by name have ``gamma="median"``.

    gammas : array-like of float or "auto", default="auto"
        Inverse scales for the kernel's name. "auto" gives the lengths 2, 1, 1/2, 1/4
        and 1/8 times the median distance of the pooled rows.

    weights : array-like of shape (n_kernels,) or None, default=None
        Positive numbers, divided by their sum: how the chance of a false alarm is
        shared out among the kernels. None means equally.

    g : int or "auto", default="auto"
        The coreset of a bin of m rows has about ``2**g * sqrt(m)`` rows; "auto" is 2,
        unless there are no more than 4096 rows in total, which are then all used.

    n_bins : int or "auto", default="auto"
        About how many bins to cut both samples into together, see
        :func:`compress_then_test`.

    n_permutations : int, default=1999
        Number of random exchanges. If there are no more in total, all of them are
        looked at instead. ``alpha * (n_permutations + 1)`` should be a whole number.
        Single p-values are compared near ``alpha`` divided by the number of kernels:
        the number of exchanges should be large compared with its inverse.

    alpha : float, default=0.05
        Level: the probability of rejecting equal distributions.

    shuffle : bool, default=False
        Whether to put the rows of each sample in random order first.

    random_state : int, RandomState instance or None, default=None
        Source of the draws: the order of rows, the thinning of each bin, the exchanges,
        and one draw for a statistic that equals the threshold.

    Returns
    -------
    result : AggregatedTwoSampleTestResult
        A :class:`TwoSampleTestResult` with ``kernels, kernel_statistics,
        kernel_pvalues, kernel_thresholds`` in addition.

    Raises
    ------
    ValueError
        If the samples have too few rows, different numbers of features or missing
        values, or a parameter is out of its range.

    See Also
    --------
    compress_then_test : One kernel.

    Notes
    -----
    The coresets are those of the weighted sum of the kernels. So time and memory are
    those of :func:`compress_then_test` with one kernel, times the number of kernels.

    With :math:`T_{\lambda b}` the statistic of kernel :math:`\lambda` and exchange b,
    b = 0 the given one, and :math:`p_{\lambda b}` the share of the statistics
    :math:`T_{\lambda 0}, T_{\lambda 1}, \ldots` that are at least :math:`T_{\lambda
    b}`, the combined statistic is :math:`\max_\lambda w_\lambda / p_{\lambda b}`. All
    exchanges being treated alike, its rank at b = 0 is uniform under the hypothesis.
    This is the test of [1]_ and [2]_ with the same exchanges for the quantiles and for
    their correction, which can then be found by sorting.

    References
    ----------
    .. [1] C. Domingo-Enrich, R. Dwivedi and L. Mackey, "Compress then test: powerful
       kernel testing in near-linear time", AISTATS 2023. arXiv:2301.05974
    .. [2] A. Schrab, I. Kim, M. Albert, B. Laurent, B. Guedj and A. Gretton, "MMD
       aggregated two-sample test", Journal of Machine Learning Research 24, 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.stats import aggregated_compress_then_test
    >>> rng = np.random.RandomState(0)
    >>> X, Y = rng.uniform(size=(2, 2000, 1))
    >>> Y += 0.02 * np.sin(40 * Y)  # a difference at a small scale only
    >>> result = aggregated_compress_then_test(X, Y, random_state=0)
    >>> result.reject
    True
    >>> bool(np.argmin(result.kernel_pvalues) > 1)
    True
    """
    check_options(alpha, n_permutations, shuffle=shuffle)
    check_g(g)
    X, Y = check_samples(X, Y)
    rng = check_random_state(random_state)
    kernels = _make_kernels(kernels, gammas, X, Y)
    weights = _check_weights(weights, len(kernels))
    total = weights[0] * kernels[0]
    for weight, kernel in zip(weights[1:], kernels[1:], strict=True):
        total = total + weight * kernel
    bins, rows, coresets, indices = thin_samples(
        total, X, Y, g, n_bins, alpha, rng if shuffle else None, rng
    )
    chosen = rows[coresets.ravel()]
    in_x = draw_splits(*bins, n_permutations, rng)
    statistics = np.empty((len(kernels), in_x.shape[0]))
    pvalues = np.empty_like(statistics)
    for i, kernel in enumerate(kernels):
        table = kernel_table(kernel, chosen, sum(bins))
        statistics[i], tie = split_statistics(table, in_x, coresets.shape[1])
        pvalues[i] = _shares_above(statistics[i], tie)
    combined = np.max(weights[:, None] / pvalues, axis=0)
    decision = decide(combined, alpha, rng.uniform(), 1e-9 * combined.max())
    pvalue_bounds = np.minimum(weights / decision["threshold"], 1.0)
    return AggregatedTwoSampleTestResult(
        **decision,
        n_bins=bins,
        **indices,
        kernels=tuple(kernels),
        kernel_statistics=statistics[:, 0].copy(),
        kernel_pvalues=pvalues[:, 0].copy(),
        kernel_thresholds=_thresholds(statistics, pvalue_bounds),
    )


def _make_kernels(kernels, gammas, X, Y):
    automatic = isinstance(gammas, str) and gammas == "auto"
    if isinstance(kernels, str):
        if automatic:
            name = kernels
            median = resolve_kernels([make_kernel(name, gamma="median")], X, Y)[0]
            if median.gamma_value is None:
                raise ValueError(
                    f"gammas are scales of the kernel, but {name!r} has none."
                )
            power = 1 if median._rule_metric == "cityblock" else 2
            gammas = [median.gamma_value * scale**power for scale in _AUTO_SCALES]
        gammas = np.asarray(gammas, dtype=np.float64)
        if gammas.ndim != 1 or gammas.size == 0 or not (gammas > 0).all():
            raise ValueError(
                f"gammas must be positive numbers or 'auto', got {gammas!r}."
            )
        made = [make_kernel(kernels, gamma=float(gamma)) for gamma in gammas]
    elif not isinstance(kernels, (list, tuple)) or len(kernels) == 0:
        raise ValueError(f"kernels must be a name or a list, got {kernels!r}.")
    elif not automatic:
        raise ValueError(
            "gammas are the scales of a kernel given by name; with a list of kernels "
            f"they must be 'auto', got {gammas!r}."
        )
    else:
        made = [make_kernel(kernel, gamma="median") for kernel in kernels]
    return resolve_kernels(made, X, Y)


def _check_weights(weights, n):
    if weights is None:
        return np.full(n, 1.0 / n)
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != (n,) or not np.isfinite(weights).all() or weights.min() <= 0:
        raise ValueError(
            f"weights must be {n} positive numbers, one per kernel, got {weights!r}."
        )
    return weights / weights.sum()


def _shares_above(statistics, tie):
    """For each statistic the share of them that are at least as large."""
    n = statistics.size
    return (n - np.searchsorted(np.sort(statistics), statistics - tie)) / n


def _thresholds(statistics, bounds):
    """What a statistic must exceed for its p-value to be below a bound."""
    n = statistics.shape[1]
    position = n - np.ceil(bounds * n * (1.0 - 1e-12)).astype(np.intp)
    ordered = np.sort(statistics, axis=1)
    return ordered[np.arange(len(ordered)), position]
