"""Kernels on pairs of a row and its target, for thinning data that a model learns from.

A coreset on which two kernel means agree is good for the functions of that kernel's
space. What a regression sees of the data are sums such as ``sum_i f(x_i)^2`` and
``sum_i f(x_i) y_i``: the functions of ``k^2`` and of ``k <y, y'>``.
"""

import numpy as np
import scipy.sparse as sp

from skkernels.kernels import Kernel
from skkernels.kernels._dense import dense_block

KINDS = ("ridge", "average")


class SupervisedKernel(Kernel):
    """Kernel on rows that hold features and, in the last columns, targets.

    With ``k`` a kernel of the features, "ridge" is ``k(x, x')^2 + k(x, x') <y, y'>``
    and "average" is ``k(x, x') (1 + <y, y'>)``, for averages weighted by the kernel.

    Parameters
    ----------
    kernel : Kernel
        Kernel of the features, resolved and without white noise.

    n_targets : int
        Number of columns that are targets.

    kind : {"ridge", "average"}
        Which of the two.
    """

    _order = None

    def __init__(self, kernel, n_targets, kind):
        self.kernel = kernel
        self.n_targets = n_targets
        self.kind = kind

    @property
    def _psd(self):
        return True if self.kernel._psd else None

    def _check_params(self):
        self.kernel._check_params()
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {KINDS}, got {self.kind!r} instead.")

    def _check_resolved(self):
        self.kernel._check_resolved()

    def _block(self, X, Z):
        X, Y = self._split(X)
        Z, T = self._split(Z)
        return self._combine(dense_block(self.kernel, X, Z), Y @ T.T)

    def _gram(self, X):
        X, Y = self._split(X)
        return self._combine(dense_block(self.kernel, X), Y @ Y.T)

    def _diagonal(self, X):
        X, Y = self._split(X)
        return self._combine(self.kernel.diag(X), (Y * Y).sum(axis=1))

    def _combine(self, K, inner):
        inner += K if self.kind == "ridge" else 1.0
        inner *= K
        return inner

    def _split(self, rows):
        """Features, stored as the kernels take them, and targets as an array."""
        X, Y = rows[:, : -self.n_targets], rows[:, -self.n_targets :]
        if sp.issparse(rows):
            return X, Y.toarray()
        return np.ascontiguousarray(X), Y


def supervised_kernel(kernel, X, Y, kind):
    """The kernel on pairs, and the rows that it takes.

    Parameters
    ----------
    kernel : Kernel
        Resolved kernel of the features; white noise in it does not count.

    X : ndarray or CSR matrix of shape (n, n_features)
        Features, in main memory.

    Y : ndarray of shape (n, n_targets)
        Targets, of about unit norm: see :func:`standardize_targets`.

    kind : {"ridge", "average"}
        See :class:`SupervisedKernel`.

    Returns
    -------
    kernel : SupervisedKernel
        For "ridge", the targets in the rows are multiplied by the root of the mean of
        ``k(x, x)``, so that a multiple of k does not change what is chosen.

    rows : ndarray or CSR matrix of shape (n, n_features + n_targets)
        Features and targets, in the precision of X.
    """
    kernel = kernel._without_noise()
    if kind == "ridge":
        Y = Y * np.sqrt(max(float(np.mean(kernel.diag(X), dtype=np.float64)), 0.0))
    Y = Y.astype(X.dtype, copy=False)
    if sp.issparse(X):
        rows = sp.hstack([X, sp.csr_array(Y)], format="csr")
    else:
        rows = np.hstack([X, Y])
    return SupervisedKernel(kernel, Y.shape[1], kind), rows


def standardize_targets(Y, weights=None):
    """Targets with mean 0 and variance 1, over the root of their number.

    Parameters
    ----------
    Y : ndarray of shape (n, n_targets)
        Targets.

    weights : ndarray of shape (n,) or None, default=None
        Weights that count in means and variances.

    Returns
    -------
    Z : ndarray of shape (n, n_targets)
        In float64. The mean of the squared norms of the rows is 1; constant targets
        are 0.
    """
    Z = Y - np.average(Y, axis=0, weights=weights)
    deviation = np.sqrt(np.average(Z**2, axis=0, weights=weights))
    constant = deviation <= 1e-12 * np.abs(Y).max(axis=0)
    Z /= np.where(constant, 1.0, deviation * np.sqrt(Y.shape[1]))
    Z[:, constant] = 0.0
    return Z
