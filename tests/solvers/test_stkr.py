"""The solvers of transformed kernel regression beside dense formulas.

A, G and P are as in the modules: G the kernel matrix in weighted coordinates, A the
same over the total weight, P the columns of the labelled rows.
"""

import warnings
from inspect import signature

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import LinAlgWarning
from scipy.sparse.linalg import eigsh
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning

from skkernels.kernels import RBF, Linear
from skkernels.semi_supervised._base import BaseSTKR
from skkernels.semi_supervised._pool import NORMALIZATIONS, Pool
from skkernels.solvers import _stkr
from skkernels.solvers._block_lanczos import top_eigenpairs
from skkernels.solvers._deflated_eigenpairs import deflated_eigenpairs
from skkernels.solvers._gram_cg import gram_cg
from skkernels.solvers._stkr import top_of_pool
from skkernels.solvers._transforms import make_transform


class Model(BaseSTKR):
    """The base class with a fit that sets what a public fit would."""

    def __init__(self, transformation="inverse_laplacian", **params):
        defaults = {
            "alpha": 1e-3,
            "eta": 0.9,
            "power": 4,
            "coefficients": None,
            "diffusion_time": 3.0,
            "n_components": 6,
            "whiten": False,
            "pca_on": "all",
            "kernel": "rbf",
            "gamma": 0.3,
            "degree": 3,
            "coef0": 1,
            "kernel_params": None,
            "normalize": "degree",
            "solver": "auto",
            "max_iter": 1000,
            "tol": 1e-12,
            "random_state": None,
            "verbose": 0,
        }
        assert not params.keys() - defaults.keys()
        self.transformation = transformation
        self.__dict__.update(defaults | params)

    def fit(self, X, Y, labeled, weights=None, loss_weights=None):
        self.n_features_in_ = X.shape[1]
        self.values_ = self._fit_pool(X, Y, labeled, weights, loss_weights)
        return self


def problem(n=50, n_labeled=9, seed=0):
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((n, 3))
    labeled = np.zeros(n, dtype=bool)
    labeled[rng.permutation(n)[:n_labeled]] = True
    few = X[labeled]
    Y = np.column_stack([np.sin(few[:, 0]), few[:, 1] * few[:, 2]])
    weights, loss_weights = rng.uniform(0.3, 3.0, n), rng.uniform(0.5, 2, n_labeled)
    return X, Y, labeled, weights, loss_weights, rng.standard_normal((7, 3))


def rbf(X, Z, gamma=0.3):
    return np.exp(-gamma * ((X[:, None] - Z[None]) ** 2).sum(axis=2))


def graph(n=40, density=0.15, seed=0):
    """A random adjacency matrix, with negative eigenvalues."""
    upper = np.triu(np.random.RandomState(seed).rand(n, n) < density, 1).astype(float)
    upper[np.arange(n - 1), np.arange(1, n)] = 1
    return np.maximum(upper, upper.T)


def normalized(K, normalize, weights):
    """The normalised kernel matrix of all rows of K from the raw one."""
    law = weights / weights.sum()
    degrees = K @ law
    if normalize == "none":
        return K
    if normalize == "center":
        return K - degrees[:, None] - degrees + law @ degrees
    K = K / np.sqrt(degrees[:, None] * degrees)
    if normalize == "degree":
        return K
    return 0.5 * K + np.diag(0.5 * weights.sum() / weights)


def dense_values(K, g, Y, labeled, alpha, weights, loss_weights):
    """Values on the pool: f = D^-1 G g(A) P a."""
    root = np.sqrt(weights)
    G = root[:, None] * K * root
    lam, V = np.linalg.eigh(G / weights.sum())
    gA = (V * g(lam)) @ V.T
    P = np.eye(len(K))[:, labeled] * np.sqrt(loss_weights)
    right = np.sqrt(loss_weights * weights[labeled])[:, None] * Y
    a = np.linalg.solve(P.T @ G @ gA @ P + alpha * np.eye(P.shape[1]), right)
    return G @ gA @ P @ a / root[:, None]


def truncated(d, function):
    return lambda lam: np.where(lam >= np.sort(lam)[-d], function(lam), 0.0)


def smooth(lam):
    """A multiplier for the tests of callables."""
    return 1 / (1 + lam) ** 2


MULTIPLIERS = {
    "identity": ({}, lambda lam: np.ones_like(lam)),
    "polynomial": (
        {"coefficients": [1, 0.5, 0.25]},
        lambda lam: 1 + 0.5 * lam + 0.25 * lam**2,
    ),
    "power": ({"power": 5}, lambda lam: lam**4),
    "inverse_laplacian": ({"eta": 0.9}, lambda lam: 1 / (1 - 0.9 * lam / lam.max())),
    "heat": ({"diffusion_time": 3.0}, lambda lam: np.exp(3 * (lam - lam.max()))),
    "truncation": ({"n_components": 6}, truncated(6, np.ones_like)),
    "whitened": ({"n_components": 6, "whiten": True}, truncated(6, lambda x: 1 / x)),
    "callable": ({}, smooth),
}


