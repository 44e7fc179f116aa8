"""Linear-quadratic control of many states that attract each other."""

import keras
from keras import ops

from kerasmodels._support import checks
from kerasmodels.bsde.equation import Published, squared_norm
from kerasmodels.bsde.equations.control_problem import ControlProblem


@keras.saving.register_keras_serializable(package="kerasmodels")
class LinearQuadratic(ControlProblem):
    """d noisy states, each with a control of its own, pulled to their mean.

        dX_i = (growth X_i + attraction (m - X_i) + a_i) dt + volatility dW_i
        cost: E[ int_0^T Q |X|^2 + R |a|^2 dt + G |X_T|^2 ],        m the mean of X

    With Riccati equations for the mean and for the deviations from it,

        u(t, x) = p_1 d m^2 + p_2 (|x|^2 - d m^2) + volatility^2 int_t^T p_1 + (d-1) p_2 ds
        p_k' + 2 lambda_k p_k - p_k^2 / R + Q = 0,        p_k(T) = G
        lambda_1 = growth,    lambda_2 = growth - attraction
        a_i = -(p_1 m + p_2 (x_i - m)) / R

    Args:
        dim: int. d.
        terminal_time: float. T.
        x0: float or `dim` floats.
        growth, attraction: float. Per unit of time.
        volatility: float > 0. Per square root of a unit of time.
        state_cost: float > 0. Q.
        control_cost: float > 0. R.
        terminal_cost: float >= 0. G.

    Raises:
        ValueError: an argument is not of the form above.

    Reference: Fleming and Soner (2006), https://doi.org/10.1007/0-387-31071-1 (the linear
    regulator)
    """

    published = Published("textbook", 50, 1.0, 40, "1")

    def __init__(
        self,
        dim=50,
        terminal_time=1.0,
        x0=1.0,
        growth=0.5,
        attraction=1.0,
        volatility=1.0,
        state_cost=1.0,
        control_cost=1.0,
        terminal_cost=1.0,
    ):
        owner = "LinearQuadratic"
        super().__init__(dim, terminal_time, x0)
        self.control_dim = self.dim
        self.growth = checks.finite_float(owner, "growth", growth)
        self.attraction = checks.finite_float(owner, "attraction", attraction)
        for name, value in (
            ("volatility", volatility),
            ("state_cost", state_cost),
            ("control_cost", control_cost),
        ):
            setattr(self, name, checks.finite_float(owner, name, value, above=0.0))
        self.terminal_cost = checks.finite_float(
            owner, "terminal_cost", terminal_cost, at_least=0.0
        )

    def drift(self, t, x):
        mean = ops.mean(x, axis=-1, keepdims=True)
        return self.growth * x + self.attraction * (mean - x)

    def diffusion_prod(self, t, x, dw):
        return self.volatility * dw

    def control_drift(self, t, x, a):
        return a / self.volatility

    def running_cost(self, t, x, a):
        return self.state_cost * squared_norm(x) + self.control_cost * squared_norm(a)

    def terminal(self, x):
        return self.terminal_cost * squared_norm(x)

    def optimal_control(self, t, x, z):
        return -z / (2 * self.control_cost * self.volatility)

    def exact_solution(self, t, x):
        mean = ops.mean(x, axis=-1, keepdims=True)
        of_mean, noise = self._riccati(self.growth, t)
        of_rest, other_noise = self._riccati(self.growth - self.attraction, t)
        own = of_mean * self.dim * mean**2
        rest = of_rest * (squared_norm(x) - self.dim * mean**2)
        return own + rest + self.volatility**2 * (noise + (self.dim - 1) * other_noise)

    def exact_control(self, t, x):
        """The optimal control at (t, x), `[batch, dim]`."""
        mean = ops.mean(x, axis=-1, keepdims=True)
        of_mean, of_rest = (
            self._riccati(rate, t)[0]
            for rate in (self.growth, self.growth - self.attraction)
        )
        return -(of_mean * mean + of_rest * (x - mean)) / self.control_cost

    def _riccati(self, rate, t):
        """p(t), and its integral from t to T, of the Riccati equation with lambda = rate.

        p = R (lambda + s w) with s^2 = lambda^2 + Q / R turns it into w' = s (w^2 - 1).
        """
        cost, left = self.control_cost, self.terminal_time - t
        s = (rate**2 + self.state_cost / cost) ** 0.5
        last = (self.terminal_cost / cost - rate) / s
        turned = ops.tanh(s * left)
        p = cost * (rate + s * (last + turned) / (1 + last * turned))
        grown = s * left + ops.log((1 + last + (1 - last) * ops.exp(-2 * s * left)) / 2)
        return p, cost * (rate * left + grown)
