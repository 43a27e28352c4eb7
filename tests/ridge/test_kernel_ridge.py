"""KernelRidge: parity with scikit-learn, solvers, weights, memory, callbacks."""

import tracemalloc
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import LinAlgWarning
from sklearn import config_context
from sklearn.base import clone
from sklearn.callback import ScoringMonitor
from sklearn.exceptions import ConvergenceWarning
from sklearn.kernel_ridge import KernelRidge as SklearnKernelRidge
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.model_selection import GridSearchCV

from skkernels import KernelRidge
from skkernels.kernels import RBF, Matern
from skkernels.operators import KernelOperator
from skkernels.ridge._base import choose_solver
from skkernels.solvers import DualProblem

KERNELS = [
    {"kernel": "linear"},
    {"kernel": "rbf"},
    {"kernel": "rbf", "gamma": 0.3},
    {"kernel": "laplacian", "gamma": 0.2},
    {"kernel": "poly", "degree": 2, "gamma": 0.5, "coef0": 2},
    {"kernel": "polynomial"},
    {"kernel": "cosine"},
    {"kernel": "chi2", "gamma": 0.7},
]


@pytest.fixture(scope="module")
def data():
    rng = np.random.RandomState(0)
    X = rng.uniform(0, 2, size=(80, 4))
    y = np.sin(3 * X[:, 0]) + X[:, 1] ** 2
    Y = np.column_stack([y, X[:, 2] - y, rng.randn(80)])
    return X, y, Y, rng.uniform(0, 2, size=(30, 4))


@pytest.mark.parametrize(
    "params", KERNELS, ids=lambda p: "-".join(map(str, p.values()))
)
@pytest.mark.parametrize("weighted", [False, True])
def test_same_as_scikit_learn(data, params, weighted):
    X, y, Y, X_test = data
    weights = np.random.RandomState(1).uniform(0.1, 3, size=80) if weighted else None
    for target, alpha in [(y, 0.5), (Y, 2.0), (Y, [0.5, 1.0, 10.0])]:
        ours = KernelRidge(alpha=alpha, **params).fit(X, target, weights)
        theirs = SklearnKernelRidge(alpha=alpha, **params).fit(X, target, weights)
        assert ours.dual_coef_.shape == theirs.dual_coef_.shape
        assert_allclose(ours.dual_coef_, theirs.dual_coef_, rtol=1e-8, atol=1e-8)
        assert_allclose(
            ours.predict(X_test), theirs.predict(X_test), rtol=1e-8, atol=1e-8
        )
        assert_array_equal(ours.X_fit_, theirs.X_fit_)
        assert ours.n_features_in_ == theirs.n_features_in_


@pytest.mark.parametrize(
    "params", [{"kernel": "sigmoid", "gamma": 0.1}, {"kernel": "additive_chi2"}]
)
@pytest.mark.filterwarnings("ignore:Singular matrix")
def test_indefinite_kernels_as_scikit_learn_with_a_warning(data, params):
    X, y, _, X_test = data
    with pytest.warns(UserWarning, match="not positive semi-definite") as caught:
        ours = KernelRidge(**params).fit(X, y)
    assert caught[0].filename == __file__
    theirs = SklearnKernelRidge(**params).fit(X, y)
    assert_allclose(ours.predict(X_test), theirs.predict(X_test), rtol=1e-8)


def test_defaults_are_those_of_scikit_learn():
    ours, theirs = KernelRidge().get_params(), SklearnKernelRidge().get_params()
    assert {name: ours[name] for name in theirs} == theirs


def test_precomputed_as_scikit_learn(data):
    X, _, Y, X_test = data
    K, K_test = pairwise_kernels(X, metric="rbf"), pairwise_kernels(X_test, X, "rbf")
    before = K.copy()
    weights = np.r_[np.zeros(10), np.full(70, 2.0)]
    for solver in ("cholesky", "pcg", "askotch"):
        ours = KernelRidge(kernel="precomputed", solver=solver, tol=1e-12)
        ours.fit(K, Y, weights)
        theirs = SklearnKernelRidge(kernel="precomputed").fit(K, Y, weights)
        assert_allclose(ours.dual_coef_, theirs.dual_coef_, rtol=1e-8, atol=1e-8)
        assert_allclose(ours.predict(K_test), theirs.predict(K_test), rtol=1e-8)
    assert_array_equal(K, before)
    with pytest.raises(ValueError, match="square"):
        ours.fit(K[:, :20], Y)


