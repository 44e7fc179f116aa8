"""One call from an equation to u(0, x0): what `experiments/bsde.py` runs."""

import json
import math
import platform

import keras
import numpy as np
import tensorflow as tf

import kerasmodels
from kerasmodels import _checks, _memory, _registered
from kerasmodels._workers import WorkerLost, agreed
from kerasmodels.bsde.control import CONTROLS, make_control
from kerasmodels.bsde.equation import Equation
from kerasmodels.bsde.equations import EQUATIONS
from kerasmodels.bsde.estimate.estimator import Estimator
from kerasmodels.bsde.estimate.newton import reachable_half_width, settle
from kerasmodels.bsde.methods.deep_bsde.assembly import check_subnets
from kerasmodels.bsde.methods.deep_bsde.global_model import GlobalModel
from kerasmodels.bsde.methods.deep_bsde.optimizer import description, start_of
from kerasmodels.bsde.methods.deep_bsde.settings import default_settings
from kerasmodels.bsde.methods.deep_bsde.training import train
from kerasmodels.bsde.paths.grid import as_time_grid, paths_fit
from kerasmodels.bsde.solution import Solution
from kerasmodels.bsde.verify.checking import check_config, check_equation
from kerasmodels.bsde.verify.symmetry import is_exchangeable
from kerasmodels.runs.progress import Keeper, Progress
from kerasmodels.runs.progress_line import ProgressLine, TrainingLine

