"""The best cut of the best feature: what every neuron has to beat."""

import keras
from keras import ops

from kerasmodels.neurons.cuts import count_cuts
from kerasmodels.neurons.units import check_input, report_loss, require_built


@keras.saving.register_keras_serializable(package="kerasmodels")
class ThresholdRule(keras.Model):
    """Class 1 on one side of a threshold on one feature: the best such rule there is.

        y = 1 where direction * (x[feature] - threshold) > 0, else 0

    `fit` tries every threshold of every feature in both directions and keeps the one with
    the fewest errors on the batch it is given; `fit` therefore makes the whole set one
    batch unless told otherwise. One epoch is enough. No optimizer is used.

    Call arguments:
        x: Tensor `[batch, features]`, or `[batch]` for one feature.

    Output shape:
        `[batch, 1]`, zeros and ones.

    Reference: Iba and Langley (1992), https://doi.org/10.1016/B978-1-55860-247-2.50035-8.

    Raises:
        ValueError: x has another rank or is empty.
    """

    def build(self, x_shape):
        check_input(self, x_shape)
        features = x_shape[1] if len(x_shape) == 2 else 1

        def first(shape, dtype):
            return ops.one_hot(0, features, dtype=dtype)

        # One-hot, with the sign of the direction.
        self.direction = self.add_weight(
            shape=(features,), initializer=first, name="direction", trainable=False
        )
        self.threshold = self.add_weight(
            shape=(), initializer="zeros", name="threshold", trainable=False
        )

    def call(self, x):
        check_input(self, x.shape)
        x = x[:, None] if len(x.shape) == 1 else x
        signed = ops.sum(self.direction * x, axis=-1, keepdims=True)
        sign = ops.sum(self.direction)
        return ops.cast(signed > sign * self.threshold, x.dtype)

    def fit(self, x=None, y=None, batch_size=None, **kwargs):
        if batch_size is None and hasattr(x, "shape"):
            batch_size = len(x)
        return super().fit(x, y, batch_size=batch_size, **kwargs)

    def train_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        if not self.built:
            self(x)
        scores = x[:, None] if len(x.shape) == 1 else x
        scores = ops.cast(scores, self.compute_dtype)
        positive = ops.cast(ops.reshape(y, (-1, 1)), scores.dtype)
        cuts, hits, alarms, possible = count_cuts(scores, positive)
        negatives = ops.sum(1 - positive)
        rising = hits + negatives - alarms
        falling = ops.cast(ops.shape(scores)[0], rising.dtype) - rising
        right = ops.where(possible, ops.stack([rising, falling]), -1.0)
        features = scores.shape[1]
        place = ops.argmax(ops.reshape(right, (-1,)))
        best_cut = ops.take(ops.reshape(ops.stack([cuts, cuts]), (-1,)), place)
        sign = ops.where(place < ops.size(cuts), 1.0, -1.0)
        feature = ops.mod(place, features)
        direction = ops.one_hot(feature, features, dtype=scores.dtype)
        self.threshold.assign(best_cut)
        self.direction.assign(ops.cast(sign, scores.dtype) * direction)
        y_pred = self(x)
        loss = self.compute_loss(x, y, y_pred, sample_weight)
        report_loss(self, loss)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    @property
    def boundary(self):
        """The threshold, a float; for several features the pair (direction, threshold)."""
        require_built(self)
        threshold = float(ops.convert_to_numpy(self.threshold))
        direction = ops.convert_to_numpy(self.direction)
        return threshold if len(direction) == 1 else (direction, threshold)
