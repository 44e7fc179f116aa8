"""The base class of control processes, and the adapter of a plain Keras layer."""

import inspect

import keras
from keras import ops

from kerasmodels._support import checks, registered


@keras.saving.register_keras_serializable(package="kerasmodels")
class ControlProcess(keras.layers.Layer):
    """A Keras layer (t, x) -> z = sigma^T grad u at all inner times at once.

    A subclass gives `call`, and sets the attributes in which it differs. It reads no
    equation. At time 0 the state is the constant x0, so z0 is a weight of the model
    instead. A subclass without `build` is built by its first call.

    Call arguments:
        t: Tensor `[batch, N - 1, 1]`. The inner times t_1, ..., t_{N-1}.
        x: Tensor `[batch, N - 1, dim]`.
        g: Tensor `[batch, N - 1, 1]`. g(x), where `uses_terminal` is True.
        gradient: Tensor `[batch, N - 1, noise_dim]`. sigma^T grad g(x), likewise.
        training: bool.

    Output shape:
        `[batch, N - 1, noise_dim]`.

    Attributes:
        dim: None or int. Size of x; None fits any.
        noise_dim: None or int. Size of z; None fits any.
        num_times: None or int. Number of inner times to which a network belongs; None
            where the process takes any times.
        uses_terminal: bool. Whether it is called with g and gradient too.
        standardized: bool. False where `standardize` is to be called before training.
    """

    dim = None
    noise_dim = None
    num_times = None
    uses_terminal = False
    standardized = True

    @property
    def label(self):
        """The name of its class, for reports."""
        return type(self).__name__

    def call(self, t, x, training=False):
        raise NotImplementedError(f"`{self.label}` is a control process without `call`.")

    def standardize(self, t, x, output_scale, g=None):
        """Sets constants of the inputs and of z from a sample; none by default.

        Args:
            t: array `[num_paths, N - 1, 1]`.
            x: array `[num_paths, N - 1, dim]`.
            output_scale: float. The size of z.
            g: None or array `[num_paths, N - 1, 1]`. g(x), where `uses_terminal` is True.
        """

    def at_time(self, index, t, x, g, gradient):
        """z at one inner time for all paths.

        Args:
            index: int Tensor. Which inner time, from 0; read where `num_times` is given.
            t: Tensor `[batch, 1]`.
            x: Tensor `[batch, dim]`.
            g: Tensor `[batch, 1]`.
            gradient: Tensor `[batch, noise_dim]`.

        Returns:
            Tensor `[batch, noise_dim]`.
        """
        inputs = [t, x, g, gradient] if self.uses_terminal else [t, x]
        if self.num_times is None:
            return self(*(value[:, None] for value in inputs))[:, 0]
        # Without an `at_time` of its own a process gives z at all its times together.
        repeated = (ops.repeat(v[:, None], self.num_times, axis=1) for v in inputs)
        return ops.take(self(*repeated), index, axis=1)

    def get_build_config(self):
        return super().get_build_config() if builds_from_two_shapes(self) else None


@keras.saving.register_keras_serializable(package="kerasmodels")
class LayerControl(ControlProcess):
    """A plain Keras layer with `call(t, x)` as a control process.

    `GlobalModel` and `solve` make it of a layer that is no `ControlProcess`.

    Args:
        layer: Keras layer. Its attributes `dim`, `noise_dim` and `num_times`, where it has
            them, are those of the process.

    Raises:
        ValueError: `layer` is no Keras layer.
    """

    def __init__(self, layer, **kwargs):
        checks.instance("LayerControl", "layer", layer, keras.layers.Layer)
        # The layer casts its inputs itself, by its own policy.
        super().__init__(**{"dtype": layer.dtype_policy, "autocast": False, **kwargs})
        self.layer = layer
        for name in ("dim", "noise_dim", "num_times"):
            setattr(self, name, getattr(layer, name, None))

    @property
    def label(self):
        return type(self.layer).__name__

    def build(self, t_shape=None, x_shape=None):
        # Keras itself builds a plain layer, in its first call.
        if not self.layer.built and builds_from_two_shapes(self.layer):
            self.layer.build(t_shape, x_shape)

    def call(self, t, x, training=False):
        return self.layer(t, x, training=training)

    def get_config(self):
        layer = keras.saving.serialize_keras_object(self.layer)
        if not builds_from_two_shapes(self.layer):
            # Keras notes the one shape that the layer was built for: a layer without
            # `build` would count as built by it, and have no weights to load.
            layer.pop("build_config", None)
        return {**super().get_config(), "layer": layer}

    @classmethod
    def from_config(cls, config):
        layer = registered.deserialize("LayerControl.from_config", config["layer"])
        return cls(**{**config, "layer": layer})


def as_control(layer):
    """A control process as it is, and any other Keras layer in its adapter."""
    return layer if isinstance(layer, ControlProcess) else LayerControl(layer)


def builds_from_two_shapes(layer):
    """Whether a layer has a `build` of its own for the shapes of t and x."""
    try:
        inspect.signature(layer.build).bind((), ())
    except TypeError:
        return False
    return True
