r"""Frequencies whose average cosine is a stationary kernel.

By Bochner's theorem ``k(x, z) = k(x, x) E cos(w . (x - z))`` for random frequencies
``w``. For the kernels of a distance here, ``w`` is a Gaussian vector times an
independent random scale. Any other vectors that have Gaussian marginal distributions
serve as well, in particular vectors that are orthogonal to each other, which average
better.
"""

import functools

import numpy as np

from ._cauchy import Cauchy
from ._constant import Constant
from ._exponential import Exponential
from ._exponential_power import ExponentialPower
from ._exponentiation import Exponentiation
from ._generalized_cauchy import GeneralizedCauchy
from ._inverse_multiquadric import InverseMultiquadric
from ._laplacian import Laplacian
from ._matern import Matern
from ._product import Product
from ._rational_quadratic import RationalQuadratic
from ._rbf import RBF
from ._scaled import Scaled
from ._sum import Sum

# Heavy-tailed scales beyond this would overflow in float32. Cosines of so large phases
# average to zero either way.
_MAX_SCALE = 1e30


def spectral_sample(kernel, n_samples, n_dims, rng, orthogonal=False):
    """Draw frequencies from the spectral distribution of a stationary kernel.

    Parameters
    ----------
    kernel : Kernel
        Resolved.

    n_samples : int
        Number of frequencies.

    n_dims : int
        Number of features of the rows.

    rng : RandomState
        Source of randomness.

    orthogonal : bool, default=False
        Whether the directions within each group of ``n_dims`` frequencies are
        orthogonal. Each frequency on its own has the same distribution as without.

    Returns
    -------
    frequencies : ndarray of shape (n_samples, n_dims)
        In float64.

    Raises
    ------
    TypeError
        If the kernel is not stationary, or no sampler for it is known.

    ValueError
        If the kernel is negative at equal rows.
    """
    kernel = kernel._for_features(n_dims)
    if kernel._constant_diagonal is None:
        raise TypeError(_refusal(kernel))
    if kernel._constant_diagonal < 0:
        raise ValueError(f"{kernel!r} is negative, so it has no spectral distribution.")
    return _draw(kernel, n_samples, n_dims, rng, orthogonal)


