"""
==============================================
Learning curves without fitting a single model
==============================================

The eigenvalues of a kernel and the coefficients of the target in its eigenfunctions
determine the error of kernel ridge regression for every number of samples and every
ridge strength. :class:`~skkernels.spectral.KernelRiskEstimator` estimates both from one
sample, and :func:`~skkernels.spectral.kernel_risk_curve` turns them into learning
curves, here before the models are fitted that confirm them.
"""

import matplotlib.pyplot as plt
import numpy as np

from skkernels import KernelRidge
from skkernels.spectral import KernelRiskEstimator, kernel_risk_curve

# %%
# The data: points on a sphere in six dimensions, a sum of a slope, an interaction and a
# kink, and noise.


def make_data(n, rng):
    X = rng.normal(size=(n, 6))
    X *= np.sqrt(6) / np.linalg.norm(X, axis=1, keepdims=True)
    y = X[:, 0] + X[:, 1] * X[:, 2] + np.abs(X[:, 3])
    return X, y + 0.3 * rng.normal(size=n)


rng = np.random.default_rng(0)
X, y = make_data(2000, rng)
X_test, y_test = make_data(5000, rng)
options = {"kernel": "exponential", "gamma": 0.1}

# %%
# One eigendecomposition of the kernel matrix of all 2000 samples. What it knows are
# the eigenvalues and the power of the target in each mode.

risk = KernelRiskEstimator(**options).fit(X, y)
sizes = np.array([16, 32, 64, 128, 256, 512])
alphas = [0.0, 1.0, 30.0]
grid = np.geomspace(16, 512, 40)
predicted = kernel_risk_curve(
    risk.eigenvalues_,
    risk.target_power_,
    grid[:, None],
    alphas,
    noise_variance=risk.noise_variance_,
)

# %%
# Then the truth: models on random parts of the data, ten of each size, measured on new
# data. The prediction is for parts of the data at hand, with replacement; it is good to
# about a quarter of their number. At 512 the prediction for ``alpha=0`` is too large
# already.

measured = np.empty((sizes.size, len(alphas), 10))
for i, size in enumerate(sizes):
    for repeat in range(10):
        rows = rng.choice(len(X), size, replace=False)
        for j, alpha in enumerate(alphas):
            model = KernelRidge(alpha=max(alpha, 1e-9), **options)
            values = model.fit(X[rows], y[rows]).predict(X_test)
            measured[i, j, repeat] = ((values - y_test) ** 2).mean()

fig, ax = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
for j, alpha in enumerate(alphas):
    ax.plot(grid, predicted.test_mse[:, j], color=f"C{j}", label=f"alpha = {alpha:g}")
    mean, spread = measured[:, j].mean(axis=1), measured[:, j].std(axis=1)
    ax.errorbar(sizes, mean, spread, fmt="o", color=f"C{j}", ms=4)
ax.axhline(0.3**2, color="gray", ls=":", label="noise")
ax.set(xscale="log", yscale="log", xlabel="training samples", ylabel="test error")
ax.set_xticks(sizes, sizes)
ax.set_xticks([], minor=True)
ax.set_title("lines: predicted, points: measured")
ax.legend()
plt.show()

# %%
# With all 2000 samples, the same decomposition estimates the error for every ridge
# strength, by leave-one-out and by the kernel alignment risk estimator. Both agree with
# the measured error, and have their minimum at the same place.

fig, ax = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
ax.plot(risk.alphas_, risk.loo_curve_, "C0", label="leave-one-out")
ax.plot(risk.alphas_, risk.kare_curve_, "C1--", label="alignment risk estimator")
ax.plot(risk.alphas_, risk.train_mse_curve_, "C2", label="training error")
for alpha in np.geomspace(1e-6, 1e3, 8):
    values = KernelRidge(alpha=alpha, **options).fit(X, y).predict(X_test)
    ax.plot(alpha, ((values - y_test) ** 2).mean(), "ko", ms=4)
ax.axvline(risk.estimated_optimal_alpha_, color="gray", ls=":")
ax.set(xscale="log", yscale="log", xlabel="alpha", ylabel="error, 2000 samples")
ax.set_ylim(0.02, 3)
ax.set_title("points: measured on new data")
ax.legend()
plt.show()

# %%
# Overfitting is *tempered* with this kernel: the estimated bound says by which factor
# interpolation can be worse than the best ridge regression.

print(f"best alpha {risk.estimated_optimal_alpha_:.2g}")
print(f"share of the target that is learned with it {risk.learnability_:.2f}")
print(f"cost of overfitting at most {risk.cost_of_overfitting_:.2f}")
