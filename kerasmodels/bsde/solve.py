"""One call from an equation to u(0, x0): what `experiments/bsde.py` runs."""

import math
import platform
import time
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

import kerasmodels
from kerasmodels import _checks
from kerasmodels.bsde.checking import check_config
from kerasmodels.bsde.control import CONTROLS, make_control
from kerasmodels.bsde.equation import Equation
from kerasmodels.bsde.equations import EQUATIONS
from kerasmodels.bsde.global_model import GlobalModel
from kerasmodels.bsde.optimizer import decaying_adam
from kerasmodels.bsde.paths import as_time_grid, path_dataset
from kerasmodels.bsde.solution import Solution


class Settings(NamedTuple):
    """How an equation is trained where the caller does not say.

    num_steps: N, equal time steps; None is the published number, or 20.
    steps: training steps.
    batch_size: paths per training step.
    """

    num_steps: int | None = None
    steps: int = 2000
    batch_size: int = 64


# One line per equation that needs other settings, with the reason.
SETTINGS = {
    # A closed formula needs no time steps, so none are published.
    "BlackScholesBasket": Settings(num_steps=20),
}


def default_settings(equation):
    """The `Settings` of an equation, with `num_steps` filled in."""
    settings = SETTINGS.get(type(equation).__name__, Settings())
    if settings.num_steps is None:
        published = equation.published
        settings = settings._replace(num_steps=published.num_steps if published else 20)
    return settings


