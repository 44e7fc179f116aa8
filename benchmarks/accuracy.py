"""Error of u(0, x0), its interval and its seconds for every problem, over several seeds.

Runs the deep BSDE method of `kerasmodels.bsde.solve` with its defaults. Where an error was
published, runs it once more with that error as its tolerance, and the published algorithm
(plain.py) until it reaches the error or has taken 20 times our time. Writes
results/accuracy.json and results/accuracy.md after every run, and keeps the results of
other problems there. All runs take about two and a half hours on two cores. --quick takes a
minute and tests only that the script runs.
"""

import concurrent.futures
import functools
import math
import multiprocessing
import os
import pathlib
import statistics
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import command
import evidence
import plain

from kerasmodels import bsde

# Name: the name in the zoo, its arguments, the targets of the error and of the seconds.
PROBLEMS = {
    "HJB, lambda = 1": ("hjb", {}, 1e-4, 30),
    "Allen-Cahn": ("allen-cahn", {}, 1e-4, 30),
    "reaction-diffusion": ("reaction-diffusion", {}, 1e-4, 30),
    "quadratic gradient": ("quadratic-gradient", {}, 1e-4, 90),
    "Black-Scholes-Barenblatt": ("black-scholes-barenblatt", {}, 1e-4, 90),
    "Burgers, d = 50": ("burgers", {}, 1e-3, 120),
    "Burgers, d = 20": ("burgers", {"dim": 20, "terminal_time": 1.0}, 1e-3, 240),
    "HJB, lambda = 10": ("hjb", {"control_cost": 10.0}, 1e-3, 90),
    "HJB, lambda = 50": ("hjb", {"control_cost": 50.0}, 1e-3, 300),
    "different rates": ("different-rates", {}, 1e-3, 120),
    "default risk": ("default-risk", {}, 1e-3, 120),
    "Hure-Pham-Warin": ("hure-pham-warin", {}, 2e-3, 120),
    "HJB, d = 1000": ("hjb", {"dim": 1000}, 1e-4, 300),
}

# The settings of a quick run, whose result is no measurement.
QUICK = {"steps": 20, "num_paths": 64, "max_rounds": 1}
KEPT = "dim num_steps batch_size steps u0 u0_standard_error u0_interval trained_u0 "
KEPT += "estimate reference_u0 reference_source reference_tolerance relative_error "
KEPT += "baseline_u0 importance_sampling control converged seconds seed versions"

# The references of those runs of the published algorithm whose files have none: the values
# of the literature.
PLAIN_REFERENCE = {"different rates": 21.299, "default risk": 57.3}


def holds(run):
    """Whether the interval holds the reference, or a value within its tolerance."""
    low, high = run["u0_interval"]
    tolerance = run.get("reference_tolerance") or 0.0
    return low - tolerance <= run["reference_u0"] <= high + tolerance


@functools.cache
def reference(name, dim):
    """The `Reference` of a problem, which may take a second to compute."""
    zoo_name, arguments, *_ = PROBLEMS[name]
    return bsde.EQUATIONS[zoo_name](**{**arguments, "dim": dim}).reference()


def rebased(name, runs):
    """The runs of a problem, compared with the present reference of its equation.

    A file keeps the reference of the day of the run, which may since have been improved.
    """
    value, source, tolerance = reference(name, runs[0]["dim"])
    now = {"reference_u0": value, "reference_source": source}
    # The tolerance is NaN where it is not known.
    now["reference_tolerance"] = tolerance if math.isfinite(tolerance) else None
    return [{**r, **now, "relative_error": abs(r["u0"] / value - 1)} for r in runs]


def relative_half_width(run):
    low, high = run["u0_interval"]
    return (high - low) / 2 / abs(run["u0"])


def percent(value):
    return f"{value:.4%}"


