"""Checks of user input: data, targets, weights."""

import numpy as np
import scipy.sparse as sp
from sklearn import get_config
from sklearn.utils import check_array

from skkernels.utils._array import get_namespace, is_cupy
from skkernels.utils._sklearn import (
    _check_feature_names,
    _check_n_features,
    _check_sample_weight,
    validate_data,
)

_FLOATS = (np.float64, np.float32)
_NO_TARGETS = object()


def validate(
    estimator,
    X,
    y=_NO_TARGETS,
    *,
    reset,
    accept_sparse=True,
    multi_output=False,
    y_numeric=False,
):
    """Validate the data given to a method of an estimator.

    Dense arrays come out C-contiguous in float32 or float64 (anything else becomes
    float64), sparse matrices in CSR. CuPy arrays stay on their device; everything
    else goes through :func:`sklearn.utils.validation.validate_data`.

    Parameters
    ----------
    estimator : estimator instance
        Receives ``n_features_in_`` and ``feature_names_in_`` when ``reset`` is true.

    X : {array-like, sparse matrix, cupy.ndarray} of shape (n_samples, n_features)
        Data.

    y : array-like, optional
        Targets, where the method has any. None is then refused.

    reset : bool
        True in ``fit``, false in methods that use the fitted model.

    accept_sparse : bool, default=True
        Whether X may be a sparse matrix.

    multi_output : bool, default=False
        Whether ``y`` may have several columns.

    y_numeric : bool, default=False
        Whether ``y`` must be numbers, as in regression.

    Returns
    -------
    X or (X, y)
        The pair if ``y`` was given.
    """
    _refuse_dask(estimator, X)
    if is_cupy(X):
        return _validate_cupy(estimator, X, y, reset, multi_output, y_numeric)
    options = {
        "accept_sparse": "csr" if accept_sparse else False,
        "dtype": list(_FLOATS),
        "order": "C",
    }
    if y is _NO_TARGETS:
        X = validate_data(estimator, X, reset=reset, **options)
        return _canonical(X)
    X, y = validate_data(
        estimator,
        X,
        y,
        reset=reset,
        multi_output=multi_output,
        y_numeric=y_numeric,
        **options,
    )
    return _canonical(X), y


def validate_rows(rows, X, name):
    """Validate rows that a parameter holds, to be used beside those of X.

    Parameters
    ----------
    rows : {array-like, sparse matrix, cupy.ndarray} of shape (n_rows, n_features)
        The parameter. It is copied, never changed.

    X : array or CSR matrix of shape (n_samples, n_features)
        Validated data.

    name : str
        Name of the parameter, for the error messages.

    Returns
    -------
    rows : array or CSR matrix of shape (n_rows, n_features)
        In the storage, the precision and on the device of X.
    """
    if is_cupy(X):
        xp = get_namespace(X)
        if sp.issparse(rows):
            rows = rows.toarray()
        rows = _check_device_array(xp, xp.array(rows, dtype=X.dtype), name, ndim=(2,))
        if rows.shape[0] == 0:
            raise ValueError(f"{name} holds no rows.")
    else:
        try:
            rows = check_array(
                rows, accept_sparse="csr", dtype=X.dtype, order="C", copy=True
            )
        except (TypeError, ValueError) as error:
            raise type(error)(f"Bad {name}: {error}") from error
        rows = match_storage(_canonical(rows), X)
    if rows.shape[1] != X.shape[1]:
        raise ValueError(
            f"{name} has {rows.shape[1]} features, but X has {X.shape[1]}."
        )
    return rows


def _canonical(X):
    """A CSR matrix without duplicate entries, with 32-bit indices if they suffice.

    The user's matrix stays as it is.
    """
    if not sp.issparse(X):
        return X
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    if X.indices.dtype != np.int32 and max(X.nnz, *X.shape) < 2**31:
        indices, indptr = X.indices.astype(np.int32), X.indptr.astype(np.int32)
        X = type(X)((X.data, indices, indptr), shape=X.shape)
    return X


def _refuse_dask(estimator, X):
    if type(X).__module__.partition(".")[0] == "dask":
        raise TypeError(
            f"{type(estimator).__name__} got a dask collection and will not turn it "
            "into one array silently. Call X.compute() if it fits in memory; "
            "otherwise feed blocks to an estimator with partial_fit, for example "
            "through dask_ml.wrappers.Incremental, and predict through "
            "dask_ml.wrappers.ParallelPostFit."
        )


