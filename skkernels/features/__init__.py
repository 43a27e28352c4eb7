"""Maps to explicit features whose inner products approximate a kernel."""

from ._random_fourier_features import RandomFourierFeatures

__all__ = ["RandomFourierFeatures"]
