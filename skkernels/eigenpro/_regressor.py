"""EigenPro regression."""

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.metaestimators import available_if

from skkernels.eigenpro._base import BaseEigenPro, streams
from skkernels.utils._array import get_namespace
from skkernels.utils._sklearn import _fit_context
from skkernels.utils._state import unchanged_on_error
from skkernels.utils._validation import validate


class EigenProRegressor(MultiOutputMixin, RegressorMixin, BaseEigenPro):
    """Large kernel regression by preconditioned stochastic gradient descent.

    The model ``f(x) = sum_j k(x, z_j) coef_j + intercept`` has every row of the
    training data as a center z_j (``n_centers=None``; EigenPro 2), or a number of
    centers that does not depend on that of the rows (EigenPro 3 and 4). Each step
    corrects the model on a batch of rows. A preconditioner flattens the largest
    eigenvalues of the kernel, as seen on a subsample of the centers, which is what
    makes large batches and long steps possible. Batch size, step and preconditioner
    are chosen automatically.

    Parameters
    ----------
    n_centers : int or None, default=None
        Number of centers. None makes every row a center: the iteration then goes to
        the interpolant of the data, or with ``alpha`` to the solution of
        :class:`~skkernels.ridge.KernelRidge`. With a number it goes to the
        least-squares solution on these centers, that of
        :class:`~skkernels.ridge.NystroemKernelRidge`, up to a bias that delayed
        projections leave and ``polish`` removes.

    center_selection : str or {array-like, sparse matrix} of shape \
            (n_centers, n_features), default="uniform"
        How centers are drawn from the training data, see
        :func:`skkernels.coresets.select_centers`, or the centers themselves. Names are
        ignored if ``n_centers`` is None.

    alpha : float, default=0.0
        Ridge strength: the objective is the sum of the squared residuals plus alpha
        times the squared norm of f. Not divided by the number of samples.

    kernel : str, kernel object or callable, default="exponential"
        A name from :func:`skkernels.kernels.kernel_names`, a kernel of
        :mod:`skkernels.kernels` or of :mod:`sklearn.gaussian_process.kernels`, or a
        function ``k(X, Z)`` that returns a block of the kernel matrix. "precomputed"
        is not possible.

    gamma : float, {"scale", "median"} or None, default="scale"
        Width of kernels given by name. None is 1 / n_features; "scale" is
        1 / (n_features * X.var()); "median" takes the median distance as the length
        scale. Ignored by kernels without a width and by kernel objects.

    degree : float, default=3
        Degree of the polynomial kernel.

    coef0 : float, default=1
        Constant of the polynomial and sigmoid kernels.

    kernel_params : dict, default=None
        Further parameters of the kernel given by name or as a callable.

    fit_intercept : bool, default=True
        Whether the mean of the targets is taken off and added to predictions.

    max_iter : int, default=10
        Number of epochs, passes over the data.

    batch_size : int or "auto", default="auto"
        Rows per step. "auto" is the largest batch whose steps are limited by single
        rows and not by the largest eigenvalue, at most 2048.

    learning_rate : {"constant", "invscaling"}, default="constant"
        "invscaling" divides the step of epoch t = 1, 2, ... by t, which lowers the
        floor that noisy targets put to the iteration with centers.

    n_subsamples : int or "auto", default="auto"
        Number of centers on which the preconditioner is computed. "auto" is the power
        2/3 of the number of rows, between 1000 and 4000; all centers if there are
        fewer.

    n_components : int or "auto", default="auto"
        Number of eigenvalues that the preconditioner flattens; 0 is plain stochastic
        gradient descent. "auto" is the smallest number that allows batches of 2048 rows
        with full steps, at most a quarter of ``n_subsamples`` and 500.

    projection_period : int or "auto", default="auto"
        With centers: steps between projections onto their span. 1 is EigenPro 3,
        without bias; more is EigenPro 4, faster. "auto" projects when about as
        many rows as there are centers, or a quarter of the data, have been seen.

    polish : bool, default=False
        Whether the epochs are followed by conjugate gradients down to the minimum of
        the objective. Not together with ``early_stopping``.

    early_stopping : bool, default=False
        Whether part of the data is set aside to score the model after each epoch. The
        coefficients of the best epoch are kept. Without ridge this is the only
        regularisation if ``n_centers`` is None.

    validation_fraction : float, default=0.1
        The part set aside.

    n_iter_no_change : int, default=3
        Number of epochs without improvement after which ``early_stopping`` ends the
        fit.

    tol : float, default=1e-4
        What counts as an improvement of the score.

    warm_start : bool, default=False
        Whether ``fit`` continues from the coefficients of the fit before, with its
        kernel and centers. With ``n_centers=None`` the rows must be the same.

    random_state : int, RandomState instance or None, default=None
        Source of centers, subsample, validation split and order of the rows.

    verbose : int, default=0
        Print the loss of epochs: 1 prints ten lines at most, 2 every epoch.

    Attributes
    ----------
    coef_ : ndarray of shape (n_centers_,) or (n_centers_, n_targets)
        Coefficients of the kernel functions.

    intercept_ : float or ndarray of shape (n_targets,)
        Mean of the targets; zero with ``fit_intercept=False``.

    centers_ : {ndarray, sparse array} of shape (n_centers_, n_features)
        The centers.

    center_indices_ : ndarray of shape (n_centers_,) or None
        Rows of the training data that are centers; None if centers were given.

    n_centers_ : int
        Number of centers.

    kernel_ : Kernel
        The kernel with the numbers used.

    gamma_ : float or None
        The width used, where the kernel has one.

    n_components_ : int
        Number of eigenvalues flattened.

    eigenvalues_ : ndarray of shape (n_components_,)
        These eigenvalues, of the kernel matrix of the subsample over its size.

    batch_size_, critical_batch_size_ : int
        Rows per step, and the largest number whose steps single rows limit.

    step_size_ : float
        Step of the first epoch: a batch changes the model by minus this times the sum
        of its residuals times their kernel functions, preconditioned.

    n_iter_ : int
        Number of epochs done.

    train_loss_ : ndarray of shape (n_iter_,)
        Mean squared residual in each epoch, where each residual is from before the
        step of its batch, summed over targets.

    validation_scores_ : list of float or None
        R^2 on the part set aside after each epoch, with ``early_stopping``.

    n_features_in_ : int
        Number of features seen in fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    EigenProClassifier : The same for class labels.
    skkernels.ridge.KernelRidge : All rows as centers, by conjugate gradients.
    skkernels.ridge.NystroemKernelRidge : The least-squares solution on fewer centers.

    Notes
    -----
    With n rows, p centers, d features, c targets and a subsample of s centers, an epoch
    takes n (n + s) kernel values if all rows are centers, n (p + t / 2) else, where t
    is the number of rows between projections, and (d + 2 c) operations for each. Set-up
    takes O(s^3 + s n) operations, and p^3 / 3 with centers. Memory above the data is
    O(p c + s^2) and a few megabytes of blocks, and with centers ``8 p^2`` bytes where
    that fits the memory budget; beyond, projections are by conjugate gradients. A
    memory map is read batch by batch and never copied, unless all rows are centers and
    ``early_stopping`` sets some aside.

    An epoch whose residuals grow is undone and the step halved, with a
    ``ConvergenceWarning``.

    There is no ``sample_weight``: the limit without ridge does not depend on weights
    where the model interpolates, and a finite number of epochs is not equal for a row
    of weight 2 and two rows.

    References
    ----------
    .. [1] S. Ma and M. Belkin, "Kernel machines that adapt to GPUs for effective large
       batch training", MLSys 2019. arXiv:1806.06144
    .. [2] A. Abedsoltan, M. Belkin and P. Pandit, "Toward large kernel models",
       ICML 2023. arXiv:2302.02605
    .. [3] A. Abedsoltan, S. Ma, P. Pandit and M. Belkin, "Fast training of large
       kernel models with delayed projections", 2024. arXiv:2411.16658

    Examples
    --------
    >>> from sklearn.datasets import make_friedman1
    >>> from skkernels import EigenProRegressor
    >>> X, y = make_friedman1(1000, random_state=0)
    >>> model = EigenProRegressor(n_centers=300, random_state=0).fit(X, y)
    >>> bool(model.score(X, y) > 0.9)
    True
    """

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
        fit_intercept=True,
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
        super().__init__(
            n_centers,
            center_selection=center_selection,
            alpha=alpha,
            kernel=kernel,
            gamma=gamma,
            degree=degree,
            coef0=coef0,
            kernel_params=kernel_params,
            max_iter=max_iter,
            batch_size=batch_size,
            learning_rate=learning_rate,
            n_subsamples=n_subsamples,
            n_components=n_components,
            projection_period=projection_period,
            polish=polish,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            warm_start=warm_start,
            random_state=random_state,
            verbose=verbose,
        )
        self.fit_intercept = fit_intercept

    _parameter_constraints: dict = {
        **BaseEigenPro._parameter_constraints,
        "fit_intercept": ["boolean"],
    }

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y):
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.

        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        with unchanged_on_error(self):
            self._forget()
            X, y, Y = self._validate_data(X, y, reset=True)
            intercept = self._intercept_of(Y, continues=self.warm_start)
            return self._fit_rows(X, y, Y - intercept, None, intercept=intercept)

    @available_if(streams)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y):
        """Make one pass over further samples.

        The first call, of this method or of ``fit``, chooses the kernel's numbers, the
        centers and the intercept from its samples. Batch size and preconditioner are
        those of the first call of this method; they are made again after the model was
        pickled. The ridge term counts once in each call: where data come in k calls,
        ``alpha / k`` is what ``alpha`` is for ``fit``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Further training data.

        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Their targets.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        with unchanged_on_error(self):
            X, y, Y = self._validate_data(X, y, reset=not hasattr(self, "coef_"))
            intercept = self._intercept_of(Y, continues=True)
            return self._fit_more(X, y, Y - intercept, None, intercept=intercept)

    def _validate_data(self, X, y, *, reset):
        X, y = validate(self, X, y, reset=reset, multi_output=True, y_numeric=True)
        Y = (y[:, np.newaxis] if y.ndim == 1 else y).astype(np.float64)
        return X, y, Y

    def _intercept_of(self, Y, *, continues):
        """Intercepts as an array: those of the fit before where that is continued."""
        if continues and hasattr(self, "coef_"):
            intercept = np.atleast_1d(self.intercept_)
            if intercept.size not in (1, Y.shape[1]):
                raise ValueError(
                    f"y has {Y.shape[1]} target(s), but {intercept.size} in the fit "
                    "before."
                )
            return intercept
        if self.fit_intercept:
            return Y.mean(axis=0)
        return get_namespace(Y).zeros(Y.shape[1])

    def _validation_score(self, y, values):
        return float(r2_score(y, values if y.ndim == 2 else values[:, 0]))

    def predict(self, X):
        """Predict targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predictions.
        """
        return self._evaluate(X)