def _validate_cupy(estimator, X, y, reset, multi_output, y_numeric):
    xp = get_namespace(X)
    _check_feature_names(estimator, X, reset=reset)
    X = _check_device_array(xp, X, "X", ndim=(2,))
    n_samples, n_features = X.shape
    if n_samples == 0 or n_features == 0:
        raise ValueError(
            f"Found array with {n_samples} sample(s) and {n_features} feature(s) "
            f"(shape={X.shape}) while a minimum of 1 is required."
        )
    _check_n_features(estimator, X, reset=reset)
    if y is _NO_TARGETS:
        return X
    if y is None:
        raise ValueError(
            f"This {type(estimator).__name__} estimator requires y to be passed, but "
            "the target y is None."
        )
    y = xp.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1 and not multi_output:
        y = y[:, 0]
    ndim = (1, 2) if multi_output else (1,)
    y = _check_device_array(xp, y, "y", ndim=ndim, to_float=y_numeric)
    if y.shape[0] != n_samples:
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: "
            f"{[n_samples, y.shape[0]]}"
        )
    return X, y


def _check_device_array(xp, array, name, ndim, to_float=True):
    if array.ndim not in ndim:
        expected = " or ".join(f"{n}D" for n in ndim)
        raise ValueError(f"Expected {expected} array for {name}, got {array.ndim}D.")
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported in {name}.")
    if to_float and array.dtype not in _FLOATS:
        array = array.astype(np.float64)
    if not get_config()["assume_finite"] and not bool(xp.isfinite(array).all()):
        raise ValueError(f"Input {name} contains NaN or infinity.")
    return xp.ascontiguousarray(array)


def check_weights(sample_weight, X, *, allow_all_zero=False):
    """Validate sample weights.

    Parameters
    ----------
    sample_weight : float, array-like of shape (n_samples,) or None
        Weights; a number stands for equal weights.

    X : array of shape (n_samples, n_features)
        Validated data.

    allow_all_zero : bool, default=False
        Whether all weights may be zero.

    Returns
    -------
    weights : array of shape (n_samples,) in float64, or None
        None if and only if ``sample_weight`` is None. Negative weights and weights
        that are all zero raise a ValueError.
    """
    if sample_weight is None:
        return None
    if not is_cupy(X):
        return _check_sample_weight(
            sample_weight,
            X,
            dtype=np.float64,
            ensure_non_negative=True,
            allow_all_zero_weights=allow_all_zero,
        )
    xp = get_namespace(X)
    weights = xp.asarray(sample_weight, dtype=np.float64)
    if weights.ndim == 0:
        weights = xp.full(X.shape[0], weights)
    if weights.shape != (X.shape[0],):
        raise ValueError(
            f"sample_weight.shape == {weights.shape}, expected {(X.shape[0],)}!"
        )
    weights = _check_device_array(xp, weights, "sample_weight", ndim=(1,))
    if bool((weights < 0).any()):
        raise ValueError("Negative values in data passed to `sample_weight`")
    if not allow_all_zero and not bool((weights > 0).any()):
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weights


def positive_rows(weights):
    """Find the rows that count.

    Parameters
    ----------
    weights : array of shape (n_samples,) or None
        Checked weights.

    Returns
    -------
    rows : array of int or None
        Indices of the rows of positive weight; None if that is all of them.
    """
    if weights is None:
        return None
    positive = weights > 0
    if bool(positive.all()):
        return None
    return get_namespace(weights).nonzero(positive)[0]


def drop_zero_weights(X, y, weights):
    """Leave out rows of zero weight, which are as good as absent.

    Parameters
    ----------
    X : array or CSR matrix of shape (n_samples, n_features)
        Data.

    y : array of shape (n_samples,) or (n_samples, n_targets)
        Targets.

    weights : array of shape (n_samples,) or None
        Checked weights.

    Returns
    -------
    X, y, weights
        The rows of positive weight; the arrays themselves, not copies, if that is
        all of them.

    rows : array of int or None
        Indices of the rows kept; None if that is all of them.
    """
    rows = positive_rows(weights)
    if rows is None:
        return X, y, weights, None
    return X[rows], y[rows], weights[rows], rows


def match_storage(X, like):
    """Make X dense or CSR, whichever ``like`` is."""
    if sp.issparse(like) == sp.issparse(X):
        return X
    return sp.csr_array(X) if sp.issparse(like) else X.toarray()


def check_same_device(estimator, X, fitted):
    """Refuse to mix host and device arrays between fit and predict."""
    if is_cupy(X) == is_cupy(fitted):
        return
    here, there = ("CuPy", "NumPy") if is_cupy(X) else ("NumPy", "CuPy")
    raise ValueError(
        f"{type(estimator).__name__} was fitted on {there} arrays and got {here} "
        f"arrays. Convert X with {'cupy.asnumpy' if here == 'CuPy' else 'cupy.asarray'}"
        ", or fit again on the device that is to predict."
    )


def check_alpha(alpha, n_targets):
    """The ridge strength of each target as a float64 array."""
    values = np.atleast_1d(np.asarray(alpha, dtype=np.float64))
    if values.ndim != 1 or values.size not in (1, n_targets):
        raise ValueError(
            f"alpha must be a number or one number per target ({n_targets}), got an "
            f"array of shape {np.shape(alpha)}."
        )
    if not np.isfinite(values).all() or (values < 0).any():
        raise ValueError(f"alpha must be non-negative and finite, got {alpha!r}.")
    return np.broadcast_to(values, (n_targets,))
