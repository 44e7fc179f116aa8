"""Diagnosis of a network that does not learn: possible causes, each with a number."""

import dataclasses

import numpy as np
import tensorflow as tf

from kerasmodels._support import checks
from kerasmodels.by_hand.check_gradients import check_gradients
from kerasmodels.by_hand.dense import HandDense
from kerasmodels.by_hand.mistakes import MISTAKES
from kerasmodels.by_hand.network import HandNetwork

# An activation counts as flat below this share of its largest slope.
_FLAT = 1e-4
# Share of a layer's units from which there is a finding. That of dead ReLUs is higher,
# because behind sigmoids half of them are at zero for every sample, and the others learn.
_SATURATED, _DEAD = 0.5, 0.9
# Spread of the logits over the samples, relative to their size, below which the output does
# not depend on the input.
_SPREAD = 1e-2
# Largest distance of the outputs from the class shares that counts as equal.
_PRIOR = 1e-3
# Gradient of a single layer, relative to that at weights of zero, below which the layer is
# at its best.
_BEST = 0.02
# Share of wrong answers above which there is a finding.
_WRONG = 0.1


@dataclasses.dataclass(frozen=True)
class Finding:
    """One cause that keeps a network from learning.

    Attributes:
        name: str. "NaN outputs", "dead ReLUs", "saturated units", "vanished signal",
            "class priors", "no better weights" or "wrong gradient".
        number: float. The number that shows it.
        text: str. A sentence with the number.
    """

    name: str
    number: float
    text: str


def diagnose(model, x, y):
    """The causes that keep a network from learning, found on one batch.

    - NaN outputs: some outputs are not finite; the number is their share.
    - dead ReLUs: nine tenths or more of a layer are at zero for every sample.
    - saturated units: half or more of a layer's sigmoids or tanhs, over the samples, have
      less than 1e-4 of their largest slope; in an output layer only wrong outputs count.
    - vanished signal: the inputs of the last activation vary over the samples by less than
      a hundredth of their size (for a softmax, after their mean over the classes is
      subtracted), or of the spread of the targets where there is no activation.
    - class priors: every output is the mean of its target, to a thousandth of the spread of
      the targets.
    - no better weights: a single layer whose gradient is below 2 % of that at weights of
      zero, with more than a tenth of the answers wrong.
    - wrong gradient: `check_gradients` disagrees; the number is its largest error. If one
      of `MISTAKES` makes such a gradient, the text names it, for example a transpose left
      out; likewise a layer that is updated too early, and a gradient that is a multiple of
      the right one.

    Args:
        model: `HandNetwork`, compiled.
        x: array `[batch, features]`.
        y: array `[batch, outputs]`.

    Returns:
        A list of `Finding`, causes before their consequences; empty where there are none.

    Raises:
        ValueError: the model is no `HandNetwork` or is not compiled with a `HandLoss`, or
            y is not of the shape above.
    """
    checks.instance("diagnose", "model", model, HandNetwork)
    x, y = model.check_batch("diagnose", x, y)
    _, caches = model.forward(x)
    caches = [tuple(np.asarray(value) for value in cache) for cache in caches]
    output = caches[-1][2]
    finite = np.isfinite(output)
    if not np.all(finite):
        share = float(1 - np.mean(finite))
        text = f"{share:.0%} of the outputs are not finite; argmax of NaN is class 0."
        return [Finding("NaN outputs", share, text)]
    found = [*_flat_layers(model, caches, y)]
    spread = _spread(model.stack[-1].activation, caches[-1][1], y)
    if spread < _SPREAD:
        text = (
            "Over the samples the inputs of the last activation vary by only "
            f"{spread:.1e} of the expected size: the output does not depend on the input."
        )
        found.append(Finding("vanished signal", spread, text))
    distance = float(np.max(np.abs(output - np.mean(y, axis=0))))
    # Outputs equal to constant targets are right.
    if distance < _PRIOR * np.max(np.std(y, axis=0)):
        text = f"Every output is the share of its class, to {distance:.1e}."
        found.append(Finding("class priors", distance, text))
    report = check_gradients(model, x, y, max_entries=20)
    if not report.right:
        found.append(_wrong_gradient(model, x, y, report))
    elif len(model.stack) == 1 and y.shape[1] > 1:
        found += _at_its_best(model, x, y, output)
    return found