def named(name, **params):
    transformation = {"whitened": "truncation", "callable": smooth}.get(name, name)
    return Model(transformation, **MULTIPLIERS[name][0], **params)


def solvers(name):
    if name in ("truncation", "whitened"):
        return ["eigh", "lanczos"]
    return ["eigh", "cholesky", "cg"]


class TestAgainstDenseFormulas:
    @pytest.mark.parametrize("normalize", NORMALIZATIONS)
    @pytest.mark.parametrize("name", MULTIPLIERS)
    @pytest.mark.parametrize("weighted", [False, True])
    def test_values_on_the_pool(self, name, normalize, weighted):
        X, Y, labeled, weights, loss_weights, _ = problem()
        if not weighted:
            weights, loss_weights = np.ones(50), np.ones(9)
        K = normalized(rbf(X, X), normalize, weights)
        g = MULTIPLIERS[name][1]
        expected = dense_values(K, g, Y, labeled, 1e-3, weights, loss_weights)
        given = (weights, loss_weights) if weighted else (None, None)
        for solver in solvers(name):
            model = named(name, normalize=normalize, solver=solver)
            model.fit(X, Y, labeled, *given)
            assert model.solver_ == solver and model.converged_
            assert_allclose(model.values_, expected, rtol=1e-7, atol=1e-8)

    @pytest.mark.parametrize("normalize", ["none", "degree", "center"])
    @pytest.mark.parametrize("name", MULTIPLIERS)
    def test_values_on_new_rows(self, name, normalize):
        # A new row is a row of the pool of vanishing weight.
        X, Y, labeled, weights, loss_weights, X_new = problem()
        every = np.vstack([X, X_new])
        law = np.append(weights, np.zeros(7))
        model = named(name, normalize=normalize, solver=solvers(name)[-1])
        model.fit(X, Y, labeled, weights, loss_weights)
        both = named(name, normalize=normalize, solver=solvers(name)[-1])
        both.fit(every, Y, np.append(labeled, np.zeros(7, bool)), law, loss_weights)
        assert_allclose(both.values_[50:], model._evaluate(X_new), rtol=1e-10)
        assert_allclose(model._evaluate(X), model.values_, rtol=1e-7, atol=1e-8)
        assert_array_equal(both.dual_coef_[50:], 0)
        if normalize == "degree":
            assert_allclose(both.degrees_, rbf(every, X) @ weights / weights.sum())
        else:
            assert both.degrees_ is None

    @pytest.mark.parametrize("name", MULTIPLIERS)
    def test_new_rows_of_a_lazy_pool(self, name):
        # The first node, of almost no weight, or as a new one.
        W = graph()
        _, Y, *_ = problem(n_labeled=8)
        weights = np.random.RandomState(1).uniform(0.5, 2, 40)
        weights[0] = 1e-9
        labeled = np.arange(40) % 5 == 1
        settings = {"normalize": "lazy", "kernel": "precomputed"}
        inside = named(name, solver="eigh", **settings).fit(W, Y, labeled, weights)
        for solver in solvers(name):
            model = named(name, solver=solver, **settings)
            model.fit(W[1:, 1:], Y, labeled[1:], weights[1:])
            new = model._evaluate(W[:1, 1:])
            assert_allclose(new, inside.values_[:1], rtol=1e-6, atol=1e-8)
            # What is in the pool already, and has no label, gets the same value.
            again = model._evaluate(W[1:, 1:])[~labeled[1:]]
            assert_allclose(again, model.values_[~labeled[1:]], rtol=1e-7, atol=1e-8)

    def test_principal_components_of_the_unlabelled_rows(self):
        X, Y, labeled, weights, _, X_new = problem()
        w = weights[~labeled]
        lam, V = np.linalg.eigh(
            np.sqrt(w)[:, None] * rbf(X, X)[~labeled][:, ~labeled] * np.sqrt(w)
        )
        loadings = np.sqrt(w)[:, None] * V[:, -6:] / np.sqrt(lam[-6:])
        Psi = rbf(X[labeled], X[~labeled]) @ loadings
        inner = Psi.T @ (weights[labeled][:, None] * Psi) + 1e-3 * np.eye(6)
        beta = np.linalg.solve(inner, Psi.T @ (weights[labeled][:, None] * Y))
        for solver in ("eigh", "lanczos"):
            model = Model(
                "truncation", pca_on="unlabeled", normalize="none", solver=solver
            )
            model.fit(X, Y, labeled, weights)
            got = model._evaluate(X_new)
            assert_allclose(got, rbf(X_new, X[~labeled]) @ loadings @ beta, rtol=1e-8)
            assert_allclose(model._evaluate(X), model.values_, rtol=1e-8, atol=1e-10)
            assert_array_equal(model.dual_coef_[labeled], 0)

    @pytest.mark.parametrize("normalize", NORMALIZATIONS)
    @pytest.mark.parametrize("solver", ["eigh", "cholesky", "cg"])
    def test_weights_are_repetitions(self, solver, normalize):
        X, Y, labeled, *_, X_new = problem()
        counts = np.random.RandomState(2).randint(0, 4, 50)
        counts[np.flatnonzero(labeled)[:2]] = [2, 0]
        model = Model(normalize=normalize, solver=solver)
        model.fit(X, Y, labeled, counts.astype(float))
        repeated = Model(normalize=normalize, solver=solver)
        Y_repeated = np.repeat(Y, counts[labeled], axis=0)
        mask = np.repeat(labeled, counts)
        repeated.fit(np.repeat(X, counts, axis=0), Y_repeated, mask)
        assert_allclose(
            model._evaluate(X_new), repeated._evaluate(X_new), rtol=1e-8, atol=1e-9
        )
        first = np.flatnonzero(counts)
        values = repeated.values_[np.cumsum(counts)[first] - 1]
        assert_allclose(model.values_[first], values, rtol=1e-8, atol=1e-8)
        assert model.lambda_max_ == pytest.approx(repeated.lambda_max_, rel=1e-9)

    def test_order_of_rows(self):
        X, Y, labeled, weights, _, X_new = problem()
        order = np.random.RandomState(0).permutation(50)
        for solver in ("cholesky", "cg"):
            model = Model(solver=solver, tol=1e-11).fit(X, Y, labeled, weights)
            position = np.cumsum(labeled) - 1
            shuffled = Model(solver=solver, tol=1e-11).fit(
                X[order],
                Y[position[order[labeled[order]]]],
                labeled[order],
                weights[order],
            )
            assert_allclose(
                shuffled._evaluate(X_new), model._evaluate(X_new), rtol=1e-8
            )

    def test_a_loss_weight_of_zero_takes_the_label_away(self):
        X, Y, labeled, *_ = problem()
        c = np.ones(9)
        c[3] = 0
        fewer = labeled.copy()
        fewer[np.flatnonzero(labeled)[3]] = False
        for alpha in (1e-3, 0.0):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                model = Model(alpha=alpha, gamma=3.0).fit(X, Y, labeled, None, c)
            other = Model(alpha=alpha, gamma=3.0)
            other.fit(X, np.delete(Y, 3, axis=0), fewer)
            assert_allclose(model.values_, other.values_, rtol=1e-10)


