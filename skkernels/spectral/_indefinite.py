"""Negative eigenvalues of a kernel matrix."""

from skkernels.utils._warnings import warn_user

# Share of the largest eigenvalue that may be due to rounded entries of the matrix, such
# as those in single precision.
_ROUNDING = 1e-6


def warn_if_indefinite(estimator, smallest, largest, consequence):
    """Warn of a kernel matrix that is not positive semi-definite.

    Parameters
    ----------
    estimator : object
        The estimator, for its name.

    smallest, largest : float
        Eigenvalues of the kernel matrix over the sum of the weights, as they are.

    consequence : str
        What that means, the end of the text.
    """
    if smallest < -_ROUNDING * max(largest, 0.0):
        warn_user(
            f"{type(estimator).__name__}: the kernel matrix is not positive "
            "semi-definite. Divided by the sum of the weights, its smallest "
            f"eigenvalue is {smallest:.3g} beside a largest of {largest:.3g}. "
            f"{consequence}"
        )
