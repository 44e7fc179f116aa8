"""The same predictions under losses that share a name or a symbol."""

import numpy as np

from kerasmodels import _checks


def compare_losses(y_true, y_pred):
    """What squared error and three cross-entropies make of the same predictions.

    For labels y and predictions p of K outputs:

        squared error            mean_k (p_k - y_k)^2                 Keras's "mse"
        log-likelihood           -sum_k y_k log p_k
        renormalised             -sum_k y_k log (p_k / sum_j p_j)
        binary cross-entropy     -mean_k (y_k log p_k + (1 - y_k) log (1 - p_k))

    The last two are Keras's "categorical_crossentropy" and "binary_crossentropy". The first
    divides by the sum of a row without a word, and so differs from the log-likelihood where
    rows do not sum to one.

    Args:
        y_true: array `[batch, outputs]`, 0 or 1.
        y_pred: array `[batch, outputs]`, in (0, 1).

    Returns:
        A dict: each loss by name with `rows`, one value per sample, and `mean`; `accuracy`;
        and `not_normalised`, the numbers of the rows that do not sum to one.

    Raises:
        ValueError: the shapes differ, or a prediction is not within (0, 1).
    """
    owner = "compare_losses"
    y = _checks.finite_array(owner, "y_true", y_true)
    p = _checks.finite_array(owner, "y_pred", y_pred)
    if y.shape != p.shape or y.ndim != 2:
        raise _checks.ArgumentError(
            _checks.message(
                owner,
                "y_pred",
                "of the shape (batch, outputs) of y_true",
                f"shapes {y.shape} and {p.shape}",
            )
        )
    if np.any((p <= 0) | (p >= 1)):
        raise _checks.ArgumentError(
            _checks.message(owner, "y_pred", "between 0 and 1", f"{p.min()} to {p.max()}")
        )
    total = p.sum(axis=1, keepdims=True)
    rows = {
        "squared error": np.mean((p - y) ** 2, axis=1),
        "log-likelihood": -np.sum(y * np.log(p), axis=1),
        "renormalised": -np.sum(y * np.log(p / total), axis=1),
        "binary cross-entropy": -np.mean(y * np.log(p) + (1 - y) * np.log1p(-p), axis=1),
    }
    return {
        **{n: {"rows": r.tolist(), "mean": float(np.mean(r))} for n, r in rows.items()},
        "accuracy": float(np.mean(np.argmax(p, axis=1) == np.argmax(y, axis=1))),
        "not_normalised": np.flatnonzero(np.abs(total[:, 0] - 1) > 1e-6).tolist(),
    }
