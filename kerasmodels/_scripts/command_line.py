"""Shared code of all experiment scripts: arguments, files, the last line.

A script has a docstring, `run(args) -> dict`, `plot(result, path)` and `main(argv=None)`,
which ends in `execute`.
"""

import argparse
import contextlib
import difflib
import os
import pathlib
import re
import sys

from kerasmodels._support import checks, files
from kerasmodels.runs import interrupt


class Parser(argparse.ArgumentParser):
    """One clear line and exit code 2 for anything that cannot be run."""

    def parse_args(self, args=None, namespace=None):
        found, unknown = self.parse_known_args(args, namespace)
        if unknown:
            name = unknown[0].partition("=")[0]
            near = difflib.get_close_matches(name, self._option_string_actions, n=1)
            advice = (
                f". Did you mean {near[0]}?" if near else ", --help shows what there is"
            )
            self.error(f"unknown argument {unknown[0]!r}{advice}")
        return found

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message}\n")


def make_parser(name, description):
    """A parser with --seed, --out and --quick, for the script `name`.py."""
    parser = Parser(
        prog=f"{name}.py",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of all random numbers (default: 0)"
    )
    parser.add_argument(
        "--out",
        type=pathlib.Path,
        help=f"folder (default: results/{name}, followed by each flag that changes the "
        f"result, such as results/{name}-seed-1)",
    )
    parser.add_argument(
        "--quick", action="store_true", help="run a small version in seconds"
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="remove the finished result that is in --out, and begin anew",
    )
    return parser


# Of every script: what says where a result goes, and not what it is.
_NO_PART_OF_A_RESULT = ("help", "out", "overwrite")


def default_folder(parser, args, name, without=(), order=()):
    """The folder of a result that nobody named: what was asked is in its name.

    `results/NAME`, followed by `-flag-value` for each flag that is not at its default, in
    `order` and then in the order of `--help`. So runs with different arguments have
    different folders, and the same command has the same folder every time.

    Args:
        parser: from `make_parser`.
        args: what it parsed, before anything is filled in.
        name: str. The beginning of the name.
        without: names of arguments that do not change what a run finds, or are in `name`.
        order: names of arguments that come first in the folder's name, in this order.
    """
    parts = [name]
    places = {dest: place for place, dest in enumerate(order)}
    actions = sorted(parser._actions, key=lambda a: places.get(a.dest, len(places)))
    for action in actions:
        if action.dest in (*_NO_PART_OF_A_RESULT, *without):
            continue
        value = getattr(args, action.dest)
        if value != action.default:
            parts += _part(action.dest.replace("_", "-"), value)
    return pathlib.Path("results") / "-".join(parts)


def _part(flag, value):
    """A flag and its value as parts of the name of a folder."""
    if isinstance(value, bool):
        return [flag if value else f"no-{flag}"]
    values = value if isinstance(value, (list, tuple)) else [value]
    if values and isinstance(values[0], tuple):
        # Pairs (name, number), of which the last one of a name counts.
        return [f"{name}-{_text(number)}" for name, number in sorted(dict(values).items())]
    return [flag, *map(_text, values)]


def _text(value):
    # Every digit, so that two numbers never share a name; 10 for 10.0.
    text = repr(value).removesuffix(".0") if isinstance(value, float) else str(value)
    return re.sub(r"[^\w.+-]+", "_", text)


def main(name, description, argv, run, plot, line):
    """`execute` for a script that takes no other arguments than those of all."""
    parser = make_parser(name, description)
    return execute(parser, parser.parse_args(argv), run, plot, line)


