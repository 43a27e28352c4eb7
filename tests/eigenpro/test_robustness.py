"""Data and settings under which iterations go wrong, and storage of the data."""

import tracemalloc
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline

import skkernels.solvers._eigenpro as solver
from skkernels import EigenProClassifier, EigenProRegressor
from skkernels.kernels import RBF, Exponential

N_CENTERS = pytest.mark.parametrize("n_centers", [None, 30])


def make_data(n=300, noise=0.0):
    rng = np.random.RandomState(0)
    X = rng.randn(n, 5)
    return X, np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + 3.0 + noise * rng.randn(n)


class TestDivergence:
    @pytest.mark.parametrize("kernel", [Exponential(5.0), RBF(1.5)], ids=str)
    @pytest.mark.parametrize("n_centers", [None, 200])
    def test_full_batches_with_a_small_subsample(self, kernel, n_centers):
        X, y = make_data(1000)
        model = EigenProRegressor(
            n_centers,
            kernel=kernel,
            n_subsamples=100,
            n_components=30,
            batch_size=1000,
            max_iter=20,
            random_state=0,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.fit(X, y)
        assert np.isfinite(model.coef_).all()
        assert model.train_loss_[-1] < 0.5 * model.train_loss_[0]

    @pytest.mark.parametrize("factor", [8.0, 1e200])
    @pytest.mark.parametrize("alpha", [0.0, 1.0])
    @pytest.mark.parametrize("n_centers", [None, 30])
    def test_a_step_that_is_too_long(self, monkeypatch, n_centers, factor, alpha):
        X, y = make_data(noise=0.5)
        step_size = solver.step_size
        monkeypatch.setattr(
            solver, "step_size", lambda *args: factor * step_size(*args)
        )
        model = EigenProRegressor(
            n_centers, alpha=alpha, batch_size=50, max_iter=8, random_state=0
        )
        pipeline = make_pipeline(model)
        with warnings.catch_warnings(record=True) as record:
            warnings.simplefilter("always")
            pipeline.fit(X, y)
        (warning,) = record
        assert warning.category is ConvergenceWarning
        assert warning.filename == __file__
        assert "the step was halved" in str(warning.message)
        # The bound that the ridge term puts to the step is no part of the function.
        hopeless = factor == 1e200 and (alpha == 0.0 or n_centers is None)
        assert ("diverged even then" in str(warning.message)) == hopeless
        assert np.isfinite(model.coef_).all()
        assert np.mean((model.predict(X) - y) ** 2) <= 1.01 * y.var()
        if factor == 8.0:
            # The epochs after the right step was found count.
            assert model.n_iter_ == 8 == len(model.train_loss_)

    def test_partial_fit_comes_back(self, monkeypatch):
        X, y = make_data()
        model = EigenProRegressor(30, alpha=0.1, random_state=0).partial_fit(X, y)
        before = model.predict(X)
        model._iteration.step *= 1e150
        attach = solver.EigenProIteration.attach

        def attach_only(self, *args):
            step = self.step
            attach(self, *args)
            self.step = step

        monkeypatch.setattr(solver.EigenProIteration, "attach", attach_only)
        with pytest.warns(ConvergenceWarning, match="diverged even then"):
            model.partial_fit(X, y)
        assert_array_equal(model.predict(X), before)


class TestUnusualData:
    """Everything stays finite, and there are no warnings."""

    @pytest.fixture(autouse=True)
    def no_warnings(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield

    def fit(self, X, y, **params):
        model = EigenProRegressor(random_state=0, max_iter=5, **params).fit(X, y)
        assert np.isfinite(model.coef_).all()
        assert np.isfinite(model.train_loss_).all()
        prediction = model.predict(X)
        assert np.isfinite(prediction).all()
        return model, prediction

    @N_CENTERS
    @pytest.mark.parametrize("polish", [False, True])
    @pytest.mark.parametrize("value", [0.0, -7.5])
    def test_constant_targets(self, n_centers, polish, value):
        X, _ = make_data(100)
        y = np.full(100, value)
        model, prediction = self.fit(X, y, n_centers=n_centers, polish=polish)
        assert_array_equal(prediction, y)
        assert_array_equal(model.coef_, 0.0)

    @N_CENTERS
    def test_conflicting_targets(self, n_centers):
        X, y = make_data(100)
        X = np.r_[X, X]
        y = np.r_[y, y + 1.0]
        model = EigenProRegressor(n_centers, max_iter=30, random_state=0).fit(X, y)
        prediction = model.predict(X)
        # The compromise, as near as the centers allow.
        compromise = np.r_[y[:100], y[:100]] + 0.5
        if n_centers is None:
            assert np.sqrt(np.mean((prediction - compromise) ** 2)) < 0.5
        assert np.corrcoef(prediction, compromise)[0, 1] > 0.5

    @N_CENTERS
    def test_few_rows(self, n_centers):
        for n in (2, 3, 7):
            X, y = make_data(n)
            model, prediction = self.fit(X, y, n_centers=n_centers)
            assert model.n_centers_ == n
            assert np.mean((prediction - y) ** 2) <= 0.5 * y.var()

    @N_CENTERS
    def test_subsample_and_components_larger_than_the_data(self, n_centers):
        X, y = make_data(50)
        model, _ = self.fit(
            X, y, n_centers=n_centers, n_subsamples=1000, n_components=1000
        )
        assert model.n_components_ == model.n_centers_ - 1
        for s in (1, 2):
            model, _ = self.fit(
                X, y, n_centers=n_centers, n_subsamples=s, n_components=10
            )
            assert model.n_components_ == s - 1

    # Rows that no model can tell apart leave noise, and the guard may see growth in it.
    @N_CENTERS
    @pytest.mark.parametrize("value", [0.0, 3.0])
    def test_equal_rows(self, n_centers, value):
        _, y = make_data(60)
        X = np.full((60, 2), value)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            _, prediction = self.fit(
                X, y, n_centers=n_centers, learning_rate="invscaling"
            )
        assert np.ptp(prediction) < 1e-6
        assert_allclose(prediction, y.mean(), atol=y.std())

    def test_one_feature(self):
        rng = np.random.RandomState(0)
        X = rng.uniform(-3, 3, size=(200, 1))
        y = np.sin(2 * X[:, 0])
        for n_centers in (None, 20):
            _, prediction = self.fit(X, y, n_centers=n_centers)
            assert np.mean((prediction - y) ** 2) < 0.05

    @pytest.mark.parametrize("period", ["auto", 1, 3, 100])
    def test_fewer_centers_than_rows_in_a_batch(self, period):
        X, y = make_data()
        for p in (1, 5):
            model, prediction = self.fit(
                X, y, n_centers=p, batch_size=100, projection_period=period
            )
            assert model.n_centers_ == p
            assert np.mean((prediction - y) ** 2) < 2 * y.var()

    @N_CENTERS
    @pytest.mark.parametrize("kernel", ["linear", "poly", "cosine", "rbf"])
    def test_other_kernels(self, n_centers, kernel):
        X, y = make_data()
        gamma = None if kernel != "rbf" else "median"
        # Steps that go to an interpolant leave noise where there is none.
        _, prediction = self.fit(
            X,
            y,
            n_centers=n_centers,
            kernel=kernel,
            gamma=gamma,
            learning_rate="invscaling",
        )
        assert np.mean((prediction - y) ** 2) < 1.2 * y.var()

    def test_zero_kernel(self):
        X, y = np.zeros((40, 2)), make_data(40)[1]
        for n_centers in (None, 10):
            _, prediction = self.fit(X, y, n_centers=n_centers, kernel="linear")
            assert_allclose(prediction, y.mean())

    @N_CENTERS
    def test_targets_of_any_scale(self, n_centers):
        X, y = make_data(100)
        _, expected = self.fit(X, y, n_centers=n_centers)
        for scale in (1e-100, 1e100):
            _, prediction = self.fit(X, scale * y, n_centers=n_centers)
            assert_allclose(prediction, scale * expected, rtol=1e-8)


@pytest.mark.parametrize("n_centers", [None, 30])
def test_polish_with_conflicting_targets(n_centers):
    # With equal rows and alpha = 0 there is no interpolant to go to.
    X, y = make_data(100)
    X, y = np.r_[X, X], np.r_[y, y + 1.0]
    model = EigenProRegressor(n_centers, max_iter=5, polish=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    residual = model.predict(X) - y
    assert np.mean(residual**2) < y.var()


class TestStorage:
    @N_CENTERS
    def test_sparse(self, n_centers):
        X, y = make_data()
        X[X < -0.5] = 0
        model = EigenProRegressor(n_centers, max_iter=3, random_state=0)
        expected = clone(model).fit(X, y).predict(X)
        A = sp.csr_array(X)
        model.fit(A, y)
        assert sp.issparse(model.centers_)
        assert_allclose(model.predict(A), expected, rtol=1e-7)
        assert_allclose(model.predict(X), expected, rtol=1e-7)

    @pytest.mark.parametrize("polish", [False, True])
    @N_CENTERS
    def test_single_precision(self, n_centers, polish):
        X, y = make_data(noise=0.5)
        model = EigenProRegressor(
            alpha=0.1,
            max_iter=3,
            batch_size=50,
            n_components=10,
            polish=polish,
            random_state=0,
        )
        if n_centers is not None:
            model.set_params(center_selection=X[:n_centers])
        expected = clone(model).fit(X, y).predict(X)
        model.fit(X.astype(np.float32), y.astype(np.float32))
        assert model.coef_.dtype == np.float32
        assert_allclose(model.predict(X), expected, atol=1e-3)
        assert model.predict(X.astype(np.float32)).dtype == np.float32

    @N_CENTERS
    def test_memory_map(self, n_centers, tmp_path, monkeypatch):
        X, y = make_data()
        np.save(tmp_path / "X.npy", X)
        mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
        model = EigenProRegressor(
            n_centers, max_iter=3, batch_size=64, random_state=0
        ).fit(X, y)
        other = clone(model).fit(mapped, y)
        assert_array_equal(other.coef_, model.coef_)
        # A large one is read in another order, which has about the same effect.
        monkeypatch.setattr(solver, "_SMALL_FILE", 0)
        other = clone(model).fit(mapped, y)
        assert not np.array_equal(other.coef_, model.coef_)
        assert other.train_loss_[-1] < other.train_loss_[0]

    @pytest.mark.parametrize("early_stopping", [False, True])
    def test_memory_map_is_not_copied(self, tmp_path, early_stopping):
        n, d = 100_000, 100
        path = tmp_path / "X.dat"
        rng = np.random.default_rng(0)
        X = np.memmap(path, dtype=np.float32, mode="w+", shape=(n, d))
        for rows in range(0, n, 10_000):
            X[rows : rows + 10_000] = rng.standard_normal((10_000, d), dtype=np.float32)
        y = np.array(X[:, 0])
        X.flush()
        X = np.memmap(path, dtype=np.float32, mode="r", shape=(n, d))
        model = EigenProRegressor(
            20,
            kernel=RBF(10.0),
            max_iter=1,
            batch_size=1000,
            early_stopping=early_stopping,
            random_state=0,
        )
        tracemalloc.start()
        with config_context(working_memory=16):
            model.fit(X, y)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert X.nbytes == 40e6
        # A copy of the rows to train on alone would be 36 MB.
        assert peak < (30e6 if early_stopping else 24e6)
        assert len(model.train_loss_) == 1

    def test_a_subsample_too_large_for_the_memory(self):
        X, y = make_data(400)
        with config_context(working_memory=1):
            EigenProRegressor(max_iter=1).fit(X, y)  # takes as many as fit
            with pytest.raises(ValueError, match=r"subsample of 400 .*n_subsamples"):
                EigenProRegressor(n_subsamples=400, max_iter=1).fit(X, y)

    def test_polish_is_refused_before_the_epochs(self, monkeypatch):
        def fail(*args, **kwargs):
            raise AssertionError("an epoch was run")

        monkeypatch.setattr("skkernels.eigenpro._base.run_epochs", fail)
        X, y = make_data(400)
        with config_context(working_memory=1):
            with pytest.raises(ValueError, match=r"of 380 centers.*n_centers"):
                EigenProRegressor(380, polish=True).fit(X, y)

    def test_integers_and_lists(self):
        X = [[0, 0], [0, 1], [1, 0], [1, 1]]
        y = ["a", "b", "b", "a"]
        model = EigenProClassifier(max_iter=20, random_state=0).fit(X, y)
        assert_array_equal(model.predict(X), y)
