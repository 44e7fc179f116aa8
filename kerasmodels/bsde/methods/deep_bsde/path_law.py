"""Warnings before training about paths whose shape is right but whose law is wrong.

A model takes increments dW_n and states x_n as they are. Three mistakes train without an
error, to a wrong u0: paths that do not start at the model's x0, where u0 and z0 belong;
increments whose variance is not dt; and W itself in the place of its increments.
"""

import types
import warnings

import keras
import numpy as np
import tensorflow as tf
from scipy import special

from kerasmodels._support import checks

# Increments that are read, at most.
_MOST_NUMBERS = 2**18
# One-sided p-value of the mean square (chi-squared) below which increments count as wrong;
# as rare as 7 sigma. A normal law in the place of chi-squared fails for few numbers.
_NEVER = 1e-12
# p-value above which the differences of dw count as having variance dt, so that dw may be
# W.
_LIKELY = 1e-6
# dw counts as W only if driven increments would give differences this small with less than
# this probability.
_DISTINCT = 1e-3
# Distance of a start from x0 in one coordinate, in units of the largest |x| of that
# coordinate; float32 rounding is about a hundred times smaller.
_START = 1e-4


def require_end(owner, argument, data, number):
    """Raises ValueError for a data set without an end and no number of batches.

    Args:
        owner, argument: str. The call, and its argument for the number of batches.
        data: what Keras was given as x.
        number: None or int. That argument.
    """
    if number is not None:
        return
    if isinstance(data, tf.data.Dataset):
        endless = int(data.cardinality()) == tf.data.INFINITE_CARDINALITY
    else:
        endless = isinstance(data, keras.utils.PyDataset) and data.num_batches is None
    if endless:
        raise checks.ArgumentError(
            checks.message(
                owner,
                argument,
                "a number of batches where the data set never ends",
                f"{argument}=None with an endless data set",
                f"Pass {argument}=600, or end it: `path_dataset(..., num_batches=600)`.",
            )
        )


def inspected(model, data):
    """Warns about the paths that a model is about to be fitted to, or evaluated on.

    The first batch of a data set is read an extra time (a generator's is put back).

    Args:
        model: `GlobalModel`.
        data: the tuple (x, dw, t), or a data set.

    Returns:
        `data`; for a generator, a new one that yields the batch read here first.
    """
    start = getattr(data, "starts_at", None)
    if start is not None:
        # Made by `path_dataset`: the law is right, only the start can be wrong; wrong
        # shapes are refused by the model.
        if len(start) == model.equation.dim:
            _check_start(model, np.reshape(start, (1, 1, -1)))
        return data
    if isinstance(data, types.GeneratorType):
        batch = next(data, None)
        data = _with_first(batch, data) if batch is not None else data
    elif isinstance(data, tf.data.Dataset):
        batch = next(iter(data), None)
    elif isinstance(data, keras.utils.PyDataset):
        batch = None if data.num_batches == 0 else data[0]
    else:
        batch = (data,)
    inputs = batch[0] if isinstance(batch, (tuple, list)) and batch else None
    paths = _as_arrays(model, inputs)
    if paths is not None:
        x, dw, t = paths
        _check_start(model, x)
        _check_increments(x, dw, np.diff(t, axis=1))
    return data


def _with_first(batch, rest):
    yield batch
    yield from rest


