"""Warnings of the ridge estimators point to the line that called them."""

import warnings

import numpy as np
import pytest
from scipy.linalg import LinAlgWarning
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline

from skkernels import (
    KernelRidge,
    KernelRidgeClassifier,
    NystroemKernelRidge,
    NystroemKernelRidgeClassifier,
)

X = np.random.RandomState(0).randn(40, 2)
y = (X[:, 0] > 0).astype(int)


def check(record, category, match):
    found = [w for w in record if match in str(w.message)]
    assert found and found[0].category is category
    assert found[0].filename == __file__


@pytest.mark.parametrize("in_pipeline", [False, True])
@pytest.mark.parametrize(
    "cls",
    [
        KernelRidge,
        KernelRidgeClassifier,
        NystroemKernelRidge,
        NystroemKernelRidgeClassifier,
    ],
)
def test_indefinite_kernel(cls, in_pipeline):
    model = cls(kernel="sigmoid", gamma=1.0)
    model = make_pipeline(model) if in_pipeline else model
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        model.fit(X, y)
    check(record, UserWarning, "not positive semi-definite")


@pytest.mark.parametrize("cls", [NystroemKernelRidge, NystroemKernelRidgeClassifier])
def test_indefinite_kernel_in_partial_fit(cls):
    model = cls(kernel="sigmoid", gamma=1.0)
    options = {"classes": [0, 1]} if cls is NystroemKernelRidgeClassifier else {}
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        model.partial_fit(X, y, **options)
    check(record, UserWarning, "not positive semi-definite")


@pytest.mark.parametrize("cls", [KernelRidge, KernelRidgeClassifier])
def test_no_convergence(cls):
    model = cls(kernel="rbf", solver="pcg", max_iter=1, alpha=1e-3)
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        model.fit(X, y)
    check(record, ConvergenceWarning, "max_iter was reached")


@pytest.mark.parametrize("cls", [KernelRidge, KernelRidgeClassifier])
def test_singular_system(cls):
    model = cls(kernel="linear", alpha=0)
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        model.fit(np.repeat(X, 2, axis=0), np.repeat(y, 2))
    check(record, LinAlgWarning, "Singular matrix")
