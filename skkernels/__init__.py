"""scikit-learn's kernel methods without the n x n matrix.

Estimators follow the scikit-learn interface and live in the families
:mod:`skkernels.ridge`, :mod:`skkernels.eigenpro`, :mod:`skkernels.spectral`,
:mod:`skkernels.semi_supervised`, :mod:`skkernels.thinning` and
:mod:`skkernels.features`; two-sample tests in :mod:`skkernels.stats`, folds in
:mod:`skkernels.model_selection`, pictures in :mod:`skkernels.inspection`; kernel
objects in :mod:`skkernels.kernels`, the choice of few rows in
:mod:`skkernels.coresets`, and matrix-free kernel products in
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
    "KernelRiskEstimator": "spectral",
    "KernelThinning": "thinning",
    "LabeledKFold": "model_selection",
    "NystroemKernelRidge": "ridge",
    "NystroemKernelRidgeClassifier": "ridge",
    "RandomFourierFeatures": "features",
    "STKRClassifier": "semi_supervised",
    "STKRRegressor": "semi_supervised",
    "SmoothnessEstimator": "spectral",
    "SpectralFilterClassifier": "spectral",
    "SpectralFilterRegressor": "spectral",
    "SpectralKernelTransformer": "semi_supervised",
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
    "KernelRiskEstimator",
    "KernelThinning",
    "LabeledKFold",
    "NystroemKernelRidge",
    "NystroemKernelRidgeClassifier",
    "RandomFourierFeatures",
    "STKRClassifier",
    "STKRRegressor",
    "SmoothnessEstimator",
    "SpectralFilterClassifier",
    "SpectralFilterRegressor",
    "SpectralKernelTransformer",
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
    "model_selection",
    "operators",
    "ridge",
    "semi_supervised",
    "show_versions",
    "spectral",
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
