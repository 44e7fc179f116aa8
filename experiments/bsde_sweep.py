"""Many PDEs with many seeds: the spread of the answers, and how often intervals hold.

Solves every equation with every seed in processes side by side, and draws each u0 with its
95 % interval against the reference. Writes results.csv and a folder per run; finished
runs are kept when the script is started again. By default two equations in dimension 20
with four seeds, some four minutes on two cores.
"""

import _start  # noqa: F401

# isort: split
import matplotlib.pyplot as plt
import numpy as np

from kerasmodels import bsde
from kerasmodels._scripts import command_line
from kerasmodels._support import files

DEFAULT = ("hjb", "allen-cahn")
# More equations and seeds go into the same table, in however many processes.
UNNAMED = ("equations", "seeds", "seed", "jobs")


def run(args):
    """All rows of the table."""
    cls = bsde.EQUATIONS
    # `sweep` refuses unknown names.
    equations = {
        name: cls[name](dim=args.dim) if name in cls else name for name in args.equations
    }
    if any(isinstance(equation, str) for equation in equations.values()):
        equations = list(equations)
    options = {"tolerance": args.tolerance}
    if args.quick:
        options |= {"steps": 20, "batch_size": 32, "num_paths": 256, "num_steps": 2}
        options |= {"max_rounds": 1}
    seeds = args.seeds or [args.seed + k for k in range(1 if args.quick else 4)]
    rows = bsde.sweep(
        equations,
        seeds,
        args.out,
        # Tiny runs would spend their time on starting TensorFlow.
        jobs=0 if args.quick and args.jobs is None else args.jobs,
        overwrite=args.overwrite,
        **options,
    )
    return {"rows": rows}


def plot(result, path):
    """u0 of every run against the reference, in per cent, with its interval."""
    names = list(dict.fromkeys(row["equation"] for row in result["rows"]))
    figure, axes = plt.subplots(
        1, len(names), figsize=(3.1 * len(names) + 0.4, 3.4), layout="constrained"
    )
    for axis, name in zip(np.atleast_1d(axes), names):
        rows = [row for row in result["rows"] if row["equation"] == name]
        solved = [row for row in rows if row["error"] is None]
        reference = solved[0]["reference_u0"] if solved else None
        against = "reference"
        if reference is None and solved:
            reference, against = np.mean([row["u0"] for row in solved]), "mean of the runs"
        for k, row in enumerate(rows):
            if row["error"] is not None:
                axis.text(k, 0, "failed", rotation=90, ha="center", va="bottom")
                continue
            scale = 100 / abs(reference)
            axis.errorbar(
                k,
                scale * (row["u0"] - reference),
                scale * row["half_width"],
                fmt="o",
                capsize=4,
                color="tab:blue",
            )
        axis.axhline(0, color="black", lw=0.8)
        axis.set_xticks(range(len(rows)), [row["seed"] for row in rows])
        axis.set(title=name, xlabel="seed", ylabel=f"u0 - {against}, %", xlim=(-0.6, None))
        axis.set_xlim(-0.6, len(rows) - 0.4)
    files.save_figure(figure, path)
    plt.close(figure)


def summary(result):
    """The one line at the end."""
    solved = [row for row in result["rows"] if row["error"] is None]
    known = [row for row in solved if row["reference_u0"] is not None]
    held = sum(abs(row["u0"] - row["reference_u0"]) <= row["half_width"] for row in known)
    failed = len(result["rows"]) - len(solved)
    return f"{len(solved)} runs, {held} of {len(known)} intervals hold the reference" + (
        f", {failed} failed" if failed else ""
    )


def make_parser():
    parser = command_line.make_parser("bsde_sweep", __doc__)
    add = parser.add_argument
    add("--equations", nargs="+", metavar="NAME", help="(default: hjb allen-cahn)")
    add("--seeds", type=int, nargs="+", help="(default: four from --seed on)")
    add("--dim", type=int, help="dimension d (default: 20)")
    add("--tolerance", type=float, default=1e-3, help="as in bsde.py (default: 1e-3)")
    add("--jobs", type=int, help="processes at a time (default: one per two cores)")
    return parser


def main(argv=None):
    parser = make_parser()
    args = parser.parse_args(argv)
    if args.out is None:
        args.out = command_line.default_folder(parser, args, "bsde_sweep", UNNAMED)
    if args.equations is None:
        args.equations = DEFAULT
    if args.dim is None:
        args.dim = 4 if args.quick else 20
    return command_line.execute(parser, args, run, plot, summary, extends=True)


if __name__ == "__main__":
    main()
