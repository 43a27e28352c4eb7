"""Iterative solvers: pure functions of arrays and operators."""

from skkernels.solvers._askotch import askotch
from skkernels.solvers._cg import block_cg
from skkernels.solvers._dual import DualProblem
from skkernels.solvers._eigenpro import CenteredEigenPro, FullEigenPro
from skkernels.solvers._eigenpro_preconditioner import subsample_rows
from skkernels.solvers._epochs import run_epochs
from skkernels.solvers._falkon import check_falkon_memory, falkon, falkon_bytes
from skkernels.solvers._filter_iterations import (
    iterate,
    iterate_ridge,
    krylov_filter,
    top_eigenvalue,
)
from skkernels.solvers._filter_path import FilterPath, NystroemPath
from skkernels.solvers._filters import (
    ITERATIONS,
    MAIN_PARAMETERS,
    check_step,
    default_values,
    make_filter,
)
from skkernels.solvers._preconditioner import LowRankPreconditioner
from skkernels.solvers._result import SolverResult, warn_unless_converged

__all__ = [
    "ITERATIONS",
    "MAIN_PARAMETERS",
    "CenteredEigenPro",
    "DualProblem",
    "FilterPath",
    "FullEigenPro",
    "LowRankPreconditioner",
    "NystroemPath",
    "SolverResult",
    "askotch",
    "block_cg",
    "check_falkon_memory",
    "check_step",
    "default_values",
    "falkon",
    "falkon_bytes",
    "iterate",
    "iterate_ridge",
    "krylov_filter",
    "make_filter",
    "run_epochs",
    "subsample_rows",
    "top_eigenvalue",
    "warn_unless_converged",
]