class TestPrecision:
    @pytest.mark.parametrize("name", ["inverse_laplacian", "truncation"])
    @pytest.mark.parametrize("normalize", NORMALIZATIONS)
    def test_single_precision(self, name, normalize):
        X, Y, labeled, weights, _, X_new = problem()
        X, X_new = X.astype(np.float32), X_new.astype(np.float32)
        for solver in solvers(name):
            model = named(name, normalize=normalize, solver=solver)
            model.fit(X, Y, labeled, weights)
            double = named(name, normalize=normalize, solver=solver)
            double.fit(X.astype(np.float64), Y, labeled, weights)
            exact = normalize == "center"
            assert model.dual_coef_.dtype == (np.float64 if exact else np.float32)
            # The solution is that of double precision, rounded.
            assert_allclose(model.values_, double.values_, rtol=1e-6, atol=1e-8)
            values = model._evaluate(X_new)
            assert values.dtype == np.float32
            assert_allclose(values, double._evaluate(X_new), atol=1e-3)
            assert model._evaluate(X_new.astype(np.float64)).dtype == np.float64

    def test_stored_and_unstored_matrices(self):
        X, Y, labeled, *_ = problem(400, 20)
        X = np.hstack([X] * 5)  # so many features that storing pays
        values = []
        for budget in (1024, 0.5):
            with config_context(working_memory=budget):
                model = Model(solver="cg").fit(X, Y, labeled)
                values.append(model.values_)
        # Both within tol |y| / sqrt(alpha), times sqrt(k(x, x)), which is about 10.
        assert_allclose(*values, rtol=0, atol=1e-9 * np.linalg.norm(Y))

    def test_sparse_rows_are_dense_rows(self):
        X, Y, labeled, *_, X_new = problem()
        X[abs(X) < 0.5] = 0
        for solver in ("eigh", "cg"):
            sparse = Model(solver=solver, tol=1e-11).fit(sp.csr_array(X), Y, labeled)
            dense = Model(solver=solver, tol=1e-11).fit(X, Y, labeled)
            expected = dense._evaluate(X_new)
            for rows in (X_new, sp.csr_array(X_new)):
                for model in (sparse, dense):
                    values = model._evaluate(rows)
                    assert_allclose(values, expected, rtol=1e-7, atol=1e-9)

    def test_functions_get_rows_of_one_storage(self):
        X, Y, labeled, *_, X_new = problem()

        def kernel(A, B):
            assert sp.issparse(A) == sp.issparse(B)
            A, B = (C.toarray() if sp.issparse(C) else C for C in (A, B))
            return rbf(A, B)

        expected = Model(kernel=kernel, gamma=None).fit(X, Y, labeled)
        expected = expected._evaluate(X_new)
        for rows in (X, sp.csr_array(X)):
            model = Model(kernel=kernel, gamma=None).fit(rows, Y, labeled)
            for new in (X_new, sp.csr_array(X_new)):
                assert_allclose(model._evaluate(new), expected, rtol=1e-7)


