"""The optimizer of the package: one setting for every equation."""

import keras

from kerasmodels._support import checks


def decaying_adam(learning_rate, steps):
    """Adam whose learning rate falls along a cosine to a hundredth of its start.

    The noise that Adam leaves in u0 is about its last learning rate, hence the decay.

    Args:
        learning_rate: float > 0. At the start.
        steps: int. Training steps over which it falls.

    Raises:
        ValueError: an argument is not of the form above.
    """
    learning_rate = checks.finite_float(
        "decaying_adam", "learning_rate", learning_rate, above=0.0
    )
    steps = checks.positive_int("decaying_adam", "steps", steps)
    return adam(keras.optimizers.schedules.CosineDecay(learning_rate, steps, alpha=0.01))


def adam(learning_rate):
    """Adam as the package uses it, for a rate or a schedule."""
    # Gradients scale with the square of the solution (1e-8 for a solution of 1e-2 is
    # usual), so the epsilon that guards against 0/0 must lie far below that.
    return keras.optimizers.Adam(learning_rate, epsilon=1e-12)


def fresh(optimizer, learning_rate):
    """A new optimizer with the config of another, none of its state, and this rate.

    A schedule stays as it is.
    """
    new = type(optimizer).from_config(optimizer.get_config())
    if not has_schedule(new):
        new.learning_rate = learning_rate
    return new


def has_schedule(optimizer):
    """Whether the learning rate of an optimizer is a schedule."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    return isinstance(inner.get_config()["learning_rate"], dict)


def start_again(used, optimizer, learning_rate, weights):
    """Sets the optimizer of a compiled model to the state of `fresh(optimizer, ...)`.

    The model keeps its graphs, where another optimizer object would need new ones.
    """
    new = fresh(optimizer, learning_rate)
    new.build(weights)
    for variable, value in zip(used.variables, new.variables, strict=True):
        variable.assign(value)


def start_of(owner, optimizer, learning_rate):
    """The learning rate at which training starts, or ValueError.

    Args:
        owner: str.
        optimizer: None or Keras optimizer.
        learning_rate: None or float. None is that of the optimizer, or 1e-2.
    """
    if optimizer is not None:
        checks.instance(owner, "optimizer", optimizer, keras.optimizers.Optimizer)
        if learning_rate is not None and has_schedule(optimizer):
            raise checks.ArgumentError(
                checks.message(
                    owner,
                    "learning_rate",
                    "None beside an optimizer that has a schedule",
                    f"learning_rate={checks.describe(learning_rate)}",
                    "Give the optimizer a number instead, or leave learning_rate out.",
                )
            )
    if learning_rate is None:
        learning_rate = 1e-2 if optimizer is None else float(optimizer.learning_rate)
    return checks.finite_float(owner, "learning_rate", learning_rate, above=0.0)


def description(optimizer):
    """The part of an optimizer's config that a resumed run compares; None for none."""
    if optimizer is None:
        return None
    config = {**optimizer.get_config(), "name": None}
    if not has_schedule(optimizer):
        # A resumed run may take another rate.
        config["learning_rate"] = None
    return {"class": type(optimizer).__name__, **config}
