"""What white noise inside a composite kernel adds to the diagonal."""

from ._base import Kernel


class NoisePart(Kernel):
    """Difference that white noise makes to a kernel: a diagonal."""

    _diagonal_only = True

    def __init__(self, kernel):
        self.kernel = kernel

    def _diagonal(self, X):
        return self.kernel.diag(X) - self.kernel._without_noise().diag(X)