@pytest.mark.parametrize("container", [sp.csr_matrix, sp.csr_array, sp.csc_array])
@pytest.mark.parametrize("kernel", ["rbf", "linear", "laplacian", "poly"])
def test_sparse_is_dense(data, container, kernel):
    X, y, _, X_test = data
    X, X_test = np.where(X > 1, X, 0), np.where(X_test > 1, X_test, 0)
    dense = KernelRidge(kernel=kernel).fit(X, y)
    for solver in ("cholesky", "pcg", "askotch"):
        sparse = KernelRidge(kernel=kernel, solver=solver, tol=1e-12)
        sparse.fit(container(X), y)
        assert_allclose(
            sparse.predict(container(X_test)), dense.predict(X_test), rtol=1e-8
        )
    # A model fitted on one storage predicts on the other.
    assert_allclose(sparse.predict(X_test), dense.predict(X_test), rtol=1e-8)
    assert_allclose(dense.predict(container(X_test)), dense.predict(X_test), rtol=1e-12)


@pytest.mark.parametrize("n", [80, 1200])
@pytest.mark.parametrize("solver", ["pcg", "askotch"])
def test_iterative_solvers_are_cholesky(n, solver):
    rng = np.random.RandomState(0)
    X = rng.randn(n, 3)
    Y = np.column_stack([np.sin(X[:, 0]), X[:, 1] * X[:, 2]])
    weights = rng.uniform(0, 2, size=n)
    weights[::7] = 0
    params = {"kernel": "rbf", "gamma": 0.5, "alpha": [0.1, 1.0]}
    direct = KernelRidge(**params, solver="cholesky").fit(X, Y, weights)
    model = KernelRidge(**params, solver=solver, tol=1e-11, random_state=0)
    model.fit(X, Y, weights)
    theirs = SklearnKernelRidge(**params).fit(X, Y, weights)
    scale = np.abs(direct.dual_coef_).max(axis=0)
    assert_allclose(direct.dual_coef_ / scale, theirs.dual_coef_ / scale, atol=1e-8)
    assert_allclose(model.dual_coef_ / scale, direct.dual_coef_ / scale, atol=1e-8)
    assert model.converged_
    assert model.residual_norms_.shape == (model.n_iter_ + 1,)
    assert model.residual_norms_[-1] <= 1e-11
    assert (direct.solver_, model.solver_) == ("cholesky", solver)
    assert_array_equal(model.dual_coef_[::7], 0.0)


@pytest.mark.parametrize("kernel", ["rbf", "exponential"])
def test_products_in_single_precision_give_double_results(kernel, monkeypatch):
    rng = np.random.RandomState(0)
    X = 100 + rng.randn(2100, 3)
    y = np.sin(X[:, 0]) + X[:, 1]
    model = KernelRidge(alpha=1e-2, kernel=kernel, gamma=0.5, solver="pcg", tol=1e-9)
    model.set_params(random_state=0)
    dtypes = []
    matmat = KernelOperator.matmat

    def seen(self, V):
        dtypes.append(self.dtype)
        return matmat(self, V)

    monkeypatch.setattr(KernelOperator, "matmat", seen)
    mixed = clone(model).fit(X, y)
    assert mixed.converged_
    assert dtypes.count(np.float32) > 2 * dtypes.count(np.float64)
    monkeypatch.setattr("skkernels.solvers._dual._MIN_MIXED", 10**9)
    double = clone(model).fit(X, y)
    K = double.kernel_(X) + 1e-2 * np.eye(2100)
    for fitted in (mixed, double):
        residual = np.linalg.norm(K @ fitted.dual_coef_ - y) / np.linalg.norm(y)
        assert residual <= 1.01e-9
    assert_allclose(mixed.predict(X), double.predict(X), rtol=1e-7)


