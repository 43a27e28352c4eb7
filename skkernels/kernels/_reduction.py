"""How a kernel is evaluated fast: one number per pair of rows, then a profile."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Reduction:
    """Plan of a kernel whose value depends on one number per pair of rows.

    ``k(x, z) = (|x| |z|)**row_power * profile(t(s x, s z))`` where ``t`` is the
    geometry, ``s`` the scale, and rows are divided by their norms first where
    ``unit_rows`` is set.

    Parameters
    ----------
    geometry : {"sqeuclidean", "cityblock", "dot"}
        The number per pair: ``|x - z|_2^2``, ``|x - z|_1`` or ``<x, z>``.

    profile : str or tuple
        Key of the jitted scalar function, see
        :func:`skkernels.kernels._profiles.profile_function`.

    params : tuple of float, default=()
        The profile's parameters.

    scale : float or ndarray of shape (n_features,), default=1.0
        Multiplies the coordinates of both rows.

    table : ndarray of shape (n_rows, n_columns) or None, default=None
        Coefficients that the profile reads, in float64.

    unit_rows : bool, default=False
        Whether rows are divided by their Euclidean norm (zero rows stay zero).

    row_power : int, default=0
        Power of the norms of both rows that multiplies the value.

    support : float, default=inf
        The profile is exactly zero where ``t >= support``.
    """

    geometry: str
    profile: str | tuple
    params: tuple = ()
    scale: float | np.ndarray = 1.0
    table: np.ndarray | None = None
    unit_rows: bool = False
    row_power: int = 0
    support: float = np.inf
