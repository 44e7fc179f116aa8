"""Extrapolation from three grids: weights from exact sums, orders of known errors."""

import math

import keras
import numpy as np
import pytest

from kerasmodels import bsde
from kerasmodels.bsde.estimate.estimator import Estimator
from kerasmodels.bsde.estimate.extrapolation import composes, extrapolation
from tests.helpers import Hand

UNIFORM = np.linspace(0.0, 2.0, 17)
# Exact but for rounding.
CLOSE = {"rel": 1e-12, "abs": 1e-12}
CLOSE_ARRAY = {"rtol": 1e-12, "atol": 1e-12}


def values(errors, noise=0.0, limit=5.0):
    """Four paths with these errors of a limit, and differences of mean zero."""
    pattern = np.array([1.0, -1.0, 1.0, -1.0])
    errors = limit + np.array(errors)[:, None]
    return errors + noise * np.array([0.0, 1.0, 3.0])[:, None] * pattern


def test_error_of_second_order_is_left_to_the_two_finest_grids():
    found = extrapolation(UNIFORM, values([1.0, 4.0, 16.0]))
    np.testing.assert_allclose(found.weights, [4 / 3, -1 / 3, 0.0], **CLOSE_ARRAY)
    assert found.order == 2.0
    assert found.weights @ [6.0, 9.0, 21.0] == pytest.approx(5.0, **CLOSE)
    # What the extrapolation changed.
    assert found.uncertainty == pytest.approx(1.0, **CLOSE)


def test_first_and_second_order_are_both_taken_out():
    # a = 1, b = 0.25.
    found = extrapolation(UNIFORM, values([1.25, 3.0, 8.0]))
    np.testing.assert_allclose(found.weights, [8 / 3, -2.0, 1 / 3], **CLOSE_ARRAY)
    assert found.order == 1.0
    # 2 f - m would leave -2 b.
    assert found.uncertainty == pytest.approx(0.5, **CLOSE)


def test_first_order_counts_only_where_it_is_above_the_noise():
    # (4 f - 5 m + c) / 3 has mean 2 / 3 and, by the pattern, deviation 2 noise / 3, so its
    # standard error is a third of the noise.
    for noise, order in ((0.6, 1.0), (0.7, 2.0)):
        found = extrapolation(UNIFORM, values([-1.0, -2.0, -4.0], noise))
        assert found.order == order


def test_first_order_is_taken_out_where_it_is_known():
    found = extrapolation(UNIFORM, values([-1.0, -2.0, -4.0], 1.1), first_order=True)
    np.testing.assert_allclose(found.weights, [8 / 3, -2.0, 1 / 3], **CLOSE_ARRAY)
    # It is not seen.
    assert found.order == 2.0


@keras.saving.register_keras_serializable(package="tests")
class Reverting(Hand):
    """dX = -X dt + dW, by Euler-Maruyama or exactly in law."""

    scheme, exact = "euler", False

    def drift(self, t, x):
        return -x

    def step(self, t, dt, x, dw):
        if not self.exact:
            return super().step(t, dt, x, dw)
        return x * np.exp(-dt) + dw * np.sqrt((1 - np.exp(-2 * dt)) / (2 * dt))


class Turning(Hand):
    """dX = t X dW."""

    def diffusion_prod(self, t, x, dw):
        return t * x * dw


@keras.saving.register_keras_serializable(package="tests")
class OfCoefficients(Hand):
    """dX = -X dt + dW, by whatever scheme is the default."""

    def drift(self, t, x):
        return -x


class Constant(Hand):
    """dX = 3 dt + 2 dW."""

    def drift(self, t, x):
        return 3.0 + 0 * x

    def diffusion_prod(self, t, x, dw):
        return 2.0 * dw


def test_exact_steps_compose_and_others_do_not():
    for equation in (Hand(2), Constant(3), bsde.DefaultRisk(2), bsde.AllenCahn(2)):
        assert composes(equation), equation
    exact = Reverting()
    exact.exact = True
    # Exact in law, but not the same function of the noise.
    for equation in (Reverting(), exact, Turning()):
        assert not composes(equation), equation


@pytest.mark.parametrize("declared, taken", [(None, True), (1, True), (2, False)])
def test_an_order_that_is_declared_is_believed(declared, taken):
    equation = Reverting()
    equation.weak_order = declared
    model = bsde.GlobalModel(equation, num_steps=4, u0=1.0, z0=[0.0], control="shared")
    assert Estimator(model, most_paths=64)._first_order is taken
    exact = bsde.GlobalModel(Hand(), num_steps=4, u0=1.0, z0=[0.0], control="shared")
    assert Estimator(exact, most_paths=64)._first_order is False


