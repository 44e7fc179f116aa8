"""A model for a check: its own objects, on copies of its variables, all put back later.

A model made from a config differs from the original wherever the config omits an argument,
and Keras omits all of a `keras.Model` subclass without a `get_config`. So the objects of
the model itself compute, with other variables in place of theirs.
"""

import collections
import contextlib

import keras
import numpy as np
import tensorflow as tf

FLOATS = ("float16", "bfloat16", "float32", "mixed_float16", "mixed_bfloat16")


@contextlib.contextmanager
def set_aside(model, dtype=None):
    """Undoes, at the end, every change of a model's state that is made inside.

    Every variable is replaced by another one of equal value, so that the model's own keep
    their numbers. At the end every attribute, list, dict and set has the content of the
    start, also after an exception.

    Args:
        model: `keras.Model`, built.
        dtype: None for the model's own types, or the name of a float type in which all
            floats inside are stored and computed.

    Yields:
        The list of the objects that make up the model: layers, optimizers, variables.
    """
    things = _reachable(model)
    kept = [_keeper(thing) for thing in things]
    copies = _Copies(dtype)
    try:
        for thing in things:
            copies.put_into(thing)
        yield things
    finally:
        for put_back in kept:
            put_back()


@contextlib.contextmanager
def keras_defaults(dtype):
    """Sets the float type as Keras's default, and runs each `tf.function` as Python code.

    The default type is needed because losses and Keras's code around them compute in it
    alone, and layers that a model makes have the default policy. Functions run as Python
    because a traced one holds the variables from before the copy.
    """
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    eager = tf.config.functions_run_eagerly()
    try:
        if dtype is not None:
            keras.config.set_floatx(dtype)
            keras.config.set_dtype_policy(dtype)
        tf.config.run_functions_eagerly(True)
        yield
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)
        tf.config.run_functions_eagerly(eager)


def _reachable(model):
    """The model, and the objects of Keras and the containers in it, at any depth."""
    home, found, waiting = type(model).__module__, {}, [model]
    while waiting:
        thing = waiting.pop()
        if id(thing) in found:
            continue
        if isinstance(thing, dict):
            parts = thing.values()
        elif isinstance(thing, (list, tuple, set)):
            parts = thing
        elif _has_state(thing, home):
            parts = vars(thing).values()
        else:
            continue
        found[id(thing)] = thing
        waiting += parts
    return list(found.values())


def _has_state(thing, home):
    """Whether `thing` is an object of Keras, or of a class from the model's module."""
    if isinstance(thing, type) or not hasattr(thing, "__dict__"):
        return False
    modules = {base.__module__.partition(".")[0] for base in type(thing).__mro__}
    return "keras" in modules or type(thing).__module__ == home


def _keeper(thing):
    """A function without arguments that restores the present content of `thing`.

    It uses the methods of the plain types, because Keras's own containers track what is
    added and removed.
    """
    if isinstance(thing, tuple) or type(thing).__module__.startswith("tensorflow."):
        return lambda: None
    if isinstance(thing, list):
        items = list(thing)
        return lambda: list.__setitem__(thing, slice(None), items)
    if isinstance(thing, set):
        members = set(thing)
        return lambda: (set.clear(thing), set.update(thing, members))
    if not isinstance(thing, dict):
        thing = vars(thing)
    base, entries = _dict_type(thing), dict(thing)

    def put_back():
        base.clear(thing)
        for key, value in entries.items():
            base.__setitem__(thing, key, value)

    return put_back


def _dict_type(thing):
    is_ordered = isinstance(thing, collections.OrderedDict)
    return collections.OrderedDict if is_ordered else dict


class _Copies:
    """Copies of variables and arrays, one copy of each."""

    def __init__(self, dtype):
        self.dtype = dtype
        # The original is kept too, so that no other object gets its id.
        self.made = {}

    def put_into(self, thing):
        """Replaces the variables, arrays and float types in `thing` by copies."""
        if isinstance(thing, (tuple, set)) or type(thing).__module__[:11] == "tensorflow.":
            return
        if isinstance(thing, list):
            for place, value in enumerate(thing):
                list.__setitem__(thing, place, self.of(value))
            return
        entries = thing if isinstance(thing, dict) else vars(thing)
        base = _dict_type(entries)
        for name, value in list(entries.items()):
            copy = self.of(value)
            named_type = entries is not thing and name in ("dtype", "_dtype")
            if named_type and self.dtype and isinstance(value, str) and value in FLOATS:
                copy = self.dtype
            if copy is not value:
                base.__setitem__(entries, name, copy)

    def of(self, value):
        kinds = (tf.Variable, tf.Tensor, np.ndarray, np.floating, keras.DTypePolicy)
        if not isinstance(value, kinds) or isinstance(value, keras.Variable):
            return value
        if id(value) not in self.made:
            self.made[id(value)] = value, self._copy(value)
        return self.made[id(value)][1]

    def _copy(self, value):
        if isinstance(value, keras.DTypePolicy):
            # A quantized policy has a class of its own, with more than a float type.
            plain = type(value) is keras.DTypePolicy and value.name in FLOATS
            return keras.DTypePolicy(self.dtype) if self.dtype and plain else value
        if isinstance(value, (np.ndarray, np.floating)):
            wide = self.dtype and value.dtype.kind == "f" and value.dtype.itemsize < 8
            copy = np.array(value, self.dtype if wide else value.dtype)
            return copy if isinstance(value, np.ndarray) else copy[()]
        if isinstance(value, tf.Tensor):
            # Tensors do not change.
            return value if tf.is_symbolic_tensor(value) else self._wide(value)
        return tf.Variable(
            self._wide(value.read_value()), trainable=value.trainable, shape=value.shape
        )

    def _wide(self, value):
        wide = self.dtype and value.dtype.is_floating
        return tf.cast(value, self.dtype) if wide else value
