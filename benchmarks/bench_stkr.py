"""Transformed kernels on few labels: accuracy beside peers, scale, products.

Run on a quiet machine, part by part::

    SKKERNELS_DATA=folder python benchmarks/bench_stkr.py accuracy
    python benchmarks/bench_stkr.py scale
    python benchmarks/bench_stkr.py products

"accuracy" takes the bundled digits, and letter and mnist10k from the folder. A model
sees the labels of few rows of the pool; its accuracy is measured on all other rows of
the pool and on new rows. Means and standard errors are over the seeds, which choose
the labelled rows, and seconds are medians. "scale" runs every model in a process of its
own and reports the peak of its memory above what it held before the fit. "products"
counts products with the kernel matrix: those that conjugate gradients take to tol=1e-6,
and those of Richardson's iteration until its predictions are as accurate.
"""

import argparse
import multiprocessing
import statistics
import time
import warnings

import numpy as np
from _data import available, load
from _harness import peak_megabytes, print_table, resident_megabytes, write_json
from scipy.sparse import csr_array
from sklearn.datasets import load_digits, make_blobs, make_moons
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import NearestNeighbors
from sklearn.semi_supervised import (
    LabelPropagation,
    LabelSpreading,
    SelfTrainingClassifier,
)

from skkernels import KernelRidgeClassifier
from skkernels.kernels import RBF
from skkernels.model_selection import LabeledKFold
from skkernels.semi_supervised import STKRClassifier, STKRRegressor
from skkernels.semi_supervised._pool import Pool

# Rows among which the parameters are chosen, the labelled ones included.
SELECTION_ROWS = 1000
N_NEIGHBORS = 10
TRANSDUCTIVE = (STKRClassifier, LabelSpreading, LabelPropagation)


def rows_of(name, max_rows):
    """Pool and new rows."""
    if name != "digits":
        return load(name, max_rows)
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))[:max_rows]
    X, y = X[order] / 16, y[order]
    n_pool = int(0.8 * len(X))
    return X[:n_pool], X[n_pool:], y[:n_pool], y[n_pool:]


def scale_gamma(X):
    return 1 / (X.shape[1] * X.var())


class Peer:
    """A classifier that is given the labelled rows only."""

    def __init__(self, model):
        self.model = model

    def fit(self, X, y):
        self.model.fit(X[y >= 0], y[y >= 0])
        return self

    def predict(self, X):
        return self.model.predict(X)


class OnNeighbors:
    """A transformed kernel on the graph of nearest neighbours."""

    def __init__(self, **parameters):
        self.model = STKRClassifier(
            kernel="precomputed", normalize="lazy", **parameters
        )

    def fit(self, X, y):
        self.neighbors = NearestNeighbors(n_neighbors=N_NEIGHBORS).fit(X)
        graph = csr_array(self.neighbors.kneighbors_graph())
        self.model.fit(graph.maximum(graph.T), y)
        return self

    def predict(self, X):
        return self.model.predict(csr_array(self.neighbors.kneighbors_graph(X)))


class Chosen:
    """Transformation, width and ridge chosen by folds of the labels of some rows."""

    def __init__(self, seed):
        self.seed = seed

    def fit(self, X, y):
        labeled = np.flatnonzero(y >= 0)
        rng = np.random.default_rng(self.seed)
        others = rng.permutation(np.flatnonzero(y < 0))
        rows = np.r_[labeled, others[: max(0, SELECTION_ROWS - len(labeled))]]
        n_classes = len(np.unique(y[labeled]))
        common = {
            "gamma": (scale_gamma(X) * np.array([1.0, 4.0])).tolist(),
            "alpha": [1e-3, 1e-1],
        }
        grid = [
            {"transformation": ["identity"]} | common,
            {"transformation": ["inverse_laplacian"], "eta": [0.9, 0.99]} | common,
            {"transformation": ["power"], "power": [2, 4, 8]} | common,
            {
                "transformation": ["truncation"],
                "n_components": [n_classes, 3 * n_classes],
            }
            | common,
        ]
        n_splits = min(3, np.bincount(y[labeled]).min())
        cv = LabeledKFold(n_splits, shuffle=True, random_state=self.seed, stratify=True)
        search = GridSearchCV(STKRClassifier(), grid, cv=cv, refit=False)
        search.fit(X[rows], y[rows])
        self.best = search.best_params_
        self.model = STKRClassifier(**self.best).fit(X, y)
        return self

    def predict(self, X):
        return self.model.predict(X)