def table(results):
    """A Markdown table: one row per problem, medians and worst cases over the seeds."""
    lines = [
        "| problem | d | N | reference | baseline error | error, median | error, worst "
        "| half-width | held | seconds | seeds | target |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, runs in results["runs"].items():
        runs = rebased(name, runs)
        first, target = runs[0], PROBLEMS[name]
        errors = [r["relative_error"] for r in runs]
        baseline = abs(first["baseline_u0"] / first["reference_u0"] - 1)
        tolerance = first["reference_tolerance"] or 0.0
        known = tolerance <= 1e-6 * abs(first["reference_u0"])
        lines.append(
            f"| {name} | {first['dim']} | {first['num_steps']} | "
            f"{first['reference_u0']:.8g}{'' if known else f' +- {tolerance:g}'} | "
            f"{percent(baseline)} | "
            f"{percent(statistics.median(errors))} | {percent(max(errors))} | "
            f"{percent(statistics.median(relative_half_width(r) for r in runs))} | "
            f"{sum(holds(r) for r in runs)} of {len(runs)} | "
            f"{statistics.median(r['seconds'] for r in runs):.0f} | {len(runs)} | "
            f"{target[2]:.2%} in {target[3]} s |"
        )
    text = "\n".join(lines) + command.footer(results)
    if results["plain"]:
        text += "\n" + plain_table(results)
    return text


def short_table(results, others=None):
    """The README's columns of `table`, and those of another method beside them.

    Args:
        results: dict, as `main` returns it.
        others: None, or a dict: the name of a problem -> its cells by `regression.cells`.
    """
    heads = ["problem", "d", "baseline error", "error", "half-width", "held", "seconds"]
    if others:
        heads += [f"{head}, regression" for head in heads[3:]]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for row in table(results).splitlines()[2:]:
        cells = [cell.strip() for cell in row.split("|")[1:-1]]
        if len(cells) != 12:
            break
        shown = [cells[k] for k in (0, 1, 4, 5, 7, 8, 9)]
        if others:
            held, error, _, width, seconds = others.get(cells[0], [""] * 5)
            shown += [error, width, held, seconds]
        lines.append(f"| {' | '.join(shown)} |")
    return "\n".join(lines) + f"\n\n{evidence.told_short(results)}\n"


def plain_table(results):
    """A Markdown table of the seconds to the published error, ours and plain."""
    lines = [
        "Seconds to the published error. *ours* is the deep BSDE method with the published "
        "error as its tolerance. *plain* is the published algorithm written plainly "
        "(plain.py), which trains until its u0 has stayed that near to the reference for "
        "100 steps, or until it has taken 20 times our seconds. The aim was a ratio of 20.",
        "",
        "| problem | published error | ours, error | ours, seconds | plain, seconds | "
        "plain, u0 when stopped | ratio |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, run in results["plain"].items():
        reached = run["seconds"] is not None
        seconds = run["seconds"] if reached else run["limit"]
        more = "" if reached else "more than "
        against = run.get("reference_u0", PLAIN_REFERENCE.get(name))
        now = equation_of(name, quick=False).reference().value
        # The reference of the day of the run is named where it has changed since.
        same = against is None or math.isclose(against, now, rel_tol=1e-6)
        other = "" if same else f", against {against:.8g}"
        lines.append(
            f"| {name}{other} | {percent(run['published_error'])} | "
            f"{percent(run['ours_error'])} | {run['ours_seconds']:.0f} | "
            f"{more}{seconds:.0f} | {run['u0']:.6g} | "
            f"{more}{seconds / run['ours_seconds']:.0f} |"
        )
    return "\n".join(lines) + "\n"


def equation_of(name, quick):
    zoo_name, arguments, *_ = PROBLEMS[name]
    return bsde.EQUATIONS[zoo_name](**{**arguments, **({"dim": 2} if quick else {})})


def run_ours(name, seed, quick):
    """The results of the deep BSDE method with its defaults."""
    options = QUICK if quick else {}
    equation = equation_of(name, quick)
    result = bsde.solve(equation, "deep_bsde", seed=seed, **options).to_dict()
    return {key: result[key] for key in KEPT.split()}


def run_plain(name, quick):
    """Seconds of `solve`, and of the published algorithm, to the published accuracy."""
    equation = equation_of(name, quick)
    published = plain.PUBLISHED[PROBLEMS[name][0]]
    options = QUICK if quick else {}
    ours = bsde.solve(equation, "deep_bsde", published.error, **options)
    algorithm = plain.Plain(equation, equation.published.num_steps, published)
    reference = equation.reference().value
    limit = 1.0 if quick else 20 * ours.seconds
    return {
        **plain.seconds_to(algorithm, reference, published.error, limit),
        "reference_u0": reference,
        "published_error": published.error,
        "ours_error": abs(ours.u0 / reference - 1),
        "ours_seconds": ours.seconds,
    }


def timed(run, name, *options):
    """A run in a process of its own, as a user would start it; a quick run in this process.

    Graphs that Keras keeps in memory after a training would slow down the next one.
    """
    *_, quick = options
    if quick:
        return run(name, *options)
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(run, name, *options).result()


def all_runs(results):
    """Every run of the results, for their commits."""
    return [*sum(results["runs"].values(), []), *results["plain"].values()]


def main(argv=None):
    parser = command.parser(__doc__, seeds=[0, 1, 2, 3, 4], problems=list(PROBLEMS))
    parser.add_argument("--plain", choices=("no", "too", "alone"), default="too")
    args = command.parse(parser, argv)
    path = args.out / "accuracy.json"
    results = command.earlier(path, {"runs": {}, "plain": {}})

    def write():
        # In the order of PROBLEMS, not in that of the runs.
        for part in ("runs", "plain"):
            found = results[part]
            results[part] = {name: found[name] for name in PROBLEMS if name in found}
        command.write(path, results, table, all_runs(results))

    for name in args.problems:
        zoo_name, arguments, *_ = PROBLEMS[name]
        if equation_of(name, args.quick).reference() is None:
            continue
        kept = {r["seed"]: r for r in results["runs"].get(name, []) if not args.quick}
        for seed in [] if args.plain == "alone" else args.seeds:
            run = kept[seed] = timed(run_ours, name, seed, args.quick)
            results["runs"][name] = [kept[s] for s in sorted(kept)]
            print(
                f"{name}, seed {seed}: u0 = {run['u0']:.8g}, error "
                f"{percent(run['relative_error'])}, half-width "
                f"{percent(relative_half_width(run))}, {run['seconds']:.0f} s",
                flush=True,
            )
            write()
        if args.plain != "no" and zoo_name in plain.PUBLISHED and not arguments:
            results["plain"][name] = timed(run_plain, name, args.quick)
            print(f"{name}, plain: {results['plain'][name]}", flush=True)
            write()
    return results


if __name__ == "__main__":
    main()
