"""The solution u and its policy z as Keras models that Keras itself can export."""

import contextlib
import warnings

import keras
import tensorflow as tf

from kerasmodels._support import checks, registered
from kerasmodels._support.saving import SavedAsKeras
from kerasmodels.bsde.deploy.functions import PointFunction
from kerasmodels.bsde.equations.family import Family
from kerasmodels.bsde.plain_gradients import strictly

# The pip extra that brings what the format needs.
_FORMATS = {"tf_saved_model": None, "onnx": "onnx", "litert": None}


class _OfPoints(SavedAsKeras, keras.Model):
    """A Keras model of (t, x), and of the parameters of a `Family`.

    Args:
        function: `PointFunction`.
    """

    def __init__(self, function, **kwargs):
        super().__init__(**{"dtype": "float32", "autocast": False, **kwargs})
        owner = type(self).__name__
        if isinstance(function, dict):
            function = registered.deserialize(owner, function)
        self.function = checks.instance(owner, "function", function, PointFunction)
        self.built = True

    def __call__(self, inputs, *args, **kwargs):
        # Keras takes lists of numbers for several tensors.
        parts = inputs if isinstance(inputs, (tuple, list)) else [inputs]
        inputs = tuple(
            part
            if keras.ops.is_tensor(part) or isinstance(part, keras.KerasTensor)
            else checks.tensor(type(self).__name__, "inputs", part)
            for part in parts
        )
        return super().__call__(inputs, *args, **kwargs)

    @property
    def equation(self):
        """The `Equation` that was solved."""
        return self.function.equation

    @property
    def parameter_names(self):
        """Names of the parameters of a `Family`, in the order of their columns."""
        family = isinstance(self.equation, Family)
        return list(self.equation.parameters) if family else []

    def _joined(self, inputs):
        """t `[batch, 1]` and the whole state `[batch, dim]`, after a check of shapes."""
        owner, sizes = type(self).__name__, self._input_sizes()
        parts = inputs if isinstance(inputs, (tuple, list)) else [inputs]
        shapes = [tuple(getattr(part, "shape", ())) for part in parts]
        if len(parts) != len(sizes) or any(
            len(shape) != 2 or shape[1] != size
            for shape, size in zip(shapes, sizes.values())
        ):
            expected = ", ".join(f"{name} (batch, {n})" for name, n in sizes.items())
            raise checks.ArgumentError(
                checks.message(owner, "inputs", f"the tuple {expected}", f"shapes {shapes}")
            )
        t, *x = (tf.cast(part, self.compute_dtype) for part in parts)
        return t, tf.concat(x, axis=1) if len(x) > 1 else x[0]

    def _input_sizes(self):
        parameters = self.equation.num_parameters
        sizes = {"t": 1, "x": self.equation.dim - parameters}
        return {**sizes, "parameters": parameters} if parameters else sizes

    def export(self, filepath, format="tf_saved_model", **kwargs):
        """Writes the model for a program without this package. The batch size is free.

        Args:
            filepath: str or path. A folder for "tf_saved_model", a file for "onnx"
                (.onnx) and "litert" (.tflite).
            format: str. One of the three.
            **kwargs: passed on to `keras.Model.export`.

        Raises:
            ValueError: `format` is another one.
            RunError: "onnx" or "litert" has no operations for the gradient of a
                coefficient.
            ImportError: a package for the format is missing.
        """
        owner = f"{type(self).__name__}.export"
        path = checks.path(owner, "filepath", filepath)
        extra = _FORMATS[checks.one_of(owner, "format", format, list(_FORMATS))]
        signature = [
            [
                keras.InputSpec(shape=(None, size), dtype=self.compute_dtype, name=name)
                for name, size in self._input_sizes().items()
            ]
        ]
        kwargs = {"input_signature": signature, "verbose": False, **kwargs}
        try:
            with warnings.catch_warnings(), _gradients(format):
                # Keras tests an old name of NumPy when Keras imports tf2onnx, and NumPy
                # warns.
                warnings.filterwarnings("ignore", ".*np.object", FutureWarning)
                return super().export(str(path), format=format, **kwargs)
        except ImportError as error:
            if extra is None:
                raise
            raise ImportError(
                f"`{owner}` needs a package that is missing ({error}). In a clone of "
                f"kerasmodels: pip install '.[{extra}]'."
            ) from error

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {**super().get_config(), "function": serialize(self.function)}


def _gradients(format):
    """The context for the gradients of a file: any of TensorFlow's in a SavedModel."""
    return contextlib.nullcontext() if format == "tf_saved_model" else strictly()


@keras.saving.register_keras_serializable(package="kerasmodels")
class Surface(_OfPoints):
    """u(t, x) of a solution, without an interval: `Solution.surface` makes it.

    Args:
        function: `PointFunction` that has a value.

    Call arguments:
        inputs: the tuple (t, x): t `[batch, 1]`, x `[batch, dim]`. Of a `Family` with
            parameters (t, x, parameters), with `[batch, num_parameters]` in the order of
            `parameter_names`; if one of them is the terminal time p, t runs to that of the
            family, T, and stands for t p / T.

    Output shape:
        u, `[batch, 1]`.

    Raises:
        ValueError: an argument is not of the form above.
    """

    def __init__(self, function, **kwargs):
        super().__init__(function, **kwargs)
        if not self.function.has_value:
            received = type(self.function).__name__
            raise checks.ArgumentError(
                checks.message("Surface", "function", "one that has a value", received)
            )

    def call(self, inputs, training=False):
        return self.function.value(*self._joined(inputs))


@keras.saving.register_keras_serializable(package="kerasmodels")
class Policy(_OfPoints):
    """z(t, x) = sigma^T grad u of a solution, or the optimal control of a control problem.

    `Solution.policy` makes it.

    Args:
        function: `PointFunction`.

    Call arguments:
        inputs: as in `Surface`.

    Output shape:
        z, `[batch, noise_dim]`; for a `ControlProblem` the control,
        `[batch, control_dim]`.

    Raises:
        ValueError: an argument is not of the form above.
    """

    def call(self, inputs, training=False):
        t, x = self._joined(inputs)
        z = self.function.z(t, x)
        return self.equation.optimal_control(t, x, z) if self.equation.has_control else z
