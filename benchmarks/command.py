"""The command line that the benchmarks share, and the files that they write."""

import argparse
import json
import pathlib
import subprocess

import evidence

from kerasmodels._support import files

HERE = pathlib.Path(__file__).resolve().parent


def parser(description, seeds=(), problems=()):
    """An `argparse.ArgumentParser` with --quick and --out, --seeds and --problems."""
    result = argparse.ArgumentParser(description=description)
    if problems:
        result.add_argument("--problems", nargs="+", choices=problems, default=problems)
    if seeds:
        result.add_argument("--seeds", type=int, nargs="+", default=seeds)
    result.add_argument("--quick", action="store_true")
    result.add_argument("--out", type=pathlib.Path, help="(default: benchmarks/results)")
    return result


def parse(parser, argv):
    """The arguments; a quick run has one seed and a folder of its own."""
    args = parser.parse_args(argv)
    if args.out is None:
        # A quick run must not take the place of the committed numbers.
        args.out = HERE.parent / "results" / "quick" if args.quick else HERE / "results"
    if args.quick and hasattr(args, "seeds"):
        args.seeds = args.seeds[:1]
    return args


def in_process(*words):
    """The JSON that a command prints last, or the words in which it failed."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"failed": (done.stderr.strip() or "killed").splitlines()[-1]}
    return json.loads(done.stdout.splitlines()[-1])


def earlier(path, empty):
    """The results that are in a file, or `empty` if there is no file."""
    if not path.exists():
        return empty
    results = files.read_json(path)
    if "measured" not in results:
        raise SystemExit(
            f"{path} has numbers with no commit, and new numbers would be written among "
            "them: move the file away."
        )
    return results


def by_seed(results, names):
    """The runs of each problem by seed, as `write_runs` takes them."""
    return {n: {r["seed"]: r for r in results["runs"].get(n, [])} for n in names}


def write(path, results, table=None, runs=None):
    """Writes a JSON file that names its commit, and the table that is made from it.

    Args:
        path: path of the JSON file, named as the benchmark is.
        results: dict; "measured" is added to it, and to each of the runs.
        table: None or function (results) -> str, the Markdown.
        runs: None where all of `results` was measured now, or the list of the dicts in it
            that were measured one by one, now or earlier.
    """
    evidence.stamp(results, evidence.entry(evidence.script_of(path)), runs)
    files.write_json(path, results)
    if table:
        files.write_text(path.with_suffix(".md"), table(results))


def write_runs(path, results, table, found):
    """`write` of runs with seeds: `results["runs"]` has those of each problem, by seed.

    Args:
        path, results, table: as in `write`.
        found: dict: the name of a problem -> dict: seed -> run.
    """
    results["runs"] = {
        name: [runs[seed] for seed in sorted(runs)] for name, runs in found.items() if runs
    }
    every = [run for runs in results["runs"].values() for run in runs]
    write(path, results, table, every)


def measure(path, results, table, names, args, run):
    """Measures what the results lack, one run at a time, and writes after every run.

    Args:
        path, results, table: as in `write`.
        names: the names of all problems, in the order of the table.
        args: what `parse` returned; its problems and seeds are measured.
        run: function (name, seed, quick) -> dict, which has the seed.
    """
    found = by_seed(results, names)
    for seed in args.seeds:
        for name in args.problems:
            if seed not in found[name]:
                found[name][seed] = run(name, seed, args.quick)
                print(name, found[name][seed], flush=True)
                write_runs(path, results, table, found)


def rows(results, cells):
    """The lines of a Markdown table: the name of a problem, and the cells of its runs.

    Args:
        results: dict, with the list of the runs of each problem in "runs".
        cells: function (name, runs) -> list of str.
    """
    runs = results["runs"].items()
    return [f"| {name} | {' | '.join(cells(name, found))} |" for name, found in runs]


def footer(results):
    """The end of a table: machine, commit, and the modules that changed since."""
    return f"\n\n{evidence.told(results)}\n"
