"""Classification by spectral filters."""

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets

from skkernels.spectral._base import BaseSpectralFilter
from skkernels.utils._array import get_namespace, to_numpy
from skkernels.utils._calibration import (
    clip_scores,
    fit_sigmoids,
    fit_temperature,
    sigmoid_probabilities,
    softmax_probabilities,
)
from skkernels.utils._classes import (
    code_targets,
    encode_labels,
    labels_from_scores,
    simplex_codes,
)
from skkernels.utils._sklearn import StrOptions, _fit_context
from skkernels.utils._state import unchanged_on_error
from skkernels.utils._validation import check_weights, validate

_LEAVE_ONE_OUT = ("sigmoid_loo", "softmax_temperature_loo")


def _gives_probabilities(estimator):
    """Whether the fit prepared probabilities; before a fit, whether one will."""
    calibration = getattr(estimator, "calibration_", estimator.calibration)
    if calibration is None:
        raise AttributeError(
            "predict_proba needs calibration='clip', 'sigmoid_loo' or "
            "'softmax_temperature_loo' in fit, got calibration=None."
        )
    return True


class SpectralFilterClassifier(ClassifierMixin, BaseSpectralFilter):
    """Classification by a spectral filter of a kernel.

    Least squares on indicators of the classes, as in :class:`KernelRidgeClassifier`,
    with a filter on the spectrum of the kernel matrix in the place of ridge
    regularisation, whose strength is chosen by leave-one-out unless it is given. One
    eigendecomposition serves all strengths, all classes and, if wanted, the
    calibration of probabilities.

    Parameters
    ----------
    filter : str or callable, default="tikhonov"
        Which share h(t) of the component along an eigenvector of eigenvalue t is
        fitted, as in :class:`SpectralFilterRegressor`: "tikhonov" (ridge regression),
        "iterated_tikhonov", "self_distillation", "gradient_flow", "landweber" (gradient
        descent), "heavy_ball" (with momentum), "nu_method" (accelerated) or "cutoff"
        (principal components); or a function h of an array of eigenvalues of ``K / n``
        with h(0) = 0.

    alpha : float, array-like of shape (n_values,) or "auto", default="auto"
        Ridge strength of "tikhonov", "iterated_tikhonov" and "self_distillation", not
        divided by the number of samples. The best of several values is chosen, see
        ``cv``. "auto" takes values that suit the spectrum. Both hold for ``time``,
        ``n_iter`` and ``threshold`` as well.

    order : int, default=2
        Number of rounds of "iterated_tikhonov".

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
        Number of eigenvalues that "cutoff" keeps, where ``threshold="auto"``.

    mixing : float or array-like of shape (n_rounds,), default=(0.5,)
        Share of the targets themselves in each further round of "self_distillation".

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

    target_coding : {"onehot", "simplex"}, default="onehot"
        Targets of three or more classes: the indicators of the classes, or unit vectors
        of equal angles, one dimension less. The predictions are the same, see Notes.

    calibration : {"clip", "sigmoid_loo", "softmax_temperature_loo"} or None, \
            default=None
        Where ``predict_proba`` comes from; None means that there is none.

        - "clip": the probabilities nearest to the scores, which are exact zeros and
          ones for many samples.
        - "sigmoid_loo": a logistic curve for each class, fitted to leave-one-out scores
          by Platt's method and divided by their sum. The scores become log-odds, which
          changes predictions where the curves do not cross at a score of one half.
        - "softmax_temperature_loo": a softmax of the scores divided by a temperature,
          which is fitted to leave-one-out scores.

        Both fits treat a weight as a number of samples, and assume one or two samples
        more. So weights that add up to little, such as 1, give probabilities close to
        equal ones: multiply them so that they add up to the number of samples.

    class_weight : dict or "balanced", default=None
        Weights of the classes, as ``{label: weight}``; "balanced" makes the total
        weights of the classes equal. Multiplies the sample weights, also in the
        calibration.

    solver : {"auto", "eigh", "iterative", "nystroem"}, default="auto"
        As in :class:`SpectralFilterRegressor`. "iterative" has no leave-one-out scores
        and "auto" does not take it where ``calibration`` needs them.

    n_centers : int, default=2000
        Number of rows that span the solution of "nystroem".

    center_selection : str or array-like of shape (n_centers, n_features), \
            default="uniform"
        How these rows are chosen: "uniform", "kmeans++", "rpcholesky", "leverage" or
        "thinning"; or the rows themselves.

    cv : {"loo", "gcv", "kare"}, int, splitter, iterable or None, default="loo"
        How candidates are compared. "loo" or None: leave-one-out, exact for "tikhonov"
        and an approximation for the other filters, a rough one for "heavy_ball" and
        "nu_method". "gcv": generalised cross-validation, which ignores ``scoring``.
        "kare": the same by its name for ridge regression, for "tikhonov" only; no
        weight below 1 assumed. Anything else as in scikit-learn; the score is the mean
        of the folds'. The shares of the classes are those of all samples.

    scoring : {"brier", "accuracy"}, default="brier"
        What leave-one-out and folds measure: the negative Brier score of the
        probabilities of "clip", whatever ``calibration`` is, or the share of samples
        that are classified correctly.

    max_iter : int, default=1000
        Largest number of iterations of "iterative", as in
        :class:`SpectralFilterRegressor`.

    tol : float, default=1e-6
        Relative residual at which conjugate gradients and Lanczos' method stop; and
        the relative improvement of the score below which early stopping ends.

    early_stopping : bool, default=False
        Whether "landweber", "heavy_ball" and "nu_method" are run by "iterative" until
        the score on samples set aside stops to improve, and are set back to the best
        state.

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
    classes_ : ndarray of shape (n_classes,)
        Class labels.

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
        Their scores, larger is better; minus infinity where undefined.

    selection_ : {"loo", "gcv", "kare", "splits"} or None
        How they were compared.

    dual_coef_ : ndarray of shape (n_samples, n_columns), or (n_samples,) if binary
        Coefficients of the kernel functions, 0 for samples of weight 0 and for those
        set aside; with "nystroem" those of the centers. There are n_classes columns,
        or one less for the simplex coding.

    intercept_ : ndarray of shape (n_columns,), or float if binary
        Weighted means of the targets, added to the values.

    calibration_ : str or None
        The ``calibration`` of the fit, on which ``predict_proba`` rests.

    sigmoid_coef_ : ndarray of shape (2, n_classes), or (2, 1) if binary, or None
        Slopes and intercepts of the log-odds for ``calibration="sigmoid_loo"``.

    temperature_ : float or None
        The temperature for ``calibration="softmax_temperature_loo"``.

    eigenvalues_ : ndarray of shape (n_eigenvalues,) or None
        Eigenvalues of the kernel matrix divided by the sum of the weights, in
        descending order; None for "iterative".

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
    SpectralFilterRegressor : The regression behind it.
    skkernels.ridge.KernelRidgeClassifier : Ridge regularisation of a given strength,
        for more samples.
    sklearn.calibration.CalibratedClassifierCV : Probabilities from refits, for any
        classifier.

    Notes
    -----
    Cost as for :class:`SpectralFilterRegressor` with as many targets as classes, or one
    if there are two; calibration adds one product of the eigenvectors with the scores.
    Weights count as repetitions, also in the calibration and in
    ``class_weight="balanced"``.

    The values f of one-hot targets add up to one. With C classes, the simplex coding is
    a linear map of the one-hot coding and a filter is linear in the targets, so its
    scores, the inner products with the vectors of the classes, are ``(C f - 1) / (C -
    1)``: they order the classes in the same way.

    Gradient flow that stops at the right time has the best rate of excess risk over
    Sobolev classes, up to logarithms [1]_; ridge regression does not profit from
    smoothness above a limit [2]_.

    The sigmoids are those of [3]_, the temperature is that of [4]_ with one more sample
    that is spread evenly over the classes.

    References
    ----------
    .. [1] J. Lai, Z. Li, D. Huang and Q. Lin, "The optimality of kernel classifiers in
       Sobolev space", ICLR 2024.

    .. [2] Y. Li, H. Zhang and Q. Lin, "On the saturation effect of kernel ridge
       regression", ICLR 2023.

    .. [3] J. Platt, "Probabilistic outputs for support vector machines", Advances in
       Large Margin Classifiers, 1999.

    .. [4] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern
       neural networks", ICML 2017.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from skkernels.spectral import SpectralFilterClassifier
    >>> X, y = make_moons(200, noise=0.2, random_state=0)
    >>> model = SpectralFilterClassifier("gradient_flow", calibration="sigmoid_loo")
    >>> bool(model.fit(X, y).score(X, y) > 0.95)
    True
    >>> model.predict_proba(X).shape
    (200, 2)
    """

    _parameter_constraints: dict = {
        **BaseSpectralFilter._parameter_constraints,
        "target_coding": [StrOptions({"onehot", "simplex"})],
        "calibration": [StrOptions({"clip", *_LEAVE_ONE_OUT}), None],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "scoring": [StrOptions({"brier", "accuracy"})],
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
        target_coding="onehot",
        calibration=None,
        class_weight=None,
        solver="auto",
        n_centers=2000,
        center_selection="uniform",
        cv="loo",
        scoring="brier",
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
        self.target_coding = target_coding
        self.calibration = calibration
        self.class_weight = class_weight
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

        y : array-like of shape (n_samples,)
            Class labels.

        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights of the samples; None is 1 for all.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        with unchanged_on_error(self):
            X, y = validate(
                self, X, y, reset=True, accept_sparse=not self._is_precomputed()
            )
            check_classification_targets(to_numpy(y))
            calibrates = self.calibration in _LEAVE_ONE_OUT
            if calibrates and (self.solver == "iterative" or self.early_stopping):
                raise ValueError(
                    f"calibration={self.calibration!r} needs leave-one-out scores, "
                    "which solver='iterative' and early_stopping=True do not give. Use "
                    "solver='eigh' or 'nystroem', calibration='clip', or "
                    "sklearn.calibration.CalibratedClassifierCV."
                )
            copies = check_weights(sample_weight, X)
            self.classes_, codes, weights = encode_labels(
                y, copies, self.class_weight, type(self).__name__
            )
            Y = self._code(codes)
            mean = np.average(Y, axis=0, weights=weights)
            self.intercept_ = mean.astype(X.dtype) if mean.size > 1 else float(mean[0])
            self.calibration_ = self.calibration
            self.sigmoid_coef_ = self.temperature_ = None
            xp = get_namespace(X)
            if copies is None and weights is not None:
                copies = xp.ones(len(codes))  # class_weight tells nothing of copies

            def measure(Y, predictions, weights):
                Y, predictions = to_numpy(Y) + mean, to_numpy(predictions) + mean
                weights = None if weights is None else to_numpy(weights)
                return self._measure(Y, predictions, weights)

            _, left_out = self._fit_filter(
                X,
                y,
                xp.asarray(Y - mean),
                None if weights is None else xp.asarray(weights),
                measure,
                keep_loo=calibrates,
                copies=copies,
            )
            if calibrates:
                self._calibrate(to_numpy(left_out) + mean, codes, weights)
        return self

    def _code(self, codes):
        """Targets of class codes, of shape (n_samples, n_columns)."""
        n_classes = len(self.classes_)
        if n_classes > 2 and self.target_coding == "simplex":
            return simplex_codes(n_classes)[codes]
        return code_targets(codes, n_classes)

    def _to_scores(self, values):
        """Scores of shape (n,) or (n, n_classes) from values of the targets."""
        n_classes = len(self.classes_)
        if values.shape[1] in (1, n_classes):
            return values[:, 0] if values.shape[1] == 1 else values
        return values @ get_namespace(values).asarray(
            simplex_codes(n_classes).T, dtype=values.dtype
        )

    def _clip(self, scores):
        """The probabilities nearest to the scores."""
        n_classes = len(self.classes_)
        if 1 < np.size(self.intercept_) < n_classes:
            scores = ((n_classes - 1) * scores + 1.0) / n_classes
        return clip_scores(scores)

    def _measure(self, Y, values, weights):
        """Score of values of the targets Y."""
        if not np.isfinite(values).all():
            return -np.inf
        truth, scores = self._to_scores(Y), self._to_scores(values)
        if self.scoring == "accuracy":
            positions = np.arange(len(self.classes_))
            hits = labels_from_scores(positions, truth) == labels_from_scores(
                positions, scores
            )
            return float(np.average(hits, weights=weights))
        squares = (self._clip(scores) - self._clip(truth)) ** 2
        # Of two classes the score is that of the second, as in scikit-learn.
        squares = squares[:, 1] if len(self.classes_) == 2 else squares.sum(axis=1)
        return -float(np.average(squares, weights=weights))

    def _calibrate(self, values, codes, weights):
        """Fit the calibration to leave-one-out values of the targets."""
        if not np.isfinite(values).all():
            raise ValueError(
                f"calibration={self.calibration!r} needs leave-one-out scores, but the "
                "model interpolates samples, which leaves nothing to tell them. Use "
                "more regularisation, several values to choose from, or "
                "calibration='clip'."
            )
        scores = self._to_scores(values)
        if self.calibration == "sigmoid_loo":
            self.sigmoid_coef_ = np.stack(fit_sigmoids(scores, codes, weights))
        else:
            self.temperature_ = fit_temperature(scores, codes, weights)

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
            Regression values of the class indicators, or inner products with the
            vectors of the simplex coding; for two classes the difference of the
            indicators, positive for ``classes_[1]``. With ``calibration="sigmoid_loo"``
            the log-odds of each class against the others, or of ``classes_[1]``.
        """
        values = self._evaluate(X)
        xp = get_namespace(values)
        values = values.reshape(len(values), -1)
        values = values + xp.asarray(self.intercept_, dtype=values.dtype)
        scores = self._to_scores(values)
        if self.sigmoid_coef_ is None:
            return scores
        slopes, intercepts = xp.asarray(self.sigmoid_coef_, dtype=scores.dtype)
        return slopes * scores + intercepts

    def predict(self, X):
        """Predict class labels, those of the largest scores.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, or the kernel between it and the training data, of shape (n_samples,
            n_samples_fitted), if ``kernel="precomputed"``.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Predicted labels; those of the largest probabilities too, where there are
            probabilities.
        """
        scores = self.decision_function(X)
        return labels_from_scores(self.classes_, scores)

    @available_if(_gives_probabilities)
    def predict_proba(self, X):
        """Predict class probabilities; needs ``calibration`` other than None.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, or the kernel between it and the training data, of shape (n_samples,
            n_samples_fitted), if ``kernel="precomputed"``.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            Probabilities of the classes, in the order of ``classes_``.
        """
        scores = self.decision_function(X)
        if self.sigmoid_coef_ is not None:
            return sigmoid_probabilities(scores)
        if self.temperature_ is not None:
            return softmax_probabilities(scores, self.temperature_)
        return self._clip(scores)
