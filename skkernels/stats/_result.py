"""What a two-sample test returns."""

from dataclasses import dataclass, fields

import numpy as np


@dataclass(frozen=True, eq=False, repr=False)
class TwoSampleTestResult:
    """Result of a two-sample test.

    Its parameters are its attributes; they cannot be set.

    Parameters
    ----------
    statistic : float
        The statistic of the samples as they are. Large values speak against equal
        distributions.

    pvalue : float
        Share of all splits looked at, the given one included, whose statistic is at
        least that of the samples.

    reject : bool
        Whether the test rejects equal distributions at its level. The same as
        ``pvalue <= alpha`` unless the statistic equals the threshold, where a random
        draw decides, so that the level is met exactly. Without equal statistics this
        cannot lead to a rejection if ``alpha * (n_permutations + 1)`` is a whole
        number.

    threshold : float
        What the statistic must exceed.

    null_distribution : ndarray of shape (n_permutations,)
        Statistics of the other splits.

    n_bins : tuple of int
        How many bins X and Y were cut into.

    coreset_indices_x, coreset_indices_y : ndarray of int
        Rows of X and of Y that the statistic is formed from, bin by bin.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.stats import cheap_permutation_mmd_test
    >>> X = np.random.RandomState(0).normal(size=(64, 2))
    >>> result = cheap_permutation_mmd_test(X, X + 2.0, random_state=0)
    >>> result.reject
    True
    >>> result.null_distribution.shape
    (999,)
    """

    statistic: float
    pvalue: float
    reject: bool
    threshold: float
    null_distribution: np.ndarray
    n_bins: tuple
    coreset_indices_x: np.ndarray
    coreset_indices_y: np.ndarray

    def __repr__(self):
        parts = []
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray) and value.size > 10:
                text = f"<{value.size} values>"
            elif isinstance(value, float):
                text = f"{value:.4g}"
            else:
                text = repr(value)
            parts.append(f"    {field.name}={text},")
        return "\n".join([f"{type(self).__name__}(", *parts, ")"])
