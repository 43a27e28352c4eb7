"""KernelRidgeCV: leave-one-out, folds, weights, what is chosen."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.kernel_ridge import KernelRidge as SklearnKernelRidge
from sklearn.linear_model import RidgeCV
from sklearn.metrics import make_scorer, mean_absolute_error
from sklearn.model_selection import GridSearchCV, KFold, ShuffleSplit
from sklearn.utils.estimator_checks import parametrize_with_checks

from skkernels import KernelRidge, KernelRidgeCV
from skkernels.kernels import RBF, Matern
from skkernels.operators import KernelOperator
from skkernels.utils._cross_validation import own_splits

ALPHAS = [1e-4, 1e-2, 1.0, 30.0]
KERNELS = [
    {"kernel": "rbf"},
    {"kernel": "laplacian"},
    {"kernel": "poly", "degree": 2, "gamma": 0.5},
    {"kernel": Matern(nu=1.5, length_scale=2.0) + 0.3 * RBF(0.5), "gammas": None},
]


@pytest.fixture(scope="module")
def data():
    rng = np.random.RandomState(0)
    X = rng.uniform(-1.5, 1.5, size=(36, 3))
    y = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.2 * rng.randn(36)
    Y = np.column_stack([y, np.cos(2 * X[:, 0]), rng.randn(36)])
    return X, y, Y, rng.uniform(-1.5, 1.5, size=(20, 3))


@pytest.fixture
def iterative(monkeypatch):
    """No matrix is small enough to be decomposed."""
    monkeypatch.setattr("skkernels.ridge._search._MAX_DIRECT", 0)


def refitted(model, alpha, gamma, X, Y, weights):
    """Predictions of each sample after one unit of its weight is gone, by refits."""
    kernel = model.kernel
    predictions = np.empty(Y.shape)
    for i in range(len(X)):
        left = weights.copy()
        left[i] -= min(left[i], 1.0)
        one = KernelRidge(alpha, kernel=kernel, gamma=gamma, degree=model.degree)
        predictions[i] = one.fit(X, Y, left).predict(X[i : i + 1])[0]
    return predictions


WEIGHTS = {
    "none": lambda n: None,
    "whole": lambda n: np.random.RandomState(1).randint(1, 4, n).astype(float),
    "fractions": lambda n: np.random.RandomState(2).uniform(0.05, 2.5, n),
}


@pytest.mark.parametrize("weights", WEIGHTS, ids=str)
@pytest.mark.parametrize("params", KERNELS, ids=lambda p: str(p["kernel"])[:9])
def test_leave_one_out_is_a_refit_for_each_sample(data, params, weights):
    X, _, Y, _ = data
    weights = WEIGHTS[weights](len(X))
    model = KernelRidgeCV(ALPHAS, **{"gammas": [0.1, 0.7], **params})
    model.fit(X, Y, weights)
    assert model.cv_ == "leave-one-out"
    ones = np.ones(len(X)) if weights is None else weights
    for i, gamma in enumerate([None] if model.gammas_ is None else model.gammas_):
        for j, alpha in enumerate(ALPHAS):
            predictions = refitted(model, alpha, gamma, X, Y, ones)
            errors = ((Y - predictions) ** 2).mean(axis=1)
            expected = -np.average(errors, weights=ones)
            assert_allclose(model.scores_[i, j], expected, rtol=1e-8)
    best = np.unravel_index(model.scores_.argmax(), model.scores_.shape)
    assert model.alpha_ == ALPHAS[best[1]]
    assert model.best_score_ == model.scores_[best]


def test_each_target_its_ridge_strength(data):
    X, _, Y, X_test = data
    params = {"gammas": [0.3], "scoring": None}
    together = KernelRidgeCV(ALPHAS, alpha_per_target=True, **params).fit(X, Y)
    assert together.scores_.shape == (1, 4, 3)
    for j in range(3):
        alone = KernelRidgeCV(ALPHAS, **params).fit(X, Y[:, j])
        assert_allclose(together.scores_[:, :, j], alone.scores_, rtol=1e-9)
        assert together.alpha_[j] == alone.alpha_
        assert_allclose(together.best_score_[j], alone.best_score_, rtol=1e-9)
        assert_allclose(
            together.predict(X_test)[:, j], alone.predict(X_test), rtol=1e-7
        )
    assert len(set(together.alpha_)) > 1
    shared = KernelRidgeCV(ALPHAS, **params).fit(X, Y)
    assert_allclose(shared.scores_, together.scores_.mean(axis=2), rtol=1e-12)


def test_one_width_for_all_targets(data):
    X, _, Y, _ = data
    Y = np.column_stack([0.1 * np.sin(9 * X[:, 0]), Y])
    model = KernelRidgeCV(ALPHAS, gammas=[0.01, 0.3, 5.0], alpha_per_target=True)
    model.fit(X, Y)
    best = model.scores_.max(axis=1)
    i = best.mean(axis=1).argmax()
    assert i != best[:, 0].argmax()  # the first target alone would have another one
    assert model.gamma_ == model.gammas_[i]
    assert_array_equal(model.alpha_, model.alphas_[model.scores_[i].argmax(axis=0)])
    assert_array_equal(model.best_score_, best[i])


@pytest.mark.parametrize("params", KERNELS, ids=lambda p: str(p["kernel"])[:9])
@pytest.mark.parametrize("cv", [None, 3])
def test_the_model_is_kernel_ridge(data, params, cv):
    X, y, _, X_test = data
    weights = np.random.RandomState(0).uniform(0, 2, len(X))
    weights[::9] = 0
    model = KernelRidgeCV(cv=cv, **params).fit(X, y, weights)
    params = {k: v for k, v in params.items() if k != "gammas"}
    twin = KernelRidge(model.alpha_, **{**params, "gamma": model.gamma_})
    twin.fit(X, y, weights)
    assert_allclose(model.predict(X_test), twin.predict(X_test), rtol=1e-8, atol=1e-10)
    assert model.dual_coef_.shape == (len(X),)
    assert_array_equal(model.dual_coef_[::9], 0.0)
    assert_array_equal(model.X_fit_, X)
    assert (model.solver_, model.n_iter_, model.converged_) == ("cholesky", 1, True)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", ["tall", "wide"])
def test_linear_kernel_as_ridge_cv(weighted, shape):
    rng = np.random.RandomState(0)
    X = rng.randn(*{"tall": (40, 6), "wide": (20, 50)}[shape])
    Y = X[:, :3] @ rng.randn(3, 2) + rng.randn(len(X), 2)
    weights = rng.uniform(0.1, 1.0, len(X)) if weighted else None
    for per_target in (False, True):
        for scoring in (None, "neg_mean_absolute_error"):
            options = {"scoring": scoring, "alpha_per_target": per_target}
            theirs = RidgeCV([0.1, 1, 10, 100], fit_intercept=False, **options)
            theirs.fit(X, Y, weights)
            ours = KernelRidgeCV([0.1, 1, 10, 100], kernel="linear", **options)
            ours.fit(X, Y, weights)
            assert_array_equal(ours.alpha_, theirs.alpha_)
            if weights is None or scoring is not None:
                assert_allclose(ours.best_score_, theirs.best_score_, rtol=1e-8)
            assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-7)


@pytest.mark.parametrize("scoring", ["neg_mean_squared_error", "r2"])
@pytest.mark.parametrize("solver", ["direct", "iterative"])
def test_folds_as_a_grid_search(data, scoring, solver, request):
    X, _, Y, X_test = data
    tol = 1e-6
    if solver == "iterative":
        request.getfixturevalue("iterative")
        tol = 1e-20  # models are compared at its square root
    grid = {"gamma": [0.1, 0.7], "alpha": ALPHAS[1:]}
    for cv in (
        4,
        KFold(3, shuffle=True, random_state=0),
        ShuffleSplit(2, random_state=1),
    ):
        theirs = GridSearchCV(
            SklearnKernelRidge(kernel="rbf"), grid, cv=cv, scoring=scoring
        ).fit(X, Y)
        ours = KernelRidgeCV(
            ALPHAS[1:], gammas=grid["gamma"], cv=cv, scoring=scoring, tol=tol
        )
        if solver == "iterative":
            ours.set_params(max_iter=200)
        ours.fit(X, Y)
        scores = dict(
            zip(
                [(p["gamma"], p["alpha"]) for p in theirs.cv_results_["params"]],
                theirs.cv_results_["mean_test_score"],
            )
        )
        expected = [[scores[g, a] for a in ALPHAS[1:]] for g in grid["gamma"]]
        assert_allclose(ours.scores_, expected, rtol=1e-7)
        assert ours.cv_ == "splits"
        best = theirs.best_params_
        assert (ours.alpha_, ours.gamma_) == (best["alpha"], best["gamma"])
        assert_allclose(
            ours.predict(X_test), theirs.predict(X_test), rtol=1e-6, atol=1e-7
        )


def test_scorer_sees_all_predictions_together(data):
    X, y, Y, _ = data
    weights = np.random.RandomState(0).uniform(0.2, 2, len(X))
    seen = []

    def metric(truth, predictions, sample_weight=None):
        seen.append((truth, sample_weight))
        return mean_absolute_error(truth, predictions, sample_weight=sample_weight)

    scorer = make_scorer(metric, greater_is_better=False)
    ours = KernelRidgeCV(ALPHAS, gammas=[0.3], scoring=scorer).fit(X, y, weights)
    for j, alpha in enumerate(ALPHAS):
        predictions = refitted(ours, alpha, 0.3, X, y[:, None], weights)[:, 0]
        expected = -np.average(np.abs(y - predictions), weights=weights)
        assert_allclose(ours.scores_[0, j], expected, rtol=1e-8)
    assert all(truth.shape == y.shape for truth, _ in seen)
    assert_array_equal(seen[0][1], weights)
    named = KernelRidgeCV(ALPHAS, gammas=[0.3], scoring="neg_mean_absolute_error")
    assert_allclose(named.fit(X, y, weights).scores_, ours.scores_, rtol=1e-12)
    per_target = named.set_params(alpha_per_target=True).fit(X, Y, weights)
    assert_allclose(per_target.scores_[:, :, 0], ours.scores_, rtol=1e-9)


@pytest.mark.parametrize("route", ["leave-one-out", "5-fold", "splits"])
@pytest.mark.parametrize("kernel", ["rbf", "linear"])
def test_weights_are_repetitions(data, route, kernel, request):
    X, _, Y, X_test = data
    counts = np.random.RandomState(0).randint(0, 4, len(X))
    model = KernelRidgeCV(kernel=kernel, alpha_per_target=True, tol=1e-12)
    repeated, weighted = clone(model), clone(model)
    if route == "5-fold":
        request.getfixturevalue("iterative")
        for each in (repeated, weighted):
            each.set_params(alphas=ALPHAS[1:], tol=1e-20, max_iter=300)
    if route == "splits":
        fold = np.arange(len(X)) % 3
        copies = np.repeat(fold, counts)
        for each, group in ((weighted, fold), (repeated, copies)):
            tests = [np.flatnonzero(group == k) for k in range(3)]
            trains = [np.flatnonzero(group != k) for k in range(3)]
            each.set_params(cv=list(zip(trains, tests)))
    weighted.fit(X, Y, sample_weight=counts)
    repeated.fit(np.repeat(X, counts, axis=0), np.repeat(Y, counts, axis=0))
    assert weighted.cv_ == repeated.cv_ == route
    rtol = 1e-7 if route == "5-fold" else 1e-6  # alphas of 1e-7
    assert_allclose(weighted.scores_, repeated.scores_, rtol=rtol)
    assert_allclose(weighted.alphas_, repeated.alphas_, rtol=1e-12)
    assert_array_equal(weighted.scores_.argmax(axis=1), repeated.scores_.argmax(axis=1))
    assert_allclose(weighted.predict(X_test), repeated.predict(X_test), rtol=1e-6)


@pytest.mark.parametrize("route", ["leave-one-out", "5-fold"])
def test_order_of_samples_does_not_matter(data, route, request):
    X, y, _, X_test = data
    if route == "5-fold":
        request.getfixturevalue("iterative")
    order = np.random.RandomState(0).permutation(len(X))
    model = KernelRidgeCV(ALPHAS, tol=1e-20, max_iter=200)
    first = clone(model).fit(X, y)
    second = clone(model).fit(X[order], y[order])
    assert first.cv_ == second.cv_ == route
    assert_allclose(first.scores_, second.scores_, rtol=1e-7)
    assert first.alpha_ == second.alpha_
    assert_allclose(first.predict(X_test), second.predict(X_test), rtol=1e-7)


def test_own_folds_on_either_route(data, monkeypatch):
    """Too large for leave-one-out, small enough for the folds' matrices."""
    X, _, Y, _ = data
    X, Y = np.vstack([X, X[:6]]), np.vstack([Y, Y[:6]])
    options = {"gammas": [0.1, 0.7], "tol": 1e-20, "max_iter": 300}
    scores = []
    for limit in (0, len(X) - 1):
        monkeypatch.setattr("skkernels.ridge._search._MAX_DIRECT", limit)
        model = KernelRidgeCV(ALPHAS[1:], **options).fit(X, Y)
        assert model.cv_ == "5-fold"
        scores.append(model.scores_)
    assert_allclose(scores[0], scores[1], rtol=1e-7)


