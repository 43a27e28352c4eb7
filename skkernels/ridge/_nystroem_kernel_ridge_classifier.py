"""Kernel ridge classification with few centers."""

from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets

from skkernels.ridge._nystroem_base import BaseNystroemKernelRidge
from skkernels.utils._array import get_namespace, to_numpy
from skkernels.utils._classes import (
    code_declared_labels,
    code_targets,
    encode_labels,
    labels_from_scores,
    weigh_classes,
)
from skkernels.utils._sklearn import StrOptions, _fit_context
from skkernels.utils._validation import check_weights, validate


class NystroemKernelRidgeClassifier(ClassifierMixin, BaseNystroemKernelRidge):
    """Classification by ridge regression on class indicators, with few centers.

    One regression per class on the same ``n_centers`` kernel functions, with target 1
    for samples of the class and 0 for others less the share of the class in the
    training data; the largest prediction wins. Samples may come in batches through
    :meth:`partial_fit`.

    Parameters
    ----------
    n_centers : int, default=1000
        Number of centers. With at least as many as there are distinct rows, every
        distinct row is a center and the model is that of
        :class:`KernelRidgeClassifier`.

    center_selection : {"uniform", "kmeans++", "rpcholesky", "leverage", "thinning"} \
            or {array-like, sparse matrix} of shape (n_centers, n_features), \
            default="uniform"
        How centers are drawn from the training data, see
        :func:`skkernels.coresets.select_centers`, or the centers themselves.

    alpha : float, default=0.1
        Ridge strength, not divided by the number of samples: the same as in
        :class:`KernelRidgeClassifier`.

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

    class_weight : dict or "balanced", default=None
        Weights of the classes, as ``{label: weight}``; "balanced" makes the total
        weights of the classes equal and is not possible in ``partial_fit``. Multiplies
        the sample weights.

    solver : {"auto", "direct", "falkon", "krill"}, default="auto"
        "direct" accumulates and solves the normal equations, in one pass over the data.
        "falkon" and "krill" run preconditioned conjugate gradients, one pass each
        iteration, with less memory and less time where there are many centers:
        "falkon" is the cheaper one and needs alpha not too small for the number of
        centers, "krill" is good for any alpha. "auto" is "direct" up to 5000 centers if
        its matrices fit scikit-learn's ``working_memory``, and "falkon" beyond.

    max_iter : int, default=100
        Largest number of iterations of "falkon" and "krill".

    tol : float, default=1e-7
        "falkon" and "krill" stop when the residual is at most ``tol`` times the
        right-hand side, both measured as functions.

    random_state : int, RandomState instance or None, default=None
        Source of the choice of centers, of the sketch of "krill", which does not
        affect the solution, and of the rows on which ``gamma="median"`` is computed.

    verbose : int, default=0
        Print the progress of "falkon" and "krill": 1 prints ten lines at most, 2 every
        iteration.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.

    centers_ : {ndarray, sparse array} of shape (n_centers_, n_features)
        Centers. Those drawn from the data are distinct, and in an order that depends
        on their values only.

    center_indices_ : ndarray of shape (n_centers_,) or None
        Rows of the (first) training data that are the centers; None if the centers
        were given.

    n_centers_ : int
        Number of centers.

    coef_ : ndarray of shape (n_centers_, n_classes), or (n_centers_,) if binary
        Coefficients of the kernel functions.

    intercept_ : ndarray of shape (n_classes,), or float if binary
        Weighted means of the targets, added to the scores.

    kernel_ : Kernel
        The kernel with the numbers used.

    gamma_ : float or None
        The width used, where the kernel has one.

    solver_ : {"direct", "falkon", "krill"}
        The solver used.

    n_iter_ : int
        Number of iterations of "falkon" and "krill"; 1 for "direct".

    converged_ : bool
        Whether ``tol`` was met; True for "direct".

    residual_norms_ : ndarray of shape (n_iter_ + 1,) or None
        Relative residual before the first and after each iteration, the largest over
        the targets; None for "direct".

    n_features_in_ : int
        Number of features seen in fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    NystroemKernelRidge : The regression behind it.
    KernelRidgeClassifier : With all samples as centers.

    Notes
    -----
    Cost and numerics as for :class:`NystroemKernelRidge` with as many targets as
    classes, or one if there are two. Weights count as repetitions. White noise in the
    kernel does not enter the model.

    There is no ``predict_proba``: least-squares scores can leave [0, 1], and forcing
    them into it does not make them probabilities. Use
    :class:`sklearn.calibration.CalibratedClassifierCV` where probabilities are needed.

    References
    ----------
    .. [1] A. Rudi, R. Camoriano and L. Rosasco, "Less is more: Nystroem computational
       regularization", NIPS 2015. arXiv:1507.04717

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from skkernels import NystroemKernelRidgeClassifier
    >>> X, y = make_moons(2000, noise=0.1, random_state=0)
    >>> model = NystroemKernelRidgeClassifier(n_centers=100, random_state=0)
    >>> bool(model.fit(X, y).score(X, y) > 0.97)
    True
    """

    _parameter_constraints: dict = {
        **BaseNystroemKernelRidge._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        n_centers=1000,
        *,
        center_selection="uniform",
        alpha=0.1,
        kernel="rbf",
        gamma="scale",
        degree=3,
        coef0=1,
        kernel_params=None,
        class_weight=None,
        solver="auto",
        max_iter=100,
        tol=1e-7,
        random_state=None,
        verbose=0,
    ):
        self.n_centers = n_centers
        self.center_selection = center_selection
        self.alpha = alpha
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.class_weight = class_weight
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
        self._forget()
        X, y = validate(self, X, y, reset=True)
        check_classification_targets(to_numpy(y))
        weights = check_weights(sample_weight, X)
        classes, codes, weights = encode_labels(
            y, weights, self.class_weight, type(self).__name__
        )
        return self._fit_codes(X, y, classes, codes, weights, partial=False)

    @available_if(BaseNystroemKernelRidge._can_continue)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Add samples to the model.

        The first call, of this method or of ``fit``, chooses the kernel's numbers and
        the centers from its samples, and they stay. The model is then the one that all
        samples seen so far give together with this kernel and these centers, as if
        they had come at once. Each call solves the system anew, which takes
        O(n_centers^3) operations. Only the direct solver can do this.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Further training data.

        y : array-like of shape (n_samples,)
            Their labels.

        classes : array-like of shape (n_classes,), default=None
            All labels that will ever occur; needed in the first call.

        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights of the samples; None is 1 for all.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        if isinstance(self.class_weight, str):
            raise ValueError(
                "class_weight='balanced' is not possible in partial_fit, which does "
                "not know the labels to come. Compute the weights from all labels with "
                "sklearn.utils.class_weight.compute_class_weight and pass them as a "
                "dictionary."
            )
        first = not hasattr(self, "_equations")
        X, y = validate(self, X, y, reset=first)
        y = to_numpy(y)
        check_classification_targets(y)
        codes, classes = code_declared_labels(
            y, classes, None if first else self.classes_, type(self).__name__
        )
        weights = check_weights(sample_weight, X)
        weights = None if weights is None else to_numpy(weights)
        weights = weigh_classes(self.class_weight, classes, codes, weights)
        return self._fit_codes(X, y, classes, codes, weights, partial=True)

    def _fit_codes(self, X, y, classes, codes, weights, *, partial):
        xp = get_namespace(X)
        Y = xp.asarray(code_targets(codes, len(classes)))
        weights = None if weights is None else xp.asarray(weights)
        return self._fit_rows(
            X,
            y,
            Y,
            weights,
            fit_intercept=True,
            partial=partial,
            flat=Y.shape[1] == 1,
            attributes={"classes_": classes},
        )

    def decision_function(self, X):
        """Evaluate the scores of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        scores : ndarray of shape (n_samples, n_classes), or (n_samples,) if binary
            Regression values of the class indicators; for two classes their
            difference, positive for ``classes_[1]``.
        """
        return self._evaluate(X)

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
        return labels_from_scores(self.classes_, scores)