def models(X, n_classes, per_class, seed, max_peer_rows):
    gamma = scale_gamma(X)
    found = {
        "KernelRidgeClassifier, labelled rows": Peer(KernelRidgeClassifier()),
        "STKR identity": STKRClassifier("identity"),
        "STKR inverse_laplacian": STKRClassifier(),
        "STKR power=4": STKRClassifier("power", power=4),
        "STKR power=4, alpha=1e-3": STKRClassifier("power", power=4, alpha=1e-3),
        "STKR heat": STKRClassifier("heat"),
        "STKR truncation, d=C": STKRClassifier("truncation", n_components=n_classes),
        "STKR truncation, d=3C": STKRClassifier(
            "truncation", n_components=3 * n_classes
        ),
        "STKR inverse_laplacian, neighbours": OnNeighbors(),
        "STKR power=8, neighbours": OnNeighbors(transformation="power", power=8),
        "LabelSpreading, neighbours": LabelSpreading(
            "knn", n_neighbors=N_NEIGHBORS, max_iter=1000
        ),
        "SelfTraining(LogisticRegression)": SelfTrainingClassifier(
            LogisticRegression(max_iter=1000)
        ),
    }
    if per_class > 1:
        found["STKR, chosen"] = Chosen(seed)
    if len(X) <= max_peer_rows:
        for kind in (LabelSpreading, LabelPropagation):
            name = kind.__name__
            found[f"{name}, gamma scale"] = kind(gamma=gamma, max_iter=1000)
            found[f"{name}, gamma 4 scale"] = kind(gamma=4 * gamma, max_iter=1000)
    return found


def few_labels(y, per_class, seed):
    """Labels of some rows of each class, -1 elsewhere."""
    rng = np.random.default_rng(seed)
    rows = [
        rng.choice(np.flatnonzero(y == label), per_class, replace=False)
        for label in np.unique(y)
    ]
    few = np.full(len(y), -1)
    few[np.concatenate(rows)] = y[np.concatenate(rows)]
    return few


def mean_and_error(values):
    values = 100 * np.array(values)
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{values.mean():.1f} ± {error:.1f}"


def accuracy(args):
    names = ["digits", *(n for n in available() if n in ("letter", "mnist10k"))]
    results = []
    for data in names:
        if args.only and data not in args.only.split(","):
            continue
        X, X_new, y, y_new = rows_of(data, args.max_rows)
        classes, y = np.unique(y, return_inverse=True)
        y_new = np.searchsorted(classes, y_new)
        for per_class in args.labels:
            runs = {}
            for seed in range(args.seeds):
                few = few_labels(y, per_class, seed)
                hidden = few < 0
                candidates = models(X, len(classes), per_class, seed, args.peer_rows)
                for name, model in candidates.items():
                    if args.models and args.models not in name:
                        continue
                    start = time.perf_counter()
                    model.fit(X, few)
                    fitted = time.perf_counter()
                    new = model.predict(X_new)
                    done = time.perf_counter()
                    fitted_model = getattr(model, "model", model)
                    if isinstance(fitted_model, TRANSDUCTIVE):
                        pool = fitted_model.transduction_
                    else:
                        pool = model.predict(X)
                    runs.setdefault(name, []).append(
                        {
                            "pool": float(np.mean(pool[hidden] == y[hidden])),
                            "new": float(np.mean(new == y_new)),
                            "fit s": fitted - start,
                            "predict s": done - fitted,
                            "chosen": getattr(model, "best", None),
                        }
                    )
            rows = []
            for name, series in runs.items():
                row = {"data": data, "N": len(X), "labels": per_class, "model": name}
                for key in ("pool", "new"):
                    row[f"{key} %"] = mean_and_error([run[key] for run in series])
                for key in ("fit s", "predict s"):
                    row[key] = statistics.median(run[key] for run in series)
                rows.append(row)
            print_table(rows, header=not results)
            # Every seed goes into the file.
            results += [row | {"seeds": runs[row["model"]]} for row in rows]
    return results


