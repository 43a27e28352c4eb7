"""Transformations of the spectrum of a kernel."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev

from skkernels.utils._array import get_namespace

#: The transformations that have a name.
TRANSFORMS = (
    "identity",
    "polynomial",
    "power",
    "inverse_laplacian",
    "heat",
    "truncation",
)

# Largest degree of a polynomial that takes the place of another transformation, and
# how far down its coefficients must have fallen.
_MAX_DEGREE = 256
_SMOOTH = 1e-13
# A difference quotient so wide takes the place of a derivative.
LAZY_STEP = 1e-5
# Functions of other arrays may differ by so much because of rounding.
_ELEMENTWISE = 1e-10


@dataclass(frozen=True)
class SpectralTransform:
    """A transformation ``s(lam) = lam g(lam)`` of the eigenvalues lam of ``A``.

    A is the kernel matrix divided by the total weight of the rows. Made by
    :func:`make_transform`.

    Attributes
    ----------
    name : str
        One of the names, or "callable".

    top : float
        The largest eigenvalue of A.

    polynomial : ndarray of shape (degree,) or None
        The coefficients of ``lam, lam^2, ...`` where s is a polynomial.

    eta : float or None
        The absolute eta of the inverse Laplacian, ``g(lam) = 1 / (1 - eta lam)``; 0
        for the identity.

    rank : int or None
        How many eigenvalues the truncation keeps.

    whiten : bool
        Whether the truncation makes them all equal.

    time : float or None
        The diffusion time of the heat kernel.

    function : callable or None
        The user's g.

    lazy : bool
        Whether A is the average of a matrix S and the identity, so that a row outside
        of the pool, which has no part in the identity, needs :meth:`outside`.
    """

    name: str
    top: float
    polynomial: Any = None
    eta: float | None = None
    rank: int | None = None
    whiten: bool = False
    time: float | None = None
    function: Any = None
    lazy: bool = False

    def multiplier(self, eigenvalues):
        """Evaluate g.

        Parameters
        ----------
        eigenvalues : array of shape (n_eigenvalues,)
            Eigenvalues of A in descending order.

        Returns
        -------
        values : array of shape (n_eigenvalues,)
            Values of g in float64.
        """
        xp = get_namespace(eigenvalues)
        lam = eigenvalues
        if self.polynomial is not None:
            values = xp.zeros_like(lam)
            for coefficient in self.polynomial[::-1]:
                values = values * lam + float(coefficient)
            return values
        if self.eta is not None:
            # Rounding may put an eigenvalue above the largest, and eta close to it.
            return 1.0 / (1.0 - self.eta * xp.minimum(lam, self.top))
        if self.time is not None:
            return xp.exp(self.time * (xp.minimum(lam, self.top) - self.top))
        if self.rank is not None:
            kept = (xp.arange(lam.shape[0]) < self.rank) & (lam > 0)
            if self.whiten:
                return xp.where(kept, 1.0 / xp.where(kept, lam, 1.0), 0.0)
            return kept.astype(np.float64)
        return _evaluate(self.function, lam)

    def outside(self, eigenvalues):
        """Evaluate what takes the place of g in the values on rows outside of the pool.

        Such a row is like another row of the pool, of vanishing weight: its entry on
        the diagonal of A is 1/2 where A is lazy, and with that the row of ``s(A)`` is
        ``S_x h(A) / 2`` with ``h(lam) = (s(lam) - s(1/2)) / (lam - 1/2)``. Elsewhere
        it is ``A_x g(A)``.

        Parameters
        ----------
        eigenvalues : array of shape (n_eigenvalues,)
            Eigenvalues of A in descending order.

        Returns
        -------
        values : array of shape (n_eigenvalues,)
            Values of h or g. Of a truncation, where s jumps, the ones that extend the
            eigenfunctions, 0 at 1/2 and below.
        """
        if not self.lazy:
            return self.multiplier(eigenvalues)
        xp, lam = get_namespace(eigenvalues), eigenvalues
        if self.rank is not None:
            return lam * self.multiplier(lam) * lazy_inverse(lam)
        if self.eta is not None:
            return self.multiplier(lam) / (1.0 - 0.5 * self.eta)
        if self.polynomial is not None:
            return replace(self, polynomial=self.outside_polynomial()).multiplier(lam)
        near = xp.abs(lam - 0.5) < LAZY_STEP
        a, b = (
            xp.where(near, 0.5 + LAZY_STEP, lam),
            xp.where(near, 0.5 - LAZY_STEP, 0.5),
        )
        return (a * self.multiplier(a) - b * self.multiplier(b)) / (a - b)

    def outside_polynomial(self):
        """The coefficients of what takes the place of g, where s is a polynomial."""
        if not self.lazy:
            return self.polynomial
        # Division by lam - 1/2; the remainder is s(1/2).
        quotient = np.polydiv(np.append(self.polynomial[::-1], 0.0), [1.0, -0.5])[0]
        return quotient[::-1]

    def chebyshev(self, *, outside=False):
        """Expand g in Chebyshev polynomials on the interval from 0 to ``top``.

        Parameters
        ----------
        outside : bool, default=False
            Expand what takes the place of g for rows outside of the pool.

        Returns
        -------
        coefficients : ndarray of shape (degree + 1,)
            Of the polynomials of ``2 lam / top - 1``.

        Raises
        ------
        ValueError
            If g is not smooth enough for a polynomial of moderate degree.
        """
        coefficients = self._expansion()
        if not (outside and self.lazy):
            return coefficients
        # s over the factor that vanishes at 1/2; the remainder is s(1/2).
        half = 0.5 * self.top
        s = half * chebyshev.chebadd(coefficients, chebyshev.chebmulx(coefficients))
        return chebyshev.chebdiv(s, [half - 0.5, half])[0]

    def _expansion(self):
        degree = 8
        while degree <= _MAX_DEGREE:
            coefficients = chebyshev.chebinterpolate(
                lambda t: self.multiplier(0.5 * self.top * (t[::-1] + 1.0))[::-1],
                degree,
            )
            size = np.abs(coefficients)
            # Odd or even functions have every second coefficient zero.
            if size[-3:].max() <= _SMOOTH * size.max():
                last = np.flatnonzero(size > 0.1 * _SMOOTH * size.max())
                return coefficients[: last[-1] + 1 if last.size else 1]
            degree *= 2
        raise ValueError(
            f"transformation={self.name!r} is not smooth enough for a solver that "
            f"needs products only: no polynomial of degree {_MAX_DEGREE} is close to "
            "it. Use solver='eigh'."
        )


def make_transform(
    transform,
    *,
    eta=0.99,
    power=4,
    coefficients=None,
    diffusion_time=5.0,
    n_components=10,
    whiten=False,
    top_eigenvalue=1.0,
    lazy=False,
):
    """Make a transformation from the parameters of an estimator.

    Parameters
    ----------
    transform : str or callable
        One of the names, or the function ``g`` with ``s(lam) = lam g(lam)``, which
        takes and returns an array and must be elementwise.

    eta : float, default=0.99
        For "inverse_laplacian", ``s(lam) = lam / (1 - eta lam / top_eigenvalue)``, at
        least 0 and below 1.

    power : int, default=4
        For "power", ``s(lam) = lam^power``.

    coefficients : array-like of shape (degree,) or None, default=None
        For "polynomial", those of ``lam, lam^2, ...``; none negative, one positive.

    diffusion_time : float, default=5.0
        For "heat", ``s(lam) = lam exp(diffusion_time (lam - top_eigenvalue))``.

    n_components : int, default=10
        For "truncation", how many of the eigenvalues are kept.

    whiten : bool, default=False
        For "truncation", whether the eigenvalues kept become 1.

    top_eigenvalue : float, default=1.0
        The largest eigenvalue of the kernel matrix over the total weight.

    lazy : bool, default=False
        Whether half of that matrix is half of the identity.

    Returns
    -------
    transform : SpectralTransform
        Parameters that its name does not need are ignored.
    """
    top, make = float(top_eigenvalue), partial(SpectralTransform, lazy=lazy)
    if callable(transform):
        return make("callable", top, function=transform)
    if transform == "identity":
        return make(transform, top, polynomial=np.ones(1), eta=0.0)
    if transform == "inverse_laplacian":
        if not 0 <= eta < 1:
            raise ValueError(f"eta must be at least 0 and below 1, got {eta!r}.")
        # A kernel that is zero on the data: any transformation of it is zero, too.
        return make(transform, top, eta=eta / top if top > 0 else 0.0)
    if transform == "power":
        polynomial = np.zeros(power)
        polynomial[-1] = 1.0
        return make(transform, top, polynomial=polynomial)
    if transform == "polynomial":
        return make(transform, top, polynomial=_checked(coefficients))
    if transform == "heat":
        return make(transform, top, time=float(diffusion_time))
    if transform == "truncation":
        return make(transform, top, rank=n_components, whiten=whiten)
    raise ValueError(
        f"transformation must be a callable or one of {list(TRANSFORMS)}, got "
        f"{transform!r}."
    )


def lazy_inverse(eigenvalues):
    """``1 / (lam - 1/2)`` above 1/2, else 0."""
    xp = get_namespace(eigenvalues)
    above = eigenvalues > 0.5 + LAZY_STEP
    return xp.where(above, 1.0 / xp.where(above, eigenvalues - 0.5, 1.0), 0.0)


def _checked(coefficients):
    if coefficients is None:
        raise ValueError(
            "transformation='polynomial' needs coefficients, an array with those of "
            "lam, lam^2, ..."
        )
    values = np.asarray(coefficients, dtype=np.float64)
    good = values.ndim == 1 and values.size and np.isfinite(values).all()
    if not good or (values < 0).any() or not values.any():
        raise ValueError(
            "coefficients must be a one-dimensional array of numbers, none of them "
            f"negative and one positive, got {coefficients!r}."
        )
    return np.trim_zeros(values, "b")


def _evaluate(function, eigenvalues):
    xp = get_namespace(eigenvalues)
    values = _call(xp, function, eigenvalues)
    if len(values) < 2:
        return _check_range(xp, values)
    # Neither the largest nor the smallest, and of another mean than all.
    inner = slice(1, len(values) // 2 + 1)
    gap = xp.abs(values[inner] - _call(xp, function, eigenvalues[inner]))
    if bool((gap > _ELEMENTWISE * xp.abs(values).max()).any()):
        raise ValueError(
            "A callable transformation must be elementwise, but it returned other "
            "values when it was given some of the eigenvalues than when it was given "
            "more of them."
        )
    return _check_range(xp, values)


def _check_range(xp, values):
    if not bool(xp.isfinite(values).all()) or bool((values < 0).any()):
        raise ValueError(
            "A callable transformation must return finite numbers, none negative."
        )
    return values


def _call(xp, function, eigenvalues):
    values = xp.asarray(function(eigenvalues.copy()), dtype=np.float64)
    if values.shape != eigenvalues.shape:
        raise ValueError(
            "A callable transformation must return an array of the shape of its "
            f"argument, {eigenvalues.shape}, got {values.shape}."
        )
    return values
