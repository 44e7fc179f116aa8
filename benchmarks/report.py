"""Every page and table that is made from the committed results, written anew.

Under each table stands where its numbers come from and which modules have changed since, so
the pages change with the code, too.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import ablation
import absent_classes
import accuracy
import by_hand
import coverage
import outside
import scaling
import soak
import speed

from kerasmodels._support import files

ROOT = pathlib.Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
REFERENCES = ROOT / "benchmarks" / "references" / "results"
PAGE = """# Benchmarks of the deep BSDE solver

What you learn here: how far each answer is from the truth, whether its interval says so,
and what it costs.

`python benchmarks/accuracy.py` measures, `python benchmarks/report.py` writes this page and
the table of the README from the committed numbers. Under each table stand the commit of its
numbers and the modules that have changed since, comments aside; `make benchmark-check`
measures a few of them anew, in minutes, and compares.

`solve` runs with its defaults on every
problem, each run in a process of its own; the settings are listed in [bsde.md](bsde.md).
Seconds include compilation, not the import of TensorFlow, and were taken on a machine that
other work may share. Nothing here was measured on a GPU: none was at hand. Where TensorFlow
sees one it is used, its memory is taken as it is needed, and the tables name it.

## Accuracy

*held*: runs whose 95 % interval holds the reference, or a value within its tolerance where
the reference has one (+-). *target*: what the project aims at for the median error. Every
run is held against the reference of today; its file keeps that of the day of the run.

{table}

For HJB the ratio is 5 and misses the aim: of our 17 seconds 13 are compilation, which no
tolerance shortens. The rows of different rates and default risk were measured against the
published values, which are no longer the references. To come within 0.39 % of 21.299 is not
to solve the problem of different rates, so its ratio says little.

## Two references computed here

For different rates and default risk no solution is known, and the literature gives values
of multilevel Picard iteration without an error bar. `benchmarks/references/` computes a
lower and an upper bound for each, by Monte Carlo without any network, and takes the middle
of the two. Its uncertainty spans both bounds with 1.96 standard errors. The linear price of
the claim, a one-dimensional integral, takes out most of the noise.

**Different rates.** u(0, x0) is the largest value that a policy for the rate can reach.
Each policy gives a lower bound; the best path of the rate in hindsight, less a martingale,
gives an upper one (duality). Neither has an error of the time grid. The published value
lies above the upper bound by far more than chance allows:

{different_rates}

**Default risk.** The driver depends on u alone and is convex where u is below 70. Following
it exactly along a path gives an upper bound, following its tangents a lower one. Both are
bounds of a problem discrete in time, whose error is added from two grids:

