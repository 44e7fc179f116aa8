"""A call in the Heston model: correlated noise, and a variance that may reach zero."""

import math

import keras
import numpy as np
import scipy.integrate
from keras import ops

from kerasmodels import bsde


@keras.saving.register_keras_serializable(package="outside")
class Heston(bsde.Equation):
    """State: (price X, variance V). u(T, x) = (X - K)^+, f = -r u.

    dX = r X dt + V^(1/2) X dW_1,    dV = k (m - V) dt + c V^(1/2) dB,
    B = rho W_1 + (1 - rho^2)^(1/2) W_2.

    Reference: Heston (1993), https://doi.org/10.1093/rfs/6.2.327; the characteristic
    function in the form of Albrecher, Mayer, Schoutens and Tistaert (2007), "The little
    Heston trap", Wilmott Magazine.
    """

    def __init__(
        self,
        rate=0.05,
        strike=100.0,
        speed=2.0,
        mean=0.04,
        vol_of_vol=0.3,
        correlation=-0.7,
        terminal_time=1.0,
        x0=(100.0, 0.04),
    ):
        super().__init__(2, terminal_time, x0)
        self.rate, self.strike, self.speed, self.mean = rate, strike, speed, mean
        self.vol_of_vol, self.correlation = vol_of_vol, correlation

    def drift(self, t, x):
        price, variance = x[:, :1], x[:, 1:]
        return ops.concatenate(
            [self.rate * price, self.speed * (self.mean - variance)], axis=1
        )

    def diffusion_prod(self, t, x, dw):
        price, root = x[:, :1], ops.sqrt(ops.maximum(x[:, 1:], 0.0))
        other = math.sqrt(1 - self.correlation**2)
        of_variance = self.correlation * dw[:, :1] + other * dw[:, 1:]
        return ops.concatenate(
            [root * price * dw[:, :1], self.vol_of_vol * root * of_variance], axis=1
        )

    def driver(self, t, x, u, z):
        return -self.rate * u

    def terminal(self, x):
        return ops.maximum(x[:, :1] - self.strike, 0.0)

    def characteristic(self, w):
        """E exp(i w log X_T) for complex w."""
        (price, variance), time, c = self.x0, self.terminal_time, self.vol_of_vol
        a = self.speed - self.correlation * c * 1j * w
        d = np.sqrt(a**2 + c**2 * (1j * w + w * w))
        g, decay = (a - d) / (a + d), np.exp(-d * time)
        level = (a - d) * time - 2 * np.log((1 - g * decay) / (1 - g))
        exponent = 1j * w * (np.log(price) + self.rate * time)
        exponent += self.speed * self.mean / c**2 * level
        exponent += variance * (a - d) / c**2 * (1 - decay) / (1 - g * decay)
        return np.exp(exponent)

    def chance(self, shift):
        """P(X_T > K), with the price itself as the unit of account where `shift` is 1."""
        log_strike = math.log(self.strike)
        norm = self.characteristic(-1j) if shift else 1.0

        def density(w):
            value = np.exp(-1j * w * log_strike) * self.characteristic(w - 1j * shift)
            return (value / (1j * w * norm)).real

        return 0.5 + scipy.integrate.quad(density, 1e-9, 400, limit=800)[0] / np.pi

    def reference(self):
        discounted = self.strike * math.exp(-self.rate * self.terminal_time)
        value = self.x0[0] * self.chance(1) - discounted * self.chance(0)
        return bsde.Reference(float(value), "characteristic function", 1e-6)
