"""The route of CuPy arrays: with NumPy behind another module, and on a GPU."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone

from skkernels import EigenProClassifier, EigenProRegressor
from tests.ridge.test_device import cupy  # noqa: F401

PARAMS = {"gamma": "scale", "batch_size": 30, "n_components": 8, "random_state": 0}
MODELS = pytest.mark.parametrize(
    "model",
    [
        EigenProRegressor(max_iter=3, **PARAMS),
        EigenProRegressor(max_iter=3, alpha=0.1, polish=True, **PARAMS),
        EigenProRegressor(max_iter=3, early_stopping=True, **PARAMS),
        EigenProRegressor(40, max_iter=3, alpha=0.1, **PARAMS),
        EigenProRegressor(40, max_iter=3, alpha=0.1, polish=True, **PARAMS),
        EigenProRegressor(40, max_iter=3, projection_period=1, **PARAMS),
        EigenProClassifier(max_iter=3, **PARAMS),
        EigenProClassifier(40, max_iter=3, class_weight="balanced", **PARAMS),
        EigenProClassifier(
            40, max_iter=3, early_stopping=True, class_weight={2: 0.0}, **PARAMS
        ),
    ],
    ids=str,
)


def make_data(dtype=np.float64):
    rng = np.random.RandomState(0)
    X = rng.randn(150, 4).astype(dtype)
    return X, (X[:, 0] > 0).astype(int) + (X[:, 1] > 1)


def check(model, xp, to_host):
    X, y = make_data()
    host = clone(model).fit(X, y)
    device = clone(model).fit(xp.asarray(X), xp.asarray(y))
    output = device.predict(xp.asarray(X))
    for array in (output, device.coef_, device.centers_):
        assert type(array).__module__.partition(".")[0] == "cupy"
    if hasattr(model, "decision_function"):
        scores = to_host(device.decision_function(xp.asarray(X)))
        assert_allclose(scores, host.decision_function(X), atol=1e-6)
        assert (to_host(output) == host.predict(X)).mean() > 0.99
    else:
        assert_allclose(to_host(output), host.predict(X), atol=1e-6)
    assert_allclose(device.train_loss_, host.train_loss_, rtol=1e-6)
    with pytest.raises(ValueError, match="fitted on CuPy"):
        device.predict(X)
    with pytest.raises(ValueError, match="fitted on NumPy"):
        host.predict(xp.asarray(X))


@MODELS
def test_compute_follows_X(cupy, model):  # noqa: F811
    check(model, cupy, lambda a: a.get())


def test_partial_fit(cupy):  # noqa: F811
    X, y = make_data()
    host = EigenProRegressor(center_selection=X[:30], **PARAMS)
    device = EigenProRegressor(center_selection=cupy.asarray(X[:30]), **PARAMS)
    for rows in (slice(0, 100), slice(100, 150)):
        host.partial_fit(X[rows], y[rows])
        device.partial_fit(cupy.asarray(X[rows]), cupy.asarray(y[rows]))
    assert_allclose(device.predict(cupy.asarray(X)).get(), host.predict(X), atol=1e-6)


@pytest.mark.gpu
@MODELS
def test_compute_follows_X_on_a_gpu(model):
    import cupy  # noqa: F811

    check(model, cupy, cupy.asnumpy)
