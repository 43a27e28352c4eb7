"""Choosing few rows to stand for many."""

from skkernels.coresets._centers import CENTER_SELECTIONS, select_centers
from skkernels.coresets._compress import compress
from skkernels.coresets._compresspp import compresspp
from skkernels.coresets._coreset_weights import coreset_weights
from skkernels.coresets._halving import kernel_halve
from skkernels.coresets._herd import herd
from skkernels.coresets._kt_split import kt_split
from skkernels.coresets._kt_swap import kt_swap
from skkernels.coresets._kt_thin import kt_thin
from skkernels.coresets._mmd import kernel_mean, mmd
from skkernels.coresets._split_kernel import split_kernel
from skkernels.coresets._stein_kernel import stein_kernel

__all__ = [
    "CENTER_SELECTIONS",
    "compress",
    "compresspp",
    "coreset_weights",
    "herd",
    "kernel_halve",
    "kernel_mean",
    "kt_split",
    "kt_swap",
    "kt_thin",
    "mmd",
    "select_centers",
    "split_kernel",
    "stein_kernel",
]
