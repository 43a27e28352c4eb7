"""Kernel thinning."""

from numbers import Integral, Real

from sklearn.utils import check_random_state

from skkernels.coresets._halving import HALVINGS, THRESHOLDS
from skkernels.coresets._kt_swap import SWAP_ORDERS
from skkernels.coresets._kt_thin import ORDERS, REMAINDERS, thin
from skkernels.coresets._split_kernel import SPLIT_KERNELS
from skkernels.thinning._weighted_coreset import BaseWeightedCoreset
from skkernels.utils._sklearn import Interval, StrOptions, _fit_context
from skkernels.utils._state import unchanged_on_error


class KernelThinning(BaseWeightedCoreset):
    """Few rows whose kernel mean is much closer to that of the data than by chance.

    The rows are halved again and again so that the halves balance each other, which
    leads to many small coresets; the best of them is chosen, and its rows are exchanged
    for rows that fit better [1]_, [2]_. Averages over the coreset of ``sqrt(n)`` rows
    are about as good as averages over all n, for functions that are smooth on the scale
    of the kernel.

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

    split_kernel : {"target", "root", "power", "plus"}, kernel object or callable, \
            default="target"
        Kernel for the halvings: the kernel itself ("target"), one whose Fourier
        transform has the power 1/2 ("root") or ``power`` of the kernel's, or the sum of
        "target" and "power" ("plus"); see :func:`skkernels.coresets.split_kernel`. Only
        "target" is possible if ``kernel="precomputed"``.

    power : float, default=0.5
        In [0.5, 1), for the split kernels "power" and "plus". Rough kernels have a
        power kernel for large powers only.

    halving : {"adaptive", "lowrank"}, default="adaptive"
        How differences decide, see :func:`skkernels.coresets.kernel_halve`.

    threshold : {"paper", "goodpoints", "constant", "greedy", "anytime"}, \
            default="paper"
        How much is left to chance, see :func:`skkernels.coresets.kt_split`. Matters
        little after swaps.

    delta : float, default=0.5
        Failure probability of the halvings, in (0, 1).

    replace : bool, default=True
        Whether a row may be in the coreset more than once, which is rare.

    n_swap_passes : int, default=3
        How often each row of the coreset is tried for a swap. Passes end when nothing
        changes.

    swap_order : {"sequential", "random"}, default="sequential"
        In which order.

    refine_baseline : bool, default=False
        Whether to refine standard thinning (every so many rows) as well, and to keep
        what is better.

    weights : {"equal", "optimal", "simplex", "constant"}, default="equal"
        Weights of the coreset's rows: all equal, or those that minimise the
        discrepancy. "simplex" weights are not negative and sum to 1, "constant" weights
        sum to 1, "optimal" weights are free. Weighted coresets are closer to the data,
        but not every use of a coreset takes weights.

    order : {"input", "random"}, default="input"
        Order in which the halvings see the rows. They pair neighbours, so that the
        order of a Markov chain or a time series is worth keeping; take "random" where
        the order means nothing but is not random, as in data sorted by class.

    remainder : {"inflate", "standard"}, default="inflate"
        Halvings need a number of rows that is the size times a power of 2. "inflate"
        repeats some rows, "standard" leaves some out, evenly spaced.

    random_state : int, RandomState instance or None, default=None
        Source of the draws.

    Attributes
    ----------
    sample_indices_ : ndarray of int of shape (size,)
        Numbers of the samples in the coreset, sorted, with repeats.

    coreset_ : {ndarray, sparse array} of shape (size, n_features)
        Their rows.

    coreset_weights_ : ndarray of shape (size,)
        Their weights. If the coreset is all samples of positive weight, these are the
        sample weights, divided by their sum.

    mmd_ : float
        Maximum mean discrepancy between the weighted coreset and the weighted data, in
        ``kernel_``.

    mmd_baseline_ : float
        That of standard thinning.

    n_halvings_ : int
        Number of rounds of halving.

    n_swaps_ : int
        Number of rows exchanged.

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
    CompressThinning : Near-linear time, for large data.
    KernelHerding : Greedy choice.

    Notes
    -----
    For n samples and a coreset of size s: about ``1.6 n^2 + 2 n s`` kernel values, and
    up to ``2 n s`` for each pass of swaps. Memory O(n log(n)) beside blocks of the
    kernel of at most half the working memory. The result does not depend on the number
    of threads.

    It has no ``transform``: ``fit_resample`` returns fewer rows than it takes, as in
    imbalanced-learn, whose pipelines it works in.

    References
    ----------
    .. [1] R. Dwivedi and L. Mackey, "Kernel thinning", Journal of Machine Learning
       Research 25, 2024. arXiv:2105.05842
    .. [2] R. Dwivedi and L. Mackey, "Generalized kernel thinning", ICLR 2022.
       arXiv:2110.01593

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.thinning import KernelThinning
    >>> X = np.random.RandomState(0).normal(size=(1000, 2))
    >>> thinning = KernelThinning(random_state=0).fit(X)
    >>> thinning.coreset_.shape
    (31, 2)
    >>> thinning.mmd_ < 0.2 * thinning.mmd_baseline_
    True
    """

    _parameter_constraints: dict = {
        **BaseWeightedCoreset._parameter_constraints,
        "split_kernel": [StrOptions(set(SPLIT_KERNELS)), callable],
        "power": [Interval(Real, 0.5, 1, closed="left")],
        "halving": [StrOptions(set(HALVINGS))],
        "threshold": [StrOptions(set(THRESHOLDS))],
        "delta": [Interval(Real, 0, 1, closed="neither")],
        "n_swap_passes": [Interval(Integral, 0, None, closed="left")],
        "swap_order": [StrOptions(set(SWAP_ORDERS))],
        "refine_baseline": ["boolean"],
        "order": [StrOptions(set(ORDERS))],
        "remainder": [StrOptions(set(REMAINDERS))],
    }

    def __init__(
        self,
        n_coreset="sqrt",
        *,
        kernel="rbf",
        gamma="median",
        degree=3,
        coef0=1,
        kernel_params=None,
        split_kernel="target",
        power=0.5,
        halving="adaptive",
        threshold="paper",
        delta=0.5,
        replace=True,
        n_swap_passes=3,
        swap_order="sequential",
        refine_baseline=False,
        weights="equal",
        order="input",
        remainder="inflate",
        random_state=None,
    ):
        self.n_coreset = n_coreset
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.split_kernel = split_kernel
        self.power = power
        self.halving = halving
        self.threshold = threshold
        self.delta = delta
        self.replace = replace
        self.n_swap_passes = n_swap_passes
        self.swap_order = swap_order
        self.refine_baseline = refine_baseline
        self.weights = weights
        self.order = order
        self.remainder = remainder
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
            self._warn_if_all(X.shape[0])
            kernel = self._resolve_kernel(X, weights)
            result, self.n_halvings_ = thin(
                kernel,
                X,
                self.n_coreset,
                sample_weight=weights,
                split_kernel=self._resolved_split_kernel(X, weights),
                power=self.power,
                halving=self.halving,
                threshold=self.threshold,
                delta=self.delta,
                replace=self.replace,
                n_swap_passes=self.n_swap_passes,
                swap_order=self.swap_order,
                refine_baseline=self.refine_baseline,
                order=self.order,
                remainder=self.remainder,
                random_state=check_random_state(self.random_state),
            )
            self.mmd_baseline_, self.n_swaps_ = result.mmd_baseline, result.n_swaps
            values = self._weigh(
                X, weights, result.indices, result.kernel_mean, result.mmd
            )
            return self._finish(X, rows, result.indices, n_samples, values)
