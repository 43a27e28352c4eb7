"""Features from the transformed spectrum of a kernel."""

from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin

from skkernels.semi_supervised._pool_estimator import PoolEstimator, prefers_eigh
from skkernels.solvers._stkr import SpectralBasis
from skkernels.utils._array import get_namespace
from skkernels.utils._callbacks import FitTask
from skkernels.utils._sklearn import StrOptions, _fit_context
from skkernels.utils._state import unchanged_on_error
from skkernels.utils._validation import check_weights, positive_rows, validate


class SpectralKernelTransformer(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, PoolEstimator
):
    """Leading eigenfunctions of a kernel, scaled by a transformation of its spectrum.

    The features of a row are ``sqrt(s(lam_i)) psi_i(x)``. The ``lam_i`` are the largest
    eigenvalues of the kernel matrix of the data, divided by the total weight, and the
    ``psi_i`` are the eigenfunctions, of unit mean square on the data. A linear ridge
    regression on all features is the regression with the transformed kernel, of the
    same ``alpha``; on the leading ones it is the same with a truncated kernel. Only
    the rows of the data are needed, no labels.

    Parameters
    ----------
    n_components : int, default=10
        Number of features.

    transformation : str or callable, default="inverse_laplacian"
        The transformation s: "identity" (the features of kernel principal component
        analysis, not centred unless ``normalize="center"``), "polynomial", "power",
        "inverse_laplacian", "heat", "truncation" (the identity, or with ``whiten`` the
        number 1), or an elementwise function g of an array with
        ``s(lam) = lam g(lam)``.

    eta : float, default=0.99
        For "inverse_laplacian", ``s(lam) = lam / (1 - eta lam / lam_1)``, at least 0
        and below 1.

    power : int, default=4
        For "power", ``s(lam) = lam ** power``.

    coefficients : array-like of shape (degree,), default=None
        For "polynomial", those of ``lam, lam^2, ...``, not negative.

    diffusion_time : float, default=5.0
        For "heat", ``s(lam) = lam exp(diffusion_time (lam - lam_1))``.

    whiten : bool, default=False
        For "truncation", whether features have unit mean square.

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

    normalize : {"degree", "none", "center", "lazy"}, default="degree"
        What is done to the kernel first. "degree" divides by the roots of the mean
        similarity of both rows to the data, which makes the largest eigenvalue 1 and
        needs a kernel without negative values. "center" centres in the feature space.
        "lazy" is the average of "degree" and the identity on the data, for similarities
        that are not positive semi-definite, such as the adjacency matrix of a graph.

    solver : {"auto", "eigh", "lanczos"}, default="auto"
        "eigh" computes all eigenvalues of the kernel matrix, "lanczos" the leading ones
        from products with it. "auto" is "eigh" up to 1000 rows, and where more than a
        tenth of all eigenvalues are wanted and the matrix fits scikit-learn's
        ``working_memory``.

    max_iter : int, default=1000
        Largest number of iterations of "lanczos", with a sparse precomputed matrix the
        largest number of restarts.

    tol : float, default=1e-6
        "lanczos" stops when the residuals of the eigenvectors are at most ``tol`` times
        their eigenvalues.

    random_state : int, RandomState instance or None, default=None
        Source of the rows on which ``gamma="median"`` is computed.

    verbose : int, default=0
        Print the progress of "lanczos": 1 prints ten lines at most, 2 every iteration.

    Attributes
    ----------
    eigenvalues_ : ndarray of shape (n_components_,)
        The eigenvalues ``lam_i``, in descending order.

    transformed_eigenvalues_ : ndarray of shape (n_components_,)
        ``s(lam_i)``, the mean squares of the features.

    n_components_ : int
        Number of features; less than ``n_components`` if the other eigenvalues vanish.

    dual_coef_ : ndarray of shape (n_samples, n_components_)
        Coefficients of the kernel functions, for the kernel without normalisation; 0
        for rows of weight 0.

    offset_ : ndarray of shape (n_components_,) or None
        What is added, with ``normalize="center"``.

    X_fit_ : {ndarray, sparse array} of shape (n_samples, n_features)
        The data; the kernel matrix if it was precomputed.

    pool_weights_ : ndarray of shape (n_samples,) or None
        The weights over their sum, where degrees are needed.

    lambda_max_ : float
        The largest eigenvalue.

    eta_ : float or None
        ``eta`` over the largest eigenvalue, for "inverse_laplacian".

    kernel_ : Kernel or "precomputed"
        The kernel with the numbers used.

    gamma_ : float or None
        The width used, where the kernel has one.

    solver_ : {"eigh", "lanczos"}
        The solver used.

    n_iter_ : int
        Number of iterations of "lanczos", with a sparse precomputed matrix the number
        of runs; 1 for "eigh".

    converged_ : bool
        Whether ``tol`` was met; True for "eigh".

    residual_norms_ : ndarray of shape (n_iter_ + 1,) or None
        Largest relative residual at the start and after each iteration of "lanczos".

    n_features_in_ : int
        Number of features seen in fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    skkernels.semi_supervised.STKRRegressor : Regression with the transformed kernel.
    sklearn.decomposition.KernelPCA : The identity, with its own scaling.

    Notes
    -----
    With N rows and d features, "eigh" takes about 9 N^3 operations and ``16 N^2``
    bytes; an iteration of "lanczos" takes N^2 (d + n_components) operations, or as many
    as a sparse matrix has entries, times n_components, and its memory is about ten
    arrays of N n_components numbers. ``transform`` takes N (d + n_components)
    operations for each row.

    The signs are those with which each feature is positive at the row of the data where
    it is largest in absolute value. Features of equal eigenvalues are not unique.

    A sample of weight w counts exactly as w equal samples of weight 1.

    References
    ----------
    .. [1] R. Zhai, R. Pukdee, R. Jin, M.-F. Balcan and P. Ravikumar, "Spectrally
       Transformed Kernel Regression", ICLR 2024, section 4. arXiv:2402.00645
    .. [2] B. Scholkopf, A. Smola and K.-R. Muller, "Nonlinear component analysis as a
       kernel eigenvalue problem", Neural Computation 10, 1998.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skkernels.semi_supervised import SpectralKernelTransformer
    >>> X, y = make_moons(300, noise=0.08, random_state=0)
    >>> features = SpectralKernelTransformer(6, transformation="heat", gamma=20.0)
    >>> Z = features.fit_transform(X)
    >>> Z.shape
    (300, 6)
    >>> bool(LogisticRegression().fit(Z[:20], y[:20]).score(Z, y) > 0.95)
    True
    """

    _parameter_constraints: dict = {
        **PoolEstimator._parameter_constraints,
        "solver": [StrOptions({"auto", "eigh", "lanczos"})],
    }

    def __init__(
        self,
        n_components=10,
        *,
        transformation="inverse_laplacian",
        eta=0.99,
        power=4,
        coefficients=None,
        diffusion_time=5.0,
        whiten=False,
        kernel="rbf",
        gamma="scale",
        degree=3,
        coef0=1,
        kernel_params=None,
        normalize="degree",
        solver="auto",
        max_iter=1000,
        tol=1e-6,
        random_state=None,
        verbose=0,
    ):
        self.n_components = n_components
        self.transformation = transformation
        self.eta = eta
        self.power = power
        self.coefficients = coefficients
        self.diffusion_time = diffusion_time
        self.whiten = whiten
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.normalize = normalize
        self.solver = solver
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Compute the eigenfunctions.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, or its kernel matrix of shape (n_samples, n_samples) if
            ``kernel="precomputed"``.

        y : object, default=None
            Ignored.

        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights of the samples; None is 1 for all.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        with unchanged_on_error(self):
            X = validate(self, X, reset=True)
            self._check_square(X)
            self._make_transform(1.0)  # checks its parameters
            weights = check_weights(sample_weight, X)
            members = positive_rows(weights)
            counted = weights if members is None else weights[members]
            self._resolve_kernel(self._block_of(X, members, members), counted)
            n_pool = X.shape[0] if members is None else len(members)
            self._check_components(X.shape[0])
            self.solver_ = self.solver
            if self.solver == "auto":
                direct = prefers_eigh(n_pool, get_namespace(X), self.n_components)
                self.solver_ = "eigh" if direct else "lanczos"
            n_products = 1 if self.solver_ == "eigh" else self.max_iter
            pool = self._make_pool(X, weights, members, n_products)
            self._fit_features(pool, X, weights, members)
            return self

    def _fit_features(self, pool, X, weights, members):
        def attributes(basis):
            values = pool.values(basis.vectors * basis.scale)
            coef = basis.vectors * (basis.loadings * _signs(values))
            return self._coefficients(pool, coef, members)

        def basis_of(eigenvalues, vectors, rank):
            top = 1.0 if pool.degrees is not None else float(eigenvalues[0])
            transform = self._make_transform(top, rank)
            lam, V = eigenvalues[:rank], vectors[:, :rank]
            return transform, SpectralBasis(
                lam, V, pool.total, transform, eigenfunctions=True
            )

        with FitTask(
            self,
            X,
            None,
            sample_weight=weights,
            max_iter=self.max_iter if self.solver_ == "lanczos" else 0,
            state=lambda basis: attributes(basis()),
        ) as task:
            eigenvalues, vectors, result = self._eigensystem(
                pool,
                task,
                lambda pair: basis_of(*pair, self.n_components)[1],
            )
            rank = self._kept_components(eigenvalues, pool.size)
            if rank == 0:
                raise ValueError(
                    "The kernel matrix, normalised, has no positive eigenvalue on "
                    f"n_samples={pool.size} rows, and so no features."
                )
            transform, basis = basis_of(eigenvalues, vectors, rank)
            self._report(result)
            for name, value in attributes(basis).items():
                setattr(self, name, value)
        dtype = X.dtype
        self.eigenvalues_ = eigenvalues[:rank][basis.kept].astype(dtype)
        self.transformed_eigenvalues_ = (basis.scale**2 / pool.total).astype(dtype)
        self.lambda_max_, self.eta_ = transform.top, transform.eta
        self.n_components_ = self._n_features_out = len(basis.scale)

    def transform(self, X):
        """Compute the features.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, or the kernel between it and that of ``fit``, of shape (n_samples,
            n_samples_fitted), if ``kernel="precomputed"``.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components_)
            In float32 if X is float32.
        """
        return self._evaluate(X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _signs(values):
    """What makes the largest value of each function positive."""
    xp = get_namespace(values)
    columns = xp.arange(values.shape[1])
    largest = values[xp.abs(values).argmax(axis=0), columns]
    return xp.where(largest < 0, -1.0, 1.0)
