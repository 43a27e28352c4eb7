"""Iterative solvers: pure functions of arrays and operators."""

from skkernels.solvers._cg import block_cg
from skkernels.solvers._dual import DualProblem
from skkernels.solvers._preconditioner import LowRankPreconditioner
from skkernels.solvers._result import SolverResult, warn_unless_converged

__all__ = [
    "DualProblem",
    "LowRankPreconditioner",
    "SolverResult",
    "block_cg",
    "warn_unless_converged",
]
