"""One neuron on five points: linear, perceptron, sigmoid and threshold; loss or accuracy?

The points are x = 0, 0, 2, 2, 9 with labels 0, 0, 1, 1, 0. A published answer trains a
linear unit (3 of 5 right) and a sigmoid (4 of 5) and credits the sigmoid. The script
repeats that run. Then it measures the accuracy of the start alone, the effect of the loss,
of 400 random starts and of a hidden layer, and trains for accuracy itself, here and on a
real imbalanced set. About a minute and a half.
"""

import _start  # noqa: F401

# isort: split
import keras
import matplotlib.pyplot as plt
import numpy as np

from kerasmodels import neurons
from kerasmodels._scripts import command_line
from kerasmodels._support import files

# The start that the published answer prints.
WEIGHT, BIAS = 0.75648874, -0.97450113
RATE = 0.01
LOSSES = {
    "linear, squared error": (neurons.LinearUnit, keras.losses.MeanSquaredError),
    "sigmoid, squared error": (neurons.SigmoidUnit, keras.losses.MeanSquaredError),
    "sigmoid, cross-entropy": (neurons.SigmoidUnit, keras.losses.BinaryCrossentropy),
    "sigmoid, smooth accuracy": (neurons.SigmoidUnit, neurons.SmoothAccuracy),
}


def run(args):
    """The published and the random starts, other rules, and the imbalanced set."""
    steps = 255 if args.quick else 9999
    starts = 20 if args.quick else 400
    rng = np.random.default_rng(args.seed)
    # The published start is the first of the units that are trained side by side.
    weight = np.concatenate([[[WEIGHT]], rng.normal(size=(1, starts))], axis=1)
    bias = np.concatenate([[BIAS], rng.normal(size=starts)])
    x, y = neurons.five_points()
    rows, runs = [], {}
    for name, (unit, loss) in LOSSES.items():
        model = unit(weight.shape[1], weight=weight, bias=bias, dtype="float64")
        runs[name] = train(model, loss, x, y, steps)
        rows.append(summarize(name, runs[name], y))
    rows += other_rules(x, y, args)
    print(f"x = {x.tolist()}, y = {y.tolist()}, {steps} steps, {starts} random starts\n")
    print(f"{'':27} right, published start  right, random starts        boundary")
    print(f"{'':27} at first  at the end    4 of 5 at first  at the end")
    for row in rows:
        print(line(row))
    value = max(neurons.best_threshold(y, s * x)[1] for s in (1, -1))
    print(f"\nThe best of all monotone rules gets {value * 5:.0f} of 5 right.")
    mse = runs["sigmoid, squared error"]
    trace = {
        step: float(np.mean((p[:, 0] - y) ** 2))
        for step, p in zip(mse["step"], mse["prediction"])
    }
    print("sigmoid, squared error, published start: loss at steps")
    print(", ".join(f"{step}: {value:.8f}" for step, value in trace.items()))
    real = imbalanced(1 if args.quick else 5, 60 if args.quick else 1500)
    print("\nIs it an eight? (sixteen pixels, 9.7 % eights, mean over splits)")
    print(f"{'trained on, cut at':45} train acc.  test acc.  test F1")
    for row in real:
        print(
            f"{row['loss'] + ', ' + row['cut']:45} {row['train_accuracy']:9.4f} "
            f"{row['accuracy']:10.4f} {row['f1']:8.4f}"
        )
    print()
    grid = np.linspace(-1, 10, 111)
    return {
        "steps": steps,
        "starts": starts,
        "rows": rows,
        "trace": {str(step): value for step, value in trace.items()},
        "best_monotone": value,
        "curves": {name: curve(run, grid, name).tolist() for name, run in runs.items()},
        "grid": grid.tolist(),
        "paths": {name: path_of(run, y) for name, run in runs.items()},
        "imbalanced": real,
    }


def train(model, loss, x, y, steps):
    """Every unit of the model from its own start, at the published rate each."""
    # A loss computes in its own type, by default float32.
    loss = loss(dtype="float64")
    callbacks = []
    if isinstance(loss, neurons.SmoothAccuracy):
        # A temperature of one, because the starts give logits of about that size.
        callbacks.append(neurons.AnnealTemperature(1.0, 0.1, steps))
    targets = np.repeat(y[:, None], model.units, axis=1)
    # The rate is multiplied, because the loss is a mean over units.
    model.compile(keras.optimizers.SGD(RATE * model.units), loss)
    return neurons.descend(model, x, targets, steps, callbacks=callbacks)


