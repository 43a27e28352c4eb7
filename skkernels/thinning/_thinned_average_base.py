"""What thinned Nadaraya-Watson regression and classification have in common."""

from numbers import Real

import numpy as np
from sklearn.utils import check_random_state

from skkernels.base import KERNEL_CONSTRAINTS
from skkernels.coresets._supervised_kernel import standardize_targets
from skkernels.kernels import make_kernel
from skkernels.thinning._thinned_bandwidth import (
    HeldOut,
    kernel_average,
    nearest_rows,
    search_gamma,
)
from skkernels.thinning._thinned_base import BaseThinned
from skkernels.thinning._thinned_leave_one_out import LeaveOneOut
from skkernels.utils._array import get_namespace, to_numpy
from skkernels.utils._sklearn import Interval, StrOptions, check_is_fitted
from skkernels.utils._validation import check_same_device, match_storage, validate

# At most so many samples choose the bandwidth, and no less than so many the last time.
_MAX_JUDGES, _MIN_JUDGES = 2_000, 100


class BaseThinnedNadarayaWatson(BaseThinned):
    """Fit and evaluate ``sum_j v_j k(x, c_j) y_j / sum_j v_j k(x, c_j)``."""

    _parameter_constraints: dict = {
        **BaseThinned._parameter_constraints,
        **KERNEL_CONSTRAINTS,
        "gamma": [
            Interval(Real, 0, None, closed="left"),
            StrOptions({"loo", "scale", "median"}),
            None,
        ],
    }

    def _fit_rows(self, X, Y, codes, weights, rows):
        """Choose the bandwidth and the coreset from rows of positive weight.

        ``Y`` of shape (n, n_targets) are the targets that are averaged; for the rest
        see ``_choose_coreset``. Returns the positions of the coreset in X.
        """
        rng = check_random_state(self.random_state)
        make, kernel = self._kernels(X, weights)
        distinct = self._distinct_samples(X, Y, codes, weights)
        search = None
        if make is not None:
            search = _Search(make, kernel, X, Y, codes, distinct)
            kernel = search.pilot(self._thins(distinct[0].size), rng)
        indices, mass = self._choose_coreset(
            kernel._without_noise(), "average", X, Y, codes, rows, distinct, rng
        )
        if search is not None:
            kernel = search.adjust(kernel, indices, mass, rng)
        else:  # a kernel without finite values is found out by one row
            ones = get_namespace(X).ones((indices.size, 1))
            rows = self.coreset_[:1], self.coreset_
            kernel_average(kernel._without_noise(), *rows, ones, ones[:, 0])
        self.kernel_, self.gamma_ = kernel, kernel.gamma_value
        return indices

    def _kernels(self, X, weights):
        """The kernel; and if gamma is sought, what makes it for a gamma, else None."""
        self._refuse_precomputed()
        search = isinstance(self.kernel, str) and self.gamma == "loo"
        options = {
            "degree": self.degree,
            "coef0": self.coef0,
            "kernel_params": self.kernel_params,
        }
        gamma = None if self.gamma == "loo" else self.gamma
        kernel = make_kernel(self.kernel, gamma=gamma, **options)
        if search:
            try:
                kernel = make_kernel(self.kernel, gamma="median", **options)
            except ValueError as error:
                raise ValueError(
                    "gamma='loo' chooses the scale of a distance, but the kernel "
                    f"{self.kernel!r} has none. Use a number, None or 'scale'."
                ) from error
        weights = None if weights is None else get_namespace(X).asarray(weights)

        def resolve(kernel):
            return kernel.resolve(
                X, sample_weight=weights, random_state=self.random_state
            )

        kernel = resolve(kernel)
        if not search or kernel.gamma_value is None:
            return None, kernel

        def make(gamma):
            return resolve(make_kernel(self.kernel, gamma=gamma, **options))

        return make, kernel

    def _averages(self, X, Y, empty_value):
        """Averages of Y, the targets of the coreset; what rows without any get."""
        check_is_fitted(self, "coreset_")
        X = validate(self, X, reset=False)
        check_same_device(self, X, self.coreset_)
        X = match_storage(X, self.coreset_)
        xp = get_namespace(X)
        weights = self.coreset_weights_ * self.coreset_weights_.size
        mean = np.average(Y, axis=0, weights=weights)
        means, empty = kernel_average(
            self.kernel_._without_noise(),
            X,
            self.coreset_,
            xp.asarray(Y - mean),
            xp.asarray(weights),
        )
        means += xp.asarray(mean, dtype=means.dtype)
        if bool(empty.any()):
            rows = to_numpy(xp.nonzero(empty)[0])
            means[rows] = self._values_where_empty(X[rows], Y, mean, empty_value)
        return means

    def _values_where_empty(self, X, Y, mean, rule):
        if rule == "nearest":
            values = Y[nearest_rows(X, self.coreset_)]
        else:
            values = mean if rule == "mean" else np.zeros_like(mean)
        return get_namespace(X).asarray(values)


class _Search:
    """Choice of the bandwidth among distinct samples, in the order of their values."""

    def __init__(self, make, start, X, Y, codes, distinct):
        self.make, self.start, self.X = make, start, X
        self.first, totals = distinct
        self.targets = Y[self.first]
        if codes is None:  # targets of different scales are to count the same
            self.targets = standardize_targets(self.targets, totals)
        self.weights = totals / totals.mean()

    def take(self, which):
        """Rows in float64, targets and weights of some of the samples."""
        xp = get_namespace(self.X)
        rows = self.X[self.first[which]].astype(np.float64, copy=False)
        return rows, xp.asarray(self.targets[which]), xp.asarray(self.weights[which])

    def pilot(self, thinned, rng):
        """The best kernel by leave-one-out, among few samples if all are too many."""
        n = self.first.size
        if n == 1:
            return self.make(self.start.gamma_value)
        judges = rng.permutation(n)[:_MAX_JUDGES]
        if thinned:
            samples, judges = self.take(judges), np.arange(judges.size)
        else:
            samples = self.take(slice(None))
        return self.best(LeaveOneOut(*samples, judges))

    def adjust(self, kernel, indices, mass, rng):
        """The kernel that is best at samples outside of the coreset."""
        kept = np.isin(self.first, indices)
        outside = np.flatnonzero(~kept)
        if outside.size < _MIN_JUDGES:
            return kernel
        rows, targets, _ = self.take(kept)
        mass = mass[np.searchsorted(indices, self.first[kept])]
        mass = get_namespace(self.X).asarray(mass / mass.mean())
        judges = self.take(outside[rng.permutation(outside.size)[:_MAX_JUDGES]])
        return self.best(HeldOut(rows, targets, mass, *judges))

    def best(self, judge):
        factor = 2.0 if self.start._rule_metric == "cityblock" else 4.0
        gamma = search_gamma(
            lambda gamma: judge.error(self.make(gamma)._without_noise()),
            self.start.gamma_value,
            factor,
        )
        return self.make(gamma)