def test_heun_by_default_is_of_second_order():
    equation = Reverting()
    equation.scheme = None
    # A step of its own, which calls that of the scheme, is of unknown order.
    assert equation.known_weak_order() is None
    for order, kind in ((2, OfCoefficients), (None, Turning)):
        equation = kind()
        assert equation.known_weak_order() == order
        assert bsde.Discounted(equation, 0.1).known_weak_order() == order


@pytest.mark.parametrize("order", [0.3, 0.5, 0.9])
def test_lower_orders_are_measured_and_their_limit_is_inside(order):
    errors = [h**order for h in (1.0, 2.0, 4.0)]
    found = extrapolation(UNIFORM, values(errors))
    assert found.order == pytest.approx(order, **CLOSE)
    value = found.weights @ (5.0 + np.array(errors))
    assert abs(value - 5.0) == pytest.approx(found.uncertainty, **CLOSE)


def test_noise_of_the_ratio_widens_the_uncertainty():
    # Errors of first order, and a standard error of 1 / 2 in the coarsest mean alone: the
    # ratio of 2 may be 3 / 2, where the limit is 4 + 1 / (3 / 2 - 1). All grids share the
    # rest of the noise.
    noisy = np.array([4 * [4.0], 4 * [3.0], [2.0, 0.0, 2.0, 0.0]]) + [1.0, 1.0, -1.0, -1.0]
    found = extrapolation(UNIFORM, noisy)
    assert found.weights @ [4.0, 3.0, 1.0] == pytest.approx(5.0, **CLOSE)
    assert found.uncertainty == pytest.approx(1.0, **CLOSE)
    assert found.order == 1.0


def test_differences_that_do_not_shrink_get_the_lowest_ratio():
    # 1 and -2: nothing converges. The limit is taken as f + (f - m) / 0.2.
    found = extrapolation(UNIFORM, values([0.0, -1.0, 1.0]))
    value = found.weights @ [5.0, 4.0, 6.0]
    assert found.uncertainty == pytest.approx(abs(5.0 + 5.0 - value), **CLOSE)
    assert found.order == pytest.approx(math.log2(1.2), **CLOSE)


def test_a_coarsest_grid_that_is_not_stable_is_left_out():
    # Its deviation is more than four times that of the middle grid.
    wild = np.array([[6.0, 6.0], [6.9, 7.1], [4.0, -700.0]])
    found = extrapolation(UNIFORM, wild)
    # (2 f - m + (4 f - m) / 3) / 2.
    np.testing.assert_allclose(found.weights, [5 / 3, -2 / 3, 0.0], **CLOSE_ARRAY)
    assert found.uncertainty == pytest.approx(1.0, **CLOSE)
    # The limit by first order is 5, by second 17 / 3.
    value = found.weights @ [6.0, 7.0, 0.0]
    assert value - found.uncertainty < 5.0 < 17 / 3 < value + found.uncertainty
    calm = np.array([[6.0, 6.0], [6.9, 7.1], [7.7, 8.3]])
    assert extrapolation(UNIFORM, calm).weights[2] != 0.0


def test_equal_means_are_exact():
    found = extrapolation(UNIFORM, values([0.0, 0.0, 0.0]))
    assert found.order == 2.0
    assert found.uncertainty == pytest.approx(0.0, **CLOSE)


@pytest.mark.parametrize(
    "grid",
    [
        [0.0, 0.1, 0.3, 0.6, 1.0, 1.1, 1.7, 1.9, 2.0],
        # Filled up by steps of length zero.
        [0.0, 0.1, 0.5, 1.0, 1.0],
        [0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.0, 1.0, 1.0],
    ],
)
def test_weights_fit_the_lengths_of_the_steps(grid):
    grid = np.array(grid)
    sums = np.array([[sum(np.diff(grid[::k]) ** p) for k in (1, 2, 4)] for p in (2, 3)])
    found = extrapolation(grid, values(sums[0] + 3 * sums[1]))
    assert found.order == 1.0
    assert found.weights @ (5.0 + sums[0] + 3 * sums[1]) == pytest.approx(5.0, **CLOSE)
    found = extrapolation(grid, values(sums[1]))
    assert found.order == 2.0
    assert found.weights @ (5.0 + sums[1]) == pytest.approx(5.0, **CLOSE)


def test_two_steps_show_one_order_and_one_step_none():
    # The middle and the coarsest grid are one.
    found = extrapolation(np.array([0.0, 0.5, 1.0, 1.0, 1.0]), values([1.0, 2.0, 2.0]))
    assert found.weights @ [6.0, 7.0, 7.0] == pytest.approx(5.0, **CLOSE)
    found = extrapolation(np.array([0.0, 1.0, 1.0, 1.0, 1.0]), values([1.0] * 3))
    np.testing.assert_array_equal(found.weights, [1.0, 0.0, 0.0])
    assert found.uncertainty == math.inf
