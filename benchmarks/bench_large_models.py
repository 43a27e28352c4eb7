"""Large kernel models: time to an error, beside peers; growth with the number of rows.

Run on a quiet machine, part by part::

    SKKERNELS_DATA=folder python benchmarks/bench_large_models.py regression
    SKKERNELS_DATA=folder python benchmarks/bench_large_models.py classification
    python benchmarks/bench_large_models.py crossover
    python benchmarks/bench_large_models.py scaling
    python benchmarks/bench_large_models.py profile

Every model runs in a process of its own, which has compiled and loaded what it needs on
a small problem before. Memory is the peak of that process above what it held before the
fit, data included in neither. Seconds are medians of up to five fits with different
seeds: as many as the time allows for each model, said in the column "runs". Peers that
are not installed are left out.
"""

import argparse
import importlib.util
import multiprocessing
import statistics
import time
import warnings

import numpy as np
from _data import CLASSIFICATION, REGRESSION, available, index_model, load
from _harness import peak_megabytes, print_table, resident_megabytes, write_json
from sklearn.base import clone
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.kernel_approximation import Nystroem
from sklearn.kernel_ridge import KernelRidge as SklearnKernelRidge
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from skkernels import (
    EigenProClassifier,
    EigenProRegressor,
    KernelRidge,
    KernelRidgeClassifier,
    KernelRidgeCV,
    NystroemKernelRidge,
    NystroemKernelRidgeClassifier,
)
from skkernels.kernels import Exponential, Matern

# Seconds that a model's repetitions may take.
PATIENCE = 20.0
SELECTION_ROWS = 2500
N_TEST = 20_000


class SingleFloats:
    """Marks a model that is given float32 data."""

    def __init__(self, model):
        self.model = model


def selection():
    """Kernel, width and ridge by leave-one-out on some thousand rows."""
    alphas = np.logspace(-4, 1, 11)
    scales = np.geomspace(0.5, 16, 6)

    def choose(X, y):
        X, y = X[:SELECTION_ROWS], y[:SELECTION_ROWS]
        root = np.sqrt(X.shape[1])
        best = None
        for make in (Exponential, lambda s: Matern(s, nu=1.5)):
            for scale in scales * root:
                cv = KernelRidgeCV(alphas, kernel=make(scale), gammas=None).fit(X, y)
                if best is None or cv.best_score_ > best[0]:
                    best = cv.best_score_, make(scale), cv.alpha_
        return best[1:]

    return choose


class ChosenKernelRidge:
    """KernelRidge on all rows, kernel and ridge chosen on some of them."""

    def __init__(self, solver, tol):
        self.solver, self.tol = solver, tol

    def get_params(self):
        return {}

    def fit(self, X, y):
        start = time.perf_counter()
        kernel, alpha = selection()(X, y)
        name, scale = type(kernel).__name__, kernel.length_scale
        self.note = f"{name}({scale:.3g}), alpha={alpha:.1e}"
        self.note += f", chosen in {time.perf_counter() - start:.1f} s"
        self.model = KernelRidge(
            alpha, kernel=kernel, solver=self.solver, tol=self.tol, random_state=0
        ).fit(X, y)
        self.note += f", {self.model.n_iter_} iterations"
        return self

    def predict(self, X):
        return self.model.predict(X)


