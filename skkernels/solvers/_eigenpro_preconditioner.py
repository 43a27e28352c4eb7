"""The preconditioner of EigenPro: a kernel whose largest eigenvalues are flattened."""

import numpy as np

from skkernels.linalg import top_eigensystem
from skkernels.utils._array import get_namespace, to_numpy

_EPS = float(np.finfo(np.float64).eps)
_MIN_COMPONENTS = 5
_POWER_ITERATIONS = 15
# The power method approaches the largest eigenvalue from below.
_MARGIN = 1.1


class EigenProPreconditioner:
    """Flattened spectrum of a kernel, estimated on a subsample of s rows.

    With the eigenpairs ``(s lambda_i, e_i)`` of the subsample's kernel matrix, the
    preconditioned kernel is::

        k_P(x, z) = k(x, z) - sum_i d_i (e_i' k(X_S, x)) (e_i' k(X_S, z)),
        d_i = (1 - (lambda_{q+1} / lambda_i)^a) / (s lambda_i),    i <= q,

    whose eigenvalues are about those of k, but at most
    ``lambda_1 (lambda_{q+1} / lambda_1)^a``. Gradient steps with k_P may be that much
    longer.

    Parameters
    ----------
    K : array of shape (s, s) in float64
        Kernel matrix of the subsample; its memory is overwritten.

    n_components : int
        Largest number q of eigenvalues to flatten. There may be fewer, where
        eigenvalues fall below the rounding error of the largest.

    exponent : float
        The exponent a, in (0, 1].

    Attributes
    ----------
    n_components : int
        Number of eigenvalues flattened.

    eigenvalues : array of shape (n_components,)
        Eigenvalues of K / s that are flattened, in descending order.

    top_eigenvalue : float
        Largest eigenvalue of the preconditioned operator, the mean over the data of
        the outer products of k_P; set by :meth:`calibrate`.

    Notes
    -----
    Time: O(s^3) once and O(s q) per target and application.

    References
    ----------
    .. [1] S. Ma and M. Belkin, "Kernel machines that adapt to GPUs for effective large
       batch training", MLSys 2019. arXiv:1806.06144
    """

    def __init__(self, K, n_components, exponent):
        s = K.shape[0]
        eigenvalues, vectors = top_eigensystem(K, min(n_components + 1, s))
        eigenvalues = eigenvalues / s
        kept = int((eigenvalues > s * _EPS * eigenvalues[0]).sum())
        self._eigenvalues = eigenvalues[:kept]
        self._vectors = vectors[:, :kept]
        self._exponent = exponent
        self._subsample_size = s
        self._truncate(max(kept - 1, 0))
        self.top_eigenvalue = self._predicted_top()

    def _truncate(self, q):
        """Flatten the q largest of the eigenvalues known."""
        self.n_components = q
        self.eigenvalues = self._eigenvalues[:q]
        self.vectors = self._vectors[:, :q]
        self._damping = self._damping_of(q)

    def _damping_of(self, q):
        xp = get_namespace(self._eigenvalues)
        if q == 0:
            return xp.zeros(0)
        head, tail = self._eigenvalues[:q], self._eigenvalues[q]
        return (1.0 - (tail / head) ** self._exponent) / (self._subsample_size * head)

    def _predicted_top(self):
        """Largest eigenvalue of the flattened operator if the subsample were all."""
        if self._eigenvalues.size == 0:  # the kernel is zero
            return 0.0
        first = float(self._eigenvalues[0])
        tail = float(self._eigenvalues[self.n_components])
        return first * (tail / first) ** self._exponent

    def calibrate(self, K_SU, K_UU, weights, n_components, diagonal, batch_size):
        """Measure the spectrum on other rows U and fix the number of components.

        Parameters
        ----------
        K_SU : array of shape (s, u)
            Kernel between the subsample and the rows U.

        K_UU : array of shape (u, u)
            Kernel matrix of the rows U.

        weights : array of shape (u,) or None
            Weights of the rows U.

        n_components : int or "auto"
            With "auto" it is the smallest number that allows batches of the given
            size to make full-length steps.

        diagonal : "kernel" or "preconditioned"
            Whether the largest value of k or of k_P on the diagonal limits the steps.

        batch_size : int
            What "auto" aims at.
        """
        xp = get_namespace(K_UU)
        features = (K_SU.T @ self._vectors.astype(K_SU.dtype)).astype(np.float64)
        root = None if weights is None else xp.sqrt(weights)
        start = xp.asarray(np.random.default_rng(0).standard_normal(K_UU.shape[0]))

        def top(q):
            return max(
                _MARGIN * self._power(K_UU, features, root, start, q),
                _MARGIN * _EPS * float(K_UU.diagonal().max()),
            )

        def critical_batch(q):
            values = K_UU.diagonal().astype(np.float64)
            if diagonal == "preconditioned":
                values = values - features[:, :q] ** 2 @ self._damping_of(q)
            if weights is not None:
                values = values * weights
            return float(values.max()) / top(q)

        most = max(self._eigenvalues.size - 1, 0)
        if n_components == "auto":
            low, high = min(_MIN_COMPONENTS, most), most
            while low < high:
                middle = (low + high) // 2
                if critical_batch(middle) >= batch_size:
                    high = middle
                else:
                    low = middle + 1
            self._truncate(low)
        else:
            self._truncate(min(n_components, most))
        self.top_eigenvalue = max(top(self.n_components), self._predicted_top())
        # What is not flattened is not needed any more.
        self.vectors = self.vectors.copy()
        self._vectors = self._eigenvalues = None

    def _power(self, K, features, root, v, q):
        """Largest eigenvalue of the preconditioned kernel matrix over its size."""
        xp = get_namespace(K)
        features, damping = features[:, :q], self._damping_of(q)
        value = 0.0
        for _ in range(_POWER_ITERATIONS):
            v = v / xp.linalg.norm(v)
            w = v if root is None else root * v
            w = (K @ w.astype(K.dtype)).astype(np.float64) - features @ (
                damping * (features.T @ w)
            )
            v = w if root is None else root * w
            value = float(xp.linalg.norm(v))
            if value == 0.0:
                break
        return value / K.shape[0]

    def apply(self, moment):
        """``E diag(d) E' moment`` for ``moment = K(X_S, X_B) g``, of shape (s, c)."""
        return self.vectors @ (self._damping[:, None] * (self.vectors.T @ moment))

    def diagonal(self, diagonal, products):
        """Values of k_P(x, x).

        Parameters
        ----------
        diagonal : array of shape (n,)
            k(x, x).

        products : array of shape (n, n_components)
            ``K(X, X_S) E``.
        """
        return diagonal - (products.astype(np.float64) ** 2) @ self._damping


