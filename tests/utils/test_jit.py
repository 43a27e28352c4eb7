"""Compilation and its cache on disk."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

import skkernels
from skkernels.utils._jit import _dependency_digest, inline_njit, njit, specialise

ROOT = Path(skkernels.__file__).parents[1]

HELPER = """
from skkernels.utils._jit import inline_njit

@inline_njit
def helper(x):
    return {factor} * x
"""
# A function of the package itself that is implemented for jitted code in its file.
PLAIN = """
from numba.extending import overload

def plain(x):
    return {offset} + x

@overload(plain)
def _plain(x):
    return lambda x: {offset} + x
"""
MAIN = """
import json, sys
import numpy as np
import skkernels
skkernels.__path__.append(sys.path[0])
from skkernels.plain_module import plain
from skkernels.utils._jit import njit, specialise
from helper_module import helper

@njit
def total(x):
    result = 0.0
    for i in range(x.size):
        result += plain(helper(x[i]))
    return result

factor = 1.0

def template(x):
    return factor * x

double = njit(specialise(template, "double", factor=2.0))
triple = njit(specialise(template, "triple", factor=3.0))

def stats(function):
    if not hasattr(function, "stats"):
        return None
    hits, misses = function.stats.cache_hits, function.stats.cache_misses
    return [sum(hits.values()), sum(misses.values())]

values = [total(np.ones(3)), double(1.0), triple(1.0)]
print(json.dumps({"values": values, "stats": [stats(f) for f in (total, double)]}))
"""


@pytest.fixture
def package(tmp_path):
    write(tmp_path)
    return tmp_path


def write(folder, factor=2.0, offset=0.0):
    """Write the modules; never the main one twice, whose time stamp numba reads."""
    (folder / "helper_module.py").write_text(HELPER.format(factor=factor))
    (folder / "plain_module.py").write_text(PLAIN.format(offset=offset))
    if not (folder / "main.py").exists():
        (folder / "main.py").write_text(MAIN)


def run(folder, **environment):
    env = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")}
    env.pop("SKKERNELS_JIT_CACHE", None)
    env["PYTHONPATH"] = str(ROOT)
    # Python's own cached bytecode looks at whole seconds of the time stamp.
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    env.update(environment)
    process = subprocess.run(
        [sys.executable, str(folder / "main.py")],
        capture_output=True,
        text=True,
        env=env,
        timeout=120,
    )
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


def test_second_process_loads_what_the_first_compiled(package):
    first = run(package)
    assert first == {"values": [6.0, 2.0, 3.0], "stats": [[0, 1], [0, 1]]}
    second = run(package)
    assert second == {"values": [6.0, 2.0, 3.0], "stats": [[1, 0], [1, 0]]}

    # A helper in another file changed: the function is compiled again, not others.
    write(package, factor=5.0)
    third = run(package)
    assert third == {"values": [15.0, 2.0, 3.0], "stats": [[0, 1], [1, 0]]}

    # So is it when a plain function of the package, with an overload, changed.
    write(package, factor=5.0, offset=10.0)
    fourth = run(package)
    assert fourth == {"values": [45.0, 2.0, 3.0], "stats": [[0, 1], [1, 0]]}


def test_no_writable_place_for_a_cache(package):
    # Files where folders should be: not writable for root either.
    (package / "__pycache__").write_text("")
    blocked = package / "not_a_folder"
    blocked.write_text("")
    places = ("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA", "USERPROFILE", "IPYTHONDIR")
    result = run(package, **{name: str(blocked) for name in places})
    assert result == {"values": [6.0, 2.0, 3.0], "stats": [[0, 1], [0, 1]]}
    assert not list(package.rglob("*.nbi"))


def test_cache_switched_off(package):
    result = run(package, SKKERNELS_JIT_CACHE="0")
    assert result == {"values": [6.0, 2.0, 3.0], "stats": [[0, 1], [0, 1]]}
    assert not list(package.rglob("*.nbi"))


def test_compilation_switched_off(package):
    result = run(package, NUMBA_DISABLE_JIT="1")
    assert result == {"values": [6.0, 2.0, 3.0], "stats": [None, None]}
    assert not list(package.rglob("*.nbi"))


scale = 1.0
weights = np.array([1.0, 2.0])


@inline_njit
def inner(x):
    return scale * x


def outer(x):
    return inner(x) + weights[0]


def closure_user(x):
    def inside(y):
        return scale * y

    return inside(x)


needs_jit = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="needs dispatchers")


@needs_jit
def test_digest_sees_constants_arrays_and_nested_code(monkeypatch):
    original = _dependency_digest(outer)
    nested = _dependency_digest(closure_user)
    assert _dependency_digest(outer) == original
    monkeypatch.setattr(sys.modules[__name__], "scale", 2.0)
    changed = _dependency_digest(outer)
    assert changed != original
    assert _dependency_digest(closure_user) != nested
    monkeypatch.setattr(sys.modules[__name__], "weights", np.array([1.0, 3.0]))
    assert _dependency_digest(outer) not in {original, changed}
    monkeypatch.undo()
    assert _dependency_digest(outer) == original


def template(x):
    """Multiply."""
    return scale * inner(x)


def test_specialised_copies_are_independent():
    minus = inline_njit(lambda x: -x)
    twice = specialise(template, "twice", scale=2.0)
    negative = specialise(template, "negative", inner=minus)
    assert twice(3.0) == njit(twice)(3.0) == 6.0
    assert negative(3.0) == njit(negative)(3.0) == -3.0
    assert template(3.0) == 3.0
    assert scale == 1.0
    assert twice.__name__ == "twice"
    assert twice.__qualname__ != negative.__qualname__
    assert twice.__doc__ == "Multiply."
    if not numba.config.DISABLE_JIT:
        digests = {_dependency_digest(f) for f in (template, twice, negative)}
        assert len(digests) == 3


def test_nan_and_infinity_survive():
    @njit
    def cubes(x, out):
        for i in range(x.size):
            out[i] = x[i] * x[i] * x[i] if x[i] == x[i] else -1.0

    x = np.array([np.nan, np.inf, -np.inf, 2.0])
    out = np.empty(4)
    cubes(x, out)
    np.testing.assert_array_equal(out, [-1.0, np.inf, -np.inf, 8.0])


@needs_jit
def test_division_by_zero_follows_numpy():
    @njit
    def divide(a, b):
        return a / b

    assert divide(1.0, 0.0) == np.inf


@needs_jit
def test_sums_in_any_order_are_opt_in():
    def body(x):
        total = 0.0
        for i in range(x.size):
            total += x[i]
        return total

    x = np.random.default_rng(0).standard_normal(10_000)
    in_order = float(np.cumsum(x)[-1])
    assert njit(body)(x) == in_order
    assert njit(body, reassoc=True)(x) == pytest.approx(in_order, rel=1e-10)
