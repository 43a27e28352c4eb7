"""Spectral filters for all values of their parameter from one decomposition."""

from contextlib import nullcontext

import numpy as np
from scipy.linalg import blas

from skkernels.linalg import Whitening, mirror_upper, symmetric_eigensystem
from skkernels.operators import PrecomputedOperator, memory_budget
from skkernels.utils._array import get_namespace, to_numpy
from skkernels.utils._parallel import map_blocks, row_blocks, single_threaded_blas

_EPS = float(np.finfo(np.float64).eps)
_ROWS = 512
_BLOCK_ROWS = 8192
_MIN_THREADED = 1_000
# A sample of larger leverage is interpolated: what the others say is lost in rounding.
_SMALLEST_REST = 1e-10


def _blas_for(order):
    """Context for products with matrices of some order, threaded if it is large.

    Below, threads of BLAS gain little and wait for each other where the machine is
    busy.
    """
    return single_threaded_blas() if order < _MIN_THREADED else nullcontext()


class _Path:
    """What both decompositions have in common.

    Subclasses set ``coordinates``, those of ``S Y`` in the eigenvectors, and
    ``_outside``, the squared norms of what of ``S Y`` is in none of them.

    Attributes
    ----------
    total : float
        Sum of the weights W.

    eigenvalues : ndarray of shape (n_eigenvalues,)
        Those of ``S K S / W``, in descending order; negative ones count as zero.

    smallest : float
        The last one, as it is.
    """

    def __init__(self, Y, weights, copies):
        self.xp = xp = get_namespace(Y)
        self.Y, self.copies = Y, weights if copies is None else copies
        self.root = None if weights is None else xp.sqrt(weights)[:, None]
        self.total = float(len(Y)) if weights is None else float(weights.sum())
        self._size = float(len(Y))
        if self.copies is not None:
            self._size = float(xp.maximum(self.copies, 1.0).sum())

    def _set_spectrum(self, raw, order):
        """From eigenvalues of ``S K S``, ascending, of a matrix of some order."""
        t = to_numpy(raw) / self.total
        self.smallest = float(t.min(initial=0.0))
        self._t = np.maximum(t, 0.0)
        self.eigenvalues = self._t[::-1]
        self._floor = order * _EPS * float(self._t.max(initial=0.0))
        self._negative = t < -self._floor

    def thresholds(self, n_components):
        """Thresholds that keep so many of the eigenvalues.

        Parameters
        ----------
        n_components : ndarray of int of shape (n_values,)
            Numbers of eigenvalues to keep; equal ones are kept or dropped together.

        Returns
        -------
        thresholds : ndarray of shape (n_values,)
            Slightly below the smallest to keep, but above rounding errors.
        """
        last = np.minimum(n_components, len(self._t)) - 1
        return np.maximum(self.eigenvalues[last] * (1.0 - 1e-10), self._floor)

    def count(self, threshold):
        """Number of eigenvalues that a cutoff keeps."""
        return int((self._t >= max(threshold, self._floor)).sum())

    def _evaluate(self, filter):
        """Multiplier and residual, where the eigenvalues are more than rounding.

        A multiplier at the size of one over the rounding errors of the eigenvalues
        says nothing; the eigenvector is left out then, which gives the solution of
        minimum norm where there is no regularisation. Eigenvectors of negative
        eigenvalues are left out as well, so that the functions have on the samples the
        values that the filter gives to the eigenvalue zero.
        """
        multiplier, residual = filter.evaluate(self._t)
        with np.errstate(invalid="ignore"):
            kept = np.abs(multiplier) * self._floor < 1.0
        kept &= ~self._negative[:, np.newaxis]
        multiplier = np.where(kept, multiplier, 0.0) / self.total
        residual = np.where(kept, residual, 1.0)
        return self.xp.asarray(multiplier), self.xp.asarray(residual)

    def _spread(self, factors):
        """Coordinates times factors, a block of columns for each value."""
        spread = factors[:, :, None] * self.coordinates[:, None, :]
        return spread.reshape(len(factors), factors.shape[1] * self.Y.shape[1])

    def _groups(self, n_values):
        """Slices of values whose predictions take an eighth of the memory budget."""
        width = 8 * len(self.Y) * (self.Y.shape[1] + 1)
        return row_blocks(n_values, max(1, memory_budget() // (8 * width)))

    def _left_out(self, residuals, rest):
        """Predictions of the samples left out, from residuals and ``1 - S_ii``."""
        xp = self.xp
        if self.copies is not None:
            # Of a sample of weight w > 1 one unit is left out: it has a share 1 / w in
            # the leverage.
            share = 1.0 / xp.maximum(self.copies, 1.0)[:, None]
            rest = (1.0 - share) + share * rest
        if bool((rest < _SMALLEST_REST).any()):
            return xp.full(self.Y.shape, np.nan)
        return self.Y - residuals / rest

    def gcv(self, filter):
        """Generalised cross-validation: ``(sum_i w_i r_i^2 / W) / (1 - tr S / N)^2``.

        N is the number of samples, the sum of ``max(w_i, 1)`` or of the copies: a
        sample of weight below 1 is left out as a whole by :meth:`leave_one_out`, too.
        Components count with the sizes ``|1 - h|`` in the trace of ``I - S``.

        Parameters
        ----------
        filter : SpectralFilter
            With n_values values.

        Returns
        -------
        scores : ndarray of shape (n_values,)
            Mean over the targets, smaller is better; infinite where all of N is
            fitted.
        """
        _, residual = self._evaluate(filter)
        coordinates = to_numpy(self.coordinates)
        squares = to_numpy(residual).T ** 2 @ coordinates**2 + to_numpy(self._outside)
        left = np.abs(to_numpy(residual)).sum(axis=0)
        rest = (self._size - len(self._t) + left) / self._size
        lost = rest <= _SMALLEST_REST
        scores = squares.mean(axis=1) / self.total / np.where(lost, 1.0, rest) ** 2
        return np.where(lost, np.inf, scores)


class FilterPath(_Path):
    """Spectral filters of a kernel matrix from one eigendecomposition.

    Parameters
    ----------
    K : array of shape (n, n) in float64
        The kernel matrix. Its memory is overwritten.

    Y : array of shape (n, n_targets) in float64
        Targets.

    weights : array of shape (n,) or None
        Positive sample weights.

    copies : array of shape (n,) or None, default=None
        How many equal samples each row stands for, one of which is left out in
        :meth:`leave_one_out`; None if that is the weight.

    Attributes
    ----------
    total : float
        Sum of the weights W.

    eigenvalues : ndarray of shape (n,)
        Those of ``S K S / W``, in descending order; negative ones count as zero.

    Notes
    -----
    Time: some 6 to 10 n^3 operations, then 2 n^2 n_targets for each value. Memory:
    :func:`skkernels.linalg.eigensystem_bytes`.
    """

    def __init__(self, K, Y, weights, copies=None):
        super().__init__(Y, weights, copies)
        targets = Y
        if weights is not None:
            K *= self.root
            K *= self.root.T
            targets = self.root * Y
        raw, vectors = symmetric_eigensystem(K)
        self._set_spectrum(raw, len(raw))
        self._vectors = PrecomputedOperator(vectors)
        self.coordinates = self._vectors.rmatmat(targets)
        self._outside = 0.0

    def coefficients(self, filter):
        """Coefficients of the kernel functions.

        Parameters
        ----------
        filter : SpectralFilter
            With n_values values.

        Returns
        -------
        coefficients : array of shape (n, n_values * n_targets)
            For the first value, all targets, then for the second.
        """
        multiplier, _ = self._evaluate(filter)
        z = self._vectors.matmat(self._spread(multiplier))
        return z if self.root is None else self.root * z

    def fitted(self, filter):
        """Values of the functions on the samples, shaped as the coefficients."""
        _, residual = self._evaluate(filter)
        return self.xp.tile(self.Y, (1, residual.shape[1])) - self._residuals(residual)

    def _residuals(self, residual):
        r = self._vectors.matmat(self._spread(residual))
        return r if self.root is None else r / self.root

    def leave_one_out(self, filter):
        """Predict each sample from all the others.

        Parameters
        ----------
        filter : SpectralFilter
            With n_values values.

        Yields
        ------
        predictions : array of shape (n, n_targets)
            For one value after the other; NaN where some sample is interpolated and
            the formula says nothing.

        Notes
        -----
        The residual is divided by ``1 - S_ii``, S the matrix that maps targets to
        fitted values. That is exact for "tikhonov" and an approximation for the other
        filters. Of a sample of weight w > 1 one unit is left out; a sample of weight
        below 1 is left out as a whole.

        Where more than all of some components is fitted, these would make up in ``1 -
        S_ii`` for others of which little is, though their residuals do not. So ``|1 -
        h|`` is taken for ``1 - h`` there.
        """
        _, residual = self._evaluate(filter)
        n_targets = self.Y.shape[1]
        for group in self._groups(residual.shape[1]):
            rest = self._diagonal(abs(residual[:, group]))
            r = self._residuals(residual[:, group])
            for j in range(rest.shape[1]):
                columns = slice(j * n_targets, (j + 1) * n_targets)
                yield self._left_out(r[:, columns], rest[:, j : j + 1])

    def _diagonal(self, factors):
        """Diagonals of ``V diag(factors_j) V'``, one column for each j."""
        V = self._vectors.K
        if self.xp is not np:
            return V**2 @ factors
        out = np.empty(factors.shape)

        def fill(rows):
            out[rows] = V[rows] ** 2 @ factors

        work = 2.0 * V.size * factors.shape[1]
        map_blocks(fill, row_blocks(len(V), _ROWS), work=work)
        return out


class NystroemPath(_Path):
    """Spectral filters of the Nystroem kernel of some centers.

    That is the kernel whose matrix on the samples is ``K_nm K_mm^+ K_mn``. Its spectrum
    comes from one eigendecomposition of order m.

    Parameters
    ----------
    op : operator of shape (n, m)
        K_nm.

    K_mm : array of shape (m, m) in float64
        Kernel matrix of the centers; its memory is overwritten.

    Y : array of shape (n, n_targets) in float64
        Targets.

    weights : array of shape (n,) or None
        Positive sample weights.

    copies : array of shape (n,) or None, default=None
        How many equal samples each row stands for, one of which is left out in
        :meth:`leave_one_out`; None if that is the weight.

    Attributes
    ----------
    total, eigenvalues
        As in :class:`FilterPath`; there are as many as K_mm has rank.

    Notes
    -----
    Time: one pass over K_nm with 2 n m^2 operations, and some 10 m^3; for
    :meth:`leave_one_out` passes with 3 n m^2. Memory: four arrays of the shape of K_mm,
    and blocks of rows of K_nm.
    """

    def __init__(self, op, K_mm, Y, weights, copies=None):
        super().__init__(Y, weights, copies)
        xp, m = self.xp, len(K_mm)
        self.op = op
        with single_threaded_blas():
            self._whitening = Whitening(K_mm, float(m * _EPS * K_mm.diagonal().max()))
        rank = self._whitening.rank
        gram = xp.zeros((rank, rank), order="F")
        moment, norms = xp.zeros((rank, Y.shape[1])), xp.zeros(Y.shape[1])
        for _, features, targets in self._feature_blocks():
            norms += (targets**2).sum(axis=0)
            with _blas_for(rank):
                moment += features @ targets
                if xp is np and rank:
                    blas.dsyrk(1.0, features, beta=1.0, c=gram, overwrite_c=1)
                else:
                    gram += features @ features.T
        if xp is np:
            mirror_upper(gram)
        raw, rotation = symmetric_eigensystem(gram)
        self._set_spectrum(raw, op.shape[0])
        # Eigenvectors on the samples need eigenvalues that are not all rounding.
        kept = raw > self._floor * self.total
        self._raw, self._t = raw[kept], self._t[to_numpy(kept)]
        self._negative = self._negative[to_numpy(kept)]
        self.eigenvalues = self._t[::-1]
        self._rotation = rotation[:, kept] / xp.sqrt(self._raw)
        with single_threaded_blas():
            self.coordinates = self._rotation.T @ moment
        self._outside = xp.maximum(norms - (self.coordinates**2).sum(axis=0), 0.0)

    def _feature_blocks(self):
        """Rows, ``T' K_mn S`` of these rows, and ``S Y`` of them."""
        n, m = self.op.shape
        size = int(np.clip(memory_budget() // (64 * m), 64, _BLOCK_ROWS))
        for rows in row_blocks(n, size):
            K = self.op.block(rows, None).astype(np.float64, copy=False)
            targets = self.Y[rows]
            if self.root is not None:
                K *= self.root[rows]
                targets = self.root[rows] * targets
            with _blas_for(m):
                features = self._whitening.adjoint(K.T)
            yield rows, features, targets

    def coefficients(self, filter):
        """Coefficients of the kernel functions of the centers.

        Parameters
        ----------
        filter : SpectralFilter
            With n_values values.

        Returns
        -------
        coefficients : array of shape (m, n_values * n_targets)
            For the first value, all targets, then for the second.
        """
        multiplier, _ = self._evaluate(filter)
        with single_threaded_blas():
            u = self._rotation @ self._spread(self._raw[:, None] * multiplier)
            return self._whitening.apply(u)

    def fitted(self, filter):
        """Values of the functions on the samples, shaped as the coefficients."""
        return self.op.matmat(self.coefficients(filter))

    def leave_one_out(self, filter):
        """Predict each sample from all the others, with the same centers.

        Parameters
        ----------
        filter : SpectralFilter
            With n_values values.

        Yields
        ------
        predictions : array of shape (n, n_targets)
            As from :meth:`FilterPath.leave_one_out`.
        """
        xp = self.xp
        _, residual = self._evaluate(filter)
        n, n_targets = self.Y.shape
        for group in self._groups(residual.shape[1]):
            factors = 1.0 - residual[:, group]
            leverages = 1.0 - abs(residual[:, group])
            spread = self._spread(factors)
            fitted = xp.empty((n, spread.shape[1]))
            rest = xp.empty((n, factors.shape[1]))
            for rows, features, _ in self._feature_blocks():
                with _blas_for(len(features)):
                    if xp is np and spread.size:
                        V = blas.dgemm(1.0, features, self._rotation, trans_a=1)
                    else:
                        V = features.T @ self._rotation
                with single_threaded_blas():
                    fitted[rows] = V @ spread
                    rest[rows] = 1.0 - V**2 @ leverages
            if self.root is not None:
                fitted /= self.root
            for j in range(rest.shape[1]):
                columns = slice(j * n_targets, (j + 1) * n_targets)
                residuals = self.Y - fitted[:, columns]
                yield self._left_out(residuals, rest[:, j : j + 1])
