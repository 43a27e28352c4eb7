"""Values of the kernels, against their formulas and against scikit-learn."""

import tracemalloc

import mpmath
import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.gaussian_process import kernels as gp
from sklearn.metrics import pairwise

from skkernels.kernels import (
    RBF,
    AdditiveChi2,
    ArcCosine,
    CallableKernel,
    Centered,
    Chi2,
    Constant,
    EnergyDistance,
    ExpDot,
    Intersection,
    Laplacian,
    Linear,
    Matern,
    Normalized,
    Polynomial,
    RationalQuadratic,
    Sigmoid,
    Wendland,
    WhiteNoise,
    make_kernel,
)
from tests.kernels.reference import RADIAL, distances, kernel_id


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(23, 4)), rng.normal(size=(17, 4))


@pytest.mark.parametrize("length_scale", [0.4, 3.0, "per feature"])
@pytest.mark.parametrize("kernel, formula", RADIAL, ids=lambda k: kernel_id(k)[:40])
def test_radial_kernels_are_their_formulas(kernel, formula, length_scale, data):
    X, Z = data
    if length_scale == "per feature":
        length_scale = np.array([0.5, 1.0, 2.0, 4.0])
    kernel = kernel._replace(length_scale=length_scale)
    expected = formula(distances(X, Z, length_scale))
    assert np.abs(kernel(X, Z) - expected).max() <= 1e-12
    single = kernel(X.astype(np.float32), Z.astype(np.float32))
    assert single.dtype == np.float32
    assert np.abs(single - expected).max() <= 5e-6


@pytest.mark.parametrize("kernel, formula", RADIAL, ids=lambda k: kernel_id(k)[:40])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_rows_give_the_value_at_zero_exactly(kernel, formula, dtype):
    # 4 and 40 features: explicit differences and matrix products
    for d in (4, 40):
        if isinstance(kernel, Wendland):
            kernel = kernel._replace(max_dim=d)
        rng = np.random.default_rng(d)
        X = (100 + rng.normal(size=(9, d))).astype(dtype)
        at_zero = dtype(kernel.diag_value)
        both = kernel(X, X.copy()).diagonal()
        assert np.all(np.abs(both - at_zero) <= np.finfo(dtype).eps * at_zero)
        assert np.all(both == both[0])
        assert np.array_equal(kernel(X).diagonal(), both)
        assert np.array_equal(kernel.diag(X), np.full(9, at_zero))


@pytest.mark.parametrize("alpha", [1e3, 1e6, 1e9])
def test_rational_quadratic_tends_to_the_gaussian(alpha, data):
    X, Z = data
    s = distances(X, Z) ** 2
    ratio = RationalQuadratic(alpha=alpha)(X, Z) / RBF()(X, Z)
    expected = s**2 / (8 * alpha) - s**3 / (24 * alpha**2)
    error = np.abs(np.log(ratio) - expected)
    assert error.max() <= (s**4).max() / (64 * alpha**3) + 1e-12
    if alpha == 1e6:
        assert np.abs(ratio - 1)[s < 2].max() <= 1e-6


@pytest.mark.parametrize("nu", [0.3, 0.5, 1.2, 1.5, 2.5, 3.5, 7.25, 30.0])
def test_matern_against_forty_digits(nu):
    r = np.array([1e-12, 1e-6, 1e-3, 0.1, 0.7, 1.3, 4.0, 11.0])
    with mpmath.workdps(40):
        z = [mpmath.sqrt(2 * mpmath.mpf(nu)) * mpmath.mpf(float(x)) for x in r]
        expected = [
            float(
                mpmath.mpf(2) ** (1 - mpmath.mpf(nu))
                / mpmath.gamma(nu)
                * x**nu
                * mpmath.besselk(nu, x)
            )
            for x in z
        ]
    # one pair at a time: rows far from both would round the smallest distances
    values = np.array([Matern(nu=nu)([[0.0]], [[x]])[0, 0] for x in r])
    assert np.abs(values - expected).max() <= 5e-15
    value, _, _ = Matern(nu=nu).profile_derivatives(r**2)
    assert np.abs(value - expected).max() <= 1e-14


