"""The network of one time step."""

import keras
import numpy as np

from kerasmodels.bsde.control.network import Network


@keras.saving.register_keras_serializable(package="kerasmodels")
class ZSubnet(Network):
    """Maps the state x_n to the control z_n = sigma^T grad u(t_n, x_n) at one time.

        h = (x - input_mean) / input_scale
        h = activation([batch norm](W h + b))        per hidden width
        z = output_scale (W h + b)

    `standardize` sets the three constants from a sample; until then they are 0, 1, 1.

    Reference: E, Han, Jentzen (2017), https://doi.org/10.1007/s40304-017-0117-6

    Args:
        dim: int. Size of x.
        hidden: None or list of int. Widths of the hidden layers; None is two of d + 10.
        activation: name or function.
        batch_norm: bool. Batch normalisation before each activation.
        seed: int. Seed of the initial weights.
        standardized: bool. True keeps the constants as they are (0, 1, 1 or loaded):
            a model that receives a subnet with False sets them from its own paths.
        noise_dim: None or int. Size of z; None is `dim`.

    Call arguments:
        x: Tensor `[batch, dim]`.
        training: bool. Whether batch norm uses the statistics of the batch.

    Output shape:
        `[batch, noise_dim]`.

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
        super().__init__(
            dim,
            hidden,
            activation,
            batch_norm,
            seed,
            standardized,
            noise_dim,
            (dim,),
            **kwargs,
        )
        # With its shape, because an export reads that from every model.
        self.build((None, self.dim))

    def build(self, input_shape=None):
        self._build_network((None, self.dim))

    def call(self, x, training=False):
        return self._run(self._standardized(x), training)

    def standardize(self, x, output_scale):
        """Sets input mean and scale from states x `[num_paths, dim]`, and z's scale."""
        x = np.asarray(x)
        self._set_statistics(x.mean(axis=0), x.std(axis=0), output_scale)
