"""Error, seconds and memory of one problem: this package, the published algorithm, a peer.

The problem is the Hamilton-Jacobi-Bellman equation of the default script, d = 100, whose
exact solution is known. All run in turns on one machine, each in a process of its own: this
package by regression, with its defaults, and by trained networks; the published algorithm
written plainly (plain.py), with its published 2000 steps; and deep-fbsde-nn with the
settings that its documentation recommends for this problem. The peer gets an environment of
its own, installed from the package index with an interpreter that it supports
(--peer-python); where that fails its row has the reason. Writes results/peers.json and
results/peers.md. Takes twenty minutes on two cores. --quick takes half a minute, leaves out
the peer and tests only that the script runs.
"""

import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import accuracy
import command

PROBLEM = "HJB, lambda = 1"
PEER = "deep-fbsde-nn"
REQUIREMENT = f"{PEER}==0.3.0"
# Its documentation: batch 256, learning rate 5e-4, 3000 iterations reproduce the published
# value; the other settings are its defaults.
PEER_PROGRAM = """
import json, resource, sys, time
from deep_fbsde_nn.equations import HJBEquation
from deep_fbsde_nn.solvers import SolverConfig, StepwiseSolver
begin = time.perf_counter()
settings = SolverConfig(batch_size=256, num_timesteps=20, learning_rate=5e-4,
                        num_iterations=3000, use_mlmc=False)
solver = StepwiseSolver(HJBEquation(dimension=100), settings, device="cpu")
solver.train()
u0, seconds = float(solver.predict()), time.perf_counter() - begin
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print()
print(json.dumps({"u0": u0, "seconds": seconds, "peak_mib": peak}))
"""
OURS = {
    "regression": {"method": "regression"},
    "defaults": {},
    "trained networks": {"method": "deep_bsde"},
}
PLAIN, PLAIN_STEPS = "published algorithm", 2000


def ours(name, seed, quick):
    """One solve of this package, or a run of the published algorithm."""
    import plain

    from kerasmodels import bsde

    equation = accuracy.equation_of(PROBLEM, quick)
    begin = time.perf_counter()
    if name == PLAIN:
        algorithm = plain.Plain(equation, 20, plain.PUBLISHED["hjb"], seed=seed)
        for _ in range(2 if quick else PLAIN_STEPS):
            algorithm.step()
        found = {"u0": float(algorithm.u0.numpy())}
    else:
        settings = {**accuracy.QUICK, "method": "deep_bsde"} if quick else OURS[name]
        solution = bsde.solve(equation, seed=seed, **settings)
        found = {"u0": solution.u0, "half_width": solution.estimate.half_width}
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {**found, "seconds": seconds, "peak_mib": peak}


def installed(folder, python):
    """The interpreter of an environment with the peer, or None and the reason."""
    environment = pathlib.Path(folder) / "environment"
    inside = str(environment / "bin" / "python")
    for words in (
        [python, "-m", "venv", str(environment)],
        [inside, "-m", "pip", "install", "--quiet", REQUIREMENT],
    ):
        try:
            done = subprocess.run(words, capture_output=True, text=True, check=False)
        except OSError as error:
            return None, str(error)
        if done.returncode:
            return None, (done.stderr.strip() or "no output").splitlines()[-1]
    return inside, ""


def table(results):
    """Markdown: medians over the turns."""
    lines = ["| program | error, median | error, worst | half-width | seconds | MiB |"]
    lines.append("|---|---|---|---|---|---|")
    reference = results["reference_u0"]
    for name, runs in results["runs"].items():
        answers = [run for run in runs if "u0" in run]
        if not answers:
            lines.append(f"| {name} | {runs[0]['failed']} | | | | |")
            continue
        errors = [abs(run["u0"] / reference - 1) for run in answers]
        widths = [run["half_width"] / run["u0"] for run in answers if "half_width" in run]
        width = accuracy.percent(statistics.median(widths)) if widths else "none"
        seconds, peak = (
            statistics.median(run[key] for run in answers)
            for key in ("seconds", "peak_mib")
        )
        lines.append(
            f"| {name} | {accuracy.percent(statistics.median(errors))} | "
            f"{accuracy.percent(max(errors))} | {width} | {seconds:.0f} | {peak:.0f} |"
        )
    return "\n".join(lines) + command.footer(results)


def main(argv=None):
    parser = command.parser(__doc__, seeds=[0, 1, 2])
    parser.add_argument("--peer-python", default="python3.12", help="(default: python3.12)")
    args = command.parse(parser, argv)
    names = ["defaults", PLAIN] if args.quick else [*OURS, PLAIN, PEER]
    reference = accuracy.equation_of(PROBLEM, args.quick).reference().value
    results = {"reference_u0": reference, "runs": {name: [] for name in names}}
    with tempfile.TemporaryDirectory() as folder:
        python = reason = None
        if PEER in names:
            python, reason = installed(folder, args.peer_python)
        for seed in args.seeds:
            for name in names:
                if name != PEER:
                    case = json.dumps([name, seed, args.quick])
                    run = command.in_process(sys.executable, __file__, "--case", case)
                elif python is None:
                    run = {"failed": f"not installed: {reason}"}
                else:
                    run = command.in_process(python, "-c", PEER_PROGRAM)
                results["runs"][name].append({"seed": seed, **run})
                print(name, results["runs"][name][-1], flush=True)
    command.write(args.out / "peers.json", results, table)
    return results


if __name__ == "__main__":
    if sys.argv[1:2] == ["--case"]:
        print(json.dumps(ours(*json.loads(sys.argv[2]))))
    else:
        main()
