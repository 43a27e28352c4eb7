"""SpectralFilterRegressor: solvers, choice, weights, early stopping."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics import (
    get_scorer,
    mean_absolute_error,
    mean_squared_error,
    r2_score,
)
from sklearn.model_selection import KFold, ShuffleSplit

from skkernels.kernels import RBF, Exponential, Sigmoid, WhiteNoise
from skkernels.spectral._spectral_filter_regressor import SpectralFilterRegressor
from tests.ridge.test_device import cupy  # noqa: F401

# One filter each, with a value of its main parameter and two more to compare it with.
SETTINGS = {
    "tikhonov": {"alpha": 0.3},
    "iterated_tikhonov": {"alpha": 2.0, "order": 3},
    "self_distillation": {"alpha": 0.3, "mixing": [0.6, 0.2]},
    "gradient_flow": {"time": 60.0},
    "landweber": {"n_iter": 30},
    "heavy_ball": {"n_iter": 15, "momentum": 0.5},
    "nu_method": {"n_iter": 9, "nu": 1.5},
    "cutoff": {"threshold": 0.004},
}
MAIN = {name: next(iter(values)) for name, values in SETTINGS.items()}
every = pytest.mark.parametrize("name", list(SETTINGS))


def grid_of(name):
    """Settings with three values of the main parameter, from strong to weak."""
    setting = SETTINGS[name]
    value = setting[MAIN[name]]
    factors = (3, 1, 1 / 3) if MAIN[name] in ("alpha", "threshold") else (1 / 3, 1, 3)
    values = [type(value)(value * factor) for factor in factors]
    return {**setting, MAIN[name]: values}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 3))
    y = np.sin(X[:, 0]) + X[:, 1] * X[:, 2]
    Y = np.column_stack([y, X[:, 0] ** 2]) + 0.2 * rng.normal(size=(90, 2))
    return X, Y[:, 0], Y, rng.normal(size=(40, 3))


@pytest.fixture(scope="module")
def weights():
    return np.random.default_rng(1).integers(0, 4, 90).astype(float)


class TestModel:
    @pytest.mark.parametrize("alpha", [1e-3, 0.5, 20.0])
    @pytest.mark.parametrize("solver", ["eigh", "iterative"])
    def test_tikhonov_is_kernel_ridge(self, data, weights, alpha, solver):
        X, y, Y, X_new = data
        for targets in (y, Y):
            for w in (None, weights):
                model = SpectralFilterRegressor(
                    alpha=alpha, gamma=0.4, solver=solver, tol=1e-12
                ).fit(X, targets, sample_weight=w)
                peer = KernelRidge(alpha=alpha, kernel="rbf", gamma=0.4)
                peer.fit(X, targets, sample_weight=w)
                got, expected = model.predict(X_new), peer.predict(X_new)
                assert_allclose(got, expected, rtol=1e-10, atol=1e-10)
                assert model.dual_coef_.shape == targets.shape

    @every
    @pytest.mark.parametrize("solver", ["iterative", "nystroem"])
    def test_solvers_agree(self, data, weights, name, solver):
        X, _, Y, X_new = data
        options = {"kernel": "exponential", **SETTINGS[name]}
        exact = SpectralFilterRegressor(name, **options)
        other = SpectralFilterRegressor(name, solver=solver, tol=1e-11, **options)
        for w in (None, weights):
            expected = exact.fit(X, Y, sample_weight=w).predict(X_new)
            got = other.fit(X, Y, sample_weight=w).predict(X_new)
            assert_allclose(got, expected, atol=2e-8)
            main = MAIN[name] + "_"
            assert_allclose(getattr(other, main), getattr(exact, main), rtol=1e-12)
            if hasattr(exact, "step_"):
                assert_allclose(other.step_, exact.step_, rtol=1e-10)
        assert exact.solver_ == "eigh" and other.solver_ == solver
        assert exact.converged_ and other.converged_

    def test_function(self, data):
        X, y, _, X_new = data
        ridge = SpectralFilterRegressor(alpha=0.9).fit(X, y).predict(X_new)
        for solver in ("eigh", "iterative", "nystroem"):
            model = SpectralFilterRegressor(
                lambda t: t / (t + 0.01), solver=solver, tol=1e-11
            ).fit(X, y)
            assert_allclose(model.predict(X_new), ridge, atol=1e-8)
            assert model.cv_scores_ is None and model.selection_ is None
            assert not hasattr(model, "alpha_")

    def test_without_regularisation_all_interpolate(self, data):
        X, y, _, X_new = data
        options = {"kernel": "exponential"}
        limit = SpectralFilterRegressor(alpha=0.0, **options).fit(X, y)
        assert_allclose(limit.predict(X), y, atol=1e-11)
        for name, setting in [
            ("gradient_flow", {"time": 1e6}),
            ("landweber", {"n_iter": 10**7}),
            ("cutoff", {"threshold": 0.0}),
            ("cutoff", {"n_components": 90}),
            ("iterated_tikhonov", {"alpha": 1e-7}),
        ]:
            model = SpectralFilterRegressor(name, **setting, **options).fit(X, y)
            assert_allclose(model.predict(X_new), limit.predict(X_new), atol=1e-8)

    def test_principal_components(self, data):
        X, y, _, X_new = data
        kernel = Exponential(1.0)
        for d in (1, 7):
            model = SpectralFilterRegressor("cutoff", n_components=d, kernel=kernel)
            model.fit(X, y)
            t, V = np.linalg.eigh(kernel(X))
            t, V = t[-d:], V[:, -d:]
            expected = kernel(X_new, X) @ (V / t) @ (V.T @ y)
            assert_allclose(model.predict(X_new), expected, atol=1e-11)
            assert model.n_components_ == d
            assert_allclose(model.threshold_, t[0] / 90, rtol=1e-9)
            again = SpectralFilterRegressor(
                "cutoff", threshold=model.threshold_, kernel=kernel
            ).fit(X, y)
            assert_array_equal(again.dual_coef_, model.dual_coef_)

    @every
    def test_attributes(self, data, name):
        X, y, _, _ = data
        model = SpectralFilterRegressor("gradient_flow").fit(X, y)
        model.set_params(filter=name, **SETTINGS[name]).fit(X, y)
        mains = {"alpha_", "time_", "threshold_"} & set(vars(model))
        assert mains == {MAIN[name] + "_"} - {"n_iter_"}
        assert hasattr(model, "step_") == (MAIN[name] == "n_iter")
        assert model.n_iter_ == SETTINGS[name].get("n_iter", 1)
        assert (np.diff(model.eigenvalues_) <= 0).all()
        # Their sum is the mean of k(x, x).
        assert_allclose(model.eigenvalues_.sum(), 1.0)

    def test_intercept(self, data, weights):
        X, _, Y, X_new = data
        kernel = {"kernel": "exponential", "gamma": 1.0}
        model = SpectralFilterRegressor(fit_intercept=True, **kernel)
        model.fit(X, Y, sample_weight=weights)
        mean = np.average(Y, axis=0, weights=weights)
        assert_allclose(model.intercept_, mean)
        far = model.predict(X_new + 1e3)
        assert_allclose(far, np.tile(mean, (40, 1)), atol=1e-12)
        shifted = clone(model).fit(X, Y + [3.0, -50.0], sample_weight=weights)
        assert_allclose(
            shifted.predict(X_new), model.predict(X_new) + [3.0, -50.0], atol=1e-9
        )
        plain = clone(model).set_params(fit_intercept=False)
        assert plain.fit(X, Y[:, 0]).intercept_ == 0.0

    def test_scores_are_of_the_targets_with_their_mean(self, data):
        X, y, _, _ = data
        model = SpectralFilterRegressor(
            alpha=[0.1, 1.0],
            fit_intercept=True,
            scoring="neg_mean_absolute_percentage_error",
        ).fit(X, y + 5)
        plain = SpectralFilterRegressor(alpha=[0.1, 1.0], cv=[(range(90), range(90))])
        plain.set_params(scoring=model.scoring, fit_intercept=True).fit(X, y + 5)
        for fitted, score in zip([0.1, 1.0], plain.cv_scores_):
            one = clone(plain).set_params(alpha=fitted).fit(X, y + 5)
            scorer = get_scorer("neg_mean_absolute_percentage_error")
            assert_allclose(score, scorer(one, X, y + 5), rtol=1e-9)
        assert (model.cv_scores_ > -1).all()

    def test_white_noise_is_a_ridge(self, data):
        X, y, _, X_new = data
        noisy = RBF(1.0) + WhiteNoise(0.2)
        for solver in ("eigh", "iterative"):
            model = SpectralFilterRegressor(
                alpha=0.1, kernel=noisy, solver=solver, tol=1e-12
            )
            ridge = SpectralFilterRegressor(alpha=0.3, kernel=RBF(1.0)).fit(X, y)
            got = model.fit(X, y).predict(X_new)
            assert_allclose(got, ridge.predict(X_new), atol=1e-9)

    @pytest.mark.parametrize("solver", ["eigh", "iterative", "nystroem"])
    def test_sparse_and_single_precision(self, data, solver):
        X, y, _, X_new = data
        X, X_new = np.maximum(X, 0), np.maximum(X_new, 0)
        model = SpectralFilterRegressor("gradient_flow", time=60.0, solver=solver)
        expected = model.fit(X, y).predict(X_new)
        sparse = clone(model).fit(sp.csr_array(X), y).predict(sp.csr_array(X_new))
        assert_allclose(sparse, expected, atol=1e-9)
        single = clone(model).fit(X.astype(np.float32), y.astype(np.float32))
        assert single.dual_coef_.dtype == np.float32
        got = single.predict(X_new.astype(np.float32))
        assert got.dtype == np.float32
        assert_allclose(got, expected, atol=1e-4)

    def test_precomputed(self, data, weights):
        X, y, _, X_new = data
        kernel = Exponential(1.0)
        K, K_new = kernel(X), kernel(X_new, X)
        for options in (
            {"cv": "loo"},
            {"cv": 3},
            {"filter": "gradient_flow", "time": 60.0, "solver": "iterative"},
        ):
            model = SpectralFilterRegressor(kernel=kernel, **options)
            expected = model.fit(X, y, sample_weight=weights).predict(X_new)
            model = SpectralFilterRegressor(kernel="precomputed", **options)
            model.fit(K, y, sample_weight=weights)
            assert_allclose(model.predict(K_new), expected, atol=1e-7)

    @every
    @pytest.mark.parametrize("kernel", ["sigmoid", "precomputed", "centers"])
    def test_indefinite_kernel(self, data, weights, name, kernel):
        X, y, _, X_new = data
        sigmoid = Sigmoid(gamma=0.3, coef0=-1.0)
        model = SpectralFilterRegressor(name, kernel=sigmoid, **grid_of(name))
        if kernel == "centers":
            model.set_params(solver="nystroem", n_centers=30, random_state=0)
        A = X
        if kernel == "precomputed":
            model.set_params(kernel=kernel)
            A = sigmoid(X)
        for w in (None, weights):
            with pytest.warns(UserWarning) as record:
                model.fit(A, y, sample_weight=w)
            messages = [str(r.message) for r in record]
            named = [m for m in messages if "smallest eigenvalue is" in m]
            assert len(named) == (kernel != "centers")
            rows = slice(None) if w is None else w > 0
            v = np.ones(90) if w is None else w
            error = np.average((model.predict(A) - y) ** 2, weights=v)
            # Worse than nothing before, and best of all what is left out.
            assert error < np.average(y**2, weights=v)
            assert error < -model.cv_scores_.max()
            if kernel == "centers":
                continue
            root = np.sqrt(v[rows])
            B = sigmoid(X[rows]) * np.outer(root, root) / v.sum()
            t = np.linalg.eigvalsh(B)
            assert f"{t[0]:.3g} beside a largest of {t[-1]:.3g}" in named[0]

    def test_rounded_kernel_matrix_is_taken_as_it_is(self, data):
        X, y, _, _ = data
        model = SpectralFilterRegressor(kernel="precomputed")
        K = RBF(2.0)(X).astype(np.float32)
        assert np.linalg.eigvalsh(K.astype(float))[0] < -1e-8
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.fit(K, y)

    def test_iterative_names_the_indefinite_kernel(self, data):
        X, y, _, _ = data
        kernel = Sigmoid(gamma=1.0, coef0=-1.0)
        model = SpectralFilterRegressor(alpha=0.1, kernel=kernel, solver="iterative")
        message = "conjugate gradients .* not positive semi-definite. .*solver='eigh'"
        with pytest.warns(UserWarning, match="The kernel Sigmoid"):
            with pytest.warns(ConvergenceWarning, match=message):
                model.fit(X, y)

    def test_white_noise_is_no_part_of_the_centers(self, data):
        X, y, _, X_new = data
        model = SpectralFilterRegressor(alpha=0.1, solver="nystroem", n_centers=20)
        model.set_params(random_state=0, kernel=RBF(1.0))
        expected = model.fit(X, y).predict(X_new)
        model.set_params(kernel=RBF(1.0) + WhiteNoise(0.2))
        assert_allclose(model.fit(X, y).predict(X_new), expected, atol=1e-10)

    @every
    @pytest.mark.parametrize("solver", ["eigh", "iterative", "nystroem"])
    def test_compute_follows_X(self, cupy, data, weights, name, solver):  # noqa: F811
        X, _, Y, X_new = data
        options = SETTINGS[name] if solver == "iterative" else grid_of(name)
        model = SpectralFilterRegressor(name, solver=solver, gamma=0.4, **options)
        expected = model.fit(X, Y, sample_weight=weights).predict(X_new)
        device = clone(model).fit(cupy.asarray(X), cupy.asarray(Y), weights)
        got = device.predict(cupy.asarray(X_new))
        assert type(got).__module__ == "cupy"
        assert type(device.dual_coef_).__module__ == "cupy"
        assert_allclose(got.get(), expected, atol=1e-6)


class TestChoice:
    def test_leave_one_out_is_refitting(self, data):
        X, _, Y, _ = data
        X, Y = X[:30], Y[:30]
        alphas = [0.01, 1.0, 30.0]
        model = SpectralFilterRegressor(alpha=alphas, gamma=0.4).fit(X, Y)
        for alpha, score in zip(alphas, model.cv_scores_):
            predictions = np.empty_like(Y)
            for i in range(30):
                rest = np.arange(30) != i
                ridge = KernelRidge(alpha=alpha, kernel="rbf", gamma=0.4)
                predictions[i] = ridge.fit(X[rest], Y[rest]).predict(X[i : i + 1])
            assert_allclose(score, -mean_squared_error(Y, predictions), rtol=1e-8)
        best = int(model.cv_scores_.argmax())
        assert model.alpha_ == alphas[best]
        alone = clone(model).set_params(alpha=alphas[best]).fit(X, Y)
        assert_array_equal(model.dual_coef_, alone.dual_coef_)
        assert model.selection_ == "loo"

    @every
    @pytest.mark.parametrize("solver", ["eigh", "nystroem"])
    def test_folds_are_fits(self, data, weights, name, solver):
        X, _, Y, _ = data
        options = {
            "solver": solver,
            "gamma": 0.4,
            "center_selection": X[:50] if solver == "nystroem" else "uniform",
        }
        splitter = KFold(3, shuffle=True, random_state=0)
        grid = grid_of(name)
        model = SpectralFilterRegressor(name, cv=splitter, **grid, **options)
        model.fit(X, Y, sample_weight=weights)
        assert model.selection_ == "splits"
        assert_array_equal(model.candidates_, grid[MAIN[name]])
        for value, score in zip(model.candidates_.tolist(), model.cv_scores_):
            grid[MAIN[name]] = value
            one = SpectralFilterRegressor(name, **grid, **options)
            expected = []
            for train, test in splitter.split(X):
                one.fit(X[train], Y[train], sample_weight=weights[train])
                error = mean_squared_error(
                    Y[test], one.predict(X[test]), sample_weight=weights[test]
                )
                expected.append(-error)
            assert_allclose(score, np.mean(expected), rtol=1e-8)
        chosen = getattr(model, MAIN[name] + "_")
        assert chosen == model.candidates_[model.cv_scores_.argmax()]

    def test_kinds_of_cv(self, data):
        X, y, _, _ = data
        splits = list(KFold(4).split(X))
        options = {"alpha": [0.1, 1.0]}
        expected = SpectralFilterRegressor(cv=splits, **options).fit(X, y).cv_scores_
        for cv in (4, KFold(4), iter(splits)):
            model = SpectralFilterRegressor(cv=cv, **options).fit(X, y)
            assert_array_equal(model.cv_scores_, expected)
        loo = SpectralFilterRegressor(**options).fit(X, y).cv_scores_
        none = SpectralFilterRegressor(cv=None, **options).fit(X, y)
        assert_array_equal(none.cv_scores_, loo)
        # One shuffled split leaves most rows untested.
        SpectralFilterRegressor(cv=ShuffleSplit(1, random_state=0), **options).fit(X, y)

    def test_gcv(self, data, weights):
        X, _, Y, _ = data
        model = SpectralFilterRegressor(alpha=[0.01, 1.0], gamma=0.4, cv="gcv")
        model.fit(X, Y, sample_weight=weights)
        w = weights[weights > 0]
        X, Y, W = X[weights > 0], Y[weights > 0], w.sum()
        K = RBF(np.sqrt(1 / 0.8))(X)
        for alpha, score in zip([0.01, 1.0], model.cv_scores_):
            S = K @ np.linalg.inv(K + alpha * np.diag(1 / w))
            squares = w @ ((Y - S @ Y) ** 2).mean(axis=1)
            assert_allclose(score, -W * squares / (W - np.trace(S)) ** 2, rtol=1e-9)
        assert model.selection_ == "gcv"
        again = clone(model).set_params(cv="kare").fit(data[0], data[2], weights)
        assert_array_equal(again.cv_scores_, model.cv_scores_)
        assert again.selection_ == "kare"

    @pytest.mark.parametrize("cv", ["loo", "gcv"])
    def test_filters_that_fit_more_than_all(self, cv):
        # With 1 - h, leave-one-out picks up to four times the smallest error here.
        errors = []
        for seed in range(4):
            rng = np.random.default_rng(seed)
            X, X_new = rng.normal(size=(150, 3)), rng.normal(size=(300, 3))
            y = np.sin(2 * X[:, 0]) + 0.3 * rng.normal(size=150)
            model = SpectralFilterRegressor("heavy_ball", cv=cv).fit(X, y)
            truth = np.sin(2 * X_new[:, 0])
            fits = [
                SpectralFilterRegressor("heavy_ball", n_iter=k).fit(X, y)
                for k in model.candidates_.astype(int)
            ]
            risks = [mean_squared_error(truth, f.predict(X_new)) for f in fits]
            errors.append(risks[int(model.cv_scores_.argmax())] / min(risks))
        assert max(errors) < 1.2

    @pytest.mark.parametrize(
        "scoring, loss",
        [
            ("neg_mean_absolute_error", lambda y, p: -mean_absolute_error(y, p)),
            ("r2", r2_score),
            (lambda model, X, y: -abs(model.predict(X) - y).max(), None),
        ],
    )
    def test_scoring(self, data, scoring, loss):
        X, y, _, _ = data
        options = {"alpha": [0.1, 1.0], "gamma": 0.4}
        model = SpectralFilterRegressor(scoring=scoring, **options).fit(X, y)
        K = RBF(np.sqrt(1 / 0.8))(X)
        loss = loss or (lambda y, p: -abs(y - p).max())
        for alpha, score in zip(options["alpha"], model.cv_scores_):
            S = K @ np.linalg.inv(K + alpha * np.eye(90))
            predictions = y - (y - S @ y) / (1 - np.diagonal(S))
            assert_allclose(score, loss(y, predictions), rtol=1e-9)

    @every
    def test_automatic_candidates(self, data, name):
        X, y, _, X_new = data
        model = SpectralFilterRegressor(name).fit(X, y)
        assert len(model.candidates_) == len(model.cv_scores_) > 15
        best = model.cv_scores_.argmax()
        assert 0 < best < len(model.candidates_) - 1
        truth = np.sin(X_new[:, 0]) + X_new[:, 1] * X_new[:, 2]
        assert r2_score(truth, model.predict(X_new)) > 0.6
        others = {MAIN[name]: model.candidates_[best]}
        if MAIN[name] == "n_iter":
            others = {"n_iter": int(model.candidates_[best])}
        alone = SpectralFilterRegressor(name, **others).fit(X, y)
        assert_array_equal(model.dual_coef_, alone.dual_coef_)
        assert alone.cv_scores_ is None and alone.candidates_ is None

    def test_scale_of_the_kernel_does_not_matter(self, data):
        X, y, _, X_new = data
        for name in SETTINGS:
            predictions = [
                SpectralFilterRegressor(name, kernel=c * Exponential(1.0))
                .fit(X, y)
                .predict(X_new)
                for c in (1.0, 1e6)
            ]
            assert_allclose(*predictions, atol=1e-7)

    def test_one_value_for_all_targets(self, data):
        X, _, Y, X_new = data
        model = SpectralFilterRegressor("gradient_flow").fit(X, Y)
        alone = [
            SpectralFilterRegressor("gradient_flow", time=model.time_).fit(X, y)
            for y in Y.T
        ]
        expected = np.column_stack([m.predict(X_new) for m in alone])
        assert_allclose(model.predict(X_new), expected, atol=1e-10)

    def test_equal_scores_take_the_first(self, data):
        X, _, _, _ = data
        model = SpectralFilterRegressor(alpha=[3.0, 1.0]).fit(X, np.zeros(90))
        assert model.alpha_ == 3.0

    def test_no_finite_score(self, data):
        X, y, _, _ = data
        model = SpectralFilterRegressor(alpha=[0.0, 0.0], kernel="exponential")
        with pytest.warns(UserWarning, match="no value of alpha has a finite score"):
            model.fit(X, y)
        assert np.isneginf(model.cv_scores_).all() and model.alpha_ == 0.0
        # A cutoff keeps the largest eigenvalue, the only one.
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for cv in ("loo", "gcv"):
                SpectralFilterRegressor("cutoff", cv=cv).fit(X[:1], y[:1])

    def test_verbose(self, data, capsys):
        X, y, _, _ = data
        SpectralFilterRegressor(alpha=[0.1, 1.0], verbose=1).fit(X, y)
        out = capsys.readouterr().out
        assert out.startswith("[SpectralFilterRegressor] best of 2 values of alpha")


class TestWeights:
    @every
    @pytest.mark.parametrize("kind", ["eigh", "folds", "nystroem", "iterative"])
    def test_repetition(self, data, weights, name, kind):
        X, _, Y, X_new = data
        index = np.repeat(np.arange(90), weights.astype(int))
        options, more = dict(SETTINGS[name]), {}
        if kind in ("eigh", "nystroem"):
            options, more = {}, {"solver": kind}
        elif kind == "folds":
            options = grid_of(name)
            test = [np.arange(90) % 3 == k for k in range(3)]
            more["cv"] = [(np.flatnonzero(~t), np.flatnonzero(t)) for t in test]
        else:
            more = {"solver": kind, "tol": 1e-11}
        model = SpectralFilterRegressor(
            name, kernel="exponential", gamma="scale", n_centers=40, random_state=0
        ).set_params(**options, **more)
        weighted = clone(model).fit(X, Y, sample_weight=weights)
        if kind == "folds":
            model.cv = [
                (np.flatnonzero(~t[index]), np.flatnonzero(t[index])) for t in test
            ]
        repeated = model.fit(X[index], Y[index])
        assert_allclose(weighted.predict(X_new), repeated.predict(X_new), atol=1e-7)
        if kind != "iterative":
            assert_allclose(weighted.candidates_, repeated.candidates_, rtol=1e-9)
            assert_allclose(weighted.cv_scores_, repeated.cv_scores_, rtol=1e-5)
        if kind != "nystroem":
            assert_array_equal(weighted.dual_coef_[weights == 0], 0.0)

    @every
    def test_order_of_rows(self, data, weights, name):
        X, _, Y, X_new = data
        order = np.random.default_rng(3).permutation(90)
        model = SpectralFilterRegressor(name, kernel="exponential")
        one = clone(model).fit(X, Y, sample_weight=weights)
        other = model.fit(X[order], Y[order], sample_weight=weights[order])
        assert_allclose(other.predict(X_new), one.predict(X_new), atol=1e-9)
        assert_allclose(other.dual_coef_, one.dual_coef_[order], atol=1e-8)

    def test_intercept_and_scores(self, data, weights):
        X, y, _, X_new = data
        index = np.repeat(np.arange(90), weights.astype(int))
        model = SpectralFilterRegressor(
            fit_intercept=True, scoring="r2", kernel="exponential"
        )
        weighted = clone(model).fit(X, y, sample_weight=weights)
        repeated = model.fit(X[index], y[index])
        assert_allclose(weighted.cv_scores_, repeated.cv_scores_, rtol=1e-8)
        assert_allclose(weighted.predict(X_new), repeated.predict(X_new), atol=1e-9)


class TestNystroem:
    def test_centers(self, data, weights):
        X, y, _, X_new = data
        model = SpectralFilterRegressor(
            "gradient_flow", solver="nystroem", n_centers=20, random_state=0
        ).fit(X, y, sample_weight=weights)
        indices = model.center_indices_
        assert len(indices) == 20 and (weights[indices] > 0).all()
        assert_array_equal(model.X_fit_, X[indices])
        assert model.dual_coef_.shape == (20,)
        given = clone(model).set_params(center_selection=X[indices])
        given.fit(X, y, sample_weight=weights)
        assert_array_equal(given.predict(X_new), model.predict(X_new))
        assert given.center_indices_ is None

    def test_ridge_is_that_of_the_nystroem_estimator(self, data, weights):
        from skkernels import NystroemKernelRidge

        X, _, Y, X_new = data
        options = {"center_selection": X[:25], "gamma": 0.4}
        model = SpectralFilterRegressor(alpha=0.1, solver="nystroem", **options)
        peer = NystroemKernelRidge(
            alpha=0.1, kernel="rbf", fit_intercept=False, **options
        )
        expected = peer.fit(X, Y, sample_weight=weights).predict(X_new)
        got = model.fit(X, Y, sample_weight=weights).predict(X_new)
        assert_allclose(got, expected, atol=1e-8)

    def test_automatic_solver(self, data, monkeypatch):
        X, y, _, _ = data
        monkeypatch.setattr("skkernels.spectral._base._MAX_DIRECT", 80)
        for options, solver in [
            ({}, "nystroem"),
            ({"alpha": 0.1}, "iterative"),
            ({"alpha": [0.1, 1.0]}, "nystroem"),
            ({"filter": "cutoff", "threshold": 0.01}, "iterative"),
            ({"filter": "cutoff", "n_components": 9}, "nystroem"),
            ({"filter": lambda t: t / (t + 0.01)}, "iterative"),
        ]:
            model = SpectralFilterRegressor(**options).fit(X, y)
            assert model.solver_ == solver
        K = RBF(1.0)(X)
        model = SpectralFilterRegressor(kernel="precomputed")
        assert model.fit(K, y).solver_ == "eigh"
        monkeypatch.undo()
        with config_context(working_memory=0.1):
            assert SpectralFilterRegressor(alpha=0.1).fit(X, y).solver_ == "iterative"


class TestEarlyStopping:
    options = {"early_stopping": True, "validation_fraction": 0.3, "random_state": 0}

    @pytest.mark.parametrize("name", ["landweber", "heavy_ball", "nu_method"])
    def test_best_state(self, data, weights, name):
        X, _, Y, X_new = data
        model = SpectralFilterRegressor(name, kernel="exponential", **self.options)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.fit(X, Y, sample_weight=weights)
        scores = model.validation_scores_
        assert model.converged_ and len(scores) > 10
        assert model.n_iter_ == scores.argmax() + 1
        held_out = (model.dual_coef_ == 0).all(axis=1) & (weights > 0)
        share = weights[held_out].sum() / weights.sum()
        assert 0.3 <= share < 0.34
        # The same steps with the samples set aside at weight zero.
        plain = SpectralFilterRegressor(name, kernel=model.kernel_, solver="iterative")
        for k in (1, model.n_iter_, len(scores)):
            again = clone(plain).set_params(n_iter=k)
            again.fit(X, Y, sample_weight=np.where(held_out, 0.0, weights))
            error = mean_squared_error(
                Y[held_out],
                again.predict(X[held_out]),
                sample_weight=weights[held_out],
            )
            assert_allclose(scores[k - 1], -error, rtol=1e-9)
            if k == model.n_iter_:
                got = model.predict(X_new)
                assert_allclose(got, again.predict(X_new), atol=1e-10)
        # The window of the last scores brought nothing, the one before it did.
        window = model.n_iter_no_change
        for end, ended in ((len(scores), True), (len(scores) - 1, False)):
            before = scores[: end - window].max()
            lately = scores[end - window : end].max()
            assert (lately <= before + model.tol * abs(before)) == ended

    def test_weights_are_repetitions(self, data, weights):
        X, y, _, X_new = data
        index = np.repeat(np.arange(90), weights.astype(int))
        model = SpectralFilterRegressor("nu_method", scoring="r2", **self.options)
        weighted = clone(model).fit(X, y, sample_weight=weights)
        repeated = model.fit(X[index], y[index])
        assert weighted.n_iter_ == repeated.n_iter_
        assert_allclose(weighted.validation_scores_, repeated.validation_scores_)
        assert_allclose(weighted.predict(X_new), repeated.predict(X_new), atol=1e-9)

    def test_a_sample_to_fit_is_left(self):
        # One distinct row of two has nearly all the weight that is to be set aside.
        X, y = np.array([[0.0], [1.0]]), np.array([1.0, 2.0])
        model = SpectralFilterRegressor(
            "landweber",
            early_stopping=True,
            validation_fraction=0.99,
            n_iter_no_change=2,
        )
        for seed in range(4):
            model.set_params(random_state=seed).fit(X, y)
            assert (model.dual_coef_ != 0).sum() == 1

    def test_limit(self, data):
        X, y, _, _ = data
        for limit in ({"n_iter": 5}, {"max_iter": 5}):
            model = SpectralFilterRegressor("landweber", **limit, **self.options)
            with pytest.warns(ConvergenceWarning, match="did not stop within 5 iter"):
                model.fit(X, y)
            assert len(model.validation_scores_) == model.n_iter_ == 5
            assert not model.converged_

    def test_indefinite_kernel(self, data):
        X, y, _, _ = data
        kernel = Sigmoid(gamma=1.0, coef0=-1.0)
        for options in ({"n_iter": 2000}, self.options):
            model = SpectralFilterRegressor(
                "landweber", kernel=kernel, solver="iterative", **options
            )
            with pytest.warns(UserWarning) as record:
                model.fit(X, y)
            messages = [str(w.message) for w in record]
            assert any("not positive semi-definite" in m for m in messages)
            if options is not self.options:
                assert any("residuals grew in iteration" in m for m in messages)
                best = model.residual_norms_.argmin()
                assert model.n_iter_ == best and not model.converged_
            assert np.isfinite(model.predict(X)).all()


class Watch:
    """A callback that keeps predictions and asks to stop."""

    def __init__(self, last):
        self.last, self.predictions = last, []

    def setup(self, estimator, context):
        pass

    teardown = on_fit_task_begin = setup

    def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
        if context.task_name == "iteration":
            self.predictions.append(fitted_estimator.predict(X))
            return context.task_id == self.last - 1


@every
def test_callbacks_see_a_model_and_may_stop(data, weights, name):
    X, _, Y, _ = data
    for last in (4, 10**6):
        callback = Watch(last)
        model = SpectralFilterRegressor(
            name, solver="iterative", fit_intercept=True, **SETTINGS[name]
        ).set_callbacks(callback)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.fit(X, Y, sample_weight=weights)
        assert model.n_iter_ == len(callback.predictions) <= last
        assert_allclose(callback.predictions[-1], model.predict(X), atol=1e-10)
        assert model.converged_ == (last > 4)
        assert len(model.residual_norms_) == model.n_iter_ + 1 or last > 4


def test_unconverged(data):
    X, y, _, _ = data
    for options, message in [
        ({"alpha": 1e-6}, "conjugate gradients ended after 3 .* solver='nystroem'"),
        ({"filter": "gradient_flow", "time": 1e6}, "Lanczos' method ended after 3 "),
    ]:
        model = SpectralFilterRegressor(solver="iterative", max_iter=3, **options)
        with pytest.warns(ConvergenceWarning, match=message):
            model.fit(X, y)
        assert not model.converged_


def test_verbose_iterations(data, capsys):
    X, y, _, _ = data
    model = SpectralFilterRegressor("landweber", n_iter=20, solver="iterative")
    model.set_params(verbose=1).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    assert lines[-1].startswith("[SpectralFilterRegressor] iteration 20/20, relative")


@pytest.mark.parametrize(
    "options, message",
    [
        ({"filter": "lasso"}, "'filter' parameter"),
        ({"alpha": -1.0}, "'alpha' parameter"),
        ({"alpha": [1.0, -1.0]}, r"alpha must be 'auto' or hold one or more non-neg"),
        ({"alpha": [[1.0]]}, "alpha must be"),
        ({"alpha": []}, "alpha must be"),
        ({"alpha": [np.nan]}, "alpha must be"),
        ({"filter": "landweber", "n_iter": [1.5]}, "n_iter must be .* positive integ"),
        ({"filter": "landweber", "n_iter": [3, 0]}, "n_iter must be"),
        ({"filter": "cutoff", "n_components": [0]}, "n_components must be"),
        ({"filter": "gradient_flow", "time": ["a"]}, "time must be"),
        ({"filter": "self_distillation", "mixing": [[0.5]]}, "mixing must hold"),
        ({"filter": "self_distillation", "mixing": []}, "mixing must hold"),
        ({"filter": "landweber", "step": 1e3}, r"needs a step below .* got step=1000"),
        (
            {"filter": "landweber", "step": 1e3, "n_iter": 9, "solver": "iterative"},
            "needs a step below",
        ),
        ({"filter": "heavy_ball", "step": 1e3}, "needs a step below"),
        ({"solver": "iterative"}, "needs one number for alpha, got alpha='auto'"),
        ({"solver": "iterative", "alpha": [1.0, 2.0]}, "needs one number for alpha"),
        (
            {"solver": "iterative", "filter": "cutoff", "n_components": 3},
            "needs one number for threshold, got n_components=3",
        ),
        ({"early_stopping": True}, "early_stopping=True needs a filter among"),
        (
            {"early_stopping": True, "filter": "nu_method", "solver": "eigh"},
            "solver='iterative' or 'auto', got filter='nu_method' and solver='eigh'",
        ),
        (
            {"early_stopping": True, "filter": "nu_method", "n_iter": [3, 4]},
            "early_stopping=True needs n_iter='auto'",
        ),
        ({"cv": "press"}, "'cv' parameter"),
        ({"cv": "kare", "filter": "cutoff"}, "cv='kare' .* got filter='cutoff'"),
        ({"cv": "kare", "filter": "cutoff", "threshold": 0.1}, "cv='kare' is defined"),
        ({"scoring": "mse"}, "'scoring' parameter"),
    ],
)
def test_bad_parameters_leave_the_model_as_it_was(data, options, message):
    X, y, _, _ = data
    model = SpectralFilterRegressor().fit(X, y)
    before = {**vars(model)}
    model.set_params(**options)
    with pytest.raises(ValueError, match=message):
        model.fit(X[:, :2], y)
    for name, value in before.items():
        if name.endswith("_"):
            assert getattr(model, name) is value


def test_other_refusals(data):
    X, y, _, _ = data
    K = RBF(1.0)(X)
    model = SpectralFilterRegressor(kernel="precomputed")
    with pytest.raises(ValueError, match="must be square in fit"):
        model.fit(K[:, :5], y)
    with pytest.raises(ValueError, match="kernel='precomputed' is not possible"):
        clone(model).set_params(solver="nystroem").fit(K, y)
    equal = np.ones((4, 2)), np.arange(4.0)
    with pytest.raises(ValueError, match="at least 2 distinct samples"):
        SpectralFilterRegressor("landweber", early_stopping=True).fit(*equal)
    with config_context(working_memory=0.1):
        with pytest.raises(ValueError, match="eigendecomposition of the 90 x 90"):
            SpectralFilterRegressor(solver="eigh").fit(X, y)
        with pytest.raises(ValueError, match="for 90 centers .*n_centers"):
            SpectralFilterRegressor(solver="nystroem").fit(X, y)
        with pytest.raises(ValueError, match="Krylov basis .*solver='nystroem'"):
            SpectralFilterRegressor("gradient_flow", time=1e9).fit(X, y)
    with pytest.raises(ValueError, match="same shape"):
        SpectralFilterRegressor(lambda t: 1.0).fit(X, y)
