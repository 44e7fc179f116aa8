"""Gradient descent with momentum and any start velocity."""

import keras

from kerasmodels._support import checks


@keras.saving.register_keras_serializable(package="kerasmodels")
class SGD(keras.optimizers.SGD):
    """Keras's SGD with a start velocity.

        v <- momentum v - learning_rate gradient,      w <- w + v

    Without a gradient a velocity v0 moves a weight by v0 (momentum + momentum^2 + ...) =
    v0 momentum / (1 - momentum) (`kick`). The default is zero, because a v0 of 1 for all
    weights shifts every weight the same way, by 9 at momentum 0.9.

    Args:
        learning_rate, momentum, **kwargs: as in `keras.optimizers.SGD`.
        velocity_initializer: as the initializers of `keras.layers.Dense`.

    Raises:
        ValueError: an argument is not of the form above.
    """

    def __init__(
        self, learning_rate=0.01, momentum=0.9, velocity_initializer="zeros", **kwargs
    ):
        owner = "SGD"
        # A schedule, its config from a file, or a function without arguments.
        made = isinstance(learning_rate, (dict, keras.Variable)) and learning_rate != {}
        if not (callable(learning_rate) or made):
            checks.finite_float(owner, "learning_rate", learning_rate, at_least=0.0)
        momentum = checks.finite_float(owner, "momentum", momentum, at_least=0.0)
        if momentum > 1:
            raise checks.ArgumentError(
                checks.message(owner, "momentum", "at most 1", f"momentum={momentum}")
            )
        initializer = checks.initializer(
            owner, "velocity_initializer", velocity_initializer
        )
        super().__init__(learning_rate=learning_rate, momentum=momentum, **kwargs)
        self.velocity_initializer = initializer

    def add_optimizer_variables(self, trainable_variables, name, initializer="zeros"):
        if name == "momentum":
            initializer = self.velocity_initializer
        return super().add_optimizer_variables(trainable_variables, name, initializer)

    def get_config(self):
        serialized = keras.initializers.serialize(self.velocity_initializer)
        return {**super().get_config(), "velocity_initializer": serialized}


def kick(momentum, velocity=1.0):
    """The distance that a start velocity moves a weight in the end, without any gradient.

        velocity momentum / (1 - momentum)

    With Nesterov's momentum it is momentum times this.

    Args:
        momentum: float in [0, 1).
        velocity: float.

    Returns:
        float.

    Raises:
        ValueError: momentum is not in [0, 1).
    """
    momentum = checks.finite_float("kick", "momentum", momentum, at_least=0.0)
    if momentum >= 1:
        raise checks.ArgumentError(
            checks.message("kick", "momentum", "below 1", f"momentum={momentum}")
        )
    velocity = checks.finite_float("kick", "velocity", velocity)
    return velocity * momentum / (1 - momentum)
