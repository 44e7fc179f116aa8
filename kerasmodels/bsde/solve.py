"""The solution of an equation by one call: u(0, x0) with its interval."""

import dataclasses
import platform

import keras
import numpy as np
import tensorflow as tf

from kerasmodels._support import checks, memory, registered
from kerasmodels._support.workers import WorkerLost
from kerasmodels._version import __version__
from kerasmodels.bsde.equation import Equation
from kerasmodels.bsde.equations import EQUATIONS
from kerasmodels.bsde.equations.family import Family
from kerasmodels.bsde.methods import METHODS
from kerasmodels.bsde.methods.base import Method
from kerasmodels.bsde.rounds import Estimators, best_answer
from kerasmodels.bsde.solution import Solution
from kerasmodels.bsde.values import region_error
from kerasmodels.bsde.verify.checking import check_config, check_equation
from kerasmodels.runs.progress_line import ProgressLine
from kerasmodels.runs.run import ActiveRun, Run

# Without a method and without settings: the later one where the interval is too wide.
DEFAULT = ("regression", "deep_bsde")


def solve(
    equation,
    method=None,
    tolerance=2e-4,
    num_paths=None,
    seed=0,
    run=None,
    **settings,
):
    """Solves a PDE at (0, x0), and reports how far the answer can be trusted.

    A method finds an approximation of u and z; the estimate on fresh paths (`estimate_u0`)
    makes u0 and its interval of that. Where the interval is wider than `tolerance`, the
    method works another round, as long as that can help.

    Nothing that trains reads the exact solution or the reference: they serve the report,
    and the check of an equation that is not of this package (`check_equation`), which runs
    first.

    Args:
        equation: `Equation`, of a class that is registered for Keras serialization, as the
            solution's file names it.
        method: None, str, `Method` or a class of methods: "regression" (`Regression`), in
            seconds; "deep_bsde" (`DeepBSDE`), which trains networks; "monte_carlo"
            (`MonteCarlo`) for drivers that are linear in u and free of z. None is a
            regression first, and the deep BSDE method where that fails or leaves the
            interval wider than `tolerance`; the answer is the one with the narrower
            interval. With settings of the deep BSDE method, None is that method alone.
        tolerance: float. Wanted half-width of the 95 % interval, relative to u0. It is a
            goal, not a promise: `Solution.estimate` holds what was reached.
        num_paths: None or int. Paths of the estimate, at most. None is 2^17 in dimension
            100 with 20 steps, and otherwise as many as are the same work, up to 2^20;
            more where the method's `cost_factor` is larger.
        seed: int. Seeds the weights, the paths and the start.
        run: None or `Run`: checkpoints, callbacks, and what is shown.
        **settings: of the method, where `method` is a name or a class, and of `Run`, where
            `run` is None: `solve(equation, steps=400, checkpoints="folder")`.

    Returns:
        A `Solution`.

    Raises:
        ValueError: an argument is not of the form above, the method refuses the equation,
            the equation's class is not registered, the checkpoints are those of another
            run, or there are some and `resume` is False; an `EquationError` where the
            equation contradicts itself.
        MethodFailed: the method found on the way that it cannot solve this equation.
        FloatingPointError: the loss, u0, a weight or a path is no longer a finite number.
            The last finite state is kept in `checkpoints`.
        CheckpointError: a checkpoint cannot be written, or none can be read.
        KeyboardInterrupt: as it came (Ctrl-C). The last state is kept in `checkpoints`,
            and the exception has the numbers so far in a dict `partial`.
    """
    owner = "solve"
    checks.instance(owner, "equation", equation, Equation)
    seed = checks.seed_int(owner, seed)
    tolerance = checks.finite_float(owner, "tolerance", tolerance, above=0.0)
    if num_paths is not None:
        num_paths = checks.positive_int(owner, "num_paths", num_paths)
    methods, run = _methods_and_run(owner, method, run, settings)
    _check(equation, methods, seed)
    with ProgressLine(run.shown) as line:
        active = ActiveRun(run, seed, line, Estimators(seed, num_paths))
        try:
            answer = best_answer(equation, methods, active, tolerance, num_paths)
        except KeyboardInterrupt as stop:
            stop.partial = _partial(equation, active)
            raise
        except WorkerLost:
            if active.checkpointer:
                active.checkpointer.save()
            raise
    approximation = answer.approximation
    approximation.set_u0(answer.estimate.u0)
    error = None
    if equation.start_varies:
        error = region_error(approximation, active.estimator(approximation), seed)
    memory.release()
    return Solution(
        name=name_of(equation),
        equation=equation,
        method=answer.method,
        approximation=approximation,
        estimate=answer.estimate,
        tolerance=tolerance,
        seconds=active.seconds,
        seed=seed,
        region_error=error,
        versions={
            "python": platform.python_version(),
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "numpy": np.__version__,
            "kerasmodels": __version__,
        },
    )


