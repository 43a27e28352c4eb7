"""Kernel thinning: error and time beside peers, growth with the number of rows, memory.

Run on a quiet machine, part by part::

    OPENBLAS_NUM_THREADS=1 python benchmarks/bench_thinning.py quality
    OPENBLAS_NUM_THREADS=1 python benchmarks/bench_thinning.py large
    OPENBLAS_NUM_THREADS=1 python benchmarks/bench_thinning.py slopes
    OPENBLAS_NUM_THREADS=1 python benchmarks/bench_thinning.py memory

Rows are standard Gaussian, the kernel is a Gaussian one, and coresets have the square
root of as many rows. Methods take turns on the same rows, seed by seed; errors are
means over the seeds of the maximum mean discrepancy (MMD), and times are medians. The
package goodpoints is left out where it is not installed.
"""

import argparse
import importlib.util
import multiprocessing
import statistics
import time

import numpy as np
from _harness import peak_megabytes, print_table, resident_megabytes, write_json
from scipy.spatial.distance import cdist, pdist

from skkernels.coresets import (
    compresspp,
    herd,
    kernel_mean,
    kt_split,
    kt_swap,
    kt_thin,
)
from skkernels.kernels import RBF

PEER = importlib.util.find_spec("goodpoints") is not None
STORED = "goodpoints thin_K"
# goodpoints' herding is left out for more rows than this, for its time.
MAX_PEER_HERDING = 4096


def gaussian_rows(n, d, seed):
    """Rows, and the median distance of the first 1000 of them."""
    X = np.random.default_rng(seed).standard_normal((n, d))
    return X, float(np.median(pdist(X[:1000])))


def kernel_matrix(X, sigma):
    """What goodpoints starts from, in as much memory as the matrix takes."""
    K = cdist(X, X, "sqeuclidean")
    K *= -0.5 / sigma**2
    return np.exp(K, out=K)


def every_nth(n, size):
    """Standard thinning: the last one of each of ``size`` runs of rows."""
    step = n // size
    return np.arange(step - 1, step * size, step)


