"""Regressions at the times of a grid as an approximation of u and z."""

import math

import keras
import numpy as np
import tensorflow as tf

from kerasmodels._support import files, registered
from kerasmodels.bsde.approximation import Approximation
from kerasmodels.bsde.methods.regression.backward import Pass
from kerasmodels.bsde.methods.regression.features import Features, stored
from kerasmodels.bsde.methods.regression.function import RegressionFunction

# An estimate contradicts the regression if its int |b|^2 dt is more than the first number
# times that of the regression, or its mismatch more than the second times the residual.
_FURTHER, _WORSE = 1.5, 3.0
# Mean of int |b|^2 dt below which driven paths are as good as undriven ones.
SMALL_DRIFT = 0.05


class Regressed(Approximation):
    """u = features(t_n, x) . coefficients, and z = sigma^T grad u, at the times t_n.

    Args:
        features: `Features`.
        found: `Pass`.
    """

    fixed_times = True

    def __init__(self, features, found):
        super().__init__()
        self.equation, self.features, self.found = features.equation, features, found
        self.grid, self.dtype = features.statistics["time"], features.dtype
        self._coefficients = stored(found.coefficients, self.dtype)
        self._z0, self._u0 = stored(found.z0, self.dtype), stored(found.u0, self.dtype)
        self._x0 = stored(self.equation.x0, self.dtype)
        # The first time at which u is a function of x.
        self._first = 0 if self.equation.start_varies else 1

    def copy(self):
        """The same numbers in variables of its own."""
        return Regressed(self.features.copy(), self.found)

    def take(self, other):
        """Sets u as a function to that of another with the same sizes."""
        self.features.take(other.features)
        self._coefficients.assign(tf.cast(other.found.coefficients, self.dtype))

    @property
    def u0(self):
        return tf.convert_to_tensor(self._u0)

    def set_u0(self, value):
        self._u0.assign(value)

    @property
    def z0(self):
        return tf.convert_to_tensor(self._z0)

    @property
    def x0(self):
        return tf.convert_to_tensor(self._x0)

    def start_at(self, x0):
        x0 = np.asarray(x0, "float64")
        t, x = tf.zeros((1, 1), self.dtype), tf.constant(x0[None], self.dtype)
        u, z = self.value_and_z(0, t, x)
        self._x0.assign(x0)
        self._u0.assign(u[0, 0])
        self._z0.assign(z[0])

    def region(self, t):
        """The ranges of the coordinates on the paths of the regression, near time t."""
        k = int(np.abs(self.grid - t).argmin())
        # They are stored with half of their widths added on both sides.
        low, high = (self.features.statistics[name][k] for name in ("low", "high"))
        return (3 * low + high) / 4, (low + 3 * high) / 4

    @property
    def first_time(self):
        return float(self.grid[self._first])

    @property
    def trained_u0(self):
        return self.found.u0

    def value_and_z(self, k, t, x):
        """u and z at the k-th time of the grid, from the first on at which u varies."""
        k = tf.clip_by_value(k, self._first, self.num_steps)
        coefficients = tf.gather(self._coefficients, k)
        return self.features.value_and_z(k, t, x, coefficients)

    def z_at_start(self, x):
        if not self.equation.start_varies:
            return super().z_at_start(x)
        return self.value_and_z(0, tf.zeros_like(x[:, :1]), x)[1]

    def z(self, index, t, x):
        return self.value_and_z(index + 1, t, x)[1]

    def u(self, t, x):
        """Between two times of the grid on the straight line between their values."""
        t, x = (tf.cast(value, self.dtype) for value in (t, x))
        if self._first == self.num_steps:
            # A single step: u is a function of x at T alone.
            return self.value_and_z(self._first, t, x)[0]
        inner = tf.constant(self.grid[self._first + 1 : -1], self.dtype)
        k = self._first + tf.searchsorted(inner, t[:1, 0], side="right")[0]
        before, after = (self.value_and_z(j, t, x)[0] for j in (k, k + 1))
        grid = tf.constant(self.grid, self.dtype)
        share = (t - grid[k]) / (grid[k + 1] - grid[k])
        return before + share * (after - before)

    def point_function(self):
        features = self.features
        function = RegressionFunction(
            self.equation,
            self.grid,
            self._first,
            features.num_random,
            features.own,
            dtype="float32",
        )
        for name, weight in function.tables.items():
            weight.assign(tf.cast(features.tables[name], weight.dtype))
        function.coefficients.assign(self.found.coefficients)
        return function

    def contradicted_by(self, estimate):
        """Why an estimate on fresh paths shows that the regression cannot be trusted."""
        ours, theirs = self.found.b_square, estimate.drift_size
        if self.equation.start_varies:
            # The drift of one start or parameter may be far above the mean over all.
            ours = max(ours, self.found.b_square_high)
        if theirs > SMALL_DRIFT and not theirs < _FURTHER * max(ours, SMALL_DRIFT):
            return (
                f"the driver moves fresh paths by int |df/dz|^2 dt = {theirs:.2g}, and "
                f"those of the regression by {ours:.2g}: these miss the region that matters"
            )
        # The mismatch at the terminal time, and as the estimate of u0 weights it. The
        # smaller one counts, because the driver may let a few paths grow far whose weight
        # in u0 is small.
        mismatch = estimate.mismatch_std
        counted = estimate.standard_error * math.sqrt(estimate.num_paths)
        if not min(mismatch, counted) <= _WORSE * self.found.residual + 1e-300:
            return (
                f"u_N - g(X_N) deviates by {mismatch:.2g} on fresh paths, and the "
                f"regressions leave {self.found.residual:.2g}: the features do not suffice"
            )
        return None

    def describe(self):
        return {
            **super().describe(),
            "num_features": self.features.size,
            "residual": self.found.residual,
            "b_square": self.found.b_square,
        }

    def save(self, folder):
        """Writes `approximation.json` and `approximation.npz`."""
        features = self.features
        record = {
            "dtype": self.dtype,
            "seed": features.seed,
            "num_random": features.num_random,
            "own": keras.saving.serialize_keras_object(features.own),
            "u0": float(self._u0),
        }
        files.write_json(folder / "approximation.json", record)
        arrays = {f"found.{k}": v for k, v in self.found._asdict().items()}
        arrays |= {f"statistics.{k}": v for k, v in features.statistics.items()}
        with files.replacing(folder / "approximation.npz") as temporary:
            with open(temporary, "wb") as file:
                np.savez(file, **arrays)

    @classmethod
    def load(cls, folder, equation):
        record = files.read_json(folder / "approximation.json")
        with np.load(folder / "approximation.npz") as arrays:
            of = {
                kind: {
                    name.removeprefix(f"{kind}."): arrays[name]
                    for name in arrays
                    if name.startswith(f"{kind}.")
                }
                for kind in ("found", "statistics")
            }
        own = record["own"]
        if own is not None:
            own = registered.deserialize("Solution.load", own)
        features = Features(
            equation,
            of["statistics"],
            record["num_random"],
            record["seed"],
            record["dtype"],
            own,
        )
        numbers = {k: v if v.ndim else float(v) for k, v in of["found"].items()}
        approximation = cls(features, Pass(**numbers))
        approximation.set_u0(record["u0"])
        return approximation
