"""
===========================================
Thin a Markov chain that has not converged
===========================================

A Markov chain starts far from the distribution it is to sample, and its first states
are biased. :class:`~skkernels.thinning.KernelThinning` represents the states that there
are, their bias included. :class:`~skkernels.thinning.SteinThinning` also looks at the
gradients of the log density, which samplers compute anyway, and represents the
distribution itself.
"""

# %%
# The posterior
# -------------
# Logistic regression on four features of scikit-learn's breast cancer data, with a
# Gaussian prior on the four coefficients and the intercept. The functions take many
# coefficient vectors at once.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler

from skkernels import KernelThinning, SteinThinning

data = load_breast_cancer()
names = ["mean texture", "mean area", "mean smoothness", "mean concavity"]
columns = [list(data.feature_names).index(name) for name in names]
features = StandardScaler().fit_transform(data.data[:, columns])
A = np.hstack([features, np.ones((len(features), 1))])
signs = 2.0 * data.target - 1.0
PRIOR_VARIANCE = 25.0


def log_density(B):
    margins = signs * (B @ A.T)
    prior = 0.5 * (B**2).sum(axis=1) / PRIOR_VARIANCE
    return -np.logaddexp(0.0, -margins).sum(axis=1) - prior


def scores(B):
    """Gradients of the log density."""
    weights = signs / (1.0 + np.exp(signs * (B @ A.T)))
    return weights @ A - B / PRIOR_VARIANCE


# %%
# The chain
# ---------
# Random-walk Metropolis with a small step: it needs hundreds of states to come near the
# posterior. The reference is the second half of 100 chains with longer steps.


def random_walk(start, step, n_steps, seed):
    """States of several chains, of shape (n_steps, n_chains, n_coefficients)."""
    rng = np.random.default_rng(seed)
    state, density = start.copy(), log_density(start)
    states = np.empty((n_steps, *start.shape))
    for i in range(n_steps):
        proposal = state + step * rng.standard_normal(start.shape)
        proposed = log_density(proposal)
        accepted = np.log(rng.random(len(start))) < proposed - density
        state = np.where(accepted[:, None], proposal, state)
        density = np.where(accepted, proposed, density)
        states[i] = state
    return states


chain = random_walk(np.zeros((1, 5)), 0.1, 3000, seed=0)[:, 0]
reference = random_walk(np.zeros((100, 5)), 0.25, 2000, seed=1)[1000:].reshape(-1, 5)
mean, deviation = reference.mean(axis=0), reference.std(axis=0)


def error(rows):
    """Error of the posterior means, in standard deviations, root mean square."""
    return np.sqrt(np.mean(((rows.mean(axis=0) - mean) / deviation) ** 2))


def second_moment_error(rows):
    """Error of the second moments about the posterior mean, likewise."""
    Z = (rows - mean) / deviation
    target = np.corrcoef(reference.T)
    return np.sqrt(np.mean((Z.T @ Z / len(Z) - target) ** 2))


# %%
# Four ways to keep few states
# ----------------------------
# Every n-th state; kernel thinning of the chain, and of its second half, as if someone
# had looked and decided that the first half is to be dropped; Stein thinning of all,
# with distances scaled by the inverse covariance of the scores.


def thin(label, size):
    if label == "every n-th state":
        return chain[np.linspace(len(chain) - 1, 0, size).astype(int)]
    if label == "KernelThinning":
        return KernelThinning(size, random_state=0).fit(chain).coreset_
    if label == "KernelThinning, second half":
        return KernelThinning(size, random_state=0).fit(chain[1500:]).coreset_
    thinning = SteinThinning(scores, size, preconditioner="score_cov", random_state=0)
    return thinning.fit(chain).coreset_


sizes = [15, 30, 60, 120, 240]
styles = {
    "every n-th state": ("s", "C0"),
    "KernelThinning": ("o", "C1"),
    "KernelThinning, second half": ("D", "C4"),
    "SteinThinning": ("^", "C2"),
}
errors = {}
for label in styles:
    coresets = [thin(label, size) for size in sizes]
    errors[label] = np.array([[error(C), second_moment_error(C)] for C in coresets])
    print(f"{label:28}", errors[label].round(3).tolist())
everything = error(chain), second_moment_error(chain)
print(f"{'all states':28}", np.round(everything, 3).tolist())

# %%
# On the left the chain, in two of the five coefficients, and 30 states of either kind.
# The contours are those of the reference. On the right the errors of the means, in
# posterior standard deviations, and of the second moments.

fig, (left, *others) = plt.subplots(1, 3, figsize=(11.5, 4), layout="constrained")
i, j = 1, 3
left.plot(chain[:, i], chain[:, j], color="0.8", lw=0.7, zorder=0, label="chain")
H, x_edges, y_edges = np.histogram2d(reference[:, i], reference[:, j], bins=30)
x_middle, y_middle = (0.5 * (e[1:] + e[:-1]) for e in (x_edges, y_edges))
contours = {"colors": "black", "linewidths": 0.7, "levels": [0.1, 0.5, 0.9]}
left.contour(x_middle, y_middle, H.T / H.max(), **contours)
for label in ("KernelThinning", "SteinThinning"):
    marker, color = styles[label]
    C = thin(label, 30)
    left.scatter(C[:, i], C[:, j], marker=marker, color=color, s=28, label=label)
left.set(xlabel=names[i], ylabel=names[j], title="30 of 3000 states")
left.legend(frameon=False, loc="upper left")
for k, (ax, title) in enumerate(zip(others, ("means", "second moments"))):
    for label, (marker, color) in styles.items():
        ax.plot(sizes, errors[label][:, k], marker=marker, color=color, label=label)
    ax.axhline(everything[k], color="black", lw=1, ls="--", label="all states")
    ax.set(xscale="log", yscale="log", xlabel="states kept", title=f"error of {title}")
    ax.set_xticks(sizes, labels=sizes)
    ax.minorticks_off()
fig.legend(
    *others[0].get_legend_handles_labels(),
    loc="outside lower center",
    ncols=5,
    frameon=False,
)
plt.show()

# %%
# What follows the chain faithfully keeps its bias, however many states are kept. The
# second half has less of it, and more of the chance in 1500 correlated states. Stein
# thinning of the whole chain, with nobody to look at it, is closer to the posterior
# means with 15 states than the 3000 states are, and goes on to improve.
