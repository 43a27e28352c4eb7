"""What regression and classification by spectral filters have in common."""

from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import is_classifier

from skkernels.base import KERNEL_CONSTRAINTS, KernelEstimatorMixin
from skkernels.coresets import CENTER_SELECTIONS, select_centers
from skkernels.linalg import eigensystem_bytes
from skkernels.operators import check_memory, make_operator, memory_budget
from skkernels.operators._center_matrix import center_matrix
from skkernels.solvers import (
    ITERATIONS,
    MAIN_PARAMETERS,
    FilterPath,
    NystroemPath,
    check_step,
    default_values,
    make_filter,
)
from skkernels.spectral._indefinite import warn_if_indefinite
from skkernels.spectral._iterative import fit_iteratively
from skkernels.utils._array import get_namespace, to_numpy
from skkernels.utils._callbacks import CallbackSupportMixin, FitTask
from skkernels.utils._cross_validation import user_splits
from skkernels.utils._sklearn import Interval, StrOptions, check_is_fitted
from skkernels.utils._validation import (
    check_same_device,
    match_storage,
    positive_rows,
    validate,
    validate_rows,
)
from skkernels.utils._warnings import warn_user

# An eigendecomposition takes some ten seconds there on two cores.
_MAX_DIRECT = 4_000
_MATRICES = 4  # n_centers x n_centers
# Set or not, depending on the filter and the solver.
_VARYING = ("alpha_", "time_", "threshold_", "n_components_", "step_")


class _Data(NamedTuple):
    """The rows of positive weight."""

    X: Any
    Y: Any
    weights: Any
    rows: Any
    copies: Any = None


