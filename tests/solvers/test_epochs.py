"""Epochs with a guard against divergence, on an iteration with a known course."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skkernels.solvers import run_epochs

Y = np.full((100, 1), 2.0)  # of mean square 4


class Scalar:
    """One coefficient that goes to 2 by steps of ``curvature * step`` of the distance.

    It diverges where that product is above 2.
    """

    step = 1.0

    def __init__(self, curvature, n_samples=100):
        self.curvature, self.n_samples = curvature, n_samples
        self.coef = np.zeros((1, 1))
        self.calls = []

    def mean_square(self, Y):
        return float(np.mean(Y**2))

    def sampled_loss(self, Y):
        return float((2.0 - self.coef[0, 0]) ** 2)

    def epoch(self, Y, number, step, reference):
        self.calls.append((number, step))
        loss = self.sampled_loss(Y)
        self.coef += self.curvature * step * (2.0 - self.coef)
        return loss


def test_a_stable_iteration_is_left_alone():
    iteration, seen = Scalar(0.5), []
    result = run_epochs(
        iteration, Y, max_iter=4, on_epoch=lambda *args: seen.append(args)
    )
    expected = [4.0, 1.0, 0.25, 0.0625]
    assert_allclose(result.losses, expected)
    assert seen == [(i + 1, expected[i], i == 3) for i in range(4)]
    assert iteration.calls == [(0, 1.0), (1, 1.0), (2, 1.0), (3, 1.0)]
    assert (result.n_halvings, result.step_factor, result.gave_up) == (0, 1.0, False)
    assert_allclose(iteration.coef, 2 * (1 - 0.5**4))


@pytest.mark.parametrize("curvature, halvings", [(4.5, 2), (9.0, 3), (40.0, 5)])
def test_steps_are_halved_until_stable(curvature, halvings):
    iteration = Scalar(curvature)
    result = run_epochs(iteration, Y, max_iter=30)
    assert result.n_halvings == halvings and not result.gave_up
    assert result.step_factor == 0.5**halvings
    assert len(result.losses) == 30
    factor = 1 - curvature * result.step_factor
    assert abs(factor) < 1
    assert_allclose(iteration.coef, 2.0, atol=1e-3)
    # Numbers are those of the epochs that count: each repeated one keeps its own.
    assert [number for number, _ in iteration.calls][-1] == 29


def test_give_up_where_the_smallest_step_diverges():
    iteration = Scalar(1e6)
    result = run_epochs(iteration, Y, max_iter=10)
    assert result.gave_up and result.n_halvings == 5
    assert result.step_factor == 1 / 32
    # The first epoch's loss was that of no model: what it left is not trusted.
    assert iteration.coef == 0.0


def test_the_state_before_the_step_that_diverged_comes_back():
    # The step of epoch 3 does the harm, which the loss of epoch 4 shows.
    class Late(Scalar):
        def epoch(self, Y, number, step, reference):
            self.curvature = 1e3 if number >= 3 else 0.5
            return super().epoch(Y, number, step, reference)

    iteration = Late(0.5)
    result = run_epochs(iteration, Y, max_iter=10)
    assert result.gave_up
    assert_allclose(iteration.coef, 2 * (1 - 0.5**3))
    assert_allclose(result.losses[:4], [4.0, 1.0, 0.25, 0.0625])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_losses_and_coefficients_that_are_not_finite(bad):
    class Overflow(Scalar):
        def epoch(self, Y, number, step, reference):
            loss = super().epoch(Y, number, step, reference)
            if len(self.calls) == 3:
                self.coef[...] = bad
            return bad if len(self.calls) == 6 else loss

    iteration = Overflow(0.5)
    result = run_epochs(iteration, Y, max_iter=8)
    assert result.n_halvings == 2 and len(result.losses) == 8
    assert np.isfinite(result.losses).all() and np.isfinite(iteration.coef).all()


def test_the_last_epoch_is_checked_too():
    # Its own loss is that of the state before it.
    class Last(Scalar):
        def epoch(self, Y, number, step, reference):
            self.curvature = 100.0 if number == 2 and step > 0.5 else 0.5
            return super().epoch(Y, number, step, reference)

    iteration = Last(0.5)
    result = run_epochs(iteration, Y, max_iter=3)
    assert result.n_halvings == 1 and not result.gave_up
    assert_allclose(result.losses, [4.0, 1.0, 0.25])
    # Two steps of full length, one of half.
    assert_allclose(iteration.coef, 2 - 2 * 0.5**2 * 0.75)


def test_slow_divergence():
    # A loss that grows by less than half in each epoch is never much larger than that
    # before, but it is in the end than the smallest.
    iteration = Scalar(2.1, n_samples=10**6)
    result = run_epochs(iteration, Y, max_iter=40)
    assert result.n_halvings == 1 and not result.gave_up
    assert max(result.losses) <= 4 * 4.0
    assert_allclose(iteration.coef, 2.0, atol=1e-6)


def test_chance_does_not_count_as_growth():
    # A loss may grow by half, and on few rows by more.
    for n_samples, halvings in ((100, 0), (10**6, 1)):

        class Noisy(Scalar):
            def epoch(self, Y, number, step, reference):
                loss = super().epoch(Y, number, step, reference)
                return 2.2 * loss if number == 1 and step == 1.0 else loss

        result = run_epochs(Noisy(0.0, n_samples), Y, max_iter=5)
        assert result.n_halvings == halvings


def test_rounding_errors_do_not_count_as_growth():
    class Exact(Scalar):
        def epoch(self, Y, number, step, reference):
            super().epoch(Y, number, step, reference)
            return [4.0, 1e-25, 3e-13, 1e-25, 3e-13][number]

    assert run_epochs(Exact(1.0), Y, max_iter=5).n_halvings == 0


def test_inverse_scaling_counts_epochs_of_earlier_calls():
    iteration = Scalar(0.1)
    run_epochs(iteration, Y, max_iter=3, learning_rate="invscaling", step_factor=0.5)
    run_epochs(iteration, Y, max_iter=2, learning_rate="invscaling", first_epoch=3)
    assert_allclose(
        iteration.calls, [(0, 1 / 2), (1, 1 / 4), (2, 1 / 6), (3, 1 / 4), (4, 1 / 5)]
    )


def test_continuing_a_model_that_the_data_are_new_to():
    # The first loss may exceed the targets' mean square: there is a model to judge.
    iteration = Scalar(0.5)
    iteration.coef[...] = 50.0
    result = run_epochs(iteration, Y, max_iter=5, first_epoch=7)
    assert result.n_halvings == 0
    assert_allclose(iteration.coef, 2 + 48 * 0.5**5)


def test_a_callback_stops():
    iteration = Scalar(0.5)
    result = run_epochs(
        iteration, Y, max_iter=10, on_epoch=lambda number, loss, done: number == 2
    )
    assert len(result.losses) == 2 == len(iteration.calls)


def test_targets_of_zero():
    iteration = Scalar(0.5)
    iteration.sampled_loss = lambda Y: 0.0
    iteration.curvature = 0.0
    assert run_epochs(iteration, np.zeros((100, 1)), max_iter=3).losses == [0, 0, 0]
