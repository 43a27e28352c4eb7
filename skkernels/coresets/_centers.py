"""Choice of centers for Nystroem-type models."""

import numpy as np
from sklearn.utils import check_random_state

from skkernels.coresets._leverage_rows import leverage_rows
from skkernels.coresets._thinned_rows import thinned_rows
from skkernels.linalg import rpcholesky
from skkernels.operators import make_operator, memory_budget
from skkernels.utils._array import is_cupy, to_numpy
from skkernels.utils._distinct import distinct_rows

CENTER_SELECTIONS = ("uniform", "kmeans++", "rpcholesky", "leverage", "thinning")


def select_centers(
    kernel, X, n_centers, method="uniform", *, sample_weight=None, random_state=None
):
    """Choose rows of X as centers.

    The choice is a function of the weighted set of rows and of ``random_state``: it
    does not depend on the order of the rows, and an integer weight has exactly the
    effect of repeating a row. No row is chosen twice, nor are two equal rows; if there
    are no more than ``n_centers`` distinct rows, all of them are chosen.

    Parameters
    ----------
    kernel : Kernel
        Resolved kernel; used by "rpcholesky", "leverage" and "thinning", without its
        white noise.

    X : array or CSR matrix of shape (n, n_features)
        Data.

    n_centers : int
        Number of centers wanted.

    method : {"uniform", "kmeans++", "rpcholesky", "leverage", "thinning"}, \
            default="uniform"
        "uniform" draws rows without replacement with probabilities proportional to
        their weights. "kmeans++" spreads the centers in Euclidean distance.
        "rpcholesky" draws each center in proportion to what the kernel functions of
        the centers before it leave unexplained.
        "leverage" draws rows with probabilities proportional to their weights times
        their ridge leverage scores, the diagonal of ``K (K + alpha I)^{-1}``, with
        alpha such that the sum of the scores, the effective dimension, is half of
        ``n_centers``. The scores are estimated from a pilot of rows, drawn as "uniform"
        draws: twice as many as centers, but from 1000 to 2000; the effective dimension
        is at most a quarter of their number.
        "thinning" represents the weighted rows: their halves whose kernel means agree
        best are kept again and again (:func:`compress`), so that the centers are
        distributed as the data are, but more evenly than by chance.

    sample_weight : array of shape (n,), default=None
        Positive weights.

    random_state : int, RandomState instance or None, default=None
        Source of the draws.

    Returns
    -------
    indices : ndarray of int of shape (n_chosen,)
        Rows of X, in an order that depends on their values only. There may be fewer
        than ``n_centers`` if rows are duplicated or if "rpcholesky" finds that fewer
        explain everything.

    Notes
    -----
    With r centers, "uniform" costs O(n n_features), "kmeans++" O(n r n_features),
    "rpcholesky" n r kernel entries, O(n r^2) operations and ``8 n r`` bytes. Where
    that is more than half of the memory budget, "rpcholesky" chooses among as many
    rows as fit, drawn as "uniform" draws, but among at least 4 r. "leverage" with a
    pilot of s rows costs n s kernel entries and O(n s^2) operations. "thinning" costs
    about ``64 r^2 log2(n / r) + 2000 n`` kernel entries, a few more where rows survive
    twice, and up to half of the memory budget.

    References
    ----------
    .. [1] P. S. Efraimidis and P. G. Spirakis, "Weighted random sampling with a
       reservoir", Information Processing Letters 97, 2006.
    .. [2] D. Arthur and S. Vassilvitskii, "k-means++: the advantages of careful
       seeding", SODA 2007.
    .. [3] C. Musco and C. Musco, "Recursive sampling for the Nystroem method", NIPS
       2017. arXiv:1605.07583
    .. [4] A. Rudi, D. Calandriello, L. Carratino and L. Rosasco, "On fast leverage
       score sampling and optimal learning", NeurIPS 2018. arXiv:1810.13258
    .. [5] A. Shetty, R. Dwivedi and L. Mackey, "Distribution compression in near-linear
       time", ICLR 2022. arXiv:2111.07941

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.coresets import select_centers
    >>> from skkernels.kernels import RBF
    >>> X = np.array([[0.0], [1.0], [1.0], [2.0]])
    >>> sorted(select_centers(RBF(), X, 3).tolist())
    [0, 1, 3]
    """
    if method not in CENTER_SELECTIONS:
        raise ValueError(
            f"method must be one of {CENTER_SELECTIONS}, got {method!r} instead."
        )
    first, inverse = distinct_rows(X)
    if first.size <= n_centers:
        return first
    rng = check_random_state(random_state)
    weights = None if sample_weight is None else to_numpy(sample_weight)
    weights = np.bincount(inverse, weights, minlength=first.size).astype(np.float64)
    if method == "uniform":
        chosen = _draw(weights, n_centers, rng)
    elif method == "kmeans++":
        rows = to_numpy(X[first]) if is_cupy(X) else X[first]
        from sklearn.cluster import kmeans_plusplus  # slow to import

        _, chosen = kmeans_plusplus(
            rows, n_centers, sample_weight=weights, random_state=rng
        )
    elif method == "leverage":
        chosen = leverage_rows(
            kernel._without_noise(),
            X,
            first,
            inverse,
            weights,
            n_centers,
            lambda weights, size: _draw(weights, size, rng),
        )
    elif method == "thinning":
        chosen = thinned_rows(kernel, X, first, weights, n_centers, rng)
    else:
        # The factor of all rows may take half of the memory budget.
        n_rows = max(memory_budget() // (16 * n_centers), 4 * n_centers)
        if n_rows < first.size:
            drawn = np.sort(_draw(weights, n_rows, rng))
            first, weights = first[drawn], None
        # White noise is no part of the functions that centers span.
        operator = make_operator(kernel._without_noise(), X[first])
        chosen = rpcholesky(
            operator, n_centers, weights=weights, random_state=rng
        ).pivots
        if chosen.size == 0:  # the kernel is zero, so that any row will do
            chosen = np.zeros(1, dtype=np.intp)
    return first[np.unique(chosen)]


def _draw(weights, size, rng):
    """Draw positions without replacement, proportionally to the weights."""
    # The smallest of independent exponential times with these rates.
    times = rng.exponential(size=weights.size) / weights
    return np.argpartition(times, size)[:size]
