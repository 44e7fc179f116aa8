"""The gradients that a `train_step` makes, found from its updates; and early updates.

An optimizer gets the gradients themselves. A weight that the step assigns changes by minus
the learning rate times its gradient. The rate is given, measured or fitted, in this order.
"""

import dataclasses

import numpy as np

from kerasmodels.by_hand.references import EPS
from kerasmodels.by_hand.updates import run_step


@dataclasses.dataclass
class HandGradients:
    """The result of `hand_gradients`.

    Attributes:
        gradients: list: an array for each trainable weight, or None where none arrived.
        rounding: list of floats: the rounding error of each gradient from an assignment.
        fitted_rate: None, or the learning rate that was fitted to the tape.
        failure: None or str.
        count: int: the number of updates in the step.
        types: set of str: the float types of the gradients that optimizers were given.
    """

    gradients: list
    rounding: list
    fitted_rate: float | None = None
    failure: str | None = None
    count: int = 0
    types: frozenset = frozenset()


def hand_gradients(model, data, by_tape, learning_rate=None, tolerance=1e-6, moving=None):
    """The gradients of one `train_step`, as `HandGradients`.

    Args:
        model: `keras.Model`, compiled, built, and set aside.
        data: tuple, as Keras hands it to a `train_step`.
        by_tape: list of arrays, the right gradients, to which a learning rate is fitted.
        learning_rate: None, or that of the weights that the step itself assigns.
        tolerance: float. Relative error from which two gradients are different.
        moving: None for all, or the numbers of the weights that an update moves.
    """
    moving = range(len(by_tape)) if moving is None else moving
    step = run_step(model, data, moving)
    changes, rate, fitted = step.changes, learning_rate, None
    if changes and rate is None and _follows_the_rate(model, data, tolerance):
        changes, rate = run_step(model, data, moving, rate=1.0).changes, 1.0
    elif changes and rate is None:
        rate = fitted = _fitted_rate(changes, by_tape, tolerance)
    gradients, rounding = [], []
    for number, weight in enumerate(model.trainable_variables):
        gradient, left = step.gradients.get(number), 0.0
        if number in changes:
            by_change = -changes[number] / rate
            apart = gradient is not None and gradient.shape != by_change.shape
            gradient = by_change if gradient is None or apart else gradient + by_change
            size = float(np.max(np.abs(weight.numpy()), initial=0.0))
            # The weight is rounded before and after its update, and twice in between.
            left = 4 * EPS[weight.dtype] * size / rate
        gradients.append(gradient)
        rounding.append(left)
    types = frozenset(step.types)
    return HandGradients(gradients, rounding, fitted, step.failure, step.count, types)


def _follows_the_rate(model, data, tolerance):
    """Whether twice the rate of the optimizer or the model moves weights twice as far."""
    once, twice = (run_step(model, data, rate=rate).changes for rate in (1.0, 2.0))
    return once.keys() == twice.keys() and all(
        np.max(np.abs(2 * once[k] - twice[k])) <= tolerance * np.max(np.abs(twice[k]))
        for k in once
    )


def _fitted_rate(changes, by_tape, tolerance):
    """The rate with which most weights agree; of several the one nearest the output.

    A mistake is carried from the output towards the input, so if any weights are right it
    is the last ones. If no change is parallel to its gradient no rate is right.
    """
    found = []
    for number, change in sorted(changes.items()):
        right = by_tape[number]
        size = np.linalg.norm(right)
        if change.shape == right.shape and size > 0 and np.any(change):
            rate = np.sum(change * right) / size**2
            apart = np.max(np.abs(change - rate * right))
            parallel = apart <= tolerance * np.max(np.abs(change))
            found.append((abs(rate), parallel, np.linalg.norm(change) / size))
    agree = [
        sum(p and abs(r - rate) <= tolerance * rate for r, p, _ in found) if parallel else 0
        for rate, parallel, _ in found
    ]
    if not found:
        return 1.0
    if not any(agree):
        return float(found[-1][2])
    last = max(k for k, count in enumerate(agree) if count == max(agree))
    return float(found[last][0])


def early_updates(model, data, by_tape, moved, learning_rate, tolerance):
    """The weights that are updated before a gradient is taken through them.

    Returns:
        A dict from the number of such a weight to those of the weights whose gradient
        changes when it moves. Empty where no gradient changes.
    """

    def gradients(moving):
        rate = learning_rate if moved.fitted_rate is None else moved.fitted_rate
        return hand_gradients(model, data, by_tape, rate, tolerance, moving).gradients

    still = gradients(())
    if not _different(still, moved.gradients, tolerance):
        return {}
    every = range(len(by_tape))
    found = {k: _different(still, gradients((k,)), tolerance) for k in every}
    return {k: others for k, others in found.items() if others}


def _different(ones, others, tolerance):
    """The numbers of the weights whose gradients differ between two lists."""
    found = []
    for number, (one, other) in enumerate(zip(ones, others)):
        if one is None or other is None or one.shape != other.shape:
            differs = (one is None) != (other is None)
        else:
            # The opposite comparison would let NaN pass.
            close = np.abs(one - other) <= tolerance * np.max(np.abs(one), initial=1e-300)
            differs = not np.all(close | (np.isnan(one) & np.isnan(other)))
        if differs:
            found.append(number)
    return found
