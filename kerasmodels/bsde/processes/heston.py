"""Heston's model: a price whose variance is a square-root process."""

from keras import ops

from kerasmodels._support import checks
from kerasmodels.bsde.equation import Equation
from kerasmodels.bsde.processes.cox_ingersoll_ross import square_root_step


class Heston(Equation):
    """An equation on the price S and the variance v of Heston's model, x = (S, v).

        dS = drift_rate S dt + v^(1/2) S (correlation dW_1 + (1 - correlation^2)^(1/2) dW_2)
        dv = reversion (level - v) dt + vol_of_vol v^(1/2) dW_1

    The step takes v by the quadratic-exponential scheme, which is never negative, and S by
    Andersen's log-normal law given both ends of v, corrected so that E S(t + dt) is exactly
    S exp(drift_rate dt). Still abstract, with d = 2: a subclass gives `driver`
    (-drift_rate u for discounting) and `terminal`.

    References: Heston (1993), https://doi.org/10.1093/rfs/6.2.327; Andersen (2008),
    https://doi.org/10.21314/JCF.2008.189 (the step)

    Args:
        terminal_time: float. T.
        x0: pair of floats. S_0 > 0 and v_0 >= 0.
        drift_rate: float. Per unit of time.
        reversion: float >= 0. Per unit of time.
        level: float >= 0. Variance to which v reverts.
        vol_of_vol: float > 0.
        correlation: float in [-1, 1]. Of the noise of S with that of v.

    Raises:
        ValueError: an argument is not of the form above.
    """

    def __init__(
        self,
        terminal_time,
        x0,
        drift_rate,
        reversion,
        level,
        vol_of_vol,
        correlation,
    ):
        owner = type(self).__name__
        super().__init__(2, terminal_time, x0)
        if not (self.x0[0] > 0 and self.x0[1] >= 0):
            received = f"x0={checks.describe(x0)}"
            expected = "a price above 0 and a variance of at least 0"
            raise checks.ArgumentError(checks.message(owner, "x0", expected, received))
        self.drift_rate = checks.finite_float(owner, "drift_rate", drift_rate)
        self.reversion = checks.finite_float(owner, "reversion", reversion, at_least=0.0)
        self.level = checks.finite_float(owner, "level", level, at_least=0.0)
        self.vol_of_vol = checks.finite_float(owner, "vol_of_vol", vol_of_vol, above=0.0)
        self.correlation = checks.finite_float(owner, "correlation", correlation)
        if abs(self.correlation) > 1:
            received = f"correlation={correlation!r}"
            raise checks.ArgumentError(
                checks.message(owner, "correlation", "between -1 and 1", received)
            )

    @property
    def _rest(self):
        """The part of the noise of S that v does not share."""
        return (1 - self.correlation**2) ** 0.5

    def drift(self, t, x):
        s, v = x[:, :1], x[:, 1:]
        pull = self.reversion * (self.level - v)
        return ops.concatenate([self.drift_rate * s, pull], axis=-1)

    def diffusion_prod(self, t, x, dw):
        s, root = x[:, :1], ops.sqrt(ops.maximum(x[:, 1:], 0.0))
        of_price = self.correlation * dw[:, :1] + self._rest * dw[:, 1:]
        return ops.concatenate(
            [root * s * of_price, self.vol_of_vol * root * dw[:, :1]], axis=-1
        )

    def step(self, t, dt, x, dw):
        s, v = x[:, :1], ops.maximum(x[:, 1:], 0.0)
        law = square_root_step(
            v, dt, dw[:, :1], self.reversion, self.level, self.vol_of_vol
        )
        # int v dt by the trapezoidal rule, and int v^(1/2) dW_1 from the equation of v.
        own = dt / 2 * self._rest**2
        share = self.correlation / self.vol_of_vol
        both = dt / 2 * (self.correlation * self.reversion / self.vol_of_vol - 0.5)
        at_start, at_end = both - share, both + share
        noise = dw[:, 1:] / ops.sqrt(ops.maximum(dt, 1e-30))
        spread = ops.sqrt(own * (v + law.end)) * noise
        plain = -share * self.reversion * self.level * dt + at_start * v
        shift = self._martingale(law, at_end + own / 2, plain, -own / 2 * v)
        price = s * ops.exp(self.drift_rate * dt + shift + at_end * law.end + spread)
        return ops.concatenate([ops.where(dt > 0, price, s), law.end], axis=-1)

    @staticmethod
    def _martingale(law, power, plain, own):
        """-ln E exp(power v_end) + own, or `plain` where that mean is infinite."""
        used = ops.minimum(2 * power * law.a, 1 - 1e-3)
        quadratic = -power * law.a * ops.square(law.b) / (1 - used) + ops.log(1 - used) / 2
        room = ops.maximum(law.rate - power, 1e-3 * law.rate)
        exponential = -ops.log(law.mass + law.rate * (1 - law.mass) / room)
        exists = ops.where(
            law.quadratic, 2 * power * law.a < 1 - 1e-3, power < (1 - 1e-3) * law.rate
        )
        shift = ops.where(law.quadratic, quadratic, exponential)
        return ops.where(exists, shift + own, plain)
