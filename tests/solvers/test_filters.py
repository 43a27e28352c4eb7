"""Spectral filters: closed forms, decompositions, iterations."""

import warnings
from itertools import islice

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.model_selection import LeaveOneOut

from skkernels.kernels import RBF, Exponential
from skkernels.operators import PrecomputedOperator
from skkernels.solvers import (
    ITERATIONS,
    MAIN_PARAMETERS,
    FilterPath,
    NystroemPath,
    check_step,
    default_values,
    iterate,
    iterate_ridge,
    krylov_filter,
    make_filter,
    top_eigenvalue,
)
from skkernels.solvers._filters import step_coefficients

# Name, values of the main parameter, others; for a spectrum up to 0.4 and W = 30.
FILTERS = [
    ("tikhonov", [0.3, 3.0], {}),
    ("iterated_tikhonov", [0.3, 3.0], {"order": 3}),
    ("self_distillation", [0.3, 3.0], {"mixing": [0.4, 0.0, 1.3]}),
    ("gradient_flow", [5.0, 80.0], {}),
    ("landweber", [3, 40], {"step": 2.1}),
    ("heavy_ball", [1, 25], {"step": 2.1, "momentum": 0.8}),
    ("nu_method", [1, 2, 30], {"nu": 1.5}),
    ("cutoff", [0.02, 0.1], {}),
    (lambda t: t**2 / (t**2 + 1e-2), None, {}),
]
every = pytest.mark.parametrize(
    "name, values, others", FILTERS, ids=[str(f[0])[:17] for f in FILTERS]
)
weighted = pytest.mark.parametrize("kind", ["plain", "weighted"])


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 2))
    Y = np.column_stack([np.sin(X[:, 0]), X[:, 0] * X[:, 1]])
    return X, Exponential(1.0)(X), Y + 0.1 * rng.normal(size=Y.shape)


def weights_of(kind):
    if kind == "plain":
        return None
    return np.random.default_rng(1).uniform(0.3, 3.0, 30)


def spectrum(K, weights):
    w = np.ones(len(K)) if weights is None else weights
    return np.linalg.eigvalsh(np.sqrt(np.outer(w, w)) * K / w.sum())


def filter_for(path, name, values, others):
    return make_filter(
        name, values, total=path.total, top=path.eigenvalues[0], **others
    )


def smoother(K, weights, filter):
    """The matrix from targets to fitted values, from the definition."""
    w = np.ones(len(K)) if weights is None else weights
    root = np.sqrt(w)
    t, V = np.linalg.eigh(np.outer(root, root) * K / w.sum())
    H = V * filter.learning(np.maximum(t, 0))[:, 0] @ V.T
    return H * root / root[:, None]


def indefinite(seed=4):
    """A matrix with eigenvalues of both signs, three of which are negative."""
    V = np.linalg.qr(np.random.default_rng(seed).normal(size=(30, 30)))[0]
    t = np.concatenate([[-6.0, -0.5, -1e-6], np.geomspace(1e-3, 12.0, 27)])
    return V * t @ V.T


class Bounded:
    """A filter where what is left of an eigenvector counts by its size."""

    def __init__(self, filter):
        self.filter = filter

    def learning(self, t):
        return 1.0 - abs(1.0 - self.filter.learning(t))


