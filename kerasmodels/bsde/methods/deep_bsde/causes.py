"""The measured cause of a training whose numbers grow out of bounds."""

import numpy as np
import tensorflow as tf

from kerasmodels.bsde.paths.grid import tile_times
from kerasmodels.bsde.paths.sampling import sample_paths

# Paths on which the cause is measured.
_PATHS = 64
# Growth of a quantity, as a power of e, from which it counts as the cause.
_LARGE = 10.0
# Factor by which u and z are stretched, and the further factor that f may grow by.
_STRETCH = 10.0


class Advice:
    """Advice for a training that goes wrong, as a function (model, measured) -> str.

    Args:
        learning_rate: float. That of the training.
    """

    def __init__(self, learning_rate):
        self.learning_rate = learning_rate

    def __call__(self, model, measured):
        rate = f"a smaller learning_rate (here {self.learning_rate:g})"
        steps = f"more time steps (here {model.num_steps})"
        if not measured:
            return f"Take {rate} or {steps}"
        cause = cause_of_divergence(model)
        if cause is None:
            return (
                f"Neither X nor the driver grows out of bounds, so take {rate} or {steps}"
            )
        return f"{cause}. Take {steps}, a shorter terminal_time, or {rate}"


def cause_of_divergence(model, seed=0):
    """A sentence on why u leaves the finite numbers, measured on fresh paths.

    In this order: the states X themselves; at each time a driver that grows faster than
    linearly in u or z, and the growth of an error of u0 up to there, prod |1 - f_u dt|.

    Args:
        model: `GlobalModel` with finite weights.
        seed: int.

    Returns:
        str, or None where none of these is found: the learning rate remains.
    """
    equation, grid, dtype = model.equation, model.grid, model.variable_dtype
    x, dw = (
        tf.constant(value)
        for value in sample_paths(equation, _PATHS, seed, dtype, grid=grid)
    )
    t = tf.constant(tile_times(grid, _PATHS, dtype))
    size = np.max(np.abs(x), axis=(0, 2))
    bad = ~np.isfinite(size)
    if bad.any():
        first = int(np.argmax(bad))
        return (
            f"The states X are no longer finite at t = {grid[first]:.4g}, on "
            f"{len(grid) - 1} time steps: drift or diffusion grows too fast with x for "
            "steps of that length"
        )
    u, z = (np.asarray(value) for value in model.trajectory((x, dw, t)))
    growth, fallen = np.zeros((2, _PATHS))
    for n in range(len(grid) - 1):
        point = tf.constant(t[:, n]), tf.constant(x[:, n]), tf.constant(u[:, n])
        faster = _faster_than_linear(equation, *point, z[:, n])
        if faster:
            return faster
        with tf.GradientTape() as tape:
            tape.watch(point[2])
            driver = equation.driver(*point, tf.constant(z[:, n]))
        df_du = tape.gradient(driver, point[2], unconnected_gradients="zero")
        change = -(grid[n + 1] - grid[n]) * np.asarray(df_du, "float64")[:, 0]
        growth, fallen = growth + np.log(np.abs(1 + change) + 1e-300), fallen + change
        most = np.max(growth)
        if not most <= _LARGE:
            rate, told = fallen[np.argmax(growth)] / grid[n + 1], "on every path"
            if not np.min(growth) > most / 2:
                told = f"on {np.mean(growth > most / 2):.0%} of the paths"
            return (
                f"The driver is stiff: up to t = {grid[n + 1]:.4g} an error of u0 grows by "
                f"e^{most:.0f} {told}, as df/du is about {-rate:.3g}. Solve "
                f"`bsde.Discounted(equation, rate={rate:.3g})`, which has the same u0"
            )
    return None


def _faster_than_linear(equation, t, x, u, z):
    """A sentence, where ten times u or z makes f much more than ten times as large."""
    z = tf.constant(z)
    here = np.mean(np.abs(equation.driver(t, x, u, z)))
    for name, far in (
        ("u", equation.driver(t, x, _STRETCH * u, z)),
        ("z", equation.driver(t, x, u, _STRETCH * z)),
    ):
        if not np.mean(np.abs(far)) <= 3 * _STRETCH * max(here, 1e-12):
            return (
                f"The driver grows faster than linearly in {name}: {_STRETCH:g} times "
                f"{name} make it {np.mean(np.abs(far)) / max(here, 1e-300):.3g} times as "
                "large"
            )
    return None
