"""Kernel ridge classification on a coreset."""

from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets

from skkernels.thinning._thinned_ridge_base import BaseThinnedKernelRidge
from skkernels.utils._array import to_numpy
from skkernels.utils._classes import code_targets, encode_labels, labels_from_scores
from skkernels.utils._sklearn import StrOptions, _fit_context
from skkernels.utils._state import unchanged_on_error
from skkernels.utils._validation import check_weights, drop_zero_weights, validate


class ThinnedKernelRidgeClassifier(ClassifierMixin, BaseThinnedKernelRidge):
    """Classification by kernel ridge regression on a coreset of the training data.

    One regression per class, with target 1 for samples of the class and 0 for others
    less the share of the class in the training data; the largest prediction wins. The
    samples of each class are thinned by themselves, to a number in proportion to their
    weight: all classes stay, and keep their weight. Small data are not thinned by
    default, and the model is that of :class:`~skkernels.ridge.KernelRidgeClassifier`.

    Parameters
    ----------
    n_coreset : int, float, "sqrt" or "auto", default="auto"
        How many samples to keep, but at least one of each class: a number, or a share
        in (0, 1] or the square root of the number n of distinct samples, which are
        pairs of features and label. "auto" is ``max(1024, 4 sqrt(n))``. Where that is n
        or more, all of them stay, without a warning.

    alpha : float, default=0.1
        Ridge strength, not divided by the number of samples; the samples that are kept
        stand for all.

    kernel : str, kernel object or callable, default="rbf"
        A name from :func:`skkernels.kernels.kernel_names`, a kernel of
        :mod:`skkernels.kernels` or of :mod:`sklearn.gaussian_process.kernels`, or a
        function ``k(X, Z)`` that returns a block of the kernel matrix. "precomputed"
        is not possible.

    gamma : float, {"scale", "median"} or None, default="scale"
        Width of kernels given by name. None is 1 / n_features; "scale" is
        1 / (n_features * X.var()); "median" takes the median distance as the length
        scale. Ignored by kernels without a width and by kernel objects.

    degree : float, default=3
        Degree of the polynomial kernel.

    coef0 : float, default=1
        Constant of the polynomial and sigmoid kernels.

    kernel_params : dict, default=None
        Further parameters of the kernel given by name or as a callable.

    class_weight : dict or "balanced", default=None
        Weights of the classes, as ``{label: weight}``; "balanced" makes the total
        weights of the classes equal. Multiplies the sample weights.

    random_state : int, RandomState instance or None, default=None
        Source of the draws of the thinning.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.

    coreset_ : {ndarray, sparse array} of shape (n_coreset_, n_features)
        The samples kept; no sample is kept twice.

    coreset_weights_ : ndarray of shape (n_coreset_,)
        Their weights, of sum 1.

    sample_indices_ : ndarray of int of shape (n_coreset_,)
        Which rows of the training data they are, in ascending order.

    dual_coef_ : ndarray of shape (n_coreset_, n_classes), or (n_coreset_,) if binary
        Coefficients of their kernel functions.

    intercept_ : ndarray of shape (n_classes,), or float if binary
        Weighted means of the targets, added to the scores.

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
    ThinnedKernelRidge : The regression behind it.
    skkernels.ridge.NystroemKernelRidgeClassifier : All samples, but few kernel
        functions.

    Notes
    -----
    Cost as for :class:`ThinnedKernelRidge`; within a class the kernel of the thinning
    is ``k(x, x')^2 + k(x, x')``. A class whose share of ``n_coreset`` is less than one
    sample is represented by one, with the weight of the class.

    There is no ``predict_proba``: least-squares scores can leave [0, 1], and forcing
    them into it does not make them probabilities. Use
    :class:`sklearn.calibration.CalibratedClassifierCV` where probabilities are needed,
    or :class:`ThinnedNadarayaWatsonClassifier`.

    References
    ----------
    .. [1] A. Gong, K. Choi and R. Dwivedi, "Supervised kernel thinning", NeurIPS 2024.
       arXiv:2410.13749

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from skkernels import ThinnedKernelRidgeClassifier
    >>> X, y = make_moons(2000, noise=0.1, random_state=0)
    >>> model = ThinnedKernelRidgeClassifier(n_coreset=60, random_state=0)
    >>> bool(model.fit(X, y).score(X, y) > 0.97)
    True
    """

    _parameter_constraints: dict = {
        **BaseThinnedKernelRidge._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        n_coreset="auto",
        *,
        alpha=0.1,
        kernel="rbf",
        gamma="scale",
        degree=3,
        coef0=1,
        kernel_params=None,
        class_weight=None,
        random_state=None,
    ):
        self.n_coreset = n_coreset
        self.alpha = alpha
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.class_weight = class_weight
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Choose the coreset and fit the model to it.

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
            self._refuse_precomputed()
            weights = check_weights(sample_weight, X)
            self.classes_, codes, weights = encode_labels(
                y, weights, self.class_weight, type(self).__name__
            )
            X, codes, weights, rows = drop_zero_weights(X, codes, weights)
            n_classes = len(self.classes_)
            return self._fit_rows(
                X,
                code_targets(codes, n_classes),
                codes,
                weights,
                rows,
                fit_intercept=True,
                flat=n_classes == 2,
            )

    def decision_function(self, X):
        """Evaluate the scores of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        scores : ndarray of shape (n_samples, n_classes), or (n_samples,) if binary
            Regression values of the class indicators; for two classes their
            difference, positive for ``classes_[1]``.
        """
        return self._evaluate(X)

    def predict(self, X):
        """Predict class labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Predicted labels.
        """
        scores = self.decision_function(X)
        return labels_from_scores(self.classes_, scores)