class TestClosedForms:
    t = np.concatenate([[0.0], np.geomspace(1e-18, 0.4, 60)])

    @every
    def test_parts_belong_together(self, name, values, others):
        filter = make_filter(name, values, total=30.0, top=0.4, **others)
        phi, residual = filter.evaluate(self.t)
        h = filter.learning(self.t)
        assert_allclose(h + residual, 1.0, atol=1e-13)
        assert_allclose(self.t[1:, None] * phi[1:], h[1:], rtol=1e-12, atol=0)
        assert_array_equal(filter.multiplier(self.t), phi)
        assert h.shape == (61, len(filter.values))
        for j in range(len(filter.values)):
            chosen = filter.select(j)
            assert_array_equal(chosen.values, filter.values[j : j + 1])
            assert_array_equal(chosen.learning(self.t)[:, 0], h[:, j])

    @pytest.mark.parametrize(
        "name, values, others",
        [f for f in FILTERS if f[0] not in ("heavy_ball", "nu_method")],
    )
    def test_more_is_fitted_of_larger_eigenvalues(self, name, values, others):
        h = make_filter(name, values, total=30.0, top=0.4, **others).learning(self.t)
        assert (np.diff(h, axis=0) >= -1e-15).all()
        assert (h >= 0).all() and (h <= 1).all()

    @pytest.mark.parametrize(
        "name, value, others, limit",
        [
            ("tikhonov", 0.3, {}, 100.0),
            ("iterated_tikhonov", 0.3, {"order": 3}, 300.0),
            # The round of share s is (s + (1 - s) h) / lam, which has no h at 0.
            ("self_distillation", 0.3, {"mixing": [0.7, 0.4]}, 40.0),
            ("gradient_flow", 80.0, {}, 80.0),
            ("landweber", 40, {"step": 2.0}, 80.0),
            ("heavy_ball", 3, {"step": 2.0, "momentum": 0.5}, 2 * (1 + 1.5 + 1.75)),
            ("cutoff", 0.1, {}, 0.0),
        ],
    )
    def test_multiplier_near_zero(self, name, value, others, limit):
        filter = make_filter(name, value, total=30.0, top=0.4, **others)
        assert_allclose(filter.multiplier([0.0, 1e-300, 1e-18]), limit, rtol=1e-13)
        # First order in t, where the direct formula has lost half of its digits.
        below, above = filter.multiplier([1e-8, 2e-8])
        assert_allclose(2 * below - above, limit, rtol=1e-10)

    def test_ridge_residual_has_no_cancellation(self):
        residual = make_filter("tikhonov", 1e-18).evaluate([0.5])[1]
        assert_allclose(residual, 2e-18, rtol=1e-14)
        residual = make_filter("landweber", 60, step=2.0).evaluate([0.25])[1]
        assert_allclose(residual, 0.5**60, rtol=1e-13)

    @pytest.mark.parametrize("alpha", [0.0, 0.5])
    def test_relatives(self, alpha):
        t = self.t[1:]

        def h(name, value, **others):
            return make_filter(name, value, **others).learning(t)

        ridge = h("tikhonov", alpha)
        assert_allclose(h("iterated_tikhonov", alpha, order=1), ridge, rtol=1e-13)
        assert_allclose(h("self_distillation", alpha, mixing=[1.0]), ridge, rtol=1e-13)
        # A share of two extrapolates to the next order.
        twice = h("iterated_tikhonov", alpha, order=2)
        assert_allclose(h("self_distillation", alpha, mixing=[2.0]), twice, rtol=1e-13)
        assert_allclose(
            h("heavy_ball", 9, step=2.0, momentum=0.0),
            h("landweber", 9, step=2.0),
            rtol=1e-12,
        )
        flow = h("gradient_flow", 10.0)
        assert_allclose(h("landweber", 10**7, step=1e-6), flow, rtol=1e-5)

    @pytest.mark.parametrize("nu", [0.5, 1.0, 2.0])
    def test_nu_method_stays_between(self, nu):
        t = np.linspace(0, 1, 2001)
        steps = np.arange(1, 201)
        residual = make_filter("nu_method", steps, nu=nu).evaluate(t)[1]
        assert (np.abs(residual) <= 1 + 1e-10).all()
        assert_allclose(residual[0], 1.0)

    def test_nu_method_against_orthogonal_polynomials(self):
        # The residual polynomials in sqrt(t) = cos are Jacobi polynomials of t with
        # parameters 2 nu - 1/2 and -1/2, equal to 1 at t = 0.
        from scipy.special import eval_jacobi

        t, nu = np.linspace(0, 1, 101), 1.0
        for k in (1, 2, 7, 40):
            got = make_filter("nu_method", k, nu=nu).evaluate(t)[1][:, 0]
            expected = eval_jacobi(k, 2 * nu - 0.5, -0.5, 1 - 2 * t)
            expected /= eval_jacobi(k, 2 * nu - 0.5, -0.5, 1.0)
            assert_allclose(got, expected, atol=1e-11)

    @pytest.mark.parametrize(
        "name, others, smoothness, rate",
        [
            ("tikhonov", {}, 0.5, 0.5),
            ("tikhonov", {}, 1.0, 1.0),
            ("tikhonov", {}, 2.0, 1.0),  # saturated
            ("iterated_tikhonov", {"order": 2}, 2.0, 2.0),
            ("iterated_tikhonov", {"order": 2}, 3.0, 2.0),
            ("self_distillation", {}, 2.0, 1.0),
            ("gradient_flow", {}, 3.0, 3.0),
            ("landweber", {}, 3.0, 3.0),
            ("cutoff", {}, 3.0, 3.0),
            ("nu_method", {"nu": 1.0}, 1.0, 1.0),
            ("nu_method", {"nu": 2.0}, 2.0, 2.0),
        ],
    )
    def test_qualification(self, name, others, smoothness, rate):
        # The largest t^s (1 - h(t)) falls like lam^min(s, qualification).
        t = np.geomspace(1e-10, 1.0, 20001)
        lam = np.array([1e-5, 1e-6])
        values = {"alpha": lam, "threshold": lam, "time": 1 / lam}
        steps = np.round(lam**-0.5 if name == "nu_method" else 1 / lam)
        main = MAIN_PARAMETERS[name]
        filter = make_filter(name, values.get(main, steps), **others)
        bias = (t[:, None] ** smoothness * np.abs(filter.evaluate(t)[1])).max(axis=0)
        assert_allclose(np.log10(bias[0] / bias[1]), rate, atol=0.05)

    def test_cutoff_keeps_the_threshold(self):
        h = make_filter("cutoff", 0.1).learning([0.1 - 1e-15, 0.1])
        assert_array_equal(h, [[0.0], [1.0]])

    def test_function(self):
        with pytest.raises(ValueError, match=r"finite numbers of the same shape"):
            make_filter(lambda t: 1.0).evaluate(np.ones(3))
        with pytest.raises(ValueError, match="finite"):
            make_filter(lambda t: np.log(t - t)).evaluate(np.ones(3))


