"""Time, compile time and memory of one training, measured in a process of its own.

`python benchmarks/training_case.py '{"who": "ours", "dim": 100, ...}'` prints JSON.
speed.py starts it once for each row of its tables.
"""

import json
import os
import pathlib
import resource
import statistics
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import keras
import plain
import tensorflow as tf

from kerasmodels import bsde

# Timed blocks of steps, after the block that compiles.
BLOCKS = 5


class Clock(keras.callbacks.Callback):
    """The times at which epochs end."""

    def __init__(self):
        super().__init__()
        self.times = [time.perf_counter()]

    def on_epoch_end(self, epoch, logs=None):
        self.times.append(time.perf_counter())


def gaps(times):
    return [after - before for before, after in zip(times, times[1:])]


def timed(first, blocks, steps):
    """Milliseconds per step, and the seconds of the first block beyond its steps."""
    per_step = statistics.median(blocks) / steps
    return {"ms_per_step": 1e3 * per_step, "compile_s": first - steps * per_step}


def make_ours(case):
    """A compiled model with its data, as `solve` makes them, and the equation's paths."""
    equation = bsde.EQUATIONS[case.get("equation", "hjb")](case["dim"])
    model = bsde.GlobalModel(
        equation,
        num_steps=case["num_steps"],
        control=case["control"],
        terminal_skip=case["control"] != "exchangeable",
        rule=case.get("rule", "trapezoid"),
        dtype=case["dtype"],
    )
    model.compile(
        bsde.decaying_adam(1e-2, 10**5),
        loss="mse",
        jit_compile=case["jit_compile"],
        steps_per_execution=case["steps"],
    )
    data = bsde.path_dataset(
        equation,
        case["batch_size"],
        num_steps=case["num_steps"],
        dtype=model.variable_dtype,
    )
    return model, data


def ours(case):
    """The package's own training, by `fit`."""
    begin = time.perf_counter()
    model, data = make_ours(case)
    build = time.perf_counter() - begin
    clock = Clock()
    model.fit(
        data,
        epochs=BLOCKS + 1,
        steps_per_epoch=case["steps"],
        callbacks=[clock],
        verbose=0,
    )
    first, *blocks = gaps(clock.times)
    return {**timed(first, blocks, case["steps"]), "build_s": build}


def algorithm(case):
    """The published algorithm, by its own loop."""
    name = case.get("equation", "hjb")
    begin = time.perf_counter()
    equation = bsde.EQUATIONS[name](case["dim"])
    model = plain.Plain(
        equation,
        case["num_steps"],
        plain.PUBLISHED[name],
        batch_size=case["batch_size"],
        dtype=case["dtype"],
    )
    times = [time.perf_counter()]
    build = times[0] - begin
    for _ in range(BLOCKS + 1):
        for _ in range(case["steps"]):
            loss = model.step()
        float(loss.numpy())
        times.append(time.perf_counter())
    first, *blocks = gaps(times)
    return {**timed(first, blocks, case["steps"]), "build_s": build}


def overhead(case):
    """Keras's `fit` against a bare loop over the same compiled function, in turns."""
    model, data = make_ours(case)
    steps, found = case["steps"], {"fit": [], "bare": []}
    for _ in range(2):
        clock = Clock()
        model.fit(
            data,
            epochs=2 * BLOCKS + 1,
            steps_per_epoch=steps,
            callbacks=[clock],
            verbose=0,
        )
        # The first epoch also traces the data set.
        found["fit"] += gaps(clock.times)[1:]
        function = model.make_train_function()
        iterator = iter(data)
        times = []
        for _ in range(2 * BLOCKS + 1):
            float(function(iterator)["loss"])
            times.append(time.perf_counter())
        found["bare"] += gaps(times)
    fit, bare = (1e3 * statistics.median(found[name]) / steps for name in ("fit", "bare"))
    return {"fit_ms": fit, "bare_ms": bare, "overhead": fit / bare - 1}


def sgemm(case):
    """Rate of a large matrix product, 1e9 operations per second; float32 by default."""
    size, dtype = case["size"], case.get("dtype", "float32")
    a, b = (tf.cast(tf.random.normal((size, size)), dtype) for _ in range(2))
    product = tf.function(tf.matmul)
    product(a, b).numpy()
    times = [time.perf_counter()]
    for _ in range(20):
        product(a, b).numpy()
        times.append(time.perf_counter())
    return {"gflops": 2 * size**3 / statistics.median(gaps(times)) / 1e9}


def main(text):
    case = json.loads(text)
    kinds = {"ours": ours, "plain": algorithm, "overhead": overhead, "sgemm": sgemm}
    result = kinds[case["who"]](case)
    # Linux counts in KiB.
    result["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {**case, **result}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
