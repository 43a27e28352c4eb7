"""
=============================
A coreset of a stream of rows
=============================

Rows come in parts and are forgotten. ``CompressThinning.partial_fit`` keeps few of
them, and has a coreset ready at any time. Its error falls with the number of rows that
have come nearly as fast as if all of them had been kept.
"""

import pickle

import matplotlib.pyplot as plt
import numpy as np

from skkernels.kernels import RBF
from skkernels.thinning import CompressThinning

# %%
# The rows lie on a spiral: they come from a mixture of many narrow Gaussians on it.

t = 4 * np.pi * np.sqrt((np.arange(400) + 0.5) / 400)
means = np.column_stack([t * np.cos(t), t * np.sin(t)]) / 4
width = 0.15


def sample(n, rng):
    """The next rows."""
    return means[rng.integers(400, size=n)] + rng.normal(scale=width, size=(n, 2))


# %%
# How far rows are from the distribution is measured by the maximum mean discrepancy
# (MMD). For a Gaussian kernel and a Gaussian mixture it has a closed form.

length = 0.7
kernel = RBF(length_scale=length)


def mean_over_mixture(n_mixtures):
    """Factor and kernel of the mean over one mixture, or over two."""
    square = length**2 + n_mixtures * width**2
    return length**2 / square, RBF(length_scale=np.sqrt(square))


def distance(rows):
    """MMD between rows and the distribution."""
    once, once_kernel = mean_over_mixture(1)
    twice, twice_kernel = mean_over_mixture(2)
    between = once * once_kernel(rows, means).mean()
    within = twice * twice_kernel(means).mean()
    square = kernel(rows).mean() - 2 * between + within
    return np.sqrt(max(square, 0.0))  # rounding can make it negative


# %%
# Parts of growing size come, half a million rows in all. As many rows are kept as the
# square root of the number that has come. For comparison: as many rows drawn at random.

rng = np.random.default_rng(0)
stream = CompressThinning(kernel=kernel, g=2, random_state=0)
n_rows, error, random_error, n_bytes = [], [], [], []
for size in 2 ** np.arange(9, 19):
    stream.partial_fit(sample(size, rng))
    n_rows.append(stream.n_samples_)
    n_bytes.append(len(pickle.dumps(stream)))
    coreset = stream.coreset_
    error.append(distance(coreset))
    draws = [distance(sample(len(coreset), rng)) for _ in range(5)]
    random_error.append(np.mean(draws))
n_rows = np.array(n_rows)

# %%
# The error of random rows falls as :math:`n^{-1/4}`, because there are
# :math:`n^{1/2}` of them. That of the coreset falls about as :math:`n^{-1/2}`, like the
# error of all rows that have come. What the estimator keeps grows as :math:`n^{1/2}`.

fig, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.8), layout="constrained")
left.scatter(*sample(5000, rng).T, s=2, color="0.85", linewidths=0)
left.scatter(*coreset.T, s=7, color="C3", linewidths=0)
left.set(title=f"{len(coreset)} rows for {stream.n_samples_}", aspect="equal")
left.set(xticks=[], yticks=[])
middle.loglog(n_rows, random_error, "o-", color="0.6", label="as many random rows")
middle.loglog(n_rows, error, "o-", color="C3", label="coreset of the stream")
middle.loglog(n_rows, 1.2 * error[0] * (n_rows / n_rows[0]) ** -0.5, "k:", lw=1)
middle.text(n_rows[5], 2.2 * error[5], "$n^{-1/2}$")
middle.set(title="MMD to the distribution", xlabel="rows that have come")
middle.legend(frameon=False)
right.loglog(n_rows, 16 * n_rows, "o-", color="0.6", label="all rows")
right.loglog(n_rows, n_bytes, "o-", color="C3", label="the estimator")
right.set(title="bytes", xlabel="rows that have come")
right.legend(frameon=False)
plt.show()

# %%
# The parts do not matter, only the rows and their order. Streams that different
# machines have seen are joined by ``merge``.

other = CompressThinning(kernel=kernel, g=2, random_state=1)
other.partial_fit(sample(100_000, rng))
stream.merge(other)
print(f"{len(stream.coreset_)} rows for {stream.n_samples_}")
