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
# With at least this many paths x time steps, compilation by XLA pays off.
_COMPILED = 2**18


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

    coefficients: array `[N + 1, features]`; those of time 0 are not used.
    u0: float.
    z0: array `[noise_dim]`.
    residual: float. Square root of the sum over times of the mean square that is left on
        the held-out quarter of the paths; for time 0 it is the variance of the target over
        all paths.
    b_square: float. Mean of int |b|^2 dt with b = df/dz at the u and z found, for the whole
        driver even where `strength` < 1.
    b_square_driven: float. The same with b shortened as on driven paths (`control_drift`).
    """

    coefficients: np.ndarray
    u0: float
    z0: np.ndarray
    residual: float
    b_square: float
    b_square_driven: float


class StepTooLong(MethodFailed):
    """A time step in which |df/du| dt is too large for an explicit rule."""


def backward_pass(equation, grid, features, paths, strength=1.0):
    """One `Pass`.

    Args:
        equation: `Equation`.
        grid: array `[N + 1]`.
        features: `Features` on that grid.
        paths: `Paths`.
        strength: float. Factor of the driver, 1 at the end; smaller while the driver is
            switched on gradually.

    Raises:
        StepTooLong: the driver is stiff.
        MethodFailed: a number is NaN, or `LARGEST` or more in size.
    """
    x, noise, b = paths
    one = tf.ones_like(x[0][:, :1])
    num_steps, dtype = len(grid) - 1, one.dtype
    value_and_z, basis = (compiled(f, noise) for f in (features.value_and_z, features))

    def function(k, n, weights):
        t = one * tf.constant(grid[n], dtype)
        return value_and_z(tf.constant(k), t, x[n], tf.constant(weights, dtype))

    def half_step(n, u, z, drift, dt):
        """(strength f - z . b) dt / 2 at the n-th time."""
        driver = strength * equation.driver(one * tf.constant(grid[n], dtype), x[n], u, z)
        return dt / 2 * (driver if drift is None else driver - dot(z, drift))

    def martingale(n, dt, change, z):
        """z . dW^Q, and the part of int z . dW^Q beyond it.

        That part, the iterated integrals, is added where it leaves less variance in the
        change of u.
        """
        plain = dot(z, noise[n])
        # The noise of another path is independent of this one's.
        other = tf.roll(noise[n], 1, axis=0)
        t, dt = one * tf.constant(grid[n], dtype), one * dt
        states, along = probes(equation, t, dt, x[n], z, other)
        weights = tf.constant(coefficients[n + 1], dtype)
        z_probed = value_and_z(tf.constant(n + 1), tf.tile(t, (4, 1)), states, weights)[1]
        better = plain + iterated_integrals_of_z(dt, along, z_probed, noise[n])
        squares = [tf.math.reduce_variance(change - value) for value in (plain, better)]
        return better if squares[1] < squares[0] else plain

    u, z = equation.terminal_and_z(one * tf.constant(grid[-1], dtype), x[-1])
    z = finite(z)
    coefficients = np.zeros((num_steps + 1, features.size))
    statistics = features.statistics
    coefficients[-1, :2] = statistics["g_mean"][-1], statistics["g_deviation"][-1]
    left, b_squares = [], 0.0
    for n in range(num_steps - 1, -1, -1):
        dt, drift = float(grid[n + 1] - grid[n]), None if b is None else b[n]
        u_start, z_start = function(n + 1, n, coefficients[n + 1])
        end = u + half_step(n + 1, u, z, drift, dt)
        end -= martingale(n, dt, end - u_start, z_start)
        wanted = _array(end + half_step(n, u_start, z_start, drift, dt))
        if n > 0:
            values = basis(tf.constant(n), one * tf.constant(grid[n], dtype), x[n])
            fit = LeastSquares(np.asarray(values, "float64"), features.num_base)
            u, z = function(n, n, fit(wanted)[0])
            coefficients[n], unseen = fit(_array(end + half_step(n, u, z, drift, dt)))
            u, z = function(n, n, coefficients[n])
            u_start, z_start = u, z
            left.append(unseen)
        squares, df_du = _slopes(equation, grid[n], dt, x[n], u_start, z_start)
        b_squares += squares * dt
        if df_du * dt > _STIFF:
            raise StepTooLong(
                f"the driver is stiff: |df/du| is about {df_du:.3g}, and {num_steps} time "
                "steps are too few for it"
            )
    left.append(np.var(wanted))
    z0 = np.asarray(z_start[0], "float64")
    residual = float(np.sqrt(np.sum(left)))
    return Pass(coefficients, float(np.mean(wanted)), z0, residual, *map(float, b_squares))


def compiled(function, noise):
    """`function` as a graph, for use at each time of paths with this noise."""
    worth = noise.shape[0] * noise.shape[1] >= _COMPILED
    return tf.function(function, autograph=False, jit_compile=worth or None)


def _slopes(equation, t, dt, x, u, z):
    """The pair (means of |df/dz|^2, whole and shortened; mean of |df/du|)."""
    t = tf.zeros_like(u) + tf.constant(t, u.dtype)
    _, b = driver_and_df_dz(equation, t, x, u, z)
    driven = shortened(b, tf.constant(dt, u.dtype))
    squares = np.array([tf.reduce_mean(dot(v, v)) for v in (b, driven)], "float64")
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(u)
        driver = equation.driver(t, x, u, z)
    slope = tape.gradient(driver, u, unconnected_gradients="zero")
    return squares, float(tf.reduce_mean(tf.abs(slope)))


def _array(value):
    """The only column, in float64.

    Raises:
        MethodFailed: a number is NaN, or `LARGEST` or more in size.
    """
    value = np.asarray(value, "float64")[:, 0]
    if not np.all(np.abs(value) < LARGEST):
        raise MethodFailed("its regressions are no longer finite numbers")
    return value
