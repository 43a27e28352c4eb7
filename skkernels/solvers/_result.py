"""What every iterative solver returns."""

from dataclasses import dataclass
from typing import Any

from sklearn.exceptions import ConvergenceWarning

from skkernels.utils._warnings import warn_user


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


def warn_unless_converged(
    result,
    tol,
    name,
    *,
    method="conjugate gradients",
    iterations="iterations",
    other="use the Nystroem estimator (NystroemKernelRidge), whose solver is direct",
    advice=None,
):
    """ConvergenceWarning that says what was reached and what to do.

    Parameters
    ----------
    result : SolverResult
        What the solver returned.

    tol : float
        The tolerance asked for.

    name : str
        Name of the estimator.

    method, iterations : str
        What the solver is called, and what it counts.

    other : str
        What else to do, besides other values of max_iter, alpha and tol, about slow
        convergence.

    advice : str, default=None
        What to do in place of all that, where the parameters mean something else.
    """
    if result.reason in ("converged", "stopped"):
        return
    why, usual = {
        "max_iter": ("max_iter was reached", "Increase max_iter, alpha or tol"),
        "stalled": ("rounding errors prevent more", "Increase alpha or tol"),
        "indefinite": (
            "the kernel matrix is not positive semi-definite",
            "Use another kernel or solver='cholesky'",
        ),
    }[result.reason]
    if result.reason != "indefinite":
        usual = f"{usual}, or {other}"
    warn_user(
        f"{name}: {method} ended after {result.n_iter} {iterations} with a "
        f"relative residual of {result.residual_norms[-1].max():.1e}, above "
        f"tol={tol:.1e}: {why}. {advice or usual}.",
        ConvergenceWarning,
    )
