"""What every iterative solver returns."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SolverResult:
    """Outcome of an iterative solver.

    Attributes
    ----------
    x : array of shape (n, n_columns)
        The solution reached.

    n_iter : int
        Iterations done.

    residual_norms : array of shape (n_iter + 1, n_columns)
        Relative residual norm of every column before the first and after each
        iteration. The last row holds residuals that were recomputed from ``x``.

    reason : {"converged", "max_iter", "stalled", "indefinite", "stopped"}
        Why the solver ended: every column met the tolerance; the iterations ran out;
        rounding keeps the residual above the tolerance; the matrix turned out not to
        be positive definite; ``on_iteration`` asked to stop.
    """

    x: Any
    n_iter: int
    residual_norms: Any
    reason: str

    @property
    def converged(self):
        """Whether every column met the tolerance."""
        return self.reason == "converged"
