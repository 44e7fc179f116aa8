"""Losses with their derivatives.

Each is a `keras.losses.Loss` with one value per sample; `reduction` selects their mean or
their sum over the batch.
"""

import keras
import numpy as np
from keras import ops

from kerasmodels._support import checks


def _positive(p):
    """p, with zeros replaced by the smallest normal number, so that 0 log 0 is 0."""
    return ops.maximum(p, float(np.finfo(keras.backend.standardize_dtype(p.dtype)).tiny))


def _logits(y_pred, activation):
    """The input of the activation, if this activation made y_pred, else None."""
    made_by, logits = getattr(y_pred, "_hand_logits", (None, None))
    return logits if made_by == activation else None


class HandLoss(keras.losses.Loss):
    """A loss with a method for its derivative.

    `call(y_true, y_pred)` is `[batch]`; `derivative(y_true, y_pred)` is the derivative of
    each sample's value by its outputs, `[batch, outputs]`. Where the last activation is one
    of `fused`, `fused_derivative` is the derivative by its input, in which both cancel.

    Raises:
        ValueError: `reduction` is none of "sum", "mean" and "sum_over_batch_size" (which is
            the mean, too).
    """

    fused = ()

    def __init__(self, reduction="sum_over_batch_size", **kwargs):
        known = ("sum", "mean", "sum_over_batch_size")
        checks.one_of(type(self).__name__, "reduction", reduction, known)
        super().__init__(reduction=reduction, **kwargs)

    def derivative(self, y_true, y_pred):
        raise NotImplementedError

    def fused_derivative(self, y_true, y_pred):
        raise NotImplementedError


def loss_of_shares(shares):
    """The smallest `BinaryCrossEntropy` of outputs that are the same for every input.

    That of the class shares s themselves: -sum_k s_k log s_k + (1 - s_k) log(1 - s_k).
    """
    shares = checks.finite_array("loss_of_shares", "shares", shares)
    if np.any((shares <= 0) | (shares >= 1)):
        raise checks.ArgumentError(
            checks.message(
                "loss_of_shares", "shares", "between 0 and 1", checks.describe(shares)
            )
        )
    return float(-np.sum(shares * np.log(shares) + (1 - shares) * np.log1p(-shares)))


@keras.saving.register_keras_serializable(package="kerasmodels")
class SquaredError(HandLoss):
    """L = sum_k (a_k - y_k)^2, or half of it (the quadratic cost).

        dL/da = 2 (a - y),    with `half`: a - y

    Keras's "mse" is the mean over the K outputs, 1 / K of it.

    Args:
        half: bool.
        **kwargs: as in `keras.losses.Loss`; `reduction` is "sum" or
            "sum_over_batch_size", the mean.
    """

    def __init__(self, half=False, name="squared_error", **kwargs):
        super().__init__(name=name, **kwargs)
        self.half = checks.boolean("SquaredError", "half", half)

    def call(self, y_true, y_pred):
        total = ops.sum(ops.square(y_pred - y_true), axis=-1)
        return total / 2 if self.half else total

    def derivative(self, y_true, y_pred):
        difference = y_pred - y_true
        return difference if self.half else 2 * difference

    def get_config(self):
        return {**super().get_config(), "half": self.half}


@keras.saving.register_keras_serializable(package="kerasmodels")
class CrossEntropy(HandLoss):
    """L = -sum_k y_k log a_k, for the classes of a softmax.

    dL/da = -y / a,    behind a softmax dL/dz = a sum(y) - y
    """

    fused = ("softmax", "unshifted_softmax")

    def __init__(self, name="cross_entropy", **kwargs):
        super().__init__(name=name, **kwargs)

    def call(self, y_true, y_pred):
        logits = _logits(y_pred, "softmax")
        log = ops.log(_positive(y_pred)) if logits is None else ops.log_softmax(logits)
        return -ops.sum(y_true * log, axis=-1)

    def derivative(self, y_true, y_pred):
        return -y_true / _positive(y_pred)

    def fused_derivative(self, y_true, y_pred):
        return y_pred * ops.sum(y_true, axis=-1, keepdims=True) - y_true


@keras.saving.register_keras_serializable(package="kerasmodels")
class BinaryCrossEntropy(HandLoss):
    """L = -sum_k y_k log a_k + (1 - y_k) log(1 - a_k), one yes or no per output.

    dL/da = (a - y) / (a (1 - a)),    behind a sigmoid dL/dz = a - y
    """

    fused = ("sigmoid",)

    def __init__(self, name="binary_cross_entropy", **kwargs):
        super().__init__(name=name, **kwargs)

    def call(self, y_true, y_pred):
        logits = _logits(y_pred, "sigmoid")
        if logits is None:
            each = y_true * ops.log(_positive(y_pred))
            each += (1 - y_true) * ops.log(_positive(1 - y_pred))
            return -ops.sum(each, axis=-1)
        return ops.sum(ops.softplus(logits) - y_true * logits, axis=-1)

    def derivative(self, y_true, y_pred):
        return (y_pred - y_true) / _positive(y_pred * (1 - y_pred))

    def fused_derivative(self, y_true, y_pred):
        return y_pred - y_true
