"""Products with kernel matrices that are never stored, against the dense matrix."""

import tracemalloc

import numba
import numpy as np
import pytest
import scipy.sparse as sp
from scipy.spatial.distance import cdist
from sklearn import config_context

from skkernels.kernels import (
    RBF,
    Cosine,
    EnergyDistance,
    Exponential,
    Laplacian,
    Linear,
    Matern,
    Polynomial,
    WhiteNoise,
    make_kernel,
)
from skkernels.operators import (
    KernelOperator,
    PrecomputedOperator,
    check_memory,
    make_operator,
    memory_budget,
)
from skkernels.utils._array import ArrayBackend

KERNELS = {
    "rbf": RBF(1.5),
    "exponential": Exponential(2.0),
    "laplacian": Laplacian(0.3),
    "matern": Matern(1.5, nu=1.2),
    "linear": Linear(),
    "poly": Polynomial(degree=2, gamma=0.2, coef0=1.0),
    "cosine": Cosine(),
    "fused sum": RBF(1.0) + 0.5 * RBF(3.0),
    "sum": RBF(1.0) + Linear(),
    "product": RBF(1.0) * Linear(),
    "noise": RBF(1.0) + WhiteNoise(0.5),
    "energy": EnergyDistance(1.0),
}


def make_rows(n, m, d, dtype=np.float64, offset=0.0, seed=0):
    rng = np.random.default_rng(seed)
    X = (rng.standard_normal((n, d)) + offset).astype(dtype)
    Z = (rng.standard_normal((m, d)) + offset).astype(dtype)
    return X, Z, rng


def exact(name, X, Z):
    """Independent dense values, in float64."""
    X, Z = X.astype(np.float64), Z.astype(np.float64)
    if name == "rbf":
        return np.exp(-cdist(X, Z, "sqeuclidean") / (2 * 1.5**2))
    if name == "exponential":
        return np.exp(-cdist(X, Z) / 2.0)
    if name == "laplacian":
        return np.exp(-0.3 * cdist(X, Z, "cityblock"))
    if name == "linear":
        return X @ Z.T
    return (0.2 * X @ Z.T + 1) ** 2


@pytest.mark.parametrize("name", ["rbf", "exponential", "laplacian", "linear", "poly"])
@pytest.mark.parametrize("n_features", [1, 2, 3, 4, 7, 16, 17, 40])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_products_equal_dense_values(name, n_features, dtype):
    """Every route: explicit and matrix product, one and several columns, panels that
    end early, duplicates."""
    X, Z, rng = make_rows(70, 1030, n_features, dtype)
    Z[5] = X[7]
    K = exact(name, X, Z)
    V = rng.standard_normal((1030, 3)).astype(dtype)
    U = rng.standard_normal((70, 2)).astype(dtype)
    op = KernelOperator(KERNELS[name], X, Z)
    eps = np.finfo(dtype).eps
    # Rounding: eps times the terms' sizes times the growth of an error in the distance.
    scale = 40 * eps * max(1.0, np.abs(K).max())
    np.testing.assert_allclose(op.block(), K, rtol=0, atol=scale * n_features)
    for W in (V, V[:, 0]):
        bound = scale * n_features * np.abs(W).sum(axis=0).max()
        np.testing.assert_allclose(op @ W, K @ W, rtol=0, atol=bound)
    bound = scale * n_features * np.abs(U).sum(axis=0).max()
    np.testing.assert_allclose(op.rmatmat(U), K.T @ U, rtol=0, atol=bound)
    assert (op @ V).dtype == dtype
    if name in ("rbf", "exponential", "laplacian"):
        assert op.block()[7, 5] == 1.0


@pytest.mark.parametrize("name", list(KERNELS))
@pytest.mark.parametrize("n_features", [3, 20])
def test_symmetric_product_equals_its_block(name, n_features):
    """Z=None takes the route over half the tiles where it pays."""
    X, _, rng = make_rows(2100, 1, n_features)
    op = KernelOperator(KERNELS[name], X)
    K = op.block()
    np.testing.assert_array_equal(K, K.T)
    V = rng.standard_normal((2100, 2))
    for W in (V, V[:, 0]):
        np.testing.assert_allclose(op @ W, K @ W, rtol=1e-11, atol=1e-10)
    np.testing.assert_allclose(op.diag(), np.diag(K), rtol=1e-12)


