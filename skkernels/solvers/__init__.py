"""Iterative solvers: pure functions of arrays and operators."""

from skkernels.solvers._askotch import askotch
from skkernels.solvers._cg import block_cg
from skkernels.solvers._dual import DualProblem
from skkernels.solvers._eigenpro import CenteredEigenPro, FullEigenPro
from skkernels.solvers._eigenpro_preconditioner import subsample_rows
from skkernels.solvers._epochs import run_epochs
from skkernels.solvers._falkon import check_falkon_memory, falkon, falkon_bytes
from skkernels.solvers._preconditioner import LowRankPreconditioner
from skkernels.solvers._result import SolverResult, warn_unless_converged

__all__ = [
    "CenteredEigenPro",
    "DualProblem",
    "FullEigenPro",
    "LowRankPreconditioner",
    "SolverResult",
    "askotch",
    "block_cg",
    "check_falkon_memory",
    "falkon",
    "falkon_bytes",
    "run_epochs",
    "subsample_rows",
    "warn_unless_converged",
]
