"""The recursion: its two rules by hand, its derivatives, and the order of its error."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from kerasmodels import bsde
from kerasmodels.bsde.recursion.forward import forward_recursion, recursion_step
from tests.helpers import Hand


def columns(*values):
    return [tf.constant([[v]], "float64") for v in values]


def test_trapezoid_by_hand():
    # f = .1 u + z x + t at (0, .5, z 1) with u 1.5: .65; dt .5, dW .2, z dW .2
    # u' = 1.5 - .325 + .2 = 1.375; f' at (.5, .7, z 1.4): .1375 + .98 + .5 = 1.6175
    # u  = 1.5 - (.65 + 1.6175) / 4 + .2 = 1.133125
    equation = Hand(a=0.1, b=1.0, c=1.0)
    start, end = columns(0.0, 0.5, 1.0), columns(0.5, 0.7, 1.4)
    dw, u, drift = columns(0.2, 1.5, 3.0)
    value = recursion_step(equation, "trapezoid", start, end, dw, u)
    assert float(value[0, 0]) == pytest.approx(1.133125, abs=1e-14)
    # With dW = dW^Q + b dt, the mean of z b dt over both ends: (1.4 - 1) 3 .5 / 2 more.
    value = recursion_step(equation, "trapezoid", start, end, dw, u, drift)
    assert float(value[0, 0]) == pytest.approx(1.133125 + 0.3, abs=1e-14)
    value = recursion_step(equation, "left", start, end, dw, u)
    assert float(value[0, 0]) == pytest.approx(1.375, abs=1e-14)


def looped(equation, t, x, dw, u0, z, rule):
    """The recursion as it reads, for the tape to follow."""
    u = [tf.zeros_like(t[:, 0]) + u0]
    for n in range(dw.shape[1]):
        start = t[:, n], x[:, n], z[:, n]
        end = t[:, n + 1], x[:, n + 1], z[:, n + 1]
        u.append(recursion_step(equation, rule, start, end, dw[:, n], u[-1]))
    return tf.stack(u, axis=1)


@pytest.mark.parametrize("rule", ["left", "trapezoid"])
def test_values_and_derivatives_are_those_of_the_loop(rule):
    equation = bsde.AllenCahn(3)
    grid = np.array([0.0, 0.05, 0.1, 0.2, 0.22, 0.3])
    x, dw = bsde.sample_paths(equation, 4, grid=grid, seed=0, dtype="float64")
    t = bsde.tile_times(grid, 4, "float64")
    rng = np.random.default_rng(0)
    z, weights = rng.normal(size=(4, 6, 3)), tf.constant(rng.normal(size=(4, 6, 1)))
    variables = [tf.constant(0.3, "float64"), tf.constant(z), tf.constant(dw)]
    found = []
    for recursion in (looped, forward_recursion):
        with tf.GradientTape() as tape:
            tape.watch(variables)
            u0, z, dw = variables
            u = recursion(equation, t, x, dw, u0, z, rule)
            # Every u_n counts, not the last alone.
            value = tf.reduce_sum(weights * u)
        found.append([u, *tape.gradient(value, variables)])
    for ours, expected in zip(found[1], found[0]):
        np.testing.assert_allclose(ours, expected, rtol=1e-11, atol=1e-13)
        assert np.max(np.abs(expected)) > 0.1


@keras.saving.register_keras_serializable(package="tests")
class RadialControl(keras.layers.Layer):
    """sqrt(2) grad u of the Allen-Cahn equation, from its radial solution."""

    num_times = None

    def __init__(self, equation, times):
        super().__init__(dtype="float64")
        self.solution = equation.radial_solution()
        self.times = times
        self.built = True

    def call(self, t, x, training=False):
        z = [
            self.solution(time, np.sum(np.square(x_n), axis=-1))[1][:, None] * x_n
            for time, x_n in zip(self.times, np.moveaxis(np.asarray(x), 1, 0))
        ]
        return ops.convert_to_tensor(2 * 2**0.5 * np.stack(z, axis=1))


def exact_bias(equation, num_steps, rule, num_paths):
    """E (g - u_N) with exact u0 and z, and its standard error."""
    grid = bsde.time_grid(equation.terminal_time, num_steps)
    if equation.has_exact_solution:
        control = bsde.ExactControl(equation, dtype="float64")
    else:
        control = RadialControl(equation, grid[1:-1])
    model = bsde.GlobalModel(
        equation,
        grid=grid,
        control=control,
        rule=rule,
        u0=equation.reference().value,
        z0=np.zeros(equation.dim),
        dtype="float64",
    )
    parts, size = [], 2_000
    t = bsde.tile_times(grid, size, "float64")
    # In parts, because the exact control takes gigabytes for all of them.
    for part in range(num_paths // size):
        x, dw = bsde.sample_paths(equation, size, (1, part), grid=grid, dtype="float64")
        parts.append(np.asarray(equation.terminal(x[:, -1]) - model((x, dw, t))))
    bias = np.concatenate(parts)
    return bias.mean(), bias.std() / len(bias) ** 0.5


@pytest.mark.parametrize(
    "equation, grids, num_paths",
    [
        (bsde.AllenCahn(100, terminal_time=1.0), (4, 8), 10_000),
        pytest.param(
            *(bsde.HJB(10, control_cost=20.0), (8, 16), 8_000), marks=pytest.mark.slow
        ),
    ],
    ids=["allen-cahn", "hjb"],
)
@pytest.mark.parametrize(
    "rule, falls",
    [pytest.param("left", 2.0, marks=pytest.mark.slow), ("trapezoid", 4.0)],
)
def test_bias_of_u0_falls_with_the_order(equation, grids, num_paths, rule, falls):
    (coarse, error), (fine, _) = (exact_bias(equation, n, rule, num_paths) for n in grids)
    # The finer bias has a standard error of about a sixth.
    assert abs(coarse) > 10 * error
    assert coarse / fine == pytest.approx(falls, rel=0.25)
