"""One network for all times, with the time as an input."""

import keras
import numpy as np
from keras import ops

from kerasmodels._support import checks
from kerasmodels.bsde.control.network import Network
from kerasmodels.bsde.control.process import ControlProcess


@keras.saving.register_keras_serializable(package="kerasmodels")
class SharedControl(ControlProcess, Network):
    """One network for all times, with the time as an extra input.

    The parameters do not grow with the number of steps, and the network can be
    evaluated between the grid times. One mean and one scale per coordinate serve all times.

    Args:
        dim, hidden, activation, batch_norm, seed, standardized, noise_dim: as in
            `ZSubnet`.

    Call arguments:
        t: Tensor `[batch, times, 1]`.
        x: Tensor `[batch, times, dim]`.
        training: bool.

    Output shape:
        `[batch, times, noise_dim]`.

    Raises:
        ValueError: an argument is not of the form above.
    """

    def __init__(
        self,
        dim,
        hidden=None,
        activation="relu",
        batch_norm=False,
        seed=0,
        standardized=False,
        noise_dim=None,
        **kwargs,
    ):
        stats = (checks.positive_int("SharedControl", "dim", dim) + 1,)
        super().__init__(
            dim,
            hidden,
            activation,
            batch_norm,
            seed,
            standardized,
            noise_dim,
            stats,
            **kwargs,
        )
        self.build()

    def _input_width(self):
        return self.dim + 1

    def build(self, t_shape=None, x_shape=None):
        self._build_network((None, None, self.dim + 1))

    def call(self, t, x, training=False):
        return self._run(self._standardized(ops.concatenate([x, t], -1)), training)

    def standardize(self, t, x, output_scale, g=None):
        """Sets input mean and scale from t and x `[num_paths, times, dim]`."""
        both = np.concatenate([np.asarray(x), np.asarray(t)], axis=-1)
        both = both.reshape(-1, both.shape[-1])
        self._set_statistics(both.mean(axis=0), both.std(axis=0), output_scale)
