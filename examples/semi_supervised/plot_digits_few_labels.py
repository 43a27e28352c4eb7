"""
==========================
Few labels for many digits
==========================

A few of 600 images of digits have a label. How should the others help? The answer of
:class:`~skkernels.semi_supervised.STKRClassifier` is a transformation of the kernel,
and none is best everywhere: what is right for the
:ref:`two moons <sphx_glr_auto_examples_semi_supervised_plot_two_moons.py>` is wrong
here. Cross-validation over the labelled images makes the choice.
"""

# %%
# The images
# ----------
# 600 make up the pool, in which as many images of each digit have a label. As many are
# new: they are seen after the fit only.

import matplotlib.pyplot as plt
import numpy as np
from scipy.sparse import csr_array
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import kneighbors_graph
from sklearn.semi_supervised import LabelSpreading

from skkernels.model_selection import LabeledKFold
from skkernels.semi_supervised import STKRClassifier, stkr_path

X, y = load_digits(return_X_y=True)
X = X / 16


def draw(n_labels, seed):
    """Pool, new images, and labels of the pool with -1 where they are unknown."""
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(X))
    pool, new = rows[:600], rows[600:1200]
    few = np.full(len(pool), -1)
    for digit in range(10):
        chosen = rng.choice(np.flatnonzero(y[pool] == digit), n_labels, replace=False)
        few[chosen] = digit
    return pool, new, few


# %%
# The transformations
# -------------------
# "identity" learns from the labelled images alone, up to the scale of its kernel.
# "truncation" allows combinations of ten functions. One eigendecomposition serves them
# all in :func:`~skkernels.semi_supervised.stkr_path`. The graph joins each image with
# its seven nearest neighbours, and is used as a kernel. scikit-learn's
# :class:`~sklearn.semi_supervised.LabelSpreading` takes the same neighbours.

rbf_model = STKRClassifier(gamma=0.8)
settings = {
    "power=4": {"transformation": ["power"], "power": [4]},
    "inverse_laplacian": {"transformation": ["inverse_laplacian"]},
    "identity": {"transformation": ["identity"]},
    "truncation": {"transformation": ["truncation"], "n_components": [10]},
}


def fit_all(X, few):
    """All models, fitted to the labels ``few`` of the rows of X."""
    path = stkr_path(rbf_model, X, few, list(settings.values()))
    models = dict(zip(settings, path))
    graph = csr_array(kneighbors_graph(X, 7))
    graph_model = STKRClassifier(kernel="precomputed", normalize="lazy")
    graph_model.fit(graph.maximum(graph.T), few)
    spreading = LabelSpreading("knn", n_neighbors=7, max_iter=1000).fit(X, few)
    return {
        "inverse_laplacian of the graph": graph_model,
        **models,
        "LabelSpreading": spreading,
    }


n_labels = [1, 2, 3, 5, 10]
n_seeds = 4
accuracy = {}
for n in n_labels:
    for seed in range(n_seeds):
        pool, _, few = draw(n, seed)
        hidden = few == -1
        for name, model in fit_all(X[pool], few).items():
            right = model.transduction_[hidden] == y[pool][hidden]
            accuracy.setdefault(name, []).append(np.mean(right))

# %%
# The choice
# ----------
# The test folds of :class:`~skkernels.model_selection.LabeledKFold` have labelled
# images only; images without a label are in every training set.

grid = [
    {"transformation": ["identity"]},
    {"transformation": ["inverse_laplacian"], "eta": [0.9, 0.99]},
    {"transformation": ["power"], "power": [2, 4, 8]},
    {"transformation": ["truncation"], "n_components": [10, 30]},
]
for n in (3, 10):
    pool, new, few = draw(n, seed=0)
    folds = LabeledKFold(3, shuffle=True, random_state=0, stratify=True)
    search = GridSearchCV(rbf_model, grid, cv=folds)
    search.fit(X[pool], few)
    right = search.score(X[new], y[new])
    print(f"{n} labels per digit: {search.best_params_}, {right:.1%} of new images")

# %%
# Accuracy on the other images of the pool, the mean over four draws:

fig, ax = plt.subplots(figsize=(8, 4.4), layout="constrained")
styles = ["C4v-", "C1D-", "C0s-", "C7o-", "C2^-", "C3v--"]
for (name, values), style in zip(accuracy.items(), styles):
    means = 100 * np.reshape(values, (-1, n_seeds)).mean(axis=1)
    ax.plot(n_labels, means, style, label=name)
ax.set(xscale="log", xlabel="labels per digit", ylabel="accuracy, %")
ax.set_xticks(n_labels, labels=n_labels)
ax.minorticks_off()
fig.legend(frameon=False, loc="outside right upper")
plt.show()

# %%
# On the moons the leading eigenvectors are the classes; ten eigenvectors are too few
# for the digits, however many labels there are. Some steps of diffusion help more than
# infinitely many, and the graph of neighbours helps most, as a better kernel does.
