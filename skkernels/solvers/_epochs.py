"""Epochs of a stochastic iteration, with a guard against divergence."""

from dataclasses import dataclass

import numpy as np

from skkernels.utils._array import get_namespace
from skkernels.utils._parallel import single_threaded_blas

# An epoch whose loss exceeds that of the epoch before by this factor has diverged. The
# second number, over the square root of the number of rows, is for chance.
_GROWTH, _CHANCE = 1.5, 10.0
# The same for a loss that is known on some of the rows only, and for the first epoch
# beside no model at all: residuals of noise that a model has fitted elsewhere are twice
# as large as the noise.
_LOOSE_GROWTH = 4.0
_MAX_HALVINGS = 5
# Losses below this share of the targets' mean square are rounding errors.
_NEGLIGIBLE = 1e-12


@dataclass(frozen=True)
class EpochsResult:
    """Outcome of :func:`run_epochs`.

    Attributes
    ----------
    losses : list of float
        Loss of each epoch that counts.

    n_halvings : int
        How often an epoch diverged and the step was halved.

    step_factor : float
        What the iteration's step was multiplied by in the end.

    gave_up : bool
        Whether even the smallest step diverged.
    """

    losses: list
    n_halvings: int
    step_factor: float
    gave_up: bool


def run_epochs(
    iteration,
    Y,
    *,
    max_iter,
    first_epoch=0,
    learning_rate="constant",
    step_factor=1.0,
    on_epoch=None,
):
    """Run epochs; where one diverges, go back to a good state and halve the step.

    Parameters
    ----------
    iteration : EigenProIteration
        Has ``coef``, ``step``, ``n_samples``, ``epoch``, ``mean_square`` and
        ``sampled_loss``.

    Y : array of shape (n, n_targets) in float64
        Targets.

    max_iter : int
        Number of epochs. Epochs that diverged do not count.

    first_epoch : int, default=0
        Number of epochs done before: numbers the epochs.

    learning_rate : {"constant", "invscaling"}, default="constant"
        "invscaling" divides the step by the number of the epoch, from 1.

    step_factor : float, default=1.0
        Multiplies the iteration's step.

    on_epoch : callable, default=None
        ``on_epoch(number, loss, done)`` is called after each epoch, the number
        counted from 1 in this call; a true return value ends the run.

    Returns
    -------
    result : EpochsResult
        History. The solution is in ``iteration.coef``.
    """
    losses = []
    halvings = 0
    # The loss of an epoch judges the coefficients it began with: those at the
    # beginning of the best epoch can be trusted.
    trusted, best = iteration.coef.copy(), np.inf
    # What residuals may be compared with: those of no model, or of the model so far,
    # which may be larger where these targets happen to be small.
    reference = iteration.mean_square(Y)
    if trusted.any():
        reference = max(reference, iteration.sampled_loss(Y))
    floor = _NEGLIGIBLE * reference
    growth = _GROWTH + _CHANCE / np.sqrt(iteration.n_samples)
    loose = max(growth, _LOOSE_GROWTH)
    bound = loose * reference
    while len(losses) < max_iter:
        number = first_epoch + len(losses)
        start = iteration.coef.copy()
        step = iteration.step * step_factor
        if learning_rate == "invscaling":
            step /= 1 + number
        # Threads of BLAS would wait in loops between the products of the pool.
        with single_threaded_blas(), np.errstate(over="ignore", invalid="ignore"):
            loss = iteration.epoch(Y, number, step, reference)
        finite = bool(get_namespace(start).isfinite(iteration.coef).all())
        good = finite and np.isfinite(loss) and loss <= max(bound, floor)
        last = len(losses) + 1 == max_iter
        if good:
            if loss <= best:
                trusted, best = start, loss
            # The second bound is for an iteration that diverges slowly.
            bound = min(growth * loss, loose * best)
            if last:
                good = iteration.sampled_loss(Y) <= max(loose * loss, floor)
        if not good:
            iteration.coef[...] = trusted
            if halvings == _MAX_HALVINGS:
                return EpochsResult(losses, halvings, step_factor, True)
            halvings += 1
            step_factor /= 2.0
            continue
        losses.append(loss)
        if on_epoch is not None and on_epoch(len(losses), loss, last):
            if not last and iteration.sampled_loss(Y) > max(loose * loss, floor):
                iteration.coef[...] = trusted
            break
    return EpochsResult(losses, halvings, step_factor, False)
