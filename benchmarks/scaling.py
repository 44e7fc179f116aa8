"""The number of workers at which communication dominates: constants and a simulation.

Measures the time of a training step against the size of the batch in one process, the time
of an all-reduce against its bytes between two processes on the loopback, and a training
step of two processes. Simulates 1 to 64 workers, step by step, from the first two
measurements, and compares the prediction for two workers with the third. Every process has
one thread. Writes results/scaling.json and results/scaling.md. Takes about five minutes on
two cores. --quick takes one or two and tests only that the script runs.
"""

import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import command
import numpy as np

WORKERS = (1, 2, 4, 8, 16, 32, 64)
# (control, dimension): paths per step that are measured.
STEPS = {"exchangeable, 100": (16, 32, 64, 128), "shared, 100": (16, 32, 64, 128)}
STEPS |= {"exchangeable, 10000": (2, 4)}
# Float32 numbers of an all-reduce.
SIZES = (256, 1500, 35_000, 250_000, 1_000_000)
TENSORS = 12
BATCH = 64


def num_weights(control, dim, num_steps=20):
    """Trainable numbers of the model that `solve` makes, with u0 and z0."""
    hidden = dim + 10
    dense = hidden * hidden + hidden + hidden * dim + dim
    if control == "exchangeable":
        network = 1379
    elif control == "shared":
        network = (dim + 1) * hidden + hidden + dense
    else:
        network = (num_steps - 1) * (dim * hidden + hidden + dense)
    return network + 1 + dim


def make_model(control, dim):
    from kerasmodels import bsde

    equation = bsde.HJB(dim)
    model = bsde.GlobalModel(equation, control, num_steps=20, rule="trapezoid")
    model.compile(bsde.decaying_adam(1e-3, 10_000), loss="mse")
    return model


def time_fit(model, batch_size, count):
    """Milliseconds of each step of `fit` after the first two."""
    import keras

    from kerasmodels import bsde

    ends = []
    keep = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: ends.append(time.perf_counter())
    )
    data = bsde.distributed_paths(model.equation, batch_size, grid=model.grid)
    model.fit(data, steps_per_epoch=count + 3, verbose=0, callbacks=[keep])
    return [1e3 * float(ms) for ms in np.diff(ends)[2:]]


def child(task):
    """Measures in one process, and prints the numbers as JSON."""
    import tensorflow as tf

    from kerasmodels import bsde

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1 if "case" in task else 2)
    if "case" in task:
        control, dim = task["case"].split(", ")
        model, found = make_model(control, int(dim)), {}
        for batch in task["batches"]:
            model.train_function = None
            found[batch] = time_fit(model, batch, task["count"])
        weights = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
        print(json.dumps({"ms": found, "weights": weights}))
        return
    strategy = bsde.connect(task["workers"], task["index"])
    with strategy.scope():
        model = make_model("exchangeable", 100)
        steps = time_fit(model, BATCH, task["count"])
        reduced = {n: time_all_reduce(strategy, n, task["count"]) for n in task["sizes"]}
    print(json.dumps({"steps": steps, "all_reduce": reduced}), flush=True)


def time_all_reduce(strategy, numbers, count):
    """Milliseconds of each sum of `numbers` numbers over the replicas."""
    import tensorflow as tf

    # The tensors of a training step: gradients, loss and u0.
    sizes = [len(part) for part in np.array_split(np.arange(numbers), TENSORS)]
    values = [tf.ones(size) for size in sizes]

    def share():
        context = tf.distribute.get_replica_context()
        return tf.add_n([tf.reduce_sum(v) for v in context.all_reduce("SUM", values)])

    @tf.function
    def total():
        return strategy.experimental_local_results(strategy.run(share))[0]

    times = []
    for _ in range(count + 3):
        begin = time.perf_counter()
        total().numpy()
        times.append(1e3 * (time.perf_counter() - begin))
    return times[3:]


def start(task):
    here = [sys.executable, __file__, "--child", json.dumps(task)]
    return subprocess.Popen(here, stdout=subprocess.PIPE, text=True)


def result_of(process):
    out, _ = process.communicate(timeout=900)
    if process.returncode:
        raise RuntimeError(f"a process of the benchmark ended with {process.returncode}")
    return json.loads(out.splitlines()[-1])


