"""Activation functions, each with its derivative."""

from typing import Any, NamedTuple

import keras
from keras import ops


class Activation(NamedTuple):
    """a = forward(z), and dL/dz = backward(z, a, dL/da), `[batch, units]` each."""

    forward: Any
    backward: Any


def _softmax_backward(z, a, upstream):
    # dL/dz_j = a_j (dL/da_j - sum_k a_k dL/da_k): every output moves every input.
    return a * (upstream - ops.sum(a * upstream, axis=-1, keepdims=True))


def _unshifted_softmax(z):
    powers = ops.exp(z)
    return powers / ops.sum(powers, axis=-1, keepdims=True)


ACTIVATIONS = {
    "identity": Activation(lambda z: z, lambda z, a, upstream: upstream),
    "relu": Activation(
        ops.relu, lambda z, a, upstream: ops.where(z > 0, upstream, 0 * upstream)
    ),
    "sigmoid": Activation(
        keras.activations.sigmoid, lambda z, a, upstream: upstream * a * (1 - a)
    ),
    "tanh": Activation(ops.tanh, lambda z, a, upstream: upstream * (1 - a * a)),
    "softmax": Activation(keras.activations.softmax, _softmax_backward),
    # Without a shift: infinity / infinity from z = 89 on in float32, 710 in float64.
    "unshifted_softmax": Activation(_unshifted_softmax, _softmax_backward),
}
