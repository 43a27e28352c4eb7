"""Cholesky factorisations and what happens where they fail."""

import tracemalloc
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import LinAlgWarning
from sklearn import config_context

from skkernels.linalg import Whitening, safe_cholesky, solve_psd, triangular_solve


def make_psd(n, eigenvalues, seed=0):
    Q = np.linalg.qr(np.random.RandomState(seed).randn(n, n))[0]
    A = (Q * eigenvalues) @ Q.T
    return 0.5 * (A + A.T)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_safe_cholesky_of_a_definite_matrix(order, overwrite):
    A = np.array(make_psd(30, np.linspace(1, 3, 30)), order=order)
    before = A.copy()
    L, jitter = safe_cholesky(A, overwrite=overwrite)
    assert jitter == 0.0
    assert_array_equal(L, np.tril(L))
    assert_allclose(L @ L.T, before, atol=1e-13)
    assert np.may_share_memory(L, A) == overwrite
    if not overwrite:
        assert_array_equal(A, before)


def test_safe_cholesky_across_block_boundaries(monkeypatch):
    monkeypatch.setattr("skkernels.linalg._cholesky._MIRROR_BLOCK", 7)
    A = np.outer(np.arange(1, 31.0), np.arange(1, 31.0))
    L, jitter = safe_cholesky(A)
    assert 0 < jitter < 1e-9 * np.diag(A).mean()
    assert_array_equal(L, np.tril(L))
    assert_allclose(L @ L.T, A + jitter * np.eye(30), rtol=1e-12)


def test_safe_cholesky_refuses_indefinite():
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        safe_cholesky(np.diag([1.0, -0.5]))
    with pytest.raises(np.linalg.LinAlgError):
        safe_cholesky(np.zeros((2, 2)))


