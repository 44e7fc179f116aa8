"""A network from images to classes: its rows, its targets, and its outputs.

An image of 8 x 8 pixels is one row of 64 numbers, its class a unit vector of ten, and a
batch a matrix. The gradient of a weight matrix is a matrix product, not a product entry by
entry. About fifteen seconds.
"""

import _start  # noqa: F401

# isort: split
import numpy as np

from kerasmodels._scripts import command_line, pair_script


def run(args):
    return pair_script.run(args, "digits_mlp", predictions)


def predictions(variants, args):
    """The first 25 test images with their answers, and the confusion matrix."""
    fixed = variants["as fixed"]
    x, y = fixed.test
    outputs = np.asarray(fixed.model(x))
    said, true = np.argmax(outputs, axis=1), np.argmax(y, axis=1)
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (true, said), 1)
    print(f"one image: a row of {x.shape[1]} numbers, {np.round(x[0, :8], 2)} ...")
    print(f"its class, {true[0]}, as a unit vector: {y[0].astype(int)}")
    print(f"outputs of the network: {np.round(outputs[0], 2)}\n")
    return {
        "images": x[:25].tolist(),
        "said": said[:25].tolist(),
        "true": true[:25].tolist(),
        "confusion": confusion.tolist(),
    }


def plot(result, path):
    pair_script.plot(result, path, 2, draw)


def draw(axes, result):
    more = result["more"]
    images = np.array(more["images"]).reshape(5, 5, 8, 8)
    sheet = np.zeros((5 * 10, 5 * 10))
    for row, column in np.ndindex(5, 5):
        top, left = 10 * row + 1, 10 * column + 1
        sheet[top : top + 8, left : left + 8] = images[row, column]
    axes[0].imshow(sheet, cmap="gray_r")
    for k, (said, true) in enumerate(zip(more["said"], more["true"])):
        axes[0].text(
            10 * (k % 5),
            10 * (k // 5) + 2,
            f"{said}" if said == true else f"{said}, is {true}",
            color="tab:blue" if said == true else "tab:red",
            fontsize=8,
        )
    axes[0].set(title="test images and answers", xticks=[], yticks=[])
    confusion = np.array(more["confusion"])
    axes[1].imshow(confusion, cmap="Blues")
    for place in zip(*np.nonzero(confusion)):
        color = "white" if confusion[place] > confusion.max() / 2 else "black"
        style = {"ha": "center", "va": "center", "size": 8, "color": color}
        axes[1].text(place[1], place[0], confusion[place], **style)
    axes[1].set(title="test set", xlabel="answer", ylabel="class")
    axes[1].set(xticks=range(10), yticks=range(10))


def main(argv=None):
    return command_line.main("digits_mlp", __doc__, argv, run, plot, pair_script.summary)


if __name__ == "__main__":
    main()
