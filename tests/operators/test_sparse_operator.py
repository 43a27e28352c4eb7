"""Products with a sparse matrix beside those with the same matrix stored densely."""

import tracemalloc

import numba
import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context

from skkernels.operators import PrecomputedOperator, SparseOperator, make_operator


def matrix(n=90, m=70, dtype=np.float64, seed=0):
    rng = np.random.RandomState(seed)
    K = rng.standard_normal((n, m)).astype(dtype)
    K[rng.random_sample((n, m)) < 0.8] = 0
    return K


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("make", [sp.csr_array, sp.csr_matrix, sp.csc_array])
def test_methods_agree_with_the_dense_matrix(make, dtype):
    K = matrix(dtype=dtype)
    rng = np.random.RandomState(1)
    V, U, weights = rng.randn(70, 3), rng.randn(90, 2), rng.rand(90)
    sparse, dense = make_operator("precomputed", make(K)), PrecomputedOperator(K)
    assert isinstance(sparse, SparseOperator)
    assert sparse.shape == (90, 70) and sparse.dtype == dtype
    close = {"rtol": 1e-5, "atol": 1e-4} if dtype == np.float32 else {"rtol": 1e-12}
    for got, expected in [
        (sparse @ V, dense @ V),
        (sparse @ V[:, 0], dense @ V[:, 0]),
        (sparse.rmatmat(U), dense.rmatmat(U)),
        (sparse.T @ U, dense.T @ U),
        (sparse.normal_matmat(V, weights), dense.normal_matmat(V, weights)),
        (sparse.normal_matmat(V), dense.normal_matmat(V)),
        (sparse.take_rows(np.arange(5, 9)) @ V, dense.take_rows(slice(5, 9)) @ V),
    ]:
        assert got.dtype == expected.dtype and got.shape == expected.shape
        assert_allclose(got, expected, **close, strict=True)
    for got, expected in [
        *zip(sparse.residual_matmat(V, U[:, :1]), dense.residual_matmat(V, U[:, :1])),
        *zip(sparse.normal_matrix(weights, U), dense.normal_matrix(weights, U)),
    ]:
        assert got.dtype == np.float64
        assert_allclose(got, expected, rtol=1e-4, atol=1e-4 if dtype != V.dtype else 0)
    assert sparse.normal_matrix()[1] is None
    assert_allclose(sparse.as_linear_operator() @ V, dense @ V, **close)


def test_blocks():
    K = matrix(50, 50)
    op = SparseOperator(sp.csr_array(K))
    assert_array_equal(op.block(), K)
    assert_array_equal(op.block(slice(3, 9), None), K[3:9])
    rows, columns = np.array([4, 1]), np.array([0, 7, 9])
    assert_array_equal(op.block(rows, columns), K[np.ix_(rows, columns)])
    assert_array_equal(op.diag(), K.diagonal())


def test_whole_matrix_is_refused_beyond_the_budget():
    op = SparseOperator(sp.eye_array(2000, format="csr"))
    with config_context(working_memory=8):
        with pytest.raises(ValueError, match=r"2000 x 2000 .*30.5 MiB"):
            op.block()
        assert op.block(slice(0, 10), None).shape == (10, 2000)


def test_integers_become_numbers_and_wrong_shapes_are_refused():
    op = SparseOperator(sp.csr_array(np.array([[0, 1], [2, 0]])))
    assert op.dtype == np.float64
    assert_array_equal(op @ np.array([1.0, 10.0]), [10.0, 2.0])
    with pytest.raises(ValueError, match="its length must be 2"):
        op @ np.ones(3)


def test_large_products_stay_sparse_and_do_not_depend_on_threads():
    # Three blocks of rows; the matrix without its sparsity would have 3 GB.
    n, n_edges = 20_000, 150_000
    rng = np.random.RandomState(0)
    edges = rng.randint(n, size=(2, n_edges))
    K = sp.coo_array((rng.rand(n_edges), edges), shape=(n, n)).tocsr()
    V = rng.standard_normal((n, 4))
    op = SparseOperator(K)
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        one = op @ V
    finally:
        numba.set_num_threads(threads)
    tracemalloc.start()
    product = op @ V
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert_array_equal(product, one)
    assert_allclose(product, K @ V, rtol=1e-12)
    assert peak < 8 * V.nbytes
