"""Features from eigenfunctions: their meaning, their invariances, their limits."""

import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.decomposition import KernelPCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge

from skkernels.semi_supervised._spectral_kernel_transformer import (
    SpectralKernelTransformer,
)
from tests.solvers.test_stkr import MULTIPLIERS, Model, graph, problem, rbf, smooth

SETTINGS = {"gamma": 0.3, "tol": 1e-11}


def transformer(n_components=5, **params):
    return SpectralKernelTransformer(n_components, **{**SETTINGS, **params})


def regression_on(features, X, Y, labeled, weights, alpha=1e-3):
    """Ridge regression on the features of the labelled rows."""
    Z = features.fit(X, sample_weight=weights).transform(X)
    ridge = Ridge(alpha=alpha, fit_intercept=False)
    ridge.fit(Z[labeled], Y, sample_weight=weights[labeled])
    return ridge


@pytest.mark.parametrize("normalize", ["none", "degree", "center"])
@pytest.mark.parametrize("name", MULTIPLIERS)
def test_ridge_on_all_features_is_the_transformed_regression(name, normalize):
    X, Y, labeled, weights, _, X_new = problem(30)
    given = {"whitened": "truncation", "callable": smooth}.get(name, name)
    settings = {"transformation": given, "normalize": normalize, "gamma": 2.0}
    parameters = MULTIPLIERS[name][0]
    truncated = given == "truncation"
    size = 6 if truncated else 29 if normalize == "center" else 30
    features = transformer(**settings | parameters | {"n_components": size})
    ridge = regression_on(features, X, Y, labeled, weights)
    model = Model(**settings | parameters).fit(X, Y, labeled, weights)
    for rows in (X, X_new):
        predicted = ridge.predict(features.transform(rows))
        assert_allclose(predicted, model._evaluate(rows), rtol=1e-6, atol=1e-7)


def test_mean_squares_and_orthogonality():
    X, _, _, weights, _, _ = problem()
    for normalize in ("none", "degree", "center"):
        for name in ("inverse_laplacian", "power"):
            features = transformer(normalize=normalize, transformation=name)
            Z = features.fit(X, sample_weight=weights).transform(X)
            second = (Z * weights[:, None]).T @ Z / weights.sum()
            expected = np.diag(features.transformed_eigenvalues_)
            assert_allclose(second, expected, rtol=1e-8, atol=1e-12)
    whitened = transformer(transformation="truncation", whiten=True)
    Z = whitened.fit_transform(X)
    assert_allclose(Z.T @ Z / 50, np.eye(5), atol=1e-9)


@pytest.mark.parametrize("solver", ["eigh", "lanczos"])
def test_kernel_principal_components(solver):
    X, *_, X_new = problem()
    features = transformer(
        transformation="identity", normalize="center", solver=solver
    ).fit(X)
    peer = KernelPCA(5, kernel="rbf", gamma=0.3).fit(X)
    assert_allclose(features.eigenvalues_, peer.eigenvalues_ / 50, rtol=1e-9)
    for rows in (X, X_new):
        ours, theirs = features.transform(rows), peer.transform(rows)
        assert_allclose(abs(ours), abs(theirs), rtol=1e-6, atol=1e-8)


def test_solvers_agree():
    X, _, _, weights, _, X_new = problem(200)
    for normalize in ("none", "degree", "center", "lazy"):
        exact = transformer(normalize=normalize, solver="eigh")
        lanczos = transformer(normalize=normalize, solver="lanczos")
        exact.fit(X, sample_weight=weights)
        lanczos.fit(X, sample_weight=weights)
        assert lanczos.solver_ == "lanczos" and lanczos.converged_
        assert_allclose(lanczos.eigenvalues_, exact.eigenvalues_, rtol=1e-9)
        # The error of an eigenvector is tol over a relative gap of some percent.
        assert_allclose(lanczos.transform(X_new), exact.transform(X_new), atol=1e-8)


@pytest.mark.parametrize("normalize", ["none", "degree", "center", "lazy"])
def test_weights_are_repetitions(normalize):
    X, *_, X_new = problem()
    counts = np.random.RandomState(0).randint(0, 4, 50)
    weighted = transformer(normalize=normalize).fit(X, sample_weight=counts)
    repeated = transformer(normalize=normalize).fit(np.repeat(X, counts, axis=0))
    assert_allclose(
        weighted.transform(X_new), repeated.transform(X_new), rtol=1e-7, atol=1e-9
    )
    assert_array_equal(weighted.dual_coef_[counts == 0], 0)


def test_order_of_rows():
    X, *_, X_new = problem()
    order = np.random.RandomState(0).permutation(50)
    one, other = transformer().fit(X), transformer().fit(X[order])
    assert_allclose(one.transform(X_new), other.transform(X_new), rtol=1e-8, atol=1e-10)
    Z = one.transform(X)
    assert (Z[abs(Z).argmax(axis=0), np.arange(5)] > 0).all()


