"""Values worked out on paper: their possible shapes, readings and tolerances."""

import dataclasses
import decimal
from typing import Any

import numpy as np
from keras import ops

from kerasmodels._support import checks

# Float64 sums in two orders differ by less.
EXACT = 1e-12
# Bounds of the rounding error of a number below ten, in these types.
FLOAT32, HALF = 1e-6, 2e-2
HALF_TYPES = ("float16", "bfloat16")


@dataclasses.dataclass(frozen=True)
class Paper:
    """The given numbers, in the order in which they are computed.

    Attributes:
        names: the quantities.
        places: int array `[count, 3]`: step, index into `names`, unit, all from 0.
        numbers, allowed: arrays `[count]`: the numbers, and how far each may be off.
        note: str. The reading, where several are possible.
    """

    names: tuple
    places: Any
    numbers: Any
    allowed: Any
    note: str = ""

    @classmethod
    def of(cls, names, entries):
        places = sorted(entries)
        return cls(
            names,
            np.array(places),
            np.array([entries[place][0] for place in places]),
            np.array([entries[place][1] for place in places]),
        )

    @property
    def rows(self):
        """The number of steps that are needed to compute every value."""
        return int(self.places[-1, 0]) + 1

    def up_to_first_step(self):
        """The values of the first step that has one."""
        keep = self.places[:, 0] == self.places[0, 0]
        return Paper(self.names, self.places[keep], self.numbers[keep], self.allowed[keep])

    def at_steps(self, change, note):
        """The same values, assigned to other steps."""
        steps = change(self.places[:, 0])
        places = np.column_stack([steps, self.places[:, 1:]])
        order = np.lexsort(places.T[::-1])
        return Paper(
            self.names, places[order], self.numbers[order], self.allowed[order], note
        )

    def pick(self, values):
        """For each number its counterpart in `values`, a dict of arrays `[rows, units]`."""
        stacked = np.stack([values[name] for name in self.names])
        steps, names, units = self.places.T
        return stacked[names, steps, units]

    def widened(self, values):
        """The same numbers, each with a tolerance of at least its entry in `values`."""
        return dataclasses.replace(self, allowed=np.fmax(self.allowed, self.pick(values)))

    def wrong(self, computed):
        """Whether each number is off by more than its tolerance. NaN is."""
        # Slightly more than the tolerance, because decimals have no exact binary form.
        return ~(np.abs(self.numbers - computed) <= self.allowed * (1 + 1e-9))


def read(owner, run, layer, by_hand, tolerance):
    """The given values as a list of `Paper`, one per possible reading, the likeliest first.

    Args:
        owner: str. The public function, for errors.
        run: the right equations over the sequence.
        layer: the Keras layer, whose kind of output decides which readings are possible.
        by_hand: number, list, array, tensor or a dict of them.
        tolerance: None or float.

    Raises:
        ValueError: the values do not fit the units, the quantities or the steps.
    """
    plain = "h" if "output" not in run.names else "output"
    total, final = run.x.shape[1], {}
    if _with_states(layer, by_hand, run.step.states):
        final = dict(zip(run.step.states, by_hand[1:]))
        by_hand = by_hand[0]
    given = by_hand if isinstance(by_hand, dict) else {plain: by_hand}
    entries, shapes = {}, {}
    for name, values in given.items():
        checks.one_of(owner, "by_hand", name, run.names)
        argument = f"by_hand[{name!r}]"
        rows, depth = rows_of(owner, argument, values, run.step.units, total)
        shapes[name] = len(rows), depth
        _collect(owner, argument, run, layer, name, rows, values, tolerance, entries)
    alone = total > 1 and all(count == 1 for count, _ in shapes.values())
    whole = total > 1 and all(count == total for count, _ in shapes.values())
    if final and entries and not layer.return_sequences:
        # The output has the one row that the states have.
        entries = {(total - 1, place, unit): v for (_, place, unit), v in entries.items()}
        alone = False
    for name, values in final.items():
        rows, _ = rows_of(owner, f"by_hand[{name!r}]", values, run.step.units, 1)
        _collect(
            owner, f"by_hand[{name!r}]", run, layer, name, [[None]] * (total - 1) + rows,
            values, tolerance, entries,
        )  # fmt: skip
    if not entries:
        raise checks.ArgumentError(
            checks.message(owner, "by_hand", "at least one value", f"{by_hand!r}")
        )
    paper = Paper.of(run.names, entries)
    if alone:
        depth = max(depth for _, depth in shapes.values())
        return _first_or_last(paper, run, layer, depth)
    if whole and layer.go_backwards and not final:
        note = (
            ", read with time reversed: in the order of x, as Bidirectional returns its "
            "backward half (the layer alone returns the last step of x first)"
        )
        return [paper, paper.at_steps(lambda steps: total - 1 - steps, note)]
    return [paper]


