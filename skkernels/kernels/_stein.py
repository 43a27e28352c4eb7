"""Stein kernels: kernels whose mean under a given distribution is zero."""

import numpy as np

from ..utils._parallel import map_blocks, row_blocks
from ._base import Kernel
from ._inverse_multiquadric import InverseMultiquadric
from ._pairwise import computing_dtype
from ._pairwise_core import mirror_upper
from ._rbf import RBF
from ._stein_core import all_pair_numbers, combine_products, fill_block

# Columns that are prepared and handed to a thread together.
_COLUMNS = 4096
# Matrix products pay from so many rows of so many numbers on (measured). They take so
# many columns at a time.
_MIN_ROWS, _MIN_NUMBERS, _WIDTH = 8, 8, 512


class SteinKernel(Kernel):
    r"""Langevin Stein kernel of a radial base kernel.

    .. math::

        k_P(x, y) = \phi\, s_x' s_y - 2 \phi' (s_x - s_y)'(x - y) - 2 d \phi'
        - 4 r^2 \phi''

    with :math:`s_x = \nabla \log p(x)`, the base kernel :math:`\phi(r^2)` and its
    derivatives at :math:`r^2 = |x - y|^2`. Its rows are positions and scores side by
    side, ``2 d`` numbers. The mean of :math:`k_P(\cdot, y)` over P is zero for every y.

    A preconditioner ``M = L L'`` is a change of rows: positions are multiplied with the
    inverse of L and scores with its transpose.

    Parameters
    ----------
    base_kernel : Kernel
        Radial kernel with one length scale that is differentiable at equal rows.

    Notes
    -----
    A block costs O(n m d) operations. With 4 features or more these are matrix
    products; pairs much closer to each other than to the origin, for which products
    cancel, are computed from differences, at some more cost. The inverse multiquadric
    with exponent 1/2 and the RBF kernel are compiled into the loop over pairs.
    """

    _order = None

    def __init__(self, base_kernel):
        self.base_kernel = base_kernel

    def _check_params(self):
        base = self.base_kernel
        if not isinstance(base, Kernel) or base._variable != "squared distance":
            raise ValueError(
                "The base kernel of a Stein kernel must be a function of the squared "
                f"Euclidean distance, got {base!r}."
            )
        if not base.differentiable_order >= 1:
            raise ValueError(
                f"The base kernel {base!r} has no derivative at equal rows, so it has "
                "no Stein kernel. Use a smooth one, such as 'imq' or 'rbf'."
            )

    def _check_resolved(self):
        self.base_kernel._check_resolved()

    @property
    def _psd(self):
        return self.base_kernel._psd

    def _resolved_params(self, X, weights, random_state):
        d = X.shape[1] // 2
        return {
            "base_kernel": self.base_kernel._resolve(X[:, :d], weights, random_state)
        }

    def _for_features(self, d):
        if d % 2:
            raise ValueError(
                "Rows of a Stein kernel are positions and scores side by side, an even "
                f"number of columns, got {d}."
            )
        return self

    def _compiled(self):
        """Name of the compiled base kernel, and its inverse squared length."""
        base = self.base_kernel
        plain_imq = type(base) is InverseMultiquadric and base.beta == 0.5
        if np.ndim(base.length_scale) == 0 and (
            (plain_imq and base.c == 1.0) or type(base) is RBF
        ):
            return ("imq" if plain_imq else "rbf"), 1.0 / float(base.length_scale) ** 2
        return None, 0.0

    def _columns(self, Z):
        """Prepare columns: pairs of their range and of an array for ``_fill``."""
        return [
            (part, np.ascontiguousarray(Z[part].T, dtype=np.float64))
            for part in row_blocks(Z.shape[0], _COLUMNS)
        ]

    def _fill(self, rows, columns, out, offset):
        """Values between rows, C-contiguous in float64, and prepared columns."""
        name, inverse = self._compiled()
        if name is not None:
            if rows.shape[0] >= _MIN_ROWS and rows.shape[1] >= _MIN_NUMBERS:
                _fill_by_products(name, inverse, rows, columns, out, offset)
            else:
                fill_block(name)(rows, columns, out, offset, inverse)
            return
        shape = (rows.shape[0], columns.shape[1])
        inner, cross, squared = (np.empty(shape) for _ in range(3))
        all_pair_numbers(rows, columns, inner, cross, squared)
        value, first, second = self.base_kernel.profile_derivatives(squared)
        # r^2 phi''(r^2) tends to 0 with r, also where phi'' does not exist at 0.
        curvature = np.zeros(shape)
        np.multiply(squared, second, out=curvature, where=squared > 0)
        d = rows.shape[1] // 2
        values = value * inner - 2.0 * first * (cross + d) - 4.0 * curvature
        out[:, offset : offset + shape[1]] = values

    def _block(self, X, Z):
        out = np.empty((X.shape[0], Z.shape[0]), computing_dtype(X, Z))
        rows = np.ascontiguousarray(X, dtype=np.float64)

        def fill(part):
            columns = np.ascontiguousarray(Z[part].T, dtype=np.float64)
            self._fill(rows, columns, out, part.start)

        # Rows are in different threads already where there are many.
        work = 10.0 * X.size * Z.shape[0]
        map_blocks(fill, row_blocks(Z.shape[0], _COLUMNS), work=work)
        return out

    def _gram(self, X):
        K = super()._gram(X)
        mirror_upper(K)
        return K

    def _diagonal(self, X):
        d = X.shape[1] // 2
        value, first, _ = self.base_kernel.profile_derivatives(0.0)
        scores = X[:, d:]
        squares = np.einsum("ij,ij->i", scores, scores, dtype=np.float64)
        return value * squares - 2.0 * d * first


def _fill_by_products(name, inverse, rows, columns, out, offset):
    """Values for many features; fastest if the positions are centered."""
    d = rows.shape[1] // 2
    swapped = np.hstack([rows[:, d:], rows[:, :d]])
    left = _own_numbers(rows.T)
    for part in row_blocks(columns.shape[1], _WIDTH):
        panel = np.ascontiguousarray(columns[:, part])
        combine_products(name)(
            rows,
            panel,
            rows[:, d:] @ panel[d:],
            swapped @ panel,
            rows[:, :d] @ panel[:d],
            left,
            _own_numbers(panel),
            inverse,
            out,
            offset + part.start,
        )


def _own_numbers(columns):
    """Score times position, and position times itself, of each column."""
    d = columns.shape[0] // 2
    positions = columns[:d]
    pairs = (columns[d:], positions)
    return np.stack([np.einsum("ij,ij->j", other, positions) for other in pairs])
