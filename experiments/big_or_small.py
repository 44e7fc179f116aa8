"""Two numbers up to 100, big or small: right formulas on inputs that saturate sigmoids.

Inputs of that size times weights between 0 and 1 put both hidden sigmoids at 1 for almost
every pair. Their derivative is then next to zero, and the three weights of the output act
as one. With inputs divided by 100 the same network gets nearly all pairs right. About half
a minute.
"""

import _start  # noqa: F401

# isort: split
import numpy as np

from kerasmodels import by_hand
from kerasmodels._scripts import command_line, pair_script

BOX = (0, 100)


def run(args):
    return pair_script.run(args, "big_or_small", maps, quick_epochs=5)


def maps(variants, args):
    """Hidden activations before training, and the answer over the square after it."""
    found = {}
    for name, variant in variants.items():
        scale = 100.0 if name == "as fixed" else 1.0
        values = pair_script.decision_map(
            variant.model, *BOX, scale=lambda x, scale=scale: x / scale
        )
        hidden = pair_script.hidden_before(variant)
        flat = float(np.mean(4 * hidden * (1 - hidden) < 1e-4))
        print(f"{name}: hidden activations {hidden.min():.3f} to {hidden.max():.3f}")
        print(f"{'':{len(name)}}  share of them without a slope: {flat:.0%}")
        found[name] = {"map": values.tolist(), "hidden": hidden.ravel().tolist()}
    x, y = by_hand.recipe("big_or_small").data(args.seed)[0]
    print()
    return {**found, "points": x.tolist(), "labels": y[:, 0].tolist()}


def plot(result, path):
    pair_script.plot(result, path, 3, draw)


def draw(axes, result):
    more = result["more"]
    hidden = {name: more[name]["hidden"] for name in pair_script.COLORS}
    pair_script.draw_hidden(axes[0], hidden)
    points, labels = np.array(more["points"]), np.array(more["labels"])
    for panel, name in zip(axes[1:], pair_script.COLORS):
        pair_script.draw_map(panel, more[name]["map"], *BOX, f"{name}: output")
        panel.scatter(*points.T, c=labels, cmap="binary", edgecolors="black", s=14)
        panel.set(title=f"{name}: output\n(black dot: wanted 1)")


def main(argv=None):
    return command_line.main("big_or_small", __doc__, argv, run, plot, pair_script.summary)


if __name__ == "__main__":
    main()