{default_risk}
"""

# Further sections: title, what the reader is told, and the benchmark that fills it.
SECTIONS = [
    (
        "How often the interval holds",
        "`python benchmarks/coverage.py`: `solve` with its defaults, twenty seeds per "
        "problem, against the exact value. The promise is 95 %; the interval adds up its "
        "three parts, and holds more.",
        coverage,
    ),
    (
        "Equations outside the zoo",
        "`python benchmarks/outside.py`: equations as a user writes them, by drift and "
        "noise alone, each with a value that was computed another way "
        "(`benchmarks/outside_problems/`). *refused*: runs that `solve` stops and says "
        "why. *error in half-widths*: above one the interval does not hold the value. "
        "*met*: nine of ten runs held or refused, and a median half-width of at most "
        "0.5 %. Runs are small, with a tolerance of 0.2 % and 400 training steps a round, "
        "and two go on at a time: the seconds are those of one of two.",
        outside,
    ),
    (
        "Speed",
        "`python benchmarks/speed.py`: the default problem, against the published "
        "algorithm written plainly (plain.py, float64), medians of three turns, and as "
        "the problem grows. The aims were 8 times its speed at batch 64 in float32 and 4 "
        "times in float64, a fifth of its compile time, and 40 % of the matrix rate at "
        "batch 256 for one network per time. Only the first is reached, and only by the "
        "default network. One configuration differs by a fifth from table to table: "
        "compare within one. What is in the way: normal numbers, drawn on both cores "
        "outside XLA, which is slower at it; the batched products of XLA; and Adam. Where "
        "buffers exceed 32 MB (float64 at batch 256, batch 1024, N = 200), glibc returns "
        "them to the system after every step; `MALLOC_MMAP_THRESHOLD_=8000000000 "
        "MALLOC_TRIM_THRESHOLD_=16000000000 MALLOC_ARENA_MAX=1` in the environment keeps "
        "them, and such steps get shorter. The numbers here are without it."
        "\n\n![Time per training step](benchmarks_growth.png)",
        speed,
    ),
    (
        "What each piece is worth",
        "`python benchmarks/ablation.py`: one round of training and the fewest paths, with "
        "one piece left out at a time; medians of three seeds, in per cent of u0. Clipped "
        "gradients and averaged weights change nothing once the rate falls along a cosine: "
        "both are left out of `solve`. The seconds were taken beside other work.",
        ablation,
    ),
    (
        "Gradients by hand",
        "`python benchmarks/by_hand.py`: a training step of a network with a backward pass "
        "by hand (`kerasmodels.by_hand`) against the same network of Keras's layers, with "
        "automatic differentiation. Times are those of the shortest of nine turns, because "
        "other work on the machine only adds, and *ratio* is their quotient; single turns "
        "differ as *within one turn* shows. *apart*: the largest difference between two "
        "weights at the end, from equal starts. Both ways compute the same gradient: in "
        "float64 the weights agree to rounding. In float32 they do until the input of a "
        "ReLU is so near to zero that rounding decides on which side it is; its derivative "
        "is 0 on one and 1 on the other, and from then on the weights part. Two networks "
        "by automatic differentiation whose first weights differ by one rounding (*two "
        "automatic ones*) part in the same way and as far, as soon as they meet such an "
        "input; in the smallest network that takes thousands of steps, and is chance.",
        by_hand,
    ),
    (
        "Two hundred solves in one process",
        "`make soak`: small problems one after the other; the aim is a growth of at most "
        "5 %. Python and TensorFlow would keep graphs, and a kernel for every name of a "
        "variable: `solve` has them freed at its end.",
        soak,
    ),
]


# Other pages that hold the table of a benchmark, between two marks.
PAGES = {"docs/scaling.md": scaling, "docs/generalized_dice.md": absent_classes}
BENCHMARKS = [accuracy, *(row[-1] for row in SECTIONS), *PAGES.values()]

OUTSIDE = """### Equations outside the zoo

The same promise on equations that the solver was not made on, as a user writes them, by
`drift` and `diffusion_prod` alone (`python benchmarks/outside.py`), each with a value that
was computed another way. *refused*: runs that `solve` stopped, with the reason.

"""


def stem(benchmark):
    """The name of a benchmark, of its results and of the mark before its table."""
    return pathlib.Path(benchmark.__file__).stem


def results_of(benchmark):
    return files.read_json(RESULTS / f"{stem(benchmark)}.json")


def measured(benchmark):
    """Whether a benchmark has been run: a new one has no results yet, and no table."""
    return (RESULTS / f"{stem(benchmark)}.json").exists()


def page():
    """The text of docs/benchmarks.md."""
    computed = {path.stem: path.read_text().strip() for path in REFERENCES.glob("*.md")}
    text = PAGE.format(table=accuracy.table(results_of(accuracy)).strip(), **computed)
    for title, told, benchmark in SECTIONS:
        if not measured(benchmark):
            continue
        table = benchmark.table(results_of(benchmark))
        text += f"\n## {title}\n\n{told}\n\n{table}"
    return text


def embedded(text, name, table):
    """The text of a page with the table between its marks anew, or nothing there."""
    before, rest = text.split(f"<!-- {name} -->\n", 1)
    after = rest.split("<!-- end -->\n", 1)[1]
    table = f"\n{table}\n" if table else ""
    return f"{before}<!-- {name} -->\n{table}<!-- end -->\n{after}"


def text_of(path):
    return (ROOT / path).read_text(encoding="utf-8")


def readme():
    """The text of README.md."""
    short = accuracy.short_table(results_of(accuracy))
    text = embedded(text_of("README.md"), "accuracy", short)
    table = OUTSIDE + outside.short_table(results_of(outside)) if measured(outside) else ""
    return embedded(text, "outside", table)


def texts():
    """Every text that is made from the results: a dict from its path in the repository."""
    found = {"docs/benchmarks.md": page(), "README.md": readme()}
    for path, benchmark in PAGES.items():
        table = benchmark.table(results_of(benchmark))
        found[path] = embedded(text_of(path), stem(benchmark), table)
    for benchmark in filter(measured, BENCHMARKS):
        table = benchmark.table(results_of(benchmark))
        found[f"benchmarks/results/{stem(benchmark)}.md"] = table
    return found


def main():
    for path, text in texts().items():
        files.write_text(ROOT / path, text)


if __name__ == "__main__":
    main()