def test_features_beyond_single_precision():
    X = 1e38 * np.random.RandomState(0).randn(2000, 2)
    y = np.sin(X[:, 0] / 1e38)
    model = KernelRidge(alpha=0.1, kernel=RBF(length_scale=1e38), solver="pcg")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(10 * X, y)
    assert model.converged_


def test_preconditioned_rate():
    # The rank is n / 10; no preconditioner needs some hundred iterations for this.
    rng = np.random.RandomState(0)
    X = rng.randn(3000, 3)
    y = np.sin(X[:, 0]) + 0.1 * rng.randn(3000)
    model = KernelRidge(alpha=3e-3, kernel="rbf", solver="pcg", random_state=0)
    assert model.fit(X, y).n_iter_ <= 30
    assert model.residual_norms_[-1] <= 1e-6


def test_start_of_conjugate_gradients():
    rng = np.random.RandomState(0)
    op, Y = KernelOperator(RBF(), rng.randn(200, 2)), rng.randn(200, 2)
    weights = rng.uniform(0.5, 2, size=200)
    problem = DualProblem(op, Y, np.array([0.1, 1.0]), weights)
    options = {"max_iter": 300, "tol": 1e-10}
    full = problem.solve_pcg(**options)
    coef = problem.scale(full.x)
    again = problem.solve_pcg(x0=coef, **options)
    assert again.converged and again.n_iter <= 1
    near = problem.solve_pcg(x0=coef + 1e-6, **options)
    assert 0 < near.n_iter < full.n_iter
    assert_allclose(problem.scale(near.x), problem.solve_cholesky(), atol=1e-7)


def test_tol_bounds_the_error_of_predictions():
    rng = np.random.RandomState(0)
    X = rng.randn(300, 2)
    y = rng.randn(300)
    exact = KernelRidge(alpha=1e-3, kernel="rbf").fit(X, y).predict(X)
    for tol in (1e-2, 1e-4, 1e-6):
        cg = KernelRidge(alpha=1e-3, kernel="rbf", solver="pcg", tol=tol).fit(X, y)
        error = np.linalg.norm(cg.predict(X) - exact) / np.linalg.norm(y)
        assert error <= tol


def test_preconditioner_saves_iterations(monkeypatch):
    rng = np.random.RandomState(0)
    X = rng.randn(1500, 2)
    y = np.sin(X[:, 0]) + 0.1 * rng.randn(1500)
    model = KernelRidge(alpha=1e-3, kernel="rbf", solver="pcg", random_state=0)
    fast = clone(model).fit(X, y).n_iter_
    monkeypatch.setattr("skkernels.solvers._dual._MIN_PRECONDITIONED", 10**9)
    assert 4 * fast < clone(model).fit(X, y).n_iter_


@pytest.mark.parametrize("solver", ["cholesky", "pcg", "askotch"])
@pytest.mark.parametrize("gamma", ["scale", "median", None])
def test_weights_are_repetitions(data, solver, gamma):
    X, _, Y, X_test = data
    weights = np.random.RandomState(0).randint(0, 4, size=80)
    model = KernelRidge(kernel="rbf", gamma=gamma, solver=solver, tol=1e-13)
    weighted = clone(model).fit(X, Y, sample_weight=weights)
    repeated = clone(model).fit(np.repeat(X, weights, 0), np.repeat(Y, weights, 0))
    assert weighted.gamma_ == pytest.approx(repeated.gamma_, rel=1e-12)
    assert_allclose(weighted.predict(X_test), repeated.predict(X_test), rtol=1e-9)


def test_scalar_weight_is_equal_weights(data):
    X, y, _, X_test = data
    a = KernelRidge(alpha=1.0).fit(X, y, sample_weight=2.0)
    b = KernelRidge(alpha=0.5).fit(X, y)
    assert_allclose(a.predict(X_test), b.predict(X_test), rtol=1e-10)


