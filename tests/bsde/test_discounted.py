"""An equation without its growth: the same solution at time 0, and J without the factor."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasmodels import bsde
from tests.helpers import Hand

INNER = bsde.BlackScholesBarenblatt(2, rate=0.3)


def test_coefficients_are_those_of_the_discounted_solution():
    equation = bsde.Discounted(Hand(2, a=-7.0, b=0.5, c=2.0), rate=7.0)
    rng = np.random.default_rng(0)
    t, u = rng.uniform(0, 1, (4, 1)), rng.normal(size=(4, 1))
    x, z = rng.normal(size=(2, 4, 2))
    # f = -7 u + z . x / 2 + 2 t: the first term is what the discount takes out.
    expected = np.sum(z * x, axis=1, keepdims=True) / 2 + 2 * t * np.exp(-7 * t)
    found = equation.driver(*(tf.constant(v) for v in (t, x, u, z)))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    end = np.exp(-7.0) * np.sum(x**2, axis=1, keepdims=True)
    np.testing.assert_allclose(equation.terminal(tf.constant(x)), end, rtol=1e-12)


def test_solution_at_time_zero_and_its_pde_stay():
    equation = bsde.Discounted(INNER, 0.4)
    # The residual of the PDE of v, and its terminal condition.
    assert bsde.check_equation(equation)["largest_residual"] < 1e-9
    assert equation.reference() == INNER.reference()
    x = tf.constant(INNER.x0[None, :] + 0.1)
    t = tf.fill((1, 1), tf.constant(0.5, "float64"))
    later = np.exp(-0.2) * INNER.exact_solution(t, x)
    np.testing.assert_allclose(equation.exact_solution(t, x), later, rtol=1e-12)


def test_growth_of_a_stiff_driver_is_gone():
    # J is (1 + 50 / 10)^10 by the left rule, and exactly 1 without the growth.
    stiff = Hand(2, a=-50.0)
    for equation, expected in ((stiff, 6.0**10), (bsde.Discounted(stiff, 50.0), 1.0)):
        model = bsde.GlobalModel(
            equation,
            num_steps=10,
            u0=1.0,
            z0=[0.0, 0.0],
            rule="left",
            iterated_integrals=False,
            dtype="float64",
        )
        x, dw = bsde.sample_paths(equation, 4, 0, "float64", num_steps=10)
        t = bsde.tile_times(model.grid, 4, "float64")
        before = model((x, dw, t))
        model.set_u0(2.0)
        np.testing.assert_allclose(model((x, dw, t)) - before, expected, rtol=1e-9)


def test_noise_of_another_size_and_steps_are_those_of_the_equation():
    class Wide(Hand):
        noise_dim = 3

        def diffusion_prod(self, t, x, dw):
            return dw[:, :2] + dw[:, 2:]

        def step(self, t, dt, x, dw):
            return x + 9.0

    equation = bsde.Discounted(Wide(2), 1.0)
    assert equation.noise_dim == 3
    dw = tf.constant([[1.0, 2.0, 4.0]])
    x = tf.zeros((1, 2))
    np.testing.assert_array_equal(equation.diffusion_prod(None, x, dw), [[5.0, 6.0]])
    np.testing.assert_array_equal(equation.step(None, None, x, dw), [[9.0, 9.0]])


def test_file_brings_back_both(tmp_path):
    config = keras.saving.serialize_keras_object(bsde.Discounted(INNER, 0.4))
    again = keras.saving.deserialize_keras_object(config)
    assert again.rate == 0.4
    assert again.equation.get_config() == INNER.get_config()


@pytest.mark.parametrize("rate", [np.nan, "fast"])
def test_bad_rates_are_refused(rate):
    with pytest.raises(ValueError, match="`rate`"):
        bsde.Discounted(INNER, rate)
