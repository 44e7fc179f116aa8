"""Segmentation with rare classes by the generalized dice loss, broken and right.

The images are handwritten digits on an empty canvas, with background and ten classes. One
small U-Net is trained from the same weights with cross-entropy, with a common broken
version of the generalized dice loss, with unweighted dice, and with
`kerasmodels.losses.GeneralizedDice`. Then the script runs the original question, in 3-D:
why does the network only predict background? About two and a half minutes on two cores.
`--mnist` downloads larger digits.
"""

import _start  # noqa: F401

# isort: split
import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

from kerasmodels import losses, segmentation
from kerasmodels._scripts import command_line
from kerasmodels._support import files


def as_written(y_true, y_pred):
    """The loss of the question, with class weights by NumPy, which only runs eagerly.

    Under TensorFlow 1 `y_true[..., k] == 1` was Python's False and every count zero, so
    every class had the weight 1e5 and the weights cancelled: unweighted dice, and no error.
    """
    weights = np.zeros(y_pred.shape[-1])
    for k in range(len(weights)):
        weights[k] = np.sum(np.asarray(y_true[..., k] == 1, np.int8))
    return ratio(1 / (weights**2 + 1e-5), y_true, y_pred)


def broken(labels, y_pred):
    """`as_written` by tensors, with counts over the batch and 1e-5 against 1 / 0.

    A class in no image of the batch has the weight 1e5, the others 1e-6 or less. A softmax
    gives every class some probability, so the loss stays at 1 for any prediction.
    """
    y_true = one_hot(labels, y_pred)
    count = tf.reduce_sum(y_true, axis=tuple(range(len(y_true.shape) - 1)))
    return ratio(1 / (count**2 + 1e-5), y_true, y_pred)


def as_under_tensorflow_1(labels, y_pred):
    """`as_written` with the result of TensorFlow 1, where all counts were zero."""
    y_true = one_hot(labels, y_pred)
    return ratio(tf.fill((y_pred.shape[-1],), 1e5), y_true, y_pred)


def one_hot(labels, y_pred):
    return tf.one_hot(
        tf.cast(labels[..., 0], "int32"), y_pred.shape[-1], dtype=y_pred.dtype
    )


def ratio(weights, y_true, y_pred):
    weights = tf.cast(weights, y_pred.dtype)
    axes = tuple(range(len(y_pred.shape) - 1))
    overlap = tf.reduce_sum(y_true * y_pred, axis=axes)
    size = tf.reduce_sum(y_true + y_pred, axis=axes)
    return 1 - 2 * tf.reduce_sum(weights * overlap) / tf.reduce_sum(weights * size)


LOSSES = {
    "cross-entropy": keras.losses.SparseCategoricalCrossentropy(),
    "broken": broken,
    "unweighted dice": losses.GeneralizedDice(weighting="uniform"),
    "generalized dice": losses.GeneralizedDice(),
}


def run(args):
    """Four losses on digits, three on spheres."""
    x, y = digits(args)
    size = 64 if args.quick else 1300
    held_out = 64 if args.quick else 400
    train, test = (x[:size], y[:size]), (x[-held_out:], y[-held_out:])
    share = float(np.mean(y == 0))
    print(f"{size} images of {x.shape[1]}x{x.shape[2]}, background {share:.1%}\n")
    weights = class_weights(y[:1])
    print("class weights for the first image (background, then the digits)")
    for name, values in weights.items():
        print(f"{name:17} " + " ".join(f"{value:8.1e}" for value in values))
    print(f"\nNumPy weights in a graph today: {graph_error()}")
    print(f"\n{'':17} foreground right  background predicted  pixels right  mean dice")
    rows, pictures = {}, {}
    for name, loss in LOSSES.items():
        size = {"width": 4, "depth": 1} if args.quick else {}
        model = segmentation.UNet(11, seed=args.seed, **size)
        rows[name] = segmentation.train_and_score(
            model,
            loss,
            train,
            test,
            epochs=1 if args.quick else 6,
            learning_rate=5e-3,
            seed=args.seed,
            jit_compile=not args.quick,
        )
        pictures[name] = np.argmax(model(test[0][:4]), axis=-1).tolist()
        print(line(name, rows[name]))
    print("\nspheres in 3-D, three classes, the rarest 0.3 % of the voxels")
    volumes = spheres(args)
    for name, row in volumes.items():
        print(line(name, row))
    print()
    return {
        "background": share,
        "class_weights": weights,
        "losses": rows,
        "spheres": volumes,
        "images": test[0][:4, ..., 0].tolist(),
        "truth": test[1][:4].tolist(),
        "predictions": pictures,
    }


def digits(args):
    """Images and masks: scikit-learn's digits, or MNIST."""
    if args.mnist:
        (images, labels), _ = keras.datasets.mnist.load_data()
        images, labels = images[:1797] / 255, labels[:1797]
        return segmentation.place_digits(images, labels, 40, 1, seed=args.seed)
    return segmentation.segmented_digits(seed=args.seed)


