"""Classification with Parzen windows."""

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets

from skkernels.base import KERNEL_CONSTRAINTS, KernelEstimatorMixin
from skkernels.operators import make_operator
from skkernels.utils._array import get_namespace, to_numpy
from skkernels.utils._sklearn import StrOptions, _fit_context, check_is_fitted
from skkernels.utils._validation import (
    check_same_device,
    check_weights,
    drop_zero_weights,
    match_storage,
    validate,
)


class ParzenClassifier(ClassifierMixin, KernelEstimatorMixin):
    """Classify by the kernel mass that each class puts on a point.

    The score of class c is ``sum_{i in c} w_i k(x, x_i) / sum_i w_i``, an estimate of
    its density times its prior probability.

    Parameters
    ----------
    kernel : str, kernel object or callable, default="rbf"
        A name from :func:`skkernels.kernels.kernel_names`, a kernel of
        :mod:`skkernels.kernels`, or a function ``k(X, Z)`` that returns a block.

    gamma : float, {"scale", "median"} or None, default="scale"
        Width of kernels given by name; None is 1 / n_features.

    degree : float, default=3
        Degree of the polynomial kernel.

    coef0 : float, default=1
        Constant of the polynomial and sigmoid kernels.

    kernel_params : dict, default=None
        Further parameters of the kernel given by name or as a callable.

    class_weight : dict or "balanced", default=None
        Weights of the classes, multiplied with the sample weights.

    random_state : int, RandomState instance or None, default=None
        Source of the rows on which ``gamma="median"`` is computed.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.

    dual_coef_ : ndarray of shape (n_rows, n_classes)
        Share of each row in the mass of each class.

    X_fit_ : {ndarray, sparse array} of shape (n_rows, n_features)
        Training rows of positive weight.

    kernel_ : Kernel
        The kernel with the numbers used.

    gamma_ : float or None
        The width used, where the kernel has one.

    n_features_in_ : int
        Number of features seen in fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X has names that are all strings.

    Notes
    -----
    With n rows, d features and c classes: fit takes time and memory O(n (d + c)),
    predict O(n (d + c)) operations per row, in blocks.

    References
    ----------
    .. [1] E. Parzen, "On estimation of a probability density function and mode",
       Annals of Mathematical Statistics 33, 1962.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> X, y = make_moons(200, noise=0.1, random_state=0)
    >>> bool(ParzenClassifier(gamma=10.0).fit(X, y).score(X, y) > 0.98)
    True
    """

    _parameter_constraints: dict = {
        **KERNEL_CONSTRAINTS,
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        kernel="rbf",
        *,
        gamma="scale",
        degree=3,
        coef0=1,
        kernel_params=None,
        class_weight=None,
        random_state=None,
    ):
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.class_weight = class_weight
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Fit the model.

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
        if self._is_precomputed():
            raise ValueError(
                "ParzenClassifier needs the rows themselves, so kernel='precomputed' "
                "is not possible."
            )
        # 1. Validate. Rows of weight zero are as good as absent: drop them first.
        X, y = validate(self, X, y, reset=True)
        check_classification_targets(to_numpy(y))
        weights = check_weights(sample_weight, X)
        X, y, weights, _ = drop_zero_weights(X, y, weights)

        # 2. Whatever is derived from the data uses the weights.
        self._resolve_kernel(X, weights)
        labels = to_numpy(y)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if self.classes_.size < 2:
            raise ValueError(
                "ParzenClassifier needs samples of at least 2 classes with a positive "
                f"weight, but got only one class: {self.classes_[0]!r}."
            )
        weights = np.ones(labels.size) if weights is None else to_numpy(weights)
        factors = compute_class_weight(
            self.class_weight,
            classes=self.classes_,
            y=labels,
            sample_weight=weights,
        )
        mass = np.zeros((labels.size, self.classes_.size))
        mass[np.arange(labels.size), codes] = weights * factors[codes]

        # 3. Fitted state is plain arrays, on the device and in the precision of X.
        self.X_fit_ = X
        self.dual_coef_ = get_namespace(X).asarray(mass / mass.sum(), dtype=X.dtype)
        return self

    def decision_function(self, X):
        """Compute the scores of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        scores : ndarray of shape (n_samples, n_classes), or (n_samples,) if binary
            The mass of each class; for two classes their difference.
        """
        check_is_fitted(self)
        X = validate(self, X, reset=False)
        check_same_device(self, X, self.dual_coef_)
        dtype = np.result_type(X.dtype, self.X_fit_.dtype)
        fitted = self.X_fit_.astype(dtype, copy=False)
        X = match_storage(X, fitted).astype(dtype, copy=False)
        # 4. A product with a kernel matrix that is never stored.
        mass = make_operator(self.kernel_, X, fitted).matmat(
            self.dual_coef_.astype(dtype, copy=False)
        )
        return mass if mass.shape[1] > 2 else mass[:, 1] - mass[:, 0]

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
        positive = scores > 0 if scores.ndim == 1 else scores.argmax(axis=1)
        return get_namespace(X).asarray(self.classes_)[positive.astype(np.intp)]
