"""Thinning by scores: data that need not come from the distribution they stand for."""

from numbers import Integral, Real

import numpy as np
from sklearn.metrics import pairwise_distances_argmin
from sklearn.utils import check_random_state

from skkernels.base import VersionedEstimator
from skkernels.coresets._debias import low_rank_debias
from skkernels.coresets._kt_swap import kt_swap
from skkernels.coresets._recombination import cholesky_thin, recombination_thin
from skkernels.coresets._sequence import resolve_size
from skkernels.coresets._stein_kernel import (
    PRECONDITIONERS,
    check_scores,
    make_stein,
    stein_discrepancy,
)
from skkernels.coresets._stein_thin import (
    greedy_weights,
    low_rank_stein_thin,
    stein_kernel_thin,
    stein_thin,
)
from skkernels.kernels import Kernel
from skkernels.thinning._base import SIZE_CONSTRAINTS
from skkernels.thinning._coreset import BaseCoreset
from skkernels.utils._array import is_cupy
from skkernels.utils._sklearn import (
    Interval,
    StrOptions,
    _fit_context,
    check_is_fitted,
)
from skkernels.utils._state import unchanged_on_error
from skkernels.utils._validation import validate
from skkernels.utils._warnings import warn_user

_METHODS = (
    "auto",
    "stein",
    "skt",
    "lskt",
    "recombination",
    "lowrank_recombination",
    "cholesky",
    "lowrank_cholesky",
)
# Up to so many rows, a multiple of n^2 kernel values takes some seconds.
_FEW_ROWS = 20_000


