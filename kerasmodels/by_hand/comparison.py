"""Comparison of hand gradients with the tape's and with differences, weight by weight."""

import math

import numpy as np
import tensorflow as tf

from kerasmodels.by_hand.gradient_report import WeightCheck, hint


def check_weights(model, data, loss, found, limits, max_entries):
    """One `WeightCheck` for each trainable weight.

    Args:
        model: `keras.Model`, set aside.
        data: tuple of tensors, whose sizes are used for the hints.
        loss: `Loss` of the same batch.
        found: `HandGradients`.
        limits: `Precision`.
        max_entries: int. Entries of each weight that are checked by differences.
    """
    # A smaller gradient, relative to the largest, is rounding error.
    largest = max(np.max(np.abs(gradient), initial=0.0) for gradient in loss.by_tape)
    least = limits.least * largest + 1e-300
    samples = len(tf.nest.flatten(data[0])[0])
    outputs = math.prod(tf.nest.flatten(data[1])[0].shape[1:])
    checks = []
    for number, weight in enumerate(model.trainable_variables):
        by_tape, by_hand = loss.by_tape[number], found.gradients[number]
        if by_hand is None and not np.any(by_tape):
            # An unused weight has no gradient. A used weight without one was forgotten.
            by_hand = by_tape
        scale = max(np.max(np.abs(by_tape), initial=0.0), least)
        error, apart, cosine, factor, seen = np.inf, np.inf, np.nan, np.nan, True
        shape = None if by_hand is None else by_hand.shape
        if found.failure is None and shape == by_tape.shape:
            error = np.max(np.abs(by_hand - by_tape), initial=0.0)
            apart = _from_differences(loss, weight, by_hand, limits, max_entries)
            # Smaller differences are lost in the rounding of the loss.
            noise = limits.rounding * max(1.0, abs(loss.value))
            seen = not apart <= 100 * limits.tolerance * scale + noise
            cosine, factor = _cosine_and_factor(by_hand, by_tape)
        allowed = limits.tolerance * scale + found.rounding[number]
        wrong = found.failure is None and (not error <= allowed or seen)
        checks.append(
            WeightCheck(
                weight=weight.path,
                layer=weight.path.rpartition("/")[0],
                shape=tuple(weight.shape),
                hand_shape=shape,
                error=float(error / scale),
                difference_error=float(apart / scale),
                cosine=float(cosine),
                wrong=bool(wrong),
                factor=float(factor),
                hint=hint(shape, by_tape.shape, factor, samples, outputs) if wrong else "",
            )
        )
    return checks


def _from_differences(loss, weight, by_hand, limits, max_entries):
    """Largest distance of a gradient from the slopes of the loss to both sides."""
    if not by_hand.size:
        return 0.0
    low, high, entries = loss.differences(weight, max_entries, limits.step)
    found = by_hand.ravel()[entries]
    # At a kink every slope between those of both sides is right.
    return np.max(np.maximum(np.maximum(low - found, found - high), 0.0))


def _cosine_and_factor(by_hand, by_tape):
    """Both NaN where the tape is zero; the factor NaN where the two are not parallel."""
    length, size = np.linalg.norm(by_hand), np.linalg.norm(by_tape)
    if not size > 0:
        return np.nan, np.nan
    product = np.sum(by_hand * by_tape)
    cosine = product / (length * size) if length else np.nan
    factor = product / size**2
    rest = np.linalg.norm(by_hand - factor * by_tape)
    # Two scalars are always parallel.
    return cosine, factor if rest <= 1e-3 * length else np.nan
