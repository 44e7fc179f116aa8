"""A gradient that a model computes itself, against two that nobody derived by hand.

The hand gradient is what the model's `train_step` gives its optimizer. Beside it stand the
derivative of the same loss by `tf.GradientTape` and by central differences, in float64.
"""

import dataclasses

import keras
import numpy as np
import tensorflow as tf

from kerasmodels import _checks

# Of a difference, relative to the weight: small, as a ReLU has a kink in its way.
_STEP = 1e-6
# Size of a gradient, beside the largest of them, below which it is taken for that.
_LEAST = 1e-7
# What rounding leaves in such a difference of a loss of one.
_ROUNDING = 1e-8


@dataclasses.dataclass(frozen=True)
class WeightCheck:
    """One weight of a `GradientReport`.

    Attributes:
        weight: str. Its path.
        layer: str. The path without the name of the weight.
        shape: tuple. Of the weight.
        hand_shape: tuple. Of the hand gradient.
        error: float. Largest |hand - tape|, relative to the largest |tape| (or to 1e-7
            of the largest of all weights).
        difference_error: float. Largest distance of hand from the differences to both
            sides, likewise, over the entries that were looked at.
        cosine: float. Between the hand gradient and the tape's.
        wrong: bool.
    """

    weight: str
    layer: str
    shape: tuple
    hand_shape: tuple
    error: float
    difference_error: float
    cosine: float
    wrong: bool


@dataclasses.dataclass(frozen=True)
class GradientReport:
    """What `check_gradients` found; printed, it is a table.

    Attributes:
        weights: list of `WeightCheck`, from the input to the output.
        failure: None or str. The error that the backward pass ended in.
    """

    weights: list
    failure: str | None = None

    @property
    def right(self):
        """Whether every hand gradient agrees."""
        return self.failure is None and not any(w.wrong for w in self.weights)

    @property
    def first_wrong(self):
        """The layer nearest the output with a wrong gradient, or None.

        A backward pass hands its mistakes on towards the input, so this is where to look:
        in the lines of this layer, or in what the layer behind it hands back.
        """
        wrong = [w.layer for w in self.weights if w.wrong]
        return wrong[-1] if wrong else None

    def __str__(self):
        lines = [
            f"{'weight':32} {'shape':>9} {'against tape':>13} {'differences':>12} "
            f"{'cosine':>8}"
        ]
        for w in self.weights:
            shape = "x".join(map(str, w.shape)) or "scalar"
            lines.append(
                f"{w.weight:32} {shape:>9} {w.error:13.1e} {w.difference_error:12.1e} "
                f"{w.cosine:8.4f}" + ("   wrong" if w.wrong else "")
            )
        if self.failure:
            lines.append(f"The backward pass stopped: {self.failure}")
        elif self.right:
            lines.append("Every gradient agrees.")
        else:
            lines.append(f"Look at {self.first_wrong} first.")
        return "\n".join(lines)


class _Recorder(keras.optimizers.Optimizer):
    """Keeps the gradients that it is given, and changes nothing."""

    def __init__(self):
        super().__init__(learning_rate=0.0, name="recorder")
        self.seen = {}

    def build(self, variables):
        self.built = True

    def apply(self, grads, trainable_variables=None):
        # Not by the path: two layers may have one name.
        self.seen = {id(w): g for w, g in zip(trainable_variables, grads)}


