"""Scores of kernels and ridge strengths."""

import numpy as np

from skkernels.linalg import eigensystem_bytes
from skkernels.operators import make_operator, memory_budget
from skkernels.ridge._alpha_path import EigenPath, alpha_groups, solve_together
from skkernels.utils._array import get_namespace, to_numpy

# An eigendecomposition takes about a minute there on two cores.
_MAX_DIRECT = 10_000


def is_direct(n, xp=np):
    """Whether an eigendecomposition of an n x n matrix is affordable."""
    return n <= _MAX_DIRECT and eigensystem_bytes(n, xp) <= memory_budget()


class AlphaSearch:
    """Cross-validation of all ridge strengths for one kernel after the other.

    Parameters
    ----------
    X : array or CSR matrix of shape (n, n_features) in float64
        Rows, or the kernel matrix if it is precomputed.

    Y : array of shape (n, n_targets) in float64
        Targets.

    weights : array of shape (n,) or None
        Positive sample weights.

    alphas : ndarray of shape (n_alphas,)
        Ridge strengths.

    splits : list of (train, test) or None
        Indices; None is leave-one-out.

    measure : ValidationScore
        The score.

    max_iter, tol, random_state : int, float, int or RandomState or None
        For conjugate gradients, which are used where a training set is too large for a
        direct solution.

    Attributes
    ----------
    unconverged : set of float
        Ridge strengths for which conjugate gradients did not reach ``tol``.
    """

    def __init__(
        self, X, Y, weights, alphas, splits, measure, *, max_iter, tol, random_state
    ):
        self.X, self.Y, self.weights = X, Y, weights
        self.alphas, self.splits, self.measure = alphas, splits, measure
        self.options = {
            "max_iter": max_iter,
            "tol": tol,
            "random_state": random_state,
        }
        self.unconverged = set()

    def scores(self, kernel):
        """Scores of shape (n_alphas,), or (n_alphas, n_targets) if each has its own."""
        if self.splits is not None:
            folds = [self._fold(kernel, *split) for split in self.splits]
            return np.mean(folds, axis=0)
        K = make_operator(kernel, self.X).block()
        path = EigenPath(K, self.Y, self.weights)
        return np.array(
            [
                self.measure(self.Y, predictions, self.weights)
                for predictions in path.leave_one_out(self.alphas)
            ]
        )

    def _fold(self, kernel, train, test):
        """Scores on the rows of test of the models fitted to those of train."""
        xp = get_namespace(self.Y)
        train, test = xp.asarray(train), xp.asarray(test)
        rows = self.X[train]
        if isinstance(kernel, str):
            op = make_operator(kernel, rows[:, train])
            to_test = make_operator(kernel, self.X[test][:, train])
        else:
            # The direct route takes the matrix itself.
            n_products = 1 if is_direct(len(train), xp) else self.options["max_iter"]
            op = make_operator(kernel, rows, n_products=n_products)
            to_test = make_operator(kernel, self.X[test], rows)
        Y, n_targets = self.Y[train], self.Y.shape[1]
        weights = None if self.weights is None else self.weights[train]
        test_weights = None if self.weights is None else self.weights[test]
        path = None
        if is_direct(len(train), xp):
            path = EigenPath(op.block(), Y, weights)
        scores = []
        for group in alpha_groups(len(self.alphas), len(train), n_targets):
            alphas = self.alphas[group]
            if path is not None:
                coefficients = path.coefficients(alphas)
            else:
                coefficients, met = solve_together(
                    op, Y, alphas, weights, **self.options
                )
                self.unconverged.update(alphas[~met].tolist())
            predictions = to_numpy(to_test.matmat(coefficients))
            for j in range(len(alphas)):
                columns = slice(j * n_targets, (j + 1) * n_targets)
                scores.append(
                    self.measure(self.Y[test], predictions[:, columns], test_weights)
                )
        return np.array(scores)
