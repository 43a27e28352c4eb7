"""The labelled and unlabelled rows together, with their normalised kernel."""

import numpy as np
import scipy.sparse as sp

from skkernels.operators import (
    KernelOperator,
    SparseOperator,
    check_memory,
    make_operator,
)
from skkernels.solvers._stkr import top_of_pool
from skkernels.utils._array import get_namespace
from skkernels.utils._parallel import row_blocks

#: What the kernel can be normalised by.
NORMALIZATIONS = ("none", "degree", "center", "lazy")

_ROWS = 1024
# So many rows of a kernel that is not stored are looked at for negative values.
_SAMPLE = 256


class Pool:
    """The Gram matrix ``G = D K D`` of the rows, D the roots of their weights.

    K is the normalised kernel:

    - "none": the kernel k itself;
    - "degree": ``k(x, z) / sqrt(d(x) d(z))`` with the degree ``d(x)``, the mean of
      ``k(x, .)`` over the rows;
    - "center": k centred by the means over the rows, in the feature space;
    - "lazy": half of "degree", and half of the identity over the weights.

    Parameters
    ----------
    kernel : Kernel or "precomputed"
        A resolved kernel.

    X : {array, CSR matrix} of shape (N, n_features), or (N, N) if precomputed
        The rows.

    weights : array of shape (N,) or None, default=None
        Their weights, all positive; None is 1.

    normalize : {"none", "degree", "center", "lazy"}
        The normalisation.

    n_products : int, default=1
        How many products are expected, see :func:`make_operator`.

    Attributes
    ----------
    size : int
        N.

    total : float
        Sum of the weights.

    mass : array of shape (N,)
        The weights divided by their sum.

    degrees : array of shape (N,) or None
        The mean of the kernel of each row with all, for "degree" and "lazy".

    dense : bool
        Whether the matrix is not sparse.

    noise : float
        Eigenvalues of ``G / total`` up to this are rounding, if all of them are. Not
        zero for "center", which may leave nothing else of a large kernel.
    """

    def __init__(self, kernel, X, weights=None, *, normalize, n_products=1):
        self.kernel, self.normalize = kernel, normalize
        self.op = make_operator(
            kernel, X.astype(np.float64, copy=False), n_products=n_products
        )
        self.size = n = self.op.shape[0]
        self.dense = not isinstance(self.op, SparseOperator)
        if isinstance(kernel, str):
            _check_symmetric(self.op.K)
        xp = self.xp = np if sp.issparse(X) else get_namespace(X)
        self.root = None if weights is None else xp.sqrt(weights)[:, None]
        self.total = float(n if weights is None else weights.sum())
        self.mass = xp.full(n, 1.0 / n) if weights is None else weights / self.total
        self.degrees = None
        self._scale = self.root
        self.noise = 0.0
        if normalize == "center":
            size = float(self.mass @ xp.abs(self.op.diag()))
            self.noise = max(n, 100) * float(np.finfo(np.float64).eps) * size
        if normalize in ("degree", "lazy"):
            self.degrees = self._checked_degrees()
            inverse = _inverse_root(xp, self.degrees)[:, None]
            self._inverse_degrees = inverse
            self._scale = inverse if self.root is None else inverse * self.root

    def _checked_degrees(self):
        lowest = _lowest_value(self.op)
        degrees = self.op.matmat(self.mass)
        lowest = min(lowest, float(degrees.min()))
        if lowest < 0:
            raise ValueError(_negative(self.normalize, lowest))
        if not bool((degrees > 0).any()):
            raise ValueError(
                f"normalize={self.normalize!r} divides by the degrees of the rows, and "
                "all are zero: the kernel matrix is zero."
            )
        return degrees

    def matmat(self, V):
        """Multiply with G.

        Parameters
        ----------
        V : array of shape (N, k) in float64
            The right factor.

        Returns
        -------
        product : array of shape (N, k)
            ``G @ V``.
        """
        U = V if self._scale is None else self._scale * V
        if self.normalize == "center":
            U = self._centered(U)
        product = self.op.matmat(U)
        if self.normalize == "center":
            product -= self.mass @ product
        if self._scale is not None:
            product *= self._scale
        if self.normalize == "lazy":
            product += self.total * V
            product *= 0.5
        return product

    def _centered(self, U):
        """``(I - mass 1') U``."""
        return U - self.mass[:, None] * U.sum(axis=0)

    def gram(self):
        """Form G.

        Returns
        -------
        G : array of shape (N, N) in float64
            An array of its own.
        """
        n, xp = self.size, self.xp
        check_memory(
            8 * n * n,
            what=f"the {n} x {n} kernel matrix",
            remedy="use solver='cg' (solver='lanczos' for a truncation)",
        )
        G = xp.asarray(self.op.block(), np.float64)
        if self.degrees is not None and float(G.min()) < 0:
            raise ValueError(_negative(self.normalize, float(G.min())))
        if self.normalize == "center":
            means = G @ self.mass
            G -= means
            G -= (means - self.mass @ means)[:, None]
        if self._scale is not None:
            G *= self._scale
            G *= self._scale.T
        if self.normalize == "lazy":
            G *= 0.5
            G[xp.arange(n), xp.arange(n)] += 0.5 * self.total
        return G

    @property
    def may_be_indefinite(self):
        """Whether G need not be positive semi-definite, for all that is known."""
        if self.normalize == "lazy":
            return False
        return isinstance(self.kernel, str) or self.kernel.is_psd is not True

    def top_eigenvalue(self):
        """The largest eigenvalue of ``G / total``, to eight digits at least.

        It is 0 where rounding has left nothing of it.
        """
        if self.degrees is not None:
            return 1.0
        eigenvalues, _, _ = top_of_pool(self, 1, tol=1e-8, max_iter=1000)
        return float(eigenvalues[0])

    def values(self, products):
        """Values of the functions on the rows, from their products with G."""
        return products if self.root is None else products / self.root

    def dual(self, coef):
        """What the kernel of a new row is multiplied with.

        Parameters
        ----------
        coef : array of shape (N, k)
            Coefficients in the coordinates of G.

        Returns
        -------
        dual : array of shape (N, k)
            The values on new rows follow from the raw kernel and :func:`new_values`.

        offset : array of shape (k,) or None
            For "center", what is to be added.
        """
        if self.normalize != "center":
            dual = coef if self._scale is None else self._scale * coef
            return (0.5 * dual if self.normalize == "lazy" else dual), None
        dual = self._centered(coef if self._scale is None else self._scale * coef)
        return dual, -(self.mass @ self.op.matmat(dual))


