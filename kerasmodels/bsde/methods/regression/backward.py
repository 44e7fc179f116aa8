"""One pass of regressions from the terminal time back to the start.

On paths driven by dW_n = dW^Q_n + b_n dt, where dW^Q is Brownian and b the added drift, the
function u_N is g, and u_n is the regression on the features of x_n of

    u_{n+1} + (f_n + f_{n+1}) dt / 2 - (z_n + z_{n+1}) . b_n dt / 2 - z~ . dW^Q_n

with z~ = sigma^T grad u_{n+1} at (t_n, x_n). No later noise enters z~, so the last term has
mean zero. Subtracting that term removes most of the variance. Where they lower it further,
the iterated integrals of z~ (`recursion/iterated_integrals.py`) are subtracted too.

Each step has two regressions. The first takes f_n and z_n from the function u_{n+1} at
(t_n, x_n), the second from the u_n of the first. At time 0, u0 is the mean of the first
target, and z0 comes from u_1.

Reference: Gobet, Lemor and Warin (2005), https://doi.org/10.1214/105051605000000412
"""

import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from kerasmodels.bsde.methods.base import MethodFailed
from kerasmodels.bsde.methods.regression.features import finite
from kerasmodels.bsde.methods.regression.least_squares import LeastSquares
from kerasmodels.bsde.recursion.driven import driver_and_df_dz, shortened
from kerasmodels.bsde.recursion.forward import dot
from kerasmodels.bsde.recursion.iterated_integrals import iterated_integrals_of_z, probes

# A step is too long for the whole driver if the mean of |df/du| dt over the paths is above
# this.
_STIFF = 0.5
# A larger number counts as overflow: near 1.8e19 its square overflows in float32.
LARGEST = 1e18
# Compilation by XLA pays off with at least as many paths x time steps, or numbers in them.
_COMPILED, _COMPILED_NUMBERS = 2**18, 2**25


class Paths(NamedTuple):
    """Paths on which a pass works; the first axis is time.

    x: Tensor `[N + 1, batch, dim]`.
    noise: Tensor `[N, batch, noise_dim]`. dW^Q, variance dt.
    b: None, or Tensor `[N, batch, noise_dim]`, the drift of dW.
    """

    x: tf.Tensor
    noise: tf.Tensor
    b: tf.Tensor | None


class Pass(NamedTuple):
    """What a pass has found.

    coefficients: array `[N + 1, features]`; those of time 0 are used where the start of
        the paths varies.
    u0: float. At x0.
    z0: array `[noise_dim]`. At x0.
    residual: float. Square root of the sum over times of the mean square that is left on
        the held-out quarter of the paths; for time 0 it is the variance of the target over
        all paths.
    b_square: float. Mean of int |b|^2 dt with b = df/dz at the u and z found, for the whole
        driver even where `strength` < 1.
    b_square_driven: float. The same with b shortened as on driven paths (`control_drift`).
    b_square_high: float. The 99 % quantile over the paths of int |b|^2 dt.
    """

    coefficients: np.ndarray
    u0: float
    z0: np.ndarray
    residual: float
    b_square: float
    b_square_driven: float
    b_square_high: float = math.inf


class StepTooLong(MethodFailed):
    """A time step in which |df/du| dt is too large for an explicit rule."""


def backward_pass(equation, grid, features, paths, strength=1.0, steps=None):
    """One `Pass`.

    Args:
        equation: `Equation`.
        grid: array `[N + 1]`.
        features: `Features` on that grid.
        paths: `Paths`.
        strength: float. Factor of the driver, 1 at the end; smaller while the driver is
            switched on gradually.
        steps: None, or `Steps` that work with these features.

    Raises:
        StepTooLong: the driver is stiff.
        MethodFailed: a number is NaN, or `LARGEST` or more in size.
    """
    x, noise, b = paths
    num_steps, dtype = len(grid) - 1, x.dtype
    steps = steps or Steps(equation, features, noise)
    times = tf.constant(grid, dtype)
    strength = tf.constant(strength, dtype)
    u, z = equation.terminal_and_z(tf.ones_like(x[0][:, :1]) * times[-1], x[-1])
    z = finite(z)
    coefficients = np.zeros((num_steps + 1, features.size))
    statistics = features.statistics
    coefficients[-1, :2] = statistics["g_mean"][-1], statistics["g_deviation"][-1]
    left, b_squares, of_paths = [], 0.0, 0.0
    for n in range(num_steps - 1, -1, -1):
        index = tf.constant(n)
        drift = None if b is None else b[n]
        start = index, times, x[n], strength, drift
        later = tf.constant(coefficients[n + 1], dtype)
        end, wanted, values, u, z = steps.target(start, x[n + 1], noise[n], u, z, later)
        wanted = _array(wanted)
        if n > 0 or equation.start_varies:
            fit = LeastSquares(np.asarray(values, "float64"), features.num_base)
            first = tf.constant(fit(wanted)[0], dtype)
            wanted = _array(steps.target_again(start, end, first))
            coefficients[n], unseen = fit(wanted)
            u, z = steps.function(start, tf.constant(coefficients[n], dtype))
            left.append(unseen)
        slopes = steps.slopes(start, u, z)
        squares, sizes, df_du = (np.asarray(v, "float64") for v in slopes)
        dt = float(grid[n + 1] - grid[n])
        b_squares += squares * dt
        of_paths += sizes * dt
        if df_du * dt > _STIFF:
            raise StepTooLong(
                f"the driver is stiff: |df/du| is about {df_du:.3g}, and {num_steps} time "
                "steps are too few for it"
            )
    if equation.start_varies:
        t, x0 = times[:1, None], tf.constant(equation.x0[None], dtype)
        at_x0 = features.value_and_z(0, t, x0, tf.constant(coefficients[0], dtype))
        u0, z0 = (np.asarray(value, "float64") for value in at_x0)
    else:
        left.append(np.var(wanted))
        u0, z0 = np.mean(wanted, keepdims=True)[None], np.asarray(z[:1], "float64")
    residual = float(np.sqrt(np.sum(left)))
    b_squares = *map(float, b_squares), float(np.quantile(of_paths, 0.99))
    return Pass(coefficients, float(u0[0, 0]), z0[0], residual, *b_squares)


