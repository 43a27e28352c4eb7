"""
=============================================
What EigenPro converges to, and how to polish
=============================================

With centers, EigenPro aims at the least-squares solution on these centers. Two things
keep it away: steps of constant length go on answering to the noise of each batch, and
delayed projections let the model drift towards the interpolant of the data between
them. This example shows both, and the two ways to get rid of them:
``learning_rate="invscaling"`` and ``polish=True``.
"""

# %%
# The problem
# -----------
# 2000 rows with noise, 200 of them centers. That is small enough to compute the
# least-squares solution by dense linear algebra, and to compare with it.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import make_friedman1

from skkernels import EigenProRegressor

X, y = make_friedman1(2000, noise=1.0, random_state=0)
centers = X[:200]


class Coefficients:
    """A callback that keeps the coefficients of each epoch."""

    def setup(self, estimator, context):
        self.epochs = []

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if context.task_name == "epoch":
            self.epochs.append(fitted_estimator.coef_)

    def teardown(self, estimator, context):
        pass

    on_fit_task_begin = teardown


def excess(model, coef):
    """Mean squared training error over that of least squares, less 1."""
    K = model.kernel_(X, model.centers_)
    target = y - model.intercept_
    best = K @ np.linalg.lstsq(K, target, rcond=None)[0]
    ratio = np.mean((target - K @ coef) ** 2) / np.mean((target - best) ** 2)
    return max(ratio - 1.0, np.finfo(float).eps)


# %%
# The fits
# --------
# Batches have 86 rows, about what ``batch_size="auto"`` finds, so that an epoch has 24
# steps. ``projection_period=1`` is EigenPro 3, the others are EigenPro 4. The average
# of the coefficients after the last ten epochs has lost most of the noise; what it is
# off by is mostly bias.

variants = {
    "project after each step (EigenPro 3)": {"projection_period": 1},
    "every 5 steps": {"projection_period": 5},
    "once in an epoch": {"projection_period": 24},
    "each step, invscaling": {"projection_period": 1, "learning_rate": "invscaling"},
    "once in an epoch, invscaling": {
        "projection_period": 24,
        "learning_rate": "invscaling",
    },
}
model = EigenProRegressor(
    center_selection=centers, batch_size=86, max_iter=20, random_state=0
)
curves = {}
print(f"{'':38} epoch 20   average of 11 to 20")
for name, options in variants.items():
    callback = Coefficients()
    watched = clone(model).set_params(**options).set_callbacks(callback).fit(X, y)
    curves[name] = [excess(watched, coef) for coef in callback.epochs]
    average = excess(watched, np.mean(callback.epochs[10:], axis=0))
    print(f"{name:38} {curves[name][-1]:.1e}   {average:.1e}")

# %%
# ``polish=True`` goes on from the last epoch with conjugate gradients, which know
# neither noise nor delay. How good the epochs were does not matter for where they end.

polished = clone(model).set_params(polish=True, projection_period=24).fit(X, y)
rest = excess(polished, polished.coef_)
print(f"{'once in an epoch, polished':38} {rest:.1e}")

# %%

fig, ax = plt.subplots(figsize=(7.5, 4.5), layout="constrained")
epochs = range(1, 21)
colors = ["tab:blue", "tab:orange", "tab:red", "tab:blue", "tab:red"]
for (name, curve), color in zip(curves.items(), colors):
    style = "--" if "invscaling" in name else "-"
    ax.semilogy(epochs, curve, style, color=color, label=name)
ax.annotate(
    "",
    xy=(20, 1e-4),
    xytext=(20, curves["once in an epoch"][-1]),
    arrowprops={"arrowstyle": "->", "color": "tab:red"},
)
ax.text(20.3, 1.4e-4, f"polish:\n{rest:.0e}", color="tab:red")
ax.set(xlim=(0, 22.5), ylim=(1e-4, 1), xlabel="epoch", xticks=[1, 5, 10, 15, 20])
ax.set_ylabel("training error above least squares, relative")
ax.legend(frameon=False, loc="lower left")
plt.show()

# %%
# The solid lines have levelled off: blue by noise, red by bias. Shorter steps help
# against both, but slowly. On noisy data a training error a few hundredths above the
# least one need not be worse on new data; ``polish`` is for those who want *the*
# solution.