class InducingPoints:
    """gpytorch's exact GP with an inducing-point kernel, hyper-parameters fitted."""

    def __init__(self, n_inducing=1000, n_steps=30, random_state=0):
        self.n_inducing, self.n_steps = n_inducing, n_steps
        self.random_state = random_state

    def get_params(self):
        return {}

    def fit(self, X, y):
        import gpytorch
        import torch

        torch.manual_seed(self.random_state)
        X = torch.tensor(X, dtype=torch.float32)
        y = torch.tensor(y, dtype=torch.float32)
        inducing = X[torch.randperm(len(X))[: self.n_inducing]].clone()

        class Model(gpytorch.models.ExactGP):
            def __init__(self, X, y, likelihood):
                super().__init__(X, y, likelihood)
                self.mean_module = gpytorch.means.ConstantMean()
                base = gpytorch.kernels.ScaleKernel(gpytorch.kernels.RBFKernel())
                self.covar_module = gpytorch.kernels.InducingPointKernel(
                    base, inducing_points=inducing, likelihood=likelihood
                )

            def forward(self, X):
                return gpytorch.distributions.MultivariateNormal(
                    self.mean_module(X), self.covar_module(X)
                )

        likelihood = gpytorch.likelihoods.GaussianLikelihood()
        self.model = Model(X, y, likelihood)
        self.model.train()
        objective = gpytorch.mlls.ExactMarginalLogLikelihood(likelihood, self.model)
        optimiser = torch.optim.Adam(self.model.parameters(), lr=0.1)
        for _ in range(self.n_steps):
            optimiser.zero_grad()
            loss = -objective(self.model(X), y)
            loss.backward()
            optimiser.step()
        self.model.eval()
        return self

    def predict(self, X):
        import gpytorch
        import torch

        with torch.no_grad(), gpytorch.settings.fast_pred_var():
            return self.model(torch.tensor(X, dtype=torch.float32)).mean.numpy()


class XRFM:
    """xrfm with its defaults, 20 % of the rows for its validation."""

    def get_params(self):
        return {}

    def fit(self, X, y):
        import torch
        import xrfm

        X = torch.tensor(X, dtype=torch.float32)
        y = torch.tensor(y, dtype=torch.float32)[:, None]
        n = int(0.8 * len(X))
        self.model = xrfm.xRFM(device=torch.device("cpu"), tuning_metric="mse")
        self.model.fit(X[:n], y[:n], X[n:], y[n:])
        return self

    def predict(self, X):
        import torch

        return np.asarray(self.model.predict(torch.tensor(X, dtype=torch.float32)))[
            :, 0
        ]


def regression_models(d, n):
    gamma = 1 / d
    nystroem = {"alpha": 1e-3, "kernel": "rbf", "gamma": gamma}
    models = {
        "scikit-learn Nystroem(2000) + Ridge": make_pipeline(
            Nystroem(kernel="rbf", gamma=gamma, n_components=2000, random_state=0),
            Ridge(alpha=1e-3),
        ),
        "NystroemKernelRidge(2000), the same": NystroemKernelRidge(2000, **nystroem),
        "NystroemKernelRidge(2000) krill, float32": SingleFloats(
            NystroemKernelRidge(2000, solver="krill", tol=1e-2, **nystroem)
        ),
        "NystroemKernelRidge(1000), rpcholesky": NystroemKernelRidge(
            1000, center_selection="rpcholesky", **nystroem
        ),
        "NystroemKernelRidge(1000), Matern": NystroemKernelRidge(
            1000, alpha=0.01, kernel="matern", gamma=0.25 / d
        ),
        "EigenProRegressor(max_iter=2), float32": SingleFloats(
            EigenProRegressor(max_iter=2)
        ),
        "EigenProRegressor(), float32": SingleFloats(EigenProRegressor()),
        "EigenProRegressor(5000, max_iter=5), float32": SingleFloats(
            EigenProRegressor(5000, max_iter=5)
        ),
        "HistGradientBoosting": HistGradientBoostingRegressor(random_state=0),
    }
    if n <= 60_000:
        models["KernelRidge pcg, chosen"] = ChosenKernelRidge("pcg", 1e-3)
    if n <= 20_000:
        models["scikit-learn KernelRidge"] = SklearnKernelRidge(
            alpha=1e-2, kernel="rbf", gamma=gamma
        )
        models["KernelRidge askotch, chosen"] = ChosenKernelRidge("askotch", 1e-3)
    if importlib.util.find_spec("gpytorch"):
        models["gpytorch, 1000 inducing points"] = InducingPoints()
    if importlib.util.find_spec("xrfm"):
        models["xrfm"] = XRFM()
    return models


