"""What a test with several kernels returns."""

from dataclasses import dataclass

import numpy as np

from skkernels.stats._result import TwoSampleTestResult


@dataclass(frozen=True, eq=False, repr=False)
class AggregatedTwoSampleTestResult(TwoSampleTestResult):
    """Result of a two-sample test that combines several kernels.

    Its parameters are its attributes; they cannot be set.

    Parameters
    ----------
    statistic : float
        The largest of the kernels' weights over their p-values.

    pvalue : float
        Of the combination: the test accounts for the number of kernels.

    reject : bool
        Whether the test rejects equal distributions at its level.

    threshold : float
        What the statistic must exceed.

    null_distribution : ndarray of shape (n_permutations,)
        Statistics of the other splits.

    n_bins : tuple of int
        How many bins X and Y were cut into.

    coreset_indices_x, coreset_indices_y : ndarray of int
        Rows of X and of Y that the statistic is formed from, bin by bin.

    kernels : tuple of Kernel
        The kernels, with numbers in place of rules.

    kernel_statistics : ndarray of shape (n_kernels,)
        Squared MMD of each kernel.

    kernel_pvalues : ndarray of shape (n_kernels,)
        P-value that each kernel would have if it were the only one.

    kernel_thresholds : ndarray of shape (n_kernels,)
        What one of the ``kernel_statistics`` must exceed for the test to reject.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.stats import aggregated_compress_then_test
    >>> X = np.random.RandomState(0).normal(size=(64, 2))
    >>> result = aggregated_compress_then_test(X, 3.0 * X, random_state=0)
    >>> result.kernel_pvalues.shape
    (5,)
    """

    kernels: tuple
    kernel_statistics: np.ndarray
    kernel_pvalues: np.ndarray
    kernel_thresholds: np.ndarray
