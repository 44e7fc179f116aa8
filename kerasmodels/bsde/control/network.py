"""The small network behind every learnt control process, written once."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from kerasmodels._support import checks, memory
from kerasmodels._support.saving import SavedAsKeras


def init_seeds(seed, count):
    """Returns `count` independent integer seeds derived from one."""
    return [int(s) for s in np.random.SeedSequence(seed).generate_state(count)]


def default_hidden(dim):
    """Two hidden layers of d + 10, as published."""
    return (dim + 10, dim + 10)


def layer_widths(owner, hidden):
    """Returns `hidden`, a list of positive integers, as a tuple, or raises ValueError."""
    if not isinstance(hidden, (list, tuple)):
        received = f"hidden={checks.describe(hidden)}"
        raise checks.ArgumentError(
            checks.message(owner, "hidden", "a list of layer widths", received)
        )
    return tuple(checks.positive_int(owner, "hidden", width) for width in hidden)


class Network(SavedAsKeras, keras.Model):
    """Standardised input -> (dense -> [batch norm] -> activation)* -> dense -> scaled.

    `ZSubnet`, `StackedControl` and `SharedControl` differ in the dense layers and in the
    input. Before `standardize` is called, neither the input nor z is scaled.
    """

    def __init__(
        self,
        dim,
        hidden,
        activation,
        batch_norm,
        seed,
        standardized,
        noise_dim,
        stats,
        **kwargs,
    ):
        owner = type(self).__name__
        checks.policy(owner, kwargs.get("dtype"))
        super().__init__(**kwargs)
        self.dim = checks.positive_int(owner, "dim", dim)
        noise_dim = self.dim if noise_dim is None else noise_dim
        self.noise_dim = checks.positive_int(owner, "noise_dim", noise_dim)
        if hidden is None:
            hidden = default_hidden(self.dim)
        self.hidden = layer_widths(owner, hidden)
        self.activation = checks.activation(owner, "activation", activation)
        self.batch_norm = checks.boolean(owner, "batch_norm", batch_norm)
        self.seed = checks.seed_int(owner, seed)
        self.standardized = checks.boolean(owner, "standardized", standardized)
        self._check_size(owner, stats)
        self._make_network()
        frozen = {"trainable": False, "dtype": self.variable_dtype}
        self.input_mean = self.add_weight(
            shape=stats, initializer="zeros", name="input_mean", **frozen
        )
        self.input_scale = self.add_weight(
            shape=stats, initializer="ones", name="input_scale", **frozen
        )
        self.output_scale = self.add_weight(
            shape=(), initializer="ones", name="output_scale", **frozen
        )

    def _check_size(self, owner, stats):
        """Raises ValueError if the weights do not fit into memory."""
        widths = (self._input_width(), *self.hidden, self.noise_dim)
        networks = stats[0] if len(stats) == 2 else 1
        memory.fits(
            owner,
            "hidden",
            networks * sum(n * m + m for n, m in zip(widths, widths[1:])),
            self.variable_dtype,
            f"the weights of {networks} network(s) of widths {widths}",
            "Take narrower layers; the default is two of dim + 10.",
        )

    def _make_network(self):
        seeds = init_seeds(self.seed, len(self.hidden) + 1)
        fan_in, self.blocks = self._input_width(), []
        for width, seed in zip(self.hidden, seeds):
            # He initialisation by hand, because the initialisers of Keras cannot infer
            # the fan-in of a stacked kernel, which is that of one time step.
            dense = self._dense(width, (2 / fan_in) ** 0.5, seed, not self.batch_norm)
            norm = self._batch_norm() if self.batch_norm else None
            self.blocks.append([dense, norm] if norm else [dense])
            fan_in = width
        # z starts small against its scale, so that training starts near z = 0 (or near
        # the terminal gradient, where the model adds that), but not at a saddle point.
        self.last = self._dense(self.noise_dim, 0.1 * (1 / fan_in) ** 0.5, seeds[-1], True)

    def _input_width(self):
        return self.dim

    def _dense(self, width, stddev, seed, use_bias):
        return keras.layers.Dense(
            width,
            kernel_initializer=keras.initializers.RandomNormal(stddev=stddev, seed=seed),
            use_bias=use_bias,
            dtype=self.dtype_policy,
        )

    def _batch_norm(self):
        # Else the moving statistics of several replicas would silently differ.
        several = tf.distribute.get_strategy().num_replicas_in_sync > 1
        return keras.layers.BatchNormalization(
            synchronized=several, dtype=self.dtype_policy
        )

    def _build_network(self, shape):
        for block in self.blocks:
            block[0].build(shape)
            shape = block[0].compute_output_shape(shape)
            for norm in block[1:]:
                norm.build(self._norm_shape(shape))
        self.last.build(shape)
        if not self.trainable:
            # Keras forgets the freezing of children that are made after `trainable` is
            # set; without this a frozen network thaws when its file is loaded.
            for layer in self._flatten_layers(include_self=False):
                layer.trainable = False

    def _norm_shape(self, shape):
        return shape

    def _normalize(self, norm, h, training):
        return norm(h, training=training)

    def _standardized(self, x):
        mean = ops.cast(self.input_mean, x.dtype)
        return (x - mean) / ops.cast(self.input_scale, x.dtype)

    def _run(self, h, training):
        for block in self.blocks:
            h = block[0](h)
            for norm in block[1:]:
                h = self._normalize(norm, h, training)
            h = self.activation(h)
        return self.last(h) * ops.cast(self.output_scale, h.dtype)

    def _set_statistics(self, mean, std, output_scale):
        """Sets the constants; a coordinate or a z that does not vary keeps scale 1."""
        std = np.where(std > 1e-6 * (np.abs(mean) + np.max(std) + 1e-30), std, 1.0)
        self.input_mean.assign(mean)
        self.input_scale.assign(std)
        usable = np.isfinite(output_scale) and output_scale > 0
        self.output_scale.assign(output_scale if usable else 1.0)
        self.standardized = True

    def get_config(self):
        return {
            **super().get_config(),
            "dim": self.dim,
            "hidden": list(self.hidden),
            "activation": keras.activations.serialize(self.activation),
            "batch_norm": self.batch_norm,
            "seed": self.seed,
            "standardized": self.standardized,
            "noise_dim": self.noise_dim,
        }
