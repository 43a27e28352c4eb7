"""EigenPro's iterations against dense NumPy, and what they converge to."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

import skkernels.solvers._eigenpro as module
from skkernels.kernels import RBF, Exponential, Polynomial
from skkernels.solvers import CenteredEigenPro, FullEigenPro, run_epochs

KERNELS = pytest.mark.parametrize("kernel", [Exponential(5.0), RBF(1.5)], ids=str)


def make_data(n=300, d=5):
    rng = np.random.RandomState(0)
    X = rng.randn(n, d)
    return X, np.column_stack([np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2], X[:, 3] ** 3])


def options(**changes):
    defaults = {
        "weights": None,
        "alpha": 0.0,
        "subsample_size": 60,
        "n_components": 10,
        "batch_size": "auto",
        "seed": 0,
    }
    return {**defaults, **changes}


def dense_correction(iteration, exponent):
    """``E D E'`` from the eigensystem of the subsample."""
    S, q = iteration.X_subsample, iteration.preconditioner.n_components
    values, vectors = np.linalg.eigh(iteration.kernel(S))
    values, vectors = values[::-1], vectors[:, ::-1]
    factors = (1 - (values[q] / values[:q]) ** exponent) / values[:q]
    return (vectors[:, :q] * factors) @ vectors[:, :q].T


@KERNELS
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("alpha", [0.0, 0.3])
def test_step_with_all_rows_as_centers(kernel, weighted, alpha):
    X, Y = make_data()
    rng = np.random.RandomState(1)
    weights = rng.uniform(0, 2, 300) if weighted else None
    it = FullEigenPro(kernel, X, X, 2, **options(weights=weights, alpha=alpha))
    it.coef[...] = coef = rng.randn(300, 2)
    coef = coef.copy()
    K, S = kernel(X), it.subsample
    batch = np.sort(rng.choice(300, 50, replace=False))
    batch_weights = None if weights is None else weights[batch]
    residual = it.advance(batch, Y[batch], batch_weights, 0.01)
    expected = K[batch] @ coef - Y[batch]
    assert_allclose(residual, expected, atol=1e-12)
    gradient = (1 if weights is None else weights[batch, None]) * expected
    gradient = gradient + alpha * coef[batch]
    coef[batch] -= 0.01 * gradient
    coef[S] += 0.01 * dense_correction(it, 0.95) @ K[np.ix_(S, batch)] @ gradient
    assert_allclose(it.coef, coef, atol=1e-12)


@KERNELS
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("alpha", [0.0, 0.3])
@pytest.mark.parametrize("period", [1, 3])
def test_period_with_centers(kernel, weighted, alpha, period):
    X, Y = make_data()
    rng = np.random.RandomState(1)
    Z = rng.randn(80, 5)
    weights = rng.uniform(0, 2, 300) if weighted else np.ones(300)
    it = CenteredEigenPro(
        kernel,
        X,
        Z,
        2,
        period=period,
        **options(weights=weights if weighted else None, alpha=alpha),
    )
    start = rng.randn(80, 2)
    it.coef[...] = start
    batches = [np.sort(b) for b in rng.permutation(300)[:150].reshape(3, 50)]

    correction, on_S = dense_correction(it, 1.0), kernel(it.X_subsample, Z)
    coef = start.copy()  # on the centers, with what the subsample has got
    temporary = np.zeros((300, 2))  # on the data
    K_XX, K_XZ = kernel(X), kernel(X, Z)
    for number, batch in enumerate(batches, 1):
        expected = K_XZ[batch] @ coef + K_XX[batch] @ temporary - Y[batch]
        got = it.advance(batch, Y[batch], weights[batch] if weighted else None, 0.01)
        assert_allclose(got, expected, atol=1e-10)
        gradient = weights[batch, None] * expected
        temporary[batch] -= 0.01 * gradient
        moment = K_XZ[batch].T @ gradient
        coef[it.subsample] += 0.01 * correction @ moment[it.subsample]
        if number % period == 0:
            coef += np.linalg.solve(kernel(Z), K_XZ.T @ temporary)
            if alpha:
                shrink = start.copy()
                shrink[it.subsample] -= correction @ on_S @ start
                coef -= 0.01 * alpha * 50 * period / 300 * shrink
            temporary[...] = 0
            start = coef.copy()
    assert_allclose(kernel(Z) @ it.coef, kernel(Z) @ coef, atol=1e-9)
    # Nothing is left for the end of the epoch.
    before = it.coef.copy()
    it.finish(0.01)
    assert_array_equal(it.coef, before)


