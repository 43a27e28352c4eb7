"""The one place that imports scikit-learn names without a stability promise.

Everything here is private or experimental upstream. The rest of the library
imports these names from this module, so that a rename in scikit-learn is a
change to one file.
"""

from sklearn.base import _fit_context
from sklearn.callback import CallbackSupportMixin
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import _check_partial_fit_first_call
from sklearn.utils.validation import (
    _check_feature_names,
    _check_n_features,
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

__all__ = [
    "CallbackSupportMixin",
    "Interval",
    "StrOptions",
    "_check_feature_names",
    "_check_n_features",
    "_check_partial_fit_first_call",
    "_check_sample_weight",
    "_fit_context",
    "_safe_indexing",
    "check_is_fitted",
    "validate_data",
]
