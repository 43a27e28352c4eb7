"""Solvers of the Nystroem models: conjugate gradients, alpha paths, memory."""

import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning

from skkernels import NystroemKernelRidge, NystroemKernelRidgeClassifier
from skkernels.kernels import WhiteNoise, make_kernel

ITERATIVE = pytest.mark.parametrize("solver", ["falkon", "krill"])
BOTH = pytest.mark.parametrize(
    "cls", [NystroemKernelRidge, NystroemKernelRidgeClassifier]
)


@pytest.fixture(scope="module")
def data():
    rng = np.random.RandomState(0)
    X = rng.randn(400, 3)
    y = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + 3.0
    Y = np.column_stack([y, X[:, 0], rng.randn(400)])
    return X, y, Y, rng.randn(50, 3)


@ITERATIVE
@BOTH
@pytest.mark.parametrize("several", [False, True])
def test_iterative_solvers_find_the_direct_solution(data, solver, cls, several):
    X, y, target, X_test = data
    if cls is NystroemKernelRidgeClassifier:
        target = np.digitize(y, [2.5, 3.5] if several else [3.0])
    elif not several:
        target = y
    model = cls(60, alpha=0.4, random_state=0)
    direct = clone(model).fit(X, target)
    assert direct.solver_ == "direct" and direct.residual_norms_ is None
    assert direct.n_iter_ == 1 and direct.converged_
    model.set_params(solver=solver, tol=1e-11).fit(X, target)
    assert model.solver_ == solver and model.converged_
    assert len(model.residual_norms_) == model.n_iter_ + 1
    assert model.residual_norms_[-1] <= 1e-11
    assert_array_equal(model.centers_, direct.centers_)
    assert model.coef_.shape == direct.coef_.shape
    method = "decision_function" if hasattr(model, "classes_") else "predict"
    got, expected = (getattr(m, method)(X_test) for m in (model, direct))
    assert_allclose(got, expected, atol=1e-8)


@ITERATIVE
def test_weights_are_repetitions(data, solver):
    X, _, Y, X_test = data
    weights = np.random.RandomState(0).randint(0, 4, size=400)
    model = NystroemKernelRidge(
        center_selection=X[:40], solver=solver, tol=1e-12, random_state=0
    )
    weighted = clone(model).fit(X, Y, sample_weight=weights)
    repeated = clone(model).fit(np.repeat(X, weights, 0), np.repeat(Y, weights, 0))
    assert_allclose(weighted.predict(X_test), repeated.predict(X_test), atol=1e-8)


@ITERATIVE
def test_alpha_per_target(data, solver):
    X, _, Y, X_test = data
    model = NystroemKernelRidge(
        50,
        alpha=[1e-2, 1.0, 10.0],
        solver=solver,
        tol=1e-11,
        max_iter=300,
        random_state=0,
    ).fit(X, Y)
    direct = clone(model).set_params(solver="direct").fit(X, Y)
    assert_allclose(model.predict(X_test), direct.predict(X_test), atol=1e-7)


@ITERATIVE
def test_sparse_float32_and_white_noise(data, solver):
    X, y, _, X_test = data
    X = np.where(X > 0, X, 0)
    kernel = make_kernel("laplacian", gamma=0.5)
    model = NystroemKernelRidge(
        center_selection=X[:40], solver=solver, kernel=kernel, tol=1e-11, random_state=0
    )
    dense = clone(model).fit(X, y).predict(X_test)
    sparse = clone(model).fit(sp.csr_array(X), y)
    assert sp.issparse(sparse.centers_)
    assert_allclose(sparse.predict(X_test), dense, rtol=1e-7)
    single = clone(model).fit(X.astype(np.float32), y.astype(np.float32))
    assert single.converged_ and single.coef_.dtype == np.float32
    assert_allclose(single.predict(X_test), dense, atol=1e-4)
    noisy = clone(model).set_params(kernel=kernel + WhiteNoise(1.0)).fit(X, y)
    assert_allclose(noisy.predict(X_test), dense, rtol=1e-9)


@ITERATIVE
def test_odd_data(data, solver):
    X, y, _, _ = data
    model = NystroemKernelRidge(solver=solver, tol=1e-11, random_state=0)
    # A constant target, equal rows that disagree, a single row, no functions at all.
    assert_allclose(clone(model).fit(X, np.full(400, 2.0)).predict(X), 2.0)
    twice = np.r_[X[:30], X[:30]]
    model.fit(twice, np.r_[y[:30], 6.0 - y[:30]])
    assert_allclose(model.predict(twice), 3.0, atol=1e-8)
    assert_allclose(clone(model).fit(X[:1], y[:1]).predict(X[:1]), y[0])
    nothing = clone(model).set_params(kernel="linear").fit(np.zeros((5, 2)), y[:5])
    assert_allclose(nothing.predict(X[:, :2]), y[:5].mean())
    # Duplicated centers; all rows as centers.
    repeated = clone(model).set_params(center_selection=twice).fit(X, y)
    once = clone(model).set_params(center_selection=X[:30]).fit(X, y)
    assert_allclose(repeated.predict(X), once.predict(X), atol=1e-8)
    every = clone(model).set_params(max_iter=500, tol=1e-9).fit(X, y)
    direct = NystroemKernelRidge().fit(X, y)
    assert every.n_centers_ == 400
    assert_allclose(every.predict(X), direct.predict(X), atol=1e-6)


