"""Error of u(0, x0) and seconds for every equation of the zoo, over several seeds.

Runs `kerasmodels.bsde.solve` with the defaults of each equation and writes
results/accuracy.json and results/accuracy.md. With all equations and three seeds it
takes about half an hour on two cores; --quick takes a minute and proves only that it
runs. Existing results of other equations are kept.
"""

import argparse
import json
import os
import pathlib
import statistics
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import keras

from kerasmodels import _files, bsde
from kerasmodels._machine import machine

KEPT = "num_steps steps batch_size learning_rate dim u0 reference_u0 relative_error "
KEPT += "baseline_u0 loss seconds seed versions"


def percent(value):
    return "unknown" if value is None else f"{value:.3%}"


def table(results):
    """A Markdown table: one row per equation, medians and worst cases over the seeds."""
    lines = [
        "| equation | d | N | steps | reference | baseline error | error, median | "
        "error, worst | seconds, median | seeds |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, runs in results["runs"].items():
        first = runs[0]
        errors = [r["relative_error"] for r in runs]
        reference = first["reference_u0"]
        baseline = first["baseline_u0"]
        lines.append(
            f"| {name} | {first['dim']} | {first['num_steps']} | {first['steps']} | "
            f"{reference:.8g} | {percent(abs(baseline / reference - 1))} | "
            f"{percent(statistics.median(errors))} | {percent(max(errors))} | "
            f"{statistics.median(r['seconds'] for r in runs):.0f} | "
            f"{', '.join(str(r['seed']) for r in runs)} |"
        )
    return "\n".join(lines) + f"\n\nMachine: {results['machine']}.\n"


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--equations", nargs="+", choices=list(bsde.EQUATIONS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument(
        "--out",
        type=pathlib.Path,
        default=pathlib.Path(__file__).resolve().parent / "results",
    )
    args = parser.parse_args(argv)
    path = args.out / "accuracy.json"
    results = json.loads(path.read_text()) if path.exists() else {"runs": {}}
    results["machine"] = machine()
    for name in args.equations or list(bsde.EQUATIONS):
        runs = []
        for seed in args.seeds[:1] if args.quick else args.seeds:
            equation = bsde.EQUATIONS[name](**({"dim": 2} if args.quick else {}))
            if equation.reference() is None:
                continue
            steps = 20 if args.quick else None
            result = bsde.solve(equation, steps=steps, seed=seed).to_dict()
            runs.append({key: result[key] for key in KEPT.split()})
            print(
                f"{name} seed {seed}: u0 = {result['u0']:.6g}, relative error "
                f"{percent(result['relative_error'])}, {result['seconds']:.0f} s",
                flush=True,
            )
            keras.backend.clear_session()
        if runs:
            results["runs"][name] = runs
            _files.write_json(path, results)
            _files.write_text(args.out / "accuracy.md", table(results))
    return results


if __name__ == "__main__":
    main()
