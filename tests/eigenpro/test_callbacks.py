"""Epochs seen by callbacks and by ``verbose``."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.callback import ScoringMonitor
from sklearn.datasets import load_iris

from skkernels import EigenProClassifier, EigenProRegressor

X, y = load_iris(return_X_y=True)
MODELS = pytest.mark.parametrize(
    "model",
    [
        EigenProRegressor(max_iter=4, random_state=0),
        EigenProRegressor(30, max_iter=4, random_state=0),
        EigenProClassifier(max_iter=4, random_state=0),
        EigenProClassifier(30, max_iter=4, random_state=0),
    ],
    ids=str,
)


class Recorder:
    """Keeps what the model of each epoch predicts; asks to stop after one of them."""

    def __init__(self, stop_at=None):
        self.stop_at = stop_at
        self.predictions = []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if context.task_name != "epoch":
            return False
        self.predictions.append(fitted_estimator.predict(X))
        return len(self.predictions) == self.stop_at


@MODELS
def test_every_epoch_is_seen(model):
    recorder = Recorder()
    fitted = clone(model).set_callbacks(recorder).fit(X, y)
    assert len(recorder.predictions) == 4 == fitted.n_iter_
    for epochs, prediction in enumerate(recorder.predictions, 1):
        shorter = clone(model).set_params(max_iter=epochs).fit(X, y)
        assert_allclose(prediction, shorter.predict(X))


@MODELS
def test_a_callback_ends_the_fit(model):
    recorder = Recorder(stop_at=2)
    model = clone(model).set_callbacks(recorder).fit(X, y)
    assert model.n_iter_ == 2 == len(model.train_loss_)
    assert_array_equal(model.predict(X), recorder.predictions[-1])


def test_scores_of_epochs():
    monitor = ScoringMonitor(scoring="accuracy")
    model = EigenProClassifier(20, max_iter=3, random_state=0)
    model.set_callbacks(monitor).fit(X, y)
    log = monitor.get_logs().data_as_pandas
    scores = log.loc[log.task_name == "epoch", "accuracy"]
    assert len(scores) == 3
    assert scores.iloc[-1] == model.score(X, y) > 0.8


@pytest.mark.parametrize("verbose, lines", [(0, 0), (1, 10), (2, 20)])
def test_verbose(capsys, verbose, lines):
    EigenProRegressor(10, max_iter=20, verbose=verbose, random_state=0).fit(X, y)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == lines
    if lines:
        assert printed[-1].startswith(
            "[EigenProRegressor] epoch 20/20, mean squared residual "
        )


def test_verbose_early_stopping(capsys):
    model = EigenProClassifier(
        max_iter=50, early_stopping=True, n_iter_no_change=2, verbose=2, random_state=0
    ).fit(X, y)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == model.n_iter_ < 50
    assert np.argmax(model.validation_scores_) <= model.n_iter_ - 2
