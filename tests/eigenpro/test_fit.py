"""Fits that continue, stop early or weigh classes."""

import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skkernels import (
    EigenProClassifier,
    EigenProRegressor,
    NystroemKernelRidge,
    NystroemKernelRidgeClassifier,
)
from skkernels.coresets import CENTER_SELECTIONS, select_centers
from skkernels.kernels import RBF, CallableKernel, Exponential, WhiteNoise

N_CENTERS = pytest.mark.parametrize("n_centers", [None, 40])
LEARNING_RATES = pytest.mark.parametrize("rate", ["constant", "invscaling"])


@pytest.fixture(scope="module")
def data():
    rng = np.random.RandomState(0)
    X = rng.randn(400, 4)
    y = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + 3.0
    return X[:300], y[:300], X[300:]


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(n_class=4, return_X_y=True)
    return X[:300] / 16, np.array(["zero", "one", "two", "three"])[y[:300]]


class TestWarmStart:
    @N_CENTERS
    @LEARNING_RATES
    @pytest.mark.parametrize("alpha", [0.0, 0.5])
    def test_two_fits_of_k_epochs_are_one_of_2k(self, data, n_centers, rate, alpha):
        X, y, X_test = data
        model = EigenProRegressor(
            n_centers, alpha=alpha, learning_rate=rate, batch_size=50, random_state=0
        )
        once = clone(model).set_params(max_iter=6).fit(X, y)
        twice = clone(model).set_params(max_iter=3, warm_start=True).fit(X, y)
        first = twice.train_loss_
        assert twice.fit(X, y) is twice
        assert_allclose(np.r_[first, twice.train_loss_], once.train_loss_)
        assert_allclose(twice.predict(X_test), once.predict(X_test), rtol=1e-9)
        assert twice.n_iter_ == 3 and once.n_iter_ == 6

    @N_CENTERS
    def test_with_early_stopping(self, data, n_centers):
        # The same rows are set aside, so that no row of them is ever trained on.
        X, y, _ = data
        model = EigenProRegressor(
            n_centers, max_iter=2, early_stopping=True, warm_start=True, random_state=0
        ).fit(X, y)
        centers = model.centers_.copy()
        score = max(model.validation_scores_)
        model.fit(X, y)
        assert_array_equal(model.centers_, centers)
        assert model.validation_scores_[0] > score - 0.05

    def test_more_data(self, data):
        X, y, _ = data
        model = EigenProRegressor(40, max_iter=2, warm_start=True, random_state=0)
        model.fit(X[:150], y[:150])
        kernel, centers = model.kernel_, model.centers_.copy()
        model.fit(X, y)
        assert model.kernel_ is kernel
        assert_array_equal(model.centers_, centers)

    def test_without_it_fit_starts_from_nothing(self, data):
        X, y, X_test = data
        model = EigenProRegressor(40, max_iter=2, random_state=0).fit(X[:100], -y[:100])
        model.fit(X, y)
        fresh = clone(model).fit(X, y)
        assert_array_equal(model.predict(X_test), fresh.predict(X_test))

    def test_what_cannot_be_continued(self, data, digits):
        X, y, _ = data
        model = EigenProRegressor(warm_start=True, max_iter=1).fit(X, y)
        with pytest.raises(ValueError, match=r"shape \(300, 4\), got \(200, 4\)"):
            model.fit(X[:200], y[:200])
        with pytest.raises(ValueError, match=r"2 target.*1 in the fit before"):
            model.fit(X, np.column_stack([y, y]))
        X, y = digits
        model = EigenProClassifier(20, warm_start=True, max_iter=1).fit(X, y)
        classes = model.classes_.copy()
        with pytest.raises(ValueError, match="continues a fit with the classes"):
            model.fit(X[y != "two"], y[y != "two"])
        assert_array_equal(model.classes_, classes)