class Steps:
    """The parts of a step between its regressions, each as a graph.

    `start` is the tuple (n, times, x_n, strength, b_n): index, all times of the grid,
    states, factor of the driver, and the drift of dW or None.
    """

    def __init__(self, equation, features, noise):
        self._equation, self.features = equation, features
        names = ("target", "target_again", "function", "slopes")
        for name in names:
            setattr(self, name, compiled(getattr(self, f"_{name}"), noise))

    def _target(self, start, x_end, noise, u_end, z_end, weights):
        """What the first regression at t_n fits, and on what.

        Returns:
            The tuple (target without f_n, target, values of the features at x_n, u and z
            by the function u_{n+1} at x_n).
        """
        n, times, x, strength, b = start
        u, z = self._later(start, x, weights)
        end = u_end + self._half_step(n, n + 1, times, x_end, u_end, z_end, strength, b)
        end -= self._martingale(start, noise, end - u, z, weights)
        wanted = end + self._half_step(n, n, times, x, u, z, strength, b)
        return end, wanted, self.features(n, _column(times, n, x), x), u, z

    def _later(self, start, x, weights):
        """u_{n+1} at the end of a step without noise from (t_n, x), and sigma^T grad of it.

        The end and not x, because x may lie far from the states at t_{n+1}, as a running
        mean does.
        """
        equation, (n, times, *_) = self._equation, start
        dt = _length(times, n)

        def later(t, x):
            still = tf.zeros((tf.shape(x)[0], equation.noise_dim), x.dtype)
            end = equation.step(t, dt[None, None], x, still)
            return self.features.value(n + 1, t + dt, end, weights)

        u, z = equation.value_and_z(later, _column(times, n, x), x)
        return finite(u), finite(z)

    def _target_again(self, start, end, weights):
        """What the second regression fits: f_n at the u_n of the first."""
        n, times, x, strength, b = start
        u, z = self._function(start, weights)
        return end + self._half_step(n, n, times, x, u, z, strength, b)

    def _function(self, start, weights):
        n, times, x, *_ = start
        return self.features.value_and_z(n, _column(times, n, x), x, weights)

    def _slopes(self, start, u, z):
        """Means of |df/dz|^2, whole and shortened; |df/dz|^2; the mean of |df/du|."""
        n, times, x, *_ = start
        t = _column(times, n, x)
        _, b = driver_and_df_dz(self._equation, t, x, u, z)
        driven = shortened(b, _length(times, n))
        sizes = [dot(v, v) for v in (b, driven)]
        squares = tf.stack([tf.reduce_mean(size) for size in sizes])
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(u)
            driver = self._equation.driver(t, x, u, z)
        slope = tape.gradient(driver, u, unconnected_gradients="zero")
        return squares, sizes[0], tf.reduce_mean(tf.abs(slope))

    def _half_step(self, n, k, times, x, u, z, strength, b):
        """(strength f - z . b) dt / 2 at the k-th time, in the step from the n-th."""
        driver = strength * self._equation.driver(_column(times, k, x), x, u, z)
        return _length(times, n) / 2 * (driver if b is None else driver - dot(z, b))

    def _martingale(self, start, noise, change, z, weights):
        """z . dW^Q, and the part of int z . dW^Q beyond it.

        That part, the iterated integrals, is added where it leaves less variance in the
        change of u.
        """
        n, times, x, *_ = start
        plain = dot(z, noise)
        # The noise of another path is independent of this one's.
        other = tf.roll(noise, 1, axis=0)
        t = _column(times, n, x)
        dt = tf.ones_like(t) * _length(times, n)
        states, along = probes(self._equation, t, dt, x, z, other)
        z_probed = self._later(start, states, weights)[1]
        better = plain + iterated_integrals_of_z(dt, along, z_probed, noise)
        variances = [tf.math.reduce_variance(change - value) for value in (plain, better)]
        return tf.where(variances[1] < variances[0], better, plain)


def _column(times, n, x):
    """The n-th time for each of the states, `[batch, 1]`."""
    return tf.zeros_like(x[:, :1]) + tf.gather(times, n)


def _length(times, n):
    """The n-th time step."""
    return tf.gather(times, n + 1) - tf.gather(times, n)


def compiled(function, noise):
    """`function` as a graph, for use at each time of paths with this noise."""
    points = noise.shape[0] * noise.shape[1]
    worth = points >= _COMPILED or points * noise.shape[2] >= _COMPILED_NUMBERS
    return tf.function(function, autograph=False, jit_compile=worth or None)


def _array(value):
    """The only column, in float64.

    Raises:
        MethodFailed: a number is NaN, or `LARGEST` or more in size.
    """
    value = np.asarray(value, "float64")[:, 0]
    if not np.all(np.abs(value) < LARGEST):
        raise MethodFailed("its regressions are no longer finite numbers")
    return value
