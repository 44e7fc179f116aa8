"""Mean reversion with Gaussian noise: Ornstein-Uhlenbeck processes and Hull and White's."""

import numpy as np
from keras import ops

from kerasmodels._support import checks
from kerasmodels.bsde.curve import Curve
from kerasmodels.bsde.equation import Equation
from kerasmodels.bsde.processes.parameters import Noise, constant, elapsed, numbers


class OrnsteinUhlenbeck(Equation):
    """An equation whose forward SDE reverts to a level, under noise of constant size.

        dX_i = reversion_i (level_i - X_i) dt + volatility_i dB_i,   corr(dB) = correlation
        X_i(t + dt) = e^(-k dt) X_i + (1 - e^(-k dt)) level_i + s ((1 - e^(-2 k dt)) / (2 k
                      dt))^(1/2) dB_i

    The step has the exact law of each coordinate. That of several together is exact where
    they are independent or revert at one rate; elsewhere the covariance over a step is off
    by the fraction (k_i - k_j)^2 dt^2 / 24, an error of second order. Still abstract: a
    subclass gives `driver` and `terminal`.

    Reference: Uhlenbeck and Ornstein (1930), https://doi.org/10.1103/PhysRev.36.823

    Args:
        dim: int. d.
        terminal_time: float. T.
        x0: float or `dim` floats.
        reversion: float or `dim` floats. k, per unit of time; zero is a Brownian motion.
        level: float, `dim` floats, or a `Curve` of one or of `dim` values. A curve is
            averaged over the step, and the step is exact where the curve is a straight
            line on it.
        volatility, correlation: as in `CorrelatedGeometricBrownian`.

    Raises:
        ValueError: an argument is not of the form above.
    """

    # Exact in each coordinate; the covariance of two has an error of third order per step.
    weak_order = 2

    def __init__(
        self,
        dim,
        terminal_time,
        x0,
        reversion,
        level,
        volatility,
        correlation=None,
    ):
        super().__init__(dim, terminal_time, x0)
        owner = type(self).__name__
        self.reversion = numbers(owner, "reversion", reversion, self.dim)
        if not isinstance(level, Curve):
            level = numbers(owner, "level", level, self.dim)
        elif level.size not in (1, self.dim):
            expected = f"a curve of 1 or {self.dim} values"
            received = f"a curve of {level.size}"
            raise checks.ArgumentError(checks.message(owner, "level", expected, received))
        self.level = level
        self._noise = Noise.of(self, volatility, correlation)

    def drift(self, t, x):
        level = self.level(t) if isinstance(self.level, Curve) else self.level
        return constant(self.reversion, x) * (constant(level, x) - x)

    def diffusion_prod(self, t, x, dw):
        # 0 x: the batch of x, where dw and x have one row for all.
        return constant(self._noise.size, x) * self._noise(dw) + 0 * x

    def step(self, t, dt, x, dw):
        moved = constant(self.reversion, x) * elapsed(self.reversion, dt)
        noise = constant(self._noise.size, x) * self._noise(dw)
        return x - moved * x + self._pull(t, dt, moved) + noise_scale(self, dt) * noise

    def _pull(self, t, dt, moved):
        """The pull of the level over the step, where `moved` is 1 - e^(-k dt)."""
        if not isinstance(self.level, Curve):
            return constant(self.level, moved) * moved
        # A step of length zero has no mean and no slope.
        safe = ops.maximum(dt, 1e-30)
        mean = self.level.integral(t, t + dt) / safe
        slope = (self.level(t + dt) - self.level(t)) / safe
        late = dt / 2 * (2 - moved) - elapsed(self.reversion, dt)
        return moved * mean + slope * late


def noise_scale(process, dt):
    """((1 - e^(-2 k dt)) / (2 k dt))^(1/2), the factor of reversion on a step's noise."""
    safe = ops.maximum(dt, 1e-30)
    return ops.sqrt(elapsed(2 * process.reversion, safe) / safe)


class HullWhite(Equation):
    """An equation on the short rate of Hull and White, fitted to today's forward rates.

        dr = (a'(t) + k (a(t) - r)) dt + volatility dW,            r_0 = forward(0)
        a(t) = forward(t) + volatility^2 (1 - e^(-k t))^2 / (2 k^2)

    Then E exp(-int_0^t r ds) = exp(-int_0^t forward ds), the price today of a zero-coupon
    bond. The step is exact. Still abstract, with d = 1: a subclass gives `driver` (-r u for
    discounting) and `terminal`.

    Reference: Hull and White (1990), https://doi.org/10.1093/rfs/3.4.573

    Args:
        terminal_time: float. T.
        forward: `Curve` of kind "linear" and of one value. Instantaneous forward rates.
        reversion: float. k, per unit of time; zero is the model of Ho and Lee.
        volatility: float > 0. Per square root of a unit of time.

    Raises:
        ValueError: an argument is not of the form above.
    """

    weak_order = 2

    def __init__(self, terminal_time, forward, reversion, volatility):
        owner = type(self).__name__
        self.forward = checks.instance(owner, "forward", forward, Curve)
        if forward.size != 1 or forward.kind != "linear":
            expected = 'a curve of one value and of kind "linear"'
            received = f"{forward.size} values of kind {forward.kind!r}"
            raise checks.ArgumentError(checks.message(owner, "forward", expected, received))
        x0 = np.interp(0.0, forward.times, forward.values.ravel())
        super().__init__(1, terminal_time, x0)
        self.reversion = checks.finite_float(owner, "reversion", reversion)
        self.volatility = checks.finite_float(owner, "volatility", volatility, above=0.0)

    def centre(self, t):
        """a(t), the mean of the short rate."""
        grown = self.volatility * elapsed(self.reversion, t)
        return self.forward(t) + grown * grown / 2

    def drift(self, t, x):
        left = elapsed(self.reversion, t)
        rise = self.volatility**2 * left * (1 - self.reversion * left)
        rise = rise + self.forward.slope(t)
        return rise + self.reversion * (self.centre(t) - x)

    def diffusion_prod(self, t, x, dw):
        return self.volatility * dw + 0 * x

    def step(self, t, dt, x, dw):
        away = (x - self.centre(t)) * (1 - self.reversion * elapsed(self.reversion, dt))
        noise = self.volatility * noise_scale(self, dt) * dw
        return self.centre(t + dt) + away + noise
