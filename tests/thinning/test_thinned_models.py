"""The models on a coreset: what they compute, and what the coreset is worth."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.kernel_approximation import Nystroem
from sklearn.kernel_ridge import KernelRidge as SklearnKernelRidge
from sklearn.neighbors import KernelDensity

from skkernels import KernelRidge, KernelRidgeClassifier
from skkernels.coresets import compress
from skkernels.coresets._supervised_kernel import (
    SupervisedKernel,
    standardize_targets,
    supervised_kernel,
)
from skkernels.kernels import RBF, Polynomial, make_kernel
from skkernels.thinning import (
    ThinnedKernelDensity,
    ThinnedKernelRidge,
    ThinnedKernelRidgeClassifier,
    ThinnedNadarayaWatsonClassifier,
    ThinnedNadarayaWatsonRegressor,
    ThinnedNystroem,
)
from skkernels.thinning._thinned_bandwidth import search_gamma
from skkernels.thinning._thinned_base import coreset_size, stratum_sizes
from skkernels.thinning._thinned_leave_one_out import LeaveOneOut


def waves(n, seed):
    """The problem of the paper on supervised thinning."""
    rng = np.random.RandomState(seed)
    X = rng.uniform(-np.sqrt(3), np.sqrt(3), size=(n, 1))
    truth = 8 * np.sin(8 * X[:, 0]) * np.exp(X[:, 0])
    return X, truth + rng.randn(n), truth


def surface(n, seed):
    rng = np.random.RandomState(seed)
    X = rng.randn(n, 2)
    truth = np.sin(3 * X[:, 0]) * np.cos(2 * X[:, 1])
    return X, truth + 0.3 * rng.randn(n), truth


def mean_error(model, data, seed, n=2000):
    X, y, truth = data(n + 500, seed)
    model.set_params(random_state=seed).fit(X[:n], y[:n])
    return np.mean((model.predict(X[n:]) - truth[n:]) ** 2)


def error_of_subset(model, data, seed, size, n=2000):
    X, y, truth = data(n + 500, seed)
    rows = np.random.RandomState(seed).permutation(n)[:size]
    model.fit(X[rows], y[rows], sample_weight=np.full(size, n / size))
    return np.mean((model.predict(X[n:]) - truth[n:]) ** 2)


def standard_errors(worse, better):
    """How many standard errors the mean log ratio of paired errors is above 0."""
    ratios = np.log(np.array(worse) / np.array(better))
    return ratios.mean() / (ratios.std(ddof=1) / np.sqrt(ratios.size))


class TestSupervisedKernel:
    @pytest.mark.parametrize(
        "kernel", [RBF(0.7), 3.0 * Polynomial(degree=2, gamma=0.5)]
    )
    @pytest.mark.parametrize("sparse", [False, True])
    @pytest.mark.parametrize("kind", ["ridge", "average"])
    def test_formulas(self, kernel, kind, sparse):
        rng = np.random.RandomState(0)
        X, Y = rng.randn(9, 3), rng.randn(9, 2)
        X[X < 0] = 0
        K = kernel(X)
        pairs, rows = supervised_kernel(
            kernel, sp.csr_array(X) if sparse else X, Y, kind
        )
        assert sp.issparse(rows) == sparse
        if kind == "ridge":
            expected = K**2 + K * (Y @ Y.T) * K.diagonal().mean()
        else:
            expected = K * (1 + Y @ Y.T)
        assert_allclose(pairs(rows), expected, rtol=1e-12)
        assert_allclose(pairs(rows[:4], rows[2:]), expected[:4, 2:], rtol=1e-12)
        assert_allclose(pairs.diag(rows), expected.diagonal(), rtol=1e-12)
        assert pairs.is_psd is kernel.is_psd

    def test_unknown_kind(self):
        with pytest.raises(ValueError, match="'ridge', 'average'"):
            SupervisedKernel(RBF(), 1, "else")(np.eye(2))

    def test_targets_have_unit_mean_square(self):
        Y = np.random.RandomState(0).randn(50, 3) * [1, 10, 100] + [0, 5, -3]
        weights = np.random.RandomState(1).randint(1, 4, size=50)
        Z = standardize_targets(Y, weights)
        assert_allclose(weights @ Z, 0, atol=1e-10)
        assert_allclose(np.average((Z**2).sum(axis=1), weights=weights), 1)
        repeated = standardize_targets(np.repeat(Y, weights, axis=0))
        assert_allclose(np.repeat(Z, weights, axis=0), repeated, rtol=1e-10, atol=1e-12)
        assert_array_equal(standardize_targets(np.full((4, 2), 0.1)), 0)

    def test_scale_of_a_kernel_makes_no_difference(self):
        X, y, _ = waves(300, 0)
        indices = [
            ThinnedKernelRidge(20, kernel=c * RBF(0.2), random_state=0)
            .fit(X, y)
            .sample_indices_
            for c in (1.0, 64.0)
        ]
        assert_array_equal(*indices)


class TestSizes:
    def test_auto_leaves_small_data_alone(self):
        assert [coreset_size("auto", n) for n in (10, 1024, 1025)] == [10, 1024, 1024]
        assert coreset_size("auto", 10**6) == 4000
        assert coreset_size("auto", 10**6 + 1) == 4 * 1001

    @pytest.mark.parametrize("seed", range(20))
    def test_sizes_of_classes(self, seed):
        rng = np.random.RandomState(seed)
        shares = rng.dirichlet(np.full(rng.randint(2, 12), 0.3))
        size = rng.randint(1, 60)
        sizes = stratum_sizes(shares, size)
        assert sizes.sum() == max(size, shares.size)
        assert sizes.min() >= 1
        free = sizes > 1
        # Rounded to a neighbour, except for what the small classes took.
        assert (sizes[free] <= np.ceil(shares[free] * size)).all()

    def test_sizes_in_exact_proportion_stay(self):
        assert_array_equal(stratum_sizes(np.array([0.1, 0.2, 0.7]), 10), [1, 2, 7])


class TestRidge:
    @pytest.mark.parametrize("weighted", [False, True])
    @pytest.mark.parametrize("multi", [False, True])
    def test_all_rows_are_kernel_ridge(self, weighted, multi):
        X, y, _ = surface(120, 0)
        Y = np.column_stack([y, y**2]) if multi else y
        weights = np.random.RandomState(0).randint(0, 4, 120) if weighted else None
        params = {"kernel": "rbf", "gamma": 0.8, "alpha": 0.3}
        expected = SklearnKernelRidge(**params).fit(X, Y, sample_weight=weights)
        model = ThinnedKernelRidge(fit_intercept=False, **params)
        model.fit(X, Y, sample_weight=weights)
        assert_allclose(model.predict(X), expected.predict(X), rtol=1e-8, atol=1e-8)
        mean = np.average(Y, axis=0, weights=weights)
        expected.fit(X, Y - mean, sample_weight=weights)
        model.set_params(fit_intercept=True).fit(X, Y, sample_weight=weights)
        assert_allclose(model.predict(X), expected.predict(X) + mean, atol=1e-8)

    def test_alpha_for_each_target(self):
        X, y, _ = surface(80, 0)
        model = ThinnedKernelRidge(40, alpha=[0.1, 5.0], random_state=0)
        both = model.fit(X, np.column_stack([y, y])).predict(X)
        assert not np.allclose(both[:, 0], both[:, 1])
        with pytest.raises(ValueError, match="alpha"):
            ThinnedKernelRidge(alpha=[1.0, 2.0, 3.0]).fit(X, np.column_stack([y, y]))

    def test_model_is_ridge_on_the_weighted_coreset(self):
        X, y, _ = surface(400, 0)
        weights = np.random.RandomState(0).uniform(size=400)
        model = ThinnedKernelRidge(50, alpha=0.5, random_state=0)
        model.fit(X, y, sample_weight=weights)
        rows = model.sample_indices_
        mean = np.average(y, weights=weights)
        expected = KernelRidge(kernel=model.kernel_, alpha=0.5).fit(
            X[rows],
            y[rows] - mean,
            sample_weight=weights.sum() * model.coreset_weights_,
        )
        assert_allclose(model.predict(X), expected.predict(X) + mean, atol=1e-8)

    def test_conjugate_gradients_agree(self, monkeypatch):
        from skkernels.thinning import _thinned_ridge_base as module

        X, y, _ = surface(400, 0)
        model = ThinnedKernelRidge(100, random_state=0)
        direct = model.fit(X, y).predict(X)
        monkeypatch.setattr(module, "_MAX_DIRECT", 10)
        assert_allclose(model.fit(X, y).predict(X), direct, atol=1e-6)

    def test_classifier_on_all_rows(self):
        X, y = load_iris(return_X_y=True)
        params = {"alpha": 0.2, "class_weight": {0: 1.0, 1: 2.0, 2: 0.5}}
        expected = KernelRidgeClassifier(**params).fit(X, y)
        model = ThinnedKernelRidgeClassifier(**params).fit(X, y)
        scores = model.decision_function(X)
        assert_allclose(scores, expected.decision_function(X), atol=1e-8)

    @pytest.mark.parametrize("size", [64, 128])
    @pytest.mark.parametrize("data, gamma", [(waves, 30.0), (surface, 1.0)])
    def test_better_than_a_random_subset(self, data, gamma, size):
        params = {"alpha": 1.0, "gamma": gamma}
        thinned, random = (
            ThinnedKernelRidge(size, **params),
            ThinnedKernelRidge(**params),
        )
        seeds = range(20)
        subset = [error_of_subset(random, data, seed, size) for seed in seeds]
        assert (
            standard_errors(subset, [mean_error(thinned, data, s) for s in seeds]) > 3
        )


class TestNadarayaWatson:
    @pytest.mark.parametrize("size", ["auto", 40])
    def test_formula(self, size):
        X, y, _ = surface(150, 0)
        weights = np.random.RandomState(0).randint(1, 4, 150)
        Y = np.column_stack([y, 100 + y**2])
        model = ThinnedNadarayaWatsonRegressor(size, gamma=3.0, random_state=0)
        model.fit(X, Y, sample_weight=weights)
        rows = model.sample_indices_
        assert_array_equal(model.coreset_targets_, Y[rows])
        if size == "auto":
            assert_allclose(model.coreset_weights_, weights / weights.sum())
        grid = np.random.RandomState(1).randn(30, 2)
        K = np.exp(-3 * ((grid[:, None] - X[rows]) ** 2).sum(axis=2))
        K *= model.coreset_weights_
        assert_allclose(model.predict(grid), K @ Y[rows] / K.sum(axis=1)[:, None])

    def test_probabilities(self):
        X, y = load_iris(return_X_y=True)
        model = ThinnedNadarayaWatsonClassifier(
            gamma=2.0, class_weight={0: 1.0, 1: 3.0, 2: 0.5}
        ).fit(X, y)
        K = np.exp(-2 * ((X[:, None] - X) ** 2).sum(axis=2)) * np.array([1, 3, 0.5])[y]
        expected = K @ np.eye(3)[y]
        expected /= expected.sum(axis=1, keepdims=True)
        assert_allclose(model.predict_proba(X), expected, atol=1e-12)
        assert_array_equal(model.predict(X), expected.argmax(axis=1))

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_nothing_in_reach(self, dtype):
        X = np.array([[0.0], [1.0], [5.0]], dtype)
        y = np.array([1.0, 2.0, 6.0], dtype)
        far = np.array([[1e4], [-1e4], [0.5]], dtype)
        for empty, expected in [
            ("nearest", [6, 1]),
            ("mean", [3, 3]),
            ("zero", [0, 0]),
        ]:
            model = ThinnedNadarayaWatsonRegressor(gamma=1.0, empty=empty).fit(X, y)
            values = model.predict(far)
            assert_allclose(values[:2], expected, rtol=1e-6)
            assert_allclose(values[2], 1.5, rtol=1e-4)
        labels = np.array(["a", "b", "b"])
        for empty, expected in [("nearest", [0, 1]), ("mean", [1 / 3, 2 / 3])]:
            model = ThinnedNadarayaWatsonClassifier(gamma=1.0, empty=empty)
            probabilities = model.fit(X, labels).predict_proba(far)
            assert_allclose(probabilities[0], expected, rtol=1e-6)
            assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)

    def test_leave_one_out_error(self):
        X, y, _ = surface(40, 0)
        X[1] = X[0]  # another target at the same place stays
        weights = np.random.RandomState(0).uniform(0.1, 4, 40)
        kernel = RBF(0.5)
        K = kernel(X) * weights
        np.fill_diagonal(K, 0)
        residuals = y - K @ y / K.sum(axis=1)
        judge = LeaveOneOut(X, y[:, None], weights, np.arange(40))
        expected = np.average(residuals**2, weights=weights)
        assert_allclose(judge.error(kernel), expected, rtol=1e-10)
        # Far too narrow: the nearest other row decides.
        narrow = judge.error(RBF(1e-6))
        distances = ((X[:, None] - X) ** 2).sum(axis=2)
        np.fill_diagonal(distances, np.inf)
        residuals = y - y[distances.argmin(axis=1)]
        assert_allclose(narrow, np.average(residuals**2, weights=weights))

    def test_copies_of_a_sample_do_not_predict_it(self):
        X, y, truth = surface(500, 0)
        once = ThinnedNadarayaWatsonRegressor(random_state=0).fit(X, y)
        for factor in (0.5, 1.1, 2.0):
            again = clone(once).fit(X, y, sample_weight=np.full(500, factor))
            assert_allclose(again.gamma_, once.gamma_, rtol=1e-3)
        twice = clone(once).fit(np.repeat(X, 2, axis=0), np.repeat(y, 2))
        assert_allclose(twice.gamma_, once.gamma_, rtol=1e-10)
        assert np.unique(twice.sample_indices_ // 2).size == 500
        labels = (y > 0).astype(int)
        model = ThinnedNadarayaWatsonClassifier(random_state=0)
        gammas = [
            clone(model).fit(X, labels, sample_weight=weights).gamma_
            for weights in (None, np.full(500, 2.0))
        ]
        assert_allclose(*gammas, rtol=1e-10)

    @pytest.mark.parametrize("size", [600, 40])
    def test_few_judges_do_not_depend_on_the_order(self, monkeypatch, size):
        from skkernels.thinning import _thinned_average_base as module

        monkeypatch.setattr(module, "_MAX_JUDGES", 60)
        X, y, _ = surface(300, 0)
        rng = np.random.RandomState(0)
        model = ThinnedNadarayaWatsonRegressor(size, random_state=0)
        weights, order = rng.randint(1, 4, 300), rng.permutation(300)
        expected, shuffled = (
            clone(model).fit(X, y),
            clone(model).fit(X[order], y[order]),
        )
        assert shuffled.gamma_ == expected.gamma_
        assert_allclose(shuffled.predict(X), expected.predict(X), rtol=1e-8)
        rows = rng.permutation(np.repeat(np.arange(300), weights))
        expected = clone(model).fit(X, y, sample_weight=weights)
        repeated = clone(model).fit(X[rows], y[rows])
        assert_allclose(repeated.gamma_, expected.gamma_, rtol=1e-12)
        assert_allclose(repeated.predict(X), expected.predict(X), rtol=1e-8)

    def test_search(self):
        found = search_gamma(lambda gamma: np.log(gamma / 20.0) ** 2, 1.0, 4.0)
        assert 20 / 4**0.25 <= found <= 20 * 4**0.25
        assert search_gamma(lambda gamma: 0.0, 1.0, 4.0) < 1.0

    def test_bandwidth_is_near_the_best_on_new_rows(self):
        X, y, truth = waves(1500, 0)
        for size in ("auto", 100):
            model = ThinnedNadarayaWatsonRegressor(size, random_state=0)
            model.fit(X[:1000], y[:1000])
            errors = []
            for gamma in [model.gamma_, *4.0 ** np.arange(-2, 9)]:
                model.kernel_ = make_kernel("rbf", gamma=gamma)
                residuals = model.predict(X[1000:]) - truth[1000:]
                errors.append(np.mean(residuals**2))
            assert errors[0] < 1.5 * min(errors)
            assert max(errors) > 10 * errors[0]

    def test_rules_of_gamma(self):
        X, y, _ = surface(60, 0)
        for gamma in ("scale", "median", 0.7, None):
            model = ThinnedNadarayaWatsonRegressor(gamma=gamma).fit(X, y)
            expected = KernelRidge(kernel="rbf", gamma=gamma).fit(X, y)
            assert model.gamma_ == expected.gamma_
        kernel = RBF(0.3)
        model = ThinnedNadarayaWatsonRegressor(kernel=kernel).fit(X, y)
        assert model.kernel_ == kernel
        with pytest.raises(ValueError, match="'loo' .* 'poly'"):
            ThinnedNadarayaWatsonRegressor(kernel="poly").fit(X, y)
        assert ThinnedNadarayaWatsonRegressor(kernel="cosine").fit(X, y).gamma_ is None

    @pytest.mark.parametrize("data, gamma", [(waves, 200.0), (surface, 8.0)])
    def test_better_than_a_random_subset(self, data, gamma):
        thinned = ThinnedNadarayaWatsonRegressor(128, gamma=gamma)
        random, seeds = ThinnedNadarayaWatsonRegressor(gamma=gamma), range(20)
        subset = [error_of_subset(random, data, seed, 128) for seed in seeds]
        assert (
            standard_errors(subset, [mean_error(thinned, data, s) for s in seeds]) > 3
        )

    def test_targets_count_in_the_choice(self):
        """Better than a coreset of the features alone, where the paper says so."""
        with_targets, without = [], []
        for seed in range(20):
            X, y, truth = surface(2500, seed)
            kernel = RBF(0.25)
            model = ThinnedNadarayaWatsonRegressor(256, kernel=kernel)
            with_targets.append(mean_error(model, surface, seed))
            rng = np.random.RandomState(seed)
            sequence = rng.permutation(np.resize(np.arange(2000), 2048))
            rows = compress(kernel, X[:2000], 256, sequence, random_state=rng)
            model.set_params(n_coreset="auto").fit(X[rows], y[rows])
            without.append(np.mean((model.predict(X[2000:]) - truth[2000:]) ** 2))
        assert standard_errors(without, with_targets) > 3

    def test_many_features_do_not_collapse_to_the_mean(self):
        """Swaps against all rows would prefer rows with targets near the mean."""
        rng = np.random.RandomState(0)
        X = rng.randn(1500, 10)
        y = X[:, 0] + X[:, 1] ** 2 + rng.randn(1500)
        model = ThinnedNadarayaWatsonRegressor(300, gamma=0.2, random_state=0)
        kept = model.fit(X, y).coreset_targets_
        # A fair choice: within 4 standard errors of a random subset's deviation.
        spread = np.std([np.std(rng.permutation(y)[:300]) for _ in range(200)])
        assert abs(np.std(kept) - np.std(y)) < 4 * spread


@pytest.mark.parametrize(
    "cls", [ThinnedKernelRidgeClassifier, ThinnedNadarayaWatsonClassifier]
)
class TestClasses:
    def test_every_class_survives(self, cls):
        rng = np.random.RandomState(0)
        y = np.repeat(np.arange(6), [400, 300, 200, 10, 2, 1])
        X = rng.randn(y.size, 2) + 0.3 * y[:, None]
        for size in (1, 6, 20):
            model = cls(size, random_state=0).fit(X, y)
            kept = model.sample_indices_
            assert set(y[kept]) == set(range(6))
            assert kept.size <= max(size, 6)
            masses = np.bincount(y[kept], model.coreset_weights_)
            assert_allclose(masses, np.bincount(y) / y.size)

    def test_weight_of_classes(self, cls):
        X, y = load_iris(return_X_y=True)
        X, y = X[:120], y[:120]
        model = cls(30, class_weight="balanced", random_state=0).fit(X, y)
        masses = np.bincount(y[model.sample_indices_], model.coreset_weights_)
        assert_allclose(masses, 1 / 3)

    def test_few_rows_do_well(self, cls):
        X, y = load_digits(return_X_y=True)
        model = cls(300, random_state=0).fit(X[:1200], y[:1200])
        assert model.score(X[1200:], y[1200:]) > 0.9

    def test_one_class(self, cls):
        with pytest.raises(ValueError, match="one class"):
            cls().fit(np.eye(3), [1, 1, 1])


class TestKernelDensity:
    @pytest.mark.parametrize("kernel", ["gaussian", "tophat", "exponential", "cosine"])
    @pytest.mark.parametrize("bandwidth", [0.4, "scott", "silverman"])
    def test_all_rows_are_the_density_of_scikit_learn(self, kernel, bandwidth):
        X = np.random.RandomState(0).randn(200, 2)
        expected = KernelDensity(bandwidth=bandwidth, kernel=kernel).fit(X)
        model = ThinnedKernelDensity(bandwidth=bandwidth, kernel=kernel).fit(X)
        assert model.bandwidth_ == expected.bandwidth_
        grid = np.random.RandomState(1).randn(50, 2)
        assert_allclose(model.score_samples(grid), expected.score_samples(grid))
        assert_allclose(model.score(X), expected.score(X))

    @pytest.mark.parametrize("size", ["auto", 30])
    @pytest.mark.parametrize("bandwidth", ["scale", "scott", "silverman"])
    def test_weights_are_repetitions(self, bandwidth, size):
        rng = np.random.RandomState(0)
        X, weights = rng.randn(90, 2), rng.randint(0, 4, 90)
        order = rng.permutation(np.repeat(np.arange(90), weights))
        model = ThinnedKernelDensity(size, bandwidth=bandwidth, random_state=0)
        weighted = model.fit(X, sample_weight=weights).score_samples(X)
        repeated = model.fit(X[order]).score_samples(X)
        assert_allclose(weighted, repeated, rtol=1e-8)

    def test_scale_follows_the_data(self):
        X = np.random.RandomState(0).randn(300, 2)
        narrow, wide = (
            ThinnedKernelDensity(50, random_state=0).fit(c * X) for c in (1.0, 1000.0)
        )
        assert_allclose(wide.bandwidth_, 1000 * narrow.bandwidth_)
        assert ThinnedKernelDensity().fit(np.ones((5, 2))).bandwidth_ > 0

    def test_closer_than_a_random_subset(self):
        random, thinned = [], []
        for seed in range(10):
            rng = np.random.RandomState(seed)
            X = np.vstack([rng.randn(1500, 2), rng.randn(500, 2) + 4])
            grid = X[rng.permutation(2000)[:200]]
            full = np.exp(KernelDensity(bandwidth=0.5).fit(X).score_samples(grid))
            rows = rng.permutation(2000)[:100]
            subset = KernelDensity(bandwidth=0.5).fit(X[rows]).score_samples(grid)
            model = ThinnedKernelDensity(100, bandwidth=0.5, random_state=seed).fit(X)
            random.append(np.mean((np.exp(subset) - full) ** 2))
            thinned.append(np.mean((np.exp(model.score_samples(grid)) - full) ** 2))
        assert standard_errors(random, thinned) > 5

    def test_sample(self):
        X = np.random.RandomState(0).randn(500, 2) + [3, -1]
        model = ThinnedKernelDensity(60, random_state=0).fit(X)
        draws = model.sample(4000, random_state=0)
        assert draws.shape == (4000, 2)
        assert_array_equal(draws, model.sample(4000, random_state=0))
        assert_allclose(draws.mean(axis=0), X.mean(axis=0), atol=0.15)
        with pytest.raises(ValueError, match="'gaussian' and 'tophat'.*'linear'"):
            ThinnedKernelDensity(kernel="linear").fit(X).sample()


class TestNystroem:
    def test_kernel_of_the_features_is_that_of_scikit_learn(self):
        X, _, _ = surface(300, 0)
        model = ThinnedNystroem(30, gamma=2.0, random_state=0).fit(X)
        peer = Nystroem(gamma=2.0, n_components=30)
        peer.fit(model.coreset_)
        Z, expected = model.transform(X), peer.transform(X)
        assert Z.shape == (300, 30)
        assert_allclose(Z @ Z.T, expected @ expected.T, atol=1e-8)
        names = model.get_feature_names_out()
        assert names[0] == "thinnednystroem0" and names.size == 30

    def test_all_rows_are_the_kernel(self):
        X, _, _ = surface(80, 0)
        Z = ThinnedNystroem(1.0, random_state=0).fit_transform(X)
        assert_allclose(Z @ Z.T, ThinnedNystroem().fit(X).kernel_(X), atol=1e-7)

    def test_rank_of_the_kernel(self):
        X = np.random.RandomState(0).randn(100, 3)
        model = ThinnedNystroem(50, kernel="linear", random_state=0).fit(X)
        assert model.n_components_ == 3
        assert_allclose(model.transform(X) @ model.transform(X).T, X @ X.T, atol=1e-8)

    def test_single_precision_is_not_amplified(self):
        X, _, _ = surface(300, 0)
        X = X.astype(np.float32)
        model = ThinnedNystroem(100, gamma=0.1, random_state=0).fit(X)
        Z = model.transform(X).astype(np.float64)
        assert_allclose(Z @ Z.T, model.kernel_(X.astype(np.float64)), atol=1e-4)