class TestPartialFit:
    def test_first_call_is_an_epoch_of_fit(self, data):
        X, y, X_test = data
        model = EigenProRegressor(40, max_iter=1, random_state=0)
        part = clone(model)
        assert part.partial_fit(X, y) is part
        model.fit(X, y)
        assert_array_equal(part.predict(X_test), model.predict(X_test))
        assert_array_equal(part.train_loss_, model.train_loss_)

    @LEARNING_RATES
    def test_calls_with_the_same_rows_are_epochs(self, data, rate):
        X, y, X_test = data
        model = EigenProRegressor(
            40, max_iter=4, alpha=0.1, learning_rate=rate, random_state=0
        )
        part = clone(model)
        for _ in range(4):
            part.partial_fit(X, y)
        model.fit(X, y)
        assert_allclose(part.predict(X_test), model.predict(X_test), rtol=1e-9)
        assert_allclose(part.train_loss_, model.train_loss_)
        assert part.n_iter_ == 4

    def test_parts_reduce_the_error(self, data):
        X, y, X_test = data
        model = EigenProRegressor(center_selection=X[:40], random_state=0)
        errors = []
        for _ in range(3):
            for rows in (slice(0, 100), slice(100, 200), slice(200, 300)):
                model.partial_fit(X[rows], y[rows])
            errors.append(np.mean((model.predict(X) - y) ** 2))
        assert errors[0] < 0.5 * y.var()
        assert errors[2] < errors[0]
        best = NystroemKernelRidge(
            center_selection=X[:40], kernel=model.kernel_, alpha=1e-10
        ).fit(X, y)
        assert errors[2] < 1.5 * np.mean((best.predict(X) - y) ** 2)

    def test_continues_after_fit_and_after_pickling(self, data):
        X, y, X_test = data
        model = EigenProRegressor(40, max_iter=2, alpha=0.1, random_state=0)
        expected = clone(model).set_params(max_iter=3).fit(X, y).predict(X_test)
        model.fit(X, y)
        copy = pickle.loads(pickle.dumps(model)).partial_fit(X, y)
        assert_allclose(model.partial_fit(X, y).predict(X_test), expected, rtol=1e-9)
        assert_allclose(copy.predict(X_test), expected, rtol=1e-9)
        copy = pickle.loads(pickle.dumps(model)).partial_fit(X[:100], y[:100])
        model.partial_fit(X[:100], y[:100])
        assert copy.n_iter_ == model.n_iter_
        # The steps of the copy are those for the rows it sees first.
        size = np.abs(expected - expected.mean()).max()
        assert np.abs(copy.predict(X_test) - model.predict(X_test)).max() < 0.5 * size

    def test_rows_one_by_one(self, data):
        # A single row says nothing about what residuals are large.
        X, y, _ = data
        model = EigenProRegressor(40, kernel="rbf", batch_size=20, random_state=0)
        model.partial_fit(X[:100], y[:100])
        before = np.mean((model.predict(X) - y) ** 2)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for i in range(len(X)):
                model.partial_fit(X[i : i + 1], y[i : i + 1])
        assert np.mean((model.predict(X) - y) ** 2) < 1.5 * before

    def test_targets_that_are_all_zero(self, data):
        X, y, _ = data
        model = EigenProRegressor(40, fit_intercept=False, random_state=0)
        model.partial_fit(X[:100], y[:100] + 5.0)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for _ in range(20):
                model.partial_fit(X[:100], np.zeros(100))
        assert np.abs(model.predict(X[:100])).max() < 0.5

    def test_a_failure_leaves_the_model_as_it_was(self, data):
        X, y, X_test = data
        calls = {"left": np.inf}

        def kernel(A, B):
            calls["left"] -= 1
            if calls["left"] < 0:
                raise RuntimeError("no more")
            return RBF(1.0)(A, B)

        model = EigenProRegressor(
            40, kernel=kernel, batch_size=20, gamma=None, random_state=0
        )
        model.partial_fit(X, y)
        twin = EigenProRegressor(
            40, kernel=kernel, batch_size=20, gamma=None, random_state=0
        )
        twin.partial_fit(X, y).partial_fit(X, y)
        calls["left"] = 20
        with pytest.raises(RuntimeError, match="no more"):
            model.partial_fit(X, y)
        with pytest.raises(RuntimeError, match="no more"):
            model.fit(X[:, :1], y)
        calls["left"] = np.inf
        assert model.n_features_in_ == X.shape[1]
        model.partial_fit(X, y)
        assert_allclose(model.predict(X_test), twin.predict(X_test), rtol=1e-12)

    def test_few_rows_first(self, data):
        # A step good for all rows of the first call would be much too long later.
        X, y, X_test = data
        model = EigenProRegressor(
            center_selection=X[:40], kernel=RBF(0.3), batch_size=50, random_state=0
        )
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.partial_fit(X[:4], y[:4])
            # Too long for single rows: the kernel's diagonal is 1.
            assert model.step_size_ > 1.5
            for _ in range(3):
                model.partial_fit(X, y)
        # That of batches of m = 4: at most 2 / (1 + (m - 1) lambda).
        top = model._iteration.top_eigenvalue
        assert_allclose(model.step_size_, 0.99 * 2 / (1 + 3 * top))
        assert np.mean((model.predict(X) - y) ** 2) < y.var()

    def test_fit_forgets(self, data):
        X, y, X_test = data
        model = EigenProRegressor(40, random_state=0).partial_fit(5 * X, y)
        model.fit(X, y)
        fresh = clone(model).fit(X, y)
        assert_array_equal(model.predict(X_test), fresh.predict(X_test))

    def test_storage_and_precision_may_change(self, data):
        X, y, X_test = data
        model = EigenProRegressor(40, random_state=0).partial_fit(X, y)
        expected = clone(model).partial_fit(X, y).partial_fit(X, y).predict(X_test)
        sparse = clone(model).partial_fit(X, y).partial_fit(sp.csr_array(X), y)
        assert_allclose(sparse.predict(X_test), expected, rtol=1e-8)
        model.partial_fit(X.astype(np.float32), y.astype(np.float32))
        assert_allclose(model.predict(X_test), expected, rtol=1e-3)
        assert model.coef_.dtype == np.float64

    def test_not_with_all_rows_as_centers(self, data):
        model = EigenProRegressor()
        assert not hasattr(model, "partial_fit")
        with pytest.raises(AttributeError, match="partial_fit"):
            _ = model.partial_fit
        assert hasattr(EigenProRegressor(center_selection=data[0][:5]), "partial_fit")
        assert hasattr(EigenProClassifier(5), "partial_fit")

    def test_other_targets(self, data):
        X, y, _ = data
        model = EigenProRegressor(20, random_state=0).partial_fit(X, y)
        with pytest.raises(ValueError, match=r"2 target.*1 in the fit before"):
            model.partial_fit(X, np.column_stack([y, y]))

    def test_classifier(self, digits):
        X, y = digits
        model = EigenProClassifier(60, random_state=0)
        classes = ["zero", "one", "two", "three"]
        # The first rows have three of the classes only.
        first = np.flatnonzero(y != "two")[:80]
        model.partial_fit(X[first], y[first], classes=classes)
        assert_array_equal(model.classes_, sorted(classes))
        assert model.intercept_[2] == 0
        for _ in range(4):
            model.partial_fit(X[:150], y[:150]).partial_fit(X[150:], y[150:])
        assert model.score(X, y) > 0.9
        with pytest.raises(ValueError, match="labels that are not among the classes"):
            model.partial_fit(X[:2], ["one", "four"])
        with pytest.raises(ValueError, match="not the same as on last call"):
            model.partial_fit(X, y, classes=["one", "two"])
        model.partial_fit(X[:1], y[:1])

    def test_classifier_refuses_a_bad_first_call(self, digits):
        X, y = digits
        model = EigenProClassifier(30, random_state=0)
        with pytest.raises(ValueError, match="classes must be passed"):
            model.partial_fit(X, y)
        with pytest.raises(ValueError, match="at least 2 classes"):
            model.partial_fit(X, y, classes=["one"])
        with pytest.raises(ValueError, match="labels that are not among the classes"):
            model.partial_fit(X, y, classes=["one", "two"])
        assert not hasattr(model, "classes_")
        with pytest.raises(NotFittedError):
            model.predict(X)
        with pytest.raises(ValueError, match="balanced.*partial_fit"):
            EigenProClassifier(30, class_weight="balanced").partial_fit(
                X, y, classes=np.unique(y)
            )

    def test_class_weights(self, digits):
        X, y = digits
        weights = {"one": 3.0, "two": 0.0}
        model = EigenProClassifier(
            center_selection=X[:50], class_weight=weights, max_iter=1, random_state=0
        )
        part = clone(model).partial_fit(X, y, classes=np.unique(y))
        # fit sets the prior by the weights, too; a class of weight 0 never wins.
        model.fit(X, y)
        assert_allclose(part.intercept_, model.intercept_)
        assert_allclose(
            part.decision_function(X), model.decision_function(X), rtol=1e-9
        )
        assert "two" not in part.predict(X)


