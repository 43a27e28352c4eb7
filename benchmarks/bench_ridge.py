"""Kernel ridge regression: error, seconds and memory beside scikit-learn.

Run on a quiet machine::

    SKKERNELS_DATA=folder python benchmarks/bench_ridge.py --json ridge.json

Every fit runs in a process of its own, which has compiled or loaded what it needs
before; its memory is the peak of that process above what it held before the fit.
"""

import argparse
import multiprocessing
import statistics
import time

import numpy as np
from _data import REGRESSION, available, index_model, load
from _harness import peak_megabytes, print_table, resident_megabytes, write_json
from sklearn.kernel_approximation import Nystroem
from sklearn.kernel_ridge import KernelRidge as SklearnKernelRidge
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from skkernels import KernelRidge, NystroemKernelRidge

EXACT_ROWS = 10_000
N_CENTERS = 2000


def exact_models(gamma):
    common = {"alpha": 0.1, "kernel": "rbf", "gamma": gamma}
    return {
        "KernelRidge cholesky": KernelRidge(**common, solver="cholesky"),
        "KernelRidge cg": KernelRidge(**common, solver="cg"),
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


def run_once(task):
    kind, data, name = task
    if data == "index model":
        X, y = index_model(125_000)
        X_train, X_test, y_train, y_test = (
            X[:100_000],
            X[100_000:],
            y[:100_000],
            y[100_000:],
        )
    else:
        X_train, X_test, y_train, y_test = load(
            data, EXACT_ROWS * 5 // 4 if kind == "exact" else None
        )
    gamma = 0.5 / X_train.shape[1]
    models = exact_models(gamma) if kind == "exact" else nystroem_models(gamma)
    model = models[name]
    model.fit(X_train[: N_CENTERS + 10], y_train[: N_CENTERS + 10])
    model.predict(X_test[:10])
    before = resident_megabytes()
    start = time.perf_counter()
    model.fit(X_train, y_train)
    fit = time.perf_counter() - start
    peak = peak_megabytes() - before
    start = time.perf_counter()
    prediction = model.predict(X_test)
    predict = time.perf_counter() - start
    error = np.sqrt(np.mean((prediction - y_test) ** 2)) / y_test.std()
    return error, fit, predict, peak


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
        results = []
        for _ in range(args.runs):
            with context.Pool(1) as pool:
                results.append(pool.apply(run_once, (task,)))
        error, fit, predict, peak = map(statistics.median, zip(*results, strict=True))
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