def test_projection_at_the_end_of_an_epoch():
    # A period that the epoch does not complete is closed with what there is.
    kernel, (X, Y) = Exponential(5.0), make_data()
    coefs = []
    for period in (3, 1000):
        it = CenteredEigenPro(
            kernel, X, X[:60], 2, period=period, **options(batch_size=100)
        )
        loss = it.epoch(Y, 0, it.step, it.mean_square(Y))
        coefs.append(it.coef.copy())
    assert_allclose(coefs[0], coefs[1], rtol=1e-12)
    assert 0 < loss < np.inf and coefs[0].any()


@pytest.mark.parametrize("rows", [None, np.arange(20, 290, 2)])
@pytest.mark.parametrize("batch_size", [1, 7, 64, 1000])
def test_an_epoch_sees_every_row_once(rows, batch_size):
    X, Y = make_data()
    it = CenteredEigenPro(
        RBF(1.5), X, X[:40], 2, period=2, rows=rows, **options(batch_size=batch_size)
    )
    expected = np.arange(300) if rows is None else rows
    orders = []
    for epoch in (0, 1, 0):
        batches = list(it.batches(epoch))
        sizes = [len(b) for b in batches]
        assert max(sizes) <= batch_size
        order = np.concatenate(batches)
        assert_array_equal(np.sort(order), expected)
        orders.append(order)
    assert_array_equal(orders[0], orders[2])
    if batch_size < 100:
        assert (orders[0] != orders[1]).any()


def test_loss_is_the_mean_squared_residual():
    # With a step of zero the model stays, and the residuals are those of the start.
    kernel, (X, Y) = RBF(1.5), make_data()
    weights = np.random.RandomState(1).uniform(0, 2, 300)
    rows = np.arange(0, 300, 3)
    for cls, Z, extra in (
        (FullEigenPro, X, {}),
        (CenteredEigenPro, X[:50], {"period": 2}),
    ):
        for used, w in ((None, None), (rows, None), (None, weights), (rows, weights)):
            it = cls(kernel, X, Z, 2, rows=used, **extra, **options(weights=w))
            it.coef[...] = np.random.RandomState(2).randn(*it.coef.shape)
            squares = ((kernel(X, Z) @ it.coef - Y) ** 2).sum(axis=1)
            index = slice(None) if used is None else used
            w = None if w is None else w[index]
            expected = np.average(squares[index], weights=w)
            assert_allclose(it.epoch(Y, 0, 0.0, it.mean_square(Y)), expected)
            assert_allclose(it.sampled_loss(Y), expected)
            assert_allclose(
                it.mean_square(Y),
                np.average((Y[index] ** 2).sum(axis=1), weights=w),
            )


def test_an_exploding_epoch_is_given_up():
    X, Y = make_data()
    for cls, Z, extra in (
        (FullEigenPro, X, {}),
        (CenteredEigenPro, X[:50], {"period": 5}),
    ):
        it = cls(RBF(1.5), X, Z, 2, **extra, **options(batch_size=20))
        assert it.epoch(Y, 0, 1e6, it.mean_square(Y)) == np.inf
        assert np.isfinite(it.coef).all() or cls is FullEigenPro
        it.coef[...] = 0
        # What was pending is forgotten.
        it.finish(1.0)
        assert not it.coef.any()


@pytest.mark.parametrize("weighted", [False, True])
def test_largest_diagonals(weighted):
    kernel, (X, _) = Exponential(5.0), make_data()
    weights = np.random.RandomState(1).uniform(0, 2, 300) if weighted else np.ones(300)
    used = weights if weighted else None
    full = FullEigenPro(kernel, X, X, 1, **options(weights=used, alpha=0.2))
    K_S = kernel(full.X_subsample, X)
    K_P = kernel(X) - K_S.T @ dense_correction(full, 0.95) @ K_S
    assert_allclose(full.diagonal, (weights * np.diag(K_P)).max() + 0.2)
    centered = CenteredEigenPro(kernel, X, X[:60], 1, period=1, **options(weights=used))
    assert_allclose(centered.diagonal, weights.max())
    assert centered.step <= 1 / centered.diagonal


