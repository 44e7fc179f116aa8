"""The parts of a `GlobalModel`: its control process, its skip and its start."""

import dataclasses

import keras
import numpy as np
from keras import ops

from kerasmodels._support import checks
from kerasmodels.bsde.control import PerStepControl, TerminalSkip, ZSubnet, make_control
from kerasmodels.bsde.control.per_step import files_advice
from kerasmodels.bsde.control.process import as_control, builds_from_two_shapes
from kerasmodels.bsde.methods.deep_bsde.start import estimate_start
from kerasmodels.bsde.paths.grid import tile_times


def check_subnets(owner, subnets):
    """Returns the list of networks that the argument `subnets` of `solve` stands for.

    Raises:
        ValueError: something in it is no Keras layer.
    """
    subnets = subnets if isinstance(subnets, (list, tuple)) else [subnets]
    advice = files_advice(subnets)
    if advice:
        received = f"subnets={checks.describe(subnets)}"
        expected = "a list of Keras models"
        raise checks.ArgumentError(
            checks.message(owner, "subnets", expected, received, advice)
        )
    layer = keras.layers.Layer
    return [checks.instance(owner, "subnets", subnet, layer) for subnet in subnets]


def resolve_control(equation, grid, control, seed, dtype):
    """Returns the control process that the argument `control` of a model stands for.

    Raises:
        ValueError: there is none, or it is for another number of times or dimension.
    """
    num_steps = len(grid) - 1
    if num_steps == 1:
        return None
    if isinstance(control, str):
        return make_control(
            control,
            grid[1:-1],
            equation.dim,
            noise_dim=equation.noise_dim,
            dtype=dtype,
            seed=seed,
        )
    if isinstance(control, (list, tuple)):
        control = PerStepControl(control, dtype=dtype)
    if not isinstance(control, keras.layers.Layer) or isinstance(control, ZSubnet):
        raise checks.ArgumentError(
            checks.message(
                "GlobalModel",
                "control",
                'a control process, a list of Keras models, or one of "exchangeable", '
                '"shared", "stacked", "per-step"',
                f"control={checks.describe(control)}",
            )
        )
    control = as_control(control)
    expected = control.num_times
    if expected not in (None, num_steps - 1):
        raise checks.ArgumentError(
            f"`GlobalModel` steps over {num_steps} intervals, so its control process "
            f"needs {num_steps - 1} networks, one per inner time. Received: {expected}."
            + _networks_too_many(expected - num_steps + 1)
        )
    dim = control.dim
    if dim not in (None, equation.dim):
        raise checks.ArgumentError(
            f"`GlobalModel` solves an equation in dimension {equation.dim}. "
            f"Received a control process for dimension {dim}."
        )
    noise_dim = control.noise_dim
    if noise_dim not in (None, equation.noise_dim):
        raise checks.ArgumentError(
            "`GlobalModel` solves an equation with noise, and so z, of size "
            f"{equation.noise_dim}. Received: a control process whose z has size "
            f"{noise_dim}."
        )
    return control


def _networks_too_many(number):
    """Advice where a network belongs to time 0 too, or to both ends."""
    if number not in (1, 2):
        return ""
    last = ", and at T the terminal condition gives z: drop the last one too"
    return (
        " Drop the first network: at time 0 every path is at x0, so z0 is a weight of the "
        f"model{last if number == 2 else ''} (`networks[1:{'-1' if number == 2 else ''}]`)."
    )


@dataclasses.dataclass(frozen=True)
class Initial:
    """The start of u0 and z0, the units in which they move, and the skip (or None).

    start: `Start` of a sample of paths; None where no sample was needed.
    """

    u0: float
    z0: np.ndarray
    u_scale: float
    z_scale: float
    skip: TerminalSkip | None
    start: object


def initial_values(equation, grid, control, u0, z0, scales, skip, seed, policy):
    """Samples paths where a value is missing; returns an `Initial`.

    Standardises a control process that has no constants yet.

    Args:
        equation: `Equation`.
        grid: array `[N + 1]`.
        control: a control process or None.
        u0, z0: None or where they start.
        scales: None or the pair (u_scale, z_scale).
        skip: bool or `TerminalSkip`.
        seed: int.
        policy: Keras dtype policy of the model.

    Raises:
        ValueError: u0, z0 or the skip do not fit the equation.
    """
    owner, num_times = "GlobalModel", len(grid) - 2
    if z0 is not None:
        z0 = checks.point(owner, "z0", z0, equation.noise_dim)
    if u0 is not None:
        u0 = checks.finite_float(owner, "u0", u0)
    if isinstance(skip, TerminalSkip) and skip.num_times not in (None, num_times):
        raise checks.ArgumentError(
            f"`GlobalModel` steps over {num_times + 1} intervals, so its `terminal_skip` "
            f"needs {num_times} inner times. Received: {skip.num_times}."
        )
    fresh = control is not None and not control.standardized
    wants_skip = skip is True and num_times > 0
    start = None
    if u0 is None or z0 is None or fresh or wants_skip:
        start = estimate_start(equation, grid, seed, policy.variable_dtype)
        u0 = start.u0 if u0 is None else u0
        z0 = start.z0 if z0 is None else z0
        # A value that does not vary keeps unit 1.
        scales = scales or (start.g_std or 1.0, start.z_scale or 1.0)
    if fresh:
        _standardize(equation, grid, control, start)
    if wants_skip:
        # One a(t, g) where the control process takes any time.
        own = control.num_times is not None
        skip = TerminalSkip(
            num_times if own else None,
            seed=seed,
            mean=start.u0,
            scale=start.g_std or 1.0,
            terminal_time=equation.terminal_time,
            dtype=policy,
        )
    if start is not None:
        start = dataclasses.replace(start, x_inner=None)
    scales = scales or (1.0, 1.0)
    return Initial(u0, z0, *scales, skip if isinstance(skip, TerminalSkip) else None, start)


def _standardize(equation, grid, control, start):
    x = start.x_inner
    times = tile_times(grid[1:-1], len(x))
    if not control.uses_terminal:
        control.standardize(times, x, start.z_scale)
        return
    g = equation.terminal(ops.reshape(x, (-1, equation.dim)))
    control.standardize(times, x, start.z_scale, ops.reshape(g, (*x.shape[:2], 1)))


def check_control(control, equation, grid, dtype):
    """Builds and calls a control process, so that the error names one that cannot work.

    Raises:
        ValueError: it cannot be called, or returns another shape than that of z.
    """
    times, dim, noise_dim = len(grid) - 2, equation.dim, equation.noise_dim
    shape, expected = (1, times, dim), (1, times, noise_dim)
    t = tile_times(grid[1:-1], 1, dtype)
    x = ops.ones(shape, dtype)
    gradient = ops.ones(expected, dtype)
    terminal = (t, gradient) if control.uses_terminal else ()
    try:
        if not control.built and builds_from_two_shapes(control):
            control.build((None, times, 1), (None, times, dim))
        # Keras itself builds a plain layer, in its first call.
        received = tuple(control(t, x, *terminal).shape)
    except Exception as error:
        raise checks.ArgumentError(
            "`GlobalModel` cannot call its control process on t of shape "
            f"{tuple(t.shape)} and x of shape {shape}. Received: {error} A model of one "
            f"time step, `[batch, {dim}]` -> `[batch, {noise_dim}]`, belongs in a list of "
            f"{times}."
        ) from error
    if received != expected:
        raise checks.ArgumentError(
            f"`GlobalModel` expects its control process to return z of shape {expected} "
            f"for x of shape {shape}. Received: {received}."
        )
