"""Squared error, log-likelihood and two cross-entropies of the same two predictions.

The log-likelihood uses the given probability; Keras's categorical cross-entropy first
divides it by the sum of its row; the binary cross-entropy treats every output separately.
They differ for rows that do not sum to one. About five seconds.
"""

import _start  # noqa: F401

# isort: split
import warnings

import keras
import numpy as np
from matplotlib.figure import Figure

from kerasmodels import losses
from kerasmodels._scripts import command_line
from kerasmodels._support import files

Y_TRUE = [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
Y_PRED = [[0.9, 0.2, 0.2], [0.2, 0.8, 0.3]]
KERAS = {
    "squared error": "mse",
    "renormalised": "categorical_crossentropy",
    "binary cross-entropy": "binary_crossentropy",
}


def run(args):
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        found = losses.compare_losses(Y_TRUE, Y_PRED)
    print(f"labels {Y_TRUE}\npredictions {Y_PRED}\n")
    print(f"{'loss':22} {'row 1':>12} {'row 2':>12} {'mean':>12} {'Keras':>12}")
    for name in ("squared error", "log-likelihood", "renormalised", "binary cross-entropy"):
        rows, mean, own = found[name]["rows"], found[name]["mean"], ""
        if name in KERAS:
            value = keras.losses.get(KERAS[name])(np.array(Y_TRUE), np.array(Y_PRED))
            own = f"{float(np.mean(value)):.8f}"
        print(f"{name:22} {rows[0]:12.8f} {rows[1]:12.8f} {mean:12.8f} {own:>12}")
    for warning in warned:
        print(f"\n{warning.message}\n")
    return found


def plot(result, path):
    """Each loss of one output against the probability, with both samples."""
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    p = np.linspace(0.02, 1, 200)
    for values, label in (
        (-np.log(p), "-ln p"),
        ((1 - p) ** 2, "(1 - p)^2, the right class alone"),
    ):
        left.plot(p, values, label=label)
    for row, true in enumerate((0.9, 0.3), 1):
        left.plot([true] * 2, [-np.log(true), (1 - true) ** 2], "ko")
        left.annotate(
            f"row {row}", (true, -np.log(true)), (5, 5), textcoords="offset points"
        )
    left.set(xlabel="probability of the right class", ylabel="loss")
    left.legend()
    names = [n for n in result if isinstance(result[n], dict)]
    places = np.arange(len(names))
    for row, shift in ((0, -0.2), (1, 0.2)):
        heights = [result[name]["rows"][row] for name in names]
        right.bar(places + shift, heights, 0.4, label=f"row {row + 1}")
    told = {"renormalised": "categorical\ncross-entropy\n(renormalised)"}
    told = [told.get(name, name.replace(" ", "\n")) for name in names]
    right.set_xticks(places, told, fontsize=8)
    right.set(ylabel="loss")
    right.legend(loc="upper left")
    files.save_figure(figure, path)


def summary(result):
    names = ("squared error", "log-likelihood", "renormalised", "binary cross-entropy")
    return ", ".join(f"{name} {result[name]['mean']:.8f}" for name in names)


def main(argv=None):
    return command_line.main("loss_comparison", __doc__, argv, run, plot, summary)


if __name__ == "__main__":
    main()
