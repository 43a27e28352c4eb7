"""Keeping an estimator as it was where something fails."""

from contextlib import contextmanager


@contextmanager
def unchanged_on_error(estimator):
    """Set all attributes of an estimator back if the body raises.

    The arrays they hold must not be changed in place by the body.
    """
    state = estimator.__dict__.copy()
    try:
        yield
    except BaseException:
        estimator.__dict__.clear()
        estimator.__dict__.update(state)
        raise
