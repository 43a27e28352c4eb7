"""What estimators that choose a coreset have in common."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils.metaestimators import available_if

from skkernels.base import KERNEL_CONSTRAINTS, KernelEstimatorMixin
from skkernels.coresets._halving import _row_bytes
from skkernels.coresets._mmd import squared_distance
from skkernels.coresets._sequence import scaled_weights
from skkernels.kernels import make_kernel
from skkernels.operators import memory_budget
from skkernels.thinning._coreset import BaseCoreset
from skkernels.utils._array import to_numpy
from skkernels.utils._parallel import row_blocks
from skkernels.utils._sklearn import (
    Interval,
    StrOptions,
    check_is_fitted,
)
from skkernels.utils._validation import (
    check_same_device,
    check_weights,
    match_storage,
    positive_rows,
    validate,
)

SIZE_CONSTRAINTS = [
    Interval(Integral, 1, None, closed="left"),
    Interval(Real, 0, 1, closed="right"),
    StrOptions({"sqrt"}),
]


class BaseThinning(BaseCoreset, KernelEstimatorMixin):
    """A coreset whose kernel mean is close to that of the data."""

    _parameter_constraints: dict = {
        **KERNEL_CONSTRAINTS,
        "n_coreset": SIZE_CONSTRAINTS,
        "random_state": ["random_state"],
    }

    def _validate(self, X, sample_weight, *, reset=True):
        """Check the data, and leave out rows of zero weight.

        Returns
        -------
        X : array or CSR matrix of shape (n, n_features), or (n, n) if precomputed
            The rows of positive weight.

        weights : ndarray of shape (n,) or None
            Their weights up to a factor, on the host; None if ``sample_weight`` is.

        rows : ndarray of int of shape (n,) or None
            Their numbers; None if these are all rows.

        n_samples : int
            Number of all rows.
        """
        X = validate(self, X, reset=reset, accept_sparse=not self._is_precomputed())
        n_samples = X.shape[0]
        if self._is_precomputed() and n_samples != X.shape[1]:
            raise ValueError(
                "A precomputed kernel matrix must be square in fit, got shape "
                f"{X.shape}."
            )
        weights = check_weights(sample_weight, X)
        rows = positive_rows(weights)
        if rows is not None:
            if self._is_precomputed():
                self._matrix = X  # until `_finish` has taken whole rows from it
            X, weights = X[rows], weights[rows]
            if self._is_precomputed():
                X = X[:, rows]
        weights = None if weights is None else scaled_weights(to_numpy(weights))
        return X, weights, None if rows is None else to_numpy(rows), n_samples

    def nearest(self, X):
        """Find the closest row of the coreset for each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or \
                (n_samples, n_training_samples) if precomputed
            Data; kernel values with the training samples if precomputed.

        Returns
        -------
        positions : ndarray of int of shape (n_samples,)
            Row of ``coreset_`` at the smallest distance in the kernel's space; the
            first one if there are several.

        Notes
        -----
        ``n_samples * size`` kernel values, in blocks and in float64.
        """
        check_is_fitted(self, "coreset_")
        X = validate(self, X, reset=False, accept_sparse=not self._is_precomputed())
        check_same_device(self, X, self.coreset_)
        size = self.sample_indices_.size
        positions = np.empty(X.shape[0], dtype=np.intp)
        X = X if self._is_precomputed() else match_storage(X, self.coreset_)
        # Distances are differences of values that may be much larger.
        if self._is_precomputed():
            own = self.coreset_[np.arange(size), self.sample_indices_]
            own = own.astype(np.float64)
        else:
            kernel = self.kernel_._without_noise()
            coreset = self.coreset_.astype(np.float64, copy=False)
            own = kernel.diag(coreset)
        per_block = memory_budget() // (32 * size + 4 * _row_bytes(X))
        for block in row_blocks(X.shape[0], max(per_block, 1)):
            if self._is_precomputed():
                values = X[block][:, self.sample_indices_]
            else:
                values = kernel(X[block].astype(np.float64, copy=False), coreset)
            distances = own[None, :] - 2.0 * values
            positions[block] = to_numpy(distances.argmin(axis=1))
        return positions

    def _resolved_split_kernel(self, X, weights):
        """The parameter ``split_kernel``: a kernel object resolved on the rows."""
        if isinstance(self.split_kernel, str) or self._is_precomputed():
            return self.split_kernel  # without features it is checked where it is used
        return make_kernel(self.split_kernel).resolve(
            X, sample_weight=weights, random_state=self.random_state
        )

    def _finish(self, X, rows, indices, n_samples, coreset_weights=None):
        super()._finish(X, rows, indices, n_samples, coreset_weights)
        matrix = self.__dict__.pop("_matrix", None)
        if matrix is not None:  # X lacks the columns of rows of weight zero
            self.coreset_ = matrix[self.sample_indices_]
        return self

    def _can_score(self):
        """Whether kernel values among new rows can be had, for ``available_if``."""
        if self._is_precomputed():
            raise AttributeError(
                "score needs kernel values among the rows of X, which a precomputed "
                "matrix between X and the training samples does not hold. Pass the "
                "kernel as an object or a callable."
            )
        return True

    @available_if(_can_score)
    def score(self, X, y=None):
        """Minus the maximum mean discrepancy between data and the coreset.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        y : object, default=None
            Ignored.

        Returns
        -------
        score : float
            At most 0; larger is better. Scores in different kernels measure different
            things: do not choose a kernel by them.

        Notes
        -----
        ``n_samples^2 / 2`` kernel values.
        """
        check_is_fitted(self, "coreset_")
        X = validate(self, X, reset=False)
        check_same_device(self, X, self.coreset_)
        X = match_storage(X, self.coreset_)
        weights = self.coreset_weights_  # "optimal" ones do not sum to 1
        equal = np.full(X.shape[0], 1.0 / X.shape[0])
        square = squared_distance(self.kernel_, X, self.coreset_, equal, weights)
        return -float(np.sqrt(max(square, 0.0)))
