"""How much memory a computation may take, and how a refusal reads."""

from sklearn import get_config


def memory_budget():
    """Return how many bytes intermediate results may take.

    Returns
    -------
    n_bytes : int
        ``sklearn.get_config()["working_memory"]``, which is in MiB, as bytes.

    Examples
    --------
    >>> import sklearn
    >>> from skkernels.operators import memory_budget
    >>> with sklearn.config_context(working_memory=2):
    ...     memory_budget()
    2097152
    """
    return int(get_config()["working_memory"] * 2**20)


def format_bytes(n_bytes):
    """A number of bytes for people, in binary units."""
    size = float(n_bytes)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def fits_budget(n_bytes):
    """Whether an array of that size is within the memory budget."""
    return n_bytes <= memory_budget()


def check_memory(n_bytes, *, what, remedy):
    """Refuse, before it is allocated, what does not fit the memory budget.

    Parameters
    ----------
    n_bytes : int
        Bytes needed.

    what : str
        What needs them, with its shape: "the 50000 x 50000 kernel matrix".

    remedy : str
        What the user can change, as a phrase that follows "Either": "use
        solver='pcg'".

    Raises
    ------
    ValueError
        If ``n_bytes`` exceeds :func:`memory_budget`.

    Examples
    --------
    >>> from skkernels.operators import check_memory
    >>> check_memory(2**40, what="the kernel matrix", remedy="use solver='pcg'")
    Traceback (most recent call last):
        ...
    ValueError: the kernel matrix needs 1.0 TiB of memory, more than the budget of \
1.0 GiB. Either use solver='pcg', or raise the budget with \
sklearn.set_config(working_memory=1048576).
    """
    if not fits_budget(n_bytes):
        needed = -(-n_bytes // 2**20)
        raise ValueError(
            f"{what} needs {format_bytes(n_bytes)} of memory, more than the budget of "
            f"{format_bytes(memory_budget())}. Either {remedy}, or raise the budget "
            f"with sklearn.set_config(working_memory={needed})."
        )
