"""The inputs that a `GlobalModel` accepts."""

import numpy as np
import tensorflow as tf
from keras import ops

from kerasmodels._support import checks


def validated_inputs(model, inputs):
    """The inputs of a `GlobalModel` with t repeated per path, or an error.

    Args:
        model: `GlobalModel`.
        inputs: the tuple (x, dw, t).

    Returns:
        The tuple (x, dw, t) in the dtype of the model's variables, t `[batch, N + 1, 1]`.

    Raises:
        ValueError: a shape or a value is wrong, or, where each network belongs to one grid
            time, a time is not the model's. Inside a graph only finiteness is checked,
            when it runs: `tf.errors.InvalidArgumentError`; under XLA not even that.
    """
    if not isinstance(inputs, (tuple, list)) or len(inputs) != 3:
        raise checks.ArgumentError(
            checks.message(
                "GlobalModel",
                "inputs",
                "the tuple (x, dw, t)",
                f"{type(inputs).__name__} of {checks.describe(inputs)}",
            )
        )
    x, dw, t = (
        ops.cast(checks.tensor("GlobalModel", name, value), model.variable_dtype)
        for name, value in zip(("x", "dw", "t"), inputs)
    )
    n, dim, noise_dim = model.num_steps, model.equation.dim, model.equation.noise_dim
    received = (
        f"x.shape={tuple(x.shape)}, dw.shape={tuple(dw.shape)}, t.shape={tuple(t.shape)}"
    )
    expected = (
        f"`GlobalModel` steps over {n} intervals in dimension {dim}, so it expects x "
        f"of shape (batch, {n + 1}, {dim}), dw of shape (batch, {n}, {noise_dim}) and t of "
        f"shape (batch, {n + 1}, 1) or ({n + 1},). Received: {received}."
    )
    for value in (x, dw):
        if len(value.shape) == 2:
            raise checks.ArgumentError(
                f"{expected} Add the last axis, x[..., None] and dw[..., None]: "
                "without it z . dW would broadcast over the batch."
            )
    if len(t.shape) == 1 and t.shape[0] == n + 1:
        t = ops.broadcast_to(t[None, :, None], (ops.shape(x)[0], n + 1, 1))
    wanted = ((x, (n + 1, dim)), (dw, (n, noise_dim)), (t, (n + 1, 1)))
    if any(tuple(value.shape[1:]) != shape for value, shape in wanted):
        raise checks.ArgumentError(f"{expected} {_advice(n, x, dw, t)}")
    sizes = {value.shape[0] for value in (x, dw, t)} - {None}
    if sizes == {0}:
        raise checks.ArgumentError(f"{expected} There are no paths in it.")
    if len(sizes) > 1:
        raise checks.ArgumentError(f"{expected} The batch sizes differ.")
    if tf.executing_eagerly():
        _check_values(model, x, dw, t, received)
    else:
        text = f"`GlobalModel` received NaN or infinite values: {received}."
        x = tf.debugging.check_numerics(x, text)
        dw = tf.debugging.check_numerics(dw, text)
        t = tf.debugging.check_numerics(t, text)
    return x, dw, t


def _advice(n, x, dw, t):
    """Advice for paths of another number of times than n steps have."""
    noise, x_times, t_times = _times(dw), _times(x), _times(t)
    advice = []
    if noise == n + 1:
        advice.append(
            f"dw has {n + 1} times, as the Brownian motion W has: `np.diff(W, axis=1)` "
            "makes its increments."
        )
    if noise in (n, n + 1) and n in (x_times, t_times):
        advice.append(f"{n} steps have {n + 1} times: x and t need the terminal time too.")
    return " ".join(advice) or (
        "Sample the paths on the grid of this model: `sample_paths(..., grid=model.grid)`."
    )


def _times(value):
    """The number of times in a batch, or in a grid `[N + 1]`; None where there is none."""
    size = len(value.shape)
    return value.shape[min(1, size - 1)] if size else None


def _check_values(model, x, dw, t, received):
    for name, value in (("x", x), ("dw", dw), ("t", t)):
        bad = np.argwhere(~np.isfinite(np.asarray(value)))
        if len(bad):
            raise checks.ArgumentError(
                f"`GlobalModel` expects finite inputs. Received {len(bad)} NaN or "
                f"infinite values in {name}, the first at index "
                f"{tuple(bad[0].tolist())}: {received}."
            )
    if not model.fixed_times:
        return
    # Here a network (or a function a_n) belongs to each time of the model's grid.
    gap = float(np.max(np.abs(np.asarray(t)[:, :, 0] - model.grid)))
    if gap > 1e-5 * model.grid[-1]:
        raise checks.ArgumentError(
            "`GlobalModel` has networks that belong to one time each, so it expects `t` to "
            f"be its own grid. Received times up to {gap:.3g} away from it: {received}. "
            'Sample on `model.grid`, or use the control process "shared" without a skip.'
        )
