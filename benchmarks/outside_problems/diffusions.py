"""Linear equations without an exact step: drift or noise depends on x."""

import math

import keras
import numpy as np
from keras import ops

from kerasmodels import bsde

from .finite_differences import backward_value

register = keras.saving.register_keras_serializable(package="outside")


@register
class OrnsteinUhlenbeck(bsde.Equation):
    """u_t + 1/2 s^2 Lap u - k x . grad u = 0, u(T, x) = |x|^2.

    u(0, x0) is the second moment of a Gaussian:
    |x0|^2 e^(-2kT) + d s^2 (1 - e^(-2kT)) / (2k).
    """

    def __init__(self, dim=10, rate=1.0, volatility=0.5, terminal_time=1.0, x0=1.0):
        super().__init__(dim, terminal_time, x0)
        self.rate, self.volatility = rate, volatility

    def drift(self, t, x):
        return -self.rate * x

    def diffusion_prod(self, t, x, dw):
        return self.volatility * dw

    def driver(self, t, x, u, z):
        return ops.zeros_like(u)

    def terminal(self, x):
        return bsde.squared_norm(x)

    def reference(self):
        left = math.exp(-2 * self.rate * self.terminal_time)
        variance = self.volatility**2 * (1 - left) / (2 * self.rate)
        value = np.sum(self.x0**2) * left + self.dim * variance
        return bsde.Reference(float(value), "second moment of a Gaussian", 0.0)


@register
class GeometricSquares(bsde.Equation):
    """u_t + 1/2 s^2 sum x_i^2 u_ii + r x . grad u - r u = 0, u(T, x) = |x|^2.

    u = |x|^2 e^((r + s^2)(T - t)).
    """

    def __init__(self, dim=5, rate=0.05, volatility=0.4, terminal_time=1.0, x0=1.0):
        super().__init__(dim, terminal_time, x0)
        self.rate, self.volatility = rate, volatility

    def drift(self, t, x):
        return self.rate * x

    def diffusion_prod(self, t, x, dw):
        return self.volatility * x * dw

    def driver(self, t, x, u, z):
        return -self.rate * u

    def terminal(self, x):
        return bsde.squared_norm(x)

    def reference(self):
        growth = (self.rate + self.volatility**2) * self.terminal_time
        value = np.sum(self.x0**2) * math.exp(growth)
        return bsde.Reference(float(value), "second moment of a log-normal", 0.0)


@register
class DoubleWell(bsde.Equation):
    """u_t + 1/2 s^2 u_xx + (x - x^3) u_x = 0, u(T, x) = x^2: a particle with two wells."""

    def __init__(self, volatility=0.7, terminal_time=2.0, x0=0.3):
        super().__init__(1, terminal_time, x0)
        self.volatility = volatility

    def drift(self, t, x):
        return x - x**3

    def diffusion_prod(self, t, x, dw):
        return self.volatility * dw

    def driver(self, t, x, u, z):
        return ops.zeros_like(u)

    def terminal(self, x):
        return x**2

    def reference(self):
        value, tolerance = backward_value(
            self.x0[0],
            (-4.0, 4.0),
            self.terminal_time,
            variance=lambda x: self.volatility**2 + 0 * x,
            drift=lambda x: x - x**3,
            driver=lambda x, u, slope: 0 * u,
            terminal=lambda x: x**2,
        )
        return bsde.Reference(value, "finite differences", tolerance)


@register
class RunningCost(bsde.Equation):
    """u_t + 1/2 s^2 Lap u - k x . grad u + |x|^2 - r u = 0, u(T, x) = |x|^2.

    u(0, x0) = int_0^T e^(-rs) E|X_s|^2 ds + e^(-rT) E|X_T|^2 of the Ornstein-Uhlenbeck
    process X, whose second moment is a sum of two exponentials.
    """

    def __init__(
        self, dim=4, speed=0.5, volatility=0.6, rate=0.1, terminal_time=20.0, x0=1.0
    ):
        super().__init__(dim, terminal_time, x0)
        self.speed, self.volatility, self.rate = speed, volatility, rate

    def drift(self, t, x):
        return -self.speed * x

    def diffusion_prod(self, t, x, dw):
        return self.volatility * dw

    def driver(self, t, x, u, z):
        return bsde.squared_norm(x) - self.rate * u

    def terminal(self, x):
        return bsde.squared_norm(x)

    def reference(self):
        # E|X_s|^2 = stationary + excess e^(-2ks).
        stationary = self.dim * self.volatility**2 / (2 * self.speed)
        excess = np.sum(self.x0**2) - stationary
        value = 0.0
        for size, decay in ((stationary, self.rate), (excess, self.rate + 2 * self.speed)):
            left = math.exp(-decay * self.terminal_time)
            value += size * ((1 - left) / decay + left)
        return bsde.Reference(float(value), "closed form", 0.0)
