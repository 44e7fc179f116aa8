"""Options: correlated assets, payoffs with edges and jumps, an average of the past."""

import math

import keras
import numpy as np
from keras import ops
from scipy.stats import ncx2, norm

from kerasmodels import bsde

from .normal import orthant

register = keras.saving.register_keras_serializable(package="outside")


def lognormal_call(mean, deviation, strike):
    """E (e^Y - strike)^+ of Y normal with this mean and standard deviation."""
    d2 = (mean - math.log(strike)) / deviation
    forward = math.exp(mean + deviation**2 / 2)
    return forward * norm.cdf(d2 + deviation) - strike * norm.cdf(d2)


@register
class GeometricBasketPut(bsde.Equation):
    """Put on the geometric mean of assets with volatility s and correlation rho.

    dX_i = r X_i dt + s X_i dB_i. The logarithm of the mean is normal.
    """

    def __init__(
        self,
        dim=10,
        terminal_time=1.0,
        x0=100.0,
        correlation=0.5,
        rate=0.03,
        volatility=0.25,
        strike=100.0,
    ):
        super().__init__(dim, terminal_time, x0)
        self.correlation, self.rate = correlation, rate
        self.volatility, self.strike = volatility, strike
        matrix = np.full((self.dim, self.dim), correlation)
        np.fill_diagonal(matrix, 1.0)
        self.root = np.linalg.cholesky(matrix)

    def drift(self, t, x):
        return self.rate * x

    def diffusion_prod(self, t, x, dw):
        noise = ops.matmul(dw, ops.convert_to_tensor(self.root.T, x.dtype))
        return self.volatility * x * noise

    def driver(self, t, x, u, z):
        return -self.rate * u

    def terminal(self, x):
        # An Euler step may leave the positive numbers.
        logarithms = ops.log(ops.maximum(x, 1e-6))
        mean = ops.exp(ops.mean(logarithms, axis=-1, keepdims=True))
        return ops.maximum(self.strike - mean, 0.0)

    def reference(self):
        time, variance = self.terminal_time, self.volatility**2
        of_mean = variance * (1 + (self.dim - 1) * self.correlation) / self.dim
        mean = np.mean(np.log(self.x0)) + (self.rate - variance / 2) * time
        deviation = math.sqrt(of_mean * time)
        call = lognormal_call(mean, deviation, self.strike)
        # Put and call: E (K - e^Y)^+ = E (e^Y - K)^+ - E e^Y + K.
        put = call - math.exp(mean + deviation**2 / 2) + self.strike
        value = math.exp(-self.rate * time) * put
        return bsde.Reference(float(value), "Black-Scholes on the mean", 0.0)


@register
class BestOfCall(bsde.Equation):
    """Call on the most expensive of correlated assets, dX_i = r_i X_i dt + s_i X_i dB_i.

    Reference: Johnson (1987), https://doi.org/10.2307/2330963
    """

    def __init__(
        self,
        correlation=((1.0, 0.6, -0.2), (0.6, 1.0, 0.1), (-0.2, 0.1, 1.0)),
        rates=(0.05, 0.03, 0.01),
        volatilities=(0.2, 0.3, 0.25),
        discount=0.05,
        strike=100.0,
        x0=(100.0, 95.0, 105.0),
        terminal_time=1.0,
    ):
        super().__init__(len(rates), terminal_time, x0)
        self.correlation = np.asarray(correlation)
        self.rates, self.volatilities = np.asarray(rates), np.asarray(volatilities)
        self.discount, self.strike = discount, strike
        self.sigma = self.volatilities[:, None] * np.linalg.cholesky(self.correlation)

    def drift(self, t, x):
        return x * ops.convert_to_tensor(self.rates, x.dtype)

    def diffusion_prod(self, t, x, dw):
        return x * ops.matmul(dw, ops.convert_to_tensor(self.sigma.T, x.dtype))

    def driver(self, t, x, u, z):
        return -self.discount * u

    def terminal(self, x):
        return ops.maximum(ops.max(x, axis=-1, keepdims=True) - self.strike, 0.0)

    def reference(self):
        time = self.terminal_time
        covariance = self.sigma @ self.sigma.T * time
        mean = np.log(self.x0) + (self.rates - self.volatilities**2 / 2) * time
        log_strike = math.log(self.strike)
        # No asset ends above the strike.
        total = -self.strike * (1 - orthant(log_strike - mean, covariance))
        for i in range(self.dim):
            # Asset i as the unit of account shifts the mean. Asset i ends above the strike
            # and above the others if the others less i, and the strike less i, are < 0.
            shifted = mean + covariance[i]
            difference = np.eye(self.dim)
            difference[:, i] = -1.0
            bound = -(difference @ shifted)
            bound[i] -= log_strike
            chance = orthant(bound, difference @ covariance @ difference.T)
            total += self.x0[i] * math.exp(self.rates[i] * time) * chance
        value = math.exp(-self.discount * time) * total
        return bsde.Reference(float(value), "normal probabilities, by quadrature", 1e-6)


