"""Writes docs/benchmarks.md and the table of the README from the committed results."""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import ablation
import accuracy
import speed

from kerasmodels import _files

ROOT = pathlib.Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = """# Benchmarks of the deep BSDE solver

What you learn here: how far each answer is from the truth, whether its interval says so,
and what it costs.

`python benchmarks/accuracy.py` measures, `python benchmarks/report.py` writes this page and
the table of the README from the committed numbers. `solve` runs with its defaults on every
problem, each run in a process of its own; the settings are listed in [bsde.md](bsde.md).
Seconds include compilation, not the import of TensorFlow, and were taken on a machine that
other work may share.

## Accuracy

*held*: runs whose 95 % interval holds the reference. *target*: what the project aims at for
the median error (for different rates and default risk, the half-width).

{table}

Two references are not exact. For different rates, 21.299 is a published result of
multilevel Picard iteration without an error bar. Its driver is convex, so what is of second
order in the error of z can only raise the value above our estimate; the second-order part
that we measure is a few hundredths of a per cent, and the estimate, about 21.17, is the
same from seed to seed, and on 20 or 40 time steps, to 0.05 %. For default risk, 57.300 has
no independent confirmation either; our estimate is within 0.1 % of it.
"""

# Further sections: title, what the reader is told, and the benchmark that fills it.
SECTIONS = [
    (
        "Speed",
        "`python benchmarks/speed.py`: the default problem, against the published "
        "algorithm written plainly (plain.py, float64), medians of three turns, and as "
        "the problem grows.\n\n![Time per training step](benchmarks_growth.png)",
        speed,
    ),
    (
        "What each piece is worth",
        "`python benchmarks/ablation.py`: one round of training and the fewest paths, with "
        "one piece left out at a time; medians of three seeds, in per cent of u0.",
        ablation,
    ),
]


def page():
    """The text of docs/benchmarks.md."""
    results = json.loads((RESULTS / "accuracy.json").read_text())
    text = PAGE.format(table=accuracy.table(results).strip())
    for title, told, benchmark in SECTIONS:
        path = RESULTS / f"{pathlib.Path(benchmark.__file__).stem}.json"
        # What has not been measured yet has no section.
        if path.exists():
            table = benchmark.table(json.loads(path.read_text()))
            text += f"\n## {title}\n\n{told}\n\n{table}"
    return text


def readme():
    """The README with its table anew."""
    results = json.loads((RESULTS / "accuracy.json").read_text())
    text = (ROOT / "README.md").read_text()
    before, rest = text.split("<!-- accuracy -->\n", 1)
    after = rest.split("<!-- end -->\n", 1)[1]
    table = accuracy.short_table(results)
    return f"{before}<!-- accuracy -->\n\n{table}\n<!-- end -->\n{after}"


def main():
    _files.write_text(ROOT / "docs" / "benchmarks.md", page())
    _files.write_text(ROOT / "README.md", readme())


if __name__ == "__main__":
    main()