class TestEarlyStopping:
    @N_CENTERS
    def test_regressor_keeps_the_best_epoch(self, n_centers):
        rng = np.random.RandomState(0)
        X = rng.randn(300, 2)
        y = X[:, 0] + 2 * rng.randn(300)
        model = EigenProRegressor(
            n_centers,
            max_iter=30,
            early_stopping=True,
            validation_fraction=0.3,
            n_iter_no_change=4,
            random_state=0,
        ).fit(X, y)
        scores = np.array(model.validation_scores_)
        assert len(scores) == model.n_iter_ < 30
        # The model overfits, so that the last epoch is not the best one.
        best = scores.argmax()
        assert best < len(scores) - 1
        assert (scores[-4:] <= scores[:-4].max() + model.tol).all()
        # It is that of a fit of as many epochs, on the rows not set aside.
        train = np.sort(
            train_test_split(np.arange(300), test_size=0.3, random_state=model._seed)[0]
        )
        held_out = np.setdiff1d(np.arange(300), train)
        assert_allclose(model.score(X[held_out], y[held_out]), scores[best])
        assert np.isin(model.center_indices_, train).all()
        assert_array_equal(X[model.center_indices_], model.centers_)
        again = clone(model).set_params(max_iter=int(best) + 1).fit(X, y)
        assert_allclose(again.coef_, model.coef_)

    def test_held_out_rows_have_no_influence(self):
        rng = np.random.RandomState(0)
        X, y = rng.randn(200, 3), rng.randn(200)
        model = EigenProRegressor(
            30,
            max_iter=2,
            n_iter_no_change=5,
            kernel=RBF(1.0),
            fit_intercept=False,
            early_stopping=True,
            random_state=0,
        ).fit(X, y)
        train = train_test_split(
            np.arange(200), test_size=0.1, random_state=model._seed
        )[0]
        held_out = np.setdiff1d(np.arange(200), train)
        X_changed, y_changed = X.copy(), y.copy()
        X_changed[held_out] += 5
        changed = clone(model).fit(X_changed, y_changed)
        assert_array_equal(changed.train_loss_, model.train_loss_)

    def test_classifier_is_stratified(self):
        X, y = load_iris(return_X_y=True)
        rare = np.r_[np.arange(50), np.arange(50, 55), np.arange(100, 150)]
        model = EigenProClassifier(
            early_stopping=True, validation_fraction=0.2, random_state=0
        ).fit(X[rare], y[rare])
        held_out = np.setdiff1d(np.arange(105), model.center_indices_)
        assert_array_equal(np.bincount(y[rare][held_out]), [10, 1, 10])
        assert_allclose(
            model.score(X[rare][held_out], y[rare][held_out]),
            max(model.validation_scores_),
        )

    def test_classes_of_weight_zero_are_not_scored(self, digits):
        X, y = digits
        model = EigenProClassifier(
            early_stopping=True, class_weight={"two": 0.0}, random_state=0
        ).fit(X, y)
        kept = y != "two"
        same = EigenProClassifier(early_stopping=True, random_state=0)
        same.fit(X[kept], y[kept])
        assert len(model.centers_) == len(same.centers_)
        assert max(model.validation_scores_) > 0.95

    def test_not_with_polish(self, data):
        X, y, _ = data
        model = EigenProRegressor(polish=True, early_stopping=True)
        with pytest.raises(ValueError, match="at most one of them"):
            model.fit(X, y)

    def test_scores_are_none_without(self, data):
        X, y, _ = data
        assert EigenProRegressor(20, max_iter=1).fit(X, y).validation_scores_ is None


