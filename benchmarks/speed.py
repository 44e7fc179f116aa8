"""The cost of a training step: against the published algorithm, and as the problem grows.

Every number comes from a process of its own (training_case.py), so that its memory is that
of one training. Cases that are compared run in turns, three times each. The tables give
medians, and a ratio is the median of the ratios within a turn. Writes results/speed.json,
results/speed.md and docs/benchmarks_growth.png. Takes about half an hour on two cores.
--quick takes two minutes and tests only that the script runs.
"""

import json
import pathlib
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import command
import matplotlib.figure
import numpy as np

from kerasmodels._support import files

HERE = pathlib.Path(__file__).resolve().parent
# Hamilton-Jacobi-Bellman, lambda = 1; "stacked" is one network per time, two hidden layers
# of d + 10, as the published algorithm has them.
BASE = {"who": "ours", "dim": 100, "num_steps": 20, "batch_size": 64, "steps": 24}
BASE |= {"control": "stacked", "dtype": "float32", "jit_compile": True}
# The settings of a quick run.
QUICK = {"dim": 4, "num_steps": 3, "steps": 2, "jit_compile": False}
COMPARED = {
    "published algorithm, float64": {"who": "plain", "dtype": "float64"},
    "ours, same networks, float64": {"dtype": "float64"},
    "ours, same networks, float32": {},
    "ours, same networks, left-point rule, float32": {"rule": "left"},
    "ours, exchangeable (default), float32": {"control": "exchangeable"},
}
BATCHES = (64, 256)
GROWTH = {
    "dim": (10, 30, 100, 300, 1000, 3000, 10000),
    "num_steps": (10, 20, 50, 100, 200, 400),
    "batch_size": (64, 256, 1024, 4096, 16384),
}
# Larger sizes with one network per time, of 8 d^2 weights each, do not fit into memory.
MOST_STACKED = {"dim": 1000, "num_steps": 400, "batch_size": 4096}
LABELS = {"dim": "dimension d", "num_steps": "time steps N", "batch_size": "paths per step"}


def run_case(case):
    """The numbers of training_case.py, which runs in a new process."""
    start = [sys.executable, str(HERE / "training_case.py"), json.dumps(case)]
    return {**case, **command.in_process(*start)}


def matrix_work(case):
    """Floating point operations of the matrix products of one stacked training step."""
    d, h = case["dim"], case["dim"] + 10
    # Forward pass and gradients; the first layer needs no gradient of its input.
    products = 2 * d * h + 3 * h * h + 3 * h * d
    return 2 * case["batch_size"] * (case["num_steps"] - 1) * products


def measure_compared(turns, base, keep):
    found = []
    for batch in BATCHES:
        for turn in range(turns):
            for name, change in COMPARED.items():
                case = {**base, **change, "batch_size": batch}
                found.append({"name": name, "turn": turn, **run_case(case)})
                keep(found)
    return found


def measure_growth(quick, base, keep):
    found = []
    for axis, sizes in GROWTH.items():
        for control in ("exchangeable", "stacked"):
            for size in sizes[:2] if quick else sizes:
                if control == "stacked" and size > MOST_STACKED[axis]:
                    continue
                case = {**base, "control": control, axis: size}
                # Fewer steps where each takes longer.
                heavy = case["dim"] * case["num_steps"] * case["batch_size"]
                case["steps"] = 2 if quick else int(np.clip(24 * 2e6 / heavy, 3, 24))
                found.append({"axis": axis, **run_case(case)})
                keep(found)
    return found


