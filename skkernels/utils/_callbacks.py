"""Progress of iterative fits: scikit-learn's callbacks and ``verbose``.

scikit-learn's callback interface is experimental, so its use is confined to
this module. An estimator opens a :class:`FitTask` around its solver and passes
:meth:`FitTask.on_iteration` to it::

    with FitTask(self, X, y, max_iter=self.max_iter, state=...) as task:
        result = block_cg(..., on_iteration=task.on_iteration)
        self.dual_coef_ = result.x

Without a callback and with ``verbose=0`` the hooks cost nothing:
``task.on_iteration`` is None then.
"""

from skkernels.utils._sklearn import CallbackSupportMixin

__all__ = ["CallbackSupportMixin", "FitTask"]


class FitTask:
    """One call to ``fit``, seen by callbacks and by ``verbose``.

    Parameters
    ----------
    estimator : estimator instance
        The estimator being fitted. It inherits from ``CallbackSupportMixin``, and
        its fit method is decorated with ``_fit_context``, which tears callbacks
        down.

    X, y : array-like
        Training data and targets, handed to callbacks as the user gave them.

    sample_weight : array-like, default=None
        Weights handed to callbacks as metadata.

    max_iter : int, default=0
        Largest number of iterations; 0 for a direct solver, which has no
        iterations to report.

    state : callable, default=None
        ``state(x)`` turns a solver's iterate into the dictionary of fitted
        attributes with which a copy of the estimator predicts. It is called only
        if some callback asks for a fitted estimator.

    unit, measure : str, default="iteration", "relative residual"
        What is counted and what the solver reports, for ``verbose``.
    """

    def __init__(
        self,
        estimator,
        X,
        y,
        *,
        sample_weight=None,
        max_iter=0,
        state=None,
        unit="iteration",
        measure="relative residual",
    ):
        self.estimator = estimator
        self.max_iter = max_iter
        self.verbose = getattr(estimator, "verbose", 0)
        self.state = state
        self.unit, self.measure = unit, measure
        self._arguments = {"estimator": estimator, "X": X, "y": y}
        if sample_weight is not None:
            self._arguments["metadata"] = {"sample_weight": sample_weight}
        self._root = None
        self._iteration = None

    def __enter__(self):
        estimator = self.estimator
        if getattr(estimator, "_skl_callbacks", None) or hasattr(
            estimator, "_parent_callback_ctx"
        ):
            self._root = estimator._init_callback_context(max_subtasks=self.max_iter)
            self._root.call_on_fit_task_begin(**self._arguments)
        return self

    def __exit__(self, exc_type, exc_value, traceback):
        if self._root is not None and exc_type is None:
            self._root.call_on_fit_task_end(
                **self._arguments, reconstruction_attributes={}
            )

    @property
    def on_iteration(self):
        """Function for the solver to call after each iteration, or None."""
        if self._root is None and not self.verbose:
            return None
        if self._root is not None and self._iteration is None:
            self._begin_iteration()
        return self._end_iteration

    def _begin_iteration(self):
        self._iteration = self._root.subcontext(task_name=self.unit)
        self._iteration.call_on_fit_task_begin(**self._arguments)

    def _end_iteration(self, iteration, x, residual, done):
        if self.verbose:
            self._print(iteration, residual, done)
        if self._root is None:
            return False
        reconstruct = None if self.state is None else (lambda: self.state(x))
        stop = self._iteration.call_on_fit_task_end(
            **self._arguments, reconstruction_attributes=reconstruct
        )
        if not (stop or done):
            self._begin_iteration()
        return stop

    def _print(self, iteration, residual, done):
        every = 1 if self.verbose > 1 else max(1, -(-self.max_iter // 10))
        if done or iteration % every == 0:
            name = type(self.estimator).__name__
            print(
                f"[{name}] {self.unit} {iteration}/{self.max_iter}, "
                f"{self.measure} {residual:.2e}"
            )
