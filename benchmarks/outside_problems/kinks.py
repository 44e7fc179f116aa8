"""Drivers with a kink: in z, in u, in both, and a stiff one."""

import math

import keras
import numpy as np
from keras import ops
from scipy.stats import norm

from kerasmodels import bsde

from .finite_differences import backward_value

register = keras.saving.register_keras_serializable(package="outside")


@register
class BoundedControl(bsde.Equation):
    """u_t + 1/2 Lap u - |grad u| = 0, g = (e . x - k)^+ with e = (1, ..., 1) / sqrt d.

    u is the least value over controls in the unit ball. g grows along e, so the best
    control is -e, a drift of -1 along e, and the value is Bachelier's formula.
    """

    def __init__(self, dim=5, strike=0.5, terminal_time=1.0, x0=0.3):
        super().__init__(dim, terminal_time, x0)
        self.strike = strike

    def diffusion_prod(self, t, x, dw):
        return dw

    def driver(self, t, x, u, z):
        return -ops.sqrt(bsde.squared_norm(z))

    def terminal(self, x):
        along = ops.sum(x, axis=-1, keepdims=True) / self.dim**0.5
        return ops.maximum(along - self.strike, 0.0)

    def reference(self):
        deviation = math.sqrt(self.terminal_time)
        mean = np.sum(self.x0) / self.dim**0.5 - self.terminal_time - self.strike
        d = mean / deviation
        value = mean * norm.cdf(d) + deviation * norm.pdf(d)
        return bsde.Reference(float(value), "Bachelier", 0.0)


@register
class Straddle(bsde.Equation):
    """|X - K| with a lending rate r and a borrowing rate R: dX = r X dt + s X dW.

    f = -r u + (R - r) (z / s - u)^+. z / s is the money in the asset, u - z / s the cash.

    Reference: Bergman (1995), https://doi.org/10.1093/rfs/8.2.475
    """

    def __init__(
        self,
        lending=0.03,
        borrowing=0.05,
        volatility=0.3,
        strike=100.0,
        terminal_time=1.0,
        x0=100.0,
    ):
        super().__init__(1, terminal_time, x0)
        self.lending, self.borrowing = lending, borrowing
        self.volatility, self.strike = volatility, strike

    def drift(self, t, x):
        return self.lending * x

    def diffusion_prod(self, t, x, dw):
        return self.volatility * x * dw

    def driver(self, t, x, u, z):
        debt = ops.maximum(z / self.volatility - u, 0.0)
        return -self.lending * u + (self.borrowing - self.lending) * debt

    def terminal(self, x):
        return ops.abs(x - self.strike)

    def reference(self):
        spread = self.borrowing - self.lending
        value, tolerance = backward_value(
            self.x0[0],
            (0.0, 6 * self.strike),
            self.terminal_time,
            variance=lambda x: (self.volatility * x) ** 2,
            drift=lambda x: self.lending * x,
            driver=lambda x, u, slope: (
                -self.lending * u + spread * np.maximum(x * slope - u, 0.0)
            ),
            terminal=lambda x: np.abs(x - self.strike),
            num_points=600,
        )
        return bsde.Reference(value, "finite differences", tolerance)


@register
class LargeValueTax(bsde.Equation):
    """u_t + 1/2 Lap u - c (u - a)^+ = 0, g = 1 / (1 + exp(-2 e . x)).

    e = (1, ..., 1) / sqrt d. u depends only on e . x, which is a Brownian motion.
    """

    def __init__(self, dim=5, tax=2.0, level=0.4, terminal_time=1.0, x0=0.0):
        super().__init__(dim, terminal_time, x0)
        self.tax, self.level = tax, level

    def diffusion_prod(self, t, x, dw):
        return dw

    def driver(self, t, x, u, z):
        return -self.tax * ops.maximum(u - self.level, 0.0)

    def terminal(self, x):
        return ops.sigmoid(2 * ops.sum(x, axis=-1, keepdims=True) / self.dim**0.5)

    def reference(self):
        value, tolerance = backward_value(
            np.sum(self.x0) / self.dim**0.5,
            (-10.0, 10.0),
            self.terminal_time,
            variance=lambda x: 1 + 0 * x,
            drift=lambda x: 0 * x,
            driver=lambda x, u, slope: -self.tax * np.maximum(u - self.level, 0.0),
            terminal=lambda x: 1 / (1 + np.exp(-2 * x)),
        )
        return bsde.Reference(value, "finite differences", tolerance)


@register
class PenalisedPut(bsde.Equation):
    """A put whose holder receives p times the gain of an exercise, per unit of time.

    f = -r u + p (K - x - u)^+, dX = r X dt + s X dW. As p grows, u approaches the value of
    the American put, and the driver becomes stiff.

    Reference: Forsyth and Vetzal (2002), https://doi.org/10.1137/S1064827500382324
    """

    def __init__(
        self,
        penalty=50.0,
        rate=0.05,
        volatility=0.2,
        strike=100.0,
        terminal_time=1.0,
        x0=100.0,
    ):
        super().__init__(1, terminal_time, x0)
        self.penalty, self.rate = penalty, rate
        self.volatility, self.strike = volatility, strike

    def drift(self, t, x):
        return self.rate * x

    def diffusion_prod(self, t, x, dw):
        return self.volatility * x * dw

    def driver(self, t, x, u, z):
        missing = ops.maximum(self.strike - x - u, 0.0)
        return -self.rate * u + self.penalty * missing

    def terminal(self, x):
        return ops.maximum(self.strike - x, 0.0)

    def reference(self):
        value, tolerance = backward_value(
            self.x0[0],
            (0.0, 4 * self.strike),
            self.terminal_time,
            variance=lambda x: (self.volatility * x) ** 2,
            drift=lambda x: self.rate * x,
            driver=lambda x, u, slope: (
                -self.rate * u + self.penalty * np.maximum(self.strike - x - u, 0.0)
            ),
            terminal=lambda x: np.maximum(self.strike - x, 0.0),
            num_points=600,
        )
        return bsde.Reference(value, "finite differences", tolerance)
