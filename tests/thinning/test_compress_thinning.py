"""CompressThinning: fit, parts of a stream, merging."""

import copy
import pickle
import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

from skkernels.coresets import compresspp, mmd
from skkernels.kernels import RBF, Matern
from skkernels.thinning import CompressThinning


def data(n, d=2, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


def fit_parts(estimator, X, parts, weights=None):
    for rows in np.split(np.arange(X.shape[0]), parts):
        estimator.partial_fit(
            X[rows], sample_weight=None if weights is None else weights[rows]
        )
    return estimator


def assert_same_coreset(first, second):
    assert first.kernel_ == second.kernel_
    assert first.n_samples_ == second.n_samples_
    for name in ("sample_indices_", "coreset_", "coreset_weights_"):
        assert_array_equal(getattr(first, name), getattr(second, name))


@parametrize_with_checks(
    [
        CompressThinning(),
        CompressThinning(
            8, g=1, gamma=0.5, split_kernel="plus", order="random", replace=False
        ),
        CompressThinning(
            0.3,
            kernel=Matern("median"),
            swap_target="input",
            n_swap_passes=0,
            threshold="goodpoints",
            compute_mmd=True,
            g=0,
        ),
        CompressThinning(kernel="precomputed"),
    ]
)
def test_conventions(estimator, check):
    check(estimator)


def test_fit():
    X = data(3000)
    model = CompressThinning(compute_mmd=True, random_state=0).fit(X)
    indices = compresspp(model.kernel_, X, "sqrt", random_state=0)
    assert_array_equal(model.sample_indices_, np.sort(indices))
    assert_array_equal(model.coreset_, X[model.sample_indices_])
    assert_allclose(model.coreset_weights_, 1 / 54)
    assert model.gamma_ == model.kernel_.gamma_value
    expected = mmd(model.kernel_, X, model.coreset_)
    assert_allclose(model.mmd_, expected, rtol=1e-6)
    assert_allclose(model.score(X), -expected, rtol=1e-6)
    assert expected < 0.02
    model.set_params(compute_mmd=False).fit(X)
    assert not hasattr(model, "mmd_")


def test_parameters_reach_the_algorithm():
    X = data(3000)
    options = {
        "g": 1,
        "split_kernel": "power",
        "power": 0.75,
        "replace": False,
        "n_swap_passes": 2,
        "threshold": "greedy",
        "delta": 0.1,
        "swap_target": "input",
        "order": "random",
    }
    model = CompressThinning(0.02, gamma=0.3, random_state=3, **options).fit(X)
    expected = compresspp(model.kernel_, X, 60, random_state=3, **options)
    assert_array_equal(model.sample_indices_, np.sort(expected))


def test_weights():
    X = data(2000)
    weights = np.random.RandomState(0).exponential(size=2000) * (X[:, 0] > -0.5)
    model = CompressThinning(random_state=0, compute_mmd=True)
    model.fit(X, sample_weight=weights)
    assert np.all(weights[model.sample_indices_] > 0)
    expected = mmd(model.kernel_, X, model.coreset_, weights)
    assert_allclose(model.mmd_, expected, rtol=1e-6)
    positive = np.flatnonzero(weights)
    alone = CompressThinning(random_state=0).fit(
        X[positive], sample_weight=weights[positive]
    )
    assert_array_equal(positive[alone.sample_indices_], model.sample_indices_)
    # The coreset is all rows: they keep their weights, and nothing is lost.
    with pytest.warns(UserWarning, match="n_coreset=5000 is more than"):
        model.set_params(n_coreset=5000).fit(X, sample_weight=weights)
    assert_allclose(model.coreset_weights_, weights[positive] / weights.sum())
    assert model.mmd_ < 1e-7


@pytest.mark.parametrize(
    "params",
    [{}, {"gamma": 0.25}, {"kernel": RBF(2.0), "g": 0}, {"n_coreset": 40, "g": 1}],
)
def test_parts_do_not_matter(params):
    X = data(6000, 3)
    whole = CompressThinning(random_state=0, **params).partial_fit(X)
    for parts in ([3000], [1, 5, 999, 1000, 1001, 2600], np.arange(77, 6000, 77)):
        estimator = CompressThinning(random_state=0, **params)
        assert_same_coreset(whole, fit_parts(estimator, X, parts))
    few = CompressThinning(random_state=0, **params).partial_fit(X[:90])
    parts = fit_parts(CompressThinning(random_state=0, **params), X[:90], range(1, 90))
    assert_same_coreset(few, parts)
    assert whole.n_samples_ == 6000
    assert_array_equal(X[whole.sample_indices_], whole.coreset_)
    assert_allclose(whole.coreset_weights_.sum(), 1)
    K = whole.kernel_
    assert mmd(K, X, whole.coreset_) < 0.25 * mmd(K, X, X[: len(whole.coreset_)])


def test_a_rule_looks_at_the_first_rows_of_a_stream():
    X = data(3000) * np.linspace(1, 5, 3000)[:, np.newaxis]
    model = fit_parts(CompressThinning(random_state=0), X, [400, 2500])
    assert model.gamma_ == CompressThinning().fit(X[:1000]).gamma_
    model = CompressThinning().partial_fit(X[:300])
    assert model.gamma_ == CompressThinning().fit(X[:300]).gamma_


def test_weights_in_a_stream_are_repetitions():
    X = data(2500)
    repeats = np.random.RandomState(0).randint(0, 3, size=2500)
    rows = np.repeat(np.arange(2500), repeats)
    weighted = fit_parts(
        CompressThinning(random_state=0), X, [1000, 1001], repeats.astype(float)
    )
    repeated = fit_parts(CompressThinning(random_state=0), X[rows], [9])
    assert_array_equal(weighted.sample_indices_, rows[repeated.sample_indices_])
    assert weighted.n_samples_ == 2500
    nothing = CompressThinning().partial_fit(X[:5], sample_weight=np.zeros(5))
    with pytest.raises(ValueError, match="too little for one row"):
        nothing.get_support()
    both = CompressThinning(random_state=0)
    both.partial_fit(X[:5], sample_weight=np.zeros(5)).partial_fit(X[5:])
    assert both.sample_indices_.min() >= 5


def test_merge():
    X = data(20000)
    first, second = (
        CompressThinning(gamma=0.25, random_state=seed).partial_fit(part)
        for seed, part in enumerate((X[:7000], X[7000:]))
    )
    alone = second.coreset_.copy()
    merged = first.merge(second)
    assert merged is first and merged.n_samples_ == 20000
    assert_array_equal(second.coreset_, alone)
    assert merged.coreset_.shape == (141, 2)
    assert_array_equal(merged.coreset_, X[merged.sample_indices_])
    assert (merged.sample_indices_ < 7000).any() and merged.sample_indices_.max() > 7000
    uniform = mmd(RBF(np.sqrt(2)), X, X[:141])
    assert -merged.score(X) < 0.1 * uniform


def test_merge_of_few_rows_with_a_rule():
    X = data(1700)
    parts = [
        CompressThinning(random_state=0).partial_fit(p) for p in np.split(X, [300])
    ]
    assert parts[0].merge(parts[1]).gamma_ == parts[1].gamma_
    parts = [
        CompressThinning(random_state=0).partial_fit(p)
        for p in np.split(X[:900], [300])
    ]
    merged = parts[0].merge(parts[1])
    whole = CompressThinning(random_state=0).partial_fit(X[:900])
    assert_same_coreset(merged, whole)


@pytest.mark.parametrize(
    "params, n, message",
    [
        ({"g": 1}, 2000, "equal g"),
        ({"n_coreset": 7}, 2000, "equal n_coreset"),
        ({"gamma": 2.0}, 2000, "equal gamma, got 0.5 and 2.0"),
        ({"threshold": "greedy"}, 2000, "equal threshold"),
        # Streams that have not settled on a kernel yet.
        ({"gamma": 2.0}, 100, "equal gamma, got 0.5 and 2.0"),
        ({"kernel": "laplacian"}, 100, "equal kernel"),
        ({"kernel": RBF(2.0)}, 100, "equal kernel"),
        ({"kernel_params": {"length_scale": 3.0}}, 100, "equal kernel_params"),
        ({"degree": 2}, 100, "equal degree"),
        ({"coef0": 2}, 100, "equal coef0"),
        ({"split_kernel": "root"}, 100, "equal split_kernel"),
        ({"power": 0.75}, 100, "equal power"),
        ({"replace": False}, 100, "equal replace"),
    ],
)
def test_merge_refuses(params, n, message):
    model = CompressThinning(gamma=0.5).partial_fit(data(n))
    other = CompressThinning(**{"gamma": 0.5, **params}).partial_fit(data(n))
    with pytest.raises(ValueError, match=message):
        model.merge(other)
    with pytest.raises(ValueError, match="two estimators fitted by partial_fit"):
        model.merge(CompressThinning().fit(data(100)))
    with pytest.raises(ValueError, match="as many features: 2, got 3"):
        model.merge(CompressThinning(gamma=0.5).partial_fit(data(50, 3)))
    assert model.n_samples_ == n


def test_fit_and_partial_fit_start_afresh():
    X = data(2000)
    model = CompressThinning(random_state=0, compute_mmd=True).fit(X)
    model.partial_fit(X[:500])
    assert model.n_samples_ == 500 and not hasattr(model, "mmd_")
    fresh = CompressThinning(random_state=0).partial_fit(X[:500])
    assert_same_coreset(model, fresh)
    model.fit(X)
    assert_same_coreset(model, CompressThinning(random_state=0).fit(X))


def test_asking_for_the_coreset_changes_nothing():
    X = data(5000)
    asked = CompressThinning(random_state=0).partial_fit(X[:2500])
    keys = set(vars(asked))
    rows = asked.coreset_
    assert asked.coreset_ is rows
    assert asked.nearest(X[:10]).shape == (10,)
    assert asked.get_support().sum() <= 50
    assert set(vars(asked)) == keys
    asked.partial_fit(X[2500:])
    assert_same_coreset(asked, CompressThinning(random_state=0).partial_fit(X))


def test_not_fitted():
    model = CompressThinning()
    for name in ("coreset_", "sample_indices_", "coreset_weights_", "nothing"):
        assert not hasattr(model, name)
    with pytest.raises(NotFittedError):
        model.get_support()


def test_copies():
    X = data(3000)
    model = CompressThinning(random_state=0).partial_fit(X[:2000])
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        other.partial_fit(X[2000:])
        assert_same_coreset(other, CompressThinning(random_state=0).partial_fit(X))
    assert model.n_samples_ == 2000
    assert not hasattr(clone(model), "coreset_")


def test_an_error_leaves_the_stream_as_it_was():
    X = data(3000)
    model = CompressThinning(random_state=0).partial_fit(X)
    expected = model.sample_indices_
    bad = X.copy()
    bad[7, 1] = np.nan
    for rows, message in ((bad, "contains NaN"), (data(9, 3), "3 features")):
        with pytest.raises(ValueError, match=message):
            model.partial_fit(rows)
    with pytest.raises(ValueError, match="Negative values"):
        model.partial_fit(X, sample_weight=np.full(3000, -1.0))
    assert_array_equal(model.sample_indices_, expected)
    assert model.n_samples_ == 3000


@pytest.mark.parametrize(
    "params, message",
    [({"kernel": "precomputed"}, "is not possible"), ({"n_coreset": 0.5}, "'sqrt'")],
)
def test_streams_refuse(params, message):
    model = CompressThinning(**params)
    assert not hasattr(model, "partial_fit")
    with pytest.raises(AttributeError) as error:
        model.partial_fit(data(10))
    assert message in str(error.value.__cause__)


def test_storage():
    X = data(3000)
    X[abs(X) < 0.3] = 0.0
    for model in (
        CompressThinning(random_state=0).fit(sp.csr_array(X)),
        fit_parts(CompressThinning(random_state=0), sp.csr_array(X), [100]),
    ):
        assert sp.issparse(model.coreset_)
        assert_array_equal(model.coreset_.toarray(), X[model.sample_indices_])
        assert mmd(model.kernel_, X, model.coreset_.toarray()) < 0.02
    model = fit_parts(CompressThinning(random_state=0), X.astype(np.float32), [100])
    assert model.coreset_.dtype == np.float32
    precomputed = CompressThinning(kernel="precomputed", random_state=0, g=1)
    K = RBF(2.0)(X)
    found = precomputed.fit(K).sample_indices_
    assert mmd(RBF(2.0), X, X[found]) < 0.02


def test_in_a_pipeline_of_samplers():
    X = data(1000)
    y = (X[:, 0] > 0).astype(int)
    model = CompressThinning(random_state=0)
    assert hasattr(model, "fit_resample") and not hasattr(model, "transform")
    rows, labels = model.fit_resample(X, y)
    assert_array_equal(rows, X[model.sample_indices_])
    assert_array_equal(labels, (rows[:, 0] > 0).astype(int))
    model.partial_fit(X)
    assert_array_equal(model.resample(y), y[model.sample_indices_])


def test_merge_refuses_different_widths_from_a_rule():
    model = CompressThinning().partial_fit(data(1000))
    other = CompressThinning().partial_fit(3 * data(1000))
    with pytest.raises(ValueError, match="the same kernel"):
        model.merge(other)


def test_merge_of_equal_parameters():
    X = data(200)
    for make in (
        lambda: CompressThinning(kernel=RBF(2.0), random_state=0),
        lambda: CompressThinning(
            kernel="matern", kernel_params={"nu": 1.5}, random_state=0
        ),
    ):
        parts = [make().partial_fit(part) for part in np.split(X, 2)]
        assert_same_coreset(parts[0].merge(parts[1]), make().partial_fit(X))
    single = CompressThinning(gamma=0.5).partial_fit(X.astype(np.float32))
    single.merge(CompressThinning(gamma=0.5).partial_fit(sp.csr_array(X)))
    assert isinstance(single.coreset_, np.ndarray)
    assert single.coreset_.dtype == np.float32 and single.n_samples_ == 400


def test_a_failed_fit_leaves_a_stream_as_it_was():
    X = data(3000)
    model = CompressThinning(gamma=0.5, random_state=0).partial_fit(X[:2000])
    model.set_params(kernel="imq", gamma=9.0, split_kernel="root")
    with pytest.raises(ValueError, match="split_kernel='root' is not possible"):
        model.fit(data(500, 3))
    model.set_params(kernel="rbf", gamma=0.5, split_kernel="target")
    assert model.n_features_in_ == 2 and model.gamma_ == 0.5
    model.partial_fit(X[2000:])
    expected = CompressThinning(gamma=0.5, random_state=0).partial_fit(X)
    assert_same_coreset(model, expected)


@pytest.mark.parametrize(
    "params",
    [
        {"n_coreset": 9},
        {"g": 0},
        {"n_swap_passes": 2},
        {"threshold": "greedy"},
        {"delta": 0.1},
        {"kernel": "laplacian"},
        {"replace": False},
    ],
)
def test_parameters_of_a_stream_cannot_change(params):
    model = CompressThinning(random_state=0).partial_fit(data(300))
    before = model.get_params()
    model.set_params(**params, order="random", random_state=7)
    (name,) = params
    with pytest.raises(ValueError, match=f"{name} cannot change from"):
        model.partial_fit(data(300))
    assert model.n_samples_ == 300
    model.set_params(**before).partial_fit(data(300))
    assert model.n_samples_ == 600
    model.set_params(**params).fit(data(300)).partial_fit(data(300))


@pytest.mark.parametrize("n_coreset", ["sqrt", 20])
def test_large_weights(n_coreset):
    # Time and memory do not grow with them, and parts do not matter.
    X = data(1500)
    weights = np.ones(1500)
    weights[[0, 700, 701, 1400]] = [1e4, 200.0, 3e6, 1e5 + 0.5]
    params = {"n_coreset": n_coreset, "g": 0, "gamma": 0.5, "random_state": 0}
    whole = CompressThinning(**params).partial_fit(X, sample_weight=weights)
    assert whole._stream.total == pytest.approx(weights.sum(), abs=1)
    assert sum(n.size for n in whole._stream.numbers) < 20 * np.sqrt(weights.sum())
    for parts in ([1], [350, 701, 702, 1000], np.arange(50, 1500, 50)):
        other = fit_parts(CompressThinning(**params), X, parts, weights)
        for a, b in zip(whole._stream.numbers, other._stream.numbers):
            assert_array_equal(a, b)
    if n_coreset == 20:
        assert_same_coreset(whole, other)
        assert np.count_nonzero(whole.sample_indices_ == 701) in (18, 19, 20)


def test_weights_beyond_counting():
    X = data(10)
    model = CompressThinning(3).partial_fit(X)
    with pytest.raises(ValueError, match="sample_weight brings the total weight to"):
        model.partial_fit(X, sample_weight=np.full(10, 1e16))
    assert model.partial_fit(X, sample_weight=1e14).coreset_.shape == (3, 2)
    model = CompressThinning().partial_fit(X)
    with pytest.raises(ValueError, match="a sample_weight that counts as .* rows"):
        model.partial_fit(X, sample_weight=8e14)
    assert model.n_samples_ == 10


def test_a_rule_sees_repetitions():
    X = data(1200)
    weights = np.ones(1200)
    weights[5] = 300.0
    rows = np.repeat(np.arange(1200), weights.astype(int))[:1000]
    model = CompressThinning(random_state=0).partial_fit(X, sample_weight=weights)
    assert model.gamma_ == CompressThinning(random_state=0).fit(X[rows]).gamma_


def test_stream_without_replacement():
    X = data(3000)
    weights = np.random.RandomState(0).randint(0, 4, size=3000).astype(float)
    params = {"gamma": 0.5, "replace": False, "random_state": 0}
    model = CompressThinning(**params).partial_fit(X, sample_weight=weights)
    size = int(np.sqrt(weights.sum()))
    assert np.unique(model.sample_indices_).size == model.sample_indices_.size == size
    assert_allclose(model.coreset_weights_, 1 / size)
    # Fewer rows than are wanted: each with its share.
    model = CompressThinning(9, **params).partial_fit(X[:3], sample_weight=[8, 6, 2])
    assert_array_equal(model.sample_indices_, [0, 1, 2])
    assert_allclose(model.coreset_weights_, [0.5, 0.375, 0.125])


def test_automatic_oversampling_of_streams():
    # A buffer for each level, so that it should be small.
    model = CompressThinning(5, random_state=0).partial_fit(data(10))
    assert model._stream.g == 4 and model._stream.capacity(3) == 320
    assert CompressThinning(300).partial_fit(data(10))._stream.g == 2


def test_precomputed_with_a_kernel_for_the_splits():
    K = RBF()(data(100))
    model = CompressThinning(kernel="precomputed", split_kernel=RBF("median"))
    with pytest.raises(ValueError, match="split_kernel=.* needs the features"):
        model.fit(K)


def test_a_large_weight_takes_memory_for_the_rows_held_only():
    X = np.random.RandomState(0).randn(3, 2)
    stream = CompressThinning(gamma=0.5, random_state=0)
    tracemalloc.start()
    stream.partial_fit(X, sample_weight=[1, 1e8, 1])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    held = sum(n.size for n in stream._stream.numbers)
    assert peak <= 200 * held  # rows and numbers take 24 bytes each


def test_changes_of_kernel_params_in_place_are_noticed():
    X = np.random.RandomState(0).randn(50, 2)
    params = {"nu": 0.5}
    stream = CompressThinning(kernel="matern", gamma=0.5, kernel_params=params)
    stream.partial_fit(X)
    params["nu"] = 1.5
    with pytest.raises(ValueError, match="kernel_params cannot change"):
        stream.partial_fit(X)
