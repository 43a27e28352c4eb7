"""Few rows that stand for many, and estimators that learn from them."""

from skkernels.thinning._chains import combine_chains
from skkernels.thinning._compress_thinning import CompressThinning
from skkernels.thinning._kernel_herding import KernelHerding
from skkernels.thinning._kernel_thinning import KernelThinning
from skkernels.thinning._stein_thinning import SteinThinning
from skkernels.thinning._thinned_estimator import ThinnedEstimator
from skkernels.thinning._thinned_kernel_density import ThinnedKernelDensity
from skkernels.thinning._thinned_kernel_ridge import ThinnedKernelRidge
from skkernels.thinning._thinned_kernel_ridge_classifier import (
    ThinnedKernelRidgeClassifier,
)
from skkernels.thinning._thinned_nadaraya_watson_classifier import (
    ThinnedNadarayaWatsonClassifier,
)
from skkernels.thinning._thinned_nadaraya_watson_regressor import (
    ThinnedNadarayaWatsonRegressor,
)
from skkernels.thinning._thinned_nystroem import ThinnedNystroem

__all__ = [
    "CompressThinning",
    "KernelHerding",
    "KernelThinning",
    "SteinThinning",
    "ThinnedEstimator",
    "ThinnedKernelDensity",
    "ThinnedKernelRidge",
    "ThinnedKernelRidgeClassifier",
    "ThinnedNadarayaWatsonClassifier",
    "ThinnedNadarayaWatsonRegressor",
    "ThinnedNystroem",
    "combine_chains",
]
