"""Checks of kernel parameters, and the errors they raise."""

from numbers import Integral, Real

import numpy as np


def check_number(
    kernel, name, value, low=-np.inf, high=np.inf, *, closed="neither", integer=False
):
    """Raise unless a parameter is a number within an interval.

    Parameters
    ----------
    kernel : object
        Its class is named in the error.
    name : str
        The parameter.
    value : object
        Its value.
    low, high : float
        Ends of the interval.
    closed : {"neither", "left", "right", "both"}, default="neither"
        Which ends belong to it.
    integer : bool, default=False
        Whether only integers are allowed.
    """
    kind = Integral if integer else Real
    valid = isinstance(value, kind) and not isinstance(value, (bool, np.bool_))
    if valid:
        above = value >= low if closed in ("left", "both") else value > low
        below = value <= high if closed in ("right", "both") else value < high
        valid = above and below
    if not valid:
        left = "[" if closed in ("left", "both") else "("
        right = "]" if closed in ("right", "both") else ")"
        raise ValueError(
            f"{name} of {type(kernel).__name__} must be "
            f"{'an integer' if integer else 'a number'} in "
            f"{left}{low:g}, {high:g}{right}, got {value!r}."
        )


def check_positive(kernel, name, value, *, allowed=""):
    """Raise unless a parameter is a positive number or a vector of such.

    ``allowed`` says what else is allowed, for the error.
    """
    try:
        numbers = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        numbers = np.array(np.nan)
    if numbers.ndim > 1 or numbers.size == 0 or not np.all(numbers > 0):
        raise ValueError(
            f"{name} of {type(kernel).__name__} must be a positive number, an array of "
            f"positive numbers (one per feature){allowed}, got {value!r}."
        )


def per_feature(kernel, name, value, n_features):
    """A number or one number per feature, as float or array; checks the length."""
    value = np.squeeze(np.asarray(value, dtype=np.float64))
    if value.ndim == 0:
        return float(value)
    if n_features is not None and value.shape[0] != n_features:
        raise ValueError(
            f"{name} of {type(kernel).__name__} has {value.shape[0]} entries, but the "
            f"data have {n_features} features."
        )
    return value
