"""What every experiment script shares: its arguments, its files, its last line.

A script has a docstring, `run(args) -> dict`, `plot(result, path)` and `main(argv=None)`,
which ends in `execute`.
"""

import argparse
import contextlib
import difflib
import pathlib

from kerasmodels import _checks, _files


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
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--out", type=pathlib.Path, help=f"folder (default: results/{name})"
    )
    parser.add_argument(
        "--quick", action="store_true", help="a small version, to see that all works"
    )
    return parser


def main(name, description, argv, run, plot, line):
    """`execute` for a script that takes no other arguments than those of all."""
    parser = make_parser(name, description)
    return execute(parser, parser.parse_args(argv), run, plot, line)


def execute(parser, args, run, plot, line):
    """Runs a script: result.json, figure.png, one line at the end.

    Args:
        parser: from `make_parser`.
        args: what it parsed.
        run: function (args) -> dict of plain numbers, strings and lists.
        plot: function (result, path).
        line: function (result) -> str, the summary.

    Returns:
        The dict.
    """
    if args.out is None:
        args.out = pathlib.Path("results") / parser.prog.removesuffix(".py")
    missing = [path for path in (args.out, *args.out.parents) if not path.exists()]
    try:
        _checks.seed_int(parser.prog, args.seed)
        # Fails now, not after the work, where nothing can be written.
        args.out.mkdir(parents=True, exist_ok=True)
        result = run(args)
        _files.write_json(args.out / "result.json", result)
        plot(result, args.out / "figure.png")
    except _checks.ArgumentError as error:
        for folder in missing:
            with contextlib.suppress(OSError):
                # Empty ones only.
                folder.rmdir()
        parser.error(" ".join(str(error).split()))
    except OSError as error:
        parser.error(f"cannot write to --out {args.out}: {error}")
    except FloatingPointError as error:
        parser.exit(1, f"{parser.prog}: {error}\n")
    print(f"{line(result)}; written to {args.out}")
    return result


def save_figure(figure, path):
    """Writes a figure atomically, at the resolution that the pages use."""
    with _files.replacing(path) as temporary:
        figure.savefig(temporary, dpi=150)
