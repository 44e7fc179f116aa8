"""The softmax loss by loops and by matrices, and its overflow.

By a score the loss has the derivative dL/ds_j = p_j - [j = y], and s_j = w_j . x, so the
gradient is the error of the prediction times the input. exp(s) overflows from 89 on (710 in
float64), unless the largest score is subtracted first. About ten seconds.
"""

import _start  # noqa: F401

# isort: split
import time

import numpy as np

from kerasmodels import by_hand
from kerasmodels._scripts import command_line, pair_script


def run(args):
    return pair_script.run(args, "softmax_loss", both_ways)


def both_ways(variants, args):
    """Loops against matrices: loss, gradient and time; and the gradient as a product."""
    x, y = (part[:200] for part in variants["as fixed"].train)
    labels = np.argmax(y, axis=1)
    weights = np.random.default_rng(args.seed).normal(0, 0.01, (64, 10))
    found, seconds = {}, {}
    for name in ("softmax_loss_naive", "softmax_loss_vectorized"):
        begin = time.perf_counter()
        found[name] = getattr(by_hand, name)(weights, x, labels, 0.1)
        seconds[name] = time.perf_counter() - begin
    (loss, gradient), (other_loss, other) = found.values()
    gap = float(np.max(np.abs(gradient - other)))
    ratio = seconds["softmax_loss_naive"] / seconds["softmax_loss_vectorized"]
    print(f"loss by loops {loss:.12f}, by matrices {other_loss:.12f}")
    print(f"largest difference of the gradients {gap:.1e}; loops take {ratio:.0f}x as long")
    print(f"ten classes, small weights: the loss is about log 10 = {np.log(10):.6f}\n")
    scores = x[:12] @ weights
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    error = powers / powers.sum(axis=1, keepdims=True) - y[:12]
    return {
        "loss": loss,
        "gap": gap,
        "inputs": x[:12].tolist(),
        "error": error.tolist(),
        "gradient": (x[:12].T @ error / 12).tolist(),
    }


def plot(result, path):
    pair_script.plot(result, path, 3, draw)


def draw(axes, result):
    pictures = [np.array(result["more"][key]) for key in ("inputs", "error", "gradient")]
    titles = ("X: twelve images", "P - Y: the error", "dW = X^T (P - Y) / N")
    labels = (("pixel", "sample"), ("class", "sample"), ("class", "pixel"))
    for panel, picture, title, (across, down) in zip(axes, pictures, titles, labels):
        limit = np.max(np.abs(picture))
        shown = panel.imshow(picture, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
        panel.set(title=title, xlabel=across, ylabel=down)
        panel.figure.colorbar(shown, ax=panel)
        if across == "class":
            panel.set_xticks(range(10))


def main(argv=None):
    return command_line.main("softmax_loss", __doc__, argv, run, plot, pair_script.summary)


if __name__ == "__main__":
    main()
