"""A single neuron as a Keras model: linear, sigmoid or step."""

import keras
import numpy as np
from keras import ops

from kerasmodels._support import checks, memory
from kerasmodels._support.batches import CheckedBatches
from kerasmodels._support.guard import guard
from kerasmodels._support.saving import SavedAsKeras


def check_input(model, shape, features=None):
    """Raises ValueError if a shape is not that of a batch with `features` features."""
    shape = tuple(shape)
    received = shape[1] if len(shape) == 2 else 1
    if len(shape) not in (1, 2) or 0 in shape or features not in (None, received):
        raise checks.ArgumentError(
            checks.message(
                type(model).__name__,
                "x",
                "of shape (batch,) or (batch, features), not empty"
                + (f", with {features} feature(s) as before" if features else ""),
                f"shape {shape}",
            )
        )


def check_target(model, y, units=1):
    """Returns labels 0 and 1 as `[batch, units]`, or raises ValueError."""
    shape = () if y is None else tuple(y.shape)
    if len(shape) == 1 and units == 1:
        y = y[:, None]
    elif len(shape) != 2 or shape[1] != units:
        raise checks.ArgumentError(
            checks.message(
                type(model).__name__,
                "y",
                f"of shape (batch, {units})" + (" or (batch,)" if units == 1 else ""),
                f"shape {shape}",
            )
        )
    y = ops.cast(y, model.variable_dtype)
    return guard(
        y,
        ~ops.all((y == 0) | (y == 1)),
        checks.message(type(model).__name__, "y", "labels 0 and 1", "other values"),
    )


def refuse_signs(model, y):
    """Returns targets unchanged, or stops if they are the labels -1 and 1.

    A unit whose class changes at 1/2 would train on these, with the line at a wrong place.
    """
    if not keras.backend.is_float_dtype(keras.backend.standardize_dtype(y.dtype)):
        y = ops.cast(y, model.variable_dtype)
    signs = ops.all(ops.abs(y) == 1) & ops.any(y == 1) & ops.any(y == -1)
    text = checks.message(
        type(model).__name__,
        "y",
        "labels 0 and 1, between which the class changes at 1/2",
        "labels -1 and 1",
        "Pass (y + 1) / 2: the best line is the same, and `boundary` is right.",
    )
    return guard(y, signs, text)


def above(value, bound):
    """1 where `value` is above `bound`, else 0; NaN stays NaN, because it has no class."""
    return ops.where(ops.isnan(value), value, ops.cast(value > bound, value.dtype))


def error_share(model, compute_loss, x, y, y_pred, sample_weight, training):
    """The compiled loss, or the share of errors where no loss was compiled."""
    if model.loss is not None:
        return compute_loss(x, y, y_pred, sample_weight, training)
    error = ops.abs(y_pred - ops.reshape(ops.cast(y, y_pred.dtype), ops.shape(y_pred)))
    if sample_weight is not None:
        error = error * ops.reshape(ops.cast(sample_weight, error.dtype), (-1, 1))
    return ops.mean(error)


def require_built(model):
    """Raises ValueError if the model is not built yet."""
    if not model.built:
        raise checks.ArgumentError(
            checks.message(
                type(model).__name__,
                "boundary",
                "read after the model is built",
                "a model that is not built",
                "Call the model on x, or `fit` it first.",
            )
        )


def report_loss(model, loss):
    """Adds a batch's loss to the model's own running mean of the loss."""
    for metric in model.metrics:
        if metric.name == "loss":
            metric.update_state(loss)


class _Unit(CheckedBatches, SavedAsKeras, keras.Model):
    """Weights `[features, units]`, biases `[units]`, and the boundary between classes."""

    # The output at which the predicted class changes from 0 to 1.
    cut = 0.5

    def __init__(self, units=1, weight=None, bias=0.0, seed=0, **kwargs):
        super().__init__(**kwargs)
        owner = type(self).__name__
        self.units = checks.positive_int(owner, "units", units)
        self.start_weight = self._start("weight", weight)
        self.start_bias = self._start("bias", bias)
        self.seed = checks.seed_int(owner, seed)

    def _start(self, name, value):
        """A start value as config: None, a number, or nested lists."""
        if value is None:
            return None
        return checks.finite_array(type(self).__name__, name, value).tolist()

    def check_x(self, x):
        check_input(self, x.shape, self.kernel.shape[0] if self.built else None)

    def check_y(self, y, x):
        refuse_signs(self, y)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        # The labels of a data set are checked here, because `check_y` gets arrays alone.
        y = None if y is None else refuse_signs(self, y)
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def build(self, x_shape):
        check_input(self, x_shape)
        features = x_shape[1] if len(x_shape) == 2 else 1
        memory.fits(
            type(self).__name__,
            "units",
            features * self.units,
            "float64",
            f"weights of {features} by {self.units}",
            "Take fewer units.",
        )
        self.kernel = self._weight("kernel", (features, self.units), self.start_weight)
        self.bias = self._weight("bias", (self.units,), self.start_bias)

    def _weight(self, name, shape, start):
        if start is None:
            # Standard normal, in float64: Keras's initializers round to float32.
            start = np.random.default_rng(self.seed).normal(size=shape)
        if np.shape(start) not in ((), shape):
            raise checks.ArgumentError(
                checks.message(
                    type(self).__name__,
                    {"kernel": "weight"}.get(name, name),
                    f"a number or of shape {shape}",
                    f"shape {np.shape(start)}",
                )
            )
        start = np.broadcast_to(start, shape)
        # A function, because Keras may build a model where an assignment would not last.
        return self.add_weight(
            shape=shape,
            initializer=lambda shape, dtype: ops.convert_to_tensor(start, dtype=dtype),
            name=name,
        )

    def _sum(self, x):
        """x W + b."""
        check_input(self, x.shape, self.kernel.shape[0])
        if len(x.shape) == 1:
            x = x[:, None]
        return ops.matmul(x, self.kernel) + self.bias

    @property
    def boundary(self):
        """The boundary between the predicted classes.

        For one feature it is the x at which the class changes, a float, or an array
        `[units]`; NaN where the weight is 0 and the class never changes. For several
        features it is the hyperplane normal . x = offset, a pair of arrays
        `[features, units]` and `[units]`.

        Raises:
            ValueError: the model is not built yet.
        """
        require_built(self)
        normal = ops.convert_to_numpy(self.kernel)
        offset = self._level() - ops.convert_to_numpy(self.bias)
        if len(normal) > 1:
            return normal, offset
        with np.errstate(divide="ignore", invalid="ignore"):
            place = np.where(normal[0] == 0, np.nan, offset / normal[0])
        return float(place[0]) if self.units == 1 else place

    def _level(self):
        """The value of x W + b at which the class changes."""
        return 0.0

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "weight": self.start_weight,
            "bias": self.start_bias,
            "seed": self.seed,
        }


