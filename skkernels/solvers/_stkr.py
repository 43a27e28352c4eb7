"""Ridge regression with a spectrally transformed kernel."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from skkernels.linalg import safe_cholesky, solve_psd, triangular_solve
from skkernels.linalg._symmetric_eigensystem import symmetric_eigensystem
from skkernels.solvers._block_lanczos import top_eigenpairs
from skkernels.solvers._cg import block_cg
from skkernels.solvers._deflated_eigenpairs import deflated_eigenpairs
from skkernels.solvers._gram_cg import gram_cg
from skkernels.solvers._result import SolverResult
from skkernels.solvers._transforms import lazy_inverse
from skkernels.utils._array import get_namespace
from skkernels.utils._parallel import single_threaded_blas
from skkernels.utils._warnings import warn_user

_EPS = float(np.finfo(np.float64).eps)
# Eigenvalues that are further below zero, relative to the largest, are not rounding,
# also in matrices that were computed in float32.
_NEGATIVE = 1e-5
# Steps of the search for a negative eigenvalue, which need not converge.
_SEARCH_STEPS = 20


@dataclass(frozen=True)
class LabeledSystem:
    """The system ``(S + alpha_j I) a_j = y_j`` of the labelled rows.

    ``S = P' G g(A) P`` with the kernel matrix G of all N rows, ``A = G / total``, and P
    of shape (N, n), which has one entry for each labelled row.

    Attributes
    ----------
    labeled : array of int of shape (n,)
        Positions of the labelled rows.

    targets : array of shape (n, n_targets) in float64
        Right-hand sides y, multiplied by the roots of all weights.

    alpha : array of shape (n_targets,)
        Ridge strengths.

    root : array of shape (n, 1) or None
        The entries of P, roots of the weights of the losses; None is 1.
    """

    labeled: Any
    targets: Any
    alpha: Any
    root: Any = None

    def gather(self, V):
        """``P' V``."""
        rows = V[self.labeled]
        return rows if self.root is None else self.root * rows

    def spread(self, a, n_rows):
        """``P a``."""
        out = get_namespace(a).zeros((n_rows, a.shape[1]))
        out[self.labeled] = a if self.root is None else self.root * a
        return out


@dataclass(frozen=True)
class STKRSolution:
    """What the solvers of this module return.

    Attributes
    ----------
    coef : array of shape (N, n_targets)
        ``g(A) P a``, or what takes its place on rows outside of a lazy pool, see
        :meth:`SpectralTransform.outside`.

    products : array of shape (N, n_targets)
        ``G g(A) P a``.

    result : SolverResult or None
        Of an iterative solver.
    """

    coef: Any
    products: Any
    result: SolverResult | None = None


def pool_eigensystem(pool):
    """Eigenvalues and eigenvectors of ``A = G / total``.

    Parameters
    ----------
    pool : object
        Has ``gram()``, which returns G as an array of its own, ``total`` and ``noise``.

    Returns
    -------
    eigenvalues : array of shape (N,)
        In descending order; all 0 if they are rounding.

    vectors : array of shape (N, N)
        Orthonormal eigenvectors, one per column.

    Notes
    -----
    Time: about 9 N^3 operations; memory: G and as much again.
    """
    G = pool.gram()
    G /= pool.total
    eigenvalues, vectors = symmetric_eigensystem(G)
    return _unless_rounding(pool, eigenvalues[::-1].copy()), vectors[:, ::-1]


def top_of_pool(pool, rank, *, tol, max_iter, on_iteration=None):
    """The largest eigenvalues of ``A`` from products with G, and their eigenvectors.

    Parameters
    ----------
    pool : object
        Has ``matmat``, ``total``, ``size``, ``noise``, ``xp`` and ``dense``.

    rank : int
        How many are wanted.

    tol, max_iter, on_iteration
        As for :func:`top_eigenpairs`, or :func:`deflated_eigenpairs` if the matrix is
        sparse.

    Returns
    -------
    eigenvalues : array of shape (rank,)
        In descending order; all 0 if they are rounding.

    vectors : array of shape (N, rank)
        Orthonormal eigenvectors, one per column.

    result : SolverResult
        Of the method.
    """
    method = deflated_eigenpairs
    if pool.dense or pool.noise:
        method = partial(top_eigenpairs, noise=pool.noise, xp=pool.xp)
    result = method(
        lambda V: pool.matmat(V) / pool.total,
        pool.size,
        rank,
        tol=tol,
        max_iter=max_iter,
        on_iteration=on_iteration,
    )
    eigenvalues, vectors = result.x
    return _unless_rounding(pool, eigenvalues), vectors, result


