"""A coreset of the training rows, and what can be done with it."""

import numpy as np
from sklearn.utils import check_consistent_length

from skkernels.utils._array import to_numpy
from skkernels.utils._sklearn import _safe_indexing, check_is_fitted


class BaseCoreset:
    """A coreset of the training rows and what can be done with it.

    A subclass has ``fit``, which ends with ``_finish``.
    """

    def _finish(self, X, rows, indices, n_samples, coreset_weights=None):
        """Set the attributes of the coreset.

        Parameters
        ----------
        X : array or CSR matrix of shape (n, n_features)
            The rows that count.

        rows : ndarray of int of shape (n,) or None
            Their numbers among all samples; None if these are all of them.

        indices : ndarray of int of shape (size,)
            Coreset, as positions in X, repeats included.

        n_samples : int
            Number of all samples.

        coreset_weights : ndarray of shape (size,), default=None
            Weights of the coreset, of sum 1. None is equal weights.
        """
        indices = np.asarray(indices, dtype=np.intp)
        order = np.argsort(indices, kind="stable")
        indices = indices[order]
        if coreset_weights is None:
            coreset_weights = np.full(indices.size, 1.0 / indices.size)
        else:
            coreset_weights = np.asarray(coreset_weights, dtype=np.float64)[order]
        self.coreset_ = X[indices]
        self.coreset_weights_ = coreset_weights
        self.sample_indices_ = indices if rows is None else to_numpy(rows)[indices]
        self.n_samples_ = int(n_samples)
        return self

    def fit_resample(self, X, y=None, sample_weight=None):
        """Choose a coreset and return its rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Targets; not used for the choice.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples; None is 1 for all.

        Returns
        -------
        X_coreset : array, sparse matrix or DataFrame of shape (size, n_features)
            Rows of X, of the type of X. Their weights are ``coreset_weights_``.

        y_coreset : array-like of shape (size,) or (size, n_targets)
            Their targets; only if ``y`` is given.
        """
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        self.fit(X, y, **weights)
        return self.resample(X) if y is None else self.resample(X, y)

    def resample(self, *arrays):
        """Take the coreset's rows from arrays that go with the training data.

        Parameters
        ----------
        *arrays : array-like, sparse matrix or DataFrame of length n_samples
            One row for each training sample, for example targets or dates.

        Returns
        -------
        rows : array-like, or list of these if there are several
            The rows ``sample_indices_``, of the types of the arrays.
        """
        check_is_fitted(self, "sample_indices_")
        check_consistent_length(*arrays)
        taken = []
        for array in arrays:
            length = array.shape[0] if hasattr(array, "shape") else len(array)
            if length != self.n_samples_:
                raise ValueError(
                    f"resample takes arrays with one row for each of the "
                    f"{self.n_samples_} training samples, got one of length {length}."
                )
            taken.append(_safe_indexing(array, self.sample_indices_))
        return taken[0] if len(taken) == 1 else taken

    def get_support(self, indices=False):
        """Which training samples are in the coreset.

        Parameters
        ----------
        indices : bool, default=False
            Return sample numbers in place of a mask.

        Returns
        -------
        support : ndarray of bool (n_samples,), or of int (n_distinct,)
            Each sample counts once, also if it is in the coreset several times.
        """
        check_is_fitted(self, "sample_indices_")
        distinct = np.unique(self.sample_indices_)
        if indices:
            return distinct
        mask = np.zeros(self.n_samples_, dtype=bool)
        mask[distinct] = True
        return mask
