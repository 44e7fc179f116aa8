"""The share of the terminal gradient in z at each inner time."""

import keras
from keras import ops

from kerasmodels._support import checks, memory
from kerasmodels.bsde.control.network import init_seeds


@keras.saving.register_keras_serializable(package="kerasmodels")
class TerminalSkip(keras.layers.Layer):
    """Scales the terminal gradient: z[n] = a_n(g(x[n])) sigma^T grad g(x[n]) + ...

        a_n(g) = c_n + V_n tanh(W_n (g - mean) / scale + b_n)
        a(t, g) = c + V tanh(W (g - mean) / scale + w t / T + b)    without `num_times`

    One tiny network of one number per inner time, or one for all times, near 1 at the
    start. Where u(t, x) is a function of t and g(x) (linear payoffs, radial problems,
    travelling waves) this alone can be exact; elsewhere it leaves a smaller remainder to
    the control process.

    Args:
        num_times: None or int. N - 1; None is one network for all times.
        width: int. Width of the hidden layer.
        seed: int. Seed of the initial weights.
        mean, scale: float. Of g(x_N), to standardise by.
        terminal_time: float. T, to standardise t by; read only without `num_times`.

    Call arguments:
        t: Tensor `[batch, N - 1, 1]`. Read only without `num_times`.
        g: Tensor `[batch, N - 1, 1]`. g(x_n).
        gradient: Tensor `[batch, N - 1, noise_dim]`. sigma^T grad g(x_n).

    Output shape:
        `[batch, N - 1, noise_dim]`.

    Raises:
        ValueError: an argument is not of the form above.
    """

    def __init__(
        self,
        num_times=None,
        width=16,
        seed=0,
        mean=0.0,
        scale=1.0,
        terminal_time=1.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        owner = "TerminalSkip"
        if num_times is not None:
            num_times = checks.positive_int(owner, "num_times", num_times)
        self.num_times = num_times
        self.width = checks.positive_int(owner, "width", width)
        self.seed = checks.seed_int(owner, seed)
        self.mean = checks.finite_float(owner, "mean", mean)
        self.scale = checks.finite_float(owner, "scale", scale, above=0.0)
        self.terminal_time = checks.finite_float(
            owner, "terminal_time", terminal_time, above=0.0
        )
        memory.fits(
            owner,
            "width",
            4 * self.width * (num_times or 1),
            self.variable_dtype,
            f"the weights of {self.width} units at each time",
            "Take fewer units.",
        )
        seeds = init_seeds(self.seed, 4)
        rows = () if num_times is None else (num_times,)
        # The standard deviations spread the bends of tanh over the bulk of g.
        weights = [
            ("slope", 1.5, seeds[0]),
            ("shift", 1.0, seeds[1]),
            ("height", 0.01, seeds[2]),
        ]
        if num_times is None:
            weights.append(("rate", 1.0, seeds[3]))
        for name, stddev, seed in weights:
            initializer = keras.initializers.RandomNormal(stddev=stddev, seed=seed)
            weight = self.add_weight(
                shape=(*rows, width), initializer=initializer, name=name
            )
            setattr(self, name, weight)
        self.level = self.add_weight(shape=(*rows, 1), initializer="ones", name="level")
        self.built = True

    def call(self, t, g, gradient):
        return self._amount(t, g, lambda weight: weight) * gradient

    def at(self, index, t, g, gradient):
        """The same at one time: g `[batch, 1]`, gradient `[batch, noise_dim]`."""
        own = self.num_times is not None
        return (
            self._amount(t, g, lambda w: ops.take(w, index, axis=0) if own else w)
            * gradient
        )

    def _amount(self, t, g, row):
        h = (g - self.mean) / self.scale * ops.cast(row(self.slope), g.dtype)
        h = h + ops.cast(row(self.shift), g.dtype)
        if self.num_times is None:
            h = h + t / self.terminal_time * ops.cast(self.rate, g.dtype)
        amount = ops.sum(
            ops.tanh(h) * ops.cast(row(self.height), g.dtype), axis=-1, keepdims=True
        )
        return amount + ops.cast(row(self.level), g.dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "num_times": self.num_times,
            "width": self.width,
            "seed": self.seed,
            "mean": self.mean,
            "scale": self.scale,
            "terminal_time": self.terminal_time,
        }
