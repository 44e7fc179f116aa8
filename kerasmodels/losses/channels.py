"""The axis of the classes: check that it is the last one, and advice where it is axis 1."""

from keras import ops

from kerasmodels._support import checks
from kerasmodels._support.guard import guard

# Half precision rounds probabilities, and with them their sum, by less than this.
_TOLERANCE = 1e-2


def require_last(owner, argument, value, kind):
    """Returns `value`, or stops if its classes are on axis 1 instead of the last axis.

    One-hot labels and probabilities sum to one along the axis of their classes, and along
    an axis of the image by chance alone. Overlapping regions and sigmoids sum to one along
    neither axis and pass, as does NaN.

    Args:
        owner, argument: str. Function and argument that the error names.
        value: float Tensor `[batch, axes ..., classes]`.
        kind: str. "probabilities" or "one-hot labels", for the error.

    Raises:
        ValueError: the classes are on axis 1; in a graph and under XLA as in `guard`.
    """
    if 0 in tuple(value.shape):
        # An empty tensor has no maximum; `voxels.prepare` refuses its shape.
        return value
    # Values that are equal along axis 1, as an untrained network's, have no classes there.
    varies = ops.any(ops.max(value, axis=1) - ops.min(value, axis=1) > _TOLERANCE)
    text = checks.message(
        owner,
        argument,
        "channels last, of shape (batch, spatial axes ..., classes)",
        f"channels first: {kind} sum to one along axis 1 and not along the last axis",
        advice(argument),
    )
    first = varies & _sums_to_one(value, 1) & ~_sums_to_one(value, -1)
    return guard(value, first, text)


def _sums_to_one(value, axis):
    return ops.all(ops.abs(ops.sum(value, axis=axis) - 1) < _TOLERANCE)


def advice_on_shapes(true_shape, shape):
    """The advice for shapes that fit once axis 1 is moved to the end, or ""."""
    moved_true = _moved(true_shape) if len(true_shape) == len(shape) else true_shape
    for arguments, true, predicted in (
        (("y_pred",), true_shape, _moved(shape)),
        (("y_true",), moved_true, shape),
        (("y_true", "y_pred"), moved_true, _moved(shape)),
    ):
        allowed = (predicted[:-1], (*predicted[:-1], 1), predicted)
        if any(checks.same_shape(true, other) for other in allowed):
            return advice(*arguments)
    return ""


def _moved(shape):
    return (shape[0], *shape[2:], shape[1])


def advice(*arguments):
    """The code that moves the classes of these arguments to the last axis."""
    moves = " and ".join(f"`keras.ops.moveaxis({name}, 1, -1)`" for name in arguments)
    return f"Classes are channels last here: pass {moves}."