class TestSteps:
    @pytest.mark.parametrize("momentum", [0.0, 0.6])
    @pytest.mark.parametrize("name", ["landweber", "heavy_ball"])
    def test_bound_is_where_the_iteration_stops_to_converge(self, name, momentum):
        top = 0.4
        bound = 2 * (1 + (momentum if name == "heavy_ball" else 0)) / top
        check_step(name, 0.999 * bound, top, momentum)
        for step in (bound, 1.5 * bound):
            with pytest.raises(ValueError, match=f"step below {bound:.4g}"):
                check_step(name, step, top, momentum)
        for factor, converges in ((0.99, True), (1.01, False)):
            filter = make_filter(name, 3000, step=factor * bound, momentum=momentum)
            assert (abs(filter.evaluate([top])[1][0, 0]) < 1.0) == converges

    @pytest.mark.parametrize("name", ["landweber", "heavy_ball", "nu_method"])
    def test_automatic_step(self, name):
        t = np.linspace(0, 0.4, 50)
        own = make_filter(name, [7], top=0.4).learning(t)
        given = make_filter(name, [7], top=0.4, step=1 / 0.4).learning(t)
        assert_array_equal(own, given)
        scaled = make_filter(name, [7], top=4.0).learning(10 * t)
        assert_allclose(scaled, own, rtol=1e-12)

    @pytest.mark.parametrize("name", list(MAIN_PARAMETERS))
    def test_default_values(self, name):
        t = np.geomspace(0.4, 1e-6, 30)
        values = default_values(name, t, 30.0)
        filter = make_filter(name, values, total=30.0, top=0.4)
        assert len(values) >= 10 and (values > 0).all()
        kept = filter.learning(t)
        if name not in ("heavy_ball", "nu_method"):
            assert (np.diff(kept.sum(axis=0)) >= 0).all()
        # From little more than the first eigenvector to almost all.
        assert kept[:, 0].sum() < 6 and kept[:10, -1].min() > 0.99
        assert default_values(name, np.zeros(3), 30.0).size
        assert default_values(name, np.zeros(0), 30.0).size


class TestExplicitIterations:
    """The filters are what the iterations with their names compute."""

    @pytest.fixture
    def problem(self, data):
        _, G, Y = data
        return G, Y, len(G), np.linalg.eigvalsh(G / len(G))[-1]

    def coefficients(self, G, Y, name, value, **others):
        path = FilterPath(G.copy(), Y, None)
        return path.coefficients(filter_for(path, name, [value], others))

    def test_landweber(self, problem):
        G, Y, n, top = problem
        c = np.zeros_like(Y)
        for _ in range(60):
            c = c + 1.9 / top / n * (Y - G @ c)
        got = self.coefficients(G, Y, "landweber", 60, step=1.9 / top)
        assert_allclose(got, c, atol=1e-12)

    def test_heavy_ball(self, problem):
        G, Y, n, top = problem
        before = c = np.zeros_like(Y)
        for _ in range(60):
            before, c = c, c + (Y - G @ c) / (n * top) + 0.7 * (c - before)
        got = self.coefficients(G, Y, "heavy_ball", 60, momentum=0.7)
        assert_allclose(got, c, atol=1e-12 * abs(c).max())

    def test_nu_method(self, problem):
        G, Y, n, top = problem
        nu, scale = 1.5, n * top
        before, c = np.zeros_like(Y), (4 * nu + 2) / (4 * nu + 1) * Y / scale
        for k in range(2, 41):
            mu = (k - 1) * (2 * k - 3) * (2 * k + 2 * nu - 1)
            mu /= (k + 2 * nu - 1) * (2 * k + 4 * nu - 1) * (2 * k + 2 * nu - 3)
            omega = 4 * (2 * k + 2 * nu - 1) * (k + nu - 1)
            omega /= (k + 2 * nu - 1) * (2 * k + 4 * nu - 1)
            move = mu * (c - before) + omega * (Y - G @ c) / scale
            before, c = c, c + move
        got = self.coefficients(G, Y, "nu_method", 40, nu=nu)
        assert_allclose(got, c, atol=1e-12 * abs(c).max())

    def test_iterated_tikhonov(self, problem):
        G, Y, n, _ = problem
        c = np.zeros_like(Y)
        for _ in range(4):
            c = np.linalg.solve(G + 0.2 * np.eye(n), Y + 0.2 * c)
        got = self.coefficients(G, Y, "iterated_tikhonov", 0.2, order=4)
        assert_allclose(got, c, atol=1e-12)

    def test_self_distillation(self, problem):
        G, Y, n, _ = problem
        A = G + 0.2 * np.eye(n)
        c = np.linalg.solve(A, Y)
        for share in (0.4, 0.0, 1.3):
            c = np.linalg.solve(A, share * Y + (1 - share) * G @ c)
        mixing = [0.4, 0.0, 1.3]
        got = self.coefficients(G, Y, "self_distillation", 0.2, mixing=mixing)
        assert_allclose(got, c, atol=1e-12)

    def test_gradient_flow_solves_its_differential_equation(self, problem):
        # c' = (Y - G c) / n by the classical Runge-Kutta method.
        G, Y, n, _ = problem
        c, step = np.zeros_like(Y), 0.05

        def slope(c):
            return (Y - G @ c) / n

        for _ in range(400):
            k1 = slope(c)
            k2 = slope(c + step / 2 * k1)
            k3 = slope(c + step / 2 * k2)
            c = c + step / 6 * (k1 + 2 * k2 + 2 * k3 + slope(c + step * k3))
        got = self.coefficients(G, Y, "gradient_flow", 20.0)
        assert_allclose(got, c, atol=1e-9)

    def test_coefficients_of_the_steps(self):
        assert (
            list(islice(step_coefficients("landweber", 2.0, None), 3))
            == [(0.0, 2.0)] * 3
        )
        steps = list(islice(step_coefficients("heavy_ball", 2.0, 0.5), 3))
        assert steps == [(0.0, 2.0), (0.5, 2.0), (0.5, 2.0)]


