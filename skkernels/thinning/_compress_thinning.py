"""Thinning in near-linear time, and of streams."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if

from skkernels.coresets._compresspp import (
    ORDERS,
    STREAM_DIRECT,
    SWAP_TARGETS,
    compresspp,
    resolve_oversampling,
)
from skkernels.coresets._halving import THRESHOLDS
from skkernels.coresets._mmd import coreset_mmd, kernel_mean
from skkernels.coresets._split_kernel import SPLIT_KERNELS
from skkernels.coresets._stream import (
    append,
    cut,
    finish,
    first_rows,
    like,
    merge,
    settle,
    start_stream,
)
from skkernels.thinning._base import BaseThinning
from skkernels.utils._array import to_numpy
from skkernels.utils._sklearn import (
    Interval,
    StrOptions,
    _check_sample_weight,
    _fit_context,
)
from skkernels.utils._state import unchanged_on_error
from skkernels.utils._validation import validate
from skkernels.utils._warnings import warn_user

# A rule that chooses the width of the kernel looks at so many rows of a stream.
_N_FIRST = 1_000
# A size of coreset for which nothing is small.
_MANY = 10**6
_COMPUTED = ("coreset_", "coreset_weights_", "sample_indices_")
# Parameters that a stream keeps from its first part on.
_KEPT = (
    "n_coreset",
    "kernel",
    "gamma",
    "degree",
    "coef0",
    "kernel_params",
    "g",
    "split_kernel",
    "power",
    "replace",
    "n_swap_passes",
    "threshold",
    "delta",
)


def _takes_parts(estimator):
    """Whether the parameters are for streams, for ``available_if``."""
    if estimator._is_precomputed():
        raise AttributeError(
            "partial_fit evaluates the kernel between rows that come at different "
            "times, so kernel='precomputed' is not possible. Use fit, or pass the "
            "kernel as an object or a callable."
        )
    size = estimator.n_coreset
    if isinstance(size, Real) and not isinstance(size, Integral):
        raise AttributeError(
            "partial_fit needs n_coreset as an integer or 'sqrt', since a share of the "
            f"rows grows beyond all bounds, got {size!r} instead."
        )
    return True


def _first_difference(first, second):
    """Name of the first parameter that differs between two dicts, or None."""
    return next((name for name in first if not _equal(first[name], second[name])), None)


def _equal(first, second):
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(
            _equal(first[key], second[key]) for key in first
        )
    return first is second or bool(np.all(first == second))


class CompressThinning(BaseThinning):
    """Few rows with a kernel mean close to that of the data, in near-linear time.

    Compress++ [1]_: the rows are halved in small buckets of neighbours until a few
    times as many are left as are wanted; these are thinned by kernel thinning. The
    coreset is nearly as good as that of :class:`KernelThinning`, for about
    ``n log(n)`` kernel values in place of ``n^2``. Rows may also come in parts
    (``partial_fit``), in bounded memory, and what different machines have seen can be
    merged.

    Parameters
    ----------
    n_coreset : int, float or "sqrt", default="sqrt"
        How many rows to keep, or what share of them in (0, 1], or their square root.
        ``partial_fit`` takes no share.

    kernel : str, kernel object or callable, default="rbf"
        A name from :func:`skkernels.kernels.kernel_names`, a kernel of
        :mod:`skkernels.kernels` or of :mod:`sklearn.gaussian_process.kernels`, a
        function ``k(X, Z)`` that returns a block of the kernel matrix, or
        "precomputed".

    gamma : float, {"scale", "median"} or None, default="median"
        Width of kernels given by name. None is 1 / n_features; "scale" is
        1 / (n_features * X.var()); "median" takes the median distance as the length
        scale, and is refused for "poly", "sigmoid", "exp_dot" and "chi2", which measure
        none. Ignored by kernels without a width and by kernel objects. In
        ``partial_fit`` a rule looks at the first 1000 rows, repetitions included.

    degree : float, default=3
        Degree of the polynomial kernel.

    coef0 : float, default=1
        Constant of the polynomial and sigmoid kernels.

    kernel_params : dict, default=None
        Further parameters of the kernel given by name or as a callable.

    g : int or "auto", default="auto"
        Oversampling: ``2^(g + 1)`` times as many rows as are wanted are left when
        kernel thinning takes over. Each more of it costs up to four times as much, and
        lowers the error, by less every time. "auto" is 2, or more for a coreset of s
        rows as long as ``2^(g + 1) s`` is at most 2048 (256 in ``partial_fit``, where
        so many are held and halved at many levels).

    split_kernel : {"target", "root", "power", "plus"}, kernel object or callable, \
            default="target"
        Kernel by which kernel thinning splits what is left, see
        :func:`skkernels.coresets.split_kernel`.

    power : float, default=0.5
        In [0.5, 1), for the split kernels "power" and "plus". Rough kernels have a
        power kernel for large powers only.

    replace : bool, default=True
        Whether a row may be in the coreset more than once, which is rare. If not, and a
        stream of weighted rows holds fewer distinct ones than are wanted, these are the
        coreset.

    n_swap_passes : int, default=1
        How often each row is tried for a swap, in each bucket and in the coreset.

    threshold : {"paper", "goodpoints", "constant", "greedy", "anytime"}, \
            default="paper"
        How much is left to chance, see :func:`skkernels.coresets.kt_split`. Matters
        little after swaps.

    delta : float, default=0.5
        Failure probability of the halvings, in (0, 1).

    swap_target : {"compressed", "input"}, default="compressed"
        Whether the last swaps aim at the kernel mean of the rows that are left by then,
        or at that of all. "input" is more accurate, and slower. No choice in
        ``partial_fit``, where other rows are gone.

    order : {"input", "random"}, default="input"
        Order in which ``fit`` halves the rows. Neighbours are paired, so that the order
        of a Markov chain or a time series is worth keeping; take "random" where the
        order means nothing but is not random, as in data sorted by class.

    compute_mmd : bool, default=False
        Whether ``fit`` sets ``mmd_``, which takes ``n^2 / 2`` kernel values: much
        longer than all the rest.

    random_state : int, RandomState instance or None, default=None
        Source of the draws.

    Attributes
    ----------
    sample_indices_ : ndarray of int of shape (size,)
        Numbers of the samples in the coreset, sorted, with repeats. After
        ``partial_fit``, how many samples had come before each of them.

    coreset_ : {ndarray, sparse array} of shape (size, n_features)
        Their rows.

    coreset_weights_ : ndarray of shape (size,)
        Their weights, all equal. If the coreset is all samples of positive weight, the
        sample weights, divided by their sum. After ``partial_fit`` with
        ``replace=False`` and fewer distinct rows than are wanted, how often each of
        them is left, divided by the sum.

    mmd_ : float
        Maximum mean discrepancy between the coreset and the data, in ``kernel_``. Only
        with ``compute_mmd=True``, and not after ``partial_fit``.

    n_samples_ : int
        Number of samples seen.

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
    KernelThinning : Quadratic time, a little more accurate.

    Notes
    -----
    For n samples and s of them in the coreset, ``fit`` forms about
    ``4^(g + 1) s^2 log2(n / s) + 512 n`` kernel values at most; for ``s = sqrt(n)`` the
    first part is ``4^(g + 1) n log2(n) / 2``. The second one is up to four times as
    large for sparse rows, precomputed matrices and kernels given as functions. Memory:
    O(n), and blocks of the kernel of at most half the working memory. The result does
    not depend on the number of threads.

    ``partial_fit`` keeps all of the first 1000 rows. After that it keeps at most
    ``max(2^(g + 3), 20) sqrt(n)`` rows, or ``b log2(1 + n / b)`` with
    ``b = max(2^(g + 2) s, 128)`` for an integer ``n_coreset=s``. The result depends on
    the rows in the order in which they come, and not on the parts in which they are
    passed. It is not that of ``fit``, which knows the number of rows from the start.
    The coreset is formed when it is asked for. Rows are kept in the dtype, and dense or
    sparse, as those of the first part. The parameters for the coreset and the kernel
    cannot be changed between parts.

    In ``fit`` the weight of a sample may be any number >= 0, and "sqrt" counts the
    samples of positive weight. In ``partial_fit`` a weight is a number of repetitions,
    since the sum of all weights is not known: a sample of weight 2.3 counts twice or
    three times, so that the repetitions of all samples so far are the sum of the
    weights, rounded; and n above, "sqrt", and the first 1000 rows at which a rule looks
    count repetitions: give the width as a number where weights are large. With an
    integer ``n_coreset`` a sample that is repeated more than 128 times takes no longer
    the more often it is.

    References
    ----------
    .. [1] A. Shetty, R. Dwivedi and L. Mackey, "Distribution compression in near-linear
       time", ICLR 2022. arXiv:2111.07941

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.thinning import CompressThinning
    >>> X = np.random.RandomState(0).normal(size=(10000, 2))
    >>> thinning = CompressThinning(random_state=0).fit(X)
    >>> thinning.coreset_.shape
    (100, 2)
    >>> stream = CompressThinning(gamma=0.25, random_state=0)
    >>> for part in np.split(X, 10):
    ...     stream = stream.partial_fit(part)
    >>> stream.coreset_.shape
    (100, 2)
    """

    _parameter_constraints: dict = {
        **BaseThinning._parameter_constraints,
        "g": [Interval(Integral, 0, None, closed="left"), StrOptions({"auto"})],
        "split_kernel": [StrOptions(set(SPLIT_KERNELS)), callable],
        "power": [Interval(Real, 0.5, 1, closed="left")],
        "replace": ["boolean"],
        "n_swap_passes": [Interval(Integral, 0, None, closed="left")],
        "threshold": [StrOptions(set(THRESHOLDS))],
        "delta": [Interval(Real, 0, 1, closed="neither")],
        "swap_target": [StrOptions(set(SWAP_TARGETS))],
        "order": [StrOptions(set(ORDERS))],
        "compute_mmd": ["boolean"],
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
        g="auto",
        split_kernel="target",
        power=0.5,
        replace=True,
        n_swap_passes=1,
        threshold="paper",
        delta=0.5,
        swap_target="compressed",
        order="input",
        compute_mmd=False,
        random_state=None,
    ):
        self.n_coreset = n_coreset
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.g = g
        self.split_kernel = split_kernel
        self.power = power
        self.replace = replace
        self.n_swap_passes = n_swap_passes
        self.threshold = threshold
        self.delta = delta
        self.swap_target = swap_target
        self.order = order
        self.compute_mmd = compute_mmd
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
            self._fit(X, sample_weight)
        return self

    @available_if(_takes_parts)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Take more rows into account, in bounded memory.

        A model that ``fit`` has fitted is started afresh.

        Of the parameters only ``compute_mmd``, ``order``, ``swap_target`` and
        ``random_state``, which are of no use any more, may differ from those for the
        first part.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The next rows, in the order in which they come.

        y : object, default=None
            Ignored.

        sample_weight : float or array-like of shape (n_samples,), default=None
            How often each row comes; what is more than an integer is carried over to
            the rows that follow. None is 1 for all.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        stream = self.__dict__.get("_stream")
        kept = {name: getattr(self, name) for name in _KEPT}
        if self.kernel_params is not None:
            kept["kernel_params"] = dict(self.kernel_params)
        if stream is not None:
            name = _first_difference(self._kept, kept)
            if name is not None:
                raise ValueError(
                    f"{name} cannot change from {self._kept[name]!r} to "
                    f"{kept[name]!r} between parts of a stream. Take a new estimator, "
                    "or call fit to start afresh."
                )
        with unchanged_on_error(self):
            X = validate(self, X, reset=stream is None)
            weights = sample_weight
            if weights is not None:
                weights = _check_sample_weight(
                    to_numpy(weights) if np.ndim(weights) else weights,
                    X,
                    dtype=np.float64,
                    ensure_non_negative=True,
                    allow_all_zero_weights=True,
                )
            if stream is None:
                self._forget()
                self._kept = kept
                rng = check_random_state(self.random_state)
                size = self.n_coreset
                g = resolve_oversampling(
                    self.g,
                    size if isinstance(size, Integral) else _MANY,
                    STREAM_DIRECT,
                )
                settings = (size, g, self.n_swap_passes, self.threshold, self.delta)
                stream = start_stream(X, *settings, rng)
            X = like(X, stream.rows[0])
            self._stream = stream
            for part in cut(stream, X, weights):
                some = None if weights is None else weights[part]
                self._continue(append(self._stream, X[part], some))
        return self

    def merge(self, other):
        """Take all rows into account that another estimator has seen.

        Parameters
        ----------
        other : CompressThinning
            Fitted by ``partial_fit`` with the same parameters, beside those that are of
            no use there, and the same kernel if the width is chosen by a rule. It stays
            as it is.

        Returns
        -------
        self : object
            As if the rows of ``other`` had come after those of ``self``, up to chance:
            rows that stand for equally many others are put together. The samples of
            ``other`` are numbered on from those of ``self``. Fractions of weight are
            added up: a row more or less may stay for that, the last one that has come.
        """
        streams = [e.__dict__.get("_stream") for e in (self, other)]
        if not isinstance(other, CompressThinning) or None in streams:
            raise ValueError("merge needs two estimators fitted by partial_fit.")
        name = _first_difference(self._kept, other._kept)
        if name is not None:
            raise ValueError(
                f"merge needs streams with equal {name}, got {self._kept[name]!r} and "
                f"{other._kept[name]!r}."
            )
        if self.n_features_in_ != other.n_features_in_:
            raise ValueError(
                f"merge needs rows with as many features: {self.n_features_in_}, got "
                f"{other.n_features_in_}."
            )
        final = [e for e in (self, other) if e._kernel_is_final]
        kernels = [e.kernel_ for e in final]
        if len(kernels) == 2 and kernels[0] != kernels[1]:
            raise ValueError(
                f"merge needs streams with the same kernel, got {kernels[0]!r} and "
                f"{kernels[1]!r}: give its width as a number."
            )
        with unchanged_on_error(self):
            if final:
                for name in ("kernel_", "gamma_", "_split", "_kernel_is_final"):
                    setattr(self, name, getattr(final[0], name))
            self._continue(merge(*streams))
        return self

    def _fit(self, X, sample_weight):
        """``fit`` without a way back."""
        X, weights, rows, n_samples = self._validate(X, sample_weight)
        if isinstance(self.n_coreset, Integral) and self.n_coreset > X.shape[0]:
            warn_user(
                f"n_coreset={self.n_coreset} is more than the {X.shape[0]} rows there "
                "are: all of them are the coreset."
            )
        kernel = self._resolve_kernel(X, weights)
        chosen = compresspp(
            kernel,
            X,
            self.n_coreset,
            sample_weight=weights,
            g=self.g,
            split_kernel=self._resolved_split_kernel(X, weights),
            power=self.power,
            replace=self.replace,
            n_swap_passes=self.n_swap_passes,
            threshold=self.threshold,
            delta=self.delta,
            swap_target=self.swap_target,
            order=self.order,
            random_state=check_random_state(self.random_state),
        )
        values = None
        if weights is not None and chosen.size == X.shape[0]:
            values = weights / weights.sum()
        self._forget()
        self._finish(X, rows, chosen, n_samples, values)
        if self.compute_mmd:
            mean = kernel_mean(kernel, X, weights)
            self.mmd_ = coreset_mmd(kernel, X, chosen, values, weights, mean)

    def _continue(self, stream):
        """Take over a stream, and halve what is full."""
        if not self.__dict__.get("_kernel_is_final", False):
            # The rows that decide are the same, in whatever parts they come.
            first = first_rows(stream, _N_FIRST)
            self.kernel_ = self.gamma_ = None
            if first.shape[0]:
                self._resolve_kernel(first)
                self._split = self._resolved_split_kernel(first, None)
            self._kernel_is_final = first.shape[0] == _N_FIRST
        if self._kernel_is_final:
            stream = settle(stream, self.kernel_, np.random.RandomState())
        self.n_samples_ = stream.n_rows
        # What is computed from it when it is asked for.
        self._stream, self._computed = stream, {}

    def _forget(self):
        """Drop what an earlier fit or the rows of earlier parts have left."""
        names = ("mmd_", "_stream", "_computed", "_kernel_is_final", "_split", "_kept")
        for name in (*_COMPUTED, *names):
            self.__dict__.pop(name, None)

    def __getattr__(self, name):
        # Called for attributes that are not there: the coreset of a stream is formed
        # when it is asked for. What raises here for another name has its own message.
        if name not in _COMPUTED or "_stream" not in self.__dict__:
            return object.__getattribute__(self, name)
        computed = self._computed
        if name not in computed:
            rows, numbers, weights = finish(
                self._stream,
                self.kernel_,
                np.random.RandomState(),
                split_kernel=self.__dict__.get("_split"),
                power=self._kept["power"],
                replace=self._kept["replace"],
            )
            computed.update(zip(_COMPUTED, (rows, weights, numbers)))
        return computed[name]
