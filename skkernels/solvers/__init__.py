"""Iterative solvers: pure functions of arrays and operators."""

from skkernels.solvers._cg import block_cg
from skkernels.solvers._preconditioner import LowRankPreconditioner
from skkernels.solvers._result import SolverResult

__all__ = ["LowRankPreconditioner", "SolverResult", "block_cg"]
