"""The estimators beside dense formulas, the plain iterations, and their limits."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.kernel_ridge import KernelRidge as SklearnKernelRidge
from sklearn.semi_supervised import LabelSpreading

from skkernels import KernelRidge
from skkernels.semi_supervised import STKRClassifier, STKRRegressor

from ._reference import (
    Pool,
    kernel_pca_ridge,
    multiplier,
    rbf,
    richardson_inverse_laplacian,
    richardson_polynomial,
)
from ._reference import fit as dense_fit

GAMMA, ALPHA = 0.3, 12 * 1e-3
N, N_LABELED = 60, 12


def problem():
    """60 rows, of which the first 12 have targets; 5 new rows."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 3))
    Y = np.full((N, 2), np.nan)
    few = X[:N_LABELED]
    Y[:N_LABELED] = np.column_stack([np.sin(few[:, 0]), few[:, 1] * few[:, 2]])
    return X, Y, rng.normal(size=(5, 3)), np.arange(N) < N_LABELED


def sample_weights():
    return np.random.default_rng(1).uniform(0.2, 3.0, N)


def resolvent(lam):
    return 1 / (1 + 3 * lam)


TRANSFORMS = {
    "identity": ("identity", {}),
    "third power": ("polynomial", {"coefficients": [0, 0, 1]}),
    "polynomial": ("polynomial", {"coefficients": [1, 0.5, 0.25]}),
    "power": ("power", {"power": 8}),
    "inverse_laplacian": ("inverse_laplacian", {"eta": 0.9}),
    "heat": ("heat", {"diffusion_time": 3.0}),
    "callable": (resolvent, {}),
    "truncation": ("truncation", {"n_components": 10}),
    "whitened": ("truncation", {"n_components": 10, "whiten": True}),
}
SOLVERS = {
    name: ("eigh", "lanczos")
    if name in ("truncation", "whitened")
    else ("eigh", "cholesky", "cg")
    for name in TRANSFORMS
}
CASES = [(name, solver) for name in TRANSFORMS for solver in SOLVERS[name]]


def fitted(name, solver, normalize, weights, **parameters):
    X, Y, _, _ = problem()
    transform, own = TRANSFORMS[name]
    model = STKRRegressor(
        transform,
        gamma=GAMMA,
        normalize=normalize,
        solver=solver,
        tol=1e-10 if solver == "lanczos" else 1e-8,
        **{"alpha": ALPHA} | own | parameters,
    )
    return model.fit(X, Y, sample_weight=weights)


def reference(pool, name, labeled):
    """Values on the rows and coefficients by the closed form."""
    _, Y, _, _ = problem()
    transform, own = TRANSFORMS[name]
    return dense_fit(pool, Y[labeled], labeled, ALPHA, transform, **own)


def assert_close(actual, expected, rtol):
    """Errors relative to the largest value of each function."""
    assert actual.shape == expected.shape
    error = np.abs(actual - expected).max(axis=0)
    assert_allclose(error / np.abs(expected).max(axis=0), 0, atol=rtol)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("normalize", ["none", "degree", "center"])
@pytest.mark.parametrize(("name", "solver"), CASES)
def test_closed_form(name, solver, normalize, weighted):
    X, _, X_new, labeled = problem()
    weights = sample_weights() if weighted else None
    pool = Pool(rbf(X, X, GAMMA), normalize, weights)
    values, dual = reference(pool, name, labeled)
    model = fitted(name, solver, normalize, weights)
    rtol = 1e-5 if solver in ("cg", "lanczos") else 1e-7
    assert_close(model.predict(X_new), pool.rows(rbf(X_new, X, GAMMA)) @ dual, rtol)
    assert_close(model.transduction_, values, rtol)
    assert_close(model.predict(X), model.transduction_, 1e-9)
    assert model.solver_ == solver and model.converged_
    top = np.linalg.eigvalsh(pool.A)[-1]
    assert_allclose(model.lambda_max_, top, rtol=1e-7)
    if name == "inverse_laplacian":
        assert_allclose(model.eta_, 0.9 / top, rtol=1e-7)


