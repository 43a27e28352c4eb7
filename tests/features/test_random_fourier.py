"""Random Fourier features."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from skkernels.features import RandomFourierFeatures
from skkernels.kernels import (
    RBF,
    Cauchy,
    Exponential,
    ExponentialPower,
    GeneralizedCauchy,
    InverseMultiquadric,
    Laplacian,
    Matern,
    RationalQuadratic,
)

KERNELS = [
    RBF(1.3),
    Exponential(1.2),
    Matern(1.1, nu=0.8),
    ExponentialPower(power=1.3),
    RationalQuadratic(alpha=0.4),
    Cauchy(1.5),
    InverseMultiquadric(1.4, beta=0.7, c=0.6),
    GeneralizedCauchy(power=0.8, beta=0.6),
    Laplacian(0.4),
    2.0 * RBF() + Laplacian(0.3),
    RBF(2.0) * Exponential(1.5),
]


@parametrize_with_checks(
    [
        RandomFourierFeatures(n_components=16, random_state=0),
        RandomFourierFeatures(n_components=15, gamma=None, random_state=0),
        RandomFourierFeatures(method="single", random_state=0),
        RandomFourierFeatures(orthogonal=False, gamma="median", random_state=0),
        RandomFourierFeatures(kernel="laplacian", gamma=0.5, random_state=0),
        RandomFourierFeatures(kernel=Matern("median", nu=1.2), random_state=0),
        RandomFourierFeatures(kernel=RBF() + 2.0 * Laplacian(), random_state=0),
    ]
)
def test_estimator_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def X():
    scales = np.geomspace(0.05, 2, 25)[:, None]
    return np.random.default_rng(0).standard_normal((25, 3)) * scales


def approximations(X, repeats, **params):
    return np.array(
        [
            Z @ Z.T
            for Z in (
                RandomFourierFeatures(random_state=seed, **params).fit_transform(X)
                for seed in range(repeats)
            )
        ]
    )


@pytest.mark.parametrize(
    "method, n", [("paired", 200), ("paired", 31), ("single", 200)]
)
@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_unbiased(kernel, method, n, X):
    """The mean over draws is the kernel within 5 standard errors."""
    draws = approximations(X, 60, kernel=kernel, method=method, n_components=n)
    error = draws.mean(axis=0) - kernel(X)
    standard_error = draws.std(axis=0) / np.sqrt(len(draws))
    assert np.all(np.abs(error) <= 5 * standard_error + 1e-12)
    off_diagonal = ~np.eye(len(X), dtype=bool)
    assert standard_error[off_diagonal].max() < 3 / np.sqrt(60 * n) * kernel.diag_value


def mean_square_error(X, kernel, **params):
    draws = approximations(X, 40, kernel=kernel, n_components=64, **params)
    return np.mean((draws - kernel(X)) ** 2)


@pytest.mark.parametrize("kernel", [RBF(2.0), Matern(2.0, nu=2.5), Cauchy(2.0)])
def test_pairs_and_orthogonality_lower_the_error(kernel):
    X = np.random.default_rng(1).standard_normal((40, 8)) * 0.6
    single = mean_square_error(X, kernel, method="single", orthogonal=False)
    paired = mean_square_error(X, kernel, method="paired", orthogonal=False)
    orthogonal = mean_square_error(X, kernel, method="paired", orthogonal=True)
    assert paired < 0.9 * single
    assert orthogonal < 0.9 * paired


def test_error_falls_with_the_square_root_of_the_number_of_features(X):
    kernel = RBF(1.0)
    few = approximations(X, 30, kernel=kernel, n_components=50) - kernel(X)
    many = approximations(X, 30, kernel=kernel, n_components=1250) - kernel(X)
    assert 4 < np.sqrt(np.mean(few**2) / np.mean(many**2)) < 6.5


@pytest.mark.parametrize("kernel", [RBF(0.3), 3.0 * Exponential() + 2.0 * RBF()])
def test_diagonal_of_pairs_is_exact(kernel, X):
    Z = RandomFourierFeatures(40, kernel=kernel, random_state=0).fit_transform(X)
    assert_allclose((Z**2).sum(axis=1), kernel.diag_value, rtol=1e-14)


def test_float32_far_from_the_origin(X):
    """The mean is subtracted, so that phases are as accurate as differences."""
    kernel = Exponential(0.5)
    far = (X + 100).astype(np.float32)
    near = far.astype(np.float64) - 100
    params = {"n_components": 2000, "kernel": kernel, "random_state": 0}
    Z = RandomFourierFeatures(**params).fit_transform(far)
    reference = RandomFourierFeatures(**params).fit_transform(near)
    assert Z.dtype == np.float32
    # Not feature by feature: the heavy-tailed frequencies turn in a rounding error.
    # Without the subtraction the error is 4e-5.
    assert np.abs(Z @ Z.T - reference @ reference.T).max() < 1e-5


def test_sparse_rows_give_the_same_features():
    X = sp.random_array((50, 12), density=0.3, rng=0, format="csr")
    params = {"n_components": 30, "gamma": "scale", "random_state": 0}
    dense = RandomFourierFeatures(**params).fit(X.toarray())
    sparse = RandomFourierFeatures(**params).fit(X)
    assert sparse.gamma_ == pytest.approx(dense.gamma_, rel=1e-12)
    Z = dense.transform(X.toarray())
    assert_allclose(sparse.transform(X), Z, atol=1e-12)
    assert_allclose(dense.transform(X), Z, atol=1e-12)
    assert_allclose(sparse.transform(sp.coo_array(X)), Z, atol=1e-12)
    single = RandomFourierFeatures(**params).fit_transform(X.astype(np.float32))
    assert single.dtype == np.float32
    assert isinstance(single, np.ndarray)


def test_weights_are_repetitions(X):
    weights = np.arange(len(X)) % 4
    repeated = np.repeat(X, weights, axis=0)
    for gamma in ("scale", "median"):
        a = RandomFourierFeatures(20, gamma=gamma, random_state=0)
        b = clone(a).fit(repeated)
        a.fit(X, sample_weight=weights)
        assert a.gamma_ == pytest.approx(b.gamma_, rel=1e-12)
        assert_allclose(a.center_, b.center_, rtol=1e-12)
        assert_allclose(a.transform(X), b.transform(X), atol=1e-10)
    unweighted = RandomFourierFeatures(20, random_state=0).fit(X)
    assert unweighted.gamma_ != pytest.approx(a.gamma_, rel=1e-3)


def test_names_and_attributes(X):
    Z = RandomFourierFeatures(7, random_state=0).set_output(transform="pandas")
    frame = Z.fit_transform(X)
    assert list(frame.columns) == [f"randomfourierfeatures{i}" for i in range(7)]
    assert Z.frequencies_.shape == (4, 3)
    assert Z.phases_.shape == (1,)
    single = RandomFourierFeatures(7, method="single").fit(X)
    assert single.frequencies_.shape == (7, 3)
    assert single.phases_.shape == (7,)
    assert single.gamma_ == pytest.approx(1 / (3 * X.var()))


def test_transform_by_parts_and_threads(X):
    features = RandomFourierFeatures(64, random_state=0).fit(X)
    many = np.tile(X, (200, 1))
    whole = features.transform(many)
    parts = [features.transform(part) for part in np.array_split(many, 7)]
    assert_allclose(np.concatenate(parts), whole, atol=1e-14)
    assert_array_equal(pickle.loads(pickle.dumps(features)).transform(many), whole)


def test_ridge_on_features_learns_like_the_kernel():
    rng = np.random.default_rng(0)
    X = rng.uniform(-3, 3, (400, 2))
    y = np.sin(X[:, 0] * 2) * np.cos(X[:, 1])
    model = make_pipeline(
        RandomFourierFeatures(random_state=0), Ridge(1e-4, fit_intercept=False)
    )
    search = GridSearchCV(
        model,
        {"randomfourierfeatures__kernel": [RBF(0.05), RBF(1.0)]},
        cv=3,
    )
    search.fit(X, y)
    assert search.best_params_["randomfourierfeatures__kernel"] == RBF(1.0)
    assert search.best_score_ > 0.99


def test_parameters_set_after_fit_do_not_matter_to_transform(X):
    features = RandomFourierFeatures(7, random_state=0).fit(X)
    expected = features.transform(X)
    features.set_params(n_components=12, method="single")
    np.testing.assert_array_equal(features.transform(X), expected)
    assert len(features.get_feature_names_out()) == 7


def test_errors_read_well(X):
    with pytest.raises(TypeError, match="Polynomial has no random Fourier features"):
        RandomFourierFeatures(kernel="poly", gamma=None).fit(X)
    with pytest.raises(ValueError, match="precomputed"):
        RandomFourierFeatures(kernel="precomputed").fit(X)
    with pytest.raises(ValueError, match="n_components"):
        RandomFourierFeatures(n_components=0).fit(X)
    with pytest.raises(ValueError, match="gamma"):
        RandomFourierFeatures(gamma=-1.0).fit(X)
    with pytest.raises(ValueError, match="method"):
        RandomFourierFeatures(method="triple").fit(X)