_ARGUMENTS = """
    Args:
        units: int. Independent neurons on the same input. Their targets are
            `[batch, units]`. Multiply the learning rate by `units`, because a Keras loss is
            a mean over units.
        weight: None for standard normal start values, a number, or `[features, units]`.
        bias: a number, `[units]`, or None for standard normal values.
        seed: int. Of the start values.

    Call arguments:
        x: Tensor `[batch, features]`, or `[batch]` for one feature.

    Output shape:
        `[batch, units]`.

    Raises:
        ValueError: an argument or x has the wrong shape, or labels are -1 and 1; for a data
            set the error of the labels is an InvalidArgumentError.
"""


@keras.saving.register_keras_serializable(package="kerasmodels")
class LinearUnit(_Unit):
    __doc__ = (
        """y = x W + b; class 1 where y > 1/2.

    Trained with squared error this is linear regression on the labels (Widrow and Hoff's
    Adaline with labels 0 and 1; labels -1 and 1 are refused). The pull of an outlier on the
    line grows with its distance.
"""
        + _ARGUMENTS
    )

    def call(self, x):
        return self._sum(x)

    def _level(self):
        return self.cut


@keras.saving.register_keras_serializable(package="kerasmodels")
class SigmoidUnit(_Unit):
    __doc__ = (
        """p = 1 / (1 + exp(-(x W + b))); class 1 where p > 1/2.

    With binary cross-entropy this is logistic regression: the loss is convex, so every
    start ends at the same place. The squared error, (1 - p)^2 for the right class, is the
    bounded Savage loss of Masnadi-Shirazi and Vasconcelos (2008) up to the scale of the
    margin: the pull of an outlier falls with its distance, and the end depends on the
    start.
"""
        + _ARGUMENTS
    )

    def call(self, x):
        # Not `ops.sigmoid`: with this one Keras's crossentropy finds the logits outside of
        # graphs too. From probabilities, which are clipped at 1e-7, its gradient is zero
        # where a unit is sure and wrong.
        return keras.activations.sigmoid(self._sum(x))


@keras.saving.register_keras_serializable(package="kerasmodels")
class Perceptron(_Unit):
    __doc__ = (
        """y = 1 where x W + b > 0, else 0, trained by the perceptron rule.

        W <- W + rate * sum over the batch of (target - y) x
        b <- b + rate * sum over the batch of (target - y)

    The step has no gradient, so `train_step` uses the rule instead, and the compiled
    optimizer applies it. With `SGD(1.0)` and `batch_size=1` this is Rosenblatt's algorithm.
    Its updates end if a line separates the classes, and never otherwise. The compiled loss
    is only reported; without one the share of errors is.

    Reference: Rosenblatt (1958), https://doi.org/10.1037/h0042519.
"""
        + _ARGUMENTS
    )

    def call(self, x):
        total = self._sum(x)
        return above(total, 0.0)

    def check_y(self, y, x):
        check_target(self, y, self.units)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        compute_loss = super().compute_loss
        return error_share(self, compute_loss, x, y, y_pred, sample_weight, training)

    def train_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        y_pred = self(x)
        target = check_target(self, y, self.units)
        report_loss(self, self.compute_loss(x, y, y_pred, sample_weight))
        error = ops.cast(y_pred, target.dtype) - target
        if sample_weight is not None:
            error = error * ops.reshape(ops.cast(sample_weight, error.dtype), (-1, 1))
        features = ops.reshape(ops.cast(x, error.dtype), (-1, self.kernel.shape[0]))
        if self.trainable:
            steps = [ops.matmul(ops.transpose(features), error), ops.sum(error, axis=0)]
            # Under mixed precision the optimizer divides gradients by this scale.
            steps = [self.optimizer.scale_loss(step) for step in steps]
            self.optimizer.apply(steps, [self.kernel, self.bias])
        return self.compute_metrics(x, y, y_pred, sample_weight)
