"""Pictures of coresets."""

import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import Ridge

from skkernels.coresets import compress, mmd
from skkernels.inspection import ThinningDisplay
from skkernels.kernels import RBF
from skkernels.thinning import (
    CompressThinning,
    KernelThinning,
    SteinThinning,
    ThinnedEstimator,
    ThinnedKernelDensity,
    ThinnedKernelRidge,
    ThinnedNystroem,
)

plt = pytest.importorskip("matplotlib.pyplot")
plt.switch_backend("Agg")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


class Thinner(BaseEstimator):
    """The attributes that the display reads, and no more."""

    def __init__(self, n_coreset=8, kernel=None):
        self.n_coreset = n_coreset
        self.kernel = kernel

    def fit(self, X, y=None):
        if hasattr(X, "columns"):
            self.feature_names_in_ = np.array(X.columns, dtype=object)
            X = X.to_numpy()
        self.kernel_ = RBF(length_scale=0.5) if self.kernel is None else self.kernel
        if isinstance(self.kernel_, str):
            indices = np.arange(self.n_coreset)
        else:
            indices = compress(self.kernel_, X, self.n_coreset, random_state=0)
        self.sample_indices_ = np.sort(indices)
        self.coreset_ = X[self.sample_indices_]
        self.coreset_weights_ = np.full(indices.size, 1.0 / indices.size)
        return self


@pytest.fixture
def X():
    return np.random.RandomState(0).normal(size=(128, 3))


@pytest.mark.parametrize("convert", [np.asarray, sp.csr_array])
def test_points(X, convert):
    model = Thinner().fit(convert(X))
    display = ThinningDisplay.from_estimator(model, convert(X), features=(2, 0))
    assert display.figure_ is display.ax_.figure
    np.testing.assert_array_equal(display.points_.get_offsets(), X[:, [2, 0]])
    np.testing.assert_array_equal(
        display.coreset_.get_offsets(), X[model.sample_indices_][:, [2, 0]]
    )
    assert display.ax_.get_xlabel() == "feature 2"
    assert display.ax_.get_ylabel() == "feature 0"
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["data", "Thinner"]