def test_largest_diagonal_of_a_kernel_that_is_not_stationary():
    X, _ = make_data()
    it = CenteredEigenPro(
        Polynomial(degree=2), X, X[:60], 1, period=1, **options(rows=np.arange(100))
    )
    assert_allclose(it.diagonal, Polynomial(degree=2).diag(X[:100]).max())


def relative_excess(kernel, X, Z, y, coef):
    """By how much the mean squared residual exceeds the smallest."""
    K = kernel(X, Z)
    best = np.linalg.lstsq(K, y, rcond=None)[0]
    smallest = ((K @ best - y) ** 2).mean()
    return ((K @ coef - y) ** 2).mean() / smallest - 1


def run_full_batches(kernel, period, n_components, steps):
    """All rows are a batch, so that the period counts passes over the data."""
    X, Y = make_data(600)
    y = Y[:, :1]
    it = CenteredEigenPro(
        kernel,
        X,
        X[:75],
        1,
        period=period,
        **options(subsample_size=75, n_components=n_components, batch_size=600),
    )
    for _ in range(steps):
        it.advance(np.arange(600), y, None, it.step)
    return relative_excess(kernel, X, X[:75], y, it.coef)


@KERNELS
def test_projection_after_each_step_gives_least_squares(kernel):
    assert run_full_batches(kernel, 1, 18, 300) <= 1e-6


@KERNELS
def test_delayed_projection_leaves_a_bias(kernel):
    # Between projections the model drifts towards the interpolant of the data: by the
    # step times the period. With three components steps are short.
    exact, delayed = (run_full_batches(kernel, period, 3, 480) for period in (1, 4))
    assert 1e-5 < delayed < 1e-2
    assert exact < delayed / 5


def test_all_rows_as_given_centers_converge_to_the_interpolant():
    kernel, (X, Y) = Exponential(1.0), make_data(100)
    settings = options(subsample_size=100, n_components=30)
    centered = CenteredEigenPro(kernel, X, X, 2, period=1, **settings)
    full = FullEigenPro(kernel, X, X, 2, **settings)
    expected = np.linalg.solve(kernel(X), Y)
    for it in (centered, full):
        for number in range(100):
            it.epoch(Y, number, it.step, it.mean_square(Y))
        assert_allclose(it.coef, expected, atol=1e-7)


def test_memory_maps_are_read_in_runs(tmp_path, monkeypatch):
    X, Y = make_data(1000, 16)
    X = X.astype(np.float32)
    path = tmp_path / "X.npy"
    np.save(path, X)
    mapped = np.load(path, mmap_mode="r")
    kernel, settings = RBF(4.0), options(batch_size=200)

    def batches(X):
        it = CenteredEigenPro(kernel, X, X[:50], 2, period=1, **settings)
        return list(it.batches(3))

    assert all((a == b).all() for a, b in zip(batches(X), batches(mapped)))
    monkeypatch.setattr(module, "_SMALL_FILE", 1000)
    in_runs = batches(mapped)
    assert_array_equal(np.sort(np.concatenate(in_runs)), np.arange(1000))
    # 200 // 8 rows lie side by side.
    for batch in in_runs:
        assert len(batch) == 200
        assert len(np.flatnonzero(np.diff(batch) != 1)) < 200 / 25 + 2
    assert any((np.diff(batch) != 1).any() for batch in in_runs)
    # A view of a map is one, too; an array never.
    assert len(np.flatnonzero(np.diff(batches(mapped[:])[0]) != 1)) < 10
    assert len(np.flatnonzero(np.diff(batches(X)[0]) != 1)) > 50


@pytest.mark.parametrize("cls", [FullEigenPro, CenteredEigenPro])
def test_sparse_rows(cls):
    X, Y = make_data(200)
    X[X < -0.5] = 0
    kernel = RBF(2.0)
    extra = {"period": 2} if cls is CenteredEigenPro else {}
    coefs = []
    for A in (X, sp.csr_array(X)):
        Z = A if cls is FullEigenPro else A[:50]
        it = cls(kernel, A, Z, 2, **extra, **options())
        run_epochs(it, Y, max_iter=3)
        coefs.append(it.coef)
    values = [kernel(X, X[: len(coef)]) @ coef for coef in coefs]
    assert_allclose(values[1], values[0], rtol=1e-7, atol=1e-9)
