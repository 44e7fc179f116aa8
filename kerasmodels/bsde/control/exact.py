"""The control process of a known solution."""

import keras
from keras import ops

from kerasmodels._support import checks, registered
from kerasmodels.bsde.control.process import ControlProcess
from kerasmodels.bsde.equation import Equation


@keras.saving.register_keras_serializable(package="kerasmodels")
class ExactControl(ControlProcess):
    """The exact control sigma^T grad u of an equation with a known solution.

    Nothing is trained: the terminal mismatch is the error of the time grid alone.

    Args:
        equation: `Equation` with an `exact_solution`.

    Call arguments:
        t: Tensor `[batch, times, 1]`.
        x: Tensor `[batch, times, dim]`.

    Output shape:
        `[batch, times, noise_dim]`.

    Raises:
        ValueError: the equation has no exact solution.
    """

    def __init__(self, equation, **kwargs):
        super().__init__(**kwargs)
        self.equation = checks.instance("ExactControl", "equation", equation, Equation)
        if not equation.has_exact_solution:
            raise checks.ArgumentError(
                checks.message(
                    "ExactControl",
                    "equation",
                    "an equation with an `exact_solution`",
                    repr(equation),
                )
            )
        self.built = True

    def call(self, t, x, training=False):
        dim = self.equation.dim
        z = self.equation.exact_z(ops.reshape(t, (-1, 1)), ops.reshape(x, (-1, dim)))
        return ops.reshape(z, (*ops.shape(x)[:-1], self.equation.noise_dim))

    def get_config(self):
        return {
            **super().get_config(),
            "equation": keras.saving.serialize_keras_object(self.equation),
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        config["equation"] = registered.deserialize(
            "ExactControl.from_config", config["equation"]
        )
        return cls(**config)
