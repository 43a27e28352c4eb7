"""Choosing few rows to stand for many."""

from skkernels.coresets._centers import CENTER_SELECTIONS, select_centers
from skkernels.coresets._compress import compress
from skkernels.coresets._halving import kernel_halve

__all__ = ["CENTER_SELECTIONS", "compress", "kernel_halve", "select_centers"]
