"""
====================================
Kernel ridge regression on a coreset
====================================

:class:`~skkernels.thinning.ThinnedKernelRidge` fits kernel ridge regression to a few of
the samples, chosen with their targets such that they stand for all. This example
compares it with all samples and with random ones.
"""

# %%
# The data
# --------
# The target waves faster than its noise lets single samples show, and the more the
# farther to the right.

import matplotlib.pyplot as plt
import numpy as np

from skkernels import KernelRidge, ThinnedKernelRidge

n, n_test = 4000, 500
params = {"kernel": "rbf", "gamma": 30.0, "alpha": 1.0}


def make_data(seed):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-np.sqrt(3), np.sqrt(3), size=(n + n_test, 1))
    truth = 8 * np.sin(8 * X[:, 0]) * np.exp(X[:, 0])
    y = truth[:n] + 2.0 * rng.normal(size=n)
    return X[:n], y, X[n:], truth[n:]


# %%
# The fits
# --------
# A random subset is given the weights that a coreset has, so that ``alpha`` means the
# same for all three. Each fit is made for eight draws of data and samples.

sizes = [32, 64, 128, 256, 512]
errors = {"random subset": [], "coreset": [], "all samples": []}


def error(model, X_test, truth):
    return np.sqrt(np.mean((model.predict(X_test) - truth) ** 2))


for seed in range(8):
    X, y, X_test, truth = make_data(seed)
    model = KernelRidge(solver="pcg", **params).fit(X, y)
    errors["all samples"].append(error(model, X_test, truth))
    random, coreset = [], []
    for size in sizes:
        rows = np.random.default_rng(seed).permutation(n)[:size]
        weights = np.full(size, n / size)
        model = KernelRidge(**params).fit(X[rows], y[rows], sample_weight=weights)
        random.append(error(model, X_test, truth))
        model = ThinnedKernelRidge(size, random_state=seed, **params).fit(X, y)
        coreset.append(error(model, X_test, truth))
    errors["random subset"].append(random)
    errors["coreset"].append(coreset)

everything = np.median(errors.pop("all samples"))
for name, rows in errors.items():
    print(f"{name:14}", np.median(rows, axis=0).round(2), f"all {everything:.2f}")

# %%
# The figure shows a fit to 32 samples of either kind, and the median error and its
# quartiles over the draws.

X, y, X_test, truth = make_data(1)
grid = np.linspace(-np.sqrt(3), np.sqrt(3), 400)[:, None]
thinned = ThinnedKernelRidge(32, random_state=1, **params).fit(X, y)
rows = np.random.default_rng(1).permutation(n)[:32]
subset = KernelRidge(**params).fit(X[rows], y[rows], sample_weight=np.full(32, n / 32))

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
left.plot(X[::4], y[::4], ".", ms=2, color="0.8")
left.plot(X[rows], y[rows], "o", ms=3, color="C0")
left.plot(grid, subset.predict(grid), color="C0", lw=1, label="random subset")
left.plot(thinned.coreset_, y[thinned.sample_indices_], "s", ms=3, color="C1")
left.plot(grid, thinned.predict(grid), color="C1", lw=1, label="coreset")
left.set(xlabel="x", ylabel="y", ylim=(-60, 60), title="32 of 4000 samples")
left.legend(frameon=False, loc="lower left")
for (name, values), color, marker in zip(errors.items(), ["C0", "C1"], "os"):
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
    right.plot(sizes, middle, color=color, marker=marker, label=name)
    right.fill_between(sizes, low, high, color=color, alpha=0.15)
right.axhline(everything, color="black", ls="--", label="all samples")
right.set(xscale="log", yscale="log", xlabel="number of samples", ylabel="test error")
right.set_xticks(sizes, labels=sizes)
right.set_yticks([0.2, 0.5, 1, 2, 5], labels=["0.2", "0.5", "1", "2", "5"])
right.minorticks_off()
right.legend(frameon=False)
plt.show()

# %%
# Random samples leave gaps, in which the curve falls back to the mean. Those of the
# coreset are evenly spread, and where several are close, their noise cancels: half as
# many are as good. All samples together are still better, since a coreset cannot
# average their noise. Where targets are to count in full and the data are too many for
# the exact model, :class:`~skkernels.ridge.NystroemKernelRidge` is the next thing to
# try.
