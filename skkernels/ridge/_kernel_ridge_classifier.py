"""Kernel ridge classification."""

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets

from skkernels.ridge._base import BaseKernelRidge
from skkernels.utils._array import get_namespace, to_numpy
from skkernels.utils._classes import code_targets, encode_labels, labels_from_scores
from skkernels.utils._sklearn import StrOptions, _fit_context
from skkernels.utils._validation import check_weights, validate


class KernelRidgeClassifier(ClassifierMixin, BaseKernelRidge):
    """Classification by kernel ridge regression on class indicators.

    One regression per class, with target 1 for samples of the class and 0 for others
    less the share of the class in the training data; the largest prediction wins. All
    classes share one factorisation or one sequence of kernel products. Far from the
    training data the decision falls back to the most frequent class.

    Parameters
    ----------
    alpha : float, default=0.1
        Ridge strength, not divided by the number of samples.

    kernel : str, kernel object or callable, default="rbf"
        A name from :func:`skkernels.kernels.kernel_names`, "precomputed", a kernel of
        :mod:`skkernels.kernels` or of :mod:`sklearn.gaussian_process.kernels`, or a
        function ``k(X, Z)`` that returns a block of the kernel matrix.

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

    solver : {"auto", "cholesky", "pcg", "askotch"}, default="auto"
        As in :class:`KernelRidge`.

    max_iter : int, default=1000
        Largest number of iterations of "pcg" or passes of "askotch".

    tol : float, default=1e-6
        Relative residual at which the iterative solvers stop.

    random_state : int, RandomState instance or None, default=None
        Source of the pivots of "pcg" and the blocks of "askotch", and of the rows on
        which ``gamma="median"`` is computed.

    verbose : int, default=0
        Print the progress of an iterative solver: 1 prints ten lines at most, 2 every
        iteration.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.

    dual_coef_ : ndarray of shape (n_samples, n_classes), or (n_samples,) if binary
        Coefficients of the kernel functions.

    intercept_ : ndarray of shape (n_classes,), or float if binary
        Weighted means of the targets, added to the scores.

    X_fit_ : {ndarray, sparse array} of shape (n_samples, n_features)
        Training data, needed for prediction; the kernel matrix if it was precomputed.

    kernel_ : Kernel or "precomputed"
        The kernel with the numbers used.

    gamma_ : float or None
        The width used, where the kernel has one.

    solver_ : {"cholesky", "pcg", "askotch"}
        The solver used.

    n_iter_ : int
        Number of iterations of "pcg" or passes of "askotch"; 1 for "cholesky".

    converged_ : bool
        Whether ``tol`` was met; True for "cholesky".

    residual_norms_ : ndarray of shape (n_iter_ + 1,) or None
        Relative residual before the first and after each iteration or pass, the
        largest over the classes; None for "cholesky".

    n_features_in_ : int
        Number of features seen in fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    NystroemKernelRidgeClassifier : The same for large n_samples.
    KernelRidge : The regression behind it.
    sklearn.linear_model.RidgeClassifier : The linear counterpart.

    Notes
    -----
    Cost as for :class:`KernelRidge` with as many targets as classes, or one if there
    are two. Weights count as repetitions, also in ``class_weight="balanced"``.

    There is no ``predict_proba``: least-squares scores can leave [0, 1], and forcing
    them into it does not make them probabilities. Use
    :class:`sklearn.calibration.CalibratedClassifierCV` where probabilities are needed.

    References
    ----------
    .. [1] R. Rifkin, G. Yeo and T. Poggio, "Regularized least-squares
       classification", Advances in Learning Theory, 2003.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from skkernels import KernelRidgeClassifier
    >>> X, y = make_moons(200, noise=0.1, random_state=0)
    >>> bool(KernelRidgeClassifier().fit(X, y).score(X, y) > 0.97)
    True
    """

    _parameter_constraints: dict = {
        **BaseKernelRidge._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        alpha=0.1,
        *,
        kernel="rbf",
        gamma="scale",
        degree=3,
        coef0=1,
        kernel_params=None,
        class_weight=None,
        solver="auto",
        max_iter=1000,
        tol=1e-6,
        random_state=None,
        verbose=0,
    ):
        self.alpha = alpha
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.class_weight = class_weight
        self.solver = solver
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, or the kernel matrix of shape (n_samples, n_samples) if
            ``kernel="precomputed"``.

        y : array-like of shape (n_samples,)
            Class labels.

        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights of the samples; None is 1 for all.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        X, y = validate(
            self, X, y, reset=True, accept_sparse=not self._is_precomputed()
        )
        check_classification_targets(to_numpy(y))
        weights = check_weights(sample_weight, X)
        self.classes_, codes, weights = encode_labels(
            y, weights, self.class_weight, type(self).__name__
        )
        Y = code_targets(codes, len(self.classes_))
        mean = np.average(Y, axis=0, weights=weights)
        self.intercept_ = mean.astype(X.dtype) if mean.size > 1 else float(mean[0])
        xp = get_namespace(X)
        if weights is not None:
            weights = xp.asarray(weights)
        return self._fit_dual(X, y, xp.asarray(Y - mean), weights)

    def decision_function(self, X):
        """Evaluate the scores of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, or the kernel between it and the training data, of shape (n_samples,
            n_samples_fitted), if ``kernel="precomputed"``.

        Returns
        -------
        scores : ndarray of shape (n_samples, n_classes), or (n_samples,) if binary
            Regression values of the class indicators; for two classes their
            difference, positive for ``classes_[1]``.
        """
        scores = self._evaluate(X)
        scores += get_namespace(scores).asarray(self.intercept_, dtype=scores.dtype)
        return scores

    def predict(self, X):
        """Predict class labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, or the kernel between it and the training data, of shape (n_samples,
            n_samples_fitted), if ``kernel="precomputed"``.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Predicted labels.
        """
        scores = self.decision_function(X)
        return labels_from_scores(self.classes_, scores)