def affinities():
    """A matrix without negative entries that is not positive semi-definite."""
    rng = np.random.default_rng(3)
    W = np.where(rng.random((N, N)) < 0.2, rng.random((N, N)), 0.0)
    W = np.maximum(W, W.T)
    W[np.arange(N), (np.arange(N) + 1) % N] = 1.0
    W = np.maximum(W, W.T)
    np.fill_diagonal(W, 0.0)
    assert np.linalg.eigvalsh(W)[0] < -1
    W_new = np.where(rng.random((5, N)) < 0.2, rng.random((5, N)), 0.0)
    return W, W_new


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("name", "solver"), CASES)
def test_closed_form_lazy(name, solver, weighted, sparse):
    _, Y, _, labeled = problem()
    W, W_new = affinities()
    weights = sample_weights() if weighted else None
    pool = Pool(W, "lazy", weights)
    values, dual = reference(pool, name, labeled)
    transform, own = TRANSFORMS[name]
    model = STKRRegressor(
        transform,
        alpha=ALPHA,
        kernel="precomputed",
        normalize="lazy",
        solver=solver,
        tol=1e-8,
        **own,
    )
    convert = sp.csr_array if sparse else np.asarray
    model.fit(convert(W), Y, sample_weight=weights)
    rtol = 1e-5 if solver in ("cg", "lanczos") else 1e-7
    assert_close(model.predict(convert(W_new)), pool.rows(W_new) @ dual, rtol)
    assert_close(model.transduction_, values, rtol)
    assert_allclose(model.lambda_max_, 1.0, rtol=1e-14)


@pytest.mark.parametrize("normalize", ["none", "degree", "center", "lazy"])
@pytest.mark.parametrize(("name", "solver"), CASES)
def test_new_row_is_a_row_of_vanishing_weight(name, solver, normalize):
    """The values on a new row are those that it would have in the pool."""
    X, Y, X_new, _ = problem()
    weights = sample_weights()
    model = fitted(name, solver, normalize, weights)
    member = clone(model).fit(
        np.vstack([X, X_new[:1]]),
        np.vstack([Y, [[np.nan, np.nan]]]),
        sample_weight=np.append(weights, 1e-7),
    )
    difference = member.transduction_[-1] - model.predict(X_new)[0]
    size = np.abs(model.transduction_).max(axis=0)
    assert_allclose(difference / size, 0, atol=2e-5)