def test_float32(data):
    X, y, Y, X_test = data
    for solver in ("cholesky", "pcg", "askotch"):
        model = KernelRidge(alpha=1e-3, kernel="rbf", solver=solver)
        double = clone(model).fit(X, Y).predict(X_test)
        single = model.fit(X.astype(np.float32), Y.astype(np.float32))
        assert single.dual_coef_.dtype == np.float32
        out = single.predict(X_test.astype(np.float32))
        assert out.dtype == np.float32
        assert_allclose(out, double, rtol=1e-3, atol=1e-3)
        assert single.predict(X_test).dtype == np.float64


def test_kernel_objects_and_their_parameters(data):
    X, y, _, X_test = data
    by_name = KernelRidge(kernel="rbf", gamma=0.5).fit(X, y)
    by_object = KernelRidge(kernel=RBF(length_scale=1.0)).fit(X, y)
    assert_allclose(by_name.predict(X_test), by_object.predict(X_test), rtol=1e-10)
    search = GridSearchCV(
        KernelRidge(kernel=Matern(nu=1.5)), {"kernel__nu": [0.5, 2.5]}, cv=3
    ).fit(X, y)
    assert search.best_params_["kernel__nu"] in (0.5, 2.5)


@pytest.mark.parametrize("alpha", [0, [0, 0, 0]])
def test_singular_system(data, alpha):
    X, _, Y, X_test = data
    with pytest.warns(LinAlgWarning, match="Singular matrix"):
        model = KernelRidge(alpha=alpha).fit(X, Y)
    reference = np.linalg.lstsq(X, Y)[0]
    assert_allclose(model.predict(X_test), X_test @ reference, rtol=1e-8, atol=1e-8)


def test_alpha_must_fit_the_targets(data):
    X, y, Y, _ = data
    for alpha, target in [([1.0, 2.0], Y), ([1.0, 2.0], y), ([[1.0]], y)]:
        with pytest.raises(ValueError, match="one number per target"):
            KernelRidge(alpha=alpha).fit(X, target)
    with pytest.raises(ValueError, match="non-negative"):
        KernelRidge(alpha=[1.0, -1.0, 1.0]).fit(X, Y)
    with pytest.raises(ValueError, match="'alpha' parameter"):
        KernelRidge(alpha=-1.0).fit(X, y)


def test_convergence_warning_says_what_to_do(data):
    X, y, _, _ = data
    model = KernelRidge(alpha=1e-6, kernel="rbf", solver="pcg", max_iter=3)
    message = r"after 3 iterations.*residual of \d.*max_iter.*NystroemKernelRidge"
    with pytest.warns(ConvergenceWarning, match=message) as caught:
        model.fit(X, y)
    assert caught[0].filename == __file__
    assert not model.converged_ and model.n_iter_ == 3


def test_convergence_warning_of_askotch(data):
    X, y, _, _ = data
    model = KernelRidge(alpha=1e-6, kernel="rbf", solver="askotch", max_iter=3)
    message = r"sketch-and-project ended after 3 passes.*max_iter.*solver='pcg'"
    with pytest.warns(ConvergenceWarning, match=message):
        model.fit(X, y)
    assert not model.converged_ and model.n_iter_ == 3


@pytest.mark.parametrize("solver", ["pcg", "askotch"])
def test_iterations_on_an_indefinite_kernel_warn(data, solver):
    X, y, _, _ = data
    K = -pairwise_kernels(X, metric="rbf")
    model = KernelRidge(alpha=0.1, kernel="precomputed", solver=solver)
    with pytest.warns(ConvergenceWarning, match="not positive semi-definite"):
        model.fit(K, y)


def test_memory_refusal_and_automatic_choice():
    rng = np.random.RandomState(0)
    X = rng.randn(500, 2)
    y = X[:, 0]
    with config_context(working_memory=1):
        auto = KernelRidge(kernel="rbf").fit(X, y)
        assert auto.solver_ == "pcg"
        message = r"500 x 500 kernel matrix.*1\.9 MiB.*solver='pcg'.*n_centers"
        with pytest.raises(ValueError, match=message):
            KernelRidge(kernel="rbf", solver="cholesky").fit(X, y)
    assert KernelRidge(kernel="rbf").fit(X, y).solver_ == "cholesky"