@pytest.mark.parametrize("name", list(KERNELS))
@pytest.mark.parametrize("n_features", [3, 20])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_array_backend_equals_compiled_route(name, n_features, dtype):
    """The GPU's route, run with NumPy."""
    X, Z, rng = make_rows(60, 90, n_features, dtype)
    w = rng.random(60)
    V = rng.standard_normal((90, 2)).astype(dtype)
    fast = KernelOperator(KERNELS[name], X, Z)
    array = KernelOperator(KERNELS[name], X, Z, backend=ArrayBackend(np))
    rtol = 1e-11 if dtype == np.float64 else 2e-4
    K = fast.block()
    scale = np.abs(K).max()

    def compare(a, b):
        size = np.abs(b).max() if np.any(b) else 1.0
        np.testing.assert_allclose(a, b, rtol=0, atol=rtol * size)

    np.testing.assert_allclose(array.block(), K, rtol=0, atol=rtol * scale)
    compare(array @ V, fast @ V)
    compare(array.rmatmat(w.astype(dtype)), fast.rmatmat(w.astype(dtype)))
    compare(array.normal_matmat(V, w), fast.normal_matmat(V, w))
    for a, b in zip(
        array.normal_matrix(w, V[:60]), fast.normal_matrix(w, V[:60]), strict=True
    ):
        compare(a, b)
    compare(
        KernelOperator(KERNELS[name], X, backend=ArrayBackend(np)).block(),
        KernelOperator(KERNELS[name], X).block(),
    )


@pytest.mark.parametrize("name", list(KERNELS))
@pytest.mark.parametrize("weighted", [False, True])
def test_normal_products(name, weighted):
    X, Z, rng = make_rows(700, 90, 5)
    op = KernelOperator(KERNELS[name], X, Z)
    K = op.block()
    w = rng.random(700) if weighted else None
    W = np.ones(700) if w is None else w
    V = rng.standard_normal((90, 3))
    Y = rng.standard_normal((700, 2))
    expected = K.T @ (W[:, None] * (K @ V))
    np.testing.assert_allclose(
        op.normal_matmat(V, w), expected, rtol=0, atol=1e-11 * np.abs(expected).max()
    )
    np.testing.assert_allclose(
        op.normal_matmat(V[:, 0], w), op.normal_matmat(V, w)[:, 0]
    )
    gram, moment = op.normal_matrix(w, Y)
    expected = K.T @ (W[:, None] * K)
    atol = 1e-11 * max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(gram, expected, rtol=0, atol=atol)
    np.testing.assert_array_equal(gram, gram.T)
    np.testing.assert_allclose(moment, K.T @ (W[:, None] * Y), rtol=1e-10, atol=atol)
    assert op.normal_matrix(w)[1] is None


def test_normal_matrix_of_float32_rows_is_formed_in_float64():
    X, Z, _ = make_rows(500, 40, 5, np.float32)
    K = exact("rbf", X, Z)
    gram, _ = KernelOperator(RBF(1.5), X, Z).normal_matrix()
    np.testing.assert_allclose(gram, K.T @ K, rtol=1e-12)


@pytest.mark.parametrize(
    "name", ["rbf", "exponential", "laplacian", "linear", "cosine"]
)
@pytest.mark.parametrize("container", [sp.csr_matrix, sp.csr_array])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sparse_rows_equal_dense_rows(name, container, dtype):
    X, Z, rng = make_rows(80, 600, 30, dtype)
    X[np.abs(X) < 1] = 0
    Z[np.abs(Z) < 1] = 0
    X[3] = 0
    Z[5] = X[7]
    dense = KernelOperator(KERNELS[name], X, Z)
    rtol = 1e-12 if dtype == np.float64 else 1e-5
    V = rng.standard_normal((600, 2)).astype(dtype)
    for left, right in ((container(X), container(Z)), (X, container(Z))):
        op = KernelOperator(KERNELS[name], left, right)
        scale = np.abs(dense.block()).max()
        np.testing.assert_allclose(op.block(), dense.block(), rtol=0, atol=rtol * scale)
        for W in (V, V[:, 0]):
            atol = rtol * scale * np.abs(W).sum()
            np.testing.assert_allclose(op @ W, dense @ W, rtol=0, atol=atol)