def _unless_rounding(pool, eigenvalues):
    """The eigenvalues, or zeros where all of them are rounding."""
    vanish = float(abs(eigenvalues).max()) <= pool.noise
    return 0.0 * eigenvalues if vanish else eigenvalues


def rounding_level(eigenvalues, n):
    """Below this, eigenvalues of a matrix of order n may be all rounding."""
    return 10 * n * _EPS * float(abs(eigenvalues).max())


def transformed_values(transform, eigenvalues, *, indefinite):
    """Evaluate the transformation on the spectrum.

    Parameters
    ----------
    transform : SpectralTransform
        The transformation.

    eigenvalues : array of shape (n_eigenvalues,)
        Eigenvalues of A in descending order.

    indefinite : {"raise", "clip"}
        What is done about eigenvalues that the transformation leaves negative: a
        ValueError, or a warning and zero.

    Returns
    -------
    outside, s : array of shape (n_eigenvalues,)
        The first from :meth:`SpectralTransform.outside`; s is not negative.
    """
    xp = get_namespace(eigenvalues)
    lam = eigenvalues
    if not len(lam):
        return lam, lam
    negative = False
    if transform.polynomial is None:
        lowest = float(lam[-1])
        negative = transform.rank is None and lowest < -_NEGATIVE * abs(float(lam[0]))
        lam = xp.maximum(lam, 0.0)
    s = lam * transform.multiplier(lam)
    if negative or float(s.min()) < -_NEGATIVE * float(s.max()):
        text = _indefinite_text(transform, float(eigenvalues[-1]), float(lam[0]))
        if indefinite == "raise":
            raise ValueError(
                f"{text}, another kernel, or solver='eigh', which sets negative "
                "eigenvalues to zero."
            )
        warn_user(f"{text}, or another kernel. Negative eigenvalues were set to zero.")
    return transform.outside(lam), xp.maximum(s, 0.0)


def check_spectrum(pool, transform):
    """Look for negative eigenvalues of G that the transformation leaves negative.

    Some steps of a Krylov method find those of a matrix that is far from positive
    semi-definite, such as the adjacency matrix of a graph.

    Parameters
    ----------
    pool : object
        Has ``matmat``, ``total``, ``size``, ``noise`` and ``xp``.

    transform : SpectralTransform
        The transformation.
    """
    xp = pool.xp
    lowest = top_eigenpairs(
        lambda V: pool.matmat(V) / -pool.total,
        pool.size,
        1,
        tol=1e-3,
        max_iter=_SEARCH_STEPS,
        noise=pool.noise,
        xp=xp,
    ).x[0]
    if float(lowest[0]) <= pool.noise:
        return
    # What lies between the ends tells a polynomial with a minimum there.
    between = xp.linspace(transform.top, -float(lowest[0]), 64)
    transformed_values(transform, between, indefinite="raise")


def _indefinite_text(transform, lowest, largest):
    return (
        f"The kernel matrix has the eigenvalue {lowest:.2g} beside its largest, "
        f"{largest:.2g} (both divided by the total weight): it is not positive "
        f"semi-definite, as adjacency matrices of graphs are not, and "
        f"transformation={transform.name!r} does not make it so. Use normalize='lazy', "
        "transformation='power' with an even power, transformation='truncation'"
    )


