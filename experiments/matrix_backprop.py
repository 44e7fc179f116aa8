"""Backpropagation by matrices, with an error that a batch as large as the output hides.

delta without its transpose has the shape (batch, classes) in place of (classes, batch).
With a batch of ten and ten digits both shapes fit, no error is raised, and the network
stays at 10 %. The script tries other batch sizes. About half a minute.
"""

import _start  # noqa: F401

# isort: split
import keras
import numpy as np

from kerasmodels import by_hand
from kerasmodels._scripts import command_line, pair_script

BATCHES = (5, 8, 9, 10, 11, 12, 16)


def run(args):
    return pair_script.run(args, "matrix_backprop", batch_sizes)


def batch_sizes(variants, args):
    """Error of the gradient by batch size, for both variants; None where it stops."""
    x, y = variants["as fixed"].train
    found = {}
    for name, as_asked in (("as asked", True), ("as fixed", False)):
        model = by_hand.recipe("matrix_backprop").network(args.seed, as_asked)
        model.compile(keras.optimizers.SGD(1.0), by_hand.SquaredError(half=True))
        found[name] = []
        for batch in BATCHES:
            report = by_hand.check_gradients(model, x[:batch], y[:batch], max_entries=20)
            error = max(weight.error for weight in report.weights)
            found[name].append(None if report.failure else error)
        cells = ["stops" if v is None else f"{v:.0e}" for v in found[name]]
        print(f"{name}: error of the gradient by batch size")
        print(", ".join(f"{batch}: {cell}" for batch, cell in zip(BATCHES, cells)))
    print()
    return found


def plot(result, path):
    pair_script.plot(result, path, 1, draw)


def draw(axes, result):
    places = np.arange(len(BATCHES))
    for shift, (name, errors) in zip((-0.2, 0.2), result["more"].items()):
        color = pair_script.COLORS[name]
        heights = [1e-17 if error is None else max(error, 1e-17) for error in errors]
        axes[0].bar(places + shift, heights, 0.4, color=color, label=name)
        for place, error in zip(places, errors):
            if error is None:
                axes[0].text(place + shift, 3e-17, "stops", rotation=90, ha="center")
    axes[0].set_xticks(places, BATCHES)
    axes[0].set(xlabel="batch size", ylabel="relative error of the gradient")
    axes[0].set(yscale="log", ylim=(1e-17, 10))


def main(argv=None):
    return command_line.main(
        "matrix_backprop", __doc__, argv, run, plot, pair_script.summary
    )


if __name__ == "__main__":
    main()
