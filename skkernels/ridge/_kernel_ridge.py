"""Kernel ridge regression."""

from numbers import Real

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin

from skkernels.ridge._base import BaseKernelRidge
from skkernels.utils._sklearn import Interval, _fit_context
from skkernels.utils._validation import check_weights, validate


class KernelRidge(MultiOutputMixin, RegressorMixin, BaseKernelRidge):
    """Kernel ridge regression, direct or matrix-free.

    The model ``f(x) = sum_i a_i k(x, x_i)`` minimises
    ``sum_i w_i (y_i - f(x_i))^2 + alpha ||f||^2``. The class takes the parameters of
    :class:`sklearn.kernel_ridge.KernelRidge` with the same defaults and gives the same
    results, with one exception: a callable kernel takes two matrices and returns the
    block of the kernel matrix, where scikit-learn calls it for each pair of rows.
    Beyond that the class takes all kernels of :mod:`skkernels.kernels`, solves by
    conjugate gradients where the kernel matrix does not fit in memory, and predicts in
    blocks.

    Parameters
    ----------
    alpha : float or array-like of shape (n_targets,), default=1
        Ridge strength, not divided by the number of samples. An array has one value
        for each target.

    kernel : str, kernel object or callable, default="linear"
        A name from :func:`skkernels.kernels.kernel_names`, "precomputed", a kernel of
        :mod:`skkernels.kernels` or of :mod:`sklearn.gaussian_process.kernels`, or a
        function ``k(X, Z)`` that returns a block of the kernel matrix.

    gamma : float, {"scale", "median"} or None, default=None
        Width of kernels given by name. None is 1 / n_features; "scale" is
        1 / (n_features * X.var()); "median" takes the median distance as the length
        scale. Ignored by kernels without a width and by kernel objects.

    degree : float, default=3
        Degree of the polynomial kernel.

    coef0 : float, default=1
        Constant of the polynomial and sigmoid kernels.

    kernel_params : dict, default=None
        Further parameters of the kernel given by name or as a callable.

    solver : {"auto", "cholesky", "cg"}, default="auto"
        "cholesky" factors the n x n kernel matrix and raises a ValueError if that is
        larger than scikit-learn's ``working_memory``. "cg" never stores the matrix; it
        runs conjugate gradients, preconditioned from 1000 samples on by a randomly
        pivoted Cholesky factor. "auto" is "cholesky" where the matrix fits and
        n_samples is at most 20000, and "cg" elsewhere.

    max_iter : int, default=1000
        Largest number of iterations of "cg".

    tol : float, default=1e-6
        "cg" stops when the norm of the residual is at most ``tol`` times the norm of
        the targets (both scaled by the square roots of the weights). The predictions
        on the training data are then within the same bound of the exact ones.

    random_state : int, RandomState instance or None, default=None
        Source of the pivots of the preconditioner, which do not affect what "cg"
        converges to, and of the rows on which ``gamma="median"`` is computed.

    verbose : int, default=0
        Print the progress of "cg": 1 prints ten lines at most, 2 every iteration.

    Attributes
    ----------
    dual_coef_ : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Coefficients of the kernel functions; 0 for samples of weight 0.

    X_fit_ : {ndarray, sparse array} of shape (n_samples, n_features)
        Training data, needed for prediction; the kernel matrix if it was precomputed.

    kernel_ : Kernel or "precomputed"
        The kernel with the numbers used.

    gamma_ : float or None
        The width used, where the kernel has one.

    solver_ : {"cholesky", "cg"}
        The solver used.

    n_iter_ : int
        Number of iterations of "cg"; 1 for "cholesky".

    converged_ : bool
        Whether ``tol`` was met; True for "cholesky".

    residual_norms_ : ndarray of shape (n_iter_ + 1,) or None
        Relative residual before the first and after each iteration of "cg", the
        largest over the targets; None for "cholesky".

    n_features_in_ : int
        Number of features seen in fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    KernelRidgeClassifier : The same for class labels.
    NystroemKernelRidge : Fewer coefficients than samples; for large n_samples.
    sklearn.kernel_ridge.KernelRidge : What this class extends.

    Notes
    -----
    With n samples, d features and t targets, "cholesky" takes n^3 / 3 + n^2 (d + t)
    operations and ``8 n^2`` bytes; each iteration of "cg" takes about n^2 (d + t)
    operations, and memory is O(n t) beside a preconditioner that stays within a quarter
    of ``working_memory``. Prediction takes O(n (d + t)) per row.

    The solvers work in float64. Input in float32 is converted for that (d n numbers),
    and coefficients and predictions are float32 again.

    A sample of weight w counts exactly as w equal samples of weight 1; samples of
    weight 0 are left out, also where kernel parameters are computed from the data.

    References
    ----------
    .. [1] K. P. Murphy, "Machine Learning: A Probabilistic Perspective", MIT Press,
       2012, section 14.4.3.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels import KernelRidge
    >>> rng = np.random.RandomState(0)
    >>> X = rng.uniform(-3, 3, size=(200, 1))
    >>> y = np.sin(X[:, 0])
    >>> model = KernelRidge(alpha=1e-3, kernel="rbf", gamma="scale").fit(X, y)
    >>> bool(model.score(X, y) > 0.99)
    True
    """

    _parameter_constraints: dict = {
        **BaseKernelRidge._parameter_constraints,
        "alpha": [Interval(Real, 0, None, closed="left"), "array-like"],
    }

    def __init__(
        self,
        alpha=1,
        *,
        kernel="linear",
        gamma=None,
        degree=3,
        coef0=1,
        kernel_params=None,
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

        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.

        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights of the samples; None is 1 for all.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        X, y = validate(
            self,
            X,
            y,
            reset=True,
            accept_sparse=not self._is_precomputed(),
            multi_output=True,
            y_numeric=True,
        )
        weights = check_weights(sample_weight, X)
        Y = y[:, np.newaxis] if y.ndim == 1 else y
        return self._fit_dual(X, y, Y, weights)

    def predict(self, X):
        """Predict targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, or the kernel between it and the training data, of shape (n_samples,
            n_samples_fitted), if ``kernel="precomputed"``.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predictions.
        """
        return self._evaluate(X)
