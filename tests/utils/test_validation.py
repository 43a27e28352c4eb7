"""Checks of data and weights."""

import sys

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal
from sklearn import config_context
from sklearn.base import BaseEstimator, RegressorMixin

from skkernels.utils._validation import (
    check_same_device,
    check_weights,
    drop_zero_weights,
    match_storage,
    positive_rows,
    validate,
)


class Estimator(RegressorMixin, BaseEstimator):
    pass


class DeviceArray(np.ndarray):
    """An array that passes for CuPy's."""


DeviceArray.__module__ = "cupy"


@pytest.fixture
def device(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", np)
    return lambda a: np.array(a).view(DeviceArray)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_keep_their_precision_and_memory(dtype):
    X = np.ones((4, 2), dtype)
    estimator = Estimator()
    assert validate(estimator, X, reset=True) is X
    assert estimator.n_features_in_ == 2


@pytest.mark.parametrize("dtype", [int, np.int8, np.float16, object, bool])
def test_the_rest_becomes_float64(dtype):
    X = validate(Estimator(), np.ones((4, 2)).astype(dtype), reset=True)
    assert X.dtype == np.float64


def test_order_is_c():
    X = validate(Estimator(), np.ones((4, 3), order="F"), reset=True)
    assert X.flags.c_contiguous


def test_sparse_becomes_canonical_csr_without_touching_the_input():
    X = sp.csr_matrix(
        (np.ones(3), np.array([1, 0, 1]), np.array([0, 3, 3])), shape=(2, 2)
    )
    out = validate(Estimator(), X, reset=True)
    assert out.has_canonical_format
    assert_array_equal(out.toarray(), [[1.0, 2.0], [0.0, 0.0]])
    assert X.nnz == 3
    assert validate(Estimator(), sp.csc_array(np.eye(3)), reset=True).format == "csr"


def test_sparse_refused_on_request():
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        validate(Estimator(), sp.eye(3, format="csr"), reset=True, accept_sparse=False)


def test_nan_and_missing_y():
    with pytest.raises(ValueError, match="NaN"):
        validate(Estimator(), [[np.nan]], reset=True)
    with pytest.raises(ValueError, match="requires y to be passed"):
        validate(Estimator(), [[1.0]], None, reset=True)


def test_wrong_number_of_features():
    estimator = Estimator()
    validate(estimator, np.ones((3, 2)), reset=True)
    with pytest.raises(ValueError, match="expecting 2 features"):
        validate(estimator, np.ones((3, 4)), reset=False)


def test_dask_is_not_turned_into_an_array():
    collection = type("Array", (), {"__module__": "dask.array.core"})()
    with pytest.raises(TypeError, match="Incremental"):
        validate(Estimator(), collection, reset=True)


class TestDeviceArrays:
    def test_passes_through(self, device):
        estimator = Estimator()
        X, y = device(np.ones((3, 2), np.float32)), device([1, 2, 3])
        out, target = validate(estimator, X, y, reset=True)
        assert out.dtype == np.float32
        assert target.dtype.kind == "i"
        assert estimator.n_features_in_ == 2
        _, target = validate(estimator, X, y, reset=True, y_numeric=True)
        assert target.dtype == np.float64

    @pytest.mark.parametrize(
        "X, y, message",
        [
            ([[np.inf, 1.0]], [1.0], "NaN or infinity"),
            ([[1j, 1.0]], [1.0], "Complex data not supported"),
            ([1.0, 2.0], [1.0], "Expected 2D array"),
            (np.ones((0, 2)), [], "minimum of 1"),
            ([[1.0, 2.0]], [1.0, 2.0], "inconsistent numbers of samples"),
            ([[1.0, 2.0]], [[1.0, 2.0]], "Expected 1D array for y"),
            ([[1.0, 2.0]], None, "requires y"),
        ],
    )
    def test_refusals(self, device, X, y, message):
        with pytest.raises(ValueError, match=message):
            validate(Estimator(), device(X), y, reset=True)

    def test_assume_finite(self, device):
        with config_context(assume_finite=True):
            X = validate(Estimator(), device([[np.nan]]), reset=True)
        assert bool(np.isnan(np.asarray(X)).all())

    def test_number_of_features(self, device):
        estimator = Estimator()
        validate(estimator, device(np.ones((3, 2))), reset=True)
        with pytest.raises(ValueError, match="expecting 2 features"):
            validate(estimator, device(np.ones((3, 4))), reset=False)

    def test_weights(self, device):
        X = device(np.ones((3, 2)))
        assert check_weights(2, X).tolist() == [2.0, 2.0, 2.0]
        assert check_weights([0, 1, 2], X).dtype == np.float64
        with pytest.raises(ValueError, match="Negative"):
            check_weights([0, -1, 2], X)
        with pytest.raises(ValueError, match="non-zero"):
            check_weights([0, 0, 0], X)
        with pytest.raises(ValueError, match=r"shape.*\(2,\).*\(3,\)"):
            check_weights([1, 2], X)

    def test_no_mixing_with_numpy(self, device):
        host, on_device = np.ones(3), device(np.ones(3))
        check_same_device(Estimator(), host, host)
        check_same_device(Estimator(), on_device, on_device)
        with pytest.raises(ValueError, match=r"fitted on CuPy.*cupy\.asarray"):
            check_same_device(Estimator(), host, on_device)
        with pytest.raises(ValueError, match=r"fitted on NumPy.*cupy\.asnumpy"):
            check_same_device(Estimator(), on_device, host)


def test_weights():
    X = np.ones((3, 2), np.float32)
    assert check_weights(None, X) is None
    assert check_weights(2.0, X).tolist() == [2.0, 2.0, 2.0]
    assert check_weights(np.ones(3, np.float32), X).dtype == np.float64
    with pytest.raises(ValueError, match="Negative"):
        check_weights([1, -1, 1], X)
    with pytest.raises(ValueError, match="non-zero"):
        check_weights([0, 0, 0], X)


def test_rows_of_weight_zero():
    X, y = np.arange(6.0).reshape(3, 2), np.arange(3)
    assert positive_rows(None) is None
    assert positive_rows(np.ones(3)) is None
    assert drop_zero_weights(X, y, None) == (X, y, None, None)
    weights = np.array([1.0, 0.0, 2.0])
    X2, y2, w2, rows = drop_zero_weights(X, y, weights)
    assert_array_equal(X2, X[[0, 2]])
    assert_array_equal(y2, [0, 2])
    assert_array_equal(w2, [1.0, 2.0])
    assert_array_equal(rows, [0, 2])
    assert drop_zero_weights(X, y, np.ones(3))[0] is X


def test_match_storage():
    dense, sparse = np.eye(3), sp.csr_array(np.eye(3))
    assert match_storage(dense, dense) is dense
    assert match_storage(sparse, sparse) is sparse
    assert sp.issparse(match_storage(dense, sparse))
    assert_array_equal(match_storage(sparse, dense), dense)
