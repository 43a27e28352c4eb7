"""Models for many regularisations from one eigendecomposition."""

from sklearn.base import clone
from sklearn.model_selection import ParameterGrid

from skkernels.semi_supervised._stkr_classifier import STKRClassifier
from skkernels.semi_supervised._stkr_regressor import STKRRegressor

_FIXED = ("kernel", "gamma", "degree", "coef0", "normalize", "random_state", "solver")


def stkr_path(
    estimator,
    X,
    y,
    param_grid,
    *,
    sample_weight=None,
    X_unlabeled=None,
    sample_weight_unlabeled=None,
):
    """Fit a model for each point of a grid, with one eigendecomposition for all.

    Parameters
    ----------
    estimator : STKRRegressor or STKRClassifier
        What is not in the grid. It stays as it is.

    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        As in ``estimator.fit``.

    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        As in ``estimator.fit``.

    param_grid : dict or list of dict
        Values of parameters, as for :class:`sklearn.model_selection.ParameterGrid`:
        any but those of the kernel and its normalisation, for example
        ``{"alpha": [0.1, 1.0], "eta": [0.9, 0.99]}``.

    sample_weight : float or array-like of shape (n_samples,), default=None
        As in ``estimator.fit``.

    X_unlabeled : {array-like, sparse matrix} of shape (n_unlabeled, n_features), \
            default=None
        As in ``estimator.fit``.

    sample_weight_unlabeled : float or array-like of shape (n_unlabeled,), default=None
        As in ``estimator.fit``.

    Returns
    -------
    models : list of estimators
        Fitted, in the order of ``ParameterGrid(param_grid)``. They share the training
        data.

    See Also
    --------
    STKRRegressor : Regression.
    STKRClassifier : Classification.
    sklearn.model_selection.GridSearchCV : Scores on held-out rows, for the kernel, too.

    Notes
    -----
    Each model is the one that ``clone(estimator).set_params(**params)`` is after its
    fit with ``solver="eigh"``.

    The eigendecomposition of the kernel matrix of all N rows takes about 9 N^3
    operations and ``16 N^2`` bytes; with n labelled rows and t targets each model adds
    n^2 (N + n / 3) + 2 N^2 t operations and ``16 N t`` bytes.

    References
    ----------
    .. [1] R. Zhai, R. Pukdee, R. Jin, M.-F. Balcan and P. Ravikumar, "Spectrally
       Transformed Kernel Regression", ICLR 2024. arXiv:2402.00645

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import make_moons
    >>> from skkernels.semi_supervised import STKRClassifier, stkr_path
    >>> X, y = make_moons(300, noise=0.08, random_state=0)
    >>> few = np.full(300, -1)
    >>> few[:10] = y[:10]
    >>> grid = {"transformation": ["identity", "inverse_laplacian"]}
    >>> models = stkr_path(STKRClassifier(gamma=20.0), X, few, grid)
    >>> scores = [(model.transduction_ == y).mean() for model in models]
    >>> bool(scores[0] < scores[1])
    True
    """
    if not isinstance(estimator, (STKRRegressor, STKRClassifier)):
        raise TypeError(
            "estimator must be an instance of STKRRegressor or STKRClassifier, got "
            f"{estimator!r}."
        )
    points = list(ParameterGrid(param_grid))
    for name in {name for params in points for name in params}:
        if name.startswith(_FIXED):
            raise ValueError(
                f"param_grid has values for {name!r}, but all models share the kernel, "
                f"its normalisation and the solver: none of {list(_FIXED)} can vary."
            )
    shared, models = {}, []
    for params in points:
        model = clone(estimator).set_params(**params, solver="eigh")
        model._validate_params()
        models.append(
            model._fit(
                X, y, sample_weight, X_unlabeled, sample_weight_unlabeled, shared
            )
        )
    return models
