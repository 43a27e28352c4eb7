"""What a bug report or a benchmark has to say about the machine it ran on."""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

import numba
from llvmlite.binding import get_host_cpu_features
from threadpoolctl import threadpool_info

_PACKAGE = __name__.partition(".")[0]
_REQUIRED = (
    "scikit-learn",
    "numpy",
    "scipy",
    "numba",
    "llvmlite",
    "joblib",
    "threadpoolctl",
)
_OPTIONAL = ("matplotlib", "dask", "pandas", "cupy-cuda12x", "cupy-cuda13x")


def system_info():
    """Facts about the interpreter, the machine and the threads, as a dict."""
    features = get_host_cpu_features()
    vectors = [name for name in ("avx512f", "avx2", "neon") if features.get(name)]
    return {
        "python": sys.version.replace("\n", " "),
        "executable": sys.executable,
        "machine": platform.platform(),
        "cpu": f"{os.cpu_count()} logical, {', '.join(vectors) or 'no wide vectors'}",
        "threads": str(numba.get_num_threads()),
    }


def dependency_info():
    """Installed version (or None) of every package that matters, as a dict.

    Metadata is read, nothing is imported: an installed but broken CuPy does no harm.
    """
    found = {_PACKAGE: sys.modules[_PACKAGE].__version__}
    for name in (*_REQUIRED, *_OPTIONAL):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def thread_pool_info():
    """One line per native thread pool (BLAS, OpenMP) that is loaded."""
    return [
        f"{pool['user_api']}: {pool['internal_api']} {pool['version'] or ''}".rstrip()
        + f", {pool['num_threads']} threads"
        for pool in threadpool_info()
    ]


def show_versions():
    """Print what a bug report needs: versions, processor, threads.

    Nothing optional is imported by this; versions are read from the metadata of the
    installed packages. It takes a few milliseconds.

    See Also
    --------
    sklearn.show_versions : The same for scikit-learn.

    Examples
    --------
    >>> import skkernels
    >>> skkernels.show_versions()  # doctest: +SKIP
    """
    print("System:")
    for name, value in system_info().items():
        print(f"  {name:>13}: {value}")
    print("\nPackages:")
    for name, value in dependency_info().items():
        print(f"  {name:>13}: {value}")
    print("\nThread pools:")
    for line in thread_pool_info():
        print(f"  {line}")
