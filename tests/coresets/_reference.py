"""Slow and plain versions of what the compiled code does, and what it aims at."""

import numpy as np


def halve(K, uniforms, log_factor, halving="adaptive"):
    """Halves of a list by the textbook formulas, without a running witness.

    ``log_factor`` is a number, or a function of the number of the step from 0.
    """
    first, second = [], []
    variance = largest = 0.0
    for i, u in enumerate(uniforms):
        x, z = 2 * i, 2 * i + 1
        scale = abs(K[x, x]) + abs(K[z, z])
        raw = K[x, x] + K[z, z] - 2 * K[x, z]
        b2 = raw if raw > 1e-12 * scale else 0.0
        L = log_factor(i) if callable(log_factor) else log_factor
        if halving == "lowrank":
            largest = max(largest, np.sqrt(b2))
            a = max(np.sqrt(b2) * largest * (0.5 + L / 2), b2)
        else:
            a = max(np.sqrt(variance * b2 * L), b2)
            if variance == 0:
                variance = b2
            elif a > 0:
                variance += b2 * max(0.0, 1 + (b2 - 2 * a) * variance / a**2)
        done = first + second
        alpha = (K[done, x] - K[done, z]).sum()
        alpha -= 2 * (K[first, x] - K[first, z]).sum()
        if a > 0:
            tilt = -alpha / a
        else:  # equal rows, or a kernel that is not positive semi-definite
            tilt = -np.sign(alpha) if raw < -1e-5 * scale else 0.0
        swap = u <= min(1.0, max(0.0, 0.5 * (1 + tilt)))
        if halving == "lowrank" and i == 0:
            swap = False
        first.append(z if swap else x)
        second.append(x if swap else z)
    return first, second


def split(K, uniforms, log_factor, halving="adaptive"):
    """Rounds of halves of halves; ``log_factor`` is a function of round and step."""
    m = len(uniforms)
    lists = [np.arange(len(K) >> m << m)]
    for j in range(m):
        h = len(lists[0]) // 2
        halves = []
        for i, rows in enumerate(lists):
            u = uniforms[j, i * h : (i + 1) * h]
            parts = halve(
                K[np.ix_(rows, rows)], u, lambda k, j=j: log_factor(j, k), halving
            )
            halves += [rows[np.array(part, dtype=int)] for part in parts]
        lists = halves
    return np.array(lists)


def log_factor(threshold, delta, n, m):
    """Twice the logarithm of 2 over a step's failure probability, as a function."""
    kept = n // 2**m * 2**m if m > 1 else n
    probability = {
        "paper": lambda j, k: delta / n * 2**j / m,
        "goodpoints": lambda j, k: min(delta / (kept / 2**j) * 2**j / m, 2.0),
        "constant": lambda j, k: delta,
        "greedy": lambda j, k: 2.0,
        "anytime": lambda j, k: 6 * delta / (m * (np.pi * (k + 1)) ** 2),
    }[threshold]
    return lambda j, k: 2 * np.log(2 / probability(j, k))


def imbalance(K, half, rest):
    """Squared norm of the difference between the kernel sums of two halves."""
    signs = np.zeros(len(K))
    signs[half] += 1
    signs[rest] -= 1
    return signs @ K @ signs


def swap(K, half, rest):
    """One pass of exchanges, each found by trying all of them in full."""
    half, rest = list(half), list(rest)
    for r in range(len(half)):
        values = []
        for s in range(len(rest)):
            tried, other = half.copy(), rest.copy()
            tried[r], other[s] = rest[s], half[r]
            values.append(imbalance(K, tried, other))
        s = int(np.argmin(values))
        if values[s] < imbalance(K, half, rest) * (1 - 1e-9):
            half[r], rest[s] = rest[s], half[r]
    return half, rest


def mmd(K, indices, weights=None):
    """Distance between the kernel means of a coreset and of all rows."""
    n = len(K)
    signs = np.full(n, 1.0 / n) if weights is None else weights / weights.sum()
    signs = signs - np.bincount(indices, minlength=n) / len(indices)
    return np.sqrt(max(signs @ K @ signs, 0.0))
