"""A high-dimensional semilinear parabolic PDE, solved by the deep BSDE method.

Without arguments: the 100-dimensional Hamilton-Jacobi-Bellman equation of
linear-quadratic control, u(0, x0) = 4.5901617 exactly, with a 95 % interval of about
0.01 % in half a minute on two cores. The first line is an answer by regression, after
seconds; the last line is that of the trained networks. The folder --out then holds
result.json, history.csv, figure.png, and the model as model.keras and export/ (a
SavedModel). A run that was stopped, by Ctrl-C or by anything else, goes on with --resume
and the same arguments.
"""

import _start  # noqa: F401

# isort: split
from kerasmodels._scripts import command_line, pde_script, setting_flags
from kerasmodels._scripts.pde_script import run, summary
from kerasmodels._support import files
from kerasmodels.bsde.figure import draw
from kerasmodels.bsde.methods import METHODS


def plot(result, path):
    """Draws u0 and the loss over training, from the numbers of `run` alone."""
    files.save_figure(draw(result), path)


def make_parser():
    parser = command_line.make_parser("bsde", __doc__)
    add = parser.add_argument
    add(
        "--equation",
        type=pde_script.equation_name,
        default="hjb",
        metavar="NAME",
        help="equation to solve (default: hjb)",
    )
    add("--list", action="store_true", help="list the equations and exit")
    add("--dim", type=int, help="dimension d (default: that of the equation)")
    add(
        "--param",
        type=pde_script.parameter,
        action="append",
        default=[],
        metavar="NAME=NUMBER",
        help="parameter of the equation, such as control_cost=10; may be repeated",
    )
    add(
        "--tolerance",
        type=float,
        default=2e-4,
        help="half-width of the 95 %% interval, relative to u0, at which to stop "
        "(default: 2e-4)",
    )
    add("--num-paths", type=int, help="paths of the estimate of u0, at most")
    add(
        "--method",
        choices=METHODS,
        default=pde_script.DEFAULT,
        help=f"method that finds u and z (default: {pde_script.DEFAULT})",
    )
    add(
        "--pretrain",
        action="store_true",
        help="train one subnet per time step first, save and reload them, fit (u0, z0) "
        "with the subnets frozen, then train everything",
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
        help="number of this process among --workers, from 0; K > 0 writes to OUT/worker-K",
    )
    # No flag gives an optimizer, whose learning rate would be the default.
    setting_flags.add(parser, METHODS, pde_script.DEFAULT, learning_rate=1e-2)
    return parser


def main(argv=None):
    parser = make_parser()
    args = parser.parse_args(argv)
    if args.list:
        print(*pde_script.table(), sep="\n")
        return None
    pde_script.require_consistent(parser, args)
    if args.out is None:
        args.out = command_line.default_folder(
            parser, args, f"bsde/{args.equation}", pde_script.UNNAMED, pde_script.ORDER
        )
    pde_script.fill_in(parser, args)
    return command_line.execute(parser, args, run, plot, summary, check=pde_script.checked)


if __name__ == "__main__":
    main()
