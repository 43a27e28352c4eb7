"""Every supervised estimator with its defaults, on ordinary data, beside peers.

Nothing is tuned and nothing is scaled: this is what a user gets who sets nothing.
Scores are accuracy or R^2: the mean over 5-fold cross-validation for scikit-learn's
bundled data, one 80/20 split (at most 10 000 rows) for the files of SKKERNELS_DATA::

    SKKERNELS_DATA=folder python benchmarks/bench_defaults.py --json defaults.json
"""

import argparse
import os
import pathlib
import time

import numpy as np
from _data import CLASSIFICATION, REGRESSION, available
from _harness import print_table, write_json
from sklearn import datasets
from sklearn.base import clone
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.kernel_ridge import KernelRidge as SklearnKernelRidge
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

from skkernels.utils import all_estimators

MAX_ROWS = 10_000
PEERS = {
    "classifier": {
        "SVC": SVC(),
        "k-NN": KNeighborsClassifier(),
        "HistGradientBoosting": HistGradientBoostingClassifier(random_state=0),
    },
    "regressor": {
        "SVR": SVR(),
        "scikit-learn KernelRidge": SklearnKernelRidge(),
        "k-NN": KNeighborsRegressor(),
        "HistGradientBoosting": HistGradientBoostingRegressor(random_state=0),
    },
}


def raw_rows(name):
    with np.load(pathlib.Path(os.environ["SKKERNELS_DATA"]) / f"{name}.npz") as file:
        X, y = file["X"].astype(np.float64), file["y"].ravel()
    order = np.random.default_rng(0).permutation(len(X))[:MAX_ROWS]
    return X[order], y[order]


def data_sets(kind):
    """Names and rows; the bundled sets are cross-validated, the others split once."""
    if kind == "classifier":
        for loader in ("iris", "wine", "breast_cancer", "digits"):
            yield loader, *getattr(datasets, f"load_{loader}")(return_X_y=True), 5
        names = CLASSIFICATION
    else:
        yield "diabetes", *datasets.load_diabetes(return_X_y=True), 5
        yield "friedman1", *datasets.make_friedman1(2000, noise=1.0, random_state=0), 5
        names = REGRESSION
    for name in available():
        if name in names:
            yield name, *raw_rows(name), 1


def score(model, X, y, folds, kind):
    splitter = StratifiedKFold if kind == "classifier" else KFold
    if folds == 1:
        cut = int(0.8 * len(X))
        cv = [(np.arange(cut), np.arange(cut, len(X)))]
    else:
        cv = splitter(folds, shuffle=True, random_state=0)
    start = time.perf_counter()
    value = cross_val_score(clone(model), X, y, cv=cv).mean()
    return value, time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scaled", action="store_true", help="standardise all data")
    parser.add_argument("--kinds", nargs="+", default=list(PEERS), choices=list(PEERS))
    parser.add_argument("--json", default=None)
    args = parser.parse_args()
    results = {}
    for kind in args.kinds:
        peers = PEERS[kind]
        ours = {name: cls() for name, cls in all_estimators(type_filter=kind)}
        rows = []
        for data, X, y, folds in data_sets(kind):
            row = {"data": data, "rows": len(X), "features": X.shape[1]}
            for name, model in {**ours, **peers}.items():
                if args.scaled:
                    model = make_pipeline(StandardScaler(), model)
                value, seconds = score(model, X, y, folds, kind)
                row[name] = round(float(value), 4)
                row[f"{name} s"] = round(seconds, 2)
            rows.append(row)
            print_table([row], header=len(rows) == 1)
        results[kind] = rows
    for kind, rows in results.items():
        print(f"\n{kind}s, scores")
        keep = [c for c in rows[0] if not c.endswith(" s")]
        print_table([{c: row[c] for c in keep} for row in rows])
    write_json(args.json, results)


if __name__ == "__main__":
    main()