def right(prediction, y):
    """The number of the five points that each unit gets right."""
    return np.sum((prediction > 0.5) == (y[:, None] > 0.5), axis=0)


def summarize(name, run, y):
    first, last = right(run["prediction"][0], y), right(run["prediction"][-1], y)
    w, b = run["weights"][0][-1][0, 0], run["weights"][1][-1][0]
    level = 0.5 if name.startswith("linear") else 0.0
    return {
        "model": name,
        "right_at_start": int(first[0]),
        "right": int(last[0]),
        "starts_at_4": int(np.sum(first[1:] == 4)),
        "ends_at_4": int(np.sum(last[1:] == 4)),
        "weight": float(w),
        "bias": float(b),
        "boundary": float((level - b) / w),
        "loss": float(np.mean((run["prediction"][-1][:, 0] - y) ** 2)),
    }


def other_rules(x, y, args):
    """The perceptron rule, the best threshold, and a network with a hidden layer."""
    perceptron = neurons.Perceptron(weight=WEIGHT, bias=BIAS)
    perceptron.compile(keras.optimizers.SGD(1.0), "mae", metrics=["binary_accuracy"])
    before = perceptron.evaluate(x, y, verbose=0)[1]
    epochs = 10 if args.quick else 100
    seen = perceptron.fit(x, y, epochs=epochs, batch_size=1, shuffle=False, verbose=0)
    threshold = neurons.ThresholdRule()
    threshold.compile(loss="mae", metrics=["binary_accuracy"])
    threshold.fit(x, y, verbose=0)
    hidden = []
    for seed in range(args.seed, args.seed + (1 if args.quick else 3)):
        model = hidden_layer(seed)
        targets = y[:, None]
        run = neurons.descend(model, x[:, None], targets, 100 if args.quick else 1500)
        hidden.append(int(right(run["prediction"][-1], y)[0]))
    return [
        {
            "model": f"perceptron, {epochs} epochs",
            "right_at_start": round(before * 5),
            "right": round(perceptron.evaluate(x, y, verbose=0)[1] * 5),
            "boundary": perceptron.boundary,
            "accuracy_by_epoch": seen.history["binary_accuracy"],
        },
        {
            "model": "threshold",
            "right": round(threshold.evaluate(x, y, verbose=0)[1] * 5),
            "boundary": threshold.boundary,
        },
        {
            "model": f"hidden layer 1-4-1, {len(hidden)} seeds",
            "right": min(hidden),
            "right_by_seed": hidden,
        },
    ]


def hidden_layer(seed):
    """1-4-1 with tanh, squared error."""
    start = [keras.initializers.RandomNormal(stddev=1.0, seed=seed + k) for k in (0, 100)]
    model = keras.Sequential(
        [
            keras.Input((1,)),
            keras.layers.Dense(4, "tanh", kernel_initializer=start[0]),
            keras.layers.Dense(1, "sigmoid", kernel_initializer=start[1]),
        ]
    )
    model.compile(keras.optimizers.Adam(0.03), "mse")
    return model


def imbalanced(splits, steps):
    """Accuracy and F1 on unseen digits, per training loss and per threshold."""
    rows = []
    for loss in ("cross-entropy", "smooth accuracy"):
        results = {}
        for seed in range(splits):
            (x, y), (x_val, y_val), (x_test, y_test) = neurons.eights(seed)
            model = neurons.SigmoidUnit(weight=0.0, dtype="float64")
            smooth = loss == "smooth accuracy"
            model.compile(
                keras.optimizers.Adam(0.02),
                neurons.SmoothAccuracy() if smooth else "binary_crossentropy",
            )
            anneal = [neurons.AnnealTemperature(1.0, 0.1, steps)] if smooth else None
            neurons.descend(model, x, y[:, None], steps, [steps], anneal)
            seen, val, test = (np.asarray(model(part))[:, 0] for part in (x, x_val, x_test))
            cuts = {
                "1/2": 0.5,
                "best accuracy on validation": neurons.best_threshold(y_val, val)[0],
                "best F1 on validation": neurons.best_threshold(y_val, val, "f1")[0],
            }
            for cut, value in cuts.items():
                hit = np.sum((test > value) & (y_test > 0))
                f1 = 2 * hit / max(np.sum(test > value) + np.sum(y_test), 1)
                results.setdefault(cut, []).append(
                    [
                        np.mean((seen > value) == (y > 0)),
                        np.mean((test > value) == (y_test > 0)),
                        f1,
                    ]
                )
        for cut, values in results.items():
            train_accuracy, accuracy, f1 = np.mean(values, axis=0).tolist()
            rows.append(
                {
                    "loss": loss,
                    "cut": cut,
                    "train_accuracy": train_accuracy,
                    "accuracy": accuracy,
                    "f1": f1,
                }
            )
    never = 1 - float(np.mean(y_test))
    rows.append(
        {
            "loss": "none",
            "cut": "never",
            "train_accuracy": never,
            "accuracy": never,
            "f1": 0.0,
        }
    )
    return rows


