"""The estimator that the developer guide invites to copy keeps its promise."""

import doctest
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
from sklearn.utils.estimator_checks import parametrize_with_checks

from skkernels.kernels import RBF

PATH = Path(__file__).parent.parent / "doc" / "developer" / "estimator_skeleton.py"


def _load():
    spec = spec_from_file_location("estimator_skeleton", PATH)
    module = sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


skeleton = _load()


@parametrize_with_checks([skeleton.ParzenClassifier()])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_examples_of_the_docstrings():
    results = doctest.testmod(skeleton)
    assert results.attempted > 0
    assert results.failed == 0


def test_scores_are_the_kernel_mass_of_the_classes():
    rng = np.random.default_rng(0)
    X, T = rng.normal(size=(60, 3)), rng.normal(size=(7, 3))
    y = np.arange(60) % 3
    w = rng.uniform(size=60)
    model = skeleton.ParzenClassifier(gamma=0.4).fit(X, y, sample_weight=w)
    K = RBF(length_scale=1 / np.sqrt(0.8))(T, X) * w / w.sum()
    expected = np.stack([K[:, y == c].sum(axis=1) for c in range(3)], axis=1)
    np.testing.assert_allclose(model.decision_function(T), expected, rtol=1e-12)
