"""Kernel density estimation on a coreset."""

from numbers import Real

import numpy as np
from sklearn.base import DensityMixin
from sklearn.neighbors import KernelDensity
from sklearn.utils import check_random_state

from skkernels.base import KernelEstimatorMixin
from skkernels.kernels import RBF, Exponential
from skkernels.thinning._thinned_base import (
    SIZE_CONSTRAINTS,
    choose_coreset,
    coreset_size,
    keep_samples,
)
from skkernels.utils._array import is_cupy
from skkernels.utils._distinct import distinct_rows
from skkernels.utils._sklearn import (
    Interval,
    StrOptions,
    _fit_context,
    check_is_fitted,
)
from skkernels.utils._state import unchanged_on_error
from skkernels.utils._validation import check_weights, positive_rows, validate


class ThinnedKernelDensity(DensityMixin, KernelEstimatorMixin):
    """Kernel density estimate from a coreset of the data.

    The density is :class:`sklearn.neighbors.KernelDensity` of a few of the samples,
    kept with weights such that it is close to the density of all samples. Evaluating it
    takes a time in proportion to their number. Small data are not thinned by default.

    Parameters
    ----------
    n_coreset : int, float, "sqrt" or "auto", default="auto"
        How many samples to keep: a number, or a share in (0, 1] or the square root of
        the number n of distinct samples. "auto" is ``max(1024, 4 sqrt(n))``. Where that
        is n or more, all of them stay, without a warning.

    bandwidth : float or {"scale", "scott", "silverman"}, default="scale"
        Bandwidth of the kernel. "scott" is ``n^(-1 / (d + 4))`` and "silverman" is
        ``(n (d + 2) / 4)^(-1 / (d + 4))`` for d features, as in scikit-learn: both are
        for features of variance 1. "scale" is "scott" times the root of the mean
        variance of the features. All samples count, and their weights: n is the sum of
        the weights.

    kernel : {"gaussian", "tophat", "epanechnikov", "exponential", "linear", \
            "cosine"}, default="gaussian"
        Kernel of the density.

    atol : float, default=0
        Absolute tolerance of densities; more than 0 is faster.

    rtol : float, default=0
        Relative tolerance of densities; more than 0 is faster.

    random_state : int, RandomState instance or None, default=None
        Source of the draws of the thinning.

    Attributes
    ----------
    coreset_ : ndarray of shape (n_coreset_, n_features)
        The samples kept; no sample is kept twice.

    coreset_weights_ : ndarray of shape (n_coreset_,)
        Their weights, of sum 1.

    sample_indices_ : ndarray of int of shape (n_coreset_,)
        Which rows of the data they are, in ascending order.

    bandwidth_ : float
        The bandwidth used.

    density_ : KernelDensity
        The density of the coreset.

    n_features_in_ : int
        Number of features seen in fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    sklearn.neighbors.KernelDensity : The density of all samples.
    KernelThinning : The coreset alone, with its error in the kernel's space.

    Notes
    -----
    The samples are thinned with the kernel of the density itself where it is
    "gaussian" or "exponential", so that the two densities are close in the kernel's
    space: their largest difference is at most that distance times the root of the
    kernel's height. The other kernels have no such space, and a Gaussian of about the
    same width takes their place.

    Thinning to s samples takes about ``64 s^2 log2(n / s)`` kernel values and some
    multiple of n, and O(n) memory beside the data. A density takes O(s d) operations
    per sample, or less where a tree over the coreset saves some. A sample of weight w
    counts as w equal samples of weight 1.

    References
    ----------
    .. [1] R. Dwivedi and L. Mackey, "Kernel thinning", Journal of Machine Learning
       Research 25, 2024. arXiv:2105.05842
    .. [2] J. M. Phillips and W. M. Tai, "Near-optimal coresets of kernel density
       estimates", Discrete and Computational Geometry 63, 2020. arXiv:1802.01751

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels import ThinnedKernelDensity
    >>> X = np.random.RandomState(0).normal(size=(5000, 1))
    >>> model = ThinnedKernelDensity(n_coreset=100, random_state=0).fit(X)
    >>> density = np.exp(model.score_samples([[0.0]]))
    >>> bool(abs(density[0] - 0.4) < 0.02)
    True
    """

    _parameter_constraints: dict = {
        "n_coreset": SIZE_CONSTRAINTS,
        "bandwidth": [
            Interval(Real, 0, None, closed="neither"),
            StrOptions({"scale", "scott", "silverman"}),
        ],
        "kernel": [
            StrOptions(
                {
                    "gaussian",
                    "tophat",
                    "epanechnikov",
                    "exponential",
                    "linear",
                    "cosine",
                }
            )
        ],
        "atol": [Interval(Real, 0, None, closed="left")],
        "rtol": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_coreset="auto",
        *,
        bandwidth="scale",
        kernel="gaussian",
        atol=0,
        rtol=0,
        random_state=None,
    ):
        self.n_coreset = n_coreset
        self.bandwidth = bandwidth
        self.kernel = kernel
        self.atol = atol
        self.rtol = rtol
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Choose the bandwidth and the coreset.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.

        y : object, default=None
            Ignored.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples; None is 1 for all.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        with unchanged_on_error(self):
            X = self._validate(X, reset=True)
            weights = check_weights(sample_weight, X)
            rows = positive_rows(weights)
            if rows is not None:
                X, weights = X[rows], weights[rows]
            rng = check_random_state(self.random_state)
            self.bandwidth_ = self._bandwidth(X, weights)
            first, inverse = distinct_rows(X)
            totals = np.bincount(inverse, weights, minlength=first.size).astype(float)
            size = coreset_size(self.n_coreset, first.size)
            kernel = self._thinning_kernel(X.shape[1])
            chosen, shares = choose_coreset(kernel, X[first], size, totals, None, rng)
            _, mass = keep_samples(self, X, rows, first[chosen], shares * totals.sum())
            self.density_ = KernelDensity(
                bandwidth=self.bandwidth_,
                kernel=self.kernel,
                atol=self.atol,
                rtol=self.rtol,
            ).fit(self.coreset_, sample_weight=mass)
            return self

    def _validate(self, X, *, reset):
        if is_cupy(X):
            raise TypeError(
                f"{type(self).__name__} searches trees, which are for arrays in main "
                "memory. Convert X with cupy.asnumpy."
            )
        return validate(self, X, reset=reset, accept_sparse=False)

    def _bandwidth(self, X, weights):
        if not isinstance(self.bandwidth, str):
            return float(self.bandwidth)
        n = X.shape[0] if weights is None else float(weights.sum())
        d = X.shape[1]
        if self.bandwidth == "silverman":
            n *= (d + 2) / 4
        factor = n ** (-1 / (d + 4))
        if self.bandwidth != "scale":
            return factor
        deviations = X - np.average(X, axis=0, weights=weights)
        spread = np.sqrt(np.average(deviations**2, axis=0, weights=weights).mean())
        return float(factor * (spread if spread > 0 else 1.0))

    def _thinning_kernel(self, n_features):
        length = self.bandwidth_
        if self.kernel == "exponential":
            return Exponential(length_scale=length)
        if self.kernel == "gaussian":
            return RBF(length_scale=length)
        # The deviation of the Epanechnikov kernel, which is between the others'.
        return RBF(length_scale=length / np.sqrt(n_features + 4))

    def score_samples(self, X):
        """Evaluate the logarithm of the density.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Where to evaluate it.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            In the precision of X. The integral of the density is 1.
        """
        check_is_fitted(self, "density_")
        X = self._validate(X, reset=False)
        return self.density_.score_samples(X).astype(X.dtype, copy=False)

    def score(self, X, y=None):
        """Evaluate the log-likelihood of data.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.

        y : object, default=None
            Ignored.

        Returns
        -------
        log_likelihood : float
            The sum of the logarithms of the densities.
        """
        return float(np.sum(self.score_samples(X), dtype=np.float64))

    def sample(self, n_samples=1, random_state=None):
        """Draw from the density.

        Parameters
        ----------
        n_samples : int, default=1
            How many draws.

        random_state : int, RandomState instance or None, default=None
            Source of the draws.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            Draws. Only for the kernels "gaussian" and "tophat".
        """
        check_is_fitted(self, "density_")
        if self.kernel not in ("gaussian", "tophat"):
            raise ValueError(
                "sample is possible for the kernels 'gaussian' and 'tophat', got "
                f"kernel={self.kernel!r}."
            )
        return self.density_.sample(n_samples, random_state=random_state)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        return tags
