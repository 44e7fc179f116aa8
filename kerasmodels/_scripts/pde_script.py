"""The work of experiments/bsde.py: from its arguments to the files of a solution."""

import argparse
import difflib
import inspect
import sys

from kerasmodels import bsde
from kerasmodels._scripts import setting_flags
from kerasmodels._support import checks, workers
from kerasmodels.bsde.control import make_control
from kerasmodels.bsde.methods import METHODS
from kerasmodels.bsde.paths.grid import paths_fit, time_grid
from kerasmodels.bsde.solution import supported_digits

# The method of a run without --method.
DEFAULT = "deep_bsde"
# Paths of the first answer, at most.
FIRST_PATHS = 2**13
QUICK = {"dim": 4, "num_steps": 5, "batch_size": 32, "steps": 20}
QUICK |= {"num_paths": 256, "max_rounds": 1}
# The equation begins the name of the default folder; the others change no result.
UNNAMED = ("equation", "list", "checkpoint_every", "resume", "workers", "worker")
# Names of folders stay as they are when a flag is added: new flags follow these.
ORDER = ("seed", "quick", "dim", "param", "num_steps", "batch_size", "steps", "tolerance")
ORDER += ("num_paths", "max_rounds", "hidden", "control", "rule", "importance_sampling")
ORDER += ("pretrain", "frozen", "learning_rate", "dtype")


def run(args):
    """Solves the equation, alone or with other workers, and returns the numbers."""
    strategy = bsde.connect(args.workers, args.worker) if args.workers else bsde.joined()
    if strategy is None:
        return solve(args)
    with strategy.scope():
        result = solve(args)
        # All workers end together, because the others would miss one that leaves early.
        workers.agreed(0.0)
    return result


def solve(args):
    """Solves the equation, writes the files of the model, and returns the numbers."""
    # First, because wrong arguments must neither clear checkpoints nor train subnets.
    equation = checked(args)
    checkpoints = bsde.Checkpoints(args.out / "checkpoints")
    if args.overwrite:
        checkpoints.clear()
    elif not args.resume:
        checkpoints.require_none("bsde.py")
    settings = setting_flags.chosen(args, METHODS[args.method])
    if args.pretrain and args.resume and checkpoints.paths:
        settings["subnets"] = bsde.load_subnets(args.out / "subnets")
    elif args.pretrain:
        settings["num_steps"] = args.num_steps or bsde.default_settings(equation).num_steps
        settings["subnets"], losses = bsde.pretrain_subnets(
            equation,
            args.out / "subnets",
            num_steps=settings["num_steps"],
            num_paths=256 if args.quick else 4096,
            batch_size=128,
            seed=args.seed,
            hidden=args.hidden,
            dtype=args.dtype,
        )
        print(f"pre-trained {len(settings['subnets'])} subnets, last loss {losses[-1]:.3g}")
    quiet = args.quick or workers.task_index() > 0
    alone = not (args.workers or workers.several())
    first = None
    if args.method == DEFAULT and alone and not args.quick:
        first = first_answer(equation, args)
    solution = bsde.solve(
        equation,
        method=args.method,
        tolerance=args.tolerance,
        num_paths=args.num_paths,
        seed=args.seed,
        # A progress bar on a terminal, plain lines in a log, of one worker alone.
        verbose=0 if quiet else 1 if sys.stdout.isatty() else 2,
        checkpoints=checkpoints.folder,
        checkpoint_every=args.checkpoint_every,
        resume=args.resume,
        **settings,
    )
    solution.save(args.out)
    # The finished model holds all that they hold.
    checkpoints.clear()
    return {**solution.to_dict(), "first_answer": first}


def first_answer(equation, args):
    """Prints u0 by one round of regressions, before networks are trained.

    Returns:
        A dict of u0 and its interval, or None where the regression fails.
    """
    num_paths = min(args.num_paths or FIRST_PATHS, FIRST_PATHS)
    try:
        found = bsde.solve(
            equation,
            method="regression",
            tolerance=args.tolerance,
            num_paths=num_paths,
            seed=args.seed,
            max_rounds=1,
        )
    except (bsde.MethodFailed, FloatingPointError, checks.ArgumentError) as error:
        print(f"no first answer by regression: {error}", flush=True)
        return None
    half_width = found.estimate.half_width
    print(
        f"first answer, by regression: u0 = {supported_digits(found.u0, half_width)} "
        f"+- {half_width:.2g} (95 %), {found.seconds:.1f} s; now the networks train",
        flush=True,
    )
    return {"u0": found.u0, "u0_interval": list(found.interval)}


