"""A value with its uncertainty, and its file, from samples of two bounds."""

import argparse
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
RESULTS = pathlib.Path(__file__).resolve().parent / "results"
# Each bound fails with a probability of 2.5 %, so both hold with at least 95 %.
DEVIATIONS = statistics.NormalDist().inv_cdf(0.975)


def mean_and_error(samples):
    """The mean and its standard error."""
    return float(np.mean(samples)), float(np.std(samples, ddof=1) / len(samples) ** 0.5)


def rows(found):
    """One dict per number of time steps, from {N: (lower samples, upper samples)}."""
    result = []
    for num_steps, (lower, upper) in found.items():
        row = {"num_steps": num_steps}
        for name, values in (("lower", lower), ("upper", upper), ("gap", upper - lower)):
            row[name], row[f"{name}_standard_error"] = mean_and_error(values)
        result.append(row)
    return result


def conclusion(found, grid_error):
    """The value and its uncertainty, from the two finest grids.

    The interval goes from 1.96 standard errors below the lower bound of the finest grid
    to 1.96 above the upper one. `value` is its middle, `tolerance` half of its length.

    Args:
        found: dict, N -> (lower samples, upper samples), on the same paths.
        grid_error: bool. Whether the bounds are of a problem discrete in time. If so, the
            change of their middle between the two finest grids, with 1.96 of its standard
            errors, is added on both sides: a scheme of order p >= 1 is off by
            1 / (2^p - 1) of it, no more than all of it.

    Returns:
        dict: `value`, `tolerance`, `grid_error`, and `extrapolated`, the lower and the
        upper bound at 1 / N = 0 on the line through the two finest grids, a check that
        enters nothing else.
    """
    (coarse, before), (fine, (lower, upper)) = list(found.items())[-2:]
    low, low_error = mean_and_error(lower)
    high, high_error = mean_and_error(upper)
    change = 0.0
    if grid_error:
        # On the same paths, so that most of the noise cancels.
        shift, error = mean_and_error((lower + upper - before[0] - before[1]) / 2)
        change = abs(shift) + DEVIATIONS * error
    low, high = low - DEVIATIONS * low_error, high + DEVIATIONS * high_error
    extrapolated = [
        float(np.mean(late + (late - early) * coarse / (fine - coarse)))
        for early, late in zip(before, (lower, upper))
    ]
    return {
        "value": (low + high) / 2,
        "tolerance": (high - low) / 2 + change,
        "grid_error": change,
        "extrapolated": extrapolated,
    }


def table(result):
    """A Markdown table of a result."""
    lines = [
        "| N | lower bound | standard error | upper bound | standard error | gap |",
        "|---|---|---|---|---|---|",
    ]
    for row in result["rows"]:
        lines.append(
            f"| {row['num_steps']} | {row['lower']:.5f} | "
            f"{row['lower_standard_error']:.5f} | {row['upper']:.5f} | "
            f"{row['upper_standard_error']:.5f} | {row['gap']:.5f} |"
        )
    low, high = result["extrapolated"]
    lines += [
        "",
        f"u(0, x0) = {result['value']:.4f} +- {result['tolerance']:.4f}; of this, "
        f"{result['grid_error']:.4f} for the time grid. Extrapolated to 1 / N = 0, as a "
        f"check: {low:.4f} and {high:.4f}.",
        "",
    ]
    for name, value in result["published"].items():
        lines.append(
            f"Published ({name}): {value}, off by {value / result['value'] - 1:+.3%}."
        )
    return "\n".join(lines) + (
        f"\n\n{result['num_paths']} paths, seed {result['seed']}, "
        f"{result['seconds']:.0f} s on {result['machine']}; commit {result['commit']}.\n"
    )


def commit():
    """The present commit, with a mark if files differ from it."""
    command = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def main(argv, script, description, compute, problem, published, grid_error):
    """The command line of a script: computes, prints the table, writes JSON and Markdown.

    Args:
        argv: list of str, or None for those of the process.
        script: str. The script's path; its name is that of the files.
        description: str. For --help.
        compute: function of `quick` and `seed`, to {N: (lower samples, upper samples)}.
        problem: NamedTuple. The arguments of the equation.
        published: dict, name -> value.
        grid_error: bool. See `conclusion`.

    Returns:
        dict, as in the JSON file.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=pathlib.Path, help=f"(default: {RESULTS.name})")
    args = parser.parse_args(argv)
    # Before the computation, during which files may change.
    stamp, begin = commit(), time.perf_counter()
    found = compute(args.quick, args.seed)
    seconds = time.perf_counter() - begin
    # TensorFlow comes with the package, and is needed to write, not to compute.
    sys.path.insert(0, str(ROOT))
    from kerasmodels._support import files
    from kerasmodels._support.machine import machine

    result = {
        "problem": problem._asdict(),
        "num_paths": len(found[min(found)][0]),
        "seed": args.seed,
        "rows": rows(found),
        **conclusion(found, grid_error),
        "published": published,
        "seconds": seconds,
        "machine": machine(),
        "commit": stamp,
    }
    # A quick run must not take the place of the committed numbers.
    out = args.out or (ROOT / "results" / "quick" if args.quick else RESULTS)
    path = out / f"{pathlib.Path(script).stem}.json"
    files.write_json(path, result)
    files.write_text(path.with_suffix(".md"), table(result))
    print(table(result) + f"\nWritten to {path}.")
    return result