def dense_rows(n):
    """Ten Gaussian classes in 20 features that overlap, and 100 labels."""
    X, y = make_blobs(n, 20, centers=10, center_box=(-2, 2), random_state=0)
    return X, y, few_labels(y, 10, 0)


def sparse_graph(n):
    """A graph of rows and 5 to 10 neighbours of each: 10 n entries at least."""
    X, y = make_blobs(n, 3, centers=10, center_box=(-4, 4), random_state=0)
    graph = csr_array(NearestNeighbors(n_neighbors=10).fit(X).kneighbors_graph())
    return graph.maximum(graph.T), y, few_labels(y, 10, 0)


def scale_models():
    graph = {"kernel": "precomputed", "normalize": "lazy"}
    return {
        "on the fly: inverse_laplacian": STKRClassifier(solver="cg"),
        "on the fly: power=4": STKRClassifier("power", power=4, solver="cg"),
        "on the fly: truncation, d=10": STKRClassifier("truncation", solver="lanczos"),
        "sparse graph: inverse_laplacian": STKRClassifier(**graph),
        "sparse graph: power=8": STKRClassifier("power", power=8, **graph),
        "sparse graph: truncation, d=10": STKRClassifier("truncation", **graph),
    }


def measure_scale(case):
    """In a process of its own: seconds, and the peak above what the data take."""
    warnings.simplefilter("ignore")
    name, n, single = case
    make = sparse_graph if name.startswith("sparse") else dense_rows
    X, y, few = make(min(n, 1500))
    scale_models()[name].fit(X, few)
    X, y, few = make(n)
    if single and not name.startswith("sparse"):
        X = X.astype(np.float32)
    model = scale_models()[name]
    before = resident_megabytes()
    start = time.perf_counter()
    model.fit(X, few)
    seconds = time.perf_counter() - start
    hidden = few < 0
    return {
        "model": name + (", float32" if single else ""),
        "N": n,
        "entries": X.nnz if name.startswith("sparse") else n * n,
        "solver": model.solver_,
        "iterations": model.n_iter_,
        "fit s": seconds,
        "MiB": peak_megabytes() - before,
        "pool %": 100 * float(np.mean(model.transduction_[hidden] == y[hidden])),
    }


def scale(args):
    results = []
    for name in scale_models():
        if args.models and args.models not in name:
            continue
        sparse = name.startswith("sparse")
        for n in args.sizes or ((100_000,) if sparse else (5000, 10_000, 20_000)):
            for single in (False,) if sparse else (False, True):
                # A new process for each, because a peak never falls.
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    row = pool.apply(measure_scale, ((name, n, single),))
                print_table([row], header=not results)
                results.append(row)
    return results


def normalised_gram(X, gamma):
    K = RBF(length_scale=np.sqrt(0.5 / gamma))(X)
    degrees = np.sqrt(K.mean(axis=1))
    return K / degrees / degrees[:, None]


def richardson_power(G, Y, labeled, alpha, power, reached, max_products):
    """Fixed steps on the labelled rows' system, with Horner's rule for A^power."""
    n, m = len(G), len(labeled)
    identity = np.zeros((n, m))
    identity[labeled, np.arange(m)] = 1
    columns = identity
    for _ in range(power - 1):
        columns = G @ columns / n
    # The step comes from the matrix itself: its products are not counted.
    step = 1 / (alpha + 1.05 * np.linalg.eigvalsh(G[labeled] @ columns)[-1])
    a = np.zeros_like(Y)
    for products in range(power, max_products, power):
        values = G @ (identity @ a)
        for _ in range(power - 1):
            values = G @ values / n
        if reached(values):
            return products
        a -= step * (values[labeled] + alpha * a - Y)
    return None