class TestClassWeight:
    @pytest.mark.parametrize("polish", [False, True])
    @pytest.mark.parametrize("n_centers", [None, 40])
    def test_balanced(self, digits, polish, n_centers):
        X, y = digits
        _, counts = np.unique(y, return_counts=True)
        weights = dict(zip(np.unique(y), 300 / (4 * counts)))
        model = EigenProClassifier(
            n_centers,
            class_weight="balanced",
            polish=polish,
            alpha=0.1,
            max_iter=3,
            random_state=0,
        )
        explicit = clone(model).set_params(class_weight=weights)
        assert_allclose(
            model.fit(X, y).decision_function(X),
            explicit.fit(X, y).decision_function(X),
            rtol=1e-9,
        )
        assert_allclose(model.intercept_, 0.25)

    @pytest.mark.parametrize("n_centers", [None, 40])
    def test_weight_zero_removes_a_class(self, digits, n_centers):
        X, y = digits
        kept = y != "two"
        model = EigenProClassifier(
            n_centers, alpha=0.1, polish=True, max_iter=3, random_state=0
        )
        if n_centers is not None:
            model.set_params(center_selection=X[kept][:40])
        removed = clone(model).fit(X[kept], y[kept])
        model.set_params(class_weight={"two": 0.0}).fit(X, y)
        assert_array_equal(model.classes_, np.unique(y))
        columns = np.isin(model.classes_, removed.classes_)
        assert_allclose(model.kernel_.gamma_value, removed.kernel_.gamma_value)
        if n_centers is None:
            assert_array_equal(y[model.center_indices_] == "two", False)
            assert_array_equal(X[model.center_indices_], model.centers_)
        assert_allclose(
            model.decision_function(X)[:, columns],
            removed.decision_function(X),
            atol=1e-6,
        )
        assert_allclose(model.decision_function(X)[:, ~columns], 0.0, atol=1e-12)

    def test_no_class_left(self, digits):
        X, y = digits
        weights = dict.fromkeys(np.unique(y), 0.0)
        with pytest.raises(ValueError, match="All weights are zero"):
            EigenProClassifier(class_weight=weights).fit(X, y)

    def test_binary_scores_are_the_difference(self, digits):
        X, y = digits
        two = np.isin(y, ["one", "two"])
        X, y = X[two], y[two]
        model = EigenProClassifier(random_state=0, max_iter=5).fit(X, y)
        indicators = np.column_stack([y == "one", y == "two"]).astype(float)
        regression = EigenProRegressor(random_state=0, max_iter=5).fit(X, indicators)
        values = regression.predict(X)
        assert model.decision_function(X).shape == (len(y),)
        assert_allclose(
            model.decision_function(X), values[:, 1] - values[:, 0], atol=1e-10
        )
        assert model.coef_.ndim == 1 and isinstance(model.intercept_, float)