def classification_models(name):
    gamma = "scale"
    models = {
        "SVC(C=10)": SVC(C=10, gamma=gamma),
        "KernelRidgeClassifier": KernelRidgeClassifier(alpha=0.1, gamma=gamma),
        "EigenProClassifier(), float32": SingleFloats(
            EigenProClassifier(kernel="rbf", gamma=gamma)
        ),
        "EigenProClassifier(), exponential, float32": SingleFloats(
            EigenProClassifier(gamma=gamma)
        ),
        "NystroemKernelRidgeClassifier(2000)": NystroemKernelRidgeClassifier(
            2000, alpha=0.1, gamma=gamma
        ),
        "HistGradientBoosting": HistGradientBoostingClassifier(random_state=0),
    }
    if name == "letter":
        # Letters lie close together: the width that SVC is tuned to on this set.
        for model in models.values():
            model = getattr(model, "model", model)
            if "gamma" in model.get_params():
                model.set_params(gamma=0.25)
    return models


def unwrap(model, *arrays):
    """The estimator, and the arrays in the precision that it is given."""
    if isinstance(model, SingleFloats):
        return model.model, *(a.astype(np.float32) for a in arrays)
    return model, *arrays


def measure(task):
    """Error, seconds and memory of one model, in a fresh process."""
    warnings.simplefilter("ignore")
    part, data, name, patience = task
    X, X_test, y, y_test = load(data) if data != "index model" else _index_rows()
    if part == "regression":
        model = regression_models(X.shape[1], len(X))[name]
    else:
        model = classification_models(data)[name]
    model, X, X_test = unwrap(model, X, X_test)
    few = slice(0, 2500)
    small = clone(model) if hasattr(model, "set_params") else model
    if isinstance(model, (XRFM, InducingPoints)):
        few = slice(0, 1100)
    small.fit(X[few], y[few]).predict(X_test[:100])
    before = resident_megabytes()
    results = []
    while not results or (
        len(results) < 5 and sum(r[1] + r[2] for r in results) < patience
    ):
        if hasattr(model, "set_params") and "random_state" in model.get_params():
            model.set_params(random_state=len(results))
        start = time.perf_counter()
        model.fit(X, y)
        fitted = time.perf_counter()
        if not results:
            peak = peak_megabytes() - before
        prediction = model.predict(X_test)
        done = time.perf_counter()
        if part == "regression":
            error = np.sqrt(np.mean((prediction - y_test) ** 2)) / y_test.std()
        else:
            error = np.mean(prediction == y_test)
        results.append((error, fitted - start, done - fitted))
    row = {"data": data, "model": name}
    key = "accuracy" if part == "classification" else "RMSE / sd"
    error, fit, predict = map(statistics.median, zip(*results, strict=True))
    row |= {key: float(error), "fit s": fit, "predict s": predict, "MiB": peak}
    row["runs"] = len(results)
    if hasattr(model, "note"):
        row["note"] = model.note
    return row


def _index_rows():
    X, y = index_model(125_000)
    return X[:100_000], X[100_000:], y[:100_000], y[100_000:]


def in_process(func, argument):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(func, (argument,))


def compare(part, only, models_named, patience, max_rows):
    names = REGRESSION if part == "regression" else CLASSIFICATION
    names = [name for name in available() if name in names]
    if part == "regression":
        names.insert(0, "index model")
    rows = []
    for data in names:
        if only and not any(text in data for text in only.split(",")):
            continue
        n, d = (100_000, 20) if data == "index model" else load(data)[0].shape
        models = (
            regression_models(d, n)
            if part == "regression"
            else classification_models(data)
        )
        for name in models:
            if models_named and models_named not in name:
                continue
            if name in ("xrfm", "gpytorch, 1000 inducing points") and n > max_rows:
                continue
            rows.append(in_process(measure, (part, data, name, patience)))
            print_table(rows[-1:], header=len(rows) == 1)
    return rows


def noisy_labels(n):
    """Two classes in 10 dimensions, 15 % of the training labels flipped.

    The labels of the test rows are without noise.
    """
    X, y = index_model(n + N_TEST, n_features=10, noise=0.0)
    labels = (y > 0).astype(int)
    flipped = np.random.default_rng(1).random(n) < 0.15
    noisy = np.where(flipped, 1 - labels[:n], labels[:n])
    return X[:n], noisy, X[n:], labels[n:]


