"""Two-sample test on coresets of bins."""

from numbers import Integral

from sklearn.utils import check_random_state

from skkernels.stats._result import TwoSampleTestResult
from skkernels.stats._samples import (
    check_options,
    check_samples,
    choose_rows,
    cut_bins,
    resolve_kernel,
    shrink_bins,
)
from skkernels.stats._splits import decide, draw_splits, split_statistics
from skkernels.stats._tables import compress_bins, feature_table, kernel_table

# Larger coresets find hardly more; and for so few rows in total all pairs of them take
# less time than thinning.
_AUTO_G, _FEW_ROWS = 2, 4096


def compress_then_test(
    X,
    Y,
    *,
    kernel="rbf",
    gamma="median",
    degree=3,
    coef0=1,
    kernel_params=None,
    g="auto",
    n_bins="auto",
    n_permutations=999,
    alpha=0.05,
    n_random_features=None,
    shuffle=False,
    random_state=None,
):
    r"""Test whether two samples have the same distribution, in near-linear time.

    The statistic is the squared maximum mean discrepancy, which detects any difference
    of distributions if the kernel is characteristic, as "rbf" is. Both samples are cut
    into bins of equal size, and each bin is thinned to a coreset whose kernel mean is
    close to its own (:func:`skkernels.coresets.compress`). The statistic of the
    coresets is compared with those for random exchanges of whole bins between the
    samples, which need no kernel values beyond those already summed. The test has
    level ``alpha`` exactly, for any sample sizes, whatever the coresets miss: they
    affect only how often a difference is found.

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

    g : int or "auto", default="auto"
        The coreset of a bin of m rows has about ``2**g * sqrt(m)`` rows; larger ones
        miss less. Bins of no more than ``4**g`` rows are used as they are. "auto" is 2,
        unless there are no more than 4096 rows in total, which are then all used.

    n_bins : int or "auto", default="auto"
        About how many bins to cut both samples into together. "auto" is 32 for samples
        of similar sizes, and more otherwise, so that the smaller one has at least 8
        where possible and the larger one at most 256.

    n_permutations : int, default=999
        Number of random exchanges. If there are no more in total, all of them are
        looked at instead. ``alpha * (n_permutations + 1)`` should be a whole number.

    alpha : float, default=0.05
        Level: the probability of rejecting equal distributions.

    n_random_features : int or None, default=None
        If given, kernel sums between coresets are approximated by so many random
        Fourier features (rounded up to an even number), in time linear in the size of
        the coresets. Only for kernels that have them, see
        :class:`skkernels.features.RandomFourierFeatures`.

    shuffle : bool, default=False
        Whether to put the rows of each sample in random order first. Do so if their
        order means anything: if they are sorted, or come from a time series.

    random_state : int, RandomState instance or None, default=None
        Source of the draws: the order of rows, the thinning of each bin, the random
        features, the exchanges, and one draw for a statistic that equals the threshold.

    Returns
    -------
    result : TwoSampleTestResult
        With ``statistic, pvalue, reject, threshold, null_distribution, n_bins,
        coreset_indices_x, coreset_indices_y``. The statistic is the squared MMD of the
        two coresets.

    Raises
    ------
    ValueError
        If the samples have too few rows, different numbers of features or missing
        values, or a parameter is out of its range.

    See Also
    --------
    cheap_permutation_mmd_test : All pairs of rows, in quadratic time.
    aggregated_compress_then_test : Several kernels at once.

    Notes
    -----
    With N rows in total and b bins, the time is that of about
    ``4**(g + 2) N log2(sqrt(N / b) / 2**g)`` kernel values for the coresets and
    ``4**g N b / 2`` for the table, and ``n_permutations b^2`` operations. Memory is
    that of a copy of the data, and of matrices between the rows of a bin's coreset.
    Results are equal to the last bit for any number of threads.

    The rows of both samples together must be exchangeable if the distributions are
    equal, as independent rows are. There are no sample weights: exchanging rows of
    different weights would not leave the distribution of the statistic as it is.

    References
    ----------
    .. [1] C. Domingo-Enrich, R. Dwivedi and L. Mackey, "Compress then test: powerful
       kernel testing in near-linear time", AISTATS 2023. arXiv:2301.05974
    .. [2] A. Gretton, K. Borgwardt, M. Rasch, B. Schoelkopf and A. Smola, "A kernel
       two-sample test", Journal of Machine Learning Research 13, 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.stats import compress_then_test
    >>> rng = np.random.RandomState(0)
    >>> X, Y = rng.normal(size=(4000, 2)), rng.normal(scale=1.1, size=(3000, 2))
    >>> result = compress_then_test(X, Y, random_state=0)
    >>> result.reject, result.pvalue
    (True, 0.001)
    """
    check_options(alpha, n_permutations, shuffle=shuffle)
    check_g(g)
    X, Y = check_samples(X, Y)
    rng = check_random_state(random_state)
    kernel = resolve_kernel(kernel, X, Y, gamma, degree, coef0, kernel_params)
    bins, rows, coresets, indices = thin_samples(
        kernel, X, Y, g, n_bins, alpha, rng if shuffle else None, rng
    )
    chosen = rows[coresets.ravel()]
    n_coreset = coresets.shape[1]
    if n_random_features is None:
        table = kernel_table(kernel, chosen, sum(bins))
    else:
        if not isinstance(n_random_features, Integral) or n_random_features < 1:
            raise ValueError(
                "n_random_features must be a positive integer or None, got "
                f"{n_random_features!r}."
            )
        frequencies = kernel.spectral_sample(
            -(-n_random_features // 2),
            rows.shape[1],
            random_state=rng,
            orthogonal=True,
        )
        table = feature_table(kernel, chosen, sum(bins), frequencies)
    in_x = draw_splits(*bins, n_permutations, rng)
    statistics, tie = split_statistics(table, in_x, n_coreset)
    return TwoSampleTestResult(
        **decide(statistics, alpha, rng.uniform(), tie), n_bins=bins, **indices
    )


def check_g(g):
    """Refuse what is no size of coresets."""
    if isinstance(g, str) and g == "auto":
        return
    if not isinstance(g, Integral) or g < 0:
        raise ValueError(f"g must be 'auto' or an integer >= 0, got {g!r}.")


def thin_samples(kernel, X, Y, g, n_bins, alpha, order_rng, rng):
    """Cut two samples into bins and thin each of them.

    Returns
    -------
    bins : tuple of int
        How many bins X and Y have.

    rows : array or CSR matrix
        The rows of all bins, those of X first.

    coresets : ndarray of int of shape (sum(bins), n_coreset)
        Positions in ``rows``.

    indices : dict
        ``coreset_indices_x`` and ``coreset_indices_y``.
    """
    bins, size = cut_bins(X.shape[0], Y.shape[0], n_bins, alpha)
    if isinstance(g, str):
        few = sum(bins) * size <= _FEW_ROWS
        g = size.bit_length() if few else _AUTO_G
    size, n_coreset = shrink_bins(size, g)
    n_x, n_y = bins[0] * size, bins[1] * size
    rows, rows_x, rows_y = choose_rows(X, Y, n_x, n_y, order_rng)
    coresets = compress_bins(kernel, rows, sum(bins), n_coreset, rng)
    indices = {
        "coreset_indices_x": rows_x[coresets[: bins[0]].ravel()],
        "coreset_indices_y": rows_y[coresets[bins[0] :].ravel() - n_x],
    }
    return bins, rows, coresets, indices
