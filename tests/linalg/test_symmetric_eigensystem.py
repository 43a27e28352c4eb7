"""All eigenvalues of a symmetric matrix."""

import numpy as np
import pytest
import scipy.linalg
from numpy.testing import assert_allclose

from skkernels.linalg import eigensystem_bytes, symmetric_eigensystem


@pytest.mark.parametrize("order", ["C", "F"])
def test_decomposition(order):
    A = np.random.default_rng(0).normal(size=(40, 40))
    A = A + A.T
    values, vectors = symmetric_eigensystem(np.array(A, order=order))
    assert (np.diff(values) >= 0).all()
    assert_allclose(vectors.T @ vectors, np.eye(40), atol=1e-13)
    assert_allclose(vectors * values @ vectors.T, A, atol=1e-12)


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_decomposition_that_gave_up_is_done_again(order, monkeypatch):
    A = np.random.default_rng(0).normal(size=(40, 40))
    A = A + A.T
    eigh, drivers = scipy.linalg.eigh, []

    def fail_first(F, *, driver, **options):
        drivers.append(driver)
        if driver == "evr":
            F[np.tril_indices(len(F))] = np.nan
            raise scipy.linalg.LinAlgError
        return eigh(F, driver=driver, **options)

    monkeypatch.setattr(scipy.linalg, "eigh", fail_first)
    values, vectors = symmetric_eigensystem(np.array(A, order=order))
    assert drivers == ["evr", "ev"]
    assert_allclose(vectors.T @ vectors, np.eye(40), atol=1e-13)
    assert_allclose(vectors * values @ vectors.T, A, atol=1e-12)


def test_only_the_matrix_and_the_vectors_are_counted():
    assert eigensystem_bytes(100) == 2 * 8 * 100**2
