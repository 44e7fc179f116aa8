"""The generalized dice loss of Sudre et al., with a weight for classes that are absent."""

import math

import keras
import tensorflow as tf
from keras import ops

from kerasmodels._support import checks, memory
from kerasmodels.losses import voxels
from kerasmodels.losses.omitted import omitted_class

WEIGHTINGS = {"inverse_square": 2, "inverse": 1, "uniform": 0}
ABSENT = ("image", "largest", "drop")


@keras.saving.register_keras_serializable(package="kerasmodels")
def generalized_dice(
    y_true,
    y_pred,
    weighting="inverse_square",
    absent="image",
    per_image=True,
    from_logits=False,
    ignore_class=None,
    background=True,
    sample_weight=None,
):
    """One minus the ratio of class-weighted overlap to class-weighted size.

        loss = 1 - 2 sum_l w_l sum_n r_ln p_ln / sum_l w_l sum_n (r_ln + p_ln)
        w_l = 1 / (sum_n r_ln)^2            (inverse_square; inverse: power 1, uniform: 0)

    over classes l and voxels n, with one-hot truth r and probabilities p. The loss is 0 for
    a perfect prediction and 1 without any overlap. The sums over classes are taken *before*
    the ratio. In other libraries the same name is a weighted mean of 1 - dice over classes,
    in which a class of few voxels can outweigh the rest; `keras.losses.Dice` is one ratio
    without class weights, by default over the whole batch.

    For a class that is absent from the image the formula gives the weight 1 / 0. `absent`
    is its weight instead:

        "image"     all absent classes together have the weight of one that fills the image:
                    each has 1 / (number of voxels)^2 / (number of absent classes)
        "largest"   the weight of the rarest class in the image
        "drop"      0
        a number    that weight, in units of 1 / voxels^2 (for inverse_square)

    A small epsilon added to the count, as in many implementations, makes the weight of an
    absent class 1 / epsilon. The weights of the present classes are negligible beside that,
    and the loss stays at 1. A fixed number depends on the size of the image. "largest" does
    not, but its pressure against absent classes can drive training into "all background".
    "drop" has no pressure against predicting a class where it is absent. With "uniform"
    every class has weight 1, absent or not, unless `absent` is "drop" or a number.

    With `background=False` the sums over classes leave out class 0, so that the loss is
    that of the foreground alone. Foreground predicted on voxels of the background still
    counts, in the sizes. The loss of an image without any foreground is then 1 as soon as
    some is predicted, or 0 with "largest" and "drop".

    Reference: Sudre, Li, Vercauteren, Ourselin, Cardoso (2017),
    https://doi.org/10.1007/978-3-319-67558-9_28.

    Args:
        y_true: integer labels `[batch, spatial ...]` or `[batch, spatial ..., 1]`, or
            one-hot `[batch, spatial ..., classes]`. Any number of spatial axes from one.
        y_pred: Tensor `[batch, spatial ..., classes]`, probabilities, or logits with
            `from_logits`. Half-precision values are summed in float32. Classes are on the
            last axis of both, and may overlap (a sigmoid each).
        weighting: "inverse_square", "inverse" or "uniform".
        absent: "image", "largest", "drop" or a number of at least zero.
        per_image: bool. True: a ratio and weights per image. False: one for the batch.
        from_logits: bool. Apply a softmax over the last axis first.
        ignore_class: None or int. Voxels with this label are left out. With integer
            labels it may lie outside the classes (255, -1).
        background: bool, int or None. True and None keep every class, False leaves out
            class 0, a number leaves out that class, as in `MeanDice`.
        sample_weight: None or a weight per voxel `[batch, spatial ...]` or per image
            `[batch]`, by which the voxels are multiplied in every sum. A weight per image
            cancels in the image's ratio and only matters with `per_image=False`.

    Returns:
        Tensor `[batch]`, or a scalar with `per_image=False`. 0 where no voxel counts.

    Raises:
        ValueError: shapes do not fit, the batch is empty, a label lies outside the
            classes, `y_pred` has values that are no probabilities, or the classes are on
            axis 1: labels or probabilities sum to one there and not along the last axis.
            In a graph the last three are an InvalidArgumentError, under XLA the loss is
            NaN.
    """
    owner = "generalized_dice"
    _check_options(
        owner, weighting, absent, per_image, from_logits, ignore_class, background
    )
    return _loss(
        owner, y_true, y_pred, weighting, absent, per_image, from_logits, ignore_class,
        background, sample_weight,
    )  # fmt: skip


