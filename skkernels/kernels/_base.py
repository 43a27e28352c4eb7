"""Base class of the kernels."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.gaussian_process.kernels import Hyperparameter
from sklearn.gaussian_process.kernels import Kernel as GaussianProcessKernel
from sklearn.utils import check_array, check_random_state

from ..utils._array import get_namespace
from ..utils._validation import check_weights
from ._algebra import Algebra
from ._dense import block_by_rows, dense_block
from ._parameters import check_number
from ._profiles import array_profile
from ._rows import as_rows

_TARGET_ADVICE = (
    "Use the kernel itself as the target (target-kernel thinning), or a kernel that "
    "has one: RBF, Matern with nu > n_features / 2, Exponential in one dimension."
)


class Kernel(Algebra, BaseEstimator, GaussianProcessKernel):
    """Base class of all kernels.

    A kernel is a holder of parameters in scikit-learn's manner (``get_params``,
    ``set_params`` and ``clone`` work, so that ``GridSearchCV(est, {"kernel__nu": [0.5,
    1.5]})`` does); a function ``k(X, Y=None)`` that returns a dense matrix; and a node
    of an algebra: ``k1 + k2``, ``k1 * k2``, ``2.0 * k``, ``k + 1.0``, ``k ** 2``.

    A parameter may be a rule such as ``length_scale="median"``. :meth:`resolve`
    applies the rules to data and returns a kernel that holds numbers only. Estimators
    do this in ``fit`` and keep the result as ``kernel_``.

    Kernels also work in scikit-learn's Gaussian processes, which maximise the marginal
    likelihood over the parameters that have bounds, such as ``length_scale`` within
    ``length_scale_bounds``.

    See Also
    --------
    make_kernel : A kernel from a name, a callable or a kernel of scikit-learn.

    Notes
    -----
    Kernels compare equal when their classes and parameters are equal, and hash
    accordingly; do not change the parameters of one that is a key of a dictionary.

    A kernel of your own derives from this class and defines ``_block(X, Z)``, the
    dense matrix between two sets of rows, and ``_diagonal(X)``.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.kernels import RBF, Linear
    >>> kernel = 2.0 * RBF(length_scale=0.5) + Linear()
    >>> kernel(np.array([[0.0], [1.0]])).round(3)
    array([[2.   , 0.271],
           [0.271, 3.   ]])
    """

    # What a subclass states about itself. Properties may take their places.
    _stationary = False
    _psd = True
    _constant_diagonal = None
    _order = np.inf
    # White noise: zero between different rows; its diagonal belongs to K(X, X) only.
    _diagonal_only = False
    # k(x, z) = (what _reduction or _block gives) + h(x) + h(z), h from _row_terms.
    _has_row_terms = False
    # What the kernel is a smooth function of: "squared distance", "inner product",
    # "anything" for a constant, or None.
    _variable = None
    # Names of the parameters that a Gaussian process may optimise.
    _tunable = ()
    # Parameter that may hold a bandwidth rule, and the distance that the rule uses.
    _rule_parameter = None
    _rule_metric = "euclidean"

    # -- description --------------------------------------------------------------

    @property
    def stationary(self):
        """Whether the value depends on the difference of the two rows only."""
        return self._stationary

    @property
    def is_psd(self):
        """Whether every kernel matrix is positive semi-definite; None if unknown."""
        self._check_params()
        return self._psd

    @property
    def diag_value(self):
        """The value k(x, x) where it is the same for all x, else None."""
        self._check_params()
        return self._constant_diagonal

    @property
    def max_value(self):
        """The largest value that the kernel can take, inf if it is unbounded."""
        self._check_params()
        return self._upper_bound

    @property
    def _upper_bound(self):
        bound = self._constant_diagonal if self._psd else None
        return np.inf if bound is None else float(bound)

    @property
    def differentiable_order(self):
        """How many derivatives in the reduced number are finite at equal rows.

        The reduced number is the squared distance, or the inner product. Stein kernels
        and gradients at the data need at least 1; 0 means a cusp. None where the
        kernel has no such number.
        """
        self._check_params()
        return self._order

    @property
    def gamma_value(self):
        """The coefficient that scikit-learn would call gamma, None if there is none.

        For kernels of the Euclidean distance it is ``1 / (2 length_scale**2)``.
        """
        return self._gamma_value

    _gamma_value = None

    def smoothness(self, n_features):
        """Smoothness of the functions of the kernel's space.

        Parameters
        ----------
        n_features : int
            Dimension of the space of the rows.

        Returns
        -------
        order : float or None
            The order of the Sobolev space that the kernel's space is equivalent to;
            inf for kernels of analytic functions, None where it is not a Sobolev
            space or not known.
        """
        self._check_params()
        return self._smoothness(n_features)

    def _smoothness(self, d):
        return None

    def eig_decay(self, n_features):
        """Exponent of the decay of the kernel matrix's eigenvalues.

        Parameters
        ----------
        n_features : int
            Dimension of the space of the rows.

        Returns
        -------
        beta : float or None
            The j-th eigenvalue of ``K / n`` falls as ``j**-beta`` for rows with a
            density; inf if faster than every power, None if not known.
        """
        self._check_params()
        return self._eig_decay(n_features)

    def _eig_decay(self, d):
        order = self._smoothness(d)
        return None if order is None else 2.0 * order / d

    # -- evaluation ---------------------------------------------------------------

    def __call__(self, X, Y=None, eval_gradient=False):
        """The dense kernel matrix.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples_X, n_features)
            Rows.

        Y : {array-like, sparse matrix} of shape (n_samples_Y, n_features) or None, \
                default=None
            Columns; None means X, and an exactly symmetric result.

        eval_gradient : bool, default=False
            Whether to return the gradient with respect to the logarithms of the
            hyperparameters, for Gaussian processes. Only where Y is None.

        Returns
        -------
        K : ndarray of shape (n_samples_X, n_samples_Y)
            float32 if both inputs are, else float64.

        gradient : ndarray of shape (n_samples_X, n_samples_X, n_dims)
            Only if ``eval_gradient`` is true.
        """
        X, Y = self._check_rows(X, Y)
        self._check_params()
        self._check_resolved()
        kernel = self._for_features(X.shape[1])
        if not eval_gradient:
            return dense_block(kernel, X, Y)
        if Y is not None:
            raise ValueError("The gradient is available only where Y is None.")
        K = dense_block(kernel, X)
        return K, np.dstack([*self._gradients(X, K), np.empty((*K.shape, 0))])

    def diag(self, X):
        """The diagonal of ``k(X, X)``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        diagonal : ndarray of shape (n_samples,)
            In O(n_samples n_features) time, without forming the matrix.
        """
        X, _ = self._check_rows(X, None)
        self._check_params()
        self._check_resolved()
        xp = get_namespace(X)
        if self._constant_diagonal is not None:
            return xp.full(X.shape[0], self._constant_diagonal, dtype=X.dtype)
        kernel = self._for_features(X.shape[1])
        return kernel._diagonal(X).astype(X.dtype, copy=False)

    def _diagonal(self, X):
        raise NotImplementedError

    def _check_rows(self, X, Y):
        """Both sets of rows as float arrays or CSR matrices with equal widths."""
        X = as_rows(X, "X")
        Y = None if Y is None else as_rows(Y, "Y")
        get_namespace(X, Y)
        if Y is not None and X.shape[1] != Y.shape[1]:
            raise ValueError(f"X has {X.shape[1]} features, but Y has {Y.shape[1]}.")
        return X, Y

    def _for_features(self, d):
        """The kernel with the defaults that depend on n_features put in."""
        return self

    def _check_params(self):
        """Raise where a parameter is outside of its range."""

    def _check_resolved(self):
        """Raise where a parameter still is a rule."""
        name = self._rule_parameter
        if name is not None and isinstance(getattr(self, name), str):
            raise ValueError(
                f"{name}={getattr(self, name)!r} of {type(self).__name__} is a rule "
                "that needs data: call kernel.resolve(X) first. Estimators do so in "
                "fit."
            )

    def _reduction(self, n_features):
        """The :class:`Reduction` of a resolved kernel, or None if it has none."""
        self._check_params()
        self._check_resolved()
        return self._plan(n_features)

    def _plan(self, d):
        return None

    def _array_profile(self, t, xp):
        """The profile of :meth:`_reduction` by array operations of the module xp."""
        reduction = self._reduction(None)
        table = reduction.table
        if table is not None:
            table = xp.asarray(table)
        return array_profile(reduction.profile)(t, reduction.params, table)

    def _terms(self):
        """Weights and kernels that add up to this one, each evaluable on its own."""
        return [(1.0, self)]

    def _block(self, X, Z):
        """Dense values for a kernel that has no reduction."""
        raise NotImplementedError(f"{type(self).__name__} has no dense blocks.")

    def _gram(self, X):
        """Dense values between all rows of X, for a kernel that has no reduction."""
        return block_by_rows(self, X, X)

    def _row_terms(self, X):
        """h of a kernel with row terms, in float64."""
        raise NotImplementedError

    # Whether there is white noise in the kernel, and the kernel without it.
    _has_noise = False

    def _without_noise(self):
        return self

    # -- rules --------------------------------------------------------------------

    def resolve(self, X, sample_weight=None, random_state=None):
        """Return the kernel with its rules replaced by numbers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data that the rules look at.

        sample_weight : array-like of shape (n_samples,) or None, default=None
            A weight counts as that many repetitions of the row.

        random_state : int, RandomState instance or None, default=None
            Chooses the subsample of rules that need distances between rows. None
            always takes the same one.

        Returns
        -------
        kernel : Kernel
            A copy with concrete parameters; this kernel is left as it is.
        """
        X, _ = self._check_rows(X, None)
        weights = check_weights(sample_weight, X)
        if random_state is not None:
            random_state = check_random_state(random_state)
        return self._resolve(X, weights, random_state)

    def _resolve(self, X, weights, random_state):
        self._check_params()
        changes = self._resolved_params(X, weights, random_state)
        return self._replace(**changes)

    def _resolved_params(self, X, weights, random_state):
        return {}

    def _replace(self, **changes):
        """A copy with some parameters changed."""
        return type(self)(**{**self.get_params(deep=False), **changes})

    # -- derivatives --------------------------------------------------------------

    def profile(self, t):
        """The kernel as a function of one number.

        Parameters
        ----------
        t : array-like
            Squared Euclidean distances for radial kernels, inner products for dot
            kernels.

        Returns
        -------
        values : ndarray
            In float64, of the shape of ``t``.
        """
        return self.profile_derivatives(t)[0]

    def profile_derivatives(self, t):
        """Value, first and second derivative as functions of one number.

        Parameters
        ----------
        t : array-like
            Squared Euclidean distances for radial kernels, inner products for dot
            kernels.

        Returns
        -------
        value, first, second : ndarray
            In float64, of the shape of ``t``. Derivatives that do not exist at zero
            are infinite there, see :attr:`differentiable_order`.

        Raises
        ------
        TypeError
            If the kernel is not a function of one such number.
        """
        self._check_params()
        self._check_resolved()
        if self._variable is None:
            raise TypeError(
                f"{self!r} is not a function of one squared distance or one inner "
                "product, so it has no profile."
            )
        return self._derivatives(np.asarray(t, dtype=np.float64))

    def _derivatives(self, t):
        raise NotImplementedError

    def gradient_x(self, X, Y):
        """Gradient of ``k(x, y)`` with respect to ``x``.

        Parameters
        ----------
        X : array-like of shape (n_samples_X, n_features)
            Rows at which the gradient is taken.

        Y : array-like of shape (n_samples_Y, n_features)
            Rows of the other argument.

        Returns
        -------
        gradient : ndarray of shape (n_samples_X, n_samples_Y, n_features)
            In float64. Zero for equal rows of a stationary kernel that is
            differentiable there.

        Raises
        ------
        TypeError
            If the kernel has no gradient.
        """
        X = check_array(X, dtype=np.float64)
        Y = check_array(Y, dtype=np.float64)
        self._check_rows(X, Y)
        self._check_params()
        self._check_resolved()
        return self._for_features(X.shape[1])._gradient_x(X, Y)

    def _gradient_x(self, X, Y):
        raise TypeError(f"{type(self).__name__} has no gradient.")

    def spectral_sample(
        self, n_samples, n_features, random_state=None, orthogonal=False
    ):
        """Random frequencies of a stationary kernel.

        Parameters
        ----------
        n_samples : int
            Number of frequencies.

        n_features : int
            Dimension of the space of the rows.

        random_state : int, RandomState instance or None, default=None
            Source of randomness.

        orthogonal : bool, default=False
            Whether the directions within each group of ``n_features`` frequencies are
            orthogonal, which lowers the error of averages.

        Returns
        -------
        frequencies : ndarray of shape (n_samples, n_features)
            Draws of ``w`` with ``k(x, z) = k(x, x) E cos(w . (x - z))``, in float64.

        Raises
        ------
        TypeError
            If the kernel is not stationary, or no sampler for it is known.
        """
        from ._spectral import spectral_sample

        for name, value in (("n_samples", n_samples), ("n_features", n_features)):
            check_number(self, name, value, 1, closed="left", integer=True)
        self._check_params()
        self._check_resolved()
        rng = check_random_state(random_state)
        return spectral_sample(self, n_samples, n_features, rng, orthogonal)

    def sqrt_kernel(self, n_features):
        """The square-root kernel, whose convolution with itself is this kernel.

        Parameters
        ----------
        n_features : int
            Dimension of the space that the convolution integrates over.

        Returns
        -------
        kernel : Kernel
            ``r`` with ``integral r(x, z) r(z, y) dz = k(x, y)``.

        Raises
        ------
        ValueError
            If there is none in closed form.
        """
        check_number(self, "n_features", n_features, 1, closed="left", integer=True)
        self._check_params()
        self._check_resolved()
        return self._sqrt_kernel(n_features)

    def _sqrt_kernel(self, d):
        raise ValueError(
            f"{type(self).__name__} has no square-root kernel in closed form. "
            + _TARGET_ADVICE
        )

    def power_kernel(self, alpha, n_features):
        """The kernel whose spectral density is this one's to the power alpha.

        Parameters
        ----------
        alpha : float
            Power in (0, 1]; 0.5 gives the square-root kernel up to a constant.

        n_features : int
            Dimension of the space of the rows.

        Returns
        -------
        kernel : Kernel
            Up to a constant factor.

        Raises
        ------
        ValueError
            If there is none in closed form.
        """
        check_number(self, "alpha", alpha, 0, 1, closed="right")
        check_number(self, "n_features", n_features, 1, closed="left", integer=True)
        self._check_params()
        self._check_resolved()
        return self._power_kernel(alpha, n_features)

    def _power_kernel(self, alpha, d):
        raise ValueError(
            f"{type(self).__name__} has no power kernel in closed form. "
            + _TARGET_ADVICE
        )

    # -- Gaussian processes -------------------------------------------------------

    @property
    def hyperparameters(self):
        """Parameters that a Gaussian process may optimise, with their bounds."""
        self._check_resolved()
        return [
            Hyperparameter(
                name,
                "numeric",
                getattr(self, f"{name}_bounds"),
                np.size(getattr(self, name)),
            )
            for name in self._tunable
            if getattr(self, name) is not None
        ]

    def is_stationary(self):
        """Whether the kernel is stationary, as scikit-learn asks for it.

        Returns
        -------
        stationary : bool
            The same as :attr:`stationary`.
        """
        return self.stationary

    def _gradients(self, X, K):
        """Gradients of K = k(X, X) with respect to the logarithms of the free
        hyperparameters, as a list of matrices."""
        if self.n_dims == 0:
            return []
        raise NotImplementedError