class TestNormalization:
    def test_degrees_make_the_largest_eigenvalue_one(self):
        X, *_, weights, _, _ = problem()
        pool = Pool(RBF(0.7), X, weights, normalize="degree")
        lam, V = np.linalg.eigh(pool.gram() / pool.total)
        assert lam[-1] == pytest.approx(1, abs=1e-12) and lam[0] > -1e-12
        top = np.sqrt(pool.degrees * weights)
        assert abs(V[:, -1] @ top) == pytest.approx(np.linalg.norm(top), rel=1e-12)
        assert pool.top_eigenvalue() == 1.0

    @pytest.mark.parametrize("normalize", NORMALIZATIONS)
    @pytest.mark.parametrize("weighted", [False, True])
    def test_products_and_matrix(self, normalize, weighted):
        X, _, _, weights, _, _ = problem()
        weights = weights if weighted else None
        pool = Pool(RBF(0.7), X, weights, normalize=normalize)
        G = pool.gram()
        V = np.random.RandomState(0).randn(50, 3)
        assert_allclose(pool.matmat(V), G @ V, rtol=1e-10, atol=1e-10)
        lam = np.linalg.eigvalsh(G)[-1] / pool.total
        assert pool.top_eigenvalue() == pytest.approx(lam, rel=1e-9)

    def test_the_scale_of_the_kernel_does_not_matter(self):
        X, Y, labeled, *_, X_new = problem()
        for normalize in ("degree", "lazy"):
            values = [
                Model(normalize=normalize, kernel=factor * RBF(0.7))
                .fit(X, Y, labeled)
                ._evaluate(X_new)
                for factor in (1.0, 7.0)
            ]
            assert_allclose(*values, rtol=1e-9)

    def test_far_rows_get_zero(self):
        X, Y, labeled, *_ = problem()
        far = np.array([[1e3, 0, 0], [60.0, 0, 0]])
        for normalize in ("degree", "lazy"):
            model = Model(normalize=normalize).fit(X, Y, labeled)
            assert abs(model._evaluate(far)).max() < 1e-100
            model = Model(normalize=normalize, kernel="precomputed")
            model.fit(rbf(X, X), Y, labeled)
            assert_array_equal(model._evaluate(np.zeros((1, 50))), 0)

    @pytest.mark.parametrize("solver", ["eigh", "cg"])
    def test_negative_kernel_values_are_refused(self, solver):
        X, Y, labeled, *_ = problem()
        for normalize in ("degree", "lazy"):
            with pytest.raises(ValueError, match="without negative values"):
                Model(kernel="linear", solver=solver, normalize=normalize).fit(
                    X, Y, labeled
                )
            with pytest.raises(ValueError, match="without negative values"):
                Pool("precomputed", X @ X.T, normalize=normalize)
        Pool(Linear(), np.abs(X), normalize="degree")
        model = Model(kernel="precomputed").fit(rbf(X, X), Y, labeled)
        with pytest.raises(ValueError, match="without negative values"):
            model._evaluate(-np.ones((1, 50)))

    def test_a_zero_matrix_has_no_degrees(self):
        with pytest.raises(ValueError, match="all are zero"):
            Pool("precomputed", np.zeros((4, 4)), normalize="degree")

    def test_an_asymmetric_matrix_is_refused(self):
        W = graph()
        W[2, 3] += 0.01
        for K in (W, sp.csr_array(W)):
            with pytest.raises(ValueError, match="must be symmetric"):
                Pool("precomputed", K, normalize="lazy")


