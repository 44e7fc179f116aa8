"""A list of networks, one per inner time."""

import pathlib

import keras
import tensorflow as tf
from keras import ops

from kerasmodels._support import checks, memory, registered
from kerasmodels._support.saving import SavedAsKeras
from kerasmodels.bsde.control.network import init_seeds
from kerasmodels.bsde.control.process import ControlProcess
from kerasmodels.bsde.control.subnet import ZSubnet


def files_advice(subnets):
    """Advice where `subnets` has names of files in place of networks, else empty."""
    names = subnets if isinstance(subnets, (list, tuple)) else [subnets]
    if not any(isinstance(name, (str, pathlib.PurePath)) for name in names):
        return ""
    return "`bsde.load_subnets(paths)` reads networks from files."


@keras.saving.register_keras_serializable(package="kerasmodels")
class PerStepControl(ControlProcess, SavedAsKeras, keras.Model):
    """One network per inner time, held as a list: z_n = subnets[n - 1](x_n).

    Args:
        subnets: list of N - 1 Keras models, each `[batch, dim]` -> `[batch, noise_dim]`,
            in the order of the times. They may be the user's own, loaded from files.

    Call arguments:
        t: Tensor `[batch, N - 1, 1]`. Not used: each network belongs to one time.
        x: Tensor `[batch, N - 1, dim]`.
        training: bool.

    Output shape:
        `[batch, N - 1, noise_dim]`.

    Raises:
        ValueError: `subnets` is empty or holds something that is not a Keras model.
    """

    def __init__(self, subnets, **kwargs):
        super().__init__(**kwargs)
        given = subnets
        subnets = list(subnets) if isinstance(subnets, (list, tuple)) else []
        if not subnets or not all(isinstance(s, keras.layers.Layer) for s in subnets):
            raise checks.ArgumentError(
                checks.message(
                    "PerStepControl",
                    "subnets",
                    "a list of Keras models, one per inner time",
                    f"subnets={checks.describe(given)}",
                    files_advice(given),
                )
            )
        self.subnets = subnets

    @classmethod
    def fresh(cls, num_times, dim, seed=0, dtype=None, **options):
        """Returns `num_times` new `ZSubnet`s of one architecture, as a control process."""
        owner = "PerStepControl.fresh"
        num_times = checks.positive_int(owner, "num_times", num_times)
        dim = checks.positive_int(owner, "dim", dim)
        what, advice = f"{num_times} networks", "Take fewer time steps."
        memory.fits(owner, "num_times", num_times * dim, "float32", what, advice)
        seeds = init_seeds(checks.seed_int(owner, seed), num_times)
        nets = [ZSubnet(dim, seed=s, dtype=dtype, **options) for s in seeds]
        return cls(nets, dtype=dtype)

    @property
    def num_times(self):
        return len(self.subnets)

    @property
    def standardized(self):
        return all(_is_standardized(net) for net in self.subnets)

    def build(self, t_shape=None, x_shape=None):
        for net in self.subnets:
            if not net.built:
                if x_shape is None:
                    return
                net.build((x_shape[0], x_shape[-1]))
        if not self.trainable:
            for net in self.subnets:
                net.trainable = False

    def call(self, t, x, training=False):
        states = ops.unstack(x, axis=1)
        z = [net(x_n, training=training) for net, x_n in zip(self.subnets, states)]
        return ops.stack(z, axis=1)

    def at_time(self, index, t, x, g, gradient):
        return tf.switch_case(index, [lambda net=net: net(x) for net in self.subnets])

    def standardize(self, t, x, output_scale, g=None):
        """Standardises the subnets without constants, from x `[num_paths, N - 1, dim]`."""
        for n, net in enumerate(self.subnets):
            if not _is_standardized(net):
                net.standardize(x[:, n], output_scale)

    def get_config(self):
        subnets = [keras.saving.serialize_keras_object(s) for s in self.subnets]
        for config in subnets:
            # A subnet that was trained alone has an optimizer of its own. Here the
            # whole model has one; a second would not fit once the subnet is frozen.
            config.pop("compile_config", None)
        return {**super().get_config(), "subnets": subnets}

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        config["subnets"] = [
            registered.deserialize("PerStepControl.from_config", subnet)
            for subnet in config["subnets"]
        ]
        return cls(**config)


def _is_standardized(net):
    """Whether the inputs of a network need no constants; a user's network needs none."""
    return net.standardized if isinstance(net, ZSubnet) else True
