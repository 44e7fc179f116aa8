"""A sequence that counts up and falls back through a sine, and an LSTM for it.

    next(v) = v + 1 where v < 10,    sin(v) where v >= 10

The map jumps by 11.5 at 10. From any start below 10 the sine is only taken of values in
[10, 11), and the sequence ends in a cycle of 12.
"""

import keras
import numpy as np

from kerasmodels._support import checks, memory
from kerasmodels._support.batches import CheckedBatches
from kerasmodels._support.saving import SavedAsKeras

JUMP = 10.0


def next_value(v):
    """The map itself, entry by entry, in float64.

    Raises:
        ValueError: v is not of finite numbers.
    """
    v = checks.finite_array("next_value", "v", v)
    return np.where(v < JUMP, v + 1, np.sin(v))


def sequence(start, length):
    """`length` values from `start` on, `[length]`, or `[batch, length]` for many starts."""
    length = checks.positive_int("sequence", "length", length)
    values = [checks.finite_array("sequence", "start", start)]
    # The values are separate arrays until they are stacked.
    numbers = length * (2 * values[0].size + 14)
    advice = "Take a shorter one."
    memory.fits("sequence", "length", numbers, "float64", f"{length} values", advice)
    for _ in range(length - 1):
        values.append(next_value(values[-1]))
    return np.stack(values, axis=-1)


def windows(count, length, seed=0, largest=12.0):
    """The pair (x, y): all but the last value of each sequence, and the last value.

    The starts are uniform in [0, largest].

    Returns:
        x `[count, length, 1]` and y `[count, 1]`, float32.
    """
    rng = np.random.default_rng(checks.seed_int("windows", seed))
    length = checks.positive_int("windows", "length", length)
    largest = checks.finite_float("windows", "largest", largest, above=0.0)
    numbers = count * 2 * length if checks.positive_int("windows", "count", count) else 0
    what = f"{count} windows of {length} values"
    memory.fits("windows", "count", numbers, "float64", what, "Take fewer or shorter ones.")
    starts = rng.uniform(0, largest, checks.positive_int("windows", "count", count))
    values = sequence(starts, length + 1).astype("float32")
    return values[:, :-1, None], values[:, -1:]


@keras.saving.register_keras_serializable(package="kerasmodels")
class SequenceLSTM(CheckedBatches, SavedAsKeras, keras.Model):
    """The next value of a sequence from the ones before, by an LSTM.

    With `scaled` the inputs are divided by the largest value, 11, the outputs multiplied by
    it, and the output is linear. Without it the inputs saturate the gates of the LSTM, and
    the output is an `elu`, which reaches -1 only at minus infinity.

    Args:
        units: int.
        scaled: bool.
        seed: int. Of the weights.

    Call arguments:
        x: Tensor `[batch, length, 1]`.

    Output shape:
        `[batch, 1]`.
    """

    def __init__(self, units=32, scaled=True, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.units = checks.positive_int("SequenceLSTM", "units", units)
        memory.fits(
            "SequenceLSTM",
            "units",
            4 * self.units * (self.units + 2),
            self.variable_dtype,
            f"the weights of {self.units} units",
            "Take fewer units.",
        )
        self.scaled = checks.boolean("SequenceLSTM", "scaled", scaled)
        self.seed = checks.seed_int("SequenceLSTM", seed)
        start = keras.initializers
        self.lstm = keras.layers.LSTM(
            self.units,
            kernel_initializer=start.GlorotUniform(self.seed),
            recurrent_initializer=start.Orthogonal(seed=self.seed + 1),
            dtype=self.dtype_policy,
        )
        self.out = keras.layers.Dense(
            1,
            activation="linear" if scaled else "elu",
            kernel_initializer=start.GlorotUniform(self.seed + 2),
            dtype=self.dtype_policy,
        )

    def check_x(self, x):
        if not checks.same_shape(x.shape, (None, None, 1)) or 0 in tuple(x.shape):
            expected, received = "of shape (batch, length, 1)", f"shape {tuple(x.shape)}"
            raise checks.ArgumentError(
                checks.message("SequenceLSTM", "x", expected, received)
            )

    def build(self, x_shape):
        self.lstm.build(x_shape)
        self.out.build((x_shape[0], self.units))

    def call(self, x):
        scale = JUMP + 1 if self.scaled else 1.0
        return scale * self.out(self.lstm(x / scale))

    def roll_out(self, values, steps):
        """Continues `[batch, length]` by `steps` values, with predictions as inputs.

        Returns:
            float array `[batch, steps]`.
        """
        steps = checks.positive_int("SequenceLSTM.roll_out", "steps", steps)
        window = checks.finite_array("SequenceLSTM.roll_out", "values", values)
        if window.ndim != 2 or not window.size:
            raise checks.ArgumentError(
                checks.message(
                    "SequenceLSTM.roll_out",
                    "values",
                    "of shape (batch, length)",
                    f"shape {window.shape}",
                    "`values[None]` is a batch of one.",
                )
            )
        numbers, advice = 2 * steps * len(window), "Take fewer steps."
        what = f"{steps} values of each sequence"
        memory.fits("SequenceLSTM.roll_out", "steps", numbers, "float64", what, advice)
        found = []
        for _ in range(steps):
            found.append(np.asarray(self(window[..., None].astype("float32")))[:, 0])
            window = np.concatenate([window[:, 1:], found[-1][:, None]], axis=1)
        return np.stack(found, axis=1)

    def get_config(self):
        config = {"units": self.units, "scaled": self.scaled, "seed": self.seed}
        return {**super().get_config(), **config}


def errors_by_regime(model, x, y, margin=0.15):
    """Root mean square errors where the next value is +1, where it is sin, and near 10.

    Args:
        model: Keras model, x to y.
        x, y: from `windows`.
        margin: float. |v - 10| up to which a value counts as near the jump.

    Returns:
        A dict: "plus one", "sin" and "near the jump", each with `rmse` and `count`; and
        "constant", the deviation of the sine's targets, which is the error of the best
        constant there. None where a part has no values.

    Raises:
        ValueError: an argument is not of the form above.
    """
    owner = "errors_by_regime"
    checks.instance(owner, "model", model, keras.Model)
    margin = checks.finite_float(owner, "margin", margin, at_least=0.0)
    x, y = (checks.finite_array(owner, n, v) for n, v in (("x", x), ("y", y)))
    for name, array, shape in (
        ("x", x, (None, None, 1)),
        ("y", y, (x.shape[0:1] or (0,)) + (1,)),
    ):
        if not checks.same_shape(array.shape, shape) or not array.size:
            received = f"shapes {x.shape} and {y.shape}"
            expected = "x of shape (count, length, 1) and y of shape (count, 1)"
            raise checks.ArgumentError(checks.message(owner, name, expected, received))
    last = x[:, -1, 0]
    predicted = model.predict(x.astype("float32"), verbose=0)
    error = np.asarray(predicted, "float64")[:, 0] - y[:, 0]
    near = np.abs(last - JUMP) <= margin
    parts = {
        "plus one": (last < JUMP) & ~near,
        "sin": (last >= JUMP) & ~near,
        "near the jump": near,
    }
    found = {
        name: {
            "rmse": float(np.sqrt(np.mean(error[part] ** 2))) if part.any() else None,
            "count": int(part.sum()),
        }
        for name, part in parts.items()
    }
    sines = y[parts["sin"], 0]
    found["constant"] = float(np.std(sines)) if sines.size else None
    return found
