"""What estimators that learn from a coreset have in common."""

from math import ceil, sqrt
from numbers import Integral, Real

import numpy as np
import scipy.sparse as sp

from skkernels.base import KERNEL_CONSTRAINTS, KernelEstimatorMixin
from skkernels.coresets import compress
from skkernels.coresets._sequence import (
    halving_plan,
    resolve_size,
    stratified_sequence,
)
from skkernels.coresets._supervised_kernel import (
    standardize_targets,
    supervised_kernel,
)
from skkernels.utils._array import to_numpy
from skkernels.utils._distinct import distinct_rows
from skkernels.utils._sklearn import Interval, StrOptions

SIZE_CONSTRAINTS = [
    Interval(Integral, 1, None, closed="left"),
    Interval(Real, 0, 1, closed="right"),
    StrOptions({"auto", "sqrt"}),
]
# No more rows than this are never thinned by default.
_MIN_AUTO = 1024


def coreset_size(n_coreset, n):
    """Number of rows of the coreset out of n; "auto" leaves small data as they are."""
    if isinstance(n_coreset, str) and n_coreset == "auto":
        return min(n, max(_MIN_AUTO, 4 * ceil(sqrt(n))))
    return resolve_size(n_coreset, n)


def distinct_samples(X, Y, weights):
    """Distinct pairs of a row and its targets, in an order that their values decide.

    Parameters
    ----------
    X : array or CSR matrix of shape (n, n_features)
        Rows.

    Y : ndarray of shape (n, n_targets)
        Targets as they were given: rounding must not make a difference.

    weights : ndarray of shape (n,) or None
        Weights.

    Returns
    -------
    first : ndarray of int of shape (n_distinct,)
        First occurrence of each pair.

    totals : ndarray of shape (n_distinct,)
        Total weight of all samples equal to it.
    """
    ranks = [distinct_rows(part)[1] for part in (X, Y)]
    first, inverse = distinct_rows(np.column_stack(ranks))
    return first, np.bincount(inverse, weights, minlength=first.size).astype(float)


def keep_samples(model, X, rows, indices, mass):
    """Set the attributes of the coreset, in the order of the training data.

    ``indices`` are positions in X, ``mass`` is what they stand for, and ``rows`` are
    the numbers of the rows of X among all training rows, None if these are all. Returns
    indices and mass, sorted.
    """
    order = np.argsort(indices)
    indices, mass = indices[order], mass[order]
    model.coreset_ = X[indices]
    model.sample_indices_ = indices if rows is None else to_numpy(rows)[indices]
    model.coreset_weights_ = mass / mass.sum()
    return indices, mass


def choose_coreset(kernel, rows, size, weights, strata, rng):
    """Thin weighted rows to distinct ones with weights.

    Parameters
    ----------
    kernel : Kernel
        Resolved kernel of the rows.

    rows : ndarray or CSR matrix of shape (n, n_columns)
        Rows, in main memory.

    size : int
        How many to keep. Rows that are kept repeatedly are merged to one.

    weights : ndarray of shape (n,)
        Positive weights.

    strata : ndarray of int of shape (n,) or None
        If given, the rows of each number are thinned by themselves, to a size in
        proportion to their weight, but at least one.

    rng : RandomState
        Source of the draws.

    Returns
    -------
    indices : ndarray of int of shape (n_kept,)
        Rows kept.

    shares : ndarray of shape (n_kept,)
        Their weights, of sum 1.
    """
    n = rows.shape[0]
    if size >= n:
        return np.arange(n), weights / weights.sum()
    if strata is None:
        return _thin(kernel, rows, size, weights, rng)
    members = [np.flatnonzero(strata == code) for code in np.unique(strata)]
    masses = np.array([weights[member].sum() for member in members])
    masses /= masses.sum()
    kept, shares = [], []
    for member, mass, part in zip(members, masses, stratum_sizes(masses, size)):
        chosen, inner = choose_coreset(
            kernel, rows[member], int(part), weights[member], None, rng
        )
        kept.append(member[chosen])
        shares.append(mass * inner)
    return np.concatenate(kept), np.concatenate(shares)


