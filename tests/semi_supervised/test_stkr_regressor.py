"""STKRRegressor."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skkernels import KernelRidge
from skkernels.model_selection import LabeledKFold
from skkernels.semi_supervised import STKRRegressor

N, N_LABELED = 50, 18
TRANSFORMATIONS = [
    {"transformation": "identity"},
    {"transformation": "inverse_laplacian", "eta": 0.9},
    {"transformation": "power", "power": 3},
    {"transformation": "heat"},
    {"transformation": "truncation", "n_components": 5},
    {"transformation": np.sqrt},
]
each_transformation = pytest.mark.parametrize("params", TRANSFORMATIONS)


def problem(n_targets=None):
    """Rows in random order, some with targets, and new rows."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 3))
    Y = np.column_stack([np.sin(X[:, 0]) + 2, X[:, 1] * X[:, 2], X[:, 0]])
    y = Y[:, 0] if n_targets is None else Y[:, :n_targets]
    y[rng.permutation(N)[N_LABELED:]] = np.nan
    return X, y, rng.normal(size=(7, 3))


def rbf(X, Z, gamma=0.3):
    return np.exp(-gamma * ((X[:, None] - Z[None]) ** 2).sum(axis=2))


def has_target(y):
    return ~np.isnan(y if y.ndim == 1 else y[:, 0])


