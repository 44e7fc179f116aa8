"""Training steps and whole solves on one GPU, or on the processor where there is no GPU.

Times the steps of the default network and of one network per time step, in float32 with and
without TF32 and in bfloat16, beside the published algorithm, and compares the work of their
matrix products with the rate of one large product. Then solves three problems and compares
u0 with the exact value. The most important rows come first; after --limit seconds (480) no
further row begins. Writes results/gpu.json and results/gpu.md after every row. --quick
takes a minute, without a GPU too, and tests only that the script runs.
"""

import os
import pathlib
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import accuracy
import command
import regression
import speed
import tensorflow as tf
import training_case

from kerasmodels import bsde

# Type of the numbers of the networks, and whether float32 products are made in TF32.
PRECISIONS = {
    "float32": ("float32", False),
    "TF32": ("float32", True),
    "bfloat16": ("mixed_bfloat16", True),
}
DIMS, BATCHES = (100, 1000), (64, 1024, 16384)
SOLVED = ("HJB, lambda = 1", "Allen-Cahn", "Black-Scholes-Barenblatt")


def cases(quick):
    """The training steps to time, the most important first."""
    base = {**speed.BASE, "steps": 20}
    dims, batches = DIMS, BATCHES
    if quick:
        base |= speed.QUICK
        dims, batches = (4,), (8,)
    for dim in dims:
        for batch in batches:
            case = {**base, "dim": dim, "batch_size": batch}
            for precision, (dtype, _) in PRECISIONS.items():
                for control in ("exchangeable", "stacked"):
                    # One network per time has 8 d^2 weights at each.
                    if control == "stacked" and dim > 100 and batch > 1024:
                        continue
                    yield {
                        **case,
                        "control": control,
                        "precision": precision,
                        "dtype": dtype,
                    }
            if dim == dims[0] and batch == batches[0]:
                yield {**case, "who": "plain", "precision": "float32", "dtype": "float32"}


def product_rate(precision, quick):
    """Rate of a large product of square matrices, 1e9 operations per second."""
    dtype, fast = PRECISIONS[precision]
    tf.config.experimental.enable_tensor_float_32_execution(fast)
    size = 64 if quick else 8192 if tf.config.list_physical_devices("GPU") else 2048
    dtype = "bfloat16" if dtype == "mixed_bfloat16" else dtype
    return {"precision": precision, **training_case.sgemm({"size": size, "dtype": dtype})}


def step(case):
    """The numbers of one training, or the words in which it failed."""
    tf.config.experimental.enable_tensor_float_32_execution(
        PRECISIONS[case["precision"]][1]
    )
    kinds = {"ours": training_case.ours, "plain": training_case.algorithm}
    try:
        return {**case, **kinds[case["who"]](case)}
    except tf.errors.ResourceExhaustedError as error:
        return {**case, "failed": str(error).splitlines()[0]}


def solved(name, quick):
    """One solve by regression and one by trained networks."""
    equation = accuracy.equation_of(name, quick)
    found = {"problem": name, "reference_u0": equation.reference()[0]}
    options = {"regression": {}, "deep_bsde": {}}
    if quick:
        options = {"regression": regression.QUICK, "deep_bsde": accuracy.QUICK}
    for method, settings in options.items():
        solution = bsde.solve(equation, method, **settings)
        found[method] = {
            "u0": solution.u0,
            "u0_interval": list(solution.interval),
            "seconds": solution.seconds,
        }
    return found


def table(results):
    """Markdown: the steps with their share of the matrix rate, and the solves."""
    rates = {row["precision"]: row["gflops"] for row in results["products"]}
    lines = [
        "| networks | precision | d | batch | ms per step | GFLOP/s | share of the rate |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in results["steps"]:
        what = "published algorithm" if row["who"] == "plain" else row["control"]
        head = f"| {what} | {row['precision']} | {row['dim']} | {row['batch_size']} | "
        if "failed" in row:
            lines.append(head + f"{row['failed']} | | |")
            continue
        work = share = ""
        if what == "stacked":
            rate = speed.matrix_work(row) / 1e6 / row["ms_per_step"]
            work, share = f"{rate:.0f}", f"{rate / rates[row['precision']]:.0%}"
        lines.append(head + f"{row['ms_per_step']:.2f} | {work} | {share} |")
    lines += ["", "| one large product | GFLOP/s |", "|---|---|"]
    lines += [f"| {name} | {rate:.0f} |" for name, rate in rates.items()]
    lines += ["", "| problem | method | u0 | half-width | held | seconds |"]
    lines.append("|---|---|---|---|---|---|")
    for row in results["solves"]:
        for method in ("regression", "deep_bsde"):
            run = {**row, **row[method]}
            low, high = run["u0_interval"]
            held = "yes" if accuracy.holds(run) else "no"
            lines.append(
                f"| {row['problem']} | {method} | {run['u0']:.8g} | "
                f"{(high - low) / 2:.2g} | {held} | {run['seconds']:.1f} |"
            )
    return "\n".join(lines) + command.footer(results)


def main(argv=None):
    parser = command.parser(__doc__)
    parser.add_argument("--limit", type=float, default=480.0, help="seconds (default: 480)")
    args = command.parse(parser, argv)
    begin = time.perf_counter()
    results = {"products": [], "solves": [], "steps": []}

    def keep(kind, row):
        results[kind].append(row)
        print(row, flush=True)
        command.write(args.out / "gpu.json", results, table)

    for precision in PRECISIONS:
        keep("products", product_rate(precision, args.quick))
    for name in SOLVED:
        keep("solves", solved(name, args.quick))
    for case in cases(args.quick):
        if time.perf_counter() - begin > args.limit:
            print(f"{args.limit:.0f} s are over: the other rows are left out", flush=True)
            break
        keep("steps", step(case))
    return results


if __name__ == "__main__":
    main()
