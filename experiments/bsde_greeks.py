"""Deltas, vegas, rho and theta of a basket of 20 assets with intervals, in one pass.

Prices a call on the geometric mean of 20 correlated assets, each with its own price and
volatility, and differentiates the estimate by all prices, all volatilities, the rate, the
correlation, the strike and the maturity at once. The closed form stands beside each. About
two minutes.
"""

import _start  # noqa: F401

# isort: split
import numpy as np
from matplotlib.figure import Figure

from kerasmodels import bsde
from kerasmodels._scripts import command_line
from kerasmodels._support import files

NAMES = ("volatility", "rate", "correlation", "strike", "terminal_time")


def run(args):
    dim = 3 if args.quick else 20
    prices, volatilities = np.linspace(80.0, 120.0, dim), np.linspace(0.15, 0.35, dim)
    equation = bsde.GeometricBasketCall(dim, x0=prices, volatility=volatilities)
    settings = {"num_steps": 8, "num_paths_per_pass": 500, "num_paths": 500}
    solution = bsde.solve(
        equation,
        "regression",
        tolerance=1e-3,
        seed=args.seed,
        max_rounds=1,
        **(settings if args.quick else {}),
    )
    found = solution.greeks(*NAMES, num_paths=500 if args.quick else 2**18)
    greeks, held, count = {}, 0, 0
    print(f"{'by':>14} {'number':>6} {'largest':>10} {'worst error':>12} {'held':>6}")
    for name, greek in found.items():
        exact = closed_form(equation, name)
        value, half_width = (np.atleast_1d(part) for part in greek[:2])
        inside = np.abs(value - exact) <= half_width
        held, count = held + int(np.sum(inside)), count + len(exact)
        worst = np.max(np.abs(value - exact)) / np.max(np.abs(exact))
        print(
            f"{name:>14} {len(exact):6} {np.max(np.abs(exact)):10.5g} {worst:12.1e} "
            f"{np.sum(inside):6}"
        )
        greeks[name] = {
            "value": value.tolist(),
            "half_width": half_width.tolist(),
            "exact": exact.tolist(),
        }
    reference = equation.reference().value
    return {
        "dim": dim,
        "u0": solution.u0,
        "u0_interval": list(solution.interval),
        "reference_u0": reference,
        "greeks": greeks,
        "held": held,
        "count": count,
    }


def closed_form(equation, name):
    """Derivatives of the closed form by "x" or a parameter, by central differences."""
    config = equation.get_config()
    key = "x0" if name == "x" else name
    own = np.array(config[key], dtype=float)
    slopes = []
    for k in range(own.size):
        move = np.zeros(own.size)
        move[k] = 1e-5 * max(1.0, abs(own.flat[k]))
        up, down = (
            type(equation)(**{**config, key: (own + s * move.reshape(own.shape)).tolist()})
            for s in (1, -1)
        )
        change = up.reference().value - down.reference().value
        slopes.append(change / (2 * move[k]))
    return np.array(slopes)


def plot(result, path):
    """Deltas and vegas by asset, and the errors of the other derivatives."""
    figure = Figure(figsize=(8.4, 3.2), layout="constrained")
    axes = figure.subplots(1, 3)
    bars = {"fmt": "o", "ms": 3.5, "capsize": 3, "color": "tab:blue"}
    titles = {"x": "delta", "volatility": "vega"}
    for axis, (name, title) in zip(axes, titles.items()):
        greek = result["greeks"][name]
        asset = np.arange(1, len(greek["value"]) + 1)
        axis.plot(asset, greek["exact"], color="black", lw=1, label="closed form")
        axis.errorbar(asset, greek["value"], greek["half_width"], label="95 %", **bars)
        axis.set(xlabel="asset", ylabel=title)
        axis.legend(frameon=False)
    labels = {
        "rate": "rho",
        "correlation": "by correlation",
        "strike": "by strike",
        "terminal_time": "by maturity",
    }
    for row, (name, label) in enumerate(labels.items()):
        value, half_width, exact = (np.array(v)[0] for v in result["greeks"][name].values())
        scale = 100 / abs(exact)
        axes[2].errorbar(
            scale * (value - exact), row, xerr=scale * half_width, label=label, **bars
        )
    axes[2].axvline(0, color="black", lw=0.8)
    axes[2].set_yticks(range(len(labels)), labels.values())
    axes[2].set(xlabel="error, % of the closed form", ylim=(-0.5, len(labels) - 0.5))
    files.save_figure(figure, path)


def line(result):
    error = abs(result["u0"] / result["reference_u0"] - 1)
    return (
        f"{result['dim']} assets: price off by {error:.1e}, {result['held']} of "
        f"{result['count']} intervals of derivatives hold the closed form"
    )


def main(argv=None):
    return command_line.main("bsde_greeks", __doc__, argv, run, plot, line)


if __name__ == "__main__":
    main()
