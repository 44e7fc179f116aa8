"""Dice of the predicted segmentation, as a mean over classes or per class."""

import keras
from keras import ops

from kerasmodels._support import checks, memory
from kerasmodels.losses import channels, voxels
from kerasmodels.losses.omitted import omitted_class


@keras.saving.register_keras_serializable(package="kerasmodels")
class MeanDice(keras.metrics.Metric):
    """Dice coefficient of the predicted labels, averaged over the foreground classes.

        dice_l = 2 |truth_l and predicted_l| / (|truth_l| + |predicted_l|)

    with predicted labels by argmax and voxels counted over all batches since the last
    reset. A class that is neither in the truth nor in the prediction is left out of the
    mean. For a model that only predicts background the mean is 0, where its pixel accuracy
    is the background's share.

    Reference: Dice (1945), https://doi.org/10.2307/1932409.

    Args:
        num_classes: int, background included.
        background: int, bool or None. The class that is left out of the mean; False is
            class 0, and with True or None every class counts.
        per_class: bool. Report `dice_0`, `dice_1`, ... beside `mean_dice`.
        ignore_class: None or int. Voxels with this label do not count.
        name, dtype: as in `keras.metrics.Metric`.

    Raises:
        ValueError: an option is out of range; labels and predictions as in
            `generalized_dice`.
    """

    def __init__(
        self,
        num_classes,
        background=0,
        per_class=False,
        ignore_class=None,
        name="mean_dice",
        dtype=None,
    ):
        super().__init__(name=name, dtype=dtype)
        owner = "MeanDice"
        # `EarlyStopping` and `ModelCheckpoint` use this in mode "auto".
        self._direction = "up"
        self.num_classes = checks.positive_int(owner, "num_classes", num_classes, 2)
        memory.fits(
            owner,
            "num_classes",
            3 * self.num_classes,
            "float64",
            f"the counts of {self.num_classes} classes",
            "Take fewer classes.",
        )
        self._omitted = omitted_class(owner, background, self.num_classes)
        if ignore_class is not None:
            checks.integer(owner, "ignore_class", ignore_class)
        self.background = background
        self.per_class = checks.boolean(owner, "per_class", per_class)
        self.ignore_class = ignore_class
        # float32 counts stop growing at 2^24 voxels, one volume of 256^3.
        self.overlap, self.true, self.found = (
            self.add_variable((self.num_classes,), "zeros", dtype="float64", name=name)
            for name in ("overlap", "true", "found")
        )

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = voxels.as_numbers("MeanDice", "y_pred", y_pred)
        if tuple(y_pred.shape)[-1:] != (self.num_classes,):
            raise checks.ArgumentError(
                checks.message(
                    "MeanDice",
                    "y_pred",
                    f"of shape (batch, spatial axes ..., {self.num_classes}), channels "
                    "last, as many as `num_classes`",
                    f"shape {tuple(y_pred.shape)}",
                )
            )
        y_pred = voxels.as_floats(y_pred)
        y_pred = channels.require_last("MeanDice", "y_pred", y_pred, "probabilities")
        # Logits and probabilities have the same argmax. The argmax of NaN would be class 0,
        # so NaN is kept as NaN.
        predicted = ops.one_hot(ops.argmax(y_pred, axis=-1), self.num_classes)
        broken = ops.any(ops.isnan(y_pred), axis=-1, keepdims=True)
        predicted = ops.where(broken, float("nan"), predicted)
        arrays = voxels.prepare(
            "MeanDice", y_true, predicted, False, self.ignore_class, sample_weight
        )
        overlap, true, found, _ = voxels.sums(*arrays, per_image=False)
        for total, part in (
            (self.overlap, overlap),
            (self.true, true),
            (self.found, found),
        ):
            total.assign_add(ops.cast(part, total.dtype))

    def result(self):
        size = self.true + self.found
        seen = size > 0
        dice = ops.where(seen, 2 * self.overlap / ops.where(seen, size, 1.0), 0.0)
        wanted = ops.cast(seen, dice.dtype)
        if self._omitted is not None:
            wanted = wanted * ops.cast(
                ops.arange(self.num_classes) != self._omitted, dice.dtype
            )
        mean = ops.sum(wanted * dice) / ops.maximum(ops.sum(wanted), 1.0)
        mean = ops.where(ops.any(ops.isnan(size)), float("nan"), mean)
        mean, dice = ops.cast(mean, self.dtype), ops.cast(dice, self.dtype)
        if not self.per_class:
            return mean
        return {self.name: mean, **{f"dice_{k}": dice[k] for k in range(self.num_classes)}}

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "background": self.background,
            "per_class": self.per_class,
            "ignore_class": self.ignore_class,
        }
