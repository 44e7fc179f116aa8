"""z of a `GlobalModel` at any points: each time of the grid for itself."""

import numpy as np
import tensorflow as tf

from kerasmodels._support import checks

# Points at a time, so that the values of all layers fit the memory.
_AT_ONCE = 8192


def z_at_points(model, t, x):
    """`GlobalModel.z` outside of graphs.

    Args:
        model: `GlobalModel`.
        t: float, or floats `[batch]` or `[batch, 1]`.
        x: Tensor `[dim]` or `[batch, dim]`.

    Returns:
        Tensor `[batch, noise_dim]`.
    """
    owner, dim = "GlobalModel.z", model.equation.dim
    x = tf.cast(checks.tensor(owner, "x", x), model.variable_dtype)
    t = np.asarray(checks.tensor(owner, "t", t), "float64")
    x = x[None] if x.shape.rank == 1 else x
    rows = t.reshape(-1, 1) if t.ndim < 2 else t
    count = max(len(rows), x.shape[0] if x.shape.rank == 2 else 0)
    if (
        x.shape.rank != 2
        or not {len(rows), x.shape[0]} <= {1, count}
        or (rows.shape[1:] != (1,) or x.shape[1] != dim)
    ):
        raise checks.ArgumentError(
            f"`{owner}` expects `t` of shape (batch, 1) and `x` of shape (batch, {dim}), "
            f"or one of them for all. Received: t.shape={t.shape}, "
            f"x.shape={tuple(x.shape)}."
        )
    x = tf.broadcast_to(x, (count, dim))
    steps = np.broadcast_to(step_of(model.grid, rows[:, 0]), (count,))
    order = np.argsort(steps, kind="stable")
    bounds = np.searchsorted(steps[order], np.arange(model.num_steps + 1))
    parts = []
    for n in range(model.num_steps):
        for first in range(bounds[n], bounds[n + 1], _AT_ONCE):
            places = order[first : min(first + _AT_ONCE, bounds[n + 1])]
            parts.append(_z_of_step(model, n, tf.gather(x, places)))
    return tf.gather(tf.concat(parts, axis=0), np.argsort(order, kind="stable"))


def step_of(grid, t):
    """The number of the time step in which each time is, from 0 to N - 1."""
    # A grid time that went through float32 must not fall into the step before it.
    return np.searchsorted(grid[1:-1] - 1e-6 * grid[-1], t, side="right")


def _z_of_step(model, n, x):
    """z at the start of the n-th step."""
    if n == 0:
        return tf.zeros_like(x[:, :1]) + tf.cast(model.z0, x.dtype)
    t = tf.fill((x.shape[0], 1), tf.constant(model.grid[n], x.dtype))
    return model.z_at(tf.constant(n - 1), t, x)