def crossover_fit(task):
    """Seconds and accuracy (beside the labels without noise) at one size."""
    name, n = task
    X, y, X_test, clean = noisy_labels(n)
    models = {
        "SVC": SVC(C=1.0, gamma="scale"),
        "NystroemKernelRidgeClassifier(1000)": NystroemKernelRidgeClassifier(
            1000, alpha=1.0, random_state=0
        ),
        "EigenProClassifier(2000), float32": EigenProClassifier(
            2000, alpha=1.0, kernel="rbf", max_iter=3, random_state=0
        ),
    }
    model = models[name]
    if name.endswith("float32"):
        X, X_test = X.astype(np.float32), X_test.astype(np.float32)
    clone(model).fit(X[:500], y[:500]).predict(X_test[:10])
    start = time.perf_counter()
    model.fit(X, y)
    fit = time.perf_counter() - start
    start = time.perf_counter()
    prediction = model.predict(X_test)
    predict = time.perf_counter() - start
    return {
        "n": n,
        "model": name,
        "accuracy": float(np.mean(prediction == clean)),
        "fit s": fit,
        "predict s": predict,
    }


def crossover(cap):
    """SVC until a fit takes ``cap`` seconds, ours on to 1 000 000 rows."""
    rows = []
    sizes = [1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000, 1_000_000]
    for name in (
        "SVC",
        "NystroemKernelRidgeClassifier(1000)",
        "EigenProClassifier(2000), float32",
    ):
        for n in sizes:
            rows.append(in_process(crossover_fit, (name, n)))
            print_table(rows[-1:], header=len(rows) == 1)
            if name == "SVC" and rows[-1]["fit s"] > cap / 6:
                break
    svc = [row for row in rows if row["model"] == "SVC"]
    slope, level = np.polyfit(
        np.log([row["n"] for row in svc[-4:]]),
        np.log([row["fit s"] for row in svc[-4:]]),
        1,
    )
    print(f"SVC: seconds = exp({level:.2f}) n^{slope:.2f} from its last four sizes")
    for name in dict.fromkeys(row["model"] for row in rows if row["model"] != "SVC"):
        ours = [row for row in rows if row["model"] == name]
        for row in ours:
            ratio = np.exp(level) * row["n"] ** slope / row["fit s"]
            print(f"{name}, n = {row['n']}: {ratio:.1f} times as fast as SVC's fit")
    return rows


class Clock:
    """Callback that notes when each epoch or iteration ends."""

    def __init__(self):
        self.times = []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        if context.task_name in ("epoch", "iteration"):
            self.times.append(time.perf_counter())


def scaling_fit(task):
    """Some epochs or iterations with 10 000 centers on n rows of 20 features."""
    name, n = task
    X, y = index_model(n + N_TEST)
    X = X.astype(np.float32)
    X, test, y, target = X[:n], X[n:], y[:n], y[n:]
    few = slice(0, 3000)
    common = {"kernel": "rbf", "gamma": 0.025, "random_state": 0}
    models = {
        "EigenPro epoch": lambda k: EigenProRegressor(10_000, max_iter=k, **common),
        "FALKON iteration": lambda k: NystroemKernelRidge(
            10_000, alpha=1.0, solver="falkon", max_iter=k, tol=1e-12, **common
        ),
    }
    make = models[name]
    warnings.simplefilter("ignore")
    make(1).set_params(n_centers=500).fit(X[few], y[few])
    before = resident_megabytes()
    clock = Clock()
    start = time.perf_counter()
    count = 6 if name == "EigenPro epoch" else 4
    model = make(count).set_callbacks(clock).fit(X, y)
    total = time.perf_counter() - start
    each = float(np.median(np.diff(clock.times)))
    error = np.sqrt(np.mean((model.predict(test) - target) ** 2))
    return {
        "what": name,
        "n": n,
        "each s": each,
        "set-up s": total - count * each,
        "MiB": peak_megabytes() - before,
        "MiB in all": peak_megabytes(),
        "RMSE": float(error / target.std()),
    }


def scaling():
    rows = []
    for name in ("EigenPro epoch", "FALKON iteration"):
        for n in (100_000, 300_000, 1_000_000):
            rows.append(in_process(scaling_fit, (name, n)))
            print_table(rows[-1:], header=len(rows) == 1)
        last = rows[-3:]
        slope = np.polyfit(
            np.log([row["n"] for row in last]),
            np.log([row["each s"] for row in last]),
            1,
        )[0]
        print(f"{name}: seconds grow as n^{slope:.2f}")
    return rows


