"""The route of CuPy arrays, on the CPU: NumPy's functions behind another module.

The stand-in shows that fits and predictions go through the array module of X and that
results stay in it. Tests marked ``gpu`` do the same with CuPy itself.
"""

import sys
import types

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse
from numpy.testing import assert_allclose

from skkernels import (
    KernelRidge,
    KernelRidgeClassifier,
    KernelRidgeCV,
    NystroemKernelRidge,
    NystroemKernelRidgeClassifier,
)

MODELS = [
    KernelRidge(kernel="rbf", alpha=0.1),
    KernelRidge(kernel="rbf", alpha=0.1, solver="pcg", tol=1e-10, random_state=0),
    KernelRidge(kernel="rbf", alpha=0.1, solver="askotch", tol=1e-10, random_state=0),
    KernelRidge(kernel="rbf", alpha=0.0, solver="cholesky"),
    KernelRidgeCV([0.1, 1.0]),
    KernelRidgeCV([0.1, 1.0], cv=3, alpha_per_target=True, scoring="r2"),
    KernelRidgeClassifier(gamma=None),
    NystroemKernelRidge(30, gamma=None, random_state=0),
    NystroemKernelRidge(30, gamma=0.01, random_state=0),
    NystroemKernelRidge(30, gamma=None, center_selection="kmeans++", random_state=0),
    NystroemKernelRidge(30, gamma=None, center_selection="rpcholesky", random_state=0),
    NystroemKernelRidge(30, gamma=None, center_selection="leverage", random_state=0),
    NystroemKernelRidge(30, gamma=None, solver="falkon", tol=1e-10, random_state=0),
    NystroemKernelRidge(30, gamma=None, solver="krill", tol=1e-10, random_state=0),
    NystroemKernelRidgeClassifier(30, gamma=None, random_state=0),
]


class DeviceArray(np.ndarray):
    """An array that passes for CuPy's."""

    def get(self):
        return np.array(self, subok=False)


DeviceArray.__module__ = "cupy"


class DeviceModule(types.ModuleType):
    """A module of NumPy whose functions return device arrays."""

    def __init__(self, name, source):
        super().__init__(name)
        self._source = source

    def __getattr__(self, name):
        value = getattr(self._source, name)
        if isinstance(value, types.ModuleType):
            return DeviceModule(f"{self.__name__}.{name}", value)
        if not callable(value) or isinstance(value, type):
            return value
        return lambda *args, **kwargs: _to_device(value(*args, **kwargs))


def _to_device(value):
    if isinstance(value, np.ndarray):
        return value.view(DeviceArray)
    if isinstance(value, tuple):
        return tuple(_to_device(v) for v in value)
    return value


@pytest.fixture
def cupy(monkeypatch):
    """A stand-in for CuPy."""
    module = DeviceModule("cupy", np)
    module.cuda = types.SimpleNamespace(
        Device=lambda: types.SimpleNamespace(mem_info=(2**30, 2**30)),
        memory=types.SimpleNamespace(OutOfMemoryError=MemoryError),
    )
    module.get_default_memory_pool = lambda: types.SimpleNamespace(
        free_bytes=lambda: 0, free_all_blocks=lambda: None
    )
    monkeypatch.setitem(sys.modules, "cupy", module)
    linalg = DeviceModule("cupyx.scipy.linalg", scipy.linalg)
    monkeypatch.setitem(sys.modules, "cupyx.scipy.linalg", linalg)
    sparse = DeviceModule("cupyx.scipy.sparse", scipy.sparse)
    monkeypatch.setitem(sys.modules, "cupyx.scipy.sparse", sparse)
    monkeypatch.setitem(sys.modules, "cupyx.scipy", DeviceModule("cupyx.scipy", scipy))
    monkeypatch.setitem(sys.modules, "cupyx", types.ModuleType("cupyx"))
    return module


def make_data(dtype):
    rng = np.random.RandomState(0)
    X = rng.randn(1100, 4).astype(dtype)
    return X, (X[:, 0] * X[:, 1] > 0).astype(int), rng.randint(0, 3, size=1100)


def check(model, xp, dtype, to_host):
    X, y, weights = make_data(dtype)
    X, y, weights = X[:150], y[:150], weights[:150]
    if getattr(model, "solver", None) == "pcg":
        X, y, weights = make_data(dtype)
    host = model.__class__(**model.get_params()).fit(X, y, sample_weight=weights)
    device = model.fit(xp.asarray(X), xp.asarray(y), sample_weight=weights)
    output = device.predict(xp.asarray(X))
    tolerance = 1e-6 if dtype == np.float64 else 1e-3
    if hasattr(model, "decision_function"):
        scores = device.decision_function(xp.asarray(X))
        assert scores.dtype == dtype
        assert_allclose(to_host(scores), host.decision_function(X), atol=tolerance)
        assert (to_host(output) == host.predict(X)).mean() > 0.99
    else:
        assert output.dtype == dtype
        assert_allclose(to_host(output), host.predict(X), atol=tolerance)
    fitted = device.coef_ if hasattr(device, "coef_") else device.dual_coef_
    for array in (output, fitted):
        assert type(array).__module__.partition(".")[0] == "cupy"
    with pytest.raises(ValueError, match="fitted on CuPy"):
        device.predict(X)
    with pytest.raises(ValueError, match="fitted on NumPy"):
        host.predict(xp.asarray(X))


@pytest.mark.filterwarnings("ignore:Singular matrix")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_compute_follows_X(cupy, model, dtype):
    check(model, cupy, dtype, lambda a: a.get())


def test_partial_fit_on_the_device(cupy):
    X, y, _ = make_data(np.float64)
    whole = NystroemKernelRidge(center_selection=X[:30], gamma=None).fit(X, y)
    parts = NystroemKernelRidge(center_selection=cupy.asarray(X[:30]), gamma=None)
    for rows in (slice(0, 100), slice(100, 1100)):
        parts.partial_fit(cupy.asarray(X[rows]), cupy.asarray(y[rows]))
    output = parts.predict(cupy.asarray(X))
    assert_allclose(output.get(), whole.predict(X), atol=1e-8)


@pytest.mark.parametrize(
    "centers, message",
    [
        (np.empty((0, 4)), "no rows"),
        (np.zeros(4), "Expected 2D array for center_selection"),
        (np.full((2, 4), np.nan), "center_selection contains NaN"),
        (np.zeros((2, 3)), "3 features, but X has 4"),
    ],
)
def test_bad_centers_on_the_device(cupy, centers, message):
    X, y, _ = make_data(np.float64)
    model = NystroemKernelRidge(center_selection=cupy.asarray(centers), gamma=None)
    with pytest.raises(ValueError, match=message):
        model.fit(cupy.asarray(X), cupy.asarray(y))


@pytest.mark.gpu
@pytest.mark.filterwarnings("ignore:Singular matrix")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_compute_follows_X_on_a_gpu(model, dtype):
    import cupy

    check(model, cupy, dtype, cupy.asnumpy)