def generalized_dice_weights(
    y_true,
    num_classes,
    weighting="inverse_square",
    absent="image",
    per_image=True,
    background=True,
):
    """The class weights w_l that `generalized_dice` uses for these labels.

    Args:
        y_true: integer labels `[batch, spatial ...]`.
        num_classes: int.
        weighting, absent, per_image, background: as in `generalized_dice`. A class that
            is left out has weight 0.

    Returns:
        Tensor `[batch, num_classes]`, or `[num_classes]` with `per_image=False`.

    Raises:
        ValueError: a label lies outside the classes, or an option is unknown.
    """
    owner = "generalized_dice_weights"
    _check_options(owner, weighting, absent, per_image, False, None, background)
    num_classes = checks.positive_int(owner, "num_classes", num_classes, minimum=2)
    omitted = omitted_class(owner, background, num_classes)
    y_true = voxels.as_numbers(owner, "y_true", y_true)
    if len(y_true.shape) < 2 or 0 in tuple(y_true.shape):
        raise checks.ArgumentError(
            checks.message(
                owner,
                "y_true",
                "integer labels of shape (batch, spatial axes ...), not empty",
                f"shape {tuple(y_true.shape)}",
            )
        )
    memory.fits(
        owner,
        "num_classes",
        2 * math.prod(y_true.shape) * num_classes,
        "float32",
        f"a number per voxel and class of {num_classes}",
        "Take fewer classes.",
    )
    uniform = ops.ones((*ops.shape(y_true), num_classes)) / num_classes
    arrays = voxels.prepare(owner, y_true, uniform, False, None, None)
    _, true, _, total = voxels.sums(*arrays, per_image)
    return _weights(true, total, weighting, absent, omitted)


def _check_options(
    owner, weighting, absent, per_image, from_logits, ignore_class, background
):
    checks.one_of(owner, "weighting", weighting, tuple(WEIGHTINGS))
    if isinstance(absent, str):
        checks.one_of(owner, "absent", absent, ABSENT, " or a number of at least 0")
    else:
        checks.finite_float(owner, "absent", absent, at_least=0.0)
    checks.boolean(owner, "per_image", per_image)
    checks.boolean(owner, "from_logits", from_logits)
    if ignore_class is not None:
        checks.integer(owner, "ignore_class", ignore_class)
    omitted_class(owner, background)


def _weights(count, total, weighting, absent, omitted):
    """Class weights from voxels per class `[..., classes]` and voxels in all `[..., 1]`.

    `omitted` is None or the class with weight 0, which counts as neither absent nor
    present.
    """
    power = WEIGHTINGS[weighting]
    kept = ops.arange(count.shape[-1]) != (-1 if omitted is None else omitted)
    present = (count > 0) & kept
    weight = ops.where(present, ops.where(present, count, 1.0) ** -power, 0.0)
    if absent == "image":
        # Without any voxel the weight has no effect, and must not be 1 / 0.
        other = ops.where(total > 0, total, 1.0) ** -power
        if power:
            absentees = ops.cast(kept & ~present, other.dtype)
            missing = ops.sum(absentees, axis=-1, keepdims=True)
            other = other / ops.maximum(missing, 1.0)
    elif absent == "largest":
        other = ops.max(weight, axis=-1, keepdims=True)
    else:
        other = 0.0 if absent == "drop" else float(absent)
    other = ops.where(kept, ops.cast(other, weight.dtype), 0.0)
    return ops.where(present, weight, other)


def _loss(
    owner, y_true, y_pred, weighting, absent, per_image, from_logits, ignore_class,
    background, sample_weight,
):  # fmt: skip
    arrays = voxels.prepare(owner, y_true, y_pred, from_logits, ignore_class, sample_weight)
    overlap, true, found, total = voxels.sums(*arrays, per_image)
    omitted = omitted_class(owner, background, overlap.shape[-1])
    weight = _weights(true, total, weighting, absent, omitted)
    size = ops.sum(weight * (true + found), axis=-1)
    empty = ops.equal(size, 0)
    # overlap <= size / 2, but rounding could make the loss negative.
    ratio = 2 * ops.sum(weight * overlap, axis=-1) / ops.where(empty, 1.0, size)
    return ops.where(empty, 0.0, ops.maximum(1 - ratio, 0.0))


