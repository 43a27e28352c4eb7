"""How smooth a target is in the eyes of a kernel."""

from numbers import Integral

import numpy as np

from skkernels.spectral._diagnostic import BaseSpectralDiagnostic
from skkernels.spectral._modes import choose_solver, leading_modes
from skkernels.spectral._power_law import fit_plain, fit_with_noise, log_slope
from skkernels.utils._sklearn import Interval, StrOptions, _fit_context
from skkernels.utils._state import unchanged_on_error
from skkernels.utils._warnings import warn_user

_MIN_MODES = 3
# With fewer modes above the noise an exponent says little.
_FEW = 4.0
# Smoothness beyond which no rate of kernel ridge regression improves, and a least one.
_USEFUL = (0.05, 2.0)
# Share of the noise below which it does not matter.
_LEAST_NOISE = 1e-12


class SmoothnessEstimator(BaseSpectralDiagnostic):
    """Estimate the relative smoothness of a target with respect to a kernel.

    Let the eigenvalues of the kernel fall like ``j ** -b`` and the coefficients of the
    target in its eigenfunctions like ``j ** -g``. The smoothness is ``s = (2 g - 1) /
    b``: the target belongs to the interpolation spaces ``[H]^r`` of the kernel's space
    H for all ``r < s``, so that 1 is the edge of H itself. It decides how fast errors
    can fall with the number of samples, and how strongly to regularise. Both exponents
    are read off the leading eigenpairs of the kernel matrix.

    This is a rough diagnostic, without a proof of consistency: use it to compare data
    sets or kernels and to start a search for a ridge strength, not to replace
    cross-validation.

    Parameters
    ----------
    method : {"corrected", "truncation", "envelope"}, default="corrected"
        "corrected" fits a power law above a floor of noise to the power of the target
        in all modes. "truncation" is least squares on the logarithms of the first
        modes [1]_, as if there were no noise, and "envelope" the same after each power
        was replaced by the largest that follows.

    kernel : str, kernel object or callable, default="exponential"
        A name from :func:`skkernels.kernels.kernel_names`, "precomputed", a kernel of
        :mod:`skkernels.kernels` or of :mod:`sklearn.gaussian_process.kernels`, or a
        function ``k(X, Z)`` that returns a block of the kernel matrix. Its eigenvalues
        should fall like a power: "exponential", "matern" and "laplacian" do, while
        those of "rbf" fall faster than any power and have no exponent.

    n_modes : int or "auto", default="auto"
        How many leading eigenpairs to use, at least 3; fewer are used where eigenvalues
        are too small. "auto" is an eighth of the number of samples, at least 10 and at
        most 200, or at most 100 unless ``method="corrected"``.

    target_type : {"auto", "regression", "classification"}, default="auto"
        What y is. "auto" takes numbers with a fractional type, such as float64, and
        arrays of two dimensions as values of a function, anything else as labels.

    fit_intercept : bool, default=True
        Whether the weighted mean of each target is subtracted first.

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

    solver : {"auto", "eigh", "lanczos"}, default="auto"
        "eigh" stores the kernel matrix, "lanczos" forms products with it. "auto" is
        "eigh" up to 5000 samples if the matrix fits the memory budget.

    random_state : int, RandomState instance or None, default=None
        Source of the vector that "lanczos" starts from, which changes results within
        its tolerance of 1e-7, and of the rows on which ``gamma="median"`` is computed.

    Attributes
    ----------
    smoothness_ : float or ndarray of shape (n_targets,)
        The estimate s, not restricted to positive values. An array if there are several
        targets: the columns of y, or the classes if they are more than two. Its minimum
        is that of the hardest target. NaN for a constant target, and with fewer than 3
        positive eigenvalues.

    smoothness_interval_ : ndarray of shape (2,) or (n_targets, 2)
        Bounds that hold with a confidence of about 95 % if the decay is a power law.

    eigenvalue_decay_ : float or ndarray of shape (n_targets,)
        The exponent b, over the modes in which the target stands out of the noise.

    coefficient_decay_ : float or ndarray of shape (n_targets,)
        The exponent g.

    eigenvalues_ : ndarray of shape (n_modes_,)
        Leading eigenvalues of the kernel matrix divided by the sum of the weights.

    coefficients_ : ndarray of shape (n_modes_,) or (n_modes_, n_targets)
        The power of the target in each mode, an estimate of its squared coefficient
        plus ``noise_variance_`` divided by the sum of the weights.

    noise_variance_ : float or ndarray of shape (n_targets,)
        Estimated variance of the noise. For labels, which are coded as -1 and 1, the
        mean of their conditional variance. A noise that is small beside the power of
        the target in the last modes used is not told from zero.

    n_modes_ : int
        How many eigenpairs were used.

    n_signal_modes_ : float or ndarray of shape (n_targets,)
        How many modes the coefficient decay rests on: the sum of the squared shares of
        the signal in their power.

    suggested_alpha_ : float
        Ridge strength that balances bias and noise for a power law, on the scale of
        :class:`~skkernels.ridge.KernelRidge`: with n samples, the largest eigenvalue l
        of K / n and the ratio q of ``noise_variance_`` to the variance of the signal,
        ``n * l * (q / n) ** (b / (s b + 1))``. For several targets with medians of s
        and b and the ratio of the sums; s is clipped to [0.05, 2].

    suggested_time_ : float
        The time of gradient flow with the same effect, ``n / suggested_alpha_``.

    expected_rate_ : float
        Exponent r of the rate ``n ** -r`` that the excess error can have: of the
        squared error for regression, ``s b / (s b + 1)``; half of it, of the share of
        misclassified samples, for labels.

    classes_ : ndarray of shape (n_classes,) or None
        Class labels; None for regression.

    kernel_ : Kernel or "precomputed"
        The kernel with the numbers used.

    gamma_ : float or None
        The width used, where the kernel has one.

    solver_ : {"eigh", "lanczos"}
        The solver used.

    n_features_in_ : int
        Number of features seen in fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    KernelRiskEstimator : Estimates test errors from the spectrum.
    skkernels.ridge.KernelRidgeCV : Chooses a ridge strength by leave-one-out.

    Notes
    -----
    With n samples, J modes and unit eigenvectors u_j of K, the power of a target is
    ``p_j = (u_j' y)^2 / n``. In "corrected", it is taken to have the mean ``c j ** (-2
    g) + noise_variance / n`` and a standard deviation in proportion; c, g and the noise
    solve the estimating equations of that model, in which modes below the noise hardly
    count. The slope of the eigenvalues is taken over the same modes with the same
    weights. The interval is the larger one of the model's standard error and of that
    from the scatter, times a quantile of Student's distribution. It knows nothing of
    leading modes that deviate from the power law, which shift the estimate. Intervals
    of the other methods are those of the regression line, and wrong where there is
    noise.

    A sample of weight w counts exactly as w equal samples.

    Time: some 4 n^3 / 3 operations for "eigh"; for "lanczos" 2 J to 5 J products with
    the kernel matrix, n^2 operations per feature each. Memory: ``8 n^2`` bytes for
    "eigh", and ``8 n J`` bytes; ``16 n J`` bytes for "lanczos".

    References
    ----------
    .. [1] J. Lai, Z. Li, D. Huang and Q. Lin, "The optimality of kernel classifiers in
       Sobolev space", ICLR 2024, arXiv:2402.01148.

    Examples
    --------
    A step function on the line has coefficients ``1 / j``; the eigenvalues of the
    exponential kernel fall like ``j ** -2``, so that s is 1/2:

    >>> import numpy as np
    >>> from skkernels.spectral import SmoothnessEstimator
    >>> rng = np.random.RandomState(0)
    >>> X = rng.uniform(size=(1000, 1))
    >>> y = np.sign(X[:, 0] - 0.4) + 0.1 * rng.normal(size=1000)
    >>> estimator = SmoothnessEstimator().fit(X, y)
    >>> low, high = estimator.smoothness_interval_
    >>> bool(low < 0.5 < high)
    True
    """

    _parameter_constraints: dict = {
        **BaseSpectralDiagnostic._parameter_constraints,
        "method": [StrOptions({"corrected", "truncation", "envelope"})],
        "n_modes": [
            Interval(Integral, _MIN_MODES, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "solver": [StrOptions({"auto", "eigh", "lanczos"})],
    }

    def __init__(
        self,
        method="corrected",
        *,
        kernel="exponential",
        n_modes="auto",
        target_type="auto",
        fit_intercept=True,
        gamma="scale",
        degree=3,
        coef0=1,
        kernel_params=None,
        solver="auto",
        random_state=None,
    ):
        self.method = method
        self.kernel = kernel
        self.n_modes = n_modes
        self.target_type = target_type
        self.fit_intercept = fit_intercept
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.solver = solver
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Estimate the smoothness.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, or the kernel matrix of shape (n_samples, n_samples) if
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
            n, total = rows.shape[0], float(weights.sum())
            n_modes = self._resolve_n_modes(total)
            self.solver_ = choose_solver(self.solver, n, min(n_modes + 1, n))
            modes = leading_modes(
                self._operator(rows, 1 if self.solver_ == "eigh" else 2 * n_modes),
                Y,
                weights,
                n_modes,
                solver=self.solver_,
                random_state=self.random_state,
            )
            self._store(modes, squeeze)
        return self

    def _resolve_n_modes(self, total):
        if self.n_modes != "auto":
            return int(self.n_modes)
        most = 200 if self.method == "corrected" else 100
        # Beyond, eigenvectors of the sample have less and less to do with the kernel's.
        return int(np.clip(total // 8, 10, most))

    def _store(self, modes, squeeze):
        """Fit the exponents of every target, and set the attributes."""
        n_modes = modes.eigenvalues.size
        fits = np.array(
            [
                self._fit_target(modes, power, energy)
                for power, energy in zip(modes.power.T, modes.energy)
            ]
        )
        s, low, high, b, g, noise, n_signal = fits.T
        single = (lambda values: float(values[0])) if squeeze else np.array
        self.n_modes_ = n_modes
        self.eigenvalues_ = modes.eigenvalues
        self.coefficients_ = modes.power[:, 0] if squeeze else modes.power
        self.smoothness_ = single(s)
        interval = np.stack([low, high], axis=1)
        self.smoothness_interval_ = interval[0] if squeeze else interval
        self.eigenvalue_decay_ = single(b)
        self.coefficient_decay_ = single(g)
        self.noise_variance_ = single(noise)
        self.n_signal_modes_ = single(n_signal)
        self._suggest(s, b, noise, modes)
        few = int((n_signal < _FEW).sum())
        if few:
            warn_user(
                f"{few} of {s.size} targets stand out of the noise in fewer than "
                f"{_FEW:g} modes, on which no exponent can be based: smoothness_ says "
                "little. More samples help, or a kernel with a better width."
            )

    def _fit_target(self, modes, power, energy):
        """Smoothness with its bounds, both exponents, noise, number of modes."""
        if not energy > 0.0 or power.size < _MIN_MODES:
            return [np.nan] * 6 + [0.0]
        power = power / energy
        if self.method == "corrected":
            law = fit_with_noise(power, modes.total)
        else:
            law = fit_plain(power, modes.total, envelope=self.method == "envelope")
        decay = -log_slope(modes.eigenvalues, law.weights)[0]
        bounds = np.array([law.slope, *law.interval()])
        if not decay > 0.0:  # all eigenvalues are equal
            smoothness = np.full(3, np.nan)
        else:
            smoothness = (bounds - 1.0) / decay
        noise, n_signal = law.noise * energy, law.weights.sum()
        return [*smoothness, decay, law.slope / 2.0, noise, n_signal]

    def _suggest(self, smoothness, decay, noise, modes):
        """Set the ridge strength and the rate that go with the exponents."""
        known = np.isfinite(smoothness)
        self.suggested_alpha_ = self.suggested_time_ = self.expected_rate_ = np.nan
        if not known.any():
            return
        s = float(np.clip(np.median(smoothness[known]), *_USEFUL))
        b = float(np.median(decay[known]))
        n, largest = modes.total, float(modes.eigenvalues[0])
        energy = float(modes.energy[known].sum())
        floor = max(float(noise[known].sum()), _LEAST_NOISE * energy)
        signal = energy - floor
        # No stronger than with as much noise as signal in a single sample.
        ratio = floor / max(n * signal, floor)
        self.suggested_alpha_ = n * largest * ratio ** (b / (s * b + 1.0))
        self.suggested_time_ = n / self.suggested_alpha_
        rate = s * b / (s * b + 1.0)
        self.expected_rate_ = rate if self.classes_ is None else rate / 2.0
