"""FALKON and KRILL: conjugate gradients for models with centers."""

import numpy as np
import pytest
import scipy.linalg
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context

from skkernels.kernels import RBF, Exponential
from skkernels.linalg import Whitening
from skkernels.operators import PrecomputedOperator, make_operator
from skkernels.solvers import falkon
from skkernels.solvers._nystroem_system import NystroemSystem
from skkernels.solvers._sketch import sketch_rows

PRECONDITIONERS = pytest.mark.parametrize("precond", ["falkon", "krill"])


def make_problem(kernel=None, n=1200, m=150, d=5, dtype=np.float64):
    """Operator, matrix of the centers, targets."""
    kernel = RBF(1.5) if kernel is None else kernel
    rng = np.random.RandomState(0)
    X = rng.randn(n, d).astype(dtype)
    Y = np.column_stack([np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2], rng.randn(n)])
    Z = X[rng.choice(n, m, replace=False)]
    op = make_operator(kernel, X, Z)
    return op, make_operator(kernel, Z.astype(np.float64)).block(), Y


def least_squares(op, K_mm, y, alpha, weights=None):
    """Values of the model, by orthogonal factorisation in an orthonormal basis."""
    K = op.block().astype(np.float64)
    values, vectors = np.linalg.eigh(K_mm)
    kept = values > len(K_mm) * np.finfo(float).eps * values.max()
    F = K @ (vectors[:, kept] / np.sqrt(values[kept]))
    root = np.ones(len(y)) if weights is None else np.sqrt(weights)
    A = np.r_[root[:, None] * F, np.sqrt(alpha) * np.eye(F.shape[1])]
    b = np.r_[root * y, np.zeros(F.shape[1])]
    return F @ scipy.linalg.lstsq(A, b)[0]


@PRECONDITIONERS
@pytest.mark.parametrize("kernel", [RBF(1.5), Exponential(3.0)], ids=str)
def test_equals_the_direct_solution(precond, kernel):
    op, K, Y = make_problem(kernel)
    alpha = 1e-3 * 1200
    result = falkon(op, K, Y, alpha, tol=1e-11, precond=precond, random_state=0)
    assert result.converged and result.n_iter <= 45
    for j in range(2):
        expected = least_squares(op, K, Y[:, j], alpha)
        assert_allclose(op @ result.x[:, j], expected, atol=1e-8)


def test_krill_converges_where_falkon_stalls():
    op, K, Y = make_problem()
    alpha = 1e-6 * 1200
    options = {"max_iter": 60, "tol": 1e-9, "random_state": 0}
    falkon_norms = falkon(op, K, Y, alpha, **options).residual_norms
    assert falkon_norms[-1].max() > 1e-5
    result = falkon(op, K, Y, alpha, precond="krill", **options)
    assert result.converged
    expected = least_squares(op, K, Y[:, 0], alpha)
    assert_allclose(op @ result.x[:, 0], expected, atol=1e-6)


@PRECONDITIONERS
def test_float32_blocks(precond):
    op, K, Y = make_problem(dtype=np.float32)
    alpha = 1e-3 * 1200
    result = falkon(op, K, Y, alpha, precond=precond, random_state=0)
    # Vectors are in float64, so that the residual falls as usual.
    assert result.converged and result.x.dtype == np.float64
    expected = least_squares(op, K, Y[:, 0], alpha)
    assert_allclose(op.block() @ result.x[:, 0], expected, atol=1e-3)


@PRECONDITIONERS
@pytest.mark.parametrize("scale", [8.0, 100.0])
def test_singular_matrix_of_the_centers(precond, scale):
    # Smooth kernel functions that are dependent up to rounding, and duplicates.
    rng = np.random.RandomState(0)
    X = rng.randn(400, 3)
    kernel = RBF(scale)
    Z = np.r_[X[:50], X[:20]]
    op, K = make_operator(kernel, X, Z), make_operator(kernel, Z).block()
    assert np.linalg.cond(K) > 1e16
    y = np.sin(X[:, 0])
    before = K.copy()
    result = falkon(op, K, y[:, None], 0.4, precond=precond, random_state=0)
    assert result.converged
    assert_array_equal(K, before)
    assert_allclose(op @ result.x[:, 0], least_squares(op, K, y, 0.4), atol=1e-6)


