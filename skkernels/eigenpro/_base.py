"""What EigenPro regression and classification have in common."""

from numbers import Integral, Real

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state

from skkernels.base import KERNEL_CONSTRAINTS, CenterModelMixin, KernelEstimatorMixin
from skkernels.coresets import CENTER_SELECTIONS, select_centers
from skkernels.eigenpro._polish import polish
from skkernels.operators import KernelOperator, memory_budget
from skkernels.solvers import (
    CenteredEigenPro,
    FullEigenPro,
    check_falkon_memory,
    run_epochs,
    subsample_rows,
)
from skkernels.utils._array import get_namespace, to_numpy
from skkernels.utils._callbacks import CallbackSupportMixin, FitTask
from skkernels.utils._parallel import row_blocks
from skkernels.utils._sklearn import Interval, StrOptions
from skkernels.utils._validation import match_storage, positive_rows, validate_rows
from skkernels.utils._warnings import warn_user

_BLOCK_ROWS = 2048


def streams(estimator):
    """Whether the model's centers are not all rows, so that rows may come later."""
    if isinstance(estimator.center_selection, str) and estimator.n_centers is None:
        raise AttributeError(
            "partial_fit needs a fixed number of centers, got n_centers=None: with it, "
            "every row of fit is a center."
        )
    return True


