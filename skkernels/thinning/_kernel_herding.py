"""Kernel herding."""

import numpy as np

from skkernels.coresets._herd import herd
from skkernels.coresets._mmd import kernel_mean
from skkernels.coresets._sequence import resolve_size
from skkernels.thinning._weighted_coreset import BaseWeightedCoreset
from skkernels.utils._sklearn import _fit_context
from skkernels.utils._state import unchanged_on_error


class KernelHerding(BaseWeightedCoreset):
    """Few rows chosen one by one so that their kernel mean approaches that of the data.

    Each step adds the row that makes the discrepancy of all rows chosen so far the
    smallest [1]_. Simple, and about as good as kernel thinning with many features or
    few rows; with few features and many rows thinning is several times closer.

    Parameters
    ----------
    n_coreset : int, float or "sqrt", default="sqrt"
        How many rows to keep, or what share of them in (0, 1], or their square root.

    kernel : str, kernel object or callable, default="rbf"
        A name from :func:`skkernels.kernels.kernel_names`, a kernel of
        :mod:`skkernels.kernels` or of :mod:`sklearn.gaussian_process.kernels`, a
        function ``k(X, Z)`` that returns a block of the kernel matrix, or
        "precomputed".

    gamma : float, {"scale", "median"} or None, default="median"
        Width of kernels given by name. None is 1 / n_features; "scale" is
        1 / (n_features * X.var()); "median" takes the median distance as the length
        scale, and is refused for "poly", "sigmoid", "exp_dot" and "chi2", which measure
        none. Ignored by kernels without a width and by kernel objects.

    degree : float, default=3
        Degree of the polynomial kernel.

    coef0 : float, default=1
        Constant of the polynomial and sigmoid kernels.

    kernel_params : dict, default=None
        Further parameters of the kernel given by name or as a callable.

    replace : bool, default=True
        Whether a row may be in the coreset more than once.

    weights : {"equal", "optimal", "simplex", "constant"}, default="equal"
        Weights of the coreset's rows, see :class:`KernelThinning`.

    random_state : int, RandomState instance or None, default=None
        Chooses the rows on which ``gamma="median"`` is computed. Nothing else is
        random.

    Attributes
    ----------
    sample_indices_ : ndarray of int of shape (size,)
        Numbers of the samples in the coreset, sorted, with repeats.

    selection_order_ : ndarray of int of shape (size,)
        The same numbers in the order of their choice. With equal weights, every
        beginning of it is a coreset.

    coreset_ : {ndarray, sparse array} of shape (size, n_features)
        Rows of ``sample_indices_``.

    coreset_weights_ : ndarray of shape (size,)
        Their weights. If the coreset is all samples of positive weight, these are the
        sample weights, divided by their sum.

    mmd_ : float
        Maximum mean discrepancy between the weighted coreset and the weighted data, in
        ``kernel_``.

    n_samples_ : int
        Number of samples seen in fit.

    kernel_ : Kernel or "precomputed"
        The kernel with the numbers used.

    gamma_ : float or None
        The width used, where the kernel has one.

    n_features_in_ : int
        Number of features seen in fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    KernelThinning : Closer to the data, by halvings and swaps.

    Notes
    -----
    For n samples and a coreset of size s: ``n^2 + n s`` kernel values, memory O(n).

    References
    ----------
    .. [1] Y. Chen, M. Welling and A. Smola, "Super-samples from kernel herding", UAI
       2010. arXiv:1203.3472

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.thinning import KernelHerding
    >>> X = np.linspace(0.0, 1.0, 9)[:, np.newaxis]
    >>> herding = KernelHerding(3, gamma=5.0).fit(X)
    >>> herding.selection_order_
    array([4, 0, 7])
    """

    def __init__(
        self,
        n_coreset="sqrt",
        *,
        kernel="rbf",
        gamma="median",
        degree=3,
        coef0=1,
        kernel_params=None,
        replace=True,
        weights="equal",
        random_state=None,
    ):
        self.n_coreset = n_coreset
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.replace = replace
        self.weights = weights
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Choose a coreset.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or \
                (n_samples, n_samples) if precomputed
            Data.

        y : object, default=None
            Ignored.

        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights of the samples; None is 1 for all.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        with unchanged_on_error(self):
            X, weights, rows, n_samples = self._validate(X, sample_weight)
            n = X.shape[0]
            self._warn_if_all(n)
            kernel = self._resolve_kernel(X, weights)
            size = resolve_size(self.n_coreset, n)
            indices, mean = np.arange(n), None
            if size < n:
                mean = kernel_mean(kernel, X, weights)
                indices = herd(kernel, X, size, kernel_mean=mean, replace=self.replace)
            values = self._weigh(X, weights, indices, mean)
            self.selection_order_ = indices if rows is None else rows[indices]
            return self._finish(X, rows, indices, n_samples, values)
