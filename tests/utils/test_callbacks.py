"""The bridge between solvers and scikit-learn's callbacks."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.callback import ScoringMonitor
from sklearn.model_selection import GridSearchCV

from skkernels.utils._callbacks import CallbackSupportMixin, FitTask
from skkernels.utils._sklearn import _fit_context


class Halving(CallbackSupportMixin, RegressorMixin, BaseEstimator):
    """Predicts a constant that approaches the mean of y by halving the distance."""

    _parameter_constraints: dict = {}

    def __init__(self, max_iter=5, verbose=0):
        self.max_iter = max_iter
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y):
        target, x = np.mean(y), np.zeros(1)
        with FitTask(
            self,
            X,
            y,
            max_iter=self.max_iter,
            state=lambda x: {"mean_": float(x[0])},
        ) as task:
            on_iteration = task.on_iteration
            self.silent_ = on_iteration is None
            for iteration in range(1, self.max_iter + 1):
                x += 0.5 * (target - x)
                residual = abs(target - x[0])
                done = iteration == self.max_iter
                if on_iteration and on_iteration(iteration, x, residual, done):
                    break
            self.n_iter_ = iteration
            self.mean_ = float(x[0])
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_)


class Recorder:
    """Notes every hook; asks to stop at a given iteration."""

    def __init__(self, stop_at=None):
        self.stop_at = stop_at
        self.events = []

    def setup(self, estimator, context):
        self.events.append(("setup",))

    def teardown(self, estimator, context):
        self.events.append(("teardown",))

    def on_fit_task_begin(self, estimator, context):
        self.events.append(("begin", context.task_name, context.task_id))

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        value = getattr(fitted_estimator, "mean_", None)
        self.events.append(("end", context.task_name, context.task_id, value))
        return context.task_name == "iteration" and context.task_id == self.stop_at


X = np.zeros((4, 1))
y = np.full(4, 16.0)


def test_every_iteration_begins_and_ends():
    recorder = Recorder()
    Halving(max_iter=3).set_callbacks(recorder).fit(X, y)
    assert recorder.events == [
        ("setup",),
        ("begin", "fit", 0),
        ("begin", "iteration", 0),
        ("end", "iteration", 0, 8.0),
        ("begin", "iteration", 1),
        ("end", "iteration", 1, 12.0),
        ("begin", "iteration", 2),
        ("end", "iteration", 2, 14.0),
        ("end", "fit", 0, 14.0),
        ("teardown",),
    ]


def test_stop():
    recorder = Recorder(stop_at=1)
    model = Halving(max_iter=50).set_callbacks(recorder).fit(X, y)
    assert model.n_iter_ == 2
    assert model.mean_ == 12.0
    begun = [e[1:3] for e in recorder.events if e[0] == "begin"]
    ended = [e[1:3] for e in recorder.events if e[0] == "end"]
    assert sorted(begun) == sorted(ended)


def test_nothing_to_do_without_listeners():
    assert Halving().fit(X, y).silent_
    assert not Halving().set_callbacks(Recorder()).fit(X, y).silent_
    assert not Halving(verbose=1).fit(X, y).silent_


def test_teardown_after_an_error():
    recorder = Recorder()
    model = Halving().set_callbacks(recorder)
    with pytest.raises(TypeError):
        model.fit(X, ["a", "b", "c", "d"])
    assert ("end", "fit", 0, None) not in recorder.events
    model.fit(X, y)
    assert recorder.events[-1] == ("teardown",)


def test_scores_of_every_iteration():
    pytest.importorskip("pandas")
    monitor = ScoringMonitor(scoring="neg_mean_absolute_error")
    Halving(max_iter=4).set_callbacks(monitor).fit(X, y)
    log = monitor.get_logs().data_as_pandas
    scores = log.loc[log.task_name == "iteration", "neg_mean_absolute_error"]
    assert scores.tolist() == [-8.0, -4.0, -2.0, -1.0]


def test_under_a_meta_estimator():
    recorder = Recorder()
    search = GridSearchCV(
        Halving().set_callbacks(recorder), {"max_iter": [2, 3]}, cv=2, refit=False
    )
    search.fit(X, y)
    ended = [e for e in recorder.events if e[:2] == ("end", "iteration")]
    assert len(ended) == 2 * (2 + 3)


@pytest.mark.parametrize("verbose, n_lines", [(0, 0), (1, 10), (2, 40)])
def test_verbose(verbose, n_lines, capsys):
    Halving(max_iter=40, verbose=verbose).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == n_lines
    if lines:
        assert lines[-1].startswith("[Halving] iteration 40/40, relative residual 1.4")
