"""Drivers without a kink that are hard for another reason, such as stiffness."""

import math

import keras
import numpy as np
import scipy.integrate
from keras import ops
from scipy.stats import norm

from kerasmodels import bsde

register = keras.saving.register_keras_serializable(package="outside")


@register
class StiffSource(bsde.Equation):
    """u_t + 1/2 Lap u - p (u - |x|^2) = 0, u(T, x) = |x|^2.

    u = |x|^2 + d (1 - e^(-p (T - t))) / p. An error of u grows by e^(pT) along a path.
    """

    def __init__(self, dim=3, rate=50.0, terminal_time=1.0, x0=1.0):
        super().__init__(dim, terminal_time, x0)
        self.rate = rate

    def diffusion_prod(self, t, x, dw):
        return dw

    def driver(self, t, x, u, z):
        return -self.rate * (u - bsde.squared_norm(x))

    def terminal(self, x):
        return bsde.squared_norm(x)

    def reference(self):
        more = -math.expm1(-self.rate * self.terminal_time) / self.rate
        value = np.sum(self.x0**2) + self.dim * more
        return bsde.Reference(float(value), "closed form", 0.0)


@register
class ValuationAdjustment(bsde.Equation):
    """The cost of a default of either party to a forward X - K: DVA - CVA, with g = 0.

    dX = s X dW, f = 0.6 b (K - X)^+ - 0.7 c (X - K)^+ - (b + c) u. The own party defaults
    at the rate b, the other at the rate c, with recoveries of 40 and 30 per cent.

    Reference: Burgard and Kjaer (2011), https://doi.org/10.21314/JCR.2011.131
    """

    def __init__(
        self,
        own=0.01,
        other=0.10,
        volatility=0.25,
        strike=100.0,
        terminal_time=1.0,
        x0=100.0,
    ):
        super().__init__(1, terminal_time, x0)
        self.own, self.other = own, other
        self.volatility, self.strike = volatility, strike

    def diffusion_prod(self, t, x, dw):
        return self.volatility * x * dw

    def driver(self, t, x, u, z):
        value = x - self.strike
        gain = 0.6 * self.own * ops.maximum(-value, 0.0)
        loss = 0.7 * self.other * ops.maximum(value, 0.0)
        return gain - loss - (self.own + self.other) * u

    def terminal(self, x):
        return ops.zeros_like(x)

    def reference(self):
        start, strike = self.x0[0], self.strike

        def rate(t):
            deviation = self.volatility * math.sqrt(t)
            d1 = math.log(start / strike) / deviation + deviation / 2
            call = start * norm.cdf(d1) - strike * norm.cdf(d1 - deviation)
            put = call - start + strike
            flow = 0.6 * self.own * put - 0.7 * self.other * call
            return flow * math.exp(-(self.own + self.other) * t)

        value = scipy.integrate.quad(rate, 0.0, self.terminal_time)[0]
        return bsde.Reference(float(value), "quadrature of Black's prices", 1e-6)


@register
class SineWave(bsde.Equation):
    """u = sin(t + x), with noise cos(t + x) that passes zero, and a driver of u z and z^2.

    A coupled system has z in the drift of X; here this term is moved into the driver.
    """

    def __init__(self, terminal_time=1.0, x0=0.5):
        super().__init__(1, terminal_time, x0)

    def drift(self, t, x):
        return -0.5 * ops.sin(t + x) ** 3 * ops.cos(t + x)

    def diffusion_prod(self, t, x, dw):
        return ops.cos(t + x) * dw

    def driver(self, t, x, u, z):
        return u * z - ops.cos(t + x) - 0.5 * ops.sin(t + x) * z * z

    def terminal(self, x):
        return ops.sin(self.terminal_time + x)

    def reference(self):
        return bsde.Reference(math.sin(self.x0[0]), "closed form", 0.0)


@register
class Consumption(bsde.Equation):
    """V_t + 1/2 s^2 x^2 V_xx + m x V_x - 2 V_x^(1/2) - r V = 0, V(T, x) = -k / x.

    V(T, x) = -20 k below x = 0.05, because -k / x is positive for x < 0, where it would
    reward a consumption beyond the wealth. Hardly any path of the solution is below 0.05.

    The driver is the maximum of U(c) - c V_x over the consumption c, with U(c) = -1 / c
    (risk aversion 2). V = -h(t) / x with h' = (m + r - s^2) h - 2 h^(1/2). The code takes
    the maximum of V_x and 0, because z of a network may have the wrong sign during
    training.

    Reference: Merton (1971), https://doi.org/10.1016/0022-0531(71)90038-X
    """

    def __init__(
        self,
        growth=0.05,
        impatience=0.04,
        volatility=0.2,
        legacy=4.0,
        terminal_time=2.0,
        x0=3.0,
    ):
        super().__init__(1, terminal_time, x0)
        self.growth, self.impatience = growth, impatience
        self.volatility, self.legacy = volatility, legacy

    def drift(self, t, x):
        return self.growth * x

    def diffusion_prod(self, t, x, dw):
        return self.volatility * x * dw

    def driver(self, t, x, u, z):
        slope = ops.maximum(z / (self.volatility * x), 0.0)
        return -2 * ops.sqrt(slope) - self.impatience * u

    def terminal(self, x):
        return -self.legacy / ops.maximum(x, 0.05)

    def reference(self):
        a = self.growth + self.impatience - self.volatility**2
        found = scipy.integrate.solve_ivp(
            lambda _, h: 2 * np.sqrt(h) - a * h,
            (0.0, self.terminal_time),
            [self.legacy],
            rtol=1e-11,
            atol=1e-12,
        )
        value = -found.y[0, -1] / self.x0[0]
        return bsde.Reference(float(value), "ordinary differential equation", 1e-9)
