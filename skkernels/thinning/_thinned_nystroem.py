"""Explicit features of a kernel from a coreset."""

from numbers import Integral

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin

from skkernels.coresets import select_centers
from skkernels.linalg import Whitening
from skkernels.operators import check_memory, make_operator
from skkernels.operators._center_matrix import center_matrix
from skkernels.thinning._thinned_base import BaseThinned, coreset_size
from skkernels.utils._array import get_namespace, is_cupy, to_numpy
from skkernels.utils._distinct import distinct_rows
from skkernels.utils._sklearn import _fit_context, check_is_fitted
from skkernels.utils._state import unchanged_on_error
from skkernels.utils._validation import (
    check_same_device,
    check_weights,
    match_storage,
    positive_rows,
    validate,
)

_EPS = float(np.finfo(np.float64).eps)


class ThinnedNystroem(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseThinned):
    """Explicit features of a kernel, spanned by a coreset of the training data.

    The inner product of two transformed rows is the kernel's value, as far as the
    kernel functions of the coreset can represent it: the method of Nystroem, as
    :class:`sklearn.kernel_approximation.Nystroem`, with samples that are distributed as
    the data are, but more evenly than by chance.

    Parameters
    ----------
    n_coreset : int, float, "sqrt" or "auto", default=100
        How many samples to keep, and the largest number of features: a number, a share
        in (0, 1] or the square root of the number n of distinct samples. "auto" is
        ``max(1024, 4 sqrt(n))``. Where that is n or more, all of them stay, without a
        warning.

    kernel : str, kernel object or callable, default="rbf"
        A name from :func:`skkernels.kernels.kernel_names`, a kernel of
        :mod:`skkernels.kernels` or of :mod:`sklearn.gaussian_process.kernels`, or a
        function ``k(X, Z)`` that returns a block of the kernel matrix. "precomputed"
        is not possible.

    gamma : float, {"scale", "median"} or None, default="scale"
        Width of kernels given by name. None is 1 / n_features; "scale" is
        1 / (n_features * X.var()); "median" takes the median distance as the length
        scale. Ignored by kernels without a width and by kernel objects.

    degree : float, default=3
        Degree of the polynomial kernel.

    coef0 : float, default=1
        Constant of the polynomial and sigmoid kernels.

    kernel_params : dict, default=None
        Further parameters of the kernel given by name or as a callable.

    random_state : int, RandomState instance or None, default=None
        Source of the draws of the thinning.

    Attributes
    ----------
    coreset_ : {ndarray, sparse array} of shape (n_coreset_, n_features)
        The samples kept. They are distinct, and in an order that depends on their
        values only.

    sample_indices_ : ndarray of int of shape (n_coreset_,)
        Which rows of the training data they are.

    normalization_ : ndarray of shape (n_coreset_, n_components_)
        What the kernel values between rows and the coreset are multiplied with.

    n_components_ : int
        Number of features, the numerical rank of the coreset's kernel matrix.

    kernel_ : Kernel
        The kernel with the numbers used.

    gamma_ : float or None
        The width used, where the kernel has one.

    n_features_in_ : int
        Number of features seen in fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    sklearn.kernel_approximation.Nystroem : The same with a uniform choice.
    skkernels.features.RandomFourierFeatures : Features that do not look at the data.
    skkernels.ridge.NystroemKernelRidge : Ridge regression on such features, in one
        pass.

    Notes
    -----
    With s samples in the coreset and its kernel matrix ``K``, the features of a row are
    its s kernel values times T, where ``T T'`` is the inverse of ``K``, from a pivoted
    Cholesky factor; samples that add nothing in working precision are left out. Another
    T, such as scikit-learn's, rotates the features. White noise in the kernel does not
    count.

    Choosing takes about ``64 s^2 log2(n / s) + 2000 n`` kernel values, the factor
    ``s^3`` operations and ``24 s^2`` bytes of memory, a transform O(s (d + s)) per row.

    A sample of weight w counts exactly as w equal samples of weight 1.

    References
    ----------
    .. [1] C. Williams and M. Seeger, "Using the Nystroem method to speed up kernel
       machines", NIPS 2000.
    .. [2] A. Shetty, R. Dwivedi and L. Mackey, "Distribution compression in near-linear
       time", ICLR 2022. arXiv:2111.07941

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels import ThinnedNystroem
    >>> X = np.random.RandomState(0).uniform(size=(1000, 2))
    >>> features = ThinnedNystroem(60, random_state=0).fit(X)
    >>> Z = features.transform(X)
    >>> bool(abs(Z @ Z.T - features.kernel_(X)).max() < 0.01)
    True
    """

    def __init__(
        self,
        n_coreset=100,
        *,
        kernel="rbf",
        gamma="scale",
        degree=3,
        coef0=1,
        kernel_params=None,
        random_state=None,
    ):
        self.n_coreset = n_coreset
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Choose the coreset and factor its kernel matrix.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.

        y : object, default=None
            Ignored.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples; None is 1 for all.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        with unchanged_on_error(self):
            X = validate(self, X, reset=True)
            self._refuse_precomputed()
            weights = check_weights(sample_weight, X)
            rows = positive_rows(weights)
            if rows is not None:
                X, weights = X[rows], weights[rows]
            size = self.n_coreset
            if not isinstance(size, Integral):
                size = coreset_size(size, distinct_rows(X)[0].size)
            size = min(size, X.shape[0])
            check_memory(
                24 * size * size,
                what=f"The {size} x {size} kernel matrix of the coreset, factored",
                remedy="use fewer samples (n_coreset)",
            )
            kernel = self._resolve_kernel(X, weights)._without_noise()
            indices = select_centers(
                kernel,
                X,
                size,
                "thinning",
                sample_weight=weights,
                random_state=self.random_state,
            )
            self.coreset_ = X[indices]
            self.sample_indices_ = indices if rows is None else to_numpy(rows)[indices]
            K = center_matrix(kernel, self.coreset_)
            xp = get_namespace(K)
            tol = K.shape[0] * _EPS * float(xp.abs(K.diagonal()).max())
            whitening = Whitening(K, tol)
            self.normalization_ = whitening.apply(xp.eye(whitening.rank))
            self.n_components_ = self._n_features_out = whitening.rank
            return self

    def transform(self, X):
        """Compute the features.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components_)
            In float32 if X is float32.
        """
        check_is_fitted(self, "normalization_")
        X = validate(self, X, reset=False)
        check_same_device(self, X, self.coreset_)
        dtype = X.dtype
        X = match_storage(X, self.coreset_)
        # In float64 throughout: the inverse amplifies rounding of kernel values.
        centers = self.coreset_.astype(np.float64, copy=False)
        if is_cupy(X):
            X = X.astype(np.float64, copy=False)
        kernel = self.kernel_._without_noise()
        features = make_operator(kernel, X, centers).matmat(self.normalization_)
        return features.astype(dtype, copy=False)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
