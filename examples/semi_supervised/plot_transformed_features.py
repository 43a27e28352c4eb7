"""
=========================================
Regression along a roll, and its features
=========================================

Rows on a rolled-up sheet: two places can be close in space and far apart along the
sheet. 20 of 1500 rows have a target, which changes along the sheet.
:class:`~skkernels.semi_supervised.STKRRegressor` finds the sheet from the other rows.
:class:`~skkernels.semi_supervised.SpectralKernelTransformer` hands out the functions of
which its models are made, for use in any other model.
"""

# %%
# Few targets
# -----------

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_swiss_roll
from sklearn.linear_model import Ridge

from skkernels import KernelRidge
from skkernels.semi_supervised import SpectralKernelTransformer, STKRRegressor

X, position = make_swiss_roll(1500, noise=0.1, random_state=0)
target = np.sin(position / 2)
labeled = np.argsort(position)[37::75]
y = np.full(len(X), np.nan)
y[labeled] = target[labeled]
hidden = np.isnan(y)
settings = {"kernel": "rbf", "gamma": 0.1}

ridge = KernelRidge(alpha=0.01, **settings).fit(X[labeled], y[labeled])
values = {"kernel ridge regression": ridge.predict(X)}
for eta in (0.9, 0.999):
    model = STKRRegressor(eta=eta, alpha=0.01, **settings).fit(X, y)
    values[f"inverse Laplacian, eta={eta}"] = model.transduction_

# %%
# Kernel ridge regression guesses 0 where no target is near. The inverse Laplacian goes
# on along the sheet; the larger eta, the further.

fig, axes = plt.subplots(1, 4, figsize=(12, 3.4), sharey=True, layout="constrained")
titles = ["target", *values]
for ax, title in zip(axes, titles):
    shown = target if title == "target" else values[title]
    image = ax.scatter(X[:, 0], X[:, 2], c=shown, s=4, cmap="coolwarm", vmin=-1, vmax=1)
    if title != "target":
        error = np.sqrt(np.mean((shown - target)[hidden] ** 2))
        title = f"{title}\nerror {error:.2f}"
    ax.scatter(*X[labeled][:, [0, 2]].T, s=22, facecolors="none", edgecolors="black")
    ax.set_title(title, fontsize=10)
    ax.set_aspect("equal")
fig.colorbar(image, ax=axes)
plt.show()

# %%
# The features
# ------------
# Features need no targets. A linear ridge regression on those of a truncation is the
# model that :class:`~skkernels.semi_supervised.STKRRegressor` fits.

features = SpectralKernelTransformer(
    60, transformation="truncation", **settings
).fit_transform(X)
linear = Ridge(alpha=0.01, fit_intercept=False).fit(features[labeled], y[labeled])
model = STKRRegressor("truncation", n_components=60, alpha=0.01, **settings).fit(X, y)
gap = np.abs(linear.predict(features) - model.transduction_).max()
print(f"largest difference: {gap:.1e}")

fig, axes = plt.subplots(1, 4, figsize=(12, 3), sharey=True, layout="constrained")
for j, ax in enumerate(axes, start=1):
    shown = features[:, j]
    ax.scatter(X[:, 0], X[:, 2], c=shown, s=4, cmap="coolwarm")
    ax.set_title(f"feature {j + 1}", fontsize=10)
    ax.set_aspect("equal")
plt.show()
