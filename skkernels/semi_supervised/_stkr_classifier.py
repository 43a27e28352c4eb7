"""Semi-supervised classification with a spectrally transformed kernel."""

from numbers import Real

import numpy as np
from sklearn.base import ClassifierMixin

from skkernels.semi_supervised._base import BaseSTKR
from skkernels.semi_supervised._labels import read_labels, read_rows
from skkernels.utils._array import get_namespace, to_numpy
from skkernels.utils._classes import encode_labels, labels_from_scores, weigh_classes
from skkernels.utils._sklearn import StrOptions, _fit_context
from skkernels.utils._state import unchanged_on_error


class STKRClassifier(ClassifierMixin, BaseSTKR):
    """Classification with a spectrally transformed kernel, from few labelled rows.

    Least-squares regression on class indicators as in :class:`STKRRegressor`: all rows,
    labelled and unlabelled, are the pool, and the model is smooth along the pool. One
    regression per class, with the target 1 for rows of the class and
    ``-1 / (n_classes - 1)`` for others, a single one for two classes; the largest
    prediction wins. It predicts on the pool and on new rows alike.

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
        scores.

    unlabeled_label : "auto", None or a label, default="auto"
        What marks rows without a label in y, besides NaN and None, which always do.
        "auto" is -1 if at least two classes remain without it, and else nothing, so
        that -1 and 1 can be two classes. None is nothing else.

    class_weight : dict or "balanced", default=None
        Weights of the classes, as ``{label: weight}``; "balanced" makes the total
        weights of the labelled rows of all classes equal. They multiply the loss, not
        the weights of the rows in the pool.

    class_mass : bool, default=False
        Class mass normalisation: whether the targets are 1 and 0, and the scores of
        each class are multiplied with a number so that their sums over the pool,
        without the negative ones, are in the proportions of the labelled rows, which
        ``class_weight`` changes. For large ``alpha`` and labels that represent the
        proportions of the classes.

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
    classes_ : ndarray of shape (n_classes,)
        Class labels.

    transduction_ : ndarray of shape (n_rows,)
        Predicted labels of all rows of the pool, those of ``X`` and then those of
        ``X_unlabeled``; ``n_rows`` is the number of both. With ``normalize="lazy"``
        they may differ from what ``predict`` gives for the same rows as new ones.

    label_distributions_ : ndarray of shape (n_rows, n_classes)
        The scores of all rows of the pool as class indicators, without the negative
        ones, divided by their sums. They are no probabilities.

    class_mass_factors_ : ndarray of shape (n_classes,) or None
        What the scores are multiplied with, with ``class_mass``.

    labeled_mask_ : ndarray of bool of shape (n_rows,)
        Rows with a label and a positive weight.

    dual_coef_ : ndarray of shape (n_rows, n_classes), or (n_rows,) if binary
        Coefficients of the kernel functions; 0 for rows of weight 0. Two classes are
        no exception with ``class_mass``.

    intercept_ : ndarray of shape (n_classes,), or float if binary
        What is added to the scores; 0 without ``fit_intercept``. The shape follows
        that of ``dual_coef_``.

    offset_ : ndarray of shape (n_classes,), float or None
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
    STKRRegressor : The regression behind it.
    stkr_path : Models for many values of ``alpha`` and ``eta`` at the cost of one.
    skkernels.model_selection.LabeledKFold : Cross-validation with unlabelled rows.
    sklearn.semi_supervised.LabelSpreading : The limit of large ``alpha``, on the pool.
    skkernels.ridge.KernelRidgeClassifier : The model without unlabelled rows.

    Notes
    -----
    Cost as for :class:`STKRRegressor` with as many targets as classes, or one if there
    are two. Weights count as repetitions, also in ``class_weight="balanced"``, in
    ``class_mass`` and in what "auto" takes -1 for: labels of rows of weight 0 do not
    count.

    Labels may be numbers or strings. In a list or an array of objects None and NaN mark
    unlabelled rows among strings; an array of strings has no room for either.

    References
    ----------
    .. [1] R. Zhai, R. Pukdee, R. Jin, M.-F. Balcan and P. Ravikumar, "Spectrally
       Transformed Kernel Regression", ICLR 2024. arXiv:2402.00645
    .. [2] X. Zhu, Z. Ghahramani and J. Lafferty, "Semi-supervised learning using
       Gaussian fields and harmonic functions", ICML 2003, section 4 (class mass).
    .. [3] D. Zhou, O. Bousquet, T. N. Lal, J. Weston and B. Scholkopf, "Learning with
       local and global consistency", NIPS 2003.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import make_moons
    >>> from skkernels.semi_supervised import STKRClassifier
    >>> X, y = make_moons(300, noise=0.08, random_state=0)
    >>> few = np.full(300, -1)
    >>> few[:10] = y[:10]
    >>> model = STKRClassifier(gamma=20.0).fit(X, few)
    >>> bool((model.transduction_ == y).mean() > 0.98)
    True
    """

    _parameter_constraints: dict = {
        **BaseSTKR._parameter_constraints,
        "unlabeled_label": [Real, str, "boolean", None],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "class_mass": ["boolean"],
    }

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
        unlabeled_label="auto",
        class_weight=None,
        class_mass=False,
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
        self.unlabeled_label = unlabeled_label
        self.class_weight = class_weight
        self.class_mass = class_mass
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
            Rows with and without labels, or the kernel matrix of shape (n_samples,
            n_samples) if ``kernel="precomputed"``.

        y : array-like of shape (n_samples,)
            Class labels; NaN, None or ``unlabeled_label`` for rows without one.

        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights of the rows of X; None is 1 for all.

        X_unlabeled : {array-like, sparse matrix} of shape (n_unlabeled, n_features), \
                default=None
            Further rows without labels. They are the same as unlabelled rows of X
            after all others. Not with ``kernel="precomputed"``.

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
        labels, labeled = read_labels(
            self, y, n_samples, rows.shape[0], weights, self.unlabeled_label
        )
        counted = None if weights is None else to_numpy(weights)[labeled]
        self.classes_, codes, _ = encode_labels(
            labels, counted, None, type(self).__name__
        )
        Y = self._code(codes)
        loss = weigh_classes(self.class_weight, self.classes_, codes, counted)
        intercept = np.zeros(Y.shape[1:])
        if self.fit_intercept:
            intercept = np.average(Y, axis=0, weights=loss)
        factors = None
        if self.class_weight is not None:
            factors = loss if counted is None else loss / counted
        xp, dtype = get_namespace(rows), rows.dtype
        Y = xp.asarray(Y - intercept)
        values = self._fit_pool(rows, Y, labeled, weights, factors, y, shared)
        values += xp.asarray(intercept)
        self.intercept_ = intercept.astype(dtype) if Y.ndim == 2 else float(intercept)
        self.class_mass_factors_ = None
        if self.class_mass:
            priors = np.bincount(codes, weights=loss) / (
                len(codes) if loss is None else loss.sum()
            )
            self.class_mass_factors_ = _mass_factors(values, weights, priors)
        self.transduction_ = labels_from_scores(self.classes_, self._scores(values))
        self.label_distributions_ = self._distributions(values).astype(dtype)
        return self

    def _code(self, codes):
        """Targets of shape (n_labeled,) for a single score, else a column for each."""
        n_classes = len(self.classes_)
        member = codes[:, np.newaxis] == np.arange(n_classes)
        if self.class_mass:
            return member.astype(np.float64)
        Y = np.where(member, 1.0, -1.0 / (n_classes - 1))
        return Y[:, 1] if n_classes == 2 else Y

    def _scores(self, values):
        """The decision function from regression values."""
        if self.class_mass_factors_ is not None:
            xp = get_namespace(values)
            values = values * xp.asarray(self.class_mass_factors_, dtype=values.dtype)
            return values[:, 1] - values[:, 0] if values.shape[1] == 2 else values
        return values

    def _distributions(self, values):
        """Shares of the classes from regression values."""
        xp, n_classes = get_namespace(values), len(self.classes_)
        if self.class_mass_factors_ is not None:
            shares = values * xp.asarray(self.class_mass_factors_)
        else:
            if n_classes == 2:
                values = xp.stack([-values, values], axis=1)
            # Where the targets are 1 and -1 / (n_classes - 1), these are 1 and 0.
            shares = (values * (n_classes - 1) + 1.0) / n_classes
        shares = xp.maximum(shares, 0.0)
        total = shares.sum(axis=1, keepdims=True)
        return xp.where(
            total > 0, shares / xp.where(total > 0, total, 1.0), 1.0 / n_classes
        )

    def decision_function(self, X):
        """Evaluate the scores of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, or the kernel between it and all rows of the pool, of shape
            (n_samples, n_rows), if ``kernel="precomputed"``.

        Returns
        -------
        scores : ndarray of shape (n_samples, n_classes), or (n_samples,) if binary
            Regression values of the class indicators; for two classes a single score,
            positive for ``classes_[1]``.
        """
        values = self._evaluate(X)
        values += get_namespace(values).asarray(self.intercept_, dtype=values.dtype)
        return self._scores(values)

    def predict(self, X):
        """Predict class labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, or the kernel between it and all rows of the pool, of shape
            (n_samples, n_rows), if ``kernel="precomputed"``.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Predicted labels.
        """
        scores = self.decision_function(X)
        return labels_from_scores(self.classes_, scores)


def _mass_factors(values, weights, priors):
    """Numbers that bring the masses of the classes on the pool to their priors."""
    positive = np.maximum(to_numpy(values), 0.0)
    mass = np.average(
        positive, axis=0, weights=None if weights is None else to_numpy(weights)
    )
    return np.where(mass > 0, priors / np.where(mass > 0, mass, 1.0), 1.0)
