"""The deep BSDE method as published, written plainly: the baseline of every ratio.

One batch-normalised ReLU network per time step in a Python loop, u0 and z0 from a uniform
start, the left-point rule, float64 everywhere, paths from NumPy, Adam with the published
learning rates, batches of 64. Only the equations come from `kerasmodels`.

Reference: E, Han, Jentzen (2017), https://doi.org/10.1007/s40304-017-0117-6; Han, Jentzen,
E (2018), https://doi.org/10.1073/pnas.1718942115; hyper-parameters as in the authors'
repository, https://github.com/frankhan91/DeepBSDE.
"""

import time
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf


class Published(NamedTuple):
    """Learning rates, the steps at which they change, range of the start, error reached."""

    rates: tuple
    boundaries: tuple
    start: tuple
    error: float


# By the names of `kerasmodels.bsde.EQUATIONS`, with the published relative error of u0.
PUBLISHED = {
    "hjb": Published((1e-2,), (), (0, 1), 0.0017),
    "allen-cahn": Published((5e-4,), (), (0.3, 0.6), 0.0030),
    "burgers": Published((1e-2, 1e-3, 1e-4), (15000, 25000), (2, 4), 0.0035),
    "quadratic-gradient": Published((5e-3,), (), (2, 4), 0.0009),
    "reaction-diffusion": Published((1e-2,), (), (0, 1), 0.0060),
    "different-rates": Published((5e-3,), (), (15, 18), 0.0039),
    "default-risk": Published((8e-3,), (), (40, 50), 0.0046),
}


def subnet(dim, dtype):
    layers = [keras.layers.BatchNormalization(dtype=dtype)]
    for _ in range(2):
        layers += [
            keras.layers.Dense(dim + 10, use_bias=False, dtype=dtype),
            keras.layers.BatchNormalization(dtype=dtype),
            keras.layers.ReLU(dtype=dtype),
        ]
    layers += [
        keras.layers.Dense(dim, dtype=dtype),
        keras.layers.BatchNormalization(dtype=dtype),
    ]
    return keras.Sequential(layers)


class Plain:
    """The published algorithm for one equation.

    Args:
        equation: `kerasmodels.bsde.Equation`.
        num_steps: int. N.
        published: `Published`.
        batch_size: int.
        seed: int.
        dtype: "float64" as published, or "float32".
    """

    def __init__(
        self, equation, num_steps, published, batch_size=64, seed=0, dtype="float64"
    ):
        keras.utils.set_random_seed(seed)
        self.equation, self.num_steps, self.dtype = equation, num_steps, dtype
        self.batch_size = batch_size
        self.rng = np.random.default_rng(seed)
        self.dt = equation.terminal_time / num_steps
        dim = equation.dim
        self.u0 = tf.Variable(self.rng.uniform(*published.start), dtype=dtype)
        self.z0 = tf.Variable(self.rng.uniform(-0.1, 0.1, (1, dim)), dtype=dtype)
        self.subnets = [subnet(dim, dtype) for _ in range(num_steps - 1)]
        for net in self.subnets:
            net.build((None, dim))
        weights = [w.value for net in self.subnets for w in net.trainable_weights]
        self.weights = [self.u0, self.z0, *weights]
        rates = list(published.rates)
        self.rate = rates[0]
        self.schedule = dict(zip(published.boundaries, rates[1:]))
        self.moments = [
            [tf.Variable(tf.zeros_like(w), trainable=False) for w in self.weights]
            for _ in range(2)
        ]
        self.steps = 0
        self._train = tf.function(self._step, reduce_retracing=True)

    def paths(self):
        """x and dw by NumPy, time step by time step."""
        shape = (self.batch_size, self.num_steps, self.equation.dim)
        dw = self.rng.normal(size=shape) * self.dt**0.5
        x = [np.broadcast_to(self.equation.x0, (self.batch_size, self.equation.dim))]
        for n in range(self.num_steps):
            t = np.full((self.batch_size, 1), n * self.dt)
            step = self.equation.step(
                tf.constant(t), tf.constant([[self.dt]], "float64"), x[-1], dw[:, n]
            )
            x.append(np.asarray(step))
        return np.stack(x, axis=1), dw

    def _step(self, x, dw, rate, count):
        equation = self.equation
        with tf.GradientTape() as tape:
            u = tf.ones((self.batch_size, 1), self.dtype) * self.u0
            z = tf.ones((self.batch_size, 1), self.dtype) * self.z0
            for n in range(self.num_steps):
                t = tf.fill((self.batch_size, 1), tf.constant(n * self.dt, self.dtype))
                if n > 0:
                    z = self.subnets[n - 1](x[:, n], training=True) / equation.dim
                martingale = tf.reduce_sum(z * dw[:, n], axis=1, keepdims=True)
                u = u - equation.driver(t, x[:, n], u, z) * self.dt + martingale
            delta = u - equation.terminal(x[:, -1])
            clipped = tf.where(
                tf.abs(delta) < 50.0, delta**2, 2 * 50.0 * tf.abs(delta) - 50.0**2
            )
            loss = tf.reduce_mean(clipped)
        gradients = tape.gradient(loss, self.weights)
        scale = rate * tf.sqrt(1 - 0.999**count) / (1 - 0.9**count)
        for w, g, m, v in zip(self.weights, gradients, *self.moments):
            m.assign(0.9 * m + 0.1 * g)
            v.assign(0.999 * v + 0.001 * g * g)
            w.assign_sub(scale * m / (tf.sqrt(v) + 1e-8))
        return loss

    def step(self):
        """One training step on fresh paths; returns the loss."""
        self.rate = self.schedule.get(self.steps, self.rate)
        self.steps += 1
        x, dw = (tf.constant(value, self.dtype) for value in self.paths())
        rate = tf.constant(self.rate, self.dtype)
        return self._train(x, dw, rate, tf.constant(float(self.steps), self.dtype))


def seconds_to(plain, reference, error, limit):
    """Trains until u0 is within `error` and stays there for 100 steps, or for `limit` s.

    Returns:
        A dict: `seconds` (None where the limit came first), `limit`, `steps`, `u0`.
    """
    begin, reached, kept = time.perf_counter(), None, 0
    while True:
        plain.step()
        now = time.perf_counter() - begin
        if abs(float(plain.u0.numpy()) / reference - 1) <= error:
            reached = now if kept == 0 else reached
            kept += 1
        else:
            kept = 0
        if kept >= 100 or now > limit:
            return {
                "seconds": reached if kept >= 100 else None,
                "limit": limit,
                "steps": plain.steps,
                "u0": float(plain.u0.numpy()),
            }
