"""Compiled bodies of kernel halving: sequential walks over a stored block of a kernel.

Kernel values come in the precision of the data; sums of their differences, which decide
everything, are accumulated in float64.
"""

import numpy as np

from skkernels.utils._jit import njit

# Two choices whose discrepancies differ by less than this share of their largest
# possible value are equally good: which of them is taken must not depend on rounding.
_TIE = 1e-12


@njit
def halve_pairs(K, witness, uniforms, log_factor, variance, signs):
    """Walk over consecutive pairs and send one row of each to either half.

    Parameters
    ----------
    K : ndarray of shape (2 n_pairs, m)
        Kernel values between the rows of the pairs, and between them and all rows that
        come later: column j belongs to row j for ``j < 2 n_pairs``.

    witness : ndarray of shape (m,)
        Signed sum of the kernel functions of all earlier rows, at the columns. Updated
        at the columns that come after each pair.

    uniforms : ndarray of shape (n_pairs,)
        One draw for each pair.

    log_factor : float
        Twice the logarithm of the inverse failure probability of a step.

    variance : float
        Sub-Gaussian variance after the earlier pairs, 0 at the start.

    signs : ndarray of shape (2 n_pairs,)
        Filled with 1 for the first half and -1 for the second.

    Returns
    -------
    variance : float
        After these pairs.

    check : float
        Finite if all kernel values met are.
    """
    check = 0.0
    for i in range(uniforms.size):
        x = 2 * i
        z = x + 1
        squared = float(K[x, x]) + float(K[z, z]) - 2.0 * float(K[x, z])
        check += squared
        squared = max(squared, 0.0)
        threshold = max(np.sqrt(variance * squared * log_factor), squared)
        if variance == 0.0:
            variance = squared
        elif threshold > 0.0:
            shrinkage = (squared - 2.0 * threshold) * variance / threshold**2
            variance += squared * max(1.0 + shrinkage, 0.0)
        if threshold == 0.0:  # equal rows: a fair coin
            threshold = 1.0
        imbalance = witness[x] - witness[z]
        check += imbalance
        swap = uniforms[i] <= min(max(0.5 * (1.0 + imbalance / threshold), 0.0), 1.0)
        sign = -1.0 if swap else 1.0
        signs[x] = sign
        signs[z] = -sign
        for j in range(z + 1, K.shape[1]):
            witness[j] += sign * (float(K[x, j]) - float(K[z, j]))
    return variance, check


@njit
def better_signs(K, signs, witness):
    """Replace the signs by alternating ones unless they are better.

    Parameters
    ----------
    K : ndarray of shape (m, m)
        Kernel matrix, m even.

    signs : ndarray of shape (m,)
        Signs of the rows; overwritten by -1, 1, -1, ... (every second row makes up the
        first half) if these have the smaller discrepancy, or an equal one.

    witness : ndarray of shape (m,)
        Filled with ``K @ signs``.
    """
    m = signs.size
    alternating = np.zeros(m)
    witness[:] = 0.0
    for i in range(m):
        sign = signs[i]
        other = 1.0 if i % 2 else -1.0
        for j in range(m):
            value = float(K[i, j])
            witness[j] += sign * value
            alternating[j] += other * value
    square = 0.0
    other_square = 0.0
    trace = 0.0
    for i in range(m):
        square += signs[i] * witness[i]
        other_square += (1.0 if i % 2 else -1.0) * alternating[i]
        trace += abs(float(K[i, i]))
    if square >= other_square - _TIE * m * trace:
        for i in range(m):
            signs[i] = 1.0 if i % 2 else -1.0
            witness[i] = alternating[i]


@njit
def swap_pass(K, half, rest, witness):
    """Exchange each row of a half for the one outside that improves it the most.

    Parameters
    ----------
    K : ndarray of shape (m, m)
        Kernel matrix.

    half, rest : ndarray of int
        Positions of the two halves; exchanged in place. The first of equally good rows
        is taken, and none unless it is strictly better.

    witness : ndarray of shape (m,)
        Kernel sum of the half minus that of the rest; kept up to date.

    Returns
    -------
    n_swaps : int
        0 if no exchange of two rows lowers the discrepancy.
    """
    n_swaps = 0
    diagonal = np.empty(witness.size)
    for i in range(witness.size):
        diagonal[i] = K[i, i]
    for r in range(half.size):
        x = half[r]
        best = witness[x] - diagonal[x] - _TIE * witness.size * abs(diagonal[x])
        slot = -1
        for s in range(rest.size):
            z = rest[s]
            change = witness[z] + diagonal[z] - 2.0 * float(K[x, z])
            if change < best:
                best = change
                slot = s
        if slot >= 0:
            z = rest[slot]
            half[r] = z
            rest[slot] = x
            for j in range(witness.size):
                witness[j] += 2.0 * (float(K[z, j]) - float(K[x, j]))
            n_swaps += 1
    return n_swaps


@njit
def halve_bucket(K, uniforms, log_factor, n_swap_passes):
    """Halve the rows of a stored kernel matrix, and improve the halves by swaps.

    Parameters
    ----------
    K : ndarray of shape (m, m)
        Kernel matrix, m even.

    uniforms : ndarray of shape (m / 2,)
        One draw for each pair.

    log_factor : float
        See :func:`halve_pairs`.

    n_swap_passes : int
        At most so many passes over the first half; 0 leaves one row of each pair in
        each half.

    Returns
    -------
    half, rest : ndarray of int of shape (m / 2,)
        Positions.

    check : float
        Finite if all kernel values are.
    """
    m = K.shape[0]
    witness = np.zeros(m)
    signs = np.empty(m)
    _, check = halve_pairs(K, witness, uniforms, log_factor, 0.0, signs)
    if n_swap_passes > 0:
        better_signs(K, signs, witness)
        check += witness.sum()
    half = np.empty(m // 2, np.int64)
    rest = np.empty(m // 2, np.int64)
    for i in range(m // 2):
        first = signs[2 * i] > 0.0
        half[i] = 2 * i if first else 2 * i + 1
        rest[i] = 2 * i + 1 if first else 2 * i
    for _ in range(n_swap_passes):
        if swap_pass(K, half, rest, witness) == 0:
            break
    return half, rest, check
