"""Checks of the arrays that a Keras model is called on or fitted to.

They run before Keras, because TensorFlow's errors on a wrong array name a node of a graph.
"""

import keras
import numpy as np
import tensorflow as tf

from kerasmodels._support import checks


class CheckedBatches:
    """First base of a Keras layer or model, whose errors name a wrong batch.

    `check_x(x)` and `check_y(y, x)` raise where a batch does not fit; they take arrays,
    tensors and symbolic tensors of known rank. Data sets pass, and are checked inside.
    """

    def check_x(self, x):
        """Raises ValueError if the shape (or, for an array, a value) of x is wrong."""

    def check_y(self, y, x):
        """Raises ValueError if y does not belong to x."""

    def __call__(self, *args, **kwargs):
        if args:
            args = (self._batch("x", args[0]), *args[1:])
        elif "x" in kwargs:
            kwargs["x"] = self._batch("x", kwargs["x"])
        return super().__call__(*args, **kwargs)

    def fit(self, x=None, y=None, *args, **kwargs):
        return super().fit(*self._arrays(x, y), *args, **kwargs)

    def evaluate(self, x=None, y=None, *args, **kwargs):
        return super().evaluate(*self._arrays(x, y), *args, **kwargs)

    def predict(self, x, *args, **kwargs):
        return super().predict(self._arrays(x)[0], *args, **kwargs)

    def _batch(self, name, value):
        if not isinstance(value, (keras.KerasTensor, keras.Variable)):
            value = checks.tensor(type(self).__name__, name, value)
        # In a graph the rank may be unknown.
        if name == "x" and getattr(value.shape, "rank", 0) is not None:
            self.check_x(value)
        return value

    def _arrays(self, x, y=None):
        """x and y as they are, or as arrays where they are lists of numbers."""
        if is_data_set(x):
            return x, y
        owner = type(self).__name__
        x = _array(owner, "x", x)
        self.check_x(x)
        if y is not None:
            y = _array(owner, "y", y)
            if len(y) != len(x):
                raise checks.ArgumentError(
                    checks.message(
                        owner,
                        "y",
                        "as long as x",
                        f"shapes {tuple(y.shape)} and {tuple(x.shape)}",
                    )
                )
            self.check_y(y, x)
        return x, y


def is_data_set(x):
    """Whether Keras takes x as a stream of batches."""
    if isinstance(x, (tf.data.Dataset, tf.distribute.DistributedDataset)):
        return True
    return isinstance(x, keras.utils.PyDataset) or hasattr(x, "__next__")


def _array(owner, name, value):
    """An array or a tensor with samples in it, or an error."""
    if not checks.numeric(value):
        received = f"{name}={checks.describe(value)}"
        raise checks.ArgumentError(
            checks.message(owner, name, "an array of numbers", received)
        )
    value = value if hasattr(value, "shape") else np.asarray(value)
    if len(value.shape) == 0 or value.shape[0] == 0:
        received = f"shape {tuple(value.shape)}"
        raise checks.ArgumentError(
            checks.message(owner, name, "an array with the samples as first axis", received)
        )
    return value
