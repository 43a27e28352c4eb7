"""Kernel products K(X, Z) @ V beside peers, and their share of the machine's roofline.

Run from anywhere, on a quiet machine::

    python benchmarks/bench_kernel_products.py --json products.json

Every figure is the median of several runs, all peers in one process run. The roofline
of a product is the time that its arithmetic alone would take::

    2 n m (d + columns) / GEMM rate + n m / exp rate

with both rates measured in the same run, in cache, on the same number of threads. exp
is this library's own vectorised one: a faster exp makes the roofline harder to reach.
"""

import argparse
import math
import platform
import time

import numba
import numpy as np
from _harness import (
    median_times,
    peak_megabytes,
    print_table,
    resident_megabytes,
    write_json,
)
from sklearn.gaussian_process.kernels import Matern as SklearnMatern
from sklearn.metrics.pairwise import pairwise_kernels
from threadpoolctl import threadpool_limits

from skkernels.kernels import RBF, Exponential, Matern, _pairwise
from skkernels.operators import KernelOperator, PrecomputedOperator, _parts
from skkernels.utils._jit import njit
from skkernels.utils._parallel import map_blocks
from skkernels.utils._vecmath import exp2

SIZES = {3: 8192, 10: 8192, 50: 8192, 784: 4096}


@njit
def _exp_loop(x, out, repeats):
    for _ in range(repeats):
        for i in range(x.shape[0]):
            out[i] = exp2(x[i])


def ceilings(dtype, runs):
    """GEMM operations and exp evaluations per second, in cache, on all threads."""
    n_threads = numba.get_num_threads()
    rng = np.random.default_rng(0)
    x = -rng.random(4096).astype(dtype) * 20
    outs = [np.empty_like(x) for _ in range(n_threads)]
    repeats = 5000
    _exp_loop(x, outs[0], 1)

    def exps():
        map_blocks(lambda i: _exp_loop(x, outs[i], repeats), list(range(n_threads)))

    A = [rng.standard_normal((512, 512)).astype(dtype) for _ in range(n_threads)]
    C = [np.empty((512, 512), dtype) for _ in range(n_threads)]

    def gemm():
        def multiply(i):
            for _ in range(40):
                np.matmul(A[i], A[i], out=C[i])

        map_blocks(multiply, list(range(n_threads)))

    times = median_times({"exp": exps, "gemm": gemm}, runs)
    return {
        "exp": n_threads * repeats * x.size / times["exp"],
        "gemm": n_threads * 40 * 2 * 512**3 / times["gemm"],
    }


def blocked_numpy(X, Z, V, gamma, name):
    """A careful NumPy loop: blocks of rows, one matrix product each, work in place."""
    out = np.empty((X.shape[0], *V.shape[1:]), X.dtype)
    z_sq = np.einsum("ij,ij->i", Z, Z)
    for start in range(0, len(X), 512):
        block = X[start : start + 512]
        K = block @ (-2 * Z.T)
        K += np.einsum("ij,ij->i", block, block)[:, None]
        K += z_sq
        np.maximum(K, 0, out=K)
        if name == "exponential":
            np.sqrt(K, out=K)
            K *= -np.sqrt(2 * gamma)
        else:
            K *= -gamma
        np.exp(K, out=K)
        out[start : start + 512] = K @ V
    return out


def torch_product(X, Z, V, gamma, name):
    import torch

    x, z, v = (torch.from_numpy(a) for a in (X, Z, V))

    def run():
        distances = torch.cdist(x, z)
        if name == "exponential":
            K = torch.exp_(distances.mul_(-np.sqrt(2 * gamma)))
        else:
            K = torch.exp_(distances.square_().mul_(-gamma))
        return K @ v

    return run


def keops_product(X, Z, V, gamma, name):
    import torch
    from pykeops.torch import LazyTensor

    x = LazyTensor(torch.from_numpy(X)[:, None, :])
    z = LazyTensor(torch.from_numpy(Z)[None, :, :])
    v = torch.from_numpy(V if V.ndim == 2 else V[:, None])
    squared = ((x - z) ** 2).sum(-1)
    if name == "exponential":
        K = (-math.sqrt(2 * gamma) * squared.sqrt()).exp()
    else:
        K = (-gamma * squared).exp()
    return lambda: K @ v


def available(module):
    try:
        __import__(module)
    except ImportError:
        return False
    return True


def scikit_learn(X, Z, V, kernel, gamma, nu):
    if kernel == "rbf":
        return lambda: pairwise_kernels(X, Z, metric="rbf", gamma=gamma) @ V
    length_scale = 1 / np.sqrt(2 * gamma)
    reference = SklearnMatern(length_scale=length_scale, nu=nu)
    return lambda: reference(X, Z) @ V