def _directions(n, d, rng, orthogonal):
    """n vectors, each of them with the standard normal distribution in d dimensions."""
    if not orthogonal:
        return rng.standard_normal((n, d))
    blocks = rng.standard_normal((-(-n // d), d, d))
    bases, triangles = np.linalg.qr(blocks)
    # With these signs the bases are uniformly distributed over all rotations.
    bases *= np.sign(np.einsum("ijj->ij", triangles))[:, None, :]
    lengths = np.sqrt(rng.chisquare(d, size=n))
    return lengths[:, None] * bases.transpose(0, 2, 1).reshape(-1, d)[:n]


def _draw(kernel, n, d, rng, orthogonal):
    """Frequencies of any kernel: a sum over the factors of products."""
    factors = _factors(kernel)
    gaussian = [factor for factor in factors if _has_scale(factor)]
    squares = sum(_scale(factor, n, d, rng) ** 2 for factor in gaussian)
    total = np.zeros((n, d))
    if gaussian:
        # A sum of independent Gaussian vectors is a Gaussian vector.
        scales = np.minimum(np.sqrt(squares), _MAX_SCALE)
        total += scales * _directions(n, d, rng, orthogonal)
    for factor in factors:
        if isinstance(factor, Sum):
            total += _draw_sum(factor, n, d, rng, orthogonal)
        elif not _has_scale(factor) and not isinstance(factor, Constant):
            raise TypeError(_refusal(factor))
    return total


def _factors(kernel):
    """The kernels whose product is this one, up to constants."""
    if isinstance(kernel, Scaled):
        return _factors(kernel.kernel)
    if isinstance(kernel, Product):
        return [*_factors(kernel.k1), *_factors(kernel.k2)]
    if isinstance(kernel, Exponentiation) and float(kernel.exponent).is_integer():
        return _factors(kernel.kernel) * int(kernel.exponent)
    return [kernel]


def _draw_sum(kernel, n, d, rng, orthogonal):
    """Frequencies of a sum: each term's share of them is its share of k(x, x)."""
    terms = [kernel.k1, kernel.k2]
    weights = [term._constant_diagonal for term in terms]
    for term, weight in zip(terms, weights):
        if weight is None:
            raise TypeError(_refusal(term))
        if weight < 0:
            raise ValueError(
                f"The term {term!r} of a sum is negative, so the sum has no spectral "
                "distribution."
            )
    # Round the first share up or down at random, with the right expectation.
    share = n * weights[0] / sum(weights) if sum(weights) > 0 else 0.0
    n_first = min(n, int(share + rng.uniform()))
    frequencies = np.concatenate(
        [
            _draw(terms[0], n_first, d, rng, orthogonal),
            _draw(terms[1], n - n_first, d, rng, orthogonal),
        ]
    )
    # Where sums are multiplied, terms of both must meet in all combinations.
    return frequencies[rng.permutation(n)]


def _refusal(kernel):
    reason = "no simple form of its spectral distribution is known"
    if not kernel._stationary:
        reason = "it is not a function of the difference of two rows"
    elif kernel._constant_diagonal is None or kernel._diagonal_only:
        reason = "it is not continuous"
    return (
        f"{type(kernel).__name__} has no random Fourier features: {reason}. Kernels "
        "that have them: RBF, Exponential, Laplacian, Matern, ExponentialPower, "
        "RationalQuadratic, Cauchy, InverseMultiquadric, GeneralizedCauchy, Constant, "
        "and their sums, products and multiples."
    )


# -- scales ---------------------------------------------------------------------------


@functools.singledispatch
def _scale(kernel, n, d, rng):
    """Random scales of the Gaussian vectors, of shape (n, 1), (1, d) or (n, d)."""
    raise TypeError(_refusal(kernel))


def _has_scale(kernel):
    return _scale.dispatch(type(kernel)) is not _scale.dispatch(object)


def _inverse_sqrt_gamma(shape, n, rng):
    """1 / sqrt(u), u from the gamma distribution of given shape and mean one."""
    u = rng.standard_gamma(shape, size=(n, 1)) / shape
    return 1.0 / np.sqrt(np.maximum(u, _MAX_SCALE**-2))


def _stable(power, n, rng):
    """sqrt(2 S) with E exp(-t S) = exp(-t^(power / 2)): Kanter's formula."""
    if power == 2:
        return np.full((n, 1), np.sqrt(2.0))
    a = 0.5 * power
    angle = rng.uniform(0.0, np.pi, size=(n, 1))
    exponential = rng.standard_exponential(size=(n, 1))
    with np.errstate(divide="ignore"):
        log_s = np.log(np.sin(a * angle)) - np.log(np.sin(angle)) / a
        rest = np.log(np.sin((1.0 - a) * angle)) - np.log(exponential)
    log_s = log_s + (1.0 - a) / a * rest
    limit = 2.0 * np.log(_MAX_SCALE)
    return np.sqrt(2.0) * np.exp(0.5 * np.clip(log_s, -limit, limit))


@_scale.register
def _(kernel: RBF, n, d, rng):
    return np.ones((n, 1)) / kernel._length(d)


@_scale.register
def _(kernel: Exponential, n, d, rng):
    return _inverse_sqrt_gamma(0.5, n, rng) / kernel._length(d)


@_scale.register
def _(kernel: Matern, n, d, rng):
    if np.isinf(kernel.nu):
        return np.ones((n, 1)) / kernel._length(d)
    return _inverse_sqrt_gamma(kernel.nu, n, rng) / kernel._length(d)


@_scale.register
def _(kernel: ExponentialPower, n, d, rng):
    return _stable(kernel.power, n, rng) / kernel._length(d)


@_scale.register
def _(kernel: RationalQuadratic, n, d, rng):
    u = rng.standard_gamma(kernel.alpha, size=(n, 1)) / kernel.alpha
    return np.sqrt(u) / kernel._length(d)


@_scale.register
def _(kernel: Cauchy, n, d, rng):
    return np.sqrt(2.0 * rng.standard_gamma(1.0, size=(n, 1))) / kernel._length(d)


@_scale.register
def _(kernel: InverseMultiquadric, n, d, rng):
    u = rng.standard_gamma(kernel.beta, size=(n, 1))
    return np.sqrt(2.0 * u) / (kernel.c * kernel._length(d))


@_scale.register
def _(kernel: GeneralizedCauchy, n, d, rng):
    u = rng.standard_gamma(kernel.beta, size=(n, 1))
    with np.errstate(divide="ignore", over="ignore"):
        scale = _stable(kernel.power, n, rng) * u ** (1.0 / kernel.power)
    return scale / kernel._length(d)


@_scale.register
def _(kernel: Laplacian, n, d, rng):
    # A Cauchy variable is a Gaussian one over the size of another.
    gaussian = np.abs(rng.standard_normal((n, d)))
    return kernel._rates(d) / np.maximum(gaussian, 1.0 / _MAX_SCALE)
