"""The estimator of kernel thinning."""

import numba
import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.gaussian_process import kernels as gp
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skkernels.coresets._kt_thin import kt_thin
from skkernels.kernels import RBF, Matern, make_kernel
from skkernels.thinning._kernel_herding import KernelHerding
from skkernels.thinning._kernel_thinning import KernelThinning


def rbf_block(X, Z):
    """A kernel as a function on arrays."""
    X, Z = (a.toarray() if sp.issparse(a) else a for a in (X, Z))
    return np.exp(-0.1 * ((X[:, None] - Z[None]) ** 2).sum(axis=2))


# Beside those of tests/common.
VARIANTS = [
    KernelThinning(0.5, weights="optimal", order="random", remainder="standard"),
    KernelThinning(kernel="laplacian", refine_baseline=True, swap_order="random"),
    KernelThinning(kernel=Matern(nu=2.5), split_kernel=RBF(length_scale="median")),
    KernelThinning(kernel=2.0 * gp.RBF(2.0), split_kernel="root"),
    KernelHerding(kernel="precomputed", weights="constant"),
    KernelHerding(kernel=rbf_block, weights="simplex"),
]


@parametrize_with_checks(VARIANTS)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def data(n=300, d=3, seed=0):
    return np.random.RandomState(seed).randn(n, d)


def dense_mmd(K, thinning, weights=None):
    """Distance by the formula, from the kernel matrix of all samples."""
    n = thinning.n_samples_
    w = np.full(n, 1 / n) if weights is None else weights / weights.sum()
    signs = w - np.bincount(
        thinning.sample_indices_, thinning.coreset_weights_, minlength=n
    )
    return np.sqrt(signs @ K @ signs)


def test_attributes():
    X = data()
    thinning = KernelThinning(20, random_state=0).fit(X)
    expected = kt_thin(thinning.kernel_, X, 20, n_swap_passes=3, random_state=0)
    assert_array_equal(thinning.sample_indices_, np.sort(expected))
    assert_array_equal(thinning.coreset_, X[thinning.sample_indices_])
    assert_array_equal(thinning.coreset_weights_, np.full(20, 0.05))
    assert thinning.n_halvings_ == 4 and thinning.n_samples_ == 300
    assert 0 < thinning.n_swaps_
    assert thinning.mmd_ < 0.4 * thinning.mmd_baseline_
    median = make_kernel("rbf", gamma="median").resolve(X)
    assert thinning.kernel_ == median and thinning.gamma_ == median.gamma_value
    assert thinning.mmd_ == pytest.approx(dense_mmd(median(X), thinning), abs=1e-10)


@pytest.mark.parametrize("weights", ["equal", "optimal", "simplex", "constant"])
@pytest.mark.parametrize("Thinning", [KernelThinning, KernelHerding])
def test_the_discrepancy_is_that_of_the_formula(Thinning, weights):
    X = data(200)
    K = RBF(1.5)(X)
    sample_weight = np.random.RandomState(1).randint(0, 4, size=200)
    for w in (None, sample_weight):
        thinning = Thinning(15, kernel=RBF(1.5), weights=weights, random_state=0).fit(
            X, sample_weight=w
        )
        expected = dense_mmd(K, thinning, w)
        assert thinning.mmd_ == pytest.approx(expected, abs=1e-10)
        if w is None and weights != "optimal":
            assert thinning.score(X) == pytest.approx(-thinning.mmd_, abs=1e-10)
        if weights != "optimal":
            assert thinning.coreset_weights_.sum() == pytest.approx(1.0)
    equal = Thinning(15, kernel=RBF(1.5), random_state=0)
    assert thinning.mmd_ <= equal.fit(X, sample_weight=w).mmd_


