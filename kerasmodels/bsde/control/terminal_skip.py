"""How much of the terminal gradient z takes at each inner time."""

import keras
from keras import ops

from kerasmodels import _checks
from kerasmodels.bsde.control.network import init_seeds


@keras.saving.register_keras_serializable(package="kerasmodels")
class TerminalSkip(keras.layers.Layer):
    """Scales the terminal gradient: z[n] = a_n(g(x[n])) sigma^T grad g(x[n]) + ...

        a_n(g) = 1 + V_n tanh(W_n (g - mean) / scale + b_n)

    One tiny network of one number per inner time, near 1 at the start. Where u(t, x) is
    a function of t and g(x) (linear payoffs, radial problems, travelling waves) this
    alone can be exact; elsewhere it leaves a smaller remainder to the control process.

    Args:
        num_times: int. N - 1.
        units: int. Hidden units.
        seed: int. Seed of the initial weights.
        mean, scale: float. Of g(x_N), to standardise by.

    Call arguments:
        g: Tensor `[batch, N - 1, 1]`. g(x_n).
        gradient: Tensor `[batch, N - 1, dim]`. sigma^T grad g(x_n).

    Output shape:
        `[batch, N - 1, dim]`.

    Raises:
        ValueError: an argument is not of the form above.
    """

    def __init__(self, num_times, units=16, seed=0, mean=0.0, scale=1.0, **kwargs):
        super().__init__(**kwargs)
        owner = "TerminalSkip"
        self.num_times = _checks.positive_int(owner, "num_times", num_times)
        self.units = _checks.positive_int(owner, "units", units)
        self.seed = _checks.seed_int(owner, seed)
        self.mean = _checks.finite_float(owner, "mean", mean)
        self.scale = _checks.finite_float(owner, "scale", scale, above=0.0)
        seeds = init_seeds(self.seed, 3)
        # The standard deviations spread the bends of tanh over the bulk of g.
        for name, shape, stddev, seed in (
            ("slope", (num_times, units), 1.5, seeds[0]),
            ("shift", (num_times, units), 1.0, seeds[1]),
            ("height", (num_times, units), 0.01, seeds[2]),
        ):
            initializer = keras.initializers.RandomNormal(stddev=stddev, seed=seed)
            weight = self.add_weight(shape=shape, initializer=initializer, name=name)
            setattr(self, name, weight)
        self.level = self.add_weight(shape=(num_times,), initializer="ones", name="level")
        self.built = True

    def call(self, g, gradient):
        dtype = g.dtype
        slope, shift, height, level = (
            ops.cast(w, dtype) for w in (self.slope, self.shift, self.height, self.level)
        )
        h = ops.tanh((g - self.mean) / self.scale * slope + shift)
        amount = ops.sum(h * height, axis=-1, keepdims=True) + level[:, None]
        return amount * gradient

    def get_config(self):
        return {
            **super().get_config(),
            "num_times": self.num_times,
            "units": self.units,
            "seed": self.seed,
            "mean": self.mean,
            "scale": self.scale,
        }
