"""scikit-learn's kernel methods without the n x n matrix.

Estimators follow the scikit-learn interface and live in the families
:mod:`skkernels.ridge`, :mod:`skkernels.eigenpro` and :mod:`skkernels.features`; kernel
objects live in :mod:`skkernels.kernels` and matrix-free kernel products in
:mod:`skkernels.operators`. Names are loaded on first use, so that importing the
package costs next to nothing beside scikit-learn and Numba.
"""

from importlib import import_module

from ._version import __version__

_ORIGIN = {
    "EigenProClassifier": "eigenpro",
    "EigenProRegressor": "eigenpro",
    "KernelRidge": "ridge",
    "KernelRidgeCV": "ridge",
    "KernelRidgeClassifier": "ridge",
    "NystroemKernelRidge": "ridge",
    "NystroemKernelRidgeClassifier": "ridge",
    "RandomFourierFeatures": "features",
    "show_versions": "utils",
    "warm_jit": "operators",
}

__all__ = [
    "EigenProClassifier",
    "EigenProRegressor",
    "KernelRidge",
    "KernelRidgeCV",
    "KernelRidgeClassifier",
    "NystroemKernelRidge",
    "NystroemKernelRidgeClassifier",
    "RandomFourierFeatures",
    "__version__",
    "eigenpro",
    "features",
    "kernels",
    "operators",
    "ridge",
    "show_versions",
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
