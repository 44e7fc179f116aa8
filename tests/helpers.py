"""Equations and layers that several tests share."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasmodels import bsde


@keras.saving.register_keras_serializable(package="tests")
class Hand(bsde.Equation):
    """dX = dW, driver a u + b z . x + c t, g(x) = sum x^2: small enough for paper."""

    def __init__(self, dim=1, terminal_time=1.0, x0=0.5, a=0.0, b=0.0, c=0.0):
        super().__init__(dim, terminal_time, x0)
        self.a, self.b, self.c = a, b, c

    def diffusion_prod(self, t, x, dw):
        return dw

    def driver(self, t, x, u, z):
        zx = ops.sum(z * x, axis=-1, keepdims=True)
        return self.a * u + self.b * zx + self.c * t

    def terminal(self, x):
        return ops.sum(ops.square(x), axis=-1, keepdims=True)


@keras.saving.register_keras_serializable(package="tests")
class Twice(keras.layers.Layer):
    """z(x) = 2 x, as a network of one time step."""

    def call(self, x, training=False):
        return 2 * x


@keras.saving.register_keras_serializable(package="tests")
class Amount(keras.layers.Layer):
    """z = a x + b t of a user, built by its first call."""

    def build(self, t_shape, x_shape):
        self.amounts = self.add_weight(shape=(2,), initializer="ones", name="amounts")

    def call(self, t, x):
        return self.amounts[0] * x + self.amounts[1] * t


def paths(model, batch_size=8, seed=0):
    """Inputs for a `GlobalModel`: the tuple (x, dw, t)."""
    x, dw = bsde.sample_paths(
        model.equation, batch_size, seed, model.variable_dtype, grid=model.grid
    )
    return x, dw, bsde.tile_times(model.grid, batch_size, model.variable_dtype)


def rms(values):
    return float(np.sqrt(np.mean(np.square(np.asarray(values)))))


def refusals(cases):
    """A test: each call raises a ValueError in the house form that has these words.

    Args:
        cases: list of (function without arguments, str).
    """

    @pytest.mark.parametrize("call, words", cases, ids=[words for _, words in cases])
    def test(call, words):
        with pytest.raises(ValueError) as error:
            call()
        assert words in str(error.value)
        assert "Received: " in str(error.value)

    return test
