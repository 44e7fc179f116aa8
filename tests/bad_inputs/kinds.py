"""What may not be passed for an argument of each kind."""

import math

import numpy as np

NAN, INF = math.nan, math.inf
HUGE = 10**400


class Near(str):
    """A name with a slip in it: the error has to suggest the name that was meant."""

    def __new__(cls, text, meant):
        near = super().__new__(cls, text)
        near.meant = meant
        return near


def no_repr():
    class NoRepr:
        def __repr__(self):
            raise RuntimeError("this object has no words for itself")

    return NoRepr()


NOTHING = [None]
# No number, whatever is asked of it.
NO_NUMBER = [None, "3", "text", b"3", [], {}, object(), 1j, no_repr(), lambda: 3]
INTEGER = [*NO_NUMBER, 1.5, 2.0, True, np.True_, NAN, INF, [3], np.ones(2), np.float32(1)]
COUNT = [*INTEGER, 0, -3]
COUNT_OR_ZERO = [*INTEGER, -1]
FLOAT = [*NO_NUMBER, NAN, INF, -INF, True, np.True_, [1.0], np.ones(1), np.ones(2), HUGE]
POSITIVE = [*FLOAT, 0.0, -1.0]
NOT_NEGATIVE = [*FLOAT, -1e-9]
BOOLEAN = [*NO_NUMBER, 0, 1, 1.0, "True", [True], np.ones(2, bool)]
SEED = [*INTEGER, -1, 2**63]
SEED_PAIR = [*SEED, (1,), (1, 2, 3), (1.5, 0), ("a", 0), (None, 0), (True, 0), (2**64, 0)]
# For an equation with terminal time 1.
GRID = [
    *[v for v in COUNT if v is not None],
    None,
    [0.0],
    [0.0, 0.5],
    [0.1, 1.0],
    [-0.5, 0.0, 1.0],
    [0.0, 0.7, 0.3, 1.0],
    [0.0, 0.5, 0.5, 1.0],
    [0.0, NAN, 1.0],
    [0.0, INF, 1.0],
    [0.0, None, 1.0],
    [[0.0, 1.0]],
    ["0", "1"],
    [0.0, [0.5], 1.0],
    np.zeros((0,)),
    np.array([0.0, 1j]),
]
# For a point in two dimensions.
POINT = [
    *[v for v in NO_NUMBER if v is not None],
    NAN,
    [1.0, INF],
    [1.0, 2.0, 3.0],
    [[1.0, 2.0]],
    ["1", "2"],
    [1.0, "2"],
    [1.0, None],
    [1.0, [2.0]],
    [1j, 0],
]
ARRAY = [
    None,
    "text",
    b"text",
    {},
    object(),
    ["1", "2"],
    [[1.0], [1.0, 2.0]],
    [1.0, None],
    np.array([1j, 2.0]),
    np.array(["2020-01-01"], "datetime64[D]"),
]


def optional(kind):
    """The kind of an argument that may be None."""
    return [value for value in kind if value is not None]


def plus(kind, *values):
    return [*kind, *values]


def name_of(*near):
    """The kind of a name; `near` are names with a slip."""
    return [None, 3, 1.5, "", "no such name", ["name"], {}, object(), b"name", *near]


def instance_of(cls):
    """The kind of an instance of a class."""
    return [None, "text", 3, [], {}, object(), cls]


def arrays(*shapes, more=()):
    """The kind of an array: of none of these shapes, and not with NaN in it."""
    wrong = [np.ones(shape) for shape in shapes]
    return [*ARRAY, *wrong, *more]


def holes(*shape):
    """Arrays of a right shape in which one number is none."""
    found = []
    for hole in (NAN, INF, -INF):
        array = np.ones(shape)
        array.flat[-1] = hole
        found.append(array)
    return found
