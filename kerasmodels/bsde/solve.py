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
from kerasmodels.bsde.checking import check_config, check_equation
from kerasmodels.bsde.control import CONTROLS, make_control
from kerasmodels.bsde.equation import Equation
from kerasmodels.bsde.equations import EQUATIONS
from kerasmodels.bsde.estimate import Estimator
from kerasmodels.bsde.global_model import GlobalModel
from kerasmodels.bsde.paths import as_time_grid, paths_fit
from kerasmodels.bsde.solution import Solution
from kerasmodels.bsde.symmetry import is_exchangeable
from kerasmodels.bsde.training import train


class Settings(NamedTuple):
    """How an equation is solved where the caller does not say.

    num_steps: N, equal time steps of the training; the estimate takes twice as many.
    per_time: time steps per unit of time, at least.
    work: how much more work the estimate may take than others.
    steps: training steps per round.
    batch_size: paths per training step.
    """

    num_steps: int = 20
    steps: int = 600
    batch_size: int = 64
    per_time: int = 0
    work: float = 1.0


# One line per equation that needs other settings, with the reason.
SETTINGS = {
    # A steep wave crosses the whole range of u, and the paths follow it.
    "Burgers": Settings(num_steps=40, steps=1000, per_time=80),
    # z jumps with the asset that is dearest: what a network leaves of it, paths must.
    "DifferentRates": Settings(steps=900, work=2.5),
}

# Mean of int |b|^2 dt before training from which paths are driven at once, and per time
# step, from which they need smaller steps too.
_DRIVEN = 1.0
_STRONG = 0.5
# Rounds of training after which `solve` gives up on its tolerance.
MAX_ROUNDS = 5
# Paths of the estimate times dimension and training steps, at most; and paths.
_MAX_NUMBERS = 20 * 100 * 2**17
_MAX_PATHS = 2**20


def default_settings(equation):
    """The `Settings` of an equation.

    Raises:
        ValueError: it is no `Equation`.
    """
    _checks.instance("default_settings", "equation", equation, Equation)
    settings = SETTINGS.get(type(equation).__name__, Settings())
    at_least = math.ceil(settings.per_time * equation.terminal_time)
    return settings._replace(num_steps=max(settings.num_steps, at_least))


