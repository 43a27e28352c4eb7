"""Warnings that point to the line of the user."""

import sys
import warnings

_LIBRARIES = {"skkernels", "sklearn", "joblib"}


def warn_user(message, category=UserWarning):
    """Issue a warning at the line that called into the library.

    How many frames lie between depends on the method and on scikit-learn, whose
    decorators and meta-estimators add some: frames of libraries are skipped.

    Parameters
    ----------
    message : str
        The text.

    category : type, default=UserWarning
        Class of the warning.
    """
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and _in_library(frame):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def _in_library(frame):
    return frame.f_globals.get("__name__", "").partition(".")[0] in _LIBRARIES
