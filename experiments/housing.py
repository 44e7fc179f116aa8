"""A regression by a graph of nodes, compared with the mean and with least squares.

A small training error alone does not show that a network predicts well. The script prints
the errors of the mean and of linear least squares on the same held-out rows. --csv FILE
takes a table of your own (last column: the target), --table california downloads one. About
ten seconds.
"""

import _start  # noqa: F401

# isort: split
import pathlib

import numpy as np
from matplotlib.figure import Figure

from kerasmodels import miniflow
from kerasmodels._scripts import command_line
from kerasmodels._support import checks, files


def prepare(args):
    """The network and its rows, after a check of all arguments."""
    checks.positive_int("housing.py", "epochs", args.epochs)
    checks.finite_float("housing.py", "learning_rate", args.learning_rate, above=0.0)
    if args.csv is not None:
        x, y, names = miniflow.read_csv(args.csv)
    else:
        x, y, names = miniflow.table(args.table)
    train, test = miniflow.split(x, y, seed=args.seed)
    model = miniflow.Regression(x.shape[1], args.hidden, seed=args.seed)
    return model, train, test, names


def run(args):
    model, train, test, names = prepare(args)
    epochs = 2 if args.quick else args.epochs
    rate = args.learning_rate
    losses = model.fit(*train, epochs, learning_rate=rate, seed=args.seed)
    found = {
        **miniflow.baselines(train, test),
        "network, training rows": model.loss(*train),
        "network": model.loss(*test),
    }
    rows = len(train[0]) + len(test[0])
    print(f"{rows} rows, {model.features} columns; target {names[-1]}, in its deviations")
    for name, value in found.items():
        which = "" if "rows" in name else ", held-out rows"
        print(f"mean squared error of {name}{which}: {value:.4f}")
    print()
    return {
        "rows": rows,
        "target": names[-1],
        "errors": found,
        "loss": losses,
        "true": test[1][:, 0].tolist(),
        "said": model.predict(test[0])[:, 0].tolist(),
    }


def plot(result, path):
    """The loss with both baselines, and predictions against the truth."""
    figure = Figure(figsize=(8.5, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(np.arange(1, len(result["loss"]) + 1), result["loss"], label="training")
    for name, style in (("mean", ":"), ("least squares", "--"), ("network", "-")):
        left.axhline(
            result["errors"][name], ls=style, color="k", lw=1, label=f"{name}, held out"
        )
    left.set(xlabel="epoch", ylabel="mean squared error", yscale="log")
    left.legend(fontsize="small")
    right.plot(result["true"], result["said"], ".", alpha=0.6)
    ends = [min(result["true"]), max(result["true"])]
    right.plot(ends, ends, "k--", lw=1)
    right.set(
        xlabel=f"true {result['target']} (standard deviations)",
        ylabel="predicted",
        title="held-out rows",
    )
    files.save_figure(figure, path)


def summary(result):
    errors = result["errors"]
    return (
        f"held-out error: network {errors['network']:.4f}, "
        f"least squares {errors['least squares']:.4f}, mean {errors['mean']:.4f}"
    )


def main(argv=None):
    parser = command_line.make_parser("housing", __doc__)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--csv", type=pathlib.Path, help="a table of your own")
    source.add_argument("--table", choices=("diabetes", "california"), default="diabetes")
    parser.add_argument("--hidden", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--learning-rate", type=float, default=0.01)
    args = parser.parse_args(argv)
    return command_line.execute(parser, args, run, plot, summary, check=prepare)


if __name__ == "__main__":
    main()