def scaled_kernel(name, d):
    """A kernel whose values on standard normal rows are neither 0 nor 1."""
    if name == "laplacian":
        return Laplacian(1 / d), lambda X, Z: np.exp(-cdist(X, Z, "cityblock") / d)
    r = np.sqrt(d)
    if name == "exponential":
        return Exponential(r), lambda X, Z: np.exp(-cdist(X, Z) / r)
    if name == "matern":
        kernel = Matern(r, nu=1.5)
        return (
            kernel,
            lambda X, Z: (
                (1 + np.sqrt(3) * cdist(X, Z) / r)
                * np.exp(-np.sqrt(3) * cdist(X, Z) / r)
            ),
        )
    return RBF(r), lambda X, Z: np.exp(-cdist(X, Z, "sqeuclidean") / (2 * d))


@pytest.mark.parametrize("n_features", [3, 17, 100])
@pytest.mark.parametrize("name", ["rbf", "exponential", "laplacian", "matern"])
@pytest.mark.parametrize("route", ["compiled", "array", "symmetric"])
def test_float32_rows_far_from_the_origin(name, n_features, route):
    """Data with mean 100: cancellation must not show (scikit-learn#9354)."""
    X, Z, _ = make_rows(200, 300, n_features, np.float32, offset=100.0)
    kernel, dense = scaled_kernel(name, n_features)
    if route == "symmetric":
        Z = X
    K = dense(X.astype(np.float64), Z.astype(np.float64))
    assert np.median(K) > 0.1
    backend = ArrayBackend(np) if route == "array" else None
    op = KernelOperator(kernel, X, None if Z is X else Z, backend=backend)
    np.testing.assert_allclose(op.block(), K, rtol=0, atol=1e-5)


@pytest.mark.parametrize("n_features", [3, 17, 100])
@pytest.mark.parametrize("name", ["rbf", "exponential", "laplacian", "matern"])
@pytest.mark.parametrize("route", ["compiled", "array", "symmetric"])
@pytest.mark.parametrize("distance", [10.0, 1000.0])
def test_float32_clusters_far_apart(name, n_features, route, distance):
    """Centring cannot help here: distances within a cluster are small differences of
    large numbers, for every other pair, and must not lose digits."""
    X, Z, rng = make_rows(600, 700, n_features, np.float64)
    X += distance * rng.choice([-1, 1], size=(600, 1))
    Z += distance * rng.choice([-1, 1], size=(700, 1))
    X, Z = X.astype(np.float32), Z.astype(np.float32)
    kernel, dense = scaled_kernel(name, n_features)
    if route == "symmetric":
        Z = X
    K = dense(X.astype(np.float64), Z.astype(np.float64))
    assert 0.1 < (K > 0.1).mean() < 0.9
    backend = ArrayBackend(np) if route == "array" else None
    op = KernelOperator(kernel, X, None if Z is X else Z, backend=backend)
    # 1e-4 is the promise. Coordinates in the thousands are themselves rounded to 1e-4.
    atol = 5e-5 if distance < 100 else 3e-4
    np.testing.assert_allclose(op.block(), K, rtol=0, atol=atol)


@pytest.mark.parametrize("n_features", [5, 40])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_close_rows_keep_their_distance(n_features, dtype):
    """exp(-r) near r = 0 magnifies errors of the squared distance."""
    X, _, rng = make_rows(50, 1, n_features, dtype)
    step = rng.standard_normal(X.shape).astype(dtype)
    Z = X + dtype(1e-4) * step
    r = np.linalg.norm((X.astype(np.float64) - Z.astype(np.float64)), axis=1)
    K = KernelOperator(Exponential(1.0), X, Z).block()
    np.testing.assert_allclose(1 - np.diag(K), r, rtol=2e-3, atol=4e-7)


