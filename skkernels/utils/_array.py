"""Arrays on other devices: compute follows X.

A CuPy array is recognised without importing CuPy: an array of its type can only exist
where CuPy is loaded already.
"""

import sys

import numpy as np


def is_cupy(array):
    """Whether an array is a CuPy array."""
    return type(array).__module__.partition(".")[0] == "cupy"


def get_namespace(*arrays):
    """The array module that a computation on these arrays should use.

    Returns
    -------
    xp : module
        CuPy if any array is CuPy's, else NumPy.

    Raises
    ------
    TypeError
        If NumPy and CuPy arrays are mixed.
    """
    present = [a for a in arrays if a is not None and hasattr(a, "dtype")]
    on_device = [is_cupy(a) for a in present]
    if not any(on_device):
        return np
    if not all(on_device):
        raise TypeError(
            "Got NumPy and CuPy arrays together. Compute follows X: move all to the "
            "same device, with cupy.asarray(...) or cupy.asnumpy(...)."
        )
    return sys.modules["cupy"]


def to_numpy(array):
    """The array as NumPy's, copied from its device where it is on one."""
    return array.get() if is_cupy(array) else np.asarray(array)


class ArrayBackend:
    """Evaluate kernels with whole-array operations of a NumPy-like module.

    Parameters
    ----------
    xp : module
        ``numpy`` or ``cupy``. With ``numpy`` the route of the GPU runs on the CPU,
        which is how it is tested.
    """

    def __init__(self, xp):
        self.xp = xp

    def asarray(self, array, dtype=None):
        return self.xp.asarray(array, dtype=dtype)

    def free_bytes(self):
        """Memory that a block may take, or None where the caller's budget decides."""
        if self.xp.__name__ != "cupy":
            return None
        free, _ = self.xp.cuda.Device().mem_info
        pool = self.xp.get_default_memory_pool()
        return int(0.6 * (free + pool.free_bytes()))

    def release_memory(self):
        """Give cached memory back to the device, after it ran out."""
        if self.xp.__name__ == "cupy":
            self.xp.get_default_memory_pool().free_all_blocks()

    @property
    def out_of_memory_error(self):
        """What a failed allocation raises."""
        if self.xp.__name__ == "cupy":
            return self.xp.cuda.memory.OutOfMemoryError
        return MemoryError
