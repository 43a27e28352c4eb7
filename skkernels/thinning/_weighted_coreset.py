"""What thinning to a coreset with optional weights has in common."""

from numbers import Integral

from skkernels.coresets._coreset_weights import WEIGHTS, coreset_weights
from skkernels.coresets._mmd import coreset_mmd
from skkernels.thinning._base import BaseThinning
from skkernels.utils._sklearn import StrOptions
from skkernels.utils._warnings import warn_user


class BaseWeightedCoreset(BaseThinning):
    """A coreset with a parameter ``weights``, and its discrepancy as ``mmd_``."""

    _parameter_constraints: dict = {
        **BaseThinning._parameter_constraints,
        "replace": ["boolean"],
        "weights": [StrOptions(set(WEIGHTS))],
    }

    def _warn_if_all(self, n):
        if isinstance(self.n_coreset, Integral) and self.n_coreset > n:
            warn_user(
                f"n_coreset={self.n_coreset} is more than the {n} rows there are: all "
                "of them are the coreset."
            )

    def _weigh(self, X, weights, indices, mean, mmd=None):
        """Set ``mmd_`` and return the weights of the coreset, None if they are equal.

        ``mmd`` is that of equal weights, if it is known. ``mean`` is the kernel mean of
        the data at the rows, or None if the coreset is all rows: they keep the weights
        that they have.
        """
        if mean is None:
            self.mmd_ = 0.0
            return None if weights is None else weights / weights.sum()
        values = None
        if self.weights != "equal":
            mmd = None
            values = coreset_weights(
                self.kernel_,
                X,
                indices,
                self.weights,
                sample_weight=weights,
                kernel_mean=mean,
            )
        if mmd is None:
            mmd = coreset_mmd(self.kernel_, X, indices, values, weights, mean)
        self.mmd_ = mmd
        return values
