"""Kernel ridge regression with few centers."""

from numbers import Real

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if

from skkernels.ridge._nystroem_base import BaseNystroemKernelRidge
from skkernels.utils._sklearn import Interval, _fit_context
from skkernels.utils._validation import check_weights, validate


class NystroemKernelRidge(MultiOutputMixin, RegressorMixin, BaseNystroemKernelRidge):
    """Kernel ridge regression with few centers, in one pass or in several.

    The model ``f(x) = sum_j a_j k(x, z_j) + b`` has ``n_centers`` coefficients instead
    of one per sample. They minimise ``sum_i w_i (y_i - f(x_i))^2 + alpha ||f||^2`` for
    fixed b, the weighted mean of y. The kernel between samples and centers is formed
    block by block, so that memory does not grow with the number of samples; iterative
    solvers store it where it fits scikit-learn's ``working_memory``. Samples may come
    in batches through :meth:`partial_fit`.

    Parameters
    ----------
    n_centers : int, default=1000
        Number of centers. With at least as many as there are distinct rows, every
        distinct row is a center and the model is that of :class:`KernelRidge`.

    center_selection : {"uniform", "kmeans++", "rpcholesky", "leverage", "thinning"} \
            or {array-like, sparse matrix} of shape (n_centers, n_features), \
            default="uniform"
        How centers are drawn from the training data, see
        :func:`skkernels.coresets.select_centers`, or the centers themselves.
        "rpcholesky" needs fewer centers for the same error where the data are
        clustered or of low dimension, but ``8 n_samples n_centers`` bytes. "leverage"
        gives rare regions their share, at less cost for many centers. "thinning"
        follows the density of the data more evenly than "uniform", in near-linear time.

    alpha : float or array-like of shape (n_targets,), default=0.1
        Ridge strength, not divided by the number of samples: the same as in
        :class:`KernelRidge`. An array has one value for each target.

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
        Whether b is the weighted mean of y; otherwise it is 0.

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
    centers_ : {ndarray, sparse array} of shape (n_centers_, n_features)
        Centers. Those drawn from the data are distinct, and in an order that depends
        on their values only.

    center_indices_ : ndarray of shape (n_centers_,) or None
        Rows of the (first) training data that are the centers; None if the centers
        were given.

    n_centers_ : int
        Number of centers.

    coef_ : ndarray of shape (n_centers_,) or (n_centers_, n_targets)
        Coefficients of the kernel functions.

    intercept_ : float or ndarray of shape (n_targets,)
        The constant b.

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
    NystroemKernelRidgeClassifier : The same for class labels.
    KernelRidge : With all samples as centers.
    sklearn.kernel_approximation.Nystroem : The features behind the model.

    Notes
    -----
    With n samples, m centers, d features and t targets, "direct" takes
    n m (2 m + 2 d + t) + O(m^3) operations and about ``24 m^2`` bytes beside the data,
    ``32 m^2`` in ``partial_fit``; "falkon" takes n m (2 d + 4 t) operations in each
    iteration, O(m^3) before and ``8 m^2`` to ``10 m^2`` bytes; "krill" one pass and
    ``16 m^2`` bytes more. A number of centers for which that exceeds scikit-learn's
    ``working_memory`` is refused with a ValueError. Prediction takes O(m (d + t)) per
    row. Memory maps in float32 and float64 are read in blocks, in fit and in predict.

    The coefficients solve ``(K_nm' W K_nm + alpha K_mm) a = K_nm' W (y - b)``. The
    system is solved in float64, in coordinates in which ``K_mm`` is the identity, from
    its Cholesky factorisation with complete pivoting. Centers whose kernel functions
    the others explain up to rounding, ``m eps`` times ``max k(z, z)``, get the
    coefficient 0, so that duplicated or nearly dependent centers do no harm. "direct"
    accumulates the system in float64, and where ``K_mm`` is well conditioned changes
    the coordinates afterwards, which halves the cost. "falkon" and "krill" form kernel
    values in the precision of X, and with float32 leave out what is below ``eps`` of
    that precision. They share one preconditioner among all targets, for the geometric
    mean of their alphas.

    A sample of weight w counts exactly as w equal samples of weight 1, also in the
    choice of centers, and the order of the samples does not matter.

    White noise in the kernel does not enter the model, nor the choice of centers: it is
    no part of ``k(x, z_j)``, and to smooth over noise is what ``alpha`` is for.

    For ``partial_fit`` to add to, the sums over the samples seen stay in the estimator
    and its pickles: ``8 m^2`` bytes after ``fit`` with a well-conditioned ``K_mm``, and
    up to ``16 m^2`` otherwise and after ``partial_fit``.

    References
    ----------
    .. [1] C. K. I. Williams and M. Seeger, "Using the Nystroem method to speed up
       kernel machines", NIPS 2000.
    .. [2] A. Rudi, R. Camoriano and L. Rosasco, "Less is more: Nystroem computational
       regularization", NIPS 2015. arXiv:1507.04717
    .. [3] A. Rudi, L. Carratino and L. Rosasco, "FALKON: an optimal large scale kernel
       method", NIPS 2017. arXiv:1705.10958
    .. [4] M. Diaz, E. N. Epperly, Z. Frangella, J. A. Tropp and R. J. Webber, "Robust,
       randomized preconditioning for kernel ridge regression", 2023. arXiv:2304.12465

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels import NystroemKernelRidge
    >>> rng = np.random.RandomState(0)
    >>> X = rng.uniform(-3, 3, size=(5000, 1))
    >>> y = np.sin(X[:, 0])
    >>> model = NystroemKernelRidge(n_centers=50, random_state=0).fit(X, y)
    >>> bool(model.score(X, y) > 0.99)
    True
    """

    _parameter_constraints: dict = {
        **BaseNystroemKernelRidge._parameter_constraints,
        "alpha": [Interval(Real, 0, None, closed="left"), "array-like"],
        "fit_intercept": ["boolean"],
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
        fit_intercept=True,
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
        self.fit_intercept = fit_intercept
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

        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.

        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights of the samples; None is 1 for all.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        self._forget()
        return self._fit(X, y, sample_weight, partial=False, reset=True)

    @available_if(BaseNystroemKernelRidge._can_continue)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
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

        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Their targets.

        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights of the samples; None is 1 for all.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        reset = not hasattr(self, "_equations")
        return self._fit(X, y, sample_weight, partial=True, reset=reset)

    def _fit(self, X, y, sample_weight, *, partial, reset):
        X, y = validate(self, X, y, reset=reset, multi_output=True, y_numeric=True)
        weights = check_weights(sample_weight, X)
        Y = y[:, np.newaxis] if y.ndim == 1 else y
        return self._fit_rows(
            X,
            y,
            Y,
            weights,
            fit_intercept=self.fit_intercept,
            partial=partial,
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