class TestGraphs:
    """Adjacency matrices: sparse, indefinite, in several components."""

    def test_indefinite_matrices_are_refused(self):
        W, (_, Y, labeled, *_) = graph(50), problem()
        for name in ("inverse_laplacian", "heat", "identity", "callable"):
            for solver in set(solvers(name)) - {"eigh"}:
                model = named(name, kernel="precomputed", solver=solver)
                with pytest.raises(ValueError, match="normalize='lazy'"):
                    model.fit(W, Y, labeled)
        # A callable kernel is not known to be positive semi-definite.
        X = np.random.RandomState(0).randn(50, 2)

        def distance(X, Z):
            return np.sqrt(((X[:, None] - Z[None]) ** 2).sum(2))

        with pytest.raises(ValueError, match="normalize='lazy'"):
            Model(kernel=distance, normalize="none", gamma=None, solver="cg").fit(
                X, Y, labeled
            )

    @pytest.mark.parametrize("name", ["inverse_laplacian", "heat", "identity"])
    def test_all_eigenvalues_clip_the_negative_ones(self, name):
        W, (_, Y, labeled, *_) = graph(50), problem()
        values, vectors = np.linalg.eigh(W)
        assert values[0] < -0.1
        nearest = (vectors * np.maximum(values, 0)) @ vectors.T
        model = named(name, kernel="precomputed", normalize="none", solver="eigh")
        with pytest.warns(UserWarning, match="Negative eigenvalues were set to zero"):
            model.fit(W, Y, labeled)
        peer = named(name, kernel="precomputed", normalize="none", solver="eigh")
        peer.fit(nearest, Y, labeled)
        assert_allclose(model.values_, peer.values_, atol=1e-10)
        # Rows of the indefinite matrix are read in the same way.
        assert_allclose(model._evaluate(W), peer.values_, atol=1e-10)

    def test_even_powers_and_truncations_of_indefinite_matrices(self):
        W, (_, Y, labeled, *_) = graph(50), problem()
        K, ones = normalized(W, "degree", np.ones(50)), np.ones(50)
        for solver in ("eigh", "cholesky", "cg"):
            model = Model("power", power=4, kernel="precomputed", solver=solver)
            model.fit(W, Y, labeled)
            expected = dense_values(
                K, lambda lam: lam**3, Y, labeled, 1e-3, ones, np.ones(9)
            )
            assert_allclose(model.values_, expected, rtol=1e-7, atol=1e-9)
        g = MULTIPLIERS["truncation"][1]
        expected = dense_values(K, g, Y, labeled, 1e-3, ones, np.ones(9))
        for solver in ("eigh", "lanczos"):
            model = named("truncation", kernel="precomputed", solver=solver)
            model.fit(sp.csr_array(W), Y, labeled)
            assert_allclose(model.values_, expected, rtol=1e-7, atol=1e-9)

    @pytest.mark.parametrize("name", ["inverse_laplacian", "power", "truncation"])
    def test_sparse_is_dense(self, name):
        W = graph(50)
        W[7], W[:, 7] = 0, 0  # a node without neighbours
        _, Y, labeled, weights, *_ = problem()
        for solver in solvers(name):
            settings = {"kernel": "precomputed", "normalize": "lazy", "solver": solver}
            dense = named(name, **settings).fit(W, Y, labeled, weights)
            sparse = named(name, **settings).fit(sp.csr_array(W), Y, labeled, weights)
            assert_allclose(sparse.values_, dense.values_, rtol=1e-8, atol=1e-9)
            rows = W[:4]
            assert_allclose(
                sparse._evaluate(sp.csr_array(rows)),
                dense._evaluate(rows),
                rtol=1e-8,
                atol=1e-9,
            )
            assert_array_equal(dense._evaluate(W[7:8]), 0)

    def test_components_without_labels_get_zero(self):
        W = np.kron(np.eye(3), graph(20))
        labeled = np.arange(60) < 4
        Y = np.array([[1.0], [-1], [1], [2]])
        for solver in ("eigh", "cholesky", "cg"):
            model = Model(kernel="precomputed", normalize="lazy", solver=solver)
            model.fit(W, Y, labeled)
            assert_allclose(model.values_[20:], 0, atol=1e-13)
            assert abs(model.values_[:20]).max() > 0.5

    def test_eigenvalues_of_equal_components_are_all_found(self):
        # Eight times the eigenvalue 1, more than one starting vector can show.
        W = sp.block_diag([graph(60)] * 8, format="csr")
        pool = Pool("precomputed", W, normalize="degree")
        exact = np.linalg.eigvalsh(pool.gram() / pool.total)[::-1]
        for method in (top_eigenpairs, deflated_eigenpairs):
            for rank in (5, 10, 20):
                result = method(
                    lambda V: pool.matmat(V) / pool.total, 480, rank, tol=1e-10
                )
                values, vectors = result.x
                assert result.converged
                assert_allclose(values, exact[:rank], rtol=1e-12)
                assert_allclose(vectors.T @ vectors, np.eye(rank), atol=1e-12)

    def test_ties_are_noticed(self):
        W = sp.block_diag([graph(30)] * 3, format="csr")
        labeled = np.arange(90) % 9 == 0
        Y = np.arange(10.0)[:, None]
        for solver in ("eigh", "lanczos"):
            model = Model("truncation", kernel="precomputed", solver=solver)
            model.n_components = 2
            with pytest.warns(UserWarning, match="2 and 3 .* are equal"):
                model.fit(W, Y, labeled)
            model.n_components = 3
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                model.fit(W, Y, labeled)
            assert_allclose(model.eigenvalues_[:3], 1, rtol=1e-12)


