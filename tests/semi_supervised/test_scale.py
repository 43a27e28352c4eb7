"""Memory and the number of kernel products: what makes large pools possible."""

import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn import config_context
from sklearn.datasets import load_digits, make_blobs

from skkernels.operators import SparseOperator
from skkernels.semi_supervised import (
    SpectralKernelTransformer,
    STKRClassifier,
    STKRRegressor,
)
from skkernels.semi_supervised._pool import Pool as OwnPool

from ._reference import (
    Pool,
    rbf,
    richardson_inverse_laplacian,
    richardson_polynomial,
)
from ._reference import fit as dense_fit

MEBIBYTE = 2**20


def peak(call):
    """Largest memory that NumPy's arrays take during the call."""
    tracemalloc.start()
    try:
        result = call()
        return result, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def few_labels(y, per_class, seed=0):
    rng = np.random.default_rng(seed)
    few = np.full(len(y), -1)
    for label in np.unique(y):
        rows = rng.choice(np.flatnonzero(y == label), per_class, replace=False)
        few[rows] = label
    return few


def count_products(monkeypatch):
    """Shapes of the factors that are multiplied with the Gram matrix."""
    shapes, original = [], OwnPool.matmat

    def matmat(self, V):
        shapes.append(V.shape)
        return original(self, V)

    monkeypatch.setattr(OwnPool, "matmat", matmat)
    return shapes


MODELS = {
    "inverse_laplacian": {},
    "identity": {},
    "power": {"power": 4},
    "heat": {},
    "truncation": {"n_components": 10},
}


@pytest.fixture(scope="module")
def blobs():
    X, y = make_blobs(3000, 3, centers=10, center_box=(-4, 4), random_state=0)
    return X, few_labels(y, 5)


@pytest.mark.parametrize(
    ("name", "normalize"),
    [(name, "none") for name in MODELS]
    + [(name, "center") for name in ("power", "inverse_laplacian", "truncation")]
    + [(name, "degree") for name in MODELS if name != "heat"],
)
def test_no_square_array(name, normalize, blobs):
    """The matrix would take 69 MiB, in single precision 34; the data take 0.1."""
    X, few = blobs
    model = STKRClassifier(
        name, alpha=10.0, gamma=0.5, normalize=normalize, tol=1e-4, **MODELS[name]
    )
    # Too little for a direct solver to be chosen.
    with config_context(working_memory=32):
        model.fit(X[few >= 0], few[few >= 0])  # compiles
        _, fitting = peak(lambda: model.fit(X, few))
        _, predicting = peak(lambda: model.predict(X))
    assert model.solver_ == ("lanczos" if name == "truncation" else "cg")
    # Some arrays of one column for each class or vector (0.3 MiB), and tiles.
    assert fitting < 16 * MEBIBYTE
    assert predicting < 8 * MEBIBYTE


def test_no_square_array_in_the_transformer(blobs):
    X, _ = blobs
    model = SpectralKernelTransformer(10, gamma=0.5)
    with config_context(working_memory=32):
        _, fitting = peak(lambda: model.fit(X))
        _, predicting = peak(lambda: model.transform(X))
    assert fitting < 16 * MEBIBYTE
    assert predicting < 8 * MEBIBYTE


@pytest.mark.parametrize("solver", ["eigh", "cholesky"])
def test_direct_solvers_refuse_what_does_not_fit(solver, blobs):
    X, few = blobs
    model = STKRClassifier(solver=solver)
    with config_context(working_memory=32):
        with pytest.raises(ValueError, match="working_memory"):
            model.fit(X, few)


def communities(n_nodes, n_communities, seed=0):
    """A graph with some ten edges at each node, nine of them inside its community."""
    rng = np.random.default_rng(seed)
    y = rng.integers(n_communities, size=n_nodes)
    order = np.argsort(y, kind="stable")
    start = np.searchsorted(y[order], y)
    size = np.bincount(y)[y]
    inside = order[start + rng.integers(size, size=(5, n_nodes))]
    ends = np.r_[inside.ravel(), rng.integers(n_nodes, size=n_nodes)]
    nodes = np.tile(np.arange(n_nodes), 6)
    graph = sp.csr_array((np.ones(len(ends)), (nodes, ends)), shape=(n_nodes, n_nodes))
    return graph + graph.T, y


