"""
========================
Choosing alpha and gamma
========================

:class:`~skkernels.ridge.KernelRidgeCV` scores every ridge strength by exact
leave-one-out: what each row is predicted to be by a model fitted to all the others. One
eigendecomposition per kernel width answers that for all rows and all ridge strengths,
and no model is fitted for it. This example compares the answer with the error on new
data.
"""

# %%
# The data
# --------
# Hourly measurements are often like this: a few hundred rows with a daily rhythm and a
# slow trend, of features on different scales, and noise.

import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skkernels import KernelRidge, KernelRidgeCV

rng = np.random.default_rng(0)


def measurements(n):
    hour, day = rng.uniform(0, 24, n), rng.uniform(0, 60, n)
    humidity = rng.uniform(20, 100, n)
    load = 8 * np.sin(np.pi * hour / 12) + 0.15 * day + 0.002 * (humidity - 60) ** 2
    return np.column_stack([hour, day, humidity]), load - 5


X, y = measurements(300)
y += 2.0 * rng.normal(size=300)
X_new, y_new = measurements(5000)

# %%
# The search
# ----------
# Five widths and 19 ridge strengths are tried by default: 95 models, each of them
# leaving out one row after the other.

start = time.perf_counter()
model = make_pipeline(StandardScaler(), KernelRidgeCV()).fit(X, y)
seconds = time.perf_counter() - start
search = model[-1]
n_fits = search.scores_.size * len(X)
print(f"{search.cv_}: the scores of {n_fits} fits in {seconds:.2f} s")
print(f"alpha={search.alpha_:.3g}, gamma={search.gamma_:.3g}")

# %%
# What the scores should have been
# --------------------------------
# Each of the 95 models, fitted to all rows, is evaluated on new data without noise. The
# variance of the noise, 4, is part of every leave-one-out error, so it is added.

scaler = model[0]
Z, Z_new = scaler.transform(X), scaler.transform(X_new)


def new_error(alpha, gamma):
    fitted = KernelRidge(alpha, kernel="rbf", gamma=gamma).fit(Z, y)
    return np.mean((y_new - fitted.predict(Z_new)) ** 2) + 4.0


alphas, gammas = search.alphas_, search.gammas_
errors = np.array([[new_error(a, g) for a in alphas] for g in gammas])
print(
    f"error of the choice: {new_error(search.alpha_, search.gamma_):.2f}, "
    f"of the best of all: {errors.min():.2f}, of y's mean: {y_new.var() + 4:.2f}"
)

# %%

fig, axes = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained", sharey=True)
colors = plt.cm.viridis(np.linspace(0, 0.9, len(gammas)))
for gamma, loo, new, color in zip(gammas, -search.scores_, errors, colors):
    axes[0].loglog(alphas, loo, color=color, label=f"{gamma:.2g}")
    axes[1].loglog(alphas, new, color=color)
for ax, title in zip(axes, ["leave-one-out, 300 rows", "new data, 5000 rows"]):
    ax.set(title=title, xlabel="alpha")
    ax.axhline(4, color="gray", ls=":")
axes[0].plot(search.alpha_, -search.best_score_, "k*", ms=13, label="chosen")
chosen = new_error(search.alpha_, search.gamma_)
axes[1].plot(search.alpha_, chosen, "k*", ms=13)
axes[0].set(ylabel="mean squared error", ylim=(3.5, 60))
axes[0].set_yticks([4, 10, 20, 40], labels=[4, 10, 20, 40])
axes[0].minorticks_off()
fig.legend(title="gamma", frameon=False, loc="outside right upper")
axes[1].text(100, 4.05, "variance of the noise", color="gray", ha="right", va="bottom")
plt.show()

# %%
# The curves on the left are computed from the 300 rows alone, and have the shape of
# those on the right; the choice is as good as any of the 95 models. The wider the
# kernel (the smaller gamma), the weaker the ridge it needs: the two have to be chosen
# together.
