"""Compilation: one cached ``njit`` for the whole library.

Rules for jitted code (see the developer guide): serial bodies that release the GIL,
C-contiguous float32 or float64 arrays and scalars as arguments, no functions as
arguments. Where a body needs a piece that varies, such as a kernel profile,
:func:`specialise` makes a copy of the body with that piece bound to a global name, so
that every copy can be cached on disk.
"""

import hashlib
import logging
import os
import types

import numba
import numpy as np
from numba.core.caching import FunctionCache
from numba.core.dispatcher import Dispatcher

# NaN and infinity must propagate, so neither "nnan" nor "ninf" is ever allowed.
FASTMATH = frozenset({"contract", "nsz"})
# Sums whose rounding may depend on the vector width of the machine.
FASTMATH_SUM = frozenset({"contract", "nsz", "reassoc"})

_PACKAGE = __name__.partition(".")[0]
_logger = logging.getLogger(_PACKAGE)
_file_digests: dict[str, str] = {}


def _file_digest(path):
    if path not in _file_digests:
        try:
            with open(path, "rb") as source:
                _file_digests[path] = hashlib.sha256(source.read()).hexdigest()
        except OSError:  # zipped or frozen source: such files are not edited
            _file_digests[path] = path
    return _file_digests[path]


def _code_objects(code):
    yield code
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from _code_objects(const)


def _dependency_digest(func):
    """Digest of all that a jitted function compiles in from outside its own bytecode.

    Numba keys its cache on the bytecode of the function and the time stamp of its
    file, and is blind to helpers and constants that live elsewhere. This walks over
    the globals which the function names: jitted helpers (recursively), constants, and
    plain functions of this package (their overloads live in the same file).
    """
    digest = hashlib.sha256()
    seen = set()

    def add(function):
        if id(function) in seen:
            return
        seen.add(id(function))
        for code in _code_objects(function.__code__):
            digest.update(code.co_code)
            constants = [c for c in code.co_consts if not isinstance(c, types.CodeType)]
            digest.update(repr(constants).encode())
            for name in code.co_names:
                if name in function.__globals__:
                    add_value(name, function.__globals__[name])

    def add_value(name, value):
        if isinstance(value, Dispatcher):
            add(value.py_func)
        elif isinstance(value, types.FunctionType):
            if value.__module__.partition(".")[0] == _PACKAGE:
                digest.update(_file_digest(value.__code__.co_filename).encode())
        elif isinstance(value, np.ndarray):
            digest.update(name.encode() + value.tobytes())
        elif isinstance(value, (bool, int, float, str, tuple, np.generic)):
            digest.update(f"{name}={value!r}".encode())

    add(func)
    return digest.hexdigest()


class _DependencyAwareCache(FunctionCache):
    """Numba's disk cache, keyed on the helpers and constants as well."""

    _digest = None

    def _index_key(self, sig, codegen):
        if self._digest is None:  # at first use, when every helper is defined
            self._digest = _dependency_digest(self._py_func)
        return (*super()._index_key(sig, codegen), self._digest)


def _enable_cache(dispatcher):
    if os.environ.get("SKKERNELS_JIT_CACHE", "1") == "0":
        return
    if not isinstance(dispatcher, Dispatcher):  # NUMBA_DISABLE_JIT=1
        return
    try:
        dispatcher._cache = _DependencyAwareCache(dispatcher.py_func)
    except (RuntimeError, OSError) as error:
        # No writable place for a cache, as in a container with a read-only file
        # system: compile in every process instead of failing at import.
        _logger.debug("JIT cache disabled for %s: %s", dispatcher.__name__, error)


def njit(func=None, *, reassoc=False):
    """Compile a serial function that releases the GIL, and cache it on disk.

    Parameters
    ----------
    func : function
        The body. Lazily compiled once for each combination of argument types.

    reassoc : bool, default=False
        Allow sums to be reordered, which vectorises reductions. The result then
        depends on the vector width of the machine, in the last digits.

    Returns
    -------
    dispatcher : numba dispatcher
        Falls back to compilation without a cache where no cache can be written, or
        where the environment variable ``SKKERNELS_JIT_CACHE`` is ``0``.
    """
    if func is None:
        return lambda f: njit(f, reassoc=reassoc)
    dispatcher = numba.njit(
        nogil=True,
        error_model="numpy",
        fastmath=set(FASTMATH_SUM if reassoc else FASTMATH),
    )(func)
    _enable_cache(dispatcher)
    return dispatcher


def inline_njit(func):
    """Compile a small helper by copying its body into every jitted caller.

    Nothing is cached for the helper itself, and loops that call it still vectorise.
    """
    return numba.njit(
        nogil=True, error_model="numpy", fastmath=set(FASTMATH), inline="always"
    )(func)


def specialise(template, name, **bindings):
    """Copy a plain function with some of its global names bound to other values.

    Parameters
    ----------
    template : function
        A plain Python function, not yet compiled.

    name : str
        Name of the copy; it names the cache file, so it must be unique within the
        module of the template.

    **bindings : object
        The global names to bind: jitted helpers, numbers or tuples.

    Returns
    -------
    func : function
        The copy, to be passed to :func:`njit`. Unlike a closure it can be cached,
        because its cache key is made of the code of what is bound and not of
        memory addresses.
    """
    func = types.FunctionType(
        template.__code__,
        {**template.__globals__, **bindings},
        name,
        template.__defaults__,
    )
    func.__qualname__ = f"{template.__qualname__}_{name}"
    func.__module__ = template.__module__
    func.__doc__ = template.__doc__
    return func