class TestGraphs:
    @pytest.mark.parametrize("solver", ["eigh", "lanczos"])
    def test_eigenvectors_of_a_graph(self, solver):
        W = graph(120)
        degrees = W.sum(axis=0)
        S = W / np.sqrt(np.outer(degrees, degrees))
        mu, V = np.linalg.eigh(S)
        features = transformer(
            4,
            kernel="precomputed",
            normalize="lazy",
            transformation="truncation",
            whiten=True,
            solver=solver,
        )
        Z = features.fit_transform(sp.csr_array(W))
        assert_allclose(features.eigenvalues_, (1 + mu[::-1][:4]) / 2, rtol=1e-10)
        # Nodes of the graph, as new ones, get the values that they have in it.
        expected = np.sqrt(120) * V[:, ::-1][:, :4]
        assert_allclose(abs(Z), abs(expected), rtol=1e-6, atol=1e-8)
        features.set_params(transformation="inverse_laplacian")
        Z = features.fit_transform(sp.csr_array(W))
        expected *= np.sqrt(features.transformed_eigenvalues_)
        assert_allclose(abs(Z), abs(expected), rtol=1e-6, atol=1e-7)

    def test_negative_similarities_are_left_out(self):
        W = graph(40)
        n_positive = int((np.linalg.eigvalsh(W) > 1e-4).sum())
        features = transformer(40, kernel="precomputed", normalize="lazy")
        with pytest.warns(UserWarning, match=f"lowered to {n_positive}"):
            Z = features.fit_transform(W)
        assert Z.shape == (40, n_positive) and features.n_components_ == n_positive
        assert len(features.get_feature_names_out()) == n_positive


class TestInterface:
    def test_names_of_features(self):
        X, *_ = problem()
        names = transformer(2).fit(X).get_feature_names_out()
        expected = ["spectralkerneltransformer0", "spectralkerneltransformer1"]
        assert list(names) == expected

    def test_single_precision(self):
        X, *_ = problem()
        double = transformer().fit_transform(X)
        single = transformer().fit(X.astype(np.float32))
        Z = single.transform(X.astype(np.float32))
        assert Z.dtype == np.float32 and single.dual_coef_.dtype == np.float32
        assert_allclose(Z, double, atol=1e-4)

    def test_pickle(self):
        X, *_, X_new = problem()
        model = transformer(normalize="center").fit(X)
        copy = pickle.loads(pickle.dumps(model))
        assert_array_equal(copy.transform(X_new), model.transform(X_new))

    def test_a_failed_refit_leaves_the_fitted_state(self):
        X, *_, X_new = problem()
        model = transformer().fit(X)
        before = model.transform(X_new)
        model.set_params(kernel="linear")
        with pytest.raises(ValueError, match="without negative values"):
            model.fit(X[:20])
        assert_array_equal(model.transform(X_new), before)

    def test_progress(self, capsys):
        X, *_ = problem(300)
        transformer(solver="lanczos", verbose=2).fit(X)
        printed = capsys.readouterr().out
        assert "[SpectralKernelTransformer] iteration 1/1000" in printed

    def test_callbacks_see_the_features_of_each_iteration(self):
        class Distances:
            """Distance of the features from the final ones, after each iteration."""

            def __init__(self):
                self.values = []

            def setup(self, estimator, context):
                pass

            def teardown(self, estimator, context):
                pass

            def on_fit_task_begin(self, estimator, context):
                pass

            def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
                if fitted_estimator is not None:
                    gap = abs(fitted_estimator.transform(X_new) - final).max()
                    self.values.append(gap)

        X, *_, X_new = problem(300)
        model = transformer(solver="lanczos", normalize="center").fit(X)
        final, distances = model.transform(X_new), Distances()
        model.set_callbacks(distances).fit(X)
        assert distances.values[0] > 1e-3 and distances.values[-1] < 1e-9


class TestLimits:
    def test_rank(self):
        X, *_ = problem()
        model = transformer(
            kernel="linear", normalize="none", transformation="identity"
        )
        with pytest.warns(UserWarning, match="lowered to 3"):
            Z = model.fit_transform(X)
        assert_allclose(Z @ Z.T, X @ X.T, atol=1e-10)

    def test_too_many_components(self):
        X, *_ = problem()
        with pytest.raises(ValueError, match="n_components=51 .* n_samples=50"):
            transformer(51).fit(X)

    def test_nothing_left(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(ValueError, match="no positive eigenvalue"):
                transformer(1, normalize="center").fit(np.ones((4, 2)))

    def test_too_few_iterations(self):
        X, *_ = problem(300)
        with pytest.warns(ConvergenceWarning, match="Lanczos .* max_iter"):
            model = transformer(solver="lanczos", max_iter=2).fit(X)
        assert not model.converged_ and model.n_iter_ == 2

    def test_memory(self):
        X, *_ = problem(600)
        with config_context(working_memory=2):
            with pytest.raises(ValueError, match="600 x 600.*solver='lanczos'"):
                transformer(solver="eigh").fit(X)
            assert transformer().fit(X).solver_ == "lanczos"
        assert transformer().fit(X).solver_ == "eigh"

    def test_a_matrix_that_is_not_square(self):
        with pytest.raises(ValueError, match="must be square"):
            transformer(1, kernel="precomputed").fit(rbf(*problem()[::5]))
