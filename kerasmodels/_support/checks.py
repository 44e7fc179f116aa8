"""Checks of arguments, whose messages have one form: expected, received, advice."""

import difflib
import math
import numbers
import pathlib

import keras
import numpy as np
from keras import ops


class ArgumentError(ValueError):
    """A bad argument or input, in the one form. To users it is a ValueError."""


class RunError(RuntimeError):
    """A run that cannot go on, through no fault of an argument. Scripts print one line."""

    # Whether the process would hang at its end.
    hangs = False


def message(owner, argument, expected, received, advice=""):
    """Returns the text of an argument error in the one form used everywhere."""
    text = f"`{owner}` expects `{argument}` to be {expected}. Received: {received}."
    return f"{text} {advice}" if advice else text


def describe(value):
    """Returns a short description of a received value: its shape if it has one."""
    try:
        shape = tuple(getattr(value, "shape", None) or ())
        text = f"shape {shape}" if shape else " ".join(repr(value).split())
    except Exception:
        # Whatever cannot be described must not hide the error that it is part of.
        text = f"an object of {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."


def as_numbers(value):
    """Returns `value` as a float64 array, or None if it holds anything but numbers.

    NumPy alone would read numbers out of text, and drop an imaginary part.
    """
    try:
        array = np.asarray(value)
        return array.astype("float64") if _holds_numbers(array) else None
    except (TypeError, ValueError, OverflowError, NotImplementedError):
        return None


def _holds_numbers(array):
    if array.dtype.kind == "O":
        return all(isinstance(v, numbers.Real) for v in array.flat)
    # "V" are short floats, which are no types of NumPy itself.
    return array.dtype.kind in "biufV"


def numeric(value):
    """Whether `value` is a tensor or an array of numbers, or a list that makes one."""
    if ops.is_tensor(value):
        return value.dtype.is_floating or value.dtype.is_integer or value.dtype.is_bool
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        return False
    return array.dtype.kind != "O" and _holds_numbers(array)


def tensor(owner, argument, value):
    """Returns `value`, a tensor or what makes one, as a tensor, or raises ValueError."""
    try:
        if numeric(value):
            return ops.convert_to_tensor(value)
    except (TypeError, ValueError):
        # Numbers, but beyond the float type in use.
        pass
    received = f"{argument}={describe(value)}"
    raise ArgumentError(message(owner, argument, "an array of numbers", received))


def path(owner, argument, value):
    """Returns `value`, the name of a file or folder, as a path, or raises ValueError."""
    if isinstance(value, (str, pathlib.PurePath)) and "\0" not in str(value):
        return pathlib.Path(value)
    received = f"{argument}={describe(value)}"
    raise ArgumentError(message(owner, argument, "the name of a file or folder", received))


def positive_int(owner, argument, value, minimum=1):
    """Returns `value` as an int that is at least `minimum`, or raises ValueError."""
    integral = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not integral or value < minimum:
        raise ArgumentError(
            message(
                owner,
                argument,
                f"an integer of at least {minimum}",
                f"{argument}={describe(value)}",
            )
        )
    return int(value)


def integer(owner, argument, value):
    """Returns `value` as an int, or raises ValueError."""
    if not isinstance(value, numbers.Integral) or isinstance(value, bool):
        received = f"{argument}={describe(value)}"
        raise ArgumentError(message(owner, argument, "an integer", received))
    return int(value)


def boolean(owner, argument, value):
    """Returns `value` if it is True or False, or raises ValueError."""
    if not isinstance(value, (bool, np.bool_)):
        received = f"{argument}={describe(value)}"
        raise ArgumentError(message(owner, argument, "True or False", received))
    return bool(value)


def finite_float(owner, argument, value, above=None, at_least=None):
    """Returns `value` as a finite float within its bounds, or raises ValueError."""
    expected = "a finite number"
    if above is not None:
        expected += f" above {above:g}"
    if at_least is not None:
        expected += f" of at least {at_least:g}"
    error = message(owner, argument, expected, f"{argument}={describe(value)}")
    array = None if isinstance(value, (bool, np.bool_)) else as_numbers(value)
    if array is None or array.shape != ():
        raise ArgumentError(error)
    number = float(array)
    too_low = (above is not None and number <= above) or (
        at_least is not None and number < at_least
    )
    if not math.isfinite(number) or too_low:
        raise ArgumentError(error)
    return number


def known(owner, argument, value, get, expected):
    """Returns what Keras's `get` makes of `value`, or raises ValueError."""
    try:
        return get(value)
    except ArgumentError:
        raise
    except Exception as error:
        received = f"{argument}={describe(value)}"
        raise ArgumentError(message(owner, argument, expected, received)) from error


def initializer(owner, argument, value):
    """Returns the initializer that Keras makes of `value`, or raises ValueError."""
    expected = "an initializer of Keras or its name"
    return known(owner, argument, value, keras.initializers.get, expected)


