"""u and z as Keras layers of (t, x), in which each row has a time of its own."""

import keras
import tensorflow as tf

from kerasmodels._support import checks, registered
from kerasmodels.bsde.equation import Equation
from kerasmodels.bsde.plain_gradients import gradient


class PointFunction(keras.layers.Layer):
    """What a method found, as a layer that other runtimes can run.

    A subclass gives `value`, or `z` where the method finds z alone, and stores what it
    needs as weights.

    Args:
        equation: `Equation`, of a class that is registered for Keras serialization.

    Call arguments:
        t: Tensor `[batch, 1]`.
        x: Tensor `[batch, dim]`.

    Returns:
        z, `[batch, noise_dim]`.
    """

    # Whether `value` gives u.
    has_value = True

    def __init__(self, equation, **kwargs):
        super().__init__(**{"autocast": False, **kwargs})
        owner = type(self).__name__
        if isinstance(equation, dict):
            equation = registered.deserialize(owner, equation)
        self.equation = checks.instance(owner, "equation", equation, Equation)

    def value(self, t, x):
        """u(t, x), `[batch, 1]`."""
        raise NotImplementedError(f"`{type(self).__name__}` gives z alone.")

    def z(self, t, x):
        """sigma^T grad u at (t, x), `[batch, noise_dim]`."""
        return value_and_z(self.equation, self.value, t, x)[1]

    def call(self, t, x):
        return self.z(t, x)

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {**super().get_config(), "equation": serialize(self.equation)}


def value_and_z(equation, function, t, x):
    """The pair (u, sigma^T grad u) of a function u(t, x).

    In a graph, by operations that ONNX and LiteRT have.
    """
    if tf.executing_eagerly():
        return equation.value_and_z(function, t, x)
    x = tf.identity(x)
    u = function(t, x)
    dw = tf.zeros_like(x[:, :1]) + tf.zeros((equation.noise_dim,), x.dtype)
    noise = equation.diffusion_prod(t, x, dw)
    return u, gradient(noise, dw, gradient(u, x))
