"""NystroemKernelRidge and its classifier."""

import pickle
import tracemalloc

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_iris

from skkernels import (
    KernelRidge,
    KernelRidgeClassifier,
    NystroemKernelRidge,
    NystroemKernelRidgeClassifier,
)
from skkernels.coresets import CENTER_SELECTIONS
from skkernels.kernels import RBF, WhiteNoise, make_kernel

SELECTIONS = pytest.mark.parametrize("selection", CENTER_SELECTIONS)


@pytest.fixture(scope="module")
def data():
    rng = np.random.RandomState(0)
    X = rng.randn(400, 3)
    y = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + 3.0
    Y = np.column_stack([y, X[:, 0], rng.randn(400)])
    return X, y, Y, rng.randn(50, 3)


def reference(model, X, y, weights, X_test):
    """Predictions from a dense least-squares problem in an orthonormal basis."""
    K_mm, K_nm = model.kernel_(model.centers_), model.kernel_(X, model.centers_)
    values, vectors = np.linalg.eigh(K_mm)
    kept = values > len(K_mm) * np.finfo(float).eps * values.max()
    T = vectors[:, kept] / np.sqrt(values[kept])
    mean = np.average(y, axis=0, weights=weights)
    root = np.sqrt(weights)
    A = np.r_[root[:, None] * (K_nm @ T), np.sqrt(model.alpha) * np.eye(T.shape[1])]
    b = np.r_[root * (y - mean), np.zeros(T.shape[1])]
    c = scipy.linalg.lstsq(A, b, lapack_driver="gelsd")[0]
    return model.kernel_(X_test, model.centers_) @ (T @ c) + mean


