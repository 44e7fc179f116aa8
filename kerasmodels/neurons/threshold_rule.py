"""The best cut of the best feature, a baseline for every neuron."""

import keras
import numpy as np
from keras import ops

from kerasmodels._support import checks
from kerasmodels._support.batches import CheckedBatches
from kerasmodels._support.guard import guard
from kerasmodels._support.saving import SavedAsKeras
from kerasmodels.neurons.cuts import count_cuts
from kerasmodels.neurons.units import (
    above,
    check_input,
    check_target,
    error_share,
    report_loss,
    require_built,
)


@keras.saving.register_keras_serializable(package="kerasmodels")
class ThresholdRule(CheckedBatches, SavedAsKeras, keras.Model):
    """The best rule that predicts class 1 on one side of a threshold on one feature.

        y = 1 where direction * (x[feature] - threshold) > 0, else 0

    `fit` tries every threshold of every feature in both directions and keeps the one with
    the fewest errors on the batch. The default `batch_size` is therefore the whole set, and
    one epoch is enough. No optimizer is used; sample weights and class weights are. The
    compiled loss is only reported; without one the share of errors is.

    Call arguments:
        x: Tensor `[batch, features]`, or `[batch]` for one feature.

    Output shape:
        `[batch, 1]`, zeros and ones.

    Reference: Iba and Langley (1992), https://doi.org/10.1016/B978-1-55860-247-2.50035-8.

    Raises:
        ValueError: x has another rank or number of features, is empty or not finite, or
            labels are not 0 and 1.
    """

    def __init__(self, **kwargs):
        # Half precision would make different values equal.
        super().__init__(autocast=False, **kwargs)

    def check_x(self, x):
        check_input(self, x.shape, self.direction.shape[0] if self.built else None)
        if isinstance(x, np.ndarray):
            checks.finite_array(type(self).__name__, "x", x)

    def check_y(self, y, x):
        check_target(self, y)

    def build(self, x_shape):
        check_input(self, x_shape)
        features = x_shape[1] if len(x_shape) == 2 else 1

        def first(shape, dtype):
            return ops.one_hot(0, features, dtype=dtype)

        # A one-hot vector for the feature, times the sign of the direction.
        self.direction = self.add_weight(
            shape=(features,),
            initializer=first,
            name="direction",
            trainable=False,
            autocast=False,
        )
        self.threshold = self.add_weight(
            shape=(),
            initializer="zeros",
            name="threshold",
            trainable=False,
            autocast=False,
        )

    def call(self, x):
        x = self._columns(x)
        signed = ops.sum(self.direction * x, axis=-1, keepdims=True)
        sign = ops.sum(self.direction)
        return above(signed, sign * self.threshold)

    def _columns(self, x):
        """x as `[batch, features]`, in the type of the threshold."""
        check_input(self, x.shape, self.direction.shape[0])
        x = ops.cast(x, self.variable_dtype)
        return x[:, None] if len(x.shape) == 1 else x

    def fit(self, x=None, y=None, batch_size=None, *args, **kwargs):
        if batch_size is None and len(getattr(x, "shape", ())):
            batch_size = len(x)
        return super().fit(x, y, batch_size, *args, **kwargs)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        compute_loss = super().compute_loss
        return error_share(self, compute_loss, x, y, y_pred, sample_weight, training)

    def train_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        if not self.built:
            self(x)
        scores = self._columns(x)
        scores = guard(
            scores,
            ops.any(~ops.isfinite(scores)),
            checks.message(type(self).__name__, "x", "finite", "NaN or infinite values"),
        )
        # A count in float32 stops at 2^24.
        positive = ops.cast(check_target(self, y), "float64")
        weight = ops.ones_like(positive)
        if sample_weight is not None:
            weight = ops.reshape(ops.cast(sample_weight, "float64"), (-1, 1))
        cuts, hits, alarms, possible = count_cuts(scores, positive, weight)
        rising = hits + ops.sum(weight * (1 - positive)) - alarms
        falling = ops.sum(weight) - rising
        right = ops.where(possible, ops.stack([rising, falling]), -1.0)
        place = ops.argmax(ops.reshape(right, (-1,)))
        features = scores.shape[1]
        sign = ops.where(place < ops.size(cuts), 1.0, -1.0)
        direction = ops.one_hot(ops.mod(place, features), features, dtype=scores.dtype)
        self.threshold.assign(ops.take(ops.reshape(ops.stack([cuts, cuts]), (-1,)), place))
        self.direction.assign(ops.cast(sign, scores.dtype) * direction)
        y_pred = self(x)
        report_loss(self, self.compute_loss(x, y, y_pred, sample_weight))
        return self.compute_metrics(x, y, y_pred, sample_weight)

    @property
    def boundary(self):
        """The boundary between the predicted classes, as for the other units.

        For one feature it is the threshold, a float; for several the hyperplane
        normal . x = offset, a pair of arrays `[features, 1]` and `[1]`, with class 1 where
        normal . x is larger.

        Raises:
            ValueError: the model is not built yet.
        """
        require_built(self)
        threshold = float(ops.convert_to_numpy(self.threshold))
        direction = ops.convert_to_numpy(self.direction)
        if len(direction) == 1:
            return threshold
        return direction[:, None], np.array([direction.sum() * threshold])