class SpectralBasis:
    """Features whose inner products are the transformed kernel, from eigenvectors of A.

    Parameters
    ----------
    eigenvalues : array of shape (r,)
        Eigenvalues of A in descending order: all, or the largest.

    vectors : array of shape (N, r)
        Their eigenvectors.

    total : float
        Total weight of the rows.

    transform : SpectralTransform
        The transformation.

    eigenfunctions : bool, default=False
        Whether each feature, by itself, is wanted on rows outside of the pool, and not
        the transformed kernel with them. This makes a difference for a lazy pool.

    Attributes
    ----------
    vectors : array of shape (N, rank)
        The eigenvectors whose transformed eigenvalues are not zero.

    scale : array of shape (rank,)
        ``sqrt(total s)``; the features of the rows are ``vectors * scale``.

    loadings : array of shape (rank,)
        ``vectors * loadings`` are the coefficients of the features outside.

    kept : array of bool of shape (r,)
        Which eigenvalues these are.
    """

    def __init__(self, eigenvalues, vectors, total, transform, *, eigenfunctions=False):
        outside, s = transformed_values(transform, eigenvalues, indefinite="clip")
        if eigenfunctions and transform.lazy:
            outside = s * lazy_inverse(eigenvalues)
        self.kept = kept = s > 0
        if not bool(kept.all()):
            outside, s, vectors = outside[kept], s[kept], vectors[:, kept]
        self.vectors = vectors
        self.scale = get_namespace(s).sqrt(total * s)
        self.loadings = outside / self.scale

    def solve(self, system, features=None):
        """Ridge regression on the features.

        Parameters
        ----------
        system : LabeledSystem
            What to solve.

        features : array of shape (n, rank) or None, default=None
            The features of the labelled rows, multiplied by the roots of the weights;
            None takes them from the eigenvectors.

        Returns
        -------
        solution : STKRSolution
            Where alpha is 0 and the system singular, of minimum norm, with a
            ``LinAlgWarning``.

        Notes
        -----
        Time: the smaller of n and r, cubed, for each distinct alpha, and N r n_targets.
        """
        with single_threaded_blas():
            if features is None:
                features = system.gather(self.vectors) * self.scale
            w = _ridge(features, system.targets, system.alpha)
            coef = self.vectors @ (self.loadings[:, None] * w)
            products = self.vectors @ (self.scale[:, None] * w)
        return STKRSolution(coef, products)


def _ridge(features, targets, alpha):
    """Ridge coefficients of the features, by the smaller of two systems."""
    n, rank = features.shape
    if rank == 0:
        return get_namespace(targets).zeros((0, targets.shape[1]))
    if n <= rank:
        a = solve_psd(features @ features.T, targets, shift=alpha, overwrite=True)
        return features.T @ a
    normal = features.T @ features
    return solve_psd(normal, features.T @ targets, shift=alpha, overwrite=True)


def solve_cholesky(pool, system, transform):
    """Solve by Cholesky factorisations, of order N for the inverse Laplacian.

    Parameters
    ----------
    pool : object
        Has ``gram``, ``matmat``, ``total`` and ``size``.

    system : LabeledSystem
        What to solve.

    transform : SpectralTransform
        Any but the truncation.

    Returns
    -------
    solution : STKRSolution
        As from :meth:`SpectralBasis.solve`.

    Notes
    -----
    Time: for the inverse Laplacian N^3 / 3 + 2 N^2 n operations; for others a product
    of G with n columns for each degree of the polynomial; then n^3 / 3. Memory: G and
    two arrays of shape (N, n).
    """
    xp, n_rows = pool.xp, pool.size
    columns = system.spread(xp.eye(len(system.labeled)), n_rows)
    product = None if transform.eta else multiplier_product(pool, transform)
    if product is None:
        A = pool.gram()
        rows = system.gather(A)
        A *= -transform.eta / pool.total
        A[xp.arange(n_rows), xp.arange(n_rows)] += 1.0
        L, jitter = safe_cholesky(A, overwrite=True)
        if jitter:
            warn_user(
                f"Added {jitter:.1e} to I - eta A, which is singular to working "
                "precision. Decrease eta."
            )
        columns = triangular_solve(L, triangular_solve(L, columns), trans=True)
        S = rows @ columns
    else:
        columns = product(columns)
        S = system.gather(pool.matmat(columns))
    S = 0.5 * (S + S.T)
    a = solve_psd(S, system.targets, shift=system.alpha, overwrite=True)
    coef = columns @ a
    products = pool.matmat(coef)
    return STKRSolution(_outside(pool, system, transform, coef, a), products)


def _outside(pool, system, transform, coef, a):
    """What takes the place of ``coef = g(A) P a`` outside of the pool."""
    if not transform.lazy:
        return coef
    if transform.eta is not None:
        return coef / (1.0 - 0.5 * transform.eta)
    product = multiplier_product(pool, transform, outside=True)
    return product(system.spread(a, pool.size))


