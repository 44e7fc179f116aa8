"""Distributions of the start of the paths: the region in which a solution is wanted."""

import abc
import inspect

import keras
import numpy as np
import tensorflow as tf

from kerasmodels._support import checks
from kerasmodels.bsde.curve import from_plain, plain

# Deviations around the mean that count as the region of a normal distribution.
_DEVIATIONS = 3.0
# Points of a sampler whose ranges count as its region.
_SEEN = 1000
# A point belongs to a region up to this relative distance.
_CLOSE = 1e-6


class Start(abc.ABC):
    """A distribution of X_0, and the region of the points that it reaches.

    A subclass gives `sample`, `contains` and `describe`. `get_config` collects the
    arguments of the constructor from attributes of the same names.
    """

    @abc.abstractmethod
    def sample(self, seed, count, dim, dtype):
        """Points of the distribution: a pure function of its arguments.

        Args:
            seed: the pair (seed, number) of ints.
            count: int. Number of points.
            dim: int. Dimension of the state.
            dtype: "float32" or "float64".

        Returns:
            Tensor `[count, dim]`.
        """

    @abc.abstractmethod
    def contains(self, x):
        """Whether each point of x `[points, dim]` is in the region, bools `[points]`."""

    @abc.abstractmethod
    def describe(self):
        """The region in words, for an error."""

    @abc.abstractmethod
    def fits(self, owner, dim):
        """Raises ValueError unless the distribution has points of dimension `dim`."""

    def get_config(self):
        names = list(inspect.signature(type(self).__init__).parameters)[1:]
        return {name: plain(getattr(self, name)) for name in names}

    @classmethod
    def from_config(cls, config):
        return cls(**{name: from_plain(value) for name, value in config.items()})

    def __repr__(self):
        arguments = (f"{name}={value}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({', '.join(arguments)})"


def _uniform(seed, shape, dtype):
    return tf.random.stateless_uniform(shape, seed=seed, dtype=dtype, alg="philox")


def _sized(owner, argument, value, dim):
    if value.ndim and value.shape != (dim,):
        raise checks.ArgumentError(
            checks.message(
                owner,
                "start",
                f"a distribution in dimension {dim}",
                f"{argument} of shape {value.shape}",
            )
        )


class _Numbers(Start):
    """A `Start` of two numbers, or pairs of points, `first` and `second`."""

    names = ("first", "second")

    def fits(self, owner, dim):
        for name in self.names:
            _sized(owner, name, getattr(self, name), dim)

    def _take(self, *values):
        owner = type(self).__name__
        for name, value in zip(self.names, values):
            array = checks.finite_array(owner, name, value)
            if array.ndim > 1 or not array.size:
                raise checks.ArgumentError(
                    checks.message(
                        owner,
                        name,
                        "a number, or one number per coordinate",
                        f"{name}={checks.describe(value)}",
                    )
                )
            setattr(self, name, array)
        sizes = [getattr(self, name) for name in self.names]
        if len({v.shape for v in sizes if v.ndim}) > 1:
            received = f"shapes {sizes[0].shape} and {sizes[1].shape}"
            expected = "of one length"
            raise checks.ArgumentError(
                checks.message(owner, " and ".join(self.names), expected, received)
            )
        return sizes

    def _require(self, right, expected):
        if not np.all(right):
            owner, (first, second) = type(self).__name__, self.names
            received = f"{first}={getattr(self, first)}, {second}={getattr(self, second)}"
            raise checks.ArgumentError(checks.message(owner, second, expected, received))


@keras.saving.register_keras_serializable(package="kerasmodels")
class BoxStart(_Numbers):
    """The uniform distribution on a box, each coordinate between `low` and `high`.

    Args:
        low, high: float, or one float per coordinate. low <= high.

    Raises:
        ValueError: an argument is not of the form above.
    """

    names = ("low", "high")

    def __init__(self, low, high):
        low, high = self._take(low, high)
        self._require(low <= high, "at least `low`")

    def sample(self, seed, count, dim, dtype):
        low, high = (tf.constant(v, dtype) for v in (self.low, self.high))
        return low + (high - low) * _uniform(seed, (count, dim), dtype)

    def contains(self, x):
        slack = _CLOSE * np.maximum(np.abs(self.low), np.abs(self.high))
        inside = (self.low - slack <= x) & (x <= self.high + slack)
        return np.all(inside, axis=-1)

    def describe(self):
        return f"each coordinate between {self.low} and {self.high}"


@keras.saving.register_keras_serializable(package="kerasmodels")
class LineStart(_Numbers):
    """The uniform distribution on the straight line from one point to another.

    Args:
        first, last: float, or one float per coordinate. A float is the point whose
            coordinates all have this value.

    Raises:
        ValueError: an argument is not of the form above.
    """

    names = ("first", "last")

    def __init__(self, first, last):
        first, last = self._take(first, last)
        self._require(np.any(first != last), "another point than `first`")

    def sample(self, seed, count, dim, dtype):
        first, last = (tf.constant(v, dtype) for v in (self.first, self.last))
        return first + (last - first) * _uniform(seed, (count, 1), dtype) * tf.ones(
            (1, dim), dtype
        )

    def contains(self, x):
        first, last = (np.broadcast_to(v, x.shape[-1:]) for v in (self.first, self.last))
        along = last - first
        share = np.clip((x - first) @ along / (along @ along), 0.0, 1.0)
        away = x - first - share[:, None] * along
        scale = np.max(np.abs([first, last]))
        return np.max(np.abs(away), axis=-1) <= _CLOSE * scale

    def describe(self):
        return f"the straight line from {self.first} to {self.last}"


@keras.saving.register_keras_serializable(package="kerasmodels")
class NormalStart(_Numbers):
    """Independent normal coordinates. The region is within three deviations of the mean.

    Args:
        mean: float, or one float per coordinate.
        deviation: float >= 0, or one per coordinate. Standard deviation.

    Raises:
        ValueError: an argument is not of the form above.
    """

    names = ("mean", "deviation")

    def __init__(self, mean, deviation):
        _, deviation = self._take(mean, deviation)
        self._require(deviation >= 0, "at least 0")

    def sample(self, seed, count, dim, dtype):
        mean, deviation = (tf.constant(v, dtype) for v in (self.mean, self.deviation))
        normal = tf.random.stateless_normal((count, dim), seed, dtype=dtype, alg="philox")
        # Without the tails, which are outside the region.
        return mean + deviation * tf.clip_by_value(normal, -_DEVIATIONS, _DEVIATIONS)

    def contains(self, x):
        return BoxStart(*self._ends()).contains(x)

    def _ends(self):
        reach = _DEVIATIONS * self.deviation
        return self.mean - reach, self.mean + reach

    def describe(self):
        return BoxStart(*self._ends()).describe()


@keras.saving.register_keras_serializable(package="kerasmodels")
class LogNormalStart(_Numbers):
    """Independent log-normal coordinates, within three deviations of the logarithm.

    Args:
        median: float > 0, or one float per coordinate.
        deviation: float >= 0, or one per coordinate. Standard deviation of the logarithm.

    Raises:
        ValueError: an argument is not of the form above.
    """

    names = ("median", "deviation")

    def __init__(self, median, deviation):
        median, deviation = self._take(median, deviation)
        self._require((median > 0) & (deviation >= 0), "at least 0, and `median` above 0")
        self._logarithm = NormalStart(np.log(median), deviation)

    def sample(self, seed, count, dim, dtype):
        return tf.exp(self._logarithm.sample(seed, count, dim, dtype))

    def contains(self, x):
        positive = np.all(x > 0, axis=-1)
        return positive & self._logarithm.contains(np.log(np.where(x > 0, x, 1.0)))

    def describe(self):
        low, high = (np.exp(end) for end in self._logarithm._ends())
        return BoxStart(low, high).describe()


@keras.saving.register_keras_serializable(package="kerasmodels")
class PointsStart(Start):
    """Points, each of them as likely as the others.

    Args:
        points: array `[number, dim]`.

    Raises:
        ValueError: `points` is not of the form above.
    """

    def __init__(self, points):
        self.points = checks.finite_array("PointsStart", "points", points)
        if self.points.ndim != 2 or not self.points.size:
            raise checks.ArgumentError(
                checks.message(
                    "PointsStart",
                    "points",
                    "an array [number, dim]",
                    f"points={checks.describe(points)}",
                )
            )

    def fits(self, owner, dim):
        _sized(owner, "points", self.points[0], dim)

    def sample(self, seed, count, dim, dtype):
        chosen = _uniform(seed, (count,), "float64") * len(self.points)
        return tf.gather(tf.constant(self.points, dtype), tf.cast(chosen, "int32"))

    def contains(self, x):
        scale = np.max(np.abs(self.points))
        away = np.max(np.abs(x[:, None] - self.points), axis=-1)
        return np.min(away, axis=-1) <= _CLOSE * scale

    def describe(self):
        return f"one of {len(self.points)} points"


@keras.saving.register_keras_serializable(package="kerasmodels")
class SampledStart(Start):
    """The user's own sampler. The region is the range of each coordinate in a sample.

    Args:
        sampler: function (seed, count) -> array `[count, dim]`, a pure function of its
            arguments, registered for Keras serialization. seed is an int.

    Raises:
        ValueError: `sampler` is no function, or returns another shape.
    """

    def __init__(self, sampler):
        if isinstance(sampler, (str, dict)):
            sampler = keras.saving.deserialize_keras_object(sampler)
        if not callable(sampler):
            raise checks.ArgumentError(
                checks.message(
                    "SampledStart",
                    "sampler",
                    "a function (seed, count)",
                    f"sampler={checks.describe(sampler)}",
                )
            )
        self.sampler = sampler
        points = self._points(0, _SEEN)
        self._box = BoxStart(np.min(points, axis=0), np.max(points, axis=0))

    def _points(self, seed, count):
        points = checks.finite_array("SampledStart", "sampler", self.sampler(seed, count))
        if points.ndim != 2 or len(points) != count:
            raise checks.ArgumentError(
                checks.message(
                    "SampledStart",
                    "sampler",
                    f"a function that returns an array [{count}, dim]",
                    f"shape {points.shape}",
                )
            )
        return points

    def fits(self, owner, dim):
        self._box.fits(owner, dim)

    def sample(self, seed, count, dim, dtype):
        number = np.random.SeedSequence([abs(int(part)) for part in seed])
        return tf.constant(self._points(int(number.generate_state(1)[0]), count), dtype)

    def contains(self, x):
        return self._box.contains(x)

    def describe(self):
        return self._box.describe()

    def get_config(self):
        return {"sampler": keras.saving.serialize_keras_object(self.sampler)}

    @classmethod
    def from_config(cls, config):
        return cls(**config)