def stratum_sizes(shares, size):
    """Whole numbers in proportion to shares of sum 1, at least 1 each, of sum size.

    Their sum is the number of strata if that is more than ``size``.
    """
    expected = shares * size
    sizes = np.maximum(np.floor(expected + 1e-9).astype(np.intp), 1)
    missing = max(size, shares.size) - sizes.sum()
    while missing != 0:
        # Those farthest from their shares are corrected first.
        gap = expected - sizes
        if missing > 0:
            order = np.argsort(-gap, kind="stable")[:missing]
            sizes[order] += 1
        else:
            order = np.flatnonzero(sizes > 1)
            order = order[np.argsort(gap[order], kind="stable")][:-missing]
            sizes[order] -= 1
        missing = max(size, shares.size) - sizes.sum()
    return sizes


def _thin(kernel, rows, size, weights, rng):
    # The coin of compress gives each row the same chance. Swaps against all rows favour
    # those whose kernel with themselves is small, and that of pairs is smallest for
    # targets near the mean: with many features, predictions would collapse to it.
    n_rounds, length = halving_plan(rows.shape[0], size)
    sequence = stratified_sequence(weights, rows.shape[0], length, rng)
    indices = compress(kernel, rows, size, rng.permutation(sequence), random_state=rng)
    indices, counts = np.unique(indices, return_counts=True)
    return indices, counts / size


class BaseThinned(KernelEstimatorMixin):
    """Base of the models with a kernel and a coreset of their training data."""

    _parameter_constraints: dict = {
        **KERNEL_CONSTRAINTS,
        "n_coreset": SIZE_CONSTRAINTS,
        "random_state": ["random_state"],
    }

    def _refuse_precomputed(self):
        if self._is_precomputed():
            raise ValueError(
                f"{type(self).__name__} evaluates the kernel where it needs it, so "
                "kernel='precomputed' is not possible. Use KernelRidge or "
                "KernelRidgeClassifier with it, or pass the kernel as an object or a "
                "callable."
            )

    def _distinct_samples(self, X, Y, codes, weights):
        """See :func:`distinct_samples`."""
        return distinct_samples(X, Y if codes is None else codes[:, None], weights)

    def _thins(self, n):
        """Whether some of n distinct samples are to be left out."""
        return coreset_size(self.n_coreset, n) < n

    def _choose_coreset(self, kernel, kind, X, Y, codes, rows, distinct, rng):
        """Choose the coreset and set its attributes.

        Parameters
        ----------
        kernel : Kernel
            Resolved kernel of the features.

        kind : {"ridge", "average"}
            See :class:`SupervisedKernel`.

        X : array or CSR matrix of shape (n, n_features)
            The rows of positive weight.

        Y : ndarray of shape (n, n_targets)
            Targets, on the host; ignored if there are codes.

        codes : ndarray of int of shape (n,) or None
            Classes, which are then thinned one by one.

        rows : ndarray of int of shape (n,) or None
            Numbers of the rows among all training rows; None if these are all.

        distinct : tuple
            What ``_distinct_samples`` returned.

        rng : RandomState
            Source of the draws.

        Returns
        -------
        indices : ndarray of int of shape (n_kept,)
            The coreset, as positions in X.

        mass : ndarray of shape (n_kept,)
            Weight that each row stands for.
        """
        first, mass = distinct
        if self._thins(first.size):
            size = coreset_size(self.n_coreset, first.size)
            pairs = self._pairs(kernel, kind, X, Y, codes, *distinct)
            strata = None if codes is None else codes[first]
            chosen, shares = choose_coreset(*pairs, size, mass, strata, rng)
            first, mass = first[chosen], shares * mass.sum()
        return keep_samples(self, X, rows, first, mass)

    def _pairs(self, kernel, kind, X, Y, codes, first, totals):
        """The kernel of the distinct samples and these, as rows of it."""
        X = X[first] if sp.issparse(X) else to_numpy(X[first])
        if codes is None:
            targets = standardize_targets(Y[first], totals)
        else:  # within a class all inner products of indicators are 1
            targets = np.ones((first.size, 1))
        return supervised_kernel(kernel, X, targets, kind)
