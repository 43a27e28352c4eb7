"""The package as a whole: its names, its layers, what it imports, what it says."""

import ast
import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import skkernels
from skkernels.utils import all_estimators, show_versions
from skkernels.utils._show_versions import dependency_info

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "skkernels"
MODULES = sorted(PACKAGE.rglob("*.py"))

# From the bottom to the top. Subpackages that are not named here are families: they
# all stand on the top floor, and none of them knows another one.
LAYERS = (
    "_version",
    "utils",
    "kernels",
    "operators",
    "linalg",
    "solvers",
    "coresets",
    "base",
)


def _dotted(path):
    """Module name of a file, as a tuple, with __init__ kept as the last part."""
    return path.relative_to(ROOT).with_suffix("").parts


def _level(layer):
    return LAYERS.index(layer) if layer in LAYERS else len(LAYERS)


def _targets(tree, module):
    """Absolute dotted names of all that the module imports, wherever it does so."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = module[: len(module) - node.level] if node.level else ()
            base = ".".join((*parts, *((node.module,) if node.module else ())))
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _offences(tree, module):
    """Imports of a module that break a rule of the house, as sentences."""
    here = module[1]
    for target in _targets(tree, module):
        parts = target.split(".")
        if parts[0] == "skkernels" and here != "__init__":
            there = parts[1] if len(parts) > 1 else "__init__"
            if there != here and not _level(there) < _level(here):
                yield f"{'.'.join(module)} imports {target}, which is not under it"
        if parts[0] == "sklearn" and module[1:] != ("utils", "_sklearn"):
            if any(part.startswith("_") for part in parts):
                yield f"{'.'.join(module)} imports the private name {target}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down_only(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert list(_offences(tree, _dotted(path))) == []


@pytest.mark.parametrize(
    "module, source, broken",
    [
        ("kernels._radial", "from ..utils._jit import njit", False),
        ("kernels._radial", "from ..operators import KernelOperator", True),
        ("kernels._radial", "from .. import operators", True),
        ("kernels._radial", "def f():\n    from skkernels import KernelRidge", True),
        ("kernels._radial", "import skkernels", True),
        ("utils._jit", "from ..kernels import RBF", True),
        ("ridge._ridge", "from ..base import KernelEstimatorMixin", False),
        ("ridge._ridge", "from ..features import RandomFourierFeatures", True),
        ("ridge.__init__", "from ._ridge import KernelRidge", False),
        ("base", "from .kernels import make_kernel", False),
        ("base", "from ._version import __version__", False),
        ("ridge._ridge", "from sklearn.base import _fit_context", True),
        ("ridge._ridge", "import sklearn.utils._param_validation", True),
        ("ridge._ridge", "from sklearn.base import BaseEstimator", False),
        ("utils._sklearn", "from sklearn.base import _fit_context", False),
    ],
)
def test_layer_rule_sees_what_it_should(module, source, broken):
    offences = _offences(ast.parse(source), ("skkernels", *module.split(".")))
    assert bool(list(offences)) is broken


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_module_shape(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 600
    tree = ast.parse(text)
    if _level(_dotted(path)[1]) == len(LAYERS):
        classes = [n.name for n in tree.body if isinstance(n, ast.ClassDef)]
        assert len([name for name in classes if not name.startswith("_")]) <= 1
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "parallel":
            assert ast.literal_eval(node.value) is False, "no Numba parallel regions"


def _run(code):
    """Run code in a fresh interpreter, return what it printed, parsed as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_import_is_light():
    # All public names are loaded, not only the lazy top level. CuPy, Dask and
    # matplotlib wait until somebody uses them; pandas is scikit-learn's affair.
    code = (
        "import json, sys, time\n"
        "import numba, sklearn.gaussian_process, sklearn.kernel_ridge\n"
        "import sklearn.kernel_approximation, sklearn.callback\n"
        "before = set(sys.modules)\n"
        "start = time.perf_counter()\n"
        "import skkernels\n"
        "first = time.perf_counter() - start\n"
        "[getattr(skkernels, name) for name in skkernels.__all__]\n"
        "everything = time.perf_counter() - start\n"
        "new = {m.partition('.')[0] for m in set(sys.modules) - before}\n"
        "print(json.dumps([first, everything, sorted(new)]))\n"
    )
    runs = [_run(code) for _ in range(3)]
    _, _, new = runs[0]
    assert not {"matplotlib", "cupy", "dask", "pandas", "torch", "rich"} & set(new)
    assert min(first for first, _, _ in runs) < 0.1
    assert min(everything for _, everything, _ in runs) < 0.3


