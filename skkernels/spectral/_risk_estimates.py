"""Estimates from all eigenpairs of a kernel matrix."""

from typing import Any, NamedTuple

import numpy as np

from skkernels.spectral._modes import tied_groups
from skkernels.utils._array import get_namespace, to_numpy
from skkernels.utils._parallel import row_blocks, single_threaded_blas

_EPS = float(np.finfo(np.float64).eps)
_COLUMNS = 512


class Residue(NamedTuple):
    """What ridge regression leaves of each mode.

    ``shares`` (n_modes,) are ``alpha / (alpha + W l_j)`` and ``beyond`` the number of
    further directions, of which all is left: the copies of samples of weight above 1.
    For ``alpha = 0`` without a vanishing eigenvalue they are divided by their
    infinitely small maximum, and ``vanishing`` is true. ``unit`` is alpha / W on the
    same scale.
    """

    shares: Any
    beyond: float
    unit: float
    vanishing: bool

    def mean(self, total):
        """Mean over all directions."""
        return (self.shares.sum() + self.beyond) / total


def residue(modes, alpha):
    """The :class:`Residue` of a ridge strength."""
    l, total = modes.eigenvalues, modes.total
    beyond = total - l.size
    if abs(beyond) <= 16 * _EPS * total:
        beyond = 0.0
    if alpha > 0.0:
        unit = alpha / total
        return Residue(unit / (unit + l), beyond, unit, False)
    if l[-1] > 0.0 and beyond == 0.0:
        return Residue(l[-1] / l, 0.0, l[-1], True)
    return Residue((l == 0.0).astype(np.float64), beyond, 0.0, False)


def ridge_estimates(modes, left):
    """What the spectrum says of one ridge strength.

    Parameters
    ----------
    modes : Modes
        All modes.

    left : Residue
        What the ridge strength leaves of them.

    Returns
    -------
    test : ndarray of shape (n_targets,)
        The kernel alignment risk estimate of the error on new data.

    unlearned : ndarray of shape (n_targets,)
        Estimate of the part of the target's mean square that the mean prediction does
        not have, noise included.

    factor : float
        Estimated factor of overfitting.

    kappa : float
        Estimated threshold.
    """
    mean = left.mean(modes.total)
    if not mean > 0.0:
        unknown = np.full_like(modes.energy, np.nan)
        return unknown, unknown, np.nan, np.nan
    relative = left.shares / mean
    factor = ((left.shares**2).sum() + left.beyond) / modes.total / mean**2
    return (
        relative**2 @ modes.power,
        relative @ modes.power,
        factor,
        left.unit / mean,
    )


def leave_one_out_curve(vectors, Y, weights, residues):
    """Mean squared error of predicting each sample from all the others.

    Parameters
    ----------
    vectors : array of shape (n, n)
        Eigenvectors of the weighted kernel matrix.

    Y : array of shape (n, n_targets)
        Targets.

    weights : array of shape (n,)
        Positive weights. Of a sample of weight above 1 one unit is left out.

    residues : list of Residue
        One for each ridge strength.

    Returns
    -------
    errors : ndarray of shape (n_alphas, n_targets)
        Weighted means; NaN where a sample has leverage 1, so that the formula says
        nothing.
    """
    xp = get_namespace(Y)
    root = xp.sqrt(weights)[:, None]
    units = xp.maximum(weights, 1.0)[:, None]
    copies = 1.0 - 1.0 / units
    with single_threaded_blas():
        coordinates = vectors.T @ (root * Y)
        shares = xp.asarray(np.stack([left.shares for left in residues], axis=1))
        # One minus the leverages.
        slack = sum(
            vectors[:, block] ** 2 @ shares[block]
            for block in row_blocks(len(vectors), _COLUMNS)
        )
    errors = []
    for j, left in enumerate(residues):
        with single_threaded_blas():
            residuals = vectors @ (shares[:, j : j + 1] * coordinates) / root
        # An infinitely small slack does not count beside copies that stay.
        divisor = copies * (np.inf if left.vanishing else 1.0) if copies.any() else 0.0
        divisor = divisor + slack[:, j : j + 1] / units
        known = divisor > _EPS * len(vectors) * max(float(shares[:, j].max()), _EPS)
        if not bool(known.all()):
            errors.append(np.full(Y.shape[1], np.nan))
            continue
        left_out = residuals / divisor
        errors.append(to_numpy(weights @ left_out**2 / weights.sum()))
    return np.array(errors)


def noise_level(modes):
    """Variance of the noise: the mean of what the first half of the modes leaves."""
    half = min(int(modes.total // 2), modes.eigenvalues.size)
    # A multiple eigenvalue is on one side.
    for group in tied_groups(modes.eigenvalues):
        if group.start < half < group.stop:
            half = group.start
    left = modes.energy - modes.power[:half].sum(axis=0)
    return np.maximum(left, 0.0) * modes.total / (modes.total - half)


def plug_in_power(modes, noise):
    """Squared coefficients of the target: power less noise, in growing groups."""
    n = modes.eigenvalues.size
    out = np.empty_like(modes.power)
    start = 0
    while start < n:
        stop = min(n, start + 1 + start // 8)
        mean = modes.power[start:stop].mean(axis=0)
        out[start:stop] = np.maximum(mean - noise / modes.total, 0.0)
        start = stop
    return out