class TestCoincidences:
    @pytest.mark.parametrize("solver", ["eigh", "cholesky", "cg"])
    @pytest.mark.parametrize(
        "params",
        [
            {"transformation": "identity"},
            {"transformation": "power", "power": 1},
            {"transformation": "inverse_laplacian", "eta": 0.0},
            {"transformation": "polynomial", "coefficients": [1.0]},
        ],
    )
    @pytest.mark.parametrize("weighted", [False, True])
    def test_kernel_ridge(self, params, solver, weighted):
        """Without a transformation the unlabelled rows do not matter."""
        X, y, X_new = problem()
        known = has_target(y)
        weights = np.random.default_rng(1).uniform(0.5, 2, N) if weighted else None
        kernel = {"kernel": "rbf", "gamma": 0.3, "alpha": 0.2}
        model = STKRRegressor(
            normalize="none", solver=solver, tol=1e-13, **kernel, **params
        ).fit(X, y, sample_weight=weights)
        few = None if weights is None else weights[known]
        ridge = KernelRidge(**kernel).fit(X[known], y[known], sample_weight=few)
        assert_allclose(model.predict(X_new), ridge.predict(X_new), atol=1e-10)
        assert_allclose(model.transduction_, ridge.predict(X), atol=1e-10)

    @pytest.mark.parametrize("fit_intercept", [False, True])
    def test_formula_of_the_inverse_laplacian(self, fit_intercept):
        X, y, X_new = problem()
        known = has_target(y)
        model = STKRRegressor(
            alpha=0.2, eta=0.9, gamma=0.3, fit_intercept=fit_intercept
        ).fit(X, y)
        K, K_new = rbf(X, X), rbf(X_new, X)
        roots = np.sqrt(K.mean(axis=1))
        G = K / np.outer(roots, roots)
        # The norm ||f||^2 of the values f on the pool is f'(inv(s(A)) / N) f.
        smooth = np.linalg.inv(np.linalg.inv(G) - 0.9 / N * np.eye(N))
        mean = y[known].mean() if fit_intercept else 0.0
        a = np.linalg.solve(
            smooth[np.ix_(known, known)] + 0.2 * np.eye(N_LABELED), y[known] - mean
        )
        values = smooth[:, known] @ a
        assert_allclose(model.transduction_, values + mean, atol=1e-7)
        rows = K_new / np.outer(np.sqrt(K_new.mean(axis=1)), roots)
        new = rows @ np.linalg.solve(G, values) + mean
        assert_allclose(model.predict(X_new), new, atol=1e-6)
        assert_allclose(model.intercept_, mean)

    @each_transformation
    def test_several_targets_are_one_by_one(self, params):
        X, Y, X_new = problem(n_targets=3)
        model = STKRRegressor(gamma=0.3, fit_intercept=True, **params)
        together = clone(model).fit(X, Y)
        for j in range(3):
            alone = clone(model).fit(X, Y[:, j])
            assert_allclose(together.predict(X_new)[:, j], alone.predict(X_new))
            assert_allclose(together.transduction_[:, j], alone.transduction_)
        assert together.intercept_.shape == (3,)

    @each_transformation
    def test_order_of_rows(self, params):
        X, y, X_new = problem()
        order = np.random.default_rng(2).permutation(N)
        model = STKRRegressor(gamma=0.3, **params)
        expected = clone(model).fit(X, y)
        shuffled = clone(model).fit(X[order], y[order])
        assert_allclose(shuffled.predict(X_new), expected.predict(X_new), atol=1e-9)
        assert_allclose(shuffled.transduction_, expected.transduction_[order])
        assert_array_equal(shuffled.labeled_mask_, expected.labeled_mask_[order])

    @each_transformation
    @pytest.mark.parametrize("normalize", ["degree", "none", "center"])
    def test_transduction_is_prediction(self, params, normalize):
        X, y, _ = problem()
        model = STKRRegressor(gamma=0.3, normalize=normalize, **params).fit(X, y)
        assert_allclose(model.predict(X), model.transduction_, atol=1e-9)

    def test_lazy_transduction_sees_the_rows_themselves(self):
        """A row of the pool has a loop, which a new row at the same place has not."""
        X, y, _ = problem()
        model = STKRRegressor(gamma=0.3, normalize="lazy", alpha=1e-6).fit(X, y)
        known = model.labeled_mask_
        assert_allclose(model.transduction_[known], y[known], atol=1e-5)
        assert np.abs(model.predict(X)[known] - y[known]).max() > 0.1

    def test_unlabelled_rows_matter(self):
        """On two parallel lines with one label each."""
        t = np.linspace(0, 5, 60)
        X = np.column_stack([np.tile(t, 2), np.repeat([0.0, 1.0], 60)])
        y = np.full(120, np.nan)
        y[[0, 119]] = -1.0, 1.0  # at opposite ends
        model = STKRRegressor(alpha=0.1, gamma=8.0, eta=0.999).fit(X, y)
        ridge = KernelRidge(alpha=0.1, kernel="rbf", gamma=8.0)
        ridge.fit(X[[0, 119]], y[[0, 119]])
        line = np.repeat([-1, 1], 60)
        assert_array_equal(np.sign(model.transduction_), line)
        assert (np.sign(ridge.predict(X)) == line).mean() < 0.7


class TestWeights:
    @each_transformation
    @pytest.mark.parametrize("normalize", ["degree", "none", "center", "lazy"])
    def test_weights_are_repetitions(self, params, normalize):
        """Of labelled and unlabelled rows alike, and 0 is absence."""
        X, y, X_new = problem()
        weights = np.random.default_rng(3).integers(0, 4, N)
        labeled = has_target(y)
        assert (weights[labeled] == 0).any() and (weights[~labeled] == 0).any()
        model = STKRRegressor(
            gamma="scale", normalize=normalize, fit_intercept=True, **params
        )
        weighted = clone(model).fit(X, y, sample_weight=weights)
        repeated = clone(model).fit(
            np.repeat(X, weights, axis=0), np.repeat(y, weights)
        )
        assert_allclose(weighted.predict(X_new), repeated.predict(X_new), atol=1e-8)
        assert_allclose(weighted.intercept_, repeated.intercept_)
        assert_array_equal(weighted.labeled_mask_, labeled & (weights > 0))
        positive = weights > 0
        values = np.repeat(weighted.transduction_, weights)
        assert_allclose(values, repeated.transduction_, atol=1e-8)
        if normalize != "lazy":
            assert_allclose(
                weighted.transduction_[~positive],
                weighted.predict(X[~positive]),
                atol=1e-8,
            )

    def test_unlabelled_weights_matter(self):
        X, y, X_new = problem()
        weights = np.where(has_target(y), 1.0, 5.0)
        model = STKRRegressor(gamma=0.3)
        plain = clone(model).fit(X, y).predict(X_new)
        weighted = clone(model).fit(X, y, sample_weight=weights).predict(X_new)
        assert np.abs(plain - weighted).max() > 1e-3


