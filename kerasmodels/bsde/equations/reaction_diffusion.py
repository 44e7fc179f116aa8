"""A reaction-diffusion equation whose solution oscillates in space and decays in time."""

import keras
from keras import ops

from kerasmodels._support import checks
from kerasmodels.bsde.equation import Equation, Published


@keras.saving.register_keras_serializable(package="kerasmodels")
class ReactionDiffusion(Equation):
    """Time-dependent reaction-diffusion equation with an explicit solution.

        f = min(1, (u - v(t, x))^2),        u(T, x) = v(T, x)
        v(t, x) = 1 + kappa + sin(l sum_i x_i) exp(l^2 d (t - T) / 2)

    Forward SDE: dX = dW. Exact: u = v. On the exact solution the driver is zero, so the
    trivial baseline E g(X_T) is already the answer: good for tests, poor as a benchmark.

    Reference: E, Han, Jentzen (2017), https://doi.org/10.1007/s40304-017-0117-6

    Args:
        dim: int. d.
        terminal_time: float. T.
        x0: float or `dim` floats.
        kappa: float.
        wave_number: None or float. l; None is 1 / sqrt(d).
    """

    published = Published(
        "E, Han, Jentzen (2017), https://doi.org/10.1007/s40304-017-0117-6",
        100,
        1.0,
        30,
        "0",
    )

    def __init__(self, dim=100, terminal_time=1.0, x0=0.0, kappa=0.6, wave_number=None):
        super().__init__(dim, terminal_time, x0)
        owner = "ReactionDiffusion"
        self.kappa = checks.finite_float(owner, "kappa", kappa)
        self.wave_number = checks.finite_float(
            owner,
            "wave_number",
            self.dim**-0.5 if wave_number is None else wave_number,
        )

    def diffusion_prod(self, t, x, dw):
        return dw

    def driver(self, t, x, u, z):
        return ops.minimum(1.0, (u - self.exact_solution(t, x)) ** 2)

    def terminal(self, x):
        wave = ops.sin(self.wave_number * ops.sum(x, axis=-1, keepdims=True))
        return 1 + self.kappa + wave

    def exact_solution(self, t, x):
        rate = self.wave_number**2 * self.dim / 2
        wave = ops.sin(self.wave_number * ops.sum(x, axis=-1, keepdims=True))
        return 1 + self.kappa + wave * ops.exp(rate * (t - self.terminal_time))
