"""Zero-coupon bonds: square roots near zero, many rates on one noise, tables over time."""

import math

import keras
import numpy as np
import scipy.integrate
from keras import ops

from kerasmodels import bsde

register = keras.saving.register_keras_serializable(package="outside")


class Bond(bsde.Equation):
    """u(T, x) = 1, discounted at the mean of the states: f = -mean(x) u."""

    def driver(self, t, x, u, z):
        return -ops.mean(x, axis=-1, keepdims=True) * u

    def terminal(self, x):
        return ops.ones_like(x[:, :1])


@register
class CIRBond(Bond):
    """u_t + 1/2 s^2 x u_xx + a (b - x) u_x - x u = 0, u(T, x) = 1.

    Zero is not reached where 2 a b >= s^2 (Feller).

    Reference: Cox, Ingersoll and Ross (1985), https://doi.org/10.2307/1911242
    """

    def __init__(self, speed=1.0, mean=1.0, volatility=1.0, terminal_time=1.0, x0=1.0):
        super().__init__(1, terminal_time, x0)
        self.speed, self.mean, self.volatility = speed, mean, volatility

    def drift(self, t, x):
        return self.speed * (self.mean - x)

    def diffusion_prod(self, t, x, dw):
        return self.volatility * ops.sqrt(ops.maximum(x, 0.0)) * dw

    def reference(self):
        a, variance, time = self.speed, self.volatility**2, self.terminal_time
        h = math.sqrt(a * a + 2 * variance)
        growth = math.expm1(h * time)
        below = 2 * h + (a + h) * growth
        scale = 2 * h * math.exp((a + h) * time / 2) / below
        scale **= 2 * a * self.mean / variance
        value = scale * math.exp(-2 * growth / below * self.x0[0])
        return bsde.Reference(value, "affine closed form", 0.0)


def gaussian_bond(mean, deviation, terminal_time, points=()):
    """E exp(-I) of a normal I, whose mean is given and whose variance is an integral.

    deviation: function of time. The variance of I is the integral of its square over
    [0, T], piece by piece between its jumps at `points`.
    """
    ends = [0.0, *points, terminal_time]
    variance = sum(
        scipy.integrate.quad(lambda s: deviation(s) ** 2, *piece, epsabs=1e-13)[0]
        for piece in zip(ends, ends[1:])
    )
    return math.exp(-mean + variance / 2)


def annuity(speed, time):
    """(1 - e^(-k t)) / k: the integral of e^(-k s), for a rate of speed k, over a time."""
    return -np.expm1(-speed * time) / speed


@register
class CommonFactorBond(Bond):
    """Rates of their own speed, mean and volatility, all on the first Brownian motion.

    dX_i = k_i (m_i - X_i) dt + s_i dW_1. The integral of their mean is normal.
    """

    def __init__(self, dim=20, terminal_time=3.0, x0=0.03):
        super().__init__(dim, terminal_time, x0)
        self.speeds = np.linspace(0.2, 2.0, self.dim)
        self.means = np.linspace(0.02, 0.08, self.dim)
        self.volatilities = np.linspace(0.01, 0.05, self.dim)

    def drift(self, t, x):
        speeds, means = (
            ops.convert_to_tensor(v, x.dtype) for v in (self.speeds, self.means)
        )
        return speeds * (means - x)

    def diffusion_prod(self, t, x, dw):
        return ops.convert_to_tensor(self.volatilities, x.dtype) * dw[:, :1]

    def reference(self):
        time = self.terminal_time
        from_start = annuity(self.speeds, time)
        mean = np.mean(self.x0 * from_start + self.means * (time - from_start))

        def deviation(s):
            return np.mean(self.volatilities * annuity(self.speeds, time - s))

        value = gaussian_bond(mean, deviation, time)
        return bsde.Reference(value, "Gaussian integral", 0.0)


@register
class TableBond(Bond):
    """A Hull-White rate whose mean and volatility are tables over time.

    dX = k (m(t) - X) dt + s(t) dW. m is a straight line between the times of its table; s
    jumps at the times of its table.

    Reference: Hull and White (1990), https://doi.org/10.1093/rfs/3.4.573
    """

    def __init__(self, speed=0.8, terminal_time=2.0, x0=0.02):
        super().__init__(1, terminal_time, x0)
        self.speed = speed
        # Not multiples of the time steps.
        self.times = (0.0, 0.37, 0.81, 1.43, 2.0)
        self.means = (0.02, 0.08, 0.03, 0.12, 0.10)
        self.jumps = (0.53, 1.17)
        self.volatilities = (0.02, 0.15, 0.05)

    def mean(self, t):
        """m(t): the first value, and every change of slope from its time on."""
        slopes = np.diff(self.means) / np.diff(self.times)
        value = self.means[0] + 0 * t
        for start, change in zip(self.times, np.diff(slopes, prepend=0.0)):
            value += float(change) * ops.relu(t - start)
        return value

    def volatility(self, t):
        """s(t): the first value, and every jump from its time on."""
        value = self.volatilities[0] + 0 * t
        for start, change in zip(self.jumps, np.diff(self.volatilities)):
            value += float(change) * ops.cast(t >= start, t.dtype)
        return value

    def drift(self, t, x):
        return self.speed * (self.mean(t) - x)

    def diffusion_prod(self, t, x, dw):
        return self.volatility(t) * dw

    def reference(self):
        time, speed = self.terminal_time, self.speed

        def from_table(s):
            return speed * np.interp(s, self.times, self.means) * annuity(speed, time - s)

        from_mean = scipy.integrate.quad(
            from_table, 0.0, time, points=self.times[1:-1], epsabs=1e-13
        )[0]

        def deviation(s):
            now = self.volatilities[int(np.searchsorted(self.jumps, s, side="right"))]
            return now * annuity(speed, time - s)

        mean = self.x0[0] * annuity(speed, time) + from_mean
        value = gaussian_bond(mean, deviation, time, self.jumps)
        return bsde.Reference(value, "Gaussian integral", 0.0)