@pytest.mark.parametrize("overwrite", [False, True])
def test_solve_psd_with_shifts(overwrite, monkeypatch):
    monkeypatch.setattr("skkernels.linalg._cholesky._MIRROR_BLOCK", 8)
    A = make_psd(25, np.linspace(0, 3, 25))
    B = np.random.RandomState(1).randn(25, 4)
    shift = np.array([0.5, 2.0, 0.5, 1.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        X = solve_psd(A.copy(), B, shift=shift, overwrite=overwrite)
    for j in range(4):
        expected = np.linalg.solve(A + shift[j] * np.eye(25), B[:, j])
        assert_allclose(X[:, j], expected, rtol=1e-11)


def test_solve_psd_overwrite_needs_no_second_matrix():
    A = make_psd(600, np.linspace(1, 2, 600))
    b = np.ones((600, 1))
    tracemalloc.start()
    solve_psd(A, b, overwrite=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.5 * A.nbytes


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shift", [0.0, [0.0, 1.0, 0.0]])
def test_singular_system_gets_the_least_norm_solution(shift, order):
    A = np.array(make_psd(12, np.r_[np.zeros(6), np.arange(1, 7.0)]), order=order)
    B = np.random.RandomState(0).randn(12, 3)
    with pytest.warns(LinAlgWarning, match="Singular matrix"):
        X = solve_psd(A.copy(order="K"), B, shift=shift, overwrite=True)
    assert_allclose(X[:, 0], np.linalg.pinv(A, rcond=1e-10) @ B[:, 0], atol=1e-10)
    if np.ndim(shift):
        assert_allclose(X[:, 1], np.linalg.solve(A + np.eye(12), B[:, 1]), atol=1e-12)


def test_indefinite_system_is_solved():
    A = make_psd(10, np.r_[-2.0, np.arange(1, 10.0)])
    b = np.random.RandomState(0).randn(10, 1)
    with pytest.warns(LinAlgWarning):
        assert_allclose(solve_psd(A, b), np.linalg.solve(A, b), rtol=1e-10)


def test_singular_system_without_room_for_eigenvectors():
    A = make_psd(400, np.r_[np.zeros(200), np.linspace(1, 2, 200)])
    b = A @ np.random.RandomState(0).randn(400, 1)
    with config_context(working_memory=1), pytest.warns(LinAlgWarning, match="Added"):
        x = solve_psd(A, b)
    assert_allclose(A @ x, b, atol=1e-9)


@pytest.mark.parametrize("memory, message", [(100, "minimum-norm"), (1, "Added")])
def test_singular_system_needs_what_was_budgeted(memory, message, monkeypatch):
    # Beside A a matrix of eigenvectors, where the budget has room for it.
    monkeypatch.setattr("skkernels.linalg._cholesky._MIRROR_BLOCK", 64)
    A = make_psd(600, np.r_[np.zeros(300), np.linspace(1, 2, 300)])
    B = A @ np.random.RandomState(0).randn(600, 2)
    work = A.copy()
    with config_context(working_memory=memory), pytest.warns(LinAlgWarning) as record:
        tracemalloc.start()
        X = solve_psd(work, B, shift=[0.0, 1.0], overwrite=True)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert message in str(record[0].message)
    assert peak < (1.3 if memory == 100 else 0.3) * A.nbytes
    assert_allclose(A @ X[:, 0], B[:, 0], atol=1e-8)
    # The second shift finds the matrix intact.
    assert_allclose(A @ X[:, 1] + X[:, 1], B[:, 1], atol=1e-12)


def test_two_singular_shifts():
    A = make_psd(50, np.r_[-1.0, -1.0, np.linspace(1, 2, 48)])
    B = np.random.RandomState(0).randn(50, 2)
    for order in "CF":
        with pytest.warns(LinAlgWarning):
            X = solve_psd(np.array(A, order=order), B, shift=[0, 0.5], overwrite=True)
        for j, shift in enumerate([0, 0.5]):
            expected = np.linalg.solve(A + shift * np.eye(50), B[:, j])
            assert_allclose(X[:, j], expected, rtol=1e-9, atol=1e-12)


def test_ill_conditioned_system_warns():
    A = np.diag([1.0, 1e-18])
    with pytest.warns(LinAlgWarning, match="ill-conditioned"):
        solve_psd(A, np.ones((2, 1)))


class FakeNamespace:
    """NumPy under another name: what runs on it is the route of other modules."""

    def __getattr__(self, name):
        return getattr(np, name)


@pytest.fixture(params=["numpy", "other"])
def namespace(request, monkeypatch):
    if request.param == "other":
        fake = FakeNamespace()
        monkeypatch.setattr(
            "skkernels.linalg._whitening.get_namespace", lambda *a: fake
        )
    return request.param


def test_whitening(namespace):
    m = 20
    K = make_psd(m, np.logspace(0, -4, m))
    H = make_psd(m, np.linspace(1, 2, m), seed=1)
    whitening = Whitening(K.copy(), tol=1e-12)
    T = whitening.apply(np.eye(whitening.rank))
    assert whitening.rank == m
    assert_allclose(T.T @ K @ T, np.eye(m), atol=1e-9)
    assert whitening.norm == pytest.approx(np.linalg.norm(T, 2), rel=0.1)
    assert_allclose(whitening.congruence(H), T.T @ H @ T, rtol=1e-8)
    assert_allclose(whitening.adjoint(H[:, :2]), T.T @ H[:, :2], rtol=1e-8)


def test_whitening_of_a_singular_matrix(namespace):
    rng = np.random.RandomState(0)
    B = rng.randn(5, 3)
    B = B[[0, 1, 2, 3, 4, 0, 1]]  # two rows repeated
    K = B @ B.T
    whitening = Whitening(K.copy(), tol=1e-12)
    T = whitening.apply(np.eye(whitening.rank))
    assert whitening.rank == 3
    assert_allclose(T.T @ K @ T, np.eye(3), atol=1e-10)
    # T T' is an inverse of K where K is not zero.
    assert_allclose(K @ T @ T.T @ K, K, atol=1e-10)


@pytest.mark.parametrize("trans", [False, True])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype, rtol", [(np.float64, 1e-12), (np.float32, 1e-4)])
@pytest.mark.parametrize("shape", [(2100,), (2100, 3)])
def test_pooled_triangular_solve(trans, order, dtype, rtol, shape):
    # Large enough for the route through the pool.
    rng = np.random.default_rng(0)
    L = np.tril(rng.standard_normal((2100, 2100))) / 200 + np.eye(2100)
    L = np.asarray(L, dtype=dtype, order=order)
    L += np.triu(np.full_like(L, np.nan), 1)  # not looked at
    expected = rng.standard_normal(shape)
    lower = np.tril(np.nan_to_num(L.astype(np.float64)))
    B = ((lower.T if trans else lower) @ expected).astype(dtype)
    X = triangular_solve(L, B, trans=trans)
    assert X.dtype == dtype and X.shape == shape
    size = np.abs(expected).max()
    assert_allclose(X, expected, rtol=0, atol=rtol * size)
