"""Pictures of fitted estimators; matplotlib is imported when one is drawn."""

from skkernels.inspection._thinning_display import ThinningDisplay

__all__ = ["ThinningDisplay"]
