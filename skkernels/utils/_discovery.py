"""Which estimators the package has."""

import sys

from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClusterMixin,
    RegressorMixin,
    TransformerMixin,
)

_MIXINS = {
    "classifier": ClassifierMixin,
    "cluster": ClusterMixin,
    "regressor": RegressorMixin,
    "transformer": TransformerMixin,
}


def all_estimators(type_filter=None):
    """List the public estimators of skkernels.

    Every class that the top level of the package exports and that derives from
    :class:`sklearn.base.BaseEstimator` counts; kernel objects are not estimators. All
    families are imported by this.

    Parameters
    ----------
    type_filter : {"classifier", "cluster", "regressor", "transformer"}, list of \
            these, or None, default=None
        Keep only estimators of this type, or of any of these types. None keeps all.

    Returns
    -------
    estimators : list of tuple
        Pairs ``(name, class)``, sorted by name.

    See Also
    --------
    sklearn.utils.all_estimators : The same for scikit-learn.

    Examples
    --------
    >>> from skkernels.utils import all_estimators
    >>> [name for name, _ in all_estimators("transformer")]
    ['RandomFourierFeatures', 'SpectralKernelTransformer', 'ThinnedNystroem']
    """
    if type_filter is None:
        wanted = (BaseEstimator,)
    else:
        names = [type_filter] if isinstance(type_filter, str) else list(type_filter)
        unknown = sorted(set(names) - set(_MIXINS))
        if unknown:
            raise ValueError(
                f"type_filter must be None or chosen from {sorted(_MIXINS)}, "
                f"got {unknown[0]!r}."
            )
        wanted = tuple(_MIXINS[name] for name in names)

    package = sys.modules[__name__.partition(".")[0]]
    exported = ((name, getattr(package, name)) for name in package.__all__)
    return sorted(
        (name, value)
        for name, value in exported
        if isinstance(value, type)
        and issubclass(value, BaseEstimator)
        and issubclass(value, wanted)
    )
