"""What the estimators that look at a spectrum have in common."""

import numpy as np
import scipy.sparse as sp

from skkernels.base import KERNEL_CONSTRAINTS, KernelEstimatorMixin
from skkernels.operators import make_operator
from skkernels.utils._array import get_namespace, to_numpy
from skkernels.utils._classes import code_targets, encode_labels
from skkernels.utils._sklearn import StrOptions
from skkernels.utils._validation import check_weights, drop_zero_weights, validate
from skkernels.utils._warnings import warn_user

# Integers with more values than that are hardly labels.
_MANY_CLASSES = 20


class BaseSpectralDiagnostic(KernelEstimatorMixin):
    """Turn targets of any kind into columns, and the rows into an operator."""

    _parameter_constraints: dict = {
        **KERNEL_CONSTRAINTS,
        "target_type": [StrOptions({"auto", "regression", "classification"})],
        "fit_intercept": ["boolean"],
        "random_state": ["random_state"],
    }

    def _prepare(self, X, y, sample_weight):
        """Validate; set ``kernel_`` and ``classes_`` and return what solvers take.

        Returns
        -------
        rows : array of shape (n, n_features)
            Rows of positive weight in float64, or their kernel matrix.

        Y : array of shape (n, n_targets) in float64
            Targets, less their weighted means if ``fit_intercept``.

        weights : array of shape (n,) in float64
            Positive weights.

        squeeze : bool
            Whether there is one target only, in an array of one dimension.
        """
        if sp.issparse(y):
            raise TypeError("y must be a dense array, got a sparse one.")
        X, y = validate(
            self,
            X,
            y,
            reset=True,
            accept_sparse=not self._is_precomputed(),
            multi_output=True,
        )
        if self._is_precomputed() and X.shape[0] != X.shape[1]:
            raise ValueError(
                "A precomputed kernel matrix must be square in fit, got shape "
                f"{X.shape}."
            )
        weights = check_weights(sample_weight, X)
        X, y, weights, rows = drop_zero_weights(X, y, weights)
        if rows is not None and self._is_precomputed():
            X = X[:, rows]
        # Weights scaled in float32 add up to their number within rounding.
        if weights is not None and float(weights.sum()) < (1 - 1e-5) * X.shape[0]:
            warn_user(
                f"{type(self).__name__}: sample_weight adds up to "
                f"{float(weights.sum()):.3g}, less than the {X.shape[0]} samples of "
                "positive weight. Weights are numbers of equal samples here, and the "
                "estimates are those for that many samples: multiply the weights so "
                "that they add up to the number of samples."
            )
        xp = get_namespace(X)
        if self._has_labels(y):
            self.classes_, codes, _ = encode_labels(
                y, weights, None, type(self).__name__
            )
            self._check_classes(y)
            Y = code_targets(codes, len(self.classes_))
            if len(self.classes_) > 2:
                Y = 2.0 * Y - 1.0
            squeeze = Y.shape[1] == 1
        else:
            self.classes_ = None
            Y = y.astype(np.float64).reshape(y.shape[0], -1)
            squeeze = y.ndim == 1
        self._resolve_kernel(X, weights)
        Y = xp.asarray(Y)
        weights = xp.ones(X.shape[0]) if weights is None else weights
        if self.fit_intercept:
            Y = Y - weights @ Y / weights.sum()
        return X.astype(np.float64, copy=False), Y, weights, squeeze

    def _has_labels(self, y):
        if self.target_type == "auto":
            return y.ndim == 1 and to_numpy(y).dtype.kind != "f"
        if self.target_type == "classification" and y.ndim > 1:
            raise ValueError(
                "Class labels must be an array of one dimension, got y of shape "
                f"{y.shape}."
            )
        return self.target_type == "classification"

    def _check_classes(self, y):
        """Warn where integers that were taken for labels are likely no labels."""
        numbers = self.target_type == "auto" and to_numpy(y).dtype.kind in "iu"
        if numbers and len(self.classes_) > _MANY_CLASSES:
            warn_user(
                f"{type(self).__name__}: the integers of y were taken for labels of "
                f"{len(self.classes_)} classes. Use target_type='regression' if they "
                "are values, and 'classification' if they are labels."
            )

    def _operator(self, rows, n_products=1):
        return make_operator(self.kernel_, rows, n_products=n_products)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        return tags
