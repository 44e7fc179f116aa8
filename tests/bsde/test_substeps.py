"""Steps of X inside a time step: the law that they have, and how many are taken."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasmodels import bsde
from kerasmodels.bsde.estimate.estimator import Estimator
from kerasmodels.bsde.estimate.extrapolation import extrapolation
from kerasmodels.bsde.estimate.substeps import NUMBERS, divided, needed_substeps
from tests.helpers import Hand


@keras.saving.register_keras_serializable(package="tests")
class Stiff(Hand):
    """dX = -rate X dt + dW by Heun's scheme, f = 0, g = |x|^2."""

    def __init__(self, dim=2, rate=25.0):
        self.rate = rate
        super().__init__(dim, x0=1.0)

    def drift(self, t, x):
        return -self.rate * x

    def square(self, num_steps):
        """E |X_N|^2 from |x0|^2 = dim: with a = rate h, a step makes of X and dW

        (1 - a + a^2 / 2) X + (1 - a / 2) dW.
        """
        value, a = float(self.dim), self.rate / num_steps
        for _ in range(num_steps):
            noise = (1 - a / 2) ** 2 * self.dim / num_steps
            value = (1 - a + a**2 / 2) ** 2 * value + noise
        return value

    def exact_solution(self, t, x):
        decay = tf.exp(-2 * self.rate * (self.terminal_time - t))
        square = tf.reduce_sum(x * x, axis=-1, keepdims=True)
        return decay * square + self.dim * (1 - decay) / (2 * self.rate)


def test_divided_grids():
    grid = [0.0, 1.0, 4.0, 4.0]
    np.testing.assert_array_equal(divided(grid, 1), grid)
    np.testing.assert_array_equal(divided(grid, 2), [0.0, 0.5, 1.0, 2.5, 4.0, 4.0, 4.0])


@pytest.mark.parametrize("rate", [1.0, 25.0])
def test_as_many_as_leave_a_small_error(rate):
    equation, grid = Stiff(rate=rate), np.linspace(0.0, 1.0, 17)
    number = needed_substeps(equation, grid)

    def left(number):
        """What extrapolation changes, (f - m) / 3, relative to the mean."""
        fine, middle = (equation.square(n * number) for n in (16, 8))
        return abs(fine - middle) / 3 / fine

    # 5e-4 is small; the noise of the paths is as large.
    if number < NUMBERS[-1]:
        assert left(number) < 1.5e-3
    assert (number > 2) == (rate == 25.0)
    if number > 1:
        assert left(number // 2) > 2.5e-4


def test_steps_of_unknown_order_stay_those_of_the_grid():
    equation = Stiff(rate=1.0)
    equation.scheme = "euler"
    model = bsde.GlobalModel(equation, num_steps=4, control="shared")
    assert Estimator(model, most_paths=64).substeps == 1


def test_estimate_has_the_law_of_the_smaller_steps():
    equation = Stiff()
    control = bsde.ExactControl(equation, dtype="float64")
    model = bsde.GlobalModel(
        equation, num_steps=8, control=control, u0=0.1, z0=[0.0, 0.0], dtype="float64"
    )
    estimator = Estimator(model, chunk_size=2000)
    number = estimator.substeps
    assert number > 2
    estimate = estimator(40_000)
    means = [equation.square(number * n) for n in (16, 8, 4)]
    weights = extrapolation(estimator.grid, np.array(means)[:, None] + [0.0, 1e-9]).weights
    assert abs(estimate.u0 - weights @ means) < 4 * estimate.standard_error
    exact = equation.reference().value
    assert estimate.interval[0] < exact < estimate.interval[1]
    # The grid's own steps are unstable on its coarser grids.
    assert estimate.time_grid < 0.02 * exact
    assert equation.square(8) > 100 * exact


def test_steps_that_are_exact_need_no_others():
    for equation in (bsde.HJB(2), bsde.BlackScholesBarenblatt(2)):
        model = bsde.GlobalModel(equation, num_steps=4, control="shared")
        assert Estimator(model, most_paths=64).substeps == 1