@pytest.mark.parametrize(
    ("name", "normalize"),
    [(name, "lazy") for name in MODELS] + [("power", "degree")],
)
def test_sparse_graph_stays_sparse(name, normalize, monkeypatch):
    """The dense matrix of 12 000 nodes would take 1.1 GiB."""
    graph, y = communities(12_000, 10)
    few = few_labels(y, 50)

    def refuse(*args, **kwargs):
        raise AssertionError("the graph was made dense")

    monkeypatch.setattr(SparseOperator, "block", refuse)
    for kind in (sp.csr_array, sp.csr_matrix):
        monkeypatch.setattr(kind, "toarray", refuse)
        monkeypatch.setattr(kind, "todense", refuse)
    model = STKRClassifier(
        name,
        kernel="precomputed",
        normalize=normalize,
        tol=1e-3,
        **MODELS[name] | ({"power": 8} if name == "power" else {}),
    )
    _, fitting = peak(lambda: model.fit(graph, few))
    _, predicting = peak(lambda: model.predict(graph[:1000]))
    # A vector for each class takes 0.9 MiB; the Lanczos method keeps many of them.
    assert fitting < (64 if name == "truncation" else 32) * MEBIBYTE
    assert predicting < 10 * MEBIBYTE
    hidden = few < 0
    if name != "identity":
        assert np.mean(model.transduction_[hidden] == y[hidden]) > 0.95


def digits_problem(n_rows=300):
    X, y = load_digits(return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(X))[:n_rows]
    X, y = X[rows] / 16, y[rows]
    labeled = few_labels(y, 3) >= 0
    Y = np.where(labeled[:, None], y[:, None] == np.arange(10), np.nan)
    return X, Y, labeled


def smooth_problem():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    Y = np.full((60, 2), np.nan)
    Y[:12] = np.column_stack([np.sin(X[:12, 0]), X[:12, 1] * X[:12, 2]])
    return X, Y, np.arange(60) < 12


@pytest.mark.parametrize(
    ("data", "name", "parameters", "beta", "factor"),
    [
        ("digits", "inverse_laplacian", {"eta": 0.9}, 1e-6, 50),
        ("digits", "inverse_laplacian", {"eta": 0.9}, 1e-3, 50),
        ("digits", "inverse_laplacian", {"eta": 0.99}, 1e-6, 50),
        ("digits", "inverse_laplacian", {"eta": 0.99}, 1e-3, 50),
        ("smooth", "inverse_laplacian", {"eta": 0.99}, 1e-6, 50),
        ("smooth", "inverse_laplacian", {"eta": 0.99}, 1e-3, 50),
        ("smooth", "polynomial", {"coefficients": [1.0, 0.5, 0.25]}, 1e-6, 50),
        ("smooth", "polynomial", {"coefficients": [1.0, 0.5, 0.25]}, 1e-3, 50),
        # A large ridge strength makes an easy system.
        ("digits", "inverse_laplacian", {"eta": 0.99}, 1.0, 5),
    ],
)
def test_fewer_products_than_richardson(
    data, name, parameters, beta, factor, monkeypatch
):
    """What conjugate gradients reach at tol=1e-6, Richardson's iteration does not reach
    with so many times as many products."""
    X, Y, labeled = digits_problem() if data == "digits" else smooth_problem()
    alpha, gamma = labeled.sum() * beta, 0.8 if data == "digits" else 0.3
    shapes = count_products(monkeypatch)
    model = STKRRegressor(
        name, alpha=alpha, gamma=gamma, solver="cg", tol=1e-6, **parameters
    ).fit(X, Y)
    pool = Pool(rbf(X, X, gamma), "degree")
    common = pool, Y[labeled], labeled, alpha
    exact, _ = dense_fit(*common, name, **parameters)
    if name == "polynomial":
        coefficients = parameters["coefficients"]
        steps = factor * len(shapes) // len(coefficients)
        dual, count = richardson_polynomial(*common, coefficients, 0.0, steps)
    else:
        steps = factor * len(shapes)
        dual, count = richardson_inverse_laplacian(
            *common, parameters["eta"], 0.0, steps
        )
    assert count >= (factor - 1) * len(shapes)
    gap = model.transduction_ - exact
    if name == "inverse_laplacian":
        # What tol promises: errors on the labelled rows.
        size = np.linalg.norm(Y[labeled], axis=0)
        assert (np.linalg.norm(gap[labeled], axis=0) <= 1e-6 * size).all()
    theirs = pool.G @ dual - exact
    assert np.abs(gap).max() < np.abs(theirs).max()


def test_one_product_in_an_iteration_for_all_targets(monkeypatch):
    X, Y, labeled = digits_problem()
    shapes = count_products(monkeypatch)
    parameters = {"alpha": 0.03, "gamma": 0.8, "solver": "cg"}
    together = STKRRegressor(**parameters).fit(X, Y)
    count = len(shapes)
    # Those beside the iterations: the first, the residual at the end, the values.
    assert count <= together.n_iter_ + 5
    assert max(k for _, k in shapes) <= 2 * Y.shape[1]
    shapes.clear()
    alone = [STKRRegressor(**parameters).fit(X, column) for column in Y.T]
    assert count <= max(model.n_iter_ for model in alone) + 5
    assert len(shapes) > 5 * count
