"""The weight of a class that an image does not contain: every rule, five seeds.

Trains a small U-Net on handwritten digits (one of ten classes per image, so nine are
absent) with `GeneralizedDice` and each rule for absent classes, from the same weights. Also
computes the loss of a right answer that has a little probability on the absent classes.
Writes results/absent_classes.json and results/absent_classes.md. Takes about ten minutes on
two cores. --quick takes half a minute and tests only that the script runs.
"""

import os
import pathlib
import statistics
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import command
import keras
import numpy as np

from kerasmodels import losses, segmentation

# A fixed 1e-6 is the usual advice for this loss.
RULES = {"image": "image", "largest": "largest", "drop": "drop", "fixed 1e-6": 1e-6}
SETTINGS = {
    "8x8": {"side": 8, "scale": 1, "epochs": 10, "batch_norm": True},
    "8x8, no batch norm": {"side": 8, "scale": 1, "epochs": 10, "batch_norm": False},
    "20x20": {"side": 20, "scale": 1.5, "epochs": 6, "batch_norm": True},
}


def leak(side, rule, q=1e-3):
    """The loss of right labels (17 % class 3 of 11) with q on each absent class."""
    labels = np.zeros(side * side, "int32")
    labels[: round(0.17 * side * side)] = 3
    p = np.full((side * side, 11), q)
    p[:, [0, 3]] = 0
    p[np.arange(side * side), labels] = 1 - 9 * q
    image = (1, side, side)
    value = losses.generalized_dice(
        labels.reshape(image), p.reshape(*image, 11), absent=rule
    )
    return float(value[0])


def train(setting, rule, seed, quick):
    """Scores on unseen digits after training with one rule from one start."""
    x, y = segmentation.segmented_digits(setting["side"], setting["scale"], seed)
    order = np.random.default_rng(seed).permutation(len(x))
    size = 64 if quick else 1300
    train_set, test_set = order[:size], order[1300 : 1300 + size]
    model = segmentation.UNet(11, batch_norm=setting["batch_norm"], seed=1000 * seed)
    return segmentation.train_and_score(
        model,
        losses.GeneralizedDice(absent=rule),
        (x[train_set], y[train_set]),
        (x[test_set], y[test_set]),
        epochs=1 if quick else setting["epochs"],
        seed=seed,
    )


def table(results):
    """A Markdown table: one row per rule, medians over the seeds and the worst seed."""
    settings = list(results["training"])
    lines = [
        "| weight of absent classes | leak 1e-3, 28x28 | leak 1e-3, 256x256 | "
        + " | ".join(f"{name}: median (worst)" for name in settings)
        + " |",
        "|---" * (3 + len(settings)) + "|",
    ]
    for rule in RULES:
        cells = [f"{results['leak'][rule][side]:.4f}" for side in ("28", "256")]
        for name in settings:
            values = [run["foreground_accuracy"] for run in results["training"][name][rule]]
            cells.append(f"{statistics.median(values):.3f} ({min(values):.3f})")
        lines.append(f"| {rule} | " + " | ".join(cells) + " |")
    seeds = len(values)
    lines += ["", f"Seeds: {seeds}."]
    return "\n".join(lines) + command.footer(results)


def main(argv=None):
    args = command.parse(command.parser(__doc__, seeds=[0, 1, 2, 3, 4]), argv)
    results = {
        "leak": {
            name: {str(side): leak(side, rule) for side in (28, 256)}
            for name, rule in RULES.items()
        },
        "training": {},
    }
    for name, setting in SETTINGS.items():
        runs = {rule: [] for rule in RULES}
        for seed in args.seeds:
            for rule, value in RULES.items():
                runs[rule].append(train(setting, value, seed, args.quick))
                keras.backend.clear_session()
            print(
                f"{name}, seed {seed}: "
                + ", ".join(
                    f"{r} {v[-1]['foreground_accuracy']:.3f}" for r, v in runs.items()
                ),
                flush=True,
            )
        results["training"][name] = runs
    command.write(args.out / "absent_classes.json", results, table)
    return results


if __name__ == "__main__":
    main()
