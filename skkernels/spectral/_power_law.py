"""Exponents of power laws in noisy data."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.stats import t as student

from skkernels.utils._parallel import single_threaded_blas

_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(24)
# Smallest share of the noise in the mean square of the targets that is told from 0.
_FLOOR = 1e-12
_MAX_SLOPE = 30.0


class PowerLaw(NamedTuple):
    """A fit of ``c j ** -slope``.

    ``weights`` say how much each mode contributed, ``error`` is the standard error of
    the slope and ``dof`` its degrees of freedom; ``noise`` is the level of the noise in
    units of the mean square of the targets.
    """

    slope: float
    error: float
    dof: float
    weights: np.ndarray
    noise: float

    def interval(self):
        """Bounds of the slope that hold with a confidence of 95 %."""
        width = student.ppf(0.975, max(self.dof, 1.0)) * self.error
        return self.slope - width, self.slope + width


def log_slope(values, weights=None):
    """Slope of log(values) against log(1), log(2), ..., by weighted least squares.

    Returns
    -------
    slope : float
        The slope.

    error : float
        Its standard error where the weights are equal.
    """
    x = np.log(np.arange(1.0, values.size + 1))
    y = np.log(values)
    weights = np.ones_like(x) if weights is None else weights
    x = x - np.average(x, weights=weights)
    y = y - np.average(y, weights=weights)
    spread = (weights * x * x).sum()
    slope = (weights * x * y).sum() / spread
    variance = (weights * (y - slope * x) ** 2).sum() / max(x.size - 2, 1)
    return slope, np.sqrt(variance / spread)


def fit_plain(power, total, *, envelope=False):
    """Least squares of the logarithms, as if there were no noise.

    Parameters
    ----------
    power : ndarray of shape (n_modes,)
        Power of each mode as a share of the whole.

    total : float
        Sum of the sample weights.

    envelope : bool, default=False
        Whether each power is replaced by the largest that follows.
    """
    n_modes = power.size
    values = np.maximum(power, _FLOOR**2)
    if envelope:
        values = np.maximum.accumulate(values[::-1])[::-1]
    slope, error = log_slope(values)
    rest = total - n_modes
    noise = max(1.0 - power.sum(), 0.0) * total / rest if rest > 0.5 else 0.0
    return PowerLaw(-slope, error, n_modes - 2, np.ones(n_modes), noise)


def fit_with_noise(power, total):
    """A power law above a floor of noise, by quasi-likelihood.

    The power p_j of mode j is taken to have the mean ``m_j = c j ** -slope + noise /
    total`` and the variance ``2 m_j ** 2``, that of a squared Gaussian. All modes
    beyond the last one enter by the sum of their power. The estimates solve ``sum (p_j
    - m_j) / m_j^2 dm_j = 0``, which needs the mean to be right, not the law.

    Parameters
    ----------
    power : ndarray of shape (n_modes,)
        Power of each mode as a share of the whole.

    total : float
        Sum of the sample weights.
    """
    likelihood = _Likelihood(power, total)
    start = np.log(max(likelihood.q[:5].mean(), _FLOOR))
    level = np.log(max(0.9 * likelihood.start_noise, _FLOOR))
    bounds = [(start - 40.0, start + 40.0), (0.0, _MAX_SLOPE), (np.log(_FLOOR), 1.0)]
    # Threads of BLAS would wait for each other in these many short steps.
    with single_threaded_blas():
        fits = [
            minimize(
                likelihood,
                [start, slope, level],
                jac=True,
                method="L-BFGS-B",
                bounds=bounds,
                options={"maxiter": 1000, "ftol": 1e-15, "gtol": 1e-9},
            )
            for slope in (1.0, 2.0, 4.0)
        ]
        theta = min(fits, key=lambda fit: fit.fun).x
        error, weights = likelihood.precision(theta)
    return PowerLaw(
        theta[1], error, weights.sum() - 2.0, weights, float(np.exp(theta[2]))
    )


class _Likelihood:
    """Minus twice the quasi-likelihood of (log c, slope, log noise), and its gradient.

    ``q = total * power`` has the mean ``c j ** -slope + noise``. The modes beyond the
    last have the mean of the power law over them, by quadrature in log j, all together.
    """

    def __init__(self, power, total):
        self.q = power * total
        n_modes = power.size
        self.log_j = np.log(np.arange(1.0, n_modes + 1))
        rest = total - n_modes
        self.rest = rest if rest > 0.5 else 0.0
        # Data without any noise stay within reach of the smallest level.
        left = max(1.0 - power.sum(), 0.0) * total
        self.tail = max(left / rest, _FLOOR) if self.rest else 0.0
        self.start_noise = self.tail if self.rest else self.q[n_modes // 2 :].mean()
        low, high = np.log(n_modes + 0.5), np.log(n_modes + 0.5 + self.rest)
        self.log_nodes = low + (high - low) * (_NODES + 1.0) / 2.0
        measure = (high - low) / 2.0 * _NODE_WEIGHTS * np.exp(self.log_nodes)
        self.measure = measure / rest if self.rest else measure

    def _means(self, theta):
        """Means and their derivatives, of the modes and of the rest."""
        log_c, slope, log_noise = theta
        noise = np.exp(log_noise)
        signal = np.exp(log_c - slope * self.log_j)
        jacobian = np.stack(
            [signal, -self.log_j * signal, np.full_like(signal, noise)], axis=1
        )
        beyond = np.exp(log_c - slope * self.log_nodes) * self.measure
        rest_jacobian = np.array(
            [beyond.sum(), -(beyond * self.log_nodes).sum(), noise]
        )
        return signal + noise, jacobian, beyond.sum() + noise, rest_jacobian

    def __call__(self, theta):
        mean, jacobian, rest_mean, rest_jacobian = self._means(theta)
        value = (np.log(mean) + self.q / mean).sum()
        value += self.rest * (np.log(rest_mean) + self.tail / rest_mean)
        gradient = ((mean - self.q) / mean**2) @ jacobian
        gradient += self.rest * (rest_mean - self.tail) / rest_mean**2 * rest_jacobian
        return value, gradient

    def precision(self, theta):
        """Standard error of the slope, and the share of signal in each mode, squared.

        The error is the larger one of what the model says and of what the scatter of
        the data says.
        """
        mean, jacobian, rest_mean, rest_jacobian = self._means(theta)
        relative = jacobian / mean[:, None]
        beyond = rest_jacobian / rest_mean
        tail = self.rest / 2.0 * np.outer(beyond, beyond)
        covariance = np.linalg.pinv(relative.T @ relative / 2.0 + tail, hermitian=True)
        scores = relative * ((self.q - mean) / mean)[:, None] / 2.0
        robust = covariance @ (scores.T @ scores + tail) @ covariance
        variance = max(covariance[1, 1], robust[1, 1], 0.0)
        return np.sqrt(variance), relative[:, 0] ** 2
