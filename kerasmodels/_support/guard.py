"""Checks of values, where a shape is not enough: eagerly, in graphs and under XLA."""

import tensorflow as tf

from kerasmodels._support import checks


def guard(value, wrong, text):
    """Returns `value`, or stops with `text` where the scalar `wrong` is true.

    Eagerly that is a ValueError, in a graph an InvalidArgumentError. XLA has no way to
    stop: there the value becomes NaN, which no training goes on with unnoticed.
    """
    if isinstance(wrong, tf.Tensor) and not hasattr(wrong, "numpy"):
        with tf.control_dependencies([tf.debugging.Assert(~wrong, [text])]):
            value = tf.identity(value)
        return tf.where(wrong, tf.cast(float("nan"), value.dtype), value)
    if bool(wrong):
        raise checks.ArgumentError(text)
    return value