@PRECONDITIONERS
def test_weights_are_repetitions(precond):
    op, K, Y = make_problem(m=60)
    weights = np.random.RandomState(1).randint(0, 4, size=1200)
    repeated = op.take_rows(np.repeat(np.arange(1200), weights))
    options = {"tol": 1e-12, "precond": precond, "random_state": 0}
    a = falkon(op, K, Y, 1.0, weights=weights.astype(float), **options).x
    b = falkon(repeated, K, np.repeat(Y, weights, axis=0), 1.0, **options).x
    assert_allclose(op @ a, op @ b, atol=1e-9)
    expected = least_squares(op, K, Y[:, 0], 1.0, weights)
    assert_allclose(op @ a[:, 0], expected, atol=1e-9)


@PRECONDITIONERS
def test_alpha_per_target(precond):
    op, K, Y = make_problem(m=60)
    options = {"tol": 1e-12, "precond": precond, "random_state": 0, "max_iter": 200}
    together = falkon(op, K, Y, np.array([0.1, 100.0]), **options)
    assert together.converged
    for j, alpha in enumerate([0.1, 100.0]):
        alone = falkon(op, K, Y[:, [j]], alpha, **options)
        assert_allclose(op @ together.x[:, j], op @ alone.x[:, 0], atol=1e-9)


@PRECONDITIONERS
def test_no_ridge_is_least_squares(precond):
    op, K, Y = make_problem(Exponential(3.0), m=40)
    result = falkon(
        op, K, Y, 0.0, tol=1e-12, precond=precond, random_state=0, max_iter=200
    )
    assert result.converged
    assert_allclose(result.x, np.linalg.lstsq(op.block(), Y)[0], rtol=1e-7, atol=1e-9)


def test_start_at_the_solution():
    op, K, Y = make_problem(m=60)
    options = {"tol": 1e-9, "random_state": 0}
    first = falkon(op, K, Y, 1.0, **options)
    again = falkon(op, K, Y, 1.0, x0=first.x, **{**options, "tol": 1e-8})
    assert again.n_iter == 0
    assert_allclose(op @ again.x, op @ first.x, atol=1e-10)
    near = falkon(op, K, Y, 1.0, x0=1.001 * first.x, **options)
    assert near.converged and near.n_iter < first.n_iter


def test_start_with_coefficients_of_duplicated_centers():
    # Only one of two equal centers is kept; the start has its share at the other.
    rng = np.random.RandomState(0)
    X = rng.randn(100, 2)
    Z = np.r_[X[:10], X[:10]]
    op, K = make_operator(RBF(), X, Z), make_operator(RBF(), Z).block()
    solution = falkon(op, K, X, 0.1, tol=1e-12).x
    moved = np.r_[solution[10:], solution[:10]]
    result = falkon(op, K, X, 0.1, x0=moved, tol=1e-9)
    assert result.n_iter == 0
    assert_allclose(op @ result.x, op @ solution, atol=1e-10)


@pytest.mark.parametrize("m", [1, 30])
@PRECONDITIONERS
def test_few_rows(precond, m):
    # Fewer rows than centers, and a single center.
    rng = np.random.RandomState(0)
    X, Z = rng.randn(20, 2), rng.randn(m, 2)
    op, K = make_operator(RBF(), X, Z), make_operator(RBF(), Z).block()
    result = falkon(op, K, X, 0.1, tol=1e-11, precond=precond, random_state=0)
    assert result.converged
    expected = least_squares(op, K, X[:, 0], 0.1)
    assert_allclose(op @ result.x[:, 0], expected, atol=1e-8)


def test_nothing_to_fit():
    op = PrecomputedOperator(np.zeros((5, 2)))
    result = falkon(op, np.zeros((2, 2)), np.ones((5, 3)), 1.0)
    assert result.converged and result.n_iter == 0
    assert_array_equal(result.x, np.zeros((2, 3)))
    op, K, Y = make_problem(m=20)
    result = falkon(op, K, 0 * Y, 1.0)
    assert result.converged and not result.x.any()


def test_reports_coefficients_and_stops():
    op, K, Y = make_problem(m=60)
    seen = []

    def on_iteration(iteration, x, residual, done):
        seen.append((iteration, x))
        return iteration == 3

    result = falkon(op, K, Y, 1.0, on_iteration=on_iteration)
    assert [i for i, _ in seen] == [1, 2, 3]
    assert result.reason == "stopped"
    assert_array_equal(seen[-1][1], result.x)
    assert_array_equal(result.x, falkon(op, K, Y, 1.0, max_iter=3).x)


