"""Values of several losses with similar names for the same predictions."""

import warnings

import numpy as np

from kerasmodels._support import checks


def compare_losses(y_true, y_pred):
    """Squared error and three cross-entropies of the same predictions.

    For labels y and predictions p of K outputs:

        squared error            mean_k (p_k - y_k)^2                 Keras's "mse"
        log-likelihood           -sum_k y_k log p_k
        renormalised             -sum_k y_k log (p_k / sum_j p_j)
        binary cross-entropy     -mean_k (y_k log p_k + (1 - y_k) log (1 - p_k))

    The last two are Keras's "categorical_crossentropy" and "binary_crossentropy". The
    renormalised one divides by the sum of a row, and so differs from the log-likelihood
    where rows do not sum to one; a warning gives their number and the first of them. In
    logarithms 0 and 1 are replaced by 1e-7 and 1 - 1e-7, as in Keras.

    Args:
        y_true: array `[batch, outputs]`, 0 or 1.
        y_pred: array `[batch, outputs]`, in [0, 1]; at least two outputs.

    Returns:
        A dict: each loss by name with `rows`, one value per sample, and `mean`; `accuracy`;
        and `not_normalised`, the numbers of the rows that do not sum to one.

    Raises:
        ValueError: the shapes differ, there is one output alone, a label is neither 0 nor
            1, or a prediction is not within [0, 1].
    """
    owner = "compare_losses"
    y = checks.finite_array(owner, "y_true", y_true)
    p = checks.finite_array(owner, "y_pred", y_pred)
    if y.shape != p.shape or y.ndim != 2 or y.shape[1] < 2 or not len(y):
        raise checks.ArgumentError(
            checks.message(
                owner,
                "y_pred",
                "of the shape (batch, outputs) of y_true, with two outputs or more",
                f"shapes {y.shape} and {p.shape}",
                "One output p is the pair (1 - p, p).",
            )
        )
    if np.any((y != 0) & (y != 1)):
        raise checks.ArgumentError(
            checks.message(owner, "y_true", "0 or 1", f"{y.min():g} to {y.max():g}")
        )
    if np.any((p < 0) | (p > 1)):
        received = f"{p.min():g} to {p.max():g}"
        raise checks.ArgumentError(
            checks.message(owner, "y_pred", "between 0 and 1", received)
        )
    total = p.sum(axis=1, keepdims=True)
    off = np.flatnonzero(np.abs(total[:, 0] - 1) > 1e-6).tolist()
    if off:
        warnings.warn(
            f"{len(off)} of {len(p)} rows of `y_pred` do not sum to one, the first of them "
            f"row {off[0]} with {total[off[0], 0]:g}: they are no probabilities, and "
            "Keras's categorical cross-entropy divides each by its sum.",
            stacklevel=2,
        )
    squared = np.mean((p - y) ** 2, axis=1)
    right = np.argmax(p, axis=1) == np.argmax(y, axis=1)
    shares = np.clip(p / np.maximum(total, 1e-7), 1e-7, 1 - 1e-7)
    p = np.clip(p, 1e-7, 1 - 1e-7)
    rows = {
        "squared error": squared,
        "log-likelihood": -np.sum(y * np.log(p), axis=1),
        "renormalised": -np.sum(y * np.log(shares), axis=1),
        "binary cross-entropy": -np.mean(y * np.log(p) + (1 - y) * np.log1p(-p), axis=1),
    }
    return {
        **{n: {"rows": r.tolist(), "mean": float(np.mean(r))} for n, r in rows.items()},
        "accuracy": float(np.mean(right)),
        "not_normalised": off,
    }
