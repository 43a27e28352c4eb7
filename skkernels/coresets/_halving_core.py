"""Compiled bodies of kernel halving: sequential walks over stored blocks of a kernel.

Kernel values come in the precision of the data; sums of their differences, which decide
everything, are accumulated in float64.
"""

import numpy as np

from skkernels.utils._jit import inline_njit, njit

# Rows whose squared distance is less than this share of their squared norms are equal,
# and parted by a fair coin: their difference is rounding error.
_TIE = 1e-12
# Share of them below which a squared distance is negative because the kernel is
# indefinite, and not because values in single precision are rounded.
_NEGATIVE = 1e-5


@inline_njit
def part_pair(kxx, kzz, kxz, imbalance, uniform, log_factor, is_lowrank, state):
    """Which half the first row of a pair joins.

    Parameters
    ----------
    kxx, kzz, kxz : float
        Kernel values of the two rows.

    imbalance : float
        Difference between the signed sums at the two rows.

    uniform, log_factor, is_lowrank, state
        See :func:`halve_pairs`, for this pair.

    Returns
    -------
    sign : float
        1 for the first half and -1 for the second.

    state : float
        After this pair.

    check : float
        Finite if the arguments are.
    """
    scale = abs(kxx) + abs(kzz)
    raw = kxx + kzz - 2.0 * kxz
    squared = raw if raw > _TIE * scale else 0.0
    if is_lowrank:
        length = np.sqrt(squared)
        after = max(state, length)
        threshold = max(length * after * 0.5 * (1.0 + log_factor), squared)
    else:
        threshold = max(np.sqrt(state * squared * log_factor), squared)
        after = squared if state == 0.0 else state
        if state > 0.0 and threshold > 0.0:
            shrinkage = (squared - 2.0 * threshold) * state / threshold**2
            after = state + squared * max(1.0 + shrinkage, 0.0)
    tilt = 0.0  # equal rows: a fair coin
    if threshold > 0.0:
        tilt = imbalance / threshold
    elif raw < -_NEGATIVE * scale:  # nothing to measure the imbalance by
        tilt = float(np.sign(imbalance))
    swap = uniform <= min(max(0.5 * (1.0 + tilt), 0.0), 1.0)
    return (-1.0 if swap else 1.0), after, raw + imbalance


@njit
def halve_pairs(
    K, witness, uniforms, log_factor, growth, n_earlier, is_lowrank, state, signs
):
    """Walk over consecutive pairs and send one row of each to either half.

    Parameters
    ----------
    K : ndarray of shape (m, m)
        Kernel matrix of the rows of the pairs, m even. Only the diagonal and what is
        above it are read.

    witness : ndarray of shape (m,)
        Signed sum of the kernel functions of all earlier rows. Overwritten.

    uniforms : ndarray of shape (m / 2,)
        One draw for each pair.

    log_factor, growth : float
        Twice the logarithm of 2 over the failure probability of the first step, and by
        how many times the logarithm of its number, counted from 1, it grows.

    n_earlier : int
        How many pairs came before.

    is_lowrank : bool
        Which thresholds: ``max(s b sqrt(L), b^2)`` with a sub-Gaussian constant s that
        follows the walk, or ``max(b max(b) (1 + L) / 2, b^2)`` with the largest b so
        far.

    state : float
        The square of s, or the largest b, after the earlier pairs; 0 at the start.

    signs : ndarray of shape (m,)
        Filled with 1 for the first half and -1 for the second.

    Returns
    -------
    state : float
        After these pairs.

    check : float
        Finite if all kernel values met are.
    """
    check = 0.0
    for i in range(uniforms.size):
        x = 2 * i
        z = x + 1
        factor = log_factor
        if growth > 0.0:
            factor += growth * np.log(n_earlier + i + 1.0)
        sign, state, more = part_pair(
            float(K[x, x]),
            float(K[z, z]),
            float(K[x, z]),
            witness[x] - witness[z],
            uniforms[i],
            factor,
            is_lowrank,
            state,
        )
        check += more
        if is_lowrank and n_earlier + i == 0:
            sign = 1.0
        signs[x] = sign
        signs[z] = -sign
        for j in range(z + 1, K.shape[1]):
            witness[j] += sign * (float(K[x, j]) - float(K[z, j]))
    return state, check


@njit
def upper_submatrix(K, rows):
    """Diagonal of some rows and columns of a matrix, and what is above it."""
    out = np.empty((rows.size, rows.size), K.dtype)
    for i in range(rows.size):
        row = K[rows[i]]
        for j in range(i, rows.size):
            out[i, j] = row[rows[j]]
    return out


@njit
def halve_rounds(
    K,
    witness,
    uniforms,
    list_number,
    list_length,
    start,
    log_factors,
    growth,
    is_lowrank,
    states,
    signs,
):
    """Several rounds of halving of consecutive rows of a list.

    The lists that come up are numbered as in a heap: list ``i`` is split into lists
    ``2 i + 1`` and ``2 i + 2``.

    Parameters
    ----------
    K : ndarray of shape (m, m)
        Kernel matrix of the rows; m is a multiple of ``2^n_rounds``.

    witness : ndarray of shape (m, n_lists) or (0, 0)
        Signed sums of the kernel functions of the earlier rows of each list. If there
        are no earlier rows, an empty array.

    uniforms : ndarray of shape (n_rounds, n_draws)
        Draws of the rounds. The pairs of the lists of a round have them one list after
        the other.

    list_number, list_length : int
        Which of the lists of the first round this is, and how many rows it has.

    start : int
        How many rows of the list come before, a multiple of ``2^n_rounds``.

    log_factors : ndarray of shape (n_rounds,)
        For each round; see :func:`halve_pairs` for these and the next two.

    growth : float

    is_lowrank : bool

    states : ndarray of shape (n_lists,)
        Of each list; updated.

    signs : ndarray of shape (m, n_lists) or (0, 0)
        Filled with the signs of the rows in each list, 0 for rows that are in another
        list; must be zero on entry. If they are not needed, an empty array.

    Returns
    -------
    order : ndarray of int of shape (m,)
        Positions of the rows, one list of the last round after the other.

    check : float
        Finite if all kernel values met are.
    """
    m = K.shape[0]
    order = np.arange(m)
    following = np.arange(m)
    check = 0.0
    for r in range(log_factors.size):
        size = m >> r
        half = size >> 1
        for c in range(1 << r):
            i = (1 << r) - 1 + c
            rows = order[c * size : (c + 1) * size]
            sums = np.zeros(size)
            if witness.size > 0:
                for k in range(size):
                    sums[k] = witness[rows[k], i]
            draw = ((list_number << r) + c) * (list_length >> (r + 1))
            draw += start >> (r + 1)
            list_signs = np.empty(size)
            states[i], more = halve_pairs(
                K if r == 0 else upper_submatrix(K, rows),
                sums,
                uniforms[r, draw : draw + half],
                log_factors[r],
                growth,
                start >> (r + 1),
                is_lowrank,
                states[i],
                list_signs,
            )
            check += more
            for k in range(half):
                swap = 1 if list_signs[2 * k] < 0.0 else 0
                following[2 * c * half + k] = rows[2 * k + swap]
                following[(2 * c + 1) * half + k] = rows[2 * k + 1 - swap]
            if signs.size > 0:
                for k in range(size):
                    signs[rows[k], i] = list_signs[k]
        order, following = following, order
    return order, check