class TestLimits:
    def test_vanishing_directions_are_dropped(self):
        X, Y, labeled, *_ = problem()
        for solver in ("eigh", "lanczos"):
            model = Model(
                "truncation", kernel="linear", normalize="none", solver=solver
            )
            with pytest.warns(UserWarning, match="lowered to 3"):
                model.fit(X, Y, labeled)
            exact = Model("identity", kernel="linear", normalize="none")
            exact.fit(X, Y, labeled)
            assert_allclose(model.values_, exact.values_, rtol=1e-7)

    def test_more_components_than_rows(self):
        X, Y, labeled, *_ = problem()
        with pytest.raises(ValueError, match="n_components=51 .* n_samples=50"):
            Model("truncation", n_components=51).fit(X, Y, labeled)
        with pytest.raises(ValueError, match="n_components=42 .* n_samples=41"):
            Model("truncation", n_components=42, pca_on="unlabeled").fit(X, Y, labeled)

    @pytest.mark.parametrize("name", ["inverse_laplacian", "power"])
    def test_interpolation(self, name):
        X, Y, labeled, *_ = problem()
        for solver in ("eigh", "cholesky"):
            model = named(name, alpha=0.0, solver=solver, gamma=3.0)
            model.fit(X, Y, labeled)
            assert_allclose(model.values_[labeled], Y, atol=1e-6)

    def test_interpolation_of_what_cannot_be(self):
        # Two labelled rows are equal, and their targets are not.
        X, Y, labeled, *_ = problem()
        i, j = np.flatnonzero(labeled)[:2]
        X[j] = X[i]
        for solver in ("eigh", "cholesky"):
            model = Model(alpha=0.0, solver=solver, gamma=3.0)
            with pytest.warns(LinAlgWarning):
                model.fit(X, Y, labeled)
            assert_allclose(model.values_[i], Y[:2].mean(axis=0), atol=1e-4)

    def test_conjugate_gradients_need_a_positive_alpha(self):
        X, Y, labeled, *_ = problem()
        with pytest.raises(ValueError, match="alpha=0.*solver='eigh' or 'cholesky'"):
            Model(alpha=0, solver="cg").fit(X, Y, labeled)

    def test_solvers_that_cannot(self):
        X, Y, labeled, *_ = problem()
        for name, solver in [("truncation", "cg"), ("heat", "lanczos")]:
            with pytest.raises(ValueError, match=rf"'{name}' needs solver='auto' or"):
                named(name, solver=solver).fit(X, Y, labeled)
        step = Model(lambda lam: (lam > 0.01).astype(float), solver="cg")
        with pytest.raises(ValueError, match="not smooth enough.*solver='eigh'"):
            step.fit(X, Y, labeled)

    @pytest.mark.parametrize(
        "transformation, message",
        [
            (lambda lam: lam[:-1], "shape of its argument"),
            (lambda lam: lam - 10, "none negative"),
            (lambda lam: lam * np.nan, "finite"),
        ],
    )
    def test_bad_functions(self, transformation, message):
        X, Y, labeled, *_ = problem()
        with pytest.raises(ValueError, match=message):
            Model(transformation).fit(X, Y, labeled)

    @pytest.mark.parametrize(
        "coefficients", [None, [], [1, -1], [0, 0], [[1]], [np.inf]]
    )
    def test_bad_coefficients(self, coefficients):
        with pytest.raises(ValueError, match="coefficients"):
            make_transform("polynomial", coefficients=coefficients)

    def test_memory(self):
        X, Y, labeled, *_ = problem(600, 20)
        with config_context(working_memory=2):
            for solver, message in [("eigh", "solver='cg'"), ("cholesky", "'cg'")]:
                with pytest.raises(ValueError, match=f"600 x 600.*{message}"):
                    Model(solver=solver).fit(X, Y, labeled)
            model = Model(tol=1e-8).fit(X, Y, labeled)
            assert model.solver_ == "cg"
            with pytest.raises(ValueError, match="solver='lanczos'"):
                Model("truncation", solver="eigh").fit(X, Y, labeled)
            assert Model("truncation").fit(X, Y, labeled).solver_ == "lanczos"
        direct = Model().fit(X, Y, labeled)
        assert direct.solver_ == "cholesky"
        assert_allclose(model.values_, direct.values_, atol=1e-6)

    def test_too_few_iterations(self):
        X, Y, labeled, *_ = problem()
        for model in (
            Model(solver="cg", max_iter=3),
            Model("power", solver="cg", max_iter=2),
            Model("truncation", solver="lanczos", max_iter=1),
        ):
            n = 50 if model.solver == "cg" else 300
            X, Y, labeled, *_ = problem(n)
            with pytest.warns(ConvergenceWarning, match="max_iter"):
                model.fit(X, Y, labeled)
            assert not model.converged_
            assert len(model.residual_norms_) == model.n_iter_ + 1

    def test_no_label_that_counts(self):
        X, Y, labeled, *_ = problem()
        with pytest.raises(ValueError, match="no labelled row of positive weight"):
            Model().fit(X, Y, labeled, (~labeled).astype(float))
        with pytest.raises(ValueError, match="needs unlabelled rows"):
            Model("truncation", pca_on="unlabeled", n_components=1).fit(
                X, Y, labeled, labeled.astype(float)
            )