def solve(
    equation,
    tolerance=2e-4,
    t=None,
    control=None,
    hidden=None,
    subnets=None,
    frozen=False,
    rule="trapezoid",
    drift=None,
    steps=None,
    batch_size=None,
    learning_rate=1e-2,
    num_paths=None,
    max_rounds=MAX_ROUNDS,
    seed=0,
    dtype="float32",
    callbacks=(),
    verbose=0,
):
    """Solves a PDE at (0, x0) with the deep BSDE method, and says how well.

    Builds a `GlobalModel` with the terminal gradient as a skip term, trains it on fresh
    paths with Adam along a cosine, and estimates u0 on other paths (`estimate_u0`).
    Where the interval is wider than `tolerance`, and the mismatch is that of the networks
    rather than of the time grid, it trains another round. Everything used is public: the
    same can be had by `GlobalModel`, `path_dataset`, `compile`, `fit`, `estimate_u0`.

    Nothing that trains reads the exact solution or the reference: they serve the report,
    and the check of an equation that is not of this package (`check_equation`), which runs
    first.

    Args:
        equation: `Equation`.
        tolerance: float. Wanted half-width of the 95 % interval, relative to u0. It is a
            goal, not a promise: `Solution.estimate` says what was reached.
        t: None, int or sequence of floats. Number of equal time steps or the grid; None
            is the default of the equation.
        control: None, "exchangeable", "shared", "stacked" or "per-step". None is
            "exchangeable" where the coordinates of the equation can be exchanged
            (`is_exchangeable`) and "shared" elsewhere.
        hidden: None or list of int. Hidden widths of the networks, which then are dense
            ("shared" unless `control` says otherwise); None is two of d + 10.
        subnets: None or list of N - 1 trained Keras models (`fit_subnets`,
            `load_subnets`), for the grid `t`. They replace `control`; the first half of
            the training then fits u0 and z0 alone, and the second half everything.
        frozen: bool. Keep `subnets` as they are in the second half too.
        rule: "trapezoid" or "left". Rule of the training; the estimate takes the first.
        drift: None or bool. Whether training paths are driven by the control
            (`GlobalModel`). None turns it on at once where the drift of the untrained
            model moves paths by more than their deviation (and takes five times as many
            steps where it is strong, unless `t` is given), and after a round where the
            mismatch on driven paths is larger than that on the training's.
        steps: None or int. Training steps per round, rounded up to a multiple of the
            number of points in the history; with `subnets`, each half is.
        batch_size: None or int. Paths per training step.
        learning_rate: float. Start of the cosine.
        num_paths: None or int. Paths of the estimate, at most. None is 2^17 in dimension
            100 with 20 steps, and otherwise as many as are the same work, up to 2^20;
            more where `SETTINGS` says so.
        max_rounds: int. Rounds of training, at most.
        seed: int. Seeds the weights, the paths and the start.
        dtype: "float32", "float64" or "mixed_bfloat16" (networks alone; paths and u stay
            in float32).
        callbacks: list of Keras callbacks.
        verbose: 0, 1 or 2, as in `keras.Model.fit`.

    Returns:
        A `Solution`.

    Raises:
        ValueError: an argument is not of the form above; an `EquationError` where the
            equation contradicts itself.
        FloatingPointError: the loss or a path is no longer a finite number.
    """
    owner = "solve"
    _checks.instance(owner, "equation", equation, Equation)
    seed = _checks.seed_int(owner, seed)
    _checks.one_of(owner, "dtype", dtype, ("float32", "float64", "mixed_bfloat16"))
    tolerance = _checks.finite_float(owner, "tolerance", tolerance, above=0.0)
    if num_paths is not None:
        num_paths = _checks.positive_int(owner, "num_paths", num_paths)
    max_rounds = _checks.positive_int(owner, "max_rounds", max_rounds)
    learning_rate = _checks.finite_float(owner, "learning_rate", learning_rate, above=0.0)
    if drift is not None:
        drift = _checks.boolean(owner, "drift", drift)
    if subnets is None and control is not None:
        _checks.one_of(owner, "control", control, CONTROLS)
    if subnets is not None:
        subnets = [
            _checks.instance(owner, "subnets", subnet, keras.layers.Layer)
            for subnet in (subnets if isinstance(subnets, (list, tuple)) else [subnets])
        ]
    if _checks.boolean(owner, "frozen", frozen) and subnets is None:
        advice = "`frozen=True` needs `subnets`: only trained networks can be frozen."
        raise _checks.ArgumentError(
            _checks.message(owner, "frozen", "False", "frozen=True", advice)
        )
    if not isinstance(callbacks, (list, tuple)):
        _checks.instance(owner, "callbacks", callbacks, list)
    for callback in callbacks:
        _checks.instance(owner, "callbacks", callback, keras.callbacks.Callback)
    _checks.one_of(owner, "verbose", verbose, (0, 1, 2))
    settings = default_settings(equation)
    grid = as_time_grid(owner, equation, settings.num_steps if t is None else t)
    steps = settings.steps if steps is None else steps
    steps = _checks.positive_int(owner, "steps", steps)
    batch_size = settings.batch_size if batch_size is None else batch_size
    batch_size = _checks.positive_int(owner, "batch_size", batch_size)
    paths_fit(owner, "batch_size", equation, len(grid) - 1, batch_size, "float32", copies=8)
    # Found now, not after the training: no file for it, or a mistake in an equation that
    # no test of this package knows. The answer is read to check it, and never again.
    if type(equation) in EQUATIONS.values():
        check_config(equation)
    else:
        check_equation(
            equation, num_points=max(2, min(16, 1600 // equation.dim)), seed=seed
        )
    begin = time.perf_counter()
    model = _model(equation, grid, control, hidden, subnets, rule, bool(drift), seed, dtype)
    estimator = Estimator(model, seed=seed, most_paths=num_paths)
    drift_size, milstein = _look(estimator)
    if drift is None:
        model.drift = drift_size > _DRIVEN
    strong = drift is not False and drift_size > _STRONG * model.num_steps
    if drift is None and t is None and subnets is None and strong:
        # The paths that matter are rare: look for them from the start, in small steps.
        grid = as_time_grid(owner, equation, 5 * settings.num_steps)
        model = _model(equation, grid, control, hidden, subnets, rule, True, seed, dtype)
        estimator = Estimator(model, seed=seed, most_paths=num_paths)
    # Where the drift moves paths further than their noise does, z is not linear in a step.
    model.milstein = milstein and not strong
    if num_paths is None:
        work = settings.work * _MAX_NUMBERS
        num_paths = max(1, int(work / (equation.dim * model.num_steps)))
        num_paths = min(_MAX_PATHS, num_paths)
    history = {"step": [], "loss": [], "u0": []}
    training = {
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "seed": seed,
        "callbacks": callbacks,
        "verbose": verbose,
        "history": history,
    }
    if subnets is not None:
        train(model, -(-steps // 2), **training)
        model.train_control = not frozen
        steps = -(-steps // 2)
        model.compiled = False
    reachable = math.inf
    for _ in range(max_rounds):
        train(model, steps, **training)
        estimate = _settle(model, estimator, tolerance)
        # What the time grid leaves in the mismatch no training takes out.
        trainable = estimate.z_std > estimate.mismatch_std / 2
        before, reachable = reachable, _reachable(estimate, num_paths)
        if (
            not reachable > tolerance * abs(estimate.u0)
            or not trainable
            or not reachable < 0.8 * before
        ):
            break
        rms = math.sqrt(history["loss"][-1])
        if drift is None and not model.drift and estimate.mismatch_std > rms:
            model.drift = True
            model.compiled = False
    wide = not estimate.half_width <= tolerance * abs(estimate.u0)
    if wide and estimate.num_paths < num_paths:
        try:
            estimate = estimator(num_paths, tolerance)
        except FloatingPointError:
            # The few paths were finite, and their interval says how little that means.
            pass
    model.set_u0(estimate.u0)
    return Solution(
        equation=equation,
        model=model,
        estimate=estimate,
        tolerance=tolerance,
        trained_u0=history["u0"][-1],
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


def _model(equation, grid, control, hidden, subnets, rule, drift, seed, dtype):
    """The `GlobalModel` that `solve` trains."""
    if subnets is not None:
        control = subnets
    elif len(grid) > 2:
        if control is None:
            dense = hidden is not None or not is_exchangeable(equation)
            control = "shared" if dense else "exchangeable"
        options = {} if hidden is None else {"hidden": hidden}
        control = make_control(
            control, grid[1:-1], equation.dim, dtype=dtype, seed=seed, **options
        )
    else:
        control = "stacked"  # not used: there are no inner times
    return GlobalModel(
        equation,
        grid,
        control=control,
        # Trained subnets already hold the whole of z.
        terminal_skip=subnets is None and not getattr(control, "uses_terminal", False),
        train_control=subnets is None,
        rule=rule,
        drift=drift,
        seed=seed,
        dtype=dtype,
    )


def _look(estimator):
    """`Estimator.look` before training."""
    try:
        return estimator.look()
    except FloatingPointError:
        # Training will say so, and what to change.
        return 0.0, False


def _settle(model, estimator, tolerance):
    """Estimates u0 and hands it to the model until it moves less than its uncertainty.

    Where the driver depends on u, the recursion carries an error of u0 along; Newton's
    method converges in two or three turns. Few paths will do for that.
    """
    estimate, start, last = None, float(model.u0), math.inf
    for _ in range(5):
        try:
            found = estimator(1, tolerance)
        except FloatingPointError:
            if estimate is None:
                raise
            found = None
        moved = math.inf if found is None else abs(found.u0 - float(model.u0))
        if not moved < last:
            # It does not converge: a model that is far from trained.
            model.set_u0(start)
            break
        estimate, start, last = found, float(model.u0), moved
        model.set_u0(estimate.u0)
        if moved <= estimate.half_width:
            break
    return estimate


def _reachable(estimate, num_paths):
    """The half-width that all the paths there may be would bring."""
    fewer = min(1.0, math.sqrt(estimate.num_paths / num_paths))
    return estimate.time_grid + estimate.imperfect_z + fewer * estimate.monte_carlo
