"""An equation of Burgers type, with a travelling wave as its solution."""

import keras
from keras import ops

from kerasmodels.bsde.equation import Equation, Published


@keras.saving.register_keras_serializable(package="kerasmodels")
class Burgers(Equation):
    """Burgers-type equation: the gradient enters multiplied by the solution.

        u_t + d^2/2 Lap u + (u - (2 + d) / (2 d)) d sum_i u_i = 0
        u(T, x) = 1 - 1 / (1 + exp(T + mean_i x_i))

    Forward SDE: dX = d dW. In z = d grad u the driver is (u - (2 + d) / (2 d)) sum_i z_i.
    Exact: u(t, x) = 1 - 1 / (1 + exp(t + mean_i x_i)).

    Reference: E, Han, Jentzen (2017), https://doi.org/10.1007/s40304-017-0117-6,
    which also solves d = 20 with T = 1 and 80 steps.

    Args:
        dim: int. d.
        terminal_time: float. T.
        x0: float or `dim` floats.
    """

    published = Published(
        "E, Han, Jentzen (2017), https://doi.org/10.1007/s40304-017-0117-6",
        50,
        0.2,
        30,
        "0",
    )

    def __init__(self, dim=50, terminal_time=0.2, x0=0.0):
        super().__init__(dim, terminal_time, x0)

    def diffusion_prod(self, t, x, dw):
        return self.dim * dw

    def driver(self, t, x, u, z):
        return (u - (2 + self.dim) / (2 * self.dim)) * ops.sum(z, axis=-1, keepdims=True)

    def terminal(self, x):
        return ops.sigmoid(self.terminal_time + ops.mean(x, axis=-1, keepdims=True))

    def exact_solution(self, t, x):
        return ops.sigmoid(t + ops.mean(x, axis=-1, keepdims=True))
