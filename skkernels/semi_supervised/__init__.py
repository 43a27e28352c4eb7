"""Spectrally transformed kernel regression: few labels, many rows."""

from skkernels.semi_supervised._spectral_kernel_transformer import (
    SpectralKernelTransformer,
)
from skkernels.semi_supervised._stkr_classifier import STKRClassifier
from skkernels.semi_supervised._stkr_path import stkr_path
from skkernels.semi_supervised._stkr_regressor import STKRRegressor

__all__ = [
    "STKRClassifier",
    "STKRRegressor",
    "SpectralKernelTransformer",
    "stkr_path",
]
