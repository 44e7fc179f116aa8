"""The cost of a backward pass by hand, compared with automatic differentiation.

Trains the same network twice, as `HandNetwork` and as Keras's `Dense` layers, in turns,
from equal weights with equal losses. Compares the time per step of the shortest turn, and
the weights. Writes results/by_hand.json and results/by_hand.md. Takes about four minutes on
two cores. --quick takes ten seconds and tests only that the script runs.
"""

import os
import pathlib
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
    """Milliseconds per step of both, turn by turn, and the distance of their weights.

    A third network, with automatic differentiation and weights one rounding larger, takes
    the same steps without a clock. Its distance shows the effect of rounding alone.
    """
    x, y = data(sizes, steps * batch_size)
    both = models(sizes)
    twin = models(sizes)[1]
    twin.set_weights([np.nextafter(w, np.inf) for w in both[1].get_weights()])
    found = {"by_hand_ms": [], "automatic_ms": []}
    for turn in range(turns + 1):
        for key, model in zip(found, both):
            begin = time.perf_counter()
            model.fit(x, y, batch_size=batch_size, shuffle=False, verbose=0)
            seconds = time.perf_counter() - begin
            # The first turn compiles.
            if turn:
                found[key].append(1e3 * seconds / steps)
    twin.fit(x, y, batch_size, epochs=turns + 1, shuffle=False, verbose=0)
    return {
        **found,
        "steps": (turns + 1) * steps,
        "apart": apart(*both),
        "automatic_apart": apart(both[1], twin),
    }


def apart(first, second):
    """The largest difference between the weights of two networks."""
    pairs = zip(first.get_weights(), second.get_weights())
    return float(max(np.max(np.abs(a - b)) for a, b in pairs))


def data(sizes, count, dtype="float32"):
    """Normal inputs and random classes, from which nothing can be learnt."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(count, sizes[0])).astype("float32")
    y = np.eye(sizes[-1])[rng.integers(0, sizes[-1], count)]
    return x.astype(dtype), y.astype(dtype)


def apart_in_float64(sizes, batch_size, steps):
    """The largest difference between the weights of both, with everything in float64."""
    before = keras.config.dtype_policy(), keras.config.floatx()
    keras.config.set_dtype_policy("float64")
    # Keras computes losses, and casts data, in this type.
    keras.config.set_floatx("float64")
    try:
        both = models(sizes)
        x, y = data(sizes, steps * batch_size, "float64")
        for model in both:
            model.fit(x, y, batch_size=batch_size, shuffle=False, verbose=0)
    finally:
        keras.config.set_dtype_policy(before[0])
        keras.config.set_floatx(before[1])
    return apart(*both)


def ratio(case):
    """Time by hand over automatic time, both of the shortest turn."""
    return min(case["by_hand_ms"]) / min(case["automatic_ms"])


def table(results):
    """A Markdown table: times of the shortest turn, and the distance of the weights."""
    lines = [
        "| network | by hand, ms | automatic, ms | ratio | within one turn "
        "| weights apart | two automatic ones apart | apart in float64 |",
        "|---" * 8 + "|",
    ]
    for name, found in results["cases"].items():
        hand, automatic = found["by_hand_ms"], found["automatic_ms"]
        ratios = [a / b for a, b in zip(hand, automatic)]
        lines.append(
            f"| {name} | {min(hand):.3f} | {min(automatic):.3f} | {ratio(found):.2f} | "
            f"{min(ratios):.2f} to {max(ratios):.2f} | {found['apart']:.0e} | "
            f"{found['automatic_apart']:.0e} | {found['apart_in_float64']:.0e} |"
        )
    first = next(iter(results["cases"].values()))
    lines += [
        "",
        f"Weights after {first['steps']:,} steps in float32, and after "
        f"{first['float64_steps']:,} in float64.",
    ]
    return "\n".join(lines) + command.footer(results)


def main(argv=None):
    args = command.parse(command.parser(__doc__), argv)
    path = args.out / "by_hand.json"
    results = {"cases": {}}
    steps, turns = (20, 1) if args.quick else (500, 9)
    for name, (sizes, batch_size) in CASES.items():
        found = run(sizes, batch_size, steps, turns)
        found["float64_steps"] = steps
        found["apart_in_float64"] = apart_in_float64(sizes, batch_size, steps)
        results["cases"][name] = found
        command.write(path, results, table)
    return results


if __name__ == "__main__":
    main()
