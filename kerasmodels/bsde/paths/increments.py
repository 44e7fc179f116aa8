"""Brownian increments: a pure function of a grid and a seed."""

import math

import tensorflow as tf

from kerasmodels.bsde.paths.grid import as_tensor

# TensorFlow's number of the generator.
_PHILOX = 1


def brownian_increments(t, batch_size, dim, seed, dtype, first_path=None):
    """Returns dW, `[batch_size, N, dim]`, variance dt: a pure function of its arguments.

    Args:
        t: array or Tensor `[N + 1]`. The time grid.
        batch_size: int. Number of paths.
        dim: int. Dimension of the noise.
        seed: the pair (seed, step) of ints or int tensors.
        dtype: "float32" or "float64".
        first_path: None, int or int tensor. The paths from this one on of a larger batch
            with the same seed, bit for bit, without drawing those before. Not under XLA,
            whose numbers are others.
    """
    grid = as_tensor(t, "float64")
    root_dt = tf.cast(tf.sqrt(grid[1:] - grid[:-1])[:, None], dtype)
    shape = (batch_size, grid.shape[0] - 1, dim)
    # Philox by name: the generator that is chosen by default is slow under XLA.
    seed = tf.stack([int64(seed[0]), int64(seed[1])])
    if first_path is not None:
        return root_dt * _normals_from(first_path, shape, seed, dtype)
    return root_dt * tf.random.stateless_normal(shape, seed=seed, dtype=dtype, alg="philox")


def _normals_from(row, shape, seed, dtype):
    """The rows from `row` on of what `stateless_normal` draws with this seed.

    Philox makes four 32-bit numbers of each value of its counter: four normals in float32,
    two in float64. So the counter is set to where the rows start.

    Reference: Salmon et al. (2011), https://doi.org/10.1145/2063384.2063405
    """
    at_once = 4 if dtype == "float32" else 2
    count = math.prod(shape)
    start = int64(row) * (count // shape[0])
    key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=seed)
    low = counter[0] + tf.cast(start // at_once, "uint64")
    carry = tf.cast(low < counter[0], "uint64")
    values = tf.raw_ops.StatelessRandomNormalV2(
        # The first value may lie inside a block of the counter.
        shape=[count + at_once - 1],
        key=key,
        counter=tf.stack([low, counter[1] + carry]),
        alg=_PHILOX,
        dtype=tf.as_dtype(dtype),
    )
    return tf.reshape(tf.slice(values, [start % at_once], [count]), shape)


def int64(value):
    if tf.is_tensor(value):
        return tf.cast(value, "int64")
    return tf.constant(int(value), "int64")