@keras.saving.register_keras_serializable(package="kerasmodels")
class GeneralizedDice(keras.losses.Loss):
    """Mean over the batch of `generalized_dice`, which has the formula and the reference.

    Args:
        weighting: "inverse_square", "inverse" or "uniform".
        absent: "image", "largest", "drop" or a number: the weight of a class that an
            image does not contain.
        per_image: bool. A ratio per image, or one for the whole batch.
        from_logits: bool. Predictions are logits, not probabilities.
        ignore_class: None or int. Voxels with this label are left out.
        background: bool, int or None. False leaves class 0 out of the loss, a number that
            class; True and None leave out none.
        reduction, name, dtype: as in `keras.losses.Loss`.

    `sample_weight` may be one weight per image, `[batch]` or `[batch, 1]`, applied to the
    image's loss as Keras does (to its voxels with `per_image=False`), or one per voxel,
    which counts within its image: the same weight on all voxels of an image cancels. A
    Keras mask on the predictions leaves voxels out.

    Raises:
        ValueError: an option is unknown; otherwise as in `generalized_dice`.
    """

    def __init__(
        self,
        weighting="inverse_square",
        absent="image",
        per_image=True,
        from_logits=False,
        ignore_class=None,
        background=True,
        reduction="sum_over_batch_size",
        name="generalized_dice",
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        _check_options(
            "GeneralizedDice", weighting, absent, per_image, from_logits, ignore_class,
            background,
        )  # fmt: skip
        self.weighting = weighting
        self.absent = absent
        self.per_image = per_image
        self.from_logits = from_logits
        self.ignore_class = ignore_class
        self.background = background

    def __call__(self, y_true, y_pred, sample_weight=None):
        # Keras applies weights and masks after the ratio, too late for single voxels.
        voxel_weight = getattr(y_pred, "_keras_mask", None)
        if voxel_weight is not None:
            y_pred = tf.identity(y_pred)  # without the mask
            voxel_weight = ops.cast(voxel_weight, "float32")
        owner = "GeneralizedDice"
        y_true = voxels.as_numbers(owner, "y_true", y_true)
        y_pred = voxels.as_numbers(owner, "y_pred", y_pred)
        if sample_weight is not None:
            weight = voxels.as_numbers(owner, "sample_weight", sample_weight)
            if len(weight.shape) == 2 and weight.shape[1] == 1:
                weight = weight[:, 0]
            if len(weight.shape) < 1 or not checks.same_shape(
                weight.shape[:1], y_pred.shape[:1]
            ):
                raise checks.ArgumentError(
                    checks.message(
                        owner,
                        "sample_weight",
                        "one weight per image or per voxel",
                        f"shape {tuple(weight.shape)} for {tuple(y_pred.shape)}",
                    )
                )
            sample_weight = weight
            if len(weight.shape) > 1 or not self.per_image:
                sample_weight = None
                if voxel_weight is not None:
                    ones = (1,) * (len(voxel_weight.shape) - len(weight.shape))
                    weight = ops.reshape(weight, (*ops.shape(weight), *ones))
                    weight = ops.cast(weight, "float32") * voxel_weight
                voxel_weight = weight
        if voxel_weight is not None:
            y_true = (y_true, voxel_weight)
        return super().__call__(y_true, y_pred, sample_weight)

    def call(self, y_true, y_pred):
        y_true, weight = y_true if isinstance(y_true, tuple) else (y_true, None)
        return _loss(
            "GeneralizedDice", y_true, y_pred, self.weighting, self.absent,
            self.per_image, self.from_logits, self.ignore_class, self.background, weight,
        )  # fmt: skip

    def get_config(self):
        return {
            **super().get_config(),
            "weighting": self.weighting,
            "absent": self.absent,
            "per_image": self.per_image,
            "from_logits": self.from_logits,
            "ignore_class": self.ignore_class,
            "background": self.background,
        }