# Mean of int |b|^2 dt before training from which paths are driven at once, and per time
# step, from which they need smaller steps too.
_DRIVEN = 1.0
_STRONG = 0.5
# Rounds of training after which `solve` gives up on its tolerance.
MAX_ROUNDS = 5
# Paths of the estimate times dimension and training steps, at most; and paths.
_MAX_NUMBERS = 20 * 100 * 2**17
_MAX_PATHS = 2**20


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
    learning_rate=None,
    num_paths=None,
    max_rounds=MAX_ROUNDS,
    seed=0,
    dtype="float32",
    callbacks=(),
    verbose=0,
    progress=None,
    checkpoints=None,
    checkpoint_every=200,
    resume=False,
    optimizer=None,
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
        equation: `Equation`, of a class that is registered for Keras serialization, as the
            solution's file names it.
        tolerance: float. Wanted half-width of the 95 % interval, relative to u0. It is a
            goal, not a promise: `Solution.estimate` says what was reached.
        t: None, int or sequence of floats. Number of equal time steps or the grid; None
            is the default of the equation.
        control: None, "exchangeable", "shared", "stacked" or "per-step"; or a Keras layer
            called as `layer(t, x)` on t `[batch, times, 1]` and x `[batch, times, dim]`,
            which returns z `[batch, times, noise_dim]` and takes any times. None is
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
        learning_rate: None or float. Start of the cosine. None is the learning rate of
            `optimizer`, or 1e-2.
        num_paths: None or int. Paths of the estimate, at most. None is 2^17 in dimension
            100 with 20 steps, and otherwise as many as are the same work, up to 2^20;
            more where `SETTINGS` says so.
        max_rounds: int. Rounds of training, at most.
        seed: int. Seeds the weights, the paths and the start.
        dtype: "float32", "float64" or "mixed_bfloat16" (networks alone; paths and u stay
            in float32).
        callbacks: list of Keras callbacks.
        verbose: 0, 1 or 2, as in `keras.Model.fit`.
        progress: None or bool. Whether one line on the standard error shows the phase, the
            present u0 and the time left; None shows it on a terminal where `verbose` is 0.
        checkpoints: None, str or path. A folder in which the state of the run is kept. A
            run that was stopped at any moment goes on from there with `resume=True`, and
            ends (on the same machine and versions) with the same bits as one that was
            not. The folder may be removed once the solution is saved.
        checkpoint_every: int. Training steps between two checkpoints, at least: they are
            written at the points of the history.
        resume: bool. Go on from the newest checkpoint that is whole, if there is one. All
            arguments must be those of that run but for `tolerance`, `learning_rate`,
            `num_paths`, `max_rounds`, `callbacks`, `verbose` and `progress`.
        optimizer: None or Keras optimizer, in the place of Adam. The object itself is not
            used: each round starts with a new one of its config. Its learning rate falls
            along the cosine, unless it is a schedule, which then is kept. Gradients are as
            small as the square of the solution: an `epsilon` of 1e-7 may be too large.

    Returns:
        A `Solution`.

    Raises:
        ValueError: an argument is not of the form above, the equation's class is not
            registered, the checkpoints are those of another run, or there are some and
            `resume` is False; an `EquationError` where the equation contradicts itself.
        FloatingPointError: the loss, u0, a weight or a path is no longer a finite number.
            The last finite state is kept in `checkpoints`.
        CheckpointError: a checkpoint cannot be written, or none can be read.
        KeyboardInterrupt: as it came (Ctrl-C). The last state is kept in `checkpoints`,
            and the exception has the numbers so far in a dict `partial`.
    """
    owner = "solve"
    _checks.instance(owner, "equation", equation, Equation)
    seed = _checks.seed_int(owner, seed)
    _checks.one_of(owner, "dtype", dtype, ("float32", "float64", "mixed_bfloat16"))
    tolerance = _checks.finite_float(owner, "tolerance", tolerance, above=0.0)
    if num_paths is not None:
        num_paths = _checks.positive_int(owner, "num_paths", num_paths)
    max_rounds = _checks.positive_int(owner, "max_rounds", max_rounds)
    learning_rate = start_of(owner, optimizer, learning_rate)
    if drift is not None:
        drift = _checks.boolean(owner, "drift", drift)
    if subnets is None and control is not None:
        _check_control(owner, control, hidden)
    if subnets is not None:
        subnets = check_subnets(owner, subnets)
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
    if progress is not None:
        progress = _checks.boolean(owner, "progress", progress)
    elif verbose:
        progress = False
    settings = default_settings(equation)
    numbers_per_step = max(equation.dim, equation.noise_dim)
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
            equation, num_points=max(2, min(16, 1600 // numbers_per_step)), seed=seed
        )
    _registered.require_registered(type(equation), "equation")
    keeper = _keeper(
        checkpoints,
        checkpoint_every,
        resume,
        first_stage=1 if subnets is None else 0,
        run={
            "equation": type(equation).__name__,
            "equation_config": equation.get_config(),
            "t": grid.tolist(),
            "control": control if isinstance(control, str) else _class_name(control),
            "hidden": hidden,
            "subnets": None if subnets is None else len(subnets),
            "frozen": frozen,
            "rule": rule,
            "drift": drift,
            "steps": steps,
            "batch_size": batch_size,
            "seed": seed,
            "dtype": dtype,
            "optimizer": description(optimizer),
        },
    )
    with ProgressLine(progress) as line:
        line.phase("start: sampling paths")
        model = _model(
            equation, grid, control, hidden, subnets, rule, bool(drift), seed, dtype
        )
        estimator = Estimator(model, seed=seed, most_paths=num_paths)
        line.phase("start: a first look at paths")
        drift_size, milstein = _look(estimator)
        if drift is None:
            model.drift = drift_size > _DRIVEN
        strong = drift is not False and drift_size > _STRONG * model.num_steps
        any_grid = subnets is None and getattr(control, "num_times", None) is None
        if drift is None and t is None and any_grid and strong:
            # The paths that matter are rare: look for them from the start, in small steps.
            grid = as_time_grid(owner, equation, 5 * settings.num_steps)
            model = _model(
                equation, grid, control, hidden, subnets, rule, True, seed, dtype
            )
            estimator = Estimator(model, seed=seed, most_paths=num_paths)
        # Where the drift moves paths further than their noise does, z bends in a step.
        model.milstein = milstein and not strong
        if num_paths is None:
            work = settings.work * _MAX_NUMBERS
            # A step of X alone costs about half of one with its networks.
            per_step = numbers_per_step * (1 + estimator.substeps) / 2
            num_paths = max(1, int(work / (per_step * model.num_steps)))
            num_paths = min(_MAX_PATHS, num_paths)
        stand = keeper.progress
        if keeper.loaded:
            model.drift = stand.drift
        stand.drift = model.drift
        history = stand.history
        training = {
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "seed": seed,
            "verbose": verbose,
            "keeper": keeper,
            "optimizer": optimizer,
        }
        estimator.on_chunk = line.estimate

        def train_once(name):
            shown = TrainingLine(line, name)
            train(model, steps, callbacks=[*callbacks, shown], **training)

        try:
            if subnets is not None:
                steps = -(-steps // 2)
                if stand.stage == 0:
                    train_once("training of u0 and z0")
                    stand.next_stage(model.drift)
                    model.compiled = False
                model.train_control = not frozen
            while True:
                train_once(f"training, round {stand.stage}")
                line.phase("estimate: compiling the paths")
                estimate = settle(model, estimator, tolerance)
                # What the time grid leaves in the mismatch no training takes out.
                trainable = estimate.z_std > estimate.mismatch_std / 2
                before = math.inf if stand.reachable is None else stand.reachable
                reachable = reachable_half_width(estimate, num_paths)
                if (
                    stand.stage >= max_rounds
                    or not reachable > tolerance * abs(estimate.u0)
                    or not trainable
                    or not reachable < 0.8 * before
                ):
                    break
                rms = math.sqrt(history["loss"][-1])
                if drift is None and not model.drift and estimate.mismatch_std > rms:
                    model.drift = True
                    model.compiled = False
                stand.next_stage(model.drift, reachable)
            wide = not estimate.half_width <= tolerance * abs(estimate.u0)
            if wide and not estimate.refused and estimate.num_paths < num_paths:
                try:
                    estimate = estimator(num_paths, tolerance)
                except FloatingPointError:
                    # The few paths were finite, and their interval is as wide as that.
                    pass
        except KeyboardInterrupt as stop:
            stop.partial = {
                "equation": _name(equation),
                "equation_config": equation.get_config(),
                "steps": stand.step,
                "trained_u0": history["u0"][-1] if history["u0"] else None,
                "seed": seed,
                "history": history,
                "checkpoint_step": keeper.save(),
            }
            raise
        except WorkerLost:
            keeper.save()
            raise
    model.set_u0(estimate.u0)
    _memory.release()
    return Solution(
        equation=equation,
        model=model,
        estimate=estimate,
        tolerance=tolerance,
        trained_u0=history["u0"][-1],
        baseline_u0=model.start.u0,
        baseline_standard_error=model.start.u0_standard_error,
        history=history,
        seconds=keeper.seconds,
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
        name=_name(equation),
    )


def _check_control(owner, control, hidden):
    """Raises ValueError unless `control` is a name, or a layer without `hidden`."""
    if not isinstance(control, keras.layers.Layer):
        _checks.one_of(owner, "control", control, CONTROLS, ", or a layer of (t, x)")
    elif hidden is not None:
        received = f"hidden={_checks.describe(hidden)} beside control={control.name!r}"
        expected = "left out where the control process is a layer"
        raise _checks.ArgumentError(_checks.message(owner, "hidden", expected, received))


def _class_name(control):
    return None if control is None else type(control).__name__


def _name(equation):
    """Its name in the zoo, or that of its class."""
    names = (name for name, cls in EQUATIONS.items() if cls is type(equation))
    return next(names, type(equation).__name__)


def _keeper(folder, every, resume, first_stage, run):
    """The `Keeper` of a run, with the progress of its newest checkpoint if it resumes."""
    owner = "solve"
    every = _checks.positive_int(owner, "checkpoint_every", every)
    resume = _checks.boolean(owner, "resume", resume)
    if folder is not None:
        _checks.path(owner, "checkpoints", folder)
    elif resume:
        advice = "`checkpoints` says in which folder there are any."
        raise _checks.ArgumentError(
            _checks.message(owner, "resume", "False without checkpoints", "True", advice)
        )
    # As it comes back from a file.
    run = json.loads(json.dumps(run, default=str))
    keeper = Keeper(Progress(stage=first_stage), folder, every, run)
    if resume:
        keeper.load()
    elif keeper.checkpoints is not None:
        keeper.checkpoints.require_none(owner)
    return keeper


def _model(equation, grid, control, hidden, subnets, rule, drift, seed, dtype):
    """The `GlobalModel` that `solve` trains."""
    if subnets is not None:
        control = subnets
    elif len(grid) > 2 and not isinstance(control, keras.layers.Layer):
        if control is None:
            dense = hidden is not None or not is_exchangeable(equation)
            control = "shared" if dense else "exchangeable"
        options = {} if hidden is None else {"hidden": hidden}
        control = make_control(
            control,
            grid[1:-1],
            equation.dim,
            noise_dim=equation.noise_dim,
            dtype=dtype,
            seed=seed,
            **options,
        )
    elif len(grid) == 2:
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
        return agreed(estimator.look())
    except FloatingPointError:
        # Training will say so, and what to change.
        return agreed((0.0, False))
