"""Regression by spectral filters."""

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.metrics import get_scorer_names

from skkernels.spectral._base import BaseSpectralFilter
from skkernels.utils._array import get_namespace
from skkernels.utils._cross_validation import ValidationScore
from skkernels.utils._sklearn import StrOptions, _fit_context
from skkernels.utils._state import unchanged_on_error
from skkernels.utils._validation import check_weights, validate


class SpectralFilterRegressor(MultiOutputMixin, RegressorMixin, BaseSpectralFilter):
    """Kernel regression by a spectral filter.

    Least squares in the RKHS with a regularisation that acts on the spectrum of the
    kernel matrix: the component of the targets along an eigenvector of eigenvalue t of
    ``K / n`` is fitted up to a share h(t). Ridge regression, gradient flow stopped in
    time, gradient descent with and without momentum, principal components and
    self-distillation differ in h only. By default the strength of the regularisation is
    chosen by leave-one-out, for all candidates from one eigendecomposition.

    Parameters
    ----------
    filter : str or callable, default="tikhonov"
        Which share h(t) is fitted, see Notes: "tikhonov" (ridge regression),
        "iterated_tikhonov", "self_distillation", "gradient_flow", "landweber" (gradient
        descent), "heavy_ball" (with momentum), "nu_method" (accelerated) or "cutoff"
        (principal components); or a function h of an array of eigenvalues of ``K / n``
        with h(0) = 0.

    alpha : float, array-like of shape (n_values,) or "auto", default="auto"
        Ridge strength of "tikhonov", "iterated_tikhonov" and "self_distillation", not
        divided by the number of samples. The best of several values is chosen, see
        ``cv``. "auto" takes values that suit the spectrum, see Notes. Both hold for
        ``time``, ``n_iter`` and ``threshold`` as well.

    order : int, default=2
        Number of rounds of "iterated_tikhonov", each of which fits what the ones before
        have left.

    time : float, array-like of shape (n_values,) or "auto", default="auto"
        Time at which "gradient_flow" stops.

    step : float or "auto", default="auto"
        Step of "landweber" and "heavy_ball", in units of one over an eigenvalue; "auto"
        is one over the largest.

    momentum : float, default=0.9
        Momentum of "heavy_ball".

    nu : float, default=1.0
        Qualification of "nu_method".

    n_iter : int, array-like of shape (n_values,) or "auto", default="auto"
        Number of steps of "landweber", "heavy_ball" and "nu_method".

    threshold : float, array-like of shape (n_values,) or "auto", default="auto"
        Smallest eigenvalue of ``K / n`` that "cutoff" keeps.

    n_components : int, array-like of shape (n_values,) or None, default=None
        Number of eigenvalues that "cutoff" keeps, where ``threshold="auto"``. Equal
        eigenvalues are kept or dropped together.

    mixing : float or array-like of shape (n_rounds,), default=(0.5,)
        Share of the targets themselves in each further round of "self_distillation",
        whose other part are the fitted values of the round before.

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

    fit_intercept : bool, default=False
        Whether the weighted mean of the targets is taken off before the fit and added
        to the predictions.

    solver : {"auto", "eigh", "iterative", "nystroem"}, default="auto"
        "eigh" takes the eigendecomposition of the kernel matrix, which gives all
        filters and all candidates, and raises a ValueError if that does not fit
        scikit-learn's ``working_memory``. "iterative" needs one number for the
        parameter and never stores the matrix: "landweber", "heavy_ball" and "nu_method"
        are run as iterations, the filters with ``alpha`` by preconditioned conjugate
        gradients, all others by Lanczos' method. "nystroem" applies the filter to the
        spectrum of the Nystroem kernel of ``n_centers`` rows. "auto" is "eigh" up to
        4000 samples if the memory suffices; beyond, "iterative" if the parameter is one
        number and "nystroem" otherwise.

    n_centers : int, default=2000
        Number of rows that span the solution of "nystroem".

    center_selection : str or array-like of shape (n_centers, n_features), \
            default="uniform"
        How these rows are chosen, see :func:`skkernels.coresets.select_centers`:
        "uniform", "kmeans++", "rpcholesky", "leverage" or "thinning"; or the rows
        themselves.

    cv : {"loo", "gcv", "kare"}, int, splitter, iterable or None, default="loo"
        How candidates are compared. "loo" or None: leave-one-out, exact for "tikhonov"
        and an approximation for the other filters, a rough one for "heavy_ball" and
        "nu_method". "gcv": generalised cross-validation. "kare": the same by its name
        for ridge regression, for "tikhonov" only; no weight below 1 assumed. Anything
        else as in scikit-learn; the score is the mean of the folds'. Ignored where
        there is one candidate.

    scoring : str, callable or None, default=None
        A scorer of scikit-learn or its name; None is the negative mean squared error.
        With leave-one-out the score is that of all predictions together. Ignored by
        ``cv="gcv"`` and ``cv="kare"``.

    max_iter : int, default=1000
        Largest number of iterations of "iterative", in each round where there are
        several, and with early stopping. Otherwise "landweber", "heavy_ball" and
        "nu_method" take ``n_iter``.

    tol : float, default=1e-6
        Relative residual at which conjugate gradients and Lanczos' method stop; and
        the relative improvement of the score below which early stopping ends.

    early_stopping : bool, default=False
        Whether "landweber", "heavy_ball" and "nu_method" are run by "iterative" until
        the score on samples set aside stops to improve, and are set back to the best
        state. They take ``n_iter`` steps at most, or ``max_iter`` if that is "auto".

    validation_fraction : float, default=0.1
        Share of the weights of the samples set aside. Equal rows stay together.

    n_iter_no_change : int, default=10
        Early stopping ends when the best of so many scores is not above the best
        before by ``tol`` times its size.

    random_state : int, RandomState instance or None, default=None
        Source of the centers, of the samples set aside, of the pivots of the
        preconditioner, and of the rows on which ``gamma="median"`` is computed.

    verbose : int, default=0
        Print the choice among candidates, and the progress of "iterative": 1 prints
        ten lines at most, 2 every iteration.

    Attributes
    ----------
    alpha_, time_, threshold_ : float
        The value used of the filter's main parameter; only the one that it has.

    n_iter_ : int
        For "landweber", "heavy_ball" and "nu_method" the number of steps used; for
        others the iterations of "iterative", and 1 for a direct solver.

    step_ : float
        The step used, where the filter has one.

    n_components_ : int
        Number of eigenvalues that "cutoff" has kept, where they were computed.

    candidates_ : ndarray of shape (n_values,) or None
        The values compared; None if there was one.

    cv_scores_ : ndarray of shape (n_values,) or None
        Their scores, larger is better; minus infinity where undefined. With
        ``cv="gcv"`` and ``cv="kare"`` the negative criterion.

    selection_ : {"loo", "gcv", "kare", "splits"} or None
        How they were compared.

    eigenvalues_ : ndarray of shape (n_eigenvalues,) or None
        Eigenvalues of the kernel matrix divided by the sum of the weights, in
        descending order; None for "iterative".

    dual_coef_ : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Coefficients of the kernel functions, 0 for samples of weight 0 and for those
        set aside; with "nystroem" those of the centers.

    intercept_ : float or ndarray of shape (n_targets,)
        What is added to the predictions; 0 if ``fit_intercept=False``.

    X_fit_ : {ndarray, sparse array} of shape (n_samples, n_features)
        Training data, or the centers with "nystroem"; the kernel matrix if it was
        precomputed.

    center_indices_ : ndarray of shape (n_centers,) or None
        Rows of the training data that are centers; None without them or if the centers
        were given.

    kernel_ : Kernel or "precomputed"
        The kernel with the numbers used.

    gamma_ : float or None
        The width used, where the kernel has one.

    solver_ : {"eigh", "iterative", "nystroem"}
        The solver used.

    converged_ : bool
        Whether conjugate gradients or Lanczos' method met ``tol``, all steps were
        taken, or early stopping came to an end; True for direct solvers.

    residual_norms_ : ndarray of shape (n_iterations + 1,) or None
        Relative residual before the first and after each iteration of "iterative", the
        largest over the targets.

    validation_scores_ : ndarray of shape (n_iterations,) or None
        Scores on the samples set aside, with early stopping.

    n_features_in_ : int
        Number of features seen in fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    SpectralFilterClassifier : The same for class labels.
    skkernels.ridge.KernelRidge : "tikhonov" with a given strength, for more samples.
    skkernels.ridge.KernelRidgeCV : "tikhonov" with a choice of the kernel's width.
    skkernels.eigenpro.EigenProRegressor : Gradient descent for very many samples.

    Notes
    -----
    With weights w, S = diag(sqrt(w)) and W = sum(w), the coefficients are ``S phi(S K S
    / W) S y / W`` with ``phi(t) = h(t) / t``; a sample of weight w counts exactly as w
    equal samples. The shares are, with ``lam = alpha / W`` and ``T = t / (t + lam)``,

    - "tikhonov": ``T``;
    - "iterated_tikhonov": ``1 - (1 - T)^order``;
    - "self_distillation": ``h_0 = T, h_j = T (mixing_j + (1 - mixing_j) h_(j-1))``;
    - "gradient_flow": ``1 - exp(-time t)``;
    - "landweber": ``1 - (1 - step t)^n_iter``;
    - "heavy_ball" and "nu_method": polynomials of degree n_iter by a recurrence of two
      terms;
    - "cutoff": 1 if ``t >= threshold``, else 0.

    Candidates of "auto" are ``lam``, ``threshold`` and ``1 / time`` from 10 times the
    largest eigenvalue down to 1e-7 / W times the mean of k(x, x), two a decade, and
    numbers of steps that amount to the same, though not more than 10000 with momentum
    or acceleration. They go from strong regularisation to weak, and with equal scores
    the first is taken. All targets share one value. Where the first or last candidate
    is chosen, the best may lie beyond.

    Leave-one-out residuals are those of the fit divided by one minus the leverage [1]_.
    Of a sample of weight w > 1 one unit is left out; a sample of weight below 1 is left
    out as a whole. A candidate with which some leverage is 1 up to 1e-10 is not chosen.
    With "heavy_ball" and "nu_method" h may exceed 1; what is left of an eigenvector
    counts as ``|1 - h|`` in one minus the leverage then.

    Generalised cross-validation is the weighted mean of the squared residuals over the
    square of the mean of one minus the leverage, over as many samples as the sum of
    ``max(w, 1)``. For "tikhonov" it is the same as the kernel alignment risk estimator
    [2]_. Widths, centers and an intercept are computed once, from all samples, also
    where there are folds.

    Kernels that are not positive semi-definite have negative eigenvalues. In the
    decomposition these count as zero, and their eigenvectors are left out of the model,
    with a warning; :class:`~skkernels.ridge.KernelRidge` and "iterative" with an
    ``alpha`` keep them. Eigenvectors that a filter would multiply by more than one over
    the rounding error of the eigenvalues are left out too, so that without any
    regularisation the solution of minimum norm results.

    With n samples, d features, t targets, p candidates and m centers: "eigh" takes
    some 6 to 10 n^3 operations, 2 n^2 (t + 1) p for leave-one-out, and ``16 n^2``
    bytes, and the same again for each fold, one after the other. "nystroem" takes ``n m
    (d + 2 m)`` operations, some 10 m^3, ``n m (d + 3 m)`` for leave-one-out, and ``32
    m^2`` bytes. An iteration of "iterative" is one product, n^2 (d + t) operations;
    Lanczos' method keeps a basis of ``8 n t`` bytes for each iteration, some more while
    it grows, and raises a ValueError where that exceeds ``working_memory``. Prediction
    takes O(n (d + t)) per row, with m in place of n for "nystroem".

    References
    ----------
    .. [1] G. H. Golub, M. Heath and G. Wahba, "Generalized cross-validation as a method
       for choosing a good ridge parameter", Technometrics 21, 1979.
    .. [2] A. Jacot, B. Simsek, F. Spadaro, C. Hongler and F. Gabriel, "Kernel alignment
       risk estimator: risk prediction from training data", NeurIPS 2020.
       arXiv:2006.09796
    .. [3] L. Lo Gerfo, L. Rosasco, F. Odone, E. De Vito and A. Verri, "Spectral
       algorithms for supervised learning", Neural Computation 20, 2008.
    .. [4] H. W. Engl, M. Hanke and A. Neubauer, "Regularization of inverse problems",
       Kluwer, 1996; sections 6.1 and 6.3 for "landweber" and "nu_method".
    .. [5] M. Velikanov, M. Panov and D. Yarotsky, "Generalization error of spectral
       algorithms", ICLR 2024. arXiv:2403.11696
    .. [6] K. Borup and L. N. Andersen, "Even your teacher needs guidance: ground-truth
       targets dampen regularization imposed by self-distillation", NeurIPS 2021.
       arXiv:2102.13088

    Examples
    --------
    >>> from sklearn.datasets import make_friedman1
    >>> from skkernels.spectral import SpectralFilterRegressor
    >>> X, y = make_friedman1(200, noise=0.5, random_state=0)
    >>> model = SpectralFilterRegressor("gradient_flow", fit_intercept=True).fit(X, y)
    >>> bool(model.score(X, y) > 0.95)
    True
    >>> model.cv_scores_.shape == model.candidates_.shape
    True
    """

    _parameter_constraints: dict = {
        **BaseSpectralFilter._parameter_constraints,
        "fit_intercept": ["boolean"],
        "scoring": [StrOptions(set(get_scorer_names())), callable, None],
    }

    def __init__(
        self,
        filter="tikhonov",
        *,
        alpha="auto",
        order=2,
        time="auto",
        step="auto",
        momentum=0.9,
        nu=1.0,
        n_iter="auto",
        threshold="auto",
        n_components=None,
        mixing=(0.5,),
        kernel="rbf",
        gamma="scale",
        degree=3,
        coef0=1,
        kernel_params=None,
        fit_intercept=False,
        solver="auto",
        n_centers=2000,
        center_selection="uniform",
        cv="loo",
        scoring=None,
        max_iter=1000,
        tol=1e-6,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        random_state=None,
        verbose=0,
    ):
        self.filter = filter
        self.alpha = alpha
        self.order = order
        self.time = time
        self.step = step
        self.momentum = momentum
        self.nu = nu
        self.n_iter = n_iter
        self.threshold = threshold
        self.n_components = n_components
        self.mixing = mixing
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.n_centers = n_centers
        self.center_selection = center_selection
        self.cv = cv
        self.scoring = scoring
        self.max_iter = max_iter
        self.tol = tol
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Choose the filter's parameter, if that is open, and fit the model.

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
        with unchanged_on_error(self):
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
            xp = get_namespace(X)
            Y = (y[:, np.newaxis] if y.ndim == 1 else y).astype(np.float64)
            mean = xp.zeros(Y.shape[1])
            if self.fit_intercept:
                mean = xp.average(Y, axis=0, weights=weights)
            score = ValidationScore(
                self.scoring, per_target=False, one_dimensional=y.ndim == 1
            )

            def measure(Y, predictions, weights):
                return score(Y + mean, predictions + mean, weights)

            self.intercept_ = float(mean[0]) if y.ndim == 1 else mean.astype(X.dtype)
            self._fit_filter(X, y, Y - mean, weights, measure)
        return self

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
        values = self._evaluate(X)
        return values + get_namespace(values).asarray(self.intercept_, values.dtype)
