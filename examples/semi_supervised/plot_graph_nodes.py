"""
====================
The nodes of a graph
====================

A graph is a kernel, too: its adjacency matrix says which nodes are alike. Given as a
sparse matrix it stays sparse in
:class:`~skkernels.semi_supervised.STKRClassifier`, and whatever spreads labels along
edges is a transformation of its spectrum. scikit-learn's
:class:`~sklearn.semi_supervised.LabelSpreading` is the limit of one of them.
"""

# %%
# Communities
# -----------
# 2000 nodes in four communities. A node has 8 edges on average, and is 12 times as
# likely to be joined to a node of its own community as to one of another.

import matplotlib.pyplot as plt
import numpy as np
from scipy.sparse import csr_array
from sklearn.semi_supervised import LabelSpreading

from skkernels.semi_supervised import STKRClassifier

N_NODES, N_COMMUNITIES = 2000, 4


def community_graph(seed):
    """Adjacency matrix and communities, without the few nodes that have no edge."""
    rng = np.random.default_rng(seed)
    community = np.sort(rng.integers(N_COMMUNITIES, size=N_NODES))
    outside = 8 / N_NODES * N_COMMUNITIES / (12 + N_COMMUNITIES - 1)
    same = community[:, None] == community
    edges = np.triu(
        rng.random((N_NODES, N_NODES)) < np.where(same, 12 * outside, outside), k=1
    )
    edges |= edges.T
    joined = edges.any(axis=1)
    return csr_array(edges[np.ix_(joined, joined)].astype(float)), community[joined]


def few_labels(community, n_labels, seed):
    """Labels of some nodes of each community, -1 elsewhere."""
    rng = np.random.default_rng(seed)
    few = np.full(len(community), -1)
    for label in range(N_COMMUNITIES):
        members = np.flatnonzero(community == label)
        few[rng.choice(members, n_labels, replace=False)] = label
    return few


# %%
# Label spreading is a limit
# --------------------------
# ``normalize="lazy"`` makes a positive semi-definite kernel of any adjacency matrix:
# the average of the identity and the normalised adjacency matrix. With the inverse
# Laplacian, ``eta = 2 a / (1 + a)`` and a large ridge strength, the scores of nodes
# without a label are those of label spreading with ``alpha=a``, up to a common factor.

graph = {"kernel": "precomputed", "normalize": "lazy"}
A, community = community_graph(seed=0)
few = few_labels(community, 5, seed=0)
hidden = few == -1
spreading = LabelSpreading(lambda A, _: A, alpha=0.9, max_iter=1000, tol=1e-8)
spreading.fit(A, few)
for alpha in (1e-2, 1e2, 1e4, 1e6):
    limit = STKRClassifier(alpha=alpha, eta=1.8 / 1.9, **graph).fit(A, few)
    equal = np.mean(limit.transduction_[hidden] == spreading.transduction_[hidden])
    right = np.mean(limit.transduction_[hidden] == community[hidden])
    print(f"alpha={alpha:g}: {right:.1%} right, {equal:.1%} as label spreading")

# %%
# Other transformations
# ---------------------
# Every node has few edges, and many of them lead out of its community. Where a label
# comes to in 16 steps says more than where it comes to in one or two, and the leading
# eigenvectors of the matrix, as many as there are communities, say most.

models = {
    "truncation, n_components=4": STKRClassifier("truncation", n_components=4, **graph),
    "power=16": STKRClassifier("power", power=16, **graph),
    "inverse_laplacian, eta=0.95": STKRClassifier(eta=0.95, **graph),
    "LabelSpreading, alpha=0.9": LabelSpreading(
        lambda A, _: A, alpha=0.9, max_iter=1000
    ),
}
n_labels = [1, 2, 5, 10, 20, 50]
n_seeds = 3
accuracy = {name: np.empty((len(n_labels), n_seeds)) for name in models}
for seed in range(n_seeds):
    A, community = community_graph(seed)
    for i, n in enumerate(n_labels):
        few = few_labels(community, n, seed)
        hidden = few == -1
        for name, model in models.items():
            found = model.fit(A, few).transduction_
            accuracy[name][i, seed] = np.mean(found[hidden] == community[hidden])

# %%
# On the left the edges of the last graph, nodes sorted by community; on the right the
# share of the other nodes that get the right label, the mean over three graphs.

fig, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4.6), layout="constrained")
left.spy(A, markersize=0.4, color="black")
left.set(title=f"{A.nnz // 2} edges", xlabel="node", ylabel="node")
left.xaxis.set_ticks_position("bottom")
for (name, values), style in zip(accuracy.items(), ["C2^-", "C1D-", "C0s-", "C3v--"]):
    right.plot(n_labels, 100 * values.mean(axis=1), style, label=name)
right.set(
    xscale="log",
    xlabel="labels per community",
    ylabel="accuracy on other nodes, %",
)
right.set_xticks(n_labels, labels=n_labels)
right.minorticks_off()
right.legend(frameon=False, loc="lower right")
plt.show()

# %%
# The graph has communities and nothing else, so that four eigenvectors know all there
# is to know, and one label for each community tells which is which. On other graphs
# they do not: see the :ref:`digits
# <sphx_glr_auto_examples_semi_supervised_plot_digits_few_labels.py>`.