class BaseEigenPro(CallbackSupportMixin, CenterModelMixin, KernelEstimatorMixin):
    """Fit and evaluate ``f(x) = sum_j k(x, z_j) coef_j + intercept``."""

    _parameter_constraints: dict = {
        **KERNEL_CONSTRAINTS,
        "n_centers": [Interval(Integral, 1, None, closed="left"), None],
        "center_selection": [
            StrOptions(set(CENTER_SELECTIONS)),
            "array-like",
            "sparse matrix",
        ],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "learning_rate": [StrOptions({"constant", "invscaling"})],
        "n_subsamples": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "n_components": [
            Interval(Integral, 0, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "projection_period": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "polish": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_centers=None,
        *,
        center_selection="uniform",
        alpha=0.0,
        kernel="exponential",
        gamma="scale",
        degree=3,
        coef0=1,
        kernel_params=None,
        max_iter=10,
        batch_size="auto",
        learning_rate="constant",
        n_subsamples="auto",
        n_components="auto",
        projection_period="auto",
        polish=False,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=3,
        tol=1e-4,
        warm_start=False,
        random_state=None,
        verbose=0,
    ):
        self.n_centers = n_centers
        self.center_selection = center_selection
        self.alpha = alpha
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.n_subsamples = n_subsamples
        self.n_components = n_components
        self.projection_period = projection_period
        self.polish = polish
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    # -- fit ------------------------------------------------------------------------

    def _fit_rows(self, X, y, Y, weights, *, intercept, labels=None):
        """Fit all epochs.

        Parameters
        ----------
        X, y : arrays
            As validated, for callbacks.
        Y : array of shape (n, n_targets) in float64
            Targets with the intercept taken off.
        weights : array of shape (n,) or None
            Weights of the rows.
        intercept : array of shape (n_targets,)
            Of the model.
        labels : ndarray of shape (n,) or None
            Class codes, by which a validation split is stratified.
        """
        if self.polish and self.early_stopping:
            raise ValueError(
                "polish=True goes to the minimum of the objective, early_stopping=True "
                "stops before it: at most one of them can be True."
            )
        warm = self.warm_start and hasattr(self, "coef_")
        if not warm:
            self._epochs, self._step_factor = 0, 1.0
            rng = check_random_state(self.random_state)
            self._seed = int(rng.randint(np.iinfo(np.int32).max))
        train, held_out = self._split(X.shape[0], weights, labels)
        self._choose_model(X, weights, train, warm)
        rows_X, rows_Y = X, Y
        if train is not None and not self._has_own_centers():
            # All rows in use are centers, so that they are copied anyway.
            rows_X, rows_Y = self.centers_, Y[get_namespace(X).asarray(train)]
            weights = None if weights is None else weights[train]
            train = None
        iteration = self._make_iteration(rows_X, rows_Y, weights, train)
        if warm:
            iteration.coef[...] = self._check_warm_coef(Y.shape[1])
        self.intercept_ = _intercept_attribute(intercept, y)
        monitor = _Monitor(self, iteration, X, y, intercept, held_out)
        self._describe(iteration)
        with FitTask(
            self,
            X,
            y,
            max_iter=self.max_iter,
            state=lambda coef: {"coef_": self._coef_attribute(coef, y)},
            unit="epoch",
            measure="mean squared residual",
        ) as task:
            monitor.task = task
            result = run_epochs(
                iteration,
                rows_Y,
                max_iter=self.max_iter,
                first_epoch=self._epochs,
                learning_rate=self.learning_rate,
                step_factor=self._step_factor,
                on_epoch=monitor.after_epoch,
            )
            self._warn_of_divergence(result)
            self._epochs += len(result.losses)
            self._step_factor = result.step_factor
            self.n_iter_ = len(result.losses)
            self.train_loss_ = np.array(result.losses)
            self.validation_scores_ = monitor.scores
            coef = iteration.coef if monitor.best is None else monitor.best
            if self.polish:
                coef = polish(iteration, rows_Y, type(self).__name__)
            self.coef_ = self._coef_attribute(coef, y)
        return self

    def _split(self, n, weights, labels):
        """Rows to train on and rows to validate on; None is all and none."""
        kept = positive_rows(weights)
        train = None if kept is None else to_numpy(kept)
        if not self.early_stopping:
            return train, None
        train = np.arange(n) if train is None else train
        if labels is not None:
            labels = labels[train]
        train, held_out = train_test_split(
            train,
            test_size=self.validation_fraction,
            stratify=labels,
            random_state=self._seed,
        )
        return np.sort(train), np.sort(held_out)

    def _choose_model(self, X, weights, train, warm):
        """Kernel and centers, from the training rows."""
        self._refuse_precomputed()
        given = not isinstance(self.center_selection, str)
        everything = self.n_centers is None and not given
        if warm and everything != self._everything:
            raise ValueError(
                "warm_start=True continues the fit before, so that n_centers cannot "
                f"change between None and a number, got n_centers={self.n_centers}."
            )
        if warm and not everything:
            return
        if train is not None and not everything:
            train = self._few_rows(X, train)
        xp = get_namespace(X)
        rows = None if train is None else xp.asarray(train)
        X_train = X if rows is None else X[rows]
        if warm:
            if X_train.shape != self.centers_.shape:
                raise ValueError(
                    "warm_start=True with n_centers=None continues on the rows of the "
                    f"fit before, of shape {self.centers_.shape}, got {X_train.shape}."
                )
            self.centers_ = X_train
            return
        row_weights = weights
        if weights is not None and rows is not None:
            row_weights = weights[rows]
        self._resolve_kernel(X_train, row_weights)
        indices = None
        if given:
            centers = validate_rows(self.center_selection, X, "center_selection")
        elif everything:
            centers = X_train
            indices = np.arange(X.shape[0]) if train is None else train
        else:
            indices = select_centers(
                self.kernel_,
                X_train,
                self.n_centers,
                self.center_selection,
                sample_weight=row_weights,
                random_state=self._seed,
            )
            centers = X_train[indices]
            indices = indices if train is None else train[indices]
        self.centers_, self.center_indices_ = centers, indices
        self.n_centers_ = centers.shape[0]
        self._everything = everything
        if self.polish and not everything:
            check_falkon_memory(X.shape[0], self.n_centers_, "falkon")

    def _few_rows(self, X, rows):
        """Some of the rows where a copy of all of them would be large.

        Only rows that are copied can be left out of the choice of kernel and centers.
        """
        row_bytes = -(-X.nbytes // X.shape[0]) if hasattr(X, "nbytes") else 0
        size = memory_budget() // max(8 * row_bytes, 1)
        size = max(size, 20 * (self.n_centers or 1))
        if not row_bytes or size >= len(rows):
            return rows
        return rows[subsample_rows(len(rows), size, np.random.default_rng(self._seed))]

    def _make_iteration(self, X, Y, weights, train):
        """The solver for this kernel, these centers and these rows."""
        options = {
            "weights": weights,
            "alpha": float(self.alpha),
            "subsample_size": self.n_subsamples,
            "n_components": self.n_components,
            "batch_size": self.batch_size,
            "seed": self._seed,
        }
        kernel = self.kernel_._without_noise()
        n_targets = Y.shape[1]
        if self._has_own_centers():
            centers = self.centers_.astype(X.dtype, copy=False)
            X = match_storage(X, centers)
            return CenteredEigenPro(
                kernel,
                X,
                centers,
                n_targets,
                period=self.projection_period,
                rows=train,
                **options,
            )
        return FullEigenPro(kernel, X, self.centers_, n_targets, rows=train, **options)

    def _has_own_centers(self):
        return self.n_centers is not None or not isinstance(self.center_selection, str)

    def _check_warm_coef(self, n_targets):
        coef = self.coef_.reshape(self.centers_.shape[0], -1)
        if coef.shape[1] != n_targets:
            raise ValueError(
                f"y has {n_targets} target(s), but {coef.shape[1]} in the fit before."
            )
        return coef

    def _describe(self, iteration):
        """Attributes that tell how the steps were chosen."""
        self.n_components_ = iteration.preconditioner.n_components
        self.eigenvalues_ = to_numpy(iteration.preconditioner.eigenvalues)
        self.batch_size_ = iteration.batch_size
        self.critical_batch_size_ = iteration.critical_batch_size
        self.step_size_ = iteration.step

    def _coef_attribute(self, coef, y):
        if coef.shape[1] == 1 and y.ndim == 1:
            coef = coef[:, 0]
        return coef.astype(self.centers_.dtype)

    def _warn_of_divergence(self, result):
        if not result.n_halvings:
            return
        name = type(self).__name__
        if result.gave_up:
            outcome = (
                "The iteration diverged even then; the coefficients are the last from "
                "before. Use a smaller batch_size or a larger n_subsamples."
            )
        else:
            outcome = "A smaller batch_size or a larger n_subsamples avoids this."
        warn_user(
            f"{name}: the squared residuals grew, so the coefficients were set back "
            f"and the step was halved, {result.n_halvings} time(s). {outcome}",
            ConvergenceWarning,
        )

    # -- partial_fit ------------------------------------------------------------------

    def _fit_more(self, X, y, Y, weights, *, intercept):
        """One pass over further rows; ``intercept`` is that of the first call."""
        first = not hasattr(self, "coef_")
        if first:
            self._epochs, self._step_factor = 0, 1.0
            rng = check_random_state(self.random_state)
            self._seed = int(rng.randint(np.iinfo(np.int32).max))
        kept = positive_rows(weights)
        train = None if kept is None else to_numpy(kept)
        if first:
            self._choose_model(X, weights, train, warm=False)
        coef = None if first else self._check_warm_coef(Y.shape[1])
        iteration = getattr(self, "_iteration", None)
        if iteration is None:
            iteration = self._make_iteration(X, Y, weights, train)
            if not first:
                iteration.coef[...] = coef
        else:
            X = match_storage(
                X.astype(iteration.centers.dtype, copy=False), iteration.centers
            )
            iteration.alpha = float(self.alpha)
            iteration.attach(X, weights, train)
        before = iteration.coef.copy()
        try:
            result = run_epochs(
                iteration,
                Y,
                max_iter=1,
                first_epoch=self._epochs,
                learning_rate=self.learning_rate,
                step_factor=self._step_factor,
            )
        except BaseException:  # in the middle of a pass
            iteration.coef[...] = before
            iteration.abandon()
            raise
        self._warn_of_divergence(result)
        self._iteration = iteration
        self._describe(iteration)
        self._epochs += 1
        self._step_factor = result.step_factor
        losses = getattr(self, "train_loss_", np.empty(0))
        self.train_loss_ = np.append(losses, result.losses)
        self.n_iter_ = self.train_loss_.size
        self.validation_scores_ = None
        self.intercept_ = _intercept_attribute(intercept, y)
        self.coef_ = self._coef_attribute(iteration.coef, y)
        return self

    def _forget(self):
        """Forget what partial_fit keeps between calls."""
        self.__dict__.pop("_iteration", None)

    def __getstate__(self):
        state = super().__getstate__()
        # Factors that the next partial_fit can make again.
        state.pop("_iteration", None)
        return state


def _intercept_attribute(intercept, y):
    return float(intercept[0]) if y.ndim == 1 and intercept.size == 1 else intercept


class _Monitor:
    """What happens after each epoch: scores, the best state, callbacks."""

    def __init__(self, estimator, iteration, X, y, intercept, held_out):
        self.estimator, self.iteration = estimator, iteration
        self.intercept = intercept
        self.task = None
        self.best = self.scores = None
        self.unchanged = 0
        self.target = -np.inf
        if held_out is not None:
            self.rows = held_out
            self.operator = KernelOperator(
                iteration.kernel, match_storage(X, iteration.centers), iteration.centers
            )
            self.y = to_numpy(y)[held_out]
            self.scores = []

    def after_epoch(self, number, loss, done):
        """Returns whether to stop."""
        stop = False
        if self.scores is not None:
            stop = self._validate()
        on_iteration = self.task.on_iteration
        if on_iteration is not None:
            coef = self.iteration.coef
            stop = on_iteration(number, coef, loss, done or stop) or stop
        return stop

    def _validate(self):
        coef, xp = self.iteration.coef, self.iteration.xp
        # In blocks: rows of a memory map are copied when they are taken.
        values = [
            to_numpy(self.operator.take_rows(xp.asarray(self.rows[block])).matmat(coef))
            for block in row_blocks(len(self.rows), _BLOCK_ROWS)
        ]
        values = np.concatenate(values) + self.intercept
        score = self.estimator._validation_score(self.y, values)
        if self.best is None or score > max(self.scores):
            self.best = self.iteration.coef.copy()
        self.scores.append(score)
        improved = score > self.target + self.estimator.tol
        self.target = max(self.target, score)
        self.unchanged = 0 if improved else self.unchanged + 1
        return self.unchanged >= self.estimator.n_iter_no_change
