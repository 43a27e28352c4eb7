"""Tools shared by the whole library, and a few that users call themselves."""

from ._discovery import all_estimators
from ._show_versions import show_versions

__all__ = ["all_estimators", "show_versions"]
