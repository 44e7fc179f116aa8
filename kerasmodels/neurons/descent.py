"""Full-batch gradient descent by Keras's `fit`, with weights and predictions recorded."""

import keras
import numpy as np
import tensorflow as tf

from kerasmodels._support import checks
from kerasmodels._support.batches import CheckedBatches

# One call of Keras's loop takes 2 ms, more than a hundred steps of one neuron.
BLOCK = 128


def doublings(steps):
    """0, 1, 2, 4, ... and `steps`."""
    return sorted({0, steps, *(2**k for k in range(steps.bit_length()))})


def descend(model, x, y, steps, record=None, callbacks=None):
    """Trains on the whole set as one batch, step by step, and records the path.

    `fit` on arrays with one epoch per step takes minutes for 10,000 steps. This function
    passes `fit` a repeated batch and makes 128 steps per call.

    Args:
        model: a compiled `LinearUnit`, `SigmoidUnit` or any Keras model.
        x, y: arrays with the batch as first axis.
        steps: int. Gradient steps.
        record: None or list of int: the steps after which to record. None records 0, 1,
            2, 4, 8, ... and the last.
        callbacks: None or list of Keras callbacks, called once per up to 128 steps.

    Returns:
        dict: "step" `[k]`, "prediction" `[k, n, ...]`, "weights", a list with one array
        `[k, ...]` per trainable weight.

    Raises:
        ValueError: `steps` is not positive, a recorded step lies outside, or the model
            refuses x or y.
    """
    owner = "descend"
    steps = checks.positive_int(owner, "steps", steps)
    record = doublings(steps) if record is None else record
    if (
        not isinstance(record, (list, tuple, range))
        or not record
        or not all(type(k) is int and 0 <= k <= steps for k in record)
    ):
        raise checks.ArgumentError(
            checks.message(
                owner, "record", f"a list of steps from 0 to {steps}", f"record={record!r}"
            )
        )
    record = sorted(set(record))
    for name, value in (("x", x), ("y", y)):
        checks.finite_array(owner, name, value)
    x, y = np.asarray(x), np.asarray(y)
    if not x.ndim or not y.ndim or len(x) != len(y) or not len(x):
        raise checks.ArgumentError(
            checks.message(
                owner,
                "y",
                "as long as x, and neither empty",
                f"shapes {x.shape} and {y.shape}",
            )
        )
    checks.instance(owner, "model", model, keras.Model)
    if not model.compiled:
        raise checks.ArgumentError(
            checks.message(
                owner, "model", "a compiled Keras model", checks.describe(model),
                "Call model.compile(optimizer, loss) first.",
            )
        )  # fmt: skip
    if isinstance(model, CheckedBatches):
        model.check_x(x)
        model.check_y(y, x)
    compiled = model.steps_per_execution
    data = tf.data.Dataset.from_tensors((x, y)).repeat()
    predictions, weights = [], []
    done = 0
    for step in sorted({*record, steps}):
        _advance(model, data, step - done, callbacks)
        done = step
        if step in record:
            predictions.append(np.asarray(model(x)))
            weights.append([w.numpy() for w in model.trainable_weights])
    model.steps_per_execution = compiled
    model.make_train_function(force=True)
    return {
        "step": record,
        "prediction": np.stack(predictions),
        "weights": [np.stack(column) for column in zip(*weights)],
    }


def _advance(model, data, steps, callbacks):
    for block, count in ((BLOCK, steps // BLOCK * BLOCK), (1, steps % BLOCK)):
        if not count:
            continue
        if model.steps_per_execution != block:
            model.steps_per_execution = block
            model.make_train_function(force=True)
        model.fit(
            data, steps_per_epoch=count, verbose=0, shuffle=False, callbacks=callbacks
        )
