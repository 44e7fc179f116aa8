"""Solves a high-dimensional semilinear parabolic PDE with the deep BSDE method.

Without arguments: the 100-dimensional Hamilton-Jacobi-Bellman equation of
linear-quadratic control, u(0, x0) = 4.5901617 exactly, with a 95 % interval of about
0.01 % in half a minute on two cores. Writes result.json, history.csv, figure.png,
model.keras and export/ (a SavedModel) to the folder given by --out. A run that was
stopped, by Ctrl-C or by anything else, goes on with --resume and the same arguments.
"""

import _start  # noqa: F401

# isort: split
import argparse
import difflib
import inspect
import sys

from kerasmodels import bsde
from kerasmodels._scripts import command_line
from kerasmodels._support import checks, files, workers
from kerasmodels.bsde.control import CONTROLS, make_control
from kerasmodels.bsde.figure import draw
from kerasmodels.bsde.methods.deep_bsde.method import MAX_ROUNDS
from kerasmodels.bsde.paths.grid import paths_fit, time_grid
from kerasmodels.bsde.recursion.forward import RULES
from kerasmodels.bsde.solution import supported_digits

QUICK = {"dim": 4, "num_steps": 5, "batch_size": 32, "steps": 20}
QUICK |= {"num_paths": 256, "max_rounds": 1}
# The equation begins the name of the default folder; the others change no result.
UNNAMED = ("equation", "list", "checkpoint_every", "resume", "workers", "worker")


def run(args):
    """Solves the equation, alone or with other workers, and returns the numbers."""
    strategy = bsde.connect(args.workers, args.worker) if args.workers else bsde.joined()
    if strategy is None:
        return solve(args)
    with strategy.scope():
        result = solve(args)
        # Together to the end: a worker that leaves early is missed by the others.
        workers.agreed(0.0)
    return result


def solve(args):
    """Solves the equation, writes the files of the model, and returns the numbers."""
    # Before checkpoints go and subnets are trained.
    equation = checked(args)
    checkpoints = bsde.Checkpoints(args.out / "checkpoints")
    if args.overwrite:
        checkpoints.clear()
    elif not args.resume:
        checkpoints.require_none("bsde.py")
    num_steps = args.num_steps
    quiet = args.quick or workers.task_index() > 0
    subnets = None
    if args.pretrain and args.resume and checkpoints.paths:
        subnets = bsde.load_subnets(args.out / "subnets")
    elif args.pretrain:
        if num_steps is None:
            num_steps = bsde.default_settings(equation).num_steps
        subnets, losses = bsde.pretrain_subnets(
            equation,
            args.out / "subnets",
            num_steps=num_steps,
            num_paths=256 if args.quick else 4096,
            batch_size=128,
            seed=args.seed,
            hidden=args.hidden,
            dtype=args.dtype,
        )
        print(f"pre-trained {len(subnets)} subnets, last loss {losses[-1]:.3g}")
    solution = bsde.solve(
        equation,
        tolerance=args.tolerance,
        num_steps=num_steps,
        control=args.control,
        hidden=args.hidden,
        subnets=subnets,
        frozen=args.frozen,
        rule=args.rule,
        importance_sampling=args.importance_sampling,
        steps=args.steps,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        num_paths=args.num_paths,
        max_rounds=MAX_ROUNDS if args.max_rounds is None else args.max_rounds,
        seed=args.seed,
        dtype=args.dtype,
        # A progress bar on a terminal, plain lines in a log, of one worker alone.
        verbose=0 if quiet else 1 if sys.stdout.isatty() else 2,
        checkpoints=checkpoints.folder,
        checkpoint_every=args.checkpoint_every,
        resume=args.resume,
    )
    solution.save(args.out)
    # The finished model holds all that they hold.
    checkpoints.clear()
    return solution.to_dict()


def plot(result, path):
    """Draws u0 and the loss over training, from the numbers of `run` alone."""
    files.save_figure(draw(result), path)


def checked(args):
    """The equation, once no argument has a value that no run could take."""
    owner = "bsde.py"
    equation = make_equation(args)
    settings = bsde.default_settings(equation)
    counts = ("num_steps", "steps", "batch_size", "num_paths", "max_rounds")
    for name in (*counts, "checkpoint_every"):
        if getattr(args, name) is not None:
            checks.positive_int(owner, name, getattr(args, name))
    for name in ("tolerance", "learning_rate"):
        checks.finite_float(owner, name, getattr(args, name), above=0.0)
    num_steps = args.num_steps or settings.num_steps
    batch_size = args.batch_size or settings.batch_size
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


def list_equations():
    """One line per equation: dimension, published setting, reference and baseline."""
    row = "{:26} {:>4} {:>5} {:>4} {:>13} {:>13}  {}"
    print(row.format("name", "dim", "T", "N", "reference", "baseline", "source"))
    for name, cls in bsde.EQUATIONS.items():
        equation = cls()
        num_steps = bsde.default_settings(equation).num_steps
        reference = equation.reference()
        baseline = bsde.baseline(equation)
        print(
            row.format(
                name,
                equation.dim,
                f"{equation.terminal_time:g}",
                num_steps,
                f"{reference.value:.8g}" if reference else "unknown",
                f"{baseline:.5g}",
                cls.published.source,
            )
        )


