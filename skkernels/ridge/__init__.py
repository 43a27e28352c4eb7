"""Kernel ridge regression and classification, exact and with Nystroem centers."""

from skkernels.ridge._kernel_ridge import KernelRidge
from skkernels.ridge._kernel_ridge_classifier import KernelRidgeClassifier
from skkernels.ridge._kernel_ridge_cv import KernelRidgeCV
from skkernels.ridge._nystroem_kernel_ridge import NystroemKernelRidge
from skkernels.ridge._nystroem_kernel_ridge_classifier import (
    NystroemKernelRidgeClassifier,
)

__all__ = [
    "KernelRidge",
    "KernelRidgeCV",
    "KernelRidgeClassifier",
    "NystroemKernelRidge",
    "NystroemKernelRidgeClassifier",
]
