"""Normal equations of a model with fixed centers, as sums over rows."""

import copy

import numpy as np
import scipy.linalg
from scipy.linalg import blas

from skkernels.linalg import Whitening, solve_psd
from skkernels.operators import make_operator, memory_budget
from skkernels.operators._center_matrix import center_matrix
from skkernels.utils._array import get_namespace
from skkernels.utils._parallel import row_blocks

_EPS = float(np.finfo(np.float64).eps)
_NEGLIGIBLE = 1e-6


class NormalEquations:
    """``(K_nm' W K_nm + alpha_j K_mm) a_j = K_nm' W (y_j - mean_j)``, row by row.

    With T a whitening of ``K_mm`` and ``a = T c``, the system is ``(T' K_nm' W K_nm T
    + alpha I) c = T' K_nm' W (y - mean)``, which is as well conditioned as ridge
    regression on explicit features. All that depends on the rows are sums over them, so
    that rows may come in any number of batches.

    Parameters
    ----------
    kernel : Kernel
        Resolved kernel.

    centers : array or CSR matrix of shape (m, n_features) in float64
        Centers.

    Y : array of shape (n, n_targets) in float64
        Targets of the first rows. Their mean is subtracted from all targets, which
        saves digits that targets with a large mean would lose.

    weights : array of shape (n,) or None
        Weights of the first rows.

    alpha : array of shape (n_targets,)
        Ridge strengths.

    fit_intercept : bool
        Whether the means of the targets are taken out.

    more : bool
        Whether rows are expected after the first.

    Notes
    -----
    The sums are accumulated in the coordinates of T: rounding errors of ``K_nm' W
    K_nm`` would be amplified by the condition of ``K_mm``. Where no more rows are
    expected and the amplified errors are negligible beside alpha, the sums are
    accumulated as they are and transformed in the end, which takes half the time and
    leaves T out of what is kept.
    """

    def __init__(self, kernel, centers, Y, weights, *, alpha, fit_intercept, more):
        xp = get_namespace(Y)
        self.whitening, largest = _whiten(kernel, centers)
        total = Y.shape[0] if weights is None else float(weights.sum())
        noise = _EPS * total * largest**2 * self.whitening.norm**2
        self.resolved = noise / _NEGLIGIBLE
        self.plain = not more and self.resolved <= float(alpha.min())
        size = centers.shape[0] if self.plain else self.whitening.rank
        n_targets = Y.shape[1]
        self.fit_intercept = fit_intercept
        self.offset = xp.zeros(n_targets)
        if fit_intercept:
            self.offset = xp.average(Y, axis=0, weights=weights)
        self.gram = None  # zero, until rows are added
        self.moment = xp.zeros((size, n_targets))
        self.mass = xp.zeros(size)
        self.weight = 0.0
        self.target = xp.zeros(n_targets)

    def check_targets(self, Y):
        """Refuse another number of targets than in the rows so far."""
        if Y.shape[1] != self.offset.size:
            raise ValueError(
                f"y has {Y.shape[1]} target(s), but {self.offset.size} in earlier "
                "calls."
            )

    def plus(self, kernel, X, centers, Y, weights):
        """These sums with rows X, targets Y and weights (None is 1 for all) added.

        ``self`` stays as it is, for the case that something fails on the way to the
        new model.
        """
        new = copy.copy(self)
        if new.whitening is None:
            new._change_coordinates(kernel, centers)
        new._add(kernel, X, centers, Y, weights)
        return new

    def _add(self, kernel, X, centers, Y, weights):
        """Add rows; the arrays so far are replaced, not changed."""
        xp = get_namespace(Y)
        n = Y.shape[0]
        Y = Y - self.offset
        columns = xp.column_stack([Y, xp.ones(n)])
        if self.plain:
            if xp is np:  # whose operator computes this product in float64 anyway
                centers = centers.astype(X.dtype, copy=False)
            else:
                X = X.astype(np.float64, copy=False)
            op = make_operator(kernel, X, centers)
            gram, moment = op.normal_matrix(weights, columns)
        else:
            gram, moment = self._whitened(kernel, X, centers, columns, weights)
        gram = gram.astype(np.float64, copy=False)
        if self.gram is not None:
            gram += self.gram
        self.gram = gram
        self.moment = self.moment + moment[:, :-1]
        self.mass = self.mass + moment[:, -1]
        self.weight += n if weights is None else float(weights.sum())
        target = Y.sum(axis=0) if weights is None else weights @ Y
        self.target = self.target + target

    def _change_coordinates(self, kernel, centers):
        """Go from plain sums to sums in the coordinates of T."""
        self.whitening, _ = _whiten(kernel, centers)
        self.gram = self.whitening.congruence(self.gram)
        self.moment = self.whitening.adjoint(self.moment)
        self.mass = self.whitening.adjoint(self.mass[:, None])[:, 0]
        self.plain = False

    def _whitened(self, kernel, X, centers, columns, weights):
        """``T' K' W K T`` and ``T' K' W columns`` for some rows, block by block."""
        xp = get_namespace(columns)
        n, m, rank = X.shape[0], centers.shape[0], self.whitening.rank
        gram = xp.zeros((rank, rank), order="F")
        moment = xp.zeros((rank, columns.shape[1]))
        if rank == 0:
            return gram, moment
        size = int(np.clip(memory_budget() // (64 * m), 64, 8192))
        for rows in row_blocks(n, size):
            block = X[rows].astype(np.float64, copy=False)
            K = make_operator(kernel, block, centers).block()
            features = self.whitening.adjoint(K.T)
            targets = columns[rows]
            if weights is not None:
                root = xp.sqrt(weights[rows])
                features *= root
                targets = targets * root[:, None]
            moment += features @ targets
            if xp is np:
                gram = blas.dsyrk(1.0, features, beta=1.0, c=gram, overwrite_c=True)
            else:
                gram += features @ features.T
        if xp is np:
            gram += np.triu(gram, 1).T
        return gram, moment

    def solve(self, alpha):
        """Coefficients of shape (m, n_targets) and means of the targets.

        The means are zeros without intercept. The sums stay as they are; it takes
        :meth:`plus` before it can be called again.
        """
        mean, rhs = self._centered()
        gram = self.gram
        if self.plain:
            gram = self.whitening.congruence(gram)
            rhs = self.whitening.adjoint(rhs)
        c = solve_psd(gram, rhs, shift=alpha, overwrite=self.plain)
        coef = self.whitening.apply(c)
        if self.plain:
            self.whitening = None
        return coef, mean

    def _centered(self):
        """Means of the targets, and the right-hand sides without them."""
        xp = get_namespace(self.gram)
        if not self.fit_intercept:
            return xp.zeros_like(self.offset), self.moment
        shift = self.target / self.weight
        return self.offset + shift, self.moment - self.mass[:, None] * shift

    def path(self, kernel, centers, alphas):
        """Coefficients of shape (n_alphas, m, n_targets), one alpha for all targets.

        From one eigendecomposition; the sums stay as they are.
        """
        sums = self
        if self.plain:
            smallest = float(alphas.min())
            if smallest < self.resolved:
                raise ValueError(
                    f"alphas has the value {smallest:.1e}, but the sums over the "
                    f"training data are exact enough for {self.resolved:.1e} and "
                    "larger only. Call fit with alpha as small as the smallest of "
                    "alphas before."
                )
            sums = copy.copy(self)
            sums._change_coordinates(kernel, centers)
        xp = get_namespace(sums.gram)
        _, rhs = sums._centered()
        coefs = xp.zeros((alphas.size, centers.shape[0], rhs.shape[1]))
        if not sums.gram.size:
            return coefs
        if xp is np:
            values, vectors = scipy.linalg.eigh(
                sums.gram, check_finite=False, driver="evr"
            )
        else:
            values, vectors = xp.linalg.eigh(sums.gram)
        rhs = vectors.T @ rhs
        # As for singular systems in `solve_psd`.
        floor = len(values) * _EPS * float(values[-1])
        for i, alpha in enumerate(alphas):
            shifted = values + alpha
            inverse = xp.where(shifted > floor, 1.0, 0.0) / xp.maximum(shifted, floor)
            coefs[i] = sums.whitening.apply(vectors @ (inverse[:, None] * rhs))
        return coefs


def _whiten(kernel, centers):
    """Whitening of the kernel matrix of the centers, and its largest diagonal entry."""
    K = center_matrix(kernel, centers)
    largest = float(K.diagonal().max())
    return Whitening(K, K.shape[0] * _EPS * largest), largest
