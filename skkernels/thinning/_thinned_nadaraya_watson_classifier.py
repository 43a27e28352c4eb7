"""Nadaraya-Watson classification on a coreset."""

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets

from skkernels.thinning._thinned_average_base import BaseThinnedNadarayaWatson
from skkernels.utils._array import get_namespace, to_numpy
from skkernels.utils._classes import encode_labels
from skkernels.utils._sklearn import StrOptions, _fit_context, check_is_fitted
from skkernels.utils._state import unchanged_on_error
from skkernels.utils._validation import check_weights, drop_zero_weights, validate


class ThinnedNadarayaWatsonClassifier(ClassifierMixin, BaseThinnedNadarayaWatson):
    """Shares of the classes in a coreset, weighted by a kernel.

    The probability of a class at x is the share of its samples in the sum of the kernel
    values between x and a few of the samples, which are kept with weights. The samples
    of each class are thinned by themselves, to a number in proportion to their weight:
    all classes stay, and keep their weight. Small data are not thinned by default.

    Parameters
    ----------
    n_coreset : int, float, "sqrt" or "auto", default="auto"
        How many samples to keep, but at least one of each class: a number, or a share
        in (0, 1] or the square root of the number n of distinct samples, which are
        pairs of features and label. "auto" is ``max(1024, 4 sqrt(n))``. Where that is n
        or more, all of them stay, without a warning.

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

    empty : {"nearest", "mean"}, default="nearest"
        Probabilities where no sample of the coreset is in reach of the kernel: those of
        the closest one in Euclidean distance, 1 for its class; or the shares of the
        classes.

    class_weight : dict or "balanced", default=None
        Weights of the classes, as ``{label: weight}``; "balanced" makes the total
        weights of the classes equal. Multiplies the sample weights.

    random_state : int, RandomState instance or None, default=None
        Source of the draws of the thinning, and of the samples that choose gamma.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.

    coreset_ : {ndarray, sparse array} of shape (n_coreset_, n_features)
        The samples kept; no sample is kept twice.

    coreset_targets_ : ndarray of shape (n_coreset_,)
        Their labels.

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
    ThinnedNadarayaWatsonRegressor : The same for numbers.
    ThinnedKernelRidgeClassifier : Sharper boundaries, without probabilities.
    sklearn.neighbors.KNeighborsClassifier : Votes of the nearest samples.

    Notes
    -----
    Cost as for :class:`ThinnedNadarayaWatsonRegressor` with as many targets as classes.
    Within a class the kernel of the thinning is k itself, so that the density of each
    class is what is kept. ``gamma="loo"`` minimises the squared error of the
    probabilities (the Brier score) as described there.

    References
    ----------
    .. [1] E. A. Nadaraya, "On estimating regression", Theory of Probability and its
       Applications 9, 1964.
    .. [2] A. Gong, K. Choi and R. Dwivedi, "Supervised kernel thinning", NeurIPS 2024.
       arXiv:2410.13749

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from skkernels import ThinnedNadarayaWatsonClassifier
    >>> X, y = make_moons(2000, noise=0.1, random_state=0)
    >>> model = ThinnedNadarayaWatsonClassifier(n_coreset=100, random_state=0)
    >>> bool(model.fit(X, y).score(X, y) > 0.97)
    True
    """

    _parameter_constraints: dict = {
        **BaseThinnedNadarayaWatson._parameter_constraints,
        "empty": [StrOptions({"nearest", "mean"})],
        "class_weight": [dict, StrOptions({"balanced"}), None],
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
        class_weight=None,
        random_state=None,
    ):
        self.n_coreset = n_coreset
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.empty = empty
        self.class_weight = class_weight
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Choose the bandwidth and the coreset.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.

        y : array-like of shape (n_samples,)
            Class labels.

        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights of the samples; None is 1 for all.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        with unchanged_on_error(self):
            X, y = validate(self, X, y, reset=True)
            check_classification_targets(to_numpy(y))
            weights = check_weights(sample_weight, X)
            self.classes_, codes, weights = encode_labels(
                y, weights, self.class_weight, type(self).__name__
            )
            X, codes, weights, rows = drop_zero_weights(X, codes, weights)
            Y = np.eye(len(self.classes_))[codes]
            indices = self._fit_rows(X, Y, codes, weights, rows)
            self.coreset_targets_ = self.classes_[codes[indices]]
            return self

    def predict_proba(self, X):
        """Estimate the probabilities of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.
        """
        check_is_fitted(self, "coreset_targets_")
        codes = np.searchsorted(self.classes_, self.coreset_targets_)
        shares = self._averages(X, np.eye(len(self.classes_))[codes], self.empty)
        xp = get_namespace(shares)
        shares = xp.maximum(shares, 0.0)
        return shares / shares.sum(axis=1, keepdims=True)

    def predict(self, X):
        """Predict class labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            The most probable class; the first one if there are several.
        """
        probabilities = self.predict_proba(X)
        xp = get_namespace(probabilities)
        return xp.asarray(self.classes_)[xp.argmax(probabilities, axis=1)]