GAMMA = 0.37
TWINS = [
    ("rbf", pairwise.rbf_kernel, {"gamma": GAMMA}),
    ("laplacian", pairwise.laplacian_kernel, {"gamma": GAMMA}),
    ("linear", pairwise.linear_kernel, {}),
    ("cosine", pairwise.cosine_similarity, {}),
    ("poly", pairwise.polynomial_kernel, {"gamma": GAMMA, "degree": 4, "coef0": 0.5}),
    ("polynomial", pairwise.polynomial_kernel, {}),
    ("poly", pairwise.polynomial_kernel, {"degree": 1, "gamma": 2.0, "coef0": -3}),
    ("sigmoid", pairwise.sigmoid_kernel, {"gamma": GAMMA, "coef0": -0.2}),
    ("rbf", pairwise.rbf_kernel, {}),
    ("laplacian", pairwise.laplacian_kernel, {}),
    ("sigmoid", pairwise.sigmoid_kernel, {}),
]


@pytest.mark.parametrize("name, function, params", TWINS)
def test_names_mean_what_they_mean_in_scikit_learn(name, function, params, data):
    X, Z = data
    named = make_kernel(name, **params)
    for kernel in (named.resolve(X), named):
        try:
            K = kernel(X, Z)
        except ValueError as error:  # only rules have to be resolved
            assert "rule" in str(error)
            continue
        np.testing.assert_allclose(K, function(X, Z, **params), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(
            kernel.diag(X), function(X, **params).diagonal(), rtol=1e-12, atol=1e-12
        )
    sparse = make_kernel(name, **params).resolve(X)(sp.csr_array(X), sp.csr_array(Z))
    np.testing.assert_allclose(sparse, function(X, Z, **params), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("gamma", [None, 0.6])
def test_histogram_kernels(gamma, data):
    X, Z = (np.abs(part) for part in data)
    X[:, 1] = Z[:, 1] = 0.0
    params = {} if gamma is None else {"gamma": gamma}
    for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 1e-5)):
        X, Z = X.astype(dtype), Z.astype(dtype)
        kernel = make_kernel("chi2", gamma=gamma)
        np.testing.assert_allclose(
            kernel(X, Z), pairwise.chi2_kernel(X, Z, **params), rtol=tolerance
        )
        np.testing.assert_allclose(
            make_kernel("additive_chi2")(X, Z),
            pairwise.additive_chi2_kernel(X, Z),
            rtol=tolerance,
        )
        expected = np.minimum(X[:, None], Z[None]).sum(axis=2)
        np.testing.assert_allclose(Intersection()(X, Z), expected, rtol=tolerance)
        for kernel in (Chi2(), AdditiveChi2(), Intersection()):
            assert kernel(X, Z).dtype == dtype
            np.testing.assert_allclose(
                kernel.diag(X), kernel(X).diagonal(), rtol=tolerance
            )
            np.testing.assert_array_equal(kernel(sp.csr_array(X), Z), kernel(X, Z))


@pytest.mark.parametrize("kernel", [Chi2(), AdditiveChi2(), Intersection()])
def test_histogram_kernels_refuse_negative_values(kernel):
    with pytest.raises(ValueError, match=f"{type(kernel).__name__} is for histograms"):
        kernel([[1.0, -0.1]])


GP_TWINS = [
    gp.RBF(0.7),
    gp.RBF([0.5, 1.0, 2.0, 3.0]),
    gp.Matern(0.8, nu=0.5),
    gp.Matern([0.5, 1.0, 2.0, 3.0], nu=1.5),
    gp.Matern(0.8, nu=2.5),
    gp.Matern(0.8, nu=np.inf),
    gp.RationalQuadratic(0.8, alpha=0.4),
    gp.ExpSineSquared(0.8, periodicity=1.7),
    gp.ConstantKernel(1.7),
    gp.WhiteKernel(0.3),
    gp.DotProduct(sigma_0=0.6),
    2.0 * gp.RBF() + gp.WhiteKernel(0.5),
    gp.RBF() * gp.Matern(0.5) + 1.5,
    gp.RBF(0.5) ** 2 + 3 * gp.DotProduct(),
    gp.PairwiseKernel(gamma=0.3, metric="laplacian"),
    gp.PairwiseKernel(gamma=0.3, metric="polynomial"),
    (gp.RBF() + gp.WhiteKernel(0.5)) * gp.DotProduct(),
    (gp.DotProduct() + gp.WhiteKernel(0.5)) ** 3,
]