def test_equal_rows_are_in_one_fold(data):
    X = data[0]
    copies = np.repeat(X, 3, axis=0)[np.random.RandomState(0).permutation(3 * len(X))]
    splits = own_splits(copies)
    tested = np.concatenate([test for _, test in splits])
    assert_array_equal(np.sort(tested), np.arange(len(copies)))
    for train, test in splits:
        assert abs(len(test) - len(copies) / 5) <= 3
        assert not {*map(tuple, copies[train])} & {*map(tuple, copies[test])}
    few = own_splits(np.repeat(X[:2], 10, axis=0))
    assert [len(test) for _, test in few] == [4] * 5


def test_memory_decides_too(data):
    X, y, _, _ = data
    X, y = np.tile(X, (10, 1)), np.tile(y, 10)
    X += np.random.RandomState(0).randn(*X.shape)
    model = KernelRidgeCV(ALPHAS[2:], gammas=None, max_iter=500)
    with config_context(working_memory=16 * len(X) ** 2 / 2**20 * 1.01):
        assert clone(model).fit(X, y).cv_ == "leave-one-out"
    with config_context(working_memory=16 * len(X) ** 2 / 2**20 * 0.99):
        assert clone(model).fit(X, y).cv_ == "5-fold"
    # Groups of ridge strengths where their solutions do not fit together.
    with config_context(working_memory=0.05):
        in_groups = clone(model).fit(X, y)
    with config_context(working_memory=1):
        together = clone(model).fit(X, y)
    assert in_groups.cv_ == together.cv_ == "5-fold"
    assert_allclose(in_groups.scores_, together.scores_, rtol=1e-3)


