"""How many rows a coreset has, and the list of rows that halvings start from."""

from math import isqrt
from numbers import Integral, Real

import numpy as np


def resolve_size(n_coreset, n):
    """The number of rows that ``n_coreset`` asks for, out of ``n``.

    Parameters
    ----------
    n_coreset : int, float or "sqrt"
        A number of rows, a share of them in (0, 1], or their square root.

    n : int
        How many rows there are.

    Returns
    -------
    size : int
        From 1 to ``n``.

    Raises
    ------
    ValueError
        If ``n_coreset`` is none of these.
    """
    if isinstance(n_coreset, str) and n_coreset == "sqrt":
        size = isqrt(n)
    elif isinstance(n_coreset, Integral) and n_coreset >= 1:
        size = int(n_coreset)
    elif (
        isinstance(n_coreset, Real)
        and not isinstance(n_coreset, Integral)
        and 0 < n_coreset <= 1
    ):
        size = round(float(n_coreset) * n)
    else:
        raise ValueError(
            "n_coreset must be an integer >= 1, a share in (0, 1] or 'sqrt', got "
            f"{n_coreset!r} instead."
        )
    return min(max(size, 1), n)


def halving_plan(n, size):
    """How often a list of rows is halved, and how long it must be at first.

    Parameters
    ----------
    n : int
        How many rows there are.

    size : int
        How many rows are wanted, from 1 to ``n``.

    Returns
    -------
    n_rounds : int
        The smallest number of halvings that lets no row be left out.

    length : int
        ``size * 2**n_rounds``, at least ``n`` and less than ``2 n``.
    """
    n, size = int(n), int(size)  # NumPy's integers have no bit_length everywhere
    n_rounds = (-(-n // size) - 1).bit_length()
    return n_rounds, size << n_rounds


def scaled_weights(weights):
    """Weights times a power of 2, which loses nothing, for a sum within bounds."""
    largest = np.abs(weights).max(initial=0.0)
    return np.ldexp(weights, -int(np.frexp(largest)[1]))


def stratified_sequence(weights, n, length, rng):
    """A list of rows in which each row appears in proportion to its weight.

    Row i appears ``length w_i`` times, rounded down or up. Which rows are rounded up is
    decided by systematic sampling: equidistant points, shifted by one draw, pick rows
    from the remainders laid end to end. So the expected number is exactly
    ``length w_i``, and the rows rounded up are spread evenly over the list.

    Parameters
    ----------
    weights : ndarray of shape (n,) or None
        Weights, not negative and not all zero; None if they are equal.

    n : int
        How many rows there are.

    length : int
        Length of the list.

    rng : RandomState
        Source of the draw; none is made if all numbers are whole.

    Returns
    -------
    sequence : ndarray of int of shape (length,)
        In ascending order, so that neighbours stay neighbours.

    Notes
    -----
    Independent draws in strata [1]_ have the same expectation, but can pick a row twice
    that lies across the border of two strata.

    References
    ----------
    .. [1] L. Li, R. Dwivedi and L. Mackey, "Debiased distribution compression", ICML
       2024. arXiv:2404.12290
    """
    weights = np.ones(n) if weights is None else scaled_weights(weights)
    expected = weights / weights.sum() * length
    counts = np.floor(expected).astype(np.intp)
    remainders = expected - counts
    # Rounding can make a product just miss the integer that it is.
    whole = remainders > 1.0 - 1e-9
    counts[whole] += 1
    remainders[whole | (remainders < 1e-9)] = 0.0
    n_missing = int(length - counts.sum())
    if n_missing > 0:
        ends = np.cumsum(remainders)
        points = (np.arange(n_missing) + rng.uniform()) / n_missing
        drawn = np.searchsorted(ends, points * ends[-1], "right")
        last = np.flatnonzero(remainders)[-1]
        np.add.at(counts, np.minimum(drawn, last), 1)
    return np.repeat(np.arange(n, dtype=np.intp), counts)
