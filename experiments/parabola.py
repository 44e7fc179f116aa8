"""Gradient descent on x^2 + 5, where the learning rate alone decides on convergence.

After k steps x_k = x_0 (1 - 2 rate)^k. By the value of 1 - 2 rate x falls, is zero after
one step, alternates, cycles or diverges. A published print-out has the gradient in a column
called "x". About ten seconds.
"""

import _start  # noqa: F401

# isort: split
import keras
import numpy as np
from matplotlib.figure import Figure

from kerasmodels import descent
from kerasmodels._scripts import command_line
from kerasmodels._support import files

RATES = (0.1, 0.5, 0.9, 1.0, 1.02)
START = 1613.0
COLORS = {str(rate): f"C{k}" for k, rate in enumerate(RATES)}


def run(args):
    steps = 10 if args.quick else 100
    paths = {}
    for rate in RATES:
        model = descent.Well(START, dtype="float64")
        path, ones = descent.WeightPath(), np.ones((1, 1))
        # The optimizer stores its rate in Keras's default type.
        keras.config.set_floatx("float64")
        model.compile(keras.optimizers.SGD(rate), descent.Well.cost)
        model.fit(ones, ones, epochs=steps, verbose=0, callbacks=[path])
        keras.config.set_floatx("float32")
        paths[str(rate)] = path.path()[:, 0].tolist()
    print("rate 0.1\n  step            x         cost     gradient 2 x")
    for step in range(0, steps + 1, max(1, steps // 10)):
        x = paths["0.1"][step]
        print(f"{step:6d} {x:12.6g} {x * x + 5:12.9g} {2 * x:12.6g}")
    print()
    for rate in RATES:
        last = paths[str(rate)][-1]
        print(
            f"rate {rate}: {descent.regime(rate)}, |x| after {steps} steps {abs(last):.3g}"
        )
    print()
    return {"start": START, "paths": paths}


def plot(result, path):
    """The first steps in the parabola, and |x| against the step."""
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    x = np.linspace(-1.1, 1.1, 200) * result["start"]
    for axes, rates in ((left, ("0.1", "0.5")), (middle, ("0.9", "1.0"))):
        axes.plot(x, x * x + 5, color="gray")
        for rate in rates:
            values = np.array(result["paths"][rate][:7])
            style = {"color": COLORS[rate], "alpha": 0.8}
            axes.plot(values, values**2 + 5, "o-", label=f"rate {rate}", **style)
        axes.set(xlabel="x", ylabel="cost", title="the first six steps")
        axes.legend()
    for rate, values in result["paths"].items():
        size = np.maximum(np.abs(values), 1e-12)
        # 0.1 and 0.9 have the same |x|.
        style = {"color": COLORS[rate]}
        style |= {"ls": "--", "lw": 3, "alpha": 0.6} if rate == "0.9" else {}
        right.semilogy(size, label=f"rate {rate}: {descent.regime(float(rate))}", **style)
    title = f"|x| = {result['start']:g} |1 - 2 rate|^k"
    right.set(xlabel="step k", ylabel="|x|", ylim=(1e-9, 1e9), title=title)
    right.legend(fontsize="small", loc="lower left")
    files.save_figure(figure, path)


def summary(result):
    values = result["paths"]["0.1"]
    x, steps = values[-1], len(values) - 1
    return f"x = {x:.6g}, cost {x * x + 5:.9g} after {steps} steps at rate 0.1"


def main(argv=None):
    return command_line.main("parabola", __doc__, argv, run, plot, summary)


if __name__ == "__main__":
    main()
