"""Choosing few rows to stand for many."""

from skkernels.coresets._centers import CENTER_SELECTIONS, select_centers

__all__ = ["CENTER_SELECTIONS", "select_centers"]
