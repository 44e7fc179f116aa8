"""Points of forward paths, and the coefficient that first is no finite number there."""

import numpy as np
import tensorflow as tf

from kerasmodels.bsde.coefficients import EquationError
from kerasmodels.bsde.outside_class import ARGUMENTS
from kerasmodels.bsde.paths.grid import time_grid
from kerasmodels.bsde.paths.sampling import sample_paths

# Time steps of the paths. The finer grids are for schemes that explode on coarser ones.
STEPS = (8, 32, 128)
# Numbers in a state of all paths, at most, where more paths are drawn than points:
# rare events, such as a variance below zero, need many paths.
_NUMBERS = 2**16
_MOST_PATHS = 1024
# Growth from which a path explodes, so that its states do not test the coefficients.
_EXPLODED = 1e6

DRIVER_GUARD = (
    " The check draws u and z at random, because networks in training return such values: "
    "`driver` must be finite for all u and z. Guard what is not defined everywhere, as in "
    "ops.sqrt(ops.maximum(z, 0.0))."
)
END_GUARD = (
    " The recursion evaluates `driver` at T too, for any u and z: let it return its limit "
    "there."
)
_STATE_GUARD = (
    " Forward paths reach it, because a time step may leave the region where a root or "
    "a logarithm is defined. Guard it, as in ops.sqrt(ops.maximum(x, 0.0))."
)


def fail(equation, text):
    raise EquationError(f"`{type(equation).__name__}` {text}")


def point(number, **values):
    """The words for one point: its number, and its row of each array."""
    parts = [f"point {number}"]
    for name, value in values.items():
        row = np.asarray(value)[number if len(value) > 1 else 0]
        if name in ("t", "dt"):
            parts.append(f"{name}={float(row[0]):.4g}")
        else:
            text = np.array2string(
                row, precision=4, threshold=6, edgeitems=2, separator=", "
            )
            parts.append(f"{name}={text}")
    return ", ".join(parts)


def require_finite(equation, name, arguments, value, advice=""):
    """Raises `EquationError` where a coefficient is not finite, with its arguments."""
    bad = np.flatnonzero(~np.all(np.isfinite(np.asarray(value)), axis=1))
    if not len(bad):
        return
    number = int(bad[0])
    place = point(number, **dict(zip(ARGUMENTS[name], arguments)))
    fail(
        equation,
        f"returned {np.asarray(value)[number][:4]} from `{name}`, which is not finite, at "
        f"{place} ({arguments[-1].dtype.name}).{advice}",
    )


def num_paths(equation, num_points):
    """The number of paths that are drawn for `num_points` points."""
    return max(num_points, min(_MOST_PATHS, _NUMBERS // equation.dim))


def forward_paths(equation, num_points, seed, dtype):
    """Finite paths of the forward SDE: the grid `[N + 1]`, and x `[paths, N + 1, dim]`.

    Raises:
        EquationError: a coefficient is NaN at a state of a path, or paths are not
            finite even on the finest grid.
    """
    count = num_paths(equation, num_points)
    for num_steps in STEPS:
        grid = time_grid(equation.terminal_time, num_steps)
        x, dw = sample_paths(equation, count, (seed, 0), dtype, grid=grid)
        states = x.numpy()
        finite = np.all(np.isfinite(states), axis=2)
        if np.all(finite):
            return grid, x
        # The first step after which a path is not finite, and all such paths.
        n = int(np.min(np.argmin(finite, axis=1)[~np.all(finite, axis=1)])) - 1
        lost = np.flatnonzero(~finite[:, n + 1])
        before = tf.gather(x[:, n], lost)
        start = np.abs(states[:, :2])
        size = np.max(start[np.isfinite(start)])
        exploded = np.max(np.abs(before)) > _EXPLODED * size
        if not exploded:
            step = (grid[n], grid[n + 1] - grid[n], before, tf.gather(dw[:, n], lost))
            _name_first(equation, *step, overflow=num_steps == STEPS[-1])
    fail(
        equation,
        f"has forward paths that are no longer finite numbers after {n + 1} of "
        f"{num_steps} time steps: {point(0, x=before)} is followed by "
        f"{states[lost[0], n + 1, :4]}. Is the drift of the right sign?",
    )


def _name_first(equation, t, dt, x, dw, overflow):
    """Raises for the first coefficient that is NaN (or infinite, with `overflow`)."""
    t = tf.fill((len(x), 1), tf.constant(t, x.dtype))
    dt = tf.constant([[dt]], x.dtype)
    for name, arguments in (
        ("drift", (t, x)),
        ("diffusion_prod", (t, x, dw)),
        ("step", (t, dt, x, dw)),
    ):
        value = np.asarray(getattr(equation, name)(*arguments))
        if not overflow:
            value = np.where(np.isnan(value), value, 0.0)
        require_finite(equation, name, arguments, value, _STATE_GUARD)


def random_points(grid, x, num_points, seed):
    """Points (t `[points, 1]`, x `[points, dim]`) at times inside (0, T)."""
    index = np.random.default_rng(seed).integers(1, len(grid) - 1, num_points)
    t = tf.constant(grid[index][:, None], x.dtype)
    return t, tf.gather(x[:num_points], index, batch_dims=1)