@pytest.mark.parametrize("route", ["leave-one-out", "5-fold", "splits"])
def test_precomputed_and_sparse_as_dense(data, route, request):
    X, y, _, X_test = data
    X, X_test = np.abs(X) * (X > 0), np.abs(X_test) * (X_test > 0)
    if route == "5-fold":
        request.getfixturevalue("iterative")
    cv = 3 if route == "splits" else None
    weights = np.random.RandomState(0).randint(0, 3, len(X))
    options = {"alphas": ALPHAS, "cv": cv, "tol": 1e-16, "max_iter": 300}
    dense = KernelRidgeCV(gammas=[0.3], **options).fit(X, y, weights)
    sparse = KernelRidgeCV(gammas=[0.3], **options)
    sparse.fit(sp.csr_array(X), y, weights)
    assert_allclose(sparse.scores_, dense.scores_, rtol=1e-7)
    assert_allclose(sparse.predict(sp.csr_array(X_test)), dense.predict(X_test))
    kernel = dense.kernel_
    matrix = KernelRidgeCV(kernel="precomputed", **options)
    matrix.fit(kernel(X), y, weights)
    if route != "5-fold":  # whose folds are made from what is given as X
        assert_allclose(matrix.scores_, dense.scores_, rtol=1e-7)
        assert_allclose(matrix.predict(kernel(X_test, X)), dense.predict(X_test))
    assert (matrix.gamma_, matrix.gammas_) == (None, None)
    with pytest.raises(ValueError, match="square"):
        matrix.fit(kernel(X)[:, :20], y)


