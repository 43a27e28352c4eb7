"""scikit-learn's checks of the models that learn from a coreset, and what all share."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone, is_classifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KernelDensity
from sklearn.utils.estimator_checks import parametrize_with_checks

from skkernels.kernels import RBF
from skkernels.linalg import Whitening
from skkernels.solvers import DualProblem
from skkernels.thinning import (
    KernelThinning,
    ThinnedEstimator,
    ThinnedKernelDensity,
    ThinnedKernelRidge,
    ThinnedKernelRidgeClassifier,
    ThinnedNadarayaWatsonClassifier,
    ThinnedNadarayaWatsonRegressor,
    ThinnedNystroem,
)
from skkernels.thinning._thinned_bandwidth import HeldOut
from tests.ridge.test_device import cupy  # noqa: F401

# The defaults are checked with all estimators, in tests/common.
VARIANTS = [
    ThinnedKernelRidge(100),
    ThinnedKernelRidge(fit_intercept=False, kernel="matern"),
    ThinnedKernelRidgeClassifier(12),
    ThinnedKernelRidgeClassifier(0.5, class_weight="balanced", kernel="laplacian"),
    ThinnedNadarayaWatsonRegressor(100),
    ThinnedNadarayaWatsonClassifier(12),
    ThinnedNadarayaWatsonClassifier(empty="mean", kernel=RBF("median")),
    ThinnedKernelDensity(12, bandwidth=0.5, kernel="tophat"),
    ThinnedNystroem(12),
    ThinnedNystroem("sqrt", kernel="linear"),
    ThinnedEstimator(Ridge()),
    ThinnedEstimator(LogisticRegression(), KernelThinning(100)),
]


@pytest.mark.filterwarnings("ignore:n_coreset=100 is more than")
@parametrize_with_checks(VARIANTS)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


MODELS = [
    ThinnedKernelRidge(25, random_state=0),
    ThinnedKernelRidgeClassifier(25, random_state=0),
    ThinnedNadarayaWatsonRegressor(25, random_state=0),
    ThinnedNadarayaWatsonClassifier(25, random_state=0),
    ThinnedNystroem(25, random_state=0),
]
thinned = pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)


def make_data(n=160, seed=0):
    rng = np.random.RandomState(seed)
    X = rng.randn(n, 3)
    y = np.sin(2 * X[:, 0]) + X[:, 1] + 0.1 * rng.randn(n)
    return X, y


def targets(model, y):
    return np.digitize(y, [-0.5, 0.5]) if is_classifier(model) else y


def output(model, X):
    for name in ("predict_proba", "decision_function", "transform", "predict"):
        if hasattr(model, name):
            return getattr(model, name)(X)


@thinned
def test_coreset_is_made_of_training_rows(model):
    X, y = make_data()
    model = clone(model).fit(X, targets(model, y))
    indices = model.sample_indices_
    assert 0 < indices.size <= 25
    assert_array_equal(model.coreset_, X[indices])
    assert np.unique(indices).size == indices.size
    if hasattr(model, "coreset_weights_"):
        assert_array_equal(indices, np.sort(indices))
        assert model.coreset_weights_.shape == indices.shape
        assert model.coreset_weights_.min() > 0
        assert_allclose(model.coreset_weights_.sum(), 1.0)


@thinned
def test_weights_are_repetitions_where_rows_are_left_out(model):
    X, y = make_data()
    y = targets(model, y)
    weights = np.random.RandomState(1).randint(0, 4, size=len(X))
    order = np.random.RandomState(2).permutation(np.repeat(np.arange(len(X)), weights))
    weighted = clone(model).fit(X, y, sample_weight=weights)
    repeated = clone(model).fit(X[order], y[order])
    assert_allclose(output(weighted, X), output(repeated, X), rtol=1e-6, atol=1e-8)
    assert (weights[weighted.sample_indices_] > 0).all()


@thinned
def test_same_draws_same_model(model):
    X, y = make_data()
    y = targets(model, y)
    first, second = (clone(model).fit(X, y) for _ in range(2))
    assert_array_equal(output(first, X), output(second, X))
    other = clone(model).set_params(random_state=1).fit(X, y)
    assert not np.array_equal(first.sample_indices_, other.sample_indices_)


@thinned
def test_sparse_rows_are_dense_rows(model):
    X, y = make_data()
    X[np.abs(X) < 0.5] = 0.0
    y = targets(model, y)
    # A kernel so wide that no two rows are equally far from all others up to rounding.
    model = clone(model).set_params(gamma=0.5)
    dense, sparse = clone(model).fit(X, y), clone(model).fit(sp.csr_array(X), y)
    assert_array_equal(dense.sample_indices_, sparse.sample_indices_)
    assert sp.issparse(sparse.coreset_)
    expected = output(dense, X)
    assert_allclose(output(sparse, sp.csr_array(X)), expected, rtol=1e-7, atol=1e-9)
    assert_allclose(output(sparse, X), expected, rtol=1e-7, atol=1e-9)


@thinned
def test_float32(model):
    X, y = make_data()
    X, y = X.astype(np.float32), targets(model, y)

    def fit_both(size):
        single = clone(model).set_params(n_coreset=size).fit(X, y)
        double = clone(single).fit(X.astype(np.float64), y)
        values = output(single, X), output(double, X.astype(np.float64))
        assert single.coreset_.dtype == values[0].dtype == np.float32
        return single, double, values

    values = fit_both(1.0)[2]
    if hasattr(model, "transform"):
        values = [Z @ Z.T for Z in values]
    assert_allclose(*values, atol=2e-3)
    # Rounding may turn a coin of the thinning: another coreset, about as good.
    single, double, values = fit_both(25)
    if hasattr(model, "transform"):
        K = double.kernel_(X.astype(np.float64))
        errors = [np.linalg.norm(K - Z @ Z.T) / np.linalg.norm(K) for Z in values]
    else:
        errors = [1 - m.score(X, y) for m in (single, double)]
    assert max(errors) < 0.4
    assert abs(errors[0] - errors[1]) < 0.1


@thinned
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_device_arrays(cupy, model, dtype):  # noqa: F811
    X, y = make_data()
    X, y = X.astype(dtype), targets(model, y)
    host = clone(model).fit(X, y)
    device = clone(model).fit(cupy.asarray(X), cupy.asarray(y))
    assert_array_equal(device.sample_indices_, host.sample_indices_)
    value = output(device, cupy.asarray(X))
    assert type(value).__module__ == "cupy"
    assert value.dtype == dtype
    tolerance = 1e-6 if dtype == np.float64 else 1e-3
    value, expected = value.get(), output(host, X)
    if hasattr(model, "transform"):  # eigenvectors in place of a Cholesky factor
        value, expected = value @ value.T, expected @ expected.T
    assert_allclose(value, expected, rtol=tolerance, atol=tolerance)
    with pytest.raises(ValueError, match="CuPy"):
        device.transform(X) if hasattr(device, "transform") else device.predict(X)


@thinned
def test_pickle(model):
    X, y = make_data()
    model = clone(model).fit(X, targets(model, y))
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(output(copy, X), output(model, X))


@thinned
def test_grid_search_over_the_size(model):
    if not hasattr(model, "predict"):
        pytest.skip("has no score")
    X, y = make_data()
    y = targets(model, y)
    search = GridSearchCV(clone(model), {"n_coreset": [5, 0.5, "auto"]}, cv=2)
    search.fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    assert scores[2] > scores[0]


@thinned
def test_white_noise_is_not_thinned_by(model):
    from skkernels.kernels import WhiteNoise

    X, y = make_data()
    y = targets(model, y)
    plain = clone(model).set_params(kernel=RBF(1.5)).fit(X, y)
    noisy = clone(model).set_params(kernel=RBF(1.5) + WhiteNoise(0.5)).fit(X, y)
    assert_array_equal(plain.sample_indices_, noisy.sample_indices_)


@thinned
@pytest.mark.parametrize("size", [25, 1.0])
def test_copies_are_merged(model, size):
    if hasattr(model, "transform"):
        pytest.skip("has no weights")
    X, y = make_data()
    y = targets(model, y)
    rows = np.random.RandomState(0).permutation(np.repeat(np.arange(len(X)), 2))
    once = clone(model).set_params(n_coreset=size).fit(X, y)
    twice = clone(once).fit(X[rows], y[rows])
    kept = rows[twice.sample_indices_]
    assert_array_equal(np.sort(kept), once.sample_indices_)
    assert_array_equal(twice.coreset_, X[kept])


@pytest.mark.parametrize(
    "model", [*MODELS, ThinnedKernelDensity(25)], ids=lambda m: type(m).__name__
)
def test_failed_fit_changes_nothing(model, monkeypatch):
    def fail(*args, **kwargs):
        raise ValueError("at the end")

    X, y = make_data()
    y = targets(model, y)
    model = clone(model).fit(X, y)
    state = dict(vars(model))
    for cls, name in [
        (DualProblem, "solve_cholesky"),
        (HeldOut, "error"),
        (Whitening, "apply"),
        (KernelDensity, "fit"),
    ]:
        monkeypatch.setattr(cls, name, fail)
    with pytest.raises(ValueError, match="at the end"):
        model.fit(X[:, :2], np.roll(y, 1))
    assert vars(model).keys() == state.keys()
    assert all(vars(model)[name] is value for name, value in state.items())


class TestErrorMessages:
    @thinned
    @pytest.mark.parametrize("size", [0, -3, 1.5, "half", None])
    def test_size(self, model, size):
        X, y = make_data(20)
        with pytest.raises(ValueError, match="'n_coreset' parameter of .* must be"):
            clone(model).set_params(n_coreset=size).fit(X, targets(model, y))

    @thinned
    def test_precomputed(self, model):
        X, y = make_data(20)
        with pytest.raises(ValueError, match="kernel='precomputed' is not possible"):
            clone(model).set_params(kernel="precomputed").fit(
                X @ X.T, targets(model, y)
            )

    @pytest.mark.filterwarnings("ignore:The kernel system is ill-conditioned")
    def test_kernel_that_is_not_finite(self):
        X, y = make_data(60)
        kernel = lambda X, Z: np.full((X.shape[0], Z.shape[0]), np.nan)
        for model in MODELS[:4]:
            for size in (10, 1.0):
                model = clone(model).set_params(kernel=kernel, n_coreset=size)
                with pytest.raises(ValueError, match="not finite"):
                    model.fit(X, targets(model, y))

    def test_averages_that_are_not_finite(self):
        def kernel(X, Z):
            values = RBF(1.0)(X, Z)
            values[X[:, 0] > 10] = np.nan
            return values

        X, y = make_data(60)
        model = ThinnedNadarayaWatsonRegressor(kernel=kernel).fit(X, y)
        assert np.isfinite(model.predict(X)).all()
        with pytest.raises(ValueError, match="not finite"):
            model.predict(np.full((1, 3), 20.0))

    def test_memory_of_nystroem(self):
        X, _ = make_data(600)
        with config_context(working_memory=1):
            with pytest.raises(ValueError, match=r"500 x 500 .*\(n_coreset\)"):
                ThinnedNystroem(500).fit(X)
