"""The kernel matrix of the centers of a model."""

import numpy as np

from ..utils._array import get_namespace
from ..utils._parallel import row_blocks
from ._make import make_operator

_ROWS = 1024


def center_matrix(kernel, centers):
    """Kernel matrix of the centers in float64, without temporaries of its size."""
    centers = centers.astype(np.float64, copy=False)
    xp = get_namespace(centers)
    op = make_operator(kernel, centers)
    m = op.shape[0]
    K = xp.empty((m, m))
    for rows in row_blocks(m, _ROWS):
        K[rows] = op.block(rows, None)
    return K