def solve(
    equation,
    t=None,
    control="stacked",
    hidden=None,
    subnets=None,
    frozen=False,
    steps=None,
    batch_size=None,
    learning_rate=None,
    seed=0,
    dtype="float32",
    callbacks=(),
    verbose=0,
):
    """Solves a PDE at (0, x0) with the deep BSDE method.

    Builds a `GlobalModel` with the terminal gradient as a skip term, trains it on fresh
    paths with Adam along a cosine, and returns what was learnt. Everything used is
    public: the same can be had by `GlobalModel`, `path_dataset`, `compile` and `fit`.

    Nothing here reads the exact solution or the reference; they only serve the report.

    Args:
        equation: `Equation`.
        t: None, int or sequence of floats. Number of equal time steps or the grid; None
            is the default of the equation.
        control: "stacked", "per-step" or "shared".
        hidden: None or list of int. Hidden widths; None is two of d + 10.
        subnets: None or list of N - 1 trained Keras models (`fit_subnets`,
            `load_subnets`). They replace `control`; the first half of the training then
            fits u0 and z0 alone, and the second half everything.
        frozen: bool. Keep `subnets` as they are in the second half too.
        steps: None or int. Training steps, rounded up to a multiple of the number of
            points in the history; with `subnets`, each half is.
        batch_size: None or int. Paths per step.
        learning_rate: None or float. Start of the cosine; None is 0.05 standard
            deviations of g(x_N), between 5e-4 and 1e-2, because u0 moves by about the
            learning rate in every step of Adam.
        seed: int. Seeds the weights, the paths and the start.
        dtype: "float32" or "float64".
        callbacks: list of Keras callbacks.
        verbose: 0, 1 or 2, as in `keras.Model.fit`.

    Returns:
        A `Solution`.

    Raises:
        ValueError: an argument is not of the form above.
        FloatingPointError: the loss is no longer a finite number.
    """
    _checks.instance("solve", "equation", equation, Equation)
    # Found now, not after the training, when the result is written.
    check_config(equation)
    seed = _checks.seed_int("solve", seed)
    _checks.one_of("solve", "dtype", dtype, ("float32", "float64"))
    if subnets is None:
        _checks.one_of("solve", "control", control, CONTROLS)
    else:
        subnets = [
            _checks.instance("solve", "subnets", subnet, keras.layers.Layer)
            for subnet in (subnets if isinstance(subnets, (list, tuple)) else [subnets])
        ]
    if frozen and subnets is None:
        raise _checks.ArgumentError(
            "`solve` can freeze only trained networks: `frozen=True` needs `subnets`."
        )
    defaults = default_settings(equation)
    grid = as_time_grid("solve", equation, defaults.num_steps if t is None else t)
    steps = defaults.steps if steps is None else steps
    steps = _checks.positive_int("solve", "steps", steps)
    batch_size = defaults.batch_size if batch_size is None else batch_size
    batch_size = _checks.positive_int("solve", "batch_size", batch_size)
    if learning_rate is not None:
        learning_rate = _checks.finite_float(
            "solve", "learning_rate", learning_rate, above=0.0
        )
    begin = time.perf_counter()
    if subnets is None and len(grid) > 2:
        control = make_control(
            control, len(grid) - 2, equation.dim, dtype=dtype, hidden=hidden, seed=seed
        )
    model = GlobalModel(
        equation,
        grid,
        control=control if subnets is None else subnets,
        # Trained subnets already hold the whole of z.
        terminal_skip=subnets is None,
        train_control=subnets is None,
        seed=seed,
        dtype=dtype,
    )
    if learning_rate is None:
        learning_rate = float(np.clip(0.05 * model.start.g_std, 5e-4, 1e-2))
    history = {"step": [], "loss": [], "u0": []}
    training = {
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "seed": seed,
        "callbacks": callbacks,
        "verbose": verbose,
    }
    if subnets is None:
        train(model, steps, history=history, **training)
    else:
        train(model, -(-steps // 2), history=history, **training)
        model.train_control = not frozen
        if not frozen:
            training["learning_rate"] = learning_rate / 10
        train(model, -(-steps // 2), history=history, **training)
    return Solution(
        equation=equation,
        model=model,
        baseline_u0=model.start.u0,
        baseline_standard_error=model.start.u0_standard_error,
        history=history,
        seconds=time.perf_counter() - begin,
        seed=seed,
        batch_size=batch_size,
        learning_rate=learning_rate,
        versions={
            "python": platform.python_version(),
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "numpy": np.__version__,
            "kerasmodels": kerasmodels.__version__,
        },
        name=next(
            (name for name, cls in EQUATIONS.items() if cls is type(equation)),
            type(equation).__name__,
        ),
    )


def train(
    model,
    steps,
    batch_size,
    learning_rate,
    seed,
    history,
    callbacks=(),
    verbose=0,
    num_points=25,
):
    """Compiles and fits a `GlobalModel` on fresh paths, and appends to `history`.

    Args:
        model: `GlobalModel`.
        steps: int. Training steps, rounded up to a multiple of `num_points`.
        batch_size: int. Paths per step.
        learning_rate: float. Start of the cosine.
        seed: int. Stream of the paths; the steps already in `history` are skipped.
        history: dict of lists "step", "loss" (mean since the point before), "u0".
        callbacks, verbose: as in `keras.Model.fit`.
        num_points: int. Points of the history, one Keras epoch each.

    Raises:
        FloatingPointError: the loss is no longer a finite number.
    """
    num_points = min(num_points, steps)
    per_point = math.ceil(steps / num_points)
    num_points = math.ceil(steps / per_point)
    done = history["step"][-1] if history["step"] else 0
    data = path_dataset(
        model.equation,
        model.grid,
        batch_size,
        seed=seed,
        start_step=done,
        dtype=model.compute_dtype,
    )
    model.compile(
        decaying_adam(learning_rate, per_point * num_points),
        loss="mse",
        # XLA makes a step up to twice as fast, but compiling takes seconds and grows with
        # the number of time steps, as the recursion is unrolled.
        jit_compile=steps >= 500 and model.num_steps <= 64,
    )
    try:
        logs = model.fit(
            data,
            epochs=num_points,
            steps_per_epoch=per_point,
            callbacks=[*callbacks, keras.callbacks.TerminateOnNaN(raise_error=True)],
            verbose=verbose,
        ).history
    except RuntimeError as error:
        if "NaN" not in str(error):
            raise
        raise FloatingPointError(
            f"The loss of {model.equation!r} is no longer a finite number after "
            f"{int(model.optimizer.iterations.numpy())} steps. Usual causes: too large a "
            f"learning_rate (here {learning_rate:g}), too few time steps (here "
            f"{model.num_steps}), or a driver that grows faster than linearly."
        ) from error
    # A callback may have stopped the training early.
    for point in range(len(logs["loss"])):
        history["step"].append(done + (point + 1) * per_point)
        history["loss"].append(float(logs["loss"][point]))
        history["u0"].append(float(logs["u0"][point]))
