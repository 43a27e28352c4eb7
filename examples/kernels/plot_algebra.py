"""
================================
Trend and season: adding kernels
================================

Kernels can be added and multiplied, and a sum of kernels is a model of a sum of causes.
This example forecasts a series that has a trend and a season, with a kernel that says
just that, and tunes the kernel's parts by grid search.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

from skkernels import KernelRidge
from skkernels.kernels import RBF, ExpSineSquared, Linear

# %%
# The data are twelve years of monthly values with noise of standard deviation 0.25. The
# season grows. The last four years are to be forecast.

rng = np.random.default_rng(0)
years = np.arange(144) / 12
season = np.sin(2 * np.pi * years) + 0.5 * np.sin(4 * np.pi * years + 1)
y = 0.4 * years + (1 + 0.05 * years) * season + 0.25 * rng.normal(size=144)
X = years[:, np.newaxis]
past = years < 8

# %%
# ``Linear`` is a trend. ``ExpSineSquared`` repeats itself; multiplied by an ``RBF``,
# it is a season that may change over the years. The search reaches into a kernel by
# the names of its parts: ``k1`` and ``k2`` of the sum, and again of the product.

widths = [0.1, 0.3, 1.0, 3.0, 10.0]
models = {
    "RBF": (RBF(), {"kernel__length_scale": widths}),
    "Linear + RBF": (0.1 * Linear() + RBF(), {"kernel__k2__length_scale": widths}),
    "Linear + RBF * ExpSineSquared": (
        0.1 * Linear() + RBF() * ExpSineSquared(),
        {
            "kernel__k2__k1__length_scale": [3.0, 10.0, 30.0],
            "kernel__k2__k2__length_scale": [0.5, 1.0, 2.0],
            "kernel__k2__k2__periodicity": [0.5, 1.0, 2.0],
        },
    ),
}

# %%
# Parameters are chosen by forecasts within the past: each fold predicts one year from
# the years before it. The model has no intercept, so the mean is taken out by hand.

fig, ax = plt.subplots(figsize=(9, 4.5), layout="constrained")
mean = y[past].mean()
for (name, (kernel, grid)), color in zip(models.items(), ("C1", "C2", "C0")):
    search = GridSearchCV(
        KernelRidge(kernel=kernel),
        {"alpha": [0.01, 0.1, 1.0], **grid},
        cv=TimeSeriesSplit(4, test_size=12),
        scoring="neg_mean_squared_error",
    )
    search.fit(X[past], y[past] - mean)
    curve = mean + search.predict(X)
    error = np.sqrt(np.mean((curve - y)[~past] ** 2))
    ax.plot(years, curve, color=color, label=f"{name}, error {error:.2f}")
    print(name, search.best_params_)
ax.plot(years, y, "k.", ms=5, label="data")
ax.axvspan(8, 12, color="0.93", zorder=0)
ax.text(10, -1.6, "forecast", ha="center")
ax.set(xlabel="year", ylabel="value", xlim=(-0.2, 12), ylim=(-1.9, 6.9))
ax.legend(frameon=False, loc="upper left")
plt.show()

# %%
# None of the kernels without a period sees a season ahead: the best that they can do is
# the trend, and an ``RBF`` alone lets even that fade to the mean. The kernel with the
# right structure forecasts nearly down to the noise, from the same data and with the
# same estimator.
