"""Nonlinear option pricing: default risk, and different rates for borrowing and lending."""

import keras
from keras import ops

from kerasmodels._support import checks
from kerasmodels.bsde.equation import GeometricBrownian, Published, Reference

HAN_JENTZEN_E = "Han, Jentzen, E (2018), https://doi.org/10.1073/pnas.1718942115"
E_HAN_JENTZEN = "E, Han, Jentzen (2017), https://doi.org/10.1007/s40304-017-0117-6"


def _computed_reference(equation, value, source, tolerance):
    """A number computed beforehand, which holds for the default parameters alone."""
    if equation.get_config() != type(equation)().get_config():
        return None
    return Reference(value, source, tolerance)


@keras.saving.register_keras_serializable(package="kerasmodels")
class DefaultRisk(GeometricBrownian):
    """Price of a European claim on the worst of d assets, with default risk.

        f = -(1 - delta) Q(u) u - R u,        g(x) = min_i x_i

    Q, the intensity of default, is `high_intensity` for u < `low_value`,
    `low_intensity` for u >= `high_value`, and linear between. Rates are per unit of
    time; x and u are prices.

    With the defaults u(0, x0) = 57.292 +- 0.001 (benchmarks/references/default_risk.py: a
    lower and an upper bound, and the error of their time grid). The published value from
    multilevel Picard iteration, 57.300, is 0.014 % higher.

    Reference: Han, Jentzen, E (2018), https://doi.org/10.1073/pnas.1718942115

    Args:
        dim: int. d, number of assets.
        terminal_time: float. T, maturity.
        x0: float or `dim` floats. Prices today.
        drift_rate: float. mu.
        volatility: float. sigma > 0.
        recovery: float. delta, the share recovered on default.
        rate: float. R, the riskless rate.
        high_intensity: float. gamma_h.
        low_intensity: float. gamma_l.
        low_value: float. v_h, below which the intensity is high.
        high_value: float. v_l > v_h, above which the intensity is low.
    """

    published = Published(HAN_JENTZEN_E, 100, 1.0, 40, "100")

    def __init__(
        self,
        dim=100,
        terminal_time=1.0,
        x0=100.0,
        drift_rate=0.02,
        volatility=0.2,
        recovery=2 / 3,
        rate=0.02,
        high_intensity=0.2,
        low_intensity=0.02,
        low_value=50.0,
        high_value=70.0,
    ):
        super().__init__(dim, terminal_time, x0, drift_rate, volatility)
        number = checks.finite_float
        owner = "DefaultRisk"
        self.recovery = number(owner, "recovery", recovery)
        self.rate = number(owner, "rate", rate)
        self.high_intensity = number(owner, "high_intensity", high_intensity)
        self.low_intensity = number(owner, "low_intensity", low_intensity)
        self.low_value = number(owner, "low_value", low_value)
        self.high_value = number(owner, "high_value", high_value, above=self.low_value)

    def driver(self, t, x, u, z):
        slope = (self.low_intensity - self.high_intensity) / (
            self.high_value - self.low_value
        )
        between = ops.clip(u, self.low_value, self.high_value) - self.low_value
        intensity = self.high_intensity + slope * between
        return -(1 - self.recovery) * intensity * u - self.rate * u

    def terminal(self, x):
        return ops.min(x, axis=-1, keepdims=True)

    def reference(self):
        return _computed_reference(
            self,
            57.292,
            "lower and upper bound (benchmarks/references/default_risk.py); "
            "57.300 in the literature is 0.014 % higher",
            0.001,
        )


@keras.saving.register_keras_serializable(package="kerasmodels")
class DifferentRates(GeometricBrownian):
    """Price of a call spread when borrowing costs more than lending earns.

        f = -Rl u - (mu - Rl) / sigma sum_i z_i + (Rb - Rl) max(0, sum_i z_i / sigma - u)
        g(x) = max(max_i x_i - 120, 0) - 2 max(max_i x_i - 150, 0)

    Rates are per unit of time; x and u are prices. With the defaults u(0, x0) = 21.171 +-
    0.004 (benchmarks/references/different_rates.py: a lower bound from a policy, an upper
    one from duality). The published value from multilevel Picard iteration, 21.299, is
    0.60 % higher.

    Reference: E, Han, Jentzen (2017), https://doi.org/10.1007/s40304-017-0117-6

    Args:
        dim: int. d, number of assets.
        terminal_time: float. T, maturity.
        x0: float or `dim` floats. Prices today.
        drift_rate: float. mu.
        volatility: float. sigma > 0.
        lending_rate: float. Rl.
        borrowing_rate: float. Rb >= Rl.
        low_strike: float.
        high_strike: float.
    """

    published = Published(E_HAN_JENTZEN, 100, 0.5, 20, "100")

    def __init__(
        self,
        dim=100,
        terminal_time=0.5,
        x0=100.0,
        drift_rate=0.06,
        volatility=0.2,
        lending_rate=0.04,
        borrowing_rate=0.06,
        low_strike=120.0,
        high_strike=150.0,
    ):
        super().__init__(dim, terminal_time, x0, drift_rate, volatility)
        number = checks.finite_float
        owner = "DifferentRates"
        self.lending_rate = number(owner, "lending_rate", lending_rate)
        self.borrowing_rate = number(
            owner, "borrowing_rate", borrowing_rate, at_least=self.lending_rate
        )
        self.low_strike = number(owner, "low_strike", low_strike)
        self.high_strike = number(owner, "high_strike", high_strike)

    def driver(self, t, x, u, z):
        invested = ops.sum(z, axis=-1, keepdims=True) / self.volatility
        return (
            -self.lending_rate * u
            - (self.drift_rate - self.lending_rate) * invested
            + (self.borrowing_rate - self.lending_rate) * ops.relu(invested - u)
        )

    def terminal(self, x):
        best = ops.max(x, axis=-1, keepdims=True)
        return ops.relu(best - self.low_strike) - 2 * ops.relu(best - self.high_strike)

    def reference(self):
        return _computed_reference(
            self,
            21.171,
            "lower and upper bound (benchmarks/references/different_rates.py); "
            "21.299 in the literature is 0.60 % higher",
            0.004,
        )
