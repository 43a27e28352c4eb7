"""The Stein kernel as a kernel: values, symmetry, precision, and what it refuses."""

import numba
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skkernels.kernels import RBF, Exponential, InverseMultiquadric, Linear, Matern
from skkernels.kernels._stein import SteinKernel
from skkernels.operators import make_operator

BASES = [
    InverseMultiquadric(length_scale=1.3),
    RBF(length_scale=1.3),
    InverseMultiquadric(length_scale=0.9, beta=0.7, c=1.2),
    Matern(length_scale=1.5, nu=2.5),
    Matern(length_scale=1.5, nu=1.5),
]
every_base = pytest.mark.parametrize("base", BASES, ids=repr)


def make_rows(n, d, seed=0):
    """Positions and scores of a Gaussian mixture."""
    X = 1.5 * np.random.RandomState(seed).randn(n, d)
    towards = 1.0 / (1.0 + np.exp(2.0 * X.sum(axis=1)))
    return np.hstack([X, -X - 1.0 + 2.0 * (1.0 - towards)[:, None]])


def by_definition(base, rows, columns):
    """Stein operator on both arguments of the base kernel, derivatives by differences.

    Sums over features of s_x s_y k + s_x dk/dy + s_y dk/dx + d2k/dxdy.
    """
    d = rows.shape[1] // 2
    x, s = rows[:, None, :d], rows[:, None, d:]
    y, t = columns[None, :, :d], columns[None, :, d:]
    h = 1e-3

    def k(dx=0.0, dy=0.0):
        return base.profile(np.square(x + dx - y - dy).sum(axis=2))

    total = (s * t).sum(axis=2) * k()
    for j in range(d):
        e = h * np.eye(d)[j]
        total += s[..., j] * (k(dy=e) - k(dy=-e)) / (2 * h)
        total += t[..., j] * (k(dx=e) - k(dx=-e)) / (2 * h)
        mixed = k(e, e) + k(-e, -e) - k(e, -e) - k(-e, e)
        total += mixed / (4 * h * h)
    return total


@every_base
@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_values_are_those_of_the_definition(base, d):
    rows, columns = make_rows(9, d), make_rows(300, d, seed=1)
    expected = by_definition(base, rows, columns)
    got = make_operator(SteinKernel(base), rows, columns).block()
    # Central differences of step 1e-3; derivatives up to the fourth are of order 1.
    assert_allclose(got, expected, atol=2e-5 * (1 + np.abs(rows).max() ** 2))


@every_base
@pytest.mark.parametrize("d", [1, 3, 6, 40])
def test_routes_agree(base, d):
    """Few rows, many rows and the diagonal are computed in different ways."""
    rows = make_rows(600, d)
    kernel = SteinKernel(base)
    K = kernel(rows)
    assert_array_equal(K, K.T)
    scale = np.abs(K).max()
    assert_allclose(kernel(rows[:3], rows), K[:3], rtol=0, atol=1e-13 * scale)
    assert_allclose(kernel.diag(rows), np.diag(K), rtol=0, atol=1e-13 * scale)
    # The same base kernel without its compiled form.
    if isinstance(base, InverseMultiquadric) and base.beta == 0.5:
        nearly = InverseMultiquadric(length_scale=1.3, c=1.0 + 1e-14)
        assert SteinKernel(nearly)._compiled()[0] is None
        assert_allclose(SteinKernel(nearly)(rows), K, rtol=0, atol=1e-12 * scale)


@pytest.mark.parametrize("base", ["imq", "rbf"])
def test_close_rows_far_from_the_center(base):
    """Where products of positions cancel, differences are taken."""
    rng = np.random.RandomState(0)
    centers = np.where(np.arange(60) < 30, -50.0, 50.0)[:, None]
    rows = np.hstack([centers + 1e-4 * rng.randn(60, 20), rng.randn(60, 20) * 1e4])
    base = {"imq": InverseMultiquadric, "rbf": RBF}[base](length_scale=5e-4)
    kernel = SteinKernel(base)
    K = kernel(rows)
    expected = np.vstack([kernel(rows[i : i + 3], rows) for i in range(0, 60, 3)])
    assert_allclose(K, expected, rtol=0, atol=1e-13 * np.abs(expected).max())


@every_base
def test_positive_semi_definite(base):
    K = SteinKernel(base)(make_rows(150, 3))
    values = np.linalg.eigvalsh(K)
    assert values[0] > -1e-12 * values[-1]


def test_mean_is_zero_under_the_distribution():
    """Mean over 40000 draws, within four standard errors, and not for another one."""
    rng = np.random.RandomState(0)
    X = rng.randn(40_000, 2)
    for base in BASES:
        kernel = SteinKernel(base)
        points = make_rows(6, 2)[:, :2]
        columns = np.hstack([points, -points])
        values = kernel(np.hstack([X, -X]), columns)
        errors = values.std(axis=0) / 200.0
        assert (np.abs(values.mean(axis=0)) < 4 * errors).all()
        shifted = kernel(np.hstack([X, -X - 0.3]), columns)
        assert (np.abs(shifted.mean(axis=0)) > 4 * errors).any()


def test_products_of_blocks():
    rows = make_rows(500, 3)
    kernel = SteinKernel(BASES[0])
    V = np.random.RandomState(1).randn(500, 2)
    operator = make_operator(kernel, rows)
    assert_allclose(operator.matmat(V), kernel(rows) @ V, atol=1e-10)
    shifted = make_operator(kernel + 2.0, rows)
    assert_allclose(shifted.block([3], None), kernel(rows)[[3]] + 2.0, atol=1e-12)


@pytest.mark.parametrize("d", [2, 40])
def test_float32(d):
    rows = make_rows(300, d)
    kernel = SteinKernel(BASES[0])
    K = kernel(rows.astype(np.float32))
    assert K.dtype == np.float32
    expected = kernel(rows)
    assert_allclose(K, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("d", [2, 40])
def test_any_number_of_threads(d):
    rows = make_rows(9000, d)
    kernel = SteinKernel(BASES[0])
    blocks = []
    before = numba.get_num_threads()
    try:
        for n_threads in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
            numba.set_num_threads(n_threads)
            blocks.append((kernel(rows[:2], rows), kernel(rows[:200], rows)))
    finally:
        numba.set_num_threads(before)
    assert_array_equal(blocks[0][0], blocks[1][0])
    assert_array_equal(blocks[0][1], blocks[1][1])


def test_parameters():
    kernel = SteinKernel(RBF(length_scale="median"))
    rows = make_rows(50, 2)
    with pytest.raises(ValueError, match="resolve"):
        kernel(rows)
    resolved = kernel.resolve(rows)
    assert resolved.base_kernel == RBF(length_scale="median").resolve(rows[:, :2])
    assert clone(resolved) == resolved
    assert resolved.set_params(base_kernel__length_scale=2.0).base_kernel == RBF(2.0)
    with pytest.raises(ValueError, match="even number"):
        resolved(rows[:, :3])


@pytest.mark.parametrize("base", [Linear(), "imq", Exponential()])
def test_base_kernels_that_will_not_do(base):
    with pytest.raises(ValueError, match="base kernel"):
        SteinKernel(base)(make_rows(5, 2))