@pytest.mark.parametrize("twin", GP_TWINS, ids=str)
def test_gaussian_process_kernels_are_converted(twin, data):
    X, Z = data
    kernel = make_kernel(twin)
    assert not isinstance(kernel, CallableKernel)
    np.testing.assert_allclose(kernel(X, Z), twin(X, Z), rtol=1e-12, atol=1e-12)
    # scikit-learn adds eps to zero distances
    np.testing.assert_allclose(kernel(X), twin(X), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(kernel.diag(X), twin.diag(X), rtol=1e-12)
    if not isinstance(twin, gp.PairwiseKernel):  # never stationary
        assert kernel.stationary == twin.is_stationary()


def test_matern_of_any_order_is_scikit_learns(data):
    X, Z = data
    for nu in (0.8, 1.2, 3.3, 6.0):
        twin = gp.Matern(1.3, nu=nu)
        np.testing.assert_allclose(
            make_kernel(twin)(X, Z), twin(X, Z), rtol=1e-11, atol=1e-12
        )


def test_laplacian_with_one_rate_per_feature(data):
    X, Z = data
    rates = np.array([0.1, 1.0, 0.0001, 2.0])
    expected = np.exp(-(np.abs(X[:, None] - Z[None]) * rates).sum(axis=2))
    np.testing.assert_allclose(Laplacian(gamma=rates)(X, Z), expected, rtol=1e-12)


@pytest.mark.parametrize("power", [0.5, 1.0, 1.4, 2.0])
def test_energy_distance(power, data):
    X, Z = data
    expected = (
        np.linalg.norm(X, axis=1)[:, None] ** power
        + np.linalg.norm(Z, axis=1)[None, :] ** power
        - distances(X, Z) ** power
    )
    kernel = EnergyDistance(power=power)
    np.testing.assert_allclose(kernel(X, Z), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(kernel.diag(X), kernel(X).diagonal(), rtol=1e-12)


def test_energy_distance_of_power_two_is_linear(data):
    X, Z = data
    np.testing.assert_allclose(EnergyDistance(2.0)(X, Z), 2 * X @ Z.T, atol=1e-12)


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_arc_cosine_is_a_mean_over_random_units(order):
    # Exact integration over the directions of the plane that holds both rows: the
    # angle is integrated by quadrature, the length of w by its moment.
    rng = np.random.default_rng(order)
    X, Z = rng.normal(size=(3, 5)), rng.normal(size=(4, 5))
    # an even number of nodes per half plane; the integrand has kinks: many nodes
    phi = (np.arange(200_000) + 0.5) * (2 * np.pi / 200_000)
    moment = {0: 1.0, 1: 2.0, 2: 8.0, 3: 48.0}[order]  # E |w|^(2 n) in the plane
    K = ArcCosine(order)(X, Z)
    for i, x in enumerate(X):
        for j, z in enumerate(Z):
            e1 = x / np.linalg.norm(x)
            e2 = z - (z @ e1) * e1
            e2 /= np.linalg.norm(e2)
            a = np.cos(phi) * (x @ e1)
            b = np.cos(phi) * (z @ e1) + np.sin(phi) * (z @ e2)
            both = (a > 0) & (b > 0)
            mean = np.mean(np.where(both, (a * b) ** order, 0.0)) * moment
            assert K[i, j] == pytest.approx(2 * mean, rel=1e-4)


def test_arc_cosine_of_special_rows():
    X = np.array([[0.0, 0.0], [1.0, 2.0], [2.0, 4.0], [-1.0, -2.0]])
    K = ArcCosine(0)(X)
    assert K[0, 0] == 0.5 and K[0, 1] == 0.5
    # parallel rows to the last digit; others suffer from the cosine's rounding
    assert K[1, 2] == 1.0 and K[1, 1] == 1.0
    assert K[1, 3] == pytest.approx(0.0, abs=1e-7)
    np.testing.assert_array_equal(ArcCosine(0).diag(X), [0.5, 1.0, 1.0, 1.0])
    rounded = np.nextafter(np.ones(2, np.float32), np.float32(0))
    np.testing.assert_array_equal(ArcCosine(0)._array_profile(rounded, np), 1.0)
    for order, factor in ((1, 1.0), (2, 3.0), (3, 15.0)):  # J_n(0) = pi (2n - 1)!!
        K = ArcCosine(order)(X)
        assert K[0, 0] == 0.0 and K[0, 2] == 0.0
        assert K[1, 2] == pytest.approx(factor * 10.0**order, rel=1e-12)
        np.testing.assert_allclose(ArcCosine(order).diag(X), K.diagonal(), rtol=1e-12)


def test_exp_dot(data):
    X, Z = data
    np.testing.assert_allclose(
        ExpDot(gamma=0.3)(X, Z), np.exp(0.3 * X @ Z.T), rtol=1e-12
    )
    np.testing.assert_allclose(
        Normalized(ExpDot(gamma=0.5))(X, Z), RBF(np.sqrt(2.0))(X, Z), rtol=1e-12
    )


def test_exp_dot_overflow_is_refused_where_it_is_known_and_infinite_elsewhere():
    X = np.array([[1.0], [30.0]])
    with pytest.raises(ValueError, match=r"reaches 900.*at most 700 .*float64"):
        ExpDot(gamma=1.0).resolve(X)
    with pytest.raises(ValueError, match=r"at most 85 .*float32"):
        ExpDot(gamma=0.1).resolve(X.astype(np.float32))
    for dtype in (np.float32, np.float64):
        K = ExpDot(gamma=1.0)(X.astype(dtype))
        assert np.isinf(K[1, 1]) and np.all(np.isfinite(K[0]))


def test_polynomial_with_a_real_degree_is_scikit_learns(data):
    X, Z = (np.abs(part) for part in data)
    expected = pairwise.polynomial_kernel(X, Z, degree=2.5, gamma=0.3)
    K = Polynomial(degree=2.5, gamma=0.3)(X, Z)
    np.testing.assert_allclose(K, expected, rtol=1e-12)
    np.testing.assert_array_equal(Polynomial(degree=0)(X, Z), np.ones(expected.shape))


def test_white_noise_belongs_to_samples():
    X = np.array([[0.0], [0.0], [1.0]])
    kernel = RBF() + WhiteNoise(0.5)
    np.testing.assert_allclose(kernel(X) - RBF()(X), 0.5 * np.eye(3), atol=1e-15)
    np.testing.assert_array_equal(kernel(X, X), RBF()(X, X))
    np.testing.assert_allclose(kernel.diag(X), 1.5)


def test_constant_is_constant(data):
    X, Z = data
    np.testing.assert_array_equal(Constant(1.5)(X, Z), np.full((23, 17), 1.5))


def test_normalized(data):
    X, Z = data
    kernel = Polynomial(degree=2, gamma=0.5)
    K = Normalized(kernel)
    expected = kernel(X, Z) / np.sqrt(np.outer(kernel.diag(X), kernel.diag(Z)))
    np.testing.assert_allclose(K(X, Z), expected, rtol=1e-12)
    np.testing.assert_allclose(K(X).diagonal(), 1.0, rtol=1e-12)
    np.testing.assert_allclose(
        Normalized(Linear())(X, Z), pairwise.cosine_similarity(X, Z), rtol=1e-12
    )
    with_zero = np.vstack([np.zeros(4), X[:2]])
    assert np.all(Normalized(Linear())(with_zero)[0] == 0)
    np.testing.assert_array_equal(Normalized(Linear()).diag(with_zero), [0, 1, 1])


@pytest.mark.parametrize(
    "kernel", [RBF(), EnergyDistance(1.2), RBF() + Linear(), Chi2()], ids=kernel_id
)
@pytest.mark.parametrize("weighted", [False, True])
def test_centered(kernel, weighted, data):
    X, Z = (np.abs(part) for part in data)
    weights = np.random.default_rng(0).integers(1, 4, len(X)) if weighted else None
    w = np.ones(len(X)) if weights is None else weights
    w = w / w.sum()
    K = Centered(kernel).resolve(X, sample_weight=weights)
    cross, own = kernel(X, Z), kernel(X)
    expected = cross - (w @ cross)[None, :] - (own @ w)[:, None] + w @ own @ w
    np.testing.assert_allclose(K(X, Z), expected, atol=1e-12)
    np.testing.assert_allclose(K.diag(Z), K(Z).diagonal(), atol=1e-12)
    # the mean of the features is zero, so is every mean of values
    np.testing.assert_allclose(w @ K(X, Z), 0.0, atol=1e-12)
    again = K._replace(grand_mean=None)
    np.testing.assert_allclose(again(X, Z), K(X, Z), atol=1e-12)
    # the sample is kept when other data come
    np.testing.assert_allclose(K.resolve(Z)(X, Z), K(X, Z), atol=1e-14)


@pytest.mark.parametrize("d", [1, 3, 6])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_wendland(d, dtype):
    rng = np.random.default_rng(d)
    X = (50 + rng.uniform(size=(120, d)) * 4).astype(dtype)
    Z = (50 + rng.uniform(size=(60, d)) * 4).astype(dtype)
    for kernel in (Wendland(1.5, k=1, max_dim=d), Wendland(1.5, k=0, max_dim=6)):
        for columns in (None, Z):
            K = kernel.sparse(X, columns)
            dense = kernel(X, columns)
            assert sp.issparse(K) and K.format == "csr" and K.dtype == dtype
            tolerance = 1e-12 if dtype == np.float64 else 1e-4
            np.testing.assert_allclose(K.toarray(), dense, atol=tolerance)
            assert K.nnz == np.count_nonzero(K.toarray())
            assert 0 < K.nnz < 0.9 * K.shape[0] * K.shape[1]
            if columns is None:
                np.testing.assert_array_equal(K.diagonal(), 1.0)


def test_sparse_wendland_needs_dense_rows():
    with pytest.raises(TypeError, match="dense rows"):
        Wendland().sparse(sp.csr_array(np.eye(3)))


def test_nan_is_refused_and_inputs_stay_as_they_are(data):
    X, Z = (part.copy() for part in data)
    before = X.copy()
    X.setflags(write=False)
    for kernel in (RBF(), Linear(), Sigmoid(), Centered(RBF()).resolve(X)):
        kernel(X, Z)
    np.testing.assert_array_equal(X, before)
    Z[3, 1] = np.nan
    with pytest.raises(ValueError, match="Input Y contains NaN"):
        RBF()(X, Z)
    with pytest.raises(ValueError, match="X has 4 features, but Y has 3"):
        RBF()(X, Z[:3, :3])


@pytest.mark.parametrize("name", ["chi2", "additive_chi2", "intersection"])
def test_sparse_histograms_are_made_dense_in_parts(name):
    rng = np.random.default_rng(0)
    X = sp.random_array((40, 500), density=0.02, rng=rng, format="csr")
    Z = sp.random_array((8000, 500), density=0.02, rng=rng, format="csr")
    kernel = make_kernel(name)
    kernel(X[:2], Z[:2])  # compiles
    tracemalloc.start()
    K = kernel(X, Z)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * Z.shape[0] * Z.shape[1] / 2
    np.testing.assert_array_equal(K, kernel(X.toarray(), Z.toarray()))
    Z.data[-1] = -1.0
    with pytest.raises(ValueError, match="negative values"):
        kernel(X, Z)