@SELECTIONS
@pytest.mark.parametrize("alpha", [1e-3, 1.0])
def test_least_squares_solution(data, selection, alpha):
    X, y, _, X_test = data
    weights = np.random.RandomState(0).uniform(0.1, 2, size=400)
    model = NystroemKernelRidge(
        60, center_selection=selection, alpha=alpha, gamma=0.5, random_state=0
    ).fit(X, y, sample_weight=weights)
    expected = reference(model, X, y, weights, X_test)
    assert_allclose(model.predict(X_test), expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("gamma", [0.01, 0.1])
@pytest.mark.parametrize("alpha", [1e-6, 1e-3])
def test_nearly_dependent_centers(data, gamma, alpha):
    # The kernel matrix of the centers is singular to working precision here.
    X, y, _, X_test = data
    model = NystroemKernelRidge(200, alpha=alpha, gamma=gamma, random_state=0)
    model.fit(X, y)
    assert np.linalg.cond(model.kernel_(model.centers_)) > 1e14
    expected = reference(model, X, y, np.ones(400), X_test)
    # Directions that the centers cannot resolve leave this much open.
    assert_allclose(model.predict(X_test), expected, atol=1e-2)


@pytest.mark.parametrize("kernel", ["rbf", "laplacian", "matern", "poly", "linear"])
def test_all_points_as_centers_give_kernel_ridge(data, kernel):
    X, y, Y, X_test = data
    params = {"kernel": kernel, "alpha": [0.1, 1.0, 10.0], "gamma": None}
    full = KernelRidge(**params).fit(X[:150], Y[:150])
    nystroem = NystroemKernelRidge(150, **params, fit_intercept=False)
    nystroem.fit(X[:150], Y[:150])
    assert nystroem.n_centers_ == 150
    assert_allclose(nystroem.predict(X_test), full.predict(X_test), atol=1e-6)


def test_classifier_with_all_points_is_kernel_ridge_classifier():
    X, y = load_iris(return_X_y=True)
    full = KernelRidgeClassifier().fit(X, y)
    nystroem = NystroemKernelRidgeClassifier().fit(X, y)
    assert_allclose(nystroem.decision_function(X), full.decision_function(X), atol=1e-6)
    binary = y > 0
    assert_allclose(
        NystroemKernelRidgeClassifier().fit(X, binary).decision_function(X),
        KernelRidgeClassifier().fit(X, binary).decision_function(X),
        atol=1e-6,
    )


@SELECTIONS
def test_weights_are_repetitions(data, selection):
    X, _, Y, X_test = data
    weights = np.random.RandomState(0).randint(0, 4, size=400)
    model = NystroemKernelRidge(40, center_selection=selection, random_state=0)
    weighted = clone(model).fit(X, Y, sample_weight=weights)
    repeated = clone(model).fit(np.repeat(X, weights, 0), np.repeat(Y, weights, 0))
    assert_array_equal(weighted.centers_, repeated.centers_)
    assert_allclose(weighted.predict(X_test), repeated.predict(X_test), rtol=1e-7)
    assert_array_equal(X[weighted.center_indices_], weighted.centers_)


@SELECTIONS
def test_order_of_samples_does_not_matter(data, selection):
    X, y, _, X_test = data
    model = NystroemKernelRidge(40, center_selection=selection, random_state=0)
    order = np.random.RandomState(1).permutation(400)
    first = clone(model).fit(X, y)
    second = clone(model).fit(X[order], y[order])
    assert_array_equal(first.centers_, second.centers_)
    # Rounding errors of the sums, which the order changes, may be 1e-6 of alpha: where
    # the centers are far from each other in the kernel, they are amplified more.
    rtol = 1e-7 if selection == "thinning" else 1e-9
    assert_allclose(first.predict(X_test), second.predict(X_test), rtol=rtol)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_partial_fit_is_fit(data, fit_intercept, weighted):
    X, y, Y, X_test = data
    weights = np.random.RandomState(0).uniform(0, 2, 400) if weighted else None
    params = {"center_selection": X[:30], "gamma": 0.3, "alpha": 1.0}
    whole = NystroemKernelRidge(fit_intercept=fit_intercept, **params)
    whole.fit(X, Y, sample_weight=weights)
    parts = clone(whole)
    for rows in (slice(0, 100), slice(100, 130), slice(130, 400)):
        w = None if weights is None else weights[rows]
        assert parts.partial_fit(X[rows], Y[rows], sample_weight=w) is parts
    assert_allclose(
        parts.predict(X_test), whole.predict(X_test), rtol=1e-10, atol=1e-11
    )
    assert_allclose(parts.intercept_, whole.intercept_, rtol=1e-12)


def test_a_large_mean_costs_no_digits(data):
    X, y, _, X_test = data
    near = NystroemKernelRidge(center_selection=X[:30], gamma=0.1, alpha=1e-3)
    far = clone(near).partial_fit(X[:200], y[:200] + 1e8)
    far.partial_fit(X[200:], y[200:] + 1e8)
    near.fit(X, y)
    assert_allclose(far.predict(X_test) - 1e8, near.predict(X_test), atol=1e-6)


def test_partial_fit_keeps_kernel_and_centers(data):
    X, y, _, _ = data
    model = NystroemKernelRidge(20, random_state=0).partial_fit(X[:100], y[:100])
    centers, gamma = model.centers_.copy(), model.gamma_
    model.partial_fit(5 * X[100:], y[100:])
    assert_array_equal(model.centers_, centers)
    assert model.gamma_ == gamma
    assert model.center_indices_.max() < 100


@pytest.mark.parametrize("gamma", [0.01, 2.0])
def test_partial_fit_after_fit_continues(data, gamma):
    # The sums are kept in one way or another, as the kernel matrix is conditioned.
    X, y, _, X_test = data
    params = {"center_selection": X[:60], "gamma": gamma}
    whole = NystroemKernelRidge(**params).fit(X, y)
    parts = NystroemKernelRidge(**params).fit(X[:150], y[:150])
    assert parts._equations.plain == (gamma == 2.0)
    parts.partial_fit(X[150:], y[150:])
    assert not parts._equations.plain
    assert_allclose(parts.predict(X_test), whole.predict(X_test), rtol=1e-8)


def test_fit_starts_from_nothing(data):
    X, y, _, X_test = data
    model = NystroemKernelRidge(20, random_state=0).partial_fit(3 * X[:50], -y[:50])
    model.fit(X, y)
    fresh = clone(model).fit(X, y)
    assert_array_equal(model.predict(X_test), fresh.predict(X_test))


def test_partial_fit_continues_after_pickling(data):
    X, y, _, X_test = data
    model = NystroemKernelRidge(20, random_state=0).partial_fit(X[:200], y[:200])
    copy = pickle.loads(pickle.dumps(model))
    copy.partial_fit(X[200:], y[200:])
    model.partial_fit(X[200:], y[200:])
    assert_array_equal(copy.predict(X_test), model.predict(X_test))


def test_partial_fit_with_other_targets_or_storage(data):
    X, y, Y, X_test = data
    model = NystroemKernelRidge(20, random_state=0).partial_fit(X, y)
    expected = clone(model).partial_fit(X, y).partial_fit(X, y).predict(X_test)
    model.partial_fit(sp.csr_array(X), y)
    assert_allclose(model.predict(X_test), expected, rtol=1e-10)
    with pytest.raises(ValueError, match=r"3 target.*but 1 in earlier"):
        model.partial_fit(X, Y)


def test_classifier_partial_fit():
    X, y = load_iris(return_X_y=True)
    y = np.array(["a", "b", "c"])[y]
    weights = {"a": 2.0, "b": 1.0, "c": 0.5}
    params = {"center_selection": X[::5], "gamma": 0.2, "class_weight": weights}
    whole = NystroemKernelRidgeClassifier(**params).fit(X, y)
    parts = NystroemKernelRidgeClassifier(**params)
    # The first batch holds one class only.
    parts.partial_fit(X[:40], y[:40], classes=["c", "a", "b"])
    parts.partial_fit(X[40:90], y[40:90]).partial_fit(X[90:], y[90:])
    assert_array_equal(parts.classes_, whole.classes_)
    assert_allclose(parts.decision_function(X), whole.decision_function(X), atol=1e-10)
    with pytest.raises(ValueError, match="labels that are not among the classes"):
        parts.partial_fit(X[:2], ["a", "z"])
    with pytest.raises(ValueError, match="classes must be passed"):
        NystroemKernelRidgeClassifier().partial_fit(X, y)
    with pytest.raises(ValueError, match="balanced.*partial_fit"):
        NystroemKernelRidgeClassifier(class_weight="balanced").partial_fit(
            X, y, classes=["a", "b", "c"]
        )


def test_classifier_partial_fit_refuses_bad_classes():
    X, y = load_iris(return_X_y=True)
    model = NystroemKernelRidgeClassifier(20, random_state=0)
    with pytest.raises(ValueError, match="at least 2 classes.*one in classes: 0"):
        model.partial_fit(X[:50], y[:50], classes=[0])
    with pytest.raises(ValueError, match="Unknown label type"):
        model.partial_fit(X, X[:, 0], classes=[0, 1])
    # A refused first call leaves nothing behind.
    assert not hasattr(model, "classes_")
    model.partial_fit(X[:50], y[:50], classes=[0, 1, 2])
    with pytest.raises(ValueError, match="not the same as on last call"):
        model.partial_fit(X, y, classes=[0, 1])
    model.partial_fit(X[50:], y[50:])
    assert_array_equal(model.classes_, [0, 1, 2])


def test_classifier_balances_with_weights():
    X, y = load_iris(return_X_y=True)
    weights = np.random.RandomState(0).randint(0, 3, size=150)
    model = NystroemKernelRidgeClassifier(40, class_weight="balanced", random_state=0)
    weighted = clone(model).fit(X, y, sample_weight=weights)
    repeated = clone(model).fit(np.repeat(X, weights, 0), np.repeat(y, weights))
    assert_allclose(
        weighted.decision_function(X), repeated.decision_function(X), atol=1e-8
    )
    assert_allclose(weighted.intercept_, 1 / 3)


def test_duplicated_centers(data):
    X, y, _, X_test = data
    once = NystroemKernelRidge(center_selection=X[:30]).fit(X, y)
    twice = NystroemKernelRidge(center_selection=np.r_[X[:30], X[:30]]).fit(X, y)
    assert twice.n_centers_ == 60 and twice.center_indices_ is None
    assert_allclose(twice.predict(X_test), once.predict(X_test), atol=1e-9)


def test_centers_without_any_function():
    # The linear kernel of zero vectors is zero.
    X, y = np.zeros((5, 2)), np.arange(5.0)
    for fit in ("fit", "partial_fit"):
        model = getattr(NystroemKernelRidge(kernel="linear"), fit)(X, y)
        assert_array_equal(model.predict(X), 2.0)


def test_sparse_is_dense(data):
    X, y, _, X_test = data
    X, X_test = np.where(X > 0, X, 0), np.where(X_test > 0, X_test, 0)
    for selection in ("uniform", "kmeans++", "rpcholesky", X[:40]):
        model = NystroemKernelRidge(
            40, center_selection=selection, kernel="laplacian", random_state=0
        )
        dense = clone(model).fit(X, y)
        sparse = clone(model).fit(sp.csr_array(X), y)
        assert sp.issparse(sparse.centers_)
        assert_allclose(sparse.centers_.toarray(), dense.centers_)
        expected = dense.predict(X_test)
        assert_allclose(sparse.predict(sp.csr_array(X_test)), expected, rtol=1e-8)
        assert_allclose(sparse.predict(X_test), expected, rtol=1e-8)


def test_float32(data):
    X, y, Y, X_test = data
    double = NystroemKernelRidge(40, gamma=0.5, alpha=1e-3, center_selection=X[:40])
    single = clone(double).fit(X.astype(np.float32), Y.astype(np.float32))
    double.fit(X, Y)
    assert single.centers_.dtype == single.coef_.dtype == np.float32
    out = single.predict(X_test.astype(np.float32))
    assert out.dtype == np.float32
    assert_allclose(out, double.predict(X_test), rtol=1e-3, atol=1e-3)
    assert single.predict(X_test).dtype == np.float64


def test_no_ridge_is_least_squares(data):
    X, y, _, X_test = data
    model = NystroemKernelRidge(15, alpha=0, gamma=0.5, random_state=0).fit(X, y)
    K = model.kernel_(X, model.centers_)
    coef = np.linalg.lstsq(K, y - y.mean())[0]
    expected = model.kernel_(X_test, model.centers_) @ coef + y.mean()
    assert_allclose(model.predict(X_test), expected, atol=1e-7)


@pytest.mark.parametrize(
    "model", [NystroemKernelRidge(), NystroemKernelRidgeClassifier()]
)
def test_precomputed_is_refused(model):
    with pytest.raises(ValueError, match="precomputed.*not possible.*KernelRidge"):
        model.set_params(kernel="precomputed").fit(np.eye(4), [0, 1, 0, 1])


def test_bad_centers(data):
    X, y, _, _ = data
    for centers, message in [
        (X[:5, :2], "2 features, but X has 3"),
        (np.full((5, 3), np.nan), "center_selection: .*contains NaN"),
        (sp.csr_array(np.full((5, 3), np.nan)), "center_selection: .*contains NaN"),
        (np.empty((0, 3)), "center_selection: .*0 sample"),
        (np.zeros((2, 3, 1)), "center_selection: .*dim 3"),
        ([1.0, 2.0, 3.0], "center_selection: .*1D array"),
        ([], "center_selection"),
        ("best", "center_selection"),
    ]:
        with pytest.raises(ValueError, match=message):
            NystroemKernelRidge(center_selection=centers).fit(X, y)


def test_given_centers_are_copied(data):
    X, y, _, X_test = data
    centers = X[:20].copy()
    model = NystroemKernelRidge(center_selection=centers).fit(X, y)
    expected = model.predict(X_test)
    centers[:] = 0.0
    assert_array_equal(model.predict(X_test), expected)
    # Duplicate entries of a sparse matrix add up.
    twice = sp.csr_array(
        (np.full(6, 0.5), np.array([0, 0, 1, 1, 2, 2]), np.array([0, 2, 4, 6])),
        shape=(3, 3),
    )
    sparse = NystroemKernelRidge(center_selection=twice).fit(X, y)
    dense = NystroemKernelRidge(center_selection=np.eye(3)).fit(X, y)
    assert_allclose(sparse.predict(X_test), dense.predict(X_test), rtol=1e-12)
    assert twice.nnz == 6


@pytest.mark.parametrize("selection", ["uniform", "rpcholesky"])
def test_white_noise_does_not_enter(data, selection):
    X, y, _, X_test = data
    model = NystroemKernelRidge(40, center_selection=selection, random_state=0)
    without = clone(model).set_params(kernel=RBF()).fit(X, y)
    model.set_params(kernel=RBF() + WhiteNoise(1.0)).fit(X[:300], y[:300])
    model.fit(X, y)
    assert_array_equal(model.center_indices_, without.center_indices_)
    assert_allclose(model.predict(X_test), without.predict(X_test), rtol=1e-12)
    model.partial_fit(X, -y)
    without.partial_fit(X, -y)
    assert_allclose(model.predict(X_test), without.predict(X_test), atol=1e-9)


@SELECTIONS
def test_nothing_but_white_noise(data, selection):
    X, y, _, X_test = data
    model = NystroemKernelRidge(
        10, center_selection=selection, kernel=WhiteNoise(1.0), random_state=0
    )
    assert_allclose(model.fit(X, y).predict(X_test), y.mean())


class FailsOnCall:
    """RBF kernel as a callable that raises at the given number of calls from now."""

    fuse = np.inf

    def __call__(self, X, Z):
        self.fuse -= 1
        if self.fuse <= 0:
            raise MemoryError("no more")
        return RBF()(X, Z)


@pytest.mark.parametrize("calls", [1, 2])
@pytest.mark.parametrize("first", ["fit", "partial_fit"])
def test_failed_partial_fit_changes_nothing(data, first, calls):
    X, y, _, X_test = data
    kernel = FailsOnCall()
    model = NystroemKernelRidge(center_selection=X[:20], kernel=kernel)
    whole = clone(model).fit(X, y)
    getattr(model, first)(X[:100], y[:100])
    model.kernel_ = make_kernel(kernel)
    before = model.predict(X_test)
    kernel.fuse = calls
    with config_context(working_memory=0.08), pytest.raises(MemoryError):
        model.partial_fit(X[100:], y[100:])
    kernel.fuse = np.inf
    assert_array_equal(model.predict(X_test), before)
    model.partial_fit(X[100:], y[100:])
    assert_allclose(model.predict(X_test), whole.predict(X_test), rtol=1e-9)


@pytest.mark.parametrize("first", ["fit", "partial_fit"])
def test_failed_solve_changes_nothing(data, first, monkeypatch):
    X, y, _, X_test = data
    model = NystroemKernelRidge(center_selection=X[:20])
    whole = clone(model).fit(X, y)
    model.gamma = whole.gamma_
    getattr(model.set_params(kernel=whole.kernel_), first)(X[:100], y[:100])
    before = model.predict(X_test)

    def fail(*args, **kwargs):
        raise MemoryError

    with monkeypatch.context() as patch, pytest.raises(MemoryError):
        patch.setattr("skkernels.ridge._normal_equations.solve_psd", fail)
        model.partial_fit(X[100:], y[100:])
    assert_array_equal(model.predict(X_test), before)
    model.partial_fit(X[100:], y[100:])
    assert_allclose(model.predict(X_test), whole.predict(X_test), rtol=1e-9)


def test_failed_fit_forgets_the_rows_but_mixes_no_models(data):
    X, y, _, X_test = data
    kernel = FailsOnCall()
    model = NystroemKernelRidge(20, kernel=kernel, random_state=0)
    model.fit(X[:100], y[:100])
    before = model.predict(X_test)
    model.kernel.fuse = 2
    with pytest.raises(MemoryError):
        model.fit(X, y)
    model.kernel.fuse = np.inf
    assert_array_equal(model.predict(X_test), before)
    model.partial_fit(X, y)
    assert_allclose(
        model.predict(X_test), clone(model).fit(X, y).predict(X_test), rtol=1e-9
    )


def test_memory_is_refused_beforehand(data):
    X, y, _, _ = data
    with config_context(working_memory=1):
        with pytest.raises(ValueError, match=r"400 centers.*n_centers.*working_memory"):
            NystroemKernelRidge().fit(X, y)
        NystroemKernelRidge(100).fit(X, y)


def test_peak_memory():
    rng = np.random.RandomState(0)
    X = rng.randn(20_000, 4)
    y = X[:, 0]
    model = NystroemKernelRidge(200, random_state=0).fit(X[:1000], y[:1000])
    with config_context(working_memory=8):
        for action in (lambda: model.fit(X, y), lambda: model.predict(X)):
            tracemalloc.start()
            action()
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < 0.5 * 8 * 20_000 * 200