def test_no_convergence_gives_advice(data):
    X, y, _, _ = data
    model = NystroemKernelRidge(100, alpha=1e-6, solver="falkon", max_iter=2)
    with pytest.warns(ConvergenceWarning, match="falkon.*alpha.*krill.*direct"):
        model.fit(X, y)
    assert not model.converged_ and model.n_iter_ == 2
    model.set_params(solver="krill")
    with pytest.warns(ConvergenceWarning, match=r"'krill'.*or use solver='direct'"):
        model.fit(X, y)


def test_solver_by_number_of_centers_and_memory(data, monkeypatch):
    X, y, _, _ = data
    model = NystroemKernelRidge(200, random_state=0)
    assert model.fit(X, y).solver_ == "direct"
    # 3 matrices of 200 x 200 take 0.92 MiB, the factors of "falkon" 0.38 MiB.
    with config_context(working_memory=0.5):
        assert model.fit(X, y).solver_ == "falkon"
        with pytest.raises(ValueError, match="n_centers.*or solver='falkon'"):
            clone(model).set_params(solver="direct").fit(X, y)
        with pytest.raises(ValueError, match="200 centers.*n_centers"):
            clone(model).set_params(solver="krill").fit(X, y)
    with config_context(working_memory=0.3):
        with pytest.raises(ValueError, match="200 centers.*n_centers"):
            model.fit(X, y)
    monkeypatch.setattr("skkernels.ridge._nystroem_base._MAX_DIRECT", 199)
    assert model.fit(X, y).solver_ == "falkon"


@BOTH
def test_partial_fit_is_for_the_direct_solver(data, cls):
    X, y, _, _ = data
    y = y > 3
    options = {"classes": [0, 1]} if cls is NystroemKernelRidgeClassifier else {}
    for solver in ("falkon", "krill"):
        model = cls(20, solver=solver)
        assert not hasattr(model, "partial_fit")
        with pytest.raises(AttributeError) as info:
            model.partial_fit(X, y, **options)
        assert solver in str(info.value.__cause__)
    model = cls(60, random_state=0)
    with config_context(working_memory=0.05):
        assert model.fit(X, y).solver_ == "falkon"
    with pytest.raises(ValueError, match="solver='falkon'.*solver='direct'"):
        model.partial_fit(X, y, **options)
    with pytest.raises(ValueError, match="solver='falkon'"):
        model.coef_path([1.0])
    # Another fit is as good as the first.
    model.fit(X, y).partial_fit(X, y, **options)


class Stop:
    """A callback that stops after three iterations and keeps predictions."""

    def __init__(self, X):
        self.X = X

    def setup(self, estimator, context):
        self.outputs = []

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if context.task_name == "iteration":
            self.outputs.append(fitted_estimator.predict(self.X))
        return len(self.outputs) == 3

    def teardown(self, estimator, context):
        pass


@BOTH
def test_callbacks_see_a_model_and_may_stop(data, cls):
    X, y, _, X_test = data
    callback = Stop(X_test)
    model = cls(30, solver="falkon", random_state=0).set_callbacks(callback)
    model.fit(X, y > 3)
    assert model.n_iter_ == 3 and not model.converged_
    assert_array_equal(callback.outputs[-1], model.predict(X_test))
    direct = cls(30, random_state=0).set_callbacks(Stop(X_test)).fit(X, y > 3)
    assert direct.converged_


def test_progress_is_printed(data, capsys):
    X, y, _, _ = data
    model = NystroemKernelRidge(30, solver="falkon", verbose=2, random_state=0)
    model.fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == model.n_iter_
    assert lines[-1].startswith(f"[NystroemKernelRidge] iteration {model.n_iter_}/100")