def _as_arrays(model, inputs):
    """x, dw, t of the first paths in float64.

    None where they are not three finite arrays of the expected shapes, with increasing
    times.
    """
    if not isinstance(inputs, (tuple, list)) or len(inputs) != 3:
        return None
    n, dim, noise_dim = model.num_steps, model.equation.dim, model.equation.noise_dim
    count = max(1, _MOST_NUMBERS // (n * max(dim, noise_dim)))
    arrays = []
    wanted = {"x": (n + 1, dim), "dw": (n, noise_dim), "t": (n + 1, 1)}
    for value, (name, shape) in zip(inputs, wanted.items()):
        if not hasattr(value, "shape"):
            return None
        if name == "t" and tuple(value.shape) == (n + 1,):
            # One grid for all paths.
            value = np.broadcast_to(value, (len(arrays[0]), n + 1))[..., None]
        if tuple(value.shape[1:]) != shape:
            return None
        array = checks.as_numbers(value[:count])
        if array is None or not array.size or not np.all(np.isfinite(array)):
            return None
        arrays.append(array)
    same = len({len(array) for array in arrays}) == 1
    return arrays if same and np.all(np.diff(arrays[2], axis=1) > 0) else None


def _check_start(model, x):
    """Warns where x `[paths, times, dim]` does not start at x0."""
    if model.importance_sampling:
        # The model steps its own x, from x0.
        return
    x0 = np.asarray(model.equation.x0, "float64")
    gap = np.max(np.abs(x[:, 0] - x0), axis=0)
    scale = np.maximum(np.max(np.abs(x), axis=(0, 1)), np.abs(x0))
    far = np.argmax(gap - _START * scale)
    if gap[far] > _START * scale[far]:
        path = np.argmax(np.abs(x[:, 0, far] - x0[far]))
        _warn(
            "`GlobalModel` expects paths `x` that start at the x0 of its equation, where "
            f"its u0 and z0 belong. Received: x[{path}, 0, {far}]={x[path, 0, far]:.6g} "
            f"where x0[{far}]={x0[far]:.6g}. Give the equation the x0 of the paths, or "
            "sample the paths again."
        )


def _check_increments(x, dw, dt):
    """Warns where dw `[paths, N, noise_dim]` is W, or has another variance than dt."""
    scaled = dw / np.sqrt(dt)
    if _is_path(dw, dt, scaled):
        _warn(
            "`GlobalModel` expects increments `dw` of variance dt. Received: numbers whose "
            "own differences have that variance, so W itself. `np.diff(W, axis=1)` makes "
            "the increments of W at all N + 1 times, with its zeros at time 0, and "
            "`np.diff(W, axis=1, prepend=0)` those of W at the N times after it."
        )
        return
    size, normal = _mean_square(scaled)
    if normal < _NEVER and not (size > 1 and _has_drift(x, scaled, size)):
        _warn(
            "`GlobalModel` expects increments `dw` of variance dt. Received: dw^2 / dt "
            f"with a mean of {size:.3g} over {scaled.size} numbers, where 1 is right "
            f"(1 / dt is {1 / np.mean(dt):.3g}). `dw` is sqrt(dt) times standard normal "
            "numbers, without sigma, on the grid `t` of the same inputs."
        )


def _has_drift(x, scaled, size):
    """Whether a drift, and not a wrong variance, explains a mean square above dt.

    Taking differences of consecutive steps, or of paths at nearly the same x, removes most
    of a drift but none of a wrong variance.
    """
    # The j-th noise beside the j-th coordinate, from the first on again where dim is less.
    beside = np.arange(scaled.shape[-1]) % x.shape[-1]
    order = np.argsort(x[:, :-1, beside], axis=0)
    near = np.take_along_axis(scaled, order, axis=0)
    paths, steps = (2 * (number // 2) for number in scaled.shape[:2])
    differences = (
        scaled[:, :steps:2] - scaled[:, 1:steps:2],
        near[:paths:2] - near[1:paths:2],
    )
    left = [np.mean(np.square(d)) / 2 - 1 for d in differences if d.size]
    return any(excess < (size - 1) / 2 for excess in left)


def _is_path(dw, dt, scaled):
    """Whether dw is W at the times t_1, ..., t_N, or at t_0, ..., t_(N-1)."""
    if dw.shape[1] < 2:
        return False
    steps = np.diff(dw, axis=1)
    if not np.any(dw[:, 0]):
        return _mean_square(steps / np.sqrt(dt[:, :-1]))[1] > _LIKELY
    size, normal = _mean_square(scaled)
    one, likely = _mean_square(steps / np.sqrt(dt[:, 1:]))
    # Of increments with a drift the differences have twice the variance, or more.
    distinct = special.chdtr(steps.size, steps.size * one / 2) < _DISTINCT
    return size > 1 and normal < _NEVER and likely > _LIKELY and distinct


def _mean_square(values):
    """The mean square, and the probability of one at least as extreme, one-sided.

    The probability is that of standard normal numbers.
    """
    count = values.size
    if not count:
        return 1.0, 1.0
    total = float(np.sum(np.square(values)))
    tails = special.chdtr(count, total), special.chdtrc(count, total)
    return total / count, min(tails)


def _warn(text):
    # At the line that calls `fit` or `evaluate`.
    warnings.warn(text, stacklevel=5)
