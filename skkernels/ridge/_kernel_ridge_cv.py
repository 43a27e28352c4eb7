"""Kernel ridge regression that chooses its ridge strength and width."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer_names

from skkernels.base import KERNEL_CONSTRAINTS
from skkernels.kernels import make_kernel
from skkernels.operators import make_operator
from skkernels.ridge._base import BaseKernelRidge
from skkernels.ridge._kernel_ridge import KernelRidge
from skkernels.ridge._search import AlphaSearch, is_direct
from skkernels.utils._array import get_namespace, to_numpy
from skkernels.utils._callbacks import FitTask
from skkernels.utils._cross_validation import ValidationScore, own_splits, user_splits
from skkernels.utils._sklearn import Interval, StrOptions, _fit_context
from skkernels.utils._validation import check_weights, positive_rows, validate
from skkernels.utils._warnings import warn_user

_ALPHAS = np.logspace(-7, 2, 19)
_WIDTHS = np.array([1 / 64, 1 / 16, 1 / 4, 1.0, 4.0])
_NO_WIDTH = "gammas must be None or 'auto' for {}, which takes no gamma."
_FITTED = (
    "dual_coef_",
    "X_fit_",
    "solver_",
    "n_iter_",
    "converged_",
    "residual_norms_",
)


class KernelRidgeCV(MultiOutputMixin, RegressorMixin, BaseKernelRidge):
    """Kernel ridge regression with built-in choice of ``alpha`` and ``gamma``.

    Every ridge strength is scored together with every width of the kernel, and
    :class:`KernelRidge` is fitted with the best pair. By default the score is the exact
    leave-one-out error, which one eigendecomposition of the kernel matrix gives for all
    ridge strengths and targets. With folds, or where the matrix is too large, all
    ridge strengths and targets share one factorisation or one sequence of kernel
    products for each fold.

    Parameters
    ----------
    alphas : float, array-like of shape (n_alphas,) or None, default=None
        Ridge strengths to try, not divided by the number of samples. None takes 19
        values, from 1e-7 to 100 times the mean of k(x, x) over the samples, which is 1
        for radial kernels.

    kernel : str, kernel object or callable, default="rbf"
        A name from :func:`skkernels.kernels.kernel_names`, "precomputed", a kernel of
        :mod:`skkernels.kernels` or of :mod:`sklearn.gaussian_process.kernels`, or a
        function ``k(X, Z)`` that returns a block of the kernel matrix.

    gamma : float, {"scale", "median"} or None, default="scale"
        Width of kernels given by name. None is 1 / n_features; "scale" is
        1 / (n_features * X.var()); "median" takes the median distance as the length
        scale. Ignored by kernels without a width and by kernel objects.

    gammas : array-like of shape (n_gammas,), "auto" or None, default="auto"
        Numbers to try in place of ``gamma``. "auto" tries 1/64, 1/16, 1/4, 1
        and 4 times ``gamma`` where the kernel is given by name and has a width. None
        tries ``gamma`` only. Numbers are refused where the kernel has no use for them.

    degree : float, default=3
        Degree of the polynomial kernel.

    coef0 : float, default=1
        Constant of the polynomial and sigmoid kernels.

    kernel_params : dict, default=None
        Further parameters of the kernel given by name or as a callable.

    cv : int, splitter, iterable or None, default=None
        None is exact leave-one-out up to 10000 samples while the kernel matrix and its
        eigenvectors, ``16 n_samples^2`` bytes, are within scikit-learn's
        ``working_memory`` (8192 samples by default); beyond, five folds that do not
        depend on the order of the samples. An integer is a number of folds without
        shuffling; a splitter or an iterable of (train, test) indices are used as they
        are.

    scoring : str, callable or None, default=None
        Name of a scorer, or ``scorer(estimator, X, y)``; called with
        ``sample_weight`` if ``fit`` was. None is the negative mean squared error. With
        leave-one-out, the score is that of all predictions together; with folds, the
        mean of the folds' scores.

    alpha_per_target : bool, default=False
        Whether each target gets a ridge strength of its own. The width is the same
        for all, that of the best mean score.

    max_iter : int, default=1000
        Largest number of iterations of conjugate gradients, where the kernel matrix is
        too large.

    tol : float, default=1e-6
        Relative residual at which conjugate gradients stop in the fit of the chosen
        model. While models are compared it is the square root of that.

    random_state : int, RandomState instance or None, default=None
        Source of the pivots of the preconditioner of conjugate gradients, and of the
        rows on which ``gamma="median"`` is computed.

    verbose : int, default=0
        Print the best score of each width, and the progress of the final fit if that is
        by conjugate gradients.

    Attributes
    ----------
    alpha_ : float or ndarray of shape (n_targets,)
        The ridge strength chosen; an array if ``alpha_per_target``.

    gamma_ : float or None
        The width chosen, where the kernel has one.

    best_score_ : float or ndarray of shape (n_targets,)
        The score of the choice; an array if ``alpha_per_target``.

    scores_ : ndarray of shape (n_gammas, n_alphas) or (n_gammas, n_alphas, n_targets)
        All scores; the last axis is there if ``alpha_per_target``. Minus infinity where
        a score is undefined.

    alphas_ : ndarray of shape (n_alphas,)
        The ridge strengths tried.

    gammas_ : ndarray of shape (n_gammas,) or None
        The widths tried; None where the kernel has none.

    cv_ : {"leave-one-out", "5-fold", "splits"}
        What the scores are: leave-one-out, five folds formed here because the kernel
        matrix is too large for that, or the splits of ``cv``.

    dual_coef_ : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Coefficients of the kernel functions; 0 for samples of weight 0.

    X_fit_ : {ndarray, sparse array} of shape (n_samples, n_features)
        Training data, needed for prediction; the kernel matrix if it was precomputed.

    kernel_ : Kernel or "precomputed"
        The kernel with the numbers used.

    solver_ : str
        The solver of the final fit, as in :class:`KernelRidge`.

    n_iter_ : int
        Iterations of the final fit; 1 for a direct solver.

    converged_ : bool
        Whether the final fit met ``tol``.

    residual_norms_ : ndarray of shape (n_iter_ + 1,) or None
        Residuals of the final fit, as in :class:`KernelRidge`.

    n_features_in_ : int
        Number of features seen in fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    KernelRidge : The model with ``alpha`` and ``gamma`` given.
    sklearn.linear_model.RidgeCV : The same for linear models.
    sklearn.model_selection.GridSearchCV : Searches over any parameters.

    Notes
    -----
    With n samples and t targets, each width costs one eigendecomposition, 6 to 10 n^3
    operations, and 2 n^2 (t + 1) for each ridge strength; memory is ``16 n^2`` bytes.
    Conjugate gradients cost one product with n_alphas * t columns per iteration and
    fold.

    The residual of a sample left out is its residual in the fit of all, divided by one
    minus its leverage [1]_; no model is fitted for it. A sample of weight w counts
    exactly as w equal samples, of which one is left out, and its residual counts w
    times. Samples of weight below 1 are left out as a whole. Data-driven widths and
    ridge strengths are computed once, from all samples. The folds that are formed here
    keep equal rows together.

    Scikit-learn's callbacks see each width as an iteration, and one that asks to stop
    ends the search with what has been tried.

    References
    ----------
    .. [1] R. M. Rifkin and R. A. Lippert, "Notes on regularized least squares",
       MIT-CSAIL-TR-2007-025, 2007.

    Examples
    --------
    >>> from sklearn.datasets import make_friedman1
    >>> from skkernels import KernelRidgeCV
    >>> X, y = make_friedman1(200, noise=0.5, random_state=0)
    >>> model = KernelRidgeCV().fit(X, y)
    >>> bool(model.score(X, y) > 0.95)
    True
    >>> model.cv_, model.scores_.shape
    ('leave-one-out', (5, 19))
    """

    _parameter_constraints: dict = {
        **KERNEL_CONSTRAINTS,
        "alphas": [Interval(Real, 0, None, closed="left"), "array-like", None],
        "gammas": ["array-like", StrOptions({"auto"}), None],
        "cv": ["cv_object"],
        "scoring": [StrOptions(set(get_scorer_names())), callable, None],
        "alpha_per_target": ["boolean"],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        alphas=None,
        *,
        kernel="rbf",
        gamma="scale",
        gammas="auto",
        degree=3,
        coef0=1,
        kernel_params=None,
        cv=None,
        scoring=None,
        alpha_per_target=False,
        max_iter=1000,
        tol=1e-6,
        random_state=None,
        verbose=0,
    ):
        self.alphas = alphas
        self.kernel = kernel
        self.gamma = gamma
        self.gammas = gammas
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.cv = cv
        self.scoring = scoring
        self.alpha_per_target = alpha_per_target
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Choose ``alpha`` and ``gamma`` and fit the model.

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
        if self._is_precomputed() and X.shape[0] != X.shape[1]:
            raise ValueError(
                f"A precomputed kernel matrix must be square in fit, got {X.shape}."
            )
        weights = check_weights(sample_weight, X)
        rows = positive_rows(weights)
        X_rows, Y, used = X, y[:, np.newaxis] if y.ndim == 1 else y, weights
        if rows is not None:
            X_rows, Y, used = X[rows], Y[rows], weights[rows]
            if self._is_precomputed():
                X_rows = X_rows[:, rows]
        X_rows = X_rows.astype(np.float64, copy=False)
        default, candidates = self._candidates(X_rows, used)
        alphas = self._ridge_strengths(default, X_rows, used)
        self.cv_, splits = self._splits(X_rows, y, rows)
        per_target = self.alpha_per_target and Y.shape[1] > 1
        search = AlphaSearch(
            X_rows,
            Y.astype(np.float64),
            used,
            alphas,
            splits,
            ValidationScore(
                self.scoring, per_target=per_target, one_dimensional=y.ndim == 1
            ),
            max_iter=self.max_iter,
            tol=np.sqrt(self.tol),
            random_state=self.random_state,
        )

        def as_attributes(scores):
            choice = self._choose(candidates, alphas, scores)
            return {**choice, **self._fit_choice(choice, X, y, weights)}

        with FitTask(
            self,
            X,
            y,
            sample_weight=weights,
            max_iter=len(candidates),
            state=as_attributes,
        ) as task:
            task.verbose = 0  # its lines tell residuals
            scores = self._compare(search, candidates, task.on_iteration)
            for name, value in as_attributes(scores).items():
                setattr(self, name, value)
        return self

    def _candidates(self, X, weights):
        """The kernel that ``gamma`` gives, and pairs of a width and a kernel to try."""
        numbers = None
        if self.gammas is not None and not isinstance(self.gammas, str):
            numbers = _check_numbers(self.gammas, "gammas")
        if self._is_precomputed():
            if numbers is not None:
                raise ValueError(_NO_WIDTH.format("a precomputed kernel"))
            return "precomputed", [(None, "precomputed")]
        default = self._resolved_kernel(X, weights)
        width = default.gamma_value
        if self.gammas is None or (numbers is None and not width):
            return default, [(width, default)]
        if isinstance(self.kernel, str) and width is not None:
            widths = _WIDTHS * width if numbers is None else numbers
            kernels = [self._kernel_of_width(g, X, weights) for g in widths]
            if np.allclose([k.gamma_value for k in kernels], widths, rtol=1e-6, atol=0):
                return default, list(zip(widths.tolist(), kernels))
        if numbers is None:
            return default, [(width, default)]
        raise ValueError(_NO_WIDTH.format(f"kernel={self.kernel!r}"))

    def _kernel_of_width(self, gamma, X, weights):
        kernel = make_kernel(
            self.kernel,
            gamma=float(gamma),
            degree=self.degree,
            coef0=self.coef0,
            kernel_params=self.kernel_params,
        )
        return kernel.resolve(X, sample_weight=weights, random_state=self.random_state)

    def _ridge_strengths(self, kernel, X, weights):
        """The ridge strengths to try."""
        if self.alphas is not None:
            return _check_numbers(self.alphas, "alphas")
        diagonal = to_numpy(make_operator(kernel, X).diag())
        weights = None if weights is None else to_numpy(weights)
        scale = float(np.average(diagonal, weights=weights))
        return _ALPHAS * (scale if scale > 0 else 1.0)

    def _splits(self, X, y, rows):
        """How models are compared, and the splits; None for leave-one-out."""
        if self.cv is not None:
            return "splits", user_splits(self.cv, y, rows)
        if is_direct(X.shape[0], get_namespace(y)):
            return "leave-one-out", None
        return "5-fold", own_splits(X)

    def _compare(self, search, candidates, on_iteration):
        """Scores of shape (n_kernels_tried, n_alphas), then maybe n_targets."""
        scores = []
        for number, (gamma, kernel) in enumerate(candidates, 1):
            scores.append(search.scores(kernel))
            if self.verbose:
                width = "" if gamma is None else f" with gamma={gamma:.3g}"
                best = search.alphas[_mean_score(scores[-1]).argmax()]
                print(
                    f"[KernelRidgeCV] kernel {number}/{len(candidates)}{width}: "
                    f"best score {_mean_score(scores[-1]).max():.6g} at "
                    f"alpha={best:.3g}"
                )
            done = number == len(candidates)
            if on_iteration and on_iteration(number, np.array(scores), np.nan, done):
                break
        if search.unconverged:
            warn_user(
                "KernelRidgeCV: conjugate gradients did not reach a relative residual "
                f"of {search.options['tol']:.1e} in max_iter={self.max_iter} "
                f"iterations for alpha in {sorted(search.unconverged)}: the scores of "
                "these are of what was reached. Increase max_iter, tol or alphas.",
                ConvergenceWarning,
            )
        return np.array(scores)

    def _choose(self, candidates, alphas, scores):
        """The fitted attributes that tell the choice."""
        best = scores.max(axis=1)
        i = int(_mean_score(best).argmax())
        if not np.isfinite(best[i]).all():
            warn_user(
                "KernelRidgeCV: no ridge strength has a finite score; the first is "
                f"taken. Larger alphas may help, got {alphas.tolist()}."
            )
        position = scores[i].argmax(axis=0)
        per_target = scores.ndim == 3
        gammas = [gamma for gamma, _ in candidates[: len(scores)]]
        return {
            "alpha_": alphas[position] if per_target else float(alphas[position]),
            "best_score_": best[i] if per_target else float(best[i]),
            "gamma_": gammas[i],
            "kernel_": candidates[i][1],
            "scores_": scores,
            "alphas_": alphas,
            "gammas_": None if gammas[0] is None else np.array(gammas),
        }

    def _fit_choice(self, choice, X, y, weights):
        """Attributes of :class:`KernelRidge` fitted with the choice."""
        # Where models are compared directly, the last one costs little beside that.
        direct = is_direct(X.shape[0], get_namespace(y))
        model = KernelRidge(
            choice["alpha_"],
            kernel=choice["kernel_"],
            solver="cholesky" if direct else "auto",
            max_iter=self.max_iter,
            tol=self.tol,
            random_state=self.random_state,
            verbose=self.verbose,
        ).fit(X, y, sample_weight=weights)
        return {name: getattr(model, name) for name in _FITTED}

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


def _mean_score(scores):
    """Mean over targets, where each has a score."""
    return scores.mean(axis=1) if scores.ndim == 2 else scores


def _check_numbers(values, name):
    """A grid as a float64 array: one-dimensional, not empty, non-negative, finite."""
    grid = np.atleast_1d(np.asarray(values))
    if (
        grid.ndim != 1
        or grid.size == 0
        or grid.dtype.kind not in "iuf"
        or not np.isfinite(grid).all()
        or (grid < 0).any()
    ):
        raise ValueError(
            f"{name} must hold one or more non-negative finite numbers, got {values!r}."
        )
    return grid.astype(np.float64)
