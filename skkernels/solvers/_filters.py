"""Spectral filters: which share of each eigenvector of the kernel is fitted.

With the targets y, the weights w and the eigenpairs of ``S K S / W``, S = diag(sqrt(w))
and W = sum(w), the component of ``S y`` along an eigenvector of eigenvalue t is fitted
up to the share ``h(t)``. The coefficients of the kernel functions are ``S phi(S K S /
W) S y / W`` with ``t phi(t) = h(t)``.
"""

from itertools import count, islice, repeat

import numpy as np

#: The main parameter of each filter, over which a filter may have a grid of values.
MAIN_PARAMETERS = {
    "tikhonov": "alpha",
    "iterated_tikhonov": "alpha",
    "self_distillation": "alpha",
    "gradient_flow": "time",
    "landweber": "n_iter",
    "heavy_ball": "n_iter",
    "nu_method": "n_iter",
    "cutoff": "threshold",
}
#: Filters that are so many steps of an iteration.
ITERATIONS = ("landweber", "heavy_ball", "nu_method")

# Of the mean of k(x, x) over W: where ridge strengths to choose from end.
_SMALLEST_ALPHA = 1e-7
_PER_DECADE = 2
# All steps of these are taken, even where only the spectrum is known.
_MOST_STEPS = {"landweber": 1e9, "heavy_ball": 1e4, "nu_method": 1e4}


def make_filter(
    filter,
    values=None,
    *,
    total=1.0,
    top=1.0,
    order=2,
    step="auto",
    momentum=0.9,
    nu=1.0,
    mixing=(0.5,),
):
    """Make a filter for a grid of values of its main parameter.

    Parameters
    ----------
    filter : str or callable
        A key of ``MAIN_PARAMETERS``, or a function h of an array of eigenvalues.

    values : float or array of shape (n_values,) or None, default=None
        Values of the main parameter; None for a function, which has none.

    total : float, default=1.0
        Sum of the weights W, by which ``alpha`` is divided.

    top : float, default=1.0
        The largest eigenvalue of ``S K S / W``.

    order : int, default=2
        Number of repetitions in "iterated_tikhonov".

    step : float or "auto", default="auto"
        Step of "landweber" and "heavy_ball"; "auto" is ``1 / top``. That of "nu_method"
        always is.

    momentum : float, default=0.9
        Of "heavy_ball".

    nu : float, default=1.0
        Qualification of "nu_method".

    mixing : array-like of shape (n_rounds,), default=(0.5,)
        Share of the targets themselves in each round of "self_distillation".

    Returns
    -------
    filter : SpectralFilter
        The filter.
    """
    if callable(filter):
        return _UserFilter(filter)
    values = np.atleast_1d(np.asarray(values, dtype=np.float64))
    if filter == "iterated_tikhonov":
        return _IteratedTikhonov(values, total, order)
    if filter == "self_distillation":
        return _SelfDistillation(values, total, mixing)
    if filter in ITERATIONS:
        if step == "auto" or filter == "nu_method":
            step = 1.0 / top if top > 0 else 1.0
        if filter == "landweber":
            return _Landweber(values, step)
        second = momentum if filter == "heavy_ball" else nu
        return _Accelerated(values, filter, step, second)
    return {
        "tikhonov": _Tikhonov,
        "gradient_flow": _GradientFlow,
        "cutoff": _Cutoff,
    }[filter](values, total)