def checked(args):
    """The equation, once no argument has a value that no run could take.

    Raises:
        ValueError: an argument has such a value.
    """
    owner = "bsde.py"
    equation = make_equation(args)
    checks.finite_float(owner, "tolerance", args.tolerance, above=0.0)
    for name in ("num_paths", "checkpoint_every"):
        if getattr(args, name) is not None:
            checks.positive_int(owner, name, getattr(args, name))
    settings = setting_flags.chosen(args, METHODS[args.method])
    # The networks that it needs are trained later.
    settings.pop("frozen", None)
    METHODS[args.method](**settings)
    defaults = bsde.default_settings(equation)
    num_steps = args.num_steps or defaults.num_steps
    batch_size = args.batch_size or defaults.batch_size
    paths_fit(owner, "num_steps", equation, num_steps, 1, "float64", copies=1)
    paths_fit(owner, "batch_size", equation, num_steps, batch_size, "float32", copies=8)
    if args.pretrain and num_steps == 1:
        expected = "at least 2 with --pretrain, which trains a network at inner times"
        raise checks.ArgumentError(
            checks.message(owner, "num_steps", expected, "num_steps=1")
        )
    if args.hidden is not None and num_steps > 1:
        times = time_grid(equation.terminal_time, num_steps)[1:-1]
        name = "per-step" if args.pretrain else args.control or "shared"
        make_control(name, times, equation.dim, hidden=args.hidden)
    return equation


def require_consistent(parser, args):
    """Ends the program with one line where two flags contradict each other."""
    setting_flags.refuse_others(parser, args, METHODS, args.method)
    if args.pretrain and args.method != DEFAULT:
        parser.error(
            f"--pretrain trains networks of {DEFAULT}: leave out --method {args.method}"
        )
    if args.frozen and not args.pretrain:
        parser.error("--frozen keeps pre-trained subnets as they are: add --pretrain")
    if args.pretrain and args.control:
        parser.error("--pretrain trains one network per step: leave out --control")
    if args.resume and args.overwrite:
        parser.error("--resume goes on with what --overwrite removes: take one of them")
    if (args.workers is None) != (args.worker is None):
        parser.error("--workers and --worker need each other: all addresses, and which")
    try:
        together = args.workers or workers.several()
    except checks.ArgumentError as error:
        parser.error(str(error))
    if args.pretrain and together:
        parser.error("--pretrain trains its subnets in one process: leave out --workers")
    if args.method != DEFAULT and together:
        parser.error(f"--method {args.method} has one process: leave out --workers")


def fill_in(parser, args):
    """Sets what --quick and the number of the worker change in the arguments."""
    try:
        worker = workers.task_index() if args.worker is None else args.worker
    except checks.ArgumentError as error:
        parser.error(str(error))
    if worker > 0:
        args.out /= f"worker-{worker}"
    if args.quick:
        own = {"dim", "num_paths", *setting_flags.flags(METHODS[args.method])}
        for name in own & set(QUICK):
            if getattr(args, name) is None:
                setattr(args, name, QUICK[name])


def make_equation(args):
    """The equation that the arguments describe."""
    cls = bsde.EQUATIONS[args.equation]
    config = dict(args.param)
    for name in config:
        checks.one_of(
            args.equation, "--param", name, [*inspect.signature(cls).parameters][1:]
        )
    if args.dim is not None:
        config["dim"] = args.dim
    return cls(**config)


def table():
    """One line per equation: dimension, published setting, reference and baseline."""
    row = "{:26} {:>4} {:>5} {:>4} {:>13} {:>13}  {}"
    yield row.format("name", "dim", "T", "N", "reference", "baseline", "source")
    for name, cls in bsde.EQUATIONS.items():
        equation = cls()
        reference = equation.reference()
        yield row.format(
            name,
            equation.dim,
            f"{equation.terminal_time:g}",
            bsde.default_settings(equation).num_steps,
            f"{reference.value:.8g}" if reference else "unknown",
            f"{bsde.baseline(equation):.5g}",
            cls.published.source,
        )


def parameter(text):
    """The pair (name, number) of `name=number`, for --param."""
    name, separator, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected NAME=NUMBER, received {text!r}"
        ) from None


def equation_name(text):
    """A name of the zoo, or the nearest one in the error."""
    if text not in bsde.EQUATIONS:
        near = difflib.get_close_matches(text, bsde.EQUATIONS, n=1)
        advice = f" Did you mean {near[0]!r}?" if near else " --list shows them all."
        raise argparse.ArgumentTypeError(f"unknown equation {text!r}.{advice}")
    return text


def summary(result):
    """The one line at the end, with as many digits of u0 as the interval supports."""
    reference, error = result["reference_u0"], result["relative_error"]
    baseline = result["baseline_u0"]
    low, high = result["u0_interval"]
    half_width = (high - low) / 2
    return (
        f"{result['equation']} d={result['dim']} N={result['num_steps']}: "
        f"u0 = {supported_digits(result['u0'], half_width)} +- {half_width:.2g} (95 %), "
        + (f"reference {reference:.8g}, " if reference is not None else "")
        + (f"relative error {error:.4%}, " if error is not None else "")
        + (f"baseline {baseline:.5g}, " if baseline is not None else "")
        + f"{result['seconds']:.1f} s"
        + (
            ""
            if result["converged"]
            else f"; wider than --tolerance {result['tolerance']:g}"
        )
    )
