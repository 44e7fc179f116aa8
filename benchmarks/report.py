"""The pages and tables that are made from the committed results.

Under each table are the origin of its numbers and the modules that have changed since the
measurement, so the pages change when the code changes.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import ablation
import absent_classes
import accuracy
import by_hand
import coverage
import estimate
import evidence
import first_answer
import gpu
import outside
import peers
import regression
import scaling
import soak
import speed

from kerasmodels._support import files

ROOT = pathlib.Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
REFERENCES = ROOT / "benchmarks" / "references" / "results"
PAGE = """# Benchmarks of the deep BSDE solver

What you learn here: the error of each answer, whether its interval holds the true value,
and the cost in seconds and memory.

`python benchmarks/accuracy.py` measures the accuracy. `python benchmarks/report.py` writes
this page and the tables of the README from the committed numbers. Under each table are the
commit of its numbers and the modules that have changed since then, comments aside.
`make benchmark-check` measures a few of the numbers again, in minutes, and compares them
with the committed ones.

The deep BSDE method of `solve` runs with its defaults on every problem, each run in a
process of its own; [bsde.md](bsde.md) lists the settings. The seconds include compilation,
but not the import of TensorFlow, and other work may have shared the machine. No number here
was measured on a GPU, because none was available. If TensorFlow finds a GPU, the runs use
it, TensorFlow takes its memory as needed, and the tables name it.

## Accuracy

*held* counts the runs whose 95 % interval holds the reference or, if the reference has a
tolerance (+-), a value within that tolerance. *target* is the aim of the project for the
median error, and for the seconds. Every run is compared with the present reference; its
file has the reference of the day of the run.

{table}

For HJB the ratio is 5, below the aim of 20, because 13 of our 17 seconds are compilation,
which a larger tolerance does not shorten. The rows of different rates and default risk were
measured against the published values, which are no longer the references. For different
rates the ratio means little, because a value within 0.39 % of 21.299 is not near the
reference.

## Two references computed here

For different rates and default risk no solution is known, and the literature gives values
of multilevel Picard iteration without an error bar. `benchmarks/references/` computes a
lower and an upper bound for each, by Monte Carlo without a network. The reference is the
middle of the two bounds, and its uncertainty covers both bounds with 1.96 standard errors.
The linear price of the claim, a one-dimensional integral, serves as a control variate that
removes most of the noise.

**Different rates.** u(0, x0) is the largest value of any policy for the rate. Each policy
gives a lower bound. The best path of the rate in hindsight, less a martingale, gives an
upper bound (duality). Neither bound has an error of the time grid. The published value
exceeds the upper bound by much more than its statistical error:

{different_rates}

**Default risk.** The driver depends on u alone and is convex where u is below 70. An exact
solution of the driver's equation along a path gives an upper bound, its tangents give a
lower bound. Both are bounds for a problem that is discrete in time; the error of that time
grid is computed from two grids and added to the uncertainty:

