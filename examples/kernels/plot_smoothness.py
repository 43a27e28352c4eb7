"""
=======================
What nu of Matern means
=======================

The order ``nu`` of :class:`~skkernels.kernels.Matern` says how smooth functions are. It
need not be 0.5, 1.5 or 2.5: every positive number will do, and infinity is
:class:`~skkernels.kernels.RBF`. This example hands our kernels to scikit-learn's
Gaussian processes, draws functions from them, and fits the same points with each.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor

from skkernels.kernels import RBF, Matern, WhiteNoise

kernels = {
    "nu = 0.5": Matern(length_scale=1.5, nu=0.5),
    "nu = 1.2": Matern(length_scale=1.5, nu=1.2),
    "nu = 2.5": Matern(length_scale=1.5, nu=2.5),
    "RBF (nu = inf)": RBF(length_scale=1.5),
}

# %%
# Above: three functions drawn from each kernel, with the same seed. Below: the
# regression through seven points, with a band of two standard deviations.

grid = np.linspace(0, 10, 501)[:, None]
X = np.array([0.5, 1.3, 2.6, 3.4, 4.0, 7.5, 8.6])[:, None]
y = np.array([-0.6, 0.2, 1.3, 0.9, -0.4, -1.0, 0.4])

fig, axes = plt.subplots(
    2, 4, figsize=(11, 5), sharex=True, sharey="row", layout="constrained"
)
for (above, below), (name, kernel) in zip(axes.T, kernels.items()):
    gp = GaussianProcessRegressor(kernel, optimizer=None)
    above.plot(grid, gp.sample_y(grid, n_samples=3, random_state=1), lw=1)
    above.set_title(name)
    mean, std = gp.fit(X, y).predict(grid, return_std=True)
    below.fill_between(grid[:, 0], mean - 2 * std, mean + 2 * std, alpha=0.2)
    below.plot(grid, mean)
    below.plot(X, y, "k.", ms=8)
    below.set_xlabel("x")
axes[0, 0].set_ylabel("draws")
axes[1, 0].set_ylabel("regression")
plt.show()

# %%
# Functions of order 0.5 are continuous and nowhere smooth; with an order above 1 they
# have a derivative, above 2 a second one. The rougher the kernel, the sooner the
# regression loses confidence between points. Which confidence is right depends on the
# truth, and data can tell: below are the marginal likelihoods of 101 noisy values of a
# function of order 1.2, with the variance and the length scale optimised for each
# kernel. The order that made the data wins.

rows = grid[::5]
values = GaussianProcessRegressor(kernels["nu = 1.2"]).sample_y(rows, random_state=0)
values += 0.05 * np.random.default_rng(0).normal(size=values.shape)
for name, kernel in kernels.items():
    noisy = 1.0 * kernel + WhiteNoise(0.05**2, noise_level_bounds="fixed")
    gp = GaussianProcessRegressor(noisy).fit(rows, values)
    print(f"{name:15} log likelihood {gp.log_marginal_likelihood_value_:6.1f}")
