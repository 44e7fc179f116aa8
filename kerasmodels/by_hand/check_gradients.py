"""Check of a gradient that a model computes itself, by two independent derivatives.

The hand gradient is the one that the model's `train_step` gives its optimizers, or assigns.
It is compared with the derivative of the same loss by `tf.GradientTape` and by central
differences, in float64 if the model can compute in it.
"""

import contextlib
import dataclasses

import keras
import numpy as np
import tensorflow as tf

from kerasmodels._support import checks
from kerasmodels.by_hand import hand_gradients as hand
from kerasmodels.by_hand.comparison import check_weights
from kerasmodels.by_hand.gradient_report import GradientReport
from kerasmodels.by_hand.references import Loss, coarsest, precision, types_of
from kerasmodels.by_hand.set_aside import keras_defaults, set_aside
from kerasmodels.by_hand.updates import run_step, words


def check_gradients(
    model, x, y, sample_weight=None, tolerance=1e-6, max_entries=200, learning_rate=None
):
    """Compares the gradient of a model's own `train_step` with automatic ones.

    The model itself is checked, not a copy: its weights and the rest of its state are set
    aside for the check, and put back bit for bit, also after an error. A velocity, or a
    similar state that the step adds to its updates, is zero during the check. The step may
    pass gradients to one or several optimizers, in one or several calls, or assign its
    weights itself. Updates do move the weights while the step runs, so that an early one
    has an effect: `order` names a layer whose weights change before the error goes back
    through them.

    Args:
        model: compiled Keras model whose `train_step` or whose layers compute a gradient
            of their own.
        x, y: one batch. Use sizes that are pairwise different (batch, features, units),
            because a forgotten transpose raises no error between equal ones. Layers that
            draw numbers, such as a dropout, draw the same ones each time; nothing else in
            the model may be random.
        sample_weight: None or `[batch]`.
        tolerance: float. Relative error against the tape from which a gradient is wrong;
            rounding in float64 is about 1e-9. Against differences the limit is a hundred
            times `tolerance`. These are needed because a gradient that a layer defines
            (`tf.custom_gradient`) is wrong in the tape too. A model whose code computes in
            a type of its own (a cast to float32) is checked in that type, with half of its
            digits as tolerance, and the report has a note of it.
        max_entries: int. Entries of each weight that are checked by differences.
        learning_rate: None, or the rate of a `train_step` that assigns weights itself,
            w <- w - rate * gradient. None uses the rate of the optimizer, or an attribute
            `learning_rate`, `lr` or `eta` of the model, if the updates are proportional to
            it. Otherwise one rate is fitted, which hides a factor that all gradients have
            in common, and the report has a note of it.

    Returns:
        A `GradientReport`.

    Raises:
        ValueError: the model is not compiled, has no trainable weights or no loss, or an
            argument is not of the form above.
    """
    owner = "check_gradients"
    checks.instance(owner, "model", model, keras.Model)
    if not model.compiled:
        raise checks.ArgumentError(
            checks.message(owner, "model", "compiled", "one that is not")
        )
    tolerance = checks.finite_float(owner, "tolerance", tolerance, above=0.0)
    max_entries = checks.positive_int(owner, "max_entries", max_entries)
    if learning_rate is not None:
        learning_rate = checks.finite_float(
            owner, "learning_rate", learning_rate, above=0.0
        )
    _check_batch(owner, x, y, sample_weight)
    x, y = _arrays(x), _arrays(y)
    _build(owner, model, x)
    batch = (x, y) if sample_weight is None else (x, y, np.asarray(sample_weight))
    options = tolerance, max_entries, learning_rate
    try:
        report = _report(model, batch, "float64", *options)
        told = report.failure
    except _NoLoss as error:
        report, told = None, str(error)
    if told is None:
        return report
    # The model's code may need one type: a cast to float32, a layer of another framework.
    try:
        report = _report(model, batch, None, *options)
    except _NoLoss as error:
        expected = "compiled with a loss that takes y and the model's output"
        raise checks.ArgumentError(
            checks.message(owner, "model", expected, f"an error of it: {error}")
        ) from error
    if report.failure:
        return report
    note = f"Compared in {report.dtype}, because in float64 the model stops: {told}"
    return GradientReport(
        report.weights, None, report.order, report.dtype, (note, *report.notes)
    )


class _NoLoss(Exception):
    """The loss of the batch cannot be computed."""