def exponent(rows, axis, value="ms_per_step"):
    """Slope of log(value) against log(size) over the upper half of the sizes."""
    rows = [row for row in rows if value in row]
    rows = rows[len(rows) // 2 - (len(rows) < 4) :]
    if len(rows) < 2:
        return float("nan")
    return float(
        np.polyfit(*(np.log([row[key] for row in rows]) for key in (axis, value)), 1)[0]
    )


def median_of(found, name, batch, key):
    return statistics.median(
        row[key] for row in found if row["name"] == name and row["batch_size"] == batch
    )


def ratios(found, name, batch, key):
    """The median over the turns of the published algorithm's value over that of `name`."""
    first = next(iter(COMPARED))

    def by_turn(wanted):
        return {
            row["turn"]: row[key]
            for row in found
            if row["name"] == wanted and row["batch_size"] == batch
        }

    theirs, ours = by_turn(first), by_turn(name)
    return statistics.median(theirs[turn] / ours[turn] for turn in ours)


def table(results):
    """Markdown: the comparison, the share of the matrix rate, `fit`, and the growth."""
    found = results["compared"]
    lines = [
        "| d = 100, N = 20 | batch | ms per step | ratio | compile | ratio | MiB |",
        "|---|---|---|---|---|---|---|",
    ]
    for batch in BATCHES:
        for name in COMPARED:
            ms, compile_s, peak = (
                median_of(found, name, batch, key)
                for key in ("ms_per_step", "compile_s", "peak_mib")
            )
            lines.append(
                f"| {name} | {batch} | {ms:.2f} | "
                f"{ratios(found, name, batch, 'ms_per_step'):.1f} | {compile_s:.1f} | "
                f"{ratios(found, name, batch, 'compile_s'):.1f} | {peak:.0f} |"
            )
    rate = statistics.median(row["gflops"] for row in results["sgemm"])
    lines += [
        "",
        f"One large float32 matrix product runs at {rate:.0f} GFLOP/s. A training",
    ]
    lines += ["step with one network per time reaches this share:", ""]
    lines += ["| batch | GFLOP/s | share |", "|---|---|---|"]
    for batch in BATCHES:
        name = "ours, same networks, float32"
        row = next(r for r in found if r["name"] == name and r["batch_size"] == batch)
        work = matrix_work(row) / 1e6 / median_of(found, name, batch, "ms_per_step")
        lines.append(f"| {batch} | {work:.0f} | {work / rate:.0%} |")
    lines += ["", "| `fit` against the bare compiled loop | `fit`, ms | bare, ms | more |"]
    lines.append("|---|---|---|---|")
    for row in results["overhead"]:
        lines.append(
            f"| {row['control']}, {row['steps']} steps per execution | "
            f"{row['fit_ms']:.2f} | {row['bare_ms']:.2f} | {row['overhead']:+.1%} |"
        )
    lines += ["", "| grows | networks | size | ms per step | compile, s | peak, MiB |"]
    lines.append("|---|---|---|---|---|---|")
    for row in results["growth"]:
        head = f"| {LABELS[row['axis']]} | {row['control']} | {row[row['axis']]} | "
        if "failed" in row:
            lines.append(head + f"{row['failed']} | | |")
            continue
        lines.append(
            head + f"{row['ms_per_step']:.2f} | {row['compile_s']:.1f} | "
            f"{row['peak_mib']:.0f} |"
        )
    lines += ["", "| grows | networks | exponent of time | exponent of memory |"]
    lines.append("|---|---|---|---|")
    for axis, control, rows in groups(results["growth"]):
        lines.append(
            f"| {LABELS[axis]} | {control} | {exponent(rows, axis):.2f} | "
            f"{exponent(rows, axis, 'peak_mib'):.2f} |"
        )
    return "\n".join(lines) + command.footer(results)


def groups(rows):
    """(axis, control, rows) in the order of measuring."""
    for axis in GROWTH:
        for control in ("exchangeable", "stacked"):
            chosen = [r for r in rows if r["axis"] == axis and r["control"] == control]
            if chosen:
                yield axis, control, chosen


def draw(results):
    """Milliseconds per step against each size, log-log, with the fitted exponents."""
    figure = matplotlib.figure.Figure(figsize=(10, 3.4), layout="constrained")
    for axes, axis in zip(figure.subplots(1, 3), GROWTH):
        for wanted, control, rows in groups(results["growth"]):
            if wanted != axis:
                continue
            rows = [row for row in rows if "failed" not in row]
            axes.loglog(
                [row[axis] for row in rows],
                [row["ms_per_step"] for row in rows],
                marker="o",
                label=f"{control}, exponent {exponent(rows, axis):.2f}",
            )
        axes.set(xlabel=LABELS[axis], ylabel="ms per training step")
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small", loc="upper left")
        # Room for the legend above the curves.
        axes.set_ylim(top=8 * axes.get_ylim()[1])
    figure.suptitle("HJB; d = 100, N = 20, 64 paths per step where they do not grow")
    return figure


def main(argv=None):
    args = command.parse(command.parser(__doc__), argv)
    base = {**BASE, **(QUICK if args.quick else {})}
    results = {}

    def keep(name):
        def write(found):
            results[name] = found
            print(json.dumps(found[-1]), flush=True)
            command.write(args.out / "speed.json", results)

        return write

    size = 64 if args.quick else 2048
    results["sgemm"] = [run_case({"who": "sgemm", "size": size}) for _ in range(3)]
    measure_compared(1 if args.quick else 3, base, keep("compared"))
    results["overhead"] = []
    for control in ("exchangeable", "stacked"):
        case = {**base, "who": "overhead", "control": control}
        results["overhead"].append(run_case(case))
        keep("overhead")(results["overhead"])
    measure_growth(args.quick, base, keep("growth"))
    command.write(args.out / "speed.json", results, table)
    figure_path = HERE.parent / "docs" / "benchmarks_growth.png"
    figure_path = args.out / figure_path.name if args.quick else figure_path
    with files.replacing(figure_path) as temporary:
        draw(results).savefig(temporary, dpi=110)
    return results


if __name__ == "__main__":
    main()
