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
    Beyond that the class takes all kernels of :mod:`skkernels.kernels`, solves without
    the kernel matrix where it is large, to the tolerance ``tol``, and predicts in
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

    solver : {"auto", "cholesky", "pcg", "askotch"}, default="auto"
        "cholesky" factors the n x n kernel matrix and raises a ValueError if that is
        larger than scikit-learn's ``working_memory``. The others never store the
        matrix. "pcg" runs conjugate gradients, preconditioned from 1000 samples on by a
        randomly pivoted Cholesky factor of rank at most 1000 within a quarter of
        ``working_memory``. "askotch", accelerated sketch-and-project, needs no such
        factor, and many more passes where ``alpha`` is small. "auto" is "cholesky" up
        to 4000 samples if the matrix fits ``working_memory``, and "pcg" elsewhere,
        with the matrix stored where it fits and there are more than 12 features.

    max_iter : int, default=1000
        Largest number of iterations of "pcg" or of passes over the data of "askotch";
        both evaluate n^2 kernel values.

    tol : float, default=1e-6
        "pcg" and "askotch" stop when the norm of the residual is at most ``tol`` times
        the norm of the targets (both scaled by the square roots of the weights). The
        predictions on the training data are then within the same bound of the exact
        ones.

    random_state : int, RandomState instance or None, default=None
        Source of the pivots of "pcg" and the blocks of "askotch", which do not affect
        what they converge to, and of the rows on which ``gamma="median"`` is computed.

    verbose : int, default=0
        Print the progress of an iterative solver: 1 prints ten lines at most, 2 every
        iteration.

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

    solver_ : {"cholesky", "pcg", "askotch"}
        The solver used.

    n_iter_ : int
        Number of iterations of "pcg" or passes of "askotch"; 1 for "cholesky".

    converged_ : bool
        Whether ``tol`` was met; True for "cholesky".

    residual_norms_ : ndarray of shape (n_iter_ + 1,) or None
        Relative residual before the first and after each iteration or pass, the
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
    operations and ``8 n^2`` bytes; an iteration of "pcg" and a pass of "askotch" take
    about n^2 (d + t) operations. The memory of "pcg" is O(n t) beside the
    preconditioner, that of "askotch" O(n t) beside blocks of some n / 100 rows, both
    within a quarter of ``working_memory``. Prediction takes O(n (d + t)) per row.

    The solutions are in float64, and residuals are tested in float64, also where X is
    float32: it is converted for that (d n numbers), and coefficients and predictions
    are float32 again. From 2000 samples on, "pcg" forms most products with the kernel
    in float32, as long as the residual in float64 falls as well.

    A sample of weight w counts exactly as w equal samples of weight 1; samples of
    weight 0 are left out, also where kernel parameters are computed from the data.

    References
    ----------
    .. [1] K. P. Murphy, "Machine Learning: A Probabilistic Perspective", MIT Press,
       2012, section 14.4.3.
    .. [2] M. Diaz, E. N. Epperly, Z. Frangella, J. A. Tropp and R. J. Webber, "Robust,
       randomized preconditioning for kernel ridge regression", 2023. arXiv:2304.12465
    .. [3] P. Rathore, Z. Frangella, J. Yang, M. Derezinski and M. Udell, "Have ASkotch:
       a neat solution for large-scale kernel ridge regression", 2024.
       arXiv:2407.10070

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