def own_methods(X, sigma, size, seed):
    kernel = RBF(length_scale=sigma)
    n = len(X)
    standard = every_nth(n, size)[np.newaxis]
    n_rounds = (n // size).bit_length() - 1
    methods = {
        "iid": lambda: np.random.default_rng(seed).choice(n, size),
        "split only": lambda: kt_split(kernel, X, n_rounds, random_state=seed)[0],
        "KT": lambda: kt_thin(kernel, X, size, random_state=seed),
        "KT+": lambda: kt_thin(kernel, X, size, split_kernel="plus", random_state=seed),
        "KT greedy, 2 passes": lambda: kt_thin(
            kernel, X, size, threshold="greedy", n_swap_passes=2, random_state=seed
        ),
        "swap pass from standard thinning": lambda: kt_swap(
            kernel, X, standard, baseline=False, random_state=seed
        ),
        "herding": lambda: herd(kernel, X, size),
    }
    for g in (0, 1, 2):
        methods[f"Compress++ g={g}"] = lambda g=g: compresspp(
            kernel, X, size, g=g, random_state=seed
        )
    return methods


def peer_methods(X, K, sigma, size, seed):
    if not PEER:
        return {}
    from goodpoints import compress, herding, kt

    n_rounds = (len(X) // size).bit_length() - 1
    methods = {
        "goodpoints split_K": lambda: kt.split_K(K, n_rounds, seed=seed)[0],
        STORED: lambda: kt.thin_K(K, K, n_rounds, seed=seed),
    }
    for g in (0, 1, 2):
        methods[f"goodpoints Compress++ g={g}"] = lambda g=g: compress.compresspp_kt(
            X, b"gaussian", k_params=np.array([2 * sigma**2]), g=g, seed=seed
        )

    def function(y, rows):
        return np.exp(-0.5 / sigma**2 * ((rows - y) ** 2).sum(axis=1))

    if len(X) <= MAX_PEER_HERDING:
        methods["goodpoints herding"] = lambda: herding.herding(X, n_rounds, function)
    return methods


def compile_all(d):
    """Compile and load what the methods need, on few rows."""
    X, sigma = gaussian_rows(1100, d, 0)
    X, size = X[:1024], 32
    for call in own_methods(X, sigma, size, 0).values():
        call()
    for call in peer_methods(X, kernel_matrix(X, sigma), sigma, size, 0).values():
        call()


def timed(call, *args):
    start = time.perf_counter()
    value = call(*args)
    return value, time.perf_counter() - start


def squared_mmd(kernel, rows, mean_at_rows, constant):
    """Squared MMD of equally weighted rows, from the kernel mean of the target."""
    return constant - 2.0 * mean_at_rows.mean() + kernel(rows).mean()


def compare(runs, n, d):
    """Rows of the table from a list of ``{method: (squared MMD, seconds)}``."""
    rows = []
    for name in runs[0]:
        squares, seconds = zip(*(run[name] for run in runs))
        row = {"n": n, "d": d, "method": name}
        row["MMD"] = float(np.mean(np.sqrt(np.maximum(squares, 0.0))))
        row["share of iid"] = row["MMD"] / (rows[0] if rows else row)["MMD"]
        rows.append(row | {"seconds": statistics.median(seconds)})
    return rows


def run_quality(n, d, seed):
    X, sigma = gaussian_rows(n, d, seed)
    kernel = RBF(length_scale=sigma)
    size = int(np.sqrt(n))
    mean = kernel_mean(kernel, X)
    K, forming = timed(kernel_matrix, X, sigma) if PEER else (None, 0.0)
    methods = own_methods(X, sigma, size, seed)
    methods |= peer_methods(X, K, sigma, size, seed)
    found = {}
    for name, call in methods.items():
        indices, seconds = timed(call)
        square = squared_mmd(kernel, X[indices], mean[indices], mean.mean())
        found[name] = square, seconds
        if name == STORED:
            found[name + " with its matrix"] = square, seconds + forming
    return found


def quality(args):
    results = []
    for n in args.sizes or (1024, 4096, 16384):
        for d in args.features or (2, 10, 100):
            compile_all(d)
            seeds = range(args.seeds or (3 if n > 4096 else 5))
            rows = compare([run_quality(n, d, seed) for seed in seeds], n, d)
            print_table(rows, header=not results)
            results += rows
    return results


def mean_of_gaussian(points, sigma):
    """Mean of the kernel over the standard Gaussian at points, and over it twice."""
    d = points.shape[1]
    s = sigma**2
    norms = np.einsum("ij,ij->i", points, points)
    at_points = (s / (s + 1)) ** (d / 2) * np.exp(-0.5 * norms / (s + 1))
    return at_points, (s / (s + 2)) ** (d / 2)


def run_large(n, d, seed):
    """The mean of the kernel over all pairs of rows is out of reach. With the kernel
    centred at the mean over the Gaussian it is, up to terms in closed form, the squared
    MMD of all rows to the Gaussian, of which the expectation is taken: 1e-6 for a
    million rows, while coresets have some 1e-5."""
    X, sigma = gaussian_rows(n, d, seed)
    kernel = RBF(length_scale=sigma)
    size = int(np.sqrt(n))
    at_rows, twice = mean_of_gaussian(X, sigma)
    constant = 2.0 * at_rows.mean() - twice + (1.0 - twice) / n
    methods = own_methods(X, sigma, size, seed)
    methods |= peer_methods(X, None, sigma, size, seed)
    found = {}
    for name, call in methods.items():
        if name == "iid" or "Compress++" in name:
            indices, seconds = timed(call)
            mean = kernel_mean(kernel, X, points=X[indices])
            found[name] = squared_mmd(kernel, X[indices], mean, constant), seconds
    return found


def large(args):
    results = []
    for n in args.sizes or (4**8, 4**9, 4**10):
        for d in args.features or (10,):
            compile_all(d)
            seeds = range(args.seeds or 3)
            rows = compare([run_large(n, d, seed) for seed in seeds], n, d)
            print_table(rows, header=not results)
            results += rows
    return results


def slopes(args):
    """MMD to the Gaussian in closed form, with the squared width 2 d."""
    sizes = args.sizes or (64, 256, 1024, 4096)
    results = []
    for d in args.features or (2, 10, 100):
        sigma = np.sqrt(2.0 * d)
        kernel = RBF(length_scale=sigma)
        errors = {}
        for n in sizes:
            size = int(np.sqrt(n))
            n_rounds = (n // size).bit_length() - 1
            for seed in range(args.seeds or 10):
                X, _ = gaussian_rows(n, d, seed)
                mean, twice = mean_of_gaussian(X, sigma)
                options = {"random_state": seed}
                coresets = {
                    "all rows": np.arange(n),
                    "iid": np.random.default_rng(seed).choice(n, size),
                    "KT": kt_thin(kernel, X, size, **options),
                    "KT root": kt_thin(kernel, X, size, split_kernel="root", **options),
                    "KT greedy, 2 passes": kt_thin(
                        kernel,
                        X,
                        size,
                        threshold="greedy",
                        n_swap_passes=2,
                        **options,
                    ),
                    "Compress++ g=2": compresspp(kernel, X, size, g=2, **options),
                    "split only": kt_split(kernel, X, n_rounds, **options)[0],
                    "herding": herd(kernel, X, size),
                }
                for name, indices in coresets.items():
                    square = squared_mmd(kernel, X[indices], mean[indices], twice)
                    series = errors.setdefault(name, {}).setdefault(n, [])
                    series.append(np.sqrt(max(square, 0.0)))
        rows = []
        for name, series in errors.items():
            means = [float(np.mean(series[n])) for n in sizes]
            slope = np.polyfit(np.log(sizes), np.log(means), 1)[0]
            row = {"d": d, "method": name, "slope": float(slope)}
            rows.append(row | dict(zip((f"n={n}" for n in sizes), means)))
        print_table(rows, header=not results)
        results += rows
    return results


MEMORY_CASES = ("KT", "Compress++ g=1", STORED, "goodpoints Compress++ g=1")


def measure_memory(case):
    """In a process of its own: peak above what the data and the modules take."""
    name, n, d = case
    compile_all(d)
    X, sigma = gaussian_rows(n, d, 0)
    before = resident_megabytes()
    size = int(np.sqrt(n))
    if name == STORED:
        from goodpoints import kt

        n_rounds = (n // size).bit_length() - 1
        K, forming = timed(kernel_matrix, X, sigma)
        _, seconds = timed(kt.thin_K, K, K, n_rounds)
        seconds += forming
    else:
        methods = own_methods(X, sigma, size, 0) | peer_methods(X, None, sigma, size, 0)
        _, seconds = timed(methods[name])
    return {
        "method": name,
        "n": n,
        "d": d,
        "MiB above the data": peak_megabytes() - before,
        "data MiB": X.nbytes / 2**20,
        "seconds": seconds,
    }


def memory(args):
    results = []
    for name in MEMORY_CASES:
        if "goodpoints" in name and not PEER:
            continue
        # The matrix of a million rows would take 8 TiB.
        sizes = args.sizes or ((4**10,) if "Compress" in name else (16384,))
        for n in sizes:
            for d in args.features or (10,):
                # A new process for each, because a peak never falls.
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    row = pool.apply(measure_memory, ((name, n, d),))
                print_table([row], header=not results)
                results.append(row)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parts = {"quality": quality, "large": large, "slopes": slopes, "memory": memory}
    parser.add_argument("part", choices=parts)
    parser.add_argument("--sizes", type=int, nargs="*", help="numbers of rows")
    parser.add_argument("--features", type=int, nargs="*", help="numbers of features")
    parser.add_argument("--seeds", type=int, help="how many")
    parser.add_argument("--json", help="file for the results")
    args = parser.parse_args()
    write_json(args.json, {args.part: parts[args.part](args)})


if __name__ == "__main__":
    main()
