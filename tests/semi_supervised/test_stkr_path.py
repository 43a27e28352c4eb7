"""stkr_path."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid

from skkernels import KernelRidge
from skkernels.semi_supervised import (
    SpectralKernelTransformer,
    STKRClassifier,
    STKRRegressor,
    stkr_path,
)
from skkernels.semi_supervised import _pool_estimator as pool_estimator

GRID = [
    {"alpha": [1e-3, 1.0, 1e2], "eta": [0.0, 0.9, 0.999]},
    {"transformation": ["power", "heat"], "power": [3], "fit_intercept": [True]},
    {
        "transformation": ["truncation"],
        "n_components": [2, 5],
        "pca_on": ["all", "unlabeled"],
    },
]


def problem():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(70, 3))
    Y = np.column_stack([np.sin(X[:, 0]), X[:, 1]])
    Y[20:] = np.nan
    return X, Y, rng.normal(size=(6, 3))


@pytest.fixture
def count(monkeypatch):
    """Number of eigendecompositions so far."""
    done = []
    decompose = pool_estimator.pool_eigensystem

    def counted(pool):
        done.append(pool.size)
        return decompose(pool)

    monkeypatch.setattr(pool_estimator, "pool_eigensystem", counted)
    return done


@pytest.mark.parametrize("solver", ["eigh", "auto"])
@pytest.mark.parametrize("normalize", ["degree", "center", "lazy"])
def test_models_are_fits(normalize, solver):
    X, Y, X_new = problem()
    weights = np.random.default_rng(1).integers(0, 3, 70)
    base = STKRRegressor(gamma="median", normalize=normalize, solver=solver)
    models = stkr_path(base, X, Y, GRID, sample_weight=weights)
    points = list(ParameterGrid(GRID))
    assert len(models) == len(points) == 15
    for model, params in zip(models, points):
        assert model.get_params() == {
            **base.get_params(),
            **params,
            "solver": "eigh",
        }
        alone = clone(model).fit(X, Y, sample_weight=weights)
        assert_allclose(model.predict(X_new), alone.predict(X_new), atol=1e-10)
        assert_allclose(model.transduction_, alone.transduction_, atol=1e-10)
        assert_allclose(model.dual_coef_, alone.dual_coef_, atol=1e-10)
        assert set(vars(model)) == set(vars(alone))
        assert model.eta_ == alone.eta_
    assert not hasattr(base, "dual_coef_") and base.solver == solver


def test_other_solvers_agree():
    X, Y, X_new = problem()
    grid = {"alpha": [0.01, 1.0], "eta": [0.5, 0.99]}
    for model in stkr_path(STKRRegressor(), X, Y, grid):
        alone = clone(model).set_params(solver="cholesky").fit(X, Y)
        assert_allclose(model.predict(X_new), alone.predict(X_new), atol=1e-10)


def test_one_eigendecomposition(count):
    X, Y, _ = problem()
    stkr_path(STKRRegressor(), X, Y, GRID[:2])
    assert count == [70]
    stkr_path(STKRRegressor(), X, Y, GRID)
    assert count == [70, 70, 50]


def test_training_data_are_shared():
    X, Y, X_new = problem()
    models = stkr_path(STKRRegressor(), X[:20], Y[:20], GRID[0], X_unlabeled=X[20:])
    assert all(model.X_fit_ is models[0].X_fit_ for model in models)
    together = stkr_path(STKRRegressor(), X, Y, GRID[0])
    for one, other in zip(models, together):
        assert_array_equal(one.predict(X_new), other.predict(X_new))


@pytest.mark.parametrize("class_mass", [False, True])
def test_classifier(class_mass, count):
    X, Y, X_new = problem()
    y = np.array(["a", "b", None], dtype=object)[np.where(Y[:, 0] > 0, 1, 0)]
    y[20:] = None
    base = STKRClassifier(class_mass=class_mass)
    grid = {"alpha": [0.1, 10.0], "class_weight": [None, {"a": 3.0}]}
    models = stkr_path(base, X, y, grid)
    assert len(count) == 1
    for model, params in zip(models, ParameterGrid(grid)):
        alone = clone(base).set_params(**params).fit(X, y)
        assert_allclose(
            model.decision_function(X_new), alone.decision_function(X_new), atol=1e-10
        )
        assert_allclose(model.label_distributions_, alone.label_distributions_)
        copy = pickle.loads(pickle.dumps(model))
        assert_array_equal(copy.predict(X_new), model.predict(X_new))


def test_models_can_be_fitted_again(count):
    X, Y, X_new = problem()
    model = stkr_path(STKRRegressor(), X, Y, {"alpha": [0.1]})[0]
    model.fit(-X, Y)
    assert len(count) == 2
    expected = STKRRegressor(alpha=0.1).fit(-X, Y)
    assert_allclose(model.predict(X_new), expected.predict(X_new))


@pytest.mark.parametrize(
    "name, value",
    [
        ("kernel", "laplacian"),
        ("gamma", 1.0),
        ("kernel_params", None),
        ("normalize", "none"),
        ("solver", "cholesky"),
    ],
)
def test_what_cannot_vary(name, value):
    X, Y, _ = problem()
    with pytest.raises(ValueError, match=f"param_grid has values for '{name}'"):
        stkr_path(STKRRegressor(), X, Y, {"alpha": [1.0], name: [value]})


def test_wrong_names():
    X, Y, _ = problem()
    with pytest.raises(ValueError, match="Invalid parameter 'beta'"):
        stkr_path(STKRRegressor(), X, Y, {"beta": [1.0]})


def test_wrong_estimators():
    X, Y, _ = problem()
    for estimator in (SpectralKernelTransformer(), KernelRidge(), STKRRegressor):
        with pytest.raises(TypeError, match="STKRRegressor or STKRClassifier"):
            stkr_path(estimator, X, Y, {"alpha": [1.0]})


def test_values_are_checked():
    X, Y, _ = problem()
    with pytest.raises(ValueError, match="'eta' parameter"):
        stkr_path(STKRRegressor(), X, Y, {"eta": [1.5]})
