"""The share of the 95 % intervals of `solve` that hold the exact value, with twenty seeds.

Runs the deep BSDE method of `solve` with its defaults. Takes the runs that are in
results/accuracy.json from there. Runs the others two at a time, each in a process of its
own, because no time is measured. Writes results/coverage.json and results/coverage.md after
every run. Takes about an hour on two cores. --quick takes a minute and tests only that the
script runs.
"""

import statistics

import accuracy
import command
import pool

PROBLEMS = (
    "HJB, lambda = 1",
    "Allen-Cahn",
    "quadratic gradient",
    "Black-Scholes-Barenblatt",
    "Burgers, d = 50",
)
KEPT = ("seed", "u0", "u0_interval", "reference_u0", "relative_error", "measured")


def table(results):
    """A Markdown table: one row per problem."""
    lines = [
        "| problem | held | error, median | error, worst | half-width, median |",
        "|---|---|---|---|---|",
    ]
    for name, runs in results["runs"].items():
        errors = [run["relative_error"] for run in runs]
        width = statistics.median(accuracy.relative_half_width(run) for run in runs)
        cells = (statistics.median(errors), max(errors), width)
        lines.append(
            f"| {name} | {sum(map(accuracy.holds, runs))} of {len(runs)} | "
            + " | ".join(map(accuracy.percent, cells))
            + " |"
        )
    return "\n".join(lines) + command.footer(results)


def kept(run):
    """The kept part of a run, with the name of its commit if the run has one."""
    return {key: run[key] for key in KEPT if key in run}


def run(name, seed, quick):
    return kept(accuracy.run_ours(name, seed, quick))


def main(argv=None):
    parser = command.parser(__doc__, seeds=list(range(20)), problems=list(PROBLEMS))
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time (default: 2)")
    args = command.parse(parser, argv)
    path = args.out / "coverage.json"
    results = command.earlier(path, {"runs": {}})
    measured = command.earlier(args.out / "accuracy.json", {"runs": {}})
    results["measured"] = {
        **results.get("measured", {}),
        **measured.get("measured", {}),
    }
    found = {name: {} for name in PROBLEMS}
    for runs in () if args.quick else (results["runs"], measured["runs"]):
        for name in PROBLEMS:
            found[name] |= {run["seed"]: kept(run) for run in runs.get(name, [])}

    def write():
        command.write_runs(path, results, table, found)

    wanted = [(n, s) for n in args.problems for s in args.seeds if s not in found[n]]
    with pool.processes(args.jobs, args.quick) as processes:
        pool.measure(processes, run, wanted, args.quick, found, write)
    write()
    return results


if __name__ == "__main__":
    main()
