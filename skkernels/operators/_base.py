"""What every operator offers."""

import numpy as np


class BaseOperator:
    """Common behaviour of operators: ``shape``, ``dtype``, ``matmat`` and friends."""

    __array_ufunc__ = None  # ndarray @ operator must not be tried element by element

    def __matmul__(self, V):
        return self.matmat(V)

    def _check_right(self, V, n_rows):
        V = V if hasattr(V, "ndim") else np.asarray(V)
        if V.ndim not in (1, 2) or V.shape[0] != n_rows:
            raise ValueError(
                f"An operator of shape {self.shape} cannot be multiplied with an array "
                f"of shape {V.shape}: its length must be {n_rows}."
            )
        return V
