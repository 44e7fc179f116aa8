"""Square-root processes: rates and variances that stay positive."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from keras import ops

from kerasmodels.bsde.equation import Equation
from kerasmodels.bsde.processes.parameters import Noise, constant, elapsed, numbers

# Variance over squared mean of a step from which the law has an atom at zero.
_SWITCH = 1.5
# Deviations from zero beyond which the fold of a normal law is out of reach.
_FAR = 6.0


class CoxIngersollRoss(Equation):
    """An equation whose forward SDE is the square-root process of Cox, Ingersoll and Ross.

        dX_i = reversion_i (level_i - X_i) dt + volatility_i X_i^(1/2) dB_i

    The quadratic-exponential step has the exact mean and variance and is never negative,
    also where zero is reached (volatility^2 > 2 reversion level). It is of second order in
    law away from zero, and increases with dB everywhere. Still abstract: a subclass gives
    `driver` and `terminal`.

    References: Cox, Ingersoll and Ross (1985), https://doi.org/10.2307/1911242; Andersen
    (2008), https://doi.org/10.21314/JCF.2008.189 (the step)

    Args:
        dim: int. d.
        terminal_time: float. T.
        x0: float or `dim` floats, all >= 0.
        reversion, level: float or `dim` floats, all >= 0.
        volatility, correlation: as in `CorrelatedGeometricBrownian`.

    Raises:
        ValueError: an argument is not of the form above.
    """

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
        numbers(owner, "x0", x0, self.dim, at_least=0.0)
        self.reversion = numbers(owner, "reversion", reversion, self.dim, at_least=0.0)
        self.level = numbers(owner, "level", level, self.dim, at_least=0.0)
        self._noise = Noise.of(self, volatility, correlation)

    def drift(self, t, x):
        return constant(self.reversion, x) * (constant(self.level, x) - x)

    def diffusion_prod(self, t, x, dw):
        root = ops.sqrt(ops.maximum(x, 0.0))
        return constant(self._noise.size, x) * root * self._noise(dw)

    def step(self, t, dt, x, dw):
        size = self._noise.size
        return square_root_step(
            x, dt, self._noise(dw), self.reversion, self.level, size
        ).end


class SquareRootStep(NamedTuple):
    """X at the end of a step, and the law that it was drawn from.

    end: Tensor. a (b + Z)^2 where `quadratic`, else zero with probability `mass` and
        exponential of rate `rate` otherwise.
    """

    end: Any
    quadratic: Any
    a: Any
    b: Any
    mass: Any
    rate: Any


def square_root_step(x, dt, noise, reversion, level, volatility):
    """The quadratic-exponential step of a square-root process.

        dX = reversion (level - X) dt + volatility X^(1/2) dB

    Args:
        x: Tensor `[batch, n]`, >= 0.
        dt: Tensor `[1, 1]`.
        noise: Tensor `[batch, n]`. dB, variance dt.
        reversion, level, volatility: floats or arrays `[n]`.

    Returns:
        A `SquareRootStep`.
    """
    x = ops.maximum(x, 0.0)
    reach = elapsed(reversion, dt)
    moved = constant(reversion, x) * reach
    level = constant(level, x)
    mean = x + moved * (level - x)
    spread = constant(volatility**2, x) * reach
    variance = spread * (x * (1 - moved) + level * moved / 2)
    # Zero only where X stays there.
    safe = ops.maximum(mean, 1e-15)
    ratio = variance / (safe * safe)
    z = noise / ops.sqrt(ops.maximum(dt, 1e-30))

    inverse = 2 / ops.clip(ratio, 1e-12, _SWITCH)
    b = ops.sqrt(inverse - 1 + ops.sqrt(inverse * (inverse - 1)))
    a = mean / (1 + b * b)
    quadratic_end = a * ops.square(_folded(b, z))

    wide = ops.maximum(ratio, _SWITCH)
    mass = (wide - 1) / (wide + 1)
    rate = (1 - mass) / safe
    tail = ops.log(ops.maximum(_cdf(-z), 1e-30))
    exponential_end = ops.maximum(ops.log(1 - mass) - tail, 0.0) / rate

    quadratic = ratio <= _SWITCH
    end = ops.where(quadratic, quadratic_end, exponential_end)
    # A step of length zero, where the ratio is undefined, moves nothing.
    end = ops.where(dt > 0, end, x)
    return SquareRootStep(end, quadratic, a, b, mass, rate)


def _folded(b, z):
    """q >= 0 that grows with z and has the law of |b + Z| where z has that of Z.

    P(|b + Z| < q) = P(Z < z), by Newton's method from below: |b + Z| itself decreases below
    Z = -b, where noise that lowers X would raise it.
    """
    near = ops.minimum(b, _FAR)
    below, above = _cdf(z), _cdf(-z)
    density = _density(near)
    # Two lower bounds: of the fold alone, and for small q, where the density is that at b.
    q = ops.maximum(near + z, ops.arcsinh(near * below / (2 * density)) / near)
    for _ in range(4):
        fold = _cdf(-q - near)
        # Each tail by itself, so that neither is a difference from one.
        excess = ops.where(
            z < 0, _cdf(q - near) - fold - below, above - _cdf(near - q) - fold
        )
        slope = _density(q - near) + _density(q + near)
        q = ops.maximum(q - excess / ops.maximum(slope, 1e-30), 0.0)
    return ops.where(b < _FAR, q, ops.maximum(b + z, 0.0))


def _cdf(z):
    return tf.math.erfc(-z / 2**0.5) / 2


def _density(z):
    return ops.exp(-z * z / 2) / np.sqrt(2 * np.pi)