def multiplier_product(pool, transform, *, outside=False):
    """Function ``V -> g(A) V`` from products with G.

    Parameters
    ----------
    pool : object
        Has ``matmat`` and ``total``.

    transform : SpectralTransform
        A polynomial, or smooth enough to be close to one.

    outside : bool, default=False
        Whether to use what takes the place of g outside of the pool.

    Returns
    -------
    product : callable
        Takes one product with G for each degree of the polynomial.
    """
    if transform.polynomial is not None:
        polynomial = transform.polynomial
        if outside:
            polynomial = transform.outside_polynomial()
        return lambda V: _horner(pool, polynomial, V)
    coefficients = transform.chebyshev(outside=outside)
    return lambda V: _clenshaw(pool, coefficients, transform.top, V)


def _horner(pool, coefficients, V):
    product = coefficients[-1] * V
    for coefficient in coefficients[-2::-1]:
        product = pool.matmat(product) / pool.total
        if coefficient:
            product += coefficient * V
    return product


def _clenshaw(pool, coefficients, top, V):
    """Chebyshev polynomials of ``2 A / top - I``, summed from the last one down."""
    ahead, current = 0.0 * V, coefficients[-1] * V
    if len(coefficients) == 1:
        return current
    factor = 2.0 / (pool.total * top)
    for coefficient in coefficients[-2:0:-1]:
        product = factor * pool.matmat(current) - current
        ahead, current = current, coefficient * V + 2.0 * product - ahead
    product = factor * pool.matmat(current) - current
    return coefficients[0] * V + product - ahead


def solve_cg(pool, system, transform, *, max_iter, tol, on_iteration=None):
    """Solve by conjugate gradients.

    For the inverse Laplacian they work on the coefficients of all N rows, in the inner
    product of G, with one product with G in an iteration; see :func:`gram_cg`. For
    other transformations they work on the system of the labelled rows, with as many
    products as the polynomial has degrees.

    Parameters
    ----------
    pool : object
        Has ``matmat``, ``total``, ``size`` and ``xp``.

    system : LabeledSystem
        What to solve.

    transform : SpectralTransform
        Any but the truncation.

    max_iter : int
        Largest number of iterations.

    tol : float
        Accuracy to reach: a relative residual, for the inverse Laplacian that of
        :func:`gram_cg`.

    on_iteration : callable or None, default=None
        Called after each iteration with its number, a function without arguments that
        returns the coefficients, the largest relative residual, and whether this is
        the last iteration. A true return value stops the solver.

    Returns
    -------
    solution : STKRSolution
        With the result of the iteration.
    """
    n_rows, xp = pool.size, pool.xp
    # Targets of about 1: squares of tiny and huge ones are not in the range of numbers.
    size = xp.ldexp(1.0, xp.frexp(xp.abs(system.targets).max(axis=0))[1])
    system = replace(system, targets=system.targets / size)

    def outside(coef, a=None):
        return size * _outside(pool, system, transform, coef, a)

    if transform.eta:
        result, products = gram_cg(
            pool.matmat,
            system.spread(system.targets, n_rows),
            system.labeled,
            alpha=system.alpha,
            eta=transform.eta / pool.total,
            margin=1.0 - transform.eta * transform.top,
            weights=None if system.root is None else system.root**2,
            max_iter=max_iter,
            tol=tol,
            on_iteration=with_coefficients(on_iteration, outside),
        )
        return STKRSolution(outside(result.x), size * products, result)
    multiply = multiplier_product(pool, transform)

    def coefficients(a):
        return multiply(system.spread(a, n_rows))

    result = block_cg(
        lambda a: system.gather(pool.matmat(coefficients(a))),
        system.targets,
        shift=system.alpha,
        max_iter=max_iter,
        tol=tol,
        on_iteration=with_coefficients(
            on_iteration, lambda a: outside(coefficients(a), a)
        ),
    )
    coef = coefficients(result.x)
    return STKRSolution(outside(coef, result.x), size * pool.matmat(coef), result)


def with_coefficients(on_iteration, coefficients):
    """Hand a function that returns the coefficients to a callback, not an iterate.

    Parameters
    ----------
    on_iteration : callable or None
        As in :func:`solve_cg`.

    coefficients : callable
        Maps the iterate of a solver to coefficients.

    Returns
    -------
    on_iteration : callable or None
        For the solver to call.
    """
    if on_iteration is None:
        return None

    def call(iteration, x, residual, done):
        return on_iteration(iteration, lambda: coefficients(x), residual, done)

    return call
