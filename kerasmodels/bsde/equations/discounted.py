"""An equation with its growth along the paths taken out."""

import keras
from keras import ops

from kerasmodels._support import checks
from kerasmodels.bsde.equation import Equation, Reference


@keras.saving.register_keras_serializable(package="kerasmodels")
class Discounted(Equation):
    """The equation of v(t, x) = e^(-rate t) u(t, x), for a driver that is stiff in u.

        f~(t, x, v, z~) = e^(-rate t) f(t, x, e^(rate t) v, e^(rate t) z~) + rate v
        g~(x) = e^(-rate T) g(x),        v(0, x0) = u(0, x0)

    Where df/du is about -rate, an error of u0 grows by e^(rate T) along the forward
    recursion of u, and the mismatch at T leaves the range of floats. Along that of v it
    stays as it is. Nothing else changes: X, x0 and the solution at time 0 are the same.

    Args:
        equation: `Equation`.
        rate: float. Per unit of time.

    Raises:
        ValueError: an argument is not of the form above.

    Reference: Hochbruck and Ostermann (2010), https://doi.org/10.1017/S0962492910000048,
    section 2.1 (the stiff linear part in an exponential)
    """

    def __init__(self, equation, rate):
        owner = "Discounted"
        if isinstance(equation, dict):
            equation = keras.saving.deserialize_keras_object(equation)
        self.equation = checks.instance(owner, "equation", equation, Equation)
        self.rate = checks.finite_float(owner, "rate", rate)
        super().__init__(equation.dim, equation.terminal_time, equation.x0)
        self.obstacle, self.jumps = equation.obstacle, equation.jumps
        self.coupled = equation.coupled

    @property
    def noise_dim(self):
        return self.equation.noise_dim

    @property
    def weak_order(self):
        return self.equation.known_weak_order()

    def drift(self, t, x):
        return self.equation.drift(t, x)

    def diffusion_prod(self, t, x, dw):
        return self.equation.diffusion_prod(t, x, dw)

    def step(self, t, dt, x, dw):
        return self.equation.step(t, dt, x, dw)

    def driver(self, t, x, u, z):
        growth = ops.exp(self.rate * t)
        f = self.equation.driver(t, x, growth * u, growth * z)
        return f / growth + self.rate * u

    def terminal(self, x):
        return self.equation.terminal(x) * ops.exp(
            ops.cast(-self.rate * self.terminal_time, x.dtype)
        )

    def exact_solution(self, t, x):
        u = self.equation.exact_solution(t, x)
        return None if u is None else u * ops.exp(-self.rate * t)

    def reference(self):
        known = self.equation.reference()
        return None if known is None else Reference(*known)

    def get_config(self):
        equation = keras.saving.serialize_keras_object(self.equation)
        return {"equation": equation, "rate": self.rate}