def bench_products(args):
    rows = []
    for dtype in map(np.dtype, args.dtypes):
        peak = ceilings(dtype, args.runs)
        print(
            f"{dtype}: GEMM {peak['gemm'] / 1e9:.0f} GFLOP/s, "
            f"exp {peak['exp'] / 1e9:.1f} G/s on {numba.get_num_threads()} threads"
        )
        for d in args.features:
            n = args.n or SIZES[d]
            rng = np.random.default_rng(d)
            X, Z = rng.standard_normal((2, n, d)).astype(dtype)
            gamma = 0.5 / d
            length_scale = 1 / np.sqrt(2 * gamma)
            kernels = {
                "rbf": (RBF(length_scale), None),
                "exponential": (Exponential(length_scale), 0.5),
                "matern 1.2": (Matern(length_scale, nu=1.2), 1.2),
                "matern 2.5": (Matern(length_scale, nu=2.5), 2.5),
            }
            for name in args.kernels:
                kernel, nu = kernels[name]
                for columns in (1, 16):
                    V = rng.standard_normal((n, columns)).astype(dtype)
                    V = V[:, 0] if columns == 1 else V
                    op = KernelOperator(kernel, X, Z)
                    calls = {"skkernels": lambda op=op, V=V: op @ V}
                    if not name.startswith("matern 1.2") or n * n <= 2**25:
                        calls["scikit-learn"] = scikit_learn(X, Z, V, name, gamma, nu)
                    if name in ("rbf", "exponential"):
                        calls["numpy blocks"] = lambda X=X, Z=Z, V=V, g=gamma, k=name: (
                            blocked_numpy(X, Z, V, g, k)
                        )
                        if available("torch"):
                            calls["torch"] = torch_product(X, Z, V, gamma, name)
                        if args.keops and available("pykeops"):
                            calls["pykeops"] = keops_product(X, Z, V, gamma, name)
                    reference = calls["skkernels"]()
                    for peer, call in calls.items():
                        value = np.asarray(call()).reshape(reference.shape)
                        error = (
                            np.abs(value - reference).max() / np.abs(reference).max()
                        )
                        if error > 1e-3:
                            raise AssertionError(f"{peer} differs by {error:.1e}")
                    times = median_times(calls, args.runs)
                    floor = n * n * (2 * (d + columns) / peak["gemm"] + 1 / peak["exp"])
                    row = {
                        "kernel": name,
                        "dtype": dtype.name,
                        "d": d,
                        "n": n,
                        "columns": columns,
                        "ms": 1e3 * times["skkernels"],
                        "roofline share": floor / times["skkernels"],
                    }
                    for peer, seconds in times.items():
                        if peer != "skkernels":
                            row[f"{peer} / ours"] = seconds / times["skkernels"]
                    rows.append(row)
                    print_table([row], header=len(rows) == 1)
    return rows


def bench_threads(args):
    """One thread against all."""
    rows = []
    n_threads = numba.get_num_threads()
    rng = np.random.default_rng(0)
    for dtype in map(np.dtype, args.dtypes):
        for d in args.features:
            n = args.n or SIZES[d]
            X, Z = rng.standard_normal((2, n, d)).astype(dtype)
            v = rng.standard_normal(n).astype(dtype)
            op = KernelOperator(RBF(np.sqrt(d)), X, Z)

            def serial(op=op, v=v):
                numba.set_num_threads(1)
                try:
                    op @ v
                finally:
                    numba.set_num_threads(n_threads)

            times = median_times(
                {"all": lambda op=op, v=v: op @ v, "one": serial}, args.runs
            )
            rows.append(
                {
                    "dtype": dtype.name,
                    "d": d,
                    "one thread ms": 1e3 * times["one"],
                    f"{n_threads} threads ms": 1e3 * times["all"],
                    "speed-up": times["one"] / times["all"],
                }
            )
    return rows


def bench_routes(args):
    """Explicit differences against the matrix product, by the number of features."""
    rows = []
    rng = np.random.default_rng(0)
    n = args.n or 8192
    default = _pairwise.MAX_EXPLICIT_FEATURES
    for dtype in map(np.dtype, args.dtypes):
        for d in (4, 8, 12, 16, 20, 24, 32):
            X, Z = rng.standard_normal((2, n, d)).astype(dtype)
            for columns in (1, 16):
                V = rng.standard_normal((n, columns)).astype(dtype)
                V = V[:, 0] if columns == 1 else V
                calls = {}
                for route, limit in (("explicit", d), ("product", 0)):
                    _pairwise.MAX_EXPLICIT_FEATURES = limit
                    op = KernelOperator(RBF(np.sqrt(d)), X, Z)
                    calls[route] = lambda op=op, V=V: op @ V
                _pairwise.MAX_EXPLICIT_FEATURES = default
                times = median_times(calls, args.runs)
                rows.append(
                    {
                        "dtype": dtype.name,
                        "d": d,
                        "columns": columns,
                        "explicit ms": 1e3 * times["explicit"],
                        "matrix product ms": 1e3 * times["product"],
                    }
                )
    return rows


