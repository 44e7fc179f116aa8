"""A bounded solution with a driver quadratic in u times the gradient."""

import keras
from keras import ops

from kerasmodels.bsde.equation import Equation, Published


@keras.saving.register_keras_serializable(package="kerasmodels")
class HurePhamWarin(Equation):
    """Equation with a bounded oscillating solution, and a driver that grows like z^2.

        f = (cos S + 0.2 sin S) E - 1/2 (sin S cos S E^2)^2 + (u sum_i z_i)^2 / (2 d)
        S = sum_i x_i,    E = exp((T - t) / 2),    u(T, x) = cos S

    Forward SDE: dX_i = 0.2 / d dt + dW_i / sqrt(d). Exact: u = E cos S.

    Reference: Hure, Pham, Warin (2020), https://doi.org/10.1090/mcom/3514

    Args:
        dim: int. d.
        terminal_time: float. T.
        x0: float or `dim` floats.
    """

    published = Published(
        "Hure, Pham, Warin (2020), https://doi.org/10.1090/mcom/3514", 20, 1.0, 120, "1"
    )

    def __init__(self, dim=20, terminal_time=1.0, x0=1.0):
        super().__init__(dim, terminal_time, x0)

    def drift(self, t, x):
        return 0.2 / self.dim + 0 * x

    def diffusion_prod(self, t, x, dw):
        return dw / self.dim**0.5

    def driver(self, t, x, u, z):
        total = ops.sum(x, axis=-1, keepdims=True)
        cos, sin = ops.cos(total), ops.sin(total)
        growth = ops.exp((self.terminal_time - t) / 2)
        product = u * ops.sum(z, axis=-1, keepdims=True)
        return (
            (cos + 0.2 * sin) * growth
            - ops.square(sin * cos * growth**2) / 2
            + ops.square(product) / (2 * self.dim)
        )

    def terminal(self, x):
        return ops.cos(ops.sum(x, axis=-1, keepdims=True))

    def exact_solution(self, t, x):
        return ops.exp((self.terminal_time - t) / 2) * self.terminal(x)
