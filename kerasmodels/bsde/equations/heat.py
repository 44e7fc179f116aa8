"""The heat equation, whose zero driver gives every number in closed form."""

import keras

from kerasmodels.bsde.equation import Equation, Published, squared_norm


@keras.saving.register_keras_serializable(package="kerasmodels")
class Heat(Equation):
    """Heat equation with a quadratic terminal condition.

        u_t + 1/2 Lap u = 0,        u(T, x) = |x|^2

    Forward SDE: dX = dW. Exact: u = |x|^2 + d (T - t), z = 2 x. With N equal time steps
    no z can bring the mean squared terminal mismatch below 2 d T^2 / N: that floor is
    the discretisation's, not the network's, and a training loss below it means that the
    network overfits its paths.

    Reference: the mean of |x + W|^2 is |x|^2 + d T.

    Args:
        dim: int. d.
        terminal_time: float. T.
        x0: float or `dim` floats.
    """

    published = Published("textbook", 100, 1.0, 20, "0")

    def __init__(self, dim=100, terminal_time=1.0, x0=0.0):
        super().__init__(dim, terminal_time, x0)

    def diffusion_prod(self, t, x, dw):
        return dw

    def driver(self, t, x, u, z):
        return 0 * u

    def terminal(self, x):
        return squared_norm(x)

    def exact_solution(self, t, x):
        return squared_norm(x) + self.dim * (self.terminal_time - t)