@pytest.mark.parametrize("gamma", [0.01, 2.0])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("several", [False, True])
def test_coef_path_is_a_fit_for_each_alpha(data, gamma, weighted, several):
    X, y, Y, X_test = data
    weights = np.random.RandomState(0).uniform(0, 2, 400) if weighted else None
    target = Y if several else y
    model = NystroemKernelRidge(60, gamma=gamma, alpha=1e-3, random_state=0)
    model.fit(X, target, sample_weight=weights)
    # Both ways in which the sums are kept.
    assert model._equations.plain == (gamma == 2.0)
    alphas = [1e-3, 0.1, 10.0]
    coefs = model.coef_path(alphas)
    assert coefs.shape == (3, *model.coef_.shape)
    K = model.kernel_(X_test, model.centers_)
    for coef, alpha in zip(coefs, alphas):
        fresh = clone(model).set_params(alpha=alpha)
        fresh.fit(X, target, sample_weight=weights)
        assert_allclose(fresh.intercept_, model.intercept_, rtol=1e-14)
        expected = fresh.predict(X_test)
        assert_allclose(K @ coef + model.intercept_, expected, atol=1e-8)
    # What the path needs stays for the next batch.
    model.partial_fit(X, target, sample_weight=weights)


def test_coef_path_of_a_classifier_after_batches():
    X, y = load_iris(return_X_y=True)
    model = NystroemKernelRidgeClassifier(40, random_state=0)
    model.partial_fit(X[::2], y[::2], classes=[0, 1, 2])
    model.partial_fit(X[1::2], y[1::2])
    coefs = model.coef_path([1e-2, 0.1])
    model.coef_ = coefs[0]
    fresh = NystroemKernelRidgeClassifier(
        center_selection=model.centers_, alpha=1e-2, gamma=model.gamma_
    ).fit(X, y)
    got = model.decision_function(X)
    assert_allclose(got, fresh.decision_function(X), atol=1e-8)


def test_coef_path_refuses_what_it_cannot_know(data):
    X, y, _, _ = data
    model = NystroemKernelRidge(60, gamma=2.0, alpha=1.0, random_state=0).fit(X, y)
    assert model._equations.plain
    with pytest.raises(ValueError, match="alphas has the value 1.0e-12"):
        model.coef_path([1.0, 1e-12])
    with pytest.raises(ValueError, match="non-negative"):
        model.coef_path([-1.0])
    with config_context(working_memory=0.05):
        with pytest.raises(ValueError, match="60 centers"):
            model.coef_path([1.0])
    linear = NystroemKernelRidge(kernel="linear").fit(np.zeros((5, 2)), y[:5])
    assert not linear.coef_path([1.0, 2.0]).any()


def peak(action):
    tracemalloc.start()
    action()
    value = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return value


@pytest.mark.parametrize("solver", ["direct", "falkon", "krill"])
@pytest.mark.parametrize("selection", ["uniform", "leverage"])
def test_memory_map_is_read_in_blocks(tmp_path, monkeypatch, solver, selection):
    rng = np.random.RandomState(0)
    X = rng.randn(20_000, 80).astype(np.float32)
    y = X[:, 0].copy()
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    model = NystroemKernelRidge(
        50, center_selection=selection, solver=solver, tol=1e-3, random_state=0
    )
    expected = clone(model).fit(X[:3000], y[:3000]).predict(X[:3000])
    model.fit(mapped[:3000], y[:3000])
    assert_array_equal(model.predict(mapped[:3000]), expected)
    # What does not depend on n_samples, made small.
    for module in ("skkernels.utils._distinct", "skkernels.kernels._bandwidth"):
        monkeypatch.setattr(f"{module}._BLOCK_ENTRIES", 2**14)
    monkeypatch.setattr("skkernels.coresets._leverage_rows._MIN_PILOT", 100)
    with config_context(working_memory=4):
        fit_peak = peak(lambda: model.fit(mapped, y))
        predict_peak = peak(lambda: model.predict(mapped))
    # X has 6.4 MB; blocks and some numbers for each row are needed.
    assert predict_peak < 2e6
    assert fit_peak < 5e6


@pytest.mark.parametrize("solver, matrices", [("direct", 3), ("falkon", 1.25)])
@pytest.mark.parametrize("gamma", [0.01, 2.0])
def test_number_of_matrices(monkeypatch, solver, matrices, gamma):
    # The documented number of n_centers x n_centers arrays, for K_mm of any condition.
    rng = np.random.RandomState(0)
    X = rng.randn(1500, 3)
    model = NystroemKernelRidge(
        center_selection=X[:1000], gamma=gamma, solver=solver, tol=1e-2
    )
    model.fit(X, X[:, 0])
    for module in (
        "linalg._cholesky._MIRROR_BLOCK",
        "solvers._nystroem_system._BLOCK",
        "operators._center_matrix._ROWS",
    ):
        monkeypatch.setattr(f"skkernels.{module}", 64)
    with config_context(working_memory=30):
        used = peak(lambda: model.fit(X, X[:, 0]))
    # And blocks of rows of K_nm: an eighth of the budget, 4 MB.
    assert used < matrices * 8e6 + (5e6 if solver == "direct" else 1e6)