class TestFilterPath:
    @every
    @weighted
    def test_definition(self, data, kind, name, values, others):
        _, K, Y = data
        w = weights_of(kind)
        path = FilterPath(K.copy(), Y, w)
        filter = filter_for(path, name, values, others)
        coefficients, fitted = path.coefficients(filter), path.fitted(filter)
        assert_allclose(path.eigenvalues, spectrum(K, w)[::-1], atol=1e-14)
        for j in range(len(filter.values)):
            columns = slice(2 * j, 2 * j + 2)
            expected = smoother(K, w, filter.select(j)) @ Y
            assert_allclose(fitted[:, columns], expected, atol=1e-12)
            values_at = K @ coefficients[:, columns]
            assert_allclose(values_at, expected, atol=1e-11)

    @weighted
    def test_leave_one_out_of_ridge_is_refitting(self, data, kind):
        _, K, Y = data
        w = weights_of(kind)
        path = FilterPath(K.copy(), Y, w)
        alphas = [1e-3, 0.1, 10.0]
        filter = make_filter("tikhonov", alphas, total=path.total)
        got = list(path.leave_one_out(filter))
        for alpha, predictions in zip(alphas, got):
            for i, (rest, _) in enumerate(LeaveOneOut().split(K)):
                v = np.ones(30) if w is None else w.copy()
                if v[i] > 1:  # one unit is left out, the others stay
                    v[i] -= 1.0
                    rest = np.arange(30)
                A = K[np.ix_(rest, rest)] + alpha * np.diag(1 / v[rest])
                c = np.linalg.solve(A, Y[rest])
                assert_allclose(predictions[i], K[i, rest] @ c, atol=1e-9)

    @every
    @weighted
    def test_leave_one_out_formula(self, data, kind, name, values, others):
        _, K, Y = data
        w = weights_of(kind)
        path = FilterPath(K.copy(), Y, w)
        filter = filter_for(path, name, values, others)
        share = 1.0 if w is None else 1.0 / np.maximum(w, 1.0)
        for j, got in enumerate(path.leave_one_out(filter)):
            one = filter.select(j)
            S = smoother(K, w, one)
            leverages = np.diagonal(smoother(K, w, Bounded(one)))
            if name not in ("heavy_ball", "nu_method"):
                assert_allclose(leverages, np.diagonal(S), atol=1e-12)
            rest = 1.0 - share * leverages
            assert_allclose(got, Y - (Y - S @ Y) / rest[:, None], atol=1e-10)
        # One of very many copies makes no difference.
        path = FilterPath(K.copy(), Y, w, np.full(30, 1e9))
        fitted = np.hsplit(path.fitted(filter), j + 1)
        for got, expected in zip(path.leave_one_out(filter), fitted):
            assert_allclose(got, expected, atol=1e-7)

    @every
    @weighted
    def test_gcv(self, data, kind, name, values, others):
        _, K, Y = data
        w = weights_of(kind)
        path = FilterPath(K.copy(), Y, w)
        filter = filter_for(path, name, values, others)
        v = np.ones(30) if w is None else w
        size = np.maximum(v, 1.0).sum()
        for j, got in enumerate(path.gcv(filter)):
            S = smoother(K, w, filter.select(j))
            squares = (v[:, None] * (Y - S @ Y) ** 2).sum(axis=0) / v.sum()
            trace = np.trace(smoother(K, w, Bounded(filter.select(j))))
            expected = squares.mean() / (1.0 - trace / size) ** 2
            assert_allclose(got, expected, rtol=1e-10)

    @every
    def test_scale_of_small_weights_does_not_matter(self, data, name, values, others):
        # With all of them at most 1, each sample is left out as a whole.
        _, K, Y = data
        paths = [FilterPath(K.copy(), Y, np.full(30, w)) for w in (1.0, 1.0 / 30)]
        others = {"order": 2, **others} if name == "iterated_tikhonov" else others
        scores = []
        for path in paths:
            scaled = values
            if values is not None and MAIN_PARAMETERS[name] == "alpha":
                scaled = np.array(values) * path.total / 30
            filter = filter_for(path, name, scaled, others)
            scores.append(path.gcv(filter))
        assert_allclose(*scores, rtol=1e-10)

    @every
    @weighted
    def test_indefinite_matrix(self, data, kind, name, values, others):
        _, _, Y = data
        K, w = indefinite(), weights_of(kind)
        path = FilterPath(K.copy(), Y, w)
        assert_allclose(path.smallest, spectrum(K, w)[0])
        filter = filter_for(path, name, values, others)
        coefficients = path.coefficients(filter)
        assert_allclose(K @ coefficients, path.fitted(filter), atol=1e-10)
        # What negative eigenvalues that are zero would give.
        root = np.ones(30) if w is None else np.sqrt(w)
        t, V = np.linalg.eigh(K * np.outer(root, root))
        positive = (V * np.maximum(t, 0.0)) @ V.T / np.outer(root, root)
        again = FilterPath(positive, Y, w)
        assert_allclose(again.fitted(filter), path.fitted(filter), atol=1e-10)
        assert_allclose(again.gcv(filter), path.gcv(filter), rtol=1e-9)

    def test_gcv_of_ridge_is_the_kernel_alignment_risk_estimator(self, data):
        _, K, Y = data
        path = FilterPath(K.copy(), Y, None)
        for alpha in (1e-4, 0.1, 10.0):
            inverse = np.linalg.inv(K / 30 + alpha / 30 * np.eye(30))
            kare = np.diagonal(Y.T @ inverse @ inverse @ Y) / 30
            kare = kare / (np.trace(inverse) / 30) ** 2
            got = path.gcv(make_filter("tikhonov", [alpha], total=30.0))
            assert_allclose(got, kare.mean(), rtol=1e-9)

    @every
    def test_weights_are_repetitions(self, data, name, values, others):
        _, K, Y = data
        w = np.random.default_rng(2).integers(1, 4, 30).astype(float)
        index = np.repeat(np.arange(30), w.astype(int))
        first = np.searchsorted(index, np.arange(30))
        path = FilterPath(K.copy(), Y, w)
        again = FilterPath(K[np.ix_(index, index)], Y[index], None)
        filter = filter_for(path, name, values, others)
        other = filter_for(again, name, values, others)
        sums = np.add.reduceat(again.coefficients(other), first, axis=0)
        assert_allclose(K @ path.coefficients(filter), K @ sums, atol=1e-10)
        assert_allclose(path.gcv(filter), again.gcv(other), rtol=1e-9)
        pairs = zip(path.leave_one_out(filter), again.leave_one_out(other))
        for one, many in pairs:
            assert_allclose(one[index], many, atol=1e-8)

    def test_interpolation_has_no_leave_one_out(self, data):
        _, K, Y = data
        path = FilterPath(K.copy(), Y, None)
        filter = make_filter("tikhonov", [0.0, 0.1], total=30.0)
        none, some = path.leave_one_out(filter)
        assert np.isnan(none).all() and np.isfinite(some).all()
        assert np.isinf(path.gcv(filter)[0])
        assert_allclose(path.fitted(filter)[:, :2], Y, atol=1e-12)

    @pytest.mark.parametrize("name", ["tikhonov", "iterated_tikhonov", "cutoff"])
    def test_singular_matrix_gives_the_minimum_norm(self, data, name):
        X, _, Y = data
        path = FilterPath(X @ X.T, Y, None)
        filter = make_filter(name, [0.0], total=30.0)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            got = X.T @ path.coefficients(filter)
        assert_allclose(got, np.linalg.lstsq(X, Y, rcond=None)[0], atol=1e-10)

    @every
    def test_zero_matrix(self, data, name, values, others):
        _, K, Y = data
        path = FilterPath(np.zeros_like(K), Y, None)
        filter = make_filter(name, values, total=30.0, top=0.0, **others)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert np.isfinite(path.coefficients(filter)).all()
        assert_array_equal(path.fitted(filter)[:, :2], np.zeros_like(Y))

    def test_thresholds_keep_so_many(self, data):
        _, K, Y = data
        path = FilterPath(K.copy(), Y, None)
        counts = np.array([1, 4, 30, 99])
        thresholds = path.thresholds(counts)
        assert [path.count(t) for t in thresholds] == [1, 4, 30, 30]
        # All of a double eigenvalue.
        path = FilterPath(np.diag([3.0, 2.0, 2.0, 1.0]), Y[:4], None)
        thresholds = path.thresholds(np.array([1, 2, 3, 4]))
        assert [path.count(t) for t in thresholds] == [1, 3, 3, 4]
        # Rounding does not part those that are equal.
        V = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
        K = V * [3.0, 2.0, 2.0 * (1 - 1e-14), 1.0] @ V.T
        path = FilterPath((K + K.T) / 2, Y[:4], None)
        thresholds = path.thresholds(np.array([1, 2, 3, 4]))
        assert path.eigenvalues[1] > path.eigenvalues[2]
        assert [path.count(t) for t in thresholds] == [1, 3, 3, 4]

    def test_small_memory_gives_the_same(self, data):
        _, K, Y = data
        path = FilterPath(K.copy(), Y, None)
        filter = make_filter("tikhonov", np.geomspace(1e-3, 1, 20), total=30.0)
        expected = np.array(list(path.leave_one_out(filter)))
        with config_context(working_memory=0.01):
            got = np.array(list(path.leave_one_out(filter)))
        assert_allclose(got, expected, atol=1e-13)


