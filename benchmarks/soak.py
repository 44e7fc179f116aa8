"""The memory of one process over two hundred solves.

Solves small problems one after the other, as a service or a study would, and records the
resident memory after each. Writes results/soak.json and results/soak.md. Takes about twenty
minutes on two free cores. --quick makes three solves and tests only that the script runs.
Ends with exit code 1 if the memory grew by more than 5 % after solve 50 (a quarter of the
solves).
"""

import os
import pathlib
import resource
import statistics
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import command

from kerasmodels import bsde

# The largest relative growth of the memory, over all solves.
LARGEST_GROWTH = 0.05
EQUATIONS = (bsde.HJB, bsde.AllenCahn, bsde.Heat, bsde.QuadraticGradient)


def resident():
    """MiB of resident memory: the present number on Linux, elsewhere the largest so far."""
    status = pathlib.Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def solve(k):
    """Solves a small problem, another one each time."""
    bsde.solve(
        EQUATIONS[k % len(EQUATIONS)](4),
        num_steps=4,
        steps=10,
        batch_size=16,
        num_paths=256,
        max_rounds=1,
        seed=k,
    )


def growth(memory):
    """Relative growth from the tenth after the first quarter to the last, by medians."""
    width = max(1, len(memory) // 10)
    start = statistics.median(memory[len(memory) // 4 :][:width])
    return statistics.median(memory[-width:]) / start - 1


def table(results):
    """A Markdown table of the memory after some of the solves, and the growth."""
    memory = results["memory_mib"]
    marks = sorted({1, *(round(len(memory) * share / 4) for share in range(1, 5))})
    lines = [
        "| solves | " + " | ".join(str(mark) for mark in marks) + " |",
        "|---" * (1 + len(marks)) + "|",
        "| MiB | " + " | ".join(f"{memory[mark - 1]:.0f}" for mark in marks) + " |",
    ]
    told = (
        f"The table has the resident memory of one process. Its growth from a quarter of "
        f"the {len(memory)} solves to the end is {growth(memory):+.1%}, "
        f"{results['mib_per_solve']:+.2f} MiB per solve. The solves took "
        f"{results['seconds']:.0f} s."
    )
    return "\n".join(lines) + f"\n\n{told}" + command.footer(results)


def main(argv=None):
    parser = command.parser(__doc__)
    parser.add_argument("--solves", type=int, default=200)
    args = command.parse(parser, argv)
    number = 3 if args.quick else args.solves
    path = args.out / "soak.json"
    results = command.earlier(path, {})
    begin, memory = time.perf_counter(), []
    for k in range(number):
        solve(k)
        memory.append(round(resident(), 1))
        if (k + 1) % 10 == 0 or k + 1 == number:
            quarter = len(memory) // 4
            per_solve = (memory[-1] - memory[quarter]) / max(1, len(memory) - 1 - quarter)
            results["memory_mib"] = memory
            results["growth"] = growth(memory)
            results["mib_per_solve"] = per_solve
            results["seconds"] = time.perf_counter() - begin
            command.write(path, results, table)
            print(f"{k + 1} solves: {memory[-1]:.0f} MiB", flush=True)
    print(table(results))
    return results


if __name__ == "__main__":
    # Over a few solves the memory grows to its normal size.
    found = main()
    sys.exit(found["growth"] > LARGEST_GROWTH and len(found["memory_mib"]) >= 100)
