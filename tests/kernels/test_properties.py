"""What kernels say about themselves, and what they refuse."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics.pairwise import pairwise_kernels

from skkernels.kernels import (
    RBF,
    AdditiveChi2,
    ArcCosine,
    CallableKernel,
    Cauchy,
    Centered,
    Chi2,
    Constant,
    Cosine,
    EnergyDistance,
    ExpDot,
    Exponential,
    ExponentialPower,
    Exponentiation,
    ExpSineSquared,
    GeneralizedCauchy,
    Intersection,
    InverseMultiquadric,
    Laplacian,
    Linear,
    Matern,
    Normalized,
    Polynomial,
    Product,
    RationalQuadratic,
    Scaled,
    Sigmoid,
    Sum,
    Wendland,
    WhiteNoise,
)
from tests.kernels.reference import kernel_id

INF = np.inf


def _random_kernels(rng):
    """Kernels with parameters from all over the ranges that are said to be PSD."""
    for _ in range(3):
        length = float(np.exp(rng.uniform(-1, 1.5)))
        power = float(rng.uniform(0.05, 2.0))
        beta = float(np.exp(rng.uniform(-2, 2)))
        yield from (
            RBF(length),
            Exponential(length),
            Laplacian(1 / length),
            Matern(length, nu=float(np.exp(rng.uniform(-2, 3)))),
            ExponentialPower(length, power=power),
            RationalQuadratic(length, alpha=beta),
            Cauchy(length),
            InverseMultiquadric(length, beta=beta, c=length),
            GeneralizedCauchy(length, power=power, beta=beta),
            Wendland(2 * length, k=int(rng.integers(4)), max_dim=3),
            WhiteNoise(length),
            EnergyDistance(power),
            Polynomial(int(rng.integers(1, 6)), gamma=length, coef0=beta),
            ExpDot(gamma=0.3),
            Constant(beta),
            RBF(length) * Linear() + Cosine(),
            (Cauchy(length) + WhiteNoise(0.1)) * Linear(),
            2.0 * Matern(length, nu=1.3) ** 3,
            Normalized(Polynomial(3, gamma=length)),
        )
    for order in range(4):
        yield ArcCosine(order)
    yield from (Chi2(0.7), Intersection(), Linear(), Cosine())


def test_kernel_matrices_are_positive_semi_definite():
    rng = np.random.default_rng(0)
    for kernel in _random_kernels(rng):
        X = rng.normal(size=(60, 3))
        X[30:40] = X[:10] * (1 + 1e-9)
        if isinstance(kernel, (Chi2, Intersection)):
            X = np.abs(X)
        assert kernel.is_psd is True, kernel
        K = kernel(X)
        smallest = np.linalg.eigvalsh(K)[0]
        assert smallest >= -1e-10 * len(X) * max(1.0, np.abs(K).max()), kernel
        np.testing.assert_allclose(kernel.diag(X), K.diagonal(), rtol=1e-9, atol=1e-9)
        assert K.max() <= kernel.max_value * (1 + 1e-12)
        if kernel.diag_value is not None:
            np.testing.assert_allclose(K.diagonal(), kernel.diag_value, rtol=1e-12)


@pytest.mark.parametrize("power", [2.2, 3.0])
def test_the_range_of_powers_cannot_be_extended(power):
    # The bound 2 is sharp: just beyond it the function is no kernel.
    x = np.linspace(0, 1.5, 40)
    K = np.exp(-(np.abs(x[:, None] - x[None, :]) ** power))
    assert np.linalg.eigvalsh(K)[0] < -1e-6


def test_wendland_is_no_kernel_beyond_its_dimension():
    # (1 - r)_+ is positive definite on the line but not in the plane.
    grid = np.stack(np.meshgrid(*[np.arange(12) * 0.7] * 2), axis=-1).reshape(-1, 2)
    distance = np.linalg.norm(grid[:, None] - grid[None, :], axis=2)
    assert np.linalg.eigvalsh(np.maximum(1 - distance, 0))[0] < -1e-3
    assert Wendland(k=0, max_dim=1)([[0.0], [0.4]])[0, 1] == pytest.approx(0.6)
    with pytest.raises(ValueError, match=r"max_dim=1.*have 2: set max_dim=2"):
        Wendland(k=0, max_dim=1)(grid)


# kernel, stationary, is_psd, diag_value, max_value, differentiable_order,
# smoothness(3), eig_decay(3)
DESCRIPTIONS = [
    (RBF(), True, True, 1.0, 1.0, INF, INF, INF),
    (Exponential(), True, True, 1.0, 1.0, 0, 2.0, 4 / 3),
    (Laplacian(), True, True, 1.0, 1.0, None, None, 2.0),
    (Matern(nu=0.5), True, True, 1.0, 1.0, 0, 2.0, 4 / 3),
    (Matern(nu=1.0), True, True, 1.0, 1.0, 0, 2.5, 5 / 3),
    (Matern(nu=1.5), True, True, 1.0, 1.0, 1, 3.0, 2.0),
    (Matern(nu=2.0), True, True, 1.0, 1.0, 1, 3.5, 7 / 3),
    (Matern(nu=3.7), True, True, 1.0, 1.0, 3, 5.2, 10.4 / 3),
    (Matern(nu=INF), True, True, 1.0, 1.0, INF, INF, INF),
    (ExponentialPower(power=1.5), True, True, 1.0, 1.0, 0, 2.25, 1.5),
    (ExponentialPower(power=2), True, True, 1.0, 1.0, INF, INF, INF),
    (RationalQuadratic(), True, True, 1.0, 1.0, INF, INF, INF),
    (Cauchy(), True, True, 1.0, 1.0, INF, INF, INF),
    (InverseMultiquadric(c=0.5), True, True, 2.0, 2.0, INF, INF, INF),
    (GeneralizedCauchy(power=0.5), True, True, 1.0, 1.0, 0, 1.75, 3.5 / 3),
    (Wendland(k=0), True, True, 1.0, 1.0, 0, 2.0, 4 / 3),
    (Wendland(k=2), True, True, 1.0, 1.0, 2, 4.0, 8 / 3),
    (WhiteNoise(0.3), True, True, 0.3, 0.3, None, None, None),
    (EnergyDistance(), False, True, None, INF, None, None, 4 / 3),
    (ExpSineSquared(), True, None, 1.0, 1.0, INF, INF, INF),
    (Linear(), False, True, None, INF, INF, None, INF),
    (Polynomial(), False, True, None, INF, INF, None, INF),
    (Polynomial(degree=1.5), False, False, None, INF, INF, None, None),
    (Polynomial(coef0=-1), False, False, None, INF, INF, None, INF),
    (Sigmoid(), False, False, None, 1.0, INF, None, None),
    (Cosine(), False, True, None, 1.0, None, None, INF),
    (ExpDot(), False, True, None, INF, INF, INF, INF),
    (Chi2(), False, True, 1.0, 1.0, None, None, None),
    (AdditiveChi2(), False, False, 0.0, 0.0, None, None, None),
    (Intersection(), False, True, None, INF, None, None, None),
    (ArcCosine(0), False, True, None, 1.0, None, 1.5, 1.5),
    (ArcCosine(1), False, True, None, INF, None, 2.5, 2.5),
    (Constant(3.0), True, True, 3.0, 3.0, INF, INF, INF),
    (Constant(-3.0), True, False, -3.0, -3.0, INF, INF, INF),
    (RBF() + Matern(), True, True, 2.0, 2.0, 1, 3.0, 2.0),
    (RBF() + Linear(), False, True, None, INF, INF, None, INF),
    (RBF() + Sigmoid(), False, None, None, 2.0, INF, None, None),
    (2.0 * Exponential(), True, True, 2.0, 2.0, 0, 2.0, 4 / 3),
    (-2.0 * Exponential(), True, None, -2.0, INF, 0, 2.0, 4 / 3),
    (Matern() * Matern(nu=2.5), True, True, 1.0, 1.0, 1, 3.0, 2.0),
    ((2.0 * RBF()) ** 3, True, True, 8.0, 8.0, INF, INF, INF),
    (RBF() ** 0.5, True, None, 1.0, INF, INF, INF, INF),
    (Normalized(Linear()), False, True, None, 1.0, INF, None, INF),
    (Normalized(2.0 * RBF()), True, True, 1.0, 1.0, INF, INF, INF),
    (Centered(RBF(), np.eye(2)), False, True, None, INF, None, INF, INF),
    (CallableKernel(np.dot), False, None, None, INF, None, None, None),
]


@pytest.mark.parametrize("row", DESCRIPTIONS, ids=lambda row: kernel_id(row[0])[:45])
def test_descriptions(row):
    kernel, stationary, psd, diag, largest, order, smoothness, decay = row
    assert kernel.stationary is stationary
    assert kernel.is_stationary() is stationary
    assert kernel.is_psd is psd
    assert kernel.diag_value == (diag if diag is None else pytest.approx(diag))
    assert kernel.max_value == pytest.approx(largest)
    assert kernel.differentiable_order == order
    assert kernel.smoothness(3) == (
        smoothness if smoothness is None else pytest.approx(smoothness)
    )
    assert kernel.eig_decay(3) == (decay if decay is None else pytest.approx(decay))


@pytest.mark.parametrize(
    "kernel",
    [Exponential(0.5), Matern(0.5, nu=1.5), Wendland(1.0, k=0), Laplacian(2.0)],
)
def test_eigenvalues_decay_as_stated(kernel):
    X = np.linspace(0, 1, 800)[:, None]
    eigenvalues = np.linalg.eigvalsh(kernel(X))[::-1]
    j = np.arange(20, 80)
    slope = np.polyfit(np.log(j), np.log(eigenvalues[j - 1]), 1)[0]
    assert -slope == pytest.approx(kernel.eig_decay(1), rel=0.06)


BAD = [
    (RBF(-1.0), r"length_scale of RBF .* got -1\.0"),
    (RBF(0.0), r"length_scale of RBF must be a positive number"),
    (RBF([1.0, np.nan]), "length_scale of RBF"),
    (RBF([[1.0]]), "length_scale of RBF"),
    (RBF(None), "length_scale of RBF .* got None"),
    (RBF("medain"), "Unknown bandwidth rule 'medain'.*'median'.*'silverman'"),
    (RBF("percentile:101"), "Unknown bandwidth rule 'percentile:101'.*0 <= q <= 100"),
    (RBF("n_neighbors:0"), "k >= 1"),
    (RBF("n_neighbors:x"), "n_neighbors:x"),
    (RBF("median:3"), "median:3"),
    (Laplacian(-0.1), r"gamma of Laplacian .* got -0\.1"),
    (Matern(nu=0), r"nu of Matern must be a number in \(0, inf\], got 0"),
    (Matern(nu="2"), "nu of Matern"),
    (Matern(nu=np.nan), "nu of Matern"),
    (ExponentialPower(power=2.5), r"power .* in \(0, 2\], got 2\.5"),
    (GeneralizedCauchy(power=2.1), r"power of GeneralizedCauchy .* \(0, 2\]"),
    (GeneralizedCauchy(beta=0), "beta of GeneralizedCauchy"),
    (EnergyDistance(power=2.01), r"power of EnergyDistance .* \(0, 2\]"),
    (RationalQuadratic(alpha=-1), "alpha of RationalQuadratic"),
    (InverseMultiquadric(beta=0.0), "beta of InverseMultiquadric"),
    (InverseMultiquadric(c=0.0), "c of InverseMultiquadric"),
    (Wendland(k=4), r"k of Wendland must be an integer in \[0, 3\], got 4"),
    (Wendland(k=1.0), "k of Wendland must be an integer"),
    (Wendland(max_dim=0), "max_dim of Wendland"),
    (WhiteNoise(-1), "noise_level of WhiteNoise"),
    (ExpSineSquared(periodicity=0), "periodicity of ExpSineSquared"),
    (Polynomial(degree=-1), "degree of Polynomial"),
    (Polynomial(gamma=-1.0), r"gamma of Polynomial .* \[0, inf\), got -1\.0"),
    (Polynomial(gamma="median"), "gamma of Polynomial .*'scale'.* got 'median'"),
    (Polynomial(coef0=np.inf), "coef0 of Polynomial"),
    (ExpDot(gamma=-0.1), "gamma of ExpDot"),
    (Chi2(gamma=-1), "gamma of Chi2"),
    (ArcCosine(order=4), r"order of ArcCosine must be an integer in \[0, 3\], got 4"),
    (ArcCosine(order=True), "order of ArcCosine"),
    (Scaled(RBF(), np.inf), "factor of Scaled"),
    (Exponentiation(RBF(), -1), "exponent of Exponentiation"),
    (Normalized(RBF() + WhiteNoise()), "WhiteNoise inside of Normalized"),
    (Centered(WhiteNoise() * RBF()), "WhiteNoise inside of Centered"),
    (RBF() + Matern(nu=-1), "nu of Matern"),
]


@pytest.mark.parametrize("kernel, message", BAD, ids=lambda part: str(part)[:40])
def test_bad_parameters_are_named(kernel, message):
    X = np.ones((3, 2))
    for use in (kernel, kernel.diag, kernel.resolve, lambda X: kernel.is_psd):
        with pytest.raises(ValueError, match=message):
            use(X)


@pytest.mark.parametrize("make", [lambda k: Sum(k, RBF()), lambda k: Product(RBF(), k)])
@pytest.mark.parametrize("part", ["rbf", None, RBF])
def test_parts_must_be_kernels(make, part):
    with pytest.raises(TypeError, match="must be a kernel of skkernels.*make_kernel"):
        make(part)(np.ones((2, 2)))


def test_one_length_per_feature_must_fit_the_data():
    X = np.ones((3, 2))
    with pytest.raises(
        ValueError, match="length_scale of RBF has 3 entries.*2 features"
    ):
        RBF([1.0, 2.0, 3.0])(X)
    with pytest.raises(ValueError, match="gamma of Laplacian has 3 entries"):
        Laplacian([1.0, 2.0, 3.0])(X)


def test_length_scale_inf_is_the_constant_kernel():
    X = np.random.default_rng(0).normal(size=(5, 2))
    np.testing.assert_array_equal(RBF(np.inf)(X), 1.0)
    np.testing.assert_array_equal(Laplacian(0.0)(X), 1.0)


def test_rules_must_be_resolved():
    X = np.random.default_rng(0).normal(size=(5, 2))
    for kernel in (RBF("median"), RBF("median") + Linear(), 2.0 * Laplacian("scale")):
        for use in (kernel, kernel.diag, lambda X, k=kernel: k.theta):
            with pytest.raises(ValueError, match="is a rule that needs data.*resolve"):
                use(X)
        assert kernel.resolve(X)(X).shape == (5, 5)
    with pytest.raises(ValueError, match="no sample to take the mean of"):
        Centered(RBF())(X)


def test_callables_of_two_rows_are_told_how_to_do_better():
    X = np.ones((3, 2))
    with pytest.raises(TypeError, match="returned a number.*pairwise_kernels"):
        CallableKernel(lambda x, z: 1.0)(X)
    with pytest.raises(ValueError, match=r"shape \(2,\) in place of \(3, 4\)"):
        CallableKernel(lambda X, Z: np.ones(2))(X, np.ones((4, 2)))
    for function, symptom in (
        (lambda x, z: x @ z, "mismatch in its core dimension"),
        (lambda x, z: np.exp(-np.sum((x - z) ** 2)), "could not be broadcast"),
        (lambda x, z: 1.0 if x[0, 0] == z[0, 5] else 0.0, "IndexError"),
        (lambda x, z: min(x[0] < 2, z[0] < 2), "truth value of an array"),
    ):
        with pytest.raises(ValueError, match=symptom) as caught:
            CallableKernel(function)(X, np.ones((4, 2)))
        message = str(caught.value)
        assert "gets two matrices" in message and "metric=f" in message
        assert isinstance(caught.value.__cause__, (ValueError, IndexError))
    with pytest.raises(TypeError, match="pairwise_kernels") as caught:
        CallableKernel(lambda x: x)(X)
    assert isinstance(caught.value.__cause__, TypeError)


def test_functions_of_two_rows_work_when_wrapped_as_the_error_says():
    rng = np.random.default_rng(0)
    X, Z = rng.uniform(size=(6, 2)), rng.uniform(size=(4, 2))

    def of_rows(x, z):
        return 2.0 + float(np.minimum(x, z).sum())

    kernel = CallableKernel(lambda X, Z: pairwise_kernels(X, Z, metric=of_rows))
    for rows, columns in ((X, Z), (X, X)):
        expected = 2.0 + np.minimum(rows[:, None], columns[None]).sum(axis=2)
        np.testing.assert_allclose(kernel(rows, columns), expected, rtol=1e-14)
    np.testing.assert_allclose(kernel.diag(X), 2.0 + X.sum(axis=1), rtol=1e-14)


def test_callables_may_return_lists_and_own_errors_pass():
    X = np.ones((3, 2))
    kernel = CallableKernel(lambda X, Z: (X @ Z.T).tolist())
    np.testing.assert_allclose(kernel(X), 2.0)

    class OwnError(Exception):
        pass

    def fail(X, Z):
        raise OwnError

    with pytest.raises(OwnError):
        CallableKernel(fail)(X)


def test_func_of_a_callable_kernel_must_be_callable():
    X = np.ones((3, 2))
    with pytest.raises(TypeError, match="func must be callable"):
        CallableKernel("rbf")(X)


def test_callables_get_parameters_and_blocks():
    rng = np.random.default_rng(0)
    X, Z = rng.normal(size=(100, 3)), rng.normal(size=(7, 3))
    kernel = CallableKernel(lambda X, Z, power: (X @ Z.T) ** power, {"power": 2})
    np.testing.assert_allclose(kernel(X, Z), (X @ Z.T) ** 2)
    np.testing.assert_allclose(kernel(X), (X @ X.T) ** 2)
    np.testing.assert_allclose(kernel.diag(X), np.sum(X * X, axis=1) ** 2)
    assert kernel(X.astype(np.float32)).dtype == np.float32


def test_parameters_are_nested_and_kernels_are_cloned():
    kernel = 2.0 * (RBF(3.0) + Matern(nu=2.5)) * Linear()
    params = kernel.get_params()
    assert params["k1__kernel__k1__length_scale"] == 3.0
    assert params["k1__kernel__k2__nu"] == 2.5
    twin = clone(kernel)
    assert twin == kernel and twin is not kernel
    assert hash(twin) == hash(kernel)
    twin.set_params(k1__kernel__k2__nu=0.5, k1__factor=3.0)
    assert twin != kernel and hash(twin) != hash(kernel)
    assert kernel.k1.kernel.k2.nu == 2.5
    X = np.random.default_rng(0).normal(size=(4, 2))
    expected = 3.0 * (RBF(3.0)(X) + Matern(nu=0.5)(X)) * (X @ X.T)
    np.testing.assert_allclose(twin(X), expected, rtol=1e-12)


def test_equality_is_by_class_and_parameters():
    assert RBF(np.array([1.0, 2.0])) == RBF(np.array([1.0, 2.0]))
    assert RBF(np.array([1.0, 2.0])) != RBF(np.array([1.0, 3.0]))
    assert RBF() != Cauchy() and RBF() != "rbf"
    assert len({RBF(), RBF(1.0), RBF(2.0)}) == 2


def test_nothing_compiled_is_pickled():
    import pickle

    kernel = Matern(nu=1.2) + RBF()
    X = np.random.default_rng(0).normal(size=(4, 2))
    expected = kernel(X)
    text = pickle.dumps(kernel)
    assert len(text) < 2000
    np.testing.assert_array_equal(pickle.loads(text)(X), expected)
