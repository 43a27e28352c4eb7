"""Eigenvalues of a kernel matrix, and how the targets spread over its eigenvectors."""

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse.linalg import LinearOperator, eigsh
from sklearn.utils import check_random_state

from skkernels.linalg import top_eigensystem
from skkernels.linalg._symmetric_eigensystem import (
    eigensystem_bytes,
    symmetric_eigensystem,
)
from skkernels.operators import check_memory, memory_budget
from skkernels.utils._array import get_namespace, to_numpy
from skkernels.utils._parallel import single_threaded_blas

# Eigenvectors of smaller eigenvalues, relative to the largest, are mostly rounding.
_RESOLVED = 1e-10
# Neighbours that are closer, relative to their size, count as one multiple eigenvalue.
_TIE = 1e-8
_MAX_DIRECT = 5_000
_LANCZOS_TOL = 1e-7


class Modes(NamedTuple):
    """Eigenpairs of ``S K S / W``, S = diag(sqrt(weights)), W = sum(weights).

    ``eigenvalues`` (n_modes,) descend. ``power`` (n_modes, n_targets) are the squared
    products of the unit eigenvectors with ``S Y``, divided by W; within a multiple
    eigenvalue, where eigenvectors are arbitrary, their mean. ``energy`` (n_targets,) is
    the weighted mean of the squared targets, which the power of all modes adds up to;
    ``total`` is W.
    """

    eigenvalues: Any
    power: Any
    energy: Any
    total: float


def choose_solver(solver, n, n_modes):
    """Resolve ``solver="auto"`` and refuse a kernel matrix that does not fit."""
    n_bytes = 8 * n * (n + n_modes)
    if solver == "auto":
        return "eigh" if n <= _MAX_DIRECT and n_bytes <= memory_budget() else "lanczos"
    if solver == "eigh":
        check_memory(
            n_bytes,
            what=f"the {n} x {n} kernel matrix with {n_modes} eigenvectors",
            remedy="use solver='lanczos'",
        )
    return solver


def leading_modes(op, Y, weights, n_modes, *, solver, random_state):
    """The modes of the largest eigenvalues.

    Parameters
    ----------
    op : KernelOperator or PrecomputedOperator of shape (n, n) in float64
        The kernel matrix K.

    Y : array of shape (n, n_targets) in float64
        Targets.

    weights : array of shape (n,)
        Positive sample weights.

    n_modes : int
        How many are wanted. Fewer are returned where eigenvalues are too small, and so
        that no multiple eigenvalue is cut.

    solver : {"eigh", "lanczos"}
        With the kernel matrix in memory, or with products only.

    random_state : int, RandomState instance or None
        Source of the vector that "lanczos" starts from.

    Returns
    -------
    modes : Modes
        NumPy arrays.
    """
    n = op.shape[0]
    xp = get_namespace(Y)
    root = xp.sqrt(weights)
    total = float(weights.sum())
    k = min(n_modes + 1, n)  # one more, which says if the last one wanted is multiple
    if solver == "lanczos" and k < n and xp is np:
        values, vectors = _lanczos(op, root, k, random_state)
    else:
        A = xp.asarray(op.block(), dtype=np.float64)
        A *= root[:, None]
        A *= root
        values, vectors = top_eigensystem(A, k)
    modes = _modes(values, vectors, root, Y, total)
    lam = modes.eigenvalues
    n_kept = int((lam > _RESOLVED * max(lam[0], 0.0)).sum())
    if n_kept == k and k < n:
        *_, last = tied_groups(lam)
        n_kept = last.start
    return modes._replace(eigenvalues=lam[:n_kept], power=modes.power[:n_kept])


def all_modes(op, Y, weights):
    """All modes; parameters as for :func:`leading_modes`.

    Returns
    -------
    modes : Modes
        NumPy arrays. Eigenvalues that are negative or zero up to rounding are
        exactly zero.

    vectors : array of shape (n, n)
        The unit eigenvectors, one per column.

    smallest : float
        The smallest eigenvalue of ``S K S / W``, as it is.
    """
    n = op.shape[0]
    xp = get_namespace(Y)
    check_memory(
        eigensystem_bytes(n, xp),
        what=f"the {n} x {n} kernel matrix with its eigenvectors",
        remedy="pass fewer rows, drawn at random",
    )
    root = xp.sqrt(weights)
    A = xp.asarray(op.block(), dtype=np.float64)
    A *= root[:, None]
    A *= root
    values, vectors = symmetric_eigensystem(A)
    values, vectors = values[::-1], vectors[:, ::-1]
    modes = _modes(values, vectors, root, Y, float(weights.sum()))
    lam = modes.eigenvalues
    floor = n * np.finfo(np.float64).eps * max(lam[0], 0.0)
    modes = modes._replace(eigenvalues=np.where(lam > floor, lam, 0.0))
    return modes, vectors, float(lam[-1])


def _modes(values, vectors, root, Y, total):
    targets = root[:, None] * Y
    with single_threaded_blas():
        power = to_numpy((vectors.T @ targets) ** 2) / total
    lam = to_numpy(values) / total
    for group in tied_groups(lam):
        power[group] = power[group].mean(axis=0)
    energy = to_numpy((targets**2).sum(axis=0)) / total
    return Modes(lam, power, energy, total)


def tied_groups(lam):
    """Slices of the multiple eigenvalues among descending ones, simple ones included.

    Those that are small beside the largest are one group: rounding decides about their
    eigenvectors.
    """
    floor = 1e-5 * _RESOLVED * abs(lam[0])
    apart = lam[:-1] - lam[1:] > _TIE * np.abs(lam[:-1])
    apart &= lam[:-1] > floor
    edges = [0, *(np.flatnonzero(apart) + 1), lam.size]
    return [slice(a, b) for a, b in zip(edges[:-1], edges[1:])]


def _lanczos(op, root, k, random_state):
    n = op.shape[0]

    def multiply(v):
        return root * op.matmat(root * v.ravel())

    values, vectors = eigsh(
        LinearOperator((n, n), matvec=multiply, dtype=np.float64),
        k=k,
        v0=check_random_state(random_state).normal(size=n),
        tol=_LANCZOS_TOL,
    )
    order = np.argsort(values)[::-1]
    return values[order], vectors[:, order]
