"""How K(X, Z) @ V is formed: products with kernel matrices that are never stored."""

from ._budget import check_memory, memory_budget
from ._make import make_operator
from ._operator import KernelOperator
from ._precomputed import PrecomputedOperator
from ._sparse import SparseOperator
from ._warm import warm_jit

__all__ = [
    "KernelOperator",
    "PrecomputedOperator",
    "SparseOperator",
    "check_memory",
    "make_operator",
    "memory_budget",
    "warm_jit",
]