class TestDegenerate:
    def test_interpolation_of_a_singular_matrix_has_no_leave_one_out(self, data):
        X, y, _, _ = data
        model = KernelRidgeCV([0.0, 1e-3], kernel="linear").fit(X, y)
        assert model.scores_[0, 0] == -np.inf
        assert model.alpha_ == 1e-3
        with pytest.warns(UserWarning, match="no ridge strength has a finite score"):
            with pytest.warns(match="Singular"):
                KernelRidgeCV([0.0], kernel="linear").fit(X, y)

    def test_interpolation_of_a_regular_matrix_has(self, data):
        X, y, _, _ = data
        weights = np.r_[np.ones(30), np.full(6, 3.0)]
        for sample_weight in (None, weights):
            model = KernelRidgeCV([0.0], kernel="laplacian", gammas=[1.0])
            model.fit(X, y, sample_weight)
            ones = np.ones(len(X)) if sample_weight is None else weights
            predictions = refitted(model, 0.0, 1.0, X, y[:, None], ones)[:, 0]
            expected = -np.average((y - predictions) ** 2, weights=ones)
            assert_allclose(model.best_score_, expected, rtol=1e-8)

    def test_one_sample(self):
        model = KernelRidgeCV(ALPHAS).fit([[1.0, 2.0]], [3.0])
        assert_allclose(model.scores_, -9.0)  # without it the model is zero

    def test_constant_data_and_zero_kernels(self):
        X, y = np.ones((20, 2)), np.arange(20.0)
        model = KernelRidgeCV().fit(X, y)
        expected = -np.mean((y - (y.sum() - y) / 19) ** 2)
        assert_allclose(model.best_score_, expected, rtol=1e-3)
        model = KernelRidgeCV(kernel="linear").fit(np.zeros((20, 2)), y)
        assert_allclose(model.scores_, -np.mean(y**2))
        assert_array_equal(model.alphas_, np.logspace(-7, 2, 19))

    def test_undefined_scores(self):
        model = KernelRidgeCV(ALPHAS, scoring="r2", gammas=None, cv=KFold(5))
        with pytest.warns(UserWarning) as caught:
            model.fit(np.arange(5.0)[:, None], np.arange(5.0))
        assert any("no ridge strength" in str(w.message) for w in caught)
        assert (model.scores_ == -np.inf).all()


