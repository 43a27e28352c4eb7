"""The estimator of kernel herding; what it shares with thinning is tested there."""

import numpy as np
from numpy.testing import assert_array_equal

from skkernels.coresets._herd import herd
from skkernels.kernels import RBF
from skkernels.thinning._kernel_herding import KernelHerding


def test_order_of_choice():
    X = np.random.RandomState(0).randn(200, 2)
    w = np.arange(200) % 3.0
    herding = KernelHerding(20, kernel=RBF()).fit(X, sample_weight=w)
    assert_array_equal(herding.selection_order_, herd(RBF(), X, 20, sample_weight=w))
    assert_array_equal(np.sort(herding.selection_order_), herding.sample_indices_)
    short = KernelHerding(8, kernel=RBF()).fit(X, sample_weight=w)
    assert_array_equal(short.selection_order_, herding.selection_order_[:8])


def test_nothing_is_random():
    X = np.random.RandomState(0).randn(100, 2)
    first, second = (KernelHerding(random_state=s).fit(X) for s in (0, 1))
    assert_array_equal(first.sample_indices_, second.sample_indices_)
    assert_array_equal(first.coreset_weights_, np.full(10, 0.1))


def test_repeats():
    # One row has nearly all of the weight, and is chosen again and again.
    X = np.random.RandomState(0).randn(50, 2)
    w = np.where(np.arange(50) == 7, 500.0, 1.0)
    herding = KernelHerding(10, kernel=RBF()).fit(X, sample_weight=w)
    assert np.sum(herding.sample_indices_ == 7) > 5
    assert_array_equal(
        herding.get_support(indices=True), np.unique(herding.sample_indices_)
    )
    single = KernelHerding(10, kernel=RBF(), replace=False).fit(X, sample_weight=w)
    assert len(np.unique(single.sample_indices_)) == 10
