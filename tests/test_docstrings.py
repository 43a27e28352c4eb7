"""Every public object is documented, and its docstring agrees with its signature."""

import ast
import importlib
import inspect
import re

import pytest
from numpydoc.docscrape import FunctionDoc, NumpyDocString
from numpydoc.validate import validate

import skkernels

# Not demanded: a summary on the line of the quotes' own (GL01), an extended summary
# (ES01), See Also (SA01), Yields (YD01); allowed: a name for a single returned value,
# as scikit-learn gives it (RT02). Of methods also no Examples (EX01).
IGNORED = {"GL01", "ES01", "SA01", "YD01", "RT02"}
IGNORED_METHODS = IGNORED | {"EX01"}


def _public_objects():
    """Map of qualified name to object, one name for each public class or function."""
    modules = [skkernels]
    modules += [
        value
        for value in (getattr(skkernels, name) for name in skkernels.__all__)
        if inspect.ismodule(value)
    ]
    found = {}
    for module in modules[1:]:
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isclass(value) or inspect.isroutine(value):
                found[f"{module.__name__}.{name}"] = value
    for name in skkernels.__all__:
        value = getattr(skkernels, name)
        if inspect.isclass(value) or inspect.isroutine(value):
            assert value in found.values(), f"{name} is public in no module"
    return found


OBJECTS = _public_objects()
CLASSES = {name: obj for name, obj in OBJECTS.items() if inspect.isclass(obj)}


def _methods():
    """Names of the public methods and properties that the package itself defines."""
    found = []
    for class_name, cls in CLASSES.items():
        for name in dir(cls):
            if name.startswith("_"):
                continue
            owner = next(c for c in cls.__mro__ if name in vars(c))
            made_by = type(vars(owner)[name]).__module__  # set_fit_request and the like
            if owner.__module__.startswith("skkernels") and made_by == "builtins":
                found.append(f"{class_name}.{name}")
    return sorted(found)


def _errors(name, ignored):
    return [
        f"{code}: {text}"
        for code, text in validate(name)["errors"]
        if code not in ignored
    ]


@pytest.mark.parametrize("name", sorted(OBJECTS))
def test_docstring_of_object(name):
    assert _errors(name, IGNORED) == []


@pytest.mark.parametrize("name", _methods())
def test_docstring_of_method(name):
    assert _errors(name, IGNORED_METHODS) == []


@pytest.mark.parametrize("name", sorted(importlib.import_module("skkernels").__all__))
def test_module_has_a_docstring(name):
    value = getattr(skkernels, name)
    if inspect.ismodule(value):
        assert inspect.getdoc(value)


def _signature_names(function):
    skipped = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [
        p.name
        for p in inspect.signature(function).parameters.values()
        if p.kind not in skipped and p.name not in ("self", "cls")
    ]


@pytest.mark.parametrize("name", sorted(OBJECTS))
def test_parameters_are_documented_in_order(name):
    value = OBJECTS[name]
    text = inspect.getdoc(value) or ""
    doc = NumpyDocString(text) if inspect.isclass(value) else FunctionDoc(value)
    documented = [
        part.strip() for entry in doc["Parameters"] for part in entry.name.split(",")
    ]
    assert [n for n in documented if not n.startswith("*")] == _signature_names(value)


@pytest.mark.parametrize("name", sorted(OBJECTS))
def test_documented_defaults_are_the_defaults(name):
    value = OBJECTS[name]
    doc = NumpyDocString(inspect.getdoc(value) or "")
    parameters = inspect.signature(value).parameters
    for entry in doc["Parameters"]:
        _, said, text = entry.type.partition("default=")
        for parameter in (part.strip() for part in entry.name.split(",")):
            default = parameters[parameter].default
            has_one = default is not inspect.Parameter.empty
            assert bool(said) == has_one, parameter
            if has_one:
                assert ast.literal_eval(text) == default, parameter


@pytest.mark.parametrize(
    "name", sorted(n for n, c in CLASSES.items() if hasattr(c, "fit"))
)
def test_estimator_says_its_cost_and_its_attributes(name):
    doc = NumpyDocString(inspect.getdoc(CLASSES[name]))
    attributes = [entry.name for entry in doc["Attributes"]]
    assert "n_features_in_" in attributes
    assert "feature_names_in_" in attributes
    assert all(a.endswith("_") for a in attributes)
    notes = " ".join(doc["Notes"])
    assert re.search(r"operations|time|O\(|[Cc]ost", notes)
    assert re.search(r"bytes|memory|[Cc]ost .*as for", notes)