def test_import_of_the_top_level_loads_no_numerics():
    code = (
        "import json, sys, skkernels\n"
        "print(json.dumps([m for m in ('numba', 'sklearn', 'scipy')"
        " if m in sys.modules]))"
    )
    assert _run(code) == []


def test_public_names_are_lazy_and_complete():
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    (names,) = (
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and node.targets[0].id == "__all__"
    )
    assert ast.literal_eval(names) == sorted(skkernels.__all__)
    assert len(set(skkernels.__all__)) == len(skkernels.__all__)
    assert set(skkernels.__all__) <= set(dir(skkernels))
    for name in skkernels.__all__:
        assert getattr(skkernels, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        skkernels.no_such_name  # noqa: B018


def _public_modules():
    """Public modules of the package, each with its literal __all__."""
    found = {"skkernels": skkernels}
    for name in skkernels.__all__:
        full = f"skkernels.{name}"
        if full in sys.modules or (PACKAGE / name).is_dir():
            found[full] = importlib.import_module(full)
    return found


@pytest.mark.parametrize("name", sorted(_public_modules()))
def test_every_name_in_all_exists(name):
    module = _public_modules()[name]
    for public in module.__all__:
        assert hasattr(module, public)


def test_every_subpackage_is_public_or_a_shared_layer():
    folders = {p.parent.name for p in PACKAGE.glob("*/__init__.py")}
    assert folders <= set(skkernels.__all__) | set(LAYERS)


def _documented():
    """Names listed by the autosummary tables of doc/api.rst, with their module."""
    text = (ROOT / "doc" / "api.rst").read_text(encoding="utf-8")
    module, names = None, []
    for line in text.splitlines():
        if match := re.match(r"\.\. currentmodule:: (\S+)", line):
            module = match[1]
        elif match := re.match(r"   (\w+)$", line):
            names.append((module, match[1]))
    return names


def test_api_page_lists_every_public_object_once():
    documented = _documented()
    assert len(set(documented)) == len(documented)
    for module, name in documented:
        assert hasattr(importlib.import_module(module), name), (module, name)
    wanted = set()
    for module_name, module in _public_modules().items():
        for name in module.__all__:
            value = getattr(module, name)
            if callable(value) and module_name != "skkernels":
                wanted.add((module_name, name))
    listed = {(module, name) for module, name in documented}
    assert wanted == listed


def test_readme_table_lists_every_estimator():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", text, flags=re.MULTILINE)
    listed = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(listed) == [name for name, _ in all_estimators()]


def test_readme_commands_are_what_ci_runs():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^```sh\n(.*?)\n```$", text, flags=re.MULTILINE | re.DOTALL)
    assert commands == [
        'pip install ".[plot]" && python examples/plot_quickstart.py',
        'pip install -e ".[test]" && pytest',
    ]
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "README.md" in script
    assert not any(command in script for command in commands)


def test_readme_python_blocks_run():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(
        r"^```python\n(.*?)\n```$", text, flags=re.MULTILINE | re.DOTALL
    )
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})


def test_version_is_said_once():
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+)?", skkernels.__version__)
    minor = ".".join(skkernels.__version__.split(".")[:2])
    assert (ROOT / "doc" / "whats_new" / f"v{minor}.rst").exists()


def test_show_versions(capsys):
    assert show_versions() is None
    text = capsys.readouterr().out
    for word in ("python", "numba", "scikit-learn", skkernels.__version__, "threads"):
        assert word in text
    found = dependency_info()
    assert found["numpy"] is not None
    assert set(found) >= {"scikit-learn", "cupy-cuda13x", "dask"}


def test_all_estimators():
    everything = all_estimators()
    assert [name for name, _ in everything] == sorted(name for name, _ in everything)
    regressors = all_estimators("regressor")
    classifiers = all_estimators("classifier")
    assert ("KernelRidge", skkernels.KernelRidge) in regressors
    assert not set(regressors) & set(classifiers)
    assert all_estimators(["regressor", "classifier"]) == sorted(
        regressors + classifiers
    )
    with pytest.raises(ValueError, match="type_filter.*'regresser'"):
        all_estimators("regresser")