@pytest.mark.parametrize("Thinning", [KernelThinning, KernelHerding])
def test_weights_and_repeated_rows(Thinning):
    # The discrepancy and the width of the kernel are exactly the same for the same
    # coreset; herding also finds the same coreset.
    X = data(120)
    counts = np.random.RandomState(0).randint(0, 4, size=120)
    rows = np.repeat(np.arange(120), counts)
    weighted = Thinning(10, random_state=0).fit(X, sample_weight=counts)
    repeated = Thinning(10, random_state=0).fit(X[rows])
    assert weighted.gamma_ == pytest.approx(repeated.gamma_, rel=1e-12)
    K = repeated.kernel_(X[rows])
    if Thinning is KernelHerding:
        assert_array_equal(weighted.coreset_, repeated.coreset_)
        assert weighted.mmd_ == pytest.approx(repeated.mmd_, rel=1e-9)
    else:
        assert np.all(counts[weighted.sample_indices_] > 0)
        signs = np.full(rows.size, 1 / rows.size)
        first = np.searchsorted(rows, weighted.sample_indices_)
        np.subtract.at(signs, first, 0.1)
        assert weighted.mmd_ == pytest.approx(np.sqrt(signs @ K @ signs), abs=1e-10)
        assert weighted.mmd_ < 1.5 * repeated.mmd_


def test_zero_weights_are_as_good_as_absent():
    X = data(100)
    X[::3] += 100.0
    w = np.ones(100)
    w[::3] = 0.0
    for thinning in (KernelThinning(8, random_state=1), KernelHerding(8)):
        dropped = clone(thinning).fit(X[w > 0])
        weighted = clone(thinning).fit(X, sample_weight=w)
        assert_array_equal(weighted.coreset_, dropped.coreset_)
        numbers = np.flatnonzero(w)[dropped.sample_indices_]
        assert_array_equal(weighted.sample_indices_, numbers)
        assert weighted.n_samples_ == 100


def test_no_more_rows_than_wanted():
    X = data(6)
    for thinning in (KernelThinning(6, random_state=0), KernelHerding(1.0)):
        thinning.fit(X)
        assert_array_equal(thinning.sample_indices_, np.arange(6))
        assert thinning.mmd_ == 0.0
        w = np.array([1.0, 2.0, 0.0, 3.0, 1.0, 1.0])
        with pytest.warns(UserWarning, match="n_coreset=9 is more than the 5 rows"):
            thinning.set_params(n_coreset=9, weights="simplex").fit(X, sample_weight=w)
        assert_array_equal(thinning.sample_indices_, [0, 1, 3, 4, 5])
        assert_allclose(thinning.coreset_weights_, w[w > 0] / 8)
    one = KernelThinning().fit(X[:1])
    assert_array_equal(one.sample_indices_, [0])
    assert one.n_halvings_ == 0


def test_constant_data():
    for thinning in (KernelThinning(5, random_state=0), KernelHerding(5)):
        thinning.fit(np.ones((40, 2)))
        assert thinning.sample_indices_.size == 5
        assert thinning.mmd_ == pytest.approx(0.0, abs=1e-7)


def test_precomputed_sparse_callable_and_single_precision():
    X = data(150)
    options = {"n_coreset": 12, "random_state": 0}
    dense = KernelThinning(kernel=RBF(2.0), **options).fit(X)
    gram = RBF(2.0)(X)
    matrix = KernelThinning(kernel="precomputed", **options).fit(gram)
    assert matrix.kernel_ == "precomputed" and matrix.gamma_ is None
    function = KernelThinning(kernel=lambda X, Z: RBF(2.0)(X, Z), **options).fit(X)
    sparse = KernelThinning(kernel=RBF(2.0), **options).fit(sp.csr_array(X))
    for other in (matrix, function, sparse):
        assert_array_equal(other.sample_indices_, dense.sample_indices_)
        assert other.mmd_ == pytest.approx(dense.mmd_, abs=1e-10)
    assert sp.issparse(sparse.coreset_)
    w = np.arange(150) % 4.0
    by_rows = KernelThinning(kernel=RBF(2.0), **options).fit(X, sample_weight=w)
    by_matrix = clone(matrix).fit(gram, sample_weight=w)
    assert_array_equal(by_rows.sample_indices_, by_matrix.sample_indices_)
    single = KernelThinning(kernel=RBF(2.0), **options).fit(X.astype(np.float32))
    assert single.coreset_.dtype == np.float32
    assert single.mmd_ == pytest.approx(
        dense_mmd(RBF(2.0)(X.astype(np.float32).astype(float)), single), abs=1e-10
    )