class TestParameters:
    @pytest.mark.parametrize("selection", CENTER_SELECTIONS)
    def test_center_selection(self, data, selection):
        X, y, _ = data
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model = EigenProRegressor(
                40, center_selection=selection, max_iter=2, random_state=0
            ).fit(X, y)
        expected = select_centers(
            model.kernel_, X, 40, selection, random_state=model._seed
        )
        assert_array_equal(model.center_indices_, expected)
        assert_array_equal(model.centers_, X[expected])

    def test_given_centers(self, data):
        X, y, X_test = data
        Z = np.random.RandomState(1).randn(50, 4)
        model = EigenProRegressor(
            7, center_selection=Z, random_state=0, polish=True, alpha=0.1
        ).fit(X, y)
        assert model.center_indices_ is None and model.n_centers_ == 50
        assert_array_equal(model.centers_, Z)
        exact = NystroemKernelRidge(
            center_selection=Z, kernel=model.kernel_, alpha=0.1
        ).fit(X, y)
        assert_allclose(model.predict(X_test), exact.predict(X_test), atol=1e-6)
        with pytest.raises(ValueError, match="3 features, but X has 4"):
            clone(model).set_params(center_selection=Z[:, :3]).fit(X, y)

    def test_precomputed_kernel(self, data):
        X, y, _ = data
        for cls, target in ((EigenProRegressor, y), (EigenProClassifier, y > 3)):
            with pytest.raises(ValueError, match="kernel='precomputed' is not"):
                cls(kernel="precomputed").fit(X @ X.T, target)

    def test_random_state(self, data):
        X, y, X_test = data
        model = EigenProRegressor(40, max_iter=2, random_state=3)
        first = clone(model).fit(X, y).predict(X_test)
        assert_array_equal(clone(model).fit(X, y).predict(X_test), first)
        assert_array_equal(
            clone(model)
            .set_params(random_state=np.random.RandomState(3))
            .fit(X, y)
            .predict(X_test),
            first,
        )
        other = clone(model).set_params(random_state=4).fit(X, y)
        assert not np.array_equal(other.predict(X_test), first)

    @N_CENTERS
    def test_plain_gradient_descent(self, data, n_centers):
        X, y, _ = data
        model = EigenProRegressor(
            n_centers, n_components=0, max_iter=20, random_state=0
        ).fit(X, y)
        assert model.n_components_ == 0 and model.eigenvalues_.shape == (0,)
        flattened = clone(model).set_params(n_components=30).fit(X, y)
        assert flattened.eigenvalues_.shape == (30,)
        assert flattened.critical_batch_size_ > model.critical_batch_size_
        assert model.train_loss_[-1] < model.train_loss_[0] < np.var(y)

    def test_one_step_of_plain_gradient_descent(self, data):
        X, y, _ = data
        model = EigenProRegressor(
            n_components=0, batch_size=300, max_iter=1, random_state=0
        ).fit(X, y)
        # The step of length 1.9 / (n lambda) from zero; lambda is a little too large.
        assert_allclose(model.coef_, model.step_size_ * (y - y.mean()))
        top = np.linalg.eigvalsh(model.kernel_(X))[-1]
        assert 1.9 / 1.2 / top < model.step_size_ <= 1.9 / top

    @N_CENTERS
    def test_reported_steps(self, data, n_centers):
        X, y, _ = data
        model = EigenProRegressor(n_centers, max_iter=1, random_state=0).fit(X, y)
        assert 1 <= model.batch_size_ <= model.critical_batch_size_
        assert 0 < model.n_components_ < model.n_centers_
        assert (np.diff(model.eigenvalues_) <= 0).all()
        assert model.train_loss_.shape == (1,)
        given = clone(model).set_params(batch_size=13).fit(X, y)
        assert given.batch_size_ == 13

    def test_white_noise_is_not_part_of_the_model(self, data):
        # It is zero between different rows, and the model's values have no such term.
        X, y, X_test = data
        plain = EigenProRegressor(kernel=RBF(1.0), max_iter=3, random_state=0)
        noisy = clone(plain).set_params(kernel=RBF(1.0) + WhiteNoise(0.5))
        assert_allclose(
            noisy.fit(X, y).predict(X_test), plain.fit(X, y).predict(X_test), rtol=1e-9
        )

    @N_CENTERS
    def test_callable_kernel(self, data, n_centers):
        X, y, X_test = data

        def block(X, Z):
            return np.exp(-np.sqrt(((X[:, None] - Z[None]) ** 2).sum(axis=2)) / 3.0)

        model = EigenProRegressor(n_centers, max_iter=2, random_state=0)
        known = clone(model).set_params(kernel=Exponential(3.0)).fit(X, y)
        for kernel in (block, CallableKernel(block)):
            own = clone(model).set_params(kernel=kernel).fit(X, y)
            assert_allclose(own.predict(X_test), known.predict(X_test), rtol=1e-7)

    @N_CENTERS
    def test_predictions_do_not_depend_on_their_number(self, data, n_centers):
        X, y, X_test = data
        model = EigenProRegressor(n_centers, max_iter=2, random_state=0).fit(X, y)
        single = [model.predict(X_test[i : i + 1])[0] for i in range(10)]
        assert_allclose(single, model.predict(X_test)[:10], rtol=1e-12)

    @pytest.mark.parametrize(
        "name, value",
        [
            ("n_centers", 0),
            ("alpha", -1.0),
            ("max_iter", 0),
            ("batch_size", 0),
            ("batch_size", "all"),
            ("learning_rate", "adaptive"),
            ("n_subsamples", 0),
            ("n_components", -1),
            ("projection_period", 0),
            ("validation_fraction", 1.0),
            ("n_iter_no_change", 0),
        ],
    )
    def test_bad_values(self, data, name, value):
        X, y, _ = data
        with pytest.raises(ValueError, match=f"'{name}' parameter of EigenProReg"):
            EigenProRegressor(**{name: value}).fit(X, y)


@pytest.mark.parametrize(
    "model",
    [EigenProClassifier, NystroemKernelRidgeClassifier],
    ids=lambda m: m.__name__,
)
def test_grid_search_in_a_pipeline(model):
    X, y = load_iris(return_X_y=True)
    name = model.__name__.lower()
    grid = {
        f"{name}__kernel": ["exponential", "rbf"],
        f"{name}__alpha": [1e-3, 1.0],
        f"{name}__n_centers": [10, 30],
    }
    pipeline = make_pipeline(StandardScaler(), model(random_state=0))
    serial = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    parallel = GridSearchCV(pipeline, grid, cv=2, n_jobs=2).fit(X, y)
    assert_allclose(
        parallel.cv_results_["mean_test_score"], serial.cv_results_["mean_test_score"]
    )
    assert parallel.best_score_ > 0.9
    assert parallel.best_params_ == serial.best_params_
