"""Compiled bodies that halve many small buckets of rows, each with its kernel matrix.

The inner loops run over whole rows of a matrix, so that they vectorise: what a swap
would change is formed for all rows, with a penalty for those that may not be chosen,
rather than gathered for the others. Sums are accumulated in float64.
"""

import numpy as np

from skkernels.coresets._halving_core import part_pair
from skkernels.utils._jit import njit

# Choices that differ by less than this share of the largest possible value are equally
# good: which of them is taken must not depend on rounding.
_TIE = 1e-12
# Columns among which the smallest value is found side by side.
_LANES = 16


@njit
def walk_pairs(K, uniforms, log_factor, signs, witness, alternating):
    """Kernel halving of a bucket: a sign for each row, and the sums they make.

    Parameters
    ----------
    K : ndarray of shape (m, m)
        Kernel matrix, m even.

    uniforms : ndarray of shape (m / 2,)
        One draw for each pair of consecutive rows.

    log_factor : float
        Twice the logarithm of 2 over the failure probability of a step.

    signs : ndarray of shape (m,)
        Filled with 1 for the first half and -1 for the second.

    witness, alternating : ndarray of shape (m,)
        Filled with ``K @ signs``, and with ``K`` times the signs -1, 1, -1, ...

    Returns
    -------
    check : float
        Finite if all kernel values are.
    """
    m = signs.size
    witness[:] = 0.0
    alternating[:] = 0.0
    variance = 0.0
    check = 0.0
    for i in range(uniforms.size):
        x = 2 * i
        z = x + 1
        sign, variance, more = part_pair(
            float(K[x, x]),
            float(K[z, z]),
            float(K[x, z]),
            witness[x] - witness[z],
            uniforms[i],
            log_factor,
            False,
            variance,
        )
        check += more
        signs[x] = sign
        signs[z] = -sign
        left, right = K[x], K[z]
        for j in range(m):
            difference = float(left[j]) - float(right[j])
            witness[j] += sign * difference
            alternating[j] -= difference
    for j in range(m):
        check += alternating[j]
    return check


@njit
def keep_better(K, signs, witness, alternating):
    """Replace the signs by alternating ones unless they are better.

    Every second row then makes up the first half. ``witness`` is kept up to date.
    """
    square = 0.0
    other = 0.0
    trace = 0.0
    for i in range(signs.size):
        square += signs[i] * witness[i]
        other += alternating[i] if i % 2 else -alternating[i]
        trace += abs(float(K[i, i]))
    if square >= other - _TIE * signs.size * trace:
        for i in range(signs.size):
            signs[i] = 1.0 if i % 2 else -1.0
            witness[i] = alternating[i]


@njit
def first_smallest(values, lanes):
    """Position of the smallest value, the first of equal ones.

    ``lanes`` is scratch space of ``_LANES`` entries.
    """
    n = values.size
    whole = n - n % _LANES
    lanes[:] = np.inf
    for start in range(0, whole, _LANES):
        part = values[start : start + _LANES]
        for lane in range(_LANES):
            lanes[lane] = part[lane] if part[lane] < lanes[lane] else lanes[lane]
    best = np.inf
    for lane in range(_LANES):
        best = min(best, lanes[lane])
    for j in range(whole, n):
        best = min(best, values[j])
    for j in range(n):
        if values[j] == best:
            return j
    return -1


@njit
def swap_rows(K, half, rest, signs, witness, values, outside):
    """Exchange each row of a half for the one outside that improves it the most.

    Parameters
    ----------
    K : ndarray of shape (m, m)
        Kernel matrix.

    half, rest : ndarray of int of shape (m / 2,)
        Positions of the two halves; exchanged in place. The first of equally good rows
        is taken, and none unless it is strictly better.

    signs, witness : ndarray of shape (m,)
        1 in the half and -1 in the rest, and ``K @ signs``; kept up to date.

    values, outside : ndarray of shape (m,)
        Space.

    Returns
    -------
    n_swaps : int
        0 if no exchange of two rows lowers the discrepancy.
    """
    m = witness.size
    lanes = np.empty(_LANES)
    slots = np.empty(m, np.int64)
    for s in range(rest.size):
        slots[rest[s]] = s
    for j in range(m):
        outside[j] = float(K[j, j]) if signs[j] < 0.0 else np.inf
    n_swaps = 0
    for r in range(half.size):
        x = half[r]
        row = K[x]
        corner = float(row[x])
        for j in range(m):
            values[j] = witness[j] + outside[j] - 2.0 * float(row[j])
        z = first_smallest(values, lanes)
        if values[z] >= witness[x] - corner - _TIE * m * abs(corner):
            continue
        n_swaps += 1
        half[r] = z
        rest[slots[z]] = x
        slots[x] = slots[z]
        signs[x], signs[z] = -1.0, 1.0
        outside[x], outside[z] = corner, np.inf
        other = K[z]
        for j in range(m):
            witness[j] += 2.0 * (float(other[j]) - float(row[j]))
    return n_swaps


