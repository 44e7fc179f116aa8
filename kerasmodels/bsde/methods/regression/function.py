"""A regression as a Keras layer, for export."""

import keras
import numpy as np
import tensorflow as tf

from kerasmodels._support import checks, memory, registered
from kerasmodels.bsde.deploy.functions import PointFunction
from kerasmodels.bsde.methods.regression.features import PER_TIME, Features, finite
from kerasmodels.bsde.paths.grid import as_time_grid


@keras.saving.register_keras_serializable(package="kerasmodels")
class RegressionFunction(PointFunction):
    """u(t, x) between the times of a grid on the straight line between their regressions.

    Before the time `grid[first]` u is the regression of that time.

    Args:
        equation: `Equation`.
        grid: list of floats. The N + 1 times.
        first: int. Number of the first time at which u is a function of x.
        num_random: int. Number of random features.
        own: None, or the user's function (t, x) -> further features.

    Raises:
        ValueError: an argument is not of the form above.
    """

    def __init__(self, equation, grid, first, num_random, own=None, **kwargs):
        super().__init__(equation, **kwargs)
        owner = "RegressionFunction"
        self.grid = as_time_grid(owner, self.equation, None, grid).tolist()
        self.first = checks.one_of(owner, "first", first, (0, 1))
        self.num_random = checks.positive_int(owner, "num_random", num_random, 0)
        if isinstance(own, (str, dict)):
            own = registered.deserialize(owner, own)
        if own is not None and not callable(own):
            received = f"own={checks.describe(own)}"
            raise checks.ArgumentError(
                checks.message(owner, "own", "None or a function (t, x)", received)
            )
        self.own, times, dim = own, len(self.grid), self.equation.dim
        memory.fits(
            owner,
            "num_random",
            (times + dim) * (self.num_random + dim),
            self.variable_dtype,
            f"the weights of {self.num_random} features at {times} times",
            "Take fewer.",
        )
        # The weights come later: from a regression, or from a file.
        statistics = dict.fromkeys(("mean", "deviation", "low", "high"))
        statistics = {name: np.ones((times, dim)) for name in statistics}
        statistics |= {name: np.ones(times) for name in PER_TIME}
        statistics["time"] = np.array(self.grid)
        self._features = Features(
            self.equation,
            statistics,
            self.num_random,
            0,
            self.variable_dtype,
            own,
            store=self._store,
        )
        self.tables = self._features.tables
        shape = times, self._features.size
        self.coefficients = self.add_weight(
            shape=shape, initializer="zeros", name="coefficients"
        )
        self.built = True

    def _store(self, name, value):
        weight = self.add_weight(
            shape=np.shape(value), initializer="zeros", name=name, trainable=False
        )
        weight.assign(value)
        return weight

    def z(self, t, x):
        # As in a regression, an infinite slope at a kink counts as none.
        return finite(super().z(t, x))

    def value(self, t, x):
        last = len(self.grid) - 1
        if self.first == last:
            # A single step: u is a function of x at T alone.
            return self._at(last, t, x)
        grid = tf.constant(self.grid, x.dtype)
        inner = grid[None, self.first + 1 : -1]
        later = tf.reduce_sum(tf.cast(t >= inner, "int32"), axis=1)
        k = self.first + later
        before, after = (self._at(j, t, x) for j in (k, k + 1))
        start, end = (tf.gather(grid, j)[:, None] for j in (k, k + 1))
        share = tf.clip_by_value((t - start) / (end - start), 0.0, 1.0)
        return before + share * (after - before)

    def _at(self, k, t, x):
        coefficients = tf.gather(tf.convert_to_tensor(self.coefficients), k)
        values = self._features(k, t, x) * coefficients
        return finite(tf.reduce_sum(values, axis=1, keepdims=True))

    def get_config(self):
        own = self.own
        return {
            **super().get_config(),
            "grid": self.grid,
            "first": self.first,
            "num_random": self.num_random,
            "own": None if own is None else keras.saving.serialize_keras_object(own),
        }
