"""Time grids, and a check of the memory for paths on them."""

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


def as_time_grid(owner, equation, num_steps=None, grid=None):
    """Returns the grid of equal time steps, or the grid given, for `equation`.

    Args:
        owner: str. The function that takes the two arguments, for the error.
        equation: `Equation`.
        num_steps: None or int. Number of equal time steps N.
        grid: None or sequence of floats. The N + 1 times from 0 to the terminal time.

    Raises:
        ValueError: both are given, or neither; `num_steps` is no positive integer; `grid`
            is not strictly increasing from 0 to the terminal time.
    """
    if num_steps is None and grid is None:
        raise checks.ArgumentError(_one_of_both(owner, "neither"))
    check_steps_or_grid(owner, num_steps, grid)
    if grid is None:
        num_steps = int(num_steps)
        paths_fit(owner, "num_steps", equation, num_steps, 1, "float64", copies=1)
        return time_grid(equation.terminal_time, num_steps)
    times, terminal_time = _times(grid), equation.terminal_time
    # Times that went through float32 are still the same grid.
    slack = 1e-6 * terminal_time
    if abs(times[-1] - terminal_time) > slack:
        advice = "`num_steps` alone makes a grid of equal steps."
        if times[-1] < terminal_time - slack:
            advice = (
                "N steps have N + 1 times: x and t need the terminal time too, "
                f"`np.append(grid, {terminal_time:g})`."
            )
        raise checks.ArgumentError(
            checks.message(
                owner,
                "grid",
                f"strictly increasing times from 0 to the terminal time {terminal_time:g}",
                f"grid={checks.describe(grid)}",
                advice,
            )
        )
    return times


def check_steps_or_grid(owner, num_steps, grid):
    """Raises ValueError where `num_steps` or `grid` is wrong, or where both are given."""
    if num_steps is not None and grid is not None:
        raise checks.ArgumentError(_one_of_both(owner, "both"))
    if num_steps is not None:
        checks.positive_int(owner, "num_steps", num_steps)
    if grid is not None and _times(grid) is None:
        advice = "`num_steps` makes a grid of equal steps."
        expected = "strictly increasing times from 0 to the terminal time"
        raise checks.ArgumentError(
            checks.message(owner, "grid", expected, f"grid={checks.describe(grid)}", advice)
        )


def _one_of_both(owner, received):
    return (
        f"`{owner}` expects one of `num_steps`, a number of equal time steps, and `grid`, "
        f"the times from 0 to the terminal time. Received: {received}."
    )


def _times(grid):
    """`grid` as an array of strictly increasing, finite times from 0, or None."""
    times = checks.as_numbers(grid)
    if times is None or times.ndim != 1 or len(times) < 2 or not np.all(np.isfinite(times)):
        return None
    return times if np.all(np.diff(times) > 0) and times[0] == 0.0 else None


def paths_fit(owner, argument, equation, num_steps, batch_size, dtype, copies=2):
    """Raises ValueError if x and dw of so many paths do not fit into memory.

    `copies`: number of such arrays that exist at one time.
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


def tile_times(grid, batch_size, dtype=None):
    """Returns `grid` repeated for each path, `[batch_size, N + 1, 1]`.

    Raises:
        ValueError: an argument is not of that form.
    """
    owner = "tile_times"
    dtype = checks.float_type(owner, dtype)
    if not tf.is_tensor(batch_size):
        batch_size = checks.positive_int(owner, "batch_size", batch_size)
    if not tf.is_tensor(grid):
        grid = checks.finite_array(owner, "grid", grid)
        if grid.ndim != 1 or not grid.size:
            received = f"shape {grid.shape}"
            raise checks.ArgumentError(
                checks.message(owner, "grid", "times `[N + 1]`", received)
            )
        if not tf.is_tensor(batch_size):
            what, advice = f"the times of {batch_size} paths", "Take fewer paths."
            memory.fits(owner, "batch_size", batch_size * grid.size, dtype, what, advice)
    grid = as_tensor(grid, dtype)
    return tf.tile(grid[None, :, None], (batch_size, 1, 1))


def as_tensor(t, dtype):
    """A grid as a tensor; NumPy rounds a float64 grid only once, at the end."""
    return tf.cast(t, dtype) if tf.is_tensor(t) else tf.constant(np.asarray(t), dtype)