@pytest.mark.parametrize(
    "n, budget, expected",
    [(4000, 1024, "cholesky"), (4000, 100, "pcg"), (4001, 1024, "pcg")],
)
def test_automatic_solver(n, budget, expected):
    with config_context(working_memory=budget):
        assert choose_solver("auto", n) == expected


def peak_of(function):
    function()  # compile and build caches first
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_peak_memory():
    rng = np.random.RandomState(0)
    X = rng.randn(2000, 5)
    y = X[:, 0]
    n_squared = 8 * 2000**2
    params = {"kernel": "rbf", "gamma": 0.1}
    direct = KernelRidge(**params, solver="cholesky")
    assert peak_of(lambda: direct.fit(X, y)) < 1.6 * n_squared
    with config_context(working_memory=4):
        for solver in ("pcg", "askotch"):
            model = KernelRidge(**params, solver=solver, tol=1e-2)
            assert peak_of(lambda: model.fit(X, y)) < 0.5 * n_squared  # noqa: B023
        assert peak_of(lambda: direct.predict(X)) < 0.5 * n_squared


class StopAt:
    def __init__(self, iteration):
        self.iteration = iteration
        self.predictions = []

    def setup(self, estimator, context):
        pass

    teardown = on_fit_task_begin = setup

    def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
        if context.task_name == "iteration":
            self.predictions.append(fitted_estimator.predict(X))
            return context.task_id == self.iteration - 1


@pytest.mark.parametrize("solver", ["pcg", "askotch"])
def test_callback_stops_the_solver(data, solver):
    X, _, Y, _ = data
    callback = StopAt(4)
    weights = np.r_[np.zeros(5), np.ones(75)]
    model = KernelRidge(alpha=1e-3, kernel="rbf", solver=solver, tol=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.set_callbacks(callback).fit(X, Y, sample_weight=weights)
    assert model.n_iter_ == 4
    assert not model.converged_
    assert len(callback.predictions) == 4
    assert_allclose(model.predict(X), callback.predictions[-1], rtol=1e-12)
    assert not np.allclose(callback.predictions[0], callback.predictions[1])


@pytest.mark.parametrize("solver", ["cholesky", "pcg", "askotch"])
def test_scoring_monitor(data, solver):
    pytest.importorskip("pandas")
    X, y, _, _ = data
    monitor = ScoringMonitor(scoring="r2")
    model = KernelRidge(alpha=1e-2, kernel="rbf", solver=solver)
    model.set_callbacks(monitor).fit(X, y)
    log = monitor.get_logs().data_as_pandas
    scores = log.loc[log.task_name == "iteration", "r2"]
    assert len(scores) == (0 if solver == "cholesky" else model.n_iter_)
    assert log["r2"].iloc[-1] == pytest.approx(model.score(X, y))


def test_progress_bar(data, capsys):
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar

    X, y, _, _ = data
    KernelRidge(kernel="rbf", solver="pcg").set_callbacks(ProgressBar()).fit(X, y)
    assert "KernelRidge" in capsys.readouterr().out


def test_verbose(data, capsys):
    X, y, _, _ = data
    KernelRidge(kernel="rbf", solver="pcg", verbose=2).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("[KernelRidge] iteration 1/1000, relative residual")


def test_refit_replaces_everything(data):
    X, y, Y, X_test = data
    model = KernelRidge(kernel="rbf", solver="pcg").fit(X, Y)
    model.set_params(solver="cholesky").fit(X[:20, :2], y[:20])
    assert model.dual_coef_.shape == (20,)
    assert model.residual_norms_ is None and model.n_iter_ == 1
    assert model.predict(X_test[:, :2]).shape == (30,)


@pytest.mark.parametrize("weighted", [False, True])
def test_zero_kernel_matrix_at_the_size_of_the_preconditioner(weighted):
    X, y = np.zeros((1000, 2)), np.arange(1000.0)
    weights = np.linspace(1, 2, 1000) if weighted else None
    model = KernelRidge(alpha=2.0, solver="pcg").fit(X, y, sample_weight=weights)
    assert model.converged_
    expected = y / 2 if weights is None else weights * y / 2
    assert_allclose(model.dual_coef_, expected, rtol=1e-6)
    assert_array_equal(model.predict(X), 0.0)
