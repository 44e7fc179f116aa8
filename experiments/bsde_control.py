"""A control problem: its value, its policy as a file, and what the policy costs.

Solves the linear-quadratic control of ten states that attract each other by regression,
compares the control with that of the Riccati equations, and simulates the policy, whose
cost bounds the value from above. The policy is written as a SavedModel (policy/) and for
LiteRT (policy.tflite), and as policy.onnx where ONNX is installed. About a minute.
"""

import _start  # noqa: F401

# isort: split
import importlib.util

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from kerasmodels import bsde
from kerasmodels._scripts import command_line
from kerasmodels._support import files

TIMES = (0.1, 0.5, 0.9)


def run(args):
    settings = {"tolerance": 1e-3, "max_rounds": 1}
    if args.quick:
        settings = {"tolerance": 0.5, "max_rounds": 1, "num_steps": 4, "num_paths": 64}
    equation = bsde.LinearQuadratic(dim=2 if args.quick else 10)
    solution = bsde.solve(equation, "regression", seed=args.seed, **settings)
    half_width = solution.estimate.half_width
    print(f"value {solution.u0:.4f} +- {half_width:.4f}")
    cost = solution.policy_cost(num_paths=64 if args.quick else 4096)
    low, high = cost.interval
    print(f"cost of the policy {cost.cost:.4f}, between {low:.4f} and {high:.4f}")
    policy = solution.policy()
    policy.export(args.out / "policy")
    policy.export(args.out / "policy.tflite", format="litert")
    if importlib.util.find_spec("onnx") and importlib.util.find_spec("tf2onnx"):
        policy.export(args.out / "policy.onnx", format="onnx")
    return {
        "dim": equation.dim,
        "exact": equation.reference().value,
        "u0": solution.u0,
        "half_width": half_width,
        "policy_cost": cost.cost,
        "policy_interval": list(cost.interval),
        "controls": [controls(equation, policy, t) for t in TIMES],
    }


def controls(equation, policy, t):
    """The first control along the first state, the other states at one."""
    states = np.linspace(-0.5, 2.0, 41)
    x = np.ones((len(states), equation.dim), "float32")
    x[:, 0] = states
    times = np.full((len(states), 1), t, "float32")
    exact = equation.exact_control(tf.constant(times), tf.constant(x))
    found = policy.predict((times, x), verbose=0)
    return {
        "t": t,
        "state": states.tolist(),
        "found": found[:, 0].tolist(),
        "exact": np.asarray(exact)[:, 0].tolist(),
    }


def plot(result, path):
    """The control law at three times, and the value below the cost of the policy."""
    figure = Figure(figsize=(7.2, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    for part, color in zip(result["controls"], ("tab:blue", "tab:orange", "tab:green")):
        left.plot(part["state"], part["exact"], color="black", lw=1)
        label = f"policy, t = {part['t']:g}"
        left.plot(part["state"], part["found"], "o", ms=3, color=color, label=label)
    left.plot([], [], color="black", lw=1, label="Riccati")
    left.set(xlabel="state $x_1$, the others at 1", ylabel="control $a_1$")
    left.legend(frameon=False, fontsize="small")
    exact = result["exact"]
    low, high = result["policy_interval"]
    rows = (
        ("value", result["u0"], result["half_width"], "tab:blue"),
        ("cost of\nthe policy", result["policy_cost"], (high - low) / 2, "tab:orange"),
    )
    for place, (_, value, half_width, color) in enumerate(rows):
        right.errorbar(place, value, half_width, fmt="s", ms=5, capsize=5, color=color)
    right.axhline(exact, color="black", lw=0.8, label="Riccati")
    right.set_xticks([0, 1], [row[0] for row in rows])
    right.set(xlim=(-0.6, 1.6), ylabel="u(0, x0), with 95 % intervals")
    right.legend(frameon=False, fontsize="small")
    files.save_figure(figure, path)


def line(result):
    low, high = result["policy_interval"]
    return (
        f"d = {result['dim']}: value {result['u0']:.4f} +- {result['half_width']:.1g} "
        f"(95 %), Riccati {result['exact']:.4f}, cost of the policy "
        f"{result['policy_cost']:.4f} in [{low:.4f}, {high:.4f}]"
    )


def main(argv=None):
    return command_line.main("bsde_control", __doc__, argv, run, plot, line)


if __name__ == "__main__":
    main()
