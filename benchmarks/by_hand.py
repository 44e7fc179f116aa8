"""Does a backward pass by hand cost more than automatic differentiation?

Trains the same network twice, as `HandNetwork` and as Keras's `Dense` layers, from equal
weights with equal losses, in turns, and compares medians of the time per step. Writes
results/by_hand.json and results/by_hand.md. About two minutes on two cores; --quick takes
ten seconds and proves only that it runs.
"""

import os
import pathlib
import statistics
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import command
import keras
import numpy as np

from kerasmodels import by_hand

# Widths and samples per step.
CASES = {
    "64-30-10, batch 32": ([64, 30, 10], 32),
    "64-128-128-128-10, batch 32": ([64, 128, 128, 128, 10], 32),
    "784-512-512-10, batch 256": ([784, 512, 512, 10], 256),
}


def models(sizes):
    """The pair (by hand, by automatic differentiation), compiled."""
    count = len(sizes) - 1
    activations = ["relu"] * (count - 1) + ["softmax"]
    ours = by_hand.dense_network(sizes, activations)
    theirs = keras.Sequential(
        [
            keras.Input((sizes[0],)),
            *(keras.layers.Dense(n, a) for n, a in zip(sizes[1:], activations)),
        ]
    )
    theirs.set_weights(ours.get_weights())
    ours.compile(keras.optimizers.SGD(0.1), by_hand.CrossEntropy(), steps_per_execution=10)
    theirs.compile(
        keras.optimizers.SGD(0.1), "categorical_crossentropy", steps_per_execution=10
    )
    return ours, theirs


def run(sizes, batch_size, steps, turns):
    """Milliseconds per step of both, turn by turn, and how far their weights are apart."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(steps * batch_size, sizes[0])).astype("float32")
    y = np.eye(sizes[-1], dtype="float32")[rng.integers(0, sizes[-1], len(x))]
    both = models(sizes)
    found = {"by_hand_ms": [], "automatic_ms": []}
    for turn in range(turns + 1):
        for key, model in zip(found, both):
            begin = time.perf_counter()
            model.fit(x, y, batch_size=batch_size, shuffle=False, verbose=0)
            seconds = time.perf_counter() - begin
            # The first one compiles.
            if turn:
                found[key].append(1e3 * seconds / steps)
    gaps = [np.max(np.abs(a - b)) for a, b in zip(*(model.get_weights() for model in both))]
    return {**found, "largest_difference": float(max(gaps))}


def ratio(case):
    """By hand against automatic: the median of the ratios within a turn."""
    pairs = zip(case["by_hand_ms"], case["automatic_ms"])
    return statistics.median(a / b for a, b in pairs)


def table(results):
    """A Markdown table: medians, and the median of the ratios within a turn."""
    lines = ["| network | by hand, ms | automatic, ms | ratio |", "|---|---|---|---|"]
    for name, found in results["cases"].items():
        hand, automatic = found["by_hand_ms"], found["automatic_ms"]
        lines.append(
            f"| {name} | {statistics.median(hand):.3f} | "
            f"{statistics.median(automatic):.3f} | {ratio(found):.2f} |"
        )
    return "\n".join(lines) + command.footer(results)


def main(argv=None):
    args = command.parse(command.parser(__doc__), argv)
    path = args.out / "by_hand.json"
    results = {"cases": {}}
    steps, turns = (20, 1) if args.quick else (500, 9)
    for name, (sizes, batch_size) in CASES.items():
        results["cases"][name] = run(sizes, batch_size, steps, turns)
        command.write(path, results, table)
    return results


if __name__ == "__main__":
    main()
