"""Any estimator, fitted to a coreset of its training data."""

from copy import deepcopy

import numpy as np
import scipy.sparse as sp
from sklearn.base import (
    MetaEstimatorMixin,
    clone,
    is_classifier,
)
from sklearn.utils import check_consistent_length, check_random_state, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import has_fit_parameter

from skkernels.base import VersionedEstimator
from skkernels.thinning._compress_thinning import CompressThinning
from skkernels.thinning._thinned_base import coreset_size, stratum_sizes
from skkernels.utils._sklearn import (
    StrOptions,
    _check_sample_weight,
    _fit_context,
    _safe_indexing,
    check_is_fitted,
)
from skkernels.utils._validation import positive_rows

_MAX_SEED = np.iinfo(np.int32).max


def _has(name):
    """For ``available_if``: whether the estimator, fitted or not, has a method."""

    def check(self):
        getattr(getattr(self, "estimator_", self.estimator), name)
        return True

    return check


class ThinnedEstimator(MetaEstimatorMixin, VersionedEstimator):
    """Meta-estimator that thins its training data before fitting an estimator.

    ``fit`` chooses a coreset with an object such as :class:`KernelThinning` and fits
    the estimator to it; everything else is left to the fitted estimator. It works where
    scikit-learn does, in pipelines and in searches over ``thinner__n_coreset`` and
    ``estimator__alpha``, without a resampling step, which pipelines do not have.

    Parameters
    ----------
    estimator : estimator object
        What is fitted to the coreset.

    thinner : estimator object, default=None
        What chooses the coreset: an object with ``fit`` that sets ``sample_indices_``,
        and maybe ``coreset_weights_``. It is given numbers, not a precomputed kernel.
        None is :class:`CompressThinning` to ``max(1024, 4 sqrt(n))`` of n samples, and
        nothing where there are no more than that. Its ``fit`` is given X, y and
        ``sample_weight`` alone: :class:`SteinThinning` needs a ``score_func``, because
        ``score_values`` cannot be passed on.

    stratify : bool or "auto", default="auto"
        Whether the samples of each class are thinned by themselves. All classes stay
        then, and if the thinner has a parameter ``n_coreset``, the sizes are in
        proportion to the weights of the classes, but at least 1. "auto" does so for
        classifiers with one label for each sample.

    pass_weights : bool or "auto", default="auto"
        Whether the estimator is given the weights of the coreset as ``sample_weight``.
        Their sum is that of the sample weights, or the number of samples, so that the
        strength of a regularisation means the same as for all samples. "auto" passes
        them where they are not all 1; if the estimator's ``fit`` takes none, they are
        dropped where there is a thinner and an error otherwise.

    random_state : int, RandomState instance or None, default=None
        Source of the thinner's draws, where it has a parameter ``random_state`` that is
        None. That of the estimator is left as it is.

    Attributes
    ----------
    estimator_ : estimator object
        The estimator, fitted to the coreset.

    thinner_ : estimator object or list
        The thinner, fitted; one for each class if the data are stratified; None if the
        data were not thinned.

    sample_indices_ : ndarray of int of shape (n_coreset_,)
        Rows of the training data in the coreset, in ascending order, with repeats.

    coreset_weights_ : ndarray of shape (n_coreset_,)
        Their weights, of sum 1.

    classes_ : ndarray of shape (n_classes,)
        Class labels, if the estimator is a classifier.

    n_features_in_ : int
        Number of features seen in fit, if the estimator knows it.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    ThinnedKernelRidge : Kernel ridge regression with a thinning made for it.
    KernelThinning : A coreset for any use.
    sklearn.base.MetaEstimatorMixin : Other meta-estimators.

    Notes
    -----
    The cost in time and memory is that of the thinner for all samples and that of the
    estimator for the coreset. The targets do not enter the choice, except through the
    classes.

    Sample weights enter the choice. Where no sample is left out they are passed on as
    they are, unless the thinner has weights of its own. An estimator that is not given
    weights, because it takes none or by ``pass_weights=False``, sees as many samples as
    there are in the coreset: a regularisation that adds up over samples is then to be
    chosen for that number.

    References
    ----------
    .. [1] A. Shetty, R. Dwivedi and L. Mackey, "Distribution compression in near-linear
       time", ICLR 2022. arXiv:2111.07941

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from sklearn.svm import SVC
    >>> from skkernels import KernelThinning, ThinnedEstimator
    >>> X, y = make_moons(1000, noise=0.1, random_state=0)
    >>> model = ThinnedEstimator(SVC(), KernelThinning(100), random_state=0)
    >>> model.fit(X, y).sample_indices_.size
    100
    >>> bool(model.score(X, y) > 0.97)
    True
    """

    _parameter_constraints: dict = {
        "estimator": "no_validation",
        "thinner": "no_validation",
        "stratify": ["boolean", StrOptions({"auto"})],
        "pass_weights": ["boolean", StrOptions({"auto"})],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator,
        thinner=None,
        *,
        stratify="auto",
        pass_weights="auto",
        random_state=None,
    ):
        self.estimator = estimator
        self.thinner = thinner
        self.stratify = stratify
        self.pass_weights = pass_weights
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, sample_weight=None):
        """Choose the coreset and fit the estimator to it.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Training data.

        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Targets.

        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights of the samples; None is 1 for all.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        self._check_parts()
        if y is None and get_tags(self.estimator).target_tags.required:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but "
                "the target y is None."
            )
        X, y = _as_array(X), None if y is None else _as_array(y)
        check_consistent_length(X, y)
        n = X.shape[0]
        weights = None
        if sample_weight is not None:
            weights = _check_sample_weight(
                sample_weight, np.empty((n, 1)), ensure_non_negative=True
            )
        thinner, indices = None, np.arange(n)
        mass = np.ones(n) if weights is None else weights
        if self.thinner is not None or coreset_size("auto", n) < n:
            thinner, indices, shares = self._thin(X, y, weights)
            order = np.argsort(indices, kind="stable")
            indices, shares = indices[order], shares[order]
            mass = shares * (mass.sum() / shares.sum())
            X = _safe_indexing(X, indices)
            y = None if y is None else _safe_indexing(y, indices)
        estimator = clone(self.estimator)
        options = self._weight_option(estimator, mass, thinner is not None)
        estimator.fit(X, *(() if y is None else (y,)), **options)
        self.thinner_, self.estimator_ = thinner, estimator
        self.sample_indices_ = indices
        self.coreset_weights_ = mass / mass.sum()
        for name in ("classes_", "n_features_in_", "feature_names_in_"):
            self.__dict__.pop(name, None)
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        return self

    def _check_parts(self):
        for name in ("estimator", "thinner"):
            part = getattr(self, name)
            allowed = name == "thinner" and part is None
            if isinstance(part, type) or not (allowed or hasattr(part, "fit")):
                raise TypeError(
                    f"{name} must be an object with a method fit, got {part!r}."
                )
        if get_tags(self.estimator).input_tags.pairwise:
            raise ValueError(
                f"{type(self).__name__} takes rows out of X, which is not possible "
                "with the precomputed kernel or distance matrix that "
                f"{self.estimator!r} expects."
            )

    def _thin(self, X, y, weights):
        """Fitted thinners, rows that are left, and the shares that they stand for."""
        n = X.shape[0]
        rng = check_random_state(self.random_state)
        thinner = self.thinner
        if thinner is None:
            thinner = CompressThinning(coreset_size("auto", n))
        if not self._stratifies(y):
            return _run(thinner, X, y, weights, rng)
        kept = _positive(weights, n)
        codes = np.unique(np.asarray(y).ravel()[kept], return_inverse=True)[1]
        members = [kept[codes == code] for code in range(codes.max() + 1)]
        masses = [
            float(member.size if weights is None else weights[member].sum())
            for member in members
        ]
        sizes = [None] * len(members)
        if "n_coreset" in thinner.get_params():
            size = coreset_size(thinner.get_params()["n_coreset"], kept.size)
            sizes = stratum_sizes(np.array(masses) / sum(masses), size).tolist()
            if size == kept.size:
                sizes = [member.size for member in members]
        thinners, indices, shares = [], [], []
        for member, mass, size in zip(members, masses, sizes):
            part = None if weights is None else weights[member]
            fitted, chosen, inner = _run(
                thinner,
                _safe_indexing(X, member),
                _safe_indexing(y, member),
                part,
                rng,
                size=size,
            )
            thinners.append(fitted)
            indices.append(member[chosen])
            shares.append(mass * inner)
        return thinners, np.concatenate(indices), np.concatenate(shares)

    def _stratifies(self, y):
        """Whether classes are thinned one by one."""
        if self.stratify is False or (self.stratify == "auto" and y is None):
            return False
        kind = "missing" if y is None else type_of_target(y, input_name="y")
        labels = kind in ("binary", "multiclass")
        if self.stratify == "auto":
            return is_classifier(self.estimator) and labels
        if not labels:
            raise ValueError(
                f"stratify=True needs one class label for each sample, but y is {kind}."
            )
        return True

    def _weight_option(self, estimator, weights, thinned):
        """Arguments that hand the weights to the estimator's fit."""
        neutral = np.allclose(weights, 1.0, rtol=1e-9, atol=0.0)
        if self.pass_weights is False or (self.pass_weights == "auto" and neutral):
            return {}
        if has_fit_parameter(estimator, "sample_weight"):
            return {"sample_weight": weights}
        if self.pass_weights is True or not thinned:
            raise TypeError(
                f"{type(estimator).__name__}.fit takes no sample_weight. Set "
                "pass_weights=False to ignore the weights."
            )
        return {}

    @available_if(_has("predict"))
    def predict(self, X):
        """Predict with the fitted estimator.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predictions.
        """
        return self._fitted().predict(X)

    @available_if(_has("predict_proba"))
    def predict_proba(self, X):
        """Estimate the probabilities of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.
        """
        return self._fitted().predict_proba(X)

    @available_if(_has("predict_log_proba"))
    def predict_log_proba(self, X):
        """Estimate the logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.
        """
        return self._fitted().predict_log_proba(X)

    @available_if(_has("decision_function"))
    def decision_function(self, X):
        """Evaluate the scores of the fitted estimator.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            Scores.
        """
        return self._fitted().decision_function(X)

    @available_if(_has("score_samples"))
    def score_samples(self, X):
        """Evaluate the score of each sample, such as the logarithm of a density.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Scores.
        """
        return self._fitted().score_samples(X)

    @available_if(_has("transform"))
    def transform(self, X):
        """Transform data with the fitted estimator.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        Z : array of shape (n_samples, n_features_out)
            Transformed data.
        """
        return self._fitted().transform(X)

    @available_if(_has("transform"))
    def fit_transform(self, X, y=None, sample_weight=None):
        """Choose the coreset, fit the estimator to it, and transform all data.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Training data.

        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Targets.

        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights of the samples; None is 1 for all.

        Returns
        -------
        Z : array of shape (n_samples, n_features_out)
            Transformed data.
        """
        return self.fit(X, y, sample_weight).transform(X)

    @available_if(_has("inverse_transform"))
    def inverse_transform(self, X):
        """Undo a transformation with the fitted estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_out)
            Transformed data.

        Returns
        -------
        X_original : array of shape (n_samples, n_features)
            Data.
        """
        return self._fitted().inverse_transform(X)

    @available_if(_has("get_feature_names_out"))
    def get_feature_names_out(self, input_features=None):
        """Names of the features that ``transform`` returns.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the features of X.

        Returns
        -------
        names : ndarray of str
            Names.
        """
        return self._fitted().get_feature_names_out(input_features)

    @available_if(_has("score"))
    def score(self, X, y=None, sample_weight=None):
        """Score of the fitted estimator on data.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Data.

        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Targets.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples, where the estimator's ``score`` takes them.

        Returns
        -------
        score : float
            Larger is better.
        """
        options = {} if sample_weight is None else {"sample_weight": sample_weight}
        return self._fitted().score(X, y, **options)

    def _fitted(self):
        check_is_fitted(self, "estimator_")
        return self.estimator_

    def __sklearn_tags__(self):
        tags = deepcopy(get_tags(self.estimator))
        tags.array_api_support = False
        if self.thinner is not None:
            tags.input_tags.sparse &= get_tags(self.thinner).input_tags.sparse
        return tags