class TestNystroemPath:
    @every
    @weighted
    def test_is_the_filter_of_the_nystroem_kernel(
        self, data, kind, name, values, others
    ):
        X, K, Y = data
        w = weights_of(kind)
        centers = np.arange(0, 30, 3)
        K_nm, K_mm = K[:, centers], K[np.ix_(centers, centers)]
        Q = K_nm @ np.linalg.solve(K_mm, K_nm.T)
        exact = FilterPath(Q.copy(), Y, w)
        op = PrecomputedOperator(K_nm)
        path = NystroemPath(op, K_mm.copy(), Y, w)
        filter = filter_for(exact, name, values, others)
        assert path.eigenvalues.shape == (10,)
        assert_allclose(path.eigenvalues, exact.eigenvalues[:10], rtol=1e-10)
        assert_allclose(path.fitted(filter), exact.fitted(filter), atol=1e-11)
        values_at = K_nm @ path.coefficients(filter)
        assert_allclose(values_at, path.fitted(filter), atol=1e-12)
        assert_allclose(path.gcv(filter), exact.gcv(filter), rtol=1e-9)
        pairs = zip(path.leave_one_out(filter), exact.leave_one_out(filter))
        for got, expected in pairs:
            assert_allclose(got, expected, atol=1e-9)

    def test_blocks_and_groups(self, data, monkeypatch):
        _, K, Y = data
        filter = make_filter("tikhonov", np.geomspace(1e-3, 1, 20), total=30.0)

        def results():
            path = NystroemPath(PrecomputedOperator(K[:, :9]), K[:9, :9].copy(), Y, w)
            left_out = np.array(list(path.leave_one_out(filter)))
            return path.coefficients(filter), left_out

        w = weights_of("weighted")
        whole = results()
        monkeypatch.setattr("skkernels.solvers._filter_path._BLOCK_ROWS", 7)
        with config_context(working_memory=0.01):
            for got, expected in zip(results(), whole):
                assert_allclose(got, expected, atol=1e-10)

    def test_centers_that_are_equal(self, data):
        X, K, Y = data
        centers = np.array([0, 3, 3, 6, 0, 9])
        distinct = np.unique(centers)
        filter = make_filter("gradient_flow", [50.0])
        fitted = [
            NystroemPath(PrecomputedOperator(K[:, c]), K[np.ix_(c, c)], Y, None).fitted(
                filter
            )
            for c in (centers, distinct)
        ]
        assert_allclose(*fitted, atol=1e-12)

    def test_all_rows_of_a_smooth_kernel_as_centers(self):
        # The kernel matrix is singular to working precision.
        X = np.random.default_rng(0).normal(size=(200, 2))
        Y = np.sin(X)
        K = RBF(2.0)(X)
        exact = FilterPath(K.copy(), Y, None)
        path = NystroemPath(PrecomputedOperator(K), K.copy(), Y, None)
        alphas = 200 * exact.eigenvalues[0] * np.array([1e-2, 1e-5, 1e-8])
        filter = make_filter("tikhonov", alphas, total=200.0)
        assert_allclose(path.fitted(filter), exact.fitted(filter), atol=1e-8)

    def test_zero_kernel(self, data):
        _, _, Y = data
        op = PrecomputedOperator(np.zeros((30, 4)))
        path = NystroemPath(op, np.zeros((4, 4)), Y, None)
        filter = make_filter("tikhonov", [0.1, 1.0], total=30.0)
        assert_array_equal(path.coefficients(filter), np.zeros((4, 4)))
        assert_allclose(path.gcv(filter), np.mean(Y**2), rtol=1e-12)
        for got in path.leave_one_out(filter):
            assert_array_equal(got, np.zeros_like(Y))


