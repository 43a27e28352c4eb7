"""scikit-learn's kernel methods without the n x n matrix.

Estimators follow the scikit-learn interface and live in the families
:mod:`skkernels.ridge`, :mod:`skkernels.eigenpro`, :mod:`skkernels.thinning` and
:mod:`skkernels.features`; two-sample tests in :mod:`skkernels.stats`, pictures in
:mod:`skkernels.inspection`; kernel objects in :mod:`skkernels.kernels`, the choice of
few rows in :mod:`skkernels.coresets`, and matrix-free kernel products in
:mod:`skkernels.operators`. Names are loaded on first use, so that importing the
package costs next to nothing beside scikit-learn and Numba.
"""

from importlib import import_module

from ._version import __version__

_ORIGIN = {
    "CompressThinning": "thinning",
    "EigenProClassifier": "eigenpro",
    "EigenProRegressor": "eigenpro",
    "KernelHerding": "thinning",
    "KernelRidge": "ridge",
    "KernelRidgeCV": "ridge",
    "KernelRidgeClassifier": "ridge",
    "KernelThinning": "thinning",
    "NystroemKernelRidge": "ridge",
    "NystroemKernelRidgeClassifier": "ridge",
    "RandomFourierFeatures": "features",
    "SteinThinning": "thinning",
    "ThinnedEstimator": "thinning",
    "ThinnedKernelDensity": "thinning",
    "ThinnedKernelRidge": "thinning",
    "ThinnedKernelRidgeClassifier": "thinning",
    "ThinnedNadarayaWatsonClassifier": "thinning",
    "ThinnedNadarayaWatsonRegressor": "thinning",
    "ThinnedNystroem": "thinning",
    "show_versions": "utils",
    "warm_jit": "operators",
}

__all__ = [
    "CompressThinning",
    "EigenProClassifier",
    "EigenProRegressor",
    "KernelHerding",
    "KernelRidge",
    "KernelRidgeCV",
    "KernelRidgeClassifier",
    "KernelThinning",
    "NystroemKernelRidge",
    "NystroemKernelRidgeClassifier",
    "RandomFourierFeatures",
    "SteinThinning",
    "ThinnedEstimator",
    "ThinnedKernelDensity",
    "ThinnedKernelRidge",
    "ThinnedKernelRidgeClassifier",
    "ThinnedNadarayaWatsonClassifier",
    "ThinnedNadarayaWatsonRegressor",
    "ThinnedNystroem",
    "__version__",
    "coresets",
    "eigenpro",
    "features",
    "inspection",
    "kernels",
    "operators",
    "ridge",
    "show_versions",
    "stats",
    "thinning",
    "utils",
    "warm_jit",
]


def __getattr__(name):
    if name in _ORIGIN:
        value = getattr(import_module(f"{__name__}.{_ORIGIN[name]}"), name)
    elif name in __all__:
        value = import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__():
    return sorted(__all__)
