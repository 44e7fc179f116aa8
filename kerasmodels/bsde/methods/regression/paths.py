"""Paths of a pass: undriven, or driven by what the pass before found."""

import numpy as np
import tensorflow as tf

from kerasmodels.bsde.methods.base import MethodFailed
from kerasmodels.bsde.methods.regression.backward import LARGEST, Paths
from kerasmodels.bsde.methods.regression.graphs import Graphs
from kerasmodels.bsde.paths import streams
from kerasmodels.bsde.paths.increments import brownian_increments
from kerasmodels.bsde.recursion.driven import control_drift


def sample(equation, grid, num_paths, key, dtype, before=None, strength=1.0, graphs=None):
    """`Paths` of one pass.

    Args:
        equation: `Equation`.
        grid: array `[N + 1]`.
        num_paths: int.
        key: the pair (seed, number of the pass).
        dtype: "float32" or "float64".
        before: None, or `Regressed`, which drives the paths by b = df/dz at its u and z.
        strength: float. Factor of the driver.
        graphs: None, or `Graphs` that other passes have used.

    Raises:
        MethodFailed: a path is no longer a finite number.
    """
    seed = key[0], streams.of_regression(key[1])
    noise = brownian_increments(grid, num_paths, equation.noise_dim, seed, dtype)
    noise = tf.transpose(noise, (1, 0, 2))
    start = key[0], streams.of_starts(key[1])
    x = equation.sample_start(start, num_paths, dtype)
    one = tf.ones_like(x[:, :1])
    if before is not None:
        # The times of both grids may differ.
        nearest = np.abs(grid[:, None] - before.grid).argmin(axis=1)
        u, z = one * before.u0, tf.zeros_like(noise[0]) + before.z0
        drift_at = (graphs or Graphs(equation)).drift(before, noise)
    states, drifts = [x], []
    for n, dw in enumerate(noise):
        t = one * tf.constant(grid[n], dtype)
        dt = tf.constant([[grid[n + 1] - grid[n]]], dtype)
        if before is not None:
            if n == 0 and not equation.start_varies:
                b = control_drift(equation, t, dt, x, u, z)[1]
            else:
                b = drift_at(tf.constant(nearest[n]), t, dt, x)
            drifts.append(strength * b)
            dw += drifts[-1] * dt
        x = equation.step(t, dt, x, dw)
        states.append(x)
    x = tf.stack(states)
    if not tf.reduce_all(tf.abs(x) < LARGEST):
        raise MethodFailed("its paths are no longer finite numbers")
    return Paths(x, noise, tf.stack(drifts) if drifts else None)
