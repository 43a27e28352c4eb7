"""Bandwidth rules."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.spatial.distance import pdist
from sklearn.svm import SVC

from skkernels.kernels import (
    RBF,
    Exponential,
    Laplacian,
    Matern,
    bandwidth,
    make_kernel,
    median_distance,
)
from skkernels.kernels._bandwidth import SIMPLE_RULES

RULES = [
    *SIMPLE_RULES,
    "percentile:20",
    "percentile:90",
    "n_neighbors:1",
    "n_neighbors:3",
]


@pytest.fixture(scope="module")
def data():
    return np.random.default_rng(0).normal(size=(60, 3)) * [1.0, 2.0, 0.3] + 5.0


def test_rules_are_their_definitions(data):
    d = pdist(data)
    assert bandwidth(data, "median") == pytest.approx(np.median(d), rel=1e-12)
    assert median_distance(data) == bandwidth(data, "median")
    assert bandwidth(data, "mean") == pytest.approx(d.mean(), rel=1e-12)
    assert bandwidth(data, "median/sqrt2") == pytest.approx(np.median(d) / np.sqrt(2))
    assert bandwidth(data, "auto") == pytest.approx(np.sqrt(3 / 2))
    assert bandwidth(data, "scale") == pytest.approx(np.sqrt(3 * data.var() / 2))
    q = bandwidth(data, "percentile:30")
    assert np.mean(d < q) <= 0.3 <= np.mean(d <= q)
    neighbors = np.sort(np.linalg.norm(data[:, None] - data[None], axis=2), axis=1)
    for k in (1, 4):
        expected = np.median(neighbors[:, k])
        assert bandwidth(data, f"n_neighbors:{k}") == pytest.approx(expected)
    factor = (4 / 5) ** (1 / 7) * 60 ** (-1 / 7)
    np.testing.assert_allclose(
        bandwidth(data, "silverman"), factor * data.std(axis=0), rtol=1e-12
    )


def test_rules_for_the_l1_distance(data):
    d = pdist(data, "cityblock")
    assert median_distance(data, metric="cityblock") == pytest.approx(np.median(d))
    gammas = {"median": 1 / np.median(d), "mean": 1 / d.mean(), "auto": 1 / 3}
    gammas["scale"] = 1 / (3 * data.var())
    for rule, gamma in gammas.items():
        assert 1 / bandwidth(data, rule, metric="cityblock") == pytest.approx(gamma)
        assert Laplacian(rule).resolve(data).gamma == pytest.approx(gamma)
    assert Laplacian().resolve(data).gamma == pytest.approx(1 / 3)
    assert Laplacian("silverman").resolve(data).gamma.shape == (3,)


def test_scale_is_that_of_svc(data):
    kernel = make_kernel("rbf", gamma="scale").resolve(data)
    svc = SVC(gamma="scale").fit(data, data[:, 0] > 5)
    assert kernel.gamma_value == pytest.approx(svc._gamma, rel=1e-12)
    for constant in (np.ones((4, 2)), np.zeros((4, 2))):
        kernel = make_kernel("rbf", gamma="scale").resolve(constant)
        assert kernel.gamma_value == pytest.approx(1.0)


@pytest.mark.parametrize("metric", ["euclidean", "cityblock"])
@pytest.mark.parametrize("rule", RULES)
def test_weights_are_repetitions(rule, metric, data):
    rng = np.random.default_rng(1)
    weights = rng.integers(0, 4, len(data)).astype(float)
    repeated = np.repeat(data, weights.astype(int), axis=0)
    order = rng.permutation(len(repeated))
    expected = bandwidth(repeated[order], rule, metric=metric)
    found = bandwidth(data, rule, metric=metric, sample_weight=weights)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    # the scale of the weights has a meaning for the number of rows only
    if rule not in ("silverman", "n_neighbors:3"):
        again = bandwidth(data, rule, metric=metric, sample_weight=0.3 * weights)
        if rule != "n_neighbors:1":
            np.testing.assert_allclose(again, expected, rtol=1e-9)
    if rule != "auto":
        assert not np.allclose(found, bandwidth(data, rule, metric=metric), rtol=1e-4)


@pytest.mark.parametrize("rule", RULES)
def test_sparse_and_single_precision_data(rule, data):
    X = np.where(np.abs(data - 5) > 0.5, data - 5, 0.0).astype(np.float32)
    weights = np.arange(60) % 4
    for sample_weight in (None, weights):
        dense = bandwidth(X.astype(np.float64), rule, sample_weight=sample_weight)
        for same in (X, sp.csr_array(X), sp.csr_array(X.astype(np.float64))):
            found = bandwidth(same, rule, sample_weight=sample_weight)
            np.testing.assert_allclose(found, dense, rtol=1e-6)


@pytest.mark.parametrize("rule", RULES)
def test_degenerate_data_give_a_length(rule):
    for X in (np.zeros((5, 2)), np.ones((1, 2)), np.full((3, 2), 1e8)):
        length = bandwidth(X, rule)
        assert np.all(np.asarray(length) > 0) and np.all(np.isfinite(length))
        if rule in ("median", "mean", "n_neighbors:1"):
            assert length == 1.0
    # distinct rows, whose distance underflows
    for rule in ("median", "mean", "percentile:10", "n_neighbors:1"):
        assert bandwidth([[0.0], [1e-200]], rule) == 1.0


def test_zero_distances_are_dropped():
    X = np.array([[0.0]] * 50 + [[1.0]] * 2 + [[5.0]])
    # pairs: 100 at 1, 50 at 5, 2 at 4
    assert median_distance(X) == 1.0
    assert bandwidth(X, "percentile:90") == 5.0


def test_the_subsample_is_one_of_distinct_rows_whatever_their_order(data):
    rng = np.random.default_rng(2)
    X = rng.normal(size=(500, 2))
    base = bandwidth(X, "median", max_samples=100)
    assert base != bandwidth(X, "median")
    assert base == pytest.approx(bandwidth(X, "median"), rel=0.2)
    doubled = np.vstack([X, X])[rng.permutation(1000)]
    assert bandwidth(doubled, "median", max_samples=100) == pytest.approx(base)
    seeded = [bandwidth(X, max_samples=100, random_state=s) for s in (0, 0, 1)]
    assert seeded[0] == seeded[1] != seeded[2]
    assert seeded[0] == pytest.approx(base, rel=0.2)


def test_large_offsets_do_no_harm():
    X = np.random.default_rng(0).normal(size=(100, 20))
    for rule in ("median", "scale", "silverman"):
        np.testing.assert_allclose(
            bandwidth(X + 1e6, rule), bandwidth(X, rule), rtol=1e-8
        )


def test_resolve_puts_lengths_into_kernels(data):
    assert RBF("median").resolve(data).length_scale == bandwidth(data, "median")
    assert Exponential("mean").resolve(data) == Exponential(bandwidth(data, "mean"))
    silverman = Matern("silverman", nu=1.2).resolve(data)
    np.testing.assert_allclose(silverman.length_scale, bandwidth(data, "silverman"))
    assert silverman.nu == 1.2
    fixed = RBF([1.0, 2.0, 3.0])
    assert fixed.resolve(data) == fixed and fixed.resolve(data) is not fixed


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda X: bandwidth(X, "medium"), "Unknown bandwidth rule 'medium'"),
        (lambda X: bandwidth(X, metric="cosine"), r"\['cityblock', 'euclidean'\]"),
        (lambda X: bandwidth(X, sample_weight=np.zeros(60)), "zero"),
        (lambda X: bandwidth(X * np.nan), "NaN"),
        (lambda X: RBF("scale").resolve(X, sample_weight=[1.0]), "sample_weight"),
    ],
)
def test_errors(call, message, data):
    with pytest.raises(ValueError, match=message):
        call(data)
