"""Distinct rows of a data matrix in an order that only their values decide."""

import numpy as np
import scipy.sparse as sp

from skkernels.utils._array import to_numpy

_BLOCK_ENTRIES = 2**20
_GOLDEN = 0x9E3779B97F4A7C15


def distinct_rows(X):
    """Find the distinct rows of a matrix.

    Rows are sorted by a 64-bit hash of their values, so that the answer depends on
    which rows there are but not on their order; a dense matrix and the same matrix in
    CSR give the same answer.

    Parameters
    ----------
    X : array or CSR matrix of shape (n, n_features)
        Data.

    Returns
    -------
    first : ndarray of shape (n_distinct,)
        Index of the first occurrence of each distinct row.

    inverse : ndarray of shape (n,)
        Position in ``first`` of the row equal to each row.

    Notes
    -----
    Time: O(n_features) operations for each row and one sort of n integers. Memory:
    O(n). Two different rows with equal hashes, expected once in 2^64 pairs, are found
    out and told apart.
    """
    codes = _hash_csr(X) if sp.issparse(X) else _hash_dense(X)
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    if first.size < codes.size and not _rows_agree(X, first[inverse]):
        return _distinct_by_sorting(X)
    return first, inverse


def _mix(bits, multiplier):
    """Scramble 64-bit words; 0 stays 0, so that zeros need not be stored."""
    bits ^= bits >> np.uint64(32)
    bits *= multiplier
    bits ^= bits >> np.uint64(29)
    bits *= np.uint64(0xBF58476D1CE4E5B9)
    bits ^= bits >> np.uint64(32)
    return bits


def _multipliers(columns):
    """An odd multiplier for each column."""
    words = (columns.astype(np.uint64) + np.uint64(1)) * np.uint64(_GOLDEN)
    words ^= words >> np.uint64(30)
    words *= np.uint64(0x94D049BB133111EB)
    return words | np.uint64(1)


def _words(values):
    """The values as 64-bit words; -0.0 counts as 0.0."""
    return (np.asarray(values, dtype=np.float64) + 0.0).view(np.uint64)


def _hash_dense(X):
    n, n_features = X.shape
    multipliers = _multipliers(np.arange(n_features))
    codes = np.empty(n, dtype=np.uint64)
    size = max(1, _BLOCK_ENTRIES // n_features)
    for start in range(0, n, size):
        rows = slice(start, start + size)
        words = _words(to_numpy(X[rows]))
        codes[rows] = _mix(words, multipliers).sum(axis=1, dtype=np.uint64)
    return codes


def _hash_csr(X):
    words = _mix(_words(X.data), _multipliers(X.indices))
    total = np.concatenate([np.zeros(1, np.uint64), words.cumsum(dtype=np.uint64)])
    return total[X.indptr[1:]] - total[X.indptr[:-1]]


def _rows_agree(X, representative):
    """Whether every row equals the row that is to represent it."""
    rows = np.flatnonzero(representative != np.arange(X.shape[0]))
    size = max(1, _BLOCK_ENTRIES // X.shape[1])
    for start in range(0, rows.size, size):
        block = rows[start : start + size]
        difference = X[block] != X[representative[block]]
        if difference.nnz if sp.issparse(X) else bool(difference.any()):
            return False
    return True


def _distinct_by_sorting(X):
    dense = X.toarray() if sp.issparse(X) else to_numpy(X)
    _, first, inverse = np.unique(dense, axis=0, return_index=True, return_inverse=True)
    return first, inverse.ravel()
