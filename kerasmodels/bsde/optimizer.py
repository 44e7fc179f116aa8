"""The optimizer of the package: one setting for every equation."""

import keras

from kerasmodels import _checks


def decaying_adam(learning_rate, steps):
    """Adam whose learning rate falls along a cosine to a hundredth of its start.

    The noise that Adam leaves in u0 is about its last learning rate, hence the decay.

    Args:
        learning_rate: float > 0. At the start.
        steps: int. Training steps over which it falls.

    Raises:
        ValueError: an argument is not of the form above.
    """
    learning_rate = _checks.finite_float(
        "decaying_adam", "learning_rate", learning_rate, above=0.0
    )
    steps = _checks.positive_int("decaying_adam", "steps", steps)
    return adam(keras.optimizers.schedules.CosineDecay(learning_rate, steps, alpha=0.01))


def adam(learning_rate):
    """Adam as the package uses it, for a rate or a schedule."""
    # Gradients scale with the square of the solution (1e-8 for a solution of 1e-2 is
    # usual), so the epsilon that guards against 0/0 must lie far below that.
    return keras.optimizers.Adam(learning_rate, epsilon=1e-12)
