"""Tables over time: rates, levels and cash flows that coefficients read inside a graph."""

import keras
import numpy as np
from keras import ops

from kerasmodels._support import checks

KINDS = ("linear", "constant")


@keras.saving.register_keras_serializable(package="kerasmodels")
class Curve:
    """A function of time through given points, piecewise linear or piecewise constant.

        linear:    v(t) = v_k + (v_{k+1} - v_k) (t - t_k) / (t_{k+1} - t_k)
        constant:  v(t) = v_k                       for t_k <= t < t_{k+1}

    Before the first and after the last time the curve is constant. Drift, diffusion and
    driver of an `Equation` call it on their `t`, in float32 or float64, in Python or in a
    compiled graph. An equation that stores a curve under the name of its constructor
    argument gets the curve back from its config.

    A `constant` curve jumps. A time step across a jump is of first order, because the rules
    for one step evaluate its ends: put grid times on the jumps, or use `integral`.

    Args:
        times: K strictly increasing floats, at least one.
        values: K floats, or an array `[K, n]` for n curves at once.
        kind: "linear" or "constant".

    Call arguments:
        t: Tensor `[..., 1]`.

    Output shape:
        `[..., 1]`, or `[..., n]` for n curves.

    Raises:
        ValueError: an argument is not of the form above.
    """

    def __init__(self, times, values, kind="linear"):
        owner = "curve"
        self.times = checks.finite_array(owner, "times", times)
        if (
            self.times.ndim != 1
            or not self.times.size
            or not np.all(np.diff(self.times) > 0)
        ):
            received = f"times={checks.describe(times)}"
            expected = "strictly increasing times, at least one"
            raise checks.ArgumentError(checks.message(owner, "times", expected, received))
        self.values = checks.finite_array(owner, "values", values)
        count = len(self.times)
        if self.values.ndim not in (1, 2) or len(self.values) != count:
            received = f"values={checks.describe(values)}"
            expected = f"{count} numbers, one per time, or of shape ({count}, n)"
            raise checks.ArgumentError(checks.message(owner, "values", expected, received))
        self.kind = checks.one_of(owner, "kind", kind, KINDS)
        self._table = self.values.reshape(count, -1)
        self._slopes = np.zeros_like(self._table)
        gaps = np.diff(self.times)[:, None]
        if kind == "linear":
            self._slopes[:-1] = np.diff(self._table, axis=0) / gaps
        # From the first time to the start of each piece.
        pieces = gaps * (self._table[:-1] + self._slopes[:-1] * gaps / 2)
        self._areas = np.concatenate([0 * self._table[:1], np.cumsum(pieces, axis=0)])

    @property
    def size(self):
        """The number n of curves."""
        return self._table.shape[1]

    def __call__(self, t):
        t = self._times("t", t)
        index = self._index(t)
        since = ops.maximum(t - _rows(self.times[:, None], index, t.dtype), 0.0)
        value = _rows(self._table, index, t.dtype)
        return value + _rows(self._slopes, index, t.dtype) * since

    def slope(self, t):
        """dv/dt, the one of the piece that starts at `t` where two meet."""
        t = self._times("t", t)
        inside = ops.cast(t >= self.times[0] - self._slack, t.dtype)
        return inside * _rows(self._slopes, self._index(t), t.dtype)

    def integral(self, start, end):
        """The integral of the curve from `start` to `end`, exact whatever lies between.

        Args:
            start, end: Tensors `[..., 1]`; one of them may have fewer rows.

        Returns:
            Tensor `[..., 1]`, or `[..., n]` for n curves.
        """
        start, end = self._times("start", start), self._times("end", end)
        # In float64 for every input type, because the difference of two areas cancels.
        return ops.cast(self._area(end) - self._area(start), end.dtype)

    def _area(self, t):
        index, t = self._index(t), ops.cast(t, "float64")
        since = t - _rows(self.times[:, None], index, "float64")
        value = _rows(self._table, index, "float64")
        slope = _rows(self._slopes, index, "float64")
        grown = ops.maximum(since, 0.0)
        area = _rows(self._areas, index, "float64")
        return area + value * since + slope * grown * grown / 2

    def _times(self, name, t):
        t = t if ops.is_tensor(t) else checks.tensor("curve", name, t)
        if not len(t.shape) or t.shape[-1] != 1:
            received = f"shape {tuple(t.shape)}"
            raise checks.ArgumentError(
                checks.message("curve", name, "times of shape (..., 1)", received)
            )
        floating = keras.backend.is_float_dtype(keras.backend.standardize_dtype(t.dtype))
        return t if floating else ops.cast(t, keras.config.floatx())

    @property
    def _slack(self):
        # A grid time that went through float32 must not fall into the piece before it.
        return 1e-6 * max(abs(self.times[0]), abs(self.times[-1]))

    def _index(self, t):
        starts = ops.convert_to_tensor(self.times[1:] - self._slack, t.dtype)
        return ops.sum(ops.cast(t >= starts, "int32"), axis=-1)

    def get_config(self):
        return {
            "times": self.times.tolist(),
            "values": self.values.tolist(),
            "kind": self.kind,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def __repr__(self):
        return f"Curve({len(self.times)} times, {self.kind!r})"


def curve(times, values, kind="linear"):
    """Returns a `Curve` through the points (times[k], values[k]).

    Args:
        times: K strictly increasing floats.
        values: K floats, or an array `[K, n]` for n curves at once.
        kind: "linear" between the points, or "constant" from each to the next.

    Raises:
        ValueError: an argument is not of the form above.
    """
    return Curve(times, values, kind)


def plain(value):
    """A constructor argument of an equation as plain Python values."""
    if isinstance(value, Curve):
        return keras.saving.serialize_keras_object(value)
    return value.tolist() if hasattr(value, "tolist") else value


def from_plain(value):
    """The constructor argument that `plain` made `value` of; arrays stay lists."""
    if isinstance(value, dict) and value.get("registered_name") == "kerasmodels>Curve":
        return Curve.from_config(value["config"])
    return value


def _rows(table, index, dtype):
    return ops.take(ops.convert_to_tensor(table, dtype), index, axis=0)
