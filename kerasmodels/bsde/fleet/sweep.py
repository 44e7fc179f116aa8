"""Many solves at once: equations times seeds, each in a process of its own."""

import concurrent.futures
import csv
import importlib
import io
import json
import os
import pathlib
import re
import subprocess
import sys

import keras

from kerasmodels._support import checks, files, registered
from kerasmodels.bsde.equation import Equation
from kerasmodels.bsde.equations import EQUATIONS
from kerasmodels.bsde.solve import solve

COLUMNS = ("equation", "seed", "dim", "u0", "half_width", "reference_u0")
COLUMNS += ("relative_error", "baseline_u0", "converged", "steps", "seconds", "error")
# The file with the options of a run, beside its results.
_JOB = "job.json"


def sweep(equations, seeds, folder, jobs=None, overwrite=False, verbose=1, **options):
    """Solves every equation with every seed, and writes one table of all of them.

    Each run has the folder `folder/name/seed-K`, as `Solution.save` leaves it; the table
    `folder/results.csv` is written anew after each. A run that fails has a row with
    its error. Runs that are finished are kept, so that a sweep that was stopped goes on.

    Args:
        equations: list of names in `EQUATIONS` or `Equation`s, or a dict {name: Equation}.
            A class of your own must lie in a module that can be imported.
        seeds: list of int.
        folder: str or path.
        jobs: None or int. Processes at a time, which share the cores; None is one for every
            two cores. 0 runs one after another in this process, which saves the start of
            TensorFlow where runs are tiny.
        overwrite: bool. Whether runs that are finished are run again.
        verbose: 0 or 1. Whether there is a progress bar.
        **options: of `solve`, plain values.

    Returns:
        A list of dicts with the keys `COLUMNS`, in the order of equations, then seeds.

    Raises:
        ValueError: an argument is not of the form above, or the folder holds a run with
            other options.
    """
    owner = "sweep"
    jobs = max(1, (os.cpu_count() or 1) // 2) if jobs is None else jobs
    jobs = checks.positive_int(owner, "jobs", jobs, minimum=0)
    overwrite = checks.boolean(owner, "overwrite", overwrite)
    folder = checks.path(owner, "folder", folder)
    wanted = []
    for name, equation in _named(owner, equations).items():
        for seed in _seeds(owner, seeds):
            job = _job(owner, name, equation, seed, options)
            wanted.append((job, folder / name / f"seed-{seed}"))
    rows = {} if overwrite else _finished(owner, wanted)
    bar = keras.utils.Progbar(len(wanted), unit_name="run", verbose=verbose)

    def write():
        done = [rows[k] for k in sorted(rows)]
        table = io.StringIO()
        writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(done)
        files.write_text(folder / "results.csv", table.getvalue())
        bar.update(len(done), finalize=len(done) == len(wanted))

    write()
    missing = [k for k in range(len(wanted)) if k not in rows]
    if jobs == 0:
        for k in missing:
            rows[k] = _row(wanted[k], _run_here(*wanted[k]))
            write()
        return [rows[k] for k in range(len(wanted))]
    threads = max(1, (os.cpu_count() or 1) // jobs)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        runs = {pool.submit(_run_apart, *wanted[k], threads): k for k in missing}
        try:
            for run in concurrent.futures.as_completed(runs):
                rows[runs[run]] = _row(wanted[runs[run]], run.result())
                write()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [rows[k] for k in range(len(wanted))]


def _named(owner, equations):
    if isinstance(equations, dict):
        named = equations
    else:
        named = {}
        for item in _list(owner, "equations", equations):
            if isinstance(item, str):
                cls = EQUATIONS[checks.one_of(owner, "equations", item, list(EQUATIONS))]
                named[item] = cls()
            else:
                named[type(item).__name__] = item
    for name, equation in named.items():
        checks.instance(owner, "equations", equation, Equation)
        registered.require_registered(type(equation), "equation")
        if not isinstance(name, str) or not re.fullmatch(r"[\w.+ -]*\w", name):
            expected = "named by what can name a folder"
            raise checks.ArgumentError(
                checks.message(owner, "equations", expected, f"the name {name!r}")
            )
        if type(equation).__module__ == "__main__":
            raise checks.ArgumentError(
                checks.message(
                    owner,
                    "equations",
                    "of a class that other processes can import",
                    f"{type(equation).__name__} of the script itself",
                    "Move the class to a file of its own and import it.",
                )
            )
    if not named:
        raise checks.ArgumentError(
            checks.message(owner, "equations", "one or more equations", "none")
        )
    return named


def _list(owner, argument, value):
    """`value`, or the one name that it is, as a list."""
    value = [value] if isinstance(value, str) else value
    if not isinstance(value, (list, tuple, range)):
        received = f"{argument}={checks.describe(value)}"
        raise checks.ArgumentError(checks.message(owner, argument, "a list", received))
    return list(value)


def _seeds(owner, seeds):
    seeds = _list(owner, "seeds", seeds)
    seeds = [checks.seed_int(owner, seed, "seeds") for seed in seeds]
    if not seeds or len(set(seeds)) < len(seeds):
        raise checks.ArgumentError(
            checks.message(owner, "seeds", "one or more different seeds", f"{seeds}")
        )
    return seeds


def _job(owner, name, equation, seed, options):
    job = {
        "name": name,
        "module": type(equation).__module__,
        "equation": keras.saving.serialize_keras_object(equation),
        "seed": seed,
        "options": options,
    }
    try:
        # As it comes back from a file, to be compared with one.
        return json.loads(json.dumps(job))
    except TypeError as error:
        raise checks.ArgumentError(
            checks.message(owner, "options", "plain values", f"{options!r}")
        ) from error


def _finished(owner, wanted):
    """The rows of the runs that are there already."""
    rows = {}
    for k, (job, place) in enumerate(wanted):
        if not (place / _JOB).exists():
            continue
        if files.read_json(place / _JOB) != job:
            raise checks.ArgumentError(
                checks.message(
                    owner,
                    "folder",
                    "one without runs that had other options",
                    f"{str(place)!r}",
                    "Choose another folder, or overwrite=True.",
                )
            )
        rows[k] = _row(wanted[k], None)
    return rows


def _row(wanted, error):
    """The row of a run that has ended: its numbers, or the error."""
    job, place = wanted
    row = {**dict.fromkeys(COLUMNS), "equation": job["name"], "seed": job["seed"]}
    if error is not None:
        return {**row, "dim": job["equation"]["config"].get("dim"), "error": error}
    result = files.read_json(place / "result.json")
    low, high = result["u0_interval"]
    numbers = {name: result[name] for name in COLUMNS if name in result}
    return {**row, **numbers, "equation": job["name"], "half_width": (high - low) / 2}


def _solve(job, place):
    """One run, whose folder appears only when it is complete."""
    importlib.import_module(job["module"])
    equation = keras.saving.deserialize_keras_object(job["equation"])
    solution = solve(equation, seed=job["seed"], **job["options"])
    with files.replacing(place, mark=_JOB) as temporary:
        temporary.mkdir()
        solution.save(temporary)
        files.write_json(temporary / _JOB, job)


def _run_here(job, place):
    """None, or the error in one line."""
    try:
        _solve(job, place)
    except Exception as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())}"
    return None


def _run_apart(job, place, threads):
    """`_run_here` in a process of its own, which may die without taking others along."""
    limits = dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"), str(threads))
    path = [str(pathlib.Path(__file__).parents[3]), *sys.path]
    limits["PYTHONPATH"] = os.pathsep.join(entry for entry in path if entry)
    done = subprocess.run(
        [sys.executable, "-m", "kerasmodels.bsde.fleet.sweep", str(place)],
        input=json.dumps(job),
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **limits},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode < 0:
        return f"ended by signal {-done.returncode}"
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["ended without a message"])[-1]
    return None


if __name__ == "__main__":
    sys.exit(_run_here(json.load(sys.stdin), pathlib.Path(sys.argv[1])))