def check_gradients(model, x, y, sample_weight=None, tolerance=1e-6, max_entries=200):
    """Compares the gradient of a model's own `train_step` with automatic ones.

    Args:
        model: compiled Keras model whose `train_step` or whose layers compute a gradient
            of their own. It stays as it is: a copy in float64 is checked.
        x, y: one batch; nothing in the model may be random. Take sizes that are pairwise
            different (batch, features, units): a forgotten transpose lives on equal ones.
        sample_weight: None or `[batch]`.
        tolerance: float. Relative error against the tape from which a gradient is wrong;
            float64 leaves 1e-9. Against differences it is a hundred times that. A
            gradient that a layer defines (`tf.custom_gradient`) deceives the tape too, and
            only these tell.
        max_entries: int. Entries of each weight that are checked by differences.

    Returns:
        A `GradientReport`.

    Raises:
        ValueError: the model is not compiled, or an argument is not of the form above.
    """
    owner = "check_gradients"
    _checks.instance(owner, "model", model, keras.Model)
    if not model.compiled:
        raise _checks.ArgumentError(
            _checks.message(owner, "model", "compiled", "one that is not")
        )
    tolerance = _checks.finite_float(owner, "tolerance", tolerance, above=0.0)
    max_entries = _checks.positive_int(owner, "max_entries", max_entries)
    size = _samples(owner, "x", x)
    given = {"y": y} if sample_weight is None else {"y": y, "sample_weight": sample_weight}
    for name, value in given.items():
        if _samples(owner, name, value) != size:
            raise _checks.ArgumentError(
                _checks.message(
                    owner,
                    name,
                    f"as long as x, {size}",
                    f"{_samples(owner, name, value)} samples",
                )
            )
    if sample_weight is not None and np.shape(sample_weight) != (size,):
        received = f"shape {np.shape(sample_weight)}"
        raise _checks.ArgumentError(
            _checks.message(owner, "sample_weight", f"of shape ({size},)", received)
        )
    _checks.known(owner, "x", _arrays(x), model, "a batch that the model takes")
    # Losses, and what Keras puts around them, compute in Keras's default type alone, and
    # layers that a model makes for itself have its default policy.
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        return _report(model, x, y, sample_weight, tolerance, max_entries)
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)


def _report(model, x, y, sample_weight, tolerance, max_entries):
    x, y = (tf.nest.map_structure(_float64, _arrays(value)) for value in (x, y))
    copy = _in_float64(model, x)
    recorder = _Recorder()
    loss = tf.nest.map_structure(_loss_in_float64, model.loss)
    copy.compile(recorder, loss, run_eagerly=True)
    data = (x, y) if sample_weight is None else (x, y, _float64(sample_weight))
    failure = None
    try:
        copy.train_step(data)
    except (ValueError, TypeError, tf.errors.OpError) as error:
        notes = getattr(error, "__notes__", [])
        failure = " ".join(" ".join([str(error), *notes]).split())

    def loss():
        return copy.compute_loss(x, y, copy(x, training=True), sample_weight)

    with tf.GradientTape() as tape:
        value = loss()
    tape_gradients = tape.gradient(value, copy.trainable_variables)
    loss = _as_graph(loss, value)
    weights, checks, dense = copy.trainable_variables, [], tf.convert_to_tensor
    tape_gradients = [
        # Of an embedding it comes in slices.
        np.zeros(weight.shape) if gradient is None else np.asarray(dense(gradient))
        for weight, gradient in zip(weights, tape_gradients)
    ]
    # A gradient that small beside the others is rounding.
    least = _LEAST * max((np.max(np.abs(g)) for g in tape_gradients), default=0.0) + 1e-300
    for weight, by_tape in zip(weights, tape_gradients):
        hand = recorder.seen.get(id(weight))
        if hand is None:
            # What nobody reads has no gradient; anything else has been forgotten.
            hand = by_tape if not np.any(by_tape) else by_tape * np.nan
        hand = np.asarray(dense(hand))
        checks.append(
            _check(weight, hand, by_tape, least, loss, tolerance, max_entries, failure)
        )
    return GradientReport(checks, failure)


def _as_graph(loss, value):
    """`loss` as a graph, because the differences evaluate it some hundred times.

    A model whose Python code a graph cannot hold keeps its `loss`: the graph fails, or
    its value is not the `value` that the code gives.
    """
    graph = tf.function(loss)
    try:
        found = float(graph())
    except Exception:
        return loss
    # A graph may add in another order.
    same = np.isclose(found, float(value), rtol=1e-12, atol=0.0, equal_nan=True)
    return graph if same else loss


