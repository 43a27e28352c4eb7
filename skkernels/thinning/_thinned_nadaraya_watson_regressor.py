"""Nadaraya-Watson regression on a coreset."""

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin

from skkernels.thinning._thinned_average_base import BaseThinnedNadarayaWatson
from skkernels.utils._array import get_namespace, to_numpy
from skkernels.utils._sklearn import StrOptions, _fit_context, check_is_fitted
from skkernels.utils._state import unchanged_on_error
from skkernels.utils._validation import check_weights, drop_zero_weights, validate


class ThinnedNadarayaWatsonRegressor(
    MultiOutputMixin, RegressorMixin, BaseThinnedNadarayaWatson
):
    """Averages of the targets of a coreset, weighted by a kernel.

    The prediction at x is ``sum_j v_j k(x, c_j) y_j / sum_j v_j k(x, c_j)`` over a few
    of the samples, kept with weights such that both sums are close to those over all
    samples. Small data are not thinned by default.

    Parameters
    ----------
    n_coreset : int, float, "sqrt" or "auto", default="auto"
        How many samples to keep: a number, or a share in (0, 1] or the square root of
        the number n of distinct samples, which are pairs of features and target. "auto"
        is ``max(1024, 4 sqrt(n))``. Where that is n or more, all of them stay, without
        a warning.

    kernel : str, kernel object or callable, default="rbf"
        A name from :func:`skkernels.kernels.kernel_names`, a kernel of
        :mod:`skkernels.kernels` or of :mod:`sklearn.gaussian_process.kernels`, or a
        function ``k(X, Z)`` that returns a block of the kernel matrix. Its values
        should not be negative. "precomputed" is not possible.

    gamma : float, {"loo", "scale", "median"} or None, default="loo"
        Width of kernels given by name. "loo" is the best one on a grid around
        "median", see the notes. None is 1 / n_features; "scale" is
        1 / (n_features * X.var()); "median" takes the median distance as the length
        scale. Ignored by kernels without a width, kernel objects and callables.

    degree : float, default=3
        Degree of the polynomial kernel.

    coef0 : float, default=1
        Constant of the polynomial and sigmoid kernels.

    kernel_params : dict, default=None
        Further parameters of the kernel given by name or as a callable.

    empty : {"nearest", "mean", "zero"}, default="nearest"
        Prediction where no sample of the coreset is in reach of the kernel: the target
        of the closest one in Euclidean distance, the weighted mean of their targets, or
        0.

    random_state : int, RandomState instance or None, default=None
        Source of the draws of the thinning, and of the samples that choose gamma.

    Attributes
    ----------
    coreset_ : {ndarray, sparse array} of shape (n_coreset_, n_features)
        The samples kept; no sample is kept twice.

    coreset_targets_ : ndarray of shape (n_coreset_,) or \
            (n_coreset_, n_targets)
        Their targets.

    coreset_weights_ : ndarray of shape (n_coreset_,)
        Their weights, of sum 1.

    sample_indices_ : ndarray of int of shape (n_coreset_,)
        Which rows of the training data they are, in ascending order.

    kernel_ : Kernel
        The kernel with the numbers used.

    gamma_ : float or None
        The width used, where the kernel has one.

    n_features_in_ : int
        Number of features seen in fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    ThinnedNadarayaWatsonClassifier : The same for class labels.
    ThinnedKernelRidge : Smoother functions, and a linear system to solve.
    sklearn.neighbors.KNeighborsRegressor : Averages over the nearest samples.

    Notes
    -----
    The samples are thinned with the kernel ``k(x, x') (1 + y y')`` on pairs of features
    and targets [2]_, the targets at mean 0 and variance 1. With few features the error
    is much less than that of a random subset of the same size; with many features the
    two come closer.

    ``gamma="loo"`` minimises the squared error, of targets at any scale, over length
    scales from twice the median distance to its 256th part. Data that are not thinned
    are judged by leave-one-out, on at most 2000 samples. What is left out is a distinct
    sample with all of its weight: samples with equal features and targets count as one
    of the sum of their weights, since copies would predict each other; those with equal
    features but other targets stay. Where data are thinned, leave-one-out among at most
    2000 samples gives a first width, with which they are thinned, and then at most
    2000 samples that are not in the coreset choose the final one.

    With s samples in the coreset, thinning takes about ``64 s^2 log2(n / s)`` kernel
    values and some multiple of n, the search about 14 times 2000 s. The memory is O(n)
    beside the data, prediction takes O(s) per sample, and no kernel matrix is stored.

    A sample of weight w counts exactly as w equal samples of weight 1, and the order of
    the samples makes no difference, also where data are thinned: what the draws choose
    among are the distinct samples in an order that their values decide.

    References
    ----------
    .. [1] E. A. Nadaraya, "On estimating regression", Theory of Probability and its
       Applications 9, 1964.
    .. [2] A. Gong, K. Choi and R. Dwivedi, "Supervised kernel thinning", NeurIPS 2024.
       arXiv:2410.13749

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels import ThinnedNadarayaWatsonRegressor
    >>> rng = np.random.RandomState(0)
    >>> X = rng.uniform(-3, 3, size=(5000, 1))
    >>> y = np.sin(X[:, 0]) + 0.1 * rng.normal(size=5000)
    >>> model = ThinnedNadarayaWatsonRegressor(n_coreset=100, random_state=0)
    >>> bool(model.fit(X, y).score(X, y) > 0.97)
    True
    """

    _parameter_constraints: dict = {
        **BaseThinnedNadarayaWatson._parameter_constraints,
        "empty": [StrOptions({"nearest", "mean", "zero"})],
    }

    def __init__(
        self,
        n_coreset="auto",
        *,
        kernel="rbf",
        gamma="loo",
        degree=3,
        coef0=1,
        kernel_params=None,
        empty="nearest",
        random_state=None,
    ):
        self.n_coreset = n_coreset
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.empty = empty
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Choose the bandwidth and the coreset.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.

        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.

        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights of the samples; None is 1 for all.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        with unchanged_on_error(self):
            X, y = validate(self, X, y, reset=True, multi_output=True, y_numeric=True)
            weights = check_weights(sample_weight, X)
            X, y, weights, rows = drop_zero_weights(X, y, weights)
            weights = None if weights is None else to_numpy(weights)
            Y = to_numpy(y).astype(np.float64).reshape(X.shape[0], -1)
            indices = self._fit_rows(X, Y, None, weights, rows)
            targets = Y[indices] if y.ndim == 2 else Y[indices, 0]
            self.coreset_targets_ = get_namespace(X).asarray(targets.astype(X.dtype))
            return self

    def predict(self, X):
        """Predict targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predictions.
        """
        check_is_fitted(self, "coreset_targets_")
        targets = to_numpy(self.coreset_targets_).astype(np.float64)
        Y = targets.reshape(len(targets), -1)
        means = self._averages(X, Y, self.empty)
        return means if targets.ndim == 2 else means[:, 0]
