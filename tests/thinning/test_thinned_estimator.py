"""The meta-estimator: what reaches the estimator, and where it can be used."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KernelDensity, KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils import get_tags

from skkernels import KernelRidge
from skkernels.thinning import CompressThinning, KernelThinning, ThinnedEstimator


class First(BaseEstimator):
    """Thinner that keeps the first rows, with weights that grow."""

    def __init__(self, n_coreset=3, uniform=False, random_state=None):
        self.n_coreset = n_coreset
        self.uniform = uniform
        self.random_state = random_state

    def fit(self, X, y=None):
        size = min(self.n_coreset, X.shape[0])
        self.sample_indices_ = np.arange(size)[::-1]
        if not self.uniform:
            self.coreset_weights_ = np.arange(size, 0.0, -1) / (size * (size + 1) / 2)
        return self


class Recorder(BaseEstimator):
    """Estimator that keeps what it is given."""

    def fit(self, X, y=None, sample_weight=None):
        self.seen_ = X, y, sample_weight
        return self


def make_data(n=300, seed=0):
    rng = np.random.RandomState(seed)
    X = rng.randn(n, 2)
    return X, X[:, 0] + np.sin(3 * X[:, 1]) + 0.1 * rng.randn(n)


def test_estimator_gets_the_coreset_in_order():
    X, y = make_data()
    model = ThinnedEstimator(Recorder(), First(4)).fit(X, y)
    seen, targets, weights = model.estimator_.seen_
    assert_array_equal(seen, X[:4])
    assert_array_equal(targets, y[:4])
    assert_allclose(weights, np.array([1, 2, 3, 4]) * 300 / 10)
    assert_array_equal(model.sample_indices_, np.arange(4))
    assert_allclose(model.coreset_weights_, np.array([1, 2, 3, 4]) / 10)


def test_when_weights_are_passed():
    X, y = make_data()

    def passed(estimator=None, **params):
        model = ThinnedEstimator(estimator or Recorder(), **params).fit(X, y)
        return model.estimator_.seen_[2]

    assert_allclose(passed(thinner=First(uniform=True)), 100)
    assert passed(thinner=First(300, uniform=True)) is None
    assert_allclose(passed(thinner=First(300)), np.arange(1, 301) / 150.5)
    everything = First(300, uniform=True)
    assert_allclose(passed(thinner=everything, pass_weights=True), 1)
    assert_allclose(passed(pass_weights=True), 1)
    assert passed(thinner=First(), pass_weights=False) is None
    labels = (y > 0).astype(int)
    neighbors = KNeighborsClassifier(2)
    ThinnedEstimator(neighbors, First(), stratify=False).fit(X, labels)
    with pytest.raises(TypeError, match="KNeighborsClassifier.fit takes no sample_wei"):
        ThinnedEstimator(neighbors, First(), pass_weights=True).fit(X, labels)
    with pytest.raises(TypeError, match="First.fit takes none"):
        ThinnedEstimator(Recorder(), First()).fit(X, y, sample_weight=np.ones(300))


@pytest.mark.parametrize("stratify", [False, True])
@pytest.mark.parametrize("kind", ["constant", "varying", "none"])
def test_weights_add_up_to_those_of_all_samples(kind, stratify):
    X, y = make_data()
    y = (y > 0).astype(float) if stratify else y
    weights = {
        "constant": np.full(300, 2.0),
        "varying": np.random.RandomState(0).randint(1, 4, 300).astype(float),
        "none": None,
    }[kind]
    total = 300 if weights is None else weights.sum()

    def passed(size):
        thinner = KernelThinning(size, random_state=0)
        model = ThinnedEstimator(Recorder(), thinner, stratify=stratify)
        return model.fit(X, y, sample_weight=weights).estimator_.seen_[2]

    assert_allclose(passed(30).sum(), total)
    if kind == "constant":
        assert_allclose(passed(1.0), weights)
        expected = Ridge(50).fit(X, y, sample_weight=weights)
        for thinner in (KernelThinning(1.0), None):
            model = ThinnedEstimator(Ridge(50), thinner, stratify=stratify)
            model.fit(X, y, sample_weight=weights)
            assert_allclose(model.predict(X), expected.predict(X))


def test_strength_of_a_regularisation_is_for_all_samples():
    X, y = make_data()
    full = Ridge(100).fit(X, y).coef_
    thinner = KernelThinning(50, random_state=0)
    assert_allclose(
        ThinnedEstimator(Ridge(100), thinner).fit(X, y).estimator_.coef_, full, atol=0.1
    )


def test_failed_fit_changes_nothing():
    X, y = make_data()
    model = ThinnedEstimator(Ridge(), KernelThinning(20, random_state=0)).fit(X, y)
    state = dict(vars(model))
    model.estimator.alpha = -1.0
    with pytest.raises(ValueError, match="alpha"):
        model.fit(X[:, :1], y)
    assert all(vars(model)[name] is value for name, value in state.items())


def test_small_data_are_not_thinned_by_default():
    X, y = make_data()
    weights = np.random.RandomState(0).randint(0, 3, 300)
    model = ThinnedEstimator(KernelRidge(kernel="rbf")).fit(X, y, sample_weight=weights)
    expected = KernelRidge(kernel="rbf").fit(X, y, sample_weight=weights)
    assert model.thinner_ is None
    assert_array_equal(model.predict(X), expected.predict(X))
    recorder = ThinnedEstimator(Recorder()).fit(X, y).estimator_
    assert recorder.seen_[0] is X and recorder.seen_[2] is None
    with pytest.raises(TypeError, match="takes no sample_weight"):
        ThinnedEstimator(KNeighborsClassifier()).fit(X, y > 0, sample_weight=weights)
    ThinnedEstimator(KNeighborsClassifier()).fit(X, y > 0, sample_weight=np.ones(300))


def test_large_data_are():
    X, y = make_data(1500)
    model = ThinnedEstimator(Ridge(), random_state=0).fit(X, y)
    assert isinstance(model.thinner_, CompressThinning)
    assert model.sample_indices_.size == 1024
    again = clone(model).fit(X, y)
    assert_array_equal(again.sample_indices_, model.sample_indices_)
    other = clone(model).set_params(random_state=1).fit(X, y)
    assert not np.array_equal(other.sample_indices_, model.sample_indices_)


def test_random_state_of_the_thinner_comes_first():
    X, y = make_data()
    thinner = KernelThinning(10, random_state=3)
    expected = clone(thinner).fit(X).sample_indices_
    for seed in (0, 1):
        model = ThinnedEstimator(Ridge(), thinner, random_state=seed).fit(X, y)
        assert_array_equal(model.sample_indices_, expected)


def test_classes_are_thinned_one_by_one():
    X, _ = make_data(400)
    y = np.repeat(["a", "b", "c"], [300, 99, 1])
    model = ThinnedEstimator(SVC(), KernelThinning(40), random_state=0).fit(X, y)
    kept, counts = np.unique(y[model.sample_indices_], return_counts=True)
    assert_array_equal(kept, ["a", "b", "c"])
    assert_array_equal(counts, [30, 9, 1])
    masses = [model.coreset_weights_[y[model.sample_indices_] == c].sum() for c in kept]
    assert_allclose(masses, [0.75, 99 / 400, 1 / 400])
    assert len(model.thinner_) == 3
    assert_array_equal(model.classes_, kept)
    weights = np.where(y == "b", 9.0, 1.0)
    model.fit(X, y, sample_weight=weights)
    counts = np.unique(y[model.sample_indices_], return_counts=True)[1]
    assert_array_equal(counts, [10, 29, 1])
    whole = ThinnedEstimator(SVC(), KernelThinning(40), stratify=False, random_state=0)
    assert isinstance(whole.fit(X, y).thinner_, KernelThinning)


def test_stratify_needs_labels():
    X, y = make_data(60)
    model = ThinnedEstimator(Ridge(), KernelThinning(10), stratify=True)
    with pytest.raises(ValueError, match="stratify=True .* continuous"):
        model.fit(X, y)
    with pytest.raises(ValueError, match="stratify=True .* missing"):
        ThinnedEstimator(KMeans(2), KernelThinning(10), stratify=True).fit(X)
    assert model.fit(X, (y > 0).astype(int)).sample_indices_.size == 10


def test_methods_are_those_of_the_estimator():
    X, y = make_data()
    labels = (y > 0).astype(int)
    thinner = KernelThinning(60, random_state=0)

    model = ThinnedEstimator(LogisticRegression(), thinner).fit(X, labels)
    for name in (
        "predict",
        "predict_proba",
        "predict_log_proba",
        "decision_function",
    ):
        assert_array_equal(
            getattr(model, name)(X), getattr(model.estimator_, name)(X), err_msg=name
        )
    assert model.score(X, labels) == model.estimator_.score(X, labels)
    weights = np.arange(300)
    assert model.score(X, labels, sample_weight=weights) == model.estimator_.score(
        X, labels, weights
    )
    assert not hasattr(model, "transform")

    pca = ThinnedEstimator(PCA(1), thinner).fit(X)
    Z = pca.transform(X)
    assert_array_equal(Z, pca.estimator_.transform(X))
    assert_array_equal(pca.inverse_transform(Z), pca.estimator_.inverse_transform(Z))
    assert_array_equal(clone(pca).fit_transform(X), Z)
    assert_array_equal(pca.get_feature_names_out(), ["pca0"])
    assert not hasattr(pca, "predict") and not hasattr(pca, "classes_")

    density = ThinnedEstimator(KernelDensity(), thinner).fit(X)
    assert_array_equal(density.score_samples(X), density.estimator_.score_samples(X))
    assert ThinnedEstimator(KMeans(3, n_init=1), thinner).fit(X).predict(X).max() == 2


def test_tags_are_those_of_the_estimator():
    assert get_tags(ThinnedEstimator(SVC())).estimator_type == "classifier"
    assert get_tags(ThinnedEstimator(Ridge())).estimator_type == "regressor"
    assert get_tags(ThinnedEstimator(Ridge())).input_tags.sparse
    assert not get_tags(ThinnedEstimator(Ridge(), First())).input_tags.sparse


def test_data_frames():
    pd = pytest.importorskip("pandas")
    X, y = make_data()
    frame, series = pd.DataFrame(X, columns=["u", "v"]), pd.Series(y, index=range(300))
    model = ThinnedEstimator(Ridge(), KernelThinning(20, random_state=0))
    model.fit(frame, series)
    assert_array_equal(model.feature_names_in_, ["u", "v"])
    expected = clone(model).fit(X, y)
    assert_array_equal(model.sample_indices_, expected.sample_indices_)
    assert_allclose(model.predict(frame), expected.predict(X))


def test_pipeline_and_grid_search():
    X, y = load_iris(return_X_y=True)
    pipeline = make_pipeline(
        StandardScaler(),
        ThinnedEstimator(SVC(), KernelThinning(), random_state=0),
    )
    grid = {
        "thinnedestimator__thinner__n_coreset": [6, 40],
        "thinnedestimator__estimator__C": [0.1, 1.0],
    }
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    assert search.best_params_["thinnedestimator__thinner__n_coreset"] == 40
    assert search.best_score_ > 0.9
    assert search.best_estimator_[-1].sample_indices_.size == 40
    copy = pickle.loads(pickle.dumps(search.best_estimator_))
    assert_array_equal(copy.predict(X), search.predict(X))


def test_metadata_routing():
    X, y = make_data(60)
    weights = np.arange(60.0)
    with config_context(enable_metadata_routing=True):
        model = ThinnedEstimator(Ridge()).set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=False)
        search = GridSearchCV(model, {"estimator__alpha": [1.0]}, cv=2)
        search.fit(X, y, sample_weight=weights)
    expected = Ridge().fit(X, y, sample_weight=weights)
    assert_allclose(search.predict(X), expected.predict(X))


class TestErrorMessages:
    @pytest.mark.parametrize("part", [SVC, "svc", 3])
    def test_parts(self, part):
        X, y = make_data(30)
        with pytest.raises(TypeError, match="estimator must be an object with .* fit"):
            ThinnedEstimator(part).fit(X, y)
        with pytest.raises(TypeError, match="thinner must be an object with .* fit"):
            ThinnedEstimator(Ridge(), part).fit(X, y)

    @pytest.mark.parametrize("name", ["stratify", "pass_weights"])
    def test_parameters(self, name):
        X, y = make_data(30)
        with pytest.raises(ValueError, match=f"'{name}' parameter of .* must be"):
            ThinnedEstimator(Ridge(), **{name: "yes"}).fit(X, y)

    def test_precomputed(self):
        X, y = make_data(30)
        with pytest.raises(ValueError, match="precomputed kernel"):
            ThinnedEstimator(SVC(kernel="precomputed")).fit(X @ X.T, y > 0)

    def test_missing_targets(self):
        with pytest.raises(ValueError, match="requires y to be passed"):
            ThinnedEstimator(Ridge()).fit(make_data(30)[0])
