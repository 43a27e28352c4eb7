"""
===========================================
How many random Fourier features are enough
===========================================

Random Fourier features turn a stationary kernel into a linear model: inner products of
the features approximate the kernel, with an error that falls as one over the square
root of their number. How the features are made changes the constant. This example
measures the error of :class:`~skkernels.features.RandomFourierFeatures` on images of
digits, for one smooth and one rough kernel.
"""

# %%
# The data are 300 images of 64 pixels. Both kernels take their length scale from the
# data, by the median of the distances.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skkernels.features import RandomFourierFeatures
from skkernels.kernels import RBF, Matern

X = load_digits().data[:300] / 16.0
kernels = {
    "RBF": RBF("median").resolve(X),
    "Matern, nu = 0.8": Matern("median", nu=0.8).resolve(X),
}

# %%
# Three kinds of features: one cosine with a random phase per frequency, as in the
# paper that introduced them; a cosine and a sine for each of half as many frequencies;
# and such pairs at frequencies whose directions are orthogonal to each other.

variants = {
    "single": {"method": "single", "orthogonal": False},
    "paired": {"method": "paired", "orthogonal": False},
    "paired, orthogonal (default)": {"method": "paired", "orthogonal": True},
}
sizes = 2 ** np.arange(5, 12)
n_repeats = 8


def error(kernel, n_components, params):
    """Root mean square error of the kernel matrix, over several draws."""
    K = kernel(X)
    squares = []
    for seed in range(n_repeats):
        features = RandomFourierFeatures(
            n_components, kernel=kernel, random_state=seed, **params
        )
        Z = features.fit_transform(X)
        squares.append(np.mean((Z @ Z.T - K) ** 2))
    return np.sqrt(np.mean(squares))


errors = {
    (name, variant): [error(kernel, n, params) for n in sizes]
    for name, kernel in kernels.items()
    for variant, params in variants.items()
}

# %%
# Orthogonal directions cut the error for the Gaussian kernel to a third, which is worth
# about ten times as many features, once there are as many frequencies as pixels. The
# frequencies of the rough kernel differ far more in length, so that their directions
# matter less.

fig, axes = plt.subplots(1, 2, figsize=(9, 4), sharey=True, layout="constrained")
markers = dict(zip(variants, "osD"))
for ax, name in zip(axes, kernels):
    for variant in variants:
        ax.loglog(sizes, errors[name, variant], marker=markers[variant], label=variant)
    ax.loglog(sizes, 1 / np.sqrt(sizes), color="0.6", ls="--", label="$1 / \\sqrt{n}$")
    ax.set(title=name, xlabel="number of features n")
    ax.set_xticks(sizes, labels=[str(n) for n in sizes])
    ax.minorticks_off()
axes[0].set_ylabel("error of the kernel matrix (root mean square)")
axes[0].legend(frameon=False)
plt.show()

# %%
# In numbers, the error of each kind relative to single cosines, at the largest size:

for name in kernels:
    single = errors[name, "single"][-1]
    ratios = ", ".join(f"{v} {errors[name, v][-1] / single:.2f}" for v in variants)
    print(f"{name}: {ratios}")