def _report(model, batch, dtype, tolerance, max_entries, learning_rate):
    """The report in a float type, or in the model's own for None."""
    with keras_defaults(dtype), set_aside(model, dtype):
        data = tuple(_in_type(part, keras.config.floatx()) for part in batch)
        limits = precision(dtype or coarsest(types_of(model)), tolerance)
        with set_aside(model):
            _build_metrics(model, *data)
            forgotten = _forget(model, data)
            try:
                loss = Loss(model, *data, *[None] * (3 - len(data)))
            except checks.ArgumentError:
                raise
            except Exception as error:
                raise _NoLoss(words(error)) from error
            options = learning_rate, limits.tolerance
            found = hand.hand_gradients(model, data, loss.by_tape, *options)
            # The step may round its gradients to a coarser type, in NumPy for example.
            handed = coarsest({limits.dtype, *found.types})
            limits = dataclasses.replace(
                limits, dtype=handed, tolerance=precision(handed, tolerance).tolerance
            )
            weights = check_weights(model, data, loss, found, limits, max_entries)
            order = None
            if found.count > 1 and found.failure is None and any(w.wrong for w in weights):
                options = learning_rate, limits.tolerance
                early = hand.early_updates(model, data, loss.by_tape, found, *options)
                order = _order(early, [w.weight for w in weights])
    notes = ()
    if dtype == "float64" != limits.dtype:
        notes = (f"The step rounds its gradients to {limits.dtype}, and so did the check.",)
    if forgotten:
        notes += (
            f"What the step carries on was set to zero first, as a velocity: {forgotten}. "
            "With it an update is no gradient.",
        )
    if found.fitted_rate is not None:
        notes += (
            "The learning rate of the weights that the step assigns was fitted: "
            f"{found.fitted_rate:.6g}. A factor that all their gradients have in common "
            "does not show. Pass `learning_rate` to have it checked.",
        )
    return GradientReport(weights, found.failure, order, limits.dtype, notes)


def _forget(model, data):
    """Sets the state to zero that an assigning step adds to updates; returns its names."""
    step, names = run_step(model, data), []
    for number in step.carried if step.changes else ():
        weight = model.non_trainable_variables[number]
        if np.any(weight.value.numpy()):
            weight.value.assign(tf.zeros_like(weight.value))
            names.append(weight.path)
    return ", ".join(names)


def _order(early, paths):
    """A sentence on weights that are updated too early, or None."""
    if not early:
        return None
    parts = [
        f"{paths[number]} is updated before the gradient of "
        f"{', '.join(paths[other] for other in others)} is taken through it"
        for number, others in early.items()
    ]
    return f"{'; '.join(parts)}. Compute every gradient first, and update then."


def _build_metrics(model, x, y, sample_weight=None):
    """Makes the metrics of `compile`, as `fit` does before its first step."""
    # A metric that does not fit is an error only of a step that updates it.
    with contextlib.suppress(Exception):
        model.compute_metrics(x, y, model(x, training=False), sample_weight)


def _build(owner, model, x):
    """Builds the model where needed, and changes nothing else."""
    built = model.built and all(layer.built for layer in model._flatten_layers())
    with set_aside(model) if built else contextlib.nullcontext():
        checks.known(owner, "x", x, model, "a batch that the model takes")
    if not model.trainable_variables:
        raise checks.ArgumentError(
            checks.message(
                owner,
                "model",
                "one with trainable weights",
                "one without",
                "Keras counts those that `add_weight` makes, and no `tf.Variable`.",
            )
        )


def _check_batch(owner, x, y, sample_weight):
    size = _samples(owner, "x", x)
    given = {"y": y} if sample_weight is None else {"y": y, "sample_weight": sample_weight}
    for name, value in given.items():
        if _samples(owner, name, value) != size:
            raise checks.ArgumentError(
                checks.message(
                    owner,
                    name,
                    f"as long as x, {size}",
                    f"{_samples(owner, name, value)} samples",
                )
            )
    if sample_weight is not None and np.shape(sample_weight) != (size,):
        received = f"shape {np.shape(sample_weight)}"
        raise checks.ArgumentError(
            checks.message(owner, "sample_weight", f"of shape ({size},)", received)
        )


def _samples(owner, name, value):
    """The number of samples in the arrays, which must be finite."""
    parts = tf.nest.flatten(_arrays(value))
    shapes = [checks.finite_array(owner, name, part).shape for part in parts]
    if len({shape[:1] for shape in shapes}) != 1 or () in shapes or 0 in shapes[0]:
        expected = "arrays with the samples as first axis, not empty"
        received = f"shapes {shapes}"
        raise checks.ArgumentError(checks.message(owner, name, expected, received))
    return shapes[0][0]


def _arrays(value):
    """Lists of numbers as arrays; lists of arrays, which are several inputs, unchanged."""
    if isinstance(value, (list, tuple)):
        if not any(hasattr(part, "shape") for part in tf.nest.flatten(value)):
            found = checks.as_numbers(value)
            return value if found is None else np.asarray(value)
    return value


def _in_type(value, dtype):
    """Arrays as tensors, with floats in the given type."""

    def tensor(part):
        part = np.asarray(part)
        return tf.constant(part.astype(dtype) if part.dtype.kind == "f" else part)

    return tf.nest.map_structure(tensor, value)
