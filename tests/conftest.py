"""Markers of the whole suite."""

import os
from importlib.util import find_spec

import pytest


def _cuda_works():
    if find_spec("cupy") is None:
        return False
    try:
        import cupy

        return bool(cupy.cuda.is_available())
    except Exception:  # installed but unusable, whatever the reason
        return False


def pytest_collection_modifyitems(items):
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if marked and not _cuda_works():
        skip = pytest.mark.skip(reason="CuPy finds no CUDA device")
        for item in marked:
            item.add_marker(skip)
    if not hasattr(os, "fork"):
        skip = pytest.mark.skip(reason="this platform has no os.fork")
        for item in items:
            if item.get_closest_marker("fork"):
                item.add_marker(skip)
