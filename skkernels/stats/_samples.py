"""Two samples, the kernel that fits both, and the bins they are cut into."""

from math import ceil, comb, log2, sqrt
from numbers import Integral, Real

import numpy as np
import scipy.sparse as sp

from skkernels.kernels import make_kernel
from skkernels.kernels._rows import as_rows
from skkernels.utils._array import is_cupy
from skkernels.utils._distinct import distinct_rows
from skkernels.utils._warnings import warn_user

# Bins of two samples of equal size, the fewest of the smaller one, the most of the
# larger one. More than these hardly add power.
_TOTAL_BINS, _FEWEST_BINS, _MOST_BINS = 32, 8, 256
# Rows that bandwidth rules look at: more of them would take longer than a test.
_RULE_ROWS = 512


def check_samples(X, Y):
    """Both samples with equal storage, precision and number of features.

    A vector is a sample of one feature.
    """
    for Z, name in ((X, "X"), (Y, "Y")):
        if is_cupy(Z):
            raise TypeError(
                f"{name} is a CuPy array, but two-sample tests run on the CPU. Convert "
                "it with cupy.asnumpy."
            )
    X, Y = (
        as_rows(np.reshape(Z, (-1, 1)) if _is_vector(Z) else Z, name)
        for name, Z in (("X", X), ("Y", Y))
    )
    if X.shape[1] != Y.shape[1]:
        raise ValueError(
            "X and Y must have equally many features, got "
            f"{X.shape[1]} and {Y.shape[1]}."
        )
    if sp.issparse(X) or sp.issparse(Y):
        X, Y = sp.csr_array(X), sp.csr_array(Y)
    dtype = np.result_type(X.dtype, Y.dtype)
    return X.astype(dtype, copy=False), Y.astype(dtype, copy=False)


def _is_vector(Z):
    return not sp.issparse(Z) and np.ndim(Z) == 1


def check_options(alpha, n_permutations, **switches):
    """Refuse a level or a number of permutations with which no test is possible.

    ``switches`` must be True or False.
    """
    for name, value in switches.items():
        if not isinstance(value, (bool, np.bool_)):
            raise ValueError(f"{name} must be True or False, got {value!r}.")
    if not isinstance(alpha, Real) or not 0 < alpha < 1:
        raise ValueError(f"alpha must be a number between 0 and 1, got {alpha!r}.")
    fewest = ceil(1 / alpha - 1e-9) - 1
    if not isinstance(n_permutations, Integral) or n_permutations < max(fewest, 1):
        raise ValueError(
            f"n_permutations must be an integer of at least {max(fewest, 1)}, so that "
            f"p-values can be as small as alpha={alpha}, got {n_permutations!r}."
        )


def pool(X, Y):
    """The rows of X and below them those of Y."""
    if not sp.issparse(X):
        return np.concatenate([X, Y])
    pooled = sp.vstack([X, Y], format="csr")
    pooled.sum_duplicates()
    return pooled


def resolve_kernels(kernels, X, Y):
    """Kernels whose rules are replaced by numbers, without their white noise.

    The rules see some distinct rows of both samples, and how often each of them occurs.
    Which ones, and in which order, depends on the values of the rows only. So what they
    give is exactly the same whichever sample a row is in: the same for all splits, as
    permutation tests require.
    """
    pooled = pool(X, Y)
    first, inverse = distinct_rows(pooled)  # in the order of hashes
    rows = pooled[first[:_RULE_ROWS]]
    counts = np.bincount(inverse)[:_RULE_ROWS].astype(np.float64)
    resolved = []
    for kernel in kernels:
        kernel = kernel.resolve(rows, sample_weight=counts)
        if kernel.is_psd is False:
            warn_user(
                f"The kernel {kernel!r} is not positive semi-definite: the statistic "
                "is no squared distance between distributions."
            )
        resolved.append(kernel._without_noise())
    return resolved


def resolve_kernel(kernel, X, Y, gamma, degree, coef0, kernel_params):
    """The one kernel of a test from its parameters."""
    kernel = make_kernel(
        kernel, gamma=gamma, degree=degree, coef0=coef0, kernel_params=kernel_params
    )
    return resolve_kernels([kernel], X, Y)[0]


def cut_bins(n_x, n_y, n_bins, alpha, *, paired=False):
    """How many bins of which size the samples are cut into.

    All bins have the same size, so that they are exchangeable under the hypothesis.
    What does not fill a bin is left out.

    Returns
    -------
    n_bins : tuple of int
        Bins of X and of Y.

    size : int
        Rows in each bin.
    """
    total, smaller = n_x + n_y, min(n_x, n_y)
    most = total
    if isinstance(n_bins, str) and n_bins == "auto":
        size = min(total // _TOTAL_BINS, smaller // _FEWEST_BINS)
        most = _MOST_BINS
    elif isinstance(n_bins, Integral) and n_bins >= 2:
        size = min(total // int(n_bins), smaller)
    else:
        raise ValueError(f"n_bins must be 'auto' or an integer >= 2, got {n_bins!r}.")
    size = max(size, 1)
    bins_x, bins_y = min(n_x // size, most), min(n_y // size, most)
    if alpha * count_splits(bins_x, bins_y, paired) < _copies(bins_x, bins_y):
        needed = 2
        while alpha * count_splits(needed, needed, paired) < 2:
            needed += 1
        raise ValueError(
            f"{bins_x} and {bins_y} bins can be exchanged in so few ways that no test "
            f"at level alpha={alpha} can reject. At least {needed} rows in each "
            f"sample and n_bins of at least {2 * needed} are enough; got {n_x} and "
            f"{n_y} rows and n_bins={n_bins!r}."
        )
    return (bins_x, bins_y), size


def count_splits(bins_x, bins_y, paired):
    """Number of ways to exchange bins, the given one included."""
    return 2**bins_x if paired else comb(bins_x + bins_y, bins_x)


def _copies(bins_x, bins_y):
    """Exchanging all of X with all of Y changes no statistic."""
    return 2 if bins_x == bins_y else 1


def shrink_bins(size, g):
    """Rows of a bin that are used, and of its coreset.

    Returns
    -------
    size : int
        ``n_coreset`` times a power of 2.

    n_coreset : int
        About ``2**g * sqrt(size)``.
    """
    n_rounds = max(round(log2(max(sqrt(size) / 2**g, 1.0))), 0)
    n_coreset = size >> n_rounds
    return n_coreset << n_rounds, n_coreset


def choose_rows(X, Y, n_x, n_y, rng=None, *, paired=False):
    """The first rows of the samples, or random ones.

    Returns
    -------
    pooled : array or CSR matrix of shape (n_x + n_y, n_features)
        The chosen rows.

    rows_x, rows_y : ndarray of int
        Which they are.
    """
    rows_x, rows_y = np.arange(n_x), np.arange(n_y)
    if rng is None:
        return pool(X[:n_x], Y[:n_y]), rows_x, rows_y
    rows_x = rng.permutation(X.shape[0])[:n_x]
    rows_y = rows_x if paired else rng.permutation(Y.shape[0])[:n_y]
    return pool(X[rows_x], Y[rows_y]), rows_x, rows_y