def bench_symmetric(args):
    """Half the tiles against all of them against a stored matrix, by features."""
    rows = []
    rng = np.random.default_rng(0)
    n = args.n or 8192
    default = _parts._MIN_SYMMETRIC_FEATURES
    for dtype in map(np.dtype, args.dtypes):
        for d in (3, 6, 12, 24, 48, 96):
            X = rng.standard_normal((n, d)).astype(dtype)
            for columns in (1, 16):
                V = rng.standard_normal((n, columns)).astype(dtype)
                V = V[:, 0] if columns == 1 else V
                full = KernelOperator(RBF(np.sqrt(d)), X, X)
                half = KernelOperator(RBF(np.sqrt(d)), X)
                stored = PrecomputedOperator(half.block())
                _parts._MIN_SYMMETRIC_FEATURES = dict.fromkeys(default, 0)
                times = median_times(
                    {
                        "full": lambda op=full, V=V: op @ V,
                        "half": lambda op=half, V=V: op @ V,
                        "stored": lambda op=stored, V=V: op @ V,
                    },
                    args.runs,
                )
                _parts._MIN_SYMMETRIC_FEATURES = default
                rows.append(
                    {
                        "dtype": dtype.name,
                        "d": d,
                        "columns": columns,
                        "all tiles ms": 1e3 * times["full"],
                        "half the tiles ms": 1e3 * times["half"],
                        "stored ms": 1e3 * times["stored"],
                    }
                )
    return rows


def bench_gram(args):
    """The dense Matern matrix of an order without a closed form."""
    rng = np.random.default_rng(0)
    X, Z = rng.standard_normal((2, 2000, 10))
    ours = Matern(2.0, nu=1.2)
    theirs = SklearnMatern(2.0, nu=1.2)
    if not np.allclose(ours(X, Z), theirs(X, Z), atol=1e-12):
        raise AssertionError("Matern values differ")
    times = median_times(
        {"ours": lambda: ours(X, Z), "scikit-learn": lambda: theirs(X, Z)}, args.runs
    )
    return [
        {
            "Gram": "matern 1.2, 2000 x 2000, d = 10, float64",
            "ms": 1e3 * times["ours"],
            "scikit-learn / ours": times["scikit-learn"] / times["ours"],
        }
    ]


def bench_memory(args):
    """Peak memory of one product with n = m = 100 000 above the data."""
    rows = []
    rng = np.random.default_rng(0)
    n = args.n or 100_000
    for d in (10, 50):
        X = rng.standard_normal((n, d)).astype(np.float32)
        v = rng.standard_normal(n).astype(np.float32)
        KernelOperator(RBF(np.sqrt(d)), X[:4096]) @ v[:4096]
        before = resident_megabytes()
        start = time.perf_counter()
        KernelOperator(RBF(np.sqrt(d)), X) @ v
        seconds = time.perf_counter() - start
        above = peak_megabytes() - before
        rows.append({"n": n, "d": d, "seconds": seconds, "MiB above the data": above})
    return rows


PARTS = {
    "memory": bench_memory,
    "products": bench_products,
    "threads": bench_threads,
    "gram": bench_gram,
    "routes": bench_routes,
    "symmetric": bench_symmetric,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--n", type=int, default=None, help="rows and columns")
    parser.add_argument("--dtypes", nargs="+", default=["float32", "float64"])
    parser.add_argument("--features", type=int, nargs="+", default=list(SIZES))
    parser.add_argument(
        "--kernels",
        nargs="+",
        default=["rbf", "exponential", "matern 1.2", "matern 2.5"],
    )
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=list(PARTS))
    parser.add_argument("--keops", action="store_true", help="needs a C++ compiler")
    parser.add_argument("--json", default=None)
    args = parser.parse_args()
    print(
        platform.processor() or platform.machine(), numba.get_num_threads(), "threads"
    )
    with threadpool_limits(numba.get_num_threads(), user_api="blas"):
        results = {
            name: bench(args) for name, bench in PARTS.items() if name in args.parts
        }
    for title, rows in results.items():
        print(f"\n{title}")
        print_table(rows)
    write_json(args.json, results)


if __name__ == "__main__":
    main()