class SteinThinning(BaseCoreset, VersionedEstimator):
    r"""Few rows that represent a distribution which the data need not come from.

    The output of a Markov chain that has not converged, of a tempered or approximate
    sampler, or of an importance sampler without its weights: thinning such rows by
    :class:`KernelThinning` keeps their bias. With the gradients of the log density of
    the distribution P that is meant, its *scores*, the bias can be seen and taken out
    [1]_, [2]_. The density need not be normalised.

    The quality of a coreset is its kernel Stein discrepancy
    :math:`\left(\sum_{ij} w_i w_j k_P(x_i, x_j)\right)^{1/2}`, where the Stein kernel
    :math:`k_P`, made of a base kernel and of the scores, has mean zero under P.

    Parameters
    ----------
    score_func : callable, default=None
        ``score_func(X)`` returns the gradients of the log density at the rows of X, an
        array of the shape of X. None: pass them to ``fit`` as ``score_values``.

    n_coreset : int, float or "sqrt", default="sqrt"
        How many rows to keep, or what share of them in (0, 1], or their square root.
        A number of more than all rows is taken as that of all rows, with a warning.

    method : str, default="auto"
        How the coreset is found. All end with exchanges of rows.

        - "auto": "skt" up to 20000 samples, "stein" for more;
        - "stein": rows are added one by one, each the best that there is;
        - "skt": Stein kernel thinning, the better of "stein" and of kernel thinning
          from a sample debiased in this way;
        - "lskt": the same from a sample debiased by a low-rank approximation of the
          kernel, below quadratic time;
        - "recombination": weights that are not negative;
        - "cholesky": weights of sum 1 that may be negative;
        - "lowrank_recombination", "lowrank_cholesky": these two, from the low-rank
          approximation.

        "stein", "skt" and "lskt" give equal weights and may take rows several times.

    base_kernel : str or Kernel, default="imq"
        Name or object of a radial kernel that is differentiable at equal rows. An
        object keeps its own length scale, which may be a rule.

    length_scale : float or "median", default="median"
        Length scale of a base kernel given by name. "median" is the median distance,
        see :func:`skkernels.coresets.stein_kernel`.

    preconditioner : {"identity", "cov", "score_cov"} or array, default="identity"
        The matrix M of the distance :math:`(x - y)' M^{-1} (x - y)`, of shape
        (n_features, n_features). "cov" and "score_cov" estimate the covariance of P
        near its mode, from the rows and from their scores. Use one of them, or
        standardise the data, where features have different scales.

    rank : int, default=None
        Rank of the low-rank approximation; None is ``2 n_samples^0.45``, as far as it
        fits the memory budget. Larger is closer, and takes longer.

    threshold : str, default="paper"
        "paper", "goodpoints", "constant", "greedy" or "anytime": of the halvings in
        "skt" and "lskt", see :class:`KernelThinning`.

    delta : float, default=0.5
        Failure probability of these halvings, in (0, 1).

    n_swap_passes : int, default=3
        How often each row is tried for an exchange. With 0, "stein" is Stein thinning
        as it was published.

    random_state : int, RandomState instance or None, default=None
        Source of the draws. "stein" is not random.

    Attributes
    ----------
    method_ : str
        The method used, "skt" or "stein" if ``method`` is "auto".

    sample_indices_ : ndarray of int of shape (size,)
        Numbers of the samples in the coreset, sorted, with repeats.

    coreset_ : ndarray of shape (size, n_features)
        Rows of ``sample_indices_``.

    coreset_weights_ : ndarray of shape (size,)
        Their weights, of sum 1: equal, not negative or of any sign by ``method``.

    ksd_ : float
        Kernel Stein discrepancy of the weighted coreset.

    ksd_input_ : float or None
        That of all samples with equal weights. None where it would take longer than the
        fit: for more than 20000 samples with "stein" and the methods of low rank.

    base_kernel_ : Kernel
        The base kernel with the numbers used.

    preconditioner_ : ndarray of shape (n_features, n_features) or None
        The matrix M; None is the identity.

    n_samples_ : int
        Number of samples seen in fit.

    n_features_in_ : int
        Number of features seen in fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    KernelThinning : Represents the data themselves.
    skkernels.coresets.stein_kernel : The matrix of the kernel.

    Notes
    -----
    For n samples, a coreset of size s and rank r, with exchanges of about
    ``2 n s n_swap_passes`` kernel values in each case: "stein" takes ``n s`` kernel
    values; "skt", "recombination" and "cholesky" ``n^2`` to ``2.5 n^2``; the others
    ``3 n r`` and ``30 n r^2`` operations. Memory: O(n), and ``16 n r`` bytes for low
    ranks. A kernel value costs O(n_features) operations.

    The weights of samples have no part in this: a row stands for itself, however often
    it was drawn.

    The scores do not see the weights of modes far apart: a coreset that misses a mode
    may have a small discrepancy. See the :ref:`user guide <stein_thinning>`.

    References
    ----------
    .. [1] M. Riabiz et al., "Optimal thinning of MCMC output", Journal of the Royal
       Statistical Society B 84, 2022. arXiv:2005.03952
    .. [2] L. Li, R. Dwivedi and L. Mackey, "Debiased distribution compression", ICML
       2024. arXiv:2404.12290

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels import SteinThinning
    >>> X = np.random.RandomState(0).normal(1.0, 2.0, size=(1000, 1))
    >>> def score_of_standard_normal(X):
    ...     return -X
    >>> thinning = SteinThinning(score_of_standard_normal, 20, random_state=0).fit(X)
    >>> bool(abs(thinning.coreset_.mean()) < 0.01), thinning.coreset_.std().round(1)
    (True, np.float64(1.0))
    """

    _parameter_constraints: dict = {
        "score_func": [callable, None],
        "n_coreset": SIZE_CONSTRAINTS,
        "method": [StrOptions(set(_METHODS))],
        "base_kernel": [str, Kernel],
        "length_scale": [
            Interval(Real, 0, None, closed="neither"),
            StrOptions({"median"}),
        ],
        "preconditioner": [StrOptions(set(PRECONDITIONERS)), "array-like"],
        "rank": [Interval(Integral, 1, None, closed="left"), None],
        "threshold": [str],
        "delta": [Interval(Real, 0, 1, closed="neither")],
        "n_swap_passes": [Interval(Integral, 0, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        score_func=None,
        n_coreset="sqrt",
        *,
        method="auto",
        base_kernel="imq",
        length_scale="median",
        preconditioner="identity",
        rank=None,
        threshold="paper",
        delta=0.5,
        n_swap_passes=3,
        random_state=None,
    ):
        self.score_func = score_func
        self.n_coreset = n_coreset
        self.method = method
        self.base_kernel = base_kernel
        self.length_scale = length_scale
        self.preconditioner = preconditioner
        self.rank = rank
        self.threshold = threshold
        self.delta = delta
        self.n_swap_passes = n_swap_passes
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, score_values=None):
        """Choose a coreset.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.

        y : object, default=None
            Ignored.

        score_values : array-like of shape (n_samples, n_features), default=None
            Gradients of the log density at the rows of X. None: from ``score_func``.

        Returns
        -------
        self : object
            Fitted estimator.
        """
        with unchanged_on_error(self):
            return self._fit(X, score_values)

    def _fit(self, X, score_values):
        X = self._validate(X, reset=True)
        n = X.shape[0]
        if isinstance(self.n_coreset, Integral) and self.n_coreset > n:
            warn_user(
                f"n_coreset={self.n_coreset} is more than the {n} rows there are: it "
                f"is taken as {n}."
            )
        self.method_ = self.method
        if self.method == "auto":
            self.method_ = "skt" if n <= _FEW_ROWS else "stein"
        scores = self._scores(X, score_values)
        stein = make_stein(
            X, scores, self.base_kernel, self.length_scale, self.preconditioner
        )
        size = resolve_size(self.n_coreset, n)
        indices, weights = self._choose(stein.kernel, stein.rows, size)
        self.ksd_ = stein_discrepancy(stein.kernel, stein.rows, weights, indices)
        self.ksd_input_ = None
        quadratic = self.method_ in ("skt", "recombination", "cholesky")
        if quadratic or n <= _FEW_ROWS:
            self.ksd_input_ = stein_discrepancy(stein.kernel, stein.rows)
        self.base_kernel_ = stein.kernel.base_kernel
        factor = stein.factor
        self.preconditioner_ = None if factor is None else factor @ factor.T
        return self._finish(X, None, indices, n, weights)

    def _validate(self, X, *, reset):
        if is_cupy(X):
            raise TypeError(
                "SteinThinning works on NumPy arrays; pass cupy.asnumpy(X)."
            )
        return validate(self, X, reset=reset, accept_sparse=False)

    def _scores(self, X, score_values):
        if score_values is not None:
            return check_scores(score_values, X, "score_values")
        if self.score_func is None:
            raise ValueError(
                "SteinThinning needs the gradients of the log density: set score_func "
                "to a function of X that returns them, or pass them to fit as "
                "score_values."
            )
        return check_scores(self.score_func(X), X, "The result of score_func")

    def _choose(self, kernel, rows, size):
        """The coreset, and its weights or None if they are equal."""
        rng = check_random_state(self.random_state)
        options = {"n_swap_passes": self.n_swap_passes, "random_state": rng}
        if self.method_ == "stein":
            start = stein_thin(kernel, rows, size)
            if self.n_swap_passes == 0:
                return start, None
            chosen = kt_swap(
                kernel,
                rows,
                start[np.newaxis],
                mean_zero=True,
                baseline=False,
                n_swap_passes=self.n_swap_passes,
            )
            return chosen, None
        if self.method_ in ("skt", "lskt"):
            options |= {"threshold": self.threshold, "delta": self.delta}
            if self.method_ == "skt":
                return stein_kernel_thin(kernel, rows, size, **options), None
            options["rank"] = self.rank
            return low_rank_stein_thin(kernel, rows, size, **options), None
        if self.method_.startswith("lowrank"):
            weights = low_rank_debias(kernel, rows, self.rank, random_state=rng)
        else:
            weights = greedy_weights(kernel, rows)
        thin = cholesky_thin if "cholesky" in self.method_ else recombination_thin
        return thin(kernel, rows, weights, size, **options)

    def fit_resample(self, X, y=None, score_values=None):
        """Choose a coreset and return its rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.

        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Targets; not used for the choice.

        score_values : array-like of shape (n_samples, n_features), default=None
            Gradients of the log density at the rows of X. None: from ``score_func``.

        Returns
        -------
        X_coreset : array or DataFrame of shape (size, n_features)
            Rows of X, of the type of X. Their weights are ``coreset_weights_``.

        y_coreset : array-like of shape (size,) or (size, n_targets)
            Their targets; only if ``y`` is given.
        """
        self.fit(X, score_values=score_values)
        return self.resample(X) if y is None else self.resample(X, y)

    def nearest(self, X):
        """Find the closest row of the coreset for each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data. Their scores are not needed.

        Returns
        -------
        positions : ndarray of int of shape (n_samples,)
            Row of ``coreset_`` at the smallest distance
            :math:`(x - y)' M^{-1} (x - y)`, which is where the base kernel is largest.
        """
        check_is_fitted(self, "coreset_")
        X = self._validate(X, reset=False)
        if self.preconditioner_ is None:
            return pairwise_distances_argmin(X, self.coreset_)
        factor = np.linalg.cholesky(self.preconditioner_)
        X, coreset = (np.linalg.solve(factor, A.T).T for A in (X, self.coreset_))
        return pairwise_distances_argmin(X, coreset)
