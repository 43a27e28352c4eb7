"""Factorisations of positive semi-definite matrices, robust where they must be."""

from skkernels.linalg._cholesky import (
    mirror_upper,
    safe_cholesky,
    solve_psd,
    triangular_solve,
)
from skkernels.linalg._eigensystem import top_eigensystem
from skkernels.linalg._leverage import (
    match_effective_dimension,
    ridge_leverage_scores,
)
from skkernels.linalg._rpcholesky import RPCholeskyResult, rpcholesky
from skkernels.linalg._symmetric_eigensystem import (
    eigensystem_bytes,
    symmetric_eigensystem,
)
from skkernels.linalg._whitening import Whitening

__all__ = [
    "RPCholeskyResult",
    "Whitening",
    "eigensystem_bytes",
    "match_effective_dimension",
    "mirror_upper",
    "ridge_leverage_scores",
    "rpcholesky",
    "safe_cholesky",
    "solve_psd",
    "symmetric_eigensystem",
    "top_eigensystem",
    "triangular_solve",
]
