"""All thresholds on a list of scores, and the best of them."""

import numpy as np
from keras import ops

from kerasmodels._support import checks


def count_cuts(scores, positive, weight=1.0):
    """Counts, for each cut of the scores, the positives and negatives above it.

    Args:
        scores: Tensor `[n, columns]`. Each column is cut on its own.
        positive: Tensor `[n, 1]` of 0 and 1, in a type with exact sums of n.
        weight: Tensor `[n, 1]`, the weight of each sample.

    Returns:
        Tensors `[n + 1, columns]`: the cut (below all scores, between each two neighbours,
        above all), the positives above it, the negatives above it, and whether the cut is
        possible, which it is not between equal scores.
    """
    order = ops.argsort(scores, axis=0)
    scores = ops.take_along_axis(scores, order, axis=0)

    def running_sum(values):
        values = ops.broadcast_to(values, ops.shape(scores))
        values = ops.cumsum(ops.take_along_axis(values, order, axis=0), axis=0)
        return ops.concatenate([ops.zeros_like(values[:1]), values], axis=0)

    hits, alarms = running_sum(weight * positive), running_sum(weight * (1 - positive))
    # A distance of one would be lost in the rounding of a large score.
    below = scores[:1] - ops.maximum(1.0, 1e-6 * ops.abs(scores[:1]))
    above = scores[-1:] + ops.maximum(1.0, 1e-6 * ops.abs(scores[-1:]))
    cuts = ops.concatenate([below, scores[1:] / 2 + scores[:-1] / 2, above], axis=0)
    possible = ops.concatenate(
        [
            ops.ones_like(below, dtype="bool"),
            # There is no number between two neighbouring floats.
            (scores[:-1] < scores[1:]) & (cuts[1:-1] < scores[1:]),
            ops.ones_like(below, dtype="bool"),
        ],
        axis=0,
    )
    return cuts, hits[-1:] - hits, alarms[-1:] - alarms, possible


METRICS = {
    "accuracy": lambda tp, fp, pos, neg: (tp + neg - fp) / (pos + neg),
    "balanced_accuracy": lambda tp, fp, pos, neg: (tp / pos + (neg - fp) / neg) / 2,
    "f1": lambda tp, fp, pos, neg: 2 * tp / (tp + fp + pos),
}


def best_threshold(y_true, scores, metric="accuracy"):
    """The threshold on scores that maximises a metric, by trying all of them.

    The predicted class is 1 where score > threshold. Choose the threshold on validation
    data, because on training data the scores, and so the metric, are too good.

        accuracy            (TP + TN) / n
        balanced_accuracy   (TP / P + TN / N) / 2
        f1                  2 TP / (2 TP + FP + FN)

    Args:
        y_true: array `[n]` or `[n, 1]` of 0 and 1, both present.
        scores: array `[n]` or `[n, 1]`, probabilities, logits or any other score.
        metric: "accuracy", "balanced_accuracy" or "f1".

    Returns:
        (threshold, value): floats, with the middle one of equally good thresholds.

    Raises:
        ValueError: lengths differ, labels are not 0 and 1 or only one of them occurs, or
            scores are not finite.
    """
    owner = "best_threshold"
    checks.one_of(owner, "metric", metric, tuple(METRICS))
    scores = _column(owner, "scores", scores)
    labels = _column(owner, "y_true", y_true)
    if len(labels) != len(scores) or set(labels.tolist()) != {0.0, 1.0}:
        raise checks.ArgumentError(
            checks.message(
                owner,
                "y_true",
                f"{len(scores)} labels, as many as scores, 0 and 1, both present",
                f"{len(labels)} labels with the values {sorted(set(labels.tolist()))[:5]}",
            )
        )
    cuts, hits, alarms, possible = (
        ops.convert_to_numpy(part)[:, 0]
        for part in count_cuts(
            ops.convert_to_tensor(scores[:, None]), ops.convert_to_tensor(labels[:, None])
        )
    )
    cuts, hits, alarms = cuts[possible], hits[possible], alarms[possible]
    values = METRICS[metric](hits, alarms, labels.sum(), len(labels) - labels.sum())
    best = np.flatnonzero(values >= values.max() - 1e-12)
    place = best[(len(best) - 1) // 2]
    return float(cuts[place]), float(values[place])


def _column(owner, argument, value):
    """`[n]` or `[n, 1]` as float64 `[n]`."""
    array = checks.finite_array(owner, argument, value)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        received = checks.describe(array)
        raise checks.ArgumentError(
            checks.message(owner, argument, "of shape (n,) or (n, 1)", received)
        )
    return array
