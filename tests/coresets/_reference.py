"""Slow and plain versions of what the compiled code does, and what it aims at."""

import numpy as np


def halve(K, uniforms, log_factor):
    """Halves of a list by the textbook formulas, without a running witness."""
    first, second = [], []
    variance = 0.0
    for i, u in enumerate(uniforms):
        x, z = 2 * i, 2 * i + 1
        b2 = max(K[x, x] + K[z, z] - 2 * K[x, z], 0.0)
        a = max(np.sqrt(variance * b2 * log_factor), b2)
        if variance == 0:
            variance = b2
        elif a > 0:
            variance += b2 * max(0.0, 1 + (b2 - 2 * a) * variance / a**2)
        done = first + second
        alpha = (K[done, x] - K[done, z]).sum()
        alpha -= 2 * (K[first, x] - K[first, z]).sum()
        swap = u <= min(1.0, max(0.0, 0.5 * (1 - alpha / (a if a > 0 else 1.0))))
        first.append(z if swap else x)
        second.append(x if swap else z)
    return first, second


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
