"""One, two and three hidden layers with wrong start values: deeper is not better.

The limit of the start values is sqrt(6 / (n m)) in place of sqrt(6 / (n + m)). Every layer
then multiplies the signal by a tenth, and with three of them the network gives the same
answer for every image: 10 % right. About a minute.
"""

import _start  # noqa: F401

# isort: split
import keras
import numpy as np

from kerasmodels import by_hand
from kerasmodels._scripts import command_line, pair_script
from kerasmodels.by_hand.data import digits
from kerasmodels.by_hand.side_by_side import train

STARTS = {
    "sqrt(6 / (n m))": by_hand.ProductUniform,
    "Glorot: sqrt(6 / (n + m))": keras.initializers.GlorotUniform,
    "He": keras.initializers.HeUniform,
}
# The wrong start in red and Glorot's in blue, the colors of the two variants.
COLORS = ("tab:red", "tab:blue", "tab:green")


def run(args):
    return pair_script.run(args, "deep_mlp", depths, quick_epochs=1)


def depths(variants, args):
    """Test accuracy by start and depth, and the signal in each layer before training."""
    (x, y), (x_test, y_test) = digits()
    accuracy, signal = {}, {}
    # A quick run trains the depth of the question alone.
    sizes = (3,) if args.quick else (1, 2, 3)
    for name, start in STARTS.items():
        accuracy[name] = []
        for depth in sizes:
            model = by_hand.dense_network(
                [64, *[128] * depth, 10],
                ["relu"] * depth + ["softmax"],
                args.seed,
                kernel=start,
                bias=start if start is by_hand.ProductUniform else "zeros",
            )
            model.compile(
                keras.optimizers.SGD(0.01),
                by_hand.CrossEntropy(),
                metrics=["categorical_accuracy"],
                steps_per_execution=10,
            )
            if depth == 3:
                layers = [pair_script.hidden(model, x[:500], k) for k in range(3)]
                signal[name] = [float(np.mean(np.std(a, axis=0))) for a in layers]
            train(model, x, y, 32, 1 if args.quick else 10, args.seed)
            accuracy[name].append(float(model.evaluate(x_test, y_test, verbose=0)[1]))
        cells = ", ".join(f"{value:.3f}" for value in accuracy[name])
        layers = ", ".join(map(str, sizes))
        print(f"{name:26} test accuracy with {layers} hidden layers: {cells}")
    print()
    return {"accuracy": accuracy, "signal": signal, "depths": list(sizes)}


def plot(result, path):
    pair_script.plot(result, path, 2, draw)


def draw(axes, result):
    signal, accuracy = axes
    for (name, values), color in zip(result["more"]["signal"].items(), COLORS):
        signal.semilogy([1, 2, 3], values, "o-", color=color, label=name)
    signal.set(xlabel="hidden layer", ylabel="deviation over the samples", xticks=[1, 2, 3])
    signal.set(title="signal before training")
    signal.legend(fontsize="small")
    for values, color in zip(result["more"]["accuracy"].values(), COLORS):
        accuracy.plot(result["more"]["depths"], values, "o-", color=color)
    accuracy.axhline(0.1, ls=":", color="gray")
    accuracy.set(xlabel="hidden layers", ylabel="test accuracy", ylim=(0, 1))
    accuracy.set(xticks=[1, 2, 3], title="after training")


def main(argv=None):
    return command_line.main("deep_mlp", __doc__, argv, run, plot, pair_script.summary)


if __name__ == "__main__":
    main()
