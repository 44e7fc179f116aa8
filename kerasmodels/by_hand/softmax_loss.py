"""Loss and gradient of a linear softmax, by loops and by matrices, in NumPy."""

import numpy as np

from kerasmodels._support import checks


def _checked(owner, weights, x, labels, l2):
    weights = checks.finite_array(owner, "weights", weights)
    x = checks.finite_array(owner, "x", x)
    l2 = checks.finite_float(owner, "l2", l2, at_least=0.0)
    labels = checks.labels(owner, "labels", labels)
    fits = weights.ndim == 2 and x.ndim == 2 and x.shape[1] == weights.shape[0]
    if not fits or not x.size or labels.shape != x.shape[:1]:
        raise checks.ArgumentError(
            checks.message(
                owner,
                "weights, x, labels",
                "shapes (features, classes), (batch, features), (batch,)",
                f"{weights.shape}, {x.shape}, {labels.shape}",
            )
        )
    if np.any((labels < 0) | (labels >= weights.shape[1])):
        expected = f"integers from 0 to {weights.shape[1] - 1}"
        received = f"{labels.min()} to {labels.max()}"
        raise checks.ArgumentError(checks.message(owner, "labels", expected, received))
    return weights, x, labels, l2


def softmax_loss_naive(weights, x, labels, l2=0.0):
    """Loss and gradient by loops over samples and classes, as derived on paper.

        L_i = -s_y + log sum_j exp(s_j),    dL_i/ds_j = p_j - [j = y],    ds_j/dw_j = x_i
        L = mean_i L_i + l2 / 2 sum W^2

    Args:
        weights: array `[features, classes]`.
        x: array `[batch, features]`.
        labels: integers `[batch]`.
        l2: float.

    Returns:
        The pair (loss, gradient `[features, classes]`).

    Raises:
        ValueError: the shapes do not fit, or a label is no class.
    """
    weights, x, labels, l2 = _checked("softmax_loss_naive", weights, x, labels, l2)
    loss, gradient = 0.0, np.zeros_like(weights)
    for row, label in zip(x, labels):
        scores = row @ weights
        # This changes no probability, and no exponent is above zero.
        scores = scores - np.max(scores)
        total = np.sum(np.exp(scores))
        loss += np.log(total) - scores[label]
        for j in range(weights.shape[1]):
            p = np.exp(scores[j]) / total
            gradient[:, j] += (p - (j == label)) * row
    count = len(x)
    return (
        float(loss / count + l2 / 2 * np.sum(weights**2)),
        gradient / count + l2 * weights,
    )


def softmax_loss_vectorized(weights, x, labels, l2=0.0):
    """`softmax_loss_naive` by matrices: dW = x^T (P - Y) / N + l2 W.

    Arguments, results and errors as there.
    """
    weights, x, labels, l2 = _checked("softmax_loss_vectorized", weights, x, labels, l2)
    scores = x @ weights
    scores = scores - np.max(scores, axis=1, keepdims=True)
    powers = np.exp(scores)
    total = np.sum(powers, axis=1)
    every = np.arange(len(x))
    loss = np.mean(np.log(total) - scores[every, labels])
    error = powers / total[:, None]
    error[every, labels] -= 1
    return (
        float(loss + l2 / 2 * np.sum(weights**2)),
        x.T @ error / len(x) + l2 * weights,
    )
