"""
================================
A coreset as data, or as centers
================================

A few samples that stand for many have two uses in kernel ridge regression. They can
take the place of the data, as in :class:`~skkernels.thinning.ThinnedKernelRidge`. Or
their kernel functions can be what a model of all the data is made of, as in
:class:`~skkernels.ridge.NystroemKernelRidge` with ``center_selection="thinning"``. Both
predict at the same cost. This example compares them with each other, and the second one
with other ways to choose centers.
"""

# %%
# The data
# --------
# Rows fill a square, so that no place is more important than another.

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np

from skkernels import NystroemKernelRidge, ThinnedKernelRidge

n = 6000


def make_data(seed):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 2, size=(n + 1000, 2))
    truth = np.sin(3 * X[:, 0]) + np.cos(3 * X[:, 1])
    return X[:n], truth[:n] + 0.2 * rng.normal(size=n), X[n:], truth[n:]


def nystroem(size, selection, seed):
    return NystroemKernelRidge(
        size, center_selection=selection, alpha=0.1, gamma=2.0, random_state=seed
    )


# %%
# The fits
# --------
# Each is made for five draws of the data and of the choice.

sizes = [30, 45, 64, 90, 128]
models = {
    "ThinnedKernelRidge": lambda size, seed: ThinnedKernelRidge(
        size, alpha=1.0, gamma=2.0, random_state=seed
    )
}
for selection in ("uniform", "thinning", "kmeans++", "rpcholesky"):
    models[selection] = lambda size, seed, s=selection: nystroem(size, s, seed)

errors = {name: np.empty((5, len(sizes))) for name in models}
for seed in range(5):
    X, y, X_test, truth = make_data(seed)
    for name, make in models.items():
        start = perf_counter()
        for j, size in enumerate(sizes):
            residuals = make(size, seed).fit(X, y).predict(X_test) - truth
            errors[name][seed, j] = np.sqrt(np.mean(residuals**2))
        if seed == 4:
            print(f"{name:18} {perf_counter() - start:.2f} s for all sizes")

# %%
# The figure shows 45 centers of two kinds in the square, and the median error with its
# range.

fig, axes = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
for ax, selection in zip(axes, ("uniform", "thinning")):
    centers = nystroem(45, selection, 0).fit(X, y).centers_
    ax.plot(*X.T, ".", ms=1, color="0.85")
    ax.plot(*centers.T, "o", ms=4, color="C1" if selection == "uniform" else "C2")
    ax.set(title=f"45 centers, {selection}", xticks=[], yticks=[], aspect="equal")
ax = axes[2]
for (name, values), marker in zip(errors.items(), "xo^sD"):
    label = name if name == "ThinnedKernelRidge" else f"centers: {name}"
    ax.plot(sizes, np.median(values, axis=0), marker=marker, ms=4, label=label)
    ax.fill_between(sizes, values.min(axis=0), values.max(axis=0), alpha=0.12)
ax.set(xscale="log", yscale="log", xlabel="size of the coreset", ylabel="test error")
ax.set_xticks(sizes, labels=sizes)
ax.set_yticks([0.05, 0.1, 0.2, 0.5], labels=["0.05", "0.1", "0.2", "0.5"])
ax.minorticks_off()
ax.legend(frameon=False, fontsize="x-small")
plt.show()

# %%
# As centers, the samples of the coreset serve a model of all 6000 targets, and its
# error falls fast, because the noise is averaged over all of them. As data, they have
# only their own targets: the price of a fit that never looks at all samples. Wherever
# one pass over the data for each fit can be afforded,
# :class:`~skkernels.ridge.NystroemKernelRidge` with thinned centers is the better use
# of a coreset.
#
# Thinned centers leave fewer gaps than uniform ones and so need fewer of them, and
# their error hardly depends on the seed. ``"kmeans++"`` and ``"rpcholesky"``, which
# push centers apart whatever the density is, are at least as good here, and better
# where the tails of the data matter
# (:ref:`sphx_glr_auto_examples_ridge_plot_centers.py`). What speaks for thinned ones is
# that they follow the density of the data: averages over them are those over the data.
