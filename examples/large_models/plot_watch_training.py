"""
=================================
Watching EigenPro, epoch by epoch
=================================

scikit-learn's callbacks see every epoch of an EigenPro fit:
:class:`~sklearn.callback.ProgressBar` says how far it is, and
:class:`~sklearn.callback.ScoringMonitor` keeps scores. With all rows as centers and
noisy targets the scores show why one should look: the model is best long before it has
learnt the training data by heart.
"""

# %%
# The data
# --------
# 2000 rows to train on and 2000 for testing. The noise has a variance of 4, the signal
# one of 24.

import importlib.util

import matplotlib.pyplot as plt
from sklearn.base import clone
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.datasets import make_friedman1

from skkernels import EigenProRegressor

X, y = make_friedman1(4000, noise=2.0, random_state=0)
X, X_test, y, y_test = X[:2000], X[2000:], y[:2000], y[2000:]

# %%
# The callbacks
# -------------
# A monitor takes any scorers, by name or as functions of a model and data; it gives
# them the training data, and what else they need they bring along. The progress bar is
# drawn by the package ``rich``, where that is installed.

monitor = ScoringMonitor(
    scoring={
        "training": "r2",
        "test": lambda model, X, y: model.score(X_test, y_test),
    }
)
callbacks = [monitor]
if importlib.util.find_spec("rich"):
    callbacks.append(ProgressBar())

model = EigenProRegressor(kernel="rbf", gamma=0.3, max_iter=20, random_state=0)
model.set_callbacks(*callbacks).fit(X, y)
log = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
training = [row["training"] for row in log]
test = [row["test"] for row in log]

# %%
# Early stopping
# --------------
# ``early_stopping=True`` sets a tenth of the training rows aside for what the test data
# were used for above, and keeps the coefficients of the best epoch.

stopped = clone(model).set_callbacks().set_params(early_stopping=True).fit(X, y)
best = 1 + stopped.validation_scores_.index(max(stopped.validation_scores_))
stopped_score = stopped.score(X_test, y_test)
print(f"after {model.n_iter_} epochs: {test[-1]:.3f} on test data")
print(f"stopped after {stopped.n_iter_}, epoch {best} kept: {stopped_score:.3f}")

fig, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
epochs = range(1, model.n_iter_ + 1)
ax.plot(epochs, training, color="gray", label="training data")
ax.plot(epochs, test, color="tab:blue", label="test data")
ax.plot(best, stopped_score, "*", ms=13, color="tab:red", label="with early_stopping")
ax.set(xlabel="epoch", ylabel="$R^2$", xticks=[1, 5, 10, 15, 20])
ax.legend(frameon=False)
plt.show()

# %%
# Training error alone would have said: go on. With a smooth kernel and no ridge, every
# epoch after the second spends itself on noise.
