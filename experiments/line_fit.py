"""A line fitted by single samples, and the path of its weights over the true cost.

The cost of slope m and intercept c is a paraboloid whose axes are those of m and c, 1.7
times as long along m. The path of (m, c) belongs on the contours of this cost, not on those
of another function and not among the data. About fifteen seconds.
"""

import _start  # noqa: F401

# isort: split
import numpy as np
from matplotlib.figure import Figure

from kerasmodels import descent
from kerasmodels._scripts import command_line
from kerasmodels._support import files

NOISE = 1.0


def run(args):
    x, y = descent.line_data(noise=NOISE, seed=args.seed)
    cost, best = descent.line_cost(x, y)
    epochs = 2 if args.quick else 10
    paths = {
        "one sample at a time": descent.fit_line(x, y, 1, epochs),
        "all samples": descent.fit_line(x, y, len(x), 20 * epochs, 0.1),
    }
    print(f"least squares: slope {best[0]:.6f}, intercept {best[1]:.6f}")
    for name, path in paths.items():
        print(f"\n{name}\n{'step':>7} {'slope':>10} {'intercept':>10} {'cost':>10}")
        for step in np.unique(np.linspace(0, len(path) - 1, 6).astype(int)):
            m, c = path[step]
            print(f"{step:7d} {m:10.6f} {c:10.6f} {float(cost(m, c)):10.6f}")
    print()
    distances = {n: float(np.linalg.norm(p[-1] - best)) for n, p in paths.items()}
    return {
        "x": x.tolist(),
        "y": y.tolist(),
        "least_squares": best.tolist(),
        "paths": {name: path.tolist() for name, path in paths.items()},
        "distances": distances,
    }


def plot(result, path):
    """The paths over the cost, and the line in the data."""
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    x, y = np.array(result["x"]), np.array(result["y"])
    cost, best = descent.line_cost(x, y)
    m, c = np.meshgrid(np.linspace(-1, 4, 80), np.linspace(-0.5, 5, 80))
    levels = np.geomspace(0.09, 20, 14)
    left.contour(m, c, cost(m, c), levels, cmap="Greys_r", linewidths=0.8)
    for name, values in result["paths"].items():
        left.plot(*np.transpose(values), ".-", ms=2, lw=0.8, label=name)
    left.plot(*best, "k*", ms=12, label="least squares")
    left.set(xlabel="slope m", ylabel="intercept c", title="cost and paths")
    left.legend(fontsize="small", loc="lower right")
    right.plot(x, y, ".", color="gray", label="data")
    slope, intercept = result["paths"]["one sample at a time"][-1]
    right.plot(x, slope * x + intercept, label=f"{slope:.2f} x + {intercept:.2f}")
    right.set(xlabel="x", ylabel="y", title="after training")
    right.legend()
    files.save_figure(figure, path)


def summary(result):
    slope, intercept = result["paths"]["one sample at a time"][-1]
    away = result["distances"]["one sample at a time"]
    return f"y = {slope:.4f} x + {intercept:.4f}, {away:.4f} from least squares"


def main(argv=None):
    return command_line.main("line_fit", __doc__, argv, run, plot, summary)


if __name__ == "__main__":
    main()