def execute(parser, args, run, plot, line, extends=False, check=None):
    """Runs a script: result.json, figure.png, one line at the end.

    A finished result stays unless --overwrite is given; with --resume, where a script has
    it, it is shown again. SIGINT and SIGTERM leave a result.json that says
    `"complete": false` and what an attribute `partial` of the exception holds, and end the
    program with 130 and 143.

    Args:
        parser: from `make_parser`.
        args: what it parsed.
        run: function (args) -> dict of plain numbers, strings and lists.
        plot: function (result, path).
        line: function (result) -> str, the summary.
        extends: bool. Whether `run` keeps what is finished in --out and adds to it.
        check: None or function (args) that raises for values no run could take. `run` does
            too; this one is called where a finished result keeps `run` from it, so that a
            wrong value is what the user is told first.

    Returns:
        The dict.
    """
    if args.out is None:
        args.out = default_folder(parser, args, parser.prog.removesuffix(".py"))
    missing = [path for path in (args.out, *args.out.parents) if not path.exists()]
    try:
        checks.seed_int(parser.prog, args.seed)
        # Fails now, not after the work, where nothing can be written.
        args.out.mkdir(parents=True, exist_ok=True)
        files.remove_stale(args.out)
        path, figure = args.out / "result.json", args.out / "figure.png"
        result = None if args.overwrite or extends else _finished(path)
        if result is not None and not getattr(args, "resume", False):
            if check is not None:
                check(args)
            parser.error(
                f"{path} is a finished result and stays as it is. Choose another --out, "
                "or pass --overwrite to lose it."
            )
        if result is None:
            with interrupt.signals(), _set_aside(path):
                result = {**run(args), "complete": True}
                files.write_json(path, result)
                plot(result, figure)
        elif not figure.exists():
            plot(result, figure)
    except KeyboardInterrupt as stop:
        _stopped(parser, args.out, stop)
    except checks.ArgumentError as error:
        text = " ".join(str(error).split()) + flags_of(parser, str(error))
        for folder in missing:
            with contextlib.suppress(OSError):
                # Empty ones only.
                folder.rmdir()
        parser.error(text)
    except OSError as error:
        parser.error(f"cannot write to --out {args.out}: {error}")
    except FloatingPointError as error:
        parser.exit(1, f"{parser.prog}: {error}{flags_of(parser, str(error))}\n")
    except (checks.RunError, ImportError) as error:
        text = " ".join(str(error).split()) + flags_of(parser, str(error))
        print(f"{parser.prog}: {text}", file=sys.stderr, flush=True)
        if getattr(error, "hangs", False):
            os._exit(1)
        parser.exit(1)
    print(f"{line(result)}; written to {args.out}")
    return result


# Flags of what an error describes in other words than the name of an argument.
_DESCRIBED = {
    "--num-steps": "more time steps",
    "--overwrite": "empty this one",
    "--param": "terminal_time",
    "--out": "another folder",
}


def flags_of(parser, text):
    """A sentence that gives the flags of what an error names, or nothing.

    The library speaks of arguments (`learning_rate`, resume=True); a script has flags for
    them.
    """
    found = []
    for action in parser._actions:
        flag = action.option_strings[-1] if action.option_strings else ""
        named = rf"`{action.dest}`|\b{action.dest}="
        if "_" in action.dest:
            named += rf"|\b{action.dest}\b"
        described = _DESCRIBED.get(flag)
        if re.search(named, text) or (described is not None and described in text):
            found.append(flag)
    flags = [flag for flag in found if flag.startswith("--") and flag not in text]
    return f" The flags: {', '.join(flags)}." if flags else ""


@contextlib.contextmanager
def _set_aside(path):
    """Takes an older file out of the way; it comes back where nothing was begun."""
    aside = path.with_name(f"overwritten-{path.name}")
    if path.exists():
        path.replace(aside)
    try:
        yield
    except checks.ArgumentError:
        if aside.exists():
            aside.replace(path)
        raise
    finally:
        aside.unlink(missing_ok=True)


def _finished(path):
    """The finished result at `path`, or None."""
    try:
        result = files.read_json(path)
    except ValueError:
        return None
    whole = isinstance(result, dict) and result.get("complete", True)
    return result if whole else None


def _stopped(parser, out, stop):
    """Writes what there is, says how to go on, and ends the program."""
    terminated = isinstance(stop, interrupt.Terminated)
    name = "SIGTERM" if terminated else "SIGINT"
    partial = getattr(stop, "partial", {})
    files.write_json(
        out / "result.json", {"complete": False, "interrupted_by": name, **partial}
    )
    text = f"stopped by {name}"
    if partial.get("checkpoint_step"):
        text += f" and saved at step {partial['checkpoint_step']}: --resume goes on"
    parser.exit(143 if terminated else 130, f"{parser.prog}: {text}\n")
