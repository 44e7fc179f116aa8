"""The effect of each piece of the solver: one piece is left out at a time.

Trains one round with the settings of `solve`, from the same seeds, and estimates u0 on the
fewest paths that an estimate takes. Writes results/ablation.json and results/ablation.md.
Takes about an hour on two cores. --quick takes two minutes and tests only that the script
runs.
"""

import os
import pathlib
import statistics
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import command
import keras

from kerasmodels import bsde
from kerasmodels.bsde.control import make_control
from kerasmodels.bsde.estimate.estimator import Estimator
from kerasmodels.bsde.methods.deep_bsde.training import train

PROBLEMS = {
    "HJB": ("hjb", {}),
    "HJB, lambda = 10": ("hjb", {"control_cost": 10.0}),
    "Allen-Cahn": ("allen-cahn", {}),
    "Black-Scholes-Barenblatt": ("black-scholes-barenblatt", {}),
    "Burgers": ("burgers", {}),
}
# Problems whose paths follow the control in `solve`, with the number of time steps.
DRIVEN = {"HJB, lambda = 10": 100, "Black-Scholes-Barenblatt": 20, "Burgers": 40}
VARIANTS = {
    "all of it": {},
    "left-point rule in training": {"rule": "left"},
    "noise of the grid left in, in training": {"iterated_integrals": False},
    "times do not jitter": {"jitter": False},
    "dense network, terminal skip": {"control": "shared"},
    "dense network, no skip": {"control": "shared", "terminal_skip": False},
    "paths not driven": {"importance_sampling": False},
    "driven paths count alike": {"importance_sampling": True, "model": "alike"},
    "gradients clipped to norm 1": {"optimizer": {"clipnorm": 1.0}},
    "weights averaged": {"optimizer": {"use_ema": True, "ema_overwrite_frequency": None}},
}


class Alike(bsde.GlobalModel):
    """A model in whose loss all driven paths have the same weight."""

    def _driven(self, data):
        inputs, y, _ = super()._driven(data)
        return inputs, y


def run(name, variant, seed, quick=False):
    """Trains one variant and returns the errors of its u0 and its estimate."""
    zoo_name, arguments = PROBLEMS[name]
    if quick:
        arguments = {**arguments, "dim": 3}
    equation = bsde.EQUATIONS[zoo_name](**arguments)
    settings = bsde.default_settings(equation)
    change = {"control": "exchangeable", "rule": "trapezoid", "jitter": True, **variant}
    driven = change.get("importance_sampling", True) and name in DRIVEN
    num_steps = 4 if quick else DRIVEN.get(name, settings.num_steps)
    begin = time.perf_counter()
    grid = bsde.time_grid(equation.terminal_time, num_steps)
    model = (Alike if "model" in change else bsde.GlobalModel)(
        equation,
        num_steps=num_steps,
        control=make_control(change["control"], grid[1:-1], equation.dim, seed=seed),
        terminal_skip=change["control"] == "shared" and change.get("terminal_skip", True),
        rule=change["rule"],
        iterated_integrals=change.get("iterated_integrals", True) and num_steps < 100,
        importance_sampling=driven,
        seed=seed,
    )
    model.compile(
        keras.optimizers.Adam(1e-2, **change.get("optimizer", {})),
        loss="mse",
        jit_compile=not quick,
        steps_per_execution=2 if quick else settings.steps // 25,
    )
    history = {"step": [], "loss": [], "u0": []}
    steps = 4 if quick else settings.steps
    train(model, steps, settings.batch_size, 1e-2, seed, history, jitter=change["jitter"])
    if model.optimizer.use_ema:
        model.optimizer.finalize_variable_values(model.trainable_variables)
    estimator = Estimator(model, seed=seed, **({"chunk_size": 16} if quick else {}))
    for _ in range(3):
        # Three Newton iterations, because the driver may depend on u.
        estimate = estimator(1)
        model.set_u0(estimate.u0)
    reference = equation.reference().value
    return {
        "trained_error": abs(history["u0"][-1] / reference - 1),
        "error": abs(estimate.u0 / reference - 1),
        "uncorrected_error": abs((estimate.u0 - estimate.correction) / reference - 1),
        "half_width": estimate.half_width / abs(estimate.u0),
        "mismatch_std": estimate.mismatch_std / abs(estimate.u0),
        "z_std": estimate.z_std / abs(estimate.u0),
        "seconds": time.perf_counter() - begin,
        "seed": seed,
    }


def table(results):
    """A Markdown table: medians over the seeds, in per cent of u0."""
    lines = [
        "| problem | variant | error of the trained u0 | error of the estimate | error "
        "without the correction | half-width | part of z in the mismatch | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    keys = ("trained_error", "error", "uncorrected_error", "half_width", "z_std")
    for name, variants in results["runs"].items():
        for variant, runs in variants.items():
            cells = [f"{statistics.median(r[key] for r in runs):.4%}" for key in keys]
            seconds = statistics.median(r["seconds"] for r in runs)
            lines.append(f"| {name} | {variant} | {' | '.join(cells)} | {seconds:.0f} |")
    return "\n".join(lines) + command.footer(results)


def all_runs(results):
    """Every run of the results, for their commits."""
    return [
        run for found in results["runs"].values() for runs in found.values() for run in runs
    ]


def main(argv=None):
    parser = command.parser(__doc__, seeds=[0, 1, 2], problems=list(PROBLEMS))
    args = command.parse(parser, argv)
    path = args.out / "ablation.json"
    results = command.earlier(path, {"runs": {}})
    for name in args.problems[: 1 if args.quick else None]:
        found = results["runs"].setdefault(name, {})
        for variant, change in VARIANTS.items():
            if "importance_sampling" in change and name not in DRIVEN:
                continue
            found[variant] = []
            for seed in args.seeds:
                found[variant].append(run(name, change, seed, args.quick))
                keras.backend.clear_session()
                print(name, variant, found[variant][-1], flush=True)
            command.write(path, results, table, all_runs(results))
    return results


if __name__ == "__main__":
    main()