class TestUnlabelledRows:
    @each_transformation
    @pytest.mark.parametrize("weighted", [False, True])
    def test_two_ways_agree(self, params, weighted):
        X, y, X_new = problem()
        order = np.argsort(np.isnan(y), kind="stable")
        X, y = X[order], y[order]
        few, rest = slice(0, N_LABELED), slice(N_LABELED, N)
        weights = np.random.default_rng(4).integers(0, 3, N) * 1.0
        model = STKRRegressor(gamma="scale", fit_intercept=True, **params)
        options = {}
        if weighted:
            options = {
                "sample_weight": weights[few],
                "sample_weight_unlabeled": weights[rest],
            }
        apart = clone(model).fit(X[few], y[few], X_unlabeled=X[rest], **options)
        together = clone(model).fit(X, y, weights if weighted else None)
        assert_array_equal(apart.transduction_, together.transduction_)
        assert_array_equal(apart.predict(X_new), together.predict(X_new))
        assert_array_equal(apart.X_fit_, together.X_fit_)
        assert_array_equal(apart.labeled_mask_, together.labeled_mask_)

    def test_weights_of_one_kind_only(self):
        X, y, X_new = problem(n_targets=2)
        U = X_new
        model = STKRRegressor()
        ones = clone(model).fit(
            X, y, np.full(N, 2.0), X_unlabeled=U, sample_weight_unlabeled=np.ones(7)
        )
        assert_array_equal(
            clone(model).fit(X, y, 2.0, X_unlabeled=U).transduction_,
            ones.transduction_,
        )
        ones = clone(model).fit(X, y, X_unlabeled=U, sample_weight_unlabeled=3.0)
        both = np.r_[np.ones(N), np.full(7, 3.0)]
        filled = np.vstack([y, np.full((7, 2), np.nan)])
        together = clone(model).fit(np.vstack([X, U]), filled, both)
        assert_array_equal(ones.transduction_, together.transduction_)

    def test_weights_of_zero_are_no_rows(self):
        X, y, X_new = problem()
        model = STKRRegressor(gamma="scale")
        plain = clone(model).fit(X, y)
        none = clone(model).fit(
            X, y, X_unlabeled=100 * X_new, sample_weight_unlabeled=np.zeros(7)
        )
        assert_allclose(none.predict(X_new), plain.predict(X_new))
        assert none.transduction_.shape == (N + 7,)

    def test_without_unlabelled_rows(self):
        X, y, X_new = problem()
        known = has_target(y)
        model = STKRRegressor(gamma=0.3).fit(X[known], y[known])
        assert model.labeled_mask_.all()
        ridge = KernelRidge(kernel="rbf", gamma=0.3).fit(X[known], y[known])
        assert np.abs(model.predict(X_new) - ridge.predict(X_new)).max() > 1e-3

    def test_storage_and_precision_follow_X(self):
        X, y, X_new = problem()
        model = STKRRegressor(gamma=0.3)
        expected = clone(model).fit(X, y, X_unlabeled=X_new)
        sparse = clone(model).fit(sp.csr_array(X), y, X_unlabeled=X_new)
        assert sp.issparse(sparse.X_fit_)
        assert_allclose(sparse.transduction_, expected.transduction_, atol=1e-10)
        dense = clone(model).fit(X, y, X_unlabeled=sp.csr_array(X_new))
        assert_allclose(dense.transduction_, expected.transduction_, atol=1e-10)
        single = clone(model).fit(X.astype(np.float32), y, X_unlabeled=X_new)
        assert single.X_fit_.dtype == np.float32
        assert single.transduction_.dtype == np.float32
        assert single.predict(X_new.astype(np.float32)).dtype == np.float32
        assert_allclose(single.transduction_, expected.transduction_, atol=1e-3)

    def test_pool_of_unlabelled_rows_only(self):
        X, y, X_new = problem()
        known = has_target(y)
        model = STKRRegressor("truncation", pca_on="unlabeled", n_components=4)
        together = clone(model).fit(X, y)
        apart = clone(model).fit(X[known], y[known], X_unlabeled=X[~known])
        assert_allclose(together.predict(X_new), apart.predict(X_new), atol=1e-10)
        assert_allclose(apart.predict(apart.X_fit_), apart.transduction_, atol=1e-9)
        with pytest.raises(ValueError, match="pca_on='unlabeled'"):
            clone(model).fit(X[known], y[known])

    def test_precomputed(self):
        X, y, X_new = problem()
        K, K_new = rbf(X, X), rbf(X_new, X)
        expected = STKRRegressor(gamma=0.3).fit(X, y)
        model = STKRRegressor(kernel="precomputed").fit(K, y)
        assert_allclose(model.transduction_, expected.transduction_)
        assert_allclose(model.predict(K_new), expected.predict(X_new))
        with pytest.raises(ValueError, match="kernel matrix of the labelled and the"):
            model.fit(K, y, X_unlabeled=K_new)

    @pytest.mark.parametrize("solver", ["eigh", "cholesky", "cg"])
    def test_sparse_graph(self, solver):
        rng = np.random.default_rng(5)
        W = np.triu(rng.uniform(size=(N, N)) < 0.15, 1) * 1.0
        W += W.T + np.diag(np.ones(N - 1), 1) + np.diag(np.ones(N - 1), -1)
        y = np.where(rng.uniform(size=N) < 0.3, rng.normal(size=N), np.nan)
        model = STKRRegressor(
            kernel="precomputed", normalize="lazy", solver=solver, tol=1e-12
        )
        dense = clone(model).fit(W, y)
        sparse = clone(model).fit(sp.csr_array(W), y)
        assert_allclose(sparse.transduction_, dense.transduction_, atol=1e-9)
        assert_allclose(sparse.predict(sp.csr_array(W[:4])), dense.predict(W[:4]))


