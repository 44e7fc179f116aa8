"""The finest time grid of an estimate; two others take every second and fourth time."""

import numpy as np

from kerasmodels._support import checks
from kerasmodels.bsde.estimate.extrapolation import STRIDES
from kerasmodels.bsde.paths.grid import time_grid


def three_grids(model, num_steps):
    """The times of the finest grid, in a multiple of four steps.

    Args:
        model: `Approximation`.
        num_steps: None or int, as in `estimate_u0`.
    """
    if model.fixed_times:
        if num_steps not in (None, model.num_steps):
            raise checks.ArgumentError(
                checks.message(
                    "estimate_u0",
                    "num_steps",
                    f"{model.num_steps}, as a network belongs to each time of this model",
                    f"num_steps={checks.describe(num_steps)}",
                    'Control processes that take any time: "exchangeable", "shared".',
                )
            )
        return _whole(model.grid)
    if num_steps is None:
        # Every step is halved, because the training grid need not be uniform.
        grid = model.grid
        while len(grid) <= max(model.num_steps + 1, STRIDES[-1]):
            grid = np.sort(np.concatenate([grid, (grid[1:] + grid[:-1]) / 2]))
        return _whole(grid)
    num_steps = checks.positive_int("estimate_u0", "num_steps", num_steps, minimum=2)
    if num_steps % 2:
        raise checks.ArgumentError(
            checks.message("estimate_u0", "num_steps", "even", f"num_steps={num_steps}")
        )
    return _whole(time_grid(model.equation.terminal_time, num_steps))


def _whole(grid):
    """The grid with as many steps as the coarsest grid needs, by steps of length zero."""
    missing = -(len(grid) - 1) % STRIDES[-1]
    return np.append(grid, [grid[-1]] * missing)
