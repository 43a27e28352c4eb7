"""The largest eigenvalues of a symmetric matrix."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skkernels.linalg import top_eigensystem


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("k", [1, 7, 30])
def test_largest_pairs_in_descending_order(k, order):
    rng = np.random.RandomState(0)
    A = rng.randn(30, 30)
    A = np.asarray(A + A.T, order=order)
    expected = np.linalg.eigvalsh(A)[::-1][:k]
    values, vectors = top_eigensystem(A.copy(order="K"), k)
    assert values.shape == (k,) and vectors.shape == (30, k)
    assert_allclose(values, expected, atol=1e-12)
    assert_allclose(A @ vectors, vectors * values, atol=1e-12)
    assert_allclose(vectors.T @ vectors, np.eye(k), atol=1e-13)


def test_single_row():
    values, vectors = top_eigensystem(np.array([[3.0]]), 1)
    assert values == [3.0] and abs(vectors) == [[1.0]]