def _as_array(data):
    """Arrays and data frames as they are, sparse matrices in CSR, lists as arrays."""
    if sp.issparse(data):
        return data.tocsr()
    return data if hasattr(data, "shape") else np.asarray(data)


def _positive(weights, n):
    """Samples of positive weight."""
    rows = positive_rows(weights)
    return np.arange(n) if rows is None else rows


def _run(thinner, X, y, weights, rng, size=None):
    """A copy of the thinner that was fitted, the rows it kept and their weights."""
    n = X.shape[0]
    if size is not None and size >= n:  # a class that stays as it is
        shares = np.ones(n) if weights is None else weights
        return None, np.arange(n), shares / shares.sum()
    thinner = clone(thinner)
    changes = {} if size is None else {"n_coreset": size}
    if thinner.get_params().get("random_state", rng) is None:
        changes["random_state"] = rng.randint(_MAX_SEED)
    thinner.set_params(**changes)
    options = {}
    if weights is not None:
        if not has_fit_parameter(thinner, "sample_weight"):
            raise TypeError(
                f"sample_weight was given, but {type(thinner).__name__}.fit takes none."
            )
        options["sample_weight"] = weights
    thinner.fit(X, y, **options)
    indices = np.asarray(thinner.sample_indices_, dtype=np.intp)
    shares = getattr(thinner, "coreset_weights_", None)
    if shares is None:
        shares = np.full(indices.size, 1.0 / indices.size)
    shares = np.asarray(shares)
    if weights is not None and np.allclose(shares, shares[0], rtol=1e-9, atol=0.0):
        if np.array_equal(np.sort(indices), _positive(weights, n)):  # no row left out
            shares = weights[indices] / weights.sum()
    return thinner, indices, shares
