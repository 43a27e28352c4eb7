"""The test error of kernel ridge regression, estimated from the training data."""

from numbers import Real

import numpy as np

from skkernels.spectral._diagnostic import BaseSpectralDiagnostic
from skkernels.spectral._indefinite import warn_if_indefinite
from skkernels.spectral._modes import all_modes
from skkernels.spectral._risk_estimates import (
    leave_one_out_curve,
    noise_level,
    plug_in_power,
    residue,
    ridge_estimates,
)
from skkernels.utils._array import to_numpy
from skkernels.utils._sklearn import Interval, _fit_context
from skkernels.utils._state import unchanged_on_error

_ALPHAS = np.logspace(-8, 3, 45)
_EPS = float(np.finfo(np.float64).eps)


class KernelRiskEstimator(BaseSpectralDiagnostic):
    """Estimate the test error of kernel ridge regression from the training data.

    One eigendecomposition of the kernel matrix gives, for every ridge strength, two
    estimates of the mean squared error on new data, by leave-one-out and by the theory
    of random spectra, the share of the target that is learned, and the factor by which
    overfitting multiplies the error. No data are held out and no model is fitted. The
    estimated spectrum and target can be handed to :func:`kernel_risk_curve`, which
    predicts errors with other numbers of samples.

    Parameters
    ----------
    alphas : float, array-like of shape (n_alphas,) or None, default=None
        Ridge strengths, not divided by the number of samples. None takes 45 values,
        from 1e-8 to 1000 times the mean of k(x, x) over the samples. 0 is the
        interpolant of minimum norm.

    kernel : str, kernel object or callable, default="rbf"
        A name from :func:`skkernels.kernels.kernel_names`, "precomputed", a kernel of
        :mod:`skkernels.kernels` or of :mod:`sklearn.gaussian_process.kernels`, or a
        function ``k(X, Z)`` that returns a block of the kernel matrix.

    target_type : {"auto", "regression", "classification"}, default="auto"
        What y is. "auto" takes numbers with a fractional type, such as float64, and
        arrays of two dimensions as values of a function, anything else as labels, which
        become targets -1 and 1: one for two classes, else one per class.

    fit_intercept : bool, default=False
        Whether the weighted mean of each target is subtracted first, as by
        :class:`~skkernels.ridge.KernelRidgeClassifier` and not by
        :class:`~skkernels.ridge.KernelRidge`.

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

    random_state : int, RandomState instance or None, default=None
        Source of the rows on which ``gamma="median"`` is computed.

    Attributes
    ----------
    estimated_optimal_alpha_ : float
        The ridge strength of the smallest leave-one-out error, summed over the
        targets. NaN if no estimate is possible.

    estimated_test_mse_ : float or ndarray of shape (n_targets,)
        The leave-one-out error at that strength, an estimate of the mean squared error
        on new noisy observations.

    kappa_ : float
        Estimated threshold at that strength: modes of the kernel with this eigenvalue
        are half learned.

    learnability_ : float or ndarray of shape (n_targets,)
        Estimated share of the noiseless target that the mean prediction has, at that
        strength. NaN for a target without signal.

    cost_of_overfitting_ : float
        Estimated bound of the factor by which the test error of the interpolant exceeds
        that of the best ridge strength, for any target; see
        :func:`cost_of_overfitting`.

    alphas_ : ndarray of shape (n_alphas,)
        The ridge strengths.

    loo_curve_ : ndarray of shape (n_alphas,) or (n_alphas, n_targets)
        Leave-one-out errors. NaN where a sample has leverage 1.

    kare_curve_ : ndarray of shape (n_alphas,) or (n_alphas, n_targets)
        Test errors by the kernel alignment risk estimator. NaN where the fit has no
        degrees of freedom left.

    train_mse_curve_ : ndarray of shape (n_alphas,) or (n_alphas, n_targets)
        Mean squared errors on the training data.

    kappa_curve_ : ndarray of shape (n_alphas,)
        Estimated thresholds.

    learnability_curve_ : ndarray of shape (n_alphas,) or (n_alphas, n_targets)
        Estimated shares of the targets.

    overfitting_curve_ : ndarray of shape (n_alphas,)
        Estimated factors of overfitting.

    eigenvalues_ : ndarray of shape (n_samples,)
        Eigenvalues of the kernel matrix divided by the sum of the weights, descending;
        of the samples of positive weight.

    target_power_ : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Plug-in estimate of the squared coefficients of the noiseless target in the
        modes: their power less that of the noise, at least 0, averaged over groups of
        neighbouring modes that grow with their index.

    noise_variance_ : float or ndarray of shape (n_targets,)
        Estimated variance of the noise, from the half of the modes with the smallest
        eigenvalues. What the target has in these counts as noise.

    classes_ : ndarray of shape (n_classes,) or None
        Class labels; None for regression.

    kernel_ : Kernel or "precomputed"
        The kernel with the numbers used.

    gamma_ : float or None
        The width used, where the kernel has one.

    n_features_in_ : int
        Number of features seen in fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    kernel_risk_curve : Errors from a known spectrum, for any number of samples.
    SmoothnessEstimator : The exponents of the spectrum and the target.
    skkernels.ridge.KernelRidgeCV : Chooses a ridge strength by leave-one-out.

    Notes
    -----
    With ``R = (K + alpha I)^-1``, the estimates from the spectrum are ``n y'R^2 y / (tr
    R)^2`` of the test error, the kernel alignment risk estimator [1]_, which equals
    generalised cross-validation, ``1 / tr R`` of kappa and ``n tr R^2 / (tr R)^2`` of
    the factor of overfitting. They are consistent for the quantities of [2]_, which
    presume that all samples are alike in their leverage. Where some are far from the
    others, or at an edge, they are too optimistic for small alpha. Leave-one-out, the
    mean of ``((R y)_i / R_ii)^2``, presumes nothing. Compare the two: where
    ``kare_curve_`` is well below ``loo_curve_``, do not rely on kappa, learnability,
    cost of overfitting and predictions for other sizes either. The learnability needs
    the variance of the noise in addition.

    ``eigenvalues_`` and ``target_power_`` stand in for the unknown spectrum and
    target of the population. Predictions from them are for training sets drawn, with
    replacement, from the n samples and errors on all n of these, and so too optimistic
    where the size approaches n. Up to n / 4 they are of use.

    Negative eigenvalues, of kernels that are not positive semi-definite, count as zero,
    with a warning. The estimates then say nothing of
    :class:`~skkernels.ridge.KernelRidge` with that kernel, whose error can be larger by
    orders of magnitude.

    All estimates assume that the samples are independent. Duplicated observations,
    and weights above 1, which have the same effect exactly, make them optimistic.

    Time: some 6 to 10 n^3 operations. Memory: ``16 n^2`` bytes, within scikit-learn's
    ``working_memory`` (8192 samples by default); of larger data pass a random part.

    References
    ----------
    .. [1] A. Jacot, B. Simsek, F. Spadaro, C. Hongler and F. Gabriel, "Kernel alignment
       risk estimator: risk prediction from training data", NeurIPS 2020,
       arXiv:2006.09796.

    .. [2] J. B. Simon, M. Dickens, D. Karkada and M. R. DeWeese, "The eigenlearning
       framework", Transactions on Machine Learning Research, 2023, arXiv:2110.03922.

    Examples
    --------
    >>> from sklearn.datasets import make_friedman1
    >>> from skkernels import KernelRidge
    >>> from skkernels.spectral import KernelRiskEstimator
    >>> X, y = make_friedman1(1500, noise=1.0, random_state=0)
    >>> y -= y.mean()
    >>> risk = KernelRiskEstimator().fit(X[:600], y[:600])
    >>> model = KernelRidge(
    ...     alpha=risk.estimated_optimal_alpha_, kernel="rbf", gamma="scale"
    ... ).fit(X[:600], y[:600])
    >>> measured = ((model.predict(X[600:]) - y[600:]) ** 2).mean()
    >>> bool(abs(risk.estimated_test_mse_ / measured - 1) < 0.2)
    True
    """

    _parameter_constraints: dict = {
        **BaseSpectralDiagnostic._parameter_constraints,
        "alphas": [Interval(Real, 0, None, closed="left"), "array-like", None],
    }

    def __init__(
        self,
        alphas=None,
        *,
        kernel="rbf",
        target_type="auto",
        fit_intercept=False,
        gamma="scale",
        degree=3,
        coef0=1,
        kernel_params=None,
        random_state=None,
    ):
        self.alphas = alphas
        self.kernel = kernel
        self.target_type = target_type
        self.fit_intercept = fit_intercept
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Estimate the errors.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, or the kernel matrix of shape (n_samples, n_samples) if
            ``kernel="precomputed"``.

        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Values of a function, or class labels; see ``target_type``.

        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights of the samples, how many equal ones each stands for; None is 1 for
            all. A warning is given where their sum is less than the number of samples.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        with unchanged_on_error(self):
            rows, Y, weights, squeeze = self._prepare(X, y, sample_weight)
            op = self._operator(rows)
            diagonal = to_numpy(op.diag())
            scale = float(np.average(diagonal, weights=to_numpy(weights)))
            self.alphas_ = self._resolve_alphas(scale)
            modes, vectors, smallest = all_modes(op, Y, weights)
            warn_if_indefinite(
                self,
                smallest,
                float(modes.eigenvalues[0]),
                "The estimates are for the matrix with zeros in the place of negative "
                "eigenvalues; errors of KernelRidge with this kernel can be far "
                "larger.",
            )
            residues = [residue(modes, alpha) for alpha in self.alphas_]
            loo = leave_one_out_curve(vectors, Y, weights, residues)
            self._store(modes, residues, loo, squeeze)
        return self

    def _resolve_alphas(self, scale):
        if self.alphas is None:
            return _ALPHAS * (scale if scale > 0 else 1.0)
        alphas = np.array(self.alphas, dtype=np.float64, ndmin=1)
        if alphas.ndim != 1 or alphas.size == 0:
            raise ValueError(
                "alphas must be a number or an array of one dimension with at least "
                f"one, got shape {np.shape(self.alphas)}."
            )
        if not np.isfinite(alphas).all() or (alphas < 0).any():
            raise ValueError(
                f"alphas must be non-negative and finite, got {self.alphas!r}."
            )
        return alphas

    def _store(self, modes, residues, loo, squeeze):
        """Estimate everything for every ridge strength, and set the attributes."""
        single = (lambda values: values[..., 0]) if squeeze else np.asarray
        number = (lambda values: float(values[0])) if squeeze else np.asarray
        noise = noise_level(modes)
        self.eigenvalues_ = modes.eigenvalues
        self.target_power_ = single(plug_in_power(modes, noise))
        self.noise_variance_ = number(noise)
        signal = modes.energy - noise
        signal = np.where(signal > _EPS * modes.energy, signal, np.nan)
        kare, unlearned, factors, kappas = (
            np.array(curve)
            for curve in zip(*(ridge_estimates(modes, left) for left in residues))
        )
        learned = np.clip((modes.energy - unlearned) / signal, 0.0, 1.0)
        train = [
            (0.0 if left.vanishing else left.shares**2) * modes.power.T
            for left in residues
        ]
        self.train_mse_curve_ = single(np.array([part.sum(axis=1) for part in train]))
        self.loo_curve_ = single(loo)
        self.kare_curve_ = single(kare)
        self.learnability_curve_ = single(learned)
        self.overfitting_curve_ = factors
        self.kappa_curve_ = kappas
        sums = loo.sum(axis=1)
        best = int(np.argmin(np.where(np.isnan(sums), np.inf, sums)))
        known = not np.isnan(sums[best])
        self.estimated_optimal_alpha_ = float(self.alphas_[best]) if known else np.nan
        self.estimated_test_mse_ = number(loo[best])
        self.learnability_ = number(learned[best])
        self.kappa_ = float(kappas[best])
        self.cost_of_overfitting_ = float(ridge_estimates(modes, residue(modes, 0))[2])