{default_risk}
"""

# Further sections: the title, the text, and the benchmark that makes the table.
SECTIONS = [
    (
        "How often the interval holds",
        "`python benchmarks/coverage.py` runs the deep BSDE method with its defaults, with "
        "twenty seeds per problem, and compares the interval with the exact value. An "
        "interval of 95 % should hold it in 19 of 20 runs. Ours holds it more often, "
        "because the three parts of its half-width are added.",
        coverage,
    ),
    (
        "Equations that are not built in",
        "`python benchmarks/outside.py` solves equations as a user writes them, with "
        "drift and noise alone. `benchmarks/outside_problems/` computes u(0, x0) of each "
        "by another method. *refused* counts the runs that `solve` stopped with a reason. "
        "An *error in half-widths* above one means that the interval does not hold the "
        "value. A row is *met* if nine of ten runs held or were refused, and the median "
        "half-width is at most 0.5 %. The runs take the defaults of `solve` with a "
        "tolerance of 0.4 %. Only regulator and cart-pole are solved without the "
        "deep BSDE method, whose networks end far from the solution there. The seconds are "
        "those of a run that shares the machine with another run.",
        outside,
    ),
    (
        "The method of regressions",
        "`python benchmarks/regression.py` solves the problems of the accuracy table by "
        '`solve(equation, "regression")` with a tolerance of 0.02 %, the default. *failed* '
        "counts the runs that ended with `MethodFailed`. The seconds are those of a run "
        "that shares the machine with another run, and where a problem has twenty runs, "
        "with further programs; code that XLA compiled for one run serves no other.",
        regression,
    ),
    (
        "The first answer",
        "`python benchmarks/first_answer.py` measures the seconds until a first interval, "
        "by one round of regressions, and until an interval of the wanted half-width, each "
        "in a process of its own with all compilation; the import counts apart. The aim "
        "for the first interval was three seconds. *met* names the aims that are met. The "
        "first interval misses its aim, because the estimate of each run is traced and "
        "compiled anew.",
        first_answer,
    ),
    (
        "The paths of an estimate",
        "`python benchmarks/estimate.py` makes estimates from the same number of paths "
        "with and without control variates and mirror images, after one round of "
        "regressions. "
        "The standard errors are relative to u0; the seconds contain no compilation. "
        "*work* is the ratio of the seconds that the estimates without and with them need "
        "for one standard error. The aim was four times on six problems.",
        estimate,
    ),
    (
        "Speed",
        "`python benchmarks/speed.py` compares the default problem with the published "
        "algorithm written plainly (plain.py, float64), by the medians of three turns, "
        "and measures how the cost grows with the problem. The aims were 8 times the "
        "speed of the published algorithm at batch 64 in float32 and 4 times in float64, "
        "a fifth of its compile time, and 40 % of the matrix rate at batch 256 for one "
        "network per time. Only the first aim is reached, and only by the default "
        "network. The same configuration differs by a fifth between tables, so compare "
        "numbers of one table only. Three parts of a step limit the speed: the normal "
        "numbers, which are drawn on both cores outside XLA because XLA draws them more "
        "slowly; the batched products of XLA; and Adam. Where buffers exceed 32 MB "
        "(float64 at batch 256, batch 1024, N = 200), glibc returns them to the system "
        "after every step. `MALLOC_MMAP_THRESHOLD_=8000000000 "
        "MALLOC_TRIM_THRESHOLD_=16000000000 MALLOC_ARENA_MAX=1` in the environment makes "
        "glibc keep them, and shortens such steps. The numbers here were measured without "
        "it.\n\n![Time per training step](benchmarks_growth.png)",
        speed,
    ),
    (
        "Against other programs",
        "`python benchmarks/peers.py` solves HJB, lambda = 1, d = 100, in turns by this "
        "package, by the published algorithm written plainly (2000 steps), and by "
        "deep-fbsde-nn 0.3.0 on PyTorch, with the settings that its documentation "
        "recommends for this problem. The two others report no interval.",
        peers,
    ),
    (
        "On a GPU",
        "`python benchmarks/gpu.py` times training steps and solves on one GPU in eight "
        "minutes. *share of the rate* compares the matrix products of one network per time "
        "with one large product of the same precision.",
        gpu,
    ),
    (
        "What each piece is worth",
        "`python benchmarks/ablation.py` trains one round and makes an estimate on the "
        "fewest paths, with one piece left out at a time. The numbers are medians of "
        "three seeds, in per cent of u0. Clipped gradients and averaged weights bring no "
        "improvement once the learning rate falls along a cosine, so `solve` uses "
        "neither. The seconds were measured while other work ran on the machine.",
        ablation,
    ),
    (
        "Gradients by hand",
        "`python benchmarks/by_hand.py` compares a training step of a network whose "
        "backward pass is written by hand (`kerasmodels.by_hand`) with a step of the same "
        "network of Keras layers, whose gradient comes from automatic differentiation. "
        "The times are those of the shortest of nine turns, because other work on the "
        "machine only adds time. *ratio* is the quotient of these times, and *within one "
        "turn* is the range of the quotients of single turns. *weights apart* is the "
        "largest difference between two weights at the end, after equal starts. Both "
        "networks compute the same gradient: in float64 the weights agree to rounding. In "
        "float32 they agree to rounding until an input of a ReLU is so near to zero that "
        "rounding decides its sign. The derivative of the ReLU is 0 on one side and 1 on "
        "the other, so the weights differ from then on. *two automatic ones apart* "
        "compares two networks with automatic differentiation whose first weights differ "
        "by one rounding: once they meet such an input, their weights differ in the same "
        "way and by as much. In the smallest network thousands of steps pass before such "
        "an input occurs, if one occurs at all.",
        by_hand,
    ),
    (
        "Two hundred solves in one process",
        "`make soak` solves small problems one after the other. The aim is a growth of "
        "memory of at most 5 %. Python and TensorFlow would keep the graphs of every "
        "solve, and a kernel for every name of a variable, so `solve` frees both at its "
        "end.",
        soak,
    ),
]


# Other pages with the table of a benchmark, between two marks.
PAGES = {"docs/scaling.md": scaling, "docs/generalized_dice.md": absent_classes}
BENCHMARKS = [accuracy, *(row[-1] for row in SECTIONS), *PAGES.values()]

OUTSIDE = """### Equations that are not built in

