"""A model lent to a check: its own objects, on copies of its numbers, all put back later.

A copy made from a config is another model wherever the config leaves an argument out, and
Keras leaves out all of a `keras.Model` subclass without a `get_config`. So the objects of
the model itself compute, while other variables take the place of theirs.
"""

import collections
import contextlib

import keras
import numpy as np
import tensorflow as tf

FLOATS = ("float16", "bfloat16", "float32", "mixed_float16", "mixed_bfloat16")


@contextlib.contextmanager
def set_aside(model, dtype=None):
    """Lends the state of a model: inside, whatever happens to it is undone at the end.

    Every variable is another one of equal value, so that no number of the model's own is
    touched, and every attribute, list, dict and set is at the end what it was at the start,
    also after an exception.

    Args:
        model: `keras.Model`, built.
        dtype: None for the types as they are, or the name of a float type, in which all
            floats inside are then stored and computed.

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
    """Keras in that float type, and every `tf.function` as the Python code that it is.

    Losses, and what Keras puts around them, compute in Keras's default type alone; layers
    that a model makes for itself have its default policy. A function that was traced before
    holds the variables of then.
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
    """Whether it is an object of Keras, or of a class that stands beside the model's."""
    if isinstance(thing, type) or not hasattr(thing, "__dict__"):
        return False
    modules = {base.__module__.partition(".")[0] for base in type(thing).__mro__}
    return "keras" in modules or type(thing).__module__ == home


def _keeper(thing):
    """A function without arguments that gives `thing` its present content back.

    The methods are those of the plain types, because Keras's own containers keep a list of
    what goes in and out of them.
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
    """Copies of numbers, one of each however often it is found."""

    def __init__(self, dtype):
        self.dtype = dtype
        # With the original, whose id would be given to another object otherwise.
        self.made = {}

    def put_into(self, thing):
        """Puts copies in the place of the variables, arrays and float types in `thing`."""
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
            # A quantized policy is of a type of its own, and says more than a float type.
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
