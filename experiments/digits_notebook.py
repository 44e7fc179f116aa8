"""Two gradients for the squared error of a softmax, of which the wrong one trains better.

The notebook has the gradient 2 (softmax - y), without the softmax's derivative. That is not
the gradient of its squared error but twice that of the cross-entropy. The script then draws
the notebook's pictures: weights before and after, the pixels placed by the first layer, and
the images in the plane. About a minute.
"""

import _start  # noqa: F401

# isort: split
import numpy as np
from matplotlib.figure import Figure

from kerasmodels import by_hand
from kerasmodels._scripts import command_line, pair_script
from kerasmodels._support import files
from kerasmodels.by_hand import pictures
from kerasmodels.by_hand.data import digits

# Two threes and two fours.
SHOWN = (3, 13, 4, 14)


def run(args):
    return pair_script.run(args, "digits_notebook", look)


def look(variants, args):
    """Loss along the batches, weights, warped grids, and the images in the plane."""
    fixed = variants["as fixed"]
    (x, y), _ = digits(scale=1.0)
    count = 60 if args.quick else 300
    encoded = pair_script.hidden(fixed.model, x[:count])
    return {
        "by_batch": inner_steps(args, x, y),
        "weights": [np.asarray(w).tolist() for w in fixed.start],
        "trained": [w.tolist() for w in fixed.model.get_weights()],
        "images": x[list(SHOWN)].tolist(),
        "labels": np.argmax(y[:count], axis=1).tolist(),
        "raw": plain(pictures.embeddings(x[:count], args.seed)),
        "encoded": plain(pictures.embeddings(encoded, args.seed)),
    }


def plain(found):
    return {name: np.asarray(values).tolist() for name, values in found.items()}


def inner_steps(args, x, y):
    """The loss of every step in the notebook's loop, with many steps on each batch."""
    batches, steps = (3, 5) if args.quick else (20, 40)
    model = by_hand.recipe("digits_notebook").network(args.seed, False)
    optimizer = by_hand.recipe("digits_notebook").optimizer(False)
    model.compile(optimizer, by_hand.SquaredError(reduction="sum"))
    rng = np.random.default_rng(args.seed)
    found = []
    for _ in range(batches):
        rows = rng.integers(0, len(x), 100)
        found.append([float(model.train_on_batch(x[rows], y[rows])) for _ in range(steps)])
    return found


def plot(result, path):
    pair_script.plot(result, path, 1, draw)
    draw_pictures(result, path.with_name("pictures.png"))


def draw(axes, result):
    values = np.array(result["more"]["by_batch"])
    step = np.arange(values.size)
    batch = np.repeat(np.arange(len(values)), values.shape[1])
    points = axes[0].scatter(step, values.ravel(), c=batch, s=3, cmap="viridis")
    axes[0].figure.colorbar(points, ax=axes[0], label="batch", ticks=[0, len(values) - 1])
    axes[0].set(xlabel="step", ylabel="loss of the batch", title="the notebook's own loop")


def draw_pictures(result, path):
    """Weights, warped pixel grids, and the embeddings of raw and encoded images."""
    more = result["more"]
    figure = Figure(figsize=(12, 11), layout="constrained")
    axes = figure.subplots(4, 4)
    for row, (title, weights) in enumerate(
        (("before", more["weights"]), ("after", more["trained"]))
    ):
        for column, values in enumerate(weights):
            panel = axes[0, 2 * column + row]
            values = np.array(values)
            limit = np.max(np.abs(values))
            panel.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
            panel.set(title=f"w{column + 1} {title} training")
            panel.set(xlabel="to unit", ylabel="from unit")
    places = pictures.pixel_positions(more["trained"][0])
    edges = pictures.grid_edges(8, 8)
    for panel, number, image in zip(axes[1], SHOWN, more["images"]):
        for a, b in edges:
            panel.plot(*places[[a, b]].T, color="lightgray", lw=0.7, zorder=1)
        panel.scatter(*places.T, c=image, cmap="gray_r", s=25, edgecolors="gray", zorder=2)
        digit = more["labels"][number]
        panel.set(title=f"pixels of a {digit} by w1", xticks=[], yticks=[])
    for row, kind in ((2, "raw"), (3, "encoded")):
        for panel, (name, values) in zip(axes[row], more[kind].items()):
            values = np.array(values)
            points = panel.scatter(*values.T, c=more["labels"], cmap="tab10", s=8, vmax=9)
            panel.set(title=f"{name}, {kind}", xticks=[], yticks=[])
        figure.colorbar(points, ax=axes[row], label="digit", ticks=range(10))
    files.save_figure(figure, path)


def main(argv=None):
    return command_line.main(
        "digits_notebook", __doc__, argv, run, plot, pair_script.summary
    )


if __name__ == "__main__":
    main()
