"""
================================
Gradient flow and ridge compared
================================

To stop a gradient flow early is to regularise, and the time plays the part of one over
the ridge strength. But the two are not the same: ridge regression cannot profit from a
target that is smoother than the square of the kernel, gradient flow can. This is called
saturation.
"""

# %%
# A smooth target
# ---------------
# The kernel is that of Brownian motion, min(x, z) on [0, 1], whose functions have one
# derivative. The target is its third eigenfunction and so as smooth for this kernel as
# can be.

import matplotlib.pyplot as plt
import numpy as np

from skkernels.spectral import SpectralFilterRegressor


def brownian(X, Z):
    return np.minimum(X, Z.T)


def target(X):
    return np.sin(2.5 * np.pi * X[:, 0])


def sample(n, seed):
    rng = np.random.default_rng(seed)
    X = rng.uniform(size=(n, 1))
    return X, target(X) + 0.3 * rng.normal(size=n)


X_test = np.linspace(0, 1, 500)[:, np.newaxis]


def error(model):
    return np.mean((model.predict(X_test) - target(X_test)) ** 2)


# %%
# The same curve twice
# --------------------
# The error for all strengths of the regularisation, with 200 samples and the mean of
# ten repetitions: too much of it on the left, too little on the right. Ridge regression
# is drawn over n / alpha, which has the units of a time. To stop gradient flow in time
# does what a ridge does, and at its best it does better.

times = np.geomspace(10, 1e4, 19)
names = {"tikhonov": "ridge regression", "gradient_flow": "gradient flow"}
colors = {"tikhonov": "C1", "gradient_flow": "C0"}

fig, ax = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
for filter in names:
    errors = np.zeros(len(times))
    for seed in range(10):
        X, y = sample(200, seed)
        for k, time in enumerate(times):
            model = SpectralFilterRegressor(
                filter, time=time, alpha=200 / time, kernel=brownian
            )
            errors[k] += error(model.fit(X, y)) / 10
    ax.loglog(times, errors, color=colors[filter], label=names[filter])
    print(f"{names[filter]}: error {errors.min():.4f} at the best strength")
ax.set(xlabel="time, or n / alpha", ylabel="mean squared error", title="200 samples")
ax.legend(frameon=False)
plt.show()

# %%
# Saturation
# ----------
# The strength is now chosen by leave-one-out, which takes one eigendecomposition for
# all strengths. With more samples the error of ridge regression falls as
# :math:`n^{-4/5}` at best with this kernel, however smooth the target is. The limit of
# gradient flow is the parametric rate :math:`1/n`.

sizes = np.array([50, 100, 200, 400, 800])
fig, ax = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
for filter in names:
    model = SpectralFilterRegressor(filter, kernel=brownian)
    errors = []
    for n in sizes:
        repetitions = range(10 if n == 800 else 30)
        errors.append(np.mean([error(model.fit(*sample(n, s))) for s in repetitions]))
        print(f"{names[filter]}, {n} samples: error {errors[-1]:.4f}")
    ax.loglog(sizes, errors, "o-", color=colors[filter], label=names[filter])
ax.loglog(sizes, 0.5 * sizes**-0.8, "k--", lw=1, label="slope -4/5")
ax.set(xlabel="samples", ylabel="mean squared error")
ax.set_title("strength chosen by leave-one-out")
ax.set_xticks(sizes, labels=sizes)
ax.minorticks_off()
ax.legend(frameon=False)
plt.show()

# %%
# Gradient flow is ahead at every size, and the more so the more samples there are. For
# a rough target, both would fall at the same rate.
