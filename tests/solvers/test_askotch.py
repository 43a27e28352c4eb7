"""Accelerated sketch-and-project."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skkernels.kernels import RBF, Exponential, WhiteNoise
from skkernels.operators import KernelOperator, PrecomputedOperator
from skkernels.solvers import DualProblem, _askotch, askotch


def make_problem(n, kernel=None, d=3, n_targets=1):
    rng = np.random.RandomState(0)
    X = rng.randn(n, d)
    return KernelOperator(kernel or RBF(), X), rng.randn(n, n_targets)


def relative_residual(op, B, shift, x):
    R = B - op.block() @ x - shift * x
    return np.linalg.norm(R, axis=0) / np.linalg.norm(B, axis=0)


def test_reaches_rounding_in_sixty_passes():
    op, B = make_problem(1200)
    shift = np.array([1e-3 * 1200])
    result = askotch(
        op, B, shift=shift, block_size=120, rank=50, max_iter=60, tol=1e-12
    )
    assert result.converged and result.n_iter <= 60
    assert relative_residual(op, B, shift, result.x).max() <= 1e-12


@pytest.mark.parametrize("block_size", [7, 40, 150, 1000])
@pytest.mark.parametrize("rank", [3, 100])
def test_is_the_direct_solution_for_any_block(block_size, rank):
    op, B = make_problem(150, n_targets=2)
    result = askotch(
        op,
        B,
        shift=np.array([1.0, 1.0]),
        block_size=block_size,
        rank=rank,
        tol=1e-11,
        random_state=0,
    )
    assert result.converged
    expected = np.linalg.solve(op.block() + np.eye(150), B)
    assert_allclose(result.x, expected, atol=1e-9)


def test_shifts_of_columns_and_weights():
    op, Y = make_problem(300, n_targets=4)
    alpha = np.array([0.1, 1.0, 0.1, 10.0])
    weights = np.random.RandomState(1).uniform(0.1, 3, size=300)
    problem = DualProblem(op, Y, alpha, weights)
    result = problem.solve_askotch(max_iter=2000, tol=1e-11, random_state=0)
    assert result.converged
    expected = np.column_stack(
        [
            np.linalg.solve(op.block() + np.diag(a / weights), Y[:, j])
            for j, a in enumerate(alpha)
        ]
    )
    assert_allclose(problem.scale(result.x), expected, atol=1e-8)


def test_many_columns_are_single_ones():
    op, B = make_problem(240, n_targets=3)
    options = {"block_size": 60, "max_iter": 5, "tol": 1e-30, "random_state": 0}
    together = askotch(op, B, shift=np.ones(3), **options).x
    for j in range(3):
        alone = askotch(op, B[:, [j]], shift=np.ones(1), **options).x
        assert_allclose(together[:, [j]], alone, rtol=1e-9, atol=1e-12)


def test_stored_and_streamed_matrix_and_its_white_noise():
    op, B = make_problem(200, RBF() + WhiteNoise(0.5), n_targets=2)
    options = {"shift": np.full(2, 0.1), "tol": 1e-11, "random_state": 0}
    stored = askotch(PrecomputedOperator(op.block()), B, block_size=50, **options)
    streamed = askotch(op, B, block_size=50, **options)
    assert streamed.converged and streamed.n_iter == stored.n_iter
    assert_allclose(streamed.x, stored.x, atol=1e-9)
    assert relative_residual(op, B, 0.1, streamed.x).max() <= 1e-11


def test_duplicate_rows_with_conflicting_targets():
    rng = np.random.RandomState(0)
    X = np.repeat(rng.randn(60, 2), 4, axis=0)
    op, B = KernelOperator(RBF(), X), rng.randn(240, 1)
    result = askotch(op, B, shift=np.array([0.1]), block_size=50, tol=1e-10)
    assert result.converged
    expected = np.linalg.solve(op.block() + 0.1 * np.eye(240), B)
    assert_allclose(result.x, expected, atol=1e-7)


def test_zero_targets_and_zero_matrix():
    op, B = make_problem(100, n_targets=2)
    nothing = askotch(op, np.zeros((100, 2)), shift=np.ones(2))
    assert nothing.converged and nothing.n_iter == 0
    B[:, 1] = 0.0
    half = askotch(op, B, shift=np.ones(2), block_size=30, tol=1e-10)
    assert half.converged
    assert_array_equal(half.x[:, 1], 0.0)
    zero = PrecomputedOperator(np.zeros((100, 100)))
    result = askotch(zero, B, shift=np.full(2, 2.0), block_size=30)
    assert_allclose(result.x, B / 2, rtol=1e-5)


def test_momentum_saves_passes(monkeypatch):
    op, B = make_problem(400, Exponential(length_scale=3.0))
    options = {"shift": np.array([1e-3]), "block_size": 40, "rank": 5}
    options |= {"max_iter": 30, "tol": 1e-9, "random_state": 0}
    fast = askotch(op, B, **options)
    # With the largest convexity there is as good as no momentum.
    monkeypatch.setattr(_askotch, "_MIN_CONVEXITY", 0.1)
    slow = askotch(op, B, **options)
    assert 3 * fast.residual_norms[-1] < slow.residual_norms[-1]


def test_too_long_steps_return_to_the_best_state(monkeypatch):
    monkeypatch.setattr(_askotch, "_SAFETY", 0.1)
    op, B = make_problem(300)
    result = askotch(op, B, shift=np.array([0.1]), block_size=60, tol=1e-8)
    assert np.nanmax(result.residual_norms) > 10  # it did diverge
    assert result.converged
    assert relative_residual(op, B, 0.1, result.x).max() <= 1e-8


@pytest.mark.parametrize("seed", range(12))
def test_indefinite_matrix_ends_no_worse_than_it_began(seed):
    rng = np.random.RandomState(0)
    A = rng.randn(120, 120)
    op, B = PrecomputedOperator(A + A.T), rng.randn(120, 1)
    result = askotch(op, B, shift=np.array([0.1]), block_size=30, random_state=seed)
    assert result.reason == "indefinite"
    assert np.isfinite(result.x).all()
    assert result.residual_norms[-1].max() <= 1.0
    assert relative_residual(op, B, 0.1, result.x).max() <= 1.0 + 1e-12


def test_last_residual_is_the_true_one():
    op, B = make_problem(300, n_targets=2)
    for max_iter in (3, 500):
        result = askotch(
            op, B, shift=np.full(2, 0.1), block_size=60, max_iter=max_iter, tol=1e-8
        )
        true = relative_residual(op, B, 0.1, result.x)
        assert_allclose(result.residual_norms[-1], true, rtol=1e-4)
        assert result.residual_norms.shape == (result.n_iter + 1, 2)
    assert result.converged and (true <= 1e-8).all()


def test_callback_sees_every_pass_and_stops():
    op, B = make_problem(200)
    seen = []

    def on_iteration(iteration, x, residual, done):
        seen.append((iteration, x.copy(), residual, done))
        return iteration == 3

    result = askotch(
        op,
        B,
        shift=np.array([0.1]),
        block_size=50,
        tol=1e-12,
        on_iteration=on_iteration,
    )
    assert [s[0] for s in seen] == [1, 2, 3] and not any(s[3] for s in seen)
    assert result.reason == "stopped" and result.n_iter == 3
    assert_array_equal(result.x, seen[-1][1])
    done = []
    askotch(op, B, shift=np.ones(1), on_iteration=lambda *a: done.append(a[3]))
    assert done[-1] is True and not any(done[:-1])


def test_pass_costs_one_product(monkeypatch):
    op, B = make_problem(500, n_targets=3)
    entries = []
    matmat = KernelOperator.matmat

    def counted(self, V):
        entries.append(np.prod(self.shape))
        return matmat(self, V)

    monkeypatch.setattr(KernelOperator, "matmat", counted)
    askotch(op, B, shift=np.ones(3), block_size=30, max_iter=4, tol=1e-15)
    assert sum(entries) == 5 * 500**2  # four passes and the last residual


def test_seed_decides_and_inputs_stay():
    op, B = make_problem(150)
    before = B.copy()
    B.flags.writeable = False
    options = {"shift": np.ones(1), "block_size": 40, "max_iter": 2, "tol": 1e-15}
    first = askotch(op, B, random_state=3, **options).x
    assert_array_equal(first, askotch(op, B, random_state=3, **options).x)
    assert not np.array_equal(first, askotch(op, B, random_state=4, **options).x)
    assert_array_equal(B, before)