class TestIterations:
    @weighted
    def test_top_eigenvalue(self, data, kind):
        _, K, _ = data
        w = weights_of(kind)
        expected = spectrum(K, w)[-1]
        assert_allclose(top_eigenvalue(PrecomputedOperator(K), w), expected, rtol=1e-12)
        if w is not None:
            w[5:] = 0.0
            expected = spectrum(K[:5, :5], w[:5])[-1]
            got = top_eigenvalue(PrecomputedOperator(K), w)
            assert_allclose(got, expected, rtol=1e-12)
        assert top_eigenvalue(PrecomputedOperator(np.zeros((3, 3)))) == 0.0
        assert top_eigenvalue(PrecomputedOperator(-np.eye(3))) == 0.0
        assert_allclose(top_eigenvalue(PrecomputedOperator(np.eye(3))), 1 / 3)

    @weighted
    @pytest.mark.parametrize("name", ITERATIONS)
    def test_steps(self, data, kind, name):
        _, K, Y = data
        w = weights_of(kind)
        path = FilterPath(K.copy(), Y, w)
        seen = []
        done = iterate(
            PrecomputedOperator(K),
            Y,
            w,
            name,
            step=1 / path.eigenvalues[0],
            second=0.9,
            n_iter=50,
            on_iteration=lambda *args: seen.append(args) and False,
        )
        options = {"momentum": 0.9, "nu": 0.9}
        filter = filter_for(path, name, [49, 50], options)
        expected = path.coefficients(filter)
        scale = abs(expected).max()
        assert_allclose(done.coef, expected[:, 2:], atol=1e-11 * scale)
        assert_allclose(done.fitted, K @ done.coef, atol=1e-12)
        assert done.n_iter == 50 and done.result.converged
        numbers, states, residuals, ends = zip(*seen)
        assert list(numbers) == list(range(1, 51))
        assert_allclose(states[48], expected[:, :2], atol=1e-11 * scale)
        assert list(ends) == [False] * 49 + [True]
        v = np.ones(30) if w is None else w
        norms = np.sqrt(v @ (Y - done.fitted) ** 2 / (v @ Y**2))
        assert_allclose(done.result.residual_norms[-1], norms, rtol=1e-12)
        assert_allclose(residuals[-1], norms.max(), rtol=1e-12)
        assert done.result.residual_norms.shape == (51, 2)

    def test_stop(self, data):
        _, K, Y = data
        options = {"step": 1.0, "second": None, "n_iter": 9}
        op = PrecomputedOperator(K)
        done = iterate(
            op, Y, None, "landweber", on_iteration=lambda k, *_: k == 4, **options
        )
        assert done.n_iter == 4 and done.result.reason == "stopped"
        ends = []
        done = iterate(
            op,
            Y,
            None,
            "landweber",
            monitor=lambda coef, values: True,
            on_iteration=lambda k, x, r, last: ends.append(last),
            **options,
        )
        assert done.n_iter == 1 and done.result.reason == "stopped" and ends == [True]

    @pytest.mark.parametrize("momentum, share", [(0.97, 0.999), (0.99, 0.9999)])
    def test_transient_of_the_heavy_ball_is_no_divergence(self, data, momentum, share):
        _, K, _ = data
        t, V = np.linalg.eigh(K / 30)
        target = np.sqrt(30) * V[:, -1:]
        step = share * 2 * (1 + momentum) / t[-1]
        done = iterate(
            PrecomputedOperator(K),
            target,
            None,
            "heavy_ball",
            step=step,
            second=momentum,
            n_iter=500,
        )
        assert done.result.converged and done.n_iter == 500
        assert done.result.residual_norms.max() > 20
        filter = make_filter("heavy_ball", [500], step=step, momentum=momentum)
        expected = FilterPath(K.copy(), target, None).fitted(filter)
        assert_allclose(done.fitted, expected, atol=1e-6)

    def test_growing_residuals_bring_the_best_state_back(self, data):
        _, K, Y = data
        options = {"step": 2.6 / spectrum(K, None)[-1], "second": None}
        op, n_iter = PrecomputedOperator(K), 200
        done = iterate(op, Y, None, "landweber", n_iter=n_iter, **options)
        assert done.result.reason == "indefinite" and done.n_iter < n_iter
        best = done.result.residual_norms.max(axis=1)[1:].argmin() + 1
        until = iterate(op, Y, None, "landweber", n_iter=best, **options)
        assert_array_equal(done.coef, until.coef)
        assert_array_equal(done.fitted, until.fitted)

    @weighted
    @pytest.mark.parametrize(
        "name, others",
        [
            ("tikhonov", {}),
            ("iterated_tikhonov", {"order": 3}),
            ("self_distillation", {"mixing": [0.4, 1.3]}),
        ],
    )
    def test_ridge_rounds(self, data, kind, name, others):
        _, K, Y = data
        w = weights_of(kind)
        path = FilterPath(K.copy(), Y, w)
        filter = filter_for(path, name, [0.2], others)
        seen = []
        done = iterate_ridge(
            PrecomputedOperator(K),
            Y,
            w,
            0.2,
            max_iter=500,
            tol=1e-13,
            on_iteration=lambda *args: seen.append(args) and False,
            **others,
        )
        assert_allclose(done.coef, path.coefficients(filter), atol=1e-10)
        assert_allclose(done.fitted, path.fitted(filter), atol=1e-11)
        numbers, states, _, ends = zip(*seen)
        assert list(numbers) == list(range(1, done.n_iter + 1))
        assert ends[-1] and not any(ends[:-1])
        assert_allclose(states[-1], done.coef, atol=1e-14)
        assert done.result.converged

    def test_ridge_rounds_tell_the_first_that_failed(self, data):
        _, K, Y = data
        op = PrecomputedOperator(K)
        # A pupil whose targets are what its teacher has fitted needs fewer iterations.
        options = {"max_iter": 5, "tol": 1e-4}
        first = iterate_ridge(op, Y, None, 3.0, **options)
        done = iterate_ridge(op, Y, None, 3.0, mixing=[0.0] * 20, **options)
        assert first.result.reason == "max_iter" and done.n_iter < 21 * 5
        assert done.result.reason == "max_iter"
        assert_array_equal(done.result.residual_norms, first.result.residual_norms)
        done = iterate_ridge(op, Y, None, 1e-6, order=2, max_iter=3, tol=1e-13)
        assert done.result.reason == "max_iter" and done.n_iter == 6
        done = iterate_ridge(
            op,
            Y,
            None,
            1e-6,
            order=5,
            max_iter=9,
            tol=1e-13,
            on_iteration=lambda k, *_: k == 4,
        )
        assert done.result.reason == "stopped" and done.n_iter == 4

    @weighted
    @pytest.mark.parametrize(
        "name, value",
        [
            ("gradient_flow", 10.0),
            ("gradient_flow", 1e6),  # of what is found early, all is fitted
            ("tikhonov", 1e-3),
            ("cutoff", 0.01),
            (lambda t: t**2 / (t**2 + 1e-4), None),
        ],
    )
    def test_krylov(self, data, kind, name, value):
        _, K, Y = data
        w = weights_of(kind)
        path = FilterPath(K.copy(), Y, w)
        filter = make_filter(name, value, total=path.total)
        done = krylov_filter(
            PrecomputedOperator(K), Y, w, filter, max_iter=100, tol=1e-9
        )
        assert done.result.converged
        expected = path.coefficients(filter)
        assert_allclose(done.coef, expected, atol=1e-8 * abs(expected).max())
        assert_allclose(done.fitted, path.fitted(filter), atol=1e-8)

    @weighted
    @pytest.mark.parametrize(
        "name, value", [("gradient_flow", 10.0), ("cutoff", 0.01), ("tikhonov", 1e-3)]
    )
    def test_krylov_of_an_indefinite_matrix(self, data, kind, name, value):
        _, _, Y = data
        K, w = indefinite(), weights_of(kind)
        path = FilterPath(K.copy(), Y, w)
        filter = make_filter(name, value, total=path.total)
        op = PrecomputedOperator(K)
        done = krylov_filter(op, Y, w, filter, max_iter=100, tol=1e-12)
        assert_allclose(done.fitted, path.fitted(filter), atol=1e-8)

    def test_krylov_needs_two_calm_tests(self):
        # Nothing is above the cutoff up to the seventh dimension, so that nothing has
        # changed in the first test.
        n = 40
        K = np.diag(np.full(n - 1, 0.5), 1)
        K = K + K.T + np.eye(n)
        y = np.zeros((n, 1))
        y[0] = 1.0
        threshold = 1.0 + np.cos(np.pi / 8) + 1e-3
        filter = make_filter("cutoff", threshold / n, total=n)
        op = PrecomputedOperator(K)
        done = krylov_filter(op, y, None, filter, max_iter=n, tol=1e-12)
        expected = FilterPath(K.copy(), y, None).fitted(filter)
        assert_allclose(done.fitted, expected, atol=1e-10)

    def test_krylov_is_short_where_the_filter_is_smooth(self):
        X = np.random.default_rng(0).normal(size=(400, 3))
        Y = np.sin(X)
        K = RBF(1.0)(X)
        path = FilterPath(K.copy(), Y, None)
        filter = make_filter("gradient_flow", 100.0)
        op, tol = PrecomputedOperator(K), 1e-5
        done = krylov_filter(op, Y, None, filter, max_iter=400, tol=tol)
        error = np.linalg.norm(done.fitted - path.fitted(filter), axis=0)
        assert (error <= tol * np.linalg.norm(Y, axis=0)).all()
        assert done.n_iter <= 40

    def test_krylov_spaces_that_end(self, data):
        _, K, Y = data
        t, V = np.linalg.eigh(K)
        targets = np.column_stack([V[:, -1], np.zeros(30), V[:, -1] + V[:, -5], Y])
        filter = make_filter("gradient_flow", 10.0)
        op = PrecomputedOperator(K)
        for columns in (targets, targets[:, :2], targets[:, 1:2]):
            done = krylov_filter(op, columns, None, filter, max_iter=100, tol=1e-10)
            expected = FilterPath(K.copy(), columns, None).fitted(filter)
            assert done.result.converged
            assert_allclose(done.fitted, expected, atol=1e-11)
        assert done.n_iter == 0  # the target is zero
        done = krylov_filter(op, V[:, -1:], None, filter, max_iter=100, tol=1e-10)
        assert done.n_iter == 1

    def test_krylov_limits(self, data):
        _, K, Y = data
        op, filter = PrecomputedOperator(K), make_filter("gradient_flow", 1e4)
        done = krylov_filter(op, Y, None, filter, max_iter=4, tol=1e-12)
        assert done.result.reason == "max_iter" and done.n_iter == 4
        seen = []

        def hook(k, coef, residual, end):
            seen.append((k, end))
            return k == 3

        done = krylov_filter(
            op, Y, None, filter, max_iter=9, tol=1e-12, on_iteration=hook
        )
        assert done.result.reason == "stopped"
        assert seen == [(1, False), (2, False), (3, False)]
        with config_context(working_memory=0.01):
            with pytest.raises(ValueError, match="Krylov basis of 24 vectors"):
                krylov_filter(op, Y, None, filter, max_iter=30, tol=1e-12)
