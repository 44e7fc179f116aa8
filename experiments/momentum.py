"""Momentum with a start velocity of one in place of zero, and its effect on the weights.

A start velocity v0 moves every weight by v0 momentum / (1 - momentum) without any gradient:
by 9 for v0 = 1 at momentum 0.9. Weights around zero then lie around nine, every sigmoid is
flat, and a network on a set with 16 % positives predicts "positive" for all. About fifteen
seconds.
"""

import _start  # noqa: F401

# isort: split
import keras
import numpy as np
from matplotlib.figure import Figure

from kerasmodels import by_hand, descent
from kerasmodels._scripts import command_line
from kerasmodels._support import files

STARTS = {
    "zeros": "zeros",
    "ones": "ones",
    "random": keras.initializers.RandomUniform(-1, 1, seed=0),
}


def run(args):
    kicks = {}
    for momentum in (0.5, 0.9):
        measured = measure_kick(momentum)
        kicks[str(momentum)] = [descent.kick(momentum), measured]
        print(
            f"momentum {momentum}: a velocity of 1 moves a weight without gradient by "
            f"{descent.kick(momentum):.6f}, measured {measured:.6f}"
        )
    steps = 10 if args.quick else 60
    paths = {name: bowl(start, steps) for name, start in STARTS.items()}
    seeds = 1 if args.quick else 8
    epochs = 5 if args.quick else 20
    accuracy = {}
    for name, start in STARTS.items():
        runs = [classify(start, args.seed + k, epochs) for k in range(seeds)]
        accuracy[name] = np.mean(runs, axis=0).tolist()
        print(f"velocity {name}: accuracy after {epochs} epochs {accuracy[name][-1]:.3f}")
    print()
    return {"kicks": kicks, "paths": paths, "accuracy": accuracy}


def measure_kick(momentum):
    """The distance that a weight moves when its gradient is zero."""
    weight = keras.Variable(0.0)
    optimizer = descent.SGD(0.1, momentum=momentum, velocity_initializer="ones")
    for _ in range(300):
        optimizer.apply([keras.ops.zeros(())], [weight])
    return float(weight.numpy())


def bowl(start, steps):
    """The path in w1^2 / 2 + 2 w2^2, from (1, 1)."""
    weight = keras.Variable([1.0, 1.0])
    optimizer = descent.SGD(0.05, momentum=0.9, velocity_initializer=start)
    path = [[1.0, 1.0]]
    for _ in range(steps):
        optimizer.apply([weight * np.float32([1, 4])], [weight])
        path.append(weight.numpy().tolist())
    return path


def classify(start, seed, epochs):
    """Accuracy per epoch of 2-3-1 sigmoids on 200 points of which 16 % are positive."""
    x = np.random.default_rng(seed).uniform(-1, 1, (200, 2))
    score = x.sum(axis=1)
    y = (score > np.quantile(score, 0.84)).astype(float)[:, None]
    model = by_hand.dense_network(
        [2, 3, 1],
        ["sigmoid"] * 2,
        seed,
        kernel=lambda seed: keras.initializers.RandomUniform(-1, 1, seed=seed),
        bias=None,
    )
    model.compile(
        descent.SGD(0.5, momentum=0.9, velocity_initializer=start),
        by_hand.SquaredError(half=True),
        metrics=["binary_accuracy"],
    )
    history = model.fit(x, y, batch_size=10, epochs=epochs, shuffle=False, verbose=0)
    return history.history["binary_accuracy"]


def plot(result, path):
    """The kick, the paths in a bowl, and the accuracy of a classifier."""
    figure = Figure(figsize=(11, 3.4), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    step = np.arange(60)
    for momentum, (kick, _) in result["kicks"].items():
        moved = kick * (1 - float(momentum) ** step)
        line = left.plot(step, moved, label=f"momentum {momentum}")[0]
        left.axhline(kick, ls=":", color=line.get_color())
    left.set(xlabel="step", ylabel="weight", title="velocity 1, no gradient")
    left.legend()
    w1, w2 = np.meshgrid(np.linspace(-5, 8, 80), np.linspace(-3, 4, 80))
    middle.contour(w1, w2, w1**2 / 2 + 2 * w2**2, 12, cmap="Greys_r", linewidths=0.7)
    for name, values in result["paths"].items():
        middle.plot(*np.transpose(values), ".-", ms=3, label=f"velocity {name}")
    middle.set(xlabel="w1", ylabel="w2", title="from (1, 1) in a bowl")
    middle.legend(fontsize="small")
    for name, values in result["accuracy"].items():
        epochs = np.arange(1, len(values) + 1)
        right.plot(epochs, values, ".-", label=f"velocity {name}")
    right.set(xlabel="epoch", ylabel="accuracy", ylim=(0, 1), title="16 % positives")
    right.legend(fontsize="small")
    files.save_figure(figure, path)


def summary(result):
    last = {name: values[-1] for name, values in result["accuracy"].items()}
    told = ", ".join(f"{name} {value:.2f}" for name, value in last.items())
    return f"kick at momentum 0.9: {result['kicks']['0.9'][1]:.4f}; accuracy: {told}"


def main(argv=None):
    return command_line.main("momentum", __doc__, argv, run, plot, summary)


if __name__ == "__main__":
    main()