The interval should also hold on equations that are not among the built-in equations. The
equations of this table have only `drift` and `diffusion_prod`, as a user writes them.
`benchmarks/outside_problems/` computes u(0, x0) of each by another method. *Refused* counts
the runs that `solve` stopped with a reason. The command is `python benchmarks/outside.py`.

"""


def stem(benchmark):
    """The name of a benchmark, of its result files and of the mark before its table."""
    return pathlib.Path(benchmark.__file__).stem


def results_of(benchmark):
    return files.read_json(RESULTS / f"{stem(benchmark)}.json")


def measured(benchmark):
    """Whether a benchmark has results. A new one has none, and so no table."""
    return (RESULTS / f"{stem(benchmark)}.json").exists()


def page():
    """The text of docs/benchmarks.md."""
    computed = {path.stem: path.read_text().strip() for path in REFERENCES.glob("*.md")}
    text = PAGE.format(table=accuracy.table(results_of(accuracy)).strip(), **computed)
    for title, words, benchmark in SECTIONS:
        if not measured(benchmark):
            continue
        table = benchmark.table(results_of(benchmark))
        text += f"\n## {title}\n\n{words}\n\n{table}"
    return text


def embedded(text, name, table):
    """The text of a page with `table`, which may be empty, between its marks."""
    before, rest = text.split(f"<!-- {name} -->\n", 1)
    after = rest.split("<!-- end -->\n", 1)[1]
    table = f"\n{table}\n" if table else ""
    return f"{before}<!-- {name} -->\n{table}<!-- end -->\n{after}"


def text_of(path):
    return (ROOT / path).read_text(encoding="utf-8")


def readme():
    """The text of README.md."""
    others = None
    if measured(regression):
        runs = results_of(regression)["runs"]
        others = {name: regression.cells(found) for name, found in runs.items()}
    short = accuracy.short_table(results_of(accuracy), others)
    if others:
        # The columns come from two machines, whose seconds cannot be compared.
        told = evidence.told_short(results_of(regression))
        short = (
            f"{short.rstrip()}\n\nThe columns *regression* were measured apart; further "
            "programs ran beside the problems with twenty runs, whose seconds are "
            f"therefore too long. {told}\n"
        )
    text = embedded(text_of("README.md"), "accuracy", short)
    table = OUTSIDE + outside.short_table(results_of(outside)) if measured(outside) else ""
    return embedded(text, "outside", table)


def texts():
    """Every text that is made from the results, in a dict by its path in the repository."""
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