def _check(equation, methods, seed):
    """Raises ValueError before the work begins, where an equation cannot be solved."""
    _refuse(equation, methods, [method.refuses_parts(equation) for method in methods])
    checked = equation.equation if isinstance(equation, Family) else equation
    if type(checked) in EQUATIONS.values():
        check_config(checked)
    else:
        # The check reads the exact solution; the training and the estimate never do.
        numbers_per_step = max(checked.dim, checked.noise_dim)
        num_points = max(2, min(16, 1600 // numbers_per_step))
        check_equation(checked, num_points=num_points, seed=seed)
    registered.require_registered(type(checked), "equation")
    advice = 'method="deep_bsde" takes any driver.'
    if isinstance(methods[-1], METHODS["deep_bsde"]):
        advice = ""
    _refuse(equation, methods, [method.refuses(equation) for method in methods], advice)


def _refuse(equation, methods, reasons, advice=""):
    """Raises ValueError where every method has a reason not to solve an equation."""
    if all(reasons):
        raise checks.ArgumentError(
            f"`solve` cannot solve {equation!r} by `{type(methods[-1]).__name__}`, because "
            f"{reasons[-1]}. {advice}"
        )


def _methods_and_run(owner, method, run, settings):
    """The `Method`s, one after the other, and the `Run` that the arguments describe."""
    of_run = {field.name for field in dataclasses.fields(Run)}
    if run is None:
        run = Run(**{k: settings.pop(k) for k in of_run & set(settings)})
    else:
        checks.instance(owner, "run", run, Run)
        of_run = set()
    if isinstance(method, Method):
        if settings:
            raise checks.ArgumentError(
                checks.message(
                    owner,
                    next(iter(settings)),
                    "a setting of the method, which is made already",
                    f"{sorted(settings)} beside an instance of {type(method).__name__}",
                    "Give them to its constructor.",
                )
            )
        return [method], run
    if method is None and not settings:
        return [METHODS[name]() for name in DEFAULT], run
    method = DEFAULT[-1] if method is None else method
    if isinstance(method, type) and issubclass(method, Method):
        cls = method
    else:
        otherwise = ", or a `Method`"
        cls = METHODS[checks.one_of(owner, "method", method, list(METHODS), otherwise)]
    names = [field.name for field in dataclasses.fields(cls)]
    for name in settings:
        checks.one_of(owner, "setting", name, [*names, *sorted(of_run)])
    return [cls(**settings)], run


def name_of(equation):
    """The name of an equation in the zoo, or that of its class."""
    names = (name for name, cls in EQUATIONS.items() if cls is type(equation))
    return next(names, type(equation).__name__)


def _partial(equation, active):
    """What an interrupted run leaves: its numbers so far, once its state is written."""
    checkpointer = active.checkpointer
    history = (
        checkpointer.progress.history
        if checkpointer
        else {"step": [], "loss": [], "u0": []}
    )
    return {
        "equation": name_of(equation),
        "equation_config": equation.get_config(),
        "steps": history["step"][-1] if history["step"] else 0,
        "trained_u0": history["u0"][-1] if history["u0"] else None,
        "seed": active.seed,
        "history": history,
        "checkpoint_step": checkpointer.save() if checkpointer else None,
    }
