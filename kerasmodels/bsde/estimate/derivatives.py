"""Derivatives of u(0, x0) by x0, path by path, with their intervals.

The estimate of u(0, x0) is the mean over driven paths from x0 of

    v(x0) = u0 - (u_N - g(X_N)) / J

Its error is of second order in the errors of u and z, at every x0. So the mean of dv / dx0,
the derivative of each path's value with its noise held fixed, is the derivative of u up to
second order, although z itself may be off in first order. All coordinates come from one
backward pass, and those of a `Family` are the starts and the parameters.

With e_z the error of z, the second order of u0 is E int f'' e_z^2 / 2, and that of its
derivative E int f'' e_z de_z. The variances of R = u_N - g and of dR / dx0 are
E int |e_z|^2 and E int |de_z|^2, so by Cauchy and Schwarz's inequality

    |error of the derivative| <= 2 (second order of u0 / variance of R) |R| |dR / dx0|

where |.| is the deviation over the paths.

The derivative of a path misses what a jump of g adds. A difference of v between two starts
with the same noise does not miss it: where both disagree by more than noise, the derivative
is refused.

Reference: Glasserman (2003), https://doi.org/10.1007/978-0-387-21617-1, section 7.2
(pathwise derivatives, and where they fail)
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from kerasmodels._support import checks
from kerasmodels.bsde.approximation import z_or_zero
from kerasmodels.bsde.estimate.controls import remainder
from kerasmodels.bsde.estimate.extrapolation import (
    STRIDES,
    composes,
    extrapolation,
    standard_error,
)
from kerasmodels.bsde.estimate.grids import three_grids
from kerasmodels.bsde.estimate.interval import QUANTILE
from kerasmodels.bsde.estimate.path_sampler import normals
from kerasmodels.bsde.estimate.second_order import unit
from kerasmodels.bsde.recursion.driven import driven_step
from kerasmodels.bsde.recursion.forward import dot

# Numbers in a state of the paths of one chunk: the backward pass keeps all steps.
_NUMBERS = 2**14
# Numbers in all states from which compilation by XLA pays off.
_COMPILED = 2**28
# Chunks in which differences are compared with derivatives.
_COMPARED = 4
# Half the distance of the two starts, in deviations of the state at the end.
_BUMP = 0.02
# Pairs of paths for each control variate, at least.
_PER_CONTROL = 20
# Standard errors, and a share of the derivative, by which both may differ.
_ERRORS, _SHARE = 5.0, 0.02


class Derivatives(NamedTuple):
    """Derivatives of u(0, x0) with their 95 % intervals.

    value: array `[dim]`, or float.
    half_width: of the same shape. Monte Carlo part, time grid and errors of z together.
    standard_error: of the same shape.
    """

    value: np.ndarray
    half_width: np.ndarray
    standard_error: np.ndarray

    @property
    def interval(self):
        """The pair (lower end, upper end)."""
        return self.value - self.half_width, self.value + self.half_width


class JumpError(checks.RunError):
    """The terminal condition jumps, so that the derivative of a path misses a part."""


class Differentiator:
    """The `Derivatives` of an approximation's u(0, x0): its graphs are traced once.

    Each call reads x0, u0 and the weights of the model anew and draws the same noise.

    Args:
        model: `Approximation`.
        seed: int.

    Call arguments:
        estimate: `Estimate` at the model's x0.
        num_paths: int. Paths and their mirror images, rounded up to whole chunks, at
            least eight chunks.

    Raises:
        JumpError: the terminal condition jumps.
        FloatingPointError: a derivative is no finite number.
    """

    def __init__(self, model, seed):
        self.model, self._seed = model, seed
        self._grid = three_grids(model, None)
        equation = model.equation
        self._size = max(equation.dim, equation.noise_dim)
        chunk_size = int(np.clip(_NUMBERS // self._size, 32, 1024))
        self._shape = chunk_size, equation.noise_dim
        self._first_order = not (equation.known_weak_order() == 2 or composes(equation))
        self._graphs = {}

    def __call__(self, estimate, num_paths):
        x0 = np.asarray(self.model.x0, "float64")
        count = max(_COMPARED, -(-num_paths // (2 * self._shape[0])))
        compiled = num_paths * self._size * len(self._grid) >= _COMPILED
        found = [self._pairs(self._slopes, k, x0, compiled) for k in range(count)]
        slopes, controls = (np.concatenate(part, axis=1) for part in zip(*found))
        if not np.all(np.isfinite(slopes)):
            raise FloatingPointError(
                f"Derivatives along the paths of {self.model.equation!r} are no longer "
                "finite numbers."
            )
        self._require_no_jump(x0, slopes)
        fits = slopes.shape[1] >= _PER_CONTROL * len(controls)
        # The second order of u0 for each unit of the variance that errors of z leave in R.
        curvature = 0.0
        if estimate.z_std > 0:
            second_order = abs(estimate.correction) + estimate.imperfect_z
            curvature = second_order / estimate.z_std**2
        results = []
        for values in np.moveaxis(slopes, -1, 0):
            weights, of_grid, _ = extrapolation(self._grid, values, self._first_order)
            extrapolated = weights @ values
            if fits:
                extrapolated = remainder(extrapolated[None], controls)[0]
            error = standard_error(extrapolated)
            of_z = 2 * curvature * estimate.z_std * float(np.std(values[0]))
            half_width = QUANTILE * error + of_grid + of_z
            results.append((float(np.mean(extrapolated)), half_width, error))
        return Derivatives(*map(np.array, zip(*results)))

    def _require_no_jump(self, x0, slopes):
        """Raises `JumpError` where differences of v and derivatives along them disagree."""
        # Coordinates without noise move by a share of their size.
        still = 0.1 * np.where(x0 == 0, 1.0, np.abs(x0))
        deviation = np.std(self._called(self._values, 0, x0, 1.0)[1], axis=0)
        scale = np.where(deviation > 1e-6 * still, deviation, still)
        signs = np.random.default_rng(0).choice([-1.0, 1.0], len(x0))
        move = _BUMP * scale * signs
        up, down = (
            np.concatenate([self._pairs(self._values, k, end)[0] for k in range(_COMPARED)])
            for end in (x0 + move, x0 - move)
        )
        differences = (up - down) / 2
        along = slopes[0, : len(differences)] @ move
        gap = abs(np.mean(differences - along))
        size = np.mean(np.abs(along)) + np.mean(np.abs(differences))
        if gap > _ERRORS * standard_error(differences - along) and gap > _SHARE * size:
            raise JumpError(
                f"The mean derivative along a path is {np.mean(along) / _BUMP:.3g} for one "
                "deviation of the state, and differences of u with the same noise give "
                f"{np.mean(differences) / _BUMP:.3g}. The terminal condition or a "
                "coefficient jumps, and the derivative of a path misses jumps. Put a steep "
                "slope in the place of the jump, or take differences of "
                "`Solution.estimate_at`."
            )

    def _pairs(self, function, chunk, x0, compiled=False):
        """The outputs of a function of the paths: means over mirror images."""
        both = (self._called(function, chunk, x0, sign, compiled) for sign in (1.0, -1.0))
        return [(here + there) / 2 for here, there in zip(*both)]

    def _called(self, function, chunk, x0, sign, compiled=False):
        name = function.__name__, compiled
        if name not in self._graphs:
            self._graphs[name] = tf.function(
                function, autograph=False, jit_compile=compiled or None
            )
        seed, chunk = (tf.constant(k, "int64") for k in (self._seed, chunk))
        x0, sign = (tf.constant(value, self.model.dtype) for value in (x0, sign))
        found = self._graphs[name](seed, chunk, x0, sign)
        return [np.asarray(value, "float64") for value in found]

    def _slopes(self, seed, chunk, x0, sign):
        """dv / dx0 on the three grids, `[3, paths, dim]`, and the controls.

        The controls `[2 noise_dim, paths]` are even in the noise and of mean zero, with W
        at T and e the direction of z0: W_j^2 - T, and W_j (e . W) - e_j T.
        """
        noise = self._noise(seed, chunk, sign)

        def along(stride):
            start = tf.zeros((self._shape[0], 1), x0.dtype) + x0
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(start)
                value, _ = self._path(start, noise, stride)
            return tape.gradient(value, start, unconnected_gradients="zero")

        # A loop over the grids, because its body is traced once.
        strides = tf.constant(STRIDES)
        slopes = tf.map_fn(along, strides, fn_output_signature=self.model.dtype)
        w, horizon = noise[-1], tf.cast(self._grid[-1], noise.dtype)
        direction = unit(self.model.z_at_start(tf.zeros_like(x0)[None] + x0))
        products = w * dot(w, direction) - horizon * direction
        return slopes, tf.transpose(tf.concat([w**2 - horizon, products], axis=1))

    def _values(self, seed, chunk, x0, sign):
        """v on the finest grid, `[paths]`, and X_N."""
        start = tf.zeros((self._shape[0], 1), x0.dtype) + x0
        value, end = self._path(start, self._noise(seed, chunk, sign), tf.constant(1))
        return value[:, 0], end

    def _noise(self, seed, chunk, sign):
        """W^Q at all times of the grid, `[N + 1, paths, noise_dim]`."""
        dtype = self.model.dtype
        root_dt = tf.constant(np.sqrt(np.diff(self._grid)), dtype)[:, None, None]
        shape = (len(self._grid) - 1, *self._shape)
        steps = sign * root_dt * normals(seed, chunk, 0, shape, dtype)
        return tf.concat([tf.zeros_like(steps[:1]), tf.cumsum(steps, axis=0)], axis=0)

    def _path(self, start, noise, stride):
        """The pair (v, X_N) of paths with every `stride`-th time of the grid."""
        model, dtype = self.model, self.model.dtype
        equation, num_steps = model.equation, len(self._grid) - 1
        times, one = tf.constant(self._grid, dtype), tf.ones_like(start[:, :1])

        def z_at(index, t, x):
            return z_or_zero(model, index, t, x)

        def step(n, x, u, z, du_du0):
            end = driven_step(
                equation,
                z_at,
                "trapezoid",
                # Network n - 1 belongs to t_n.
                n + stride - 1,
                (one * times[n], one * times[n + stride]),
                (x, u, z),
                noise[n + stride] - noise[n],
                finest_dt=one * (times[n + 1] - times[n]),
            )
            return n + stride, end.x, end.u, end.z, du_du0 * end.du_du_start

        u, z = one * tf.cast(model.u0, dtype), model.z_at_start(start)
        _, x, u_end, _, du_du0 = tf.while_loop(
            lambda n, *_: n < num_steps,
            step,
            (tf.constant(0), start, u, z, one),
            maximum_iterations=num_steps,
        )
        return u - (u_end - equation.terminal(x)) / du_du0, x
