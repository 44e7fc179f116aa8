"""XOR with one hidden layer, where the error goes back through the weight.

The error of a hidden unit is dz W^T: net2 = layer_1 W, so d net2 / d layer_1 = W. The
product layer_1^T dz is the gradient of W itself. Its shape fits only because there are as
many samples as hidden units, four. About half a minute.
"""

import _start  # noqa: F401

# isort: split
from kerasmodels._scripts import command_line, pair_script

BOX = (-0.25, 1.25)


def run(args):
    return pair_script.run(args, "xor", maps, quick_epochs=200)


def maps(variants, args):
    """The outputs for the four corners, and over the whole square."""
    found = {}
    for name, variant in variants.items():
        outputs = variant.model(variant.train[0]).numpy()[:, 0]
        print(f"{name}: outputs {outputs.round(3)}, targets 0, 1, 1, 0")
        values = pair_script.decision_map(variant.model, *BOX)
        found[name] = {"outputs": outputs.tolist(), "map": values.tolist()}
    print()
    return found


def plot(result, path):
    pair_script.plot(result, path, 2, draw)


def draw(axes, result):
    for panel, (name, found) in zip(axes, result["more"].items()):
        pair_script.draw_map(panel, found["map"], *BOX, f"{name}: output\n(black: 1)")
        for k, corner in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
            color = "black" if k in (1, 2) else "white"
            panel.plot(*corner, "o", color=color, mec="black", ms=9)


def main(argv=None):
    return command_line.main("xor", __doc__, argv, run, plot, pair_script.summary)


if __name__ == "__main__":
    main()
