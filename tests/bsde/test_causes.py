"""The cause of a divergence is the one that is measured, with its number."""

import re

import keras
import numpy as np
import pytest
from keras import ops

from kerasmodels import bsde
from kerasmodels.bsde.methods.deep_bsde import causes
from kerasmodels.bsde.methods.deep_bsde.causes import cause_of_divergence
from tests.helpers import Hand


@keras.saving.register_keras_serializable(package="tests")
class Power(Hand):
    """f = b |z|^4 + c u^2."""

    def driver(self, t, x, u, z):
        fourth = ops.sum(z * z, axis=-1, keepdims=True) ** 2
        return self.b * fourth + self.c * ops.square(u)


def cause(equation, num_steps=20, u0=1.0):
    dim = equation.dim
    model = bsde.GlobalModel(
        equation,
        num_steps=num_steps,
        u0=u0,
        z0=np.ones(dim),
        terminal_skip=True,
        dtype="float64",
    )
    return cause_of_divergence(model)


def test_states_that_leave_the_finite_numbers_come_first(monkeypatch):
    def sample_paths(equation, batch_size, *options, grid):
        x = np.ones((batch_size, 21, 1))
        x[3, 7:] = np.inf
        return x, np.zeros((batch_size, 20, 1))

    monkeypatch.setattr(causes, "sample_paths", sample_paths)
    assert "X are no longer finite at t = 0.35, on 20 time steps" in cause(Hand(a=-1e3))


@pytest.mark.parametrize("rate", [50.0, 400.0])
def test_a_stiff_driver_is_named_with_its_slope_and_growth(rate):
    # f = -rate u: u grows by 1 + rate / 20 in each step, so by e^10 within n of them.
    steps = int(np.floor(10 / np.log1p(rate / 20))) + 1
    growth = steps * np.log1p(rate / 20)
    found = cause(Hand(a=-rate))
    assert found.startswith(f"The driver is stiff: up to t = {steps / 20:.4g} ")
    told = f"grows by e^{growth:.0f} on every path, as df/du is about {-rate:.3g}. Solve"
    assert told in found
    assert f"Discounted(equation, rate={rate:.3g})" in found


@keras.saving.register_keras_serializable(package="tests")
class Killed(Hand):
    """f = -400 u where x < 0, and nothing elsewhere."""

    def driver(self, t, x, u, z):
        return -400 * u * ops.cast(x < 0, u.dtype)


def test_a_driver_that_is_stiff_in_a_part_of_the_space_is_named():
    # From 0.5 some paths are below 0 at the end of a step of 1/20 before others.
    found = cause(Killed())
    assert "The driver is stiff: " in found
    share = int(re.search(r"on (\d+)% of the paths", found)[1])
    assert 0 < share < 60


def test_powers_of_u_and_z_are_told_apart():
    # Ten times u: 100 times u^2. Ten times z: 10,000 times |z|^4.
    assert "in u: 10 times u make it 100 times" in cause(Power(c=1.0))
    assert "in z: 10 times z make it 1e+04 times" in cause(Power(b=1.0))


def test_nothing_is_found_where_nothing_grows():
    assert cause(Hand(a=-1.0, b=1.0, c=1.0)) is None
    assert cause(bsde.Heat(3)) is None
