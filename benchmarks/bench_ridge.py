"""Kernel ridge regression: error, seconds and memory beside scikit-learn.

Run on a quiet machine::

    SKKERNELS_DATA=folder python benchmarks/bench_ridge.py --json ridge.json

Every model runs in a process of its own, which has compiled or loaded what it needs
before. Memory is the peak of that process in the first fit above what it held before.
Fits differ in their random centers.
"""

import argparse
import multiprocessing
import statistics
import time

import numpy as np
from _data import REGRESSION, available, index_model, load
from _harness import peak_megabytes, print_table, resident_megabytes, write_json
from sklearn.base import clone
from sklearn.kernel_approximation import Nystroem
from sklearn.kernel_ridge import KernelRidge as SklearnKernelRidge
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from skkernels import KernelRidge, NystroemKernelRidge

EXACT_ROWS = 8_000
N_CENTERS = 2000


def exact_models(gamma):
    common = {"alpha": 0.1, "kernel": "rbf", "gamma": gamma}
    return {
        "KernelRidge cholesky": KernelRidge(**common, solver="cholesky"),
        "KernelRidge pcg": KernelRidge(**common, solver="pcg"),
        "scikit-learn KernelRidge": SklearnKernelRidge(**common),
    }


def nystroem_models(gamma):
    return {
        f"NystroemKernelRidge {selection}": NystroemKernelRidge(
            N_CENTERS,
            alpha=0.1,
            kernel="rbf",
            gamma=gamma,
            center_selection=selection,
            random_state=0,
        )
        for selection in ("uniform", "kmeans++", "rpcholesky")
    } | {
        "scikit-learn Nystroem + Ridge": make_pipeline(
            Nystroem(kernel="rbf", gamma=gamma, n_components=N_CENTERS, random_state=0),
            Ridge(alpha=0.1),
        )
    }


def rows_of(kind, data):
    """Train and test rows of a task."""
    if data == "index model":
        X, y = index_model(125_000)
        return X[:100_000], X[100_000:], y[:100_000], y[100_000:]
    return load(data, EXACT_ROWS * 5 // 4 if kind == "exact" else None)


def run(task, runs):
    """Error, fit and predict seconds (medians), and peak MiB of the first fit."""
    kind, data, name = task
    X_train, X_test, y_train, y_test = rows_of(kind, data)
    gamma = 0.5 / X_train.shape[1]
    models = exact_models(gamma) if kind == "exact" else nystroem_models(gamma)
    small = slice(0, N_CENTERS // 4)
    models[name].fit(X_train[small], y_train[small]).predict(X_test[:10])
    before = resident_megabytes()
    results = []
    for seed in range(runs):
        model = clone(models[name])
        for key in model.get_params():
            if key.endswith("random_state"):
                model.set_params(**{key: seed})
        start = time.perf_counter()
        model.fit(X_train, y_train)
        fit = time.perf_counter() - start
        if seed == 0:
            peak = peak_megabytes() - before
        start = time.perf_counter()
        prediction = model.predict(X_test)
        predict = time.perf_counter() - start
        error = np.sqrt(np.mean((prediction - y_test) ** 2)) / y_test.std()
        results.append((error, fit, predict))
    return *map(statistics.median, zip(*results, strict=True)), peak


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", default=None)
    args = parser.parse_args()
    names = [name for name in available() if name in REGRESSION]
    tasks = [
        ("nystroem", data, model)
        for data in ["index model", *names]
        for model in nystroem_models(1.0)
    ]
    tasks += [("exact", data, model) for data in names for model in exact_models(1.0)]
    context = multiprocessing.get_context("spawn")
    rows = []
    for task in tasks:
        with context.Pool(1) as pool:
            error, fit, predict, peak = pool.apply(run, (task, args.runs))
        rows.append(
            {
                "data": task[1],
                "model": task[2],
                "RMSE / sd": error,
                "fit s": fit,
                "predict s": predict,
                "MiB": peak,
            }
        )
        print_table(rows[-1:], header=len(rows) == 1)
    write_json(args.json, {"ridge": rows})


if __name__ == "__main__":
    main()
