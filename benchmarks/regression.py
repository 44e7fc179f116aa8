"""Error, interval and seconds of the method of regressions, with twenty seeds.

Runs `solve(equation, "regression")` with its defaults on the problems of the accuracy
table, two at a time, all in two processes, because TensorFlow takes seconds to start.
Writes results/regression.json and results/regression.md after every run. Takes about two
hours on two cores, and goes on where it was stopped. --quick takes a minute and tests only
that the script runs.
"""

import statistics

import accuracy
import command
import pool

from kerasmodels import bsde

KEPT = "u0 u0_interval relative_error converged num_steps reference_u0 "
KEPT += "reference_tolerance seconds"
QUICK = {"num_paths": 64, "num_steps": 4, "num_paths_per_pass": 64, "max_rounds": 1}


def run(name, seed, quick):
    """The numbers of one solve, or the words in which the method failed."""
    equation = accuracy.equation_of(name, quick)
    options = QUICK if quick else {}
    try:
        result = bsde.solve(equation, "regression", seed=seed, **options).to_dict()
    except bsde.MethodFailed as error:
        return {"seed": seed, "failed": str(error)}
    return {"seed": seed, **{key: result[key] for key in KEPT.split()}}


def table(results):
    """A Markdown table: one row per problem, medians over the seeds that gave an answer."""
    lines = [
        "| problem | held | failed | error, median | error, worst | half-width, median | "
        "seconds, median |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, runs in results["runs"].items():
        failed = sum("failed" in run for run in runs)
        held, *numbers = cells(runs)
        lines.append(f"| {name} | {held} | {failed or ''} | " + " | ".join(numbers) + " |")
    return "\n".join(lines) + command.footer(results)


def cells(runs):
    """Of a problem: runs that held, error (median, worst), half-width, seconds."""
    answers = [run for run in runs if "u0" in run]
    held = f"{sum(map(accuracy.holds, answers))} of {len(answers)}"
    if not answers:
        return [held, "", "", "", ""]
    errors = [run["relative_error"] for run in answers]
    width = statistics.median(map(accuracy.relative_half_width, answers))
    numbers = (statistics.median(errors), max(errors), width)
    seconds = statistics.median(run["seconds"] for run in answers)
    return [held, *map(accuracy.percent, numbers), f"{seconds:.0f}"]


def main(argv=None):
    names = list(accuracy.PROBLEMS)
    parser = command.parser(__doc__, seeds=list(range(20)), problems=names)
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time (default: 2)")
    args = command.parse(parser, argv)
    path = args.out / "regression.json"
    results = {"runs": {}} if args.quick else command.earlier(path, {"runs": {}})
    found = command.by_seed(results, names)
    # Seed by seed, so that every problem has a row before one has all of its seeds.
    wanted = [(n, s) for s in args.seeds for n in args.problems if s not in found[n]]

    def write():
        command.write_runs(path, results, table, found)

    with pool.processes(args.jobs, args.quick, None) as processes:
        pool.measure(processes, run, wanted, args.quick, found, write)
    return results


if __name__ == "__main__":
    main()
