"""A control process for problems whose coordinates can be exchanged."""

import keras
import numpy as np
from keras import ops

from kerasmodels._support import checks, memory
from kerasmodels._support.saving import SavedAsKeras
from kerasmodels.bsde.control.network import init_seeds
from kerasmodels.bsde.control.process import ControlProcess

# mean x, mean x^2, max x, min x, g(x)
_POOLED = 5
# The statistics of each: mean and deviation; then those of a coordinate.
_STATISTICS = 2 * _POOLED + 2


@keras.saving.register_keras_serializable(package="kerasmodels")
class ExchangeableControl(ControlProcess, SavedAsKeras, keras.Model):
    """One small network for all coordinates and all times; reordering x reorders z.

        z_i = a s_i + scale (b y_i + c + sum_k w_k tanh(v_k . e_i))
        (a, b, c, w_1, ..., w_K) = net(t, mean x, mean x^2, max x, min x, g(x))

    s = sigma^T grad g(x) is the terminal gradient, y_i the standardised coordinate, and
    e_i = (y_i, distance to the largest, distance to the smallest, t, 1). The number of
    weights does not depend on the dimension. At the start a = 1 and the rest is near 0.
    Pooled features are standardised by their mean and deviation at each inner time,
    which are interpolated, so the network can be evaluated at any time.

    Reference: Zaheer et al. (2017), https://arxiv.org/abs/1703.06114 (equivariant
    networks from pooled features)

    Args:
        dim: int. Size of x and z.
        times: list of float. The inner times t_1, ..., t_{N-1} at which the statistics
            are known.
        width: int. Width of the two hidden layers of the network of pooled features.
        features: int. K, learnt functions of one coordinate; 0 leaves them out. They
            matter where z depends on the place of a coordinate among the others, as
            for the largest of many assets.
        seed: int. Seed of the initial weights.
        standardized: bool. As in `ZSubnet`.

    Call arguments:
        t: Tensor `[batch, times, 1]`.
        x: Tensor `[batch, times, dim]`.
        g: Tensor `[batch, times, 1]`. g(x).
        gradient: Tensor `[batch, times, dim]`. sigma^T grad g(x).
        training: bool.

    Output shape:
        `[batch, times, dim]`.

    Raises:
        ValueError: an argument is not of the form above.
    """

    uses_terminal = True

    @property
    def noise_dim(self):
        """The size of z: that of x."""
        return self.dim

    def __init__(
        self, dim, times, width=32, features=0, seed=0, standardized=False, **kwargs
    ):
        super().__init__(**kwargs)
        owner = "ExchangeableControl"
        self.dim = checks.positive_int(owner, "dim", dim)
        self.times = checks.finite_array(owner, "times", times)
        if (
            self.times.ndim != 1
            or not self.times.size
            or not np.all(np.diff(self.times) > 0)
        ):
            raise checks.ArgumentError(
                checks.message(
                    owner,
                    "times",
                    "strictly increasing times",
                    f"times={checks.describe(times)}",
                )
            )
        self.width = checks.positive_int(owner, "width", width)
        self.features = checks.positive_int(owner, "features", features, minimum=0)
        self.seed = checks.seed_int(owner, seed)
        self.standardized = checks.boolean(owner, "standardized", standardized)
        memory.fits(
            owner,
            "width",
            self.width * (self.width + self.features + 10) + 4 * self.features,
            self.variable_dtype,
            f"the weights of {self.width} units and {self.features} features",
            "Take fewer of them.",
        )
        self._make_weights()
        self.built = True

    def _make_weights(self):
        inputs, width, outputs = _POOLED + 1, self.width, 3 + self.features
        seeds = iter(init_seeds(self.seed, 6))

        def weight(name, shape, stddev):
            initializer = keras.initializers.RandomNormal(stddev=stddev, seed=next(seeds))
            return self.add_weight(shape=shape, initializer=initializer, name=name)

        def bias(name, width):
            return self.add_weight(shape=(width,), initializer="zeros", name=name)

        self.kernel_1 = weight("kernel_1", (inputs, width), inputs**-0.5)
        self.bias_1 = weight("bias_1", (width,), 0.3)
        self.kernel_2 = weight("kernel_2", (width, width), width**-0.5)
        self.bias_2 = bias("bias_2", width)
        self.kernel_3 = weight("kernel_3", (width, outputs), 0.02 * width**-0.5)
        self.bias_3 = bias("bias_3", outputs)
        if self.features:
            self.slopes = weight("slopes", (4, self.features), 0.5)
            self.shifts = weight("shifts", (self.features,), 1.0)
        frozen = {"trainable": False, "dtype": self.variable_dtype, "autocast": False}
        table = np.tile(np.repeat([0.0, 1.0], [_POOLED, _POOLED]), (len(self.times), 1))
        table = np.concatenate([table, np.tile([0.0, 1.0], (len(self.times), 1))], axis=1)
        self.statistics = self.add_weight(
            shape=table.shape, initializer="zeros", name="statistics", **frozen
        )
        self.statistics.assign(table)
        self.output_scale = self.add_weight(
            shape=(), initializer="ones", name="output_scale", **frozen
        )

    def build(self, t_shape=None, *shapes):
        self.built = True

    def _statistics_at(self, t):
        """The rows of the table at times t, linear between and constant outside."""
        times = ops.convert_to_tensor(self.times, t.dtype)
        gaps = np.diff(self.times)
        # Infinite at both ends, so that the first and the last row reach outwards.
        left = ops.convert_to_tensor(np.append(np.inf, gaps), t.dtype)
        right = ops.convert_to_tensor(np.append(gaps, np.inf), t.dtype)
        away = ops.clip(t, times[0], times[-1]) - times
        near = ops.minimum(1 + away / left, 1 - away / right)
        return ops.matmul(ops.clip(near, 0, 1), ops.cast(self.statistics, t.dtype))

    def call(self, t, x, g, gradient, training=False):
        dtype = x.dtype
        statistics = self._statistics_at(t)
        mean, std = statistics[..., :_POOLED], statistics[..., _POOLED : 2 * _POOLED]
        centre, spread = statistics[..., -2:-1], statistics[..., -1:]
        pooled = _pooled(x, g)
        clock = (2 * t - self.times[0] - self.times[-1]) / (
            self.times[-1] - self.times[0] or self.times[-1] or 1.0
        )
        h = ops.concatenate([(pooled - mean) / std, clock], axis=-1)
        for kernel, bias in ((self.kernel_1, self.bias_1), (self.kernel_2, self.bias_2)):
            h = ops.tanh(ops.matmul(h, ops.cast(kernel, dtype)) + ops.cast(bias, dtype))
        weights = ops.matmul(h, ops.cast(self.kernel_3, dtype))
        weights = weights + ops.cast(self.bias_3, dtype)
        y = (x - centre) / spread
        z = weights[..., 1:2] * y + weights[..., 2:3]
        if self.features:
            largest, smallest = pooled[..., 2:3], pooled[..., 3:4]
            place = ops.stack(
                [
                    y,
                    (largest - x) / spread,
                    (x - smallest) / spread,
                    clock + ops.zeros_like(x),
                ],
                axis=-1,
            )
            learnt = ops.tanh(
                ops.matmul(place, ops.cast(self.slopes, dtype))
                + ops.cast(self.shifts, dtype)
            )
            z = z + ops.sum(learnt * weights[..., None, 3:], axis=-1)
        return (1 + weights[..., :1]) * gradient + ops.cast(self.output_scale, dtype) * z

    def standardize(self, t, x, output_scale, g=None):
        """Sets the statistics from x `[num_paths, N - 1, dim]` and g(x), and z's scale."""
        x = np.asarray(x, "float64")
        pooled = _pooled(x, np.zeros_like(x[..., :1]) if g is None else np.asarray(g))
        pooled = np.asarray(pooled, "float64")
        coordinate = x.mean((0, 2))[:, None], x.std((0, 2))[:, None]
        columns = (pooled.mean(0), pooled.std(0), *coordinate)
        table = np.concatenate(columns, axis=1)
        for column in (*range(_POOLED, 2 * _POOLED), _STATISTICS - 1):
            # A constant feature keeps scale 1.
            size = np.abs(table[:, column - (1 if column > 2 * _POOLED else _POOLED)])
            still = table[:, column] <= 1e-6 * (size + table[:, column].max() + 1e-30)
            table[still, column] = 1.0
        self.statistics.assign(table)
        usable = np.isfinite(output_scale) and output_scale > 0
        self.output_scale.assign(output_scale if usable else 1.0)
        self.standardized = True

    def get_config(self):
        return {
            **super().get_config(),
            "dim": self.dim,
            "times": self.times.tolist(),
            "width": self.width,
            "features": self.features,
            "seed": self.seed,
            "standardized": self.standardized,
        }


def _pooled(x, g):
    # A mean by a matrix product takes a fraction of the time of a reduction under XLA.
    average = ops.full((x.shape[-1], 1), 1 / x.shape[-1], x.dtype)
    return ops.concatenate(
        [
            ops.matmul(x, average),
            ops.matmul(ops.square(x), average),
            ops.max(x, axis=-1, keepdims=True),
            ops.min(x, axis=-1, keepdims=True),
            ops.cast(g, x.dtype),
        ],
        axis=-1,
    )
