"""Training of a segmentation model, and its scores on a test set."""

import keras
import numpy as np
import tensorflow as tf

from kerasmodels._support import checks
from kerasmodels.losses import MeanDice


def train_and_score(
    model,
    loss,
    train,
    test,
    epochs,
    batch_size=16,
    learning_rate=3e-3,
    seed=0,
    jit_compile=False,
):
    """Trains a model with Adam, and scores it on the test set by more than the loss.

    Args:
        model: a Keras model, images -> class scores. Class 0 is the background.
        loss: a Keras loss on integer labels.
        train, test: pairs (images, integer masks).
        epochs, batch_size: int. Batches are full; the images left over are not used in
            that epoch.
        learning_rate: float.
        seed: int. Of the order of the images, which differs from epoch to epoch.
        jit_compile: bool. Whether to compile with XLA.

    Returns:
        dict: "loss" (list, one per epoch), "pixel_accuracy", "foreground_accuracy" (share
        of the foreground's pixels with the right class), "background_share" (of the
        prediction), "mean_dice" (over the foreground classes) and "dice" (per class).

    Raises:
        ValueError: an argument is not of the form above, a label is no class of the model,
            or the set has fewer images than a batch.
        FloatingPointError: the loss became NaN or infinite.
    """
    owner = "train_and_score"
    checks.instance(owner, "model", model, keras.Model)
    if (
        loss is None
        or checks.known(owner, "loss", loss, keras.losses.get, "a loss") is None
    ):
        received = f"loss={checks.describe(loss)}"
        raise checks.ArgumentError(checks.message(owner, "loss", "a loss", received))
    epochs = checks.positive_int(owner, "epochs", epochs)
    batch_size = checks.positive_int(owner, "batch_size", batch_size)
    seed = checks.seed_int(owner, seed)
    learning_rate = checks.finite_float(owner, "learning_rate", learning_rate, above=0.0)
    jit_compile = checks.boolean(owner, "jit_compile", jit_compile)
    (x, y), test = (_image_set(owner, *part) for part in (("train", train), ("test", test)))
    if len(x) < batch_size:
        raise checks.ArgumentError(
            checks.message(
                owner,
                "train",
                f"at least one batch of {batch_size} images",
                f"{len(x)} images",
                "Choose a smaller `batch_size`.",
            )
        )
    classes = model(x[:1]).shape[-1]
    for name, labels in (("train", y), ("test", test[1])):
        if labels.max() >= classes:
            expected = f"labelled from 0 to {classes - 1}, the classes of the model"
            received = f"labels up to {labels.max()}"
            raise checks.ArgumentError(checks.message(owner, name, expected, received))
    # Keras's losses for integer labels need them with the rank of the prediction.
    data = tf.data.Dataset.from_tensor_slices((x, y[..., None]))
    data = data.shuffle(len(x), seed=seed).batch(batch_size, drop_remainder=True)
    model.compile(keras.optimizers.Adam(learning_rate), loss, jit_compile=jit_compile)
    history = model.fit(data, epochs=epochs, verbose=0, shuffle=False).history
    if not np.all(np.isfinite(history["loss"])):
        raise FloatingPointError(
            f"`{owner}`: the loss became {history['loss'][-1]} within {epochs} epochs. "
            "Choose a smaller `learning_rate`, and check that the images are finite."
        )
    return {"loss": history["loss"], **score(model, *test)}


def _image_set(owner, name, part):
    """A pair (images, masks) as arrays, or raises ValueError."""
    if not isinstance(part, (tuple, list)) or len(part) != 2:
        received = f"{name}={checks.describe(part)}"
        raise checks.ArgumentError(
            checks.message(owner, name, "a pair (images, masks)", received)
        )
    checks.finite_array(owner, name, part[0])
    x, y = np.asarray(part[0]), checks.labels(owner, name, part[1])
    if x.shape[:-1] != y.shape or not y.size or y.min() < 0:
        raise checks.ArgumentError(
            checks.message(
                owner,
                name,
                "images (n, spatial axes ..., channels) with integer masks "
                "(n, spatial axes ...) from 0",
                f"shapes {x.shape} and {y.shape}"
                + (f", labels from {y.min()}" if y.size else ""),
            )
        )
    return x, y


def score(model, x, y):
    """The scores of `train_and_score` for a trained model."""
    prediction = model.predict(x, verbose=0)
    classes = prediction.shape[-1]
    metric = MeanDice(classes, per_class=True)
    metric.update_state(y, prediction)
    dice = {name: float(value) for name, value in metric.result().items()}
    found = prediction.argmax(axis=-1)
    return {
        "pixel_accuracy": float(np.mean(found == y)),
        "foreground_accuracy": float(np.mean(found[y > 0] == y[y > 0])),
        "background_share": float(np.mean(found == 0)),
        "mean_dice": dice["mean_dice"],
        "dice": [dice[f"dice_{k}"] for k in range(classes)],
    }