def _check(weight, hand, by_tape, least, loss, tolerance, max_entries, failure):
    scale = max(np.max(np.abs(by_tape)), least)
    error, difference_error, cosine, seen = np.inf, np.inf, np.nan, True
    if hand.shape == by_tape.shape:
        low, high, entries = _differences(weight, loss, max_entries)
        error = np.max(np.abs(hand - by_tape)) / scale
        found = hand.ravel()[entries]
        # At a kink every slope between both sides is as good as any.
        apart = np.max(np.maximum(np.maximum(low - found, found - high), 0.0))
        difference_error = apart / scale
        # Rounding of the loss hides what is smaller.
        seen = apart > 100 * tolerance * scale + _ROUNDING * max(1.0, abs(float(loss())))
        product = np.linalg.norm(hand) * np.linalg.norm(by_tape)
        cosine = np.sum(hand * by_tape) / product if product else np.nan
    return WeightCheck(
        weight=weight.path,
        layer=weight.path.rpartition("/")[0],
        shape=tuple(weight.shape),
        hand_shape=hand.shape,
        error=float(error),
        difference_error=float(difference_error),
        cosine=float(cosine),
        wrong=bool(failure is None and (not error <= tolerance or seen)),
    )


def _differences(weight, loss, max_entries):
    """Slopes of the loss to both sides of some entries of a weight: low, high, which."""
    start, here = np.array(weight.numpy()), float(loss())
    rng = np.random.default_rng(0)
    entries = rng.permutation(start.size)[:max_entries]
    found = []
    for entry in entries:
        slopes = []
        for sign in (1, -1):
            moved = start.copy()
            step = sign * _STEP * max(1.0, abs(moved.flat[entry]))
            moved.flat[entry] += step
            weight.assign(moved)
            slopes.append((float(loss()) - here) / step)
        found.append(sorted(slopes))
    weight.assign(start)
    return *np.transpose(found), entries


def _in_float64(model, x):
    """The same model with the same weights, in float64."""
    config = _with_float64(keras.saving.serialize_keras_object(model))
    # Classes that nobody registered are at hand all the same.
    classes = {type(layer).__name__: type(layer) for layer in model._flatten_layers()}
    with keras.saving.custom_object_scope(classes):
        copy = keras.saving.deserialize_keras_object(config)
    copy.compiled = False
    copy(x)
    copy.set_weights(model.get_weights())
    return copy


def _loss_in_float64(loss):
    """The same loss; one that is a plain function takes what it is given."""
    loss = keras.losses.get(loss)
    if not isinstance(loss, keras.losses.Loss):
        return loss
    config = keras.saving.serialize_keras_object(loss)
    return keras.saving.deserialize_keras_object(_with_float64(config))


def _with_float64(config):
    """A serialized object in which every dtype policy is float64."""
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy":
            return {**config, "config": {**config["config"], "name": "float64"}}
        floats = ("float16", "bfloat16", "float32", "mixed_float16", "mixed_bfloat16")
        return {
            key: "float64" if key == "dtype" and value in floats else value
            for key, value in ((k, _with_float64(v)) for k, v in config.items())
            if key not in ("build_config", "compile_config")
        }
    if isinstance(config, (list, tuple)):
        return [_with_float64(value) for value in config]
    return config


def _samples(owner, name, value):
    """How many samples are in the arrays, which must be finite."""
    parts = tf.nest.flatten(_arrays(value))
    shapes = [_checks.finite_array(owner, name, part).shape for part in parts]
    if len({shape[:1] for shape in shapes}) != 1 or () in shapes or 0 in shapes[0]:
        expected = "arrays with the samples as first axis, not empty"
        received = f"shapes {shapes}"
        raise _checks.ArgumentError(_checks.message(owner, name, expected, received))
    return shapes[0][0]


def _arrays(value):
    """Lists of numbers as arrays; lists of arrays are several inputs."""
    if isinstance(value, (list, tuple)):
        if not any(hasattr(part, "shape") for part in tf.nest.flatten(value)):
            found = _checks.as_numbers(value)
            return value if found is None else np.asarray(value)
    return value


def _float64(value):
    value = np.asarray(value)
    return tf.constant(value.astype("float64") if value.dtype.kind == "f" else value)