@register
class Digital(bsde.Equation):
    """One unit where the asset ends above the strike: dX = r X dt + s X dW."""

    def __init__(
        self, rate=0.05, volatility=0.2, strike=100.0, terminal_time=1.0, x0=100.0
    ):
        super().__init__(1, terminal_time, x0)
        self.rate, self.volatility, self.strike = rate, volatility, strike

    def drift(self, t, x):
        return self.rate * x

    def diffusion_prod(self, t, x, dw):
        return self.volatility * x * dw

    def driver(self, t, x, u, z):
        return -self.rate * u

    def terminal(self, x):
        return ops.cast(x > self.strike, x.dtype)

    def reference(self):
        time = self.terminal_time
        mean = math.log(self.x0[0]) + (self.rate - self.volatility**2 / 2) * time
        d2 = (mean - math.log(self.strike)) / (self.volatility * math.sqrt(time))
        value = math.exp(-self.rate * time) * norm.cdf(d2)
        return bsde.Reference(float(value), "Black-Scholes", 0.0)


@register
class GeometricAsianCall(bsde.Equation):
    """Call on the geometric average of an asset over [0, T]. State: (X, int log X ds / T).

    The second state has no noise. The logarithm of the average is normal, with the mean
    log x0 + (r - s^2 / 2) T / 2 and the variance s^2 T / 3.
    """

    def __init__(self, rate=0.05, volatility=0.3, strike=100.0, terminal_time=1.0):
        super().__init__(2, terminal_time, (100.0, 0.0))
        self.rate, self.volatility, self.strike = rate, volatility, strike

    def drift(self, t, x):
        price = x[:, :1]
        growth = ops.log(ops.maximum(price, 1e-6)) / self.terminal_time
        return ops.concatenate([self.rate * price, growth], axis=1)

    def diffusion_prod(self, t, x, dw):
        noise = self.volatility * x[:, :1] * dw[:, :1]
        return ops.concatenate([noise, ops.zeros_like(noise)], axis=1)

    def driver(self, t, x, u, z):
        return -self.rate * u

    def terminal(self, x):
        return ops.maximum(ops.exp(x[:, 1:]) - self.strike, 0.0)

    def reference(self):
        time, variance = self.terminal_time, self.volatility**2
        mean = math.log(self.x0[0]) + (self.rate - variance / 2) * time / 2
        call = lognormal_call(mean, math.sqrt(variance * time / 3), self.strike)
        value = math.exp(-self.rate * time) * call
        return bsde.Reference(float(value), "Black-Scholes on the average", 0.0)


@register
class CEVCall(bsde.Equation):
    """Call where the volatility falls as the asset rises: dX = r X dt + s X^(1/2) dW.

    Reference: Schroder (1989), https://doi.org/10.2307/2328285
    """

    def __init__(
        self, rate=0.05, volatility=3.0, strike=100.0, terminal_time=1.0, x0=100.0
    ):
        super().__init__(1, terminal_time, x0)
        self.rate, self.volatility, self.strike = rate, volatility, strike

    def drift(self, t, x):
        return self.rate * x

    def diffusion_prod(self, t, x, dw):
        return self.volatility * ops.sqrt(ops.maximum(x, 0.0)) * dw

    def driver(self, t, x, u, z):
        return -self.rate * u

    def terminal(self, x):
        return ops.maximum(x - self.strike, 0.0)

    def reference(self):
        growth = math.exp(self.rate * self.terminal_time)
        k = 2 * self.rate / (self.volatility**2 * (growth - 1))
        start, end = 2 * k * self.x0[0] * growth, 2 * k * self.strike
        value = self.x0[0] * ncx2.sf(end, 4, start)
        value -= self.strike / growth * ncx2.cdf(start, 2, end)
        return bsde.Reference(float(value), "non-central chi-squared", 0.0)
