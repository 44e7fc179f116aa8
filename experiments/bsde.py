"""Solves a high-dimensional semilinear parabolic PDE with the deep BSDE method.

Without arguments: the 100-dimensional Hamilton-Jacobi-Bellman equation of
linear-quadratic control, u(0, x0) = 4.5901617 exactly, to within 0.5 % (usually 0.05 %)
in about a minute on two cores. Writes result.json, history.csv, figure.png, model.keras
and export/ (a SavedModel) to the folder given by --out.
"""

import argparse
import difflib
import inspect
import os
import pathlib
import sys

# TensorFlow's start-up messages would bury the one line that matters.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Runs from a clone without an installation too.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from kerasmodels import _checks, _script, bsde
from kerasmodels.bsde.control import CONTROLS

QUICK = {"dim": 4, "num_steps": 5, "batch_size": 32, "steps": 20, "hidden": [8]}


def run(args):
    """Solves the equation, writes the files of the model, and returns the numbers."""
    equation = make_equation(args)
    # Fails now, not after the training, where nothing can be written.
    args.out.mkdir(parents=True, exist_ok=True)
    num_steps = args.num_steps
    if num_steps is None:
        num_steps = bsde.default_settings(equation).num_steps
    grid = bsde.time_grid(equation.terminal_time, num_steps)
    subnets = None
    if args.pretrain:
        subnets, losses = bsde.pretrain_subnets(
            equation,
            grid,
            args.out / "subnets",
            num_paths=256 if args.quick else 4096,
            batch_size=128,
            seed=args.seed,
            hidden=args.hidden,
            dtype=args.dtype,
        )
        print(f"pre-trained {len(subnets)} subnets, last loss {losses[-1]:.3g}")
    solution = bsde.solve(
        equation,
        grid,
        control=args.control or "stacked",
        hidden=args.hidden,
        subnets=subnets,
        frozen=args.frozen,
        steps=args.steps,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        seed=args.seed,
        dtype=args.dtype,
        # A progress bar on a terminal, plain lines in a log.
        verbose=0 if args.quick else 1 if sys.stdout.isatty() else 2,
    )
    solution.save(args.out)
    return solution.to_dict()


def plot(result, path):
    """Draws u0 and the loss over training, from the numbers of `run` alone."""
    history = result["history"]
    fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    # Training starts at the baseline.
    left.plot(
        [0, *history["step"]],
        [result["baseline_u0"], *history["u0"]],
        marker=".",
        label="u0, trained",
    )
    left.axhline(result["baseline_u0"], ls=":", color="gray", label="baseline E g(X_T)")
    if result["reference_u0"] is not None:
        left.axhline(result["reference_u0"], ls="--", color="k", label="reference")
    left.set(xlabel="training step", ylabel="u(0, x0)")
    left.ticklabel_format(axis="y", useOffset=False)
    left.legend(framealpha=0.6)
    right.semilogy(history["step"], history["loss"], marker=".")
    right.set(xlabel="training step", ylabel="mean squared terminal mismatch")
    title = f"{result['equation']}, d = {result['dim']}, N = {result['num_steps']}"
    if result["relative_error"] is not None:
        title += f": relative error {result['relative_error']:.3%}"
    fig.suptitle(title)
    _script.save_figure(fig, path)
    plt.close(fig)


def make_equation(args):
    """The equation that the arguments describe."""
    cls = bsde.EQUATIONS[args.equation]
    config = dict(args.param)
    for name in config:
        _checks.one_of(
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
    parser = _script.make_parser("bsde", __doc__)
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
    add("--steps", type=int, help="training steps")
    add("--hidden", type=int, nargs="+", help="widths of the hidden layers")
    add(
        "--control",
        choices=CONTROLS,
        help="(default: stacked)",
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
    add("--learning-rate", type=float)
    add("--dtype", choices=("float32", "float64"), default="float32")
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
    if args.out is None:
        args.out = pathlib.Path("results/bsde") / args.equation
    if args.quick:
        for name, value in QUICK.items():
            if getattr(args, name) is None:
                setattr(args, name, value)
    return _script.execute(parser, args, run, plot, summary)


def summary(result):
    """The one line at the end."""
    reference, error = result["reference_u0"], result["relative_error"]
    return (
        f"{result['equation']} d={result['dim']} N={result['num_steps']}: "
        f"u0 = {result['u0']:.6g}, "
        + (f"reference {reference:.8g}, " if reference is not None else "")
        + (f"relative error {error:.3%}, " if error is not None else "")
        + f"baseline {result['baseline_u0']:.5g}, {result['seconds']:.1f} s"
    )


if __name__ == "__main__":
    main()
