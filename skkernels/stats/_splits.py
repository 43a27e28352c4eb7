"""Statistics of all splits of bins into two samples, and the decision of a test."""

from itertools import combinations, product
from math import floor

import numpy as np

from skkernels.stats._samples import count_splits
from skkernels.utils._parallel import single_threaded_blas

# Statistics that differ by less than this share of the kernel's mean are equal: which
# of them is larger must not depend on rounding.
_TIE = 1e-12


def draw_splits(bins_x, bins_y, n_permutations, rng, *, paired=False):
    """Ways to say which bins belong to X.

    Parameters
    ----------
    bins_x, bins_y : int
        Bins of the two samples.

    n_permutations : int
        How many to draw. If there are no more, all of them are listed instead.

    rng : RandomState
        Source of the draws.

    paired : bool, default=False
        Exchange only bin i of X with bin i of Y.

    Returns
    -------
    in_x : ndarray of bool of shape (n_splits, bins_x + bins_y)
        The first one is the given split; none of the others is, if all are listed.
    """
    n_bins = bins_x + bins_y
    n_others = count_splits(bins_x, bins_y, paired) - 1
    enumerate_all = n_others <= n_permutations
    in_x = np.zeros((1 + min(n_others, int(n_permutations)), n_bins), dtype=bool)
    if enumerate_all and paired:
        keep = np.array(list(product([True, False], repeat=bins_x)))
        in_x[:] = np.hstack([keep, ~keep])
    elif enumerate_all:
        chosen = np.array(list(combinations(range(n_bins), bins_x)))
        np.put_along_axis(in_x, chosen, True, axis=1)
    elif paired:
        keep = rng.uniform(size=(n_permutations, bins_x)) < 0.5
        in_x[1:] = np.hstack([keep, ~keep])
    else:
        order = np.argsort(rng.uniform(size=(n_permutations, n_bins)), axis=1)
        in_x[1:] = order < bins_x
    in_x[0] = np.arange(n_bins) < bins_x
    return in_x


def split_statistics(table, in_x, size, trace=None):
    """Squared MMD for each split.

    Parameters
    ----------
    table : ndarray of shape (n_bins, n_bins)
        Sums of the kernel over pairs of rows.

    in_x : ndarray of bool of shape (n_splits, n_bins)
        From :func:`draw_splits`.

    size : int
        Rows in each bin.

    trace : ndarray of shape (n_bins,) or None, default=None
        Sums of the kernel's diagonal. If given, pairs of a row and itself are left out:
        the unbiased statistic.

    Returns
    -------
    statistics : ndarray of shape (n_splits,)

    tie : float
        Differences up to this are rounding errors.
    """
    n_bins = table.shape[0]
    n_x = int(np.count_nonzero(in_x[0])) * size
    n_y = n_bins * size - n_x
    member = in_x.astype(np.float64)
    with single_threaded_blas():
        sums = member @ table
    from_x = sums.sum(axis=1)
    within_x = np.einsum("ij,ij->i", sums, member)
    between = from_x - within_x
    within_y = table.sum() - from_x - between
    pairs_x, pairs_y = float(n_x) ** 2, float(n_y) ** 2
    if trace is not None:
        trace_x = member @ trace
        within_x -= trace_x
        within_y -= trace.sum() - trace_x
        pairs_x -= n_x
        pairs_y -= n_y
    statistics = within_x / pairs_x + within_y / pairs_y
    statistics -= 2.0 * between / (float(n_x) * n_y)
    return statistics, _TIE * float(np.abs(table).max()) / size**2


def decide(statistics, alpha, uniform, tie):
    """Compare the first of exchangeable statistics with all of them.

    Parameters
    ----------
    statistics : ndarray of shape (n_splits,)
        The first one is that of the samples.

    alpha : float
        Level.

    uniform : float
        A draw that decides if the statistic equals the threshold.

    tie : float
        Differences up to this count as equality.

    Returns
    -------
    decision : dict
        Fields of :class:`TwoSampleTestResult`.
    """
    n = statistics.size
    expected = alpha * n
    threshold = np.sort(statistics)[n - 1 - floor(expected + 1e-9)]
    observed = statistics[0]
    reject = observed > threshold + tie
    if abs(observed - threshold) <= tie:
        n_above = np.count_nonzero(statistics > threshold + tie)
        n_equal = np.count_nonzero(np.abs(statistics - threshold) <= tie)
        reject = uniform * n_equal < expected - n_above - 1e-9
    return {
        "statistic": float(observed),
        "pvalue": float(np.count_nonzero(statistics >= observed - tie) / n),
        "reject": bool(reject),
        "threshold": float(threshold),
        "null_distribution": statistics[1:],
    }