def free_addresses():
    sockets = [socket.socket() for _ in range(2)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    return addresses


def line(pairs):
    """(intercept, slope) of a line through (size, milliseconds), neither below zero."""
    size, ms = np.array(sorted(pairs.items()), float).T
    # The fit minimises relative errors.
    slope, intercept = np.polyfit(size, ms, 1, w=1 / ms)
    return max(float(intercept), 0.0), max(float(slope), 0.0)


def simulate(workers, batch, step, jitter, nbytes, latency, per_byte, steps=400, seed=0):
    """Mean milliseconds of a training step of `workers` processes.

    In each step every worker computes for a random time. The ring starts after the slowest
    worker, and passes 2 (W - 1) pieces of 1 / W of the bytes.

    Args:
        workers, batch: W, and paths of all workers together.
        step: pair (ms, ms per path) of the computation.
        jitter: mean of the time that other work adds, relative to the computation.
        nbytes: of all gradients.
        latency, per_byte: of one message of all tensors, ms, and ms per byte.
    """
    rng = np.random.default_rng(seed)
    compute = step[0] + step[1] * batch / workers
    slowest = compute * (1 + rng.exponential(jitter, (steps, workers))).max(axis=1)
    messages = 2 * (workers - 1)
    return float(slowest.mean() + messages * (latency + nbytes / workers * per_byte))


def undisturbed(times):
    """The 10 % quantile of the times, because other work only adds time."""
    return float(np.quantile(times, 0.1))


def predict(results):
    """The simulation from the measured constants."""
    found = {}
    sizes = {4 * int(n): undisturbed(ms) for n, ms in results["all_reduce"].items()}
    intercept, slope = line(sizes)
    # Between two workers a ring passes two messages, each of half the bytes.
    link = {"latency": intercept / 2, "per_byte": slope}
    found["link"] = {**link, "megabytes_per_second": 1e-3 / slope if slope else None}
    cases = {}
    for case, times in results["steps"].items():
        control, dim = case.split(", ")
        step = line({int(b): undisturbed(ms) for b, ms in times.items()})
        largest = times[max(times, key=int)]
        jitter = statistics.median(largest) / undisturbed(largest) - 1
        nbytes = 4 * num_weights(control, int(dim))
        rows, dominates = {}, {}
        for workers in WORKERS:
            rows[workers], alone = {}, {}
            for kind, batch in (("strong", BATCH), ("weak", BATCH * workers)):
                rows[workers][kind] = simulate(workers, batch, step, jitter, nbytes, **link)
                alone[kind] = simulate(workers, batch, step, jitter, 0, 0.0, 0.0)
                if kind not in dominates and rows[workers][kind] > 2 * alone[kind]:
                    dominates[kind] = workers
        cases[case] = {"step": step, "jitter": jitter, "bytes": nbytes, "rows": rows}
        cases[case]["dominates"] = dominates
    found["cases"] = cases
    found["two_predicted"] = cases["exchangeable, 100"]["rows"][2]["strong"]
    found["two_measured"] = undisturbed(results["two"])
    return found


def table(results):
    """Markdown: the constants, and the simulated workers."""
    found = predict(results)
    link = found["link"]
    lines = [
        f"Loopback: {link['latency']:.2f} ms per message of "
        f"{TENSORS} tensors, "
        f"{link['megabytes_per_second']:.0f} MB/s. Step of two processes, exchangeable, "
        f"d = 100, {BATCH} paths together: predicted {found['two_predicted']:.1f} ms, "
        f"measured {found['two_measured']:.1f} ms.",
        "",
        "| control, d | bytes | ms per step, 64 paths | "
        + " | ".join(f"W = {w}" for w in WORKERS[1:])
        + " | communication exceeds computation from |",
        "|---" * (len(WORKERS) + 3) + "|",
    ]
    for case, values in found["cases"].items():
        rows = values["rows"]
        for kind in ("strong", "weak"):
            cells = [f"{rows[w][kind]:.1f}" for w in WORKERS]
            first = values["dominates"].get(kind)
            told = "not up to 64" if first is None else f"W = {first}"
            lines.append(
                f"| {case}, {kind} | {values['bytes']:,} | {cells[0]} | "
                + " | ".join(cells[1:])
                + f" | {told} |"
            )
    return "\n".join(lines) + command.footer(results)


def main(argv=None):
    parser = command.parser(__doc__)
    parser.add_argument("--child", type=json.loads, help="(for the benchmark itself)")
    args = command.parse(parser, argv)
    if args.child:
        return child(args.child)
    results = command.earlier(args.out / "scaling.json", {})
    count = 5 if args.quick else 40
    cases = {"exchangeable, 100": (16, 64)} if args.quick else STEPS
    results["steps"] = {}
    for case, batches in cases.items():
        few = 4 if case.endswith("10000") else count
        task = {"case": case, "batches": batches, "count": few}
        found = result_of(start(task))
        control, dim = case.split(", ")
        if found["weights"] != num_weights(control, int(dim)):
            raise RuntimeError(f"{case} has {found['weights']} trainable numbers")
        results["steps"][case] = found["ms"]
        print(case, {b: statistics.median(ms) for b, ms in found["ms"].items()})
    task = {"workers": free_addresses(), "count": count, "sizes": SIZES}
    pair = [start({**task, "index": k}) for k in range(2)]
    found = [result_of(process) for process in pair][0]
    results |= {"all_reduce": found["all_reduce"], "two": found["steps"]}
    command.write(args.out / "scaling.json", results, table)
    print(table(results))
    return results


if __name__ == "__main__":
    main()
