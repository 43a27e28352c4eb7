"""Test errors predicted from a spectrum: kernel ridge regression and its relatives."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

_EPS = float(np.finfo(np.float64).eps)


class KernelRisk(NamedTuple):
    """What a spectrum predicts of a regression: a tuple of five arrays.

    Parameters
    ----------
    test_mse : float or ndarray
        Mean squared error on new noisy observations.

    train_mse : float or ndarray
        Mean squared error on the training data.

    kappa : float or ndarray
        The eigenvalue of which one half is learned: of a mode with eigenvalue l the
        mean prediction has the share ``l / (l + kappa)``.

    learnability : float or ndarray
        Share of the target that the mean prediction has, from 0 to 1.

    overfitting : float or ndarray
        Factor by which the chance of the training sample multiplies the error, at
        least 1.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.spectral import kernel_risk_curve
    >>> eigenvalues = np.arange(1, 1001.0) ** -2
    >>> risk = kernel_risk_curve(eigenvalues, eigenvalues, 50, alpha=0.1)
    >>> bool(risk.test_mse < eigenvalues.sum())
    True
    """

    test_mse: float
    train_mse: float
    kappa: float
    learnability: float
    overfitting: float


def kernel_risk_curve(eigenvalues, power, n_samples, alpha, *, noise_variance=0.0):
    """Test error of kernel ridge regression, predicted from a spectrum.

    The kernel is ``k(x, z) = sum_j l_j e_j(x) e_j(z)`` with functions e_j that are
    orthonormal under the law of x, the target is ``f = sum_j v_j e_j``, and noise is
    added to its values. Arrays of sample sizes and ridge strengths are broadcast
    against each other and give learning curves.

    Parameters
    ----------
    eigenvalues : array-like of shape (n_modes,)
        The eigenvalues l_j, in any order.

    power : array-like of shape (n_modes,) or (n_modes, n_targets)
        The squared coefficients v_j^2 of the target. What no mode can express is given
        to a mode of eigenvalue 0.

    n_samples : float or array-like
        Sizes of the training set.

    alpha : float or array-like
        Ridge strengths on the scale of :class:`~skkernels.ridge.KernelRidge`, not
        divided by the number of samples. 0 is the interpolant of minimum norm.

    noise_variance : float or array-like of shape (n_targets,), default=0.0
        Variance of the noise.

    Returns
    -------
    risk : KernelRisk
        Arrays of the shape to which ``n_samples`` and ``alpha`` are broadcast, numbers
        if both are numbers. Errors and learnability have one more axis if ``power``
        has two.

    See Also
    --------
    KernelRiskEstimator : Estimates these quantities from data.
    random_features_risk : The same for random features.
    cost_of_overfitting : What ``alpha=0`` can cost.

    Notes
    -----
    The threshold kappa is the root of ``sum_j l_j / (l_j + kappa) + alpha / kappa =
    n_samples``, found by Brent's method in its logarithm [1]_. With ``L_j = l_j / (l_j
    + kappa)`` the factor of overfitting is ``E = n / (n - sum_j L_j^2)`` and the test
    error is ``E (sum_j (1 - L_j)^2 v_j^2 + noise_variance)``. Derived for Gaussian
    coordinates in many dimensions, and close far beyond that. Time: some 50 operations
    on arrays of n_modes numbers for each pair of size and strength; memory: O(n_modes).

    References
    ----------
    .. [1] J. B. Simon, M. Dickens, D. Karkada and M. R. DeWeese, "The eigenlearning
       framework", Transactions on Machine Learning Research, 2023, arXiv:2110.03922.

    Examples
    --------
    The exponent of the learning curve of a power law, without noise:

    >>> import numpy as np
    >>> from skkernels.spectral import kernel_risk_curve
    >>> eigenvalues = np.arange(1, 100_001.0) ** -2
    >>> risk = kernel_risk_curve(eigenvalues, eigenvalues, [100, 200], alpha=0.0)
    >>> (risk.test_mse[0] / risk.test_mse[1]).round(2)
    np.float64(1.99)
    """
    lam, power, noise, single = _check_spectrum(eigenvalues, power, noise_variance)
    n_samples = _check_positive(n_samples, "n_samples")
    alpha = _check_positive(alpha, "alpha", strict=False)
    n_samples, alpha = np.broadcast_arrays(n_samples, alpha)
    rows = []
    for n, delta in zip(n_samples.ravel(), alpha.ravel()):
        kappa = solve_kappa(lam, n, delta)
        if kappa > 0.0:
            left = kappa / (lam + kappa)  # 1 - L
            margin = delta / (n * kappa)
            # n - sum L^2 = (n - sum L) + sum L (1 - L), without cancellation.
            slack = delta / kappa + (left * (1.0 - left)).sum()
        else:
            left = np.where(lam > 0.0, 0.0, 1.0)
            slack = n - np.count_nonzero(lam)
            margin = slack / n
        factor = n / slack if slack > 0.0 else np.inf
        rows.append(_predict(left, left**2, power, noise, factor, margin, kappa))
    return _collect(rows, n_samples.shape, single)


def random_features_risk(
    eigenvalues, power, n_samples, n_features, alpha, *, noise_variance=0.0
):
    """Test error of ridge regression on random features, predicted from a spectrum.

    The kernel of :func:`kernel_risk_curve` is replaced by ``Z Z' / n_features`` with as
    many Gaussian random features, whose mean it is. With more and more features the
    result becomes that of :func:`kernel_risk_curve`.

    Parameters
    ----------
    eigenvalues : array-like of shape (n_modes,)
        The eigenvalues of the kernel that the features approximate.

    power : array-like of shape (n_modes,) or (n_modes, n_targets)
        The squared coefficients of the target.

    n_samples : float or array-like
        Sizes of the training set.

    n_features : float or array-like
        Numbers of random features.

    alpha : float or array-like
        Ridge strengths, not divided by the number of samples. The three are broadcast
        against each other.

    noise_variance : float or array-like of shape (n_targets,), default=0.0
        Variance of the noise.

    Returns
    -------
    risk : KernelRisk
        As from :func:`kernel_risk_curve`; ``kappa`` is the threshold in the shares ``l
        / (l + kappa)`` that are learned.

    See Also
    --------
    kernel_risk_curve : The limit of infinitely many features.
    skkernels.features.RandomFourierFeatures : Random features to use.

    Notes
    -----
    Two equations for two thresholds are reduced to one that is solved by Brent's method
    [1]_. At ``alpha=0`` and as many features as samples the error is infinite. Time and
    memory as in :func:`kernel_risk_curve`.

    References
    ----------
    .. [1] J. B. Simon, D. Karkada, N. Ghosh and M. Belkin, "More is better in modern
       machine learning: when infinite overparameterization is optimal and overfitting
       is obligatory", ICLR 2024, arXiv:2311.14646.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.spectral import random_features_risk
    >>> lam = np.arange(1, 1001.0) ** -1.5
    >>> risk = random_features_risk(lam, lam, 100, [50, 100, 1000], alpha=1e-6)
    >>> bool(risk.test_mse[1] > risk.test_mse[0] > risk.test_mse[2])
    True
    """
    lam, power, noise, single = _check_spectrum(eigenvalues, power, noise_variance)
    n_samples = _check_positive(n_samples, "n_samples")
    n_features = _check_positive(n_features, "n_features")
    alpha = _check_positive(alpha, "alpha", strict=False)
    grids = np.broadcast_arrays(n_samples, n_features, alpha)
    rows = []
    for n, k, delta in zip(*(grid.ravel() for grid in grids)):
        gamma, kappa, margin = _solve_features(lam, n, k, delta)
        if gamma > 0.0:
            left = gamma / (lam + gamma)
        else:
            left = np.where(lam > 0.0, 0.0, 1.0)
        learned = 1.0 - left
        z, q = learned.sum(), (learned**2).sum()
        share = k / (k - q) if k > q else np.inf
        ratio = kappa / gamma if gamma > 0.0 else 0.0
        bias = left - ratio * learned * left * share if ratio > 0.0 else left
        slack = 1.0 - (q * (k - 2.0 * z) + z * z) / (n * (k - q)) if k > q else 0.0
        factor = 1.0 / slack if slack > _EPS else np.inf
        rows.append(_predict(left, bias, power, noise, factor, margin, gamma))
    return _collect(rows, grids[0].shape, single)


def cost_of_overfitting(eigenvalues, n_samples):
    """How much worse interpolation can be than the best ridge regression.

    The ratio of the test error with ``alpha=0`` to the smallest over all alpha is at
    most the number returned, whatever the target and the noise, and it is attained by
    pure noise.

    Parameters
    ----------
    eigenvalues : array-like of shape (n_modes,)
        Eigenvalues of the kernel, as in :func:`kernel_risk_curve`.

    n_samples : float or array-like
        Sizes of the training set.

    Returns
    -------
    cost : float or ndarray of the shape of n_samples
        The largest ratio; infinite if there are as many modes as samples.

    bound : float or ndarray of the shape of n_samples
        An upper bound of ``cost`` in terms of effective ranks; infinite where it says
        nothing.

    See Also
    --------
    kernel_risk_curve : Its ``overfitting`` at ``alpha=0`` is the cost.

    Notes
    -----
    Look at several sizes: a cost that tends to 1 is called benign, one that stays
    bounded tempered, one that grows without bound catastrophic. If the eigenvalues fall
    like ``j ** -b``, the cost tends to b. The bound is the smallest over k of ``(1 - k
    / n)^-2 (1 - n / R_k)^-1`` with ``R_k = (sum_{j > k} l_j)^2 / sum_{j > k} l_j^2``
    [1]_. Time: as :func:`kernel_risk_curve`, and a sort; memory: O(n_modes).

    References
    ----------
    .. [1] L. Zhou, J. B. Simon, G. Vardi and N. Srebro, "An agnostic view on the cost
       of overfitting in (kernel) ridge regression", ICLR 2024, arXiv:2306.13185.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.spectral import cost_of_overfitting
    >>> cost, bound = cost_of_overfitting(np.arange(1, 100_001.0) ** -2, 100)
    >>> cost.round(1), bool(bound > cost)
    (np.float64(2.0), True)
    """
    n_samples = _check_positive(n_samples, "n_samples")
    lam = np.sort(_check_eigenvalues(eigenvalues))[::-1]
    cost = kernel_risk_curve(lam, np.zeros_like(lam), n_samples, 0.0).overfitting
    first = lam[::-1].cumsum()[::-1]
    second = (lam[::-1] ** 2).cumsum()[::-1]
    positive = second > 0.0
    ranks = np.zeros_like(lam)
    ranks[positive] = first[positive] ** 2 / second[positive]
    k = np.arange(lam.size)
    bound = np.full(n_samples.shape, np.inf)
    for index, n in np.ndenumerate(n_samples):
        valid = (k < n) & (ranks > n)
        if valid.any():
            values = (1.0 - k[valid] / n) ** -2 / (1.0 - n / ranks[valid])
            bound[index] = values.min()
    return cost, bound[()]


def spectral_filter_risk(
    eigenvalues, power, learning, n_samples, *, noise_variance=0.0
):
    """Error of a spectral filter in the Gaussian sequence model.

    Each coefficient of the target is observed with independent noise of variance
    ``noise_variance / n_samples``, and multiplied with the share ``h(l_j)`` that the
    filter lets pass. With the eigenvalues of ``K / n_samples`` and the power of the
    target in its eigenvectors this is exactly the mean error on the training inputs, of
    noiseless values, over the noise.

    Parameters
    ----------
    eigenvalues : array-like of shape (n_modes,)
        Eigenvalues l_j of ``K / n_samples`` or of the kernel's integral operator.

    power : array-like of shape (n_modes,) or (n_modes, n_targets)
        The squared coefficients v_j^2 of the target.

    learning : callable or array-like of shape (n_modes,) or (n_modes, n_filters)
        The function h, which is given the eigenvalues, or its values.

    n_samples : float
        Size of the training set.

    noise_variance : float or array-like of shape (n_targets,), default=0.0
        Variance of the noise.

    Returns
    -------
    risk : float or ndarray of shape (n_filters,), (n_targets,) or (n_filters, \
            n_targets)
        ``sum_j v_j^2 (1 - h_j)^2 + noise_variance / n_samples sum_j h_j^2``; an axis is
        there where the input has it.

    oracle : float or ndarray of shape (n_targets,)
        The smallest error of all filters, that of ``h_j = v_j^2 / (v_j^2 +
        noise_variance / n_samples)``.

    See Also
    --------
    kernel_risk_curve : Ridge regression with random inputs.

    Notes
    -----
    The model knows the eigenfunctions; with random inputs errors are larger [1]_. It
    serves to compare filters. Time: O(n_modes n_filters n_targets); memory: O(n_modes
    (n_filters + n_targets)).

    References
    ----------
    .. [1] M. Velikanov, M. Panov and D. Yarotsky, "Generalization error of spectral
       algorithms", ICLR 2024, arXiv:2403.11696.

    Examples
    --------
    Gradient flow for a time of 10, 100 and 1000:

    >>> import numpy as np
    >>> from skkernels.spectral import spectral_filter_risk
    >>> lam = np.arange(1, 201.0) ** -2
    >>> flow = lambda l: -np.expm1(-np.multiply.outer(l, [10.0, 100.0, 1000.0]))
    >>> risk, oracle = spectral_filter_risk(lam, lam, flow, 100, noise_variance=1.0)
    >>> risk.round(2), oracle.round(2)
    (array([0.22, 0.16, 0.34]), np.float64(0.15))
    """
    lam, power, noise, single = _check_spectrum(eigenvalues, power, noise_variance)
    n = _check_positive(n_samples, "n_samples")
    if n.ndim:
        raise ValueError(f"n_samples must be a number, got shape {n.shape}.")
    h = np.asarray(learning(lam) if callable(learning) else learning, np.float64)
    if h.ndim not in (1, 2) or h.shape[0] != lam.size:
        raise ValueError(
            "learning must give one value or one row of values per eigenvalue "
            f"({lam.size}), got shape {h.shape}."
        )
    if not np.isfinite(h).all():
        raise ValueError("learning contains NaN or infinity.")
    one_filter = h.ndim == 1
    h = h.reshape(lam.size, -1)
    variance = noise / n
    risk = ((1.0 - h) ** 2).T @ power + np.outer((h**2).sum(axis=0), variance)
    total = power + variance
    oracle = np.divide(
        power * variance, total, out=np.zeros_like(total), where=total > 0.0
    ).sum(axis=0)
    if single:
        risk, oracle = risk[:, 0], oracle[0]
    return (risk[0] if one_filter else risk), oracle


def solve_kappa(lam, n, delta):
    """Root of ``sum lam / (lam + kappa) + delta / kappa = n``; 0 where there is none.

    Parameters
    ----------
    lam : ndarray of shape (n_modes,)
        Eigenvalues, not negative.

    n : float
        Number of samples.

    delta : float
        Ridge strength.

    Returns
    -------
    kappa : float
        The threshold.
    """
    positive = lam[lam > 0.0]
    # A unit in which the sums below can neither overflow nor underflow.
    unit = max(delta, positive.max(initial=0.0))
    if unit == 0.0 or (delta == 0.0 and positive.size <= n):
        return 0.0
    positive, delta = positive / unit, delta / unit
    positive = positive[positive > 0.0]
    low = delta / n
    if delta == 0.0:
        if positive.size <= n:  # what is left of them vanished beside the largest
            return 0.0
        low = positive.min() * (positive.size - n) / n
    high = (positive.sum() + delta) / n

    def excess(log_kappa):
        kappa = np.exp(log_kappa)
        return (positive / (positive + kappa)).sum() + delta / kappa - n

    return unit * _root(excess, low, high)


def _solve_features(lam, n, k, delta):
    """The thresholds gamma and kappa of random features, and alpha / (n kappa)."""
    unit = max(delta, lam.max())
    if unit == 0.0:
        return 0.0, 0.0, 1.0
    lam, delta = lam / unit, delta / unit
    lam = lam[lam > 0.0]
    fewer = min(n, k)
    lowest = solve_kappa(lam, fewer, 0.0)  # where sum lam / (lam + gamma) = fewer
    if delta == 0.0:
        if lowest == 0.0:  # all modes are learned completely
            return 0.0, 0.0, (n - lam.size) / n
        kappa = lowest * (k - n) / k if n < k else 0.0
        return unit * lowest, unit * kappa, max(n - k, 0.0) / n

    def excess(log_gamma):
        gamma = np.exp(log_gamma)
        z = (lam / (lam + gamma)).sum()
        return delta * k - (n - z) * gamma * (k - z)

    # With fewer modes than samples and features: the root is at least delta / n.
    low = max(lowest, delta / n)
    high = 2.0 * low
    while excess(np.log(high)) > 0.0:
        high *= 10.0
    gamma = _root(excess, low, high)
    z = (lam / (lam + gamma)).sum()
    # The difference that suffers less from cancellation.
    kappa = gamma * (k - z) / k if n < k else delta / (n - z)
    return unit * gamma, unit * kappa, delta / (n * kappa)


def _root(excess, low, high):
    """Root of a decreasing function of a logarithm; its ends may be it, rounded."""
    low, high = np.log(low), np.log(high)
    if high <= low or excess(low) <= 0.0:
        return float(np.exp(low))
    if excess(high) >= 0.0:
        return float(np.exp(high))
    return float(np.exp(brentq(excess, low, high, xtol=1e-14, rtol=4 * _EPS)))


def _predict(left, bias, power, noise, factor, margin, kappa):
    """One row of results: what is not learned, the bias of each mode and so on."""
    error = bias @ power + noise
    # An infinite factor times no error at all: there is nothing to fit.
    test = np.where(error > 0.0, factor * np.where(error > 0.0, error, 1.0), 0.0)
    train = margin**2 * test if np.isfinite(factor) else np.zeros_like(test)
    total = power.sum(axis=0)
    known = total > 0.0
    lost = (left @ power) / np.where(known, total, 1.0)
    learnability = np.where(known, 1.0 - lost, np.nan)
    return test, train, kappa, learnability, factor


def _collect(rows, shape, single):
    """Stack the rows of :func:`_predict` to arrays."""
    columns = []
    for values in zip(*rows):
        values = np.array(values)
        if values.ndim == 2 and single:
            values = values[:, 0]
        columns.append(values.reshape((*shape, *values.shape[1:]))[()])
    return KernelRisk(*columns)


def _check_eigenvalues(eigenvalues):
    lam = np.asarray(eigenvalues, dtype=np.float64)
    if lam.ndim != 1 or lam.size == 0:
        raise ValueError(
            f"eigenvalues must be an array of one dimension, got shape {lam.shape}."
        )
    if not np.isfinite(lam).all() or (lam < 0.0).any():
        raise ValueError("eigenvalues must be finite and not negative.")
    return lam


def _check_spectrum(eigenvalues, power, noise_variance):
    """Eigenvalues, power with two axes, noise for each target, and if it is one."""
    lam = _check_eigenvalues(eigenvalues)
    power = np.asarray(power, dtype=np.float64)
    if power.ndim not in (1, 2) or power.shape[0] != lam.size:
        raise ValueError(
            f"power must have one row per eigenvalue ({lam.size}), got shape "
            f"{power.shape}."
        )
    if not np.isfinite(power).all() or (power < 0.0).any():
        raise ValueError("power must be finite and not negative.")
    single = power.ndim == 1
    power = power.reshape(lam.size, -1)
    noise = _check_positive(noise_variance, "noise_variance", strict=False)
    if noise.ndim > 1 or noise.size not in (1, power.shape[1]):
        raise ValueError(
            f"noise_variance must be a number or one per target ({power.shape[1]}), "
            f"got shape {noise.shape}."
        )
    return lam, power, np.broadcast_to(noise.ravel(), power.shape[1:]), single


def _check_positive(value, name, strict=True):
    array = np.asarray(value, dtype=np.float64)
    bad = array <= 0.0 if strict else array < 0.0
    if not np.isfinite(array).all() or bad.any():
        what = "positive" if strict else "not negative"
        raise ValueError(f"{name} must be finite and {what}, got {value!r}.")
    return array
