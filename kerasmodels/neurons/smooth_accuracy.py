"""Accuracy as a loss: the share of errors, smoothed by a temperature."""

import keras
from keras import ops

from kerasmodels._support import checks
from kerasmodels._support.guard import guard


@keras.saving.register_keras_serializable(package="kerasmodels")
def smooth_accuracy(y_true, y_pred, temperature=1.0, from_logits=False):
    """The smoothed share of errors of a binary classifier.

        loss = 1 / (1 + exp(margin / temperature)),    margin = (2 y - 1) * logit

    The loss of a point is 1/2 on the boundary, near 0 where the class is right and near 1
    where it is wrong. It is bounded, so a far outlier counts as one error at most. As the
    temperature goes to 0 the loss becomes the share of errors, and its gradient vanishes
    everywhere but at the boundary, so start with a high temperature and lower it
    (`AnnealTemperature`). The loss is not convex: the end of training depends on the start.

    Reference: Mason, Baxter, Bartlett, Frean (1999), "Boosting algorithms as gradient
    descent" (the sigmoid cost); Nguyen, Sanner (2013),
    https://proceedings.mlr.press/v28/nguyen13a.html.

    Args:
        y_true: Tensor `[batch, ...]` of 0 and 1.
        y_pred: Tensor of the same shape, or with one more axis of length 1:
            probabilities, or logits with `from_logits`.
        temperature: float > 0, or a scalar tensor, in the unit of the logit.
        from_logits: bool.

    Returns:
        Tensor: the mean over the last axis.

    Raises:
        ValueError: `temperature` is not positive, the shapes differ, a label or a
            probability lies outside 0 to 1 (in a graph an InvalidArgumentError, under XLA
            the loss is NaN).
    """
    owner = "smooth_accuracy"
    if not ops.is_tensor(temperature):
        checks.finite_float(owner, "temperature", temperature, above=0.0)
    checks.boolean(owner, "from_logits", from_logits)
    y_true = checks.tensor(owner, "y_true", y_true)
    y_pred = checks.tensor(owner, "y_pred", y_pred)
    # Half precision has no number between 1 - 1e-7 and 1.
    if keras.backend.standardize_dtype(y_pred.dtype) != "float64":
        y_pred = ops.cast(y_pred, "float32")
    y_true = ops.cast(y_true, y_pred.dtype)
    if len(y_true.shape) == len(y_pred.shape) - 1 and y_pred.shape[-1] == 1:
        y_true = y_true[..., None]
    shapes = tuple(y_true.shape), tuple(y_pred.shape)
    if not checks.same_shape(*shapes):
        raise checks.ArgumentError(
            checks.message(
                owner,
                "y_true",
                f"of the shape of y_pred, {shapes[1]}",
                f"shape {shapes[0]}",
            )
        )
    y_true = guard(
        y_true,
        ~ops.all((y_true >= 0) & (y_true <= 1)),
        checks.message(owner, "y_true", "labels 0 and 1", "values outside"),
    )
    if not from_logits:
        y_pred = guard(
            y_pred,
            ops.any((y_pred < 0) | (y_pred > 1)),
            checks.message(
                owner,
                "y_pred",
                "probabilities between 0 and 1",
                "values outside",
                "If these are logits, pass from_logits=True.",
            ),
        )
        # Keras's crossentropies clip here too, because 0 and 1 have no finite logit.
        p = ops.clip(y_pred, keras.config.epsilon(), 1 - keras.config.epsilon())
        y_pred = ops.log(p) - ops.log1p(-p)
    margin = (2 * y_true - 1) * y_pred
    temperature = ops.cast(temperature, y_pred.dtype)
    return ops.mean(ops.sigmoid(-margin / temperature), axis=-1)


@keras.saving.register_keras_serializable(package="kerasmodels")
class SmoothAccuracy(keras.losses.Loss):
    """Mean over the batch of `smooth_accuracy`, which has the formula.

    Args:
        temperature: float > 0, in the unit of the logit. `AnnealTemperature` changes it
            during `fit`.
        from_logits: bool. Predictions are logits, not probabilities.
        reduction, name, dtype: as in `keras.losses.Loss`.

    Raises:
        ValueError: `temperature` is not positive.
    """

    def __init__(
        self,
        temperature=1.0,
        from_logits=False,
        reduction="sum_over_batch_size",
        name="smooth_accuracy",
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        owner = "SmoothAccuracy"
        temperature = checks.finite_float(owner, "temperature", temperature, above=0.0)
        # A variable, because a compiled graph would keep the value of a float.
        self._temperature = keras.Variable(
            temperature, trainable=False, dtype="float32", name="temperature"
        )
        self.from_logits = checks.boolean(owner, "from_logits", from_logits)

    @property
    def temperature(self):
        """The present temperature, a float."""
        return float(ops.convert_to_numpy(self._temperature))

    @temperature.setter
    def temperature(self, value):
        owner = "SmoothAccuracy"
        self._temperature.assign(
            checks.finite_float(owner, "temperature", value, above=0.0)
        )

    def call(self, y_true, y_pred):
        return smooth_accuracy(y_true, y_pred, self._temperature.value, self.from_logits)

    def get_config(self):
        return {
            **super().get_config(),
            "temperature": self.temperature,
            "from_logits": self.from_logits,
        }


class AnnealTemperature(keras.callbacks.Callback):
    """Lowers the temperature of a `SmoothAccuracy` loss during `fit`, geometrically.

        temperature = start * (end / start)^progress

    Progress runs from 0 to 1 over the epochs of the `fit`. With `steps` it runs over that
    many steps of the optimizer, in any number of epochs and calls of `fit`, as for
    `descend`.

    Args:
        start: float > 0. Temperature of the first epoch or step.
        end: float > 0. Temperature of the last one.
        steps: None or int.

    Raises:
        ValueError: an argument is not positive, the model's loss is not a single
            `SmoothAccuracy`, or there is only one epoch and no `steps`.
    """

    def __init__(self, start=1.0, end=0.1, steps=None):
        super().__init__()
        owner = "AnnealTemperature"
        self.start = checks.finite_float(owner, "start", start, above=0.0)
        self.end = checks.finite_float(owner, "end", end, above=0.0)
        if steps is not None:
            checks.positive_int(owner, "steps", steps)
        self.steps = steps

    def on_train_begin(self, logs=None):
        self._loss = self.model.loss
        if isinstance(self._loss, (list, tuple)) and len(self._loss) == 1:
            self._loss = self._loss[0]
        checks.instance("AnnealTemperature", "loss", self._loss, SmoothAccuracy)
        if self.steps is None and self.params["epochs"] < 2:
            raise checks.ArgumentError(
                checks.message(
                    "AnnealTemperature",
                    "steps",
                    "given where `fit` has a single epoch, over which nothing can cool",
                    "steps=None",
                )
            )

    def on_epoch_begin(self, epoch, logs=None):
        if self.steps is None:
            self._set(epoch / (self.params["epochs"] - 1))

    def on_train_batch_begin(self, batch, logs=None):
        if self.steps is not None:
            done = int(ops.convert_to_numpy(self.model.optimizer.iterations))
            self._set(min(done / max(self.steps - 1, 1), 1.0))

    def _set(self, progress):
        self._loss.temperature = self.start * (self.end / self.start) ** progress
