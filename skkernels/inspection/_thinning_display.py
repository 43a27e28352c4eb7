"""Pictures of coresets."""

from numbers import Integral

import numpy as np
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.utils import check_array, get_tags

from skkernels.coresets import kernel_mean
from skkernels.coresets._mmd import coreset_mmd
from skkernels.utils._sklearn import check_is_fitted

_KINDS = ("points", "mmd")
_SMALLEST_SIZE = 8
_RANDOM = "random rows"


class ThinningDisplay:
    """Picture of a coreset, or of the error against its size.

    Make one with :meth:`from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    points : ndarray of shape (n, 2), default=None
        Data, for the picture of a coreset.

    coreset_points : ndarray of shape (m, 2), default=None
        Distinct rows of the coreset.

    coreset_weights : ndarray of shape (m,), default=None
        Their weights. The area of a marker is proportional to the weight; markers of
        negative weights are hollow.

    feature_names : tuple of str, default=("feature 0", "feature 1")
        Labels of the axes.

    sizes : ndarray of int of shape (n_sizes,), default=None
        Sizes of coresets, for the picture of the error. If given, the other one is not
        drawn.

    mmds : ndarray of shape (n_sizes,), default=None
        Distances of the coresets to the data: maximum mean discrepancies.

    random_mmds : ndarray of shape (n_sizes,), default=None
        Root mean squares of these distances for random rows.

    name : str, default=None
        Name of the method, for the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where the picture is.

    figure_ : matplotlib Figure
        Figure of ``ax_``.

    points_, coreset_ : matplotlib PathCollection
        Markers of the data and of the coreset.

    line_, random_line_ : matplotlib Line2D
        Curves of the coresets and of random rows.

    See Also
    --------
    skkernels.coresets.mmd : The distance.

    Examples
    --------
    >>> import numpy as np
    >>> from skkernels.inspection import ThinningDisplay
    >>> X = np.random.RandomState(0).normal(size=(50, 2))
    >>> display = ThinningDisplay(
    ...     points=X, coreset_points=X[:5], coreset_weights=np.full(5, 0.2)
    ... )
    >>> display.feature_names
    ('feature 0', 'feature 1')
    """

    def __init__(
        self,
        *,
        points=None,
        coreset_points=None,
        coreset_weights=None,
        feature_names=("feature 0", "feature 1"),
        sizes=None,
        mmds=None,
        random_mmds=None,
        name=None,
    ):
        self.points = points
        self.coreset_points = coreset_points
        self.coreset_weights = coreset_weights
        self.feature_names = feature_names
        self.sizes = sizes
        self.mmds = mmds
        self.random_mmds = random_mmds
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        kind="points",
        features=(0, 1),
        sizes="auto",
        max_points=5000,
        name=None,
        ax=None,
        points_kw=None,
        coreset_kw=None,
    ):
        """Draw the coreset of an estimator, or its error for several sizes.

        Parameters
        ----------
        estimator : estimator instance
            One that chooses a coreset, such as
            :class:`skkernels.thinning.KernelThinning`; fitted if ``kind="points"``.

        X : {array-like, sparse matrix} of shape (n, n_features)
            Data: the training data, or others of the same features for
            ``kind="points"``.

        kind : {"points", "mmd"}, default="points"
            "points" draws two features of the data and of the coreset. "mmd" fits a
            clone of the estimator for each size, and draws the distance of its coreset
            to the data, in the kernel of the first fit, beside that of random rows. It
            needs an estimator with ``n_coreset`` and ``kernel_`` that is fitted to X
            alone.

        features : pair of int or str, default=(0, 1)
            Features for "points": their numbers, or names that the estimator has seen.

        sizes : array-like of int or "auto", default="auto"
            Sizes for "mmd". "auto" is 8, 16, ... up to a quarter of the data.

        max_points : int, default=5000
            Draw at most so many rows of X for "points", evenly spread over the rows.

        name : str, default=None
            Name for the legend; None is that of the class.

        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        points_kw, coreset_kw : dict, default=None
            See :meth:`plot`.

        Returns
        -------
        display : ThinningDisplay
            With the picture drawn.

        Raises
        ------
        TypeError
            If the estimator has not what the picture needs.

        Notes
        -----
        "mmd" evaluates ``n^2`` kernel values beside the fits.
        """
        if kind not in _KINDS:
            raise ValueError(f"kind must be one of {_KINDS}, got {kind!r}.")
        name = type(estimator).__name__ if name is None else name
        if kind == "points":
            display = cls(name=name, **_points(estimator, X, features, max_points))
        else:
            display = cls(name=name, **_mmds(estimator, X, sizes))
        return display.plot(ax, points_kw=points_kw, coreset_kw=coreset_kw)

    def plot(self, ax=None, *, points_kw=None, coreset_kw=None):
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        points_kw : dict, default=None
            Arguments of matplotlib for the markers of the data, or for the curve of
            random rows; they win over the defaults.

        coreset_kw : dict, default=None
            The same for the coreset, or for the curve of the coresets.

        Returns
        -------
        self : ThinningDisplay
            With ``ax_``, ``figure_`` and what was drawn.
        """
        try:
            import matplotlib.pyplot as plt
        except ImportError as error:
            raise ImportError(
                "ThinningDisplay.plot needs matplotlib: pip install matplotlib"
            ) from error
        self.ax_ = plt.subplots()[1] if ax is None else ax
        self.figure_ = self.ax_.figure
        draw = self._plot_points if self.sizes is None else self._plot_mmds
        draw(points_kw or {}, coreset_kw or {})
        return self

    def _plot_points(self, points_kw, coreset_kw):
        self.points_ = self.ax_.scatter(
            *self.points.T,
            **{"s": 4, "color": "0.75", "linewidths": 0, "label": "data"} | points_kw,
        )
        share = np.abs(self.coreset_weights)
        defaults = {
            "s": 30.0 * share / share.mean(),
            "facecolors": ["none" if w < 0 else "C0" for w in self.coreset_weights],
            "edgecolors": "C0",
            "label": self.name or "coreset",
        }
        if {"c", "color"} & coreset_kw.keys():
            del defaults["facecolors"], defaults["edgecolors"]
        self.coreset_ = self.ax_.scatter(
            *self.coreset_points.T, **defaults | coreset_kw
        )
        self.ax_.set(xlabel=self.feature_names[0], ylabel=self.feature_names[1])
        self.ax_.legend()

    def _plot_mmds(self, points_kw, coreset_kw):
        if self.random_mmds is not None:
            # Once in the legend, if several methods share the axes.
            drawn = any(line.get_label() == _RANDOM for line in self.ax_.get_lines())
            label = "_nolegend_" if drawn else _RANDOM
            style = {"color": "0.5", "ls": "--", "label": label}
            (self.random_line_,) = self.ax_.plot(
                self.sizes, self.random_mmds, **style | points_kw
            )
        style = {"marker": "o", "label": self.name or "coreset"}
        (self.line_,) = self.ax_.plot(self.sizes, self.mmds, **style | coreset_kw)
        self.ax_.set(
            xscale="log", yscale="log", xlabel="size of the coreset", ylabel="MMD"
        )
        self.ax_.legend()


def _check_rows(X):
    return check_array(X, accept_sparse="csr", dtype=[np.float64, np.float32])


def _points(estimator, X, features, max_points):
    """Two features of the data and of the distinct rows of the coreset."""
    check_is_fitted(estimator, "sample_indices_")
    if not hasattr(estimator, "coreset_"):
        raise TypeError(
            "kind='points' needs an estimator with coreset_, the rows of its coreset; "
            f"{type(estimator).__name__} has none."
        )
    if isinstance(getattr(estimator, "kernel_", None), str):
        raise ValueError(
            "kind='points' needs rows with features; the estimator was fitted on a "
            "precomputed kernel matrix. Use kind='mmd'."
        )
    X = _check_rows(X)
    n_features = estimator.coreset_.shape[1]
    if X.shape[1] != n_features:
        raise ValueError(f"X has {X.shape[1]} features, the coreset has {n_features}.")
    names = getattr(estimator, "feature_names_in_", None)
    columns = [_column(feature, names, n_features) for feature in features]
    if len(columns) != 2:
        raise ValueError(f"features must be a pair, got {features!r}.")
    if not isinstance(max_points, Integral) or max_points < 1:
        raise ValueError(f"max_points must be an integer >= 1, got {max_points!r}.")
    shown = np.linspace(0, X.shape[0] - 1, min(X.shape[0], max_points))
    _, first, inverse = np.unique(
        estimator.sample_indices_, return_index=True, return_inverse=True
    )
    size = len(inverse)
    weights = getattr(estimator, "coreset_weights_", np.full(size, 1.0 / size))
    return {
        "points": _take(X[shown.astype(np.intp)], columns),
        "coreset_points": _take(estimator.coreset_[first], columns),
        "coreset_weights": np.bincount(inverse, weights),
        "feature_names": tuple(
            f"feature {column}" if names is None else names[column]
            for column in columns
        ),
    }


def _column(feature, names, n_features):
    if isinstance(feature, str):
        if names is None or feature not in names:
            raise ValueError(f"The estimator has seen no feature named {feature!r}.")
        return list(names).index(feature)
    if not isinstance(feature, Integral) or not 0 <= feature < n_features:
        raise ValueError(
            f"features must be two numbers from 0 to {n_features - 1} or names, got "
            f"{feature!r}."
        )
    return int(feature)


def _take(X, columns):
    X = X[:, columns]
    return X.toarray() if sp.issparse(X) else np.asarray(X)


def _mmds(estimator, X, sizes):
    """Distances of coresets of several sizes, and of random rows."""
    name = type(estimator).__name__
    if "n_coreset" not in estimator.get_params(deep=False):
        raise TypeError(
            "kind='mmd' needs an estimator with the parameter n_coreset, which "
            f"{name} has not."
        )
    if get_tags(estimator).target_tags.required:
        raise TypeError(
            f"kind='mmd' fits the estimator to X alone, but {name} needs targets y. "
            "Use one that chooses a coreset of X, such as KernelThinning."
        )
    rows = _check_rows(X)
    n = rows.shape[0]
    if isinstance(sizes, str) and sizes == "auto":
        sizes = _SMALLEST_SIZE * 2 ** np.arange(32)
        sizes = sizes[sizes <= max(n // 4, _SMALLEST_SIZE)]
    sizes = np.asarray(sizes)
    valid = sizes.ndim == 1 and sizes.size and sizes.dtype.kind in "iu"
    if not valid or sizes.min() < 1 or sizes.max() > n:
        raise ValueError(
            f"sizes must be integers from 1 to the number of rows, {n}, or 'auto', got "
            f"{sizes!r}."
        )
    kernel, mmds = None, []
    for size in sizes:
        fitted = clone(estimator).set_params(n_coreset=int(size)).fit(X)
        if kernel is None:
            kernel = getattr(fitted, "kernel_", None)
            if kernel is None:
                raise TypeError(
                    "kind='mmd' needs an estimator with kernel_, the kernel of the "
                    f"distance; {name} has none."
                )
            mean = kernel_mean(kernel, rows)
        indices, weights = fitted.sample_indices_, fitted.coreset_weights_
        mmds.append(coreset_mmd(kernel, rows, indices, weights, None, mean))
    return {
        "sizes": sizes,
        "mmds": np.array(mmds),
        "random_mmds": _random_mmds(kernel, rows, mean, sizes),
    }


def _random_mmds(kernel, X, mean, sizes):
    """Root mean squared distance of random distinct rows, in closed form."""
    n = X.shape[0]
    precomputed = isinstance(kernel, str)
    diagonal = X.diagonal() if precomputed else kernel._without_noise().diag(X)
    variance = max(float(diagonal.mean(dtype=np.float64) - mean.mean()), 0.0)
    return np.sqrt(variance * (n - sizes) / (sizes * max(n - 1.0, 1.0)))