class TestGrids:
    def test_default_widths_are_multiples_of_gamma(self, data):
        X, y, _, _ = data
        for kernel in ("rbf", "laplacian", "matern", "poly"):
            for gamma in ("scale", None, 2.0):
                one = KernelRidgeCV([1.0], kernel=kernel, gamma=gamma, gammas=None)
                all_ = clone(one).set_params(gammas="auto").fit(X, y)
                ratios = all_.gammas_ / one.fit(X, y).gamma_
                assert_allclose(ratios, [1 / 64, 1 / 16, 1 / 4, 1, 4], rtol=1e-9)
        weights = np.r_[np.zeros(10), np.ones(26)]
        weighted = KernelRidgeCV([1.0]).fit(X, y, weights)
        assert_allclose(weighted.gammas_[3], 1 / (3 * X[10:].var()), rtol=1e-9)

    def test_default_ridge_strengths_follow_the_kernel(self, data):
        X, y, _, _ = data
        small = KernelRidgeCV(kernel="linear").fit(X, y)
        large = KernelRidgeCV(kernel="linear").fit(1e4 * X, y)
        assert_allclose(small.alphas_[0], 1e-7 * (X**2).sum(axis=1).mean())
        assert_allclose(large.alphas_, 1e8 * small.alphas_)
        assert_allclose(large.scores_, small.scores_, rtol=1e-6)
        assert_array_equal(KernelRidgeCV().fit(X, y).alphas_, np.logspace(-7, 2, 19))

    @pytest.mark.parametrize(
        "params",
        [
            {"kernel": "precomputed"},
            {"kernel": "cosine"},
            {"kernel": RBF(2.0)},
            {"kernel": lambda X, Z: X @ Z.T},
            {"kernel": "rbf", "kernel_params": {"length_scale": 2.0}},
        ],
        ids=lambda p: str(p["kernel"])[:12],
    )
    def test_kernels_without_a_width(self, params):
        X = np.random.RandomState(0).randn(12, 2)
        X, y = X @ X.T, X[:, 0]
        assert KernelRidgeCV(ALPHAS, **params).fit(X, y).scores_.shape == (1, 4)
        with pytest.raises(ValueError, match="gammas must be None or 'auto'"):
            KernelRidgeCV(ALPHAS, gammas=[0.5], **params).fit(X, y)

    @pytest.mark.parametrize("name", ["alphas", "gammas"])
    @pytest.mark.parametrize("value", [[], [-1.0], [np.nan], [[1.0]], ["scale"]])
    def test_wrong_grids(self, data, name, value):
        X, y, _, _ = data
        with pytest.raises(ValueError, match=f"{name} must hold one or more"):
            KernelRidgeCV(**{name: value}).fit(X, y)

    def test_a_single_ridge_strength(self, data):
        X, y, _, _ = data
        model = KernelRidgeCV(2).fit(X, y)
        assert_array_equal(model.alphas_, [2.0])
        assert model.alpha_ == 2.0