@pytest.mark.parametrize("normalize", ["none", "degree", "center"])
@pytest.mark.parametrize("solver", ["eigh", "lanczos"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("whiten", [False, True])
def test_kernel_pca_of_all_rows(whiten, weighted, solver, normalize):
    X, Y, X_new, labeled = problem()
    weights = sample_weights() if weighted else None
    pool = Pool(rbf(X, X, GAMMA), normalize, weights)
    kernel = pool.rows(rbf(X, X, GAMMA))[labeled]
    W = pool.weights[labeled]
    dual = kernel_pca_ridge(kernel, pool, W, Y[labeled], ALPHA, 10, whiten)
    model = fitted("whitened" if whiten else "truncation", solver, normalize, weights)
    assert_close(model.predict(X_new), pool.rows(rbf(X_new, X, GAMMA)) @ dual, 1e-7)


@pytest.mark.parametrize("solver", ["eigh", "lanczos"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("normalize", ["none", "degree", "center"])
@pytest.mark.parametrize("whiten", [False, True])
def test_kernel_pca_of_unlabeled_rows(whiten, normalize, weighted, solver):
    X, Y, X_new, labeled = problem()
    weights = sample_weights() if weighted else None
    rest = X[~labeled]
    pool = Pool(
        rbf(rest, rest, GAMMA), normalize, None if weights is None else weights[12:]
    )
    kernel = pool.rows(rbf(X, rest, GAMMA))
    W = np.ones(12) if weights is None else weights[:12]
    dual = kernel_pca_ridge(kernel[labeled], pool, W, Y[labeled], ALPHA, 10, whiten)
    name = "whitened" if whiten else "truncation"
    model = fitted(name, solver, normalize, weights, pca_on="unlabeled")
    assert_close(model.predict(X_new), pool.rows(rbf(X_new, rest, GAMMA)) @ dual, 1e-7)
    assert_close(model.transduction_, kernel @ dual, 1e-7)


def test_published_case():
    """The predictions at the first new row."""
    expected = {
        "identity": [-0.1553624, -0.37801554],
        "third power": [-0.20399651, -0.03438321],
        "polynomial": [-0.15469564, -0.37979452],
        "power": [-0.01801913, -0.01556726],
        "inverse_laplacian": [-0.15140413, -0.38767697],
        "truncation": [-0.06184214, -0.50005018],
        "whitened": [-0.06501842, -0.57611461],
    }
    _, _, X_new, _ = problem()
    for name, row in expected.items():
        found = fitted(name, "auto", "none", None).predict(X_new)
        assert_allclose(found[0], row, rtol=1e-6)


def test_identity_is_kernel_ridge():
    X, Y, X_new, labeled = problem()
    weights = sample_weights()
    own = KernelRidge(ALPHA, kernel="rbf", gamma=GAMMA)
    peer = SklearnKernelRidge(alpha=ALPHA, kernel="rbf", gamma=GAMMA)
    for w in (None, weights):
        few = None if w is None else w[labeled]
        expected = peer.fit(X[labeled], Y[labeled], few).predict(X_new)
        assert_allclose(
            own.fit(X[labeled], Y[labeled], few).predict(X_new), expected, rtol=1e-9
        )
        for solver in ("eigh", "cholesky", "cg"):
            rtol = 1e-5 if solver == "cg" else 1e-9
            for name, parameters in (
                ("identity", {}),
                ("inverse_laplacian", {"eta": 0.0}),
                ("power", {"power": 1}),
            ):
                model = fitted(name, solver, "none", w, **parameters)
                assert_close(model.predict(X_new), expected, rtol)
                assert not model.dual_coef_[~labeled].any() or solver == "eigh"


def test_without_unlabeled_rows_the_transform_still_counts():
    X, Y, X_new, labeled = problem()
    parameters = {"alpha": ALPHA, "gamma": GAMMA, "normalize": "none"}
    model = STKRRegressor(eta=0.9, **parameters).fit(X[labeled], Y[labeled])
    pool = Pool(rbf(X[labeled], X[labeled], GAMMA))
    every = np.ones(N_LABELED, dtype=bool)
    _, dual = dense_fit(pool, Y[labeled], every, ALPHA, "inverse_laplacian", eta=0.9)
    found = model.predict(X_new)
    assert_close(found, rbf(X_new, X[labeled], GAMMA) @ dual, 1e-7)
    ridge = KernelRidge(ALPHA, kernel="rbf", gamma=GAMMA).fit(X[labeled], Y[labeled])
    assert np.abs(found - ridge.predict(X_new)).max() > 1e-3


@pytest.mark.parametrize("name", ["polynomial", "third power", "inverse_laplacian"])
@pytest.mark.parametrize("normalize", ["none", "degree"])
def test_plain_iterations_arrive_at_the_same(name, normalize):
    X, Y, X_new, labeled = problem()
    # The third power of a flat spectrum takes Richardson's iteration forever.
    alpha = 0.1
    pool = Pool(rbf(X, X, GAMMA), normalize, sample_weights())
    common = pool, Y[labeled], labeled, alpha
    if name == "inverse_laplacian":
        eta = 0.9 / np.linalg.eigvalsh(pool.A)[-1]
        dual, _ = richardson_inverse_laplacian(*common, eta, 1e-8)
    else:
        coefficients = TRANSFORMS[name][1]["coefficients"]
        dual, _ = richardson_polynomial(*common, coefficients, 1e-8)
    expected = pool.rows(rbf(X_new, X, GAMMA)) @ dual
    for solver in SOLVERS[name]:
        model = fitted(name, solver, normalize, sample_weights(), alpha=alpha)
        assert_close(model.predict(X_new), expected, 1e-5)


def few_labels(n_classes):
    X, _, _, labeled = problem()
    truth = 1 * (X[:, 0] > 0) + (X[:, 1] > 0.3) * (n_classes > 2)
    return X, np.where(labeled, truth, -1), labeled


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("solver", ["eigh", "cholesky", "cg"])
def test_class_weights_are_weights_of_the_loss(n_classes, solver):
    X, y, labeled = few_labels(n_classes)
    classes = np.arange(n_classes)
    codes = np.where(y[labeled, None] == classes, 1.0, -1 / (n_classes - 1))
    codes = codes[:, 1:] if n_classes == 2 else codes
    class_weight = {0: 0.3, 1: 2.0, 2: 0.7}
    class_weight = {label: class_weight[label] for label in classes}
    c = np.array([class_weight[label] for label in y[labeled]])
    weights = sample_weights()
    pool = Pool(rbf(X, X, GAMMA), "degree", weights)
    values, _ = dense_fit(
        pool, codes, labeled, ALPHA, "inverse_laplacian", loss_weights=c, eta=0.9
    )
    model = STKRClassifier(
        eta=0.9,
        alpha=ALPHA,
        gamma=GAMMA,
        class_weight=class_weight,
        solver=solver,
        tol=1e-8,
    ).fit(X, y, sample_weight=weights)
    scores = model.decision_function(X).reshape(N, -1)
    assert_close(scores, values, 1e-5 if solver == "cg" else 1e-7)


@pytest.mark.parametrize("solver", ["eigh", "cholesky", "cg"])
def test_label_spreading_is_the_limit(solver):
    """With half the identity added, (1 + S) (1 - a S)^-1 differs from (1 - a S)^-1, up
    to a factor, by the identity, which is nothing on unlabelled rows."""
    X, y, labeled = few_labels(3)
    a = 0.8
    spreading = LabelSpreading(kernel="rbf", gamma=GAMMA, alpha=a, max_iter=2000)
    spreading.set_params(tol=1e-12).fit(X, y)
    W = rbf(X, X, GAMMA)
    np.fill_diagonal(W, 0.0)
    codes = np.full((N, 3), np.nan)
    codes[labeled] = y[labeled, None] == np.arange(3)
    parameters = {"kernel": "precomputed", "normalize": "lazy", "eta": 2 * a / (1 + a)}
    gaps = []
    for alpha in (1e4, 1e6, 1e8):
        model = STKRRegressor(alpha=alpha, solver=solver, tol=1e-12, **parameters)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            F = model.fit(W, codes).transduction_[~labeled]
        shares = F / F.sum(axis=1, keepdims=True)
        gaps.append(np.abs(shares - spreading.label_distributions_[~labeled]).max())
    # The gap falls as 1 / alpha.
    assert gaps[-1] < 1e-6
    assert_allclose(np.divide(gaps[:-1], gaps[1:]), 100, rtol=0.05)
    assert_array_equal(F.argmax(axis=1), spreading.transduction_[~labeled])


def test_degree_normalisation():
    X, Y, X_new, _ = problem()
    weights = sample_weights()
    model = fitted("inverse_laplacian", "eigh", "degree", weights)
    K = rbf(X, X, GAMMA)
    degrees = K @ weights / weights.sum()
    assert_allclose(model.degrees_, degrees, rtol=1e-12)
    assert model.lambda_max_ == 1.0 and model.eta_ == 0.9
    assert_allclose(model.eigenvalues_[0], 1.0, atol=1e-10)
    # The function of the largest eigenvalue is the root of the degrees.
    A = Pool(K, "degree", weights).A
    top = np.sqrt(weights * model.degrees_)
    assert_allclose(A @ top, top, atol=1e-12)
    # A common factor of the kernel has no effect.
    for c in (1e-6, 50.0):
        scaled = STKRRegressor(
            alpha=ALPHA, eta=0.9, kernel="precomputed", solver="eigh"
        ).fit(c * K, Y, sample_weight=weights)
        found = scaled.predict(c * rbf(X_new, X, GAMMA))
        assert_close(found, model.predict(X_new), 1e-9)


@pytest.mark.parametrize("name", ["inverse_laplacian", "power", "heat", "truncation"])
@pytest.mark.parametrize("normalize", ["none", "degree", "center"])
def test_kernel_products_and_stored_matrix(name, normalize):
    X, Y, X_new, _ = problem()
    transform, own = TRANSFORMS[name]
    solver = "lanczos" if name == "truncation" else "cg"
    parameters = {"alpha": 0.5, "normalize": normalize, "solver": solver, "tol": 1e-12}
    parameters |= own
    never = STKRRegressor(transform, gamma=GAMMA, **parameters).fit(X, Y)
    stored = STKRRegressor(transform, kernel="precomputed", **parameters)
    stored.fit(rbf(X, X, GAMMA), Y)
    found = stored.predict(rbf(X_new, X, GAMMA))
    assert_close(never.predict(X_new), found, 1e-10)


@pytest.mark.parametrize(("name", "solver"), CASES)
def test_single_precision(name, solver):
    X, Y, X_new, _ = problem()
    double = fitted(name, solver, "degree", None).predict(X_new)
    transform, own = TRANSFORMS[name]
    single = STKRRegressor(
        transform, alpha=ALPHA, gamma=GAMMA, solver=solver, tol=1e-8, **own
    ).fit(X.astype(np.float32), Y.astype(np.float32))
    found = single.predict(X_new.astype(np.float32))
    assert found.dtype == np.float32
    assert_close(found.astype(float), double, 1e-3)


def test_multiplier_of_the_reference():
    """The reference itself: whitening makes s equal 1, heat is 1 at the top."""
    lam = np.array([0.1, 0.7, 0.4])
    top = {"n_components": 2, "whiten": True}
    assert_allclose(lam * multiplier("truncation", lam, **top), [0, 1, 1])
    assert multiplier("heat", lam, diffusion_time=3.0).max() == 1
