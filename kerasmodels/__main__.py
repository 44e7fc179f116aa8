"""Command `python -m kerasmodels`: all systems, each with the command that runs it."""

import argparse

from kerasmodels import zoo


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m kerasmodels", description=__doc__)
    parser.add_argument(
        "--markdown", action="store_true", help="the table of the README instead"
    )
    print(zoo.markdown() if parser.parse_args(argv).markdown else zoo.listing())


if __name__ == "__main__":
    main()