def test_center_weights_improve_the_preconditioner():
    # One center stands for nearly all rows.
    rng = np.random.RandomState(0)
    X = np.r_[0.01 * rng.randn(2000, 2), 2 * rng.randn(50, 2)]
    Z = np.r_[X[:1], X[2000:]]
    op, K = make_operator(RBF(), X, Z), make_operator(RBF(), Z).block()
    y = np.cos(X[:, :1])
    counts = np.r_[2000.0, np.ones(50)]
    equal = falkon(op, K, y, 1e-3, tol=1e-9)
    weighted = falkon(op, K, y, 1e-3, tol=1e-9, center_weights=counts)
    assert weighted.converged and weighted.n_iter < 0.6 * equal.n_iter
    assert_allclose(
        op @ weighted.x, least_squares(op, K, y[:, 0], 1e-3)[:, None], atol=1e-6
    )


@PRECONDITIONERS
@pytest.mark.parametrize("duplicates", [0, 5])
def test_preconditioner_is_the_inverse_of_what_it_stands_for(precond, duplicates):
    rng = np.random.RandomState(0)
    Z = rng.randn(30, 3)
    Z = np.r_[Z, Z[:duplicates]]
    m = len(Z)
    K = make_operator(RBF(), Z).block()
    op = make_operator(RBF(), rng.randn(40, 3), Z)
    system = NystroemSystem(op, K.copy(), None)
    T = system.apply(np.eye(30))
    assert_allclose(T.T @ K @ T, np.eye(30), atol=1e-9)
    if precond == "falkon":
        counts = rng.uniform(0.5, 2.0, size=m)
        gram = K @ (counts[:, None] * K)
        M = system.precondition_by_centers(0.3, counts)
    else:
        S = sketch_rows(op, 2 * m)  # of 40 rows: all of them
        assert_array_equal(S, op.block())
        gram = S.T @ S
        M = system.precondition_by_sketch(0.3, S)
    expected = np.linalg.inv(T.T @ gram @ T + 0.3 * np.eye(30))
    assert_allclose(M(np.eye(30), None), expected, rtol=1e-8, atol=1e-10)
    # The two factors share an array: neither disturbs the other.
    assert_allclose(system.apply(np.eye(30)), T, rtol=1e-12)


def test_sketch_is_unbiased_and_subspace_embedding():
    rng = np.random.RandomState(0)
    K = rng.randn(500, 20)
    weights = rng.uniform(0.5, 2.0, size=500)
    op = PrecomputedOperator(K)
    gram = K.T @ (weights[:, None] * K)
    total = 0.0
    for seed in range(200):
        S = sketch_rows(op, 40, weights=weights, random_state=seed)
        assert S.shape == (40, 20)
        total = total + S.T @ S / 200
    scale = np.sqrt(np.outer(np.diag(gram), np.diag(gram)))
    # Each entry has a standard deviation of about scale / sqrt(40) in one sketch.
    assert np.abs((total - gram) / scale).max() < 5 / np.sqrt(40 * 200)
    values = scipy.linalg.eigh(S.T @ S, gram, eigvals_only=True)
    assert values[0] > 0.02 and values[-1] < 5.0


def test_sketch_has_eight_signs_in_each_column():
    op = PrecomputedOperator(np.eye(100))
    S = sketch_rows(op, 60, random_state=0)
    assert S.shape == (64, 100)
    assert_array_equal((S != 0).sum(axis=0), 8)
    assert_allclose(np.abs(S[S != 0]), 1 / np.sqrt(8))


def test_whitening_in_place():
    rng = np.random.RandomState(0)
    B = rng.randn(40, 25)
    K = B @ B.T
    H = rng.randn(40, 40)
    H = H @ H.T
    expected_rank = 25
    A = rng.randn(40, 2)
    for order in "CF":
        matrix = np.array(K, order=order)
        whitening = Whitening(matrix, 1e-10, keep_dropped=True)
        assert whitening.rank == expected_rank
        assert np.shares_memory(whitening.factor, matrix)
        T = whitening.apply(np.eye(25))
        assert_allclose(T.T @ K @ T, np.eye(25), atol=1e-9)
        assert_allclose(whitening.congruence(H), T.T @ H @ T, rtol=1e-7, atol=1e-7)
        # Nearest in the norm of K, which has rank 25: the same function.
        assert_allclose(K @ (T @ whitening.coordinates(A)), K @ A, atol=1e-8)


def test_memory_is_refused():
    op, K, Y = make_problem(m=150)
    with config_context(working_memory=0.3):
        falkon(op, K, Y, 1.0, max_iter=1)
        with pytest.raises(ValueError, match="150 centers.*n_centers"):
            falkon(op, K, Y, 1.0, precond="krill")
    with pytest.raises(ValueError, match="precond must be one of.*'best'"):
        falkon(op, K, Y, 1.0, precond="best")
