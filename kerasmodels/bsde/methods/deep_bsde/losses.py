"""Losses of the terminal mismatch u_N - g(x_N).

The mean squared mismatch is `keras.losses.MeanSquaredError`, `loss="mse"`.
"""

import keras
from keras import ops

from kerasmodels._support import checks


@keras.saving.register_keras_serializable(package="kerasmodels")
def clipped_squared_error(y_true, y_pred, threshold=50.0):
    """Squared error that is linear beyond a threshold, with matching value and slope.

        delta^2                            if |delta| <= threshold
        2 threshold |delta| - threshold^2  otherwise,       delta = y_pred - y_true

    Twice the Huber loss. A few wild paths early in training then cannot throw u0 far off.

    Reference: Han, Jentzen, E (2018), https://doi.org/10.1073/pnas.1718942115 (their
    code clips at 50).

    Args:
        y_true: Tensor `[batch, 1]`. g(x_N).
        y_pred: Tensor `[batch, 1]`. u_N.
        threshold: float > 0, in the unit of u.

    Returns:
        Tensor `[batch]`, the mean over the last axis.
    """
    threshold = checks.finite_float(
        "clipped_squared_error", "threshold", threshold, above=0.0
    )
    owner = "clipped_squared_error"
    y_pred = checks.tensor(owner, "y_pred", y_pred)
    y_true = ops.cast(checks.tensor(owner, "y_true", y_true), y_pred.dtype)
    if not checks.same_shape(y_true.shape, y_pred.shape):
        # It would silently broadcast.
        received = f"shapes `y_pred` {tuple(y_pred.shape)}, `y_true` {tuple(y_true.shape)}"
        raise checks.ArgumentError(
            checks.message(owner, "y_true", "of the shape of `y_pred`", received)
        )
    return 2 * keras.losses.huber(y_true, y_pred, delta=threshold)


@keras.saving.register_keras_serializable(package="kerasmodels")
class ClippedSquaredError(keras.losses.Loss):
    """Mean of `clipped_squared_error` over the batch.

    Args:
        threshold: float > 0, in the unit of u.
        reduction, name, dtype: as in `keras.losses.Loss`.

    Raises:
        ValueError: `threshold` is not a positive number.
    """

    def __init__(
        self,
        threshold=50.0,
        reduction="sum_over_batch_size",
        name="clipped_squared_error",
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.threshold = checks.finite_float(
            "ClippedSquaredError", "threshold", threshold, above=0.0
        )

    def call(self, y_true, y_pred):
        return clipped_squared_error(y_true, y_pred, self.threshold)

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}
