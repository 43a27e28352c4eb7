"""
============================
Watching conjugate gradients
============================

With ``solver="pcg"``, :class:`~skkernels.ridge.KernelRidge` is fitted iteration by
iteration, and scikit-learn's callbacks can watch it. This example follows the score on
validation data, and stops the solver when the score no longer changes.
"""

# %%
# Two callbacks
# -------------
# scikit-learn's :class:`~sklearn.callback.ScoringMonitor` logs a score after each
# iteration. A callback of our own ends the fit by returning True: when the validation
# score has moved by less than 0.001 over three iterations.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.callback import ScoringMonitor
from sklearn.datasets import make_friedman1

from skkernels import KernelRidge

X, y = make_friedman1(4500, noise=1.0, random_state=0)
y -= y[:2500].mean()
X_train, X_valid, X_test = np.split(X, [2500, 3500])
y_train, y_valid, y_test = np.split(y, [2500, 3500])


class StopWhenSettled:
    def setup(self, estimator, context):
        self.scores = []

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if context.task_name == "iteration":
            self.scores.append(fitted_estimator.score(X_valid, y_valid))
            return len(self.scores) > 3 and np.ptp(self.scores[-4:]) < 1e-3

    def teardown(self, estimator, context):
        pass

    on_fit_task_begin = teardown


# %%
# The fits
# --------
# For each ``alpha`` once until the residual is small, and once until the score settles.

scoring = {"score": lambda model, X, y: model.score(X_valid, y_valid)}
fig, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
for alpha in (1.0, 0.1, 0.01, 0.001):
    model = KernelRidge(alpha, kernel="rbf", gamma=0.3, solver="pcg", random_state=0)
    monitor = ScoringMonitor(scoring=scoring)
    full = clone(model).set_callbacks(monitor).fit(X_train, y_train)
    log = monitor.get_logs().data
    scores = np.array([row["score"] for row in log if row["task_name"] == "iteration"])
    early = clone(model).set_callbacks(StopWhenSettled()).fit(X_train, y_train)
    for fitted in (full, early):
        test = fitted.score(X_test, y_test)
        print(f"alpha={alpha}: {test:.4f} on test data, {fitted.n_iter_} iterations")
    iterations = range(1, full.n_iter_ + 1)
    (line,) = ax.loglog(iterations, 1 - scores, label=f"alpha = {alpha:g}")
    stop = early.n_iter_
    ax.plot(stop, 1 - scores[stop - 1], "o", ms=9, color=line.get_color())

ax.plot([], [], "o", ms=9, color="gray", label="the callback stops")
ax.set(xlabel="iteration", ylabel="unexplained variance, validation data")
ax.set_xticks([1, 2, 5, 10, 20, 50], labels=[1, 2, 5, 10, 20, 50])
ax.set_yticks([0.05, 0.1, 0.2, 0.5, 1], labels=["0.05", "0.1", "0.2", "0.5", "1"])
ax.minorticks_off()
ax.legend(frameon=False, loc="upper right")
plt.show()

# %%
# The score settles long before the residual is small, and stopping there costs next to
# nothing on test data. It does not take the place of ``alpha``: no curve turns upwards
# later on, and where it levels off is decided by ``alpha``.