def parameter(text):
    """`name=value` with a number, for --param."""
    name, separator, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected NAME=NUMBER, received {text!r}"
        ) from None


def equation_name(text):
    """A name in the zoo, or the nearest one in the error."""
    if text not in bsde.EQUATIONS:
        near = difflib.get_close_matches(text, bsde.EQUATIONS, n=1)
        advice = f" Did you mean {near[0]!r}?" if near else " --list shows them all."
        raise argparse.ArgumentTypeError(f"unknown equation {text!r}.{advice}")
    return text


def make_parser():
    parser = command_line.make_parser("bsde", __doc__)
    add = parser.add_argument
    add("--equation", type=equation_name, default="hjb", metavar="NAME")
    add("--list", action="store_true", help="list the equations and exit")
    add("--dim", type=int, help="dimension d")
    add(
        "--param",
        type=parameter,
        action="append",
        default=[],
        metavar="NAME=NUMBER",
        help="parameter of the equation, such as control_cost=10; may be repeated",
    )
    add("--num-steps", type=int, help="time steps N")
    add("--batch-size", type=int, help="paths per training step")
    add("--steps", type=int, help="training steps per round")
    add(
        "--tolerance",
        type=float,
        default=2e-4,
        help="half-width of the 95 %% interval, relative to u0, at which to stop "
        "(default: 2e-4)",
    )
    add("--num-paths", type=int, help="paths of the estimate, at most")
    add("--max-rounds", type=int, help="rounds of training, at most")
    add(
        "--hidden",
        type=int,
        nargs="+",
        help="widths of the hidden layers of dense networks",
    )
    add(
        "--control",
        choices=CONTROLS,
        help="(default: exchangeable where the coordinates can be exchanged, else shared)",
    )
    add("--rule", choices=RULES, default="trapezoid", help="of the driver, in training")
    add(
        "--importance-sampling",
        action=argparse.BooleanOptionalAction,
        help="drive the training paths by the control (default: where it helps)",
    )
    add(
        "--pretrain",
        action="store_true",
        help="train one subnet per time step first, save and reload them, fit (u0, z0) "
        "with the subnets frozen, then train everything",
    )
    add(
        "--frozen",
        action="store_true",
        help="with --pretrain: keep the subnets frozen to the end",
    )
    add("--learning-rate", type=float, default=1e-2, help="(default: 1e-2)")
    add(
        "--dtype",
        choices=("float32", "float64", "mixed_bfloat16"),
        default="float32",
    )
    add(
        "--checkpoint-every",
        type=int,
        default=200,
        metavar="STEPS",
        help="training steps between two checkpoints in --out, at least (default: 200)",
    )
    add(
        "--resume",
        action="store_true",
        help="go on from the newest checkpoint in --out, if there is one",
    )
    add(
        "--workers",
        type=lambda text: text.split(","),
        metavar="HOST:PORT,HOST:PORT",
        help="all processes that train together, the chief first; start each of them with "
        "the same arguments but --worker (docs/scaling.md)",
    )
    add(
        "--worker",
        type=int,
        metavar="K",
        help="which of --workers this process is, from 0; K > 0 writes to OUT/worker-K",
    )
    return parser


def main(argv=None):
    parser = make_parser()
    args = parser.parse_args(argv)
    if args.list:
        list_equations()
        return None
    if args.frozen and not args.pretrain:
        parser.error("--frozen keeps pre-trained subnets as they are: add --pretrain")
    if args.pretrain and args.control:
        parser.error("--pretrain trains one network per step: leave out --control")
    if args.resume and args.overwrite:
        parser.error("--resume goes on with what --overwrite removes: take one of them")
    if args.out is None:
        args.out = command_line.default_folder(
            parser, args, f"bsde/{args.equation}", UNNAMED
        )
    if (args.workers is None) != (args.worker is None):
        parser.error("--workers and --worker need each other: all addresses, and which")
    try:
        together = args.workers or workers.several()
        worker = workers.task_index() if args.worker is None else args.worker
    except checks.ArgumentError as error:
        parser.error(str(error))
    if args.pretrain and together:
        parser.error("--pretrain trains its subnets in one process: leave out --workers")
    if worker > 0:
        args.out /= f"worker-{worker}"
    if args.quick:
        for name, value in QUICK.items():
            if getattr(args, name) is None:
                setattr(args, name, value)
    return command_line.execute(parser, args, run, plot, summary, check=checked)


def summary(result):
    """The one line at the end, with as many digits of u0 as the interval supports."""
    reference, error = result["reference_u0"], result["relative_error"]
    low, high = result["u0_interval"]
    half_width = (high - low) / 2
    return (
        f"{result['equation']} d={result['dim']} N={result['num_steps']}: "
        f"u0 = {supported_digits(result['u0'], half_width)} +- {half_width:.2g} (95 %), "
        + (f"reference {reference:.8g}, " if reference is not None else "")
        + (f"relative error {error:.4%}, " if error is not None else "")
        + f"baseline {result['baseline_u0']:.5g}, {result['seconds']:.1f} s"
        + (
            ""
            if result["converged"]
            else f"; wider than --tolerance {result['tolerance']:g}"
        )
    )


if __name__ == "__main__":
    main()
