"""Error of averages weighted by a kernel, over all samples but the one predicted."""

from skkernels.thinning._thinned_bandwidth import HeldOut, kernel_sums, nearest_rows
from skkernels.utils._array import get_namespace

# A sum from which a row's own share was taken has no digits left below this part of it.
_CANCELLED = 1e-10


class LeaveOneOut(HeldOut):
    """Mean squared error of kernel averages over all samples but the one predicted.

    Parameters
    ----------
    X : array or CSR matrix of shape (n, n_features)
        Rows, in float64; at least two. No two pairs of a row and its target are equal:
        a copy of the sample predicted would predict it.

    Y : array of shape (n, n_targets)
        Targets.

    weights : array of shape (n,)
        Weights. All of the weight of a sample is left out where it is predicted.

    rows : ndarray of int of shape (n_judges,)
        Which samples to predict.
    """

    def __init__(self, X, Y, weights, rows):
        super().__init__(X, Y, weights, X[rows], Y[rows], weights[rows])
        self.rows = rows

    def error(self, kernel):
        """The error; where the average is empty, the nearest other sample predicts."""
        xp = get_namespace(self.targets)
        sums = kernel_sums(kernel, self.judges, *self.model)
        own = self.weights * kernel.diag(self.judges)
        rest = sums[:, -1] - own
        empty = ~(rest > _CANCELLED * xp.abs(sums[:, -1]))
        means = sums[:, :-1] - own[:, None] * self.targets
        means /= xp.where(empty, 1.0, rest)[:, None]
        return self._error(means, empty)

    def _nearest(self):
        X, Y, _ = self.model
        return Y[nearest_rows(self.judges, X, own=self.rows)]