def richardson_inverse_laplacian(G, Y, labeled, alpha, eta, reached, max_products):
    """Fixed steps on the coefficients of all rows."""
    n = len(G)
    step = 1.5 / (alpha + np.linalg.eigvalsh(G[np.ix_(labeled, labeled)])[-1])
    theta = np.zeros((n, Y.shape[1]))
    for products in range(1, max_products):
        values = G @ theta
        if reached(values):
            return products
        residual = alpha * (theta - eta / n * values)
        residual[labeled] += values[labeled] - Y
        theta -= step * residual
    return None


def count_products(model, X, Y):
    """Fit, and count the products with the kernel matrix."""
    original, count = Pool.matmat, 0

    def matmat(self, V):
        nonlocal count
        count += 1
        return original(self, V)

    Pool.matmat = matmat
    try:
        model.fit(X, Y)
    finally:
        Pool.matmat = original
    return count


def products(args):
    results = []
    X, y = load_digits(return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(X))[: args.max_rows or 900]
    moons = make_moons(args.max_rows or 600, noise=0.08, random_state=0)
    problems = {"digits": (X[rows] / 16, y[rows], 0.8), "moons": (*moons, 20.0)}
    transforms = [("inverse_laplacian", {"eta": eta}) for eta in (0.9, 0.99, 0.999)]
    transforms += [("power", {"power": power}) for power in (2, 4)]
    for data, (X, y, gamma) in problems.items():
        few = few_labels(y, 3, 0)
        labeled = np.flatnonzero(few >= 0)
        codes = (y[labeled, None] == np.unique(y)).astype(float)
        Y = np.full((len(y), codes.shape[1]), np.nan)
        Y[labeled] = codes
        G = normalised_gram(X, gamma)
        for name, parameter in transforms:
            for beta in (1e-6, 1e-3, 1.0):
                alpha = beta * len(labeled)
                common = {"alpha": alpha, "gamma": gamma} | parameter
                exact = STKRRegressor(name, solver="eigh", **common).fit(X, Y)
                model = STKRRegressor(
                    name, solver="cg", tol=1e-6, max_iter=5000, **common
                )
                cg = count_products(model, X, Y)
                value = next(iter(parameter.values()))
                target = exact.transduction_
                goal = np.abs(model.transduction_ - target).max()

                def reached(values, target=target, goal=goal):
                    return np.abs(values - target).max() <= goal

                richardson = richardson_inverse_laplacian
                if name == "power":
                    richardson = richardson_power
                count = richardson(
                    G, codes, labeled, alpha, value, reached, args.max_products
                )
                row = {"data": data, "transformation": f"{name} {value}", "beta": beta}
                row["error"] = goal / np.abs(target).max()
                row["CG"] = cg
                row["Richardson"] = count or f"> {args.max_products}"
                row["ratio"] = (count or args.max_products) / cg
                print_table([row], header=not results)
                results.append(row)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parts = {"accuracy": accuracy, "scale": scale, "products": products}
    parser.add_argument("part", choices=parts)
    parser.add_argument("--only", help="data sets, separated by commas")
    parser.add_argument("--models", help="part of their names")
    parser.add_argument("--labels", type=int, nargs="*", default=(1, 3, 10))
    parser.add_argument("--seeds", type=int, default=5, help="how many")
    parser.add_argument("--sizes", type=int, nargs="*", help="numbers of rows")
    parser.add_argument("--max-rows", type=int, help="of the pool and the new rows")
    parser.add_argument(
        "--peer-rows", type=int, default=10_000, help="for peers with dense matrices"
    )
    parser.add_argument("--max-products", type=int, default=30_000)
    parser.add_argument("--json", help="file for the results")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    write_json(args.json, {args.part: parts[args.part](args)})


if __name__ == "__main__":
    main()
