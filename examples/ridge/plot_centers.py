"""
============================
Which centers, and how many?
============================

:class:`~skkernels.ridge.NystroemKernelRidge` has a coefficient for each of a few rows,
the centers, instead of one for every training row. This example compares four ways to
choose the centers, on data with heavy tails, where the choice matters much.
"""

# %%
# The data
# --------
# Both features follow a Student distribution: most rows are crowded in the middle, and
# some are far out and alone. The target is as variable there as anywhere else.

import matplotlib.pyplot as plt
import numpy as np

from skkernels import KernelRidge, NystroemKernelRidge

rng = np.random.default_rng(0)
X = np.clip(rng.standard_t(2, size=(3000, 2)), -12, 12)
truth = np.sin(X[:, 0]) + np.cos(X[:, 1])
y = truth + 0.1 * rng.normal(size=3000)
X_train, X_test, y_train, truth_test = X[:2000], X[2000:], y[:2000], truth[2000:]

# %%
# The fits
# --------
# The choice is random, so each is made three times. The exact model, with a coefficient
# for each of the 2000 training rows, has no intercept; so have the others here. The
# error is the root mean squared distance to the noise-free target on new rows.

params = {"kernel": "rbf", "gamma": 0.25, "alpha": 0.01}


def error(model):
    residuals = truth_test - model.fit(X_train, y_train).predict(X_test)
    return np.sqrt(np.mean(residuals**2))


exact = error(KernelRidge(**params))
n_centers = [20, 40, 80, 160, 320]
model = NystroemKernelRidge(fit_intercept=False, **params)
errors = {"uniform": [], "leverage": [], "kmeans++": [], "rpcholesky": []}
for selection, rows in errors.items():
    for m in n_centers:
        model.set_params(n_centers=m, center_selection=selection)
        rows.append([error(model.set_params(random_state=seed)) for seed in range(3)])
    print(f"{selection:10}", np.median(rows, axis=1).round(3), f"exact {exact:.3f}")

# %%
# The figure shows the median over the three choices, and their range.

fig, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
for (selection, rows), marker in zip(errors.items(), "o^sD"):
    low, middle, high = np.quantile(rows, [0, 0.5, 1], axis=1)
    ax.plot(n_centers, middle, marker=marker, label=selection)
    ax.fill_between(n_centers, low, high, alpha=0.15)
ax.axhline(exact, color="black", ls="--", label="KernelRidge, all rows")
ax.set(xscale="log", yscale="log", xlabel="number of centers", ylabel="test error")
ax.set_xticks(n_centers, labels=n_centers)
ax.set_yticks([0.05, 0.1, 0.2, 0.3], labels=["0.05", "0.1", "0.2", "0.3"])
ax.minorticks_off()
ax.legend(title="center_selection", frameon=False, loc="upper right")
plt.show()

# %%
# Centers that are spread out reach the error of the exact model with 160
# (``"rpcholesky"``, which looks at what the kernel leaves unexplained, and
# ``"leverage"``, which looks at how much each row counts by itself) or 320
# (``"kmeans++"``, which looks at distances). Uniform ones crowd where the rows do,
# leave the tails alone, and with 320 still have twice the error. Where rows are spread
# evenly there is little to gain, and uniform centers, the default, cost nothing.
