"""Geometric Brownian motions with rates and volatilities of their own, correlated."""

import numpy as np
from keras import ops

from kerasmodels.bsde.equation import Equation, require_positive_start
from kerasmodels.bsde.processes.parameters import Noise, constant, numbers


class CorrelatedGeometricBrownian(Equation):
    """An equation whose forward SDE is geometric Brownian motion, stepped exactly.

        dX_i = drift_rate_i X_i dt + volatility_i X_i dB_i,     corr(dB) = correlation

    X stays log-normal, so there is no sampling bias whatever the time step. Still
    abstract: a subclass gives `driver` and `terminal`.

    Args:
        dim: int. d.
        terminal_time: float. T.
        x0: float or `dim` floats, all > 0.
        drift_rate: float or `dim` floats. Per unit of time.
        volatility: float > 0 or `dim` floats >= 0, per square root of a unit of time; or an
            array `[dim, noise_dim]`, a row of loadings on common factors per coordinate.
        correlation: None (independent) or an array `[dim, dim]`; not with loadings. With it
            dB = L dW, where L is its Cholesky factor.

    Raises:
        ValueError: an argument is not of the form above, or `correlation` is none.
    """

    def __init__(self, dim, terminal_time, x0, drift_rate, volatility, correlation=None):
        super().__init__(dim, terminal_time, x0)
        owner = type(self).__name__
        require_positive_start(self, x0)
        self.drift_rate = numbers(owner, "drift_rate", drift_rate, self.dim)
        self._noise = Noise.of(self, volatility, correlation)

    def _volatility(self, x):
        """Of each coordinate; read at each call, so that a `Family` may vary it."""
        loadings = np.ndim(self._noise.volatility) == 2
        return constant(self._noise.size if loadings else self.volatility, x)

    def drift(self, t, x):
        return constant(self.drift_rate, x) * x

    def diffusion_prod(self, t, x, dw):
        return self._volatility(x) * x * self._noise(dw)

    def step(self, t, dt, x, dw):
        volatility = self._volatility(x)
        growth = (constant(self.drift_rate, x) - volatility**2 / 2) * dt
        return x * ops.exp(growth + volatility * self._noise(dw))