def test_splits_without_rows_of_positive_weight(data):
    X, y, _, _ = data
    weights = np.r_[np.zeros(12), np.ones(24)]
    # The first of three folds has no weight: the others count.
    model = KernelRidgeCV(ALPHAS, cv=3).fit(X, y, weights)
    halves = [(np.arange(12), np.arange(12, 24)), (np.arange(12, 24), np.arange(12))]
    twin = KernelRidgeCV(ALPHAS, cv=halves[::-1]).fit(X[12:], y[12:])
    assert_allclose(model.scores_, twin.scores_, rtol=1e-9)
    first, rest = np.arange(12), np.arange(12, 36)
    with pytest.raises(ValueError, match="no training rows of positive weight"):
        KernelRidgeCV(cv=[(first, rest)]).fit(X, y, weights)
    with pytest.raises(ValueError, match="test rows of positive weight"):
        KernelRidgeCV(cv=[(rest, first)]).fit(X, y, weights)


def test_what_did_not_converge_is_named(data, iterative):
    X, y, _, _ = data
    model = KernelRidgeCV([1e-9, 1e3], gammas=None, max_iter=3)
    with pytest.warns(ConvergenceWarning, match=r"alpha in \[1e-09\]") as caught:
        model.fit(X, y)
    assert caught[0].filename == __file__


def test_all_models_of_a_fold_share_the_products(data, iterative, monkeypatch):
    X, _, Y, _ = data
    calls = []
    matmat = KernelOperator.matmat

    def counting(self, V):
        calls.append(V.shape[1])
        return matmat(self, V)

    monkeypatch.setattr(KernelOperator, "matmat", counting)
    model = KernelRidgeCV([1.0, 3.0, 10.0, 30.0], gammas=[0.5]).fit(X, Y)
    assert model.cv_ == "5-fold"
    assert max(calls) == 4 * 3
    assert len(calls) < 5 * 25


def test_callbacks_see_each_width(data):
    X, y, _, _ = data
    seen = []

    class Watch:
        def __init__(self, stop_after):
            self.stop_after = stop_after

        def setup(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
            if context.task_name == "iteration":
                seen.append(fitted_estimator.best_score_)
                return len(seen) == self.stop_after

        def teardown(self, estimator, context):
            pass

    model = KernelRidgeCV(ALPHAS)
    full = clone(model).set_callbacks(Watch(None)).fit(X, y)
    assert len(seen) == 5 and seen == sorted(seen)
    assert seen[-1] == full.best_score_
    seen.clear()
    stopped = clone(model).set_callbacks(Watch(2)).fit(X, y)
    assert stopped.scores_.shape == (2, 4) and len(stopped.gammas_) == 2
    assert_array_equal(stopped.scores_, full.scores_[:2])


def test_verbose_prints_each_width(data, capsys):
    X, y, _, _ = data
    KernelRidgeCV(ALPHAS, gammas=[0.1, 0.5], verbose=1).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and "kernel 2/2 with gamma=0.5: best score" in lines[1]


@parametrize_with_checks(
    [
        KernelRidgeCV(alphas=[0.1, 3.0], gammas=None, tol=1e-10),
        KernelRidgeCV(alphas=[0.1, 3.0], kernel="precomputed", cv=3, tol=1e-10),
    ]
)
def test_scikit_learn_checks_of_the_iterative_route(estimator, check, iterative):
    check(estimator)