def test_nan_propagates():
    X, Z, _ = make_rows(5, 6, 3)
    X[2, 1] = np.nan
    for n_features in (3, 30):
        wide = np.tile(X, n_features // 3), np.tile(Z, n_features // 3)
        product = KernelOperator(RBF(1.0), *wide) @ np.ones(6)
        np.testing.assert_array_equal(
            np.isnan(product), [False, False, True] + 2 * [False]
        )


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("n_features", [3, 20])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_bitwise_equal_for_any_number_of_threads(symmetric, n_features, dtype):
    X, Z, rng = make_rows(3000, 2500, n_features, dtype)
    op = KernelOperator(Matern(1.0, nu=1.5), X, None if symmetric else Z)
    V = rng.standard_normal((op.shape[1], 3)).astype(dtype)
    before = numba.get_num_threads()
    results = []
    try:
        for n_threads in (1, 2):
            numba.set_num_threads(min(n_threads, numba.config.NUMBA_NUM_THREADS))
            results.append(
                [op @ V, op @ V[:, 0], op.normal_matmat(V), op.block(slice(0, 900))]
            )
    finally:
        numba.set_num_threads(before)
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


def test_memory_of_a_product_is_bounded():
    """n = m = 20 000 would be 3.2 GB as a matrix."""
    X, _, rng = make_rows(20_000, 1, 4)
    v = rng.standard_normal(20_000)
    op = KernelOperator(RBF(1.0), X)
    op @ v[:20_000]
    tracemalloc.start()
    op @ v
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50e6


def test_columns_beyond_the_budget_are_prepared_in_ranges():
    X, Z, rng = make_rows(50, 5000, 30)
    V = rng.standard_normal((5000, 2))
    expected = KernelOperator(RBF(3.0), X, Z) @ V
    with config_context(working_memory=1):
        op = KernelOperator(RBF(3.0), X, Z)
        assert len(op._parts[0].column_ranges()) > 2
        np.testing.assert_allclose(op @ V, expected, rtol=1e-12)
        np.testing.assert_allclose(op.rmatmat(V[:50]), (op.block().T @ V[:50]))


def test_memory_map_and_read_only_rows(tmp_path):
    X, Z, rng = make_rows(300, 200, 5)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    v = rng.standard_normal(200)
    v.flags.writeable = False
    np.testing.assert_array_equal(
        KernelOperator(RBF(1.0), mapped, Z) @ v, KernelOperator(RBF(1.0), X, Z) @ v
    )


@pytest.mark.parametrize("name", ["rbf", "sum", "product", "noise", "energy"])
def test_sub_blocks(name):
    X, _, _ = make_rows(40, 1, 3)
    op = KernelOperator(KERNELS[name], X)
    K = op.block()
    rows, columns = np.array([3, 1, 30]), np.array([3, 0])
    np.testing.assert_allclose(op.block(rows, columns), K[np.ix_(rows, columns)])
    np.testing.assert_allclose(op.block(slice(5, 9)), K[5:9])
    np.testing.assert_allclose(op.block(None, columns), K[:, columns])


@pytest.mark.parametrize("name", list(KERNELS))
@pytest.mark.parametrize("n_features", [3, 20])
@pytest.mark.parametrize("c", [1, 3])
@pytest.mark.parametrize("backend", [None, ArrayBackend(np)])
def test_residual_product(name, n_features, c, backend):
    X, Z, rng = make_rows(700, 600, n_features)
    op = KernelOperator(KERNELS[name], X, Z, backend=backend)
    K = op.block()
    V, Y = rng.standard_normal((600, c)), rng.standard_normal((700, c))
    for w in (None, rng.random(700)):
        residual, moment = op.residual_matmat(V, Y, w)
        expected = K @ V - Y
        atol = 1e-11 * np.abs(K).max() * 600
        np.testing.assert_allclose(residual, expected, rtol=0, atol=atol)
        expected = K.T @ (expected if w is None else w[:, None] * expected)
        atol = 1e-11 * np.abs(expected).max()
        np.testing.assert_allclose(moment, expected, rtol=0, atol=atol)
    flat = op.residual_matmat(V[:, 0], Y[:, 0])
    assert flat[0].shape == (700,) and flat[1].shape == (600,)


@pytest.mark.parametrize("name", [*KERNELS, "noise"])
@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("backend", [None, ArrayBackend(np)])
def test_taken_rows(name, symmetric, backend):
    """Rows taken from a matrix are its rows, white noise on the diagonal included."""
    X, Z, rng = make_rows(90, 70, 5)
    kernel = RBF(2.0) + WhiteNoise(0.5) if name == "noise" else KERNELS[name]
    op = KernelOperator(kernel, X, None if symmetric else Z, backend=backend)
    K = op.block()
    index = np.array([4, 80, 3, 3, 50])
    taken = op.take_rows(index)
    assert taken.shape == (5, op.shape[1])
    V, Y = rng.standard_normal((op.shape[1], 2)), rng.standard_normal((5, 2))
    scale = 1e-11 * np.abs(K).max() * 90
    np.testing.assert_allclose(taken @ V, K[index] @ V, rtol=0, atol=scale)
    np.testing.assert_allclose(taken.block(), K[index], rtol=0, atol=scale)
    np.testing.assert_allclose(taken.rmatmat(Y), K[index].T @ Y, rtol=0, atol=scale)
    residual, _ = taken.residual_matmat(V, Y)
    np.testing.assert_allclose(residual, K[index] @ V - Y, rtol=0, atol=scale)
    again = taken.take_rows(slice(1, 3))
    np.testing.assert_allclose(again @ V, K[[80, 3]] @ V, rtol=0, atol=scale)


def test_scipy_linear_operator():
    X, Z, rng = make_rows(30, 20, 3)
    op = KernelOperator(RBF(1.0), X, Z)
    linear = op.as_linear_operator()
    u, v = rng.standard_normal(30), rng.standard_normal(20)
    np.testing.assert_allclose(linear @ v, op @ v)
    np.testing.assert_allclose(linear.T @ u, op.rmatmat(u))


@pytest.mark.parametrize("name", ["rbf", "poly", "energy", "sum", "cosine"])
@pytest.mark.parametrize("n_features", [3, 20])
@pytest.mark.parametrize("c", [1, 3])
@pytest.mark.parametrize("route", ["compiled", "array", "stored"])
def test_products_in_float64_with_values_in_float32(name, n_features, c, route):
    X, Z, rng = make_rows(700, 600, n_features, np.float32)
    backend = ArrayBackend(np) if route == "array" else None
    op = KernelOperator(KERNELS[name], X, Z, backend=backend)
    if route == "stored":
        op = PrecomputedOperator(op.block())
    assert op.dtype == np.float32
    V, Y = rng.standard_normal((600, c)), rng.standard_normal((700, c))
    w = rng.random(700)
    # One fixed linear operator: no rounding to float32 of anything but the values.
    columns = np.eye(600)[:, :5]
    K5 = op.residual_matmat(columns, np.zeros((700, 5)), dtype=np.float64)[0]
    np.testing.assert_array_equal(K5, K5.astype(np.float32))
    residual, moment = op.residual_matmat(V, Y, w, dtype=np.float64)
    product = op.normal_matmat(V, w, dtype=np.float64)
    assert residual.dtype == moment.dtype == product.dtype == np.float64
    atol = 1e-12 * np.abs(product).max()
    even = V * (np.arange(600) % 2 == 0)[:, None]
    shares = [op.normal_matmat(part, w, dtype=np.float64) for part in (even, V - even)]
    np.testing.assert_allclose(sum(shares), product, rtol=0, atol=atol)
    _, zero = op.residual_matmat(0 * V, Y, w, dtype=np.float64)
    np.testing.assert_allclose(moment, product + zero, rtol=0, atol=10 * atol)


def test_precomputed_operator_equals_its_matrix():
    rng = np.random.default_rng(0)
    K = rng.standard_normal((70, 50))
    op = PrecomputedOperator(K)
    V, U, w = rng.standard_normal((50, 2)), rng.standard_normal(70), rng.random(70)
    np.testing.assert_allclose(op @ V, K @ V)
    np.testing.assert_allclose(op.rmatmat(U), K.T @ U)
    np.testing.assert_allclose(op.normal_matmat(V, w), K.T @ (w[:, None] * (K @ V)))
    residual, moment = op.residual_matmat(V[:, 0], U, w)
    np.testing.assert_allclose(residual, K @ V[:, 0] - U)
    np.testing.assert_allclose(moment, K.T @ (w * residual))
    np.testing.assert_array_equal(op.take_rows(np.array([3, 1])).block(), K[[3, 1]])
    gram, moment = op.normal_matrix(w, U[:, None])
    np.testing.assert_allclose(gram, K.T @ (w[:, None] * K))
    np.testing.assert_allclose(moment, K.T @ (w * U)[:, None])
    np.testing.assert_array_equal(op.block([1, 2], [3]), K[1:3, 3:4])
    np.testing.assert_array_equal(op.diag(), np.diag(K))
    np.testing.assert_allclose(op.as_linear_operator() @ V[:, 0], K @ V[:, 0])


def test_make_operator_stores_only_what_pays_and_fits():
    X, _, rng = make_rows(300, 1, 120)
    kernel = RBF(5.0)
    assert isinstance(make_operator(kernel, X), KernelOperator)
    stored = make_operator(kernel, X, n_products=100)
    assert isinstance(stored, PrecomputedOperator)
    v = rng.standard_normal(300)
    np.testing.assert_allclose(stored @ v, KernelOperator(kernel, X) @ v, rtol=1e-12)
    few = make_operator(kernel, X[:, :3], n_products=100)
    assert isinstance(few, KernelOperator)
    with config_context(working_memory=0.1):
        assert isinstance(make_operator(kernel, X, n_products=100), KernelOperator)
    with pytest.raises(ValueError, match="'rbf' is not resolved"):
        make_operator("rbf", X)


def test_refusal_names_the_sizes_and_the_way_out():
    with config_context(working_memory=1):
        assert memory_budget() == 2**20
        with pytest.raises(
            ValueError, match=r"50000 x 50000 .* 18\.6 GiB.* use cg, or"
        ):
            check_memory(
                8 * 50_000**2, what="the 50000 x 50000 matrix", remedy="use cg"
            )
        check_memory(2**20, what="a small matrix", remedy="nothing")


def test_shapes_that_do_not_fit():
    X, Z, _ = make_rows(5, 6, 3)
    with pytest.raises(ValueError, match="X has 3 features, but Z has 2"):
        KernelOperator(RBF(1.0), X, Z[:, :2])
    op = KernelOperator(RBF(1.0), X, Z)
    with pytest.raises(ValueError, match=r"shape \(5, 6\).*length must be 6"):
        op @ np.ones(5)
    with pytest.raises(ValueError, match=r"at least one row.*shape \(0, 3\)"):
        KernelOperator(RBF(1.0), X[:0], Z)
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        KernelOperator(RBF(1.0), X[0], Z)


def test_lists_integers_and_no_columns():
    op = KernelOperator(RBF(1.0), [[0], [1]])
    np.testing.assert_allclose(op @ [1, 1], 1 + np.exp(-0.5))
    for product in (op.matmat, op.rmatmat, op.normal_matmat):
        assert product(np.ones((2, 0))).shape == (2, 0)
    stored = PrecomputedOperator(np.array([[2, 1], [1, 3]]))
    np.testing.assert_allclose(stored @ np.array([0.5, 0.5]), [1.5, 2.0])


def test_normal_matrix_of_float32_rows_and_a_callable_is_formed_in_float64():
    X, Z, _ = make_rows(300, 20, 3, np.float32)
    kernel = make_kernel(lambda A, B: np.exp(-cdist(A, B)).astype(A.dtype))
    K = np.exp(-cdist(X.astype(np.float64), Z.astype(np.float64)))
    gram, _ = KernelOperator(kernel.resolve(X), X, Z).normal_matrix()
    np.testing.assert_allclose(gram, K.T @ K, rtol=1e-13)
