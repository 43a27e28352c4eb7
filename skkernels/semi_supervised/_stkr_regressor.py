"""Semi-supervised regression with a spectrally transformed kernel."""

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin

from skkernels.semi_supervised._base import BaseSTKR
from skkernels.semi_supervised._labels import read_rows, read_targets
from skkernels.utils._array import get_namespace, to_numpy
from skkernels.utils._sklearn import _fit_context
from skkernels.utils._state import unchanged_on_error


class STKRRegressor(MultiOutputMixin, RegressorMixin, BaseSTKR):
    """Regression with a spectrally transformed kernel, from few labelled rows.

    All rows, labelled and unlabelled, are the pool. From the eigenvalues ``lam_i`` and
    eigenfunctions ``psi_i`` of the kernel with respect to the pool, the transformed
    kernel ``sum_i s(lam_i) psi_i psi_i`` is made, in whose norm functions are smooth
    along the pool. The model is kernel ridge regression with it: it minimises
    ``sum_i w_i (y_i - f(x_i))^2 + alpha ||f||^2`` over the labelled rows. It predicts
    on the pool and on new rows alike, at the cost of one kernel row each.

    Parameters
    ----------
    transformation : str or callable, default="inverse_laplacian"
        The transformation s of the eigenvalues, see the Notes: "identity" (kernel ridge
        regression), "polynomial", "power", "inverse_laplacian", "heat", "truncation"
        (regression on kernel principal components), or an elementwise function g of an
        array with ``s(lam) = lam g(lam)``.

    alpha : float, default=1.0
        Ridge strength, not divided by the number of rows.

    eta : float, default=0.99
        For "inverse_laplacian", ``s(lam) = lam / (1 - eta lam / lam_1)``, at least 0
        and below 1. Larger values make more of the pool.

    power : int, default=4
        For "power", ``s(lam) = lam ** power``.

    coefficients : array-like of shape (degree,), default=None
        For "polynomial", those of ``lam, lam^2, ...``, not negative.

    diffusion_time : float, default=5.0
        For "heat", ``s(lam) = lam exp(diffusion_time (lam - lam_1))``.

    n_components : int, default=10
        For "truncation", the number of eigenvalues kept.

    whiten : bool, default=False
        For "truncation", whether the eigenvalues that are kept become 1.

    pca_on : {"all", "unlabeled"}, default="all"
        For "truncation", whether the pool is all rows or the unlabelled ones only.

    kernel : str, kernel object or callable, default="rbf"
        A name from :func:`skkernels.kernels.kernel_names`, "precomputed", a kernel of
        :mod:`skkernels.kernels` or of :mod:`sklearn.gaussian_process.kernels`, or a
        function ``k(X, Z)`` that returns a block of the kernel matrix.

    gamma : float, {"scale", "median"} or None, default="scale"
        Width of kernels given by name. None is 1 / n_features; "scale" is
        1 / (n_features * X.var()); "median" takes the median distance as the length
        scale. All rows of the pool count. Ignored by kernels without a width and by
        kernel objects.

    degree : float, default=3
        Degree of the polynomial kernel.

    coef0 : float, default=1
        Constant of the polynomial and sigmoid kernels.

    kernel_params : dict, default=None
        Further parameters of the kernel given by name or as a callable.

    normalize : {"degree", "none", "center", "lazy"}, default="degree"
        What is done to the kernel first. "degree" divides by the roots of the mean
        similarity of both rows to the pool, which makes the largest eigenvalue 1 and
        needs a kernel without negative values. "center" centres in the feature space.
        "lazy" is the average of "degree" and the identity on the pool, for similarities
        that are not positive semi-definite, such as the adjacency matrix of a graph.

    fit_intercept : bool, default=False
        Whether to subtract the weighted mean of the targets first, and to add it to the
        predictions.

    solver : {"auto", "eigh", "cholesky", "cg", "lanczos"}, default="auto"
        "eigh" computes all eigenvalues, for every transformation; "cholesky" factors
        matrices, for every one but "truncation"; "cg" runs conjugate gradients without
        the kernel matrix, for the smooth ones; "lanczos" computes the leading
        eigenvalues for "truncation". "auto" is "eigh" up to 1000 rows for "truncation"
        (also where more than a tenth of all components are kept), for functions, and
        for precomputed matrices and kernels that are not known to be positive
        semi-definite. Else it is "lanczos" for "truncation", "cholesky" up to 5000 rows
        of which at most 2000 are labelled, not for sparse precomputed matrices, and
        "cg" beyond that and where memory is short.

    max_iter : int, default=1000
        Largest number of iterations of "cg" and "lanczos"; of the latter, with a sparse
        precomputed matrix, the largest number of restarts.

    tol : float, default=1e-6
        Accuracy at which "cg" and "lanczos" stop. Of "cg" with "inverse_laplacian" it
        bounds the error on the labelled rows, relative to the targets, both in the norm
        of the loss; elsewhere errors are up to about ``tol ||y|| / sqrt(alpha)`` times
        the root of ``k(x, x)``. Else it is the relative residual.

    random_state : int, RandomState instance or None, default=None
        Source of the rows on which ``gamma="median"`` is computed.

    verbose : int, default=0
        Print the progress of an iterative solver: 1 prints ten lines at most, 2 every
        iteration.

    Attributes
    ----------
    transduction_ : ndarray of shape (n_rows,) or (n_rows, n_targets)
        Predictions on all rows of the pool, those of ``X`` and then those of
        ``X_unlabeled``; ``n_rows`` is the number of both. With ``normalize="lazy"``
        they differ from what ``predict`` gives for the same rows as new ones.

    labeled_mask_ : ndarray of bool of shape (n_rows,)
        Rows with a target and a positive weight.

    dual_coef_ : ndarray of shape (n_rows,) or (n_rows, n_targets)
        Coefficients of the kernel functions; 0 for rows of weight 0.

    intercept_ : float or ndarray of shape (n_targets,)
        What is added to predictions; 0 without ``fit_intercept``.

    offset_ : float, ndarray of shape (n_targets,) or None
        What is added, besides, with ``normalize="center"``. It and ``dual_coef_`` are
        in float64 then, whatever X is, because both terms may be large.

    X_fit_ : {ndarray, sparse array} of shape (n_rows, n_features)
        All rows, needed for prediction; the kernel matrix if it was precomputed.

    pool_weights_ : ndarray of shape (n_rows,) or None
        The weights over their sum, where degrees are needed.

    degrees_ : ndarray of shape (n_rows,) or None
        Mean similarity of each row to the pool, with ``normalize`` "degree" or "lazy".

    eigenvalues_ : ndarray or None
        The eigenvalues of the kernel with respect to the pool in descending order, as
        far as the solver computes them: all with "eigh".

    lambda_max_ : float
        The largest eigenvalue.

    eta_ : float or None
        ``eta / lambda_max_`` for "inverse_laplacian", 0 for "identity".

    kernel_ : Kernel or "precomputed"
        The kernel with the numbers used.

    gamma_ : float or None
        The width used, where the kernel has one.

    solver_ : {"eigh", "cholesky", "cg", "lanczos"}
        The solver used.

    n_iter_ : int
        Number of iterations, of "lanczos" with a sparse precomputed matrix the number
        of runs; 1 for the direct solvers.

    converged_ : bool
        Whether ``tol`` was met; True for the direct solvers.

    residual_norms_ : ndarray of shape (n_iter_ + 1,) or None
        Largest relative residual at the start and after each iteration.

    n_features_in_ : int
        Number of features seen in fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    STKRClassifier : The same for class labels.
    stkr_path : Models for many values of ``alpha`` and ``eta`` at the cost of one.
    SpectralKernelTransformer : The transformed kernel as features.
    skkernels.model_selection.LabeledKFold : Cross-validation with unlabelled rows.
    skkernels.ridge.KernelRidge : The model without unlabelled rows.

    Notes
    -----
    With the kernel matrix K of the pool and its total weight W, the ``lam_i`` are the
    eigenvalues of ``K / W`` (with the weights inside). With N rows, n of them labelled,
    d features and t targets, "eigh" takes 9 N^3 operations and ``16 N^2`` bytes,
    "cholesky" N^3 / 3 + 2 N^2 n operations and ``8 N (N + 3 n)`` bytes, an iteration
    of "cg" N^2 (d + t) operations, times the degree of the polynomial unless the
    transformation is the inverse Laplacian, and O(N t) bytes. A prediction takes
    N (d + t) operations.

    A row of weight w counts exactly as w equal rows of weight 1, in the loss, the pool
    and all numbers that are derived from them; this holds for unlabelled rows as well.

    The papers' ridge parameter ``beta`` is ``alpha`` over the number of labelled rows.

    References
    ----------
    .. [1] R. Zhai, R. Pukdee, R. Jin, M.-F. Balcan and P. Ravikumar, "Spectrally
       Transformed Kernel Regression", ICLR 2024. arXiv:2402.00645

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.semi_supervised import STKRRegressor
    >>> X = np.linspace(-3, 3, 200)[:, np.newaxis]
    >>> y = np.full(200, np.nan)
    >>> y[::20] = np.sin(X[::20, 0])
    >>> model = STKRRegressor(alpha=0.01).fit(X, y)
    >>> bool(model.score(X, np.sin(X[:, 0])) > 0.99)
    True
    """

    def __init__(
        self,
        transformation="inverse_laplacian",
        *,
        alpha=1.0,
        eta=0.99,
        power=4,
        coefficients=None,
        diffusion_time=5.0,
        n_components=10,
        whiten=False,
        pca_on="all",
        kernel="rbf",
        gamma="scale",
        degree=3,
        coef0=1,
        kernel_params=None,
        normalize="degree",
        fit_intercept=False,
        solver="auto",
        max_iter=1000,
        tol=1e-6,
        random_state=None,
        verbose=0,
    ):
        self.transformation = transformation
        self.alpha = alpha
        self.eta = eta
        self.power = power
        self.coefficients = coefficients
        self.diffusion_time = diffusion_time
        self.n_components = n_components
        self.whiten = whiten
        self.pca_on = pca_on
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.normalize = normalize
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X,
        y,
        sample_weight=None,
        X_unlabeled=None,
        sample_weight_unlabeled=None,
    ):
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows with and without targets, or the kernel matrix of shape (n_samples,
            n_samples) if ``kernel="precomputed"``.

        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets, NaN for rows without one. A row has all targets or none.

        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights of the rows of X; None is 1 for all.

        X_unlabeled : {array-like, sparse matrix} of shape (n_unlabeled, n_features), \
                default=None
            Further rows without targets. They are the same as rows of X after all
            others with NaN in y. Not with ``kernel="precomputed"``.

        sample_weight_unlabeled : float or array-like of shape (n_unlabeled,), \
                default=None
            Weights of the rows of X_unlabeled; None is 1 for all.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        with unchanged_on_error(self):
            return self._fit(X, y, sample_weight, X_unlabeled, sample_weight_unlabeled)

    def _fit(
        self, X, y, sample_weight, X_unlabeled, sample_weight_unlabeled, shared=None
    ):
        """``fit``, with a store for :meth:`_fit_pool`."""
        rows, weights, n_samples = read_rows(
            self, X, X_unlabeled, sample_weight, sample_weight_unlabeled
        )
        Y, labeled = read_targets(self, y, n_samples, rows.shape[0], weights)
        intercept = np.zeros(Y.shape[1:])
        if self.fit_intercept:
            counted = None if weights is None else to_numpy(weights)[labeled]
            intercept = np.average(Y, axis=0, weights=counted)
        xp, dtype = get_namespace(rows), rows.dtype
        Y = xp.asarray(Y - intercept)
        values = self._fit_pool(rows, Y, labeled, weights, y=y, shared=shared)
        self.intercept_ = intercept.astype(dtype) if Y.ndim == 2 else float(intercept)
        self.transduction_ = (values + xp.asarray(intercept)).astype(dtype)
        return self

    def predict(self, X):
        """Predict targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, or the kernel between it and all rows of the pool, of shape
            (n_samples, n_rows), if ``kernel="precomputed"``.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predictions.
        """
        values = self._evaluate(X)
        values += get_namespace(values).asarray(self.intercept_, dtype=values.dtype)
        return values