def _first_or_last(paper, run, layer, depth):
    """One row for many steps: the first step, or the last, which `predict` returns."""
    total = run.x.shape[1]
    note = f", read as step {total}, the last"
    last = paper.at_steps(lambda steps: 0 * steps + total - 1, note)
    if layer.return_sequences or run.step.units == 1 and depth < 2:
        return [paper, last]
    return [last, paper]


def _with_states(layer, by_hand, states):
    """Whether the values are output and final states, as `return_state` returns them."""
    return (
        layer.return_state
        and isinstance(by_hand, (list, tuple))
        and len(by_hand) == 1 + len(states)
        and all(len(getattr(part, "shape", ())) >= 2 for part in by_hand)
    )


def rows_of(owner, argument, given, units, num_steps):
    """The values as one list per step, and the nesting depth of the given lists.

    Accepts a number, `[time]` for one unit, `[units]` for one step, `[time, units]`,
    `[1, time, units]`, and lists of `[1, units]`, one per step.
    """
    value = _lists(given)
    depth = _depth(value)
    if depth == 3 and len(value) == 1:
        value = value[0]
    if depth == 0 or depth == 1 and units > 1 and len(value) == units:
        value = [value]
    if len(value) > num_steps:
        raise checks.ArgumentError(
            checks.message(
                owner,
                argument,
                f"at most {num_steps} steps, the length of x",
                f"{len(value)} steps",
            )
        )
    rows = [_flat(row) for row in value]
    for n, row in enumerate(rows):
        if len(row) != units and row != [None]:
            raise checks.ArgumentError(
                checks.message(
                    owner,
                    argument,
                    f"{units} number(s) per step, one for each unit",
                    f"{len(row)} at step {n + 1}",
                )
            )
    return rows, depth


def _lists(value):
    if isinstance(value, (list, tuple)):
        return [_lists(part) for part in value]
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return np.asarray(value).tolist()
    return value


def _depth(value):
    if not isinstance(value, list):
        return 0
    return 1 + max((_depth(part) for part in value), default=0)


def _flat(value):
    if not isinstance(value, list):
        return [value]
    return [leaf for part in value for leaf in _flat(part)]


def _collect(owner, argument, run, layer, name, rows, given, tolerance, entries):
    """Adds the numbers of `rows` to `entries`: (step, place, unit) -> (number, allowed)."""
    half = _half_type(given)
    for n, row in enumerate(rows):
        for unit, value in enumerate(row):
            if value is None or value != value:
                continue
            number, digit = _number(owner, argument, value)
            copied = layer.compute_dtype in HALF_TYPES and _held_by(
                number, layer.compute_dtype
            )
            allowed = tolerance or (HALF if half or copied else digit)
            entries[n, run.names.index(name), unit] = (number, allowed)


def _half_type(given):
    """Whether an array among the given values has a half-precision type."""
    if isinstance(given, (list, tuple)):
        return any(_half_type(part) for part in given)
    return "16" in str(getattr(given, "dtype", ""))


def _held_by(number, dtype):
    """Whether the type represents the number exactly, as it does an output of a layer."""
    return float(ops.cast(ops.cast(number, dtype), "float64")) == number


def _number(owner, argument, value):
    """A value on paper as a float, and one unit of its last given decimal.

    A string keeps its trailing zeros.
    """
    text = value if isinstance(value, str) else None
    if text is not None:
        try:
            value = float(text)
        except ValueError:
            pass
    number = checks.finite_float(owner, argument, value)
    # A number that is exactly a float32 was copied from a model, because only one float64
    # in 2^29 is. The shortest form of that float32 has the decimals that were meant.
    with np.errstate(over="ignore"):
        copied = float(np.float32(number)) == number
    text = text or (str(np.float32(number)) if copied else repr(number))
    exponent = decimal.Decimal(text).as_tuple().exponent
    floor = FLOAT32 if copied or exponent >= -9 else EXACT
    return number, max(10.0 ** min(exponent, -1), floor)
