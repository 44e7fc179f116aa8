"""Labels and predictions of a segmentation: checks, and conversion to one shape."""

import keras
from keras import ops

from kerasmodels._support import checks
from kerasmodels._support.guard import guard
from kerasmodels.losses import channels


def as_numbers(owner, argument, value):
    """Returns labels, predictions or weights as a tensor; a bool mask becomes 0 and 1.

    Raises:
        ValueError: `value` makes no tensor of numbers.
    """
    value = checks.tensor(owner, argument, value)
    if keras.backend.standardize_dtype(value.dtype) == "bool":
        return ops.cast(value, "int32")
    return value


def as_floats(value):
    """A float64 tensor as it is, any other in float32: half precision cannot sum."""
    double = keras.backend.standardize_dtype(value.dtype) == "float64"
    return ops.cast(value, "float64" if double else "float32")


def prepare(owner, y_true, y_pred, from_logits, ignore_class, sample_weight):
    """Returns one-hot truth, probabilities and weights with one axis for all voxels.

    Sums of many small terms need more than half precision, so everything is at least
    float32 from here on.

    Returns:
        Tensors `[batch, voxels, classes]`, `[batch, voxels, classes]`,
        `[batch, voxels, 1]`.

    Raises:
        ValueError: see `generalized_dice`.
    """
    y_pred = as_numbers(owner, "y_pred", y_pred)
    y_true = as_numbers(owner, "y_true", y_true)
    shape, true_shape = tuple(y_pred.shape), tuple(y_true.shape)
    if len(shape) < 3 or shape[-1] is None or shape[-1] < 2 or 0 in shape:
        advice = ""
        if len(shape) > 1 and shape[-1] == 1:
            advice = "For one probability p, stack the two classes 1 - p and p."
        raise checks.ArgumentError(
            checks.message(
                owner,
                "y_pred",
                "of shape (batch, spatial axes ..., classes), channels last, with at least "
                "one image, one voxel and two classes",
                f"shape {shape}",
                advice,
            )
        )
    classes = shape[-1]
    sparse = len(true_shape) == len(shape) - 1
    if len(true_shape) == len(shape) and true_shape[-1] == 1:
        y_true, sparse = y_true[..., 0], True
    wanted = shape[:-1] if sparse else shape
    if not checks.same_shape(y_true.shape, wanted):
        raise checks.ArgumentError(
            checks.message(
                owner,
                "y_true",
                f"integer labels of shape {shape[:-1]} or {(*shape[:-1], 1)}, or one-hot "
                f"of shape {shape}, channels last",
                f"shape {true_shape}",
                channels.advice_on_shapes(true_shape, shape),
            )
        )
    y_pred = as_floats(y_pred)
    dtype = keras.backend.standardize_dtype(y_pred.dtype)
    if not from_logits:
        y_pred = channels.require_last(owner, "y_pred", y_pred, "probabilities")
    batch = ops.shape(y_pred)[0]
    predicted = ops.reshape(y_pred, (batch, -1, classes))
    weight = ops.ones_like(predicted[..., :1])
    if sample_weight is not None:
        weight = weight * _voxel_weight(owner, sample_weight, shape, batch, dtype)
    if sparse:
        given = ops.reshape(y_true, (batch, -1))
        labels = ops.cast(given, "int32")
        truth = ops.one_hot(labels, classes, dtype=dtype)
        # Compared before the cast, which may cut off a fraction or wrap around.
        whole = ops.cast(labels, given.dtype) == given
        outside = (given < 0) | (given >= classes) | ~whole
        if ignore_class is not None:
            ignored = given == ops.cast(ignore_class, given.dtype)
            outside = outside & ~ignored
            weight = ops.where(ignored[..., None], ops.zeros_like(weight), weight)
        expected = f"integer labels in 0 ... {classes - 1}"
    else:
        y_true = channels.require_last(
            owner, "y_true", ops.cast(y_true, dtype), "one-hot labels"
        )
        truth = ops.reshape(y_true, (batch, -1, classes))
        # Not (truth < 0) | (truth > 1), because both are false for NaN.
        outside = ~((truth >= 0) & (truth <= 1))
        if ignore_class is not None:
            if not 0 <= ignore_class < classes:
                raise checks.ArgumentError(
                    checks.message(
                        owner,
                        "ignore_class",
                        f"one of the {classes} classes of the one-hot labels",
                        f"ignore_class={ignore_class}",
                    )
                )
            weight = weight * (1 - truth[..., ignore_class : ignore_class + 1])
        expected = "one-hot labels between 0 and 1"
    truth = guard(
        truth,
        ops.any(outside),
        checks.message(
            owner,
            "y_true",
            expected,
            "values outside",
            "A label that stands for 'no label' goes into `ignore_class`.",
        ),
    )
    if from_logits:
        off = ops.abs(ops.sum(predicted, axis=-1) - 1)
        predicted = guard(
            predicted,
            ops.all(predicted >= 0) & ops.all(off < 1e-4),
            checks.message(
                owner,
                "y_pred",
                "logits, with from_logits=True",
                "probabilities: none is negative and they sum to one everywhere",
                "Leave out from_logits, or the softmax in the model.",
            ),
        )
        return truth, ops.softmax(predicted, axis=-1), weight
    predicted = guard(
        predicted,
        # Half precision rounds a probability of one by up to a hundredth. NaN passes and
        # makes the loss NaN, because it does not come from a confusion with logits.
        ops.any((predicted < -0.01) | (predicted > 1.01)),
        checks.message(
            owner,
            "y_pred",
            "probabilities between 0 and 1",
            "values outside",
            "If these are logits, pass from_logits=True.",
        ),
    )
    return truth, predicted, weight


def _voxel_weight(owner, weight, shape, batch, dtype):
    """Weights as `[batch, 1 or voxels, 1]`, from one per image or one per voxel."""
    weight = ops.cast(as_numbers(owner, "sample_weight", weight), dtype)
    received = tuple(weight.shape)
    spatial = shape[:-1]
    per_image, per_voxel = spatial[:1], spatial
    allowed = (per_image, (*per_image, 1), per_voxel, (*per_voxel, 1))
    if not any(checks.same_shape(received, shape) for shape in allowed):
        raise checks.ArgumentError(
            checks.message(
                owner,
                "sample_weight",
                f"one weight per image, shape {spatial[:1]}, or per voxel, {spatial}",
                f"shape {received}",
            )
        )
    weight = ops.reshape(weight, (batch, -1, 1))
    return guard(
        weight,
        ~ops.all(weight >= 0),
        checks.message(owner, "sample_weight", "at least zero", "negative weights or NaN"),
    )


def sums(truth, predicted, weight, per_image=True):
    """Voxels of each class in the overlap, the truth and the prediction, and all voxels.

    Returns:
        Three tensors `[batch, classes]` and one `[batch, 1]`, without the batch axis if
        not `per_image`.
    """
    axes = 1 if per_image else (0, 1)
    truth = weight * truth
    return (
        ops.sum(truth * predicted, axis=axes),
        ops.sum(truth, axis=axes),
        ops.sum(weight * predicted, axis=axes),
        ops.sum(weight, axis=axes),
    )
