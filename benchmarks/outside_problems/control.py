"""One control of four unstable states: a linear regulator, and a cart with a pole on it."""

import keras
import numpy as np
import scipy.integrate
from keras import ops

from kerasmodels import bsde

register = keras.saving.register_keras_serializable(package="outside")
GRAVITY, MASSES = 9.80665, 0.5


def _linear_parts():
    """A and b of the upright pole: dX = (A X + b a) dt, a the push."""
    low = 4 / 3 - MASSES
    matrix = np.zeros((4, 4))
    matrix[0, 1] = matrix[2, 3] = 1.0
    matrix[1, 2], matrix[3, 2] = -MASSES * GRAVITY / low, GRAVITY / low
    return matrix, np.array([0.0, MASSES + MASSES**2 / low, 0.0, -MASSES / low])


class Regulator(bsde.Equation):
    """V_t + a(x) . grad V + s^2/2 Lap V + |x|^2 / 2 - (b(x) . grad V)^2 / 2 = 0.

    V is the least cost of keeping dX = (a + b push) dt + s dW near zero; V(T, x) = |x|^2.
    """

    def __init__(self, noise, terminal_time=1.0, x0=0.0):
        super().__init__(4, terminal_time, x0)
        self.noise = noise

    def push_direction(self, x):
        """b(x), `[batch, 4]`."""
        raise NotImplementedError

    def diffusion_prod(self, t, x, dw):
        return self.noise * dw

    def driver(self, t, x, u, z):
        along = ops.sum(self.push_direction(x) * z, axis=-1, keepdims=True) / self.noise
        return (bsde.squared_norm(x) - along**2) / 2

    def terminal(self, x):
        return bsde.squared_norm(x)

    def riccati_value(self):
        """x0' P x0 / 2 + c of the linear system: P solves a Riccati equation."""
        matrix, push = _linear_parts()

        def derivative(_, state):
            p = state[:16].reshape(4, 4)
            change = matrix.T @ p + p @ matrix + np.eye(4) - np.outer(p @ push, p @ push)
            return [*change.ravel(), self.noise**2 / 2 * np.trace(p)]

        start = [*(2 * np.eye(4)).ravel(), 0.0]
        span = (0.0, self.terminal_time)
        end = scipy.integrate.solve_ivp(derivative, span, start, rtol=1e-10, atol=1e-14)
        p, constant = end.y[:16, -1].reshape(4, 4), end.y[16, -1]
        return float(self.x0 @ p @ self.x0 / 2 + constant)


@register
class LinearRegulator(Regulator):
    """The linear system of the upright pole: a(x) = A x, b constant."""

    def __init__(self, noise=0.3, terminal_time=1.0, x0=(0.0, 0.0, 0.2, 0.0)):
        super().__init__(noise, terminal_time, x0)

    def drift(self, t, x):
        return ops.matmul(x, ops.convert_to_tensor(_linear_parts()[0].T, x.dtype))

    def push_direction(self, x):
        return ops.convert_to_tensor(_linear_parts()[1], x.dtype) + 0 * x

    def reference(self):
        return bsde.Reference(self.riccati_value(), "Riccati equation", 1e-8)


@register
class CartPole(Regulator):
    """A pole upright on a cart: (place, speed, angle, its speed), all masses one.

    The reference is the value of the linear system. Terms of higher order in the angle
    change it by the square of the noise, relative to the value, because the angle stays
    small.
    """

    def __init__(self, noise=0.01, terminal_time=1.0, x0=0.0):
        super().__init__(noise, terminal_time, x0)

    def _low(self, x):
        return 4 / 3 - MASSES * ops.cos(x[:, 2:3]) ** 2

    def drift(self, t, x):
        speed, angle, turn = x[:, 1:2], x[:, 2:3], x[:, 3:]
        swing = MASSES * turn**2
        sine, cosine = ops.sin(angle), ops.cos(angle)
        of_turn = (GRAVITY * sine - swing * sine * cosine) / self._low(x)
        of_speed = swing * sine - MASSES * cosine * of_turn
        return ops.concatenate([speed, of_speed, turn, of_turn], axis=1)

    def push_direction(self, x):
        cosine = ops.cos(x[:, 2:3])
        of_turn = -MASSES * cosine / self._low(x)
        of_speed = MASSES - MASSES * cosine * of_turn
        none = ops.zeros_like(cosine)
        return ops.concatenate([none, of_speed, none, of_turn], axis=1)

    def reference(self):
        value = self.riccati_value()
        tolerance = 10 * self.noise**2 * value
        return bsde.Reference(value, "Riccati equation of the linear system", tolerance)