def curve(run, grid, name):
    """The fitted output of the published start's unit over the grid."""
    total = run["weights"][0][-1][0, 0] * grid + run["weights"][1][-1][0]
    return total if name.startswith("linear") else 1 / (1 + np.exp(-total))


def path_of(run, y):
    """Squared error and accuracy of the published start's unit along training."""
    return {
        "squared_error": [float(np.mean((p[:, 0] - y) ** 2)) for p in run["prediction"]],
        "accuracy": [float(right(p[:, :1], y)[0] / len(y)) for p in run["prediction"]],
    }


def line(row):
    """One row of the printed table."""
    text = f"{row['model']:27} "
    text += f"{row['right_at_start']} of 5" if "right_at_start" in row else " " * 6
    text += f"    {row['right']} of 5     "
    if "ends_at_4" in row:
        text += f"{row['starts_at_4']:15d} {row['ends_at_4']:11d}"
    else:
        text += " " * 27
    return text + (f"   {row['boundary']:7.3f}" if "boundary" in row else "")


def plot(result, path):
    """Fitted curves, results of the random starts, and loss against accuracy."""
    x, y = neurons.five_points()
    fig, (left, middle, right_axes) = plt.subplots(
        1, 3, figsize=(12, 3.8), layout="constrained"
    )
    for (name, values), style in zip(result["curves"].items(), ("-", "-", "--", "--")):
        left.plot(result["grid"], values, style, label=name)
    left.plot(x, y, "ko", zorder=3)
    left.axhline(0.5, ls=":", color="gray")
    left.set(xlabel="x", ylabel="output", ylim=(-0.1, 1.25), title="after training")
    left.legend(fontsize="x-small", loc="upper left", ncols=2)
    rows = [row for row in result["rows"] if "ends_at_4" in row]
    places = np.arange(len(rows))
    starts = result["starts"]
    middle.bar(places - 0.2, [r["starts_at_4"] / starts for r in rows], 0.4, label="start")
    middle.bar(places + 0.2, [r["ends_at_4"] / starts for r in rows], 0.4, label="end")
    middle.set_xticks(places, [r["model"].replace(" ", "\n") for r in rows], fontsize=8)
    middle.set(
        ylabel="share with 4 of 5 right", ylim=(0, 0.6), title=f"{starts} random starts"
    )
    middle.legend()
    for name, values in result["paths"].items():
        line_of = right_axes.plot(
            values["squared_error"], values["accuracy"], ".-", label=name, alpha=0.8
        )[0]
        right_axes.plot(
            values["squared_error"][-1],
            values["accuracy"][-1],
            "s",
            color=line_of.get_color(),
        )
    right_axes.set(
        xlabel="mean squared error",
        xscale="log",
        ylabel="accuracy",
        ylim=(0.3, 1),
        title="published start; square: end",
    )
    right_axes.set_xticks([0.2, 0.5, 1, 2, 5], ["0.2", "0.5", "1", "2", "5"])
    right_axes.set_xticks([], minor=True)
    files.save_figure(fig, path)
    plt.close(fig)


def main(argv=None):
    parser = command_line.make_parser("perceptron_vs_sigmoid", __doc__)
    return command_line.execute(parser, parser.parse_args(argv), run, plot, summary)


def summary(result):
    """The line at the end of the output."""
    rows = {row["model"]: row for row in result["rows"]}
    linear, mse, entropy = (
        rows[name]
        for name in (
            "linear, squared error",
            "sigmoid, squared error",
            "sigmoid, cross-entropy",
        )
    )
    return (
        f"right of 5: linear {linear['right']}, sigmoid {mse['right']} with squared error "
        f"(loss {mse['loss']:.8f}, {mse['ends_at_4']} of {result['starts']} starts), "
        f"{entropy['right']} with cross-entropy; the start alone {mse['right_at_start']}"
    )


if __name__ == "__main__":
    main()
