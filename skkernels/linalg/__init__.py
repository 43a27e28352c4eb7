"""Factorisations of positive semi-definite matrices, robust where they must be."""

from skkernels.linalg._cholesky import safe_cholesky, solve_psd, triangular_solve
from skkernels.linalg._rpcholesky import RPCholeskyResult, rpcholesky
from skkernels.linalg._whitening import Whitening

__all__ = [
    "RPCholeskyResult",
    "Whitening",
    "rpcholesky",
    "safe_cholesky",
    "solve_psd",
    "triangular_solve",
]
