"""Random Fourier features."""

from numbers import Integral, Real

import numpy as np
import scipy.sparse as sp
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state

from skkernels.base import KERNEL_CONSTRAINTS, KernelEstimatorMixin
from skkernels.kernels import make_kernel
from skkernels.utils._array import get_namespace, is_cupy
from skkernels.utils._parallel import map_blocks, row_blocks
from skkernels.utils._sklearn import Interval, StrOptions, _fit_context, check_is_fitted
from skkernels.utils._validation import check_weights, positive_rows, validate

_ROWS_PER_BLOCK = 256


class RandomFourierFeatures(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, KernelEstimatorMixin
):
    r"""Random features whose inner products approximate a stationary kernel.

    A stationary kernel is an average of cosines, :math:`k(x, z) = k(x, x)\,
    \mathbb{E} \cos(w^\top (x - z))`. Averaged over :math:`m` random frequencies it is
    the inner product of features :math:`\cos(w_j^\top x), \sin(w_j^\top x)`, so that
    linear models of the features are models of the kernel, in time linear in the
    number of rows.

    Parameters
    ----------
    n_components : int, default=512
        Number of features.

    kernel : str or Kernel, default="rbf"
        Name or object of a stationary kernel: RBF, Exponential, Laplacian, Matern of
        any order, ExponentialPower, RationalQuadratic, Cauchy, InverseMultiquadric,
        GeneralizedCauchy, and sums, products and multiples of them.

    gamma : {"scale", "median"}, float or None, default="scale"
        Inverse scale of a kernel given by name. "scale" is
        ``1 / (n_features * X.var())``, "median" follows the median distance, None is
        ``1 / n_features``. Ignored for kernel objects, which hold their own.

    kernel_params : dict or None, default=None
        Further parameters of a kernel given by name, such as ``{"nu": 2.5}``.

    method : {"paired", "single"}, default="paired"
        "paired" uses the cosine and the sine of ``n_components / 2`` frequencies: the
        diagonal of the approximation is exact, and the error is smaller for rows that
        are close. (An odd feature is left over as in "single".) "single" uses one
        cosine with a random phase per frequency.

    orthogonal : bool, default=True
        Whether directions of frequencies are orthogonal within groups of
        ``n_features``, which lowers the error at no cost in the transform.

    random_state : int, RandomState instance or None, default=None
        Draws the frequencies, and the rows that the rule "median" looks at.

    Attributes
    ----------
    kernel_ : Kernel
        The kernel with concrete parameters.

    gamma_ : float or None
        The inverse scale used, where the kernel has one.

    frequencies_ : ndarray of shape (n_frequencies, n_features_in_)
        The frequencies, in the precision of the data.

    phases_ : ndarray of shape (n_phases,)
        The phases of the single features, which use the last frequencies.

    center_ : ndarray of shape (n_features_in_,)
        Weighted mean of the data, which is subtracted first: the kernel does not
        change, and phases are more accurate.

    n_features_in_ : int
        Number of features seen in ``fit``.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen in ``fit``, if X has names that are all strings.

    See Also
    --------
    skkernels.ridge.NystroemKernelRidge : Features from data, which often need fewer.
    sklearn.kernel_approximation.RBFSampler : The plain features of the RBF kernel.

    Notes
    -----
    ``fit`` costs O(n_samples n_features) time, and with ``orthogonal`` O(n_components
    n_features^2). ``transform`` costs O(n_samples n_features n_components) time and no
    memory beside its result. Between distant rows an entry of the approximation has a
    standard error of about ``k(x, x) / sqrt(n_components)``. Between close rows it
    tends to zero with pairs, and to 0.7 of that without.

    Heavy-tailed frequencies, as those of the Exponential kernel in the worst case, are
    cut at 1e30.

    References
    ----------
    .. [1] A. Rahimi and B. Recht, "Random features for large-scale kernel machines",
       NeurIPS 2007.
    .. [2] F. X. Yu et al., "Orthogonal random features", NeurIPS 2016,
       arXiv:1610.09072.
    .. [3] D. J. Sutherland and J. Schneider, "On the error of random Fourier
       features", UAI 2015, arXiv:1506.02785.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.features import RandomFourierFeatures
    >>> X = np.random.default_rng(0).standard_normal((5, 2))
    >>> features = RandomFourierFeatures(1000, gamma=0.5, random_state=0)
    >>> Z = features.fit_transform(X)
    >>> Z.shape
    (5, 1000)
    >>> bool(np.abs(Z @ Z.T - features.kernel_(X)).max() < 0.1)
    True
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "kernel": KERNEL_CONSTRAINTS["kernel"],
        "gamma": [
            Interval(Real, 0, None, closed="left"),
            StrOptions({"scale", "median"}),
            None,
        ],
        "kernel_params": KERNEL_CONSTRAINTS["kernel_params"],
        "method": [StrOptions({"paired", "single"})],
        "orthogonal": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_components=512,
        *,
        kernel="rbf",
        gamma="scale",
        kernel_params=None,
        method="paired",
        orthogonal=True,
        random_state=None,
    ):
        self.n_components = n_components
        self.kernel = kernel
        self.gamma = gamma
        self.kernel_params = kernel_params
        self.method = method
        self.orthogonal = orthogonal
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Draw the frequencies, after resolving the kernel's rules on the data.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        y : None
            Ignored.

        sample_weight : array-like of shape (n_samples,) or None, default=None
            A weight counts as that many repetitions of the row, in rules such as
            ``gamma="scale"`` and in ``center_``.

        Returns
        -------
        self : RandomFourierFeatures
            The fitted transformer.
        """
        X = validate(self, X, reset=True)
        if self._is_precomputed():
            raise ValueError(
                "kernel='precomputed' has no random features: they need the rows. Use "
                "the name or the object of a stationary kernel."
            )
        weights = check_weights(sample_weight, X)
        rows = positive_rows(weights)
        if rows is not None:
            X, weights = X[rows], weights[rows]
        rng = check_random_state(self.random_state)
        kernel = make_kernel(
            self.kernel, gamma=self.gamma, kernel_params=self.kernel_params
        )
        self.kernel_ = kernel.resolve(X, sample_weight=weights, random_state=rng)
        self.gamma_ = self.kernel_.gamma_value
        n_pairs = self.n_components // 2 if self.method == "paired" else 0
        n_single = self.n_components - 2 * n_pairs
        frequencies = self.kernel_.spectral_sample(
            n_pairs + n_single,
            X.shape[1],
            random_state=rng,
            orthogonal=self.orthogonal,
        )
        xp = get_namespace(X)
        self.frequencies_ = xp.asarray(frequencies.astype(X.dtype))
        phases = rng.uniform(0.0, 2.0 * np.pi, size=n_single)
        self.phases_ = xp.asarray(phases.astype(X.dtype))
        self.center_ = _weighted_mean(X, weights).astype(X.dtype)
        self._n_features_out = self.n_components
        return self

    def transform(self, X):
        """Compute the features.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components)
            In float32 if X is float32. With pairs, the cosines come first. ``Z @ Z.T``
            approximates the kernel matrix.
        """
        check_is_fitted(self)
        X = validate(self, X, reset=False)
        xp = get_namespace(X)
        frequencies = self.frequencies_.astype(X.dtype, copy=False).T
        center = self.center_.astype(X.dtype, copy=False)
        out = xp.empty((X.shape[0], self._n_features_out), dtype=X.dtype)
        offset = center @ frequencies if sp.issparse(X) else None

        def fill(rows):
            block = X[rows]
            if offset is None:
                phases = (block - center) @ frequencies
            else:
                phases = block @ frequencies - offset
            self._write_features(phases, out[rows], xp)

        if is_cupy(X):
            fill(slice(None))
        else:
            work = 2.0 * out.size * (X.shape[1] + 20)
            map_blocks(fill, row_blocks(X.shape[0], _ROWS_PER_BLOCK), work=work)
        return out

    def _write_features(self, phases, out, xp):
        m = phases.shape[1] - len(self.phases_)
        xp.cos(phases[:, :m], out=out[:, :m])
        xp.sin(phases[:, :m], out=out[:, m : 2 * m])
        single = phases[:, m:] + self.phases_.astype(phases.dtype, copy=False)
        xp.cos(single, out=out[:, 2 * m :])
        out *= out.dtype.type(np.sqrt(2.0 * self.kernel_.diag_value / out.shape[1]))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _weighted_mean(X, weights):
    """Mean of the rows in float64."""
    n = X.shape[0]
    if weights is None:
        if sp.issparse(X):
            return np.asarray(X.sum(axis=0, dtype=np.float64)).ravel() / n
        return X.mean(axis=0, dtype=np.float64)
    return (weights @ X).ravel() / weights.sum()
