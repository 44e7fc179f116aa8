"""The command line that the benchmarks share, and the files that they write."""

import argparse
import pathlib

from kerasmodels import _files
from kerasmodels._machine import machine

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


def earlier(path, empty):
    """The results that a file holds already, or `empty`, and this machine's name."""
    results = _files.read_json(path) if path.exists() else empty
    return {**results, "machine": machine()}


def write(path, results, table):
    """Writes a JSON file, and beside it the Markdown table made from it."""
    _files.write_json(path, results)
    _files.write_text(path.with_suffix(".md"), table(results))
