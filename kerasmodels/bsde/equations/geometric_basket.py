"""A call on the geometric mean of correlated assets, with its closed form."""

import math

import keras
import numpy as np
from keras import ops

from kerasmodels._support import checks
from kerasmodels.bsde.equation import Equation, Published, require_positive_start


@keras.saving.register_keras_serializable(package="kerasmodels")
class GeometricBasketCall(Equation):
    """Price of a call on the geometric mean of d assets, all with the same correlation.

        dX_i = R X_i dt + sigma_i X_i dB_i,    corr(dB_i, dB_j) = rho
        f = -R u,        g(x) = max((x_1 ... x_d)^(1/d) - K, 0)

    The geometric mean is log-normal, so the price is that of Black and Scholes with

        forward F = (x_1 ... x_d)^(1/d) exp((R - sum_i sigma_i^2 / (2 d) + s^2 / 2) tau)
        s^2 = ((1 - rho) sum_i sigma_i^2 + rho (sum_i sigma_i)^2) / d^2,    tau = T - t

    All parameters are read at each call, so that a `Family` may vary them and
    `Solution.greeks` may differentiate by them. Rates are per unit of time, volatilities
    per square root of it; x, K and u are prices.

    Args:
        dim: int. d, number of assets.
        terminal_time: float. T, maturity.
        x0: float or `dim` floats, all > 0. Prices today.
        rate: float. R.
        volatility: float or `dim` floats, > 0. sigma.
        correlation: float between -1 / (dim - 1) and 1. rho.
        strike: float > 0. K.

    Raises:
        ValueError: an argument is not of the form above.

    Reference: Kemna and Vorst (1990), https://doi.org/10.1016/0378-4266(90)90039-5 (the
    geometric mean in Black and Scholes's formula)
    """

    published = Published(
        "Kemna and Vorst (1990), https://doi.org/10.1016/0378-4266(90)90039-5",
        20,
        1.0,
        40,
        "100",
    )

    def __init__(
        self,
        dim=20,
        terminal_time=1.0,
        x0=100.0,
        rate=0.03,
        volatility=0.2,
        correlation=0.5,
        strike=100.0,
    ):
        owner = "GeometricBasketCall"
        super().__init__(dim, terminal_time, x0)
        require_positive_start(self, x0)
        self.rate = checks.finite_float(owner, "rate", rate)
        self.volatility = _volatility(owner, volatility, self.dim)
        self.correlation = checks.finite_float(owner, "correlation", correlation)
        lowest = -1.0 if self.dim == 1 else -1.0 / (self.dim - 1)
        if not lowest <= self.correlation <= 1.0:
            expected = f"between {lowest:.4g} and 1"
            received = f"correlation={correlation}"
            raise checks.ArgumentError(
                checks.message(owner, "correlation", expected, received)
            )
        self.strike = checks.finite_float(owner, "strike", strike, above=0.0)

    def _correlated(self, dw):
        """dB, by the symmetric root of the matrix of correlations."""
        alone = (1 - self.correlation) ** 0.5
        together = (1 + (self.dim - 1) * self.correlation) ** 0.5
        return alone * dw + (together - alone) * ops.mean(dw, axis=-1, keepdims=True)

    def drift(self, t, x):
        return self.rate * x

    def diffusion_prod(self, t, x, dw):
        return ops.convert_to_tensor(self.volatility, x.dtype) * x * self._correlated(dw)

    def step(self, t, dt, x, dw):
        volatility = ops.convert_to_tensor(self.volatility, x.dtype)
        growth = (self.rate - volatility**2 / 2) * dt
        return x * ops.exp(growth + volatility * self._correlated(dw))

    def driver(self, t, x, u, z):
        return -self.rate * u

    def terminal(self, x):
        return ops.relu(_geometric_mean(x) - self.strike)

    def exact_solution(self, t, x):
        volatility = ops.convert_to_tensor(self.volatility, x.dtype) + 0 * x
        square = ops.mean(volatility**2, axis=-1, keepdims=True)
        mean = ops.mean(volatility, axis=-1, keepdims=True)
        rho, left = self.correlation, self.terminal_time - t
        variance = (1 - rho) * square / self.dim + rho * mean**2
        growth = self.rate - square / 2 + variance / 2
        forward = _geometric_mean(x) * ops.exp(growth * left)
        # At T the deviation is zero, and the price its limit.
        deviation = ops.sqrt(ops.maximum(variance * left, 1e-30))
        above = ops.log(forward / self.strike) / deviation + deviation / 2
        price = forward * _normal(above) - self.strike * _normal(above - deviation)
        return ops.exp(-self.rate * left) * price


def _volatility(owner, value, dim):
    """A float, or a float64 array `[dim]` where `value` has one per coordinate."""
    if np.ndim(value if checks.as_numbers(value) is not None else 0) == 0:
        return checks.finite_float(owner, "volatility", value, above=0.0)
    array = checks.point(owner, "volatility", value, dim)
    if not np.all(array > 0):
        received = f"volatility={checks.describe(value)}"
        expected = "above 0 in each coordinate"
        raise checks.ArgumentError(checks.message(owner, "volatility", expected, received))
    return array


def _geometric_mean(x):
    # Euler-Maruyama steps may leave the positive numbers.
    return ops.exp(ops.mean(ops.log(ops.maximum(x, 1e-30)), axis=-1, keepdims=True))


def _normal(value):
    """The distribution function of a standard normal variable."""
    return (1 + ops.erf(value / math.sqrt(2.0))) / 2