@pytest.mark.parametrize(
    "model",
    [
        KernelThinning(n_coreset=16, random_state=0),
        CompressThinning(n_coreset=16, random_state=0),
        SteinThinning(lambda X: -X, 16, random_state=0),
        SteinThinning(lambda X: -X, 16, method="cholesky", random_state=0),
        ThinnedKernelDensity(n_coreset=16, random_state=0),
        ThinnedKernelRidge(n_coreset=16, random_state=0),
        ThinnedNystroem(n_coreset=16, random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_points_of_estimators(X, model):
    model.fit(X, X[:, 0])
    display = ThinningDisplay.from_estimator(model, X)
    distinct, counts = np.unique(model.sample_indices_, return_counts=True)
    np.testing.assert_array_equal(display.coreset_.get_offsets(), X[distinct][:, :2])
    weights = getattr(model, "coreset_weights_", None)
    if weights is None:
        expected = counts / counts.sum()
    else:
        expected = np.bincount(model.sample_indices_, weights)[distinct]
    np.testing.assert_allclose(display.coreset_weights, expected, rtol=1e-12)


@pytest.mark.parametrize("method", [KernelThinning, CompressThinning])
def test_errors_of_estimators(X, method):
    model = method(n_coreset=4, random_state=0)
    display = ThinningDisplay.from_estimator(model, X, kind="mmd", sizes=[8, 16])
    fitted = method(n_coreset=16, random_state=0).fit(X)
    assert display.mmds[1] == pytest.approx(mmd(fitted.kernel_, X, fitted.coreset_))


@pytest.mark.parametrize(
    "model, message",
    [
        (SteinThinning(lambda X: -X), "kernel_.* SteinThinning has none"),
        (ThinnedKernelDensity(), "kernel_.* ThinnedKernelDensity has none"),
        (ThinnedKernelRidge(), "ThinnedKernelRidge needs targets y"),
        (RBFSampler(), "parameter n_coreset, which RBFSampler has not"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_errors_need(X, model, message):
    with pytest.raises(TypeError, match=message):
        ThinningDisplay.from_estimator(model, X, kind="mmd", sizes=[8])


def test_what_points_need(X):
    model = ThinnedEstimator(Ridge()).fit(X, X[:, 0])
    with pytest.raises(TypeError, match="coreset_.* ThinnedEstimator has none"):
        ThinningDisplay.from_estimator(model, X)
    with pytest.raises(NotFittedError):
        ThinningDisplay.from_estimator(SteinThinning(), X)


def test_markers_show_weights(X):
    model = Thinner(n_coreset=4).fit(X)
    model.sample_indices_ = np.array([5, 5, 9, 20])
    model.coreset_ = X[model.sample_indices_]
    model.coreset_weights_ = np.array([0.2, 0.3, 0.75, -0.25])
    display = ThinningDisplay.from_estimator(model, X)
    np.testing.assert_array_equal(display.coreset_.get_offsets(), X[[5, 9, 20]][:, :2])
    areas = display.coreset_.get_sizes()
    np.testing.assert_allclose(areas / areas[0], [1.0, 1.5, 0.5])
    faces = display.coreset_.get_facecolors()
    assert (faces[:, 3] == [1.0, 1.0, 0.0]).all()  # the negative one is hollow


def test_options(X):
    _, ax = plt.subplots()
    display = ThinningDisplay.from_estimator(
        Thinner().fit(X),
        X,
        ax=ax,
        name="halved",
        max_points=10,
        points_kw={"s": 7},
        coreset_kw={"color": "red", "marker": "x"},
    )
    assert display.ax_ is ax
    assert len(display.points_.get_offsets()) == 10
    np.testing.assert_array_equal(
        display.points_.get_offsets()[[0, -1]], X[[0, -1], :2]
    )
    assert display.points_.get_sizes() == [7]
    np.testing.assert_array_equal(display.coreset_.get_edgecolors()[0], [1, 0, 0, 1])
    other = display.plot()
    assert other is display
    assert other.ax_ is not ax


def test_names_of_features(X):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    display = ThinningDisplay.from_estimator(
        Thinner().fit(frame), frame, features=("c", 1)
    )
    assert display.feature_names == ("c", "b")
    np.testing.assert_array_equal(display.points, X[:, [2, 1]])
    assert display.ax_.get_xlabel() == "c"


def test_errors_against_size(X):
    model = Thinner()
    display = ThinningDisplay.from_estimator(model, X, kind="mmd")
    assert not hasattr(model, "coreset_")  # a clone was fitted
    np.testing.assert_array_equal(display.sizes, [8, 16, 32])
    expected = [
        mmd(RBF(length_scale=0.5), X, Thinner(n_coreset=size).fit(X).coreset_)
        for size in display.sizes
    ]
    np.testing.assert_allclose(display.mmds, expected, rtol=1e-9)
    np.testing.assert_array_equal(display.line_.get_ydata(), display.mmds)
    assert display.ax_.get_xscale() == display.ax_.get_yscale() == "log"
    assert (display.mmds < display.random_mmds).all()
    rng = np.random.RandomState(0)
    squares = [
        mmd(RBF(length_scale=0.5), X, X[rng.permutation(128)[:16]], squared=True)
        for _ in range(400)
    ]
    error = np.std(squares) / np.sqrt(400)
    assert abs(np.mean(squares) - display.random_mmds[1] ** 2) < 4 * error


def test_methods_on_the_same_axes(X):
    first = ThinningDisplay.from_estimator(Thinner(), X, kind="mmd", sizes=[4, 8])
    ThinningDisplay.from_estimator(
        Thinner(), X, kind="mmd", sizes=[4, 8], name="other", ax=first.ax_
    )
    labels = [text.get_text() for text in first.ax_.get_legend().get_texts()]
    assert labels == ["random rows", "Thinner", "other"]


def test_errors_of_a_precomputed_kernel(X):
    K = RBF(length_scale=0.5)(X)
    sizes = [4, 128]
    display = ThinningDisplay.from_estimator(
        Thinner(kernel="precomputed"), K, kind="mmd", sizes=sizes
    )
    assert display.mmds[0] == pytest.approx(mmd(RBF(length_scale=0.5), X, X[:4]))
    assert display.mmds[1] == pytest.approx(0.0, abs=1e-7)
    assert display.random_mmds[1] == 0.0


@pytest.mark.parametrize(
    "params, message",
    [
        ({"kind": "rank"}, "kind must be one of"),
        ({"features": (0, 3)}, "from 0 to 2 or names, got 3"),
        ({"features": ("a", 1)}, "no feature named 'a'"),
        ({"features": (0, 1, 2)}, "must be a pair"),
        ({"max_points": 0}, "max_points must be"),
        ({"kind": "mmd", "sizes": [4, 500]}, "from 1 to the number of rows, 128"),
        ({"kind": "mmd", "sizes": []}, "sizes must be"),
    ],
)
def test_bad_parameters(X, params, message):
    with pytest.raises(ValueError, match=message):
        ThinningDisplay.from_estimator(Thinner().fit(X), X, **params)


def test_bad_data(X):
    with pytest.raises(ValueError, match="X has 2 features, the coreset has 3"):
        ThinningDisplay.from_estimator(Thinner().fit(X), X[:, :2])
    model = Thinner(kernel="precomputed").fit(X)
    with pytest.raises(ValueError, match="precomputed kernel matrix"):
        ThinningDisplay.from_estimator(model, X)


def test_matplotlib_is_imported_late():
    code = "import sys, skkernels.inspection; assert 'matplotlib' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0