class TestTargets:
    def test_forms_of_missing_values(self):
        X, y, _ = problem()
        expected = STKRRegressor().fit(X, y).transduction_
        objects = np.array([None if np.isnan(v) else v for v in y], dtype=object)
        pd = pytest.importorskip("pandas")
        forms = [
            objects,
            objects.tolist(),
            y.tolist(),
            pd.Series(y),
            y.astype(np.float64)[:, np.newaxis],
            pd.Series(y, dtype="Float64"),
            np.array([pd.NA if np.isnan(v) else v for v in y], dtype=object),
            [pd.NA if np.isnan(v) else v for v in y],
            pd.DataFrame({"a": pd.array(y, dtype="Float64")}),
        ]
        assert pd.isna(forms[-4]).any()
        for form in forms:
            assert_allclose(
                np.ravel(STKRRegressor().fit(X, form).transduction_), expected
            )

    def test_column(self):
        X, y, X_new = problem(n_targets=1)
        model = STKRRegressor(fit_intercept=True).fit(X, y)
        assert model.predict(X_new).shape == (7, 1)
        assert model.transduction_.shape == (N, 1)
        assert model.intercept_.shape == (1,) and model.dual_coef_.shape == (N, 1)
        centred = STKRRegressor(normalize="center").fit(X, y)
        assert centred.offset_.shape == (1,)

    def test_one_dimension(self):
        X, y, _ = problem()
        model = STKRRegressor(normalize="center", fit_intercept=True).fit(X, y)
        assert model.dual_coef_.shape == (N,)
        assert type(model.intercept_) is type(model.offset_) is float

    def test_integers_have_no_mark(self):
        X, _, _ = problem()
        model = STKRRegressor().fit(X, np.arange(N) % 4 - 1)
        assert model.labeled_mask_.all()

    @pytest.mark.parametrize(
        "value, message",
        [(np.nan, "no labelled sample"), (np.inf, "infinity"), (None, "no labelled")],
    )
    def test_no_target(self, value, message):
        X, _, _ = problem()
        with pytest.raises(ValueError, match=message):
            STKRRegressor().fit(X, np.full(N, value))

    @pytest.mark.parametrize("value", [np.inf, -np.inf])
    def test_infinite_target(self, value):
        X, y, _ = problem()
        y[3] = value
        with pytest.raises(ValueError, match="infinity"):
            STKRRegressor().fit(X, y)

    def test_row_with_some_targets(self):
        X, Y, _ = problem(n_targets=2)
        row = int(has_target(Y).argmax())
        Y[row, 1] = np.nan
        with pytest.raises(ValueError, match=f"row {row} has some"):
            STKRRegressor().fit(X, Y)

    def test_labelled_rows_of_weight_zero(self):
        X, y, _ = problem()
        with pytest.raises(ValueError, match="no labelled sample of positive weight"):
            STKRRegressor().fit(X, y, sample_weight=np.isnan(y).astype(float))

    def test_other_wrong_input(self):
        X, y, X_new = problem()
        model = STKRRegressor()
        for bad, message in [
            (None, "requires y to be passed, but the target y is None"),
            (y[:-1], "inconsistent numbers of samples"),
            (np.full(N, 1j), "Complex data not supported"),
            (np.array(["a"] * N), "could not convert string"),
            (np.zeros((N, 2, 2)), "dim"),
        ]:
            with pytest.raises(ValueError, match=message):
                model.fit(X, bad)
        for bad, message in [
            ({"X_unlabeled": X_new[:, :2]}, "Bad X_unlabeled: X has 2 features"),
            ({"X_unlabeled": X_new * np.nan}, "Bad X_unlabeled: .* contains NaN"),
            (
                {"X_unlabeled": X_new, "sample_weight_unlabeled": -np.ones(7)},
                "Bad X_unlabeled: Negative values",
            ),
            ({"sample_weight_unlabeled": 1.0}, "without X_unlabeled"),
        ]:
            with pytest.raises(ValueError, match=message):
                model.fit(X, y, **bad)

    def test_names_of_features(self):
        pd = pytest.importorskip("pandas")
        X, y, X_new = problem()
        frame = pd.DataFrame(X, columns=["a", "b", "c"])
        other = pd.DataFrame(X_new, columns=["a", "b", "c"])
        model = STKRRegressor().fit(frame, y, X_unlabeled=other)
        assert_array_equal(model.feature_names_in_, ["a", "b", "c"])
        plain = STKRRegressor().fit(X, y, X_unlabeled=X_new)
        assert_array_equal(model.predict(other), plain.predict(X_new))
        with pytest.raises(ValueError, match="Bad X_unlabeled: The feature names"):
            model.fit(frame, y, X_unlabeled=other[["b", "a", "c"]])

    def test_failed_fit_changes_nothing(self):
        X, y, X_new = problem()
        model = STKRRegressor().fit(X, y)
        expected, state = model.predict(X_new), set(vars(model))
        with pytest.raises(ValueError):
            model.fit(X[:, :2], np.full(N, np.nan))
        with pytest.raises(ValueError):
            model.fit(-X[:, :2], y, sample_weight=np.isnan(y).astype(float))
        assert_array_equal(model.predict(X_new), expected)
        assert set(vars(model)) == state


