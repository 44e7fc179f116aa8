"""One weight in a parabola, where the learning rate alone decides on convergence."""

import keras
from keras import ops

from kerasmodels._support import checks
from kerasmodels._support.batches import CheckedBatches
from kerasmodels._support.saving import SavedAsKeras


@keras.saving.register_keras_serializable(package="kerasmodels")
def well_cost(y_true, y_pred):
    """A Keras loss: the output itself."""
    return ops.mean(y_pred, axis=-1)


@keras.saving.register_keras_serializable(package="kerasmodels")
class Well(CheckedBatches, SavedAsKeras, keras.Model):
    """cost = w^2 + floor, with one trainable weight w and no data.

    Gradient descent with rate a is w <- (1 - 2 a) w. For a below 1/2 |w| falls and w keeps
    its sign; at 1/2 w is zero after one step; between 1/2 and 1 |w| falls and w changes its
    sign at each step; at 1 w alternates for ever; above 1 it diverges.

    Args:
        start: float. w before training.
        floor: float.

    Call arguments:
        x: Tensor `[batch, ...]`, of which only the batch size is used.

    Output shape:
        `[batch, 1]`, the cost; with `loss=Well.cost` the target has no effect.
    """

    def __init__(self, start=1613.0, floor=5.0, **kwargs):
        super().__init__(**kwargs)
        self.start = checks.finite_float("Well", "start", start)
        self.floor = checks.finite_float("Well", "floor", floor)
        self.w = self.add_weight(
            shape=(), initializer=keras.initializers.Constant(self.start), name="w"
        )
        self.built = True

    def check_x(self, x):
        if not len(x.shape):
            expected = "a batch, of which the first axis is read"
            raise checks.ArgumentError(
                checks.message("Well", "x", expected, checks.describe(x))
            )

    def call(self, x):
        return (
            ops.square(self.w)
            + self.floor
            + ops.zeros((ops.shape(x)[0], 1), self.compute_dtype)
        )

    # A function of the module, because a saved file refers to it by name.
    cost = staticmethod(well_cost)

    def get_config(self):
        return {**super().get_config(), "start": self.start, "floor": self.floor}


def regime(learning_rate):
    """The behaviour of gradient descent in a `Well`, by the factor 1 - 2 rate of each step.

    Returns:
        "monotone", "one step", "alternates", "cycles" or "diverges".
    """
    rate = checks.finite_float("regime", "learning_rate", learning_rate, above=0.0)
    if rate == 0.5:
        return "one step"
    if rate == 1.0:
        return "cycles"
    if rate > 1:
        return "diverges"
    return "monotone" if rate < 0.5 else "alternates"
