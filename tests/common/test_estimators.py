"""Rules that every estimator follows."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from joblib import dump, load
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.gaussian_process import kernels as gp
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import has_fit_parameter

from skkernels import (
    CompressThinning,
    EigenProClassifier,
    EigenProRegressor,
    KernelHerding,
    KernelRidge,
    KernelRidgeClassifier,
    KernelRidgeCV,
    KernelRiskEstimator,
    KernelThinning,
    NystroemKernelRidge,
    NystroemKernelRidgeClassifier,
    RandomFourierFeatures,
    SmoothnessEstimator,
    SpectralFilterClassifier,
    SpectralFilterRegressor,
    SpectralKernelTransformer,
    SteinThinning,
    STKRClassifier,
    STKRRegressor,
    ThinnedEstimator,
    ThinnedKernelDensity,
    ThinnedKernelRidge,
    ThinnedKernelRidgeClassifier,
    ThinnedNadarayaWatsonClassifier,
    ThinnedNadarayaWatsonRegressor,
    ThinnedNystroem,
)
from skkernels.kernels import RBF, Matern, Polynomial, kernel_names
from skkernels.utils import all_estimators


def rbf_block(X, Z):
    """A kernel as a function on arrays."""
    X, Z = (a.toarray() if sp.issparse(a) else a for a in (X, Z))
    return np.exp(-0.1 * ((X[:, None] - Z[None]) ** 2).sum(axis=2))


def gaussian_score(X):
    """Scores of the standard normal distribution."""
    return -X


KERNELS = [
    {"kernel": "rbf", "gamma": "median"},
    {"kernel": "laplacian", "gamma": None},
    {"kernel": "exponential"},
    {"kernel": "matern"},
    {"kernel": "poly", "degree": 2, "gamma": None},
    {"kernel": "cosine", "gamma": None},
    {"kernel": "rational_quadratic"},
    {"kernel": "imq"},
    {"kernel": Matern(nu=1.2)},
    {"kernel": Matern(nu=1.5) + 0.5 * Polynomial(degree=1)},
    {"kernel": RBF(length_scale="median")},
    {"kernel": 2.0 * gp.RBF(2.0) + gp.DotProduct()},
    {"kernel": rbf_block},
]

VARIANTS = [
    KernelRidge(),
    KernelRidge(solver="cholesky"),
    KernelRidge(solver="pcg", tol=1e-10),
    KernelRidge(solver="askotch", tol=1e-10),
    KernelRidge(kernel="precomputed"),
    KernelRidge(kernel="precomputed", solver="pcg", tol=1e-10),
    KernelRidge(kernel="precomputed", solver="askotch", tol=1e-10),
    *[KernelRidge(**params) for params in KERNELS],
    KernelRidge(kernel="arccos", gamma=None),
    KernelRidge(kernel="rbf", gamma="scale", solver="pcg", tol=1e-10),
    KernelRidge(kernel="rbf", gamma="scale", solver="askotch", tol=1e-10),
    KernelRidgeCV(),
    KernelRidgeCV(cv=3),
    KernelRidgeCV(scoring="neg_mean_absolute_error", alpha_per_target=True),
    KernelRidgeCV(kernel="precomputed"),
    KernelRidgeCV(kernel="laplacian", gammas=[0.1, 1.0]),
    KernelRidgeCV(kernel="linear"),
    KernelRidgeCV(kernel=Matern(nu=1.2), cv=3, alpha_per_target=True),
    KernelRidgeClassifier(),
    KernelRidgeClassifier(solver="pcg", tol=1e-10),
    KernelRidgeClassifier(solver="askotch", tol=1e-10),
    KernelRidgeClassifier(class_weight="balanced"),
    KernelRidgeClassifier(kernel="precomputed"),
    KernelRidgeClassifier(kernel="laplacian"),
    KernelRidgeClassifier(kernel=Matern(nu=1.2)),
    NystroemKernelRidge(),
    NystroemKernelRidge(fit_intercept=False),
    NystroemKernelRidge(30, center_selection="kmeans++"),
    NystroemKernelRidge(30, center_selection="rpcholesky"),
    NystroemKernelRidge(30, center_selection="thinning"),
    NystroemKernelRidge(30, center_selection="leverage"),
    NystroemKernelRidge(solver="falkon", tol=1e-10),
    NystroemKernelRidge(30, solver="krill", tol=1e-10),
    NystroemKernelRidge(kernel="laplacian", solver="krill", tol=1e-10),
    *[NystroemKernelRidge(**params) for params in KERNELS],
    NystroemKernelRidgeClassifier(),
    NystroemKernelRidgeClassifier(20, center_selection="kmeans++"),
    NystroemKernelRidgeClassifier(20, center_selection="rpcholesky"),
    NystroemKernelRidgeClassifier(20, center_selection="thinning"),
    NystroemKernelRidgeClassifier(20, center_selection="leverage"),
    NystroemKernelRidgeClassifier(20, solver="falkon", tol=1e-10),
    NystroemKernelRidgeClassifier(solver="krill", tol=1e-10),
    NystroemKernelRidgeClassifier(kernel="exponential"),
    NystroemKernelRidgeClassifier(kernel=Matern(nu=1.5)),
    EigenProRegressor(),
    EigenProRegressor(30),
    EigenProRegressor(30, projection_period=1, alpha=0.1),
    EigenProRegressor(polish=True, alpha=1e-3),
    EigenProRegressor(30, polish=True),
    EigenProRegressor(early_stopping=True, validation_fraction=0.3),
    EigenProRegressor(kernel="matern", learning_rate="invscaling", n_centers=20),
    EigenProClassifier(),
    EigenProClassifier(20),
    EigenProClassifier(20, polish=True),
    EigenProClassifier(early_stopping=True, validation_fraction=0.3),
    EigenProClassifier(20, learning_rate="invscaling", alpha=0.1),
    EigenProClassifier(class_weight="balanced", polish=True, alpha=0.1),
    EigenProClassifier(kernel="rbf", gamma="median", alpha=0.1),
    SpectralFilterRegressor(),
    SpectralFilterRegressor("iterated_tikhonov", cv="gcv"),
    SpectralFilterRegressor("gradient_flow"),
    SpectralFilterRegressor("landweber", n_iter=[10, 100], cv=3),
    SpectralFilterRegressor("heavy_ball", n_iter=50, solver="iterative"),
    SpectralFilterRegressor("nu_method", early_stopping=True),
    SpectralFilterRegressor("cutoff"),
    SpectralFilterRegressor("cutoff", n_components=[10, 30]),
    SpectralFilterRegressor("self_distillation", alpha=0.1, solver="iterative"),
    SpectralFilterRegressor("gradient_flow", time=100.0, solver="iterative", tol=1e-9),
    SpectralFilterRegressor(solver="nystroem"),
    SpectralFilterRegressor("gradient_flow", solver="nystroem", n_centers=50),
    SpectralFilterRegressor(kernel="precomputed"),
    SpectralFilterRegressor(kernel="laplacian", fit_intercept=True),
    SpectralFilterClassifier(),
    SpectralFilterClassifier("tikhonov", calibration="clip"),
    SpectralFilterClassifier(calibration="sigmoid_loo", target_coding="simplex"),
    SpectralFilterClassifier(calibration="softmax_temperature_loo"),
    SpectralFilterClassifier(class_weight="balanced", scoring="accuracy"),
    SpectralFilterClassifier("cutoff", solver="nystroem", n_centers=20),
    SpectralFilterClassifier(kernel="precomputed"),
    SmoothnessEstimator(),
    SmoothnessEstimator("truncation"),
    SmoothnessEstimator("envelope"),
    SmoothnessEstimator(kernel="precomputed"),
    SmoothnessEstimator(kernel="matern", solver="lanczos", n_modes=5),
    KernelRiskEstimator(),
    KernelRiskEstimator(kernel="exponential", fit_intercept=True),
    KernelRiskEstimator(kernel="precomputed", alphas=1.0),
    STKRRegressor(),
    STKRRegressor("identity", normalize="none", solver="cholesky"),
    STKRRegressor("power", solver="cg", tol=1e-10),
    STKRRegressor("heat", normalize="center"),
    STKRRegressor("truncation"),
    STKRRegressor("truncation", solver="lanczos", tol=1e-10),
    STKRRegressor("polynomial", coefficients=[1, 0.5]),
    STKRRegressor(solver="cg", tol=1e-10, fit_intercept=True),
    STKRRegressor(kernel="precomputed", normalize="none"),
    STKRRegressor(kernel=Matern(nu=1.2), solver="cholesky"),
    STKRClassifier(),
    STKRClassifier("truncation", n_components=3),
    STKRClassifier(solver="cg", tol=1e-10),
    STKRClassifier(class_weight="balanced", class_mass=True),
    STKRClassifier("power", kernel="precomputed", normalize="none", fit_intercept=True),
    STKRClassifier(kernel="laplacian", normalize="lazy", solver="cholesky"),
    SpectralKernelTransformer(3),
    SpectralKernelTransformer(3, kernel="laplacian", solver="lanczos", tol=1e-10),
    SpectralKernelTransformer(4, kernel="precomputed", normalize="center"),
    SpectralKernelTransformer(4, normalize="lazy"),
    RandomFourierFeatures(),
    KernelThinning(),
    KernelThinning(7, weights="simplex", replace=False),
    KernelThinning(0.3, split_kernel="plus", order="random"),
    KernelThinning(kernel="linear"),
    KernelThinning(kernel="precomputed"),
    KernelThinning(kernel=rbf_block, halving="lowrank", threshold="greedy"),
    CompressThinning(),
    CompressThinning(5, g=0, order="random"),
    CompressThinning(kernel="laplacian", swap_target="input"),
    KernelHerding(),
    KernelHerding(kernel=Matern(nu=1.2), replace=False),
    SteinThinning(gaussian_score),
    SteinThinning(gaussian_score, method="cholesky"),
    ThinnedKernelRidge(),
    *[ThinnedKernelRidge(**params) for params in KERNELS],
    ThinnedKernelRidgeClassifier(),
    ThinnedKernelRidgeClassifier(class_weight="balanced"),
    ThinnedKernelRidgeClassifier(kernel=Matern(nu=1.5)),
    ThinnedNadarayaWatsonRegressor(),
    ThinnedNadarayaWatsonRegressor(kernel="laplacian"),
    ThinnedNadarayaWatsonClassifier(),
    ThinnedNadarayaWatsonClassifier(kernel="exponential", class_weight="balanced"),
    ThinnedKernelDensity(),
    ThinnedKernelDensity(bandwidth=0.5, kernel="epanechnikov"),
    ThinnedNystroem(),
    ThinnedNystroem(kernel="matern"),
    ThinnedEstimator(Ridge()),
    ThinnedEstimator(LogisticRegression()),
]


@parametrize_with_checks(VARIANTS)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_no_estimator_is_forgotten():
    assert {type(e) for e in VARIANTS} == {cls for _, cls in all_estimators()}


# What has no default.
REQUIRED = {"SteinThinning": [gaussian_score], "ThinnedEstimator": [Ridge()]}
ESTIMATORS = [
    pytest.param(cls(*REQUIRED.get(name, [])), id=name)
    for name, cls in all_estimators()
]
every = pytest.mark.parametrize("estimator", ESTIMATORS)
with_kernel = pytest.mark.parametrize(
    "estimator", [param for param in ESTIMATORS if hasattr(param.values[0], "gamma")]
)


def make_data(dtype=np.float64):
    rng = np.random.RandomState(0)
    X = rng.randn(60, 4).astype(dtype)
    return X, (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(int)


def outputs(estimator, X):
    """What the methods of a fitted estimator return."""
    methods = (
        "predict",
        "predict_proba",
        "decision_function",
        "transform",
        "score_samples",
        "nearest",
    )
    return {m: getattr(estimator, m)(X) for m in methods if hasattr(estimator, m)}


@every
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precision_is_kept(estimator, dtype):
    X, y = make_data(dtype)
    target = y if is_classifier(estimator) else y.astype(dtype)
    fitted = clone(estimator).fit(X, target)
    for method, value in outputs(fitted, X).items():
        if method == "nearest" or is_classifier(estimator) and method == "predict":
            continue
        assert value.dtype == dtype, method


@every
def test_inputs_are_not_changed(estimator):
    X, y = make_data()
    weights = np.linspace(0, 1, 60)
    arrays = [X, y, weights]
    before = [a.copy() for a in arrays]
    takes_weights = has_fit_parameter(estimator, "sample_weight")
    fit_params = {"sample_weight": weights} if takes_weights else {}
    outputs(clone(estimator).fit(X, y, **fit_params), X)
    for array, copy in zip(arrays, before):
        assert_array_equal(array, copy)


@every
def test_read_only_memory_map(estimator, tmp_path):
    X, y = make_data()
    dump((X, y), tmp_path / "data.joblib")
    mapped, y_mapped = load(tmp_path / "data.joblib", mmap_mode="r")
    assert isinstance(mapped, np.memmap) and not mapped.flags.writeable
    estimator = clone(estimator).set_params(random_state=0)
    expected = outputs(clone(estimator).fit(X, y), X)
    got = outputs(clone(estimator).fit(mapped, y_mapped), mapped)
    for method, value in got.items():
        assert_array_equal(value, expected[method])


@with_kernel
def test_grid_search_in_processes(estimator):
    if not (is_classifier(estimator) or is_regressor(estimator)):
        pytest.skip("has no score")
    X, y = make_data()
    estimator = clone(estimator).set_params(random_state=0)
    grid = {"gamma": [0.1, 1.0], "kernel": ["rbf"]}
    serial = GridSearchCV(clone(estimator), grid, cv=2).fit(X, y)
    parallel = GridSearchCV(clone(estimator), grid, cv=2, n_jobs=2).fit(X, y)
    assert_allclose(
        serial.cv_results_["mean_test_score"],
        parallel.cv_results_["mean_test_score"],
        rtol=1e-10,
    )


@every
def test_pickle_notes_the_version(estimator):
    X, y = make_data()
    estimator = clone(estimator).set_params(random_state=0).fit(X, y)
    state = estimator.__getstate__()
    copy = pickle.loads(pickle.dumps(estimator))
    for method, value in outputs(copy, X).items():
        assert_array_equal(value, outputs(estimator, X)[method])
    assert not hasattr(copy, "_skkernels_version")
    old = clone(estimator)
    with pytest.warns(UserWarning, match=r"pickled by skkernels 0\.0\.1"):
        old.__setstate__({**state, "_skkernels_version": "0.0.1"})
    with pytest.warns(UserWarning, match="unknown"):
        del state["_skkernels_version"]
        old.__setstate__(state)


@every
def test_default_kernel_takes_sparse_data_as_the_tag_says(estimator):
    X, y = make_data()
    X[X < 0] = 0
    estimator = clone(estimator).set_params(random_state=0)
    if not get_tags(estimator).input_tags.sparse:
        with pytest.raises(TypeError, match="[Ss]parse"):
            estimator.fit(sp.csr_array(X), y)
        return
    dense = outputs(clone(estimator).fit(X, y), X)
    sparse = outputs(clone(estimator).fit(sp.csr_array(X), y), sp.csr_array(X))
    for method, value in sparse.items():
        assert_allclose(value, dense[method], rtol=1e-7, atol=1e-9)


class TestErrorMessages:
    """What a user reads who made a mistake."""

    @every
    def test_nan(self, estimator):
        X, y = make_data()
        X[3, 1] = np.nan
        with pytest.raises(ValueError, match="contains NaN"):
            clone(estimator).fit(X, y)

    @with_kernel
    def test_unknown_kernel(self, estimator):
        X, y = make_data()
        with pytest.raises(ValueError, match=r"'rbff'") as info:
            clone(estimator).set_params(kernel="rbff").fit(X, y)
        assert "rbf" in str(info.value).replace("rbff", "")

    @with_kernel
    @pytest.mark.parametrize("gamma", [-1.0, "wide", [1.0]])
    def test_wrong_gamma(self, estimator, gamma):
        X, y = make_data()
        with pytest.raises(ValueError, match="'gamma' parameter of .* must be"):
            clone(estimator).set_params(gamma=gamma).fit(X, y)

    @with_kernel
    def test_gamma_rule_for_a_kernel_without_distance(self, estimator):
        if isinstance(estimator, RandomFourierFeatures):
            pytest.skip("takes stationary kernels only")
        X, y = make_data()
        with pytest.raises(ValueError, match="gamma"):
            clone(estimator).set_params(kernel="poly", gamma="median").fit(X, y)

    def test_too_little_memory(self):
        X, y = np.random.RandomState(0).randn(700, 2), np.zeros(700)
        with config_context(working_memory=2), pytest.raises(ValueError) as info:
            KernelRidge(solver="cholesky").fit(X, y)
        for part in ("700 x 700", "3.7 MiB", "solver='pcg'", "working_memory=4"):
            assert part in str(info.value)

    def test_names_of_kernels_are_known(self):
        assert {"rbf", "laplacian", "matern", "linear"} <= set(kernel_names())