class BaseSpectralFilter(CallbackSupportMixin, KernelEstimatorMixin):
    """Fit and evaluate ``f(x) = sum_i k(x, x_i) dual_coef_i``."""

    _parameter_constraints: dict = {
        **KERNEL_CONSTRAINTS,
        "filter": [StrOptions(set(MAIN_PARAMETERS)), callable],
        "alpha": [
            Interval(Real, 0, None, closed="left"),
            "array-like",
            StrOptions({"auto"}),
        ],
        "order": [Interval(Integral, 1, None, closed="left")],
        "time": [
            Interval(Real, 0, None, closed="left"),
            "array-like",
            StrOptions({"auto"}),
        ],
        "step": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "nu": [Interval(Real, 0, None, closed="neither")],
        "n_iter": [
            Interval(Integral, 1, None, closed="left"),
            "array-like",
            StrOptions({"auto"}),
        ],
        "threshold": [
            Interval(Real, 0, None, closed="left"),
            "array-like",
            StrOptions({"auto"}),
        ],
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            "array-like",
            None,
        ],
        "mixing": [Interval(Real, None, None, closed="neither"), "array-like"],
        "solver": [StrOptions({"auto", "eigh", "iterative", "nystroem"})],
        "n_centers": [Interval(Integral, 1, None, closed="left")],
        "center_selection": [
            StrOptions(set(CENTER_SELECTIONS)),
            "array-like",
            "sparse matrix",
        ],
        "cv": [StrOptions({"loo", "gcv", "kare"}), "cv_object"],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def _fit_filter(self, X, y, Y, weights, measure, *, keep_loo=False, copies=None):
        """Fit the filter, with the best value of its main parameter.

        Parameters
        ----------
        X, y : arrays
            As validated; y is what callbacks and splitters get to see.
        Y : array of shape (n_samples, n_targets)
            Targets.
        weights : array of shape (n_samples,) or None
            Checked weights.
        measure : callable
            ``measure(Y, predictions, weights)`` scores predictions of shape (n,
            n_targets) on rows of positive weight; larger is better.
        keep_loo : bool, default=False
            Whether leave-one-out predictions of the model are wanted. They exclude
            the iterative solvers from ``solver="auto"``.
        copies : array of shape (n_samples,) or None, default=None
            How many equal samples each row stands for, if that is not its weight.

        Returns
        -------
        fitted : array of shape (n_samples, n_targets)
            Values of the functions on the rows, in float64, zero for rows of zero
            weight.
        predictions : array of shape (n_samples, n_targets) or None
            The same of the leave-one-out predictions; None if not asked for or if the
            solver is iterative.
        """
        if self._is_precomputed() and X.shape[0] != X.shape[1]:
            raise ValueError(
                f"A precomputed kernel matrix must be square in fit, got {X.shape}."
            )
        main, values = self._main_parameter()
        if isinstance(self.cv, str) and self.cv == "kare" and self.filter != "tikhonov":
            raise ValueError(
                "cv='kare' is defined for filter='tikhonov' only, where it is the same "
                f"as cv='gcv', got filter={self.filter!r}. Use cv='gcv' or cv='loo'."
            )
        for name in _VARYING:
            self.__dict__.pop(name, None)
        rows = positive_rows(weights)
        data = _Data(X, Y, weights, rows, copies)
        if rows is not None:
            kept = X[rows][:, rows] if self._is_precomputed() else X[rows]
            copies = None if copies is None else copies[rows]
            data = _Data(kept, Y[rows], weights[rows], rows, copies)
        self._resolve_kernel(data.X, data.weights)
        data = data._replace(Y=data.Y.astype(np.float64, copy=False))
        n_values = None if values is None else len(values)
        self.solver_ = self._choose_solver(data, main, n_values, keep_loo)
        self.X_fit_, self.center_indices_ = X, None
        if self.solver_ == "nystroem":
            self._choose_centers(data)
        data = data._replace(X=data.X.astype(np.float64, copy=False))
        self.eigenvalues_ = self.candidates_ = self.cv_scores_ = self.selection_ = None
        self.residual_norms_ = self.validation_scores_ = None
        self.n_iter_, self.converged_ = 1, True
        if self.solver_ == "iterative":
            fitted = fit_iteratively(self, data, X, y, weights, main, values, measure)
            return _fill(fitted, rows, X.shape[0]), None
        with FitTask(self, X, y, sample_weight=weights):
            return self._fit_directly(data, y, main, values, measure, keep_loo)

    # -- parameters -------------------------------------------------------------------

    def _main_parameter(self):
        """Name of the main parameter, and its values; None if to be chosen here."""
        if callable(self.filter):
            return None, np.full(1, np.nan)
        main = MAIN_PARAMETERS[self.filter]
        if main == "threshold" and isinstance(self.threshold, str):
            main = "threshold" if self.n_components is None else "n_components"
        given = getattr(self, main)
        if isinstance(given, str):
            return main, None
        values = np.atleast_1d(np.asarray(given))
        counts = main in ("n_iter", "n_components")
        if (
            values.ndim != 1
            or values.size == 0
            or values.dtype.kind not in ("iu" if counts else "iuf")
            or not np.isfinite(values).all()
            or (values < (1 if counts else 0)).any()
        ):
            kind = "positive integers" if counts else "non-negative finite numbers"
            raise ValueError(
                f"{main} must be 'auto' or hold one or more {kind}, got {given!r}."
            )
        return main, values

    def _mixing(self):
        """The shares of self-distillation as an array."""
        mixing = np.atleast_1d(np.asarray(self.mixing))
        if (
            mixing.ndim != 1
            or mixing.size == 0
            or mixing.dtype.kind not in "iuf"
            or not np.isfinite(mixing).all()
        ):
            raise ValueError(
                f"mixing must hold one or more finite numbers, got {self.mixing!r}."
            )
        return mixing.astype(np.float64)

    def _choose_solver(self, data, main, n_values, keep_loo):
        """Resolve ``solver="auto"`` and refuse what is not possible."""
        n, xp = data.X.shape[0], get_namespace(data.Y)
        alone = n_values == 1 and main != "n_components"
        if self.early_stopping:
            return self._check_early_stopping(n_values)
        n_bytes = eigensystem_bytes(n, xp) * (1 if isinstance(self.cv, str) else 2)
        solver = self.solver
        if solver == "auto":
            if n <= _MAX_DIRECT and n_bytes <= memory_budget():
                solver = "eigh"
            elif alone and not keep_loo:
                solver = "iterative"
            else:
                solver = "eigh" if self._is_precomputed() else "nystroem"
        if solver == "iterative" and not alone:
            raise ValueError(
                "solver='iterative' needs one number for "
                f"{MAIN_PARAMETERS[self.filter]}, got {main}={getattr(self, main)!r}, "
                "which takes the spectrum. Use solver='eigh' or solver='nystroem' for "
                "that."
            )
        if solver == "eigh":
            check_memory(
                n_bytes,
                what=f"the eigendecomposition of the {n} x {n} kernel matrix",
                remedy="use solver='nystroem' or solver='iterative'",
            )
        if solver == "nystroem" and self._is_precomputed():
            raise ValueError(
                "solver='nystroem' evaluates the kernel between rows and centers, so "
                "kernel='precomputed' is not possible. Use solver='eigh' or "
                "solver='iterative', or pass the kernel as an object or a callable."
            )
        return solver

    def _check_early_stopping(self, n_values):
        """The solver of early stopping, if all else permits it."""
        iterates = isinstance(self.filter, str) and self.filter in ITERATIONS
        if not iterates or self.solver not in ("auto", "iterative"):
            raise ValueError(
                f"early_stopping=True needs a filter among {ITERATIONS} and "
                "solver='iterative' or 'auto', got "
                f"filter={self.filter!r} and solver={self.solver!r}."
            )
        if n_values is not None and n_values > 1:
            raise ValueError(
                "early_stopping=True needs n_iter='auto', which is max_iter at most, "
                f"or one number, got {self.n_iter!r}."
            )
        return "iterative"

    def _choose_centers(self, data):
        """Set ``X_fit_`` to the centers and ``center_indices_``."""
        given = not isinstance(self.center_selection, str)
        if given:
            centers = validate_rows(self.center_selection, data.X, "center_selection")
            bound = centers.shape[0]
        else:
            bound = min(self.n_centers, data.X.shape[0])
        check_memory(
            _MATRICES * 8 * bound**2,
            what=f"the eigendecomposition for {bound} centers",
            remedy="use fewer centers (n_centers)",
        )
        if given:
            self.X_fit_ = centers
            return
        indices = select_centers(
            self.kernel_,
            data.X,
            self.n_centers,
            self.center_selection,
            sample_weight=data.weights,
            random_state=self.random_state,
        )
        self.X_fit_ = data.X[indices]
        rows = data.rows
        self.center_indices_ = indices if rows is None else to_numpy(rows)[indices]

    # -- decompositions ---------------------------------------------------------------

    def _fit_directly(self, data, y, main, values, measure, keep_loo):
        """Fit by an eigendecomposition; fitted values and leave-one-out predictions."""
        path = self._make_path(data)
        top = float(path.eigenvalues[0]) if len(path.eigenvalues) else 0.0
        warn_if_indefinite(
            self,
            path.smallest,
            top,
            "Eigenvectors of negative eigenvalues are left out of the model.",
        )
        if main is not None:
            check_step(self.filter, self.step, top, self.momentum)
        if values is None:
            values = default_values(self.filter, path.eigenvalues, path.total)
        filter = self._make_filter(path, main, values)
        j = 0
        if len(values) > 1:
            j = self._choose(path, filter, data, y, main, values, measure)
        filter = filter.select(j)
        self.eigenvalues_ = np.array(path.eigenvalues)
        self._describe(main, filter.values[0], top)
        if hasattr(self, "threshold_"):
            self.n_components_ = path.count(self.threshold_)
        coefficients = path.coefficients(filter)
        self.dual_coef_ = self._expand(coefficients, data.rows, y)
        fitted = _fill(path.fitted(filter), data.rows, y.shape[0])
        if not keep_loo:
            return fitted, None
        predictions = next(path.leave_one_out(filter))
        return fitted, _fill(predictions, data.rows, y.shape[0])

    def _make_path(self, data):
        if self.solver_ == "eigh":
            K = make_operator(self.kernel_, data.X).block()
            return FilterPath(K, data.Y, data.weights, data.copies)
        # White noise is no part of the functions that centers span.
        kernel = self.kernel_._without_noise()
        op = self._to_fitted(data.X)
        K_mm = center_matrix(kernel, self.X_fit_)
        return NystroemPath(op, K_mm, data.Y, data.weights, data.copies)

    def _to_fitted(self, X):
        """Operator from the centers to rows."""
        centers = self.X_fit_.astype(np.float64, copy=False)
        kernel = self.kernel_._without_noise()
        return make_operator(kernel, match_storage(X, centers), centers)

    def _make_filter(self, path, main, values):
        """The filter with these values on the spectrum of a path."""
        if main == "n_components":
            values = path.thresholds(values)
        top = float(path.eigenvalues[0]) if len(path.eigenvalues) else 0.0
        return self._filter_of(values, path.total, top)

    def _filter_of(self, values, total, top):
        return make_filter(
            self.filter,
            values,
            total=total,
            top=top,
            order=self.order,
            step=self.step,
            momentum=self.momentum,
            nu=self.nu,
            mixing=self._mixing(),
        )

    def _describe(self, main, value, top):
        """Attributes that tell the choice."""
        if main is None:
            return
        main = "threshold" if main == "n_components" else main
        setattr(self, f"{main}_", int(value) if main == "n_iter" else float(value))
        if self.filter in ITERATIONS:
            automatic = self.step == "auto" or self.filter == "nu_method"
            scale = top if top > 0 else 1.0
            self.step_ = 1.0 / scale if automatic else float(self.step)

    # -- choice -----------------------------------------------------------------------

    def _choose(self, path, filter, data, y, main, values, measure):
        """Position of the best value."""
        if self.cv == "loo" or self.cv is None:
            self.selection_ = "loo"
            scores = [
                measure(data.Y, predictions, data.weights)
                for predictions in path.leave_one_out(filter)
            ]
        elif isinstance(self.cv, str):
            self.selection_ = self.cv
            scores = -path.gcv(filter)
        else:
            self.selection_ = "splits"
            splits = user_splits(self.cv, y, data.rows, classifier=is_classifier(self))
            folds = [self._fold(data, main, values, measure, *s) for s in splits]
            scores = np.mean(folds, axis=0)
        scores = np.asarray(scores, dtype=np.float64)
        scores = np.where(np.isnan(scores), -np.inf, scores)
        self.candidates_, self.cv_scores_ = values, scores
        j = int(scores.argmax())
        if not np.isfinite(scores[j]) and len(data.Y) > 1:
            warn_user(
                f"{type(self).__name__}: no value of {main} has a finite score; the "
                "first is taken. With each one, some sample of the "
                f"{len(data.Y)} is fitted whatever the others are, or the score is "
                f"undefined. Got {main}={np.asarray(values).tolist()}: more samples "
                "may help, or values of more regularisation."
            )
        if self.verbose:
            print(
                f"[{type(self).__name__}] best of {len(values)} values of {main}: "
                f"{values[j]:.3g} with score {scores[j]:.6g}"
            )
        return j

    def _fold(self, data, main, values, measure, train, test):
        """Scores on the rows of test of the models fitted to those of train."""
        xp = get_namespace(data.Y)
        train, test = xp.asarray(train), xp.asarray(test)

        def part(rows):
            weights = None if data.weights is None else data.weights[rows]
            X = data.X[rows]
            if self._is_precomputed():
                X = X[:, train]
            return _Data(X, data.Y[rows], weights, None)

        fitted, new = part(train), part(test)
        path = self._make_path(fitted)
        filter = self._make_filter(path, main, values)
        if self.solver_ == "nystroem":
            op = self._to_fitted(new.X)
        else:
            op = make_operator(self.kernel_, new.X, fitted.X)
        predictions = op.matmat(path.coefficients(filter))
        n_targets = data.Y.shape[1]
        return [
            measure(new.Y, predictions[:, k : k + n_targets], new.weights)
            for k in range(0, predictions.shape[1], n_targets)
        ]

    # -- the model --------------------------------------------------------------------

    def _expand(self, dual_coef, rows, y):
        """Coefficients of all rows of X_fit_, in the shape of y and dtype of X."""
        if self.solver_ != "nystroem":
            dual_coef = _fill(dual_coef, rows, y.shape[0])
        if dual_coef.shape[1] == 1 and y.ndim == 1:
            dual_coef = dual_coef[:, 0]
        return dual_coef.astype(self.X_fit_.dtype)

    def _evaluate(self, X):
        """Values of f on new data."""
        check_is_fitted(self)
        X = validate(self, X, reset=False, accept_sparse=not self._is_precomputed())
        check_same_device(self, X, self.dual_coef_)
        dtype = np.result_type(X.dtype, self.X_fit_.dtype)
        X = match_storage(X, self.X_fit_).astype(dtype, copy=False)
        fitted = None
        if not self._is_precomputed():
            fitted = self.X_fit_.astype(dtype, copy=False)
        op = make_operator(self.kernel_, X, fitted)
        return op.matmat(self.dual_coef_.astype(dtype, copy=False))


def _fill(values, rows, n_samples):
    """Values of all rows, zero where they were left out."""
    if rows is None:
        return values
    full = get_namespace(values).zeros((n_samples, values.shape[1]))
    full[rows] = values
    return full