def test_intercept_is_what_far_rows_get():
    X, y, _ = problem()
    weights = np.random.default_rng(6).uniform(size=N)
    known = has_target(y)
    model = STKRRegressor(gamma=1.0, fit_intercept=True).fit(X, y, weights)
    mean = np.average(y[known], weights=weights[known])
    assert_allclose(model.intercept_, mean)
    assert_allclose(model.predict(X[:2] + 1e3), mean)
    plain = STKRRegressor(gamma=1.0).fit(X, y)
    assert_allclose(plain.predict(X[:2] + 1e3), 0.0, atol=1e-100)


@pytest.mark.parametrize("solver", ["eigh", "cholesky", "cg"])
@pytest.mark.parametrize("kernel", ["rbf", "linear", "poly", "precomputed"])
@pytest.mark.parametrize("name", ["inverse_laplacian", "power", "heat"])
def test_centring_of_equal_rows_leaves_the_intercept(name, kernel, solver):
    X, y, _ = problem()
    rows = np.full((N, N), 7.3) if kernel == "precomputed" else np.zeros((N, 3))
    rows += (
        np.random.default_rng(0).normal(size=rows.shape[1])
        * 1e3
        * (kernel in ("linear", "poly"))
    )
    model = STKRRegressor(
        name, kernel=kernel, solver=solver, normalize="center", fit_intercept=True
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(rows, y)
    assert_allclose(model.transduction_, np.nanmean(y), rtol=1e-15)
    assert_allclose(model.predict(rows), np.nanmean(y), rtol=1e-15)
    assert model.lambda_max_ == 0 and not model.dual_coef_.any()


@pytest.mark.parametrize("solver", ["eigh", "lanczos"])
@pytest.mark.parametrize("normalize", ["none", "center"])
@pytest.mark.parametrize("pca_on", ["all", "unlabeled"])
def test_truncation_of_a_kernel_that_vanishes(pca_on, normalize, solver):
    X, y, _ = problem()
    model = STKRRegressor(
        "truncation",
        n_components=2,
        kernel="linear",
        normalize=normalize,
        solver=solver,
        pca_on=pca_on,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(0 * X, y)
    assert_array_equal(model.transduction_, 0)
    assert_array_equal(model.predict(X), 0)


def test_small_variation_is_not_taken_for_rounding():
    X, y, _ = problem()
    X, y = X + 1e3, y - np.nanmean(y)
    options = {"alpha": 0.1, "kernel": "linear", "normalize": "center"}
    for solver in ("eigh", "cholesky", "cg"):
        model = STKRRegressor(solver=solver, **options).fit(X, y)
        expected = STKRRegressor(**options).fit(X - 1e3, y)
        assert_allclose(model.transduction_, expected.transduction_, atol=1e-3)


@pytest.mark.parametrize(
    "kernel, offset", [("linear", 1e3), ("poly", 100.0), ("rbf", 10.0)]
)
def test_centring_in_single_precision(kernel, offset):
    X, y, _ = problem()
    X = (X + offset).astype(np.float32)
    y = X[:, 0] - np.float32(offset) + 0 * y
    model = STKRRegressor(kernel=kernel, gamma=1.0, normalize="center").fit(X, y)
    values = model.predict(X)
    assert values.dtype == model.transduction_.dtype == np.float32
    assert_allclose(values, model.transduction_, atol=1e-5)


@pytest.mark.parametrize("alpha", [1e-2, 1.0, 1e6, 1e14])
@pytest.mark.parametrize("size", [1.0, 1e-200, 1e200])
@pytest.mark.parametrize("name", ["inverse_laplacian", "power"])
def test_conjugate_gradients_at_all_scales(name, size, alpha):
    X, y, _ = problem()
    y = y * size
    model = STKRRegressor(name, alpha=alpha, gamma=2.0, solver="cg").fit(X, y)
    exact = clone(model).set_params(solver="eigh").fit(X, y)
    assert model.converged_
    error = np.abs(model.transduction_ - exact.transduction_).max()
    assert error < 2e-5 * np.abs(exact.transduction_).max()


@pytest.mark.parametrize("solver", ["eigh", "cholesky", "cg"])
@pytest.mark.parametrize(
    "function",
    [
        lambda lam: lam / lam.mean(),
        lambda lam: np.exp(lam / lam.max()),
        lambda lam: 1 / (1 + lam / lam.sum()),
        lambda lam: np.arange(1.0, len(lam) + 1),
    ],
)
def test_functions_of_all_eigenvalues_are_refused(function, solver):
    X, y, _ = problem()
    model = STKRRegressor(function, normalize="none", kernel="rbf", solver=solver)
    with pytest.raises(ValueError, match="must be elementwise"):
        model.fit(X, y)


def rows_of_the_pool(estimator, X, y):
    """A score that tells how many rows the model was fitted to."""
    return estimator.transduction_.shape[0]


class TestModelSelection:
    def test_labeled_folds(self):
        X, y, _ = problem()
        grid = {"alpha": [1e-3, 1e3]}
        search = GridSearchCV(
            STKRRegressor(gamma=0.3), grid, cv=LabeledKFold(3), error_score="raise"
        ).fit(X, y)
        assert search.best_params_ == {"alpha": 1e-3}
        scores = search.cv_results_["mean_test_score"]
        assert np.isfinite(scores).all() and scores[0] > 0.5
        counts = GridSearchCV(
            STKRRegressor(), grid, cv=LabeledKFold(3), scoring=rows_of_the_pool
        ).fit(X, y)
        assert_array_equal(
            counts.cv_results_["mean_test_score"], [N - N_LABELED / 3] * 2
        )

    @pytest.mark.parametrize("n_unlabeled, n_train", [(7, 20), (30, 20)])
    def test_routed_rows(self, n_unlabeled, n_train):
        """They go to every fit, but are cut where there are as many as labelled."""
        rng = np.random.default_rng(7)
        X, U = rng.normal(size=(30, 2)), rng.normal(size=(n_unlabeled, 2))
        with config_context(enable_metadata_routing=True):
            model = STKRRegressor().set_fit_request(X_unlabeled=True)
            search = GridSearchCV(
                model, {"alpha": [1.0]}, cv=3, scoring=rows_of_the_pool
            ).fit(X, X[:, 0], X_unlabeled=U)
        assert search.best_estimator_.transduction_.shape == (30 + n_unlabeled,)
        rows = 20 + (20 if n_unlabeled == 30 else n_unlabeled)
        assert search.cv_results_["mean_test_score"] == [rows]

    def test_routed_weights(self):
        X, y, X_new = problem()
        known = has_target(y)
        U, weights = X[~known], np.arange(1.0, 1 + (~known).sum())
        with config_context(enable_metadata_routing=True):
            model = STKRRegressor().set_fit_request(
                X_unlabeled=True, sample_weight_unlabeled=True
            )
            search = GridSearchCV(model, {"alpha": [0.1]}, cv=3).fit(
                X[known], y[known], X_unlabeled=U, sample_weight_unlabeled=weights
            )
        direct = STKRRegressor(alpha=0.1).fit(
            X[known], y[known], X_unlabeled=U, sample_weight_unlabeled=weights
        )
        assert_array_equal(search.predict(X_new), direct.predict(X_new))

    def test_pipeline_transforms_the_unlabelled_rows(self):
        X, y, X_new = problem()
        known = has_target(y)
        X = X * [1.0, 10.0, 100.0]
        few, U = X[known], X[~known]
        scaler = StandardScaler().fit(few)
        expected = STKRRegressor().fit(
            scaler.transform(few), y[known], X_unlabeled=scaler.transform(U)
        )
        with config_context(enable_metadata_routing=True):
            pipeline = Pipeline(
                [
                    ("scale", StandardScaler()),
                    ("stkr", STKRRegressor().set_fit_request(X_unlabeled=True)),
                ],
                transform_input=["X_unlabeled"],
            ).fit(few, y[known], X_unlabeled=U)
        assert_allclose(
            pipeline.predict(X_new), expected.predict(scaler.transform(X_new))
        )
