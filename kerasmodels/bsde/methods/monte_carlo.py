"""Plain Monte Carlo: a mean of discounted payments, for linear drivers without z."""

import dataclasses
from typing import ClassVar

import keras
import numpy as np
import tensorflow as tf

from kerasmodels._support import checks, files
from kerasmodels.bsde.approximation import Approximation
from kerasmodels.bsde.methods.base import Method
from kerasmodels.bsde.paths.grid import as_time_grid, check_steps_or_grid
from kerasmodels.bsde.paths.mean import mean_of_terminal

# Relative error up to which f counts as linear, in float64.
_LINEAR = 1e-9
# Equal time steps where the caller names none.
_NUM_STEPS = 20


class Expectation(Approximation):
    """u0 as a number, without z and without u elsewhere.

    Args:
        equation: `Equation`.
        grid: array `[N + 1]`.
        dtype: str.
    """

    def __init__(self, equation, grid, dtype):
        super().__init__()
        self.equation, self.grid, self.dtype = equation, grid, dtype
        # A variable, because compiled paths read it anew.
        self._u0 = tf.Variable(0.0, dtype=dtype, trainable=False)

    @property
    def u0(self):
        return tf.convert_to_tensor(self._u0)

    def set_u0(self, value):
        self._u0.assign(value)

    def save(self, folder):
        numbers = {"grid": self.grid.tolist(), "dtype": self.dtype, "u0": float(self._u0)}
        files.write_json(folder / "approximation.json", numbers)

    @classmethod
    def load(cls, folder, equation):
        numbers = files.read_json(folder / "approximation.json")
        found = cls(equation, np.array(numbers["grid"]), numbers["dtype"])
        found.set_u0(numbers["u0"])
        return found


@keras.saving.register_keras_serializable(package="kerasmodels")
@dataclasses.dataclass(frozen=True)
class MonteCarlo(Method):
    """u0 as a mean over paths, for f(t, x, u) = a(t, x) u + b(t, x).

        u(0, x0) = E[ D_T g(X_T) + int_0^T D_t b(t, X_t) dt ],   D_t = exp(int_0^t a ds)

    No network is trained: the estimate alone finds u0, from paths with z = 0 as control
    variate. Its interval holds the error of the time grid as well as that of the sample.

    Args:
        num_steps: None or int. Number of equal time steps; None is 20, unless `grid` is
            given.
        grid: None or sequence of floats. The times of the steps, in place of `num_steps`.
        dtype: "float32" or "float64".

    Raises:
        ValueError: an argument is not of the form above.

    Reference: Feynman-Kac; Karatzas and Shreve (1991),
    https://doi.org/10.1007/978-1-4612-0949-2, section 5.7
    """

    approximation: ClassVar[type] = Expectation
    num_steps: int | None = None
    grid: object = None
    dtype: str = "float32"

    def __post_init__(self):
        check_steps_or_grid("MonteCarlo", self.num_steps, self.grid)
        checks.one_of("MonteCarlo", "dtype", self.dtype, ("float32", "float64"))

    def refuses(self, equation):
        """A sentence where the driver reads z, or is not linear in u at sampled points."""
        reason = self.refuses_parts(equation)
        if reason:
            return reason
        rng = np.random.default_rng(0)
        points = 32
        t = tf.constant(rng.uniform(0, equation.terminal_time, (points, 1)))
        x = tf.constant(np.tile(equation.x0, (points, 1)))
        noise = rng.normal(size=(points, equation.noise_dim))
        x += equation.diffusion_prod(t, x, tf.constant(noise * equation.terminal_time**0.5))
        u, other = (tf.constant(rng.normal(size=(points, 1))) for _ in range(2))
        z = tf.constant(rng.normal(size=(points, equation.noise_dim)))
        no_z = tf.zeros_like(z)

        def f(u, z=no_z):
            return np.asarray(equation.driver(t, x, u, z))

        scale = np.abs(f(u)) + np.abs(f(other)) + np.abs(f(0 * u)) + 1e-12
        if not np.all(np.abs(f(u, z) - f(u)) <= _LINEAR * scale):
            return "its driver depends on z, so that u0 is no mean of discounted payments"
        both = f(u + other) - f(u) - f(other) + f(0 * u)
        if not np.all(np.abs(both) <= _LINEAR * scale):
            return "its driver is not linear in u, so that u0 is no mean over paths"
        return None

    def fit(self, equation, run):
        num_steps = self.num_steps
        if num_steps is None and self.grid is None:
            num_steps = _NUM_STEPS
        grid = as_time_grid("solve", equation, num_steps, self.grid)
        run.begin({"method": "monte_carlo", "grid": grid.tolist(), "dtype": self.dtype})
        found = Expectation(equation, grid, self.dtype)
        found.baseline = mean_of_terminal(equation, grid, run.seed, self.dtype)
        found.set_u0(found.baseline[0])
        yield found
