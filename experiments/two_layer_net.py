"""A two-layer network on digits, and why the gradient of its weights is a^T dz.

With s = a W + b the gradient of one sample is the outer product of its a and its dz, and
the product a^T dz is the sum of these over the batch. The code of the question had it
right. The script also runs it without the transpose, where the sizes do not fit. About ten
seconds.
"""

import _start  # noqa: F401

# isort: split
import numpy as np

from kerasmodels._scripts import command_line, pair_script

SHOWN = 14


def run(args):
    return pair_script.run(args, "two_layer_net", outer_products)


def outer_products(variants, args):
    """The parts of three samples in dW2, and their sum, for the first hidden units."""
    fixed = variants["as fixed"]
    # Before training, because afterwards the errors of most samples are near zero.
    fixed.model.set_weights(fixed.start)
    x, y = (part[:3] for part in fixed.train)
    a = pair_script.hidden(fixed.model, x)
    # Behind a softmax with cross-entropy dz is the prediction minus the target.
    dz = np.asarray(fixed.model(x)) - y
    products = [np.outer(one, other)[:SHOWN] for one, other in zip(a, dz)]
    total = (a.T @ dz)[:SHOWN]
    gap = float(np.max(np.abs(sum(products) - total)))
    print(f"Sum of three outer products against a^T dz: they differ by {gap:.1e}.\n")
    return {"products": [p.tolist() for p in products], "total": total.tolist(), "gap": gap}


def plot(result, path):
    pair_script.plot(result, path, 4, draw)


def draw(axes, result):
    pictures = [*result["more"]["products"], result["more"]["total"]]
    limit = np.max(np.abs(pictures))
    titles = [f"sample {k}: a dz^T" for k in (1, 2, 3)] + ["their sum: a^T dz"]
    for panel, picture, title in zip(axes, pictures, titles):
        shown = panel.imshow(picture, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
        panel.set(title=title, xlabel="class", ylabel="hidden unit", xticks=range(10))
    panel.figure.colorbar(shown, ax=panel)


def main(argv=None):
    return command_line.main("two_layer_net", __doc__, argv, run, plot, pair_script.summary)


if __name__ == "__main__":
    main()