def test_split_kernels():
    X = data(200)
    root = KernelThinning(kernel=RBF(2.0), split_kernel="root", random_state=0).fit(X)
    for split in (RBF(2.0 / np.sqrt(2)), gp.RBF(2.0 / np.sqrt(2))):
        other = KernelThinning(kernel=RBF(2.0), split_kernel=split, random_state=0)
        assert_array_equal(other.fit(X).sample_indices_, root.sample_indices_)
    with pytest.raises(ValueError, match="'target', which is possible for every"):
        KernelThinning(kernel="imq", split_kernel="root").fit(X)
    with pytest.raises(ValueError, match="alpha must exceed 0.75"):
        KernelThinning(kernel="exponential", split_kernel="plus").fit(X)
    KernelThinning(kernel="exponential", split_kernel="plus", power=0.8).fit(X)


def test_random_state_and_threads():
    X = data(400)
    first = KernelThinning(random_state=0).fit(X)
    assert_array_equal(
        first.sample_indices_, KernelThinning(random_state=0).fit(X).sample_indices_
    )
    other = KernelThinning(random_state=1).fit(X)
    assert not np.array_equal(first.sample_indices_, other.sample_indices_)
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        alone = KernelThinning(random_state=0).fit(X)
    finally:
        numba.set_num_threads(before)
    assert_array_equal(alone.sample_indices_, first.sample_indices_)
    assert alone.mmd_ == first.mmd_


def test_frames_and_targets():
    pd = pytest.importorskip("pandas")
    X, y = make_blobs(200, random_state=0)
    frame = pd.DataFrame(X, columns=["a", "b"], index=np.arange(200) + 1000)
    labels = pd.Series(y, index=frame.index)
    thinning = KernelThinning(10, random_state=0)
    rows, targets = thinning.fit_resample(frame, labels)
    assert list(rows.columns) == ["a", "b"]
    assert_array_equal(rows.index, 1000 + thinning.sample_indices_)
    assert_array_equal(targets.to_numpy(), y[thinning.sample_indices_])
    assert_array_equal(thinning.feature_names_in_, ["a", "b"])
    assert thinning.fit_resample(X).shape == (10, 2)
    weights = (y == 0).astype(float)
    _, targets = thinning.fit_resample(X, y, sample_weight=weights)
    assert set(targets) == {0}


def test_in_a_pipeline_that_resamples():
    # What imbalanced-learn's pipeline asks for: it calls fit_resample while fitting
    # only, and refuses steps that could transform as well.
    X, y = make_blobs(500, centers=3, cluster_std=0.5, random_state=0)
    for step in (KernelThinning(40, random_state=0), KernelHerding(40)):
        assert hasattr(step, "fit_resample") and hasattr(step, "fit")
        for name in ("transform", "fit_transform", "predict"):
            assert not hasattr(step, name)
        few, labels = clone(step).fit_resample(X, y)
        assert few.shape == (40, 2) and set(labels) == {0, 1, 2}
        # nearest neighbours in the coreset know the classes of all
        nearest = step.fit(X).nearest(X)
        assert np.mean(y[step.sample_indices_][nearest] == y) > 0.9


def test_passes_and_baseline():
    X = data(500, 2)
    errors = [
        KernelThinning(n_swap_passes=p, random_state=0).fit(X).mmd_ for p in range(4)
    ]
    assert np.all(np.diff(errors) <= 0)
    both = KernelThinning(refine_baseline=True, random_state=0).fit(X)
    assert both.mmd_ <= errors[3]


class ResamplingPipeline:
    """Fits as the pipeline of imbalanced-learn does, which is not a dependency: steps
    with ``fit_resample`` change the rows while fitting, and are skipped later."""

    def __init__(self, *steps):
        self.steps = steps

    def fit(self, X, y):
        for step in self.steps[:-1]:
            if hasattr(step, "fit_resample"):
                X, y = step.fit_resample(X, y)
            else:
                X = step.fit_transform(X, y)
        self.steps[-1].fit(X, y)
        self.n_rows = len(X)
        return self

    def score(self, X, y):
        for step in self.steps[:-1]:
            if not hasattr(step, "fit_resample"):
                X = step.transform(X)
        return self.steps[-1].score(X, y)


