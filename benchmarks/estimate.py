"""What control variates and mirror images are worth in an estimate, problem by problem.

Regresses u and z with the defaults, one round, and estimates u0 from as many fresh paths
with control variates and mirror images as without, both compiled before. *work* is the
ratio of the seconds that the estimates without and with them need for one standard error.
Medians over the seeds. Writes results/estimate.json and results/estimate.md after every
run. Takes half an hour on two cores. --quick takes a minute and tests only that the script
runs.
"""

import contextlib
import os
import pathlib
import statistics
import sys
import time
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import accuracy
import command
import outside_problems
import regression

from kerasmodels import bsde
from kerasmodels.bsde.estimate import estimator as estimator_module
from kerasmodels.bsde.estimate import interval as interval_module

# Chunks of paths of each estimate, and the aim for the ratio of the work.
CHUNKS, AIM = 48, 4
OUTSIDE = ("OU, slow", "geometric squares", "CEV call", "basket put", "best of three")
PROBLEMS = (*accuracy.PROBLEMS, *OUTSIDE)
# What takes the place of the controls and of the choice of mirror images.
WITHOUT = (
    (interval_module, "reduced", lambda values, *_: values),
    (estimator_module, "mirrors_help", lambda *_: False),
)


def equation_of(name, quick):
    if name in OUTSIDE:
        return outside_problems.PROBLEMS[name].equation
    return accuracy.equation_of(name, quick)


def run(name, seed, quick):
    """Standard error and seconds without and with the controls, and u0 with them."""
    settings = regression.QUICK if quick else {"num_paths": 2**13, "max_rounds": 1}
    equation = equation_of(name, quick)
    found = bsde.solve(equation, "regression", seed=seed, **settings).approximation
    estimator = estimator_module.Estimator(found, seed=seed + 1)
    # Compiles.
    estimator.pilot_run()
    num_paths = (8 if quick else CHUNKS) * estimator.chunk_size
    reference = equation.reference()
    result = {"seed": seed, "reference_u0": reference.value}
    result["reference_tolerance"] = reference.tolerance
    for kind in ("without", "with"):
        with contextlib.ExitStack() as stack:
            if kind == "without":
                for replaced in WITHOUT:
                    stack.enter_context(mock.patch.object(*replaced))
            start = time.perf_counter()
            estimate = estimator(num_paths)
        result[kind] = {
            "seconds": time.perf_counter() - start,
            "standard_error": estimate.standard_error,
            "num_paths": estimate.num_paths,
            "u0": estimate.u0,
            "u0_interval": list(estimate.interval),
        }
    return result


def work(run):
    """The seconds without the controls for one second with them, at one standard error."""
    cost = [
        run[kind]["seconds"] * run[kind]["standard_error"] ** 2
        for kind in ("without", "with")
    ]
    return cost[0] / cost[1]


def table(results):
    """Markdown: relative standard errors, seconds and the ratio of the work."""
    lines = [
        "| problem | standard error without | with | seconds without | with | work, "
        "without / with | held | met |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += command.rows(results, lambda _, runs: row(runs))
    return "\n".join(lines) + command.footer(results)


def row(runs):
    """The cells of a problem after its name."""

    def median(kind, key, scale=1.0):
        return statistics.median(run[kind][key] / scale for run in runs)

    scale = abs(runs[0]["reference_u0"])
    errors = [median(kind, "standard_error", scale) for kind in ("without", "with")]
    seconds = [median(kind, "seconds") for kind in ("without", "with")]
    ratio = statistics.median(map(work, runs))
    held = sum(accuracy.holds({**run, **run["with"]}) for run in runs)
    return [
        *(f"{error:.1e}" for error in errors),
        *(f"{value:.1f}" for value in seconds),
        f"{ratio:.1f}",
        f"{held} of {len(runs)}",
        "yes" if ratio >= AIM else "no",
    ]


def main(argv=None):
    parser = command.parser(__doc__, seeds=list(range(3)), problems=list(PROBLEMS))
    args = command.parse(parser, argv)
    path = args.out / "estimate.json"
    results = {"runs": {}} if args.quick else command.earlier(path, {"runs": {}})
    command.measure(path, results, table, PROBLEMS, args, run)
    return results


if __name__ == "__main__":
    main()
