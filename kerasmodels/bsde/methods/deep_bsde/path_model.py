"""A Keras model of paths, which checks its inputs and adapts them to Keras."""

import inspect

import keras
import tensorflow as tf
from keras import ops

from kerasmodels._support import checks
from kerasmodels._support.batches import is_data_set
from kerasmodels.bsde.methods.deep_bsde import export as export_module
from kerasmodels.bsde.methods.deep_bsde.inputs import validated_inputs
from kerasmodels.bsde.methods.deep_bsde.path_law import inspected, require_end
from kerasmodels.runs.distribution import DistributedModel


class PathModel(DistributedModel):
    """A model that is called on (x, dw, t) and fitted to g(x_N).

    A subclass has the attributes that `validated_inputs`, `inspected` and the export read:
    `equation`, `grid`, `num_steps`, `u0`, `z0` and `z`.
    """

    def __call__(self, inputs, *args, **kwargs):
        # The error of Keras would name positional arguments where a value is no array.
        if not isinstance(inputs, (tuple, list)) or not all(map(_is_tensor, inputs)):
            inputs = validated_inputs(self, inputs)
        return super().__call__(inputs, *args, **kwargs)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        # A target of another shape would silently broadcast against u_N.
        if y is None or tuple(y.shape[1:]) != (1,):
            _refuse_target("nothing" if y is None else f"shape {tuple(y.shape)}")
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def make_train_function(self, force=False):
        if self.compiled and not self.optimizer.built:
            # Variables that are made within a training step would cost a second tracing.
            self.optimizer.build(self.trainable_variables)
        if self.compiled and tf.distribute.get_strategy().num_replicas_in_sync == 1:
            # TensorFlow keeps every graph in which this was called, because its gradient
            # is registered for good; and the sum over one replica changes nothing.
            optimizer = getattr(self.optimizer, "inner_optimizer", self.optimizer)
            optimizer._all_reduce_sum_gradients = list
        return super().make_train_function(force)

    def fit(self, x=None, y=None, *args, **kwargs):
        """As `keras.Model.fit`, on a data set or on arrays ((x, dw, t), g(x_N)).

        Warns where the paths (the first batch of a data set) do not start at x0, where dw
        has another variance than dt, and where dw is W itself.

        Raises:
            ValueError: an array is not of the form above, or a data set never ends and
                `steps_per_epoch` is None.
        """
        if isinstance(x, (tf.data.Dataset, tf.distribute.DistributedDataset)):
            # Fresh paths need no shuffling, and Keras would warn that it cannot.
            kwargs.setdefault("shuffle", False)
        taken = _argument(keras.Model.fit, "steps_per_epoch", self, x, y, *args, **kwargs)
        require_end("GlobalModel.fit", "steps_per_epoch", x, taken)
        x = inspected(self, self._checked_arrays(x, y))
        return super().fit(x, y, *args, **kwargs)

    def evaluate(self, x=None, y=None, *args, **kwargs):
        """As `keras.Model.evaluate`, on a data set or on arrays. Warns as `fit` does."""
        taken = _argument(keras.Model.evaluate, "steps", self, x, y, *args, **kwargs)
        require_end("GlobalModel.evaluate", "steps", x, taken)
        x = inspected(self, self._checked_arrays(x, y))
        return super().evaluate(x, y, *args, **kwargs)

    def predict(self, x, *args, **kwargs):
        """As `keras.Model.predict`, on a data set or on arrays."""
        taken = _argument(keras.Model.predict, "steps", self, x, *args, **kwargs)
        require_end("GlobalModel.predict", "steps", x, taken)
        return super().predict(self._checked_arrays(x), *args, **kwargs)

    def _checked_arrays(self, inputs, y=None):
        """Arrays are checked before Keras wraps them; data sets, batch by batch."""
        if is_data_set(inputs):
            return inputs
        x, dw, t = validated_inputs(self, inputs)
        if y is not None:
            y = checks.finite_array("GlobalModel", "y", y)
            if y.shape != (len(x), 1):
                _refuse_target(f"shape {y.shape}")
        return x, dw, t

    def export(self, filepath, format="tf_saved_model", **kwargs):
        """Writes a SavedModel that runs without this package.

        Signatures: `serving_default` (x, dw, t) -> u_N; `u0` () -> u0 and z0; `z`
        (t, x) -> z at any grid time. The batch size is free. Other formats go to
        `keras.Model.export`.

        Args:
            filepath: str or path. The folder to write.
            format: str. "tf_saved_model", or another format of Keras.
            **kwargs: passed on to Keras.
        """
        checks.path("GlobalModel.export", "filepath", filepath)
        if format != "tf_saved_model" or kwargs.get("input_signature") is not None:
            return super().export(filepath, format=format, **kwargs)
        return export_module.export_saved_model(self, filepath, **kwargs)


def _argument(method, name, *args, **kwargs):
    """The value of an argument in a call; None where Keras will refuse the call."""
    try:
        return inspect.signature(method).bind(*args, **kwargs).arguments.get(name)
    except TypeError:
        return None


def _is_tensor(value):
    return ops.is_tensor(value) or isinstance(value, keras.KerasTensor)


def _refuse_target(received):
    expected = "the terminal values g(x_N) of shape (batch, 1)"
    advice = "`equation.terminal(x[:, -1])` computes them."
    raise checks.ArgumentError(
        checks.message("GlobalModel", "y", expected, received, advice)
    )
