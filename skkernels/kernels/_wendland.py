"""Wendland's kernels of compact support."""

import numpy as np
import scipy.sparse as sp
from sklearn.neighbors import NearestNeighbors

from ._parameters import check_number
from ._profiles import array_profile
from ._radial import RadialKernel


class Wendland(RadialKernel):
    r"""Wendland's kernels: polynomials that end at a finite distance.

    With :math:`r = |x - z| / \ell`, :math:`l = \lfloor D / 2 \rfloor + k + 1` and zero
    for :math:`r \ge 1`, for example

    .. math::

        k = 0:\ (1 - r)^l, \qquad k = 1:\ (1 - r)^{l+1} ((l + 1) r + 1)

    Parameters
    ----------
    length_scale : float, array-like of shape (n_features,) or str, default=1.0
        Radius :math:`\ell` of the support, one for all features or one per feature; or
        a rule that chooses it from data, see :func:`bandwidth`.

    k : int, default=1
        Smoothness, 0 to 3: the kernel is ``2 k`` times differentiable.

    max_dim : int, default=3
        Largest number of features :math:`D` for which the kernel is positive definite.
        Data with more features are refused.

    length_scale_bounds : pair of floats or "fixed", default=(1e-5, 1e5)
        Where a Gaussian process may search for ``length_scale``.

    See Also
    --------
    Matern : Kernels of the same smoothness with full support.

    Notes
    -----
    Its space is the Sobolev space of order ``d / 2 + k + 1/2`` for ``d = max_dim`` odd.
    A kernel matrix costs O(n m d) time and O(n m) memory; :meth:`sparse` stores what is
    not zero only.

    References
    ----------
    .. [1] H. Wendland, "Piecewise polynomial, positive definite and compactly supported
       radial functions of minimal degree", Advances in Computational Mathematics 4,
       1995.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.kernels import Wendland
    >>> kernel = Wendland(length_scale=2.0, k=1)
    >>> kernel(np.array([[0.0], [1.0], [3.0]]))
    array([[1.    , 0.1875, 0.    ],
           [0.1875, 1.    , 0.    ],
           [0.    , 0.    , 1.    ]])
    """

    def __init__(
        self, length_scale=1.0, k=1, max_dim=3, *, length_scale_bounds=(1e-5, 1e5)
    ):
        self.length_scale = length_scale
        self.k = k
        self.max_dim = max_dim
        self.length_scale_bounds = length_scale_bounds

    def _check_params(self):
        super()._check_params()
        check_number(self, "k", self.k, 0, 3, closed="both", integer=True)
        check_number(self, "max_dim", self.max_dim, 1, closed="left", integer=True)

    @property
    def _order(self):
        return int(self.k)

    def _coefficients(self):
        """Exponent of 1 - r, and coefficients of r, r^2, r^3 of the other factor."""
        k = int(self.k)
        m = int(self.max_dim) // 2 + k + 1
        rest = (
            (),
            (m + 1.0,),
            (m + 2.0, (m * m + 4.0 * m + 3.0) / 3.0),
            (
                m + 3.0,
                (6.0 * m * m + 36.0 * m + 45.0) / 15.0,
                (m**3 + 9.0 * m * m + 23.0 * m + 15.0) / 15.0,
            ),
        )[k]
        return m + k, rest

    def _plan(self, d):
        if d is not None and d > self.max_dim:
            raise ValueError(
                f"Wendland(max_dim={self.max_dim}) is positive definite for up to "
                f"{self.max_dim} features, but the data have {d}: set max_dim={d}."
            )
        exponent, rest = self._coefficients()
        return self._radial_plan(
            d, ("wendland", int(self.k), exponent), rest, support=1.0
        )

    def _unit_derivatives(self, u):
        exponent, rest = self._coefficients()
        r = np.sqrt(u)
        t = np.maximum(1.0 - r, 0.0)
        terms, lowest = np.array([1.0, *rest]), 0
        values = []
        for order in range(3):
            # (1 - r)^(exponent - order) times the sum of terms[i] r^(lowest + i)
            polynomial = np.polynomial.polynomial.polyval(r, terms)
            power = np.where(t > 0, t, 1.0) ** (exponent - order)
            value = power * r**lowest * polynomial
            values.append(np.where(t > 0, value, 0.0))
            terms, lowest = _differentiate(terms, lowest, exponent - order)
        return tuple(values)

    def _smoothness(self, d):
        return 0.5 * d + self.k + 0.5

    def sparse(self, X, Y=None):
        """The kernel matrix with its zeros left out.

        Parameters
        ----------
        X : array-like of shape (n_samples_X, n_features)
            Rows.

        Y : array-like of shape (n_samples_Y, n_features) or None, default=None
            Columns; None means X.

        Returns
        -------
        K : CSR array of shape (n_samples_X, n_samples_Y)
            Of float32 if both inputs are, else float64.

        Notes
        -----
        One query for neighbours within the support: about O((n + m) log m) time and
        memory for what is not zero, in few dimensions.
        """
        X, Y = self._check_rows(X, Y)
        if sp.issparse(X) or sp.issparse(Y):
            raise TypeError("Wendland.sparse takes dense rows.")
        reduction = self._reduction(X.shape[1])
        columns = X if Y is None else Y
        single = X.dtype == np.float32 and columns.dtype == np.float32
        center = columns.mean(axis=0, dtype=np.float64)
        rows, columns = ((rows - center) * reduction.scale for rows in (X, columns))
        index = NearestNeighbors(radius=1.0).fit(columns)
        K = sp.csr_array(index.radius_neighbors_graph(rows, mode="distance"))
        K.data = array_profile(reduction.profile)(
            K.data * K.data, reduction.params, None
        )
        K.eliminate_zeros()
        return K.astype(np.float32) if single else K


def _differentiate(terms, lowest, exponent):
    """The factor beside ``(1 - r)^(exponent - 1)`` in the derivative with respect to
    r^2 of ``(1 - r)^exponent`` times the sum of ``terms[i] r^(lowest + i)``."""
    powers = lowest + np.arange(len(terms))
    # d/dr = -exponent q + (1 - r) q', then divided by 2 r
    result = np.zeros(len(terms) + 1)
    result[:-1] = powers * terms
    result[1:] -= (powers + exponent) * terms
    result, lowest = 0.5 * result, lowest - 2
    while len(result) > 1 and abs(result[0]) < 1e-12 * np.abs(result).max():
        result, lowest = result[1:], lowest + 1
    return result, lowest