class TestConjugateGradients:
    def setup_method(self):
        X, Y, labeled, *_ = problem(80, 12)
        self.pool = Pool(RBF(0.7), X, normalize="degree")
        self.labeled = np.flatnonzero(labeled)
        self.B = np.zeros((80, 2))
        self.B[self.labeled] = Y
        self.n_products = 0

    def matmat(self, V):
        self.n_products += 1
        return self.pool.matmat(V)

    def solve(self, B=None, *, eta=0.9, alpha=1e-2, **params):
        B = self.B if B is None else B
        return gram_cg(
            self.matmat,
            B,
            self.labeled,
            alpha=np.full(B.shape[1], alpha),
            eta=eta / 80,
            margin=1 - eta,
            **params,
        )

    def matrix(self, eta, alpha):
        G = self.pool.gram()
        C = np.zeros(80)
        C[self.labeled] = 1
        return G, alpha * (np.eye(80) - eta / 80 * G) + C[:, None] * G

    def test_bound_of_the_error(self):
        # What ``tol`` promises, at every iteration.
        G, M = self.matrix(0.9, 1e-2)
        exact = np.linalg.solve(M, self.B)
        errors = []

        def look(iteration, x, residual, done):
            e = x - exact
            energy = np.sqrt((e * (G @ (M @ e))).sum(axis=0))
            bound = residual * np.linalg.norm(self.B, axis=0)
            assert (energy <= bound.max() + 1e-12).all()
            errors.append(energy.max())

        result, products = self.solve(tol=1e-10, on_iteration=look)
        assert result.converged and errors[-1] < 1e-9
        assert_allclose(products, G @ exact, atol=1e-8)
        # Of an error measured in the norm that the method minimises.
        assert (np.diff(errors) <= 1e-12).all()

    def test_products(self):
        # One in an iteration, one before and two after; columns share them.
        result, _ = self.solve()
        assert self.n_products == result.n_iter + 3
        alone = [self.solve(self.B[:, j : j + 1])[0] for j in range(2)]
        assert result.n_iter == max(r.n_iter for r in alone)
        for j, r in enumerate(alone):
            assert_allclose(result.x[:, j], r.x[:, 0], rtol=1e-8, atol=1e-10)

    def test_against_fixed_steps(self):
        # Algorithm 2 of the paper, to the accuracy that conjugate gradients have at
        # tol=1e-6.
        eta, alpha = 0.9, 1e-2
        G, M = self.matrix(eta, alpha)
        expected = G @ np.linalg.solve(M, self.B)
        _, products = self.solve(tol=1e-6)
        ours = self.n_products
        reached = np.abs(products - expected).max()
        top = np.linalg.eigvalsh(G[np.ix_(self.labeled, self.labeled)])[-1]
        theta, n_products = np.zeros_like(self.B), 0
        while np.abs(G @ theta - expected).max() > max(reached, 1e-6):
            theta -= 1.5 / (alpha + top) * (M @ theta - self.B)
            n_products += 1
            assert n_products < 10**5
        assert n_products >= 50 * ours

    def test_zero_and_indefinite(self):
        result, products = self.solve(np.zeros((80, 1)))
        assert result.converged and result.n_iter == 0
        assert_array_equal(products, 0)
        self.pool = Pool("precomputed", graph(80), normalize="degree")
        assert self.solve()[0].reason == "indefinite"

    def test_stopping_and_stalling(self):
        def stop(iteration, x, residual, done):
            return iteration == 3

        result, products = self.solve(on_iteration=stop)
        assert result.reason == "stopped" and result.n_iter == 3
        # The first, one in an iteration, and two that verify what was reached.
        assert self.n_products == 1 + 3 + 2
        assert_array_equal(products, self.pool.matmat(result.x))
        assert self.solve(tol=1e-16, alpha=1e-6)[0].reason == "stalled"


class TestBlockLanczos:
    def matrix(self, n=300):
        rng = np.random.RandomState(0)
        Q = np.linalg.qr(rng.standard_normal((n, n)))[0]
        return (Q * 0.9 ** np.arange(n)) @ Q.T, 0.9 ** np.arange(n), Q

    @pytest.mark.parametrize("rank", [1, 4, 100])
    def test_eigenpairs(self, rank):
        A, lam, Q = self.matrix()
        result = top_eigenpairs(lambda V: A @ V, 300, rank, tol=1e-9)
        values, vectors = result.x
        assert result.converged
        assert_allclose(values, lam[:rank], rtol=1e-10)
        overlap = vectors.T @ Q[:, :rank]
        # The error of a vector is the residual over the gap, a tenth of its eigenvalue.
        assert_allclose(np.abs(np.diag(overlap)), 1, atol=1e-14)

    def test_centred_matrices(self):
        # The constant vector is in the null space.
        X, *_ = problem(200)
        pool = Pool(RBF(0.7), X, normalize="center")
        top = np.linalg.eigvalsh(pool.gram())[-1] / 200
        assert pool.top_eigenvalue() == pytest.approx(top, rel=1e-10)

    def test_zero_matrix(self):
        values, vectors = top_eigenpairs(lambda V: 0 * V, 100, 2).x
        assert_array_equal(values, 0)
        assert_allclose(vectors.T @ vectors, np.eye(2), atol=1e-12)

    def test_noise(self):
        A = self.matrix()[0]
        for noise, few in ((0.0, False), (10.0, True)):
            result = top_eigenpairs(lambda V: A @ V, 300, 4, tol=1e-9, noise=noise)
            assert result.converged and (result.n_iter == 1) == few

    def test_spaces_that_are_nearly_everything(self):
        # Of the block that comes next one column is left.
        lam = np.linspace(1, 0, 55)
        Q = np.linalg.qr(np.random.RandomState(0).standard_normal((55, 55)))[0]
        result = top_eigenpairs(lambda V: (Q * lam) @ (Q.T @ V), 55, 4, tol=1e-10)
        assert result.converged
        assert_allclose(result.x[0], lam[:4], rtol=1e-12)


