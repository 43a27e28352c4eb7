"""
=================================
A million rows and 10 000 centers
=================================

A file of a million rows is written chunk by chunk, mapped into memory and fitted: by
one epoch of :class:`~skkernels.eigenpro.EigenProRegressor`, and by a few iterations of
:class:`~skkernels.ridge.NystroemKernelRidge` with ``solver="falkon"``. Each fit runs in
a process of its own, so that the peak of memory is that of this fit.

This script takes minutes, so the gallery shows it without running it. ``--rows`` and
``--centers`` make the problem smaller::

    python examples/large_models/million_rows.py --rows 100000 --centers 2000
"""

import argparse
import multiprocessing
import os
import tempfile
import time

import numpy as np

from skkernels import EigenProRegressor, NystroemKernelRidge

N_FEATURES, CHUNK = 20, 50_000


# %%
# The data
# --------
# Two directions of twenty matter: one through a sine, one through a square.


def make_rows(n, seed):
    directions = np.random.default_rng(0).standard_normal((2, N_FEATURES))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    rng = np.random.default_rng([1, seed])
    X = rng.standard_normal((n, N_FEATURES), dtype=np.float32)
    u, v = directions.astype(np.float32) @ X.T
    y = np.sin(1.5 * u) + 0.3 * (v**2 - 1.0)
    y += 0.1 * rng.standard_normal(n, dtype=np.float32)
    return X, y


def write_file(path, n_rows):
    """Write the rows to a file, hand back the targets."""
    targets = []
    with open(path, "wb") as file:
        for start in range(0, n_rows, CHUNK):
            X, y = make_rows(min(CHUNK, n_rows - start), seed=start + 1)
            file.write(X.tobytes())
            targets.append(y)
    return np.concatenate(targets)


# %%
# A fit, and what it took
# -----------------------


def peak_megabytes():
    """The most that this process has held, where the system tells."""
    try:
        with open("/proc/self/status") as file:
            return int(file.read().split("VmHWM:")[1].split()[0]) / 1024
    except OSError:
        return np.nan


def fit(model, path, y):
    """Error on new rows, seconds of the fit, peak of the process in MiB."""
    X = np.memmap(path, mode="r", dtype=np.float32, shape=(len(y), N_FEATURES))
    start = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - start
    megabytes = peak_megabytes()
    X_test, y_test = make_rows(10_000, seed=0)
    error = np.sqrt(np.mean((model.predict(X_test) - y_test) ** 2)) / y_test.std()
    return error, seconds, megabytes


def main():
    parser = argparse.ArgumentParser(description=__doc__.strip().split("\n")[1])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--centers", type=int, default=10_000)
    args = parser.parse_args()
    models = {
        "EigenPro, one epoch": EigenProRegressor(
            args.centers, kernel="rbf", gamma=0.02, max_iter=1, random_state=0
        ),
        # More digits than the noise is worth would only take more passes.
        "FALKON": NystroemKernelRidge(
            args.centers,
            kernel="rbf",
            gamma=0.02,
            alpha=0.1,
            solver="falkon",
            tol=1e-3,
            random_state=0,
        ),
    }
    fresh = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "rows.f32")
        y = write_file(path, args.rows)
        print(f"{args.rows} rows in {os.path.getsize(path) / 2**20:.0f} MiB")
        for name, model in models.items():
            with fresh.Pool(1) as pool:
                error, seconds, megabytes = pool.apply(fit, (model, path, y))
            print(
                f"{name:20} RMSE / sd {error:.3f}, {seconds:7.1f} s,"
                f" peak {megabytes:.0f} MiB (file pages included)"
            )


if __name__ == "__main__":
    main()