def class_weights(y):
    """The weight of each class in one image, per rule."""
    count = np.bincount(y.ravel(), minlength=11)
    rules = {"broken": (1 / (count**2 + 1e-5)).tolist()}
    for name, absent in (("largest present", "largest"), ("generalized dice", "image")):
        rules[name] = (
            losses.generalized_dice_weights(y, 11, absent=absent)[0].numpy().tolist()
        )
    return rules


def graph_error():
    """The name of the error that NumPy raises on symbolic tensors."""
    try:
        tf.function(as_written).get_concrete_function(
            tf.TensorSpec((2, 4, 4, 3)), tf.TensorSpec((2, 4, 4, 3))
        )
    except NotImplementedError as error:
        return str(error).strip().splitlines()[-1].strip()[:75]
    return "no error"


def spheres(args):
    """The 3-D question: its own loss, the right weights, and batch norm as well."""
    train = segmentation.spheres(
        4 if args.quick else 40, 16, (3.0, 2.0, 1.5), seed=args.seed
    )
    test = segmentation.spheres(
        2 if args.quick else 16, 16, (3.0, 2.0, 1.5), seed=args.seed + 1
    )
    rows = {}
    for name, loss, batch_norm in (
        ("as asked", as_under_tensorflow_1, False),
        ("weights right", losses.GeneralizedDice(), False),
        ("and batch norm", losses.GeneralizedDice(), True),
    ):
        size = {"width": 2, "depth": 1} if args.quick else {}
        model = segmentation.UNet(4, 3, batch_norm=batch_norm, seed=args.seed, **size)
        rows[name] = segmentation.train_and_score(
            model,
            loss,
            train,
            test,
            epochs=1 if args.quick else 8,
            batch_size=2,
            learning_rate=5e-3,
            seed=args.seed,
        )
    return rows


def line(name, row):
    """One row of the printed table."""
    return (
        f"{name:17} {row['foreground_accuracy']:16.3f} {row['background_share']:21.3f} "
        f"{row['pixel_accuracy']:13.3f} {row['mean_dice']:10.3f}"
    )


def plot(result, path):
    """Input, truth and predictions; class weights; loss over the epochs."""
    names = list(result["predictions"])
    fig = plt.figure(figsize=(11, 5.2), layout="constrained")
    left, right = fig.subfigures(1, 2, width_ratios=[1.25, 1])
    axes = left.subplots(4, 2 + len(names))
    titles = ["input", "truth", *(name.replace(" ", "\n") for name in names)]
    for k, row in enumerate(axes):
        row[0].imshow(result["images"][k], cmap="gray")
        masks = [result["truth"][k], *(result["predictions"][n][k] for n in names)]
        for axis, mask in zip(row[1:], masks):
            axis.imshow(mask, cmap="tab20", vmin=0, vmax=10, interpolation="nearest")
        for axis in row:
            axis.set_xticks([])
            axis.set_yticks([])
    for axis, title in zip(axes[0], titles):
        axis.set_title(title, fontsize=9)
    top, bottom = right.subplots(2, 1)
    places = np.arange(11)
    for k, (name, values) in enumerate(result["class_weights"].items()):
        top.bar(places + 0.27 * (k - 1), values, 0.27, label=name)
    top.set(yscale="log", ylabel="weight", xticks=places, title="class weights, one image")
    top.set_xticklabels(["bg", *map(str, range(10))])
    top.set_ylim(top=1e8)
    top.legend(fontsize=8, ncols=3, loc="upper center")
    for name, row in result["losses"].items():
        bottom.plot(np.arange(1, len(row["loss"]) + 1), row["loss"], ".-", label=name)
    bottom.set(xlabel="epoch", ylabel="training loss")
    bottom.legend(fontsize=8)
    files.save_figure(fig, path)
    plt.close(fig)


def main(argv=None):
    parser = command_line.make_parser("generalized_dice", __doc__)
    parser.add_argument(
        "--mnist", action="store_true", help="download MNIST instead of the embedded digits"
    )
    return command_line.execute(parser, parser.parse_args(argv), run, plot, summary)


def summary(result):
    """The line at the end of the output."""
    ours, bad = result["losses"]["generalized dice"], result["losses"]["broken"]
    asked, fixed = result["spheres"]["as asked"], result["spheres"]["and batch norm"]
    return (
        f"foreground right: generalized dice {ours['foreground_accuracy']:.3f}, broken "
        f"{bad['foreground_accuracy']:.3f}; spheres, mean dice: {fixed['mean_dice']:.3f}, "
        f"as asked {asked['mean_dice']:.3f} ({asked['background_share']:.1%} background)"
    )


if __name__ == "__main__":
    main()
