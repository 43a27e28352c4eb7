"""Conjugate gradients for many columns."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skkernels.solvers import LowRankPreconditioner, block_cg


def make_psd(n, eigenvalues, seed=0):
    rng = np.random.RandomState(seed)
    Q = np.linalg.qr(rng.randn(n, n))[0]
    return (Q * eigenvalues) @ Q.T


@pytest.fixture
def problem():
    A = make_psd(60, np.logspace(0, -3, 60))
    return A, np.random.RandomState(1).randn(60, 3)


def test_solves_all_columns(problem):
    A, B = problem
    result = block_cg(A.__matmul__, B, tol=1e-11)
    assert result.converged and result.reason == "converged"
    assert_allclose(result.x, np.linalg.solve(A, B), rtol=1e-7, atol=1e-7)


def test_terminates_in_as_many_steps_as_distinct_eigenvalues():
    A = make_psd(40, np.repeat([1.0, 2.0, 5.0, 9.0], 10))
    b = np.random.RandomState(0).randn(40, 1)
    result = block_cg(A.__matmul__, b, tol=1e-10)
    assert result.n_iter == 4


def test_shift_per_column(problem):
    A, B = problem
    shift = np.array([1e-2, 1.0, 10.0])
    result = block_cg(A.__matmul__, B, shift=shift, tol=1e-11)
    for j in range(3):
        expected = np.linalg.solve(A + shift[j] * np.eye(60), B[:, j])
        assert_allclose(result.x[:, j], expected, rtol=1e-8, atol=1e-9)


def test_columns_do_not_influence_each_other(problem):
    A, B = problem
    # A few iterations only: rounding grows from one to the next.
    options = {"tol": 1e-3, "max_iter": 8}
    together = block_cg(A.__matmul__, B, shift=[0.01, 0.1, 1.0], **options).x
    for j, shift in enumerate([0.01, 0.1, 1.0]):
        alone = block_cg(A.__matmul__, B[:, [j]], shift=shift, **options).x
        assert_allclose(together[:, [j]], alone, rtol=1e-10, atol=1e-12)


def test_converged_columns_leave_the_products(problem):
    A, B = problem
    widths = []

    def matmat(V):
        widths.append(V.shape[1])
        return A @ V

    block_cg(matmat, B, shift=[0.01, 0.1, 100.0], tol=1e-8)
    assert widths[0] == 3
    assert widths[-2:] == [1, 3]  # the last one verifies all claims


def test_last_residual_is_the_true_one(problem):
    A, B = problem
    for max_iter in (5, 500):
        result = block_cg(A.__matmul__, B, max_iter=max_iter, tol=1e-8)
        true = np.linalg.norm(B - A @ result.x, axis=0) / np.linalg.norm(B, axis=0)
        assert_allclose(result.residual_norms[-1], true, rtol=1e-6)
        assert result.residual_norms.shape == (result.n_iter + 1, 3)
    assert (true <= 1e-8).all()


def test_false_convergence_of_the_recurrence_is_noticed():
    # Products in half the digits: the recurrence's residual goes on falling where the
    # true one, with respect to the rounded matrix, cannot.
    A = make_psd(50, np.logspace(0, -2, 50))
    B = np.random.RandomState(0).randn(50, 2)

    def rounded(V):
        return (A.astype(np.float32) @ V.astype(np.float32)).astype(np.float64)

    result = block_cg(rounded, B, tol=1e-9, max_iter=2000)
    assert result.reason == "stalled"
    assert not result.converged
    assert (result.residual_norms[-1] > 1e-9).all()
    assert result.n_iter < 2000


def in_single(A):
    """Products with a matrix rounded to float32, in float32."""
    single = A.astype(np.float32)
    return lambda V: (single @ V.astype(np.float32)).astype(np.float64)


@pytest.mark.parametrize("smallest", [1e-1, 1e-3])
def test_inexact_products_give_exact_solutions(smallest):
    A = make_psd(200, np.logspace(0, np.log10(smallest), 200))
    B = np.random.RandomState(0).randn(200, 3)
    n_exact = []

    def exact(V):
        n_exact.append(V.shape[1])
        return A @ V

    double = block_cg(A.__matmul__, B, tol=1e-12)
    mixed = block_cg(in_single(A), B, tol=1e-12, exact_matmat=exact)
    assert mixed.converged
    true = np.linalg.norm(B - A @ mixed.x, axis=0) / np.linalg.norm(B, axis=0)
    assert (true <= 1e-12).all()
    assert_allclose(mixed.residual_norms[-1], true, rtol=0.1)
    assert_allclose(mixed.x, double.x, rtol=1e-7, atol=1e-9)
    # Going on with the direction costs few iterations, and exact products are rare.
    assert mixed.n_iter <= 1.5 * double.n_iter
    assert len(n_exact) <= mixed.n_iter // 3


def test_inexact_products_are_given_up_where_they_lead_nowhere():
    # The smallest eigenvalues are of the order of the rounding errors of float32.
    A = make_psd(100, np.logspace(0, -6, 100))
    B = A @ np.random.RandomState(0).randn(100, 2)
    options = {"tol": 1e-9, "max_iter": 2000}
    alone = block_cg(in_single(A), B, **options)
    assert not alone.converged
    mixed = block_cg(in_single(A), B, exact_matmat=A.__matmul__, **options)
    assert mixed.converged


@pytest.mark.parametrize("value", [np.inf, np.nan, -1.0])
def test_inexact_products_that_break_down(problem, value):
    A, B = problem

    def broken(V):
        return -A @ V if value == -1.0 else np.full_like(V, value)

    result = block_cg(broken, B, tol=1e-10, exact_matmat=A.__matmul__)
    assert result.converged
    assert_allclose(result.x, np.linalg.solve(A, B), rtol=1e-6, atol=1e-6)


def test_max_iter(problem):
    A, B = problem
    result = block_cg(A.__matmul__, B, max_iter=3, tol=1e-12)
    assert (result.n_iter, result.reason, result.converged) == (3, "max_iter", False)


def test_indefinite_matrix_is_reported():
    A = np.diag([1.0, 2.0, -3.0])
    result = block_cg(A.__matmul__, np.ones((3, 1)) * [[1.0], [1.0], [3.0]])
    assert result.reason == "indefinite"
    assert np.isfinite(result.x).all()


def test_zero_right_hand_side(problem):
    A, B = problem
    B = B.copy()
    B[:, 1] = 0.0
    result = block_cg(A.__matmul__, B, tol=1e-10)
    assert result.converged
    assert_array_equal(result.x[:, 1], 0.0)
    assert block_cg(A.__matmul__, np.zeros((60, 2))).n_iter == 0


def test_start(problem):
    A, B = problem
    solution = np.linalg.solve(A, B)
    result = block_cg(A.__matmul__, B, x0=solution, tol=1e-8)
    assert result.n_iter == 0 and result.converged
    near = block_cg(A.__matmul__, B, x0=solution + 1e-6, tol=1e-8)
    assert 0 < near.n_iter < block_cg(A.__matmul__, B, tol=1e-8).n_iter


def test_callback_sees_every_iteration_and_stops(problem):
    A, B = problem
    seen = []

    def on_iteration(iteration, x, residual, done):
        seen.append((iteration, x.shape, residual, done))
        return iteration == 4

    result = block_cg(A.__matmul__, B, tol=1e-12, on_iteration=on_iteration)
    assert [s[0] for s in seen] == [1, 2, 3, 4]
    assert seen[0][1] == (60, 3)
    assert seen[0][2] == result.residual_norms[1].max()
    assert not any(s[3] for s in seen)
    assert result.reason == "stopped" and result.n_iter == 4


def test_callback_is_told_of_the_end(problem):
    A, B = problem
    done = []
    block_cg(A.__matmul__, B, tol=1e-6, on_iteration=lambda *a: done.append(a[3]))
    assert done[-1] is True and not any(done[:-1])


def test_inputs_are_not_changed(problem):
    A, B = problem
    before = B.copy()
    B.flags.writeable = False
    block_cg(A.__matmul__, B, x0=B, tol=1e-6)
    assert_array_equal(B, before)


def test_preconditioner_is_the_inverse():
    rng = np.random.RandomState(0)
    F = rng.randn(30, 5)
    shift = np.array([0.1, 2.0])
    V = rng.randn(30, 2)
    precond = LowRankPreconditioner(F, shift)
    for j in range(2):
        expected = np.linalg.solve(F @ F.T + shift[j] * np.eye(30), V[:, j])
        got = precond(V[:, [j]], np.array([j]))[:, 0]
        assert_allclose(got, expected, rtol=1e-10)
    assert np.isfinite(LowRankPreconditioner(F, [0.0])(V[:, [0]], np.array([0]))).all()


def test_preconditioner_saves_iterations():
    n, r = 200, 40
    A = make_psd(n, np.concatenate([np.logspace(3, 0, r), np.full(n - r, 1e-6)]))
    values, vectors = np.linalg.eigh(A)
    F = vectors[:, -r:] * np.sqrt(values[-r:])
    B = np.random.RandomState(0).randn(n, 2)
    shift = np.array([1e-3, 1e-2])
    plain = block_cg(A.__matmul__, B, shift=shift, tol=1e-8)
    precond = LowRankPreconditioner(F, shift)
    fast = block_cg(A.__matmul__, B, shift=shift, tol=1e-8, precond=precond)
    assert fast.converged
    assert fast.n_iter <= 5 < plain.n_iter
