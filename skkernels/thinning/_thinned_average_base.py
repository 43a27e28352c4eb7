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

    def _fit_rows(self, X, Y, codes, weights, units, rows):
        """Choose the bandwidth and the coreset from rows of positive weight.

        ``Y`` of shape (n, n_targets) are the targets that are averaged, ``units`` of
        shape (n,) are the weights of one sample, 1 unless classes are weighted; for the
        rest see ``_choose_coreset``. Returns the positions of the coreset in X.
        """
        rng = check_random_state(self.random_state)
        distinct = self._distinct_samples(X, Y, codes, weights)
        if codes is None:  # targets of different scales are to count the same
            Y = standardize_targets(Y, weights)
        make, start = self._kernels(X, weights)
        kernel = start
        if make is not None:
            kernel = make(self._pilot(make, start, X, Y, weights, units, distinct, rng))
        indices, mass = self._choose_coreset(
            kernel._without_noise(),
            "average",
            X,
            Y,
            codes,
            weights,
            rows,
            distinct,
            rng,
        )
        if make is not None and distinct is not None:
            kernel = self._adjust(
                make, start, kernel, X, Y, indices, mass, distinct, rng
            )
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

        if not search:
            return None, resolve(kernel)

        def make(gamma):
            return resolve(make_kernel(self.kernel, gamma=gamma, **options))

        return make, resolve(kernel)

    def _pilot(self, make, start, X, Y, weights, units, distinct, rng):
        """gamma by leave-one-out, on some of the samples if these are to be thinned."""
        if distinct is not None:
            first, weights = distinct
            drawn = rng.permutation(first.size)[:_MAX_JUDGES]
            X, Y, weights = X[first[drawn]], Y[first[drawn]], weights[drawn]
            units = units[first[drawn]]
        n = X.shape[0]
        if n == 1:
            return start.gamma_value
        judges = np.linspace(0, n - 1, min(n, _MAX_JUDGES)).astype(np.intp)
        weights = np.ones(n) if weights is None else weights
        xp = get_namespace(X)
        arrays = [xp.asarray(a) for a in (Y, weights, np.minimum(weights, units))]
        judge = LeaveOneOut(X.astype(np.float64, copy=False), *arrays, judges)
        return _search(judge, make, start)

    def _adjust(self, make, start, kernel, X, Y, indices, mass, distinct, rng):
        """The kernel that is best at samples outside of the coreset."""
        first, weights = distinct
        outside = np.flatnonzero(~np.isin(first, indices))
        if outside.size < _MIN_JUDGES:
            return kernel
        drawn = outside[rng.permutation(outside.size)[:_MAX_JUDGES]]
        xp = get_namespace(X)
        judge = HeldOut(
            X[indices].astype(np.float64, copy=False),
            xp.asarray(Y[indices]),
            xp.asarray(mass / mass.mean()),
            X[first[drawn]].astype(np.float64, copy=False),
            xp.asarray(Y[first[drawn]]),
            xp.asarray(weights[drawn]),
        )
        return make(_search(judge, make, start))

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


def _search(judge, make, start):
    factor = 2.0 if start._rule_metric == "cityblock" else 4.0
    return search_gamma(
        lambda gamma: judge.error(make(gamma)._without_noise()),
        start.gamma_value,
        factor,
    )
