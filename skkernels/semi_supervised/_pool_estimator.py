"""What estimators share whose kernel depends on a pool of rows."""

from numbers import Integral, Real

import numpy as np

from skkernels.base import KERNEL_CONSTRAINTS, KernelEstimatorMixin
from skkernels.linalg._symmetric_eigensystem import eigensystem_bytes
from skkernels.operators import check_memory, make_operator, memory_budget
from skkernels.semi_supervised._pool import NORMALIZATIONS, Pool, new_values
from skkernels.solvers._result import warn_unless_converged
from skkernels.solvers._stkr import (
    pool_eigensystem,
    rounding_level,
    top_of_pool,
    with_coefficients,
)
from skkernels.solvers._transforms import LAZY_STEP, TRANSFORMS, make_transform
from skkernels.utils._array import get_namespace, to_numpy
from skkernels.utils._callbacks import CallbackSupportMixin
from skkernels.utils._sklearn import Interval, StrOptions, check_is_fitted
from skkernels.utils._validation import check_same_device, match_storage, validate
from skkernels.utils._warnings import warn_user

# Up to here all eigenvalues take a fraction of a second.
_MAX_EIGH = 1_000
_TIE = 1e-10
LANCZOS_WORDING = {
    "method": "the Lanczos method",
    "advice": "Increase max_iter or tol, or use solver='eigh'",
}


