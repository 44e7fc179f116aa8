"""Time grids, and whether paths on them fit into memory."""

import numbers

import keras
import numpy as np
import tensorflow as tf

from kerasmodels._support import checks, memory
from kerasmodels.bsde.equation import noise_size


def time_grid(terminal_time, num_steps):
    """Returns the uniform grid 0 = t_0 < ... < t_N = T as a float64 array `[N + 1]`."""
    terminal_time = checks.finite_float(
        "time_grid", "terminal_time", terminal_time, above=0.0
    )
    num_steps = checks.positive_int("time_grid", "num_steps", num_steps)
    what, advice = f"a grid of {num_steps} steps", "Take fewer steps."
    memory.fits("time_grid", "num_steps", 3 * num_steps, "float64", what, advice)
    return np.linspace(0.0, terminal_time, num_steps + 1)


def as_time_grid(owner, equation, t):
    """Returns the grid that `t` means for `equation`: `t` equal steps, or times given.

    Raises:
        ValueError: `t` is neither a positive integer nor a strictly increasing
            sequence of at least two finite times from 0 to the terminal time.
    """
    if _is_number(t):
        t = checks.positive_int(owner, "t", t)
        paths_fit(owner, "t", equation, t, 1, "float64", copies=1)
        return time_grid(equation.terminal_time, t)
    grid, terminal_time = _times(t), equation.terminal_time
    # Times that went through float32 are still the same grid.
    slack = 1e-6 * terminal_time
    times = grid is not None
    if not times or abs(grid[-1] - terminal_time) > slack:
        advice = "`time_grid(terminal_time, num_steps)` makes a uniform grid."
        if times and grid[-1] < terminal_time - slack:
            advice = (
                "N steps have N + 1 times: x and t need the terminal time too, "
                f"`np.append(t, {terminal_time:g})`."
            )
        raise checks.ArgumentError(
            checks.message(
                owner,
                "t",
                "a number of steps, or strictly increasing times from 0 to the "
                f"terminal time {terminal_time:g}",
                f"t={checks.describe(t)}",
                advice,
            )
        )
    return grid


def check_steps_or_times(owner, t):
    """Raises ValueError unless `t` is a number of steps or a grid of some terminal time."""
    if _is_number(t):
        checks.positive_int(owner, "t", t)
    elif _times(t) is None:
        expected = "a number of steps, or strictly increasing times from 0"
        raise checks.ArgumentError(
            checks.message(owner, "t", expected, f"t={checks.describe(t)}")
        )


def _is_number(t):
    return isinstance(t, numbers.Integral) and not isinstance(t, bool)


def _times(t):
    """`t` as an array of strictly increasing, finite times from 0, or None."""
    grid = checks.as_numbers(t)
    if grid is None or grid.ndim != 1 or len(grid) < 2 or not np.all(np.isfinite(grid)):
        return None
    return grid if np.all(np.diff(grid) > 0) and grid[0] == 0.0 else None


def paths_fit(owner, argument, equation, num_steps, batch_size, dtype, copies=2):
    """Raises ValueError if x and dw of so many paths do not fit into memory.

    `copies`: how often they are there at one time, with those made on the way.
    """
    noise_dim = noise_size(type(equation).__name__, equation.noise_dim)
    numbers = (num_steps + 1) * equation.dim + num_steps * noise_dim
    memory.fits(
        owner,
        argument,
        copies * batch_size * numbers,
        dtype or keras.config.floatx(),
        f"paths: {batch_size} of {num_steps} steps in dimension {equation.dim}",
        "Take fewer paths at a time, or fewer time steps.",
    )


def tile_times(t, batch_size, dtype=None):
    """Returns the grid `t` repeated for each path, `[batch_size, N + 1, 1]`.

    Raises:
        ValueError: an argument is not of that form.
    """
    owner = "tile_times"
    dtype = checks.float_type(owner, dtype)
    if not tf.is_tensor(batch_size):
        batch_size = checks.positive_int(owner, "batch_size", batch_size)
    if not tf.is_tensor(t):
        t = checks.finite_array(owner, "t", t)
        if t.ndim != 1 or not t.size:
            received = f"shape {t.shape}"
            raise checks.ArgumentError(
                checks.message(owner, "t", "a grid `[N + 1]`", received)
            )
        if not tf.is_tensor(batch_size):
            what, advice = f"the times of {batch_size} paths", "Take fewer paths."
            memory.fits(owner, "batch_size", batch_size * t.size, dtype, what, advice)
    grid = as_tensor(t, dtype)
    return tf.tile(grid[None, :, None], (batch_size, 1, 1))


def as_tensor(t, dtype):
    """A grid as a tensor; NumPy rounds a float64 grid only once, at the end."""
    return tf.cast(t, dtype) if tf.is_tensor(t) else tf.constant(np.asarray(t), dtype)