def profile():
    """Share of an EigenPro epoch that kernel products take, and their throughput."""
    from skkernels.kernels import RBF
    from skkernels.operators import KernelOperator
    from skkernels.solvers import CenteredEigenPro, FullEigenPro
    from skkernels.utils._parallel import single_threaded_blas

    rows = []
    for kind, n, p in (("EigenPro 2", 30_000, 30_000), ("EigenPro 4", 200_000, 10_000)):
        X, y = index_model(n)
        X, y = X.astype(np.float32), y[:, None]
        kernel = RBF(length_scale=4.5)
        options = {
            "weights": None,
            "alpha": 0.0,
            "subsample_size": "auto",
            "n_components": "auto",
            "batch_size": "auto",
            "seed": 0,
        }
        if kind == "EigenPro 2":
            iteration = FullEigenPro(kernel, X, X, 1, **options)
        else:
            iteration = CenteredEigenPro(kernel, X, X[:p], 1, period="auto", **options)
        spent = {"kernel": 0.0, "depth": 0}

        def timed(method, spent=spent):
            def call(*args, **kwargs):
                spent["depth"] += 1
                start = time.perf_counter()
                try:
                    return method(*args, **kwargs)
                finally:
                    spent["depth"] -= 1
                    if not spent["depth"]:
                        spent["kernel"] += time.perf_counter() - start

            return call

        reference = iteration.mean_square(y)
        iteration.epoch(y, 0, iteration.step, reference)
        names = ("matmat", "rmatmat", "residual_matmat", "take_rows")
        originals = {name: getattr(KernelOperator, name) for name in names}
        seconds, shares = [], []
        for number in range(1, 6):
            spent["kernel"] = 0.0
            for name, method in originals.items():
                setattr(KernelOperator, name, timed(method))
            start = time.perf_counter()
            with single_threaded_blas():
                iteration.epoch(y, number, iteration.step, reference)
            seconds.append(time.perf_counter() - start)
            shares.append(spent["kernel"] / seconds[-1])
            for name, method in originals.items():
                setattr(KernelOperator, name, method)
        # The foundation's product at the shape of a batch.
        operator = KernelOperator(kernel, X[: iteration.batch_size], X[:p])
        v = np.ones(p, np.float32)
        operator @ v
        times = []
        for _ in range(7):
            start = time.perf_counter()
            operator @ v
            times.append(time.perf_counter() - start)
        product = iteration.batch_size * p / statistics.median(times)
        # Values used: each serves the residual and, with centers, the moment.
        period = getattr(iteration, "period", 1) * iteration.batch_size
        extra = len(iteration.subsample) if kind == "EigenPro 2" else period / 2
        values = n * (p + extra)
        rows.append(
            {
                "what": kind,
                "n": n,
                "p": p,
                "batch": iteration.batch_size,
                "epoch s": statistics.median(seconds),
                "kernel share %": 100 * statistics.median(shares),
                "10^9 values / s": values / statistics.median(seconds) / 1e9,
                "product, 10^9 / s": product / 1e9,
                "ratio %": 100 * values / statistics.median(seconds) / product,
            }
        )
        print_table(rows[-1:], header=len(rows) == 1)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parts = ("regression", "classification", "crossover", "scaling", "profile")
    parser.add_argument("part", choices=parts)
    parser.add_argument("--only", default=None, help="data sets, separated by commas")
    parser.add_argument("--models", default=None, help="part of their names")
    parser.add_argument("--patience", type=float, default=PATIENCE)
    parser.add_argument(
        "--max-rows", type=int, default=50_000, help="for xrfm and gpytorch"
    )
    parser.add_argument("--cap", type=float, default=600.0, help="seconds for SVC")
    parser.add_argument("--json", default=None)
    args = parser.parse_args()
    if args.part in ("regression", "classification"):
        rows = compare(args.part, args.only, args.models, args.patience, args.max_rows)
    elif args.part == "crossover":
        rows = crossover(args.cap)
    else:
        rows = {"scaling": scaling, "profile": profile}[args.part]()
    write_json(args.json, {args.part: rows})


if __name__ == "__main__":
    main()
