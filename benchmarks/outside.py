"""The share of the intervals of `solve` that hold, on equations that are not built in.

Solves every problem of `outside_problems` with many seeds. A run is held if its interval
holds the value from another method, and refused if `solve` stops with a reason. Writes
results/outside.json and results/outside.md after every run. Takes one to two hours on two
cores, so a run that was stopped continues: results are kept while the package and the
problems have the same fingerprints. --quick takes a minute per problem and tests only that
the script runs.
"""

import argparse
import collections
import math
import statistics

import accuracy
import command
import evidence
import pool
from outside_problems import OPTIONS, PROBLEMS

from kerasmodels import bsde
from kerasmodels._support import checks

SCRIPT = evidence.ROOT / "benchmarks" / "outside.py"
# The code that changes results; the rest makes tables and writes files.
BEHIND = ("kerasmodels/", "benchmarks/outside_problems/")
# The aims of a row: this share of the runs held or refused, and this median half-width.
SHARE, HALF_WIDTH = 0.9, 5e-3
# The errors by which `solve` refuses. Any other error is a failure.
REFUSALS = (
    bsde.EquationError,
    bsde.MethodFailed,
    FloatingPointError,
    checks.ArgumentError,
    checks.RunError,
)
KEPT = "u0 u0_interval trained_u0 estimate relative_error converged method num_steps steps "
KEPT += "reference_u0 reference_tolerance seconds"
# The settings of a quick run, which tests only that the script runs.
QUICK = {"method": "regression", "num_steps": 4, "num_paths_per_pass": 64}
QUICK |= {"num_paths": 64, "max_rounds": 1}


def run(name, seed, quick):
    """The numbers of one solve, or the text of the error that ended it."""
    problem = PROBLEMS[name]
    options = {**OPTIONS, **problem.options, **(QUICK if quick else {})}
    try:
        result = bsde.solve(problem.equation, seed=seed, **options).to_dict()
    except Exception as error:
        kind = "refused" if isinstance(error, REFUSALS) else "failed"
        return {"seed": seed, kind: f"{type(error).__name__}: {error}"}
    return {"seed": seed, **{key: result[key] for key in KEPT.split()}}


def in_half_widths(run):
    """The error of a run, in half-widths of its interval."""
    low, high = run["u0_interval"]
    distance = abs(run["u0"] - run["reference_u0"])
    return distance / ((high - low) / 2) if high > low else math.inf


def row(runs):
    """The numbers of one row: counts, and medians over the runs that gave an interval."""
    answers = [run for run in runs if "u0" in run]

    def median(function):
        return statistics.median(map(function, answers)) if answers else None

    held = sum(map(accuracy.holds, answers))
    refused = sum("refused" in run for run in runs)
    width = median(accuracy.relative_half_width)
    narrow = width is None or width <= HALF_WIDTH
    return {
        "held": held,
        "refused": refused,
        "failed": len(runs) - len(answers) - refused,
        "runs": len(runs),
        "half_width": width,
        "in_half_widths": median(in_half_widths),
        "seconds": median(lambda run: run["seconds"]),
        "met": held + refused >= SHARE * len(runs) and narrow,
    }


def _text(value, form):
    return "" if value is None else format(value, form)


def table(results):
    """A Markdown table with one row per problem, and the errors of the other runs."""
    lines = [
        "| problem | what is special | d | value | held | refused | half-width, "
        "median | error in half-widths, median | seconds | met |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, runs in _measured(results):
        equation, kind, _ = PROBLEMS[name]
        value, _, tolerance = equation.reference()
        # A tolerance is shown if it is not small beside an interval of a thousandth.
        known = tolerance <= 1e-5 * abs(value)
        cells = row(runs)
        lines.append(
            f"| {name} | {kind} | {equation.dim} | {value:.6g}"
            f"{'' if known else f' +- {tolerance:.0e}'} | {cells['held']} of "
            f"{cells['runs']} | {cells['refused'] or ''} | "
            f"{_text(cells['half_width'], '.2%')} | "
            f"{_text(cells['in_half_widths'], '.2f')} | {_text(cells['seconds'], '.0f')} | "
            f"{'yes' if cells['met'] else 'no'} |"
        )
    return "\n".join(lines) + _endings(results) + command.footer(results)


def short_table(results):
    """The columns of `table` for the README."""
    lines = [
        "| problem | what is special | held | refused | half-width | seconds |",
        "|---|---|---|---|---|---|",
    ]
    for name, runs in _measured(results):
        cells = row(runs)
        lines.append(
            f"| {name} | {PROBLEMS[name].kind} | {cells['held']} of {cells['runs']} | "
            f"{cells['refused'] or ''} | {_text(cells['half_width'], '.2%')} | "
            f"{_text(cells['seconds'], '.0f')} |"
        )
    return "\n".join(lines) + f"\n\n{evidence.told_short(results)}\n"


def _measured(results):
    return [(name, results["runs"][name]) for name in PROBLEMS if name in results["runs"]]


def _endings(results):
    """The most frequent error of each problem whose runs were refused or failed."""
    text = ""
    for name, runs in _measured(results):
        for kind in ("refused", "failed"):
            words = collections.Counter(run[kind] for run in runs if kind in run)
            if words:
                (said, _), count = words.most_common(1)[0], sum(words.values())
                text += f"\n- {name}, {kind} {count} times: {' '.join(said.split())}"
    return f"\n\nRuns without an interval ended with these errors:\n{text}" if text else ""


def current(results):
    """The names of the entries of "measured" that belong to the present code."""

    def behind(entry):
        return {k: v for k, v in entry["code"].items() if k.startswith(BEHIND)}

    now = behind(evidence.entry(SCRIPT))
    measured = results.get("measured", {})
    return {name for name, entry in measured.items() if behind(entry) == now}


def main(argv=None):
    parser = command.parser(__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--only", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    parser.add_argument("--seeds", dest="num_seeds", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time (default: 2)")
    args = command.parse(parser, argv)
    seeds = range(1 if args.quick else args.num_seeds)
    path = args.out / "outside.json"
    results = {"runs": {}} if args.quick else command.earlier(path, {"runs": {}})
    fresh = current(results)
    found = {
        name: {
            run["seed"]: run
            for run in results["runs"].get(name, [])
            # Older runs of a problem that is measured now are dropped.
            if run["measured"] in fresh or name not in args.only
        }
        for name in PROBLEMS
    }

    def write():
        command.write_runs(path, results, table, found)

    # Seed by seed, so that every problem has a row early.
    wanted = [(n, s) for s in seeds for n in args.only if s not in found[n]]
    with pool.processes(args.jobs, args.quick, None) as processes:
        pool.measure(processes, run, wanted, args.quick, found, write)
    write()
    return results


if __name__ == "__main__":
    main()