def default_values(filter, eigenvalues, total):
    """Values of the main parameter to choose from, strong regularisation first.

    Parameters
    ----------
    filter : str
        A key of ``MAIN_PARAMETERS``.

    eigenvalues : ndarray of shape (n_eigenvalues,)
        Those of ``S K S / W``, in descending order.

    total : float
        Sum of the weights W.

    Returns
    -------
    values : ndarray of shape (n_values,)
        For ``alpha / W``, the threshold and one over the time, two a decade from 10
        times the largest eigenvalue down to ``1e-7 / W`` times the sum of all, which is
        the mean of k(x, x). For numbers of steps, four or more a decade up to what
        amounts to the same.
    """
    top = float(eigenvalues[0]) if len(eigenvalues) else 0.0
    if not top > 0:
        top, ratio = 1.0, 1.0
    else:
        ratio = max(top * total / (_SMALLEST_ALPHA * float(eigenvalues.sum())), 1.0)
    if filter in ITERATIONS:
        # An accelerated iteration does in k steps what takes another one some k^2.
        most = min(
            np.sqrt(ratio) if filter == "nu_method" else ratio, _MOST_STEPS[filter]
        )
        size = int(np.ceil(2 * _PER_DECADE * np.log10(most))) + 1
        return np.unique(np.round(np.geomspace(1.0, max(most, 1.0), size)))
    size = int(np.ceil(_PER_DECADE * np.log10(ratio))) + 1
    lower = 10.0 ** (-np.arange(-_PER_DECADE, size) / _PER_DECADE)
    main = MAIN_PARAMETERS[filter]
    if main == "threshold":
        # The first one keeps the largest eigenvalue, and none is equal to it.
        return top * lower[_PER_DECADE:] * 10.0 ** (-0.5 / _PER_DECADE)
    return total * top * lower if main == "alpha" else 1.0 / (top * lower)


def check_step(filter, step, top, momentum):
    """Refuse a step with which the iteration does not converge."""
    if filter not in ("landweber", "heavy_ball") or step == "auto":
        return
    bound = 2.0 * (1.0 + momentum if filter == "heavy_ball" else 1.0)
    if step * top >= bound:
        raise ValueError(
            f"filter={filter!r} needs a step below {bound / top:.6g}, which is "
            f"{bound:.6g} over the largest eigenvalue of K / sum(sample_weight), got "
            f"step={step!r}."
        )


def step_coefficients(filter, step, second):
    """Momentum and step of each iteration, an endless generator.

    The iteration is ``x_k = x_(k-1) + m_k (x_(k-1) - x_(k-2)) + s_k (b - A x_(k-1))``
    with ``x_0 = 0``.

    Parameters
    ----------
    filter : {"landweber", "heavy_ball", "nu_method"}
        Which.

    step : float
        For "nu_method" one over the largest eigenvalue of A.

    second : float
        ``momentum`` of "heavy_ball" or ``nu`` of "nu_method".

    Yields
    ------
    momentum, step : float
        m_k and s_k, for k = 1, 2, ...
    """
    if filter != "nu_method":
        yield 0.0, step
        yield from repeat((second if filter == "heavy_ball" else 0.0, step))
    yield 0.0, step * (4 * second + 2) / (4 * second + 1)
    for k in count(2):
        a, b = 2 * k + 2 * second, k + 2 * second
        divisor = (b - 1) * (a + 2 * second - 1)
        yield (
            (k - 1) * (2 * k - 3) * (a - 1) / (divisor * (a - 3)),
            4 * step * (a - 1) * (k + second - 1) / divisor,
        )


class SpectralFilter:
    """One filter for a grid of values of its main parameter.

    Attributes
    ----------
    values : ndarray of shape (n_values,)
        The grid.
    """

    def __init__(self, values, total=1.0):
        self.values = values
        self.total = total

    def select(self, j):
        """The filter with the value at position j of the grid."""
        chosen = object.__new__(type(self))
        chosen.__dict__.update(self.__dict__)
        chosen.values = self.values[j : j + 1]
        return chosen

    def evaluate(self, t):
        """Multiplier and what is not fitted.

        Parameters
        ----------
        t : ndarray of shape (n,)
            Eigenvalues, none negative.

        Returns
        -------
        multiplier : ndarray of shape (n, n_values)
            ``phi(t) = h(t) / t``, its limit where t is 0; infinite if that is.

        residual : ndarray of shape (n, n_values)
            ``1 - h(t)``, without cancellation where the filter allows.
        """
        t = np.asarray(t, dtype=np.float64)[:, np.newaxis]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            multiplier, residual = self._evaluate(t)
        multiplier = np.where(np.isnan(multiplier), np.inf, multiplier)
        return multiplier, np.where(np.isnan(residual), 1.0, residual)

    def learning(self, t):
        """``h(t)`` of shape (n, n_values)."""
        multiplier, residual = self.evaluate(t)
        t = np.asarray(t)[:, np.newaxis]
        finite = np.isfinite(multiplier)
        return np.where(finite, t * np.where(finite, multiplier, 0.0), 1.0 - residual)

    def multiplier(self, t):
        """``phi(t)`` of shape (n, n_values)."""
        return self.evaluate(t)[0]