@njit
def halve_four(K, coin):
    """The two of four rows with the mean closest to that of all, or the other two.

    Parameters
    ----------
    K : ndarray of shape (4, 4)
        Kernel matrix.

    coin : float
        Row 0 is among the two if this is below 1/2.

    Returns
    -------
    first, second : int
        Positions, in ascending order.
    """
    # Rows that are together in a half should be unlike each other.
    together = (
        float(K[0, 3]) + float(K[1, 2]),
        float(K[0, 1]) + float(K[2, 3]),
        float(K[0, 2]) + float(K[1, 3]),
    )
    scale = abs(float(K[0, 0])) + abs(float(K[1, 1]))
    tie = _TIE * (scale + abs(float(K[2, 2])) + abs(float(K[3, 3])))
    partner = 2
    if together[0] < min(together[1], together[2]) - tie:
        partner = 3
    elif together[1] <= together[0] + tie and together[1] < together[2] - tie:
        partner = 1
    if coin < 0.5:
        return 0, partner
    if partner == 3:
        return 1, 2
    return (2, 3) if partner == 1 else (1, 3)


@njit
def halve_bucket(K, uniforms, coin, log_factor, n_swap_passes, kept):
    """Halve the rows of one bucket, and improve the halves by swaps.

    Parameters
    ----------
    K : ndarray of shape (m, m)
        Kernel matrix, m even.

    uniforms : ndarray of shape (m / 2,)
        One draw for each pair; not used for four rows.

    coin : float
        Draw that decides which half is kept: the other one if above 1/2.

    log_factor : float
        See :func:`walk_pairs`.

    n_swap_passes : int
        At most so many passes over the first half; 0 leaves one row of each pair in
        each half.

    kept : ndarray of int of shape (m / 2,)
        Filled with the positions that stay.

    Returns
    -------
    check : float
        Finite if all kernel values are.
    """
    m = K.shape[0]
    if m == 4:
        kept[0], kept[1] = halve_four(K, coin)
        return K.sum()
    signs = np.empty(m)
    witness = np.empty(m)
    alternating = np.empty(m)
    check = walk_pairs(K, uniforms, log_factor, signs, witness, alternating)
    if n_swap_passes > 0:
        keep_better(K, signs, witness, alternating)
    half = np.empty(m // 2, np.int64)
    rest = np.empty(m // 2, np.int64)
    for i in range(m // 2):
        first = signs[2 * i] > 0.0
        half[i] = 2 * i if first else 2 * i + 1
        rest[i] = 2 * i + 1 if first else 2 * i
    values = np.empty(m)
    for _ in range(n_swap_passes):
        if swap_rows(K, half, rest, signs, witness, values, alternating) == 0:
            break
    chosen = rest if coin > 0.5 else half
    for i in range(m // 2):
        kept[i] = chosen[i]
    return check


@njit
def halve_buckets(K, uniforms, coins, log_factors, n_swap_passes, kept):
    """Halve the rows of many buckets of equal size.

    Parameters
    ----------
    K : ndarray of shape (n_buckets, m, m)
        Kernel matrices.

    uniforms : ndarray of shape (n_buckets, m / 2)
    coins, log_factors : ndarray of shape (n_buckets,)
    n_swap_passes : int
    kept : ndarray of int of shape (n_buckets, m / 2)
        See :func:`halve_bucket`.

    Returns
    -------
    check : float
        Finite if all kernel values are.
    """
    check = 0.0
    for b in range(K.shape[0]):
        check += halve_bucket(
            K[b], uniforms[b], coins[b], log_factors[b], n_swap_passes, kept[b]
        )
    return check
