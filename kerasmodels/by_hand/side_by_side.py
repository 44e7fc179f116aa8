"""Training and diagnosis of both variants of a recipe, "as asked" and "as fixed"."""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from kerasmodels._support import checks
from kerasmodels.by_hand.check_gradients import check_gradients
from kerasmodels.by_hand.diagnose import diagnose
from kerasmodels.by_hand.recipes import Recipe

# Short epochs are joined into one Keras epoch of at most so many numbers.
_MOST_NUMBERS = 2**24
# A history has at least so many points, or one per epoch.
_POINTS = 20
# Samples for `diagnose`.
_LOOKED_AT = 200


@dataclasses.dataclass
class Variant:
    """One variant of a recipe, trained.

    Attributes:
        name: "as asked" or "as fixed".
        model: `HandNetwork`, trained.
        train, test: pairs (x, y), with x as passed to the model.
        start: list of arrays, the weights before training.
        report: `GradientReport` of the first batch, before training.
        before, after: lists of `Finding`, before and after training.
        history: dict of lists: `epoch`, `loss` and, where the recipe has one, `accuracy`.
        test_accuracy: float or None.
        failure: None or str. The error that stopped the training.
    """

    name: str
    model: Any
    train: tuple
    test: tuple
    start: list
    report: Any
    before: list
    after: list
    history: dict
    test_accuracy: float | None
    failure: str | None

    def to_dict(self):
        """Plain numbers and strings, for a result file."""
        return {
            "history": {
                # JSON has no NaN.
                key: [value if np.isfinite(value) else None for value in values]
                for key, values in self.history.items()
            },
            "test_accuracy": self.test_accuracy,
            "failure": self.failure,
            "gradients": str(self.report),
            "wrong_layer": self.report.first_wrong,
            "before": [finding.text for finding in self.before],
            "after": [finding.text for finding in self.after],
        }


def side_by_side(recipe, seed=0, epochs=None):
    """Both variants of a `Recipe`, on the same data in the same order.

    Args:
        recipe: `Recipe`.
        seed: int. Of the weights, the data and the order of the data.
        epochs: None or int.

    Returns:
        A dict "as asked" / "as fixed" of `Variant`.
    """
    checks.instance("side_by_side", "recipe", recipe, Recipe)
    seed = checks.seed_int("side_by_side", seed)
    epochs = recipe.epochs if epochs is None else epochs
    epochs = checks.positive_int("side_by_side", "epochs", epochs)
    return {name: _variant(recipe, name, seed, epochs) for name in ("as asked", "as fixed")}


def _variant(recipe, name, seed, epochs):
    as_asked = name == "as asked"
    train_set, test_set = ((recipe.inputs(x, as_asked), y) for x, y in recipe.data(seed))
    x, y = train_set
    model = recipe.network(seed, as_asked)
    batch = len(x) if recipe.batch_size is None else recipe.batch_size
    model.compile(
        recipe.optimizer(as_asked),
        recipe.loss(),
        metrics=[] if recipe.metric is None else [recipe.metric],
        steps_per_execution=min(16, len(x) // batch * epochs),
    )
    start = model.get_weights()
    report = check_gradients(model, x[:batch], y[:batch], max_entries=50)
    some = slice(0, max(batch, _LOOKED_AT))
    before = diagnose(model, x[some], y[some])
    history, failure, accuracy = {"epoch": [], "loss": []}, None, None
    try:
        history = train(model, x, y, batch, epochs, seed)
    except (ValueError, TypeError, tf.errors.OpError) as error:
        failure = " ".join(str(error).split())
    if recipe.metric is not None:
        history["accuracy"] = history.pop(recipe.metric, [])
        accuracy = float(model.evaluate(*test_set, verbose=0)[1])
    return Variant(
        name=name,
        model=model,
        train=train_set,
        test=test_set,
        start=start,
        report=report,
        before=before,
        after=diagnose(model, x[some], y[some]),
        history=history,
        test_accuracy=accuracy,
        failure=failure,
    )


def train(model, x, y, batch_size, epochs, seed):
    """`fit` on whole batches, each epoch in an order of its own.

    Short epochs are joined, because Keras's loop takes longer than a step on few samples.

    Args:
        model: compiled Keras model.
        x, y: arrays.
        batch_size, epochs: ints. The samples left over in an epoch are not used in it.
        seed: int. Of the order of the samples.

    Raises:
        ValueError: a batch is larger than the set.

    Returns:
        A dict of lists: `epoch`, and the logs of Keras at its end.
    """
    steps = len(x) // batch_size
    if steps == 0:
        raise checks.ArgumentError(
            checks.message("train", "batch_size", f"at most {len(x)}", str(batch_size))
        )
    together = max(1, min(epochs // _POINTS, 256 // steps, _MOST_NUMBERS // x.size))
    rng = np.random.default_rng(seed)
    found = {"epoch": []}
    for done in range(0, epochs, together):
        count = min(together, epochs - done)
        order = [rng.permutation(len(x))[: steps * batch_size] for _ in range(count)]
        order = np.concatenate(order)
        logs = model.fit(
            x[order], y[order], batch_size=batch_size, shuffle=False, verbose=0
        ).history
        found["epoch"].append(done + count)
        for key, values in logs.items():
            found.setdefault(key, []).append(float(values[-1]))
    return found
