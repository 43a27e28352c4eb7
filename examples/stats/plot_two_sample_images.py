"""
================================================
Has the mixture of images changed?
================================================

A camera delivers images of handwritten digits, nobody says which digits. Does today's
batch have the same distribution as the reference? A two-sample test answers without
labels, and without a model of images. Here a part of the odd digits is replaced by
even ones, and we count how often
:func:`~skkernels.stats.compress_then_test` and
:func:`~skkernels.stats.cheap_permutation_mmd_test` notice.
"""

# %%
# The data
# --------
# A batch has 800 images of 8 x 8 pixels. In the reference half of them show an even
# digit. Noise makes copies of the same image differ.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skkernels.kernels import RBF, median_distance
from skkernels.stats import cheap_permutation_mmd_test, compress_then_test

images, labels = load_digits(return_X_y=True)
even, odd = images[labels % 2 == 0], images[labels % 2 == 1]


def batch(share_even, rng, n=800):
    n_even = rng.binomial(n, share_even)
    rows = np.concatenate(
        [
            even[rng.integers(len(even), size=n_even)],
            odd[rng.integers(len(odd), size=n - n_even)],
        ]
    )
    return rng.permutation(rows) + rng.normal(size=(n, images.shape[1]))


# %%
# One test
# --------
# The bandwidth is by default the median distance of the rows of both samples. The
# p-value is the share of the exchanges of bins between the samples with a statistic as
# large as that of the samples.

rng = np.random.default_rng(0)
result = compress_then_test(batch(0.5, rng), batch(0.65, rng), random_state=0)
print(result)

# %%
# Level and power
# ---------------
# The next batches are compared many times: always a new reference with a new batch, for
# several shares of even digits. A share of 0.5 is no change: there the tests should
# raise a false alarm in 5 % of all cases. The bandwidth is fixed once and for all, on
# images of their own, and the simplest test keeps only about the square root of the
# number of rows of each bin (``g=0``).

kernel = RBF(length_scale=median_distance(batch(0.5, rng)))
tests = {
    "compress, g=0": lambda X, Y, seed: compress_then_test(
        X, Y, kernel=kernel, g=0, n_permutations=199, random_state=seed
    ),
    "compress, g=2": lambda X, Y, seed: compress_then_test(
        X, Y, kernel=kernel, g=2, n_permutations=199, random_state=seed
    ),
    "all pairs": lambda X, Y, seed: cheap_permutation_mmd_test(
        X, Y, kernel=kernel, n_permutations=199, random_state=seed
    ),
}
shares = [0.5, 0.56, 0.62, 0.68]
pvalues = {name: {} for name in tests}
for share in shares:
    n_runs = 120 if share == 0.5 else 30
    runs = [(batch(0.5, rng), batch(share, rng)) for _ in range(n_runs)]
    for name, test in tests.items():
        pvalues[name][share] = np.array(
            [test(X, Y, seed).pvalue for seed, (X, Y) in enumerate(runs)]
        )

power = {
    name: [np.mean(found[share] <= 0.05) for share in shares]
    for name, found in pvalues.items()
}
for name, values in power.items():
    print(f"{name:14}", np.round(values, 2))

# %%
# Left: how often the change is noticed. Right: the distribution of the p-values without
# a change, which should be uniform: the diagonal. The band holds 95 % of such curves at
# each place.

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for (name, values), marker in zip(power.items(), "^os", strict=True):
    left.plot(shares, values, marker=marker, label=name)
    ordered = np.sort(pvalues[name][0.5])
    right.step(ordered, (np.arange(ordered.size) + 1) / ordered.size, where="post")
left.axhline(0.05, color="black", ls=":", label="level")
left.set(
    xlabel="share of even digits", ylabel="share of rejections", ylim=(-0.02, 1.02)
)
left.legend(frameon=False)
grid = np.linspace(0, 1, 101)
band = 1.96 * np.sqrt(grid * (1 - grid) / 120)
right.fill_between(grid, grid - band, grid + band, color="0.9")
right.plot(grid, grid, color="black", ls=":")
right.set(xlabel="p-value", ylabel="share of smaller ones", title="no change")
plt.show()

# %%
# All three keep their level: it does not depend on what a coreset misses. With ``g=2``,
# which keeps half of the rows of such small bins and a smaller share of larger ones,
# the test notices as much as the one that looks at all pairs of images; the coresets
# of ``g=0`` miss some of it.
