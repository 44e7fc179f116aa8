"""A network with a backward pass of its own for training."""

import keras
import tensorflow as tf
from keras import ops

from kerasmodels._support import checks
from kerasmodels._support.batches import CheckedBatches
from kerasmodels._support.saving import SavedAsKeras
from kerasmodels.by_hand.dense import HandDense
from kerasmodels.by_hand.losses import HandLoss


@keras.saving.register_keras_serializable(package="kerasmodels")
class HandNetwork(CheckedBatches, SavedAsKeras, keras.Model):
    """Dense layers one after the other, whose `train_step` uses no automatic derivative.

    The step goes forward through `HandDense.forward`, takes the derivative of the loss by
    the output, and goes backward through `HandDense.backward`. Optimizer, metrics,
    callbacks, saving and export are Keras's.

    Args:
        layers: list of `HandDense`.

    Call arguments:
        x: Tensor `[batch, features]`.

    Output shape:
        `[batch, units of the last layer]`.

    Raises:
        ValueError: `layers` are not `HandDense`; the compiled loss is not a `HandLoss`; or
            x and y are not of the shapes above.
    """

    def __init__(self, layers, **kwargs):
        super().__init__(**kwargs)
        layers = list(layers) if isinstance(layers, (list, tuple)) else [layers]
        if not layers:
            raise checks.ArgumentError(
                checks.message(
                    "HandNetwork", "layers", "a list of at least one `HandDense`", "none"
                )
            )
        self.stack = [
            checks.instance("HandNetwork", "layers", layer, HandDense) for layer in layers
        ]
        if len(set(map(id, layers))) < len(layers):
            raise checks.ArgumentError(
                checks.message(
                    "HandNetwork", "layers", "different layers", "one of them twice"
                )
            )

    def check_x(self, x):
        self.stack[0].check_shape(x.shape)

    def check_y(self, y, x):
        self._check_target(y, (len(x), self.stack[-1].units))

    def build(self, x_shape):
        shape = x_shape
        for layer in self.stack:
            # Keras builds the layers first when it loads a model.
            if not layer.built:
                layer.build(shape)
            shape = layer.compute_output_shape(shape)

    def call(self, x):
        return self.forward(x)[0]

    def forward(self, x):
        """The pair (output, caches), for `backward`."""
        caches = []
        for layer in self.stack:
            x, cache = layer.forward(x)
            caches.append(cache)
        return x, caches

    def backward(self, caches, y, sample_weight=None):
        """The derivative of the compiled loss by each weight: a list, as `hand_weights`."""
        loss, last = self._hand_loss(), self.stack[-1]
        output = caches[-1][2]
        y = ops.cast(y, output.dtype)
        fused = last.activation in loss.fused and last.mistake is None
        by_output = loss.fused_derivative if fused else loss.derivative
        upstream = by_output(y, output) * self._share(output, sample_weight)
        found = []
        for layer, cache in zip(reversed(self.stack), reversed(caches)):
            try:
                first = layer is self.stack[0]
                upstream, gradients = layer.backward(cache, upstream, fused, first)
            except (ValueError, TypeError, tf.errors.OpError) as error:
                error.add_note(f"In the backward pass of {layer.kernel.path}.")
                raise
            fused = False
            found = gradients + found
        return found

    @property
    def hand_weights(self):
        """All weights, from the input to the output, the kernel before the bias."""
        pairs = [(layer.kernel, layer.bias) for layer in self.stack]
        return [weight for pair in pairs for weight in pair if weight is not None]

    def _share(self, output, sample_weight):
        """The weight of each sample's loss in the batch's, `[batch, 1]` or a number."""
        size = ops.cast(ops.shape(output)[0], output.dtype)
        share = 1.0 if self._hand_loss().reduction == "sum" else 1.0 / size
        if sample_weight is None:
            return share
        weight = ops.reshape(ops.cast(sample_weight, output.dtype), (-1, 1))
        return share * weight

    def check_batch(self, owner, x, y):
        """One batch as arrays in the model's type, or raises ValueError."""
        self._hand_loss(owner)
        x, y = (
            checks.finite_array(owner, name, value).astype(self.compute_dtype)
            for name, value in (("x", x), ("y", y))
        )
        features = self.stack[0].kernel.shape[0] if self.built else None
        rows = len(y) if y.ndim else 0
        for name, value, width in (("x", x, features), ("y", y, self.stack[-1].units)):
            if not value.size or not checks.same_shape(value.shape, (rows, width)):
                expected = f"of shape (batch, {width}), as many rows in x as in y"
                received = f"shapes {x.shape} and {y.shape}"
                raise checks.ArgumentError(checks.message(owner, name, expected, received))
        return x, y

    def _hand_loss(self, owner="HandNetwork.compile"):
        loss = getattr(self, "loss", None) if self.compiled else None
        if getattr(self._compile_loss, "_user_loss_weights", None) is not None:
            raise checks.ArgumentError(
                checks.message(owner, "loss_weights", "left out: there is one loss", "some")
            )
        return checks.instance(owner, "loss", loss, HandLoss)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        self._check_target(y, y_pred.shape)
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def _check_target(self, y, shape):
        # Labels (batch,) would broadcast against outputs (batch, 1) to (batch, batch).
        if y is None or not checks.same_shape(y.shape, shape):
            raise checks.ArgumentError(
                checks.message(
                    "HandNetwork",
                    "y",
                    f"of shape (batch, {self.stack[-1].units}), as the output",
                    "nothing" if y is None else f"shape {tuple(y.shape)}",
                    "`y[:, None]` makes a column, `to_categorical` unit vectors.",
                )
            )

    def train_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        y_pred, caches = self.forward(x)
        loss = self.compute_loss(x, y, y_pred, sample_weight)
        self._loss_tracker.update_state(loss, sample_weight=ops.shape(x)[0])
        found = zip(self.hand_weights, self.backward(caches, y, sample_weight))
        found = {id(weight): gradient for weight, gradient in found}
        weights = self.trainable_variables
        if weights:
            # An optimizer that scales the loss divides the gradients by the scale.
            scale = self.optimizer.scale_loss(ops.ones((), "float32"))
            self.optimizer.apply(
                [
                    ops.cast(found[id(w)], w.dtype) * ops.cast(scale, w.dtype)
                    for w in weights
                ],
                weights,
            )
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def get_config(self):
        layers = [keras.saving.serialize_keras_object(layer) for layer in self.stack]
        return {**super().get_config(), "layers": layers}

    @classmethod
    def from_config(cls, config):
        layers = [keras.saving.deserialize_keras_object(c) for c in config["layers"]]
        return cls(**{**config, "layers": layers})
