"""One call with good arguments per public function, and what may not be in each place."""

import dataclasses
import functools
from typing import Any

from tests.bad_inputs.kinds import Near


class Lazy:
    """A good argument that is made when it is needed, once."""

    def __init__(self, make):
        self.get = functools.cache(make)


@dataclasses.dataclass(frozen=True)
class Entry:
    """A call that works, and bad values by argument.

    Attributes:
        name: str. The public name, with the package in front.
        function: what is called, by keyword.
        good: dict of arguments that work; values may be `Lazy`.
        bad: dict from argument to a list of values.
        works: bool. Whether the good call is made too, to see that it is one. Without it
            the call takes long, or writes files.
        words: dict from argument to what the error calls it, where that is not its name.
    """

    name: str
    function: Any
    good: dict
    bad: dict
    works: bool
    words: dict

    def arguments(self):
        got = {k: v.get() if isinstance(v, Lazy) else v for k, v in self.good.items()}
        return {name: value for name, value in got.items() if value is not LEFT_OUT}

    def cases(self):
        return [(name, value) for name, values in self.bad.items() for value in values]


# A good argument that is not passed: the default.
LEFT_OUT = object()


def entry(name, function, /, works=True, words=None, **arguments):
    """An `Entry`; each argument is a pair (good value, list of bad values)."""
    return Entry(
        name,
        function,
        {key: good for key, (good, _) in arguments.items()},
        {key: bad for key, (_, bad) in arguments.items()},
        works,
        words or {},
    )


def suggestion(value):
    """What the error has to suggest for this value, or nothing."""
    return f"Did you mean {value.meant!r}?" if isinstance(value, Near) else ""
