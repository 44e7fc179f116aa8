"""Initializers with a common mistake in their formula."""

import math

import keras

from kerasmodels._support import checks


@keras.saving.register_keras_serializable(package="kerasmodels")
class ProductUniform(keras.initializers.Initializer):
    """Uniform within +-sqrt(6 / (n m)), for n inputs and m outputs; a bias has n = 1.

    The right limit is sqrt(6 / (n + m)) (`keras.initializers.GlorotUniform`). With this one
    each ReLU layer multiplies the variance of the signal by 1 / m instead of n / (n + m):
    after three layers of 128 the outputs of two samples differ by 1e-4, and the network
    has the same answer for all of them.

    Reference: Glorot and Bengio (2010), https://proceedings.mlr.press/v9/glorot10a.html

    Args:
        seed: int.
    """

    def __init__(self, seed=0):
        self.seed = checks.seed_int("ProductUniform", seed)

    @staticmethod
    def limit(shape):
        """sqrt(6 / (n m)), or for a bias `[m]` sqrt(6 / m)."""
        return math.sqrt(6 / math.prod(shape))

    def __call__(self, shape, dtype=None):
        limit = self.limit(shape)
        return keras.random.uniform(shape, -limit, limit, dtype=dtype, seed=self.seed)

    def get_config(self):
        return {"seed": self.seed}


@keras.saving.register_keras_serializable(package="kerasmodels")
class ShiftedUniform(keras.initializers.Initializer):
    """Uniform in [0, 1), as from `random.rand`, so that every weight is positive.

    With many positive inputs every sigmoid is then at 1, for every sample.

    Args:
        seed: int.
    """

    def __init__(self, seed=0):
        self.seed = checks.seed_int("ShiftedUniform", seed)

    def __call__(self, shape, dtype=None):
        return keras.random.uniform(shape, 0.0, 1.0, dtype=dtype, seed=self.seed)

    def get_config(self):
        return {"seed": self.seed}
