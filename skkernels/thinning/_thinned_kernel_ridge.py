"""Kernel ridge regression on a coreset."""

from numbers import Real

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin

from skkernels.thinning._thinned_ridge_base import BaseThinnedKernelRidge
from skkernels.utils._array import to_numpy
from skkernels.utils._sklearn import Interval, _fit_context
from skkernels.utils._state import unchanged_on_error
from skkernels.utils._validation import check_weights, drop_zero_weights, validate


class ThinnedKernelRidge(MultiOutputMixin, RegressorMixin, BaseThinnedKernelRidge):
    """Kernel ridge regression on a coreset of the training data.

    A few of the samples are kept, with weights, such that sums of ``f(x)^2`` and of
    ``f(x) y`` over them are close to those over all samples for every function f of the
    kernel's space: what the squared error of kernel ridge regression is made of. The
    model is then fitted to them as if they were the data. Small data are not thinned by
    default, and the model is that of :class:`~skkernels.ridge.KernelRidge` with an
    intercept.

    Parameters
    ----------
    n_coreset : int, float, "sqrt" or "auto", default="auto"
        How many samples to keep: a number, or a share in (0, 1] or the square root of
        the number n of distinct samples, which are pairs of features and target. "auto"
        is ``max(1024, 4 sqrt(n))``. Where that is n or more, all of them stay, without
        a warning.

    alpha : float or array-like of shape (n_targets,), default=1.0
        Ridge strength, not divided by the number of samples; the samples that are kept
        stand for all. An array has one value for each target.

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

    fit_intercept : bool, default=True
        Whether to add a constant, the weighted mean of all targets. Without one the
        model falls back to 0 far from the data.

    random_state : int, RandomState instance or None, default=None
        Source of the draws of the thinning.

    Attributes
    ----------
    coreset_ : {ndarray, sparse array} of shape (n_coreset_, n_features)
        The samples kept; no sample is kept twice.

    coreset_weights_ : ndarray of shape (n_coreset_,)
        Their weights, of sum 1.

    sample_indices_ : ndarray of int of shape (n_coreset_,)
        Which rows of the training data they are, in ascending order.

    dual_coef_ : ndarray of shape (n_coreset_,) or (n_coreset_, n_targets)
        Coefficients of their kernel functions.

    intercept_ : float or ndarray of shape (n_targets,)
        The constant.

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
    ThinnedKernelRidgeClassifier : The same for class labels.
    skkernels.ridge.NystroemKernelRidge : All samples, but few kernel functions.
    skkernels.ridge.KernelRidge : All samples and all kernel functions.

    Notes
    -----
    The model minimises ``sum_j v_j (y_j - f(x_j))^2 + alpha ||f||^2`` over the s
    samples of the coreset, where the v_j are their weights times n, or times the sum of
    the sample weights. They are thinned with the kernel ``k(x, x')^2 + k(x, x') y y'``
    on pairs of features and targets [1]_, the targets at mean 0 and variance 1.

    Thinning takes about ``64 s^2 log2(n / s)`` kernel values and some multiple of n,
    and never looks at all pairs of samples; the fit takes ``s^3 / 3`` operations and
    ``8 s^2`` bytes, or conjugate gradients where s is above 4000. Prediction takes
    O(s) per sample. :class:`~skkernels.ridge.NystroemKernelRidge` with as many centers
    predicts at the same cost, uses all targets and is the more accurate, but its fit
    takes ``n s^2`` operations.

    A sample of weight w counts exactly as w equal samples of weight 1, and the order of
    the samples makes no difference, also where data are thinned: what the draws choose
    among are the distinct samples in an order that their values decide.

    References
    ----------
    .. [1] A. Gong, K. Choi and R. Dwivedi, "Supervised kernel thinning", NeurIPS 2024.
       arXiv:2410.13749

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels import ThinnedKernelRidge
    >>> rng = np.random.RandomState(0)
    >>> X = rng.uniform(-3, 3, size=(5000, 1))
    >>> y = np.sin(X[:, 0]) + 0.1 * rng.normal(size=5000)
    >>> model = ThinnedKernelRidge(n_coreset=100, random_state=0).fit(X, y)
    >>> bool(model.score(X, y) > 0.97)
    True
    """

    _parameter_constraints: dict = {
        **BaseThinnedKernelRidge._parameter_constraints,
        "alpha": [Interval(Real, 0, None, closed="left"), "array-like"],
        "fit_intercept": ["boolean"],
    }

    def __init__(
        self,
        n_coreset="auto",
        *,
        alpha=1.0,
        kernel="rbf",
        gamma="scale",
        degree=3,
        coef0=1,
        kernel_params=None,
        fit_intercept=True,
        random_state=None,
    ):
        self.n_coreset = n_coreset
        self.alpha = alpha
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.fit_intercept = fit_intercept
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Choose the coreset and fit the model to it.

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
            self._refuse_precomputed()
            weights = check_weights(sample_weight, X)
            X, y, weights, rows = drop_zero_weights(X, y, weights)
            weights = None if weights is None else to_numpy(weights)
            Y = to_numpy(y).astype(np.float64).reshape(X.shape[0], -1)
            return self._fit_rows(
                X,
                Y,
                None,
                weights,
                rows,
                fit_intercept=self.fit_intercept,
                flat=y.ndim == 1,
            )

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
        return self._evaluate(X)