def step_size(diagonal, top_eigenvalue, batch_size, n_samples):
    """Step per sample and the critical batch size.

    Up to the critical batch size, steps are limited by single rows and the progress of
    an epoch does not depend on the batch size; beyond, by the largest eigenvalue.

    Parameters
    ----------
    diagonal : float
        Largest weighted value on the diagonal of the kernel that limits the steps.

    top_eigenvalue : float
        Of the preconditioned operator.

    batch_size, n_samples : int
        With a batch of all samples, only the eigenvalue counts.

    Returns
    -------
    step : float
        A batch B of residuals changes the model by minus ``step`` times their sum.
    """
    if batch_size >= n_samples:
        return 0.95 * 2.0 / (n_samples * top_eigenvalue)
    if batch_size < critical_batch_size(diagonal, top_eigenvalue):
        return 1.0 / diagonal
    return 0.99 * 2.0 / (diagonal + (batch_size - 1) * top_eigenvalue)


def critical_batch_size(diagonal, top_eigenvalue):
    """Largest batch whose steps are limited by single rows."""
    return int(min(diagonal / top_eigenvalue, 2.0**31)) + 1


def subsample_rows(n_rows, size, rng):
    """Sorted positions of ``size`` rows drawn without replacement."""
    if size >= n_rows:
        return np.arange(n_rows)
    return np.sort(to_numpy(rng.permutation(n_rows)[:size]))