def _wrong_gradient(model, x, y, report):
    wrong = [weight for weight in report.weights if weight.wrong]
    worst = max((weight.error for weight in wrong), default=float("inf"))
    text = report.failure or f"Look at {report.first_wrong}: error {worst:.1e}."
    if report.order:
        text = report.order
    known = _known_mistake(model, x, y)
    if not known and wrong and wrong[-1].hint:
        known = f" The gradient of {wrong[-1].weight}: {wrong[-1].hint}."
    return Finding("wrong gradient", worst, text + known)


def _flat_layers(model, caches, y):
    """A finding for each layer in which most units have no slope."""
    for number, (layer, (_, z, a, _)) in enumerate(zip(model.stack, caches), 1):
        if layer.activation == "relu":
            flat, name, many = np.all(z <= 0, axis=0), "dead ReLUs", _DEAD
            told = "at zero for every sample"
        elif layer.activation in ("sigmoid", "tanh"):
            slope = 4 * a * (1 - a) if layer.activation == "sigmoid" else 1 - a * a
            flat, name, many = slope < _FLAT, "saturated units", _SATURATED
            told = "flat"
            if number == len(model.stack):
                # An output that is sure and right may be flat.
                flat &= np.abs(a - y) > 0.5
        else:
            continue
        share = float(np.mean(flat))
        if share >= many:
            yield Finding(name, share, f"Layer {number}: {share:.0%} of the units {told}.")


def _spread(activation, logits, y):
    """Deviation over the samples relative to the size, both as root mean squares."""
    if len(logits) < 2:
        return np.inf
    logits = logits.astype("float64")
    if activation.endswith("softmax"):
        # A number common to all classes changes no probability.
        logits = logits - logits.mean(axis=1, keepdims=True)
    size = np.sqrt(np.mean(logits**2))
    if activation == "identity":
        size = np.sqrt(np.mean(np.var(y, axis=0)))
    return float(np.sqrt(np.mean(np.var(logits, axis=0))) / max(size, 1e-300))


def _known_mistake(model, x, y):
    """A sentence on the mistake that makes the gradient of a model, or ""."""
    given = _gradients(model, x, y)
    twin = _twin(model)
    right = _gradients(twin, x, y)
    if given is not None and _alike(given, right):
        # Then no line of a layer is wrong, and a mistake without effect (a derivative left
        # out where it is one) would make the same gradient.
        return ""
    for layer in twin.stack:
        for name in MISTAKES:
            layer.mistake = name
            made = _gradients(twin, x, y)
            layer.mistake = None
            if given is not None and made is not None and _alike(given, made):
                return f" It is what {name!r} makes of it in {layer.name}."
            if given is None and made is None:
                # Where sizes do not fit there are no gradients to compare.
                return f" {name!r} in {layer.name} stops as well."
    return ""


def _twin(model):
    """The same network of plain `HandDense` layers, without a mistake."""
    layers = []
    for layer in model.stack:
        config = {**HandDense.get_config(layer), "mistake": None}
        layers.append(HandDense.from_config(config))
    twin = HandNetwork(layers, dtype=model.dtype_policy)
    twin.build((None, model.stack[0].kernel.shape[0]))
    for ours, theirs in zip(twin.hand_weights, model.hand_weights):
        ours.assign(theirs)
    twin.compile("sgd", model.loss)
    return twin


def _gradients(model, x, y):
    """The gradients of `backward`, or None where it raises an error."""
    try:
        _, caches = model.forward(x)
        return [np.asarray(g, "float64") for g in model.backward(caches, y)]
    except (ValueError, TypeError, tf.errors.OpError):
        return None


def _alike(given, made):
    return all(
        a.shape == b.shape and np.max(np.abs(a - b)) <= 1e-4 * np.max(np.abs(b)) + 1e-30
        for a, b in zip(given, made)
    )


def _at_its_best(model, x, y, output):
    """A finding for a single layer with no gradient left and many wrong answers."""
    wrong = float(np.mean(np.argmax(output, axis=1) != np.argmax(y, axis=1)))
    if wrong <= _WRONG:
        return
    kernel = model.stack[0].kernel
    now, before = kernel.numpy(), []
    for weights in (now, 0 * now):
        kernel.assign(weights)
        before.append(float(np.linalg.norm(_gradients(model, x, y)[0])))
    kernel.assign(now)
    share = before[0] / max(before[1], 1e-300)
    if share < _BEST:
        text = (
            f"The gradient is down to {share:.1e} of that at weights of zero, and "
            f"{wrong:.0%} of the answers are wrong: a single layer cannot do better."
        )
        yield Finding("no better weights", share, text)
