"""A linear classifier on a spiral, whose best weights are wrong on half of the points.

The loss of one softmax layer is convex: gradient descent reaches its minimum, 0.737, with
52 % right. No learning rate and no number of steps improves on that, but a hidden layer of
a hundred units does. About a minute.
"""

import _start  # noqa: F401

# isort: split
import numpy as np

from kerasmodels._scripts import command_line, pair_script

BOX = (-1.15, 1.15)


def run(args):
    return pair_script.run(args, "spiral", maps, quick_epochs=30)


def maps(variants, args):
    found = {}
    for name, variant in variants.items():
        values = pair_script.decision_map(variant.model, *BOX, points=120)
        found[name] = np.argmax(values, axis=-1)[..., None].tolist()
        found["points"], labels = variant.train[0].tolist(), variant.train[1]
        found["labels"] = np.argmax(labels, axis=1).tolist()
    return found


def plot(result, path):
    pair_script.plot(result, path, 2, draw)


def draw(axes, result):
    more = result["more"]
    points, titles = np.array(more["points"]), ("one layer", "a hidden layer of 100")
    for panel, name, title in zip(axes, pair_script.COLORS, titles):
        # One value per place is the class itself here.
        shown = np.eye(3)[np.array(more[name])[..., 0]]
        pair_script.draw_map(panel, shown, *BOX, title)
        panel.scatter(*points.T, c=more["labels"], cmap="Set1", vmax=8, s=6)


def main(argv=None):
    return command_line.main("spiral", __doc__, argv, run, plot, pair_script.summary)


if __name__ == "__main__":
    main()