def new_values(op, dual, mass=None, offset=None):
    """Values of functions on new rows, from one product with the raw kernel.

    Parameters
    ----------
    op : operator of shape (n, N)
        The kernel between the new rows and those of the pool.

    dual : array of shape (N, k)
        From :meth:`Pool.dual`.

    mass : array of shape (N,) or None, default=None
        Weights over their sum, where the values are divided by the roots of degrees.

    offset : array of shape (k,) or None, default=None
        From :meth:`Pool.dual`.

    Returns
    -------
    values : array of shape (n, k)
        0 for rows far from all others, whose degree vanishes.

    degrees : array of shape (n,) or None
        Of the new rows, if ``mass`` is given.
    """
    xp = get_namespace(dual)
    if mass is None:
        values = op.matmat(dual)
        if offset is not None:
            values += offset
        return values, None
    product = op.matmat(xp.hstack([dual, mass[:, None]]))
    values, degrees = product[:, :-1], product[:, -1]
    if float(degrees.min()) < 0:
        raise ValueError(_negative("degree", float(degrees.min())))
    return values * _inverse_root(xp, degrees)[:, None], degrees


def _inverse_root(xp, degrees):
    """``1 / sqrt(degrees)``, and 0 where that is no number."""
    good = degrees > 0
    return xp.where(good, 1.0 / xp.sqrt(xp.where(good, degrees, 1.0)), 0.0).astype(
        degrees.dtype
    )


def _lowest_value(op):
    """The smallest entry of a stored matrix, or of some rows of one that is not."""
    if not isinstance(op, KernelOperator) and hasattr(op, "K"):
        values = op.K.data if sp.issparse(op.K) else op.K
        return float(values.min()) if values.size else 0.0
    n = op.shape[0]
    rows = np.unique(np.linspace(0, n - 1, min(n, _SAMPLE)).astype(np.intp))
    return float(op.block(rows, slice(0, n)).min())


def _negative(normalize, lowest):
    return (
        f"normalize={normalize!r} needs a kernel without negative values, but "
        f"{lowest:.3g} occurs among its values or their means. Use normalize='none' or "
        "'center', or another kernel."
    )


def _check_symmetric(K):
    if sp.issparse(K):
        gap, size = abs(K - K.T).max(), abs(K).max()
    else:
        gap = size = 0.0
        for rows in row_blocks(len(K), _ROWS):
            gap = max(gap, float(abs(K[rows] - K[:, rows].T).max()))
            size = max(size, float(abs(K[rows]).max()))
    if gap > 1e-5 * size:
        raise ValueError(
            "A precomputed kernel matrix must be symmetric in fit, but entries differ "
            f"from their mirror images by up to {gap:.3g}."
        )
