"""
==========================
Learning from a large file
==========================

The method ``partial_fit`` of :class:`~skkernels.ridge.NystroemKernelRidge` takes rows
chunk by chunk. The model after the last chunk is the one that a single ``fit`` on all
rows gives, and memory does not grow with their number. The chunks come from a file that
is mapped into memory, so that each is read when its turn comes.
"""

# %%
# The file
# --------
# 160 000 rows: ten features, and a target with much noise in the last column.

import tempfile
import tracemalloc

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_friedman1
from sklearn.metrics import root_mean_squared_error as rmse

from skkernels import NystroemKernelRidge

n_chunks, size = 32, 5000
file = tempfile.TemporaryFile()
for seed in range(n_chunks):
    X, y = make_friedman1(size, noise=3.0, random_state=seed)
    file.write(np.column_stack([X, y]).tobytes())
file.flush()
data = np.memmap(file, mode="r", dtype=np.float64, shape=(n_chunks * size, 11))
X_test, y_test = make_friedman1(2000, noise=0.0, random_state=n_chunks)

# %%
# The stream
# ----------
# The first chunk decides the centers, so it should look like the rest. ``tracemalloc``
# tells how much memory each call takes at most.

model = NystroemKernelRidge(n_centers=250, gamma=0.2, alpha=0.1, random_state=0)
errors, memory = [], []
for chunk in np.split(data, n_chunks):
    tracemalloc.start()
    model.partial_fit(chunk[:, :-1], chunk[:, -1])
    memory.append(tracemalloc.get_traced_memory()[1] / 1e6)
    tracemalloc.stop()
    errors.append(rmse(y_test, model.predict(X_test)))

# %%
# The same in one go, with the same centers.

whole = NystroemKernelRidge(center_selection=model.centers_, gamma=0.2, alpha=0.1)
whole.fit(data[:, :-1], data[:, -1])
whole_error = rmse(y_test, whole.predict(X_test))
difference = np.abs(whole.predict(X_test) - model.predict(X_test)).max()
print(f"largest difference between the predictions of the two: {difference:.1e}")

# %%

seen = size * np.arange(1, n_chunks + 1)
fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
axes[0].semilogx(seen, errors, marker=".", label="partial_fit, chunk by chunk")
axes[0].plot(seen[-1], whole_error, "k*", ms=12, label="fit, all rows at once")
axes[0].set_ylabel("error against the noise-free target")
kernel_matrix = 8 * model.n_centers_ * seen / 1e6
axes[1].loglog(seen, kernel_matrix, "k--", label="kernel between rows and centers")
axes[1].loglog(seen, memory, marker=".", label="taken by partial_fit")
axes[1].set_ylabel("MB")
axes[1].set_yticks([10, 30, 100, 300], labels=[10, 30, 100, 300])
for ax in axes:
    ax.set_xlabel("rows seen")
    ax.legend(frameon=False)
plt.show()

# %%
# The error falls as the chunks arrive. Memory is that of one chunk, however many there
# are (the first call may have compiled code to load). Both ways end at the same model,
# up to rounding: it is solved from sums over rows, and sums can be taken in parts.