class _Tikhonov(SpectralFilter):
    def _evaluate(self, t):
        shift = self.values / self.total
        return 1.0 / (t + shift), np.where(t + shift > 0, shift / (t + shift), 1.0)


class _IteratedTikhonov(SpectralFilter):
    def __init__(self, values, total, order):
        super().__init__(values, total)
        self.order = order

    def _evaluate(self, t):
        shift = self.values / self.total
        decay = -self.order * np.log1p(t / shift)
        limit = self.order / shift
        return np.where(t > 0, -np.expm1(decay) / t, limit), np.exp(decay)


class _SelfDistillation(SpectralFilter):
    def __init__(self, values, total, mixing):
        super().__init__(values, total)
        self.mixing = mixing

    def _evaluate(self, t):
        shift = self.values / self.total
        ridge = 1.0 / (t + shift)
        multiplier, residual = ridge, np.where(t + shift > 0, shift * ridge, 1.0)
        rest = residual
        for share in self.mixing:
            multiplier = ridge * (1.0 - (1.0 - share) * residual)
            residual = rest + (1.0 - rest) * (1.0 - share) * residual
        return multiplier, residual


class _GradientFlow(SpectralFilter):
    def _evaluate(self, t):
        decay = -t * self.values
        return np.where(t > 0, -np.expm1(decay) / t, self.values), np.exp(decay)


class _Cutoff(SpectralFilter):
    def _evaluate(self, t):
        kept = t >= self.values
        return np.where(kept, 1.0 / t, 0.0), np.where(kept, 0.0, 1.0)


class _Landweber(SpectralFilter):
    def __init__(self, values, step):
        super().__init__(values)
        self.step = step

    def _evaluate(self, t):
        move = self.step * t
        small = move < 0.5
        decay = self.values * np.log1p(-np.where(small, move, 0.0))
        power = (1.0 - move) ** self.values
        share = np.where(small, -np.expm1(decay), 1.0 - power)
        residual = np.where(small, np.exp(decay), power)
        return np.where(t > 0, share / t, self.values * self.step), residual


class _Accelerated(SpectralFilter):
    def __init__(self, values, name, step, second):
        super().__init__(values)
        self.name, self.step, self.second = name, step, second

    def _evaluate(self, t):
        t = t[:, 0]
        counts = self.values.astype(np.int64)
        multipliers = np.zeros((t.size, counts.size))
        residuals = np.ones((t.size, counts.size))
        total, change, residual = np.zeros(t.size), np.zeros(t.size), np.ones(t.size)
        steps = step_coefficients(self.name, self.step, self.second)
        wanted = {}
        for j, k in enumerate(counts.tolist()):
            wanted.setdefault(k, []).append(j)
        for k, (momentum, step) in enumerate(islice(steps, counts.max()), 1):
            change = momentum * change + step * residual
            total = total + change
            residual = residual - t * change
            for j in wanted.get(k, ()):
                multipliers[:, j], residuals[:, j] = total, residual
        return multipliers, residuals


class _UserFilter(SpectralFilter):
    """A function of the eigenvalues, whose only value stands for itself."""

    def __init__(self, function):
        super().__init__(np.full(1, np.nan))
        self.function = function

    def _evaluate(self, t):
        h = np.asarray(self.function(t[:, 0].copy()), dtype=np.float64)
        if h.shape != t[:, 0].shape or not np.isfinite(h).all():
            raise ValueError(
                "A filter given as a function must turn an array of eigenvalues of "
                f"shape {t[:, 0].shape} into finite numbers of the same shape, got "
                f"an array of shape {h.shape}."
            )
        multiplier = np.where(t[:, 0] > 0, h / t[:, 0], np.inf)
        return multiplier[:, np.newaxis], 1.0 - h[:, np.newaxis]
