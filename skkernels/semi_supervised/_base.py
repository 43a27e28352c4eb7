"""What regression and classification with a transformed kernel have in common."""

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from skkernels.operators import check_memory, memory_budget
from skkernels.semi_supervised._pool_estimator import PoolEstimator, prefers_eigh
from skkernels.solvers._result import SolverResult
from skkernels.solvers._stkr import (
    LabeledSystem,
    SpectralBasis,
    STKRSolution,
    check_spectrum,
    solve_cg,
    solve_cholesky,
)
from skkernels.utils._array import get_namespace, to_numpy
from skkernels.utils._callbacks import FitTask
from skkernels.utils._sklearn import Interval, StrOptions
from skkernels.utils._validation import check_alpha

# Up to here Cholesky factors took less time than conjugate gradients (measured with 5
# to 50 features, alpha from 0.001 to 0.1).
_MAX_CHOLESKY, _MAX_CHOLESKY_LABELED = 5_000, 2_000


class BaseSTKR(PoolEstimator):
    """Fit and evaluate ``f(x) = sum_i k(x, x_i) dual_i`` from few labelled rows."""

    _parameter_constraints: dict = {
        **PoolEstimator._parameter_constraints,
        "alpha": [Interval(Real, 0, None, closed="left")],
        "pca_on": [StrOptions({"all", "unlabeled"})],
        "fit_intercept": ["boolean"],
        "solver": [StrOptions({"auto", "eigh", "cholesky", "cg", "lanczos"})],
    }

    def _fit_pool(self, X, Y, labeled, weights, loss_weights=None, y=None, shared=None):
        """Fit targets Y of some rows of X.

        Parameters
        ----------
        X : {array, CSR matrix} of shape (N, n_features)
            Labelled and unlabelled rows.
        Y : array of shape (n_labeled,) or (n_labeled, q)
            Targets of the labelled rows in their order.
        labeled : array of bool of shape (N,)
            Which rows are labelled.
        weights : array of shape (N,) or None
            Weights of all rows.
        loss_weights : array of shape (n_labeled,) or None
            Further weights of the losses, which do not count in the pool.
        y : array, default=None
            What callbacks get to see.

        shared : dict or None, default=None
            Where pools and their eigensystems are kept for other fits to the same rows
            with the same kernel, with ``solver="eigh"``.

        Returns
        -------
        values : array of shape (N,) or (N, q) in float64
            Of the functions on the rows of X.
        """
        flat = Y.ndim == 1
        Y = Y[:, None] if flat else Y
        self._check_square(X)
        self._make_transform(1.0)  # checks its parameters
        xp = get_namespace(X)
        alpha = check_alpha(self.alpha, Y.shape[1])
        self.labeled_mask_ = labeled = to_numpy(labeled)
        unlabeled_only = (
            self.transformation == "truncation" and self.pca_on == "unlabeled"
        )
        rows = _choose_rows(labeled, weights, loss_weights, unlabeled_only)
        counted = rows.positive is not None
        self._resolve_kernel(
            self._block_of(X, rows.positive, rows.positive),
            weights[rows.positive] if counted and weights is not None else weights,
        )
        members = rows.members
        n_pool = X.shape[0] if members is None else len(members)
        self.solver_ = self._choose_solver(X, n_pool, len(rows.labeled))
        if self.transformation == "truncation":
            n_rows = int((~labeled).sum()) if unlabeled_only else X.shape[0]
            self._check_components(n_rows)
        pool, eigensystem = self._pool_of(X, weights, members, shared)
        root = None
        targets = xp.asarray(Y, dtype=np.float64)[rows.targets]
        if loss_weights is not None:
            factors = xp.asarray(loss_weights, dtype=np.float64)[rows.targets]
            root = xp.sqrt(factors)[:, None]
            targets = targets * root
        label_root = None if weights is None else xp.sqrt(weights[rows.labeled])
        if label_root is not None:
            targets = targets * label_root[:, None]
        system = LabeledSystem(rows.positions, targets, xp.asarray(alpha), root)

        def features(basis):
            """Features of labelled rows outside of the pool."""
            values, _ = self._outside_values(
                pool, basis.vectors * basis.loadings, members, rows.labeled
            )
            values = values if root is None else root * values
            return values if label_root is None else label_root[:, None] * values

        def attributes(coef):
            found = self._coefficients(pool, coef, members)
            if flat:
                found["dual_coef_"] = found["dual_coef_"][:, 0]
                if found["offset_"] is not None:
                    found["offset_"] = float(found["offset_"][0])
            return found

        iterative = self.solver_ in ("cg", "lanczos")
        with FitTask(
            self,
            X,
            y,
            sample_weight=weights,
            max_iter=self.max_iter if iterative else 0,
            state=lambda coef: attributes(coef()),
        ) as task:
            if self.solver_ in ("eigh", "lanczos"):
                solution, result = self._solve_spectral(
                    pool,
                    eigensystem,
                    system,
                    features if unlabeled_only else None,
                    task,
                )
            else:
                solution, result = self._solve_other(pool, system, task)
            self._report(result, other="use solver='cholesky' or 'eigh'")
            for name, value in attributes(solution.coef).items():
                setattr(self, name, value)
        values = self._all_values(pool, solution, members, rows.others)
        return values[:, 0] if flat else values

    def _pool_of(self, X, weights, members, shared):
        """The pool of the rows ``members``, and from a store its eigensystem."""
        if shared is None:
            return self._make_pool(X, weights, members, self._n_products()), None
        # Only pca_on="unlabeled" changes the rows.
        key = None if members is None else members.tobytes()
        if key not in shared:
            pool = self._make_pool(X, weights, members, 1)
            names = ("kernel_", "gamma_", "X_fit_", "pool_weights_")
            attributes = {name: getattr(self, name) for name in names}
            shared[key] = pool, self._eigensystem(pool), attributes
        pool, eigensystem, attributes = shared[key]
        vars(self).update(attributes)
        return pool, eigensystem

    def _solve_spectral(self, pool, eigensystem, system, features, task):
        """Solve with eigenvectors of the pool, and set their attributes."""
        truncated = self.transformation == "truncation"

        def solve(eigenvalues, vectors, rank):
            known = pool.degrees is not None
            self.lambda_max_ = 1.0 if known else float(eigenvalues[0])
            transform = self._make_transform(self.lambda_max_, rank)
            self.eta_ = transform.eta
            if rank is not None:
                eigenvalues, vectors = eigenvalues[:rank], vectors[:, :rank]
            basis = SpectralBasis(eigenvalues, vectors, pool.total, transform)
            outside = features is not None and len(basis.scale) > 0
            return basis.solve(system, features(basis) if outside else None)

        def coefficients(pair):
            return solve(*pair, self.n_components).coef

        if eigensystem is None:
            eigensystem = self._eigensystem(pool, task, coefficients)
        eigenvalues, vectors, result = eigensystem
        rank = self._kept_components(eigenvalues, pool.size) if truncated else None
        self.eigenvalues_ = eigenvalues if result is None else eigenvalues[:rank]
        return solve(eigenvalues, vectors, rank), result

    def _solve_other(self, pool, system, task):
        """Solve without eigenvectors."""
        self.eigenvalues_ = None
        self.lambda_max_ = pool.top_eigenvalue()
        transform = self._make_transform(self.lambda_max_)
        self.eta_ = transform.eta
        if pool.may_be_indefinite:
            check_spectrum(pool, transform)
        vanishes = pool.degrees is None and self.lambda_max_ == 0
        if self.solver_ == "cholesky" and vanishes:
            return _zero_solution(pool, system), None
        if self.solver_ == "cholesky":
            return solve_cholesky(pool, system, transform), None
        if self.eta_ and not bool((system.alpha > 0).all()):
            raise ValueError(
                f"alpha={self.alpha!r} and transformation={self.transformation!r} need "
                "solver='eigh' or 'cholesky': conjugate gradients need a positive "
                "alpha."
            )
        if vanishes:
            solution = _zero_solution(pool, system)
            return solution, solution.result
        solution = solve_cg(
            pool,
            system,
            transform,
            max_iter=self.max_iter,
            tol=self.tol,
            on_iteration=task.on_iteration,
        )
        if solution.result.reason == "indefinite":
            raise ValueError(
                "Conjugate gradients met a negative eigenvalue of the kernel matrix, "
                f"or rounding that looks like one, at alpha={self.alpha!r}. Use "
                "normalize='lazy' for the adjacency matrix of a graph; else increase "
                "alpha or use solver='eigh'."
            )
        return solution, solution.result

    def _choose_solver(self, X, n_pool, n_labeled):
        """Resolve ``solver="auto"``; refuse what cannot do the transformation."""
        truncation = self.transformation == "truncation"
        possible = ("eigh", "lanczos") if truncation else ("eigh", "cholesky", "cg")
        if self.solver != "auto" and self.solver not in possible:
            raise ValueError(
                f"transformation={self.transformation!r} needs solver='auto' or one of "
                f"{list(possible)}, got solver={self.solver!r}."
            )
        n_bytes = 8 * n_pool * (n_pool + 3 * n_labeled)
        if self.solver == "cholesky":
            check_memory(
                n_bytes,
                what=f"the factor of the {n_pool} x {n_pool} kernel matrix",
                remedy="use solver='cg'",
            )
        if self.solver != "auto":
            return self.solver
        # All eigenvalues tell whether a matrix is what it should be, and serve where
        # products with it do not.
        unknown = self._is_precomputed() or self.kernel_.is_psd is not True
        spectral = unknown or callable(self.transformation)
        xp, components = get_namespace(X), self.n_components if truncation else 0
        if (truncation or spectral) and prefers_eigh(n_pool, xp, components):
            return "eigh"
        if truncation:
            return "lanczos"
        direct = n_pool <= _MAX_CHOLESKY and n_labeled <= _MAX_CHOLESKY_LABELED
        sparse_matrix = self._is_precomputed() and hasattr(X, "tocsr")
        if direct and not sparse_matrix and n_bytes <= memory_budget():
            return "cholesky"
        return "cg"

    def _n_products(self):
        """About how many products with the kernel matrix the solver takes."""
        if self.solver_ == "eigh":
            return 1
        return 2 if self.solver_ == "cholesky" else self.max_iter

    def _all_values(self, pool, solution, members, others):
        """Values on all rows; sets their degrees."""
        values, degrees = pool.values(solution.products), pool.degrees
        if others is not None:
            xp, n = get_namespace(values), self.X_fit_.shape[0]
            inside, values = values, xp.zeros((n, values.shape[1]))
            values[members] = inside
            values[others], outside = self._outside_values(
                pool, solution.coef, members, others
            )
            if degrees is not None:
                inside, degrees = degrees, xp.zeros(n)
                degrees[members], degrees[others] = inside, outside
        self.degrees_ = degrees
        return values


