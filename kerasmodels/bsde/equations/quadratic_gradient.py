"""A driver quadratic in the gradient, with an oscillating explicit solution."""

import keras
from keras import ops

from kerasmodels._support import checks
from kerasmodels.bsde.equation import Equation, Published, squared_norm


@keras.saving.register_keras_serializable(package="kerasmodels")
class QuadraticGradient(Equation):
    """Equation with a quadratically growing derivative and an explicit solution.

        u_t + 1/2 Lap u + |grad u|^2 - |grad psi|^2 - psi_t - 1/2 Lap psi = 0
        psi(t, x) = sin((T - t + |x|^2 / d)^alpha),        u(T, x) = psi(T, x)

    Forward SDE: dX = dW. Exact: u = psi.

    Reference: E, Han, Jentzen (2017), https://doi.org/10.1007/s40304-017-0117-6

    Args:
        dim: int. d.
        terminal_time: float. T.
        x0: float or `dim` floats.
        exponent: float. alpha > 0.
    """

    published = Published(
        "E, Han, Jentzen (2017), https://doi.org/10.1007/s40304-017-0117-6",
        100,
        1.0,
        30,
        "0",
    )

    def __init__(self, dim=100, terminal_time=1.0, x0=0.0, exponent=0.4):
        super().__init__(dim, terminal_time, x0)
        self.exponent = checks.finite_float(
            "QuadraticGradient", "exponent", exponent, above=0.0
        )

    def diffusion_prod(self, t, x, dw):
        return dw

    def driver(self, t, x, u, z):
        # With s = T - t + |x|^2 / d and psi = psi(s): psi_t = -psi', and as
        # grad s = 2 x / d and Lap s = 2, |grad psi|^2 = psi'^2 |grad s|^2 and
        # Lap psi = psi'' |grad s|^2 + 2 psi'.
        a = self.exponent
        r = squared_norm(x) / self.dim
        s = self.terminal_time - t + r
        power, slope = s**a, a * s ** (a - 1)
        first = ops.cos(power) * slope
        second = -ops.sin(power) * slope**2 + ops.cos(power) * (a - 1) * slope / s
        grad_s2 = 4 * r / self.dim
        source = first**2 * grad_s2 - first + (second * grad_s2 + 2 * first) / 2
        return squared_norm(z) - source

    def terminal(self, x):
        return ops.sin((squared_norm(x) / self.dim) ** self.exponent)

    def exact_solution(self, t, x):
        s = self.terminal_time - t + squared_norm(x) / self.dim
        return ops.sin(s**self.exponent)
