"""Two-sample test on all pairs of rows, with exchanges of bins."""

import numpy as np
from sklearn.utils import check_random_state

from skkernels.stats._result import TwoSampleTestResult
from skkernels.stats._samples import (
    check_options,
    check_samples,
    choose_rows,
    cut_bins,
    resolve_kernel,
)
from skkernels.stats._splits import decide, draw_splits, split_statistics
from skkernels.stats._tables import kernel_table

_METHODS = ("permutation", "wild")


def cheap_permutation_mmd_test(
    X,
    Y,
    *,
    kernel="rbf",
    gamma="median",
    degree=3,
    coef0=1,
    kernel_params=None,
    method="permutation",
    unbiased=True,
    n_bins="auto",
    n_permutations=999,
    alpha=0.05,
    shuffle=False,
    random_state=None,
):
    r"""Test whether two samples have the same distribution, from all pairs of rows.

    The statistic is the squared maximum mean discrepancy, which detects any difference
    of distributions if the kernel is characteristic, as "rbf" is. Both samples are cut
    into bins of equal size. The kernel is summed over all pairs of bins once; then the
    statistic for each random exchange of whole bins between the samples is a sum of few
    numbers. The test has level ``alpha`` exactly, for any sample sizes, as with
    exchanges of single rows, and nearly the same power.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples_X, n_features)
        First sample. A vector is a sample of one feature.

    Y : {array-like, sparse matrix} of shape (n_samples_Y, n_features)
        Second sample. Of either sample, rows that do not fill a bin are not used.

    kernel : str, Kernel or callable, default="rbf"
        Kernel; see :func:`skkernels.kernels.make_kernel`.

    gamma : {"median", "scale"}, float or None, default="median"
        Inverse scale of a kernel given by name. Rules see the rows of both samples
        without knowing which sample they are from, so that the level is kept. "median"
        is refused for "poly", "sigmoid", "exp_dot" and "chi2", which measure none.

    degree : float, default=3
        Degree of "poly".

    coef0 : float, default=1
        Constant of "poly" and "sigmoid".

    kernel_params : dict or None, default=None
        Further parameters of the kernel.

    method : {"permutation", "wild"}, default="permutation"
        Which exchanges are drawn. "permutation" distributes all bins over the samples
        at random. "wild" exchanges the i-th bin of X with the i-th bin of Y or leaves
        them, at random, which is the wild bootstrap of [2]_. It needs samples of equal
        size, and is valid also if row i of X depends on row i of Y, or if the
        distribution changes along the samples, as long as exchanging row i of X with
        row i of Y changes nothing.

    unbiased : bool, default=True
        Leave out pairs of a row and itself. The statistic then estimates the squared
        MMD of the distributions without bias, and may be negative.

    n_bins : int or "auto", default="auto"
        About how many bins to cut both samples into together. "auto" is 32 for samples
        of similar sizes, and more otherwise, so that the smaller one has at least 8
        where possible and the larger one at most 256.

    n_permutations : int, default=999
        Number of random exchanges. If there are no more in total, all of them are
        looked at instead. ``alpha * (n_permutations + 1)`` should be a whole number.

    alpha : float, default=0.05
        Level: the probability of rejecting equal distributions.

    shuffle : bool, default=False
        Whether to put the rows of each sample in random order first, with "wild" both
        in the same. Do so if their order means anything, unless that is the reason for
        "wild".

    random_state : int, RandomState instance or None, default=None
        Source of the draws: the order of rows, the exchanges, and one draw for a
        statistic that equals the threshold.

    Returns
    -------
    result : TwoSampleTestResult
        With ``statistic, pvalue, reject, threshold, null_distribution, n_bins,
        coreset_indices_x, coreset_indices_y``; the indices are those of all rows used.

    Raises
    ------
    ValueError
        If the samples have too few rows, different numbers of features or missing
        values, or a parameter is out of its range.

    See Also
    --------
    compress_then_test : Near-linear time, for large samples.

    Notes
    -----
    With N rows in total and b bins, the time is that of ``N^2 / 2`` kernel values and
    ``n_permutations b^2`` operations; memory is that of a copy of the data. Results are
    equal to the last bit for any number of threads.

    There are no sample weights: exchanging rows of different weights would not leave
    the distribution of the statistic as it is.

    References
    ----------
    .. [1] C. Domingo-Enrich, R. Dwivedi and L. Mackey, "Cheap permutation testing",
       2025. arXiv:2502.07672
    .. [2] A. Schrab, I. Kim, M. Albert, B. Laurent, B. Guedj and A. Gretton, "MMD
       aggregated two-sample test", Journal of Machine Learning Research 24, 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.stats import cheap_permutation_mmd_test
    >>> rng = np.random.RandomState(0)
    >>> X, Y = rng.normal(size=(500, 2)), rng.normal(scale=1.3, size=(400, 2))
    >>> result = cheap_permutation_mmd_test(X, Y, random_state=0)
    >>> result.reject, result.pvalue
    (True, 0.001)
    """
    check_options(alpha, n_permutations, shuffle=shuffle, unbiased=unbiased)
    if method not in _METHODS:
        raise ValueError(f"method must be one of {_METHODS}, got {method!r}.")
    paired = method == "wild"
    X, Y = check_samples(X, Y)
    if paired and X.shape[0] != Y.shape[0]:
        raise ValueError(
            "method='wild' needs samples of equal size, got "
            f"{X.shape[0]} and {Y.shape[0]} rows."
        )
    rng = check_random_state(random_state)
    kernel = resolve_kernel(kernel, X, Y, gamma, degree, coef0, kernel_params)
    bins, size = cut_bins(X.shape[0], Y.shape[0], n_bins, alpha, paired=paired)
    n_x, n_y = bins[0] * size, bins[1] * size
    if unbiased and min(n_x, n_y) < 2:
        raise ValueError(
            f"unbiased=True needs at least 2 rows in each sample, got {X.shape[0]} and "
            f"{Y.shape[0]}."
        )
    rows, rows_x, rows_y = choose_rows(
        X, Y, n_x, n_y, rng if shuffle else None, paired=paired
    )
    rows = rows.astype(np.float64, copy=False)
    table = kernel_table(kernel, rows, sum(bins))
    trace = None
    if unbiased:
        trace = kernel.diag(rows).reshape(-1, size).sum(axis=1)
    in_x = draw_splits(*bins, n_permutations, rng, paired=paired)
    statistics, tie = split_statistics(table, in_x, size, trace)
    return TwoSampleTestResult(
        **decide(statistics, alpha, rng.uniform(), tie),
        n_bins=bins,
        coreset_indices_x=rows_x,
        coreset_indices_y=rows_y,
    )