def _zero_solution(pool, system):
    """What is left of a kernel that is zero on the pool."""
    zeros = pool.xp.zeros((pool.size, system.targets.shape[1]))
    history = np.zeros((1, system.targets.shape[1]))
    return STKRSolution(zeros, zeros, SolverResult(zeros, 0, history, "converged"))


@dataclass(frozen=True)
class _Rows:
    """Indices of rows; None is all of them, and for ``others`` none."""

    positive: Any  # rows of positive weight
    members: Any  # those in the pool
    others: Any  # those not in the pool
    labeled: Any  # labelled rows that count
    targets: Any  # their positions among the labelled rows
    positions: Any  # their positions in the pool


def _choose_rows(labeled, weights, loss_weights, unlabeled_only):
    """Which rows make the pool, and which are fitted."""
    n = len(labeled)
    positive = np.ones(n, dtype=bool) if weights is None else to_numpy(weights) > 0
    fitted = labeled & positive
    if loss_weights is not None:
        fitted[labeled] &= to_numpy(loss_weights) > 0
    if not fitted.any():
        raise ValueError("There is no labelled row of positive weight.")
    member = positive & ~labeled if unlabeled_only else positive
    if not member.any():
        raise ValueError(
            "pca_on='unlabeled' needs unlabelled rows of positive weight, but there "
            "are none."
        )
    position = np.cumsum(member) - 1
    every = bool(member.all())
    return _Rows(
        positive=None if positive.all() else np.flatnonzero(positive),
        members=None if every else np.flatnonzero(member),
        others=None if every else np.flatnonzero(~member),
        labeled=np.flatnonzero(fitted),
        targets=np.flatnonzero(fitted[labeled]),
        positions=position[fitted],
    )