def activation(owner, argument, value):
    """Returns the activation that Keras makes of `value`, or raises ValueError."""
    expected = "an activation of Keras, its name or a function"
    return known(owner, argument, value, keras.activations.get, expected)


def same_shape(shape, other):
    """Whether two shapes agree wherever both are known."""
    return len(shape) == len(other) and all(
        a == b for a, b in zip(shape, other) if None not in (a, b)
    )


def one_of(owner, argument, value, choices, otherwise=""):
    """Returns `value` if it is one of `choices`, or raises with the nearest one.

    `otherwise` names what else the argument may be.
    """
    if isinstance(value, (str, int, float, np.generic)) and value in choices:
        return value
    near = difflib.get_close_matches(
        str(value), [c for c in choices if isinstance(c, str)], n=1
    )
    raise ArgumentError(
        message(
            owner,
            argument,
            "one of " + ", ".join(repr(c) for c in choices) + otherwise,
            f"{argument}={describe(value)}",
            f"Did you mean {near[0]!r}?" if near else "",
        )
    )


def point(owner, argument, value, dim):
    """Returns `value`, a number or `dim` numbers, as a float64 array `[dim]`."""
    array = as_numbers(value)
    if array is None or array.shape not in ((), (dim,)) or not np.all(np.isfinite(array)):
        raise ArgumentError(
            message(
                owner,
                argument,
                f"a finite number or {dim} finite numbers (one per dimension)",
                f"{argument}={describe(value)}",
            )
        )
    return np.array(np.broadcast_to(array, (dim,)))


def finite_array(owner, argument, value):
    """Returns `value` as a float64 array of finite numbers, or raises ValueError."""
    expected = "an array of finite numbers"
    array = as_numbers(value)
    if array is None:
        received = f"{argument}={describe(value)}"
        raise ArgumentError(message(owner, argument, expected, received))
    if not np.all(np.isfinite(array)):
        place = tuple(int(k) for k in np.argwhere(~np.isfinite(array))[0])
        received = f"{array[place]} at {place}" if place else str(array)
        raise ArgumentError(message(owner, argument, expected, received))
    return array


def labels(owner, argument, value):
    """Returns `value` as an array of integers, or raises ValueError."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        array = np.asarray(None)
    if array.dtype.kind not in "iu":
        received = f"{argument}={describe(value)}"
        raise ArgumentError(message(owner, argument, "an array of integers", received))
    return array


def seed_int(owner, seed, argument="seed"):
    """Returns `seed` as an int in [0, 2^63), or raises ValueError."""
    value = positive_int(owner, argument, seed, minimum=0)
    if value >= 2**63:
        raise ArgumentError(
            message(owner, argument, "below 2^63", f"{argument}={describe(seed)}")
        )
    return value


def float_type(owner, dtype):
    """Returns `dtype`, or the default float type for None, or raises ValueError."""
    if dtype is None:
        return keras.config.floatx()
    return one_of(owner, "dtype", dtype, ("float32", "float64"))


def policy(owner, dtype):
    """Returns `dtype` if it names a policy of floats of Keras, or raises ValueError."""
    if dtype is None or isinstance(dtype, (keras.DTypePolicy, dict)) and dtype:
        return dtype
    floats = ("float32", "float64", "float16", "bfloat16")
    return one_of(owner, "dtype", dtype, (*floats, "mixed_float16", "mixed_bfloat16"))


def instance(owner, argument, value, cls):
    """Returns `value` if it is an instance of `cls`, or raises ValueError."""
    if isinstance(value, cls):
        return value
    advice = f"Pass an instance: {value.__name__}(...)." if isinstance(value, type) else ""
    raise ArgumentError(
        message(
            owner,
            argument,
            f"an instance of `{cls.__name__}`",
            f"{argument}={describe(value)}",
            advice,
        )
    )


def seed_pair(owner, seed):
    """Returns `seed`, an int or a pair of ints or an int tensor `[2]`, as a pair."""
    if isinstance(seed, numbers.Integral) and not isinstance(seed, bool):
        return (seed_int(owner, seed), 0)
    if hasattr(seed, "dtype") and getattr(seed, "shape", None) == (2,):
        seed = (seed[0], seed[1])
    if (
        isinstance(seed, (tuple, list))
        and len(seed) == 2
        and all(_is_integer(part) for part in seed)
    ):
        return tuple(seed)
    raise ArgumentError(
        message(
            owner,
            "seed",
            "an integer, or a pair of integers (seed, step)",
            f"seed={describe(seed)}",
        )
    )


def _is_integer(value):
    """Whether `value` is an integer that fits 64 bits, or an integer tensor."""
    if isinstance(value, numbers.Integral):
        return not isinstance(value, bool) and -(2**63) <= value < 2**63
    return "int" in str(getattr(value, "dtype", "")) and value.shape == ()
