"""The seconds until a first answer: import, script, and the first interval by regression.

Every number comes from a process of its own and contains all compilation, but not the
import. The first interval is that of one round of regressions with the defaults. The second
is that of `solve(equation, "regression")` with the wanted half-width as tolerance. Medians
over the seeds. Writes results/first_answer.json and results/first_answer.md after every
run. Takes about half an hour on two cores that do nothing else. --quick takes a minute and
tests only that the script runs.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import accuracy
import command
import regression

ROOT = pathlib.Path(__file__).resolve().parents[1]

# The aims: seconds until the first interval; then a relative half-width, and seconds.
FIRST = 3
AIMS = {
    "HJB, lambda = 1": (2.5e-5, 8),
    "HJB, lambda = 10": (2.5e-5, 8),
    "quadratic gradient": (2.5e-5, 8),
    "Allen-Cahn": (1.5e-4, 8),
    "reaction-diffusion": (1.5e-4, 8),
    "Black-Scholes-Barenblatt": (1.5e-4, 8),
    "Hure-Pham-Warin": (1e-3, 8),
    "default risk": (1e-3, 8),
    "Burgers, d = 50": (2e-3, 8),
    "HJB, d = 1000": (1e-5, 15),
    "HJB, d = 10000": (1e-4, 60),
    "HJB, lambda = 20": (1e-4, 20),
    "HJB, lambda = 50": (1e-3, 20),
}
# Problems that are not in the accuracy table.
MORE = {"HJB, d = 10000": {"dim": 10_000}, "HJB, lambda = 20": {"control_cost": 20.0}}
# The aims for the start of Python and of the script.
STARTS = {
    "import": ("`import kerasmodels.bsde`", 3),
    "help": ("`--help` of the script", 0.5),
    "script": ("first line of the script", 6),
}


def solved(name, what, seed, quick):
    """The first or the wanted interval of a problem, and its seconds."""
    from kerasmodels import bsde

    if name in MORE:
        equation = bsde.HJB(**{**MORE[name], **({"dim": 2} if quick else {})})
    else:
        equation = accuracy.equation_of(name, quick)
    options = {"first": {"max_rounds": 1, "num_paths": 2**13}}
    options["wanted"] = {"tolerance": AIMS[name][0]}
    settings = {**options[what], "seed": seed, **(regression.QUICK if quick else {})}
    solution = bsde.solve(equation, "regression", **settings)
    reference = equation.reference()
    return {
        "u0": solution.u0,
        "u0_interval": list(solution.interval),
        "seconds": solution.seconds,
        "reference_u0": reference.value,
        "reference_tolerance": reference.tolerance,
    }


def case(*arguments):
    """`solved` in a new process, or the words in which it failed."""
    start = [sys.executable, __file__, "--case", json.dumps(arguments)]
    return command.in_process(*start)


def run(name, seed, quick):
    """The first and the wanted interval of a problem."""
    found = {what: case(name, what, seed, quick) for what in ("first", "wanted")}
    return {"seed": seed, **found}


def started(what, quick):
    """Seconds of an import, of `--help`, or until the first line of the script."""
    script = str(ROOT / "experiments" / "bsde.py")
    commands = {
        "import": [sys.executable, "-c", "import kerasmodels.bsde"],
        "help": [sys.executable, script, "--help"],
        "script": [sys.executable, script, *(["--quick"] if quick else [])],
    }
    piped = {"stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
    with tempfile.TemporaryDirectory() as folder:
        out = ["--out", folder] if what == "script" else []
        begin = time.perf_counter()
        with subprocess.Popen([*commands[what], *out], **piped) as process:
            if what == "script":
                process.stdout.readline()
                seconds = time.perf_counter() - begin
                process.terminate()
                return seconds
            process.communicate()
        return time.perf_counter() - begin


def table(results):
    """Markdown: the starts, and the intervals of each problem with the aims."""
    lines = ["| start | seconds | aim |", "|---|---|---|"]
    for what, seconds in results["starts"].items():
        words, aim = STARTS[what]
        lines.append(f"| {words} | {statistics.median(seconds):.1f} | {aim} |")
    lines += [
        "",
        "| problem | first interval, half-width | held | seconds | wanted half-width | "
        "half-width | held | seconds | aim, seconds | met |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    lines += command.rows(results, row)
    return "\n".join(lines) + command.footer(results)


def row(name, runs):
    """The cells of a problem after its name."""
    wanted, limit = AIMS[name]
    cells, widths, seconds = [], [], []
    for what in ("first", "wanted"):
        answers = [run[what] for run in runs if "u0" in run[what]]
        if len(answers) <= len(runs) / 2:
            return [runs[0][what].get("failed", "")] + [""] * 7 + ["no"]
        widths.append(statistics.median(map(accuracy.relative_half_width, answers)))
        seconds.append(statistics.median(run["seconds"] for run in answers))
        held = f"{sum(map(accuracy.holds, answers))} of {len(runs)}"
        cells += [f"{widths[-1]:.1e}", held, f"{seconds[-1]:.1f}"]
        cells += [f"{wanted:.1e}"] if what == "first" else [str(limit)]
    met = [seconds[0] <= FIRST, widths[1] <= wanted and seconds[1] <= limit]
    words = {(True, True): "both", (True, False): "first", (False, True): "wanted"}
    return [*cells, words.get(tuple(met), "no")]


def main(argv=None):
    parser = command.parser(__doc__, seeds=list(range(5)), problems=list(AIMS))
    args = command.parse(parser, argv)
    path = args.out / "first_answer.json"
    results = {"runs": {}} if args.quick else command.earlier(path, {"runs": {}})
    turns = 1 if args.quick else 3
    results["starts"] = {
        what: [started(what, args.quick) for _ in range(turns)] for what in STARTS
    }
    command.measure(path, results, table, AIMS, args, run)
    return results


if __name__ == "__main__":
    if sys.argv[1:2] == ["--case"]:
        print(json.dumps(solved(*json.loads(sys.argv[2]))))
    else:
        main()