class PoolEstimator(CallbackSupportMixin, KernelEstimatorMixin):
    """Functions ``sum_i k(x, x_i) dual_i`` of a kernel normalised on the pool."""

    _parameter_constraints: dict = {
        **KERNEL_CONSTRAINTS,
        # Not "transform", which scikit-learn takes for a method.
        "transformation": [StrOptions(set(TRANSFORMS)), callable],
        "eta": [Interval(Real, 0, 1, closed="left")],
        "power": [Interval(Integral, 1, None, closed="left")],
        "coefficients": ["array-like", None],
        "diffusion_time": [Interval(Real, 0, None, closed="left")],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "whiten": ["boolean"],
        "normalize": [StrOptions(set(NORMALIZATIONS))],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True  # a precomputed matrix may be that of a graph
        return tags

    def _check_square(self, X):
        if self._is_precomputed() and X.shape[0] != X.shape[1]:
            raise ValueError(
                "A precomputed kernel matrix must be square in fit, got shape "
                f"{X.shape}."
            )

    def _block_of(self, X, rows, columns):
        """The rows of X, of a precomputed matrix the columns, too; None is all."""
        if rows is not None:
            X = X[rows]
        if self._is_precomputed() and columns is not None:
            X = X[:, columns]
        return X

    def _make_pool(self, X, weights, members, n_products):
        """Normalise the kernel on the rows ``members`` of X; None is all of them."""
        xp = get_namespace(X)
        if members is not None:
            weights = None if weights is None else weights[members]
        pool = Pool(
            self.kernel_,
            self._block_of(X, members, members),
            weights,
            normalize=self.normalize,
            n_products=n_products,
        )
        self.X_fit_ = X
        self.pool_weights_ = None
        if pool.degrees is not None:
            mass = pool.mass
            if members is not None:
                mass = xp.zeros(X.shape[0])
                mass[members] = pool.mass
            self.pool_weights_ = mass.astype(X.dtype)
        return pool

    def _coefficients(self, pool, coef, members):
        """Attributes that predict: of all rows, in the precision of X."""
        dual, offset = pool.dual(coef)
        X = self.X_fit_
        if members is not None:
            full = get_namespace(dual).zeros((X.shape[0], dual.shape[1]))
            full[members] = dual
            dual = full
        if offset is not None:  # it is the difference of large numbers to the kernel's
            return {"dual_coef_": dual, "offset_": offset}
        return {"dual_coef_": dual.astype(X.dtype), "offset_": None}

    def _outside_values(self, pool, coef, members, others):
        """Values on rows of X that are not in the pool, and their degrees."""
        X = self.X_fit_
        left = self._block_of(X, others, members)
        right = None if self._is_precomputed() else X[members]
        left = left.astype(np.float64, copy=False)
        if right is not None:
            right = right.astype(np.float64, copy=False)
        dual, offset = pool.dual(coef)
        mass = None if pool.degrees is None else pool.mass
        op = make_operator(self.kernel_, left, right)
        return new_values(op, dual, mass, offset)

    def _evaluate(self, X):
        """Values on new data, of shape (n, n_functions) or (n,), as ``dual_coef_``."""
        check_is_fitted(self)
        X = validate(self, X, reset=False)
        check_same_device(self, X, self.dual_coef_)
        dtype = np.result_type(X.dtype, self.X_fit_.dtype)
        out_dtype, fitted = dtype, None
        if self.offset_ is not None:
            dtype = np.float64
        if not self._is_precomputed():
            X = match_storage(X, self.X_fit_)
            fitted = self.X_fit_.astype(dtype, copy=False)
        op = make_operator(self.kernel_, X.astype(dtype, copy=False), fitted)
        dual = self.dual_coef_.astype(dtype, copy=False)
        flat = dual.ndim == 1
        dual = dual[:, None] if flat else dual
        values = new_values(op, dual, self.pool_weights_, self.offset_)[0]
        return (values[:, 0] if flat else values).astype(out_dtype, copy=False)

    def _make_transform(self, top, n_components=None):
        return make_transform(
            self.transformation,
            eta=self.eta,
            power=self.power,
            coefficients=self.coefficients,
            diffusion_time=self.diffusion_time,
            n_components=self.n_components if n_components is None else n_components,
            whiten=self.whiten,
            top_eigenvalue=top,
            lazy=self.normalize == "lazy",
        )

    def _eigensystem(self, pool, task=None, coefficients=None):
        """All eigenvalues for "eigh", the largest for "lanczos".

        ``coefficients`` makes of the current ones what the state of ``task`` takes;
        "eigh" needs neither.

        Returns
        -------
        eigenvalues : array of shape (n_eigenvalues,)
            In descending order; for "lanczos" one more than ``n_components``, if there
            is another.

        vectors : array of shape (N, n_eigenvalues)
            Eigenvectors.

        result : SolverResult or None
            Of "lanczos".
        """
        if self.solver_ == "eigh":
            check_memory(
                eigensystem_bytes(pool.size, pool.xp),
                what=f"the eigensystem of the {pool.size} x {pool.size} kernel matrix",
                remedy="use solver='cg' (solver='lanczos' for n_components of them)",
            )
            return *pool_eigensystem(pool), None
        return top_of_pool(
            pool,
            min(self.n_components + 1, pool.size),
            tol=self.tol,
            max_iter=self.max_iter,
            on_iteration=with_coefficients(
                task.on_iteration, lambda pairs: coefficients(pairs())
            ),
        )

    def _report(self, result, **wording):
        """Set the attributes that say how the solver went, and warn where it did not.

        ``result`` is None for a direct solver.
        """
        if result is None:
            self.n_iter_, self.converged_, self.residual_norms_ = 1, True, None
            return
        name = type(self).__name__
        if self.solver_ == "lanczos":
            wording = LANCZOS_WORDING
        warn_unless_converged(result, self.tol, name, **wording)
        self.n_iter_ = max(result.n_iter, 1)
        self.converged_ = result.converged
        self.residual_norms_ = result.residual_norms.max(axis=1)

    def _check_components(self, n_rows):
        if self.n_components > n_rows:
            raise ValueError(
                f"n_components={self.n_components} must be at most the number of rows "
                f"of the pool, got n_samples={n_rows}."
            )

    def _kept_components(self, eigenvalues, n):
        """How many components there are to keep; warns where the answer is unclear."""
        values = to_numpy(eigenvalues[: self.n_components + 1])
        least, others = rounding_level(values, n), "zero to working precision"
        if self.normalize == "lazy":
            least = max(least, 0.5 + LAZY_STEP)
            others = "at most 1/2, those of negative similarity"
        rank = int((values[: self.n_components] > least).sum())
        if not values.any():
            return 0
        if rank < self.n_components:
            warn_user(
                f"n_components={self.n_components} was lowered to {rank}: the other "
                f"eigenvalues of the kernel matrix are {others}."
            )
        elif rank < len(values) and values[rank - 1] - values[rank] <= (
            _TIE * values[rank - 1]
        ):
            warn_user(
                f"The eigenvalues {rank} and {rank + 1} of the kernel matrix are equal "
                "to working precision, so that the first "
                f"n_components={self.n_components} eigenvectors are not unique. Use "
                "another n_components."
            )
        return rank


def prefers_eigh(n, xp, n_components=0):
    """Whether "auto" takes all eigenvalues, which must fit the memory budget."""
    small = n <= _MAX_EIGH or 10 * n_components > n
    return small and eigensystem_bytes(n, xp) <= memory_budget()