@pytest.mark.parametrize("Thinning", [KernelThinning, KernelHerding])
def test_a_classifier_learns_from_the_coreset(Thinning):
    X, y = make_blobs(500, centers=3, cluster_std=0.5, random_state=0)
    names = np.array(["a", "b", "c"])[y]
    pipeline = ResamplingPipeline(
        StandardScaler(), Thinning(30, random_state=0), KNeighborsClassifier(1)
    )
    pipeline.fit(1e3 * X, names)
    assert pipeline.n_rows == 30
    assert pipeline.score(1e3 * X, names) > 0.9
    assert_array_equal(pipeline.steps[-1].classes_, ["a", "b", "c"])


@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.parametrize("Thinning", [KernelThinning, KernelHerding])
def test_a_failed_fit_changes_nothing(Thinning, weights, monkeypatch):
    def fails_late(X, Z):
        values = rbf_block(X, Z)
        return values if X.shape[1] == 3 else values * np.nan

    X = data(60)
    w = None if weights is None else np.arange(60) % 3
    thinning = Thinning(5, kernel=fails_late, random_state=0).fit(X)
    before, nearest = dict(vars(thinning)), thinning.nearest(X)
    with pytest.raises(ValueError, match="not finite"):
        thinning.fit(data(50, 2), sample_weight=None if w is None else w[:50])
    assert vars(thinning).keys() == before.keys()
    assert all(value is before[name] for name, value in vars(thinning).items())
    assert_array_equal(thinning.nearest(X), nearest)
    matrix = Thinning(5, kernel="precomputed")
    monkeypatch.setattr(Thinning, "_weigh", None, raising=False)
    with pytest.raises(TypeError):
        matrix.fit(rbf_block(X, X), sample_weight=w)
    assert vars(matrix) == matrix.get_params()


@pytest.mark.parametrize("kernel", ["linear", "poly", "rbf"])
def test_nearest_in_double_precision(kernel):
    X = (data(200) + 1e3).astype(np.float32)
    thinning = KernelThinning(20, kernel=kernel, gamma=0.1, degree=2, random_state=0)
    thinning.fit(X)
    rows = thinning.coreset_
    assert_array_equal(rows[thinning.nearest(rows)], rows)
    with config_context(working_memory=0.01):
        assert_array_equal(rows[thinning.nearest(rows)], rows)
    sparse = clone(thinning).fit(sp.csr_array(X))
    assert_array_equal(sparse.nearest(sp.csr_array(X)), thinning.nearest(X))


@pytest.mark.parametrize("Thinning", [KernelThinning, KernelHerding])
def test_a_matrix_with_zero_weights(Thinning):
    X = data(80)
    K = RBF(2.0)(X)
    w = np.arange(80) % 4.0
    by_rows = Thinning(8, kernel=RBF(2.0), random_state=0).fit(X, sample_weight=w)
    matrix = Thinning(8, kernel="precomputed", random_state=0)
    few = matrix.fit_resample(K, sample_weight=w)
    assert_array_equal(matrix.coreset_, few)
    assert_array_equal(matrix.coreset_, K[matrix.sample_indices_])
    assert matrix.coreset_.shape == (8, matrix.n_features_in_)
    assert_array_equal(matrix.nearest(K), by_rows.nearest(X))


@pytest.mark.parametrize("n_coreset", [5, 40])
def test_no_split_kernel_for_a_matrix(n_coreset):
    K = RBF()(data(40))
    for split in (RBF(), rbf_block):
        thinning = KernelThinning(n_coreset, kernel="precomputed", split_kernel=split)
        with pytest.raises(ValueError, match="needs the features of the rows"):
            thinning.fit(K)


@pytest.mark.parametrize("Thinning", [KernelThinning, KernelHerding])
def test_weights_whose_sum_overflows(Thinning):
    X = data(50)
    w = 1.0 + np.arange(50) % 2
    for size in (6, 50):
        small, large = (
            Thinning(size, random_state=0).fit(X, sample_weight=unit * w)
            for unit in (1.0, 2.0**1022)
        )
        assert_array_equal(large.sample_indices_, small.sample_indices_)
        assert_allclose(large.coreset_weights_, small.coreset_weights_, rtol=1e-12)
