"""The control process of a `GlobalModel` as a Keras layer, for export."""

import keras
import numpy as np
import tensorflow as tf

from kerasmodels._support import checks, registered
from kerasmodels.bsde.control import ControlProcess, TerminalSkip
from kerasmodels.bsde.deploy.functions import PointFunction, value_and_z
from kerasmodels.bsde.paths.grid import as_time_grid


@keras.saving.register_keras_serializable(package="kerasmodels")
class NetworkFunction(PointFunction):
    """z(t, x) of a control process, with the terminal gradient where the model adds it.

    A process that takes any time is called at t itself, before t_1 at t_1. One with a
    network per inner time gives that of the last inner time up to t.

    Args:
        equation: `Equation`.
        grid: list of floats. The N + 1 times.
        control: None or `ControlProcess`, built.
        terminal_skip: None or `TerminalSkip`.

    Raises:
        ValueError: an argument is not of the form above.
    """

    has_value = False

    def __init__(self, equation, grid, control, terminal_skip=None, **kwargs):
        super().__init__(equation, **kwargs)
        owner = "NetworkFunction"
        self.grid = as_time_grid(owner, self.equation, None, grid).tolist()
        kinds = {"control": ControlProcess, "terminal_skip": TerminalSkip}
        for name, part in (("control", control), ("terminal_skip", terminal_skip)):
            if isinstance(part, dict):
                part = registered.deserialize(owner, part)
            if part is not None:
                checks.instance(owner, name, part, kinds[name])
            setattr(self, name, part)
        self.built = True

    def z(self, t, x):
        g, gradient = value_and_z(
            self.equation, lambda _, x: self.equation.terminal(x), t, x
        )
        # An infinite slope at a single point counts as none.
        gradient = tf.where(tf.math.is_finite(gradient), gradient, tf.zeros_like(gradient))
        if self.control is None:
            return gradient
        grid = tf.constant(self.grid, t.dtype)
        inner = tf.maximum(t, grid[1])
        further = (g, gradient) if self.control.uses_terminal else ()
        z = self._at(self.control, inner, x, *further)
        if self.terminal_skip is not None:
            z = z + self._at(self.terminal_skip, inner, g, gradient)
        return tf.where(t > (1 - 1e-6) * grid[-1], gradient, z)

    def _at(self, layer, t, *inputs):
        """The layer at the time of each row, `[batch, noise_dim]`."""
        if layer.num_times is None:
            values = (value[:, None] for value in (t, *inputs))
            return tf.cast(layer(*values)[:, 0], t.dtype)
        # A layer with weights of its own at each time gives all of them together.
        repeat = tf.ones((1, layer.num_times, 1), t.dtype)
        every = layer(*(value[:, None] * repeat for value in (t, *inputs)))
        # A grid time that went through float32 must not fall into the step before it.
        starts = np.array(self.grid[1:-1]) - 1e-6 * self.grid[-1]
        ends = np.append(starts[1:], np.inf)
        here = (t >= tf.constant(starts[None], t.dtype)) & (
            t < tf.constant(ends[None], t.dtype)
        )
        chosen = tf.cast(here, t.dtype)[:, :, None]
        return tf.reduce_sum(tf.cast(every, t.dtype) * chosen, axis=1)

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "grid": self.grid,
            "control": None if self.control is None else serialize(self.control),
            "terminal_skip": self.terminal_skip and serialize(self.terminal_skip),
        }


def function_of(model):
    """The `NetworkFunction` of a `GlobalModel`, with copies of its networks."""
    parts = {
        "control": model.control,
        "terminal_skip": model.terminal_skip,
    }
    function = NetworkFunction(
        model.equation, model.grid, **{k: _copy(v) for k, v in parts.items()}
    )
    # The first call builds what has no weights before.
    function(tf.zeros((1, 1)), tf.constant(model.equation.x0[None], "float32"))
    for name, part in parts.items():
        if part is not None:
            getattr(function, name).set_weights(part.get_weights())
    return function


def _copy(layer):
    if layer is None:
        return None
    serialize = keras.saving.serialize_keras_object
    return registered.deserialize("Solution.policy", serialize(layer))
