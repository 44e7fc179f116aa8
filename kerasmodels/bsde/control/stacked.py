"""One architecture for all inner times, in batched products."""

import keras
import numpy as np
from keras import ops

from kerasmodels._support import checks
from kerasmodels.bsde.control.network import Network
from kerasmodels.bsde.control.process import ControlProcess
from kerasmodels.bsde.control.subnet import ZSubnet


@keras.saving.register_keras_serializable(package="kerasmodels")
class StackedControl(ControlProcess, Network):
    """The same architecture for all inner times, stacked into batched products.

    Equal to `PerStepControl` over `ZSubnet`s with the same weights (`from_subnets`),
    with kernels `[N - 1, in, out]`: a few large products instead of many small ones.

    Args:
        num_times: int. N - 1.
        dim, hidden, activation, batch_norm, seed, standardized, noise_dim: as in
            `ZSubnet`.

    Call arguments:
        t: Tensor `[batch, N - 1, 1]`. Not used: each slice belongs to one time.
        x: Tensor `[batch, N - 1, dim]`.
        training: bool.

    Output shape:
        `[batch, N - 1, noise_dim]`.

    Raises:
        ValueError: an argument is not of the form above.
    """

    def __init__(
        self,
        num_times,
        dim,
        hidden=None,
        activation="relu",
        batch_norm=False,
        seed=0,
        standardized=False,
        noise_dim=None,
        **kwargs,
    ):
        self._num_times = checks.positive_int("StackedControl", "num_times", num_times)
        stats = (self._num_times, dim)
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

    @property
    def num_times(self):
        return self._num_times

    def _dense(self, width, stddev, seed, use_bias):
        return keras.layers.EinsumDense(
            # Times first, because each product then reads contiguous matrices.
            "nbi,nio->nbo",
            output_shape=(None, width),
            bias_axes="no" if use_bias else None,
            kernel_initializer=keras.initializers.RandomNormal(stddev=stddev, seed=seed),
            dtype=self.dtype_policy,
        )

    def _norm_shape(self, shape):
        return (None, shape[0] * shape[2])

    def _normalize(self, norm, h, training):
        # Time and feature share one axis, so that every time has statistics of its own.
        h = _swapped(h)
        flat = ops.reshape(h, (-1, h.shape[1] * h.shape[2]))
        flat = norm(flat, training=training)
        return _swapped(ops.reshape(flat, (-1, *h.shape[1:])))

    def build(self, t_shape=None, x_shape=None):
        self._build_network((self._num_times, None, self.dim))

    def call(self, t, x, training=False):
        return _swapped(self._run(_swapped(self._standardized(x)), training))

    def at_time(self, index, t, x, g, gradient):

        def row(weight):
            return ops.cast(ops.take(weight, index, axis=0), x.dtype)

        def affine(dense, h):
            h = ops.matmul(h, row(dense.kernel))
            return h if dense.bias is None else h + row(dense.bias)

        h = (x - row(self.input_mean)) / row(self.input_scale)
        for dense, *norms in self.blocks:
            h = affine(dense, h)
            for norm in norms:
                gamma, beta, mean, variance = (
                    row(ops.reshape(w, (self._num_times, -1)))
                    for w in (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance)
                )
                h = (h - mean) / ops.sqrt(variance + norm.epsilon) * gamma + beta
            h = self.activation(h)
        return affine(self.last, h) * ops.cast(self.output_scale, h.dtype)

    def standardize(self, t, x, output_scale, g=None):
        """Sets input mean and scale from x `[num_paths, N - 1, dim]`, and z's scale."""
        x = np.asarray(x)
        self._set_statistics(x.mean(axis=0), x.std(axis=0), output_scale)

    def get_config(self):
        return {**super().get_config(), "num_times": self._num_times}

    @classmethod
    def from_subnets(cls, subnets):
        """Returns the stack of a list of `ZSubnet`s of one architecture, with weights.

        Raises:
            ValueError: the list is empty, or the architectures differ.
        """
        if (
            not isinstance(subnets, (list, tuple))
            or not subnets
            or not all(isinstance(s, ZSubnet) for s in subnets)
        ):
            raise checks.ArgumentError(
                checks.message(
                    "StackedControl.from_subnets",
                    "subnets",
                    "a list of `ZSubnet`s",
                    f"subnets={checks.describe(subnets)}",
                    "Other models can be used as they are by `PerStepControl`.",
                )
            )
        architectures = [
            {**s.get_config(), "name": None, "seed": None, "trainable": None}
            for s in subnets
        ]
        if any(a != architectures[0] for a in architectures):
            raise checks.ArgumentError(
                "`StackedControl.from_subnets` expects `subnets` of one architecture. "
                "Received subnets whose dim, hidden, activation, batch_norm, "
                "standardized, noise_dim or dtype differ. Use `PerStepControl` for those."
            )
        first = subnets[0]
        stack = cls(
            len(subnets),
            first.dim,
            first.hidden,
            first.activation,
            first.batch_norm,
            standardized=True,
            noise_dim=first.noise_dim,
            dtype=first.dtype_policy,
        )
        columns = zip(*([np.asarray(w.numpy()) for w in s.weights] for s in subnets))
        for weight, values in zip(stack.weights, columns):
            # The output scales of the subnets are folded in below; batch norm keeps
            # times and features on one axis.
            if weight is not stack.output_scale:
                weight.assign(np.stack(values).reshape(weight.shape))
        scales = np.array([float(s.output_scale.numpy()) for s in subnets])
        stack.last.kernel.assign(stack.last.kernel * scales[:, None, None])
        stack.last.bias.assign(stack.last.bias * scales[:, None, None])
        return stack


def _swapped(x):
    """x with its axes of paths and times exchanged."""
    return ops.transpose(x, (1, 0, 2))
