"""A network whose outputs are the shares of the classes, because it ignores the input.

Weights drawn from [0, 1) on 256 black and white pixels add up to 40, and every hidden
sigmoid is 1 for every image. The output biases can only learn how frequent each digit is,
and the answer is always the commonest. About half a minute.
"""

import _start  # noqa: F401

# isort: split
import numpy as np

from kerasmodels import by_hand
from kerasmodels._scripts import command_line, pair_script


def run(args):
    return pair_script.run(args, "constant_output", outputs, quick_epochs=20)


def outputs(variants, args):
    """Outputs of both variants, their spread, and hidden activations before training."""
    found = {}
    for name, variant in variants.items():
        x, y = variant.train
        said = np.asarray(variant.model(x))
        shares = np.mean(y, axis=0)
        spread = float(np.mean(np.std(said, axis=0)))
        floor = by_hand.loss_of_shares(shares)
        far = np.max(np.abs(said - shares))
        print(f"{name}: outputs vary over the images by {spread:.1e} and differ from the")
        print(f"  shares of the classes by {far:.1e}; loss of the shares {floor:.6f}")
        hidden = pair_script.hidden_before(variant)
        found[name] = {"hidden": hidden.ravel().tolist(), "said": said[0].tolist()}
        found |= {"shares": shares.tolist(), "floor": floor, "spread": spread}
    print()
    return found


def plot(result, path):
    pair_script.plot(result, path, 2, draw)


def draw(axes, result):
    more = result["more"]
    hidden = {name: more[name]["hidden"] for name in pair_script.COLORS}
    pair_script.draw_hidden(axes[0], hidden)
    places = np.arange(10)
    axes[1].bar(places - 0.3, more["shares"], 0.3, color="gray", label="share of the class")
    for shift, (name, color) in zip((0, 0.3), pair_script.COLORS.items()):
        axes[1].bar(places + shift, more[name]["said"], 0.3, color=color, label=name)
    axes[1].set(xlabel="class", ylabel="output", title="outputs for one image")
    axes[1].set_xticks(places)
    axes[1].legend(fontsize="small")


def main(argv=None):
    return command_line.main(
        "constant_output", __doc__, argv, run, plot, pair_script.summary
    )


if __name__ == "__main__":
    main()
