"""Splitting of data where only some rows have targets."""

from skkernels.model_selection._labeled_kfold import LabeledKFold

__all__ = ["LabeledKFold"]
