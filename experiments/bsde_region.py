"""u(0, x) of a PDE over a region of starts, from one solution, against the exact one.

Regresses the Hamilton-Jacobi-Bellman equation in 100 dimensions from starts c (1, ..., 1)
with c between 0 and 2, evaluates u at 41 of them, and estimates it with an interval at
five, without solving again. About a minute.
"""

import _start  # noqa: F401

# isort: split
import numpy as np
from matplotlib.figure import Figure

from kerasmodels import bsde
from kerasmodels._scripts import command_line
from kerasmodels._support import files

LAST = 2.0


def run(args):
    dim = 4 if args.quick else 100
    settings = {"num_steps": 8, "num_paths_per_pass": 500, "max_rounds": 1}
    settings["num_paths"] = 500
    equation = bsde.HJB(dim, x0=LAST / 2)
    family = bsde.Family(equation, bsde.LineStart(0.0, LAST))
    solution = bsde.solve(
        family, "regression", seed=args.seed, **(settings if args.quick else {})
    )
    c = np.linspace(0.0, LAST, 5 if args.quick else 41)
    u = solution.at(c[:, None] * np.ones(dim)).u
    exact = np.array([bsde.HJB(dim, x0=value).reference().value for value in c])
    chosen = c[:: len(c) // 4]
    options = {"tolerance": 1e-2, "num_paths": 500} if args.quick else {}
    found = solution.estimate_at(chosen[:, None] * np.ones(dim), **options)
    print(f"{'c':>5} {'exact':>10} {'function':>10} {'estimate':>10} {'+-':>8}")
    estimates = []
    for value, estimate in zip(chosen, found):
        k = int(np.argmin(np.abs(c - value)))
        numbers = estimate.u0, estimate.half_width
        print(
            f"{value:5.2f} {exact[k]:10.6f} {u[k]:10.6f} {numbers[0]:10.6f} "
            f"{numbers[1]:8.1e}"
        )
        estimates.append(
            {
                "c": float(value),
                "exact": float(exact[k]),
                "u0": estimate.u0,
                "half_width": estimate.half_width,
            }
        )
    return {
        "dim": dim,
        "c": c.tolist(),
        "u": u.tolist(),
        "exact": exact.tolist(),
        "relative_error": float(np.sqrt(np.mean((u - exact) ** 2) / np.mean(exact**2))),
        "region_error": solution.region_error,
        "estimates": estimates,
    }


def plot(result, path):
    """u over the starts, and the errors of both answers."""
    c, u, exact = (np.array(result[name]) for name in ("c", "u", "exact"))
    figure = Figure(figsize=(7.2, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(c, exact, color="black", lw=1, label="exact")
    left.plot(c, u, "o", ms=3.5, color="tab:blue", label="one regression")
    left.set(xlabel="c, start c (1, ..., 1)", ylabel="u(0, x)")
    left.legend(frameon=False)
    right.plot(c, 1e4 * (u / exact - 1), "o-", ms=3.5, color="tab:blue", label="function")
    points = result["estimates"]
    scale = np.array([1e4 / point["exact"] for point in points])
    right.errorbar(
        [point["c"] for point in points],
        scale * [point["u0"] - point["exact"] for point in points],
        scale * [point["half_width"] for point in points],
        fmt="s",
        ms=4,
        capsize=4,
        color="tab:orange",
        label="estimate, 95 %",
    )
    right.axhline(0, color="black", lw=0.8)
    right.set(xlabel="c, start c (1, ..., 1)", ylabel="relative error, 1e-4")
    right.legend(frameon=False)
    files.save_figure(figure, path)


def line(result):
    held = sum(abs(p["u0"] - p["exact"]) <= p["half_width"] for p in result["estimates"])
    return (
        f"d = {result['dim']}: u over {len(result['c'])} starts is off by "
        f"{result['relative_error']:.1e} (relative L2), {held} of "
        f"{len(result['estimates'])} intervals of estimates hold"
    )


def main(argv=None):
    return command_line.main("bsde_region", __doc__, argv, run, plot, line)


if __name__ == "__main__":
    main()
