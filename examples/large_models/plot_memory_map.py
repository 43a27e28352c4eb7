"""
===========================================
A file that is larger than the memory limit
===========================================

:class:`~skkernels.eigenpro.EigenProRegressor` reads its batches from wherever the rows
are. Here they are in a file of 96 MiB that is mapped into memory and never loaded as a
whole; the library's memory limit is 32 MiB. The same code fits a file of any size: the
script ``million_rows.py`` beside this one does it with a million rows and 10 000
centers.
"""

# %%
# The file
# --------
# 96 measurements of eight hidden numbers, and a target that depends on these. Written
# in chunks, in single precision.

import os
import tempfile
import tracemalloc

import matplotlib.pyplot as plt
import numpy as np
from sklearn import config_context

from skkernels import EigenProRegressor

n_features, n_rows, chunk = 96, 2**18, 2**14
mixing = np.random.RandomState(0).standard_normal((8, n_features)) / 8**0.5


def make_rows(n, seed):
    rng = np.random.default_rng(seed)
    hidden = rng.standard_normal((n, 8), dtype=np.float32)
    X = hidden @ mixing.astype(np.float32)
    X += 0.1 * rng.standard_normal(X.shape, dtype=np.float32)
    y = np.sin(hidden[:, 0] + hidden[:, 1]) + np.abs(hidden[:, 2])
    return X, y + 0.2 * rng.standard_normal(n, dtype=np.float32)


folder = tempfile.TemporaryDirectory()
path = os.path.join(folder.name, "rows.f32")
y = np.empty(n_rows, dtype=np.float32)
with open(path, "wb") as file:
    for start in range(0, n_rows, chunk):
        X, y[start : start + chunk] = make_rows(chunk, seed=start)
        file.write(X.tobytes())
X = np.memmap(path, mode="r", dtype=np.float32, shape=(n_rows, n_features))
X_test, y_test = make_rows(4000, seed=1)

# %%
# The fits
# --------
# One pass each over an eighth of the file, a quarter, a half and all of it.
# ``working_memory`` is scikit-learn's setting in MiB, and the library's limit for all
# that is not data. ``tracemalloc`` tells what was allocated at most in the meantime;
# pages of the file are not among it, for the system may drop them at any time.

sizes = np.array([n_rows // 8, n_rows // 4, n_rows // 2, n_rows])
model = EigenProRegressor(500, gamma=0.1, max_iter=1, random_state=0)
model.fit(X[:2000], y[:2000])  # loads compiled code

peaks, scores = [], []
print("    rows    on disk   memory of fit    test R^2")
for n in sizes:
    tracemalloc.start()
    with config_context(working_memory=32):
        model.fit(X[:n], y[:n])
    peaks.append(tracemalloc.get_traced_memory()[1] / 2**20)
    tracemalloc.stop()
    scores.append(model.score(X_test, y_test))
    on_disk = X[:n].nbytes / 2**20
    print(f"{n:8} {on_disk:6.0f} MiB {peaks[-1]:11.1f} MiB {scores[-1]:11.3f}")

# %%

fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
megabytes = sizes * n_features * 4 / 2**20
axes[0].plot(megabytes, megabytes, "k--", label="the file itself")
axes[0].axhline(32, color="gray", lw=1, label="working_memory")
axes[0].plot(megabytes, peaks, marker="o", label="taken by fit")
axes[0].set(ylabel="MiB", ylim=(0, 100))
axes[1].plot(megabytes, scores, marker="o")
axes[1].set(ylabel="$R^2$ on test data")
for ax in axes:
    ax.set(xlabel="part of the file that is fitted, MiB")
    ax.set_xticks(megabytes)
axes[0].legend(frameon=False)
plt.show()

# %%
# The file can go now.

del X
folder.cleanup()
