"""Two-sample tests: seconds and power beside goodpoints and plain NumPy.

Run on a quiet machine::

    python benchmarks/bench_two_sample.py --json two_sample.json

Two Gaussian samples of 10 features whose means differ by 0, 0.1 or 0.2 in one of them;
a Gaussian kernel with squared length 10 for all; level 0.05. "numpy" permutes single
rows of the stored kernel matrix. goodpoints is left out where it is not installed.
Power is the share of rejections; its standard error is at most ``0.5 / sqrt(repeats)``.
"""

import argparse

import numpy as np
from _harness import median_times, print_table, write_json

from skkernels.kernels import RBF
from skkernels.stats import (
    aggregated_compress_then_test,
    cheap_permutation_mmd_test,
    compress_then_test,
)

try:
    from goodpoints import ctt
except ImportError:
    ctt = None

N_FEATURES = 10
SQUARED_LENGTH = 10.0
SHIFTS = (0.0, 0.1, 0.2)
ALPHA = 0.05
QUADRATIC_ROWS = 1024  # "numpy" stores a matrix of twice as many rows
N_QUADRATIC = 199


def draw(n, shift, seed):
    rng = np.random.default_rng(seed)
    X, Y = rng.standard_normal((2, n, N_FEATURES))
    Y[:, 0] += shift
    return X, Y


def numpy_test(X, Y, seed):
    n, rows = len(X), np.concatenate([X, Y])
    squares = (rows**2).sum(axis=1)
    K = rows @ rows.T
    K *= 2.0
    K -= squares[:, None]
    K -= squares
    K /= 2.0 * SQUARED_LENGTH
    np.exp(K, out=K)
    rng = np.random.default_rng(seed)
    signs = np.full((N_QUADRATIC + 1, 2 * n), 1.0 / n)
    signs[:, n:] = -1.0 / n
    signs[1:] = rng.permuted(signs[1:], axis=1)
    values = ((signs @ K) * signs).sum(axis=1)
    return np.mean(values >= values[0]) <= ALPHA


def make_tests(n):
    """Tests by name: functions of two samples and a seed that say whether to reject."""
    gamma = 0.5 / SQUARED_LENGTH
    tests = {
        f"compress_then_test g={g}": lambda X, Y, seed, g=g: (
            compress_then_test(X, Y, gamma=gamma, g=g, random_state=seed).reject
        )
        for g in (0, 1, 2)
    }
    tests["compress_then_test g=2, 256 features"] = lambda X, Y, seed: (
        compress_then_test(
            X, Y, gamma=gamma, n_random_features=256, random_state=seed
        ).reject
    )
    tests["compress_then_test g=2, float32"] = lambda X, Y, seed: (
        compress_then_test(
            X.astype(np.float32),
            Y.astype(np.float32),
            kernel=RBF(length_scale=np.sqrt(SQUARED_LENGTH)),
            random_state=seed,
        ).reject
    )
    tests["cheap_permutation_mmd_test"] = lambda X, Y, seed: (
        cheap_permutation_mmd_test(X, Y, gamma=gamma, random_state=seed).reject
    )
    tests["aggregated_compress_then_test"] = lambda X, Y, seed: (
        aggregated_compress_then_test(X, Y, random_state=seed).reject
    )
    if ctt is not None:
        for g in (0, 2):
            tests[f"goodpoints ctt g={g}"] = lambda X, Y, seed, g=g: bool(
                ctt.ctt(
                    X,
                    Y,
                    g=g,
                    B=39,
                    s=16,
                    lam=np.sqrt(2.0 * SQUARED_LENGTH),
                    alpha=ALPHA,
                    null_seed=seed,
                    statistic_seed=seed + 10**6,
                ).rejects
            )
    if n <= QUADRATIC_ROWS:
        tests["numpy, all pairs"] = numpy_test
    return tests


def run(n, runs, repeats):
    tests = make_tests(n)
    X, Y = draw(n, SHIFTS[1], 0)
    seconds = median_times(
        {name: lambda test=test: test(X, Y, 0) for name, test in tests.items()}, runs
    )
    found = {name: dict.fromkeys(SHIFTS, 0) for name in tests}
    for shift in SHIFTS:
        for seed in range(repeats):
            X, Y = draw(n, shift, [seed, n])
            for name, test in tests.items():
                found[name][shift] += int(test(X, Y, seed))
    return [
        {"n": n, "test": name, "seconds": seconds[name]}
        | {f"shift {shift}": found[name][shift] / repeats for shift in SHIFTS}
        for name in tests
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1024, 4096, 16384])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--json", default=None)
    args = parser.parse_args()
    rows = []
    for n in args.sizes:
        found = run(n, args.runs, args.repeats)
        print_table(found, header=not rows)
        rows += found
    write_json(args.json, {"two_sample": rows})


if __name__ == "__main__":
    main()