class TestDeflatedEigenpairs:
    def matrix(self, lam):
        rng = np.random.RandomState(0)
        Q = np.linalg.qr(rng.standard_normal((len(lam), len(lam))))[0]
        return Q * lam @ Q.T

    @pytest.mark.parametrize(
        "lam",
        [
            np.linspace(1, 0, 300),
            np.linspace(1, -3, 300),
            np.linspace(-1, -3, 300),
            np.repeat(np.linspace(1, -1, 75), 4),
            np.repeat(np.linspace(-1, -2, 75), 4),
            np.zeros(300),
            np.r_[0.0, -np.ones(299)],
            np.r_[1e-12, np.repeat([-1.0, -2.0], [99, 200])],
        ],
    )
    @pytest.mark.parametrize("rank", [1, 5, 30])
    def test_eigenpairs(self, lam, rank):
        A = self.matrix(lam)
        result = deflated_eigenpairs(lambda V: A @ V, 300, rank, tol=1e-9)
        values, vectors = result.x
        assert result.converged and result.residual_norms[-1] <= 1e-9
        assert len(result.residual_norms) == result.n_iter + 1
        assert_allclose(values, lam[:rank], rtol=1e-12, atol=1e-14)
        assert_allclose(vectors.T @ vectors, np.eye(rank), atol=1e-12)
        assert_allclose(A @ vectors, vectors * values, atol=2e-9)

    @pytest.mark.skipif(
        "rng" not in signature(eigsh).parameters, reason="SciPy takes no seed"
    )
    def test_equal_calls_have_equal_results(self):
        # The Krylov space of one vector has as many dimensions as a component has
        # eigenvalues, so that the method has to start anew.
        block = np.ones((10, 10)) - np.eye(10)
        A = sp.block_diag([block] * 60, format="csr")
        first, second = (
            deflated_eigenpairs(lambda V: A @ V, 600, 40, tol=1e-9).x for _ in range(2)
        )
        assert_array_equal(first[0], second[0])
        assert_array_equal(first[1], second[1])

    def test_too_few_restarts(self):
        A = self.matrix(np.linspace(1, 0.9, 600))
        result = deflated_eigenpairs(lambda V: A @ V, 600, 3, tol=1e-12, max_iter=1)
        assert result.reason == "max_iter" and result.x[1].shape == (600, 3)

    def test_callbacks(self):
        A, calls = self.matrix(np.repeat(np.linspace(1, 0, 75), 4)), []

        def look(iteration, pairs, residual, done):
            calls.append((iteration, pairs()[0][:2], residual, done))
            return len(calls) == stop

        stop = None
        result = deflated_eigenpairs(lambda V: A @ V, 300, 3, on_iteration=look)
        assert [c[0] for c in calls] == list(range(1, result.n_iter + 1))
        assert [c[-1] for c in calls] == [False] * (result.n_iter - 1) + [True]
        assert_allclose([c[2] for c in calls], result.residual_norms[1:, 0])
        calls, stop = [], 1
        result = deflated_eigenpairs(lambda V: A @ V, 300, 3, on_iteration=look)
        assert result.reason == "stopped" and result.n_iter == 1

    def test_sparse_pools_use_it(self, monkeypatch):
        W = sp.csr_array(graph(200, 0.05))
        monkeypatch.setattr(_stkr, "top_eigenpairs", None)
        for normalize in ("degree", "lazy", "none"):
            pool = Pool("precomputed", W, normalize=normalize)
            values, _, result = top_of_pool(pool, 4, tol=1e-10, max_iter=100)
            exact = np.linalg.eigvalsh(pool.gram() / pool.total)[::-1]
            assert result.converged
            assert_allclose(values, exact[:4], rtol=1e-12)


class TestTransforms:
    @pytest.mark.parametrize("lazy", [False, True])
    @pytest.mark.parametrize("name", ["inverse_laplacian", "heat", "callable"])
    def test_expansions(self, name, lazy):
        transformation = smooth if name == "callable" else name
        transform = make_transform(
            transformation, eta=0.5, diffusion_time=20.0, top_eigenvalue=1.0, lazy=lazy
        )
        lam = np.linspace(1, 0, 101)
        for outside, exact in [
            (False, transform.multiplier),
            (True, transform.outside),
        ]:
            series = np.polynomial.chebyshev.Chebyshev(
                transform.chebyshev(outside=outside), domain=[0, 1]
            )
            # Differences stand for derivatives in what is exact next to 1/2.
            assert_allclose(series(lam), exact(lam), atol=1e-12 if not lazy else 1e-8)

    def test_limits_agree(self):
        lam = np.linspace(1.3, 0, 9)
        settings = {"top_eigenvalue": 1.3}
        one = make_transform("identity", **settings).multiplier(lam)
        assert_array_equal(one, 1)
        for name, params in [
            ("power", {"power": 1}),
            ("inverse_laplacian", {"eta": 0}),
            ("heat", {"diffusion_time": 0}),
            ("polynomial", {"coefficients": [1, 0, 0]}),
            ("truncation", {"n_components": 8}),
        ]:
            values = make_transform(name, **params, **settings).multiplier(lam)
            assert_array_equal(values[:-1], one[:-1])

    def test_eta_next_to_one(self):
        # Rounding in the largest eigenvalue must not make the multiplier negative.
        transform = make_transform("inverse_laplacian", eta=np.nextafter(1, 0))
        assert transform.multiplier(np.array([1 + 1e-12, 1.0]))[0] > 1e15
