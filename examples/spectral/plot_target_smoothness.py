"""
=============================
How smooth are two data sets?
=============================

The coefficients of a target in the eigenfunctions of a kernel fall like a power of
their index, at best: then the exponents of coefficients and eigenvalues say how fast
errors can fall with more samples.
:class:`~skkernels.spectral.SmoothnessEstimator` reads them off the eigenvectors of the
kernel matrix. It is a rough diagnostic. What it can do is to tell an easy problem from
a hard one, and to say where to look for a ridge strength.

Two data sets come with scikit-learn: images of digits, with ten classes, and the
progress of diabetes in 442 patients.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes, load_digits
from sklearn.preprocessing import StandardScaler

from skkernels import KernelRidgeCV
from skkernels.spectral import SmoothnessEstimator

digits = load_digits(return_X_y=True)
diabetes = load_diabetes(return_X_y=True)
data = {
    "digits, class 8": (digits[0] / 16, np.where(digits[1] == 8, 1.0, -1.0)),
    "diabetes": (StandardScaler().fit_transform(diabetes[0]), diabetes[1]),
}

# %%
# The eigenvalues of the exponential kernel fall like a power, as they should. The power
# of the target falls until it meets the noise, which is flat. The fit, a power law
# above a floor, looks at both. The large dots are means of neighbours. Single modes
# scatter by orders of magnitude, and with the few modes that the noise of the diabetes
# data leaves, the exponent is uncertain.

fig, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for ax, (name, (X, y)) in zip(axes, data.items()):
    fit = SmoothnessEstimator().fit(X, y)
    low, high = fit.smoothness_interval_
    print(
        f"{name:15}  smoothness {fit.smoothness_:.2f}, from {low:.2f} to {high:.2f}, "
        f"share of noise {fit.noise_variance_ / y.var():.2f}"
    )
    j = np.arange(1.0, fit.n_modes_ + 1)
    floor = fit.noise_variance_ / len(y)
    # The level of the power law, such that it goes through the middle of the data.
    law = j ** (-2 * fit.coefficient_decay_)
    seen = slice(0, int(fit.n_signal_modes_))
    law *= np.mean(np.maximum(fit.coefficients_ - floor, 0)[seen] / law[seen])
    unit = y.var()
    ax.loglog(j, fit.coefficients_ / unit, "k.", ms=2, label="power of the target")
    edges = np.unique(np.geomspace(1, j.size, 12, dtype=int))
    groups = np.split(np.arange(j.size), edges)
    for group in groups[:-1]:
        mean = fit.coefficients_[group].mean() / unit
        ax.plot(np.exp(np.log(j[group]).mean()), mean, "C0o", ms=5)
    ax.loglog(j, (law + floor) / unit, "C0", label="power law and noise")
    ax.axhline(floor / unit, color="C0", ls=":", label="noise")
    ax.loglog(j, fit.eigenvalues_, "C1", label="eigenvalues")
    ax.set(title=f"{name}: s = {fit.smoothness_:.2f}", xlabel="mode")
    ax.set_ylim(1e-7, 1)
axes[0].legend(loc="lower left")
plt.show()

# %%
# Is the suggestion for the ridge strength of any use? Leave-one-out is the judge: its
# choice comes with the error that it estimates, and the suggested strength with its
# own. The digits have no noise to speak of, and need no regularisation.

for name, (X, y) in data.items():
    fit = SmoothnessEstimator().fit(X, y)
    alphas = np.append(np.geomspace(1e-3, 1e3, 25), fit.suggested_alpha_)
    search = KernelRidgeCV(alphas, kernel="exponential", gammas=None)
    search.fit(X, y - y.mean())
    errors = -search.scores_.ravel() / y.var()
    print(
        f"{name:15}  alpha suggested {fit.suggested_alpha_:.2g}, chosen "
        f"{search.alpha_:.2g}; leave-one-out error {errors[-1]:.3f} against "
        f"{errors.min():.3f}"
    )

# %%
# All ten digits at once: one column for each class against the others. The class that
# is the least smooth needs the most samples.

fit = SmoothnessEstimator().fit(digits[0] / 16, digits[1])
order = np.argsort(fit.smoothness_)
for digit in order[[0, 1, -2, -1]]:
    print(f"digit {digit}: {fit.smoothness_[digit]:.2f}")
