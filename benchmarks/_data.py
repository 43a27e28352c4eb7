"""Data of the benchmarks: files of the folder SKKERNELS_DATA, and generators."""

import os
import pathlib

import numpy as np

REGRESSION = ("california", "protein", "kin40k", "keggundirected")
CLASSIFICATION = ("letter", "mnist10k", "skin")


def available():
    """Names of the data sets that the folder holds."""
    folder = os.environ.get("SKKERNELS_DATA")
    if not folder:
        print("SKKERNELS_DATA is not set: only generated data are used")
        return []
    return [path.stem for path in sorted(pathlib.Path(folder).glob("*.npz"))]


def load(name, max_rows=None):
    """Train and test rows: shuffled with seed 0, 80 % train, standardised by train.

    Images are divided by 255. Regression targets are divided by the standard deviation
    of the test targets, so that an RMSE is a share of it.
    """
    with np.load(pathlib.Path(os.environ["SKKERNELS_DATA"]) / f"{name}.npz") as file:
        X, y = file["X"].astype(np.float64), file["y"].ravel()
    order = np.random.default_rng(0).permutation(len(X))[:max_rows]
    X, y = X[order], y[order]
    n_train = int(0.8 * len(X))
    if name == "mnist10k":
        X /= 255
    else:
        mean, scale = X[:n_train].mean(axis=0), X[:n_train].std(axis=0)
        X = (X - mean) / np.where(scale > 0, scale, 1)
    if name in REGRESSION:
        y = (y - y[:n_train].mean()) / y[n_train:].std()
    return X[:n_train], X[n_train:], y[:n_train], y[n_train:]


def index_model(n_rows, n_features=20, noise=0.1, seed=0):
    """Rows and targets of a smooth function of two directions, with noise."""
    rng = np.random.default_rng(seed)
    w1, w2 = rng.standard_normal((2, n_features)) / np.sqrt(n_features)
    X = rng.standard_normal((n_rows, n_features))
    y = np.sin(1.5 * X @ w1) + 0.3 * ((X @ w2) ** 2 - w2 @ w2)
    return X, y + noise * rng.standard_normal(n_rows)
