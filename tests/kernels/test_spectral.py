"""Frequencies of stationary kernels."""

import numpy as np
import pytest
from scipy import stats

from skkernels.kernels import (
    RBF,
    ArcCosine,
    Cauchy,
    Constant,
    Exponential,
    ExponentialPower,
    GeneralizedCauchy,
    InverseMultiquadric,
    Laplacian,
    Linear,
    Matern,
    RationalQuadratic,
    Wendland,
    WhiteNoise,
)

KERNELS = [
    RBF(1.3),
    RBF([1.0, 2.0, 0.5]),
    Exponential(1.2),
    Matern(1.1, nu=0.3),
    Matern([1.0, 2.0, 0.5], nu=2.2),
    Matern(nu=np.inf),
    ExponentialPower(power=0.3),
    ExponentialPower(power=1.3),
    ExponentialPower([1.0, 2.0, 0.5], power=2.0),
    RationalQuadratic(alpha=0.4),
    RationalQuadratic([1.0, 2.0, 0.5], alpha=3.0),
    Cauchy(1.5),
    InverseMultiquadric(1.4, beta=0.7, c=0.6),
    GeneralizedCauchy(1.3, power=0.8, beta=0.6),
    GeneralizedCauchy(power=2.0, beta=2.0),
    Laplacian(0.4),
    Laplacian([0.1, 0.5, 1.0]),
    Laplacian(),
    Constant(2.0),
    2.0 * RBF() + Laplacian(0.3),
    RBF(2.0) * Exponential(1.5),
    (RBF() + Exponential(3.0)) * (Matern(nu=1.5) + 3.0 * Cauchy()),
    Constant(2.0) * RBF() + 3.0,
    RBF(3.0) ** 2,
    (RBF(0.5) + 0.5 * Exponential(4.0)) ** 2,
]


@pytest.mark.parametrize("orthogonal", [False, True])
@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_average_cosine_is_the_kernel(kernel, orthogonal):
    """Within 5 standard errors, for each of 12 differences of rows."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((12, 3)) * np.geomspace(0.1, 3, 12)[:, None]
    expected = kernel(rows, np.zeros((1, 3)))[:, 0] / kernel.diag_value
    n, repeats = 300, 60
    means = []
    for seed in range(repeats):
        frequencies = kernel.spectral_sample(n, 3, seed, orthogonal=orthogonal)
        assert frequencies.shape == (n, 3)
        means.append(np.cos(frequencies @ rows.T).mean(axis=0))
    # The draws of one call depend on each other, those of different calls do not.
    error = np.mean(means, axis=0) - expected
    standard_error = np.std(means, axis=0) / np.sqrt(repeats)
    assert np.all(np.abs(error) <= 5 * standard_error + 1e-12)
    assert standard_error.max() < 0.012


def test_orthogonal_frequencies_have_orthogonal_directions_and_the_same_law():
    frequencies = RBF(2.0).spectral_sample(4003, 5, random_state=0, orthogonal=True)
    block = frequencies[:5] @ frequencies[:5].T
    off_diagonal = block - np.diag(np.diag(block))
    assert np.abs(off_diagonal).max() < 1e-14
    for column in frequencies.T:
        assert stats.kstest(2.0 * column, "norm").pvalue > 1e-4
    lengths = (2.0 * frequencies) ** 2
    assert stats.kstest(lengths.sum(axis=1), "chi2", args=(5,)).pvalue > 1e-4


@pytest.mark.parametrize(
    "kernel", [RBF(), Cauchy(), Matern(nu=2.5), RationalQuadratic(), RBF() * RBF(2.0)]
)
def test_orthogonal_frequencies_lower_the_error(kernel):
    rng = np.random.default_rng(1)
    d = 8
    rows = 0.5 * rng.standard_normal((30, d))
    expected = kernel(rows, np.zeros((1, d)))[:, 0]
    errors = {}
    for orthogonal in (False, True):
        errors[orthogonal] = np.mean(
            [
                (
                    np.cos(kernel.spectral_sample(64, d, s, orthogonal) @ rows.T).mean(
                        axis=0
                    )
                    - expected
                )
                ** 2
                for s in range(200)
            ]
        )
    assert errors[True] < 0.9 * errors[False]


def test_marginal_laws():
    n = 20_000
    laplacian = Laplacian(0.7).spectral_sample(n, 1, random_state=0)[:, 0]
    assert stats.kstest(laplacian / 0.7, "cauchy").pvalue > 1e-4
    exponential = Exponential(2.0).spectral_sample(n, 1, random_state=1)[:, 0]
    assert stats.kstest(2.0 * exponential, "cauchy").pvalue > 1e-4
    matern = Matern(nu=1.5).spectral_sample(n, 1, random_state=2)[:, 0]
    assert stats.kstest(matern, "t", args=(3,)).pvalue > 1e-4
    power = ExponentialPower(power=1.4).spectral_sample(1500, 1, random_state=3)[:, 0]
    assert stats.kstest(power, stats.levy_stable(1.4, 0).cdf).pvalue > 1e-4


@pytest.mark.parametrize(
    "kernel",
    [
        Matern(nu=0.01),
        ExponentialPower(power=0.02),
        GeneralizedCauchy(power=0.02, beta=0.05),
    ],
)
def test_heavy_tails_stay_finite_in_float32(kernel):
    frequencies = kernel.spectral_sample(2000, 2, random_state=0)
    assert np.isfinite(frequencies.astype(np.float32)).all()
    assert np.abs(frequencies).max() > 1e3


def test_seeds():
    kernel = Matern(nu=1.2)
    first = kernel.spectral_sample(10, 3, random_state=0)
    np.testing.assert_array_equal(first, kernel.spectral_sample(10, 3, 0))
    assert not np.array_equal(first, kernel.spectral_sample(10, 3, 1))


@pytest.mark.parametrize(
    "kernel, reason",
    [
        (Linear(), "not a function of the difference"),
        (ArcCosine(), "not a function of the difference"),
        (Wendland(), "no simple form"),
        (WhiteNoise(), "not continuous"),
        (RBF() + WhiteNoise(), "not continuous"),
        (RBF() * Linear(), "not a function of the difference"),
        (RBF() ** 0.5, "no simple form"),
    ],
)
def test_refusals_say_why(kernel, reason):
    with pytest.raises(TypeError, match=reason):
        kernel.spectral_sample(10, 3)


def test_bad_arguments():
    with pytest.raises(ValueError, match="n_samples"):
        RBF().spectral_sample(0, 3)
    with pytest.raises(ValueError, match="negative"):
        (RBF() + (-2.0) * Exponential()).spectral_sample(5, 3)
    with pytest.raises(ValueError, match="rule"):
        RBF("median").spectral_sample(5, 3)
