"""
===================================
Sixty-four rows that stand for 4096
===================================

A sample of a Gaussian mixture is thinned to few rows: at random, by kernel herding and
by kernel thinning. The rows that thinning keeps are spread evenly over the clusters,
and with more data its error falls as fast as if all rows had been kept.
"""

import matplotlib.pyplot as plt
import numpy as np

from skkernels.coresets import kernel_mean, mmd
from skkernels.inspection import ThinningDisplay
from skkernels.kernels import RBF
from skkernels.thinning import KernelHerding, KernelThinning

# %%
# The mixture has six clusters, two of which have most of the rows.

means = 3.0 * np.array([[0, 2], [-2, 0], [2, 0], [0, -2], [1.2, 1.2], [-1.2, -1.2]])
shares = np.array([0.35, 0.25, 0.1, 0.1, 0.1, 0.1])


def sample(n, seed):
    """Rows of the mixture, in random order."""
    rng = np.random.default_rng(seed)
    return means[rng.choice(6, size=n, p=shares)] + rng.normal(size=(n, 2))


kernel = RBF(length_scale=2.0)

# %%
# Of 1024 rows 32 are kept. ``KernelThinning`` measures by the maximum mean discrepancy
# (MMD) in the kernel how far the coreset is from the data.

X = sample(1024, seed=0)
thinning = KernelThinning(32, kernel=kernel, random_state=0).fit(X)
herding = KernelHerding(32, kernel=kernel).fit(X)
coresets = {
    "32 random rows": X[:32],
    "kernel herding": herding.coreset_,
    "kernel thinning": thinning.coreset_,
}

fig, axes = plt.subplots(1, 3, figsize=(10, 4.2), layout="constrained", sharey=True)
for ax, (name, rows) in zip(axes, coresets.items()):
    ax.scatter(*X.T, s=4, color="0.8", linewidths=0)
    ax.scatter(*rows.T, s=28, color="C3", edgecolors="white", linewidths=0.6)
    ax.set(title=f"{name}\nMMD {mmd(kernel, X, rows):.4f}", aspect="equal")
    ax.set(xticks=[], yticks=[])
plt.show()

# %%
# How does the error depend on the size of the data? Each time :math:`\sqrt n` of n rows
# are kept. The distance to the mixture itself, not to the sample, has a closed form,
# because the kernel is Gaussian. The whole sample is at a distance that falls as
# :math:`n^{-1/2}`, random rows of it at one that falls as :math:`n^{-1/4}`.


def mean_of_kernel(rows):
    """Mean of the kernel's function at each row under the mixture."""
    squares = ((rows[:, np.newaxis] - means) ** 2).sum(axis=2)
    return 0.8 * np.exp(-squares / 10.0) @ shares


squares = ((means[:, np.newaxis] - means) ** 2).sum(axis=2)
norm = shares @ (2 / 3 * np.exp(-squares / 12.0)) @ shares


def error(rows):
    """MMD between equally weighted rows and the mixture."""
    return np.sqrt(
        kernel_mean(kernel, rows).mean() - 2 * mean_of_kernel(rows).mean() + norm
    )


sizes = 4 ** np.arange(3, 7)
methods = {
    "all n rows": lambda X: X,
    r"$\sqrt{n}$ random rows": lambda X: X[: int(len(X) ** 0.5)],
    "kernel herding": KernelHerding(kernel=kernel).fit_resample,
    "kernel thinning": KernelThinning(kernel=kernel, random_state=0).fit_resample,
}
errors = {name: [] for name in methods}
for n in sizes:
    samples = [sample(n, seed) for seed in range(8)]
    for name, choose in methods.items():
        errors[name].append(np.mean([error(choose(X)) for X in samples]))

# %%

fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
styles = {"all n rows": "k--", "kernel thinning": "C3o-", "kernel herding": "C0s-"}
for name, values in errors.items():
    slope = np.polyfit(np.log(sizes), np.log(values), 1)[0]
    ax.loglog(
        sizes, values, styles.get(name, "C7^-"), label=f"{name}, slope {slope:.2f}"
    )
ax.set(xlabel="n", ylabel="MMD to the mixture", xticks=sizes, xticklabels=sizes)
ax.minorticks_off()
ax.legend(frameon=False)
plt.show()

# %%
# The :math:`\sqrt n` rows that thinning keeps are nearly as close to the mixture as all
# n rows are: of 4096 rows, 64 are enough. Herding lags behind with as few features as
# here; with ten or more the two are about equal.

# %%
# For data of your own, :class:`~skkernels.inspection.ThinningDisplay` draws the coreset
# of a fitted estimator, or the MMD between data and coreset for several sizes of it.

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
ThinningDisplay.from_estimator(thinning, X, ax=left)
for estimator in (herding, thinning):
    ThinningDisplay.from_estimator(estimator, X, kind="mmd", ax=right)
plt.show()
