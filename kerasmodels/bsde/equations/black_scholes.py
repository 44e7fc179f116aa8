"""Black-Scholes: with uncertain volatility (Barenblatt), and a basket call."""

import keras
import numpy as np
import scipy.special
from keras import ops

from kerasmodels._support import checks
from kerasmodels.bsde.equation import (
    GeometricBrownian,
    Published,
    Reference,
    squared_norm,
    state_size,
)


@keras.saving.register_keras_serializable(package="kerasmodels")
class BlackScholesBarenblatt(GeometricBrownian):
    """Black-Scholes-Barenblatt equation with a quadratic payoff.

        u_t + 1/2 sigma^2 sum_i x_i^2 u_ii - r (u - x . grad u) = 0,    u(T, x) = |x|^2

    Forward SDE: dX = sigma diag(X) dW, stepped exactly. In z = sigma diag(x) grad u the
    driver is -r (u - sum_i z_i / sigma). Exact: exp((r + sigma^2) (T - t)) |x|^2.

    Reference: Raissi (2018), https://arxiv.org/abs/1804.07010

    Args:
        dim: int. d.
        terminal_time: float. T.
        x0: None, float or `dim` floats. None is (1, 0.5, 1, 0.5, ...).
        rate: float. r, per unit of time.
        volatility: float. sigma > 0.
    """

    published = Published(
        "Raissi (2018), https://arxiv.org/abs/1804.07010", 100, 1.0, 50, "1, 0.5, ..."
    )

    def __init__(self, dim=100, terminal_time=1.0, x0=None, rate=0.05, volatility=0.4):
        if x0 is None:
            x0 = np.resize([1.0, 0.5], state_size("BlackScholesBarenblatt", dim))
        super().__init__(dim, terminal_time, x0, 0.0, volatility)
        self.rate = checks.finite_float("BlackScholesBarenblatt", "rate", rate)

    def driver(self, t, x, u, z):
        return -self.rate * (u - ops.sum(z, axis=-1, keepdims=True) / self.volatility)

    def terminal(self, x):
        return squared_norm(x)

    def exact_solution(self, t, x):
        growth = self.rate + self.volatility**2
        return ops.exp(growth * (self.terminal_time - t)) * squared_norm(x)


@keras.saving.register_keras_serializable(package="kerasmodels")
class BlackScholesBasket(GeometricBrownian):
    """Black-Scholes price of a call on the mean of d independent assets.

        f = -r u,        g(x) = max(mean_i x_i - K, 0)

    Forward SDE: dX = r X dt + sigma diag(X) dW, stepped exactly. The equation is linear.
    For d = 1 the closed formula is the exact solution; for d > 1 the reference is Monte
    Carlo with the geometric basket, whose price is known, as control variate.

    Reference: Black and Scholes (1973), https://doi.org/10.1086/260062

    Args:
        dim: int. d, number of assets.
        terminal_time: float. T, maturity.
        x0: float or `dim` floats. Prices today.
        rate: float. r, per unit of time.
        volatility: float. sigma > 0.
        strike: float. K > 0.
    """

    published = Published(
        "Black and Scholes (1973), https://doi.org/10.1086/260062", 1, 1.0, 1, "100"
    )

    def __init__(
        self,
        dim=100,
        terminal_time=1.0,
        x0=100.0,
        rate=0.05,
        volatility=0.2,
        strike=100.0,
    ):
        rate = checks.finite_float("BlackScholesBasket", "rate", rate)
        super().__init__(dim, terminal_time, x0, rate, volatility)
        self.rate = self.drift_rate
        self.strike = checks.finite_float("BlackScholesBasket", "strike", strike, above=0.0)

    def driver(self, t, x, u, z):
        return -self.rate * u

    def terminal(self, x):
        return ops.relu(ops.mean(x, axis=-1, keepdims=True) - self.strike)

    def exact_solution(self, t, x):
        if self.dim != 1:
            return None
        # At maturity the formula is 0/0 at the strike: there, the payoff is the price.
        left = ops.maximum(self.terminal_time - t, 1e-12)
        return ops.where(
            self.terminal_time - t > 1e-12,
            black_scholes_call(x, left, self.rate, self.volatility, self.strike),
            self.terminal(x),
        )

    def reference(self):
        if self.dim == 1:
            return super().reference()
        value, standard_error = self._monte_carlo(num_paths=2**18, seed=0)
        return Reference(
            value,
            "Monte Carlo, 2^18 antithetic pairs, geometric basket as control variate",
            2 * standard_error,
        )

    def _monte_carlo(self, num_paths, seed):
        """The discounted mean payoff of the arithmetic basket, and its standard error.

        The geometric basket G = exp(mean_i log X_i) is log-normal with volatility
        sigma / sqrt(d), so the price of a call on it is known.
        """
        generator = np.random.default_rng(seed)
        horizon = self.terminal_time
        mean_log = np.mean(np.log(self.x0)) + (self.rate - self.volatility**2 / 2) * horizon
        spread2 = self.volatility**2 * horizon / self.dim
        forward = np.exp(mean_log + spread2 / 2)
        spread = np.sqrt(spread2)
        d1 = (mean_log - np.log(self.strike)) / spread + spread
        discount = np.exp(-self.rate * horizon)
        known = discount * (
            forward * scipy.special.ndtr(d1) - self.strike * scipy.special.ndtr(d1 - spread)
        )
        differences, controls = [], []
        block = max(1, min(num_paths, 2**22 // self.dim))
        for start in range(0, num_paths, block):
            noise = generator.standard_normal((min(block, num_paths - start), self.dim))
            pair = [
                self._payoffs(sign * self.volatility * np.sqrt(horizon) * noise)
                for sign in (1, -1)
            ]
            arithmetic, geometric = np.mean(pair, axis=0)
            differences.append(discount * arithmetic)
            controls.append(discount * geometric - known)
        arithmetic, control = np.concatenate(differences), np.concatenate(controls)
        variance = np.var(control)
        slope = np.cov(arithmetic, control)[0, 1] / variance if variance > 0 else 0.0
        estimate = arithmetic - slope * control
        return float(np.mean(estimate)), float(np.std(estimate) / np.sqrt(len(estimate)))

    def _payoffs(self, log_noise):
        """Payoffs on the arithmetic and the geometric mean of the assets, `[2, paths]`."""
        log_x = (
            np.log(self.x0)
            + (self.rate - self.volatility**2 / 2) * self.terminal_time
            + log_noise
        )
        means = np.stack([np.exp(log_x).mean(axis=1), np.exp(log_x.mean(axis=1))])
        return np.maximum(means - self.strike, 0)


def black_scholes_call(x, time_left, rate, volatility, strike):
    """The Black-Scholes price of a European call, with `keras.ops`."""
    spread = volatility * ops.sqrt(time_left)
    d1 = (ops.log(x / strike) + rate * time_left) / spread + spread / 2
    return x * _normal_cdf(d1) - strike * ops.exp(-rate * time_left) * _normal_cdf(
        d1 - spread
    )


def _normal_cdf(x):
    return (1 + ops.erf(x / 2**0.5)) / 2
